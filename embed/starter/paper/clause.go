package paper

import (
	"math/rand/v2"
	"slices"
	"strings"
)

// clauseText is a sentence that answers the question of a topic.
type clauseText struct {
	topic, wording string
	yes, held      bool
}

var clauseTexts = func() map[string][]clauseText {
	all := map[string][]clauseText{}
	for row := range strings.Lines(clauseTable) {
		part := strings.SplitN(strings.TrimSpace(row), " | ", 4)
		if len(part) < 4 {
			continue
		}
		c := clauseText{topic: part[1], yes: part[2] == "yes", wording: part[3]}
		if w, ok := strings.CutPrefix(c.wording, "!"); ok {
			c.wording, c.held = w, true
		}
		all[part[0]] = append(all[part[0]], c)
	}
	return all
}()

// Topics are the clause topics and the question that each answers.
var Topics = map[string]string{
	"auto_renewal":       "does the contract renew by itself?",
	"partial_delivery":   "are partial deliveries allowed?",
	"reverse_charge":     "does the recipient owe the tax (reverse charge)?",
	"penalty":            "is there a penalty for delay?",
	"exclusivity":        "is one party bound to buy from or supply only the other?",
	"confidentiality":    "must the content be kept confidential?",
	"price_fixed":        "are the prices fixed?",
	"advance_payment":    "must money be paid in advance?",
	"retention_of_title": "do the goods stay the supplier's property until they are paid?",
	"subcontracting":     "may the supplier use subcontractors?",
	"warranty":           "is a warranty given?",
	"returns":            "may the goods be returned?",
	"insurance":          "is the supplier required to be insured?",
	"assignment":         "may rights be assigned to others?",
}

// clauseTopics are the topics that suit a kind of document.
var clauseTopics = map[Kind][]string{
	Invoice:      {"reverse_charge", "partial_delivery", "penalty", "retention_of_title", "warranty", "returns", "confidentiality"},
	CreditNote:   {"reverse_charge", "confidentiality"},
	Order:        {"partial_delivery", "penalty", "price_fixed", "confidentiality", "subcontracting", "advance_payment", "assignment"},
	DeliveryNote: {"partial_delivery", "retention_of_title", "returns"},
	Receipt:      {"returns", "warranty"},
	Contract:     {"auto_renewal", "penalty", "exclusivity", "confidentiality", "price_fixed", "subcontracting", "insurance", "assignment", "warranty", "advance_payment"},
	Mail:         {"partial_delivery", "price_fixed", "confidentiality", "warranty"},
}

// chooseClause returns a sentence about the topic with the answer.
func chooseClause(r *rand.Rand, lang, topic string, yes, held bool) (clauseText, bool) {
	var ok []clauseText
	for _, c := range clauseTexts[lang] {
		if c.topic == topic && c.yes == yes && c.held == held {
			ok = append(ok, c)
		}
	}
	if len(ok) == 0 {
		if held {
			return chooseClause(r, lang, topic, yes, false)
		}
		return clauseText{}, false
	}
	c := pick(r, ok)
	c.wording = fill(r, c.wording)
	return c, true
}

// clauseBlock holds up to n sentences about different topics.
func (d *draft) clauseBlock(n int) *block {
	b := &block{}
	topics := slices.Clone(clauseTopics[d.kind])
	shuffle(d.r, topics)
	if d.reverse {
		topics, n = append([]string{"reverse_charge"}, topics...), max(n, 1)
	}
	for _, t := range topics[:min(n, len(topics))] {
		if c, ok := d.clause(t); ok {
			b.addClause(t, c, "")
		}
	}
	return b
}

// clause chooses a sentence about a topic that nothing else touches.
func (d *draft) clause(topic string) (c clauseText, ok bool) {
	yes := d.chance(.5)
	if topic == "reverse_charge" {
		if yes = d.reverse; !yes && !d.said["tax"] {
			return c, false
		}
	}
	if d.said[topic] {
		return c, false
	}
	d.said[topic] = true
	return chooseClause(d.r, d.lang, topic, yes, d.chance(d.rules.newLabels))
}

// clauseTable: language | topic | answer | sentence, "!" before those that
// only the test splits use.
const clauseTable = `
en | auto_renewal | yes | The agreement renews automatically for a further {m} months unless terminated.
en | auto_renewal | yes | Unless notice is given, the term is extended by one year each time.
en | auto_renewal | yes | !Without cancellation the contract continues year after year.
en | auto_renewal | no | The agreement ends on the expiry date; there is no automatic renewal.
en | auto_renewal | no | Any extension requires a new written agreement.
en | auto_renewal | no | !The term lapses by itself and is prolonged only by signature of both parties.
en | partial_delivery | yes | Partial deliveries are permitted.
en | partial_delivery | yes | The goods may be delivered in several lots.
en | partial_delivery | yes | !You may ship what is ready and send the rest later.
en | partial_delivery | no | Partial deliveries are not accepted.
en | partial_delivery | no | Please deliver complete; no part shipments.
en | partial_delivery | no | !Everything must arrive in one consignment.
en | reverse_charge | yes | Reverse charge: the recipient is liable for the VAT.
en | reverse_charge | yes | VAT is to be accounted for by the customer under the reverse charge procedure.
en | reverse_charge | yes | !The tax liability passes to the recipient of the service.
en | reverse_charge | no | The reverse charge procedure does not apply.
en | reverse_charge | no | !The supplier accounts for the VAT; no reverse charge.
en | penalty | yes | For each week of delay {p}% of the price is due as a penalty.
en | penalty | yes | Liquidated damages of {p}% per day apply if the date is missed.
en | penalty | yes | !Whoever is late owes {p}% of the contract sum per week.
en | penalty | no | No contractual penalty is agreed.
en | penalty | no | Delay does not give rise to any penalty.
en | penalty | no | !Liquidated damages are excluded.
en | exclusivity | yes | The customer shall obtain these goods exclusively from the supplier.
en | exclusivity | yes | The supplier is granted exclusive rights in the territory.
en | exclusivity | yes | !No other source may be used during the term.
en | exclusivity | no | This agreement is non-exclusive.
en | exclusivity | no | Either party may contract with others for the same services.
en | exclusivity | no | !The customer stays free to buy elsewhere.
en | confidentiality | yes | The contents of this document are confidential.
en | confidentiality | yes | Both parties shall keep all information secret for {n} years.
en | confidentiality | yes | !Nothing in here may be shown to third parties.
en | confidentiality | no | This document is not confidential and may be published.
en | confidentiality | no | No duty of confidentiality is agreed.
en | confidentiality | no | !The parties may freely disclose the content.
en | price_fixed | yes | Prices are fixed until the end of the term.
en | price_fixed | yes | The agreed prices are firm and not subject to revision.
en | price_fixed | yes | !No price increase is possible for {m} months.
en | price_fixed | no | Prices are adjusted each year to the consumer price index.
en | price_fixed | no | Prices are subject to change without notice.
en | price_fixed | no | !The supplier may raise prices with {d} days' notice.
en | advance_payment | yes | {h}% of the price is payable in advance.
en | advance_payment | yes | A deposit of {h}% is due on signature.
en | advance_payment | yes | !Before work begins, {h}% has to be transferred.
en | advance_payment | no | No advance payment is made.
en | advance_payment | no | Payment is made only after delivery, without any deposit.
en | advance_payment | no | !Money is due only once the goods have arrived.
en | retention_of_title | yes | Goods remain our property until paid in full.
en | retention_of_title | yes | Title passes to the buyer on full payment only.
en | retention_of_title | yes | !Until every bill is settled the goods belong to the seller.
en | retention_of_title | no | Title passes to the buyer on delivery.
en | retention_of_title | no | !Ownership changes at handover, whether paid or not.
en | subcontracting | yes | The supplier may use subcontractors.
en | subcontracting | yes | Work may be passed on to qualified third parties.
en | subcontracting | yes | !Others may be engaged to perform the work.
en | subcontracting | no | Subcontracting is prohibited.
en | subcontracting | no | The work must be carried out by the supplier's own staff.
en | subcontracting | no | !No part of the order may be handed to another firm.
en | warranty | yes | We grant a warranty of {m} months.
en | warranty | yes | Warranty: {n} years from delivery.
en | warranty | yes | !For {m} months we repair defects free of charge.
en | warranty | no | Sold as seen, without any warranty.
en | warranty | no | All warranties are excluded.
en | warranty | no | !The seller is not liable for any defects.
en | returns | yes | Goods may be returned within {d} days.
en | returns | yes | Unused goods are taken back within {d} days.
en | returns | yes | !Not happy? Bring it back within {d} days.
en | returns | no | Goods cannot be returned.
en | returns | no | No refunds, no exchange.
en | returns | no | !All sales are final.
en | insurance | yes | The supplier shall maintain liability insurance throughout the term.
en | insurance | yes | The contractor must carry insurance cover and prove it on request.
en | insurance | no | The supplier is not required to take out insurance.
en | insurance | no | !Insurance is left to the contractor's discretion.
en | assignment | yes | Claims under this document may be assigned to third parties.
en | assignment | yes | !Either side may transfer its rights to another company.
en | assignment | no | Claims under this document must not be assigned.
en | assignment | no | Assignment of rights is prohibited.
en | assignment | no | !Rights under this document stay with the parties.
de | auto_renewal | yes | Der Vertrag verlängert sich automatisch um {m} Monate, wenn er nicht gekündigt wird.
de | auto_renewal | yes | Erfolgt keine Kündigung, verlängert sich die Laufzeit jeweils um ein Jahr.
de | auto_renewal | yes | !Ohne Kündigung läuft der Vertrag Jahr für Jahr weiter.
de | auto_renewal | no | Der Vertrag endet mit Ablauf der Laufzeit, eine automatische Verlängerung findet nicht statt.
de | auto_renewal | no | Eine Verlängerung bedarf einer neuen schriftlichen Vereinbarung.
de | auto_renewal | no | !Die Laufzeit erlischt von selbst und wird nur durch Unterschrift beider Seiten verlängert.
de | partial_delivery | yes | Teillieferungen sind zulässig.
de | partial_delivery | yes | Die Ware darf in mehreren Lieferungen geliefert werden.
de | partial_delivery | yes | !Liefern Sie gern vorab, was schon fertig ist, den Rest später.
de | partial_delivery | no | Teillieferungen werden nicht akzeptiert.
de | partial_delivery | no | Bitte nur komplett liefern, keine Teillieferungen.
de | partial_delivery | no | !Alles muss in einer Sendung eintreffen.
de | reverse_charge | yes | Steuerschuldnerschaft des Leistungsempfängers (Reverse Charge).
de | reverse_charge | yes | Die Umsatzsteuer schuldet der Leistungsempfänger nach § 13b UStG.
de | reverse_charge | yes | !Die Steuerschuld geht auf den Empfänger der Leistung über.
de | reverse_charge | no | Das Reverse-Charge-Verfahren findet keine Anwendung.
de | reverse_charge | no | !Die Steuer führt der Leistende ab, kein Übergang der Steuerschuld.
de | penalty | yes | Für jede Woche Verzug werden {p}% des Preises als Vertragsstrafe fällig.
de | penalty | yes | Bei Überschreiten des Termins gilt eine Vertragsstrafe von {p} % pro Tag.
de | penalty | yes | !Wer zu spät liefert, schuldet {p}% der Auftragssumme je Woche.
de | penalty | no | Eine Vertragsstrafe ist nicht vereinbart.
de | penalty | no | Verzug löst keine Vertragsstrafe aus.
de | penalty | no | !Pauschalierter Schadensersatz ist ausgeschlossen.
de | exclusivity | yes | Der Kunde bezieht diese Waren ausschließlich vom Lieferanten.
de | exclusivity | yes | Dem Lieferanten wird im Gebiet Exklusivität eingeräumt.
de | exclusivity | yes | !Während der Laufzeit darf keine andere Quelle genutzt werden.
de | exclusivity | no | Dieser Vertrag begründet keine Exklusivität.
de | exclusivity | no | Beide Parteien dürfen gleiche Leistungen auch mit Dritten vereinbaren.
de | exclusivity | no | !Dem Kunden steht es frei, anderswo zu kaufen.
de | confidentiality | yes | Der Inhalt dieses Dokuments ist vertraulich.
de | confidentiality | yes | Beide Parteien bewahren über alle Informationen {n} Jahre Stillschweigen.
de | confidentiality | yes | !Nichts davon darf Dritten gezeigt werden.
de | confidentiality | no | Dieses Dokument ist nicht vertraulich und darf veröffentlicht werden.
de | confidentiality | no | Eine Pflicht zur Geheimhaltung ist nicht vereinbart.
de | confidentiality | no | !Die Parteien dürfen den Inhalt frei weitergeben.
de | price_fixed | yes | Die Preise sind bis zum Ende der Laufzeit fest.
de | price_fixed | yes | Es gelten Festpreise ohne Preisanpassung.
de | price_fixed | yes | !Für {m} Monate ist keine Preiserhöhung möglich.
de | price_fixed | no | Die Preise werden jährlich an den Verbraucherpreisindex angepasst.
de | price_fixed | no | Preisänderungen bleiben vorbehalten.
de | price_fixed | no | !Der Lieferant darf die Preise mit einer Frist von {d} Tagen erhöhen.
de | advance_payment | yes | {h}% des Preises sind im Voraus zu zahlen.
de | advance_payment | yes | Bei Unterschrift ist eine Anzahlung von {h} % fällig.
de | advance_payment | yes | !Vor Beginn der Arbeiten sind {h}% zu überweisen.
de | advance_payment | no | Eine Anzahlung wird nicht geleistet.
de | advance_payment | no | Die Zahlung erfolgt erst nach Lieferung, ohne Vorauszahlung.
de | advance_payment | no | !Geld wird erst fällig, wenn die Ware eingetroffen ist.
de | retention_of_title | yes | Die Ware bleibt bis zur vollständigen Bezahlung unser Eigentum.
de | retention_of_title | yes | Lieferung unter Eigentumsvorbehalt.
de | retention_of_title | yes | !Bis alle Rechnungen beglichen sind, gehört die Ware dem Verkäufer.
de | retention_of_title | no | Das Eigentum geht mit der Lieferung auf den Käufer über.
de | retention_of_title | no | !Mit Übergabe wechselt das Eigentum, ob bezahlt oder nicht.
de | subcontracting | yes | Der Lieferant darf Unterauftragnehmer einsetzen.
de | subcontracting | yes | Arbeiten dürfen an geeignete Dritte weitergegeben werden.
de | subcontracting | yes | !Für die Ausführung dürfen andere Betriebe herangezogen werden.
de | subcontracting | no | Die Weitergabe an Subunternehmer ist untersagt.
de | subcontracting | no | Die Leistung ist mit eigenem Personal zu erbringen.
de | subcontracting | no | !Kein Teil des Auftrags darf an eine andere Firma gehen.
de | warranty | yes | Wir gewähren {m} Monate Garantie.
de | warranty | yes | Gewährleistung: {n} Jahre ab Lieferung.
de | warranty | yes | !Mängel beheben wir {m} Monate lang kostenlos.
de | warranty | no | Verkauf unter Ausschluss jeder Gewährleistung.
de | warranty | no | Eine Garantie wird nicht übernommen.
de | warranty | no | !Für Mängel haftet der Verkäufer nicht.
de | returns | yes | Rückgabe innerhalb von {d} Tagen möglich.
de | returns | yes | Unbenutzte Ware nehmen wir {d} Tage lang zurück.
de | returns | yes | !Nicht zufrieden? Bringen Sie die Ware binnen {d} Tagen wieder.
de | returns | no | Die Ware ist vom Umtausch ausgeschlossen.
de | returns | no | Keine Rückgabe, keine Erstattung.
de | returns | no | !Alle Käufe sind endgültig.
de | insurance | yes | Der Auftragnehmer unterhält während der Laufzeit eine Haftpflichtversicherung.
de | insurance | yes | Der Lieferant muss versichert sein und dies auf Verlangen nachweisen.
de | insurance | no | Der Lieferant ist nicht verpflichtet, eine Versicherung abzuschließen.
de | insurance | no | !Eine Versicherung steht dem Auftragnehmer frei.
de | assignment | yes | Forderungen aus diesem Dokument dürfen abgetreten werden.
de | assignment | yes | !Jede Seite darf ihre Rechte auf ein anderes Unternehmen übertragen.
de | assignment | no | Forderungen aus diesem Dokument dürfen nicht abgetreten werden.
de | assignment | no | Die Abtretung von Rechten ist ausgeschlossen.
de | assignment | no | !Die Rechte aus diesem Dokument bleiben bei den Parteien.
`
