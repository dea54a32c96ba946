package corpus

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"skerry/appliance/llm"
	"skerry/embed/starter/paper"
)

var kinds = []paper.Kind{paper.Invoice, paper.CreditNote, paper.Order, paper.DeliveryNote, paper.Receipt, paper.Contract, paper.Mail}

// kindStyles are label sets for kinds of documents.
var kindStyles = []map[paper.Kind]string{
	{paper.Invoice: "invoice", paper.CreditNote: "credit_note", paper.Order: "order", paper.DeliveryNote: "delivery_note", paper.Receipt: "receipt", paper.Contract: "contract", paper.Mail: "email"},
	{paper.Invoice: "invoice", paper.CreditNote: "credit_note", paper.Order: "purchase_order", paper.DeliveryNote: "delivery_note", paper.Receipt: "receipt", paper.Contract: "agreement", paper.Mail: "e_mail"},
	{paper.Invoice: "Invoice", paper.CreditNote: "Credit note", paper.Order: "Purchase order", paper.DeliveryNote: "Delivery note", paper.Receipt: "Receipt", paper.Contract: "Contract", paper.Mail: "E-mail"},
	{paper.Invoice: "rechnung", paper.CreditNote: "gutschrift", paper.Order: "bestellung", paper.DeliveryNote: "lieferschein", paper.Receipt: "quittung", paper.Contract: "vertrag", paper.Mail: "email"},
	{paper.Invoice: "Rechnung", paper.CreditNote: "Gutschrift", paper.Order: "Bestellung", paper.DeliveryNote: "Lieferschein", paper.Receipt: "Kassenbon", paper.Contract: "Vertrag", paper.Mail: "E-Mail"},
	{paper.Invoice: "INVOICE", paper.CreditNote: "CREDIT_NOTE", paper.Order: "ORDER", paper.DeliveryNote: "DELIVERY_NOTE", paper.Receipt: "RECEIPT", paper.Contract: "CONTRACT", paper.Mail: "MAIL"},
	{paper.Invoice: "bill", paper.CreditNote: "credit", paper.Order: "po", paper.DeliveryNote: "packing_slip", paper.Receipt: "till_receipt", paper.Contract: "agreement", paper.Mail: "message"},
}

// kindAbouts describe kinds, for labels that say little.
var kindAbouts = map[paper.Kind][]string{
	paper.Invoice:      {"asks for payment of goods or services", "a bill from a supplier", "verlangt Zahlung für Waren oder Leistungen", "Rechnung eines Lieferanten"},
	paper.CreditNote:   {"gives money back or corrects an invoice", "credits an earlier invoice", "schreibt einen Betrag gut", "berichtigt eine Rechnung"},
	paper.Order:        {"orders goods or services", "a customer places an order", "bestellt Waren oder Leistungen", "Auftrag eines Kunden"},
	paper.DeliveryNote: {"comes with delivered goods", "lists what was delivered, without asking for money", "begleitet gelieferte Ware", "listet auf, was geliefert wurde"},
	paper.Receipt:      {"confirms a purchase that is paid", "slip from a shop or till", "bestätigt einen bezahlten Einkauf", "Bon aus einem Geschäft"},
	paper.Contract:     {"an agreement between two parties", "terms that both sides sign", "Vereinbarung zwischen zwei Parteien", "Vertrag mit Laufzeit und Kündigung"},
	paper.Mail:         {"a message from one person to another", "electronic mail with a subject", "Nachricht einer Person an eine andere", "elektronische Post"},
}

var kindAsks = phrases{
	seen: plain("What kind of document is this?", "Choose the kind of the document.", "Classify the document.", "Which type of document is it?", "Document type?", "Sort this into the right tray.", "Um welche Art von Dokument handelt es sich?", "Welche Dokumentart ist das?", "Bestimme die Art des Dokuments.", "Ordne das Dokument ein.", "What sort of paper did we receive?", ""),
	held: plain("Tell me what has arrived in the post.", "Welcher Ablage gehört das Schreiben an?"),
}

var languageAsks = phrases{
	seen: plain("In which language is the document written?", "What language is this?", "Language of the text?", "Choose the language of the document.", "In welcher Sprache ist das Dokument verfasst?", "Welche Sprache hat der Text?"),
	held: plain("Which tongue does the author use?", "Auf welcher Sprache wurde geschrieben?"),
}

var languageStyles = []map[string]string{
	{"en": "en", "de": "de", "fr": "fr", "it": "it", "es": "es"},
	{"en": "English", "de": "German", "fr": "French", "it": "Italian", "es": "Spanish"},
	{"en": "Englisch", "de": "Deutsch", "fr": "Französisch", "it": "Italienisch", "es": "Spanisch"},
	{"en": "english", "de": "german", "fr": "french", "it": "italian", "es": "spanish"},
}

var termsAsks = phrases{
	seen: plain("Are the payment terms usual or unusual?", "Judge the terms of payment.", "Do the terms need a second look?", "Classify the payment terms.", "Are these terms what a bookkeeper pays without asking?", "Check the terms of payment for anything out of the ordinary.", "Are the terms of payment ordinary?", "Sind die Zahlungsbedingungen üblich oder ungewöhnlich?", "Beurteile die Zahlungsbedingungen.", "Weichen die Zahlungsbedingungen vom Üblichen ab?", "Prüfe, ob die Zahlungsbedingungen normal sind.", "Terms of payment: usual or not?", "Read the payment terms and choose."),
	held: plain("Would an accountant raise an eyebrow at how payment is to be made?", "Ist an den Konditionen etwas auffällig?"),
}

// termsStyle is a pair of labels with their descriptions, and one for none.
type termsStyle struct{ usual, unusual, none string }

var termsStyles = []termsStyle{
	{"usual", "unusual", "none"}, {"usual", "unusual", "not_stated"}, {"standard", "nonstandard", "missing"}, {"normal", "unusual", "no_terms"},
	{"ordinary", "extraordinary", "none"}, {"ok", "check", "not_stated"}, {"regular", "irregular", "absent"}, {"üblich", "unüblich", "keine"},
	{"gewöhnlich", "ungewöhnlich", "keine Angabe"}, {"normal", "auffällig", "fehlt"}, {"standard", "abweichend", "keine"}, {"Usual", "Unusual", "None"},
}

var termsAbouts = [3][]string{
	{"a date to pay by of at most 60 days, cash discount, direct debit, on receipt", "days to pay, cash discount, direct debit or on receipt", "what a bookkeeper pays without asking", "ordinary terms", "Zahlungsziel bis 60 Tage, Skonto, Lastschrift oder sofort", "was jede Buchhaltung kennt"},
	{"anything else, such as prepayment, instalments, retention, interest, letters of credit", "prepayment, instalments, retention, assignment, crypto and the like", "what somebody should look at first", "terms that shift a risk", "alles andere, etwa Vorkasse, Raten, Einbehalt, Akkreditiv", "Bedingungen, die jemand ansehen sollte"},
	{"no terms of payment are stated", "the document says nothing about payment", "keine Zahlungsbedingungen angegeben"},
}

// answers to questions: yes, no, not stated.
var yesNo = [][3]string{
	{"yes", "no", "not_stated"}, {"yes", "no", "unclear"}, {"Yes", "No", "Not stated"}, {"ja", "nein", "keine_angabe"}, {"Ja", "Nein", "Keine Angabe"}, {"true", "false", "unknown"}, {"yes", "no", "not mentioned"},
}

func plain(texts ...string) []phrase {
	out := make([]phrase, len(texts))
	for i, s := range texts {
		out[i] = phrase{text: s}
	}
	return out
}

// classify asks to choose a label.
func (a *asker) classify() {
	a.e.Group = Classify
	a.begin()
	ways := []struct {
		weight float64
		ask    func() bool
	}{{.33, a.classifyKind}, {.08, a.classifyLanguage}, {.27, a.classifyTerms}, {.22, a.classifyClause}, {.05, a.classifyAddressee}, {.05, a.classifyTotal}}
	weights := make([]float64, len(ways))
	for i, w := range ways {
		weights[i] = w.weight
	}
	for range 20 {
		if ways[weighted(a.r, weights...)].ask() {
			return
		}
	}
	a.classifyLanguage()
}

// choose writes a classification. text is what it is about.
func (a *asker) choose(topic, text, instructions string, labels []llm.Label, right string) {
	a.e.Topic = topic
	if !chance(a.r, .25) {
		shuffle(a.r, labels)
	}
	a.e.Prompt = llm.Prompt{Kind: llm.TaskClassify, Text: text, Instructions: instructions, Labels: labels}
	var w writer
	w.text(`{"label":`)
	w.value(Target{Name: "label", Canonical: "label", Type: llm.TypeEnum, JSON: quote(right), Seen: true})
	w.text("}")
	a.e.Answer, a.e.Targets = w.b.String(), w.targets
}

func (a *asker) classifyKind() bool {
	if a.unclear["kind"] {
		return false
	}
	style := pick(a.r, kindStyles)
	describe := chance(a.r, .35)
	label := func(k paper.Kind) llm.Label {
		l := llm.Label{Name: style[k]}
		if describe {
			l.About = pick(a.r, kindAbouts[k])
		}
		return l
	}
	var labels []llm.Label
	for _, k := range a.otherKinds(1 + a.r.IntN(6)) {
		labels = append(labels, label(k))
	}
	right := style[a.d.Kind]
	other := pick(a.r, []string{"other", "something_else", "none", "sonstiges", "andere", "other"})
	withOther := chance(a.r, .25)
	switch {
	case withOther && len(labels) > 1 && chance(a.r, .35): // what it is cannot be chosen
		right = other
	default:
		labels = append(labels, label(a.d.Kind))
	}
	if withOther {
		l := llm.Label{Name: other}
		if describe {
			l.About = pick(a.r, []string{"anything else", "none of these", "alles andere"})
		}
		labels = append(labels, l)
	}
	a.choose("kind", a.d.Text, a.wording(kindAsks), labels, right)
	return true
}

func (a *asker) classifyLanguage() bool {
	style := pick(a.r, languageStyles)
	if style[a.d.Language] == "" {
		return false
	}
	labels := []llm.Label{{Name: style["en"]}, {Name: style["de"]}}
	for _, l := range []string{"fr", "it", "es"} {
		if l == a.d.Language || chance(a.r, .35) {
			labels = append(labels, llm.Label{Name: style[l]})
		}
	}
	a.choose("language", a.d.Text, a.wording(languageAsks), labels, style[a.d.Language])
	return true
}

func (a *asker) classifyTerms() bool {
	if a.unclear["terms"] || a.unclear["payment_terms"] {
		return false
	}
	stated := a.d.Terms != nil && a.d.Terms.Stated
	_, fact := a.d.Facts["payment_terms"]
	if !stated && (fact || chance(a.r, .7)) {
		return false
	}
	style := pick(a.r, termsStyles)
	names := []string{style.usual, style.unusual, style.none}
	right := 2
	if stated {
		right = map[bool]int{false: 0, true: 1}[a.d.Terms.Holds]
	}
	// A label that says nothing by itself has to be described.
	describe := chance(a.r, .45) || style.usual == "ok"
	var labels []llm.Label
	for i, name := range names {
		if i == 2 && right != 2 && !chance(a.r, .3) {
			continue
		}
		l := llm.Label{Name: name}
		if describe {
			l.About = pick(a.r, termsAbouts[i])
		}
		labels = append(labels, l)
	}
	text := a.d.Text
	if stated && chance(a.r, .3) { // as a mission does that has extracted them before
		text = a.d.Terms.Text
	}
	a.choose("terms", text, a.wording(termsAsks), labels, names[right])
	return true
}

// labelsOf returns the labels of a question; the third only where it is the
// answer, or sometimes.
func (a *asker) labelsOf(style [3]string, right int) []llm.Label {
	labels := []llm.Label{{Name: style[0]}, {Name: style[1]}}
	if right == 2 || chance(a.r, .35) {
		labels = append(labels, llm.Label{Name: style[2]})
		if chance(a.r, .3) {
			labels[2].About = pick(a.r, []string{"the document does not say", "nothing is said about it", "dazu steht nichts im Dokument"})
		}
	}
	return labels
}

func (a *asker) classifyClause() bool {
	var may []paper.Clause
	for _, c := range a.d.Clauses {
		if _, ok := topics[c.Topic]; ok && !a.unclear[c.Topic] {
			may = append(may, c)
		}
	}
	if len(may) == 0 {
		return false
	}
	c := pick(a.r, may)
	right := 2
	if c.Stated {
		right = map[bool]int{true: 0, false: 1}[c.Holds]
	}
	style := pick(a.r, yesNo)
	text := a.d.Text
	if c.Stated && c.Text != "" && chance(a.r, .15) {
		text = c.Text
	}
	a.choose(c.Topic, text, a.wording(topics[c.Topic].questions), a.labelsOf(style, right), style[right])
	return true
}

var addresseeAsks = plain("Is the document addressed to %s?", "Is %s the customer?", "Was this sent to %s?", "Does this go to %s?", "Ist das Dokument an %s gerichtet?", "Ist %s der Kunde?", "Is %s the one who buys?")

func (a *asker) classifyAddressee() bool {
	customer, ok := a.d.Facts["customer_name"]
	if !ok || a.unclear["customer_name"] || a.d.Kind == paper.Order || a.d.Kind == paper.Contract || a.d.Kind == paper.Mail {
		return false
	}
	name := unquote(customer.JSON)
	style := pick(a.r, yesNo)
	right := 0
	if !chance(a.r, .5) {
		right = 1
		var other string
		if supplier, ok := a.d.Facts["supplier_name"]; ok && chance(a.r, .4) {
			other = unquote(supplier.JSON)
		} else {
			other = a.otherCompany()
		}
		if other == "" || strings.EqualFold(other, name) {
			return false
		}
		name = other
	}
	a.choose("addressee", a.d.Text, fmt.Sprintf(pick(a.r, addresseeAsks).text, name), []llm.Label{{Name: style[0]}, {Name: style[1]}}, style[right])
	return true
}

// otherCompany returns the name of a company of another document.
func (a *asker) otherCompany() string {
	split := a.split
	if split == paper.Page || split == Unseen {
		split = paper.Clean
	}
	for range 4 {
		d := paper.Make(poolSeed, split, a.r.IntN(poolSize))
		if f, ok := d.Facts["customer_name"]; ok {
			return unquote(f.JSON)
		}
	}
	return ""
}

var totalAsks = plain("Is the total above %s?", "Is the total amount more than %s?", "Does the total exceed %s?", "Liegt der Gesamtbetrag über %s?", "Ist der Gesamtbetrag höher als %s?", "Is more than %s asked for in total?")

func (a *asker) classifyTotal() bool {
	fact, ok := a.d.Facts["total_amount"]
	if !ok || a.unclear["total_amount"] || a.partPaid {
		return false
	}
	total, err := strconv.ParseFloat(fact.JSON, 64)
	if err != nil || total <= 0 {
		return false
	}
	bound := roundBound(a.r, total)
	if bound == total {
		return false
	}
	style := pick(a.r, yesNo)
	right := 1
	if total > bound {
		right = 0
	}
	ask := pick(a.r, totalAsks).text
	n := strconv.FormatFloat(bound, 'f', -1, 64)
	if chance(a.r, .4) && len(n) > 3 { // as people write it
		apart := ","
		if strings.Contains(ask, "Gesamt") {
			apart = "."
		}
		n = n[:len(n)-3] + apart + n[len(n)-3:]
		if len(n) > 7 {
			n = n[:len(n)-7] + apart + n[len(n)-7:]
		}
	}
	a.choose("total", a.d.Text, fmt.Sprintf(ask, n), []llm.Label{{Name: style[0]}, {Name: style[1]}}, style[right])
	return true
}

// roundBound returns a round number near a total, above or below.
func roundBound(r *rand.Rand, total float64) float64 {
	rounds := []float64{10, 20, 50, 100, 200, 250, 500, 1000, 1500, 2000, 2500, 5000, 10000, 20000, 25000, 50000, 100000, 250000, 500000, 1000000}
	i, _ := slices.BinarySearch(rounds, total)
	i += r.IntN(5) - 3
	return rounds[min(max(i, 0), len(rounds)-1)]
}
