package grammar

import (
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode"

	"pgregory.net/rapid"
)

func TestExcerpts(t *testing.T) {
	g, err := letters(t).Schema([]byte(`{"anyOf":[{"type":"string","x-excerptOf":"Sold by \"Grün & Söhne\" GmbH,\n  Swansea SA1-7\\x."},{"type":"null"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]bool{
		`"Sold"`: true, `"Sold by \"Grün & Söhne\" GmbH"`: true, `"GmbH, Swansea"`: true, `"SA1"`: true, `"7"`: true, `"SA1-7\\x."`: true, `"\"Grün"`: true, `","`: true, `null`: true,
		`"SoldbyX"`: false, `"SwanseaSA1-7"`: true, `"Soldby \"Grün"`: true, `"byGrün"`: false,
		`"Swan"`: false, `"wansea"`: false, `""`: false, `"Sold "`: false, `" by"`: false, `"Sold  by"`: false, `"Sold Grün"`: false, `"GmbH,\nSwansea"`: false, `"gmbh"`: false, `"S`: false,
	} {
		if got := accepts(g, text); got != want {
			t.Errorf("%s: got %v, want %v", text, got, want)
		}
	}
	for schema, want := range map[string]string{
		`{"type":"string","x-excerptOf":"a","maxLength":3}`:                                          `"maxLength": next to "x-excerptOf"`,
		`{"type":"string","x-excerptOf":7}`:                                                          "it must be a string",
		`{"type":"string","x-excerptOf":" \n"}`:                                                      "",
		`{"type":"string","x-excerptOf":"` + strings.Repeat("a ", MaxExcerptBytes/2+1) + `"}`:        "65537 bytes; 65536 are possible",
		`{"type":["string","null"],"x-excerptOf":"` + strings.Repeat("a ", MaxExcerptBytes/2) + `"}`: "ok",
	} {
		_, err := letters(t).Schema([]byte(schema))
		if (err == nil) != (want == "ok") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%.60s: %v, want …%s…", schema, err, want)
		}
	}
}

// TestExcerptsAreWhatTheyAreOf: whatever the text, every output is a piece of
// it between words, and every run of its words is an output.
func TestExcerptsAreWhatTheyAreOf(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOfN(rapid.SampledFrom([]rune("ab1 äé\"\\,.-\n\u00a0😀")), 1, 40, -1).Draw(t, "text")
		flat := strings.Join(strings.Fields(text), " ")
		if flat == "" {
			return
		}
		schema, err := json.Marshal(map[string]any{"type": "string", "x-excerptOf": text})
		if err != nil {
			t.Fatal(err)
		}
		g, err := compileSchema(schema)
		if err != nil {
			t.Fatal(err)
		}
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		for range 10 {
			out, whole := write(g, r, 400)
			var got string
			if err := json.Unmarshal([]byte(out), &got); err != nil || !whole {
				t.Fatalf("%q: %s, %v", text, out, err)
			}
			if got == "" || !copiedFrom(flat, got) || strings.TrimSpace(got) != got {
				t.Fatalf("%q is no piece of %q", got, flat)
			}
		}
		words := strings.FieldsFunc(flat, func(r rune) bool { return r == ' ' })
		from := r.IntN(len(words))
		piece := strings.Join(words[from:from+1+r.IntN(len(words)-from)], " ")
		if !accepts(g, quote(piece)) {
			t.Fatalf("%q, words of %q, is not accepted", piece, flat)
		}
		if tight := strings.ReplaceAll(piece, " ", ""); !accepts(g, quote(tight)) {
			t.Fatalf("%q, words of %q written together, is not accepted", tight, flat)
		}
		for _, w := range strings.FieldsFunc(flat, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
			if !accepts(g, quote(w)) {
				t.Fatalf("the word %q of %q is not accepted", w, flat)
			}
		}
	})
}

// copiedFrom reports whether piece stands in text, some of whose spaces it may
// leave out.
func copiedFrom(text, piece string) bool {
	for at := range text {
		rest := piece
		for i := at; i < len(text) && rest != ""; i++ {
			if text[i] == rest[0] {
				rest = rest[1:]
			} else if text[i] != ' ' || i == at {
				break
			}
		}
		if rest == "" {
			return true
		}
	}
	return false
}

// BenchmarkExcerpt compiles the schema of a page and asks for its first mask.
func BenchmarkExcerpt(b *testing.B) {
	text := strings.Repeat("Invoice 2026-117 of Grün & Söhne GmbH, Swansea: 12 hoses at 4.50 each, due in 30 days. ", 30)
	schema, err := json.Marshal(map[string]any{"type": "string", "x-excerptOf": text})
	if err != nil {
		b.Fatal(err)
	}
	v := letters(b)
	for b.Loop() {
		g, err := compileSchema(schema)
		if err != nil {
			b.Fatal(err)
		}
		g.v = v
		m := g.Matcher()
		if _, err := m.Mask(); err != nil {
			b.Fatal(err)
		}
		m.write([]byte(`"`))
		if _, err := m.Mask(); err != nil {
			b.Fatal(err)
		}
	}
}
