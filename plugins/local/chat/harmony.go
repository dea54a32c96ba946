package chat

import (
	"encoding/json"
	"strings"

	"skerry/appliance/llm"
	"skerry/plugins/local/dialect"
	"skerry/plugins/local/grammar"
)

// The dialect of gpt-oss has no renderer in the inference engine. This writes it
// as its publisher describes it (OpenAI, harmony response format): messages with
// a channel, tools as types of TypeScript.

// writer collects spans.
type writer struct{ spans []dialect.Span }

func (w *writer) own(s string)  { w.spans = append(w.spans, dialect.Span{Text: s, Trusted: true}) }
func (w *writer) text(s string) { w.spans = append(w.spans, dialect.Span{Text: s}) }

func (w *writer) parts(ps []llm.Part) {
	for _, p := range ps {
		w.spans = append(w.spans, dialect.Span{Text: p.Text, Trusted: !p.Untrusted})
	}
}

func (c *Chat) channels(r llm.Request) ([]dialect.Span, error) {
	w := &writer{}
	effort := map[llm.Effort]string{llm.EffortNone: "low", llm.EffortLow: "low", llm.EffortHigh: "high"}[r.Effort]
	if effort == "" {
		effort = "medium"
	}
	w.own("<|start|>system<|message|>Reasoning: " + effort + "\n\n# Valid channels: analysis, commentary, final. Channel must be included for every message.")
	offered := tools(r)
	if len(offered) > 0 {
		w.own("\nCalls to these tools must go to the commentary channel: 'functions'.")
	}
	w.own("<|end|>")
	messages := r.Messages
	system := messages[0].Role == llm.System
	if system || len(offered) > 0 {
		w.own("<|start|>developer<|message|>")
		if system {
			w.own("# Instructions\n\n")
			w.parts(messages[0].Parts)
			messages = messages[1:]
		}
		if len(offered) > 0 {
			if system {
				w.own("\n\n")
			}
			w.own("# Tools\n\n## functions\n\nnamespace functions {\n\n")
			for _, t := range offered {
				if err := w.tool(t); err != nil {
					return nil, invalid("tool %q: its parameters: %v", t.Name, err)
				}
			}
			w.own("} // namespace functions")
		}
		w.own("<|end|>")
	}
	w.messages(messages)
	w.own("<|start|>assistant")
	return w.spans, nil
}

func (w *writer) messages(messages []llm.Message) {
	names := map[string]string{}
	last := -1 // thoughts before the last question are not repeated
	for i, m := range messages {
		if m.Role == llm.User {
			last = i
		}
	}
	for i, m := range messages {
		switch m.Role {
		case llm.ToolRole:
			w.own("<|start|>functions.")
			w.text(names[m.CallID])
			w.own(" to=assistant<|channel|>commentary<|message|>")
			w.parts(m.Parts)
			w.own("<|end|>")
		case llm.Assistant:
			if m.Thinking != "" && i > last {
				w.own("<|start|>assistant<|channel|>analysis<|message|>")
				w.text(m.Thinking)
				w.own("<|end|>")
			}
			if len(m.Parts) > 0 {
				w.own("<|start|>assistant<|channel|>" + map[bool]string{true: "commentary", false: "final"}[len(m.Calls) > 0] + "<|message|>")
				w.parts(m.Parts)
				w.own("<|end|>")
			}
			for _, call := range m.Calls {
				names[call.ID] = call.Name
				w.own("<|start|>assistant<|channel|>commentary to=functions.")
				w.text(call.Name)
				w.own(" <|constrain|>json<|message|>")
				w.text(string(call.Arguments))
				w.own("<|call|>")
			}
		default:
			w.own("<|start|>" + string(m.Role) + "<|message|>")
			w.parts(m.Parts)
			w.own("<|end|>")
		}
	}
}

// tool writes a tool as a type. What TypeScript has no words for is left out: it
// binds the model all the same.
func (w *writer) tool(t llm.Tool) error {
	w.comment(t.Description)
	w.own("type ")
	w.text(t.Name)
	d := json.NewDecoder(strings.NewReader(string(parameters(t))))
	var schema struct {
		Properties json.RawMessage `json:"properties"`
		Required   []string        `json:"required"`
	}
	if err := d.Decode(&schema); err != nil {
		return err
	}
	if len(schema.Properties) == 0 || string(schema.Properties) == "{}" {
		w.own(" = () => any;\n\n")
		return nil
	}
	w.own(" = (_: {\n")
	p := json.NewDecoder(strings.NewReader(string(schema.Properties)))
	if _, err := p.Token(); err != nil {
		return err
	}
	for p.More() {
		key, err := p.Token()
		if err != nil {
			return err
		}
		var v struct {
			Description string            `json:"description"`
			Type        any               `json:"type"`
			Enum        []json.RawMessage `json:"enum"`
			Items       struct {
				Type any `json:"type"`
			} `json:"items"`
		}
		name, _ := key.(string)
		if err := p.Decode(&v); err != nil {
			return err
		}
		w.comment(v.Description)
		w.text(name)
		optional := true
		for _, r := range schema.Required {
			optional = optional && r != name
		}
		if optional {
			w.own("?")
		}
		w.own(": ")
		for i, e := range v.Enum {
			if i > 0 {
				w.own(" | ")
			}
			w.text(string(e))
		}
		if len(v.Enum) == 0 {
			w.own(typescript(v.Type, v.Items.Type))
		}
		w.own(",\n")
	}
	w.own("}) => any;\n\n")
	return nil
}

// comment writes a description, which may have lines.
func (w *writer) comment(s string) {
	for line := range strings.Lines(s) {
		w.own("// ")
		w.text(strings.TrimRight(line, "\r\n"))
		w.own("\n")
	}
}

// typescript returns the type of a JSON Schema type.
func typescript(t, items any) string {
	switch t := t.(type) {
	case []any:
		var out []string
		for _, x := range t {
			out = append(out, typescript(x, items))
		}
		return strings.Join(out, " | ")
	case string:
		switch t {
		case "string", "boolean", "null":
			return t
		case "integer", "number":
			return "number"
		case "array":
			return typescript(items, nil) + "[]"
		case "object":
			return "object"
		}
	}
	return "any"
}

// turn returns the form of everything that the model writes. A message of the
// channel analysis is thought, one of final the answer, one to a tool a call.
func (c *Chat) turn(r llm.Request, calls, answer grammar.Form) grammar.Form {
	var last []grammar.Form
	if len(tools(r)) > 0 {
		last = append(last, calls)
	}
	if !forced(r) {
		last = append(last, grammar.Seq(c.lit("<|channel|>final<|message|>"), answer))
	}
	thought := grammar.Seq(c.lit("<|channel|>analysis<|message|>"), grammar.Raw(""), c.lit("<|end|><|start|>assistant"))
	end := grammar.OneOf(last...)
	return grammar.OneOf(end, grammar.Seq(grammar.Some(thought, grammar.Text("")), end))
}
