package grammar

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// randomSchema writes a schema that uses everything that is supported.
func randomSchema(r *rand.Rand, depth int) string {
	pick := func(s ...string) string { return s[r.IntN(len(s))] }
	sub := func() string { return randomSchema(r, depth-1) }
	if depth > 0 && r.IntN(3) > 0 {
		switch r.IntN(6) {
		case 0, 1:
			var props, required []string
			for i := range 1 + r.IntN(4) {
				name := quote(fmt.Sprintf("%s%d", pick("a", "ü\n", `k"`, "long_name"), i))
				props = append(props, name+":"+sub())
				if r.IntN(2) == 0 {
					required = append(required, name)
				}
			}
			more := pick(`false`, `false`, `true`)
			if r.IntN(3) == 0 {
				more = sub()
			}
			return `{"type":"object","properties":{` + strings.Join(props, ",") + `},"required":[` + strings.Join(required, ",") + `],"additionalProperties":` + more + `}`
		case 2:
			low := r.IntN(3)
			s := fmt.Sprintf(`{"type":"array","items":%s,"minItems":%d`, sub(), low)
			if r.IntN(2) == 0 {
				s += fmt.Sprintf(`,"maxItems":%d`, low+r.IntN(3))
			}
			return s + `}`
		case 3:
			return `{"type":"array","prefixItems":[` + sub() + `,` + sub() + `],"items":` + pick("false", sub()) + `}`
		case 4:
			return `{"anyOf":[` + sub() + `,` + sub() + `,` + sub() + `]}`
		}
		return pick(`{"$ref":"#/$defs/tree"}`, `{"$ref":"#/$defs/list"}`)
	}
	low, high := r.IntN(200)-100, r.IntN(200)
	switch r.IntN(8) {
	case 0:
		return pick(`{"type":"boolean"}`, `{"type":"null"}`, `{"const":{"x":[1,2.5,"y"]}}`)
	case 1:
		return pick(`{"enum":["EUR","USD",null,1,"E\"R",[],1.50]}`, `{"type":["string","null"],"enum":["a","b",7,null]}`)
	case 2:
		return fmt.Sprintf(`{"type":"integer","minimum":%d,"maximum":%d}`, low, low+high)
	case 3:
		return fmt.Sprintf(`{"type":["number","null"],"exclusiveMinimum":%d.%d,"maximum":%d.%d}`, low, r.IntN(1000), low+high+1, r.IntN(100))
	case 4:
		return pick(`{"type":"number"}`, `{"type":"integer"}`, `{"type":"number","multipleOf":0.01}`, `{"type":["integer","string"]}`, `{"minimum":3}`)
	case 5:
		return fmt.Sprintf(`{"type":"string","minLength":%d,"maxLength":%d}`, r.IntN(4), 4+r.IntN(8))
	case 6:
		return `{"type":["string","null"],"format":"` + pick("date", "time", "date-time", "email", "hostname", "ipv4", "ipv6", "uuid", "uri") + `"}`
	}
	return `{"type":"string","pattern":` + quote(pick(`^[0-9]{4}-[0-9]{2}$`, `^\d+(\.\d+)?$`, `b`, `^(foo|bar)+`, `[^a-z\s]{2}$`, `^\w+@\w+$`, `^.{1,3}$`, `\S\s\S`, `^(?:ä|😀|\\|")*$`)) + `}`
}

const definitions = `"$defs":{"tree":{"type":"object","properties":{"v":{"type":"integer"},"kids":{"type":"array","items":{"$ref":"#/$defs/tree"},"maxItems":2}},"required":["v"],"additionalProperties":false},"list":{"anyOf":[{"type":"null"},{"type":"object","properties":{"head":{"type":"string","maxLength":3},"tail":{"$ref":"#/$defs/list"}},"required":["head","tail"],"additionalProperties":false}]}}`

// whole puts the definitions beside the schema.
func whole(schema string) string {
	return `{"allOf":[` + schema + `],` + definitions + `}`
}

func validator(t testing.TB, schema string) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(schema))
	if err != nil {
		t.Fatalf("%s: %v", schema, err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("schema.json")
	if err != nil {
		t.Fatalf("%s: %v", schema, err)
	}
	return s
}

func validate(s *jsonschema.Schema, text string) error {
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		return err
	}
	return s.Validate(doc)
}

// babble is a model that gives random logits: what is above the mask is chosen
// at a temperature.
func babble(r *rand.Rand, size int, temperature float64, allowed func(int32) bool) int32 {
	best, at := math.Inf(-1), int32(-1)
	for id := range int32(size) {
		if !allowed(id) {
			continue
		}
		// The greatest of logits with Gumbel noise is a sample (Gumbel, 1954).
		x := r.NormFloat64()*3 - temperature*math.Log(-math.Log(r.Float64()))
		if x > best {
			best, at = x, id
		}
	}
	return at
}

// TestEveryOutputIsValid: random schemas × random logits, at any temperature:
// what ends is valid, and what is cut is the beginning of something valid. The
// negative control, the same logits without the mask, is never valid.
func TestEveryOutputIsValid(t *testing.T) {
	v, _ := starterWords(t)
	ended, cut, free := 0, 0, 0
	n := uint64(200)
	for seed := range n {
		r := rand.New(rand.NewPCG(seed, 7))
		schema := whole(randomSchema(r, 3))
		g, err := v.Schema([]byte(schema))
		if err != nil {
			t.Fatalf("seed %d: %s: %v", seed, schema, err)
		}
		temperature := []float64{0, 0.7, 5, 100}[r.IntN(4)]
		m := g.Matcher()
		var out []byte
		for range 200 {
			ids, err := m.Forced()
			if err != nil {
				t.Fatal(err)
			}
			for _, id := range ids {
				out = append(out, v.text(id)...)
			}
			if m.Ended() {
				break
			}
			mask, err := m.Mask()
			if err != nil {
				t.Fatalf("seed %d: %s: after %s: %v", seed, schema, out, err)
			}
			id := babble(r, v.size, temperature, mask.Has)
			if id == v.ends[0] || mask.Has(v.ends[0]) && r.IntN(3) == 0 {
				break
			}
			if err := m.Accept(id); err != nil {
				t.Fatal(err)
			}
			out = append(out, v.text(id)...)
		}
		check := validator(t, schema)
		if m.Whole() {
			ended++
			if err := validate(check, string(out)); err != nil {
				t.Errorf("seed %d: %s is not valid against %s: %v", seed, out, schema, err)
			}
			continue
		}
		cut++
		end, ok := complete(m, r)
		if !ok {
			t.Errorf("seed %d: %s cannot be completed under %s", seed, out, schema)
			continue
		}
		if err := validate(check, string(out)+end); err != nil {
			t.Errorf("seed %d: %s, completed with %s, is not valid against %s: %v", seed, out, end, schema, err)
		}
		out = out[:0]
		for range 40 {
			out = append(out, v.text(babble(r, v.size, temperature, func(int32) bool { return true }))...)
		}
		if validate(check, string(out)) == nil {
			free++
		}
	}
	t.Logf("%d ended, %d were cut", ended, cut)
	if ended < int(n)/3 || cut == 0 {
		t.Errorf("%d ended, %d were cut: the test shows little", ended, cut)
	}
	if free > 0 {
		t.Errorf("%d outputs without a mask were valid", free)
	}
}

// complete finds a way to the end from where m is: mostly by what closes.
func complete(m *Matcher, r *rand.Rand) (string, bool) {
	for range 20 {
		try := *m
		var out []byte
		for len(out) < 4000 && !try.Whole() {
			var can []byte
			for b := range 256 {
				if try.at.can(byte(b)) {
					can = append(can, byte(b))
				}
			}
			if len(can) == 0 {
				return string(out), false // a dead end
			}
			b := can[r.IntN(len(can))]
			if i := slices.IndexFunc([]byte("}]\"n0,:"), try.at.can); i >= 0 && r.IntN(6) > 0 {
				b = "}]\"n0,:"[i]
			}
			try.write([]byte{b})
			out = append(out, b)
		}
		if try.Whole() {
			return string(out), true
		}
	}
	return "", false
}

// TestOutputsOfBytesAreValid reaches what tokens of words seldom do: escapes,
// characters cut into their bytes, odd keys.
func TestOutputsOfBytesAreValid(t *testing.T) {
	v := letters(t)
	ended := 0
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 9))
		schema := whole(randomSchema(r, 3))
		g, err := v.Schema([]byte(schema))
		if err != nil {
			t.Fatalf("seed %d: %s: %v", seed, schema, err)
		}
		check := validator(t, schema)
		for range 3 {
			out, ok := write(g, r, 600)
			if !ok {
				continue
			}
			ended++
			if err := validate(check, out); err != nil {
				t.Errorf("seed %d: %s is not valid against %s: %v", seed, out, schema, err)
			}
			var compact bytes.Buffer
			if err := json.Compact(&compact, []byte(out)); err != nil || compact.String() != out {
				t.Errorf("seed %d: %s is not compact: %v", seed, out, err)
			}
		}
	}
	if ended < 300 {
		t.Errorf("only %d outputs ended", ended)
	}
}

func TestSchemaRefuses(t *testing.T) {
	v := letters(t)
	for _, row := range []struct{ schema, want string }{
		{`{"type":"object","patternProperties":{}}`, `"patternProperties": the keyword is not supported`},
		{`{"type":"object","properties":{"a":{"type":"array","items":{"not":{}}}}}`, `at /properties/a/items: "not": the keyword`},
		{`{"type":"object","properties":{"a/b~":{"nullable":true}}}`, `at /properties/a~1b~0: "nullable"`},
		{`{"if":true}`, `"if"`}, {`{"minProperties":1}`, `"minProperties"`}, {`{"contains":true}`, `"contains"`},
		{`{"type":"array","uniqueItems":true}`, `"uniqueItems": it cannot be kept`},
		{`{"allOf":[true,true]}`, `"allOf": only one`},
		{`{"type":"string","anyOf":[true]}`, `"type": next to "anyOf"`},
		{`{"enum":["a"],"pattern":"b"}`, `"pattern": next to "enum"`},
		{`{"oneOf":[{"type":"integer"},{"type":"number"}]}`, `may be the same`},
		{`{"type":"number","multipleOf":3}`, `"multipleOf": only 1`},
		{`{"type":"integer","minimum":5,"maximum":4}`, `no number is possible`},
		{`{"type":"number","minimum":1e400}`, `"minimum"`},
		{`{"type":"string","minLength":5,"maxLength":4}`, `greater than maxLength`},
		{`{"type":"string","minLength":5000}`, `from 0 to 4096`}, {`{"type":"string","minLength":-1}`, `from 0`}, {`{"type":"string","minLength":1.5}`, `from 0`},
		{`{"type":"string","format":"iri"}`, `"iri" is not supported; what is: date, date-time`},
		{`{"type":"string","pattern":"a(?=b)"}`, `looks around`},
		{`{"type":"string","pattern":"(a)\\1"}`, `refers back`},
		{`{"type":"string","pattern":"\\bx"}`, `word boundary`},
		{`{"type":"string","pattern":"(?i)x"}`, `flags`},
		{`{"type":"string","pattern":"[[:alpha:]]"}`, `POSIX`},
		{`{"type":"string","pattern":"\\Ax"}`, `escape`}, {`{"type":"string","pattern":"\\p{Greek}"}`, `general category`},
		{`{"type":"string","pattern":"(a"}`, `missing closing )`}, {`{"type":"string","pattern":"a$b"}`, `no string is possible`},
		{`{"type":"string","pattern":"^aaa$","maxLength":2}`, `no string of that length`},
		{`{"$ref":"#/$defs/x"}`, `leads nowhere`}, {`{"$ref":"other.json"}`, `only references such as`}, {`{"$ref":"#"}`, `leads back to itself`},
		{`{"$ref":"#/$defs/a","$defs":{"a":{"anyOf":[{"$ref":"#/$defs/b"},{"type":"null"}]},"b":{"$ref":"#/$defs/a"}}}`, `leads back to itself`},
		{`{"$ref":"#/$defs/a","$defs":{"a":{"type":"array","items":{"$ref":"#/$defs/a"},"minItems":1}}}`, `no value is possible`},
		{`false`, `no value is possible`}, {`{"type":"array","items":false,"minItems":1}`, `no list can have`},
		{`{"type":"object","required":["a"]}`, `"required": "a" is not among`},
		{`{"type":"text"}`, `"text" is no type`}, {`{"type":[]}`, `names no type`}, {`{"enum":[]}`, `no value`}, {`{"anyOf":[]}`, `at least one`},
		{`{"type":"array","items":[true]}`, `use prefixItems`}, {`{"properties":{"a":{"$id":"x"}}}`, `"$id"`},
		{`[]`, `a schema is an object`}, {`{"a":1,"a":2}`, `stands there twice`}, {`{`, `not valid JSON`}, {`{} {}`, `more after`}, {"\"\xff\"", `UTF-8`},
		{strings.Repeat(`{"items":`, 70) + `true` + strings.Repeat(`}`, 70), `nests deeper than 64`},
		{strings.Repeat(`[`, 10_000), `nests deeper`},
		{`{"enum":[` + strings.Repeat(`"`+strings.Repeat("x", 900)+`",`, 999) + `"y"]}`, ``}, // equal values are one
	} {
		g, err := v.Schema([]byte(row.schema))
		if row.want == "" {
			if err != nil {
				t.Errorf("%.80s: %v", row.schema, err)
			}
			continue
		}
		var r *Refusal
		if !errors.As(err, &r) || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%.80s: got %v, %v; want a refusal with %q", row.schema, g != nil, err, row.want)
		}
	}
}
