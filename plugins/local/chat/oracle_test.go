package chat_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/ollama/ollama/api"
	"github.com/ollama/ollama/model/parsers"

	"skerry/appliance/llm"
)

// reader names the parser of the inference engine for a dialect.
var reader = map[string]string{
	"qwen3": "qwen3", "qwen3-thinking": "qwen3-thinking", "qwen3-instruct": "qwen3", "qwen3-vl-thinking": "qwen3-vl-thinking", "qwen3-vl-instruct": "qwen3-vl-instruct",
	"qwen3-coder": "qwen3-coder", "qwen3.5": "qwen3.5", "nemotron-3-nano": "nemotron-3-nano", "olmo3": "olmo3", "lfm2": "lfm2", "lfm2-thinking": "lfm2-thinking",
	"glm-4.7": "glm-4.7", "deepseek3.1": "deepseek3", "cogito": "cogito", "harmony": "harmony",
}

// oracle has the parser of the inference engine read what the model wrote, and
// compares. The parser shares nothing with package chat but the dialect.
func oracle(t *testing.T, m *model, r llm.Request, written string, got llm.Response) {
	t.Helper()
	if got.Finish != llm.FinishTools {
		return
	}
	p := parsers.ParserForName(reader[m.chat.Name()])
	if p == nil {
		t.Fatalf("no parser for %s", m.chat.Name())
	}
	var offered []api.Tool
	for _, tool := range r.Tools {
		x := api.Tool{Type: "function", Function: api.ToolFunction{Name: tool.Name, Description: tool.Description}}
		if tool.Parameters != nil {
			if err := json.Unmarshal(tool.Parameters, &x.Function.Parameters); err != nil {
				t.Fatal(err)
			}
		} else {
			x.Function.Parameters.Properties = api.NewToolPropertiesMap()
		}
		offered = append(offered, x)
	}
	think := &api.ThinkValue{Value: r.Effort != llm.EffortNone}
	p.Init(offered, nil, think)
	_, _, calls, err := p.Add(written, false)
	if err == nil {
		var more []api.ToolCall
		_, _, more, err = p.Add("", true)
		calls = append(calls, more...)
	}
	if err != nil {
		t.Logf("%s cannot read %q: %v", reader[m.chat.Name()], written, err)
		t.Fail()
		return
	}
	if len(calls) != len(got.Calls) {
		t.Errorf("%q: read %d calls, the engine's parser %d", written, len(got.Calls), len(calls))
		return
	}
	for i, c := range calls {
		var a, b any
		args, _ := json.Marshal(c.Function.Arguments)
		if json.Unmarshal(args, &a) != nil || json.Unmarshal(got.Calls[i].Arguments, &b) != nil {
			t.Fatalf("%s, %s", args, got.Calls[i].Arguments)
		}
		if strings.TrimPrefix(c.Function.Name, "functions.") != got.Calls[i].Name || !reflect.DeepEqual(a, b) {
			t.Errorf("%q: read %s %s, the engine's parser %s %s", written, got.Calls[i].Name, got.Calls[i].Arguments, c.Function.Name, args)
		}
	}
}
