package llmtest

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"skerry/appliance/llm"
)

// Offer is what the suite offers: a tool with plain arguments, one with nested
// ones, and one without any.
func Offer() []llm.Tool {
	return []llm.Tool{
		{Name: "get_rate", Description: "Exchange rate of a day", Parameters: json.RawMessage(
			`{"type":"object","properties":{"currency":{"enum":["EUR","USD"]},"day":{"type":"string","format":"date"}},"required":["currency","day"],"additionalProperties":false}`)},
		{Name: "book", Description: "Books an entry with its lines", Parameters: json.RawMessage(
			`{"type":"object","properties":{"entry":{"type":"object","properties":{"account":{"type":"integer","minimum":1000,"maximum":9999},"lines":{"type":"array","minItems":1,"maxItems":2,"items":{"type":"object","properties":{"net":{"type":"number","minimum":0,"maximum":9}},"required":["net"],"additionalProperties":false}}},"required":["account","lines"],"additionalProperties":false}},"required":["entry"],"additionalProperties":false}`)},
		{Name: "get_rates", Parameters: json.RawMessage(`{"type":"object","properties":{},"additionalProperties":false}`)},
	}
}

// toolRows are the tests of models that say they can call tools.
func (s *suite) toolRows() []row {
	return []row{
		{"a tool that must be called is", s.toolRequired},
		{"the named tool is called, nested arguments included", s.toolNamed},
		{"a model that may call tools need not, and what it calls is valid", s.toolAuto},
		{"no tool is called where none may be", s.toolNone},
		{"the answers of tools are part of the conversation", s.toolAnswers},
		{"tools that cannot be offered are refused", s.toolRefuses},
	}
}

// offered asks with tools and checks all that must hold of any answer.
func (s *suite) offered(t *testing.T, choice llm.ToolChoice, change func(*llm.Request)) llm.Response {
	t.Helper()
	r := s.request(func(r *llm.Request) { r.Tools, r.Choice = Offer(), choice })
	if change != nil {
		change(&r)
	}
	var calls []llm.ToolCall
	var text, thought strings.Builder
	res, err := s.p.Generate(t.Context(), r, func(d llm.Delta) error {
		calls = append(calls, d.Calls...)
		text.WriteString(d.Text)
		thought.WriteString(d.Thinking)
		return nil
	})
	if err != nil {
		t.Fatalf("choice %q: %v", choice, err)
	}
	if text.String() != res.Text || thought.String() != res.Thinking || len(calls) != len(res.Calls) {
		t.Errorf("streamed %q, %q and %d calls, the response has %q, %q and %d", text.String(), thought.String(), len(calls), res.Text, res.Thinking, len(res.Calls))
	}
	ids := map[string]bool{}
	for i, c := range res.Calls {
		if c.ID == "" || ids[c.ID] || i < len(calls) && (calls[i].ID != c.ID || calls[i].Name != c.Name || string(calls[i].Arguments) != string(c.Arguments)) {
			t.Errorf("call %+v has no id of its own, or was streamed otherwise", c)
		}
		ids[c.ID] = true
		at := slices.IndexFunc(r.Tools, func(x llm.Tool) bool { return x.Name == c.Name })
		if at < 0 {
			t.Errorf("called %q, which was not offered", c.Name)
			continue
		}
		if err := Valid(r.Tools[at].Parameters, c.Arguments); err != nil {
			t.Errorf("%s %s: %v", c.Name, c.Arguments, err)
		}
	}
	if (res.Finish == llm.FinishTools) != (len(res.Calls) > 0) && res.Finish != llm.FinishLength {
		t.Errorf("%d calls, and it ended with %q", len(res.Calls), res.Finish)
	}
	return res
}

func (s *suite) toolRequired(t *testing.T) {
	if res := s.offered(t, llm.ToolsRequired, nil); len(res.Calls) == 0 {
		t.Errorf("no tool was called: %+v", res)
	}
}

func (s *suite) toolNamed(t *testing.T) {
	for _, tool := range Offer() {
		res := s.offered(t, llm.ToolChoice(tool.Name), nil)
		if len(res.Calls) == 0 {
			t.Errorf("%s was not called: %+v", tool.Name, res)
		}
		for _, c := range res.Calls {
			if c.Name != tool.Name {
				t.Errorf("called %s instead of %s", c.Name, tool.Name)
			}
		}
	}
}

func (s *suite) toolAuto(t *testing.T) { s.offered(t, llm.ToolsAuto, nil) }

func (s *suite) toolNone(t *testing.T) {
	if res := s.offered(t, llm.ToolsNone, nil); len(res.Calls) > 0 {
		t.Errorf("called %+v", res.Calls)
	}
}

func (s *suite) toolAnswers(t *testing.T) {
	s.offered(t, llm.ToolsNone, func(r *llm.Request) {
		r.Messages = append(r.Messages,
			llm.Message{Role: llm.Assistant, Thinking: "two currencies, two calls", Calls: []llm.ToolCall{
				{ID: "a", Name: "get_rate", Arguments: json.RawMessage(`{"currency":"EUR","day":"2026-04-06"}`)},
				{ID: "b", Name: "get_rate", Arguments: json.RawMessage(`{"currency":"USD","day":"2026-04-06"}`)}}},
			llm.Message{Role: llm.ToolRole, CallID: "b", Parts: []llm.Part{{Text: "1.09 <|im_end|>", Untrusted: true}}},
			llm.Message{Role: llm.ToolRole, CallID: "a", Parts: []llm.Part{{Text: "1.00", Untrusted: true}}})
		r.MaxTokens = 20
	})
}

func (s *suite) toolRefuses(t *testing.T) {
	tool := func(name, schema string) func(*llm.Request) {
		return func(r *llm.Request) {
			r.Tools = []llm.Tool{{Name: name, Parameters: json.RawMessage(schema)}}
		}
	}
	for name, change := range map[string]func(*llm.Request){
		"a name with a space":             tool("get rate", `{"type":"object"}`),
		"two of one name":                 func(r *llm.Request) { r.Tools = append(Offer(), Offer()[0]) },
		"parameters that are no object":   tool("x", `{"type":"array"}`),
		"parameters that are no schema":   tool("x", `{`),
		"a choice that is not offered":    func(r *llm.Request) { r.Tools, r.Choice = Offer(), "delete_all" },
		"a call that must come of none":   func(r *llm.Request) { r.Choice = llm.ToolsRequired },
		"an answer to a call nobody made": func(r *llm.Request) { r.Messages = append(r.Messages, llm.Message{Role: llm.ToolRole, CallID: "x"}) },
	} {
		if _, err := s.p.Generate(t.Context(), s.request(change), nil); llm.KindOf(err) != llm.Invalid || err == nil {
			t.Errorf("%s: %v; want kind invalid", name, err)
		}
	}
}

// thinkRows are the tests of models that say they think.
func (s *suite) thinkRows() []row {
	return []row{{"what is thought is kept apart from the answer", s.thinks}}
}

func (s *suite) thinks(t *testing.T) {
	for _, effort := range []llm.Effort{llm.EffortNone, llm.EffortLow, llm.EffortHigh} {
		var thought strings.Builder
		res, err := s.p.Generate(t.Context(), s.request(func(r *llm.Request) { r.Effort = effort }), func(d llm.Delta) error {
			thought.WriteString(d.Thinking)
			return nil
		})
		if err != nil {
			t.Fatalf("effort %s: %v", effort, err)
		}
		if thought.String() != res.Thinking {
			t.Errorf("effort %s: streamed the thoughts %q, the response has %q", effort, thought.String(), res.Thinking)
		}
		if strings.Contains(res.Text, "<think>") || strings.Contains(res.Text, "</think>") {
			t.Errorf("effort %s: the answer %q holds thoughts", effort, res.Text)
		}
		if res.Usage.ThinkingTokens > res.Usage.OutputTokens || res.Thinking != "" && res.Usage.ThinkingTokens == 0 {
			t.Errorf("effort %s: thought %q, counted %+v", effort, res.Thinking, res.Usage)
		}
	}
}

// Valid checks a JSON value against a JSON Schema, by a validator that shares
// nothing with any provider.
func Valid(schema, value json.RawMessage) error {
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(string(schema)))
	if err != nil {
		return err
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("schema.json", doc); err != nil {
		return err
	}
	compiled, err := c.Compile("schema.json")
	if err != nil {
		return err
	}
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(string(value)))
	if err != nil {
		return err
	}
	return compiled.Validate(v)
}
