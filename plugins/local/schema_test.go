//go:build cgo && !race

package main

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"skerry/appliance/llm"
	"skerry/appliance/llm/llmtest"
)

const smallSchema = `{"type":"object","additionalProperties":false,"properties":{"invoice_number":{"type":["string","null"]},"invoice_date":{"type":["string","null"],"pattern":"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"},"net_amount":{"type":["number","null"]},"total_amount":{"type":["number","null"]}},"required":["invoice_number","invoice_date","net_amount","total_amount"]}`

// held is the request of the suite under its schema.
func held() llm.Request {
	r := llmtest.ExtractRequest()
	r.Model, r.Schema, r.Logprobs = "starter", json.RawMessage(smallSchema), true
	return r
}

func valid(t *testing.T, schema json.RawMessage, text string) error {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(string(schema)))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	answer, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		return err
	}
	return s.Validate(answer)
}

// samples are the requests that the appliance makes of its sample documents
// that are text.
func samples(t testing.TB, most int) map[string]llm.Request {
	t.Helper()
	data, err := os.ReadFile("../../embed/profile/starter.json")
	if err != nil {
		t.Fatal(err)
	}
	profile, err := llm.ParseProfile(data)
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("../../embed/sample/documents/[r-t]*.txt")
	if err != nil || len(files) < 20 {
		t.Fatalf("%d sample documents, %v", len(files), err)
	}
	m := llm.Model{ID: "starter", ContextTokens: 1024, Capabilities: llm.Capabilities{Tasks: []llm.TaskKind{llm.TaskExtract}, JSONSchema: true, Probabilities: true}}
	out := map[string]llm.Request{}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		a, err := llm.Adapt(llm.Prompt{Kind: llm.TaskExtract, Text: string(text), Fields: []llm.Field{
			{Name: "supplier_name", Type: llm.TypeString}, {Name: "invoice_number", Type: llm.TypeString}, {Name: "invoice_date", Type: llm.TypeDate},
			{Name: "currency", Type: llm.TypeEnum, Values: []string{"EUR", "USD", "GBP", "CHF"}},
			{Name: "net_amount", Type: llm.TypeDecimal}, {Name: "total_amount", Type: llm.TypeDecimal}, {Name: "iban", Type: llm.TypeIBAN},
		}}, m, profile)
		if err != nil || len(a.Requests[0].Schema) == 0 {
			continue // too long for this model
		}
		if out[filepath.Base(f)] = a.Requests[0]; len(out) == most {
			break
		}
	}
	return out
}

// TestEveryAnswerFitsItsSchema runs sample documents under the schema that the
// appliance asks for, greedily and so hot that nothing sensible comes out. The
// negative control is the same without the schema.
func TestEveryAnswerFitsItsSchema(t *testing.T) {
	p := starter(t)
	all := samples(t, 20)
	if len(all) < 20 {
		t.Fatalf("%d samples fit the model, want 20", len(all))
	}
	free, hot := 0, 0
	for name, r := range all {
		for _, temperature := range []float64{0, 5} {
			if temperature > 0 {
				if hot++; hot > 6 {
					break
				}
				r.MaxTokens = 200
			}
			r.Sampling = llm.Sampling{Temperature: temperature, Seed: 7}
			res, err := p.Generate(t.Context(), r, nil)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			err = valid(t, r.Schema, res.Text)
			if cut := res.Finish == llm.FinishLength; cut != (err != nil) {
				t.Errorf("%s at temperature %v: %s (%s): %v", name, temperature, res.Text, res.Finish, err)
			} else if cut && temperature == 0 {
				t.Errorf("%s was cut: %s", name, res.Text)
			}
			if temperature > 0 {
				schema := r.Schema
				r.Schema, r.MaxTokens = nil, 60
				if res, err := p.Generate(t.Context(), r, nil); err != nil {
					t.Errorf("%s: %v", name, err)
				} else if valid(t, schema, res.Text) == nil {
					free++
				}
			}
		}
	}
	if free > 0 {
		t.Errorf("%d hot answers without a schema were valid", free)
	}
}

// TestSchemaKeepsWhatTheModelKnows: where the model writes what fits anyway,
// the schema changes neither the answer nor its tokens, and the probabilities
// are those of the model.
func TestSchemaKeepsWhatTheModelKnows(t *testing.T) {
	p := starter(t)
	r := held()
	under, err := p.Generate(t.Context(), r, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Schema = nil
	free, err := p.Generate(t.Context(), r, nil)
	if err != nil {
		t.Fatal(err)
	}
	if under.Text != free.Text || under.Finish != llm.FinishStop || len(under.Tokens) != len(free.Tokens) || under.Usage.OutputTokens != free.Usage.OutputTokens {
		t.Fatalf("under the schema %s (%d tokens, %s), free %s (%d tokens)", under.Text, len(under.Tokens), under.Finish, free.Text, len(free.Tokens))
	}
	forced := 0
	for i, k := range under.Tokens {
		f := free.Tokens[i]
		switch {
		case string(k.Bytes) != string(f.Bytes):
			t.Errorf("token %d is %q, free %q", i, k.Bytes, f.Bytes)
		case f.Mass != 0 || f.Forced:
			t.Errorf("without a schema: %+v", f)
		case k.Forced && (k.Logprob != 0 || k.Mass != 0):
			t.Errorf("a forced token: %+v", k)
		case k.Forced:
			forced++
		case k.Mass <= 0 || k.Mass > 1 || k.Logprob > 0 || math.Abs(k.Raw()-f.Logprob) > 0.02:
			t.Errorf("%q: %+v, raw %v; free %v", k.Bytes, k, k.Raw(), f.Logprob)
		}
	}
	if forced < len(under.Tokens)/4 {
		t.Errorf("%d of %d tokens were forced", forced, len(under.Tokens))
	}
}

// TestSchemaIsCut: at every bound the answer is the beginning of the whole one
// and says that it is cut, except at the last.
func TestSchemaIsCut(t *testing.T) {
	p := starter(t)
	whole, err := p.Generate(t.Context(), held(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for n := 1; n <= len(whole.Tokens)+1; n += 1 + n/4 {
		r := held()
		r.MaxTokens = min(n, len(whole.Tokens))
		res, err := p.Generate(t.Context(), r, nil)
		want := llm.FinishLength
		if n >= len(whole.Tokens) {
			want = llm.FinishStop
		}
		if err != nil || res.Finish != want || res.Usage.OutputTokens != r.MaxTokens || !strings.HasPrefix(whole.Text, res.Text) {
			t.Errorf("at %d tokens: %+v, %v; want %s", r.MaxTokens, res, err, want)
		}
	}
}

func TestSchemaBesideOtherSettings(t *testing.T) {
	p := starter(t)
	whole, err := p.Generate(t.Context(), held(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name   string
		change func(*llm.Request)
		text   string
		kind   llm.ErrorKind
		says   string
	}{
		{"a beginning of the answer", func(r *llm.Request) { r.Prefill = whole.Text[:30] }, whole.Text[30:], "", ""},
		{"a beginning of another answer", func(r *llm.Request) { r.Prefill = `{"x` }, "", llm.Invalid, "does not begin with"},
		{"a stop string among what is forced", func(r *llm.Request) { r.Stop = []string{`oice_nu`} }, `{"inv`, "", ""},
		{"a keyword that is not supported", func(r *llm.Request) { r.Schema = json.RawMessage(`{"type":"object","properties":{"a":{"not":{}}}}`) }, "", llm.Invalid, `at /properties/a: "not": the keyword is not supported`},
		{"no schema at all", func(r *llm.Request) { r.Schema = json.RawMessage(`{`) }, "", llm.Invalid, "not valid JSON"},
		{"one possible answer, for which the model is not asked", func(r *llm.Request) { r.Schema = json.RawMessage(`{"const":{"a":["x",null]}}`) }, `{"a":["x",null]}`, "", ""},
	} {
		r := held()
		row.change(&r)
		res, err := p.Generate(t.Context(), r, nil)
		if row.kind != "" {
			if llm.KindOf(err) != row.kind || !strings.Contains(err.Error(), row.says) {
				t.Errorf("%s: %v; want %s with %q", row.name, err, row.kind, row.says)
			}
			continue
		}
		if err != nil || res.Text != row.text || res.Finish != llm.FinishStop {
			t.Errorf("%s: %q (%s), %v; want %q", row.name, res.Text, res.Finish, err, row.text)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	_, err = p.Generate(ctx, held(), func(d llm.Delta) error {
		if len(d.Tokens) > 0 && !d.Tokens[0].Forced {
			cancel()
		}
		return nil
	})
	if llm.KindOf(err) != llm.Cancelled {
		t.Errorf("cancelled in the middle: %v", err)
	}
	if again, err := p.Generate(t.Context(), held(), nil); err != nil || again.Text != whole.Text {
		t.Errorf("afterwards: %q, %v", again.Text, err)
	}
}

// TestConformsUnderASchema is the suite of the contract with a schema in every
// request.
func TestConformsUnderASchema(t *testing.T) {
	llmtest.Run(t, func(t *testing.T) llm.Provider { return starter(t) }, llmtest.Options{Model: "starter", Request: func() llm.Request {
		r := llmtest.ExtractRequest()
		r.Schema = json.RawMessage(smallSchema)
		return r
	}})
}

// BenchmarkSchema compares one small invoice with and without a schema.
func BenchmarkSchema(b *testing.B) {
	p := starter(b)
	for _, row := range []struct {
		name   string
		schema json.RawMessage
	}{{"free", nil}, {"schema", json.RawMessage(smallSchema)}} {
		b.Run(row.name, func(b *testing.B) {
			out := 0
			for b.Loop() {
				r := held()
				r.Schema, r.Logprobs = row.schema, false
				res, err := p.Generate(b.Context(), r, nil)
				if err != nil {
					b.Fatal(err)
				}
				out += res.Usage.OutputTokens
			}
			b.ReportMetric(float64(out)/b.Elapsed().Seconds(), "output-tokens/s")
		})
	}
}
