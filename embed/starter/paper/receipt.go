package paper

import (
	"fmt"
	"math"
	"strings"
	"unicode/utf8"
)

func decimal(n int) string { return fmt.Sprint(n) }

// receipt returns the blocks of a till slip: narrow lines, tax included.
func (d *draft) receipt() []*block {
	d.layout = pick(d.r, []string{"till", "till", "till-wide", "till-plain"})
	if d.chance(d.rules.newLayouts) {
		d.layout = "till-marked"
	}
	head := d.letterhead()
	meta := d.receiptNumbers()
	items := d.cheapItems()
	goods := d.slip(items)
	sums := d.slipTotals(total(items))
	title := &block{}
	title.add(plain(d.label("title.receipt")))
	order := []*block{head, title, meta, goods, sums, d.clauseBlock(d.r.IntN(2)), d.thanks()}
	if d.chance(.3) {
		order = []*block{title, head, goods, sums, meta, d.clauseBlock(1), d.thanks()}
	}
	return order
}

// receiptNumbers holds number and date of a slip.
func (d *draft) receiptNumbers() *block {
	b := &block{alone: true}
	es := []entry{d.textEntry("document_number", d.documentNumber()), d.dateEntry("document_date", d.day)}
	if d.chance(.5) {
		es[1].value += fmt.Sprintf("  %02d:%02d", between(d.r, 6, 21), d.r.IntN(60))
	}
	for range d.r.IntN(3) {
		es = append(es, d.chooseExtra())
	}
	shuffle(d.r, es)
	d.put(b, pick(d.r, []string{"colon", "padded", "pairs", "sentence"}), es...)
	return b
}

// slip sets the goods in narrow lines.
func (d *draft) slip(items []item) *block {
	b := &block{alone: true}
	width := between(d.r, 28, 40)
	columns := []string{"quantity", "description", "unit_price", "amount"}
	style := d.r.IntN(3)
	if style == 2 {
		columns = []string{"description", "amount"}
	}
	for _, it := range items {
		q, _ := d.quantity(it.quantity)
		name, a := it.description, d.amount(it.amount)
		switch style {
		case 0: // "3 x 4.50" stands below the name
			b.add(kept(name), kept("  "+q+" x "+d.amount(it.price)+padLeft(a, max(2, width-utf8.RuneCountInString(q+d.amount(it.price))-5))))
		case 1:
			b.add(kept(q + " x " + name + " @ " + d.amount(it.price) + "  " + a))
		default:
			b.add(kept(name + padLeft(a, max(utf8.RuneCountInString(a)+2, width-utf8.RuneCountInString(name)))))
		}
	}
	b.items = d.rows(items, columns)
	return b
}

// slipTotals holds the total, the tax in it and how it was paid.
func (d *draft) slipTotals(total cents) *block {
	b := &block{alone: true}
	rate := pick(d.r, taxRates[d.lang])
	tax := d.whole(cents(math.Round(float64(total) * float64(rate) / float64(10000+rate))))
	b.unclear = []string{"amount_due", "amount_paid"}
	es := []entry{d.priceEntry("total_amount", total)}
	if d.chance(.6) {
		e := entry{value: d.price(tax), name: "tax_amount", fact: d.numberOf(tax)}
		e.label = strings.ReplaceAll(d.say("incl. {r}% VAT|VAT {r}% included|of which tax {r}%", "inkl. {r}% MwSt.|darin {r} % MwSt.|enth. MwSt {r}%", ""), "{r}", decimalComma(percent(rate), d.lang))
		b.state("tax_rate", number(percent(rate)))
		es = append(es, e)
	}
	if d.chance(.5) {
		es = append(es, d.textEntry("payment_method", d.say("Cash|Visa|Mastercard|Debit card|Credit card|Contactless", "Bar|EC-Karte|girocard|Visa|Kreditkarte|Kontaktlos", "")))
	}
	layout := map[string]string{"till": "right", "till-wide": "padded", "till-plain": "colon", "till-marked": "brackets"}[d.layout]
	d.put(b, layout, es...)
	d.showCurrency(b)
	return b
}

func (d *draft) thanks() *block {
	b := &block{}
	b.add(plain(d.say("Thank you for your visit!|Have a nice day|Please keep this slip", "Vielen Dank für Ihren Einkauf!|Auf Wiedersehen|Bitte Beleg aufbewahren", "")))
	if !d.said["vat"] && d.chance(.4) {
		d.vat(b)
	}
	return b
}
