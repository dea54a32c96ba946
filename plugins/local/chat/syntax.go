package chat

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"skerry/appliance/llm"
	"skerry/plugins/local/grammar"
)

// syntax is how a family of models writes calls of tools:
//
//	begin (open NAME mid ARGUMENTS close) sep (open …) end
type syntax struct {
	begin, open, mid, close, sep, end string

	style  *grammar.Style // of the arguments; nil = a JSON object
	single bool           // one call ends the turn
}

// marker is what no answer begins with but a call.
func (s *syntax) marker() string {
	all := s.begin + s.open
	if i := strings.IndexAny(all, ">]\n"); i >= 0 {
		return all[:i+1]
	}
	return all
}

// form returns what calls of the tools may be. lit turns fixed text, with its
// control tokens, into a form.
func (s *syntax) form(tools []llm.Tool, lit func(string) grammar.Form) grammar.Form {
	var ways []grammar.Form
	for _, t := range tools {
		args := grammar.JSON(parameters(t))
		if s.style != nil {
			args = grammar.Fields(parameters(t), *s.style)
		}
		ways = append(ways, grammar.Seq(grammar.Text(t.Name), lit(s.mid), args))
	}
	call := grammar.Seq(lit(s.open), grammar.OneOf(ways...), lit(s.close))
	if !s.single {
		call = grammar.Some(call, lit(s.sep))
	}
	return grammar.Seq(lit(s.begin), call, lit(s.end))
}

// parameters returns the schema of the arguments. A tool without any takes none.
func parameters(t llm.Tool) json.RawMessage {
	if len(t.Parameters) == 0 {
		return json.RawMessage(`{"type":"object","properties":{},"additionalProperties":false}`)
	}
	return t.Parameters
}

// errUnfinished says that a call goes on.
var errUnfinished = errors.New("the call is not whole")

// next reads one call from the beginning of text, where calls stands for how
// many came before, and returns what follows it.
func (s *syntax) next(text string, calls int, tools []llm.Tool) (c llm.ToolCall, rest string, err error) {
	before := s.begin
	if calls > 0 {
		before = s.sep
	}
	text, ok := strings.CutPrefix(text, before+s.open)
	if !ok {
		return c, "", errUnfinished
	}
	var tool *llm.Tool
	for i, t := range tools { // of names of which one begins with another, the longest
		if strings.HasPrefix(text, t.Name+s.mid) && (tool == nil || len(t.Name) > len(tool.Name)) {
			tool = &tools[i]
		}
	}
	if tool == nil {
		return c, "", errUnfinished
	}
	c.Name = tool.Name
	text = text[len(tool.Name)+len(s.mid):]
	if s.style != nil {
		c.Arguments, rest, err = s.style.Read(parameters(*tool), text)
		if err != nil {
			return c, "", errUnfinished
		}
	} else {
		d := json.NewDecoder(strings.NewReader(text))
		if err := d.Decode(&c.Arguments); err != nil {
			return c, "", errUnfinished
		}
		rest = text[d.InputOffset():]
	}
	if rest, ok = strings.CutPrefix(rest, s.close); !ok {
		return c, "", errUnfinished
	}
	return c, rest, nil
}

var (
	tagged = &grammar.Style{Open: "<parameter=", Colon: ">\n", Close: "\n</parameter>\n", Raw: true, End: "</"}
	keyed  = &grammar.Style{Open: "<arg_key>", Colon: "</arg_key><arg_value>", Close: "</arg_value>", Raw: true, End: "</"}
	called = &grammar.Style{Colon: "=", Comma: ", "}

	objects  = &syntax{open: "<tool_call>\n{\"name\": \"", mid: `", "arguments": `, close: "}\n</tool_call>", sep: "\n"}
	markup   = &syntax{open: "<tool_call>\n<function=", mid: ">\n", close: "</function>\n</tool_call>", sep: "\n", style: tagged}
	pairs    = &syntax{open: "<tool_call>", close: "</tool_call>", style: keyed}
	python   = &syntax{begin: "<|tool_call_start|>[", mid: "(", close: ")", sep: ", ", end: "]<|tool_call_end|>", style: called}
	lines    = &syntax{begin: "<function_calls>", mid: "(", close: ")", sep: "\n", end: "</function_calls>", style: called}
	deep     = &syntax{begin: "<｜tool▁calls▁begin｜>", open: "<｜tool▁call▁begin｜>", mid: "<｜tool▁sep｜>", close: "<｜tool▁call▁end｜>", end: "<｜tool▁calls▁end｜>"}
	fenced   = &syntax{begin: "<｜tool▁calls▁begin｜>", open: "<｜tool▁call▁begin｜>function<｜tool▁sep｜>", mid: "\n```json\n", close: "\n```<｜tool▁call▁end｜>", sep: "\n", end: "<｜tool▁calls▁end｜>"}
	channels = &syntax{open: "<|channel|>commentary to=functions.", mid: " <|constrain|>json<|message|>", single: true}
)

// checkTools refuses tools that cannot be offered, by their names.
func checkTools(tools []llm.Tool, choice llm.ToolChoice) error {
	if len(tools) > MaxTools {
		return invalid("%d tools; %d are possible", len(tools), MaxTools)
	}
	for i, t := range tools {
		if !toolName.MatchString(t.Name) {
			return invalid("tool %q: a name is 1 to 64 of a-z, A-Z, 0-9, _ and -", t.Name)
		}
		if t.Name == string(llm.ToolsNone) || t.Name == string(llm.ToolsRequired) {
			return invalid("tool %q: the name means a choice of tools; take another", t.Name)
		}
		if slices.ContainsFunc(tools[:i], func(u llm.Tool) bool { return u.Name == t.Name }) {
			return invalid("there are two tools %q", t.Name)
		}
		var object struct {
			Type any `json:"type"`
		}
		if err := json.Unmarshal(parameters(t), &object); err != nil || object.Type != "object" {
			return invalid(`tool %q: its parameters must be a JSON Schema with "type": "object"`, t.Name)
		}
	}
	switch choice {
	case llm.ToolsAuto, llm.ToolsNone:
		return nil
	case llm.ToolsRequired:
		if len(tools) == 0 {
			return invalid("a tool must be called, but none is offered")
		}
		return nil
	}
	if !slices.ContainsFunc(tools, func(t llm.Tool) bool { return t.Name == string(choice) }) {
		return invalid("the tool %q must be called, but it is not offered", choice)
	}
	return nil
}

func invalid(format string, a ...any) error {
	return &llm.Error{Kind: llm.Invalid, Message: fmt.Sprintf(format, a...)}
}
