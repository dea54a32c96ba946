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
		{"two pairs", "No: 17   Date: 1 May", "No: 17   Date: 1 May"},
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
			if strings.ContainsRune(" \n\t:|[](){}<>.-=*_~+#;·•", r) {
				return -1
			}
			return r
		}, s)
	}
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`([A-Za-z0-9äö€|\[\](){}<>.:=*~+#; \t\n-]{0,30}\n){0,6}`).Draw(t, "text")
		if got, want := words(ViewLines.show(text)), words(text); got != want {
			t.Fatalf("%q became %q", text, ViewLines.show(text))
		}
	})
}
