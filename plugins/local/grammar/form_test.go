package grammar

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// styles are those of models: one with tags, one like a call of a function.
var styles = []Style{
	{Open: "<parameter=", Colon: ">\n", Close: "\n</parameter>\n", Raw: true, End: "</"},
	{Open: "<k>", Colon: "</k><v>", Close: "</v>", Raw: true, End: "</"},
	{Colon: "=", Comma: ", "},
}

// TestFieldsAreReadBack: what is written under Fields reads back as an object
// that is valid against the schema, and nothing is left over.
func TestFieldsAreReadBack(t *testing.T) {
	v := letters(t)
	read := 0
	for seed := range uint64(150) {
		r := rand.New(rand.NewPCG(seed, 11))
		var props, required []string
		for i := range r.IntN(4) {
			name := fmt.Sprintf(`"p%d"`, i)
			schema := randomSchema(r, 2)
			if r.IntN(2) == 0 {
				schema = []string{`{"type":"string"}`, `{"type":"string","maxLength":5,"minLength":2}`, `{"enum":["a","</b","ab"]}`, `{"const":"x y"}`, `{"type":"string","pattern":"^<[a-z]*$"}`}[r.IntN(5)]
				schema = strings.Replace(schema, "</b", "<b", 1)
			}
			props = append(props, name+":"+schema)
			if r.IntN(2) == 0 {
				required = append(required, name)
			}
		}
		schema := `{"type":"object","properties":{` + strings.Join(props, ",") + `},"required":[` + strings.Join(required, ",") + `],"additionalProperties":false,` + definitions + `}`
		style := styles[r.IntN(len(styles))]
		g, err := v.Form(Seq(Text("<f>"), Fields([]byte(schema), style), Text("</f>")))
		if err != nil {
			t.Fatalf("seed %d: %s: %v", seed, schema, err)
		}
		check := validator(t, schema)
		for range 3 {
			out, ok := write(g, r, 900)
			if !ok {
				continue
			}
			read++
			object, rest, err := style.Read([]byte(schema), strings.TrimPrefix(out, "<f>"))
			if err != nil || rest != "</f>" {
				t.Errorf("seed %d: %q: read %s, left %q, %v", seed, out, object, rest, err)
				continue
			}
			if err := validate(check, string(object)); err != nil {
				t.Errorf("seed %d: %q: %s is not valid against %s: %v", seed, out, object, schema, err)
			}
		}
	}
	if read < 150 {
		t.Errorf("only %d were read", read)
	}
}

// TestFormsMakeCalls: an alternative of names with the arguments of each, once
// or more; references of one schema do not lead into another.
func TestFormsMakeCalls(t *testing.T) {
	v := letters(t)
	schemas := map[string]string{
		"tree":  `{"type":"object","properties":{"x":{"$ref":"#/$defs/d"}},"required":["x"],"$defs":{"d":{"type":"array","items":{"$ref":"#/$defs/d"},"maxItems":2}}}`,
		"trees": `{"type":"object","properties":{"x":{"$ref":"#/$defs/d"}},"required":["x"],"$defs":{"d":{"type":"integer"}}}`,
	}
	one := func(name string) Form { return Seq(Text(name+"("), JSON([]byte(schemas[name])), Text(")")) }
	g, err := v.Form(Some(OneOf(one("tree"), one("trees")), Text(";")))
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for seed := range uint64(200) {
		out, ok := write(g, rand.New(rand.NewPCG(seed, 3)), 900)
		if !ok {
			continue
		}
		calls := strings.Split(out, ";")
		seen[fmt.Sprint(len(calls))]++
		for _, c := range calls {
			name, args, _ := strings.Cut(strings.TrimSuffix(c, ")"), "(")
			seen[name]++
			if err := validate(validator(t, schemas[name]), args); err != nil {
				t.Errorf("%s: %v", c, err)
			}
		}
	}
	if seen["tree"] == 0 || seen["trees"] == 0 || seen["1"] == 0 || seen["2"] == 0 {
		t.Errorf("saw %v", seen)
	}
}

// TestFormsHoldControlTokens: tokens with bytes that are no text can be
// demanded by fixed text, and no value has them.
func TestFormsHoldControlTokens(t *testing.T) {
	tokens := [][]byte{[]byte("\xff0."), []byte("\xff1."), []byte("a"), []byte(`"`), []byte(`\`)}
	v, err := NewVocabulary(tokens, []int32{0}, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	g, err := v.Form(Seq(Text("a\xff1."), JSON([]byte(`{"type":"string"}`))))
	if err != nil {
		t.Fatal(err)
	}
	m := g.Matcher()
	for i, want := range []string{"[2]", "[1]", "[3]", "[2 3 4]"} {
		mask, err := m.Mask()
		if err != nil {
			t.Fatal(err)
		}
		var ids []int32
		for id := range mask.All() {
			ids = append(ids, id)
		}
		if fmt.Sprint(ids) != want {
			t.Fatalf("at %d: %v may come, want %s", i, ids, want)
		}
		if err := m.Accept(ids[0]); err != nil {
			t.Fatal(err)
		}
	}
}

func TestFormRefuses(t *testing.T) {
	v := letters(t)
	for _, row := range []struct{ schema, want string }{
		{`{"type":"array"}`, "must be an object"}, {`{"type":"object","additionalProperties":{}}`, "additionalProperties"},
		{`{"type":"object","anyOf":[]}`, "anyOf"}, {`{"required":["a"]}`, "not among"},
		{`{"properties":{"a>\nb":{}}}`, "cannot write the name"}, {`{"properties":{"a":{"const":"</"}}}`, "cannot write the value"},
		{`{"properties":{"a":{"type":"string","pattern":"^</$"}}}`, "no string"}, {`{"properties":{"a":{"type":"string","not":{}}}}`, `"not"`},
		{`[`, "JSON"},
	} {
		_, err := v.Form(Fields([]byte(row.schema), styles[0]))
		var r *Refusal
		if !errors.As(err, &r) || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: %v, want a refusal with %q", row.schema, err, row.want)
		}
	}
}

// FuzzRead: text of a model never breaks the reader, and what is read is JSON.
func FuzzRead(f *testing.F) {
	const schema = `{"type":"object","properties":{"a":{"type":"string"},"b":{"type":"integer"}}}`
	f.Add("<parameter=a>\nx\n</parameter>\n<parameter=b>\n1\n</parameter>\n", 0)
	f.Add("a=\"x\", b=1", 2)
	f.Fuzz(func(t *testing.T, text string, style int) {
		object, rest, err := styles[uint(style)%uint(len(styles))].Read([]byte(schema), text)
		if err == nil && (!strings.HasSuffix(text, rest) || validate(validator(t, `{"type":"object"}`), string(object)) != nil) {
			t.Errorf("%q: read %q, left %q", text, object, rest)
		}
	})
}
