package grammar

import (
	"math/rand/v2"
	"testing"
)

// letters is a vocabulary of the single bytes, and one token that ends.
func letters(t testing.TB) *Vocabulary {
	t.Helper()
	var tokens [][]byte
	for b := range 256 {
		tokens = append(tokens, []byte{byte(b)})
	}
	v, err := NewVocabulary(append(tokens, nil), []int32{256}, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// accepts reports whether text is a whole output.
func accepts(g *Grammar, text string) bool {
	m := g.Matcher()
	return m.write([]byte(text)) && m.Whole()
}

// write returns a random whole output, or what there is of it after limit
// bytes.
func write(g *Grammar, r *rand.Rand, limit int) (string, bool) {
	m := g.Matcher()
	var out []byte
	for len(out) < limit {
		if m.Ended() || m.Whole() && r.IntN(4) == 0 {
			return string(out), true
		}
		var can []byte
		for b := range 256 {
			if m.at.can(byte(b)) {
				can = append(can, byte(b))
			}
		}
		if len(can) == 0 {
			panic("stuck after " + string(out))
		}
		b := can[r.IntN(len(can))]
		// What ends a string or list is preferred, so that outputs end.
		if m.at.can('"') && r.IntN(8) == 0 {
			b = '"'
		} else if m.at.can(']') && r.IntN(2) == 0 {
			b = ']'
		}
		m.write([]byte{b})
		out = append(out, b)
	}
	return string(out), m.Whole()
}

func TestSchemaAccepts(t *testing.T) {
	v := letters(t)
	for _, row := range []struct {
		schema    string
		yes, noes []string
	}{
		{`{"type":"object","additionalProperties":false,"properties":{"a":{"type":["string","null"]},"n":{"type":["number","null"]}},"required":["a","n"]}`,
			[]string{`{"a":"x","n":1}`, `{"a":null,"n":null}`, `{"a":"","n":-0.50}`, `{"a":"é\"\\\n\u0000😀","n":12345678901234567890}`, `{"a":"\uff01\u20ac\uE000","n":1}`, `{"a":"\u0041\/\u00E9\ud83d\ude00","n":1}`},
			[]string{`{}`, `{"a":"x"}`, `{"n":1,"a":"x"}`, `{"a": "x","n":1}`, `{"a":"x","n":01}`, `{"a":"x","n":1.}`, `{"a":"\ud83d","n":1}`, `{"a":"\ude00","n":1}`, `{"a":"\ud83dx","n":1}`, `{"a":"\ud83d\u0041","n":1}`, `{"a":"\x41","n":1}`, `{"a":"\u12","n":1}`, `{"a":"x","n":1,"b":2}`, "{\"a\":\"\xff\",\"n\":1}", "{\"a\":\"\xed\xa0\x80\",\"n\":1}", "{\"a\":\"\xc0\xaf\",\"n\":1}", "{\"a\":\"\n\",\"n\":1}"}},
		{`{"type":["string","null"],"pattern":"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"}`,
			[]string{`"2026-04-06"`, `null`}, []string{`"2026\u002d04-06"`, `"2026-4-06"`, `"2026-04-061"`, `""`, `2026`}},
		{`{"enum":["EUR","USD","EU",null,12,1,true,[1,{"a":2}]]}`,
			[]string{`"EUR"`, `"USD"`, `"EU"`, `null`, `1`, `12`, `true`, `[1,{"a":2}]`}, []string{`"GBP"`, `"E"`, `2`, `"EURO"`, `123`}},
		{`{"type":"integer","enum":["EUR",1,1.5,2.0]}`, []string{`1`, `2.0`}, []string{`1.5`, `"EUR"`}},
		{`{"type":"array","items":{"type":"integer"},"minItems":1,"maxItems":3}`, []string{`[1]`, `[1,2]`, `[1,2,3]`}, []string{`[]`, `[1,2,3,4]`, `[1,]`, `[,1]`}},
		{`{"type":"array","items":{"type":"integer"}}`, []string{`[]`, `[1]`, `[1,2,3,4,5]`}, []string{`[1.5]`, `[1,2`}},
		{`{"type":"array","items":{"type":"integer"},"minItems":3}`, []string{`[1,2,3]`, `[1,2,3,4,5]`}, []string{`[1,2]`}},
		{`{"type":"array","prefixItems":[{"type":"string"},{"type":"boolean"}],"items":{"type":"integer"}}`, []string{`[]`, `["a"]`, `["a",true]`, `["a",true,5,6]`}, []string{`[1]`, `["a",5]`}},
		{`{"type":"array","prefixItems":[{"const":1}]}`, []string{`[]`, `[1]`}, []string{`[1,1]`}},
		{`{"type":"array","items":false}`, []string{`[]`}, []string{`[1]`}},
		{`{"type":"object","properties":{"a":{"const":1},"b":{"const":2},"c":{"const":3}},"required":["b"]}`,
			[]string{`{"b":2}`, `{"a":1,"b":2}`, `{"b":2,"c":3}`, `{"a":1,"b":2,"c":3}`}, []string{`{}`, `{"a":1}`, `{"a":1,"c":3}`, `{,"b":2}`, `{"b":2,}`, `{"b":2,"d":1}`}},
		{`{"type":"object","properties":{"ab":{"const":1},"ac":{"const":2}},"additionalProperties":{"type":"boolean"}}`,
			[]string{`{}`, `{"ab":1}`, `{"x":true}`, `{"ab":1,"a":true,"abc":false,"":true}`, `{"ac":2,"b":true}`}, []string{`{"ab":true}`, `{"x":1}`, `{"x":true,"ab":1}`}},
		{`{"type":"object"}`, []string{`{}`, `{"a":[1,{"b":null}],"c":"d"}`}, []string{`[]`, `{"a"}`}},
		{`true`, []string{`1`, `"a"`, `[[]]`, `{"a":{}}`, `null`, `false`, `-1.5`}, []string{``, `nul`, `[`}},
		{`{"anyOf":[{"type":"string","maxLength":2},{"type":"string","pattern":"^abc"},{"type":"null"}]}`, []string{`""`, `"xy"`, `"abcde"`, `null`}, []string{`"xyz"`, `"abd"`}},
		{`{"oneOf":[{"type":"object","properties":{"k":{"const":"a"},"v":{"type":"integer"}},"required":["k","v"]},{"type":"object","properties":{"k":{"const":"b"}},"required":["k"]}]}`,
			[]string{`{"k":"a","v":5}`, `{"k":"b"}`}, []string{`{"k":"a"}`, `{"k":"b","v":5}`}},
		{`{"$ref":"#/$defs/tree","$defs":{"tree":{"type":"object","properties":{"v":{"type":"integer"},"kids":{"type":"array","items":{"$ref":"#/$defs/tree"}}},"required":["v","kids"]}}}`,
			[]string{`{"v":1,"kids":[]}`, `{"v":1,"kids":[{"v":2,"kids":[{"v":3,"kids":[]}]},{"v":4,"kids":[]}]}`}, []string{`{"v":1}`, `{"v":1,"kids":[1]}`}},
		{`{"type":"string","minLength":2,"maxLength":3}`, []string{`"ab"`, `"abc"`, `"é😀"`, `"\n\t\u0001"`, `"\ud83d\ude00\/"`}, []string{`"a"`, `"\ud83d\ude00"`, `"abcd"`, `""`}},
		{`{"type":"string","pattern":"^(aa)*$","minLength":3,"maxLength":5}`, []string{`"aaaa"`}, []string{`"aa"`, `"aaa"`}},
		{`{"type":"string","pattern":"b"}`, []string{`"b"`, `"abc"`, `"\n b"`, `"\u001fb"`}, []string{`"a"`, `"\u0062"`, `"b\u000a"`, `"b\u001F"`, `"b\/"`}},
		{`{"type":"integer","minimum":-5,"maximum":120}`, []string{`-5`, `0`, `-1`, `9`, `120`, `119`, `99`}, []string{`-6`, `121`, `-0`, `1.0`, `200`, `1000`, `-10`}},
		{`{"type":"number","minimum":0.25,"exclusiveMaximum":100}`, []string{`0.25`, `0.250`, `0.3`, `1`, `99`, `99.999`, `10.5`}, []string{`0`, `0.2`, `0.249`, `100`, `100.0`, `100.1`, `-1`, `101`}},
		{`{"type":"number","exclusiveMinimum":-2.5,"maximum":0}`, []string{`-2.49`, `-2`, `0`, `0.0`, `-0.1`, `-1.99`}, []string{`-2.5`, `-2.50`, `-2.51`, `-3`, `1`, `0.1`}},
		{`{"type":"number","multipleOf":0.01}`, []string{`1`, `1.2`, `1.25`, `-0.01`}, []string{`1.255`}},
		{`{"type":"string","format":"date"}`, []string{`"2024-02-29"`, `"2023-12-31"`, `"2000-02-29"`}, []string{`"2023-02-29"`, `"2023-04-31"`, `"1900-02-29"`, `"2023-13-01"`, `"2023-00-10"`}},
	} {
		g, err := v.Schema([]byte(row.schema))
		if err != nil {
			t.Errorf("%s: %v", row.schema, err)
			continue
		}
		for _, s := range row.yes {
			if !accepts(g, s) {
				t.Errorf("%s refuses %s", row.schema, s)
			}
		}
		for _, s := range row.noes {
			if accepts(g, s) {
				t.Errorf("%s accepts %s", row.schema, s)
			}
		}
	}
}
