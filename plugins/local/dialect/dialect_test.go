package dialect_test

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"skerry/appliance/llm"
	"skerry/plugins/local/dialect"
)

func anything(string) bool { return true }

// plain are the dialects that this package writes.
func plain(t interface{ Fatal(...any) }) (names []string) {
	for _, name := range dialect.Names() {
		d, err := dialect.For(name, "", anything)
		if err != nil {
			t.Fatal(err)
		}
		if !d.Complex() {
			names = append(names, name)
		}
	}
	return names
}

func text(role llm.Role, s string) llm.Message {
	return llm.Message{Role: role, Parts: []llm.Part{{Text: s, Untrusted: true}}}
}

func joined(t *testing.T, name string, prefill string, ms ...llm.Message) string {
	t.Helper()
	d, err := dialect.For(name, "", anything)
	if err != nil {
		t.Fatal(err)
	}
	spans, err := d.Render(ms, prefill)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, s := range spans {
		b.WriteString(s.Text)
	}
	return b.String()
}

// TestRender compares with the published templates of each family.
func TestRender(t *testing.T) {
	conversation := []llm.Message{text(llm.System, "S"), text(llm.User, "U"), text(llm.Assistant, "A"), text(llm.User, "V")}
	for name, want := range map[string]string{
		"chatml":      "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nU<|im_end|>\n<|im_start|>assistant\nA<|im_end|>\n<|im_start|>user\nV<|im_end|>\n<|im_start|>assistant\nP",
		"llama3":      "<|start_header_id|>system<|end_header_id|>\n\nS<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nU<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\nA<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nV<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\nP",
		"gemma":       "<start_of_turn>user\nS\n\nU<end_of_turn>\n<start_of_turn>model\nA<end_of_turn>\n<start_of_turn>user\nV<end_of_turn>\n<start_of_turn>model\nP",
		"phi3":        "<|system|>\nS<|end|>\n<|user|>\nU<|end|>\n<|assistant|>\nA<|end|>\n<|user|>\nV<|end|>\n<|assistant|>\nP",
		"mistral":     "[INST] S\n\nU[/INST]A</s>[INST] V[/INST]P",
		"mistral-v7":  "[SYSTEM_PROMPT]S[/SYSTEM_PROMPT][INST]U[/INST]A</s>[INST]V[/INST]P",
		"deepseek-r1": "S<｜User｜>U<｜Assistant｜>A<｜end▁of▁sentence｜><｜User｜>V<｜Assistant｜>P",
		"deepseek":    "S<｜User｜>U<｜Assistant｜>A<｜end▁of▁sentence｜><｜User｜>V<｜Assistant｜>P",
	} {
		if got := joined(t, name, "P", conversation...); got != want {
			t.Errorf("%s:\n got %q\nwant %q", name, got, want)
		}
	}
	if n := len(plain(t)); n != 8 {
		t.Errorf("%d dialects, 8 compared", n)
	}
}

func TestRecognition(t *testing.T) {
	only := func(tokens ...string) func(string) bool {
		return func(s string) bool { return slices.Contains(tokens, s) }
	}
	chatml, llama := only("<|im_start|>", "<|im_end|>"), only("<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>")
	for _, row := range []struct {
		name, ask, template string
		has                 func(string) bool
		want, problem       string
	}{
		{"by its template", "auto", "{% for m in messages %}<|im_start|>{{m.role}}\n{{m.content}}<|im_end|>{% endfor %}", chatml, "chatml", ""},
		{"by the vocabulary where there is no template", "", "", llama, "llama3", ""},
		{"a family with tools by its marks", "", "<|im_start|>{% if enable_thinking %}<think>{% endif %}<tool_call><|im_end|>", chatml, "qwen3", ""},
		{"the same without thinking", "", "<|im_start|><tool_call><|im_end|>", chatml, "qwen3-instruct", ""},
		{"the same that always thinks", "", "<|im_start|><think><tool_call><|im_end|>", chatml, "qwen3-thinking", ""},
		{"calls of another kind", "", "<|im_start|><tool_call><function=<|im_end|>", chatml, "qwen3-coder", ""},
		{"never a family with tools where there is no template", "auto", "", chatml, "chatml", ""},
		{"by name", "llama3", "whatever", llama, "llama3", ""},
		{"not when the control tokens are missing", "auto", "<|im_start|><|im_end|>", llama, "", "not one that is known"},
		{"not by name when they are missing", "chatml", "", llama, "", "needs the control token <|im_end|>"},
		{"not an unknown template", "auto", "{{range 1000000000}}{{end}}", chatml, "", "templates from model files are not run"},
		{"not an unknown name", "vicuna", "", anything, "", "no chat template named"},
	} {
		d, err := dialect.For(row.ask, row.template, row.has)
		if d.Name != row.want || (err == nil) != (row.problem == "") || err != nil && !strings.Contains(err.Error(), row.problem) {
			t.Errorf("%s: got %q, %v; want %q, %q", row.name, d.Name, err, row.want, row.problem)
		}
	}
}

func TestRenderRefuses(t *testing.T) {
	d, _ := dialect.For("chatml", "", anything)
	for name, ms := range map[string][]llm.Message{
		"no messages":            nil,
		"a late system message":  {text(llm.User, "a"), text(llm.System, "b"), text(llm.User, "c")},
		"an unknown role":        {text("tool", "a")},
		"an answer as last turn": {text(llm.User, "a"), text(llm.Assistant, "b")},
		"only a system message":  {text(llm.System, "a")},
	} {
		if _, err := d.Render(ms, ""); llm.KindOf(err) != llm.Invalid {
			t.Errorf("%s: %v; want kind invalid", name, err)
		}
	}
}

// TestUntrustedTextStaysText: control tokens come from the dialect alone, and
// every untrusted text is there, whole, as one untrusted span.
func TestUntrustedTextStaysText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.SampledFrom(plain(t)).Draw(t, "dialect")
		d, err := dialect.For(name, "", anything)
		if err != nil {
			t.Fatal(err)
		}
		piece := rapid.OneOf(rapid.String(), rapid.SampledFrom(append(d.Controls(), "⟦</s>⟧", "⟧", "⟦")))
		doc := rapid.SliceOf(piece).Draw(t, "document")
		prompt := []llm.Message{text(llm.System, "S"), text(llm.User, strings.Join(doc, ""))}
		empty := []llm.Message{text(llm.System, "S"), text(llm.User, "")}
		with, err1 := d.Render(prompt, "")
		without, err2 := d.Render(empty, "")
		if err1 != nil || err2 != nil {
			t.Fatal(err1, err2)
		}
		found := false
		for i, s := range with {
			if s.Control != without[i].Control || s.Control && s.Text != without[i].Text {
				t.Errorf("span %d is %+v instead of %+v", i, s, without[i])
			}
			found = found || s.Text == strings.Join(doc, "") && !s.Trusted && !s.Control
		}
		if !found || len(with) != len(without) {
			t.Errorf("the document is not there whole: %+v", with)
		}
	})
}
