package paper

import (
	"encoding/json"
	"fmt"
	"math/big"
	"math/rand/v2"
	"strings"
	"time"
)

// cents is an amount in hundredths of the currency's unit.
type cents int64

// separators of the number formats: thousands, decimals.
var separators = map[string][2]string{
	"1,234.56": {",", "."},
	"1.234,56": {".", ","},
	"1 234,56": {" ", ","},
	"1'234.56": {"'", "."},
	"1234.56":  {"", "."},
	"1234,56":  {"", ","},
}

// grouped writes a whole number with its thousands apart.
func grouped(whole, apart string) string {
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + apart + whole[i:]
	}
	return whole
}

// in writes c in one of the formats above with 0 or 2 decimals.
func (c cents) in(format string, decimals int) string {
	sep := separators[format]
	sign := ""
	if c < 0 {
		sign, c = "-", -c
	}
	s := sign + grouped(fmt.Sprint(int64(c/100)), sep[0])
	if decimals == 0 {
		return s
	}
	return s + sep[1] + fmt.Sprintf("%02d", c%100)
}

// literal writes c as JSON does: 1234.50, or 1234 without decimals.
func (c cents) literal(decimals int) string {
	return c.in("1234.56", decimals)
}

// percent writes a rate given in hundredths of a percent: 825 is 8.25.
func percent(rate int) string {
	s := fmt.Sprintf("%d.%02d", rate/100, rate%100)
	return strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
}

// decimalComma writes a literal with the decimal sign of the language.
func decimalComma(literal, lang string) string {
	if lang == "en" {
		return literal
	}
	return strings.Replace(literal, ".", ",", 1)
}

// symbols of currencies. Dollars other than those of the USA have none here:
// "$" alone would leave a reader guessing.
var symbols = map[string]string{"EUR": "€", "USD": "$", "GBP": "£"}

// currencies by language; what stands twice is twice as frequent.
var currencies = map[string][]string{
	"en": strings.Fields("USD USD USD GBP GBP GBP EUR EUR EUR CAD AUD JPY SEK CHF SGD INR ZAR"),
	"de": strings.Fields("EUR EUR EUR EUR EUR EUR CHF CHF USD PLN CZK SEK GBP"),
	"fr": strings.Fields("EUR EUR CHF"),
}

// numberFormats by language.
var numberFormats = map[string][]string{
	"en": {"1,234.56", "1,234.56", "1,234.56", "1234.56", "1,234.56", "1'234.56"},
	"de": {"1.234,56", "1.234,56", "1.234,56", "1234,56", "1 234,56"},
	"fr": {"1 234,56", "1 234,56", "1234,56"},
}

var months = map[string][]string{
	"en": strings.Fields("January February March April May June July August September October November December"),
	"de": strings.Fields("Januar Februar März April Mai Juni Juli August September Oktober November Dezember"),
	"fr": strings.Fields("janvier février mars avril mai juin juillet août septembre octobre novembre décembre"),
}

// shortMonths are what German documents abbreviate months to.
var shortMonths = map[string][]string{
	"en": strings.Fields("Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec"),
	"de": strings.Fields("Jan. Feb. März Apr. Mai Juni Juli Aug. Sept. Okt. Nov. Dez."),
}

// writeDate writes t in a layout of package time, with the month's name in the
// language.
func writeDate(t time.Time, layout, lang string) string {
	s := t.Format(layout)
	m := t.Month()
	if strings.Contains(layout, "January") {
		return strings.Replace(s, m.String(), months[lang][m-1], 1)
	}
	if strings.Contains(layout, "Jan") {
		return strings.Replace(s, m.String()[:3], shortMonths[lang][m-1], 1)
	}
	return s
}

// dateLayouts that can be read in only one way, by language.
var dateLayouts = map[string][]string{
	"en": {"2006-01-02", "2 January 2006", "2 January 2006", "2 January 2006", "January 2, 2006", "January 2, 2006", "02-Jan-2006", "2 Jan 2006", "Jan 2, 2006", "2006/01/02", "02.01.2006"},
	"de": {"2006-01-02", "02.01.2006", "02.01.2006", "02.01.2006", "02.01.2006", "02.01.2006", "2. January 2006", "2. January 2006", "2. Jan 2006", "2.1.2006"},
	"fr": {"2006-01-02", "02/01/2006", "02/01/2006", "2 January 2006", "02.01.2006"},
}

// slashed returns a layout whose order of day and month the country decides,
// and which a document may only use where it shows that country's currency.
func slashed(r *rand.Rand, currency string) (layout string, ok bool) {
	switch currency {
	case "USD":
		return "01/02/2006", true
	case "GBP", "EUR", "AUD", "ZAR", "INR", "SGD":
		return pick(r, []string{"02/01/2006", "02/01/2006", "02-01-2006"}), true
	}
	return "", false
}

// bban says how the national part of an IBAN looks: letters, then digits.
var bban = map[string][2]int{"DE": {0, 18}, "AT": {0, 16}, "CH": {0, 17}, "GB": {4, 14}, "IE": {4, 14}, "NL": {4, 10}, "FR": {0, 23}, "BE": {0, 12}}

// accountNumber returns an IBAN with the right check digits (ISO 13616:
// the number, country moved to the end and letters counted from 10, leaves 1
// when divided by 97).
func accountNumber(r *rand.Rand, country string) string {
	parts := bban[country]
	national := letters(r, parts[0]) + digits(r, parts[1])
	var n big.Int
	var b strings.Builder
	for _, c := range national + country + "00" {
		if c >= 'A' {
			fmt.Fprint(&b, c-'A'+10)
		} else {
			b.WriteRune(c)
		}
	}
	n.SetString(b.String(), 10)
	return fmt.Sprintf("%s%02d%s", country, 98-n.Mod(&n, big.NewInt(97)).Int64(), national)
}

func vatID(r *rand.Rand, country string) string {
	switch country {
	case "AT":
		return "ATU" + digits(r, 8)
	case "FR":
		return "FR" + digits(r, 11)
	case "NL":
		return "NL" + digits(r, 9) + "B" + digits(r, 2)
	case "CH":
		return "CHE" + digits(r, 9)
	case "BE":
		return "BE0" + digits(r, 9)
	case "IE":
		return "IE" + digits(r, 7) + letters(r, 1)
	}
	return country + digits(r, 9)
}

// reference makes a document number with one of the prefixes. The year is
// that of the document.
func reference(r *rand.Rand, year int, prefixes []string) string {
	y := fmt.Sprint(year)
	prefix := pick(r, prefixes)
	switch r.IntN(11) {
	case 0:
		return digits(r, between(r, 4, 9))
	case 1:
		return prefix + "-" + digits(r, between(r, 3, 7))
	case 2:
		return prefix + "-" + y + "-" + digits(r, between(r, 2, 5))
	case 3:
		return prefix + digits(r, between(r, 4, 8))
	case 4:
		return y + "/" + digits(r, between(r, 2, 5))
	case 5:
		return y[2:] + "-" + digits(r, between(r, 3, 6))
	case 6:
		return letters(r, between(r, 1, 3)) + digits(r, between(r, 3, 6)) + pick(r, []string{"", "/", "-"}) + digits(r, between(r, 1, 3))
	case 7:
		return prefix + "/" + y[2:] + "/" + digits(r, between(r, 3, 5))
	case 8:
		return prefix + y + digits(r, between(r, 3, 5))
	case 9:
		return digits(r, between(r, 2, 4)) + "." + digits(r, between(r, 2, 4)) + pick(r, []string{"", "." + digits(r, 3)})
	}
	return letters(r, 2) + "-" + digits(r, 3) + "-" + letters(r, 1) + digits(r, 2)
}

// Facts of the four types.

func text(s string) Fact { // as printed
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		panic(err) // a string always encodes
	}
	return Fact{Type: "string", JSON: strings.TrimSuffix(b.String(), "\n")}
}

func number(literal string) Fact { return Fact{Type: "number", JSON: literal} }

func date(t time.Time) Fact { return Fact{Type: "date", JSON: t.Format(`"2006-01-02"`)} }

// Names are the canonical facts and the type of each.
var Names = map[string]string{
	"document_number": "string", "document_date": "date", "due_date": "date", "delivery_date": "date",
	"order_number": "string", "order_date": "date", "delivery_note_number": "string", "invoice_reference": "string",
	"contract_number": "string", "contract_start": "date", "contract_end": "date", "notice_period": "string", "contract_value": "number",
	"supplier_name": "string", "supplier_vat_id": "string", "supplier_email": "string", "supplier_phone": "string", "supplier_city": "string",
	"customer_name": "string", "customer_number": "string", "contact_person": "string", "project": "string",
	"currency": "string", "net_amount": "number", "shipping_amount": "number", "discount_amount": "number", "tax_rate": "number",
	"tax_amount": "number", "total_amount": "number", "amount_paid": "number", "amount_due": "number",
	"iban": "string", "bic": "string", "account_holder": "string", "payment_terms": "string", "payment_method": "string",
	"item_count": "number", "subject": "string", "sender": "string", "recipient": "string",
}
