package paper

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/go-pdf/fpdf"
)

// sheet is an A4 page that is drawn on, with the origin at the top left, in
// points.
type sheet struct {
	*fpdf.Fpdf
	encode       func(string) string
	y            float64
	family       string
	size         float64
	stated       *block // what the page says so far
	colon        string // after a label
	left, middle float64
	right        float64
}

// made is the date of every page, so that drawing it again gives the same bytes.
var made = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func newSheet(d *draft) *sheet {
	f := fpdf.New("P", "pt", "A4", "")
	f.SetCreationDate(made)
	f.SetModificationDate(made)
	f.SetCatalogSort(true)
	f.SetCompression(false) // what a compressor writes depends on the version of Go
	f.SetAutoPageBreak(false, 0)
	f.AddPage()
	s := &sheet{Fpdf: f, encode: f.UnicodeTranslatorFromDescriptor(""), y: 60, stated: &block{}, left: 56, middle: 325, right: 540}
	s.family = pick(d.r, []string{"Helvetica", "Helvetica", "Times", "Courier"})
	s.size = 9.5
	if s.family == "Courier" {
		s.size = 8
	}
	s.colon = pick(d.r, []string{":", ":", ""})
	s.font("", s.size)
	return s
}

func (s *sheet) font(style string, size float64) { s.SetFont(s.family, style, size) }

// at writes with the left end at x, to with the right end.
func (s *sheet) at(x float64, t string) { s.Text(x, s.y, s.encode(t)) }

func (s *sheet) to(x float64, t string) {
	t = s.encode(t)
	s.Text(x-s.GetStringWidth(t), s.y, t)
}

// down moves on, to the next page where this one ends.
func (s *sheet) down(by float64) {
	if s.y += by; s.y > 790 {
		s.AddPage()
		s.y = 60
	}
}

// text writes lines below each other, breaking those that are too long.
func (s *sheet) text(x float64, lines ...string) {
	for _, l := range lines {
		for _, part := range s.wrap(l, s.right-x+20) {
			s.at(x, part)
			s.down(s.size + 4)
		}
	}
}

// wrap breaks a line between words where it gets wider than width.
func (s *sheet) wrap(l string, width float64) (out []string) {
	now := ""
	for _, word := range strings.Split(l, " ") {
		if now != "" && s.GetStringWidth(s.encode(now+" "+word)) > width {
			out = append(out, now)
			now = word
			continue
		}
		if now != "" {
			now += " "
		}
		now += word
	}
	return append(out, now)
}

// state says what an entry that was drawn states.
func (s *sheet) state(e entry) {
	if e.name != "" {
		s.stated.state(e.name, e.fact)
	}
	if e.extra != nil {
		s.stated.extras = append(s.stated.extras, *e.extra)
	}
	s.stated.unclear = append(s.stated.unclear, e.unclear...)
}

// pair writes a label and its value in two columns.
func (s *sheet) pair(x, offset float64, e entry) {
	s.at(x, e.label+s.colon)
	wide := s.GetStringWidth(s.encode(e.label+s.colon)) + 6
	s.at(x+max(offset, wide), e.value)
	s.state(e)
	s.down(s.size + 4)
}

// page draws the document as a PDF. It takes the labelled values, the items
// and the sentences, and sets all of them itself.
func (d *draft) page() Document {
	if d.kind == Mail {
		d.kind = Invoice
	}
	s := newSheet(d)
	d.layout = pick(d.r, []string{"page-letter", "page-table", "page-form"})
	title := d.label("title." + string(d.kind))
	delete(d.used, strings.ToLower(title))
	var numbers, sums, pay *block
	var items []item
	switch d.kind {
	case Contract:
		numbers, pay = d.sheet(), d.sections()
		s.stated.terms = numbers.terms
	case Receipt:
		numbers = d.receiptNumbers()
		items = d.cheapItems()
		sums = d.slipTotals(total(items))
	default:
		number := d.documentNumber()
		numbers = d.meta([]entry{d.textEntry("document_number", number)})
		d.sameNumber(numbers, number)
		items = d.newItems()
		if d.kind != DeliveryNote {
			sums = d.totals(items)
			pay = d.payment()
		}
	}
	d.drawHead(s, title, numbers)
	if items != nil {
		d.drawItems(s, items)
	} else if _, shown := numbers.facts["currency"]; shown && d.money == "1" {
		s.text(s.left, d.say("All amounts in ", "Alle Beträge in ", "")+d.currency)
	}
	d.drawSums(s, sums)
	if d.kind == Contract {
		d.drawClauses(s, pay)
	} else {
		d.drawPayment(s, pay)
		d.drawClauses(s, d.clauseBlock(between(d.r, 0, 2)))
	}
	d.drawFoot(s)
	for _, b := range []*block{numbers, sums} { // what their values imply
		if b != nil {
			for name, f := range b.facts {
				s.stated.state(name, f)
			}
		}
	}
	doc := Document{Kind: d.kind, Language: d.lang, Layout: d.layout, Facts: map[string]Fact{}}
	s.stated.gather(&doc)
	d.unmentioned(&doc)
	var b bytes.Buffer
	if err := s.Output(&b); err != nil {
		panic(fmt.Sprintf("drawing a page: %v", err)) // a bug: nothing outside is touched
	}
	doc.PDF = b.Bytes()
	return doc
}

func total(items []item) (sum cents) {
	for _, it := range items {
		sum += it.amount
	}
	return sum
}

// drawHead draws the sender, the title, the addressee and the numbers.
func (d *draft) drawHead(s *sheet, title string, numbers *block) {
	sender, senderFact, other, otherFact := d.supplier, "supplier_name", d.customer, "customer_name"
	if d.kind == Order {
		sender, senderFact, other, otherFact = other, otherFact, sender, senderFact
	}
	var addressee []string
	if d.kind != Contract && d.kind != Receipt {
		addressee = []string{d.label(otherFact) + s.colon, other.name, other.street, other.lastLine(d.lang)}
		s.stated.state(otherFact, text(other.name))
	}
	if d.kind != Contract {
		s.stated.state(senderFact, text(sender.name))
		s.stated.state("supplier_city", text(d.supplier.cityName()))
	}
	switch d.layout {
	case "page-letter": // numbers beside the addressee
		if d.kind != Contract {
			s.font("B", 13)
			s.text(s.left, sender.name)
			s.font("", s.size)
			s.text(s.left, sender.street, sender.lastLine(d.lang))
			s.down(20)
		}
		top := s.y
		s.text(s.left, addressee...)
		low := s.y
		s.y = top
		for _, e := range numbers.entries {
			s.pair(s.middle, 105, e)
		}
		s.y = max(low, s.y)
		s.down(22)
		s.font("B", 15)
		s.text(s.left, title)
		s.font("", s.size)
	case "page-table": // title to the right, numbers in two columns
		s.font("B", 17)
		s.to(s.right, title)
		s.down(26)
		s.font("B", 11)
		if d.kind != Contract {
			s.text(s.left, sender.name)
			s.font("", s.size)
			s.text(s.left, sender.street+" · "+sender.lastLine(d.lang))
		}
		s.font("", s.size)
		s.down(14)
		s.text(s.left, addressee...)
		s.down(14)
		for _, e := range numbers.entries {
			s.pair(s.left, 140, e)
		}
	default: // a form: each value in a box below its small label
		s.font("B", 14)
		s.text(s.left, title)
		s.font("", s.size)
		if d.kind != Contract {
			s.down(6)
			s.text(s.left, sender.name, sender.street, sender.lastLine(d.lang))
		}
		s.down(12)
		s.text(s.left, addressee...)
		s.down(8)
		d.drawBoxes(s, numbers.entries)
	}
	s.down(16)
}

// drawBoxes draws two boxes a row, or one where a value is long.
func (d *draft) drawBoxes(s *sheet, entries []entry) {
	half := (s.right - s.left) / 2
	x := s.left
	for i, e := range entries {
		width := half
		if max(s.GetStringWidth(s.encode(e.value)), s.GetStringWidth(s.encode(e.label))) > half-20 {
			width = 2 * half
		}
		if i > 0 && x+width > s.right+1 {
			x = s.left
			s.down(32)
		}
		s.Rect(x, s.y-10, width, 30, "D")
		s.font("", 7)
		s.at(x+4, e.label)
		s.font("", s.size)
		s.y += 13
		s.at(x+4, e.value)
		s.y -= 13
		s.state(e)
		x += width
	}
	s.down(36)
}

// lastLine is the line of the address that names the city.
func (c company) lastLine(lang string) string {
	if lang == "en" {
		return c.city + " " + c.postcode
	}
	return c.postcode + " " + c.city
}

// pageColumns are tables that fit a page, with the share of its width.
var pageColumns = [][]string{
	{"description", "quantity", "unit_price", "amount"},
	{"position", "description", "quantity", "unit_price", "amount"},
	{"article", "description", "quantity", "unit", "unit_price", "amount"},
	{"quantity", "unit", "description", "unit_price", "amount"},
	{"position", "article", "description", "quantity", "amount"},
}

// drawItems draws a ruled table with numbers to the right.
func (d *draft) drawItems(s *sheet, items []item) {
	columns := []string{}
	for _, c := range pick(d.r, pageColumns) {
		if d.kind == DeliveryNote && (c == "unit_price" || c == "amount") {
			continue
		}
		columns = append(columns, c)
		for _, it := range items {
			if c == "unit_price" && it.discount > 0 {
				columns = append(columns, "discount")
				break
			}
		}
	}
	share := map[string]float64{"position": .5, "article": 1.1, "description": 3, "quantity": .9, "unit": .7, "unit_price": 1.3, "discount": .9, "amount": 1.4}
	sum := 0.0
	for _, c := range columns {
		sum += share[c]
	}
	ruled := d.layout != "page-letter" || d.chance(.4)
	row := func(cells []string) {
		x := s.left
		for k, c := range columns {
			w := share[c] / sum * (s.right - s.left)
			switch c {
			case "quantity", "unit_price", "discount", "amount":
				s.to(x+w-6, cells[k])
			default:
				s.at(x+2, cells[k])
			}
			x += w
		}
		if ruled {
			s.Line(s.left, s.y+4, s.right, s.y+4)
		}
		s.down(s.size + 7)
	}
	header := make([]string, len(columns))
	for k, c := range columns {
		header[k] = pick(d.r, labels[d.lang]["column."+c].known)
		for _, other := range header[:k] {
			if other == header[k] {
				header[k] = labels[d.lang]["column."+c].known[0]
			}
		}
	}
	small := s.size
	if s.family == "Courier" {
		small = 7
	}
	s.font("B", small)
	row(header)
	s.font("", small)
	for i, it := range items {
		cells := make([]string, len(columns))
		for k, c := range columns {
			cells[k], _ = d.cell(it, i, c)
		}
		row(cells)
	}
	s.font("", s.size)
	s.stated.items = d.rows(items, columns)
	s.down(8)
}

func (d *draft) drawSums(s *sheet, sums *block) {
	if sums == nil {
		return
	}
	for i, e := range sums.entries {
		if i == len(sums.entries)-1 {
			s.font("B", s.size)
		}
		s.at(s.middle, e.label)
		s.to(s.right-6, e.value)
		s.state(e)
		s.down(s.size + 5)
	}
	s.font("", s.size)
	if _, shown := sums.facts["currency"]; shown && d.money == "1" {
		s.text(s.left, d.say("All amounts in ", "Alle Beträge in ", "Montants en ")+d.currency)
	}
	s.down(12)
}

func (d *draft) drawPayment(s *sheet, pay *block) {
	if pay == nil {
		return
	}
	for _, e := range pay.entries {
		s.text(s.left, e.label+": "+e.value)
		s.state(e)
	}
	if f, ok := pay.facts["payment_terms"]; ok && pay.terms != nil {
		if _, stated := s.stated.facts["payment_terms"]; !stated {
			s.text(s.left, pay.terms.Text)
			s.stated.state("payment_terms", f)
		}
	}
	s.stated.terms = pay.terms
	s.down(8)
}

func (d *draft) drawClauses(s *sheet, b *block) {
	for _, c := range b.clauses {
		s.text(s.left, c.Text)
		s.stated.clauses = append(s.stated.clauses, c)
	}
	s.down(8)
}

// drawFoot draws what stands small at the bottom of the page.
func (d *draft) drawFoot(s *sheet) {
	if d.kind == Order || d.kind == Contract {
		return
	}
	s.y = max(s.y, 770)
	var parts []string
	if _, stated := s.stated.facts["supplier_vat_id"]; !stated && d.chance(.5) {
		parts = append(parts, d.label("supplier_vat_id")+" "+d.printedVAT(d.supplier.vat))
		s.stated.state("supplier_vat_id", text(d.supplier.vat))
	}
	if d.chance(.5) {
		parts = append(parts, d.supplier.email)
		s.stated.state("supplier_email", text(d.supplier.email))
	}
	if d.chance(.4) {
		parts = append(parts, d.label("supplier_phone")+" "+d.supplier.phone)
		s.stated.state("supplier_phone", text(d.supplier.phone))
	}
	s.font("", s.size-1)
	s.text(s.left, strings.Join(parts, pick(d.r, []string{" · ", "   ", " | "})))
}

// cheapItems are goods of a till slip.
func (d *draft) cheapItems() []item {
	items := d.newItems()
	for i := range items { // small sums, no discounts
		it := &items[i]
		it.discount = 0
		it.price = max(it.price%8000/100*100+95, 50)
		if d.decimals == 0 {
			it.price = max(it.price/100*100, 100) * 100
		}
		if it.quantity >= 1000 {
			it.quantity = 100 * between(d.r, 1, 6)
		}
		it.amount = d.whole(cents(math.Round(float64(it.price) * float64(it.quantity) / 100)))
	}
	return items
}
