package main

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"strings"
	"time"
)

// cents is an amount in hundredths of the currency's unit.
type cents int64

// decimal writes c the way the missions' decimals are written: 1234.50.
func (c cents) decimal() string { return fmt.Sprintf("%d.%02d", c/100, c%100) }

// separators of the number formats: thousands, decimals.
var separators = map[string][2]string{
	"1,234.56": {",", "."},
	"1.234,56": {".", ","},
	"1'234.56": {"'", "."},
	"1234.56":  {"", "."},
	"1234,56":  {"", ","},
}

// in writes c in one of the formats above.
func (c cents) in(format string) string {
	sep, ok := separators[format]
	if !ok {
		panic("unknown number format " + format)
	}
	whole := fmt.Sprint(int64(c / 100))
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + sep[0] + whole[i:]
	}
	return whole + sep[1] + fmt.Sprintf("%02d", c%100)
}

var symbols = map[string]string{"EUR": "€", "USD": "$", "GBP": "£", "CHF": "CHF"}

// months of the languages.
var months = map[string][]string{
	"en": {"January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"},
	"de": {"Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September", "Oktober", "November", "Dezember"},
}

// writeDate writes t in a layout of package time, with German month names
// where the language asks for them.
func writeDate(t time.Time, layout, lang string) string {
	s := t.Format(layout)
	if lang != "en" {
		s = strings.Replace(s, t.Month().String(), months[lang][t.Month()-1], 1)
	}
	return s
}

// bban says how the national part of an IBAN looks: letters, then digits.
var bban = map[string][2]int{"DE": {0, 18}, "AT": {0, 16}, "CH": {0, 17}, "GB": {4, 14}, "IE": {4, 14}, "NL": {4, 10}}

// iban returns an account number of the country with the right check digits
// (ISO 13616: the rearranged number is 1 modulo 97). The accounts are made up.
func iban(r *rand.Rand, country string) string {
	form := bban[country]
	account := letters(r, form[0]) + digits(r, form[1])
	n, _ := new(big.Int).SetString(expand(account+country+"00"), 10)
	check := 98 - new(big.Int).Mod(n, big.NewInt(97)).Int64()
	return fmt.Sprintf("%s%02d%s", country, check, account)
}

// expand replaces letters by two digits, A = 10.
func expand(s string) string {
	var b strings.Builder
	for _, c := range s {
		if c >= 'A' {
			fmt.Fprint(&b, c-'A'+10)
			continue
		}
		b.WriteRune(c)
	}
	return b.String()
}

// grouped writes an IBAN in groups of four.
func grouped(s string) string {
	var parts []string
	for len(s) > 4 {
		parts = append(parts, s[:4])
		s = s[4:]
	}
	return strings.Join(append(parts, s), " ")
}

func digits(r *rand.Rand, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte('0' + r.IntN(10))
	}
	return string(b)
}

func letters(r *rand.Rand, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte('A' + r.IntN(26))
	}
	return string(b)
}

func pick[T any](r *rand.Rand, s []T) T { return s[r.IntN(len(s))] }

func between(r *rand.Rand, a, b int) int { return a + r.IntN(b-a+1) }
