package llm

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
)

// ibanLengths are the lengths of IBANs by country (SWIFT, IBAN Registry,
// release 99).
var ibanLengths = map[string]int{
	"AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22, "BI": 27, "BR": 29, "BY": 28,
	"CH": 21, "CR": 22, "CY": 28, "CZ": 24, "DE": 22, "DJ": 27, "DK": 18, "DO": 28, "EE": 20, "EG": 29, "ES": 24, "FI": 18,
	"FK": 18, "FO": 18, "FR": 27, "GB": 22, "GE": 22, "GI": 23, "GL": 18, "GR": 27, "GT": 28, "HN": 28, "HR": 21, "HU": 28,
	"IE": 22, "IL": 23, "IQ": 23, "IS": 26, "IT": 27, "JO": 30, "KW": 30, "KZ": 20, "LB": 28, "LC": 32, "LI": 21, "LT": 20,
	"LU": 20, "LV": 21, "LY": 25, "MC": 27, "MD": 24, "ME": 22, "MK": 19, "MN": 20, "MR": 27, "MT": 31, "MU": 30, "NI": 28,
	"NL": 18, "NO": 15, "OM": 23, "PK": 24, "PL": 28, "PS": 29, "PT": 25, "QA": 29, "RO": 24, "RS": 22, "RU": 33, "SA": 24,
	"SC": 31, "SD": 18, "SE": 24, "SI": 19, "SK": 24, "SM": 27, "SO": 23, "ST": 25, "SV": 28, "TL": 23, "TN": 24, "TR": 26,
	"UA": 29, "VA": 22, "VG": 24, "XK": 20, "YE": 30,
}

// compactIBAN removes the space that people group an IBAN with.
func compactIBAN(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return unicode.ToUpper(r)
	}, s)
}

// ibanProblem says what is wrong with a compact IBAN, or "" (ISO 13616: four
// characters to the end, letters as 10 to 35, remainder 1 modulo 97).
func ibanProblem(s string) string {
	for _, r := range s {
		if (r < '0' || r > '9') && (r < 'A' || r > 'Z') {
			return quoteShort(s) + " is no IBAN: it has the character " + quoteShort(string(r))
		}
	}
	if len(s) < 4 {
		return quoteShort(s) + " is no IBAN: it is too short"
	}
	length, ok := ibanLengths[s[:2]]
	switch {
	case !ok:
		return quoteShort(s) + " is no IBAN: no country has the code " + s[:2]
	case len(s) != length:
		return fmt.Sprintf("%s is no IBAN: those of %s have %d characters, this has %d", quoteShort(s), s[:2], length, len(s))
	}
	rest := 0
	for _, r := range s[4:] + s[:4] {
		if r <= '9' {
			rest = (rest*10 + int(r-'0')) % 97
		} else {
			rest = (rest*100 + int(r-'A') + 10) % 97
		}
	}
	if rest != 1 {
		return quoteShort(s) + " is no IBAN: its check sum is wrong, so at least one character is"
	}
	return ""
}

// ibanShape finds what may be an IBAN in a text, grouped or not.
var ibanShape = regexp.MustCompile(`\b[A-Z]{2}[0-9]{2}(?:[ \x{a0}]?[A-Z0-9]){11,30}\b`)

// onlyIBAN reports whether iban is the only valid one in the text, so that a
// model could not have picked the wrong one.
func onlyIBAN(text, iban string) bool {
	for _, s := range ibanShape.FindAllString(text, -1) {
		// The pattern may run into the words behind: what the country's length
		// covers counts.
		c := compactIBAN(s)
		if n, ok := ibanLengths[c[:2]]; ok && n <= len(c) && c[:n] != iban && ibanProblem(c[:n]) == "" {
			return false
		}
	}
	return true
}

// ibanMissesOneIn is how many misread IBANs one passes the check sum for
// (ISO 7064 MOD 97-10).
const ibanMissesOneIn = 97

// copied returns the confidence in an IBAN that was given with confidence c,
// passes its check sum, and is the only one in the document. By Bayes' rule:
// a right one always passes, a misread one in one case of 97.
func copied(c Confidence) Confidence {
	right := float64(c)
	return Confidence(right / (right + (1-right)/ibanMissesOneIn))
}
