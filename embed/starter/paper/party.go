package paper

import "strings"

// party sets a name, with a label if labelled.
func (d *draft) party(b *block, fact, label string, c company, labelled bool) {
	switch {
	case !labelled:
		b.add(kept(c.name))
	case d.chance(.6):
		b.add(plain(label+strings.TrimRight(d.between, " -")), kept(c.name))
	default:
		b.add(line{{text: label + d.between}, value(c.name)})
	}
	if fact != "" {
		b.state(fact, text(c.name))
	}
}

// letterhead is the sender: the supplier, or the customer of an order.
func (d *draft) letterhead() *block {
	b := &block{alone: true}
	c, fact := d.supplier, "supplier_name"
	if d.kind == Order {
		c, fact = d.customer, "customer_name"
	}
	labelled := d.chance(.25)
	d.said["sender labelled"] = labelled
	d.party(b, fact, d.label(fact), c, labelled)
	if d.chance(.6) {
		if d.chance(.5) {
			b.add(plain(c.street), c.place(d.lang))
		} else {
			b.add(append(line{{text: c.street + pick(d.r, []string{", ", " · ", " - "})}}, c.place(d.lang)...))
		}
		if d.kind != Order {
			b.state("supplier_city", text(c.cityName()))
		}
	}
	if d.kind == Order {
		if d.chance(.3) {
			b.add(plain(d.say("Tel.", "Tel.", "Tél.") + " " + c.phone))
		}
		return b
	}
	if d.chance(.35) {
		d.vat(b)
	}
	if d.chance(.3) {
		d.mailAddress(b)
	}
	if d.chance(.3) {
		b.add(line{label(d.label("supplier_phone") + " "), value(c.phone)})
		b.state("supplier_phone", text(c.phone))
	}
	return b
}

func (d *draft) vat(b *block) {
	b.add(line{label(d.label("supplier_vat_id") + d.between), value(d.printedVAT(d.supplier.vat))})
	b.state("supplier_vat_id", text(d.supplier.vat))
	d.said["vat"] = true
}

// printedVAT puts a space behind the country now and then.
func (d *draft) printedVAT(vat string) string {
	if d.chance(.2) {
		return vat[:2] + " " + vat[2:]
	}
	return vat
}

func (d *draft) mailAddress(b *block) {
	if d.chance(.5) {
		b.add(kept(d.supplier.email))
	} else {
		b.add(line{label(d.label("supplier_email") + ": "), value(d.supplier.email)})
	}
	b.state("supplier_email", text(d.supplier.email))
	d.said["mail"] = true
}

// addressee is the customer, or the supplier of an order, always labelled.
func (d *draft) addressee() *block {
	b := &block{alone: true}
	c, fact := d.customer, "customer_name"
	if d.kind == Order {
		c, fact = d.supplier, "supplier_name"
	}
	d.party(b, fact, d.label(fact), c, true)
	if d.chance(.6) {
		b.add(plain(c.street), c.place(d.lang))
		if d.kind == Order {
			b.state("supplier_city", text(c.cityName()))
		}
	}
	if d.kind != Order && d.chance(.12) {
		b.add(line{label(d.label("customer_vat") + d.between), value(vatID(d.r, c.country))})
	}
	if d.chance(.08) { // a third party, which is neither
		third := newCompany(d.r, d.lang, d.rules.newCompanies)
		d.party(b, "", d.label("other_party"), third, true)
		b.alone = false
	}
	return b
}
