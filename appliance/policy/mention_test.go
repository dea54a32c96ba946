package policy

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func table(names ...string) Table {
	return Table{Rows: []Row{{Key: "it", Names: names}}}
}

func TestMentionedIn(t *testing.T) {
	for _, row := range []struct {
		says, name, text string
		want             string // the mention as it stands in the text; "" = none
	}{
		{"as written", "Nordlicht Systeme", "from Nordlicht Systeme GmbH", "Nordlicht Systeme"},
		{"in capitals", "Nordlicht Systeme", "NORDLICHT SYSTEME", "NORDLICHT SYSTEME"},
		{"over a line break", "Nordlicht Systeme", "Nordlicht\r\n   Systeme GmbH", "Nordlicht\r\n   Systeme"},
		{"hyphenated at the end of a line", "Nordlicht Systeme", "Nord-\nlicht Systeme", "Nord-\nlicht Systeme"},
		{"with a soft hyphen", "Nordlicht", "Nord\u00adlicht", "Nord\u00adlicht"},
		{"with a zero-width space", "Nordlicht", "Nord\u200blicht", "Nord\u200blicht"},
		{"with a hyphen for the space", "Nordlicht Systeme", "Nordlicht-Systeme", "Nordlicht-Systeme"},
		{"with a no-break space", "Nordlicht Systeme", "Nordlicht\u00a0Systeme", "Nordlicht\u00a0Systeme"},
		{"written together", "Nordlicht Systeme", "NordlichtSysteme", "NordlichtSysteme"},
		{"ue in the text", "Müller", "Firma Mueller KG", "Mueller"},
		{"ue in the table", "Mueller", "Firma MÜLLER KG", "MÜLLER"},
		{"dots dropped in the text", "Müller", "Muller Ltd", "Muller"},
		{"dots as a combining mark", "Müller", "Mu\u0308ller", "Mu\u0308ller"},
		{"a mark at the very end", "café", "the cafe\u0301!", "cafe\u0301"},
		{"sharp s", "Weiß", "WEISS", "WEISS"},
		{"an o with a stroke", "Ørsted", "Orsted", "Orsted"},
		{"an o with a stroke, in German", "Ørsted", "Oersted", "Oersted"},
		{"a ligature from a PDF", "Office Profi", "O\ufb03ce Pro\ufb01", "O\ufb03ce Pro\ufb01"},
		{"wide letters", "ACME", "ＡＣＭＥ", "ＡＣＭＥ"},
		{"ampersand for a space", "Stahl & Söhne", "STAHL SOEHNE", "STAHL SOEHNE"},
		{"before an apostrophe", "Müller", "Müller's", "Müller"},
		{"after broken bytes", "Müller", "\xffMüller\xfe", "Müller"},
		{"in a script without spaces", "東京", "私は東京に住む", "東京"},
		{"Greek final sigma", "ΟΔΟΣ", "οδος", "οδος"},
		{"inside a longer word", "Nord", "Nordlicht", ""},
		{"at the end of a longer word", "licht", "Nordlicht", ""},
		{"spread over words that are none", "Artisan", "art is an", ""},
		{"half a name", "Nordlicht Systeme", "Nordlicht", ""},
		{"two letters where one is meant", "Bauer", "Bar", ""},
		{"a name of signs only", "&", "a & b", ""},
		{"an empty text", "Nord", "", ""},
	} {
		t.Run(row.says, func(t *testing.T) {
			got := table(row.name).MentionedIn(row.text)
			var at []string
			for _, m := range got {
				at = append(at, row.text[m.Span.Start:m.Span.End])
			}
			want := []string{row.want}
			if row.want == "" {
				want = nil
			}
			if !reflect.DeepEqual(at, want) {
				t.Errorf("%q in %q: got %q, want %q", row.name, row.text, at, want)
			}
		})
	}
}

func TestMentionsOfSeveralRows(t *testing.T) {
	tab := Table{Rows: []Row{
		{Key: "north", Names: []string{"Nordlicht", "Nordlicht Systeme"}},
		{Key: "systems", Names: []string{"Systeme GmbH"}},
		{Key: "he", Names: []string{"he", "she", "hers"}},
	}}
	text := "She saw Nordlicht Systeme GmbH and Nordlicht; he did not."
	var got []string
	for _, m := range tab.MentionedIn(text) {
		got = append(got, fmt.Sprintf("%s %s=%s", m.Key, m.Name, text[m.Span.Start:m.Span.End]))
	}
	want := []string{"he she=She", "north Nordlicht Systeme=Nordlicht Systeme", "systems Systeme GmbH=Systeme GmbH", "north Nordlicht=Nordlicht", "he he=he"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
}

// TestMentionIsFoundWhereItWasPut: a name, misspelled in every way that is
// tolerated and set between other words, is found at its bytes.
func TestMentionIsFoundWhereItWasPut(t *testing.T) {
	word := rapid.StringOfN(rapid.RuneFrom([]rune("abcüößéXYZ019東")), 1, 6, -1)
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SliceOfN(word, 1, 4).Draw(t, "name")
		var b strings.Builder
		for i, w := range words {
			if i > 0 {
				b.WriteString(rapid.SampledFrom([]string{" ", "\n", "-", " - ", "\u00a0", "", "\t\t"}).Draw(t, "gap"))
			}
			for _, r := range w {
				switch {
				case r == 'ü':
					b.WriteString(rapid.SampledFrom([]string{"ü", "Ü", "u\u0308", "ue"}).Draw(t, "ü"))
				case rapid.Bool().Draw(t, "upper"):
					b.WriteString(strings.ToUpper(string(r)))
				default:
					b.WriteRune(r)
				}
			}
		}
		before, after := rapid.SampledFrom([]string{"", "x ", "ä-", "ﬁn\n", "\xff", "("}).Draw(t, "before"), rapid.SampledFrom([]string{"", " y", "-ö", "\n", "\xff", "."}).Draw(t, "after")
		text := before + b.String() + after
		for _, m := range table(strings.Join(words, " ")).MentionedIn(text) {
			if m.Span.Start <= len(before) && m.Span.End == len(before)+b.Len() {
				return
			}
		}
		t.Fatalf("%q not found in %q", words, text)
	})
}

// TestMentionedInSurvivesNearMisses: a megabyte in which every position is a
// near miss of a hundred names is searched and nothing is found. Were the
// search to start again at every position, this would run into the time limit.
func TestMentionedInSurvivesNearMisses(t *testing.T) {
	names := make([]string, 100)
	for i := range names {
		names[i] = strings.Repeat("a ", 50*(i+1)) + "b"
	}
	if got := table(names...).MentionedIn(strings.Repeat("a ", 500_000)); len(got) != 0 {
		t.Errorf("%d mentions, want none", len(got))
	}
}

func FuzzMentionedIn(f *testing.F) {
	f.Add("Müller & Co.", "bei Mueller-\nCo kaufen")
	f.Add("a\u0308", "\u0308a")
	f.Add("ﬃ", "ffi \xf0\x9f")
	f.Fuzz(func(t *testing.T, name, text string) {
		for _, m := range table(name, "and").MentionedIn(text) {
			s := m.Span
			if s.Start < 0 || s.Start >= s.End || s.End > len(text) || !utf8.RuneStart(text[s.Start]) || s.End < len(text) && utf8.ValidString(text) && !utf8.RuneStart(text[s.End]) {
				t.Errorf("span %v of %q is no piece of it", s, text)
			}
		}
	})
}

func BenchmarkMentionedIn(b *testing.B) {
	rows := make([]Row, 1000)
	for i := range rows {
		rows[i] = Row{Key: fmt.Sprint(i), Names: []string{fmt.Sprintf("Supplier Nummer %d GmbH", i)}}
	}
	tab := Table{Rows: rows, index: newIndex(rows)}
	text := strings.Repeat("Invoice from Müller & Söhne, total 1.234,56 EUR, payable within 30 days. ", 100)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		tab.MentionedIn(text)
	}
}
