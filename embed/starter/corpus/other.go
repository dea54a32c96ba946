package corpus

import (
	"fmt"
	"slices"
	"strings"

	"skerry/appliance/llm"
	"skerry/embed/starter/paper"
)

// topicTable: topic | names of boolean fields | questions in English and German. "!" marks what
// is held out of training.
const topicTable = `
auto_renewal | auto_renewal; renews_automatically; automatic_extension; verlaengert_sich; !self_renewing | Does the contract renew by itself?; Is the term extended automatically?; Verlängert sich der Vertrag automatisch?; Gibt es eine automatische Verlängerung?; !Does it go on unless somebody gives notice?
partial_delivery | partial_delivery; partial_deliveries_allowed; part_shipments; teillieferung; teillieferung_erlaubt; !split_shipment_ok | Are partial deliveries allowed?; May the goods come in several deliveries?; Sind Teillieferungen erlaubt?; Darf in Teilen geliefert werden?; !May some of the goods be sent ahead?
reverse_charge | reverse_charge; is_reverse_charge; recipient_owes_tax; steuerschuld_empfaenger; !tax_shifted | Does the recipient owe the tax (reverse charge)?; Is this a reverse charge case?; Schuldet der Leistungsempfänger die Steuer?; Gilt Reverse Charge?; !Does the liability for VAT pass to the buyer?
penalty | penalty; contractual_penalty; penalty_for_delay; vertragsstrafe; !late_delivery_penalty | Is there a penalty for delay?; Is a contractual penalty agreed?; Gibt es eine Vertragsstrafe bei Verzug?; Ist eine Vertragsstrafe vereinbart?; !Does lateness cost extra?
exclusivity | exclusivity; exclusive; is_exclusive; exklusivitaet; !sole_source | Is one party bound to buy from or supply only the other?; Is exclusivity agreed?; Ist Exklusivität vereinbart?; Bindet der Vertrag eine Seite ausschließlich an die andere?; !Are other sources ruled out?
confidentiality | confidentiality; confidential; is_confidential; vertraulich; geheimhaltung; !secrecy_duty | Must the content be kept confidential?; Is there a duty of confidentiality?; Ist der Inhalt vertraulich?; Muss der Inhalt geheim gehalten werden?; !Is it forbidden to show this to others?
price_fixed | price_fixed; fixed_prices; prices_are_fixed; festpreis; !firm_prices | Are the prices fixed?; Do the prices stay the same?; Sind die Preise fest?; Gelten Festpreise?; !Is a price increase ruled out?
advance_payment | advance_payment; payment_in_advance; deposit_required; vorauszahlung; !upfront_money | Must money be paid in advance?; Is an advance payment required?; Muss im Voraus gezahlt werden?; Wird eine Anzahlung verlangt?; !Is money due before anything is delivered?
retention_of_title | retention_of_title; title_retained; eigentumsvorbehalt; goods_remain_property; !ownership_reserved | Do the goods stay the supplier's property until they are paid?; Is title retained until payment?; Gilt ein Eigentumsvorbehalt?; Bleibt die Ware bis zur Bezahlung Eigentum des Lieferanten?; !Does the seller own the goods until he has his money?
subcontracting | subcontracting; subcontracting_allowed; may_subcontract; unterauftraege_erlaubt; !third_parties_allowed | May the supplier use subcontractors?; Is subcontracting allowed?; Darf der Lieferant Subunternehmer einsetzen?; Sind Unteraufträge erlaubt?; !May work be given to another firm?
warranty | warranty; warranty_given; has_warranty; garantie; gewaehrleistung; !guaranteed | Is a warranty given?; Does the seller give a guarantee?; Wird eine Garantie gewährt?; Gibt es eine Gewährleistung?; !Will defects be made good?
returns | returns; returns_allowed; can_be_returned; rueckgabe; rueckgabe_moeglich; !take_back | May the goods be returned?; Is a return possible?; Kann die Ware zurückgegeben werden?; Ist eine Rückgabe möglich?; !Does the shop take things back?
insurance | insurance; insurance_required; must_be_insured; versicherungspflicht; !cover_needed | Is the supplier required to be insured?; Must the contractor have insurance?; Muss der Auftragnehmer versichert sein?; Wird eine Versicherung verlangt?; !Is insurance cover a duty?
assignment | assignment; assignment_allowed; rights_assignable; abtretung; abtretung_erlaubt; !transferable | May rights be assigned to others?; Is assignment of claims allowed?; Dürfen Forderungen abgetreten werden?; Ist eine Abtretung erlaubt?; !Can claims be handed to somebody else?
`

var topics = func() map[string]struct{ names, questions phrases } {
	m := map[string]struct{ names, questions phrases }{}
	for row := range strings.Lines(topicTable) {
		part := strings.Split(strings.TrimSpace(row), " | ")
		if len(part) < 3 {
			continue
		}
		var names, questions phrases
		names.parse(part[1])
		questions.parse(part[2])
		m[part[0]] = struct{ names, questions phrases }{names, questions}
	}
	return m
}()

// wording returns one of p; other splits than Train use what is held out, too.
func (a *asker) wording(p phrases) string {
	from := p.seen
	if a.split != paper.Train && len(p.held) > 0 && chance(a.r, .25) {
		from = slices.Concat(p.seen, p.held)
	}
	return pick(a.r, from).text
}

// presentOther returns what can be asked for beyond facts and extras: whether
// a clause holds, what kind of document it is, how many lines its table has.
func (a *asker) presentOther() []candidate {
	var all []candidate
	for i, c := range a.d.Clauses {
		if _, ok := topics[c.Topic]; ok && !a.unclear[c.Topic] {
			weight := 1.5
			if !c.Stated {
				weight = .5
			}
			all = append(all, candidate{weight, func() { a.askClause(c, 60+i) }})
		}
	}
	if !a.unclear["kind"] {
		all = append(all, candidate{.35, a.askKind})
	}
	all = append(all, candidate{.1, a.askLanguage})
	if _, stated := a.d.Facts["item_count"]; a.d.Items != nil && !stated && len(a.d.Items.Rows) <= 12 {
		all = append(all, candidate{.25, a.askLines})
	}
	return all
}

// askClause asks for a boolean.
func (a *asker) askClause(c paper.Clause, order int) {
	t := topics[c.Topic]
	q := question{order: order, target: Target{Canonical: c.Topic, JSON: "null", Absent: !c.Stated, Seen: true}}
	if c.Stated {
		q.target.JSON = fmt.Sprint(c.Holds)
	}
	q.field = llm.Field{Name: a.spell(a.vary(pick(a.r, t.names.seen).text)), Type: llm.TypeBoolean}
	about := pick(a.r, t.questions.seen).text
	if chance(a.r, .5) {
		about = strings.ToLower(about[:1]) + strings.TrimSuffix(about[1:], "?")
	}
	switch {
	case chance(a.r, a.opaque):
		q.field.Name, q.field.About, q.target.Opaque = a.opaqueName(), about, true
	case chance(a.r, .5):
		q.field.About = about
	}
	a.add(q)
}

var lineCountNames = strings.Fields("line_count number_of_lines lines_in_table anzahl_zeilen rows positionen_anzahl")

var lineCountAbouts = []string{"how many lines the table has", "number of line items listed", "count of the rows in the table of items", "Anzahl der Zeilen in der Positionstabelle"}

// askLines asks for the number of lines, which has to be counted.
func (a *asker) askLines() {
	q := question{order: 55, target: Target{Canonical: "line_count", JSON: fmt.Sprint(len(a.d.Items.Rows)), Seen: true}}
	q.field = llm.Field{Name: a.spell(pick(a.r, lineCountNames)), Type: llm.TypeInteger, About: pick(a.r, lineCountAbouts)}
	a.add(q)
}

// askKind asks what kind of document it is, by choice.
func (a *asker) askKind() {
	style := pick(a.r, kindStyles)
	q := question{order: 0, target: Target{Canonical: "kind", Seen: true}}
	names := []string{"document_type", "document_kind", "doc_type", "dokumentart", "belegart", "kind", "type_of_document"}
	q.field = llm.Field{Name: a.spell(pick(a.r, names)), Type: llm.TypeEnum}
	q.target.JSON = quote(style[a.d.Kind])
	for _, k := range a.otherKinds(1 + a.r.IntN(5)) {
		q.field.Values = append(q.field.Values, style[k])
	}
	q.field.Values = append(q.field.Values, style[a.d.Kind])
	shuffle(a.r, q.field.Values)
	if chance(a.r, .3) {
		q.field.About = pick(a.r, []string{"what kind of document this is", "type of the document", "Art des Dokuments"})
	}
	a.add(q)
}

// otherKinds returns up to n kinds that the document is not.
func (a *asker) otherKinds(n int) []paper.Kind {
	all := slices.DeleteFunc(slices.Clone(kinds), func(k paper.Kind) bool { return k == a.d.Kind })
	shuffle(a.r, all)
	return all[:min(n, len(all))]
}

func (a *asker) askLanguage() {
	q := question{order: 1, target: Target{Canonical: "language", JSON: quote(a.d.Language), Seen: true}}
	q.field = llm.Field{Name: a.spell(pick(a.r, []string{"language", "document_language", "sprache", "lang"})), Type: llm.TypeEnum, Values: pick(a.r, [][]string{{"de", "en"}, {"en", "de"}, {"en", "de", "fr"}})}
	if !slices.Contains(q.field.Values, a.d.Language) {
		return
	}
	a.add(q)
}
