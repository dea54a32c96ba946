package llmtest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"skerry/appliance/llm"
)

// calls returns the tools that the fake calls: those whose names the last
// message says, in their order there, with arguments that are the least their
// schemas allow; the first, where one must be called and none is named. After
// the answer of a tool it calls none.
func calls(r llm.Request) ([]llm.ToolCall, error) {
	if err := offerable(r); err != nil {
		return nil, err
	}
	last := r.Messages[len(r.Messages)-1]
	if r.Choice == llm.ToolsNone || len(r.Tools) == 0 || last.Role == llm.ToolRole && r.Choice == llm.ToolsAuto {
		return nil, nil
	}
	var words []string
	for _, p := range last.Parts {
		words = append(words, strings.FieldsFunc(p.Text, func(c rune) bool { return c != '_' && c != '-' && !(c < 128 && alnum(byte(c))) })...)
	}
	var out []llm.ToolCall
	add := func(t llm.Tool) error {
		args, err := least(t.Parameters)
		if err != nil {
			return &llm.Error{Kind: llm.Invalid, Message: fmt.Sprintf("tool %q: %v", t.Name, err)}
		}
		used := 0
		for _, m := range r.Messages {
			used += len(m.Calls)
		}
		out = append(out, llm.ToolCall{ID: fmt.Sprintf("fake_%d", used+len(out)+1), Name: t.Name, Arguments: args})
		return nil
	}
	for _, w := range words {
		for _, t := range r.Tools {
			if t.Name == w && (r.Choice == llm.ToolsAuto || r.Choice == llm.ToolsRequired || r.Choice == llm.ToolChoice(w)) {
				if err := add(t); err != nil {
					return nil, err
				}
			}
		}
	}
	if len(out) == 0 && r.Choice != llm.ToolsAuto {
		i := max(0, slices.IndexFunc(r.Tools, func(t llm.Tool) bool { return t.Name == string(r.Choice) }))
		if err := add(r.Tools[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// offerable refuses what the contract forbids.
func offerable(r llm.Request) error {
	refuse := func(format string, a ...any) error {
		return &llm.Error{Kind: llm.Invalid, Message: fmt.Sprintf(format, a...)}
	}
	names := map[string]bool{}
	for _, t := range r.Tools {
		bad := strings.ContainsFunc(t.Name, func(c rune) bool { return c != '_' && c != '-' && !(c < 128 && alnum(byte(c))) })
		if bad || t.Name == "" || names[t.Name] {
			return refuse("the tool %q has no name of its own of a-z, A-Z, 0-9, _ and -", t.Name)
		}
		names[t.Name] = true
		var s struct{ Type string }
		if err := json.Unmarshal(t.Parameters, &s); err != nil || s.Type != "object" {
			return refuse("the parameters of the tool %q are no schema of an object", t.Name)
		}
	}
	switch {
	case r.Choice == llm.ToolsRequired && len(r.Tools) == 0,
		r.Choice != llm.ToolsAuto && r.Choice != llm.ToolsNone && r.Choice != llm.ToolsRequired && !names[string(r.Choice)]:
		return refuse("the tool %q must be called and is not offered", r.Choice)
	}
	open := map[string]bool{}
	for _, m := range r.Messages {
		if m.Role == llm.ToolRole {
			if !open[m.CallID] {
				return refuse("a message answers the call %q, which nobody made", m.CallID)
			}
			delete(open, m.CallID)
		}
		for _, c := range m.Calls {
			open[c.ID] = true
		}
	}
	return nil
}

// least returns a value under a schema, of the simplest kind: required members
// only, the first of alternatives, bounds where there are some.
func least(schema json.RawMessage) (json.RawMessage, error) {
	var s struct {
		Type       string
		Const      json.RawMessage
		Enum       []json.RawMessage
		AnyOf      []json.RawMessage
		Required   []string
		Properties map[string]json.RawMessage
		Items      json.RawMessage
		MinItems   int
		MinLength  int
		Minimum    json.Number
		Format     string
	}
	if err := json.Unmarshal(schema, &s); err != nil {
		return nil, err
	}
	switch {
	case s.Const != nil:
		return s.Const, nil
	case len(s.Enum) > 0:
		return s.Enum[0], nil
	case len(s.AnyOf) > 0:
		return least(s.AnyOf[0])
	}
	switch s.Type {
	case "object":
		out := map[string]json.RawMessage{}
		for _, name := range s.Required {
			v, err := least(s.Properties[name])
			if err != nil {
				return nil, err
			}
			out[name] = v
		}
		return json.Marshal(out)
	case "array":
		out := []json.RawMessage{}
		for range s.MinItems {
			v, err := least(s.Items)
			if err != nil {
				return nil, err
			}
			out = append(out, v)
		}
		return json.Marshal(out)
	case "integer", "number":
		if s.Minimum != "" {
			return json.RawMessage(s.Minimum), nil
		}
		return json.RawMessage("1"), nil
	case "boolean":
		return json.RawMessage("true"), nil
	case "string":
		if s.Format == "date" {
			return json.RawMessage(`"2026-04-06"`), nil
		}
		return json.Marshal(strings.Repeat("x", max(1, s.MinLength)))
	case "null":
		return json.RawMessage("null"), nil
	}
	return nil, fmt.Errorf("the fake has no value under %s", schema)
}
