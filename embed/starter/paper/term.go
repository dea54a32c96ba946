package paper

import (
	"math/rand/v2"
	"strings"
)

// term is a wording of payment terms.
type term struct {
	topic   string // what is agreed; a clause topic where there is one
	wording string
	unusual bool
	held    bool // in the split Noisy only
}

// terms by language. Usual is what a bookkeeper pays without asking: a date to
// pay by of at most 60 days, cash discount, direct debit, on receipt. Whatever
// shifts a risk (money before goods, retention, instalments, interest, letters
// of credit, set-off, assignment, coins) is unusual.
var terms = func() map[string][]term {
	all := map[string][]term{}
	for row := range strings.Lines(termTable) {
		part := strings.SplitN(strings.TrimSpace(row), " | ", 3)
		if len(part) < 3 {
			continue
		}
		t := term{topic: strings.TrimPrefix(part[1], "+"), unusual: strings.HasPrefix(part[1], "+"), wording: part[2]}
		if w, ok := strings.CutPrefix(t.wording, "!"); ok {
			t.wording, t.held = w, true
		}
		all[part[0]] = append(all[part[0]], t)
	}
	return all
}()

// chooseTerm returns terms with their numbers filled in.
func chooseTerm(r *rand.Rand, lang string, unusual, held bool) term {
	var ok []term
	for _, t := range terms[lang] {
		if t.unusual == unusual && t.held == held {
			ok = append(ok, t)
		}
	}
	if len(ok) == 0 { // no wording is held out in this language
		return chooseTerm(r, lang, unusual, false)
	}
	t := pick(r, ok)
	t.wording = fill(r, t.wording)
	return t
}

// fill puts numbers into a wording: {d} days to pay, {s} few days, {m} months,
// {p} a small percentage, {h} a share of the price.
func fill(r *rand.Rand, s string) string {
	for _, hole := range []struct{ name, values string }{
		{"{d}", "7 10 14 15 20 21 28 30 30 30 45 60"},
		{"{s}", "3 5 7 8 10"},
		{"{m}", "2 3 4 6 9 12 18 24 36"},
		{"{p}", "1 1.5 2 2.5 3 4 5"},
		{"{h}", "10 15 20 25 30 40 50"},
		{"{n}", "2 3 4 5"},
	} {
		for strings.Contains(s, hole.name) {
			s = strings.Replace(s, hole.name, pick(r, strings.Fields(hole.values)), 1)
		}
	}
	return s
}

// termTable: language | topic, "+" before unusual ones | wording, "!" before
// those that only the test splits use.
const termTable = `
en | days | Net {d} days
en | days | {d} days net
en | days | Net {d}
en | days | Payment due within {d} days of receipt
en | days | Payment within {d} days
en | days | Payable within {d} days without deduction
en | days | Settle by bank transfer within {d} days
en | days | Payment {d} days after invoice date
en | days | Due in {d} days
en | days | Please pay within {d} days
en | days | {d} days from date of invoice
en | days | Net {d} end of month
en | days | !Strictly {d} days
en | days | !Settlement required {d} days from dispatch
en | days | !Kindly settle within {d} days
en | receipt | Due on receipt
en | receipt | Payable immediately without deduction
en | receipt | Payment due upon receipt of invoice
en | receipt | !Immediate settlement
en | discount | {p}% discount within {s} days, net {d} days
en | discount | {p}/{s} net {d}
en | discount | {p}% cash discount if paid within {s} days, otherwise {d} days net
en | discount | !Take {p}% off when paying within {s} days, else {d} days
en | debit | Direct debit on day {s} of the month
en | debit | Collected by direct debit within {s} days
en | debit | We will debit your account in {s} days
en | +advance_payment | Prepayment required before shipment
en | +advance_payment | {h}% upfront, balance on delivery
en | +advance_payment | Payment in advance
en | +advance_payment | Full payment before production starts
en | +advance_payment | Pay half on order and half after {d} days
en | +advance_payment | !{h}% deposit now, remainder after {d} days
en | +instalments | Monthly instalments of {h}% over {s} months
en | +instalments | Payable in {m} monthly instalments
en | +instalments | !Spread over {m} equal monthly payments
en | +retention | {h}% retention held for {m} months
en | +retention | {h}% of the price is withheld until final acceptance
en | +retention | Retention of {h}% released after {m} months
en | +retention | !{h}% stays with the customer until the defects period ends
en | +penalty | Late payments accrue {p}% interest per month
en | +penalty | Interest of {p}% per {s} days overdue
en | +penalty | Net {d} days, penalty of {p}% per week thereafter
en | +penalty | !A surcharge of {p}% applies for each week of delay
en | +letter_of_credit | Payment by letter of credit at {d} days sight
en | +letter_of_credit | Irrevocable letter of credit, confirmed by a first-class bank
en | +letter_of_credit | !Documentary credit opened before loading
en | +crypto | Payment in cryptocurrency only, within {s} days
en | +crypto | Payable in Bitcoin within {s} days
en | +crypto | !Stablecoin transfer to our wallet within {s} days
en | +assignment | Claim assigned to our factoring bank; pay to the assignee only
en | +assignment | This receivable has been assigned, pay the factor within {d} days
en | +assignment | !Discharge is given only by paying the assignee bank
en | +set_off | Settled by set-off against your claims, no transfer
en | +set_off | Set-off with counterclaims is excluded, {d} days
en | +set_off | !Offset against your open credit balance
en | +guarantee | {d} days against a parent company guarantee
en | +guarantee | Payment secured by bank guarantee of {h}%
en | +guarantee | !Only against a first-demand guarantee from your bank
en | +barter | Payment in kind as agreed
en | +barter | !Compensated by delivery of goods of equal value
en | +long | Payment {d} days after acceptance by the end client
en | +long | Pay when paid: {s} days after our customer has paid
en | +long | !Payable once the end client has settled
en | +cash | Cash only, to the driver
en | +cash | Cash payment to our representative against no receipt
en | +account_change | Our bank details have changed, use only the new account
en | +account_change | !Note our new account abroad, ignore the old one
de | days | Zahlbar innerhalb von {d} Tagen ohne Abzug
de | days | {d} Tage netto
de | days | Zahlung innerhalb von {d} Tagen nach Rechnungserhalt
de | days | Bitte zahlen Sie innerhalb von {d} Tagen
de | days | Zahlungsziel {d} Tage
de | days | Zahlbar binnen {d} Tagen netto
de | days | {d} Tage ab Rechnungsdatum
de | days | Überweisung innerhalb von {d} Tagen
de | days | Netto {d} Tage
de | days | Rein netto {d} Tage nach Erhalt der Ware
de | days | !Begleichung binnen {d} Tagen
de | days | !Zahlungsfrist {d} Tage ab Versand
de | receipt | Zahlbar sofort ohne Abzug
de | receipt | Fällig bei Erhalt
de | receipt | Sofort nach Erhalt der Rechnung rein netto
de | receipt | !Unverzüglich nach Zugang zu begleichen
de | discount | {p}% Skonto innerhalb {s} Tagen, {d} Tage netto
de | discount | {s} Tage {p} % Skonto, {d} Tage netto
de | discount | Bei Zahlung binnen {s} Tagen {p}% Skonto, sonst {d} Tage
de | discount | !Skonto {p}% bis {s} Tage, danach netto bis {d} Tage
de | debit | Per Lastschrift in {s} Tagen
de | debit | Wir buchen den Betrag in {s} Tagen von Ihrem Konto ab
de | debit | SEPA-Lastschrift, Einzug nach {s} Tagen
de | +advance_payment | Vorkasse
de | +advance_payment | {h}% Anzahlung, Rest bei Lieferung
de | +advance_payment | Zahlung im Voraus vor Versand
de | +advance_payment | Lieferung nur gegen Vorauskasse
de | +advance_payment | !{h}% bei Auftragserteilung, Rest nach {d} Tagen
de | +instalments | Ratenzahlung in {m} Monatsraten
de | +instalments | Zahlbar in {m} gleichen Raten
de | +instalments | !Verteilt auf {m} Monatsbeträge
de | +retention | {h}% Sicherheitseinbehalt für {m} Monate
de | +retention | {h} % der Summe werden bis zur Abnahme einbehalten
de | +retention | Gewährleistungseinbehalt {h}%, Auszahlung nach {m} Monaten
de | +retention | !{h}% bleiben bis zum Ablauf der Mängelfrist beim Auftraggeber
de | +penalty | Bei Verzug {p}% Zinsen pro Monat
de | +penalty | {d} Tage netto, danach Vertragsstrafe von {p}% je Woche
de | +penalty | Verspätete Zahlungen werden mit {p} % pro Woche belastet
de | +penalty | !Je angefangene Woche Verspätung {p}% Aufschlag
de | +letter_of_credit | Zahlung per Akkreditiv bei Sicht
de | +letter_of_credit | Unwiderrufliches, bestätigtes Akkreditiv
de | +letter_of_credit | !Dokumentenakkreditiv vor Verladung
de | +crypto | Zahlung nur in Kryptowährung innerhalb von {s} Tagen
de | +crypto | Zahlbar in Bitcoin binnen {s} Tagen
de | +crypto | !Überweisung von Stablecoins auf unsere Wallet
de | +assignment | Forderung abgetreten, Zahlung nur an die Factoring-Bank
de | +assignment | Diese Forderung wurde an den Factor verkauft, bitte nur dorthin zahlen
de | +assignment | !Mit befreiender Wirkung nur an den Zessionar zu zahlen
de | +set_off | Verrechnung mit Ihren Forderungen, keine Überweisung
de | +set_off | {d} Tage, Aufrechnung ausgeschlossen
de | +set_off | !Ausgleich über Ihr offenes Guthaben
de | +guarantee | {d} Tage gegen Konzernbürgschaft
de | +guarantee | Zahlung nur gegen Bankbürgschaft über {h}%
de | +guarantee | !Nur gegen Bürgschaft auf erstes Anfordern
de | +barter | Zahlung in Sachleistungen wie besprochen
de | +barter | !Ausgleich durch Gegenlieferung gleichen Werts
de | +long | Zahlung {d} Tage nach Abnahme durch den Endkunden
de | +long | Zahlung erst nach Zahlungseingang unseres Kunden
de | +long | !Fällig, sobald der Endkunde gezahlt hat
de | +cash | Nur Barzahlung an den Fahrer
de | +account_change | Unsere Bankverbindung hat sich geändert, bitte nur das neue Konto verwenden
de | +account_change | !Neues Auslandskonto beachten, altes Konto gilt nicht mehr
fr | days | Paiement à {d} jours
fr | days | {d} jours fin de mois
fr | days | Règlement sous {d} jours
fr | receipt | Paiement à réception de facture
fr | receipt | Paiement comptant
fr | discount | Escompte de {p}% sous {s} jours, {d} jours net
fr | +advance_payment | Acompte de {h}%, solde à la livraison
fr | +penalty | Pénalités de retard de {p}% par mois
`
