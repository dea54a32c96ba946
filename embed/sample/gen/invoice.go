package main

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// party is a company. All of them are invented; their mail addresses are in a
// domain that cannot exist (RFC 2606).
type party struct{ name, street, city, mail, country string }

// customers receive the invoices: one company with two houses.
var customers = map[string]party{
	"en": {"Havelock Instruments Ltd", "12 Mill Lane", "Leeds LS1 4AB", "accounts@havelock.example", "GB"},
	"de": {"Havelock Messtechnik GmbH", "Gartenstraße 8", "20095 Hamburg", "rechnung@havelock.example", "DE"},
}

var streets = map[string][]string{
	"en": {"4 Cedar Road", "88 Harbor Way", "17 Walker Street", "231 Summit Avenue", "9 Brook Lane", "50 Foundry Close"},
	"de": {"Lindenweg 3", "Kellerstraße 41", "Bergallee 112", "Hafenplatz 7", "Sommergasse 20", "Werkstraße 65"},
}

// cities by country.
var cities = map[string][]string{
	"GB": {"Bristol BS2 8QT", "Norwich NR3 1AA", "Cardiff CF10 3BZ", "Glasgow G2 7JD"},
	"US": {"Austin, TX 73301", "Denver, CO 80203", "Albany, NY 12207"},
	"IE": {"Dublin D02 X285"},
	"DE": {"34117 Kassel", "89073 Ulm", "28195 Bremen", "04109 Leipzig", "45127 Essen"},
	"AT": {"8010 Graz", "1010 Wien"},
	"CH": {"8001 Zürich", "4051 Basel"},
}

var goods = map[string][]string{
	"en": {"steel cable", "hose 10m", "filter", "pump", "valve", "paper A4", "toner", "desk lamp", "sensor", "bracket", "label roll", "battery", "adapter", "monitor", "bearing", "gravel"},
	"de": {"Kabel", "Schlauch 10m", "Filter", "Pumpe", "Ventil", "Papier A4", "Toner", "Lampe", "Sensor", "Dichtung", "Etiketten", "Akku", "Adapter", "Monitor", "Palette", "Zement"},
}

// item is a line of an invoice.
type item struct {
	what      string
	quantity  int
	price, at cents // each, and together
}

// invoice is what a document says, before it has a look.
type invoice struct {
	lang, currency           string
	supplier, customer       party
	number, order, vat       string
	date, due                time.Time
	items                    []item
	net, shipping, tax       cents
	total                    cents
	rate                     float64
	iban, bic, terms         string
	notes                    []string // sentences above the footer
	without                  map[string]bool
	title                    string
	dueShown, shippingCharge bool
}

// newInvoice makes up an invoice that adds up.
func newInvoice(r *rand.Rand, s spec) *invoice {
	v := &invoice{lang: s.lang, currency: s.currency, customer: customers[s.lang], terms: s.terms, without: map[string]bool{}}
	v.supplier = newParty(r, s)
	v.date = time.Date(2026, time.Month(between(r, 1, 9)), between(r, 1, 28), 0, 0, 0, 0, time.UTC)
	v.due = v.date.AddDate(0, 0, pick(r, []int{14, 21, 30, 45}))
	v.dueShown = r.IntN(2) == 0
	v.number = documentNumber(r, map[string][]string{"en": {"INV", "SI", "BILL"}, "de": {"RE", "RG", "AR"}}[s.lang])
	v.order = documentNumber(r, []string{"PO", "BE", "P"})
	v.rate = pick(r, map[string][]float64{"GB": {20}, "US": {8.25, 5}, "IE": {23}, "DE": {19, 19, 7}, "AT": {20}, "CH": {8.1}}[v.supplier.country])
	account := v.supplier.country
	if account == "US" { // has no IBAN of its own; this supplier banks in Ireland
		account = "IE"
	}
	v.iban = iban(r, account)
	v.bic = letters(r, 4) + account + letters(r, 1) + digits(r, 1)
	v.vat = map[bool]string{true: "ATU" + digits(r, 8), false: account + digits(r, 9)}[account == "AT"]
	top := 60_000
	if s.big {
		top = 900_000
	}
	for range pick(r, []int{1, 2, 2, 3}) {
		it := item{what: pick(r, goods[s.lang]), quantity: pick(r, []int{1, 2, 3, 4, 5, 8, 10}), price: cents(between(r, 150, top))}
		it.at = it.price * cents(it.quantity)
		v.items = append(v.items, it)
		v.net += it.at
	}
	if s.big && v.net < 1_100_000 {
		v.items[0].price += 1_100_000
		v.items[0].at = v.items[0].price * cents(v.items[0].quantity)
		v.net = 0
		for _, it := range v.items {
			v.net += it.at
		}
	}
	if !s.big { // routine invoices stay below the threshold of 10,000
		for v.net > 800_000 {
			last := v.items[len(v.items)-1]
			v.items, v.net = v.items[:len(v.items)-1], v.net-last.at
		}
		if len(v.items) == 0 {
			v.items = []item{{pick(r, goods[s.lang]), 2, 24_950, 49_900}}
			v.net = 49_900
		}
	}
	if s.shipping {
		v.shipping, v.shippingCharge = cents(between(r, 490, 8_900)), true
	}
	v.sum()
	return v
}

// sum works out tax and total.
func (v *invoice) sum() {
	v.tax = cents(float64(v.net+v.shipping)*v.rate/100 + .5)
	v.total = v.net + v.shipping + v.tax
}

func newParty(r *rand.Rand, s spec) party {
	country := map[string]string{"GBP": "GB", "USD": "US", "CHF": "CH", "EUR": "DE"}[s.currency]
	if s.currency == "EUR" && s.lang == "en" {
		country = "IE"
	}
	if strings.HasSuffix(s.supplier, "GesmbH") {
		country = "AT"
	}
	word := strings.ToLower(strings.FieldsFunc(s.supplier, func(c rune) bool { return c == ' ' || c == '-' })[0])
	word = strings.NewReplacer("ä", "ae", "ö", "oe", "ü", "ue", "ß", "ss").Replace(word)
	mail := pick(r, map[string][]string{"en": {"billing", "accounts", "office"}, "de": {"rechnung", "kontakt", "info"}}[s.lang])
	return party{s.supplier, pick(r, streets[s.lang]), pick(r, cities[country]), mail + "@" + word + ".example", country}
}

func documentNumber(r *rand.Rand, prefixes []string) string {
	switch r.IntN(5) {
	case 0:
		return digits(r, between(r, 5, 8))
	case 1:
		return pick(r, prefixes) + "-" + digits(r, between(r, 3, 6))
	case 2:
		return pick(r, prefixes) + "-2026-" + digits(r, between(r, 3, 5))
	case 3:
		return "2026/" + digits(r, between(r, 3, 5))
	}
	return pick(r, prefixes) + digits(r, between(r, 4, 8))
}

// truth returns what a perfect reader finds in the document; nil is absent.
func (v *invoice) truth() map[string]any {
	t := map[string]any{
		"supplier_name": v.supplier.name, "invoice_number": v.number, "invoice_date": v.date.Format(time.DateOnly),
		"currency": v.currency, "net_amount": v.net.decimal(), "shipping_amount": nil, "tax_amount": v.tax.decimal(),
		"total_amount": v.total.decimal(), "iban": v.iban, "payment_terms": nil,
	}
	if v.shippingCharge {
		t["shipping_amount"] = v.shipping.decimal()
	}
	if v.terms != "" {
		t["payment_terms"] = v.terms
	}
	for field := range v.without {
		if _, ok := t[field]; !ok {
			panic("no such field to leave out: " + field)
		}
		t[field] = nil
	}
	return t
}

// percent writes a tax rate: 19, 8.25 or 8,1.
func percent(rate float64, lang string) string {
	s := strings.TrimRight(strings.TrimRight(fmt.Sprintf("%.2f", rate), "0"), ".")
	if lang == "de" {
		s = strings.Replace(s, ".", ",", 1)
	}
	return s
}
