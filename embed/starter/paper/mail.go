package paper

import "strings"

// mail returns the blocks of an e-mail: an order, a query or the announcement
// of an invoice, in prose.
func (d *draft) mail() []*block {
	d.layout = pick(d.r, []string{"mail", "mail", "mail-quoted", "mail-bare"})
	if d.chance(d.rules.newLayouts) {
		d.layout = "mail-starred"
	}
	letter := pick(d.r, []string{"order", "order", "invoice", "invoice", "query"})
	ordering := letter != "invoice" // the customer writes
	from, to := d.supplier, d.customer
	if ordering {
		from, to = to, from
	}
	sender := person(d.r, d.lang)
	head := d.mailHead(from, to, letter)
	var body *block
	switch letter {
	case "order":
		body = d.orderLetter()
	case "query":
		body = d.queryLetter()
	default:
		body = d.invoiceLetter()
	}
	if d.chance(.5) {
		e := d.chooseExtra()
		b := &block{}
		d.put(b, "colon", e)
		body.lines = append(body.lines, b.lines...)
		body.extras = append(body.extras, b.extras...)
		body.unclear = append(body.unclear, b.unclear...)
	}
	end := &block{}
	end.add(plain(d.say("Kind regards|Best regards|Yours sincerely", "Mit freundlichen Grüßen|Viele Grüße|Freundliche Grüße", "")), plain(sender), kept(from.name))
	end.unclear = []string{"contact_person"}
	if ordering {
		end.state("customer_name", text(from.name))
	} else {
		end.state("supplier_name", text(from.name))
	}
	blocks := []*block{head, body, d.clauseBlock(d.r.IntN(2)), end}
	mark := map[string]string{"mail-quoted": "> ", "mail-starred": "* "}[d.layout]
	if mark != "" {
		for _, b := range blocks[1:] {
			for i, l := range b.lines {
				b.lines[i] = append(line{value(mark)}, l...)
			}
		}
	}
	return blocks
}

// mailHead holds sender, recipient and subject.
func (d *draft) mailHead(from, to company, letter string) *block {
	b := &block{alone: true}
	if d.layout == "mail-bare" {
		return b
	}
	subject := d.say("Invoice|Your invoice|Our invoice for you", "Rechnung|Ihre Rechnung|Unsere Rechnung", "")
	switch letter {
	case "order":
		subject = d.say("Order|New order|Purchase order", "Bestellung|Neue Bestellung|Auftrag", "")
	case "query":
		subject = d.say("Question|Where is our delivery?|Your last delivery", "Rückfrage|Wo bleibt unsere Lieferung?|Ihre letzte Lieferung", "")
	}
	if d.chance(.5) {
		subject += " " + pick(d.r, stems)
	}
	es := []entry{d.textEntry("sender", from.email), d.textEntry("recipient", to.email), d.textEntry("subject", subject)}
	if d.chance(.4) {
		es = append(es, d.dateEntry("document_date", d.day))
	}
	d.put(b, "colon", es...)
	if letter != "invoice" {
		b.state("supplier_email", text(to.email))
	} else {
		b.state("supplier_email", text(from.email))
	}
	return b
}

func (d *draft) greeting() line {
	return plain(d.say("Hello,|Dear Sir or Madam,|Good morning,|Hi "+pick(d.r, firstNames["en"])+",", "Guten Tag,|Sehr geehrte Damen und Herren,|Hallo "+pick(d.r, firstNames["de"])+",", ""))
}

// invoiceLetter announces an invoice.
func (d *draft) invoiceLetter() *block {
	b := &block{alone: true}
	b.add(d.greeting())
	number := d.mailNumber("INV RE")
	total := d.whole(cents(between(d.r, 2000, 900000)))
	due := d.day.AddDate(0, 0, pick(d.r, []int{7, 14, 21, 30}))
	l := line{label(d.say("please find attached our invoice |attached is invoice ", "anbei erhalten Sie unsere Rechnung |im Anhang finden Sie die Rechnung ", "")), value(number)}
	b.state("document_number", text(number))
	l = append(l, label(d.say(" for a total of | over ", " über insgesamt | in Höhe von ", "")), value(d.price(total)), label("."))
	b.state("total_amount", d.numberOf(total))
	b.state("amount_due", d.numberOf(total))
	d.mailCurrency(b)
	b.add(l)
	if d.chance(.6) {
		b.add(line{label(d.say("Please transfer the amount by |It is payable by ", "Bitte überweisen Sie den Betrag bis zum |Zahlbar ist er bis zum ", "")), value(d.date(due)), label(".")})
		b.state("due_date", date(due))
	}
	if d.chance(.5) {
		printed := d.supplier.iban
		if d.chance(.6) {
			printed = group4(printed)
		}
		b.add(line{label(d.say("Our account is |Please pay to ", "Unser Konto lautet |Bitte zahlen Sie auf ", "")), value(printed), label(".")})
		b.state("iban", text(d.supplier.iban))
	}
	if d.chance(.4) {
		po := reference(d.r, d.day.Year(), strings.Fields("PO BE 45"))
		b.add(line{label(d.say("It refers to your order ", "Sie bezieht sich auf Ihre Bestellung ", "")), value(po), label(".")})
		b.state("order_number", text(po))
	}
	return b
}

// orderLetter orders goods in prose.
func (d *draft) orderLetter() *block {
	b := &block{alone: true}
	b.add(d.greeting())
	number := d.mailNumber("PO BE")
	b.add(line{label(d.say("we would like to order, our order number |please accept our order ", "wir möchten bestellen, unsere Bestellnummer |bitte nehmen Sie unsere Bestellung ", "")), value(number), label(d.say(":", ":", ""))})
	b.state("order_number", text(number))
	b.state("document_number", text(number))
	items := d.newItems()
	columns := []string{"quantity", "description"}
	if d.chance(.5) {
		columns = append(columns, "unit_price")
	}
	bullet := pick(d.r, []string{"- ", "  ", ""})
	for _, it := range items {
		q, _ := d.quantity(it.quantity)
		s := q + " x " + it.description
		if len(columns) == 3 {
			s += d.say(" at ", " zu ", "") + d.price(it.price)
		}
		b.add(kept(bullet + s))
	}
	b.items = d.rows(items, columns)
	if len(columns) == 3 {
		d.mailCurrency(b)
	}
	if d.chance(.6) {
		t := d.day.AddDate(0, 0, between(d.r, 3, 40))
		b.add(line{label(d.say("Please deliver by |We need the goods on ", "Bitte liefern Sie bis zum |Wir brauchen die Ware am ", "")), value(d.date(t)), label(".")})
		b.state("delivery_date", date(t))
	}
	if d.chance(.3) {
		p := pick(d.r, stems) + " " + pick(d.r, stems)
		b.add(line{label(d.say("It is for the project ", "Es geht um das Projekt ", "")), value(p), label(".")})
		b.state("project", text(p))
	}
	return b
}

// queryLetter asks about an order, a delivery or an invoice.
func (d *draft) queryLetter() *block {
	b := &block{alone: true}
	b.add(d.greeting())
	ordered := d.day.AddDate(0, 0, -between(d.r, 5, 60))
	po := d.mailNumber("PO BE 45")
	b.add(line{label(d.say("we have a question about our order |this concerns our order ", "wir haben eine Frage zu unserer Bestellung |es geht um unsere Bestellung ", "")), value(po), label(d.say(" of ", " vom ", "")), value(d.date(ordered)), label(".")})
	b.state("order_number", text(po))
	b.state("order_date", date(ordered))
	if d.chance(.5) {
		dn := d.mailNumber("DN LS")
		b.add(line{label(d.say("Something is missing from the delivery, see delivery note ", "In der Lieferung fehlt etwas, siehe Lieferschein ", "")), value(dn), label(".")})
		b.state("delivery_note_number", text(dn))
	}
	if d.chance(.4) {
		no := reference(d.r, d.day.Year(), strings.Fields("C K KD"))
		b.add(line{label(d.say("Our customer number with you is ", "Unsere Kundennummer bei Ihnen lautet ", "")), value(no), label(d.say(", please quote it.", ", bitte angeben.", ""))})
		b.state("customer_number", text(no))
	}
	if d.chance(.4) {
		p := person(d.r, d.lang)
		b.add(line{label(d.say("Please reply to ", "Bitte antworten Sie an ", "")), value(p), label(".")})
	}
	b.add(plain(d.say("When can we expect an answer?|Could you look into this?|Please call us back.", "Wann dürfen wir mit einer Antwort rechnen?|Können Sie das bitte prüfen?|Bitte rufen Sie uns zurück.", "")))
	return b
}

// mailNumber has no dot inside, so that the end of its sentence is plain.
func (d *draft) mailNumber(prefixes string) string {
	return strings.ReplaceAll(reference(d.r, d.day.Year(), strings.Fields(prefixes)), ".", "-")
}

// mailCurrency states the currency if prices show one.
func (d *draft) mailCurrency(b *block) {
	if d.money != "1" {
		b.state("currency", text(d.currency))
	}
}
