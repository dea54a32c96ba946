package paper

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode/utf8"
)

// products and adjectives make descriptions of goods.
var products = map[string][]string{
	"en": strings.Fields("steel cable hose filter pump valve paper toner desk chair lamp panel sensor bolt bracket gasket server license support training workshop consulting cleaning delivery pallet box label tape glove helmet battery charger adapter module hosting audit repair inspection transport printing design gravel cement paint timber coffee water sugar flour bearing motor switch router monitor keyboard"),
	"de": strings.Fields("Kabel Schlauch Filter Pumpe Ventil Papier Toner Tisch Stuhl Lampe Sensor Schrauben Dichtung Server Lizenz Wartung Schulung Beratung Reinigung Lieferung Palette Karton Etiketten Handschuhe Helm Akku Adapter Modul Prüfung Reparatur Transport Druck Zement Farbe Holz Kaffee Wasser Lager Motor Schalter Monitor Montage"),
	"fr": strings.Fields("câble tuyau filtre pompe vanne papier toner bureau chaise lampe capteur boulon joint serveur licence maintenance formation conseil nettoyage livraison palette carton étiquettes gants casque batterie module audit réparation transport impression ciment peinture bois café eau moteur écran"),
}

var adjectives = map[string][]string{
	"en": strings.Fields("heavy small large blue black white industrial standard premium annual monthly spare digital portable flexible steel A4 XL Pro Mk2 10m 5kg 24V type-B"),
	"de": strings.Fields("groß klein blau schwarz weiß Standard Premium jährlich monatlich 10m 5kg 24V Typ-B A4 XL Pro inkl."),
	"fr": strings.Fields("grand petit bleu noir blanc standard premium annuel mensuel 10m 5kg 24V A4 XL Pro"),
}

// services fill lines that are no goods. "{w}" is a product.
var services = map[string][]string{
	"en": {"Consulting on site", "Maintenance of {w}", "Repair of {w}", "Installation of {w}", "Travel expenses", "Project management", "Monthly fee {w}", "Rental of {w}", "Cleaning of {w}", "Software licence, annual", "Training, half day", "Set of {w}", "Disposal of old {w}", "Assembly {w}"},
	"de": {"Beratung vor Ort", "Wartung {w}", "Reparatur {w}", "Montage {w}", "Reisekosten", "Projektleitung", "Monatspauschale {w}", "Miete {w}", "Reinigung {w}", "Softwarelizenz, jährlich", "Schulung, halber Tag", "Satz {w}", "Entsorgung {w}, alt", "Anfahrtspauschale"},
	"fr": {"Conseil sur site", "Entretien {w}", "Réparation {w}", "Frais de déplacement", "Location {w}"},
}

var units = map[string][]string{
	"en": strings.Fields("pcs pcs ea h hrs kg m box set l pack roll day"),
	"de": strings.Fields("Stk. Stk Stück Std. h kg m Karton Satz l Pack Rolle Tag m²"),
	"fr": strings.Fields("pce h kg m carton lot"),
}

// item is a line of a table.
type item struct {
	article, description, unit string
	quantity                   int // in hundredths
	price, amount              cents
	discount                   int // percent; 0: none
}

// newItems returns one to fifteen items.
func (d *draft) newItems() (items []item) {
	r := d.r
	n := pick(r, []int{1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 5, 6, 7, 8})
	if d.chance(.06) {
		n = between(r, 9, 15)
	}
	most := pick(r, []int{2000, 20000, 200000, 900000})
	withDiscount := d.chance(.15)
	prefix := letters(r, between(r, 0, 2))
	seen := map[string]bool{}
	for len(items) < n {
		it := item{description: d.description(), quantity: 100 * pick(r, []int{1, 1, 1, 2, 3, 4, 5, 6, 8, 10, 12, 20, 25, 50, 100, 250})}
		if seen[it.description] {
			continue
		}
		seen[it.description] = true
		it.unit = pick(r, units[d.lang])
		if slices.Contains([]string{"h", "hrs", "kg", "m", "l", "Std.", "m²"}, it.unit) && d.chance(.4) {
			it.quantity = 25 * between(r, 1, 90)
		}
		it.article = prefix + digits(r, between(r, 3, 6))
		it.price = cents(between(r, 100, most))
		if d.chance(.3) || d.decimals == 0 {
			it.price = it.price / 100 * 100
		}
		if it.price == 0 {
			it.price = 100
		}
		if withDiscount && d.chance(.6) {
			it.discount = pick(r, []int{2, 3, 5, 10, 15, 20, 25})
		}
		it.amount = cents(math.Round(float64(it.price) * float64(it.quantity) / 100 * float64(100-it.discount) / 100))
		if d.decimals == 0 {
			it.amount = (it.amount + 50) / 100 * 100
		}
		items = append(items, it)
	}
	d.items = items
	return items
}

// description names goods or a service.
func (d *draft) description() string {
	r := d.r
	s := pick(r, products[d.lang])
	switch k := r.IntN(20); {
	case k < 4:
		return strings.ReplaceAll(pick(r, services[d.lang]), "{w}", s)
	case k < 6:
		s = invent(r) + " " + s
	case k < 14:
		adjective := pick(r, adjectives[d.lang])
		if d.lang == "fr" {
			s += " " + adjective
		} else {
			s = adjective + " " + s
		}
	}
	if d.chance(.15) {
		s += " " + letters(r, 1) + digits(r, 3)
	}
	if d.chance(.1) {
		s += ", " + pick(r, adjectives[d.lang])
	}
	return s
}

// quantity prints hundredths without useless zeros.
func (d *draft) quantity(hundredths int) (printed string, f Fact) {
	literal := percent(hundredths)
	return decimalComma(literal, d.lang), number(literal)
}

// cell returns what stands in a column and the fact that it states.
func (d *draft) cell(it item, i int, column string) (printed string, f Fact) {
	switch column {
	case "position":
		printed = fmt.Sprint(i + 1)
	case "article":
		printed = it.article
	case "description":
		printed = it.description
	case "unit":
		printed = it.unit
	case "quantity":
		return d.quantity(it.quantity)
	case "unit_price":
		return d.amount(it.price), d.numberOf(it.price)
	case "amount":
		return d.amount(it.amount), d.numberOf(it.amount)
	case "discount":
		if it.discount == 0 {
			return "", Fact{}
		}
		return fmt.Sprint(it.discount), number(fmt.Sprint(it.discount))
	}
	return printed, text(printed)
}

// rows are the items as questions ask for them.
func (d *draft) rows(items []item, columns []string) *Items {
	t := &Items{Columns: columns}
	for i, it := range items {
		row := map[string]Fact{}
		for _, c := range columns {
			if _, f := d.cell(it, i, c); f.Type != "" {
				row[c] = f
			}
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// sentences are items that are no table: columns and how a line is put.
var sentences = []struct {
	columns []string
	pattern string
}{
	{[]string{"quantity", "description", "unit_price", "amount"}, "{quantity} x {description} @ {unit_price} = {amount}"},
	{[]string{"quantity", "description", "unit_price", "amount"}, "{description} ({quantity} x {unit_price}) {amount}"},
	{[]string{"quantity", "unit", "description", "unit_price", "amount"}, "{quantity} {unit} {description}, {unit_price} each: {amount}"},
	{[]string{"position", "description", "quantity", "unit_price", "amount"}, "{position}. {description} - {quantity} x {unit_price} = {amount}"},
	{[]string{"description", "amount"}, "{description} ... {amount}"},
	{[]string{"article", "description", "quantity", "amount"}, "{quantity}x [{article}] {description}: {amount}"},
}

// orders of columns that tables come in.
var columnOrders = [][]string{
	{"description", "quantity", "unit_price", "amount"},
	{"description", "quantity", "unit_price", "amount"},
	{"position", "description", "quantity", "unit_price", "amount"},
	{"position", "description", "quantity", "unit", "unit_price", "amount"},
	{"position", "article", "description", "quantity", "unit", "unit_price", "amount"},
	{"article", "description", "quantity", "unit_price", "amount"},
	{"quantity", "description", "unit_price", "amount"},
	{"quantity", "unit", "description", "unit_price", "amount"},
	{"description", "amount"},
	{"position", "quantity", "unit", "article", "description", "unit_price", "amount"},
	{"description", "unit_price", "quantity", "amount"},
	{"amount", "description", "quantity"},
}

// itemBlock sets the items, with prices if priced.
func (d *draft) itemBlock(items []item, priced bool) *block {
	b := &block{}
	var columns []string
	if pattern := d.r.IntN(8); priced && pattern < 2 {
		s := pick(d.r, sentences)
		if d.lang != "en" {
			s.pattern = strings.Replace(s.pattern, " each", map[string]string{"de": " je Einheit", "fr": " l'unité"}[d.lang], 1)
		}
		columns = s.columns
		if slices.ContainsFunc(items, func(it item) bool { return it.discount > 0 }) {
			columns, s.pattern = []string{"description", "amount"}, "{description}: {amount}"
		}
		for i, it := range items {
			out := s.pattern
			for _, c := range columns {
				printed, _ := d.cell(it, i, c)
				out = strings.Replace(out, "{"+c+"}", printed, 1)
			}
			b.add(kept(out))
		}
	} else {
		columns = d.columns(items, priced)
		b.add(d.table(items, columns)...)
	}
	b.items = d.rows(items, columns)
	b.alone = true
	return b
}

// columns chooses the columns of a table.
func (d *draft) columns(items []item, priced bool) []string {
	columns := slices.Clone(pick(d.r, columnOrders))
	if !priced {
		columns = slices.DeleteFunc(columns, func(c string) bool { return c == "unit_price" || c == "amount" })
		if !slices.Contains(columns, "quantity") {
			columns = append(columns, "quantity")
		}
		return columns
	}
	if i := slices.Index(columns, "unit_price"); i >= 0 && slices.ContainsFunc(items, func(it item) bool { return it.discount > 0 }) {
		columns = slices.Insert(columns, i+1, "discount")
	}
	return columns
}

// table sets items in columns that tabs, pipes or spaces part.
func (d *draft) table(items []item, columns []string) (out []line) {
	aligned := d.chance(.45)
	apart := pick(d.r, []string{"  ", " | ", "   ", "\t", "; "})
	if slices.Contains(columns, "discount") && !aligned {
		apart = pick(d.r, []string{" | ", "; "}) // an empty cell must show
	}
	header := make([]string, len(columns))
	for i, c := range columns {
		header[i] = pick(d.r, labels[d.lang]["column."+c].known)
		if slices.Contains(header[:i], header[i]) {
			header[i] = labels[d.lang]["column."+c].known[0]
		}
	}
	grid := [][]string{}
	for i, it := range items {
		row := make([]string, len(columns))
		for k, c := range columns {
			row[k], _ = d.cell(it, i, c)
		}
		grid = append(grid, row)
	}
	if aligned {
		return d.aligned(header, grid, columns)
	}
	outer := apart == " | " && d.chance(.5)
	set := func(cells []string) string {
		s := strings.Join(cells, apart)
		if outer {
			return "| " + s + " |"
		}
		return s
	}
	plainOrder := slices.Index(columns, "unit_price") < 0 || slices.Index(columns, "unit_price") > slices.Index(columns, "quantity")
	if d.chance(.75) || slices.Contains(columns, "discount") || d.decimals == 0 || !plainOrder {
		out = append(out, plain(set(header)))
		if outer && d.chance(.5) {
			out = append(out, kept("|"+strings.Repeat("---|", len(columns))))
		}
	}
	for i, row := range grid {
		out = append(out, kept(set(row)))
		out = append(out, d.carry(grid, columns, i)...)
	}
	return out
}

// carry is what stands in the middle of a long table where a page ends: the
// sum so far, which is no total.
func (d *draft) carry(grid [][]string, columns []string, row int) []line {
	if len(grid) < 6 || row != len(grid)/2 || d.lang == "fr" || !slices.Contains(columns, "amount") || !d.chance(.35) {
		return nil
	}
	var sum cents
	for _, it := range d.items[:row+1] {
		sum += it.amount
	}
	lines := []line{{label(d.say("Carried forward|Subtotal page 1|Sum carried over", "Übertrag|Zwischensumme Seite 1|Übertrag auf Seite 2", "") + "  "), value(d.amount(sum))}}
	if d.chance(.5) {
		lines = append(lines, plain(d.say("Page 2 of 2|- 2 -", "Seite 2 von 2|- 2 -", "")))
	}
	return lines
}

// aligned sets a table with columns of spaces, numbers to the right. A long
// description may run over two lines.
func (d *draft) aligned(header []string, grid [][]string, columns []string) (out []line) {
	narrow := d.chance(.2)
	width := make([]int, len(columns))
	var second []string // what is left of each description
	for _, row := range grid {
		rest := ""
		for k, c := range columns {
			if c == "description" && narrow && strings.Count(row[k], " ") > 1 {
				i := strings.LastIndex(row[k], " ")
				row[k], rest = row[k][:i], row[k][i+1:]
			}
			width[k] = max(width[k], utf8.RuneCountInString(row[k]))
		}
		second = append(second, rest)
	}
	for k := range header {
		width[k] = max(width[k], utf8.RuneCountInString(header[k])) + pick(d.r, []int{2, 2, 3, 4})
	}
	set := func(cells []string) string {
		var b strings.Builder
		for k, s := range cells {
			if c := columns[k]; c == "quantity" || c == "unit_price" || c == "amount" || c == "discount" {
				b.WriteString(padLeft(s, width[k]-2) + "  ")
			} else {
				b.WriteString(pad(s, width[k]))
			}
		}
		return strings.TrimRight(b.String(), " ")
	}
	out = append(out, plain(set(header)))
	if d.chance(.3) {
		out = append(out, kept(strings.Repeat("-", utf8.RuneCountInString(set(header)))))
	}
	for i, row := range grid {
		out = append(out, kept(set(row)))
		if second[i] != "" {
			under := make([]string, len(columns))
			under[slices.Index(columns, "description")] = second[i]
			out = append(out, kept(set(under)))
		}
		out = append(out, d.carry(grid, columns, i)...)
	}
	return out
}
