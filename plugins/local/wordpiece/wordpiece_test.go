package wordpiece

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

func tokenizer(t testing.TB, words ...string) *Tokenizer {
	t.Helper()
	tokens := append([]string{"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"}, words...)
	tok, err := New(Vocabulary{Tokens: tokens, Control: func(id int32) bool { return id != 1 && id < 5 }, CLS: 2, SEP: 3, Unknown: 1})
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

func (t *Tokenizer) names(ids []int32) string {
	var list []string
	for _, id := range ids {
		list = append(list, t.v.Tokens[id])
	}
	return strings.Join(list, " ")
}

var uncased = []string{"▁muller", "▁strasse", "▁un", "aff", "able", "▁the", "▁", "▁[", "▁]", "▁cls", "▁.", "▁,", "▁$", "▁5", "▁漢", "▁字", "▁cafe", "s", "▁i", "▁don", "▁'", "▁t", "[unused7]", "[A]"}

// TestText: as the tokenizer of BERT cuts it. The expectations follow from its
// rules; those of words in Latin script are the examples of its documentation.
func TestText(t *testing.T) {
	for _, row := range []struct{ text, want string }{
		{"unaffable", "▁un aff able"},
		{"UNAFFABLE, the", "▁un aff able ▁, ▁the"},
		{"Müller", "▁muller"},
		{"Mu\u0308ller", "▁muller"},
		{"CAFÉS", "▁cafe s"},
		{"漢字", "▁漢 ▁字"},
		{"the漢the", "▁the ▁漢 ▁the"},
		{"$5", "▁$ ▁5"},
		{"don't", "▁don ▁' ▁t"},
		{"  \t\n ", ""},
		{"", ""},
		{"thexyz the", "[UNK] ▁the"},
		{"the\u00a0the", "▁the ▁the"},
		{"th\u200be the", "▁the ▁the"},
		{"th\x00e\ufffd", "▁the"},
		{"[CLS]", "▁[ ▁cls ▁]"},
		{"[UNK] [SEP]", "▁[ [UNK] ▁] ▁[ [UNK] ▁]"},
		{"[unused7]", "▁[ [UNK] ▁]"},
		{"ß", "[UNK]"},
		{strings.Repeat("s", maxWord+1) + " the", "[UNK] ▁the"},
		{"İ", "▁i"},
	} {
		tok := tokenizer(t, uncased...)
		ids := tok.Sequence(row.text)
		if ids[0] != 2 || ids[len(ids)-1] != 3 {
			t.Errorf("%q: %v does not begin and end as it should", row.text, ids)
		}
		if got := tok.names(ids[1 : len(ids)-1]); got != row.want {
			t.Errorf("%q: got %q, want %q", row.text, got, row.want)
		}
	}
}

// TestCase: what the vocabulary distinguishes is kept.
func TestCase(t *testing.T) {
	for _, row := range []struct {
		name  string
		words []string
		want  string
	}{
		{"neither case nor accents", []string{"▁uber", "▁a"}, "▁uber"},
		{"accents", []string{"▁über", "▁uber"}, "▁über"},
		{"case", []string{"▁Uber", "▁uber"}, "▁Uber"},
		{"both", []string{"▁Über", "▁uber", "▁über"}, "▁Über"},
	} {
		tok := tokenizer(t, row.words...)
		if got := tok.names(tok.Text("Über")); got != row.want {
			t.Errorf("%s: got %q, want %q", row.name, got, row.want)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	never := func(int32) bool { return false }
	for _, row := range []struct {
		name string
		v    Vocabulary
		want string
	}{
		{"a token beyond the vocabulary", Vocabulary{Tokens: []string{"▁a"}, Control: never, SEP: 1}, "ends with is number 1 of 1"},
		{"a token before it", Vocabulary{Tokens: []string{"▁a"}, Control: never, Unknown: -1}, "number -1"},
		{"no words", Vocabulary{Tokens: []string{"a", "##b"}, Control: never}, "none to begin a word with"},
	} {
		if _, err := New(row.v); err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: %v, want %q", row.name, err, row.want)
		}
	}
}

// FuzzSequence: no text yields a control token, and every known token is a
// piece of what was written.
func FuzzSequence(f *testing.F) {
	for _, s := range []string{"[CLS] Müller 漢字 $5", "\xff\xfe", "don't\u0308", strings.Repeat("un", 80)} {
		f.Add(s)
	}
	tok := tokenizer(f, uncased...)
	f.Fuzz(func(t *testing.T, s string) {
		ids := tok.Sequence(s)
		inner := ids[1 : len(ids)-1]
		if i := slices.IndexFunc(inner, func(id int32) bool { return id != 1 && id < 5 }); i >= 0 {
			t.Errorf("%q yields the control token %d", s, inner[i])
		}
		spelt := 0
		for _, id := range inner {
			spelt += utf8.RuneCountInString(strings.TrimPrefix(tok.v.Tokens[id], begins))
		}
		if most := utf8.RuneCountInString(bare(strings.ToLower(s))); len(inner) > 0 && !slices.Contains(inner, 1) && spelt > most {
			t.Errorf("%q has %d characters and its tokens %d", s, most, spelt)
		}
	})
}
