package tokenizer

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	engine "github.com/ollama/ollama/tokenizer"
)

// qwen2 is the expression that the engine has for models of the architecture
// qwen3 (model/models/qwen3/model.go).
const qwen2 = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`

// theirs is the engine's tokenizer with the vocabulary of t and, as where
// models are run, without control tokens.
func theirs(t *Tokenizer) func(string) []ID {
	v := t.Vocabulary()
	values, types := slices.Clone(v.Tokens), slices.Clone(v.Types)
	for i := range values {
		if types[i] == controlType {
			values[i], types[i] = fmt.Sprintf("\xff%d", i), engine.TOKEN_TYPE_UNUSED
		}
	}
	bpe := engine.NewBytePairEncoding(&engine.Vocabulary{Values: values, Types: types, Merges: v.Merges}, qwen2)
	return func(s string) []ID {
		ids, err := bpe.Encode(strings.ToValidUTF8(s, "\uFFFD"), false)
		if err != nil {
			panic(err)
		}
		out := make([]ID, len(ids))
		for i, id := range ids {
			out[i] = ID(id)
		}
		return out
	}
}

// texts yields random texts of the given number: words, numbers, signs, white
// space of all kinds, letters of several scripts and bytes that are no text.
func texts(seed uint64, n int, yield func(string)) {
	r := rand.New(rand.NewPCG(seed, 1))
	pieces := []string{
		" ", "  ", "   ", "\n", "\r\n", "\n\n", "\t", "\v", "\f", "\u00a0", "\u2009", "\u200b", "\x00", "\xff", "'", "'s", "'LL", "'re", "’s",
		"Rechnung", "invoice", "Größe", "straße", "ü", "é", "é", "ß", "Ω", "名前", "データ", "😀", "👩‍👩‍👧", "٣", "½", "²", "Ⅷ", "ǅ", "İ", "ſ", "K",
		".", ",", ":", "-", "—", "…", "€", "£", "%", "&", "#", "(", ")", "\"", "\\", "/", "_", "{", "}", "<|im_end|>", "<|im_start|>", "|", "aaa", "aaaa",
		"1", "23", "456,78", "2026-04-06", "DE89 3704 0044 0532 0130 00", "http://x.example/a?b=c", "GmbH & Co. KG", "lllll", "ssss", "----", "====", "....",
	}
	for range n {
		var b strings.Builder
		for range 1 + r.IntN(30) {
			switch r.IntN(4) {
			case 0:
				b.WriteRune(rune(r.IntN(0x2500)))
			case 1:
				for range 1 + r.IntN(9) {
					b.WriteByte(byte('a' + r.IntN(26)))
				}
			default:
				b.WriteString(pieces[r.IntN(len(pieces))])
			}
		}
		yield(b.String())
	}
}

// TestTokensAreTheEngines: every text gets the tokens that the engine gives it.
func TestTokensAreTheEngines(t *testing.T) {
	ours := Starter()
	want := theirs(ours)
	const seed = 7
	texts(seed, 3000, func(s string) {
		if got, want := ours.Encode(s), want(s); !slices.Equal(got, want) {
			t.Fatalf("seed %d: %q\n got %q\nwant %q", seed, s, spell(ours, got), spell(ours, want))
		}
	})
}

// TestTokensAreTheEnginesNegativeControl: the comparison sees a heap that
// breaks ties differently, and words that are cut differently.
func TestTokensAreTheEnginesNegativeControl(t *testing.T) {
	ours := Starter()
	want := theirs(ours)
	ties, cuts := 0, 0
	texts(7, 3000, func(s string) {
		if !slices.Equal(leftmost(ours, s), want(s)) {
			ties++
		}
		var fields []ID // words cut at white space alone
		for _, w := range strings.SplitAfter(strings.ToValidUTF8(s, "\uFFFD"), " ") {
			fields = append(fields, ours.encodeWord(w)...)
		}
		if !slices.Equal(fields, want(s)) {
			cuts++
		}
	})
	if ties == 0 || cuts == 0 {
		t.Errorf("leftmost-first merging was seen %d times, other cuts %d times; want both", ties, cuts)
	}
}

// leftmost encodes as textbooks do: of equal merges the leftmost first.
func leftmost(t *Tokenizer, s string) []ID {
	var out []ID
	s = strings.ToValidUTF8(s, "\uFFFD")
	for s != "" {
		n := word(s)
		w := s[:n]
		s = s[n:]
		if id, ok := t.word[w]; ok {
			out = append(out, id)
			continue
		}
		var ids []ID
		for i := range len(w) {
			ids = append(ids, t.single[w[i]])
		}
		for {
			best, at := merge{rank: 1 << 30}, -1
			for i := range len(ids) - 1 {
				if m, ok := t.merge[pair{ids[i], ids[i+1]}]; ok && m.rank < best.rank {
					best, at = m, i
				}
			}
			if at < 0 {
				break
			}
			ids = slices.Replace(ids, at, at+2, best.id)
		}
		out = append(out, ids...)
	}
	return out
}

func spell(t *Tokenizer, ids []ID) []string {
	var out []string
	for _, id := range ids {
		out = append(out, t.Bytes(id))
	}
	return out
}

// TestTokensSpellTheText: decoding gives back what was encoded, control tokens
// never come out of text, and a clone agrees.
func TestTokensSpellTheText(t *testing.T) {
	tok := Starter()
	clone := tok.Clone()
	texts(8, 1000, func(s string) {
		s = strings.ToValidUTF8(s, "\uFFFD")
		ids := tok.Encode(s)
		if got := tok.Decode(ids); got != s {
			t.Fatalf("got %q, want %q", got, s)
		}
		if !slices.Equal(clone.Encode(s), ids) {
			t.Fatalf("a clone cuts %q differently", s)
		}
		for _, id := range ids {
			if id <= Pad {
				t.Fatalf("%q has the control token %s", s, tok.Bytes(id))
			}
		}
	})
}

func TestControlTokens(t *testing.T) {
	tok := Starter()
	for name, want := range map[string]ID{"<|endoftext|>": EndOfText, "<|im_start|>": TurnStart, "<|im_end|>": TurnEnd, "<|pad|>": Pad} {
		if id, ok := tok.Control(name); !ok || id != want {
			t.Errorf("%s is %d, %v, want %d", name, id, ok, want)
		}
	}
	if _, ok := tok.Control("invoice"); ok {
		t.Error("a word is a control token")
	}
	if tok.Size() != 2048 {
		t.Errorf("%d tokens, want 2048", tok.Size())
	}
}

func TestParseRefuses(t *testing.T) {
	for name, data := range map[string]string{
		"no JSON":             `{`,
		"types missing":       `{"tokens":["a"],"types":[]}`,
		"bytes missing":       `{"tokens":["a"],"types":[1]}`,
		"no byte":             `{"tokens":["名"],"types":[1]}`,
		"a merge of one":      strings.Replace(string(starterVocabulary), `"merges":["`, `"merges":["a","`, 1),
		"a merge into no one": strings.Replace(string(starterVocabulary), `"merges":["`, `"merges":["! Ā","`, 1),
	} {
		if _, err := Parse([]byte(data)); err == nil {
			t.Errorf("%s: read without an error", name)
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	var all []string
	texts(9, 200, func(s string) { all = append(all, s) })
	t := Starter()
	n := 0
	for b.Loop() {
		for _, s := range all {
			n += len(t.Encode(s))
		}
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "tokens/s")
}
