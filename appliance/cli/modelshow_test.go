package cli

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	"skerry/appliance/api"
	"skerry/appliance/llm"
)

// TestPrintModel: a card is readable text in lines of a terminal's width, and
// nothing in it can move the cursor.
func TestPrintModel(t *testing.T) {
	card := llm.Card{
		Model: "starter", About: strings.Repeat("It reads business documents. ", 20), IntendedUse: []string{"Trying it out."},
		Limits:    []string{"It cannot chat.", strings.Repeat("It knows generated documents only. ", 8), "evil \x1b[2J text"},
		Languages: []string{"en", "de"}, Licence: "Apache-2.0",
		Architecture: llm.Architecture{Family: "qwen3", Parameters: 5_240_000, Quantisation: "Q8_0", SizeBytes: 5_651_232},
		Training:     llm.Training{Data: "generated", Recipe: []string{"one stage"}, Seeds: []uint64{1, 2}, Tokens: 33_000_000},
		Exam:         llm.Exam{Documents: 150},
		Bars:         []llm.Bar{{What: "fields exact", Want: "≥ 97.0 %", Figure: llm.Figure{Measure: "field-exact", Value: 0.95, N: 900}}},
		Figures:      []llm.Figure{{Measure: "auroc", Split: "all", Value: 0.912, Low: 0.9, High: 0.92, N: 900}, {Measure: "field-exact", Split: "all", Slice: "language", Key: "de", Value: 0.961, Low: 0.95, High: 0.97, N: 400}},
	}
	print := func(m shownModel) string {
		var out bytes.Buffer
		g := &globals{Streams: Streams{Out: &out}}
		if err := g.printModel(&m); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	m := shownModel{ModelEntry: api.ModelEntry{Model: llm.Model{ID: "starter", Title: "Starter", ContextTokens: 2048}, State: "running"}, Card: &card}
	got := print(m)
	for _, want := range []string{
		"starter · Starter\n", "What it cannot do\n  - It cannot chat.\n", "5.2 million, Q8_0", "Apache-2.0", "33.0 million in training, seeds 1 2",
		"fields exact  ≥ 97.0 %  95.0 %    900    missed\n", "0.912", "language de", "95.0 %–97.0 %", "calibration  none",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("lacks %q:\n%s", want, got)
		}
	}
	if strings.Contains(got, "\x1b") {
		t.Errorf("an escape sequence came through: %q", got)
	}
	for line := range strings.Lines(got) {
		if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > cardWidth {
			t.Errorf("a line of %d characters: %q", n, line)
		}
	}
	m.Card = nil
	if got := print(m); !strings.Contains(got, "There is no card of this model") || strings.Contains(got, "What it cannot do") {
		t.Errorf("without a card:\n%s", got)
	}
}
