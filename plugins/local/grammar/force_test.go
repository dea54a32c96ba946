package grammar

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"skerry/embed/starter/tokenizer"
)

// starterWords is the vocabulary of the starter models, with their tokenizer.
func starterWords(t testing.TB) (*Vocabulary, func(string) []int32) {
	t.Helper()
	tok := tokenizer.Starter().Clone()
	tokens := make([][]byte, tok.Size())
	for id := range tokens {
		if id > int(tokenizer.Pad) {
			tokens[id] = []byte(tok.Bytes(tokenizer.ID(id)))
		}
	}
	encode := func(s string) []int32 {
		var ids []int32
		for _, id := range tok.Encode(s) {
			ids = append(ids, int32(id))
		}
		return ids
	}
	v, err := NewVocabulary(tokens, []int32{int32(tokenizer.TurnEnd)}, func(s string) ([]int32, error) { return encode(s), nil }, 0)
	if err != nil {
		t.Fatal(err)
	}
	return v, encode
}

// follow plays a model that always writes the next token of answer, and
// returns what comes out and how many of the tokens were forced.
func follow(g *Grammar, want []int32, force bool) (got []int32, forced int, err error) {
	m := g.Matcher()
	for {
		if force {
			ids, err := m.Forced()
			if err != nil {
				return got, forced, err
			}
			got, forced = append(got, ids...), forced+len(ids)
		}
		if len(got) >= len(want) || !slices.Equal(got, want[:len(got)]) {
			if !m.Whole() {
				return got, forced, fmt.Errorf("the answer is over, but not whole to the grammar")
			}
			return got, forced, nil
		}
		mask, err := m.Mask()
		if err != nil {
			return got, forced, err
		}
		id := want[len(got)]
		if !mask.Has(id) {
			return got, forced, fmt.Errorf("token %d is not possible", id)
		}
		if err := m.Accept(id); err != nil {
			return got, forced, err
		}
		got = append(got, id)
	}
}

const invoiceSchema = `{"type":"object","additionalProperties":false,"properties":{
"supplier_name":{"type":["string","null"]},"supplier_vat_id":{"type":["string","null"]},"invoice_date":{"type":["string","null"],"pattern":"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"},
"total_amount":{"type":["number","null"]},"currency":{"enum":["EUR","USD","CHF",null]},"paid":{"type":["boolean","null"]},"pages":{"type":["integer","null"]},
"line_items":{"type":["array","null"],"items":{"type":"object","additionalProperties":false,"properties":{"description":{"type":["string","null"]},"quantity":{"type":["number","null"]}},"required":["description","quantity"]}}},
"required":["supplier_name","supplier_vat_id","invoice_date","total_amount","currency","paid","pages","line_items"]}`

// invoice writes a random answer to invoiceSchema as the training corpus does.
func invoice(t *rapid.T) string {
	text := rapid.StringOf(rapid.OneOf(
		rapid.SampledFrom([]rune(`aA eGmbH.,:;{}[]"'\/-_&%€äß😀1 0`)), rapid.Rune()))
	orNull := func(s string) string {
		if rapid.IntRange(0, 3).Draw(t, "null") == 0 {
			return "null"
		}
		return s
	}
	str := func() string { return orNull(quote(strings.ToValidUTF8(text.Draw(t, "text"), "?"))) }
	num := func() string {
		return orNull(rapid.StringMatching(`-?(0|[1-9][0-9]{0,6})(\.[0-9]{1,3})?`).Draw(t, "number"))
	}
	items := []string{}
	for range rapid.IntRange(0, 3).Draw(t, "items") {
		items = append(items, `{"description":`+str()+`,"quantity":`+num()+`}`)
	}
	return `{"supplier_name":` + str() + `,"supplier_vat_id":` + str() + `,"invoice_date":` + orNull(`"2026-04-06"`) + `,"total_amount":` + num() +
		`,"currency":` + rapid.SampledFrom([]string{`"EUR"`, `"USD"`, `"CHF"`, `null`}).Draw(t, "currency") +
		`,"paid":` + orNull(rapid.SampledFrom([]string{"true", "false"}).Draw(t, "paid")) +
		`,"pages":` + orNull(rapid.SampledFrom([]string{"0", "1", "17", "-3"}).Draw(t, "pages")) +
		`,"line_items":` + orNull(`[`+strings.Join(items, ",")+`]`) + `}`
}

// TestForcingKeepsTheTokensOfTraining: a model that knows the answer writes it
// in the tokens that the tokenizer gives the whole answer, because those are
// the ones it has learnt; and much of it is forced.
func TestForcingKeepsTheTokensOfTraining(t *testing.T) {
	v, encode := starterWords(t)
	g, err := v.Schema([]byte(invoiceSchema))
	if err != nil {
		t.Fatal(err)
	}
	total, forcedTotal := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		answer := invoice(t)
		want := encode(answer)
		got, forced, err := follow(g, want, true)
		if err != nil || !slices.Equal(got, want) {
			t.Fatalf("%s:\n got %v\nwant %v, %v", answer, v.spell(got), v.spell(want), err)
		}
		total, forcedTotal = total+len(want), forcedTotal+forced
	})
	if forcedTotal*4 < total {
		t.Errorf("only %d of %d tokens were forced", forcedTotal, total)
	}
	t.Logf("%d of %d tokens were forced", forcedTotal, total)
}

// TestForcingOfValues: the same where much of the value is forced too: names
// and enumerated values that share beginnings, with spaces, digits, and
// characters of several bytes.
func TestForcingOfValues(t *testing.T) {
	v, encode := starterWords(t)
	word := rapid.SampledFrom([]string{"invoice", "in", "_number", " ", "  ", "Rechnung", "s", "12", "3", "-", ",", ":", "\"", "\\", "\n", "é", "ß", "😀", "EUR", "amount", ".", "'s", "/", "null", "{", "x"})
	forcedTotal := 0
	rapid.Check(t, func(t *rapid.T) {
		text := func(what string) string {
			return strings.Join(rapid.SliceOfN(word, 1, 5).Draw(t, what), "")
		}
		var props, required []string
		answer := "{"
		seen := map[string]bool{}
		for range rapid.IntRange(1, 4).Draw(t, "members") {
			name := text("name")
			if seen[name] {
				continue
			}
			seen[name] = true
			values := []string{"null"}
			start := text("beginning")
			for range rapid.IntRange(1, 4).Draw(t, "values") {
				values = append(values, quote(start+text("value")))
			}
			props = append(props, quote(name)+`:{"enum":[`+strings.Join(values, ",")+`]}`)
			required = append(required, quote(name))
			if answer != "{" {
				answer += ","
			}
			answer += quote(name) + ":" + rapid.SampledFrom(values).Draw(t, "which")
		}
		answer += "}"
		schema := `{"type":"object","properties":{` + strings.Join(props, ",") + `},"required":[` + strings.Join(required, ",") + `]}`
		g, err := v.Schema([]byte(schema))
		if err != nil {
			t.Fatal(err)
		}
		want := encode(answer)
		got, forced, err := follow(g, want, true)
		if err != nil || !slices.Equal(got, want) {
			t.Fatalf("%s:\n got %q\nwant %q, %v", answer, v.spell(got), v.spell(want), err)
		}
		forcedTotal += forced
	})
	if forcedTotal == 0 {
		t.Error("nothing was forced: the test shows nothing")
	}
}

// TestForcingAtSomeKnownPlaces: rows that went wrong once, or might.
func TestForcingAtSomeKnownPlaces(t *testing.T) {
	v, encode := starterWords(t)
	const object = `{"type":"object","properties":{"a":{"type":["string","null"]},"n":{"type":["number","null"]},"d":{"type":["string","null"]},"l":{"type":["array","null"],"items":{"type":"object","properties":{"k":{"type":"string"}},"required":["k"]}}},"required":["a","n","d","l"]}`
	for _, row := range [][2]string{
		{object, `{"a":"x, y","n":12.50,"d":null,"l":[{"k":"v"}]}`},
		{object, `{"a":"","n":null,"d":"","l":[]}`},
		{object, `{"a":"\"","n":-1,"d":"\\","l":[{"k":"}"},{"k":","}]}`},
		{object, `{"a":",","n":0,"d":":","l":null}`},
		{`{"type":"object","properties":{"label":{"enum":["invoice","invoice_reminder","credit note",null]}},"required":["label"]}`, `{"label":"invoice"}`},
		{`{"type":"object","properties":{"label":{"enum":["invoice","invoice_reminder","credit note",null]}},"required":["label"]}`, `{"label":"credit note"}`},
		{`{"type":"object","properties":{"label":{"enum":["unusual"]}},"required":["label"]}`, `{"label":"unusual"}`},
		{`{"type":"object","properties":{"x y":{"const":"  two  spaces "},"Größe":{"const":12.5},"1":{"type":"null"}},"required":["x y","Größe","1"]}`, `{"x y":"  two  spaces ","Größe":12.5,"1":null}`},
	} {
		g, err := v.Schema([]byte(row[0]))
		if err != nil {
			t.Fatal(err)
		}
		want := encode(row[1])
		got, forced, err := follow(g, want, true)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s:\n got %q\nwant %q, %v", row[1], v.spell(got), v.spell(want), err)
		}
		t.Logf("%s: %d of %d forced: %q", row[1], forced, len(want), v.spell(want))
	}
}

// TestForcingNegativeControl: to force every byte that must come breaks the
// tokens of training; the detector of the tests above sees it.
func TestForcingNegativeControl(t *testing.T) {
	v, encode := starterWords(t)
	g, err := v.Schema([]byte(`{"type":"object","properties":{"a":{"type":["string","null"]}},"required":["a"]}`))
	if err != nil {
		t.Fatal(err)
	}
	r := v.forced(g, g.start)
	r.cuts, r.probes = []int{len(r.text)}, nil
	want := encode(`{"a":"x"}`)
	if got, _, _ := follow(g, want, true); slices.Equal(got, want) {
		t.Errorf("forcing %q as a whole gave the tokens of training", r.text)
	}
}

// spell returns the texts of tokens.
func (v *Vocabulary) spell(ids []int32) []string {
	var out []string
	for _, id := range ids {
		out = append(out, string(v.text(id)))
	}
	return out
}

// TestMaskIsWhatTheGrammarAllows: at every place of random outputs, a token is
// in the mask exactly if the grammar takes its bytes, and an end exactly where
// the output is whole.
func TestMaskIsWhatTheGrammarAllows(t *testing.T) {
	v, _ := starterWords(t)
	for _, schema := range []string{
		invoiceSchema,
		`{"type":"object","properties":{"a":{"type":"string","minLength":3,"maxLength":9},"b":{"type":"string","pattern":"^[A-Z]{2}[ -~]*$"}},"required":["a"],"additionalProperties":{"type":"array","items":{"type":"string","maxLength":70}}}`,
		`{"anyOf":[{"type":"string"},{"enum":["null and void"]},{"type":"string","maxLength":5},{"type":"number"}]}`,
		`true`,
	} {
		g, err := v.Schema([]byte(schema))
		if err != nil {
			t.Fatal(err)
		}
		for seed := range uint64(6) {
			r := rand.New(rand.NewPCG(seed, 1))
			m := g.Matcher()
			for range 60 {
				mask, err := m.Mask()
				if err != nil {
					t.Fatal(err)
				}
				var can []int32
				for id := range int32(v.size) {
					probe := *m
					want := len(v.tokens[id]) > 0 && probe.write(v.tokens[id])
					if slices.Contains(v.ends, id) {
						want = m.Whole()
					} else if want {
						can = append(can, id)
					}
					if mask.Has(id) != want {
						t.Fatalf("%s, seed %d: token %d %q: mask %v, grammar %v", schema, seed, id, v.tokens[id], mask.Has(id), want)
					}
				}
				if len(can) == 0 {
					break
				}
				if err := m.Accept(can[r.IntN(len(can))]); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}

// TestMatchersShareAGrammar: outputs under one grammar at the same time are
// what they are one after the other, also while states are forgotten.
func TestMatchersShareAGrammar(t *testing.T) {
	v, encode := starterWords(t)
	v.encode = nil // the tokenizer is not for several at once
	g, err := v.Schema([]byte(invoiceSchema))
	if err != nil {
		t.Fatal(err)
	}
	want := encode(`{"supplier_name":"Nordwind \"GmbH\"","supplier_vat_id":null,"invoice_date":"2026-04-06","total_amount":12.5,"currency":"EUR","paid":true,"pages":3,"line_items":[{"description":"x","quantity":1}]}`)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 10 {
				if got, _, err := follow(g, want, false); err != nil || !slices.Equal(got, want) {
					t.Errorf("got %q, %v", v.spell(got), err)
				}
				g.mu.Lock()
				g.forget()
				g.mu.Unlock()
			}
		})
	}
	wg.Wait()
}

// TestMemoryIsBounded: strings of many lengths meet many states, which are
// forgotten in time, and masks take no more than they may.
func TestMemoryIsBounded(t *testing.T) {
	v, _ := starterWords(t)
	v.maxBytes = 20_000
	g, err := v.Schema([]byte(`{"type":"array","prefixItems":[` + strings.Repeat(`{"type":"string","minLength":4000,"maxLength":4096},`, 2) + `{"type":"string","minLength":4000}],"minItems":3}`))
	if err != nil {
		t.Fatal(err)
	}
	m := g.Matcher()
	m.write([]byte("["))
	forgot, before := false, 0
	for i := range 12_000 {
		b := byte('a')
		if m.at.can('"') {
			b = '"'
		} else if m.at.can(',') {
			b = ','
		}
		m.write([]byte{b})
		g.mu.Lock()
		forgot, before = forgot || g.bytes < before, g.bytes
		g.mu.Unlock()
		if i%50 == 0 {
			if _, err := m.Mask(); err != nil {
				t.Fatal(err)
			}
		}
		if before > maxStateBytes+1<<16 || v.bytes > v.maxBytes+1000 || v.recent.Len() != len(v.masks) {
			t.Fatalf("after %d bytes: states take %d, masks %d (%d, %d)", i, before, v.bytes, v.recent.Len(), len(v.masks))
		}
	}
	if !forgot {
		t.Errorf("states take %d bytes and were never forgotten: the test shows nothing", before)
	}
}

// TestSchemasAreCompiledOnce, and the ones used last are kept.
func TestSchemasAreCompiledOnce(t *testing.T) {
	v := letters(t)
	first, err := v.Schema([]byte(invoiceSchema))
	if err != nil {
		t.Fatal(err)
	}
	for i := range 400 {
		if _, err := v.Schema(fmt.Appendf(nil, `{"const":%d}`, i)); err != nil {
			t.Fatal(err)
		}
		if g, err := v.Schema([]byte(invoiceSchema)); err != nil || g != first {
			t.Fatalf("after %d other schemas it was compiled again, %v", i, err)
		}
	}
	if len(v.grammars) >= 400 || len(v.grammars) != v.used.Len() || v.weight > maxGrammarBytes {
		t.Errorf("%d grammars of %d bytes are kept", len(v.grammars), v.weight)
	}
}

func TestAnswersAreJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		if s := invoice(t); !json.Valid([]byte(s)) {
			t.Fatalf("%s", s)
		}
	})
}
