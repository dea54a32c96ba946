package paper

import (
	"fmt"
	"slices"
	"strings"
)

// contract returns the blocks of a contract's first page.
func (d *draft) contract() []*block {
	d.layout = pick(d.r, []string{"deed", "deed", "deed-sheet"})
	if d.chance(d.rules.newLayouts) {
		d.layout = "deed-cover"
	}
	title := &block{}
	title.add(plain(d.label("title.contract")))
	blocks := []*block{title}
	if d.layout == "deed" {
		blocks = append(blocks, d.parties(), d.deed())
	} else {
		blocks = append(blocks, d.sheet())
	}
	blocks = append(blocks, d.sections())
	if d.chance(.3) {
		blocks = append(blocks, d.boilerplate())
	}
	return append(blocks, d.signatures())
}

// start, end and notice of a contract.
func (d *draft) contractTerm() (from, to entry, notice string) {
	start := d.day.AddDate(0, 0, between(d.r, 1, 60))
	end := start.AddDate(between(d.r, 1, 5), 0, -1)
	n := pick(d.r, strings.Fields("1 2 3 3 4 6 6 12"))
	if d.chance(.3) {
		n = pick(d.r, strings.Fields("2 4 6 8"))
		notice = n + map[string]string{"en": " weeks", "de": " Wochen"}[d.lang]
	} else if notice = n + map[string]string{"en": " months", "de": " Monate"}[d.lang]; n == "1" {
		notice = map[string]string{"en": "one month", "de": "ein Monat"}[d.lang]
	}
	if d.chance(.4) {
		notice += d.say(" to the end of the quarter| to the end of the year| to the end of a month", " zum Quartalsende| zum Jahresende| zum Monatsende", "")
	}
	return d.dateEntry("contract_start", start), d.dateEntry("contract_end", end), notice
}

// roles of the parties: supplier, customer.
func (d *draft) roles() (supplier, customer string) {
	pair := strings.Split(d.say("Supplier/Customer|Contractor/Client|Service Provider/Customer|Seller/Buyer", "Auftragnehmer/Auftraggeber|Lieferant/Kunde|Verkäufer/Käufer|Dienstleister/Kunde", ""), "/")
	return pair[0], pair[1]
}

// parties names both in prose.
func (d *draft) parties() *block {
	b := &block{alone: true}
	supplier, customer := d.roles()
	type side struct {
		c          company
		role, fact string
	}
	sides := []side{{d.supplier, supplier, "supplier_name"}, {d.customer, customer, "customer_name"}}
	if d.chance(.5) {
		slices.Reverse(sides)
	}
	b.add(plain(d.say("between|This agreement is made between|by and between", "zwischen|Zwischen|geschlossen zwischen", "")))
	for i, s := range sides {
		l := line{value(s.c.name), label(", " + s.c.street + ", ")}
		l = append(l, s.c.place(d.lang)...)
		l = append(l, label(d.say(" (the \"", " (nachfolgend \"", "")+s.role+"\")"))
		b.add(l)
		b.state(s.fact, text(s.c.name))
		if s.fact == "supplier_name" {
			b.state("supplier_city", text(s.c.cityName()))
		}
		if i == 0 {
			b.add(plain(d.say("and", "und", "")))
		}
	}
	return b
}

// deed states dates and value in sentences.
func (d *draft) deed() *block {
	b := &block{alone: true}
	from, to, notice := d.contractTerm()
	n := 1
	head := func(s string) {
		b.add(plain(fmt.Sprintf(pick(d.r, []string{"%d. ", "§ %d ", "%d "}), n) + s))
		n++
	}
	if d.chance(.85) {
		number := d.documentNumber()
		b.add(line{label(d.label("document_number") + d.between), value(number)})
		b.state("document_number", text(number))
		d.sameNumber(b, number)
	}
	if d.chance(.7) {
		b.add(line{label(d.label("document_date") + d.between), value(d.date(d.day))})
		b.state("document_date", date(d.day))
	}
	head(d.say("Term|Duration", "Laufzeit|Vertragsdauer", ""))
	b.state("contract_start", from.fact)
	if d.chance(.8) {
		b.add(line{label(d.say("The agreement starts on |This agreement takes effect on ", "Der Vertrag beginnt am |Dieser Vertrag tritt in Kraft am ", "")), value(from.value), label(d.say(" and ends on | and remains in force until ", " und endet am | und läuft bis zum ", "")), value(to.value), label(".")})
		b.state("contract_end", to.fact)
	} else {
		d.said["auto_renewal"] = true // it needs none
		b.add(line{label(d.say("It begins on ", "Er beginnt am ", "")), value(from.value), label(d.say(" and is concluded for an indefinite period.", " und läuft auf unbestimmte Zeit.", ""))})
	}
	if d.chance(.75) {
		b.add(line{label(d.say("Notice period: |It may be terminated with a notice period of: |Notice to be given: ", "Kündigungsfrist: |Die Kündigungsfrist beträgt: |Frist für die Kündigung: ", "")), value(notice), label(pick(d.r, []string{"", "."}))})
		b.state("notice_period", text(notice))
	}
	head(d.say("Price|Remuneration", "Vergütung|Preis", ""))
	if d.chance(.75) {
		v := d.whole(cents(between(d.r, 1000, 900000)) * 100)
		b.add(line{label(d.say("The total contract value is |For the whole term the price is ", "Der Vertragswert beträgt insgesamt |Der Gesamtpreis für die Laufzeit beträgt ", "")), value(d.price(v)), label(d.say(" plus VAT.| net.", " zzgl. MwSt.| netto.", ""))})
		b.state("contract_value", d.numberOf(v))
		d.showCurrency(b)
	}
	if d.chance(.6) {
		t := d.term(b)
		b.add(line{label(d.say("Payment: |Terms of payment: ", "Zahlung: |Zahlungsbedingungen: ", "")), value(t), label(pick(d.r, []string{"", "."}))})
		b.state("payment_terms", text(t))
	}
	return b
}

// sheet lists the same as labelled values.
func (d *draft) sheet() *block {
	b := &block{alone: true}
	from, to, notice := d.contractTerm()
	supplier, customer := d.roles()
	number := d.documentNumber()
	es := []entry{
		d.textEntry("document_number", number),
		{label: supplier, value: d.supplier.name, name: "supplier_name", fact: text(d.supplier.name)},
		{label: customer, value: d.customer.name, name: "customer_name", fact: text(d.customer.name)},
		from,
	}
	d.sameNumber(b, number)
	if d.chance(.7) {
		es = append(es, d.dateEntry("document_date", d.day))
	}
	if d.chance(.8) {
		es = append(es, to)
	}
	if d.chance(.7) {
		es = append(es, d.textEntry("notice_period", notice))
	}
	priced := d.chance(.7)
	if priced {
		es = append(es, d.priceEntry("contract_value", d.whole(cents(between(d.r, 1000, 900000))*100)))
	}
	if d.chance(.4) {
		es = append(es, d.textEntry("contact_person", person(d.r, d.lang)))
	}
	if d.chance(.5) {
		es = append(es, d.textEntry("payment_terms", d.term(b)))
	}
	for range d.r.IntN(4) {
		es = append(es, d.chooseExtra())
	}
	layout := chooseLayout(d.r, 0)
	if d.layout == "deed-cover" {
		layout = pick(d.r, newLayouts)
	}
	d.put(b, layout, es...)
	if priced {
		d.showCurrency(b)
	}
	return b
}

// sections are numbered clauses, with some prose that nobody asks about.
func (d *draft) sections() *block {
	b := &block{}
	n := between(d.r, 3, 5)
	topics := slices.Clone(clauseTopics[Contract])
	shuffle(d.r, topics)
	numbered := d.chance(.6)
	for _, t := range topics[:between(d.r, 1, 5)] {
		c, ok := d.clause(t)
		if !ok {
			continue
		}
		before := ""
		if numbered {
			before = fmt.Sprintf("%d. ", n)
		}
		n++
		b.addClause(t, c, before)
		if d.chance(.3) {
			b.add(plain(d.say("Changes must be made in writing.|The law of the supplier's seat applies.|Annexes form part of this agreement.|Should a provision be void, the others remain valid.|The parties cooperate in good faith.",
				"Änderungen bedürfen der Schriftform.|Es gilt das Recht am Sitz des Lieferanten.|Anlagen sind Bestandteil dieses Vertrags.|Sollte eine Bestimmung unwirksam sein, bleiben die übrigen gültig.|Die Parteien arbeiten vertrauensvoll zusammen.", "")))
		}
	}
	return b
}

// boilerplate is prose that answers nothing, for length.
func (d *draft) boilerplate() *block {
	b := &block{}
	sentences := map[string][]string{
		"en": {"The services are described in Annex A, which the parties have initialled on every page.", "The parties shall name a person each who coordinates the work and answers questions within a reasonable time.", "Documents handed over for the performance of this agreement remain with the party that provided them and are returned at its end.", "Force majeure, in particular strikes, floods and orders of authorities, releases the parties from their duties for as long as it lasts.", "Disputes are first discussed by the managing directors before a court is called upon.", "Oral side agreements do not exist.", "The place of performance is the registered office of the customer, unless the annex names another.", "Working hours on site follow the house rules, which the supplier has received.", "Should the scope change, both parties agree on the change in writing before work on it begins.", "Data protection is governed by a separate agreement on the processing of data.", "Each party bears its own costs of preparing and concluding this document.", "Headings serve orientation only and have no bearing on how the provisions are read.", "Notices are given in text form to the addresses named above until another address is communicated.", "If the parties fail to exercise a right, this does not mean that they give it up.", "The supplier informs the customer without delay when circumstances arise that make the work harder.", "Acceptance takes place jointly, and a record of it is signed by both parties.", "Waste and packaging are removed by whoever brought them to the site.", "The customer provides electricity, water and access to the rooms free of charge while work is going on.", "Reports are submitted at the end of each quarter in the form that the annex shows.", "References to statutes are to the version in force when this document was drawn up.", "In case of contradictions the text of this document prevails over its annexes.", "Copies are as binding as the original as long as all pages are attached."},
		"de": {"Die Leistungen sind in Anlage A beschrieben, die von den Parteien auf jeder Seite paraphiert wurde.", "Die Parteien benennen je eine Person, die die Arbeiten koordiniert und Fragen in angemessener Zeit beantwortet.", "Unterlagen, die zur Durchführung überlassen werden, verbleiben im Eigentum der überlassenden Partei und werden am Ende zurückgegeben.", "Höhere Gewalt, insbesondere Streik, Hochwasser und behördliche Anordnungen, befreit die Parteien für ihre Dauer von den Pflichten.", "Streitigkeiten werden zunächst zwischen den Geschäftsführungen erörtert, bevor ein Gericht angerufen wird.", "Mündliche Nebenabreden bestehen nicht.", "Erfüllungsort ist der Sitz des Kunden, sofern die Anlage keinen anderen nennt.", "Die Arbeitszeiten vor Ort richten sich nach der Hausordnung, die der Lieferant erhalten hat.", "Ändert sich der Umfang, so vereinbaren die Parteien die Änderung schriftlich, bevor daran gearbeitet wird.", "Den Datenschutz regelt eine gesonderte Vereinbarung über die Verarbeitung von Daten.", "Jede Partei trägt die Kosten, die ihr durch Vorbereitung und Abschluss entstanden sind, selbst.", "Überschriften dienen der Orientierung und sind für die Auslegung ohne Bedeutung.", "Mitteilungen erfolgen in Textform an die oben genannten Anschriften, bis eine andere mitgeteilt wird.", "Übt eine Partei ein Recht nicht aus, so liegt darin kein Verzicht auf dieses Recht.", "Der Lieferant unterrichtet den Kunden unverzüglich, wenn Umstände eintreten, die die Arbeiten erschweren.", "Die Abnahme findet gemeinsam statt, darüber wird ein Protokoll geführt, das beide Seiten unterzeichnen.", "Abfälle und Verpackungen entfernt, wer sie auf das Gelände gebracht hat.", "Der Kunde stellt Strom, Wasser und Zugang zu den Räumen während der Arbeiten kostenfrei bereit.", "Berichte werden am Ende jedes Quartals in der Form vorgelegt, die die Anlage zeigt.", "Verweise auf Gesetze gelten für die Fassung, die bei Erstellung dieses Dokuments in Kraft war.", "Bei Widersprüchen geht der Text dieses Dokuments den Anlagen vor.", "Abschriften gelten wie das Original, solange alle Seiten beigefügt sind."},
	}[d.lang]
	shuffle(d.r, sentences)
	for i, s := range sentences[:between(d.r, 3, len(sentences))] {
		if i > 0 && d.chance(.5) { // run on in the same paragraph
			last := len(b.lines) - 1
			b.lines[last] = append(b.lines[last], segment{text: " " + s})
			continue
		}
		b.add(plain(s))
	}
	return b
}

func (d *draft) signatures() *block {
	b := &block{}
	if d.chance(.5) {
		b.add(plain(d.say("Signed: ______________   ______________|For the parties:", "Unterschriften: ______________   ______________|Für die Parteien:", "")))
	}
	if d.chance(.4) {
		b.add(plain(d.say("Page 1 of ", "Seite 1 von ", "") + fmt.Sprint(between(d.r, 2, 14))))
	}
	return b
}
