package llm

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestViewLines(t *testing.T) {
	tests := []struct{ name, line, want string }{
		{"a label and its value", "Total: 5.00", "Total: 5.00"},
		{"a table row", "| Total | 5.00 |", "Total: 5.00"},
		{"a table row of three cells", "| Hose | 2 | 5.00 |", "| Hose | 2 | 5.00 |"},
		{"brackets", "[Total] 5.00", "Total: 5.00"},
		{"brackets without a value", "[copy]", "[copy]"},
		{"dots", "Total ....... 5.00", "Total: 5.00"},
		{"two columns", "Total      5.00", "Total: 5.00"},
		{"two columns with a colon", "Total:     5.00", "Total: 5.00"},
		{"four columns", "Hose   2   2.50   5.00", "Hose   2   2.50   5.00"},
		{"two pairs", "No: 17   Date: 1 May", "No: 17\nDate: 1 May"},
		{"pairs with a sign between", "No: 17 / Date: 1 May / Due: 2 May", "No: 17\nDate: 1 May\nDue: 2 May"},
		{"what is no pairs", "No: 17 / 18", "No: 17 / 18"},
		{"an address beside a pair", "12 Mill Lane        No:INV-7", "12 Mill Lane\nNo:INV-7"},
		{"a label far from its value with a colon in it", "Time:     12:30", "Time: 12:30"},
		{"marks around both", "| [No]=«INV 7» *", "No: INV 7"},
		{"stars around a label", "- **No:** INV 7", "No: INV 7"},
		{"stars around a whole label", "**No**: INV 7", "No: INV 7"},
		{"angles", "Total <<5.00 EUR>>", "Total: 5.00 EUR"},
		{"brackets and a colon", "{Means of payment}: (Bank transfer)", "Means of payment: Bank transfer"},
		{"an amount in parentheses", "Refund: (5.00)", "Refund: (5.00)"},
		{"a label that ends in parentheses", "Tax (1): 5.00", "Tax (1): 5.00"},
		{"a form", "Total ___ 5.00 ______", "Total: 5.00"},
		{"a row with an empty cell", "3 | Pump |  | 5.00", "3 | Pump |  | 5.00"},
		{"a bar between two", "'No' | \"INV 7\"", "No: INV 7"},
		{"a value in parentheses", "(Bank transfer),", "(Bank transfer),"},
		{"a time", "12:30 at the gate", "12:30 at the gate"},
		{"an equals sign", "Total = 5.00 ;", "Total: 5.00"},
		{"an arrow and a bullet", "* Total -> 5.00", "Total: 5.00"},
		{"a rule", "-----", ""},
		{"a sentence", "Please pay within 30 days.", "Please pay within 30 days."},
		{"an address", "12 Mill Lane, Leeds", "12 Mill Lane, Leeds"},
	}
	for _, tt := range tests {
		if got := ViewLines.show(tt.line); got != tt.want {
			t.Errorf("%s: %q became %q, want %q", tt.name, tt.line, got, tt.want)
		}
		if got := View("").show(tt.line); got != tt.line {
			t.Errorf("%s: the plain view changed %q to %q", tt.name, tt.line, got)
		}
	}
}

// TestViewLinesAddsNothing: a model that sees the view sees no letter or digit
// that the document does not have, in the same order.
func TestViewLinesAddsNothing(t *testing.T) {
	words := func(s string) string {
		return strings.Map(func(r rune) rune {
			if strings.ContainsRune(" \n\t:|[](){}<>.-=*_~+#;·•«»\"'`/", r) {
				return -1
			}
			return r
		}, s)
	}
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`([A-Za-z0-9äö€|\[\](){}<>«»"'.:=*_~+#;/ \t\n-]{0,30}\n){0,6}`).Draw(t, "text")
		if got, want := words(ViewLines.show(text)), words(text); got != want {
			t.Fatalf("%q became %q", text, ViewLines.show(text))
		}
	})
}
