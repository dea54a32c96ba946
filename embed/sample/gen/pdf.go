package main

import (
	"bytes"
	"math/rand/v2"
	"time"

	"github.com/go-pdf/fpdf"
)

// page draws on a PDF page with the origin at the top left, in points.
type page struct {
	*fpdf.Fpdf
	encode func(string) string
	y      float64
}

// made is the date that every PDF says it was made at, so that making it again
// gives the same bytes.
var made = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// newPage returns an empty A4 page. Streams are not compressed: what a
// compressor writes depends on the version of Go.
func newPage(title string) *page {
	f := fpdf.New("P", "pt", "A4", "")
	f.SetCreationDate(made)
	f.SetModificationDate(made)
	f.SetCatalogSort(true)
	f.SetCompression(false)
	f.SetAutoPageBreak(false, 0)
	f.SetTitle(title, true)
	f.AddPage()
	return &page{Fpdf: f, encode: f.UnicodeTranslatorFromDescriptor(""), y: 60}
}

func (p *page) bytes() []byte {
	var b bytes.Buffer
	if err := p.Output(&b); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func (p *page) font(family, style string, size float64) { p.SetFont(family, style, size) }

// at writes s with its left end at x.
func (p *page) at(x float64, s string) { p.Text(x, p.y, p.encode(s)) }

// to writes s with its right end at x.
func (p *page) to(x float64, s string) {
	s = p.encode(s)
	p.Text(x-p.GetStringWidth(s), p.y, s)
}

func (p *page) lines(x, step float64, lines ...string) {
	for _, l := range lines {
		p.at(x, l)
		p.y += step
	}
}

// pdfLayouts draw a document.
var pdfLayouts = map[string]func(*sheet, *rand.Rand, *page){
	"pdf-letter": (*sheet).letter,
	"pdf-table":  (*sheet).table,
	"pdf-split":  (*sheet).split,
}

func (d *sheet) pdf(r *rand.Rand, layout string) []byte {
	draw, ok := pdfLayouts[layout]
	if !ok {
		panic("unknown PDF layout " + layout)
	}
	p := newPage(d.v.title + " " + d.v.number)
	draw(d, r, p)
	return p.bytes()
}

const left, right, step = 60.0, 535.0, 14.0

// letter is one column from top to bottom.
func (d *sheet) letter(r *rand.Rand, p *page) {
	p.font("Times", "B", 14)
	p.lines(left, 18, d.v.supplier.name)
	p.font("Times", "", 11)
	p.lines(left, step, d.v.supplier.street, d.v.supplier.city)
	p.y += 22
	p.lines(left, step, d.label("customer")+":", d.v.customer.name, d.v.customer.street, d.v.customer.city)
	p.y += 22
	p.font("Times", "B", 16)
	p.lines(left, 24, d.v.title)
	p.font("Times", "", 11)
	for _, e := range d.meta() {
		p.lines(left, step, e.label+": "+e.value)
	}
	p.y += 18
	d.itemTable(p, "Times", false)
	p.y += 12
	for _, e := range d.totals() {
		p.lines(left, step, e.label+": "+e.value)
	}
	p.y += 18
	for _, e := range d.payment() {
		p.lines(left, step, e.label+": "+e.value)
	}
	p.y += 18
	p.lines(left, step, d.foot(r)...)
}

// table has a ruled table and right-aligned amounts.
func (d *sheet) table(r *rand.Rand, p *page) {
	p.font("Helvetica", "B", 18)
	p.to(right, d.v.title)
	p.y += 30
	p.font("Helvetica", "B", 12)
	p.lines(left, 16, d.v.supplier.name)
	p.font("Helvetica", "", 10)
	p.lines(left, step, d.v.supplier.street+" · "+d.v.supplier.city)
	p.y += 20
	p.lines(left, step, d.label("customer"), d.v.customer.name, d.v.customer.street, d.v.customer.city)
	p.y += 20
	for _, e := range d.meta() {
		p.at(left, e.label)
		p.at(left+130, e.value)
		p.y += step
	}
	p.y += 18
	d.itemTable(p, "Helvetica", true)
	p.y += 14
	for _, e := range d.totals() {
		p.at(left+250, e.label)
		p.to(right, e.value)
		p.y += step
	}
	p.y += 24
	for _, e := range d.payment() {
		p.at(left, e.label)
		p.at(left+130, e.value)
		p.y += step
	}
	p.y = 780
	p.font("Helvetica", "", 8)
	p.lines(left, 11, d.foot(r)...)
}

// split has sender and customer on the left and the numbers on the right, on
// the same lines.
func (d *sheet) split(r *rand.Rand, p *page) {
	p.font("Helvetica", "B", 13)
	p.at(left, d.v.supplier.name)
	p.to(right, d.v.title)
	p.y += 18
	p.font("Helvetica", "", 9)
	p.lines(left, 12, d.v.supplier.street, d.v.supplier.city, d.v.supplier.mail)
	p.y += 30
	top := p.y
	p.lines(left, 13, d.label("customer"), d.v.customer.name, d.v.customer.street, d.v.customer.city)
	bottom := p.y
	p.y = top
	for _, e := range d.meta() {
		p.at(340, e.label+":")
		p.at(450, e.value)
		p.y += 13
	}
	p.y = max(p.y, bottom) + 24
	d.itemTable(p, "Helvetica", true)
	p.y += 14
	for _, e := range d.totals() {
		p.at(340, e.label)
		p.to(right, e.value)
		p.y += 13
	}
	p.y += 30
	for _, e := range d.payment() {
		p.lines(left, 13, e.label+": "+e.value)
	}
	p.y += 20
	p.lines(left, 12, d.foot(r)...)
}

// itemTable draws the goods, with rules if ruled.
func (d *sheet) itemTable(p *page, family string, ruled bool) {
	for i, row := range d.items() {
		p.font(family, map[bool]string{true: "B", false: ""}[i == 0], 10)
		p.at(left, row[0])
		p.to(330, row[1])
		p.to(430, row[2])
		p.to(right, row[3])
		if ruled {
			p.Line(left, p.y+4, right, p.y+4)
		}
		p.y += 16
	}
	p.font(family, "", 10)
}
