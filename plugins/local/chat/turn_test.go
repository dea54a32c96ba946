package chat_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/ollama/ollama/api"
	"github.com/ollama/ollama/model/renderers"

	"skerry/appliance/llm"
)

func written(r llm.Response) string {
	var calls []string
	for _, c := range r.Calls {
		calls = append(calls, c.ID+" "+c.Name+string(c.Arguments))
	}
	return fmt.Sprintf("%s|%s|%s|%s", r.Thinking, r.Text, strings.Join(calls, ";"), r.Finish)
}

// TestTurns: what models write by themselves is read as what it is.
func TestTurns(t *testing.T) {
	const nested = `{"where":{"list":[true,false]}}`
	for _, row := range []struct {
		name, model string
		effort      llm.Effort
		tools       bool
		schema, say string
		want        string
	}{
		{"an answer alone", "qwen3-instruct", "", true, "", "Hello.", "|Hello.||stop"},
		{"thought before the answer", "qwen3", "", false, "", "hm <b>\n</think>\n\nHello.", "hm <b>\n|Hello.||stop"},
		{"no thought where none is wanted", "qwen3", llm.EffortNone, false, "", "Hello </think> you", "|Hello  you||stop"},
		{"a schema under an effort", "qwen3", llm.EffortLow, false, `{"type":"boolean"}`, "it is\n</think>true", "it is\n|true||stop"},
		{"a schema without one", "qwen3", "", false, `{"type":"boolean"}`, "true", "|true||stop"},
		{"a thought that it opens itself", "lfm2-thinking", "", false, "", "<think>a</think>b", "a|b||stop"},
		{"one call after words", "qwen3-instruct", "", true, "", "I look.\n<tool_call>\n{\"name\": \"get_all\", \"arguments\": " + nested + "}\n</tool_call>", "|I look.\n|call_1 get_all" + nested + "|tools"},
		{"a thought, then a call", "qwen3", "", true, "", "hm</think>\n\n<tool_call>\n{\"name\": \"now\", \"arguments\": {}}\n</tool_call>", "hm||call_1 now{}|tools"},
		{"a call in tags", "qwen3-coder", "", true, "", "<tool_call>\n<function=get>\n<parameter=city>\nA \"b\"\n</parameter>\n<parameter=n>\n3\n</parameter>\n</function>\n</tool_call>", `||call_1 get{"city":"A \"b\"","n":3}|tools`},
		{"a call like a function", "lfm2", "", true, "", `<|tool_call_start|>[get(city="x", n=2)]<|tool_call_end|>`, `||call_1 get{"city":"x","n":2}|tools`},
		{"a channel to think, one to answer", "harmony", "", true, "", "<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>final<|message|>Hi.", "hm|Hi.||stop"},
		{"a channel to call", "harmony", "", true, "", "<|channel|>commentary to=functions.now <|constrain|>json<|message|>{}", "||call_1 now{}|tools"},
	} {
		m := newModel(t, row.model, false)
		r := ask("go")
		r.Effort, r.Schema = row.effort, json.RawMessage(row.schema)
		if row.tools {
			r.Tools = offer
		}
		got, text, err := follow(t, m, r, row.say)
		if err != nil || written(got) != row.want {
			t.Errorf("%s: wrote %q: %v\n got %s\nwant %s", row.name, text, err, written(got), row.want)
		}
		if (got.Thinking != "") != (got.Usage.ThinkingTokens > 0) && row.model != "harmony" && got.Thinking != "" {
			t.Errorf("%s: %d tokens thought", row.name, got.Usage.ThinkingTokens)
		}
	}
}

// id returns the token of a letter or tag.
func (m *model) id(letter any) int32 {
	if b, ok := letter.(byte); ok {
		return int32(b)
	}
	id, _ := m.control(letter.(string))
	return id
}

// follow plays a model that writes say, as far as it need not.
func follow(t *testing.T, m *model, r llm.Request, say string) (out llm.Response, text string, err error) {
	t.Helper()
	turn, err := m.turn(r)
	if err != nil {
		t.Fatal(err)
	}
	take := func(d llm.Delta) {
		out.Text, out.Thinking, out.Calls = out.Text+d.Text, out.Thinking+d.Thinking, append(out.Calls, d.Calls...)
	}
	add := func(id int32) {
		tok, control := llm.Token{}, ""
		if id < 256 {
			tok.Bytes = []byte{byte(id)}
			text += string(tok.Bytes)
		} else {
			control = m.controls[id-256]
			text += control
		}
		d, _, err := turn.Add(tok, control)
		if err != nil {
			t.Fatal(err)
		}
		take(d)
	}
	letters := m.letters(say)
	for n := 0; n < 5000; n++ {
		if match := turn.Matcher(); match != nil {
			ids, err := match.Forced()
			if err != nil {
				return out, text, err
			}
			for _, id := range ids {
				add(id)
				if len(letters) > 0 && id == m.id(letters[0]) {
					letters = letters[1:]
				}
			}
			if match.Ended() {
				break
			}
		}
		var id int32
		if len(letters) > 0 {
			id = m.id(letters[0])
			if match := turn.Matcher(); match != nil {
				if err := match.Accept(id); err != nil {
					return out, text, err
				}
			}
			letters = letters[1:]
		} else if match := turn.Matcher(); match == nil || match.Whole() {
			break
		} else { // the nearest way to the end
			mask, err := match.Mask()
			if err != nil {
				return out, text, err
			}
			rnd := rand.New(rand.NewPCG(uint64(n), 1))
			var can []int32
			for id := range mask.All() {
				can = append(can, id)
			}
			id = can[rnd.IntN(len(can))]
			for _, b := range []int32{'\n', '}', '<', '/'} {
				if mask.Has(b) {
					id = b
				}
			}
			if err := match.Accept(id); err != nil {
				return out, text, err
			}
		}
		add(id)
	}
	d, finish, err := turn.End(llm.FinishStop)
	take(d)
	out.Finish, out.Usage.ThinkingTokens = finish, turn.ThinkingTokens()
	return out, text, err
}

// TestIDsAreNew: calls of a later turn have other ids than those before.
func TestIDsAreNew(t *testing.T) {
	m := newModel(t, "qwen3-instruct", false)
	r := conversation("x", true, false)
	r.Tools, r.Choice = offer, "now"
	r.Messages[4].Calls[0].ID, r.Messages[5].CallID = "call_3", "call_3"
	got, _, err := follow(t, m, r, "")
	if err != nil || len(got.Calls) != 1 || got.Calls[0].ID != "call_4" {
		t.Errorf("%+v, %v", got, err)
	}
}

// TestWrittenAsTheRenderersDo: with placeholders or without, the renderers of
// the inference engine write the same.
func TestWrittenAsTheRenderersDo(t *testing.T) {
	for name, renderer := range map[string]string{"qwen3-instruct": "qwen3-vl-instruct", "qwen3-coder": "qwen3-coder", "qwen3.5": "qwen3.5", "olmo3": "olmo3", "lfm2": "lfm2", "glm-4.7": "glm-4.7", "cogito": "cogito", "deepseek3.1": "deepseek3.1"} {
		m := newModel(t, name, false)
		r := llm.Request{Effort: llm.EffortNone, Messages: []llm.Message{{Role: llm.System, Parts: []llm.Part{{Text: `Be "brief" & <kind>.`}}}, {Role: llm.User, Parts: []llm.Part{{Text: "Weather?\n", Untrusted: true}, {Text: "In ü?"}}},
			{Role: llm.Assistant, Parts: []llm.Part{{Text: "I look."}}, Calls: []llm.ToolCall{{ID: "a", Name: "get", Arguments: json.RawMessage(`{"city":"A \"b\" <c>"}`)}}},
			{Role: llm.ToolRole, CallID: "a", Parts: []llm.Part{{Text: `{"t":"<5>"}`, Untrusted: true}}}}}
		r.Tools = []llm.Tool{{Name: "get", Description: `Gets "it" & <more>`, Parameters: json.RawMessage(`{"type":"object","properties":{"city":{"type":"string","description":"a <b> \"c\""}},"required":["city"]}`)}}
		turn, err := m.turn(r)
		if err != nil {
			t.Fatal(name, err)
		}
		var got strings.Builder
		for _, s := range turn.Spans {
			got.WriteString(s.Text)
		}
		var tool api.Tool
		if err := json.Unmarshal([]byte(`{"type":"function","function":{"name":"get","description":"Gets \"it\" & <more>","parameters":`+string(r.Tools[0].Parameters)+`}}`), &tool); err != nil {
			t.Fatal(err)
		}
		var args api.ToolCallFunctionArguments
		if err := json.Unmarshal(r.Messages[2].Calls[0].Arguments, &args); err != nil {
			t.Fatal(err)
		}
		want, err := renderers.RenderWithRenderer(renderer, []api.Message{{Role: "system", Content: `Be "brief" & <kind>.`}, {Role: "user", Content: "Weather?\nIn ü?"},
			{Role: "assistant", Content: "I look.", ToolCalls: []api.ToolCall{{Function: api.ToolCallFunction{Name: "get", Arguments: args}}}},
			{Role: "tool", Content: `{"t":"<5>"}`, ToolName: "get"}}, []api.Tool{tool}, &api.ThinkValue{Value: false})
		if err != nil || got.String() != want {
			t.Errorf("%s: %v\n got %q\nwant %q", name, err, got.String(), want)
		}
	}
}
