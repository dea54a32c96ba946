package main

// spec says what one invoice of the samples is like. Names of files never
// change, because the random choices of a document come from its name.
type spec struct {
	file, story, lang, supplier string
	draw                        string // the name that the random choices come from; empty = file
	layout, currency            string
	number, date, money         string // see sheet
	terms                       string
	wording                     int
	shipping, big, hard         bool
	what                        [2]string // what is special, in English and German, for the title
	expect                      expectation
	change                      func(*invoice)
}

// expectation is how the run of a sample is meant to end.
type expectation struct {
	Verdict string `json:"verdict"` // approved, referred, rejected, failed or waiting (for a person)
	Class   string `json:"class"`
	Note    string `json:"note,omitempty"`
}

var (
	approved = expectation{Verdict: "approved", Class: "internal"}
	waiting  = expectation{Verdict: "waiting", Class: "internal"}
)

// invoices returns the specs of all samples that are invoices.
func invoices() []spec {
	var all []spec
	for _, group := range [][]spec{routine(), unusual(), restricted(), threshold(), badInvoices()} {
		all = append(all, group...)
	}
	return all
}

// routine invoices add up, are small and have ordinary terms.
func routine() []spec {
	rows := []spec{
		{file: "calder-tools", lang: "en", supplier: "Calder Tools Ltd", layout: "plain", currency: "GBP", number: "1,234.56", date: "2 January 2006", money: "€1", terms: "Net 30 days"},
		{file: "brookvale-packaging", lang: "en", supplier: "Brookvale Packaging Ltd", layout: "padded", currency: "GBP", number: "1,234.56", date: "02/01/2006", money: "€1", terms: "Payment within 14 days", wording: 1, shipping: true},
		{file: "haldon-freight", lang: "en", supplier: "Haldon Freight plc", layout: "title", currency: "GBP", number: "1,234.56", date: "2006-01-02", money: "1 EUR", terms: "30 days net", wording: 2},
		{file: "drayford-electric", lang: "en", supplier: "Drayford Electric LLC", layout: "plain", currency: "USD", number: "1,234.56", date: "January 2, 2006", money: "€1", terms: "Due on receipt", wording: 1},
		{file: "ambleton-networks", lang: "en", supplier: "Ambleton Networks Inc.", layout: "leader", currency: "USD", number: "1234.56", date: "Jan 2, 2006", money: "€1", terms: "2% discount within 10 days, net 30 days", shipping: true},
		{file: "velmar-software", lang: "en", supplier: "Velmar Software Inc.", layout: "pairs", currency: "USD", number: "1,234.56", date: "02-Jan-2006", money: "EUR 1", terms: "Net 45 days", wording: 3},
		{file: "glenthorpe-catering", draw: "glenthorpe-catering-2", lang: "en", supplier: "Glenthorpe Catering Ltd", layout: "mail", currency: "EUR", number: "1,234.56", date: "2 January 2006", money: "€1", terms: "Payment due within 21 days of receipt"},
		{file: "pellworth-cleaning", lang: "en", supplier: "Pellworth Cleaning Services", layout: "padded", currency: "EUR", number: "1234.56", date: "2 January 2006", money: "1", terms: "14 days net", wording: 2},
		{file: "brandhorst-werkzeuge", lang: "de", supplier: "Brandhorst Werkzeuge GmbH", layout: "plain", currency: "EUR", number: "1.234,56", date: "02.01.2006", money: "1 €", terms: "30 Tage netto"},
		{file: "lindenau-verpackung", lang: "de", supplier: "Lindenau Verpackung GmbH & Co. KG", layout: "padded", currency: "EUR", number: "1.234,56", date: "02.01.2006", money: "1 EUR", terms: "Zahlbar innerhalb von 14 Tagen ohne Abzug", wording: 1, shipping: true},
		{file: "kranichfeld-metallbau", lang: "de", supplier: "Kranichfeld Metallbau GmbH", layout: "title", currency: "EUR", number: "1.234,56", date: "2. January 2006", money: "1 €", terms: "2% Skonto innerhalb 10 Tagen, 30 Tage netto", wording: 2},
		{file: "wiesengrund-gastro", lang: "de", supplier: "Wiesengrund Gastro e.K.", layout: "leader", currency: "EUR", number: "1234,56", date: "02.01.2006", money: "EUR 1", terms: "Zahlungsziel 21 Tage"},
		{file: "rietwil-medien", lang: "de", supplier: "Rietwil Medien AG", layout: "plain", currency: "CHF", number: "1'234.56", date: "02.01.2006", money: "EUR 1", terms: "30 Tage netto", wording: 1},
		{file: "seefurt-technik", lang: "de", supplier: "Seefurt Technik AG", layout: "pairs", currency: "CHF", number: "1234.56", date: "2. January 2006", money: "1 EUR", terms: "Zahlung innerhalb von 30 Tagen nach Rechnungserhalt", shipping: true},
		{file: "tarnwick-steel", lang: "en", supplier: "Tarnwick Steel Ltd", layout: "pdf-letter", currency: "GBP", number: "1,234.56", date: "2 January 2006", money: "€1", terms: "Net 30 days"},
		{file: "quorney-engineering", lang: "en", supplier: "Quorney Engineering Limited", layout: "pdf-split", currency: "EUR", number: "1,234.56", date: "2006-01-02", money: "1 EUR", terms: "Net 14 days"},
		{file: "sundermoor-energy", lang: "en", supplier: "Sundermoor Energy Ltd", layout: "pdf-table", currency: "EUR", number: "1,234.56", date: "2 January 2006", money: "EUR 1", terms: "Direct debit on day 5 of the month", wording: 2},
		{file: "orrin-office", lang: "en", supplier: "Orrin Office Supplies LLC", layout: "pdf-letter", currency: "USD", number: "1,234.56", date: "January 2, 2006", money: "€1", terms: "Payment within 30 days", wording: 1},
		{file: "kestrelby-labs", lang: "en", supplier: "Kestrelby Labs Inc", layout: "pdf-table", currency: "USD", number: "1234.56", date: "Jan 2, 2006", money: "€1", terms: "3/10 net 45", wording: 3},
		{file: "ostersee-logistik", lang: "de", supplier: "Ostersee Logistik AG", layout: "pdf-letter", currency: "EUR", number: "1.234,56", date: "02.01.2006", money: "1 €", terms: "30 Tage netto"},
		{file: "rabensteg-holzbau", lang: "de", supplier: "Rabensteg Holzbau GmbH", layout: "pdf-table", currency: "EUR", number: "1.234,56", date: "02.01.2006", money: "1 EUR", terms: "Zahlbar innerhalb von 30 Tagen ohne Abzug", wording: 1, shipping: true},
		{file: "hohenwies-gebaeudetechnik", lang: "de", supplier: "Hohenwies Gebäudetechnik GmbH", layout: "pdf-split", currency: "EUR", number: "1.234,56", date: "2. January 2006", money: "1 €", terms: "Bitte zahlen Sie innerhalb von 14 Tagen"},
		{file: "zellerbach-software", lang: "de", supplier: "Zellerbach Software GmbH", layout: "pdf-letter", currency: "EUR", number: "1.234,56", date: "02.01.2006", money: "EUR 1", terms: "14 Tage netto", wording: 2},
		{file: "bergmoos-medien", lang: "de", supplier: "Bergmoos Medien AG", layout: "pdf-table", currency: "CHF", number: "1'234.56", date: "02.01.2006", money: "EUR 1", terms: "30 Tage netto", wording: 2},
	}
	for i := range rows {
		rows[i].story, rows[i].expect = "routine", approved
	}
	return rows
}

// unusual invoices have terms that a person must see, or labels that the small
// model seldom met, so that a step escalates.
func unusual() []spec {
	terms := func(s spec, en, de string) spec {
		s.story, s.what, s.expect = "terms", [2]string{en, de}, waiting
		s.expect.Note = "the terms are unusual, a person decides"
		return s
	}
	hard := func(s spec, en, de string) spec {
		s.story, s.hard, s.what, s.expect = "confidence", true, [2]string{en, de}, waiting
		s.expect.Note = "unusual labels: the step escalates, and waits for a person unless the stronger pool is sure"
		return s
	}
	unnamed := func(s spec, en, de string) spec {
		s.story, s.what, s.expect = "confidence", [2]string{en, de}, expectation{"referred", "internal", "neither model finds the supplier, which every invoice has, so the sender has to say who it is from"}
		return s
	}
	odd := func(s spec, en, de string) spec {
		s.story, s.what, s.expect = "confidence", [2]string{en, de}, approved
		s.expect.Note = "an unfamiliar layout: where the small model is unsure, the step escalates and the stronger pool is sure"
		return s
	}
	return []spec{
		odd(spec{file: "quenby-brackets", draw: "cand-bracket-1-2", lang: "en", supplier: "Quenby Tools & Wells Ltd", layout: "bracket", currency: "GBP", number: "1,234.56", date: "02/01/2006", money: "EUR 1", terms: "Net 30 days", wording: 1, shipping: true}, "labels in brackets", "Beschriftung in Klammern"),
		odd(spec{file: "tessel-markdown", draw: "cand-markdown-0-0", lang: "en", supplier: "Tessel Software Inc.", layout: "markdown", currency: "GBP", number: "1,234.56", date: "2 January 2006", money: "€1", terms: "Net 30 days", shipping: true}, "written in Markdown", "in Markdown geschrieben"),
		odd(spec{file: "quenby-markdown", draw: "cand-markdown-0-2", lang: "en", supplier: "Quenby Tools & Wells Ltd", layout: "markdown", currency: "EUR", number: "1,234.56", date: "2 January 2006", money: "1", terms: "Net 30 days", shipping: true}, "written in Markdown, amounts without a sign", "in Markdown geschrieben, Beträge ohne Zeichen"),
		odd(spec{file: "tessel-markdown-iso", draw: "cand-markdown-2-0", lang: "en", supplier: "Tessel Software Inc.", layout: "markdown", currency: "EUR", number: "1,234.56", date: "2006-01-02", money: "1", terms: "Net 30 days", wording: 2, shipping: true}, "written in Markdown, ISO dates", "in Markdown geschrieben, ISO-Datum"),
		odd(spec{file: "auental-stern-markdown", draw: "cand-markdown-1-4", lang: "de", supplier: "Auental-Stern Energie AG", layout: "markdown", currency: "EUR", number: "1.234,56", date: "02.01.2006", money: "1 EUR", terms: "30 Tage netto", wording: 1, shipping: true}, "written in Markdown, with freight (German)", "in Markdown geschrieben, mit Versand"),
		odd(spec{file: "birkenried-markdown", draw: "cand-markdown-3-3", lang: "de", supplier: "Birkenried Werkzeuge GmbH", layout: "markdown", currency: "EUR", number: "1.234,56", date: "02.01.2006", money: "1", terms: "30 Tage netto", wording: 3}, "written in Markdown, amounts without a sign (German)", "in Markdown geschrieben, Beträge ohne Zeichen"),
		odd(spec{file: "birkenried-klammern", lang: "de", supplier: "Birkenried Werkzeuge GmbH", layout: "bracket", currency: "EUR", number: "1.234,56", date: "02.01.2006", money: "1 €", terms: "30 Tage netto"}, "labels in brackets (German)", "Beschriftung in Klammern"),
		odd(spec{file: "auental-markdown", lang: "de", supplier: "Auental Energie AG", layout: "markdown", currency: "CHF", number: "1'234.56", date: "02.01.2006", money: "EUR 1", terms: "30 Tage netto", wording: 1}, "written in Markdown (German)", "in Markdown geschrieben"),
		terms(spec{file: "marrowby-machinery-advance", lang: "en", supplier: "Marrowby Machinery Ltd", layout: "plain", currency: "GBP", number: "1,234.56", date: "2 January 2006", money: "€1", terms: "Prepayment required before shipment"}, "advance payment", "Vorauszahlung"),
		terms(spec{file: "stellan-motors-upfront", lang: "en", supplier: "Stellan Motors Inc.", layout: "pdf-letter", currency: "USD", number: "1,234.56", date: "January 2, 2006", money: "€1", terms: "40% upfront, balance on delivery"}, "part of the price upfront", "Teil des Preises im Voraus"),
		terms(spec{file: "corvane-chemicals-credit", lang: "en", supplier: "Corvane Chemicals Ltd", layout: "padded", currency: "EUR", number: "1,234.56", date: "2006-01-02", money: "1 EUR", terms: "Payment by letter of credit at 60 days sight", wording: 1}, "letter of credit", "Akkreditiv"),
		terms(spec{file: "haverling-penalty", lang: "en", supplier: "Haverling Freight Ltd", layout: "pdf-table", currency: "GBP", number: "1,234.56", date: "02/01/2006", money: "€1", terms: "Late payments accrue 3% interest per month", wording: 1}, "penalty interest", "Strafzinsen"),
		terms(spec{file: "tolland-crypto", lang: "en", supplier: "Tolland Systems LLC", layout: "title", currency: "USD", number: "1,234.56", date: "Jan 2, 2006", money: "€1", terms: "Payment in cryptocurrency only, within 7 days"}, "payable in cryptocurrency only", "nur in Kryptowährung zahlbar"),
		terms(spec{file: "gruental-vorkasse", lang: "de", supplier: "Grüntal Elektro GmbH", layout: "plain", currency: "EUR", number: "1.234,56", date: "02.01.2006", money: "1 €", terms: "Vorkasse"}, "advance payment (German)", "Vorkasse"),
		terms(spec{file: "hagenried-anzahlung", lang: "de", supplier: "Hagenried Maschinenbau AG", layout: "pdf-letter", currency: "EUR", number: "1.234,56", date: "02.01.2006", money: "1 €", terms: "30% Anzahlung, Rest bei Lieferung", wording: 1}, "deposit (German)", "Anzahlung"),
		terms(spec{file: "moorland-verzug", lang: "de", supplier: "Moorland Transporte GmbH", layout: "padded", currency: "EUR", number: "1.234,56", date: "02.01.2006", money: "1 EUR", terms: "Bei Verzug 4% Zinsen pro Monat"}, "penalty interest (German)", "Strafzinsen bei Verzug"),
		terms(spec{file: "stonegrove-retention", lang: "en", supplier: "Stonegrove Engineering Ltd", layout: "pdf-letter", currency: "GBP", number: "1,234.56", date: "2 January 2006", money: "€1", terms: "10% retention held for 90 days"}, "retention", "Sicherheitseinbehalt"),
		terms(spec{file: "aldwick-set-off", lang: "en", supplier: "Aldwick Trading Ltd", layout: "plain", currency: "GBP", number: "1,234.56", date: "2 January 2006", money: "€1", terms: "Payment by set-off within 30 days", wording: 1}, "set-off", "Aufrechnung"),
		terms(spec{file: "wolfsau-wechsel", lang: "de", supplier: "Wolfsau Stahl GmbH", layout: "pdf-table", currency: "EUR", number: "1.234,56", date: "02.01.2006", money: "1 €", terms: "Zahlung per Wechsel in 60 Tagen"}, "bill of exchange (German)", "Wechsel"),
		hard(spec{file: "ferrandale-labels", lang: "en", supplier: "Ferrandale Textiles Ltd", layout: "markdown", currency: "GBP", number: "1,234.56", date: "2 January 2006", money: "€1", terms: "Account to be cleared by day 10", shipping: true}, "unfamiliar labels", "ungewohnte Beschriftung"),
		hard(spec{file: "bexhurst-labels", lang: "en", supplier: "Bexhurst Medical LLC", layout: "bracket", currency: "USD", number: "1234.56", date: "02-Jan-2006", money: "1 EUR", terms: "Settlement required 30 days from dispatch"}, "unfamiliar labels in brackets", "ungewohnte Beschriftung in Klammern"),
		unnamed(spec{file: "uferblick-reinigung", lang: "de", supplier: "Uferblick Reinigung GmbH", layout: "mail", currency: "EUR", number: "1.234,56", date: "2006-01-02", money: "1 €", terms: "Zahlbar sofort ohne Abzug", wording: 3}, "an e-mail whose supplier the models do not find (German)", "E-Mail, deren Absender die Modelle nicht finden"),
		odd(spec{file: "castermoor-plastics", draw: "castermoor-plastics-5", lang: "en", supplier: "Castermoor Plastics Ltd", layout: "pdf-table", currency: "GBP", number: "1,234.56", date: "02/01/2006", money: "€1", terms: "30 days net", wording: 1, shipping: true}, "a date that may be read in two ways", "ein Datum, das man auf zwei Arten lesen kann").asked(),
		odd(spec{file: "rookhaven-print", lang: "en", supplier: "Rookhaven Print Group", layout: "stacked", currency: "EUR", number: "1,234.56", date: "2006-01-02", money: "EUR 1", terms: "Net 60 days", wording: 1}, "labels above their values", "Beschriftung über den Werten").asked(),
		odd(spec{file: "oderwald-beschriftung", hard: true, lang: "de", supplier: "Oderwald Kunststoff KG", layout: "bracket", currency: "EUR", number: "1.234,56", date: "2. January 2006", money: "1 €", terms: "Begleichung binnen 30 Tagen"}, "unfamiliar labels (German)", "ungewohnte Beschriftung"),
		{file: "zirbenau-gesmbh", story: "confidence", lang: "de", supplier: "Zirbenau Software GesmbH", layout: "pdf-letter", currency: "EUR", number: "1.234,56", date: "02.01.2006", money: "EUR 1", terms: "14 Tage netto", wording: 2,
			what: [2]string{"a legal form that the model does not know (German)", "Rechtsform, die das Modell nicht kennt"}, expect: expectation{"approved", "internal", "a text can only be a piece of the document, between words: the name is read whole"}},
	}
}

// restricted invoices come from suppliers whose contracts forbid that their
// data leaves the site; see the table restricted_suppliers of the policy.
func restricted() []spec {
	rows := []spec{
		{file: "falkenmoor-technik", lang: "de", supplier: "Falkenmoor Technik GmbH", layout: "plain", currency: "EUR", number: "1.234,56", date: "02.01.2006", money: "1 €", terms: "30 Tage netto", what: [2]string{"restricted supplier (German)", "beschränkter Lieferant"}},
		{file: "falkenmoor-technik-pdf", lang: "de", supplier: "Falkenmoor Technik GmbH", layout: "pdf-letter", currency: "EUR", number: "1.234,56", date: "02.01.2006", money: "1 EUR", terms: "14 Tage netto", wording: 1, what: [2]string{"restricted supplier, PDF (German)", "beschränkter Lieferant, PDF"}},
		{file: "ardenfell-security", lang: "en", supplier: "Ardenfell Security Ltd", layout: "title", currency: "GBP", number: "1,234.56", date: "2 January 2006", money: "€1", terms: "Net 30 days", what: [2]string{"restricted supplier", "beschränkter Lieferant (englisch)"}},
		{file: "ardenfell-security-pdf", lang: "en", supplier: "Ardenfell Security Ltd", layout: "pdf-table", currency: "GBP", number: "1,234.56", date: "02/01/2006", money: "€1", terms: "30 days net", wording: 1, what: [2]string{"restricted supplier, PDF", "beschränkter Lieferant, PDF (englisch)"}},
		{file: "halcyon-crest-systems", lang: "en", supplier: "Halcyon Crest Systems plc", layout: "padded", currency: "EUR", number: "1,234.56", date: "2006-01-02", money: "EUR 1", terms: "Net 45 days", what: [2]string{"restricted supplier, paid in euro", "beschränkter Lieferant, in Euro (englisch)"}},
	}
	for i := range rows {
		rows[i].story, rows[i].expect = "restricted", expectation{"approved", "restricted", "stays on models cleared for restricted; without one the run parks"}
	}
	return append(rows, spec{
		file: "mention-of-restricted", story: "restricted", lang: "en", supplier: "Haldon Freight plc", layout: "plain", currency: "GBP", number: "1,234.56", date: "2 January 2006", money: "€1", terms: "Net 30 days",
		what:   [2]string{"restricted supplier only mentioned", "beschränkter Lieferant nur erwähnt"},
		expect: expectation{"approved", "restricted", "the name in a note is enough to raise the class, in capitals too"},
		change: func(v *invoice) { v.notes = []string{"Carried on behalf of ARDENFELL SECURITY LTD."} },
	})
}

// threshold invoices are large enough to need a person.
func threshold() []spec {
	rows := []spec{
		{file: "adlerberg-stahl", lang: "de", supplier: "Adlerberg Stahl AG", layout: "plain", currency: "EUR", number: "1.234,56", date: "02.01.2006", money: "1 €", terms: "30 Tage netto"},
		{file: "silberau-chemie", lang: "de", supplier: "Silberau Chemie AG", layout: "pdf-letter", currency: "CHF", number: "1'234.56", date: "02.01.2006", money: "EUR 1", terms: "30 Tage netto", wording: 1},
		{file: "morgenau-bau", lang: "de", supplier: "Morgenau Bau GmbH", layout: "pdf-table", currency: "EUR", number: "1.234,56", date: "02.01.2006", money: "1 EUR", terms: "Zahlbar innerhalb von 30 Tagen ohne Abzug", shipping: true},
		{file: "northam-vale", lang: "en", supplier: "Northam & Vale LLP", layout: "plain", currency: "GBP", number: "1,234.56", date: "2 January 2006", money: "€1", terms: "Net 30 days", wording: 1},
		{file: "wexcombe-industries", lang: "en", supplier: "Wexcombe Industries Inc.", layout: "padded", currency: "USD", number: "1,234.56", date: "January 2, 2006", money: "€1", terms: "Net 60 days", shipping: true},
		{file: "larkmoor-medical", lang: "en", supplier: "Larkmoor Medical Ltd", layout: "pdf-letter", currency: "EUR", number: "1,234.56", date: "2006-01-02", money: "EUR 1", terms: "30 days net", wording: 2},
	}
	for i := range rows {
		rows[i].story, rows[i].big, rows[i].expect = "threshold", true, waiting
		rows[i].expect.Note = "more than 10,000: finance approves, rejects or amends"
		rows[i].what = [2]string{"more than 10,000", "über 10.000"}
	}
	return append(rows, spec{
		file: "ardenfell-security-large", story: "threshold", lang: "en", supplier: "Ardenfell Security Ltd", layout: "plain", currency: "GBP", number: "1,234.56", date: "2 January 2006", money: "€1", terms: "Net 30 days", big: true,
		what: [2]string{"more than 10,000 and restricted", "über 10.000 und beschränkt"}, expect: expectation{"waiting", "restricted", "both at once: restricted models only, then finance"},
	})
}
