package corpus

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"skerry/appliance/llm"
	"skerry/embed/starter/paper"
)

// maxRows is the most rows of a list that is asked for; longer answers would
// not fit beside their document.
const maxRows = 12

var listNames, listAbouts, columnNames = func() (names, abouts phrases, columns map[string]*phrases) {
	names.parse("line_items; items; positions; lines; positionen; artikel; rechnungspositionen@i; order_lines@o; products; goods; line_items; line_items; posten; invoice_lines@i; !entries; !warenliste; !rows_of_table")
	abouts.parse("the lines of the table; every item with its details; all line items; one object per line; goods and services listed; die Positionen der Tabelle; alle aufgeführten Artikel; !what was bought, line by line")
	columns = map[string]*phrases{}
	for column, list := range map[string]string{
		"position":    "position; pos; line; line_no; nr; item_no; !row",
		"article":     "article; article_number; sku; item_code; part_no; artikelnummer; art_nr; product_code; !stock_code",
		"description": "description; description; name; product; text; item; bezeichnung; beschreibung; artikel; details; title; !what; !leistungsbeschreibung",
		"quantity":    "quantity; quantity; qty; menge; anzahl; count; amount_of_units; pieces; !stueckzahl; !how_many",
		"unit":        "unit; unit; einheit; uom; unit_of_measure; mengeneinheit; !measure",
		"unit_price":  "unit_price; unit_price; price; einzelpreis; price_each; preis; unit_cost; ep; !stueckpreis; !rate_each",
		"discount":    "discount; discount_percent; rabatt; disc; rabatt_prozent; !reduction",
		"amount":      "amount; amount; line_total; total; betrag; gesamtpreis; summe; line_amount; value; gesamt; !line_sum; !positionsbetrag",
	} {
		p := &phrases{}
		p.parse(list)
		columns[column] = p
	}
	return
}()

// columnAbouts describe columns; they are rarely needed.
var columnAbouts = map[string][]string{
	"position": {"number of the line", "Nummer der Position"}, "article": {"article number", "Artikelnummer"},
	"description": {"what was sold", "name of the goods", "Bezeichnung der Ware"}, "quantity": {"how many", "Menge"},
	"unit": {"unit of the quantity", "Mengeneinheit"}, "unit_price": {"price of one unit", "Preis je Einheit"},
	"discount": {"discount in percent", "Rabatt in Prozent"}, "amount": {"total of the line", "Betrag der Position"},
}

var allColumns = []string{"position", "article", "description", "quantity", "unit", "unit_price", "discount", "amount"}

// list asks for the lines of the document, sometimes among single fields. What
// is too long to answer is asked for single fields instead.
func (a *asker) list() {
	if a.unclear["items"] || a.d.Items != nil && len(a.d.Items.Rows) > maxRows || a.d.Items == nil && chance(a.r, .6) {
		a.fields()
		return
	}
	a.e.Group = Lists
	a.begin()
	if chance(a.r, .35) {
		a.single(1 + a.r.IntN(4))
	}
	q := question{order: 50, target: Target{Canonical: "items", JSON: "null", Absent: a.d.Items == nil, Seen: true}, null: a.d.Items == nil}
	held := a.split != "train" && chance(a.r, .1)
	names := listNames.seen
	if held {
		names, q.target.Seen = listNames.held, false
	}
	fitting := fit(names, a.d.Kind, true, false)
	q.field = llm.Field{Name: a.spell(pick(a.r, fitting)), Type: llm.TypeList}
	if chance(a.r, .25) {
		q.field.About = pick(a.r, listAbouts.seen).text
	}
	shown := slices.Clone(allColumns)
	if a.d.Items != nil {
		shown = slices.Clone(a.d.Items.Columns)
		for _, cells := range a.d.Items.Rows {
			q.cells = append(q.cells, row(cells))
		}
	}
	if !chance(a.r, .5) {
		shuffle(a.r, shown)
	}
	n := min(1+weighted(a.r, .08, .22, .3, .25, .15), len(shown))
	for _, column := range spread(a, shown, n) {
		a.column(&q, column)
	}
	if a.d.Items != nil && chance(a.r, .1) { // a column that the table does not have
		missing := slices.DeleteFunc(slices.Clone(allColumns), func(c string) bool {
			return slices.Contains(a.d.Items.Columns, c) || c == "position" || c == "amount"
		})
		if len(missing) > 0 {
			a.column(&q, pick(a.r, missing))
		}
	}
	a.add(q)
	a.finish()
}

// spread returns n of the columns in their order.
func spread(a *asker, columns []string, n int) []string {
	for len(columns) > n {
		i := a.r.IntN(len(columns))
		columns = slices.Delete(columns, i, i+1)
	}
	return columns
}

// column adds a key to the elements of a list.
func (a *asker) column(q *question, column string) {
	p := columnNames[column]
	if p == nil {
		return
	}
	names := p.seen
	if !q.target.Seen && chance(a.r, .5) {
		names = p.held
	}
	name := a.spell(pick(a.r, names).text)
	for _, of := range q.field.Of {
		if strings.EqualFold(of.Name, name) {
			return
		}
	}
	f := llm.Field{Name: name, Nullable: true, Type: llm.TypeDecimal}
	switch column {
	case "position", "article", "description", "unit":
		f.Type = llm.TypeString
	}
	for _, cells := range q.cells { // what the cells are decides
		if fact, ok := cells[column]; ok {
			f.Type = fieldType(fact.Type)
			break
		}
	}
	switch {
	case column == "quantity" && f.Type == llm.TypeDecimal && whole(q.cells, column) && chance(a.r, .3):
		f.Type = llm.TypeInteger
	case column == "position" && plainIntegers(q.cells, column) && chance(a.r, .5):
		f.Type = llm.TypeInteger // printed text that authors like to count with
		for i, cells := range q.cells {
			if fact, ok := cells[column]; ok {
				q.cells[i] = maps.Clone(cells) // the document keeps its own
				q.cells[i][column] = paper.Fact{Type: "number", JSON: unquote(fact.JSON)}
			}
		}
	}
	if chance(a.r, .12) {
		f.About = pick(a.r, columnAbouts[column])
	}
	q.field.Of = append(q.field.Of, f)
	q.columns = append(q.columns, column)
}

// whole reports whether all cells of a column are whole numbers.
func whole(rows []row, column string) bool {
	for _, cells := range rows {
		if strings.Contains(cells[column].JSON, ".") {
			return false
		}
	}
	return true
}

// plainIntegers reports whether all cells of a column are texts that are whole
// numbers as JSON writes them.
func plainIntegers(rows []row, column string) bool {
	for _, cells := range rows {
		if fact, ok := cells[column]; ok {
			if n, err := strconv.Atoi(unquote(fact.JSON)); err != nil || strconv.Itoa(n) != unquote(fact.JSON) {
				return false
			}
		}
	}
	return true
}
