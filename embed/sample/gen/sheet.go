package main

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// sheet is an invoice together with its look.
type sheet struct {
	v       *invoice
	number  string // format of numbers
	date    string // layout of dates
	money   string // how currency and amount stand together: "€1", "1 €", "EUR 1", "1 EUR" or "1"
	wording int    // which of the usual labels
	hard    bool   // unusual labels
}

// entry is a label with its value.
type entry struct{ label, value string }

func (d *sheet) amount(c cents) string {
	a, code := c.in(d.number), d.v.currency
	switch d.money {
	case "€1":
		if len(symbols[code]) == 3 { // the franc has no sign of its own
			return symbols[code] + " " + a
		}
		return symbols[code] + a
	case "1 €":
		return a + " " + symbols[code]
	case "EUR 1":
		return code + " " + a
	case "1 EUR":
		return a + " " + code
	}
	return a
}

func (d *sheet) day(field string) string {
	t := d.v.date
	if field == "due_date" {
		t = d.v.due
	}
	return writeDate(t, d.date, d.v.lang)
}

// meta returns the numbers and dates at the head of the document.
func (d *sheet) meta() []entry {
	var out []entry
	add := func(field, value string) {
		if !d.v.without[field] {
			out = append(out, entry{d.label(field), value})
		}
	}
	add("invoice_number", d.v.number)
	add("invoice_date", d.day("invoice_date"))
	if d.v.dueShown {
		add("due_date", d.day("due_date"))
	}
	add("po_number", d.v.order)
	return out
}

// totals returns the amounts below the items.
func (d *sheet) totals() []entry {
	var out []entry
	add := func(field string, c cents) {
		if !d.v.without[field] {
			out = append(out, entry{d.label(field), d.amount(c)})
		}
	}
	add("net_amount", d.v.net)
	if d.v.shippingCharge {
		add("shipping_amount", d.v.shipping)
	}
	add("tax_amount", d.v.tax)
	add("total_amount", d.v.total)
	return out
}

// payment returns account and terms.
func (d *sheet) payment() []entry {
	var out []entry
	if !d.v.without["iban"] {
		out = append(out, entry{d.label("iban"), grouped(d.v.iban)}, entry{d.label("bic"), d.v.bic})
	}
	if d.v.terms != "" {
		out = append(out, entry{d.label("payment_terms"), d.v.terms})
	}
	return out
}

// items returns the table of goods, its head first.
func (d *sheet) items() [][]string {
	rows := [][]string{tableHead[d.v.lang]}
	for _, it := range d.v.items {
		rows = append(rows, []string{it.what, fmt.Sprint(it.quantity), it.price.in(d.number), it.at.in(d.number)})
	}
	return rows
}

// foot returns the sentences at the end.
func (d *sheet) foot(r *rand.Rand) []string {
	var out []string
	if d.money == "1" {
		out = append(out, amountsIn[d.v.lang]+d.v.currency)
	}
	out = append(out, d.v.notes...)
	if r.IntN(2) == 0 {
		out = append(out, thanks[d.v.lang])
	}
	return append(out, d.label("vat_id")+": "+d.v.vat)
}

// text renders the document in one of the plain text layouts.
func (d *sheet) text(r *rand.Rand, layout string) string {
	style, ok := styles[layout]
	if !ok {
		panic("unknown text layout " + layout)
	}
	head := []string{d.v.supplier.name, d.v.supplier.street, d.v.supplier.city}
	if layout == "mail" {
		head = append([]string{"From: " + d.v.supplier.mail, "Subject: " + d.v.title + " " + d.v.supplier.name, "",
			map[string]string{"en": "Hello,\nplease find the details below.", "de": "Guten Tag,\nanbei die Angaben."}[d.v.lang], ""}, head...)
	}
	var table []string
	for _, row := range d.items() {
		table = append(table, strings.Join(row, style.cell))
	}
	customer := []string{d.label("customer") + ":", d.v.customer.name, d.v.customer.street, d.v.customer.city}
	blocks := [][]string{head, {d.v.title}, customer, style.entries(d.meta()), table, style.entries(d.totals()), style.entries(d.payment()), d.foot(r)}
	if style.titleFirst && layout != "mail" {
		blocks[0], blocks[1] = blocks[1], blocks[0]
	}
	var out []string
	for _, b := range blocks {
		if len(b) > 0 {
			out = append(out, strings.Join(b, "\n"))
		}
	}
	return strings.Join(out, style.between) + "\n"
}

// style is how a plain text layout writes.
type style struct {
	entries    func([]entry) []string
	cell       string // between the cells of the table
	between    string // between blocks
	titleFirst bool
}

var styles = map[string]style{
	"plain":    {each("%s: %s"), "  ", "\n\n", false},
	"title":    {each("%s: %s"), " | ", "\n", true},
	"padded":   {each("%-20s%s"), "   ", "\n\n", false},
	"stacked":  {each("%s\n%s"), "\t", "\n\n", false},
	"leader":   {each("%s ........ %s"), "  ", "\n----\n", true},
	"pairs":    {pairs, "  ", "\n\n", false},
	"mail":     {each("%s: %s"), "; ", "\n\n", false},
	"markdown": {each("| %s | %s |"), " | ", "\n\n", true},
	"bracket":  {each("[%s] %s"), "  ", "\n\n", false},
}

func each(format string) func([]entry) []string {
	return func(entries []entry) []string {
		var out []string
		for _, e := range entries {
			out = append(out, fmt.Sprintf(format, e.label, e.value))
		}
		return out
	}
}

// pairs writes two entries to a line.
func pairs(entries []entry) []string {
	var out []string
	for i := 0; i < len(entries); i += 2 {
		l := entries[i].label + ": " + entries[i].value
		if i+1 < len(entries) {
			l += "   " + entries[i+1].label + ": " + entries[i+1].value
		}
		out = append(out, l)
	}
	return out
}
