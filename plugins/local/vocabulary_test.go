//go:build cgo && !race

package main

import (
	"slices"
	"strings"
	"testing"

	"skerry/appliance/llm/llmtest"
)

func starter(t testing.TB) *provider { return starterWith(t, func(*settings) {}) }

// starterWith opens the starter model with other settings than the usual.
func starterWith(t testing.TB, change func(*settings)) *provider {
	t.Helper()
	s := settings{model: "../../embed/starter/starter.q8_0.gguf", threads: 1, batch: 128, queue: 8, parallel: 4, share: true, card: `{"id":"starter"}`}
	change(&s)
	p, err := open(s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.runs.Close()
		p.engine.model.Backend().Close()
	})
	return p
}

// TestPromptsAreEncodedAsInTraining: a conversation without control tokens in
// its text gets the tokens that the tokenizer of the model gives the whole
// written prompt, because that is what the model has learnt.
func TestPromptsAreEncodedAsInTraining(t *testing.T) {
	p := starter(t)
	for _, doc := range []string{"", "Rechnung Nr. 17.\n\nNetto: 1.234,56 €", "two\n\n\nlines ", "emoji 😀 and\ttabs", strings.Repeat("x", 300)} {
		r := llmtest.ExtractRequest()
		r.Messages[1].Parts[0].Text = doc
		turn, err := p.chat.Turn(r, p.grammar)
		if err != nil {
			t.Fatal(err)
		}
		spans := turn.Spans
		var whole strings.Builder
		for _, s := range spans {
			whole.WriteString(s.Text)
		}
		got, err := p.words.encode(spans)
		if err != nil {
			t.Fatal(err)
		}
		want, err := p.words.full.Encode(whole.String(), true)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%q:\n got %v\nwant %v, %v", doc, got, want, err)
		}
	}
}

// TestTokensSpellTheText: decoding gives back what was encoded.
func TestTokensSpellTheText(t *testing.T) {
	p := starter(t)
	for _, text := range []string{"plain", " Größe: 1.234,56 €\n", "😀<|im_end|>\u200b", strings.Repeat("Straße ", 40)} {
		ids, err := p.words.text(text)
		if err != nil {
			t.Fatal(err)
		}
		var b []byte
		for _, id := range ids {
			piece, err := p.words.bytes(id)
			if err != nil {
				t.Fatal(err)
			}
			b = append(b, piece...)
		}
		if string(b) != text {
			t.Errorf("got %q, want %q", b, text)
		}
	}
}
