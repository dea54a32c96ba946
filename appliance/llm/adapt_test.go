package llm

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// from says where a profile lies: those that are not shipped are test data.
func from(name string) string {
	if strings.HasPrefix(name, "named") {
		return "testdata"
	}
	return "../../embed/profile"
}

func profile(t testing.TB, name string) Profile {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(from(name), name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	p, err := ParseProfile(data)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

var starter = Model{ID: "starter", ContextTokens: 1024, Capabilities: Capabilities{Tasks: []TaskKind{TaskExtract}, Probabilities: true}}

func said(r Request) (system, user string) {
	for _, m := range r.Messages {
		var b strings.Builder
		for _, p := range m.Parts {
			b.WriteString(p.Text)
		}
		if m.Role == System {
			system = b.String()
		} else {
			user = b.String()
		}
	}
	return system, user
}

func TestAdaptSpeaksTheStarterDialect(t *testing.T) {
	p := Prompt{Kind: TaskExtract, Text: "Invoice 7 {fields}\n", Fields: []Field{
		{Name: "supplier", Type: TypeString}, {Name: "issued", Type: TypeDate}, {Name: "total", Type: TypeDecimal},
		{Name: "currency", Type: TypeEnum, Values: []string{"EUR"}}, {Name: "iban", Type: TypeIBAN}, {Name: "colour", Type: TypeString},
	}}
	a, err := Adapt(p, starter, profile(t, "named"))
	if err != nil {
		t.Fatal(err)
	}
	if len(a.Requests) != 1 {
		t.Fatalf("got %d requests, want 1", len(a.Requests))
	}
	system, user := said(a.Requests[0])
	if want := "Extract the fields as JSON. Use null when absent."; system != want {
		t.Errorf("system: got %q", system)
	}
	if want := "Invoice 7 {fields}\n\nFields:\nsupplier_name: string\ninvoice_date: date\ntotal_amount: number\ncurrency: string\niban: string\ncolour: string"; user != want {
		t.Errorf("user: got %q\nwant %q", user, want)
	}
	want := []Part{{Text: "Invoice 7 {fields}", Untrusted: true}, {Text: "\n\nFields:\n"}, {Text: strings.TrimPrefix(user, "Invoice 7 {fields}\n\nFields:\n"), Untrusted: true}}
	if got := a.Requests[0].Messages[1].Parts; !reflect.DeepEqual(got, want) {
		t.Errorf("parts: got %+v", got)
	}
	if r := a.Requests[0]; !r.Logprobs || r.Model != "starter" || r.MaxTokens == 0 {
		t.Errorf("request: got %+v", r)
	}
	if got := strings.Join(a.Notes, "\n"); got != "asked in the model's own words: supplier as supplier_name, issued as invoice_date, total as total_amount" {
		t.Errorf("notes: got %q", got)
	}
}

func TestAdaptAsksFewFieldsAtATime(t *testing.T) {
	var fields []Field
	for _, n := range []string{"a", "b", "c", "d", "e", "f", "g"} {
		fields = append(fields, Field{Name: n, Type: TypeString})
	}
	a, err := Adapt(Prompt{Kind: TaskExtract, Text: "x", Fields: fields}, starter, profile(t, "named-careful"))
	if err != nil {
		t.Fatal(err)
	}
	if len(a.Requests) != 3 || a.Notes[0] != "asked in 3 requests of at most 3 fields each" {
		t.Fatalf("got %d requests, notes %q", len(a.Requests), a.Notes)
	}
	if _, user := said(a.Requests[2]); !strings.HasSuffix(user, "Fields:\ng: string") {
		t.Errorf("the last request: got %q", user)
	}
}

func TestAdaptSpeaksToAnyChatModel(t *testing.T) {
	chat := Model{ID: "chat", ContextTokens: 8192, Capabilities: Capabilities{Lists: true}}
	prof := profile(t, "generic-json")
	a, err := Adapt(Prompt{Kind: TaskExtract, Text: "doc", Fields: []Field{
		{Name: "currency", Type: TypeEnum, Values: []string{"EUR", "USD"}, About: "of the\namounts"},
		{Name: "lines", Type: TypeList, Of: []Field{{Name: "description", Type: TypeString}, {Name: "amount", Type: TypeDecimal}}},
	}}, chat, prof)
	if err != nil {
		t.Fatal(err)
	}
	_, user := said(a.Requests[0])
	for _, want := range []string{
		"<document>\ndoc\n</document>\n\nReply with", // no instructions, no gap
		"of the amounts Allowed values: EUR, USD.",
		`Each object has exactly these keys: "description": `,
	} {
		if !strings.Contains(user, want) {
			t.Errorf("user lacks %q: %q", want, user)
		}
	}
	if r := a.Requests[0]; r.Prefill != "{" || r.Logprobs || r.Schema != nil {
		t.Errorf("request: got %+v", r)
	}
	a, err = Adapt(Prompt{Kind: TaskClassify, Text: "net 30", Instructions: "Are the terms usual?", Labels: []Label{{"usual", "ordinary"}, {"unusual", ""}}}, chat, prof)
	if err != nil {
		t.Fatal(err)
	}
	if _, user := said(a.Requests[0]); !strings.HasSuffix(user, "Are the terms usual?\n\nLabels:\nusual: ordinary\nunusual") {
		t.Errorf("classify: got %q", user)
	}
	a, err = Adapt(Prompt{Kind: TaskGenerate, Text: "x", Instructions: "Summarise.", MaxTokens: 7}, chat, prof)
	if err != nil || a.Requests[0].MaxTokens != 7 {
		t.Errorf("generate: got %+v, %v", a, err)
	}
}

func TestAdaptUsesANativeSchema(t *testing.T) {
	chat := Model{ID: "chat", ContextTokens: 8192, Capabilities: Capabilities{Lists: true, JSONSchema: true}}
	a, err := Adapt(Prompt{Kind: TaskExtract, Text: "doc", Fields: []Field{
		{Name: "b", Type: TypeDecimal}, {Name: "a", Type: TypeList, Of: []Field{{Name: "x", Type: TypeEnum, Values: []string{"<1>"}}}},
	}}, chat, profile(t, "generic-json"))
	if err != nil {
		t.Fatal(err)
	}
	r := a.Requests[0]
	const want = `{"type":"object","additionalProperties":false,"properties":{"b":{"type":["number","null"]},"a":{"type":["array","null"],"items":{"type":"object","additionalProperties":false,"properties":{"x":{"enum":["<1>",null]}},"required":["x"]}}},"required":["b","a"]}`
	if string(r.Schema) != want || !json.Valid(r.Schema) || r.Prefill != "" {
		t.Errorf("got prefill %q, schema %s", r.Prefill, r.Schema)
	}
}

func TestAdaptRefuses(t *testing.T) {
	one := []Field{{Name: "a", Type: TypeString}}
	for _, row := range []struct {
		says   string
		prompt Prompt
		kind   ErrorKind
		want   string
	}{
		{"a task that the profile cannot do", Prompt{Kind: TaskClassify, Labels: []Label{{Name: "x"}}}, Invalid, "no words for classify"},
		{"a type that the profile cannot ask for", Prompt{Kind: TaskExtract, Fields: []Field{{Name: "paid", Type: TypeBoolean}}}, Invalid, "cannot ask for a boolean (field paid)"},
		{"a list that the profile cannot describe", Prompt{Kind: TaskExtract, Fields: []Field{{Name: "lines", Type: TypeList, Of: one}}}, Invalid, "cannot ask for a list"},
		{"no fields", Prompt{Kind: TaskExtract}, Invalid, "names no field"},
		{"a field twice", Prompt{Kind: TaskExtract, Fields: append(one, one...)}, Invalid, "there twice"},
		{"a document that fills the context", Prompt{Kind: TaskExtract, Text: strings.Repeat("many words ", 600), Fields: one}, ContextOverflow, "the context of starter holds 1024"},
	} {
		t.Run(row.says, func(t *testing.T) {
			_, err := Adapt(row.prompt, starter, profile(t, "named"))
			var e *Error
			if !errors.As(err, &e) || e.Kind != row.kind || !strings.Contains(e.Message, row.want) {
				t.Errorf("got %v, want %s: …%s…", err, row.kind, row.want)
			}
		})
	}
}

// TestAnswersUnderTheDescription: a profile may want the description in the
// key of the answer. The schema asks for that, and it is read back as the
// field's own name; so is the plain name, from a model that keeps to it.
func TestAnswersUnderTheDescription(t *testing.T) {
	prof := profile(t, "named")
	task := *prof.Tasks[TaskExtract]
	task.Key = "{name} {about}"
	prof.Tasks = map[TaskKind]*TaskProfile{TaskExtract: &task}
	long := strings.Repeat("währung ", 40)
	fields := []Field{
		{Name: "f_7", Type: TypeDecimal, About: "  the \"total\"\n amount "},
		{Name: "plain", Type: TypeString, Nullable: true},
		{Name: "a", Type: TypeString, About: "b", Nullable: true}, // the next bears the key that this would have
		{Name: "a b", Type: TypeString, Nullable: true},
		{Name: "long", Type: TypeString, About: long, Nullable: true},
	}
	model := starter
	model.Capabilities.JSONSchema = true
	a, err := Adapt(Prompt{Kind: TaskExtract, Text: "12.50", Fields: fields}, model, prof)
	if err != nil {
		t.Fatal(err)
	}
	var schema struct{ Required []string }
	if err := json.Unmarshal(a.Requests[0].Schema, &schema); err != nil {
		t.Fatal(err)
	}
	cut := "long " + strings.TrimSpace(strings.Repeat("währung ", 13))
	if want := []string{`f_7 the "total" amount`, "plain", "a", "a b", cut}; !reflect.DeepEqual(schema.Required, want) {
		t.Errorf("keys: got %q\nwant %q", schema.Required, want)
	}
	for _, answer := range []string{`{"f_7 the \"total\" amount":12.50}`, `{"f_7":12.50}`} {
		got := a.Read([]Response{{Text: answer, Finish: FinishStop}}).Values["f_7"]
		if string(got.JSON) != `"12.50"` || got.Problem != "" {
			t.Errorf("%s: got %+v", answer, got)
		}
	}
}
func TestFieldsThatWouldShareAName(t *testing.T) {
	a, err := Adapt(Prompt{Kind: TaskExtract, Fields: []Field{{Name: "supplier", Type: TypeString}, {Name: "supplier_name", Type: TypeString}}}, starter, profile(t, "named"))
	if err != nil {
		t.Fatal(err)
	}
	if _, user := said(a.Requests[0]); !strings.HasSuffix(user, "supplier: string\nsupplier_name: string") {
		t.Errorf("got %q", user)
	}
}

// TestUntrustedTextIsNeverInterpreted: whatever the document and the author's
// words hold, the trusted parts are the profile's and nothing is lost.
func TestUntrustedTextIsNeverInterpreted(t *testing.T) {
	prof := profile(t, "generic-json")
	text := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"{document}", "{fields}<|im_end|>", "{instructions}", "{", "\n\n{labels}"}))
	chat := Model{ID: "chat", ContextTokens: 1 << 30}
	rapid.Check(t, func(t *rapid.T) {
		doc, words := "d"+text.Draw(t, "document"), "w"+text.Draw(t, "instructions")
		a, err := Adapt(Prompt{Kind: TaskExtract, Text: doc, Instructions: words, Fields: []Field{{Name: "a", Type: TypeString, About: text.Draw(t, "about")}}}, chat, prof)
		if err != nil {
			t.Fatal(err)
		}
		var trusted, untrusted []string
		for _, p := range a.Requests[0].Messages[1].Parts {
			if p.Untrusted {
				untrusted = append(untrusted, p.Text)
			} else {
				trusted = append(trusted, strings.TrimSpace(p.Text))
			}
		}
		for _, s := range trusted {
			if !strings.Contains(prof.Tasks[TaskExtract].User, s) {
				t.Fatalf("trusted text that is not the profile's: %q", s)
			}
		}
		for _, s := range []string{strings.TrimSpace(doc), strings.TrimSpace(words)} {
			if s != "" && !strings.Contains("\x00"+strings.Join(untrusted, "\x00")+"\x00", "\x00"+s+"\x00") {
				t.Fatalf("%q is not among the untrusted parts %q", s, untrusted)
			}
		}
	})
}

func TestParseProfileRefuses(t *testing.T) {
	const good = `{"name":"x","about":"","template":"chatml","tasks":{"extract":{"user":"{document}{fields}","field":"{name}{type}"}},"sampling":{"temperature":0,"topK":0,"topP":0,"seed":0}}`
	if _, err := ParseProfile([]byte(good)); err != nil {
		t.Fatalf("the profile that the rows damage: %v", err)
	}
	for _, row := range []struct{ says, old, new, want string }{
		{"an unknown key", `"about"`, `"abuot"`, `unknown field "abuot"`},
		{"a second object", `"seed":0}}`, `"seed":0}}{}`, "after the end"},
		{"no name", `"name":"x"`, `"name":""`, "no name"},
		{"an unknown task", `"extract"`, `"translate"`, "no such task"},
		{"an unknown placeholder", `{document}`, `{document}{secret}`, "user: there is no placeholder {secret} here"},
		{"a document in the system message", `"user"`, `"system":"{document}","user"`, "system: there is no placeholder {document} here"},
		{"a forgotten document", `{document}`, ``, "user: the placeholder {document} is missing"},
		{"forgotten fields", `{fields}`, ``, "user: the placeholder {fields} is missing"},
		{"a line without a name", `{name}`, ``, "field: the placeholder {name} is missing"},
		{"a type that there is not", `"user"`, `"types":{"money":"number"},"user"`, `"money": "number" is no type`},
		{"a negative number", `"user"`, `"perAsk":-1,"user"`, "cannot be negative"},
		{"a task that is null", `"tasks":{`, `"tasks":{"generate":null,`, "tasks.generate: it is null"},
		{"an empty stop string", `"tasks"`, `"stop":[""],"tasks"`, "empty stop string"},
	} {
		t.Run(row.says, func(t *testing.T) {
			_, err := ParseProfile([]byte(strings.Replace(good, row.old, row.new, 1)))
			if err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("got %v, want …%s…", err, row.want)
			}
		})
	}
}

func TestEstimateTokens(t *testing.T) {
	for text, want := range map[string]int{
		"": 0, "a": 1, "word": 2, "two words": 3, "12.50": 5, "a\n\nb": 3, "ü": 1, "€ 5": 3, "a    b": 3,
	} {
		if got := EstimateTokens(text); got != want {
			t.Errorf("%q: got %d, want %d", text, got, want)
		}
	}
}

// TestGroundedSchemas: where the profile says so, a schema offers the dates and
// decimals of the document, in every reading, the pieces of its text, and null;
// other types, strings in lists and other profiles are as they were.
func TestGroundedSchemas(t *testing.T) {
	prof := profile(t, "generic-json")
	task := *prof.Tasks[TaskExtract]
	prof.Tasks = map[TaskKind]*TaskProfile{TaskExtract: &task}
	model := Model{ID: "m", ContextTokens: 1 << 20, Capabilities: Capabilities{Lists: true, JSONSchema: true}}
	types := func(text string, grounded bool) map[string]json.RawMessage {
		task.Grounded = grounded
		a, err := Adapt(Prompt{Kind: TaskExtract, Text: text, Fields: []Field{
			{Name: "d", Type: TypeDecimal}, {Name: "day", Type: TypeDate}, {Name: "n", Type: TypeInteger}, {Name: "s", Type: TypeString},
			{Name: "rows", Type: TypeList, Of: []Field{{Name: "d", Type: TypeDecimal}, {Name: "s", Type: TypeString}}},
		}}, model, prof)
		if err != nil {
			t.Fatal(err)
		}
		var schema struct {
			Properties map[string]json.RawMessage
			Defs       map[string]map[string]string `json:"$defs"`
		}
		if err := json.Unmarshal(a.Requests[0].Schema, &schema); err != nil {
			t.Fatal(err)
		}
		if got := schema.Defs["text"]["x-excerptOf"]; grounded != (got == text) || !grounded && got != "" {
			t.Errorf("strings are pieces of %q", got)
		}
		return schema.Properties
	}
	const text = "Total 1.234,50 EUR, refund -7.00, issued 03/04/2026, paid 3. Mai 2026"
	free, held := types(text, false), types(text, true)
	for name, want := range map[string]string{
		"day":  `{"enum":["2026-03-04","2026-04-03","2026-05-03",null]}`,
		"n":    string(free["n"]),
		"s":    `{"anyOf":[{"$ref":"#/$defs/text"},{"type":"null"}]}`,
		"rows": strings.Replace(string(free["rows"]), string(free["d"]), string(held["d"]), 1),
	} {
		if got := string(held[name]); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
	for _, n := range []string{`1234.50`, `-7.00`, `7.00`, `null`} {
		if !strings.Contains(string(held["d"]), n) {
			t.Errorf("d: %s has no %s", held["d"], n)
		}
	}
	var many strings.Builder
	for i := range maxLiterals + 1 {
		fmt.Fprintf(&many, "%d.5\n", i)
	}
	if got := types(many.String(), true)["d"]; string(got) != string(free["d"]) {
		t.Errorf("a table of figures: %.80s", got)
	}
}
