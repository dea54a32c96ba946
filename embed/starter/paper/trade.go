package paper

import (
	"math"
	"slices"
	"strings"
)

// trade returns the blocks of an invoice, a credit note, an order or a
// delivery note.
func (d *draft) trade() []*block {
	title, head, other := d.title(), d.letterhead(), d.addressee()
	var meta *block
	side := d.layout == "grid" && d.chance(.65)
	if side {
		d.layout = "colon"
		defer func() { d.layout = "grid" }()
	}
	number := d.documentNumber()
	if len(title.lines) > 0 && d.kind != DeliveryNote && d.chance(.15) {
		title.lines[0] = append(title.lines[0], segment{text: " "}, value(number))
		title.state("document_number", text(number))
		d.sameNumber(title, number)
		meta = d.meta(nil)
	} else {
		meta = d.meta([]entry{d.textEntry("document_number", number)})
		d.sameNumber(meta, number)
	}
	if d.kind == Order {
		head.alone = false
	}
	var items []item
	var table, totals, pay, clauses *block
	items = d.newItems()
	priced := d.kind != DeliveryNote
	d.reverse = d.kind == Invoice && d.lang != "fr" && d.chance(.07)
	if priced && d.chance(.9) || !priced {
		table = d.itemBlock(items, priced)
	}
	if priced {
		totals = d.totals(items)
	}
	if d.kind == Invoice || d.chance(.3) && d.kind != DeliveryNote {
		pay = d.payment()
	}
	clauses = d.clauseBlock(between(d.r, 0, 2))
	foot := d.foot(len(items))
	top := []*block{title, other, meta}
	if side {
		top = []*block{title, beside(d.r, other, meta)}
	}
	shuffle(d.r, top)
	switch i := slices.Index(top, title); {
	case d.said["sender labelled"]:
		top = slices.Insert(top, d.r.IntN(len(top)+1), head)
	case i == 0 && d.chance(.4): // a name without a label stands first, or below the title
		top = slices.Insert(top, 1, head)
	default:
		top = slices.Insert(top, 0, head)
	}
	body := []*block{table, totals}
	if d.chance(.06) {
		slices.Reverse(body)
	}
	end := []*block{pay, clauses, foot}
	if d.lang != "fr" && d.chance(.05) {
		end = append(end, d.boilerplate())
	}
	shuffle(d.r, end)
	if d.chance(.1) {
		body, end = append([]*block{end[0]}, body...), end[1:]
	}
	return slices.DeleteFunc(slices.Concat(top, body, end), func(b *block) bool { return b == nil })
}

// prefixes of document numbers.
func (d *draft) prefixes() []string {
	return strings.Fields(map[Kind]map[string]string{
		Invoice:      {"en": "INV IN I SI BILL A F", "de": "RE RG R RNR AR", "fr": "FA F FAC FC"},
		CreditNote:   {"en": "CN CR CM C", "de": "GS GU G", "fr": "AV NC"},
		Order:        {"en": "PO P ORD 45", "de": "BE B AU 45", "fr": "CMD"},
		DeliveryNote: {"en": "DN D L", "de": "LS L", "fr": "BL"},
		Receipt:      {"en": "R T", "de": "B K", "fr": "T"},
		Contract:     {"en": "C CTR AG V", "de": "V VT K", "fr": "C"},
	}[d.kind][d.lang])
}

func (d *draft) documentNumber() string {
	return reference(d.r, d.day.Year(), d.prefixes())
}

// sameNumber states the number of an order or a delivery note under its own
// name as well.
func (d *draft) sameNumber(b *block, number string) {
	switch d.kind {
	case Order:
		b.state("order_number", text(number))
	case DeliveryNote:
		b.state("delivery_note_number", text(number))
	case Contract:
		b.state("contract_number", text(number))
	}
}

// title is what the document calls itself.
func (d *draft) title() *block {
	b := &block{}
	if d.kind == Invoice && d.chance(.08) {
		b.unclear = []string{"kind"}
		return b
	}
	s := d.label("title." + string(d.kind))
	delete(d.used, strings.ToLower(s)) // "Invoice" may be a title and a label
	b.add(plain(s))
	return b
}

// meta holds the numbers and dates below or beside the title.
func (d *draft) meta(first []entry) *block {
	b := &block{alone: true}
	es := append(first, d.dateEntry("document_date", d.day))
	if d.kind == Order {
		b.state("order_date", date(d.day))
	}
	r := d.r
	year := d.day.Year()
	ordered := d.day.AddDate(0, 0, -between(r, 3, 40))
	if d.kind == Invoice && d.chance(.55) {
		es = append(es, d.dateEntry("due_date", d.day.AddDate(0, 0, pick(r, []int{7, 10, 14, 21, 30, 30, 45, 60}))))
	}
	if d.kind != CreditNote && d.chance(.35) {
		t := d.day.AddDate(0, 0, -between(r, 1, 20))
		if d.kind == Order {
			t = d.day.AddDate(0, 0, between(r, 3, 60))
		}
		es = append(es, d.dateEntry("delivery_date", t))
	}
	if d.kind != Order && d.chance(.5) {
		es = append(es, d.textEntry("order_number", reference(r, year, []string{"PO", "P", "ORD", "BE", "45", "B", "CMD"})))
	}
	if d.kind != Order && d.chance(.15) {
		es = append(es, d.dateEntry("order_date", ordered))
	}
	if d.kind != DeliveryNote && d.kind != Order && d.chance(.2) {
		es = append(es, d.textEntry("delivery_note_number", reference(r, year, []string{"DN", "LS", "BL", "L", "D"})))
	}
	if d.kind == CreditNote && d.chance(.8) {
		es = append(es, d.textEntry("invoice_reference", reference(r, year, []string{"INV", "RE", "RG", "F"})))
	}
	if d.chance(.45) {
		es = append(es, d.textEntry("customer_number", reference(r, year, []string{"C", "K", "CUST", "D", "KD"})))
	}
	if d.chance(.2) {
		es = append(es, d.textEntry("project", pick(r, []string{pick(r, stems) + " " + digits(r, 3), pick(r, stems) + " " + pick(r, stems), invent(r)})))
	}
	if d.chance(.25) {
		es = append(es, d.textEntry("contact_person", person(r, d.lang)))
	}
	if d.kind != Order && !d.said["vat"] && d.chance(.2) {
		d.said["vat"] = true
		es = append(es, d.spacedEntry("supplier_vat_id", d.printedVAT(d.supplier.vat), d.supplier.vat))
	}
	if d.chance(.5) {
		for range pick(r, []int{1, 1, 2, 2, 3, 4, 7}) {
			es = append(es, d.chooseExtra())
		}
	}
	if d.chance(.5) {
		shuffle(r, es)
	}
	capitals(r, es)
	d.put(b, d.layout, es...)
	return b
}

// taxRates in hundredths of a percent.
var taxRates = map[string][]int{"en": {2000, 2000, 500, 1000, 825, 0, 1300}, "de": {1900, 1900, 1900, 700, 2000, 770, 810}, "fr": {2000, 2000, 550, 1000, 2100}}

// totals holds what the items add up to.
func (d *draft) totals(items []item) *block {
	b := &block{alone: true}
	var goods cents
	for _, it := range items {
		goods += it.amount
	}
	var es []entry
	net := goods
	if d.chance(.12) {
		off := d.whole(goods * cents(pick(d.r, []int{2, 3, 5, 10, 15})) / 100)
		if off > 0 {
			net -= off
			es = append(es, entry{label: d.label("gross_goods"), value: d.price(goods)}, d.priceEntry("discount_amount", off))
		}
	}
	if net < goods || d.chance(.8) {
		es = append(es, d.priceEntry("net_amount", net))
	}
	var shipping cents
	if d.kind != CreditNote && d.chance(.2) {
		shipping = d.whole(cents(between(d.r, 400, 9000)))
		es = append(es, d.priceEntry("shipping_amount", shipping))
	}
	rate := pick(d.r, taxRates[d.lang])
	if d.currency == "CHF" {
		rate = pick(d.r, []int{770, 810, 810, 260})
	}
	tax := d.whole(cents(math.Round(float64(net+shipping) * float64(rate) / 10000)))
	if d.reverse {
		tax = 0
	} else if d.chance(.8) {
		d.said["tax"] = true
		e := d.priceEntry("tax_amount", tax)
		if strings.Contains(e.label, "{r}") {
			b.state("tax_rate", number(percent(rate)))
			e.label = strings.Replace(e.label, "{r}", decimalComma(percent(rate), d.lang), 1)
		}
		es = append(es, e)
	} else if shipping == 0 && len(es) == 0 {
		tax = 0
	}
	total := net + shipping + tax
	if d.kind == Invoice && d.chance(.12) {
		d.said["advance_payment"] = true
		paid := d.whole(total * cents(pick(d.r, []int{10, 20, 25, 30, 50})) / 100)
		e := d.priceEntry("total_amount", total)
		e.label = d.label("total_before_payment")
		es = append(es, e, d.priceEntry("amount_paid", paid), d.priceEntry("amount_due", total-paid))
	} else {
		es = append(es, d.priceEntry("total_amount", total))
		if d.kind == Invoice {
			b.state("amount_due", d.numberOf(total))
		} else {
			b.unclear = append(b.unclear, "amount_due")
		}
	}
	capitals(d.r, es)
	layout := pick(d.r, []string{"colon", "colon", "colon", "padded", "right", "leader", "above", "bullets", "tabs"})
	if slices.Contains(newLayouts, d.layout) {
		layout = d.layout
	}
	d.put(b, layout, es...)
	d.showCurrency(b)
	return b
}

// whole rounds to the unit where a currency has no cents.
func (d *draft) whole(c cents) cents {
	if d.decimals == 0 {
		return (c + 50) / 100 * 100
	}
	return c
}

// showCurrency states the currency that the amounts show, or says it once.
func (d *draft) showCurrency(b *block) {
	if d.money != "1" {
		b.state("currency", text(d.currency))
	} else if d.chance(.6) {
		b.add(line{label(d.say("All amounts in |Currency: |Prices in ", "Alle Beträge in |Währung: |Preise in ", "Montants en ")), value(d.currency)})
		b.state("currency", text(d.currency))
	}
}

// payment holds account and terms.
func (d *draft) payment() *block {
	b := &block{alone: true}
	r := d.r
	var es []entry
	if d.chance(.6) && d.kind != Order {
		printed := d.supplier.iban
		if d.chance(.7) {
			printed = group4(printed)
		}
		es = append(es, d.spacedEntry("iban", printed, d.supplier.iban))
		if d.chance(.6) {
			es = append(es, d.textEntry("bic", d.supplier.bic))
		}
		if d.chance(.15) {
			es = append(es, d.textEntry("account_holder", pick(r, []string{d.supplier.name, person(r, d.lang)})))
		}
	}
	if d.kind != Order && d.chance(.08) {
		es = append(es, d.distractor("other_iban", group4(accountNumber(r, d.customer.country))))
	}
	if d.chance(.1) {
		es = append(es, d.textEntry("payment_method", d.say("Bank transfer|Credit card|Cheque|PayPal", "Überweisung|Kreditkarte|PayPal|Lastschrift", "Virement|Carte bancaire")))
	}
	var free line
	if d.chance(.75) && d.kind != CreditNote {
		t := d.term(b)
		if d.chance(.6) {
			es = append(es, d.textEntry("payment_terms", t))
		} else {
			free = line{value(t + pick(r, []string{"", "."}))}
			b.state("payment_terms", text(t))
		}
	}
	shuffle(r, es)
	layout := pick(r, []string{"colon", "colon", "colon", "padded", "pairs", "bullets", d.layout})
	if slices.Contains(newLayouts, d.layout) {
		layout = d.layout
	}
	if free != nil && d.chance(.5) {
		b.add(free)
		free = nil
	}
	d.put(b, layout, es...)
	if free != nil {
		b.add(free)
	}
	return b
}

// term chooses payment terms and states whether they are unusual.
func (d *draft) term(b *block) string {
	t := chooseTerm(d.r, d.lang, d.chance(.4), d.chance(d.rules.newLabels))
	d.said[t.topic] = true
	if t.unusual { // unusual terms may touch these
		d.said["advance_payment"], d.said["penalty"], d.said["assignment"] = true, true, true
	}
	b.terms = &Clause{Topic: "terms", Text: t.wording, Holds: t.unusual, Stated: true}
	return t.wording
}

// foot holds what nobody asks for.
func (d *draft) foot(items int) *block {
	b := &block{}
	r := d.r
	if !d.said["vat"] && d.kind != Order && d.chance(.3) {
		d.vat(b)
	}
	if !d.said["mail"] && d.kind != Order && d.chance(.25) {
		d.mailAddress(b)
	}
	if d.chance(.06) && items > 0 && d.lang != "fr" {
		d.put(b, "colon", entry{label: d.label("item_count"), value: decimal(items), name: "item_count", fact: number(decimal(items))})
	}
	seen := map[string]bool{}
	for range r.IntN(3) {
		s := d.say(
			"Thank you for your business.|Please quote the document number.|Page 1 of 1|This document was generated electronically.|E. & O. E.",
			"Vielen Dank für Ihren Auftrag.|Amtsgericht "+pick(r, cities["de"])+"|Geschäftsführer: "+person(r, "de")+"|Seite 1 von 1|Es gelten unsere AGB.",
			"Merci de votre confiance.|RCS "+pick(r, cities["fr"])+" "+digits(r, 9)+"|Page 1 sur 1|SIRET "+digits(r, 14))
		if !seen[s] {
			seen[s] = true
			b.add(plain(s))
		}
	}
	if d.chance(.2) {
		b.add(plain(d.supplier.web))
	}
	return b
}
