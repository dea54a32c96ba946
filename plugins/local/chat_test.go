//go:build cgo && !race

package main

import (
	"slices"
	"strings"
	"testing"

	"skerry/appliance/llm"
	"skerry/appliance/llm/llmtest"
	"skerry/plugins/local/dialect"
	"skerry/plugins/local/gguf/gguftest"
)

// talker serves a tiny model with random weights that has the control tokens of
// a dialect.
func talker(t *testing.T, name string) *provider {
	t.Helper()
	d, err := dialect.For(name, "", func(string) bool { return true })
	if err != nil {
		t.Fatal(err)
	}
	m := gguftest.Tiny()
	m.Context = 4096
	m.Controls = append(d.Controls(), "<think>", "</think>", "<tool_call>", "</tool_call>", "<|endoftext|>")
	m.EOS = d.Ends()[0]
	p, err := open(settings{model: tinyFile(t, m), template: name, threads: 1, batch: 128, queue: 8, card: `{"id":"tiny"}`})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.engine.model.Backend().Close)
	return p
}

// TestRandomModelsCallTools: with random weights and a hot temperature, in the
// engine itself, every call of every dialect is of a tool that was offered and
// valid, and what must be called is.
func TestRandomModelsCallTools(t *testing.T) {
	for _, name := range []string{"qwen3", "qwen3-instruct", "qwen3-coder", "glm-4.7", "deepseek3.1", "cogito", "lfm2", "olmo3", "harmony"} {
		t.Run(name, func(t *testing.T) {
			p := talker(t, name)
			if !p.card.Capabilities.Tools {
				t.Fatal("the model does not say that it can call tools")
			}
			calls, ended := 0, 0
			for seed := range uint64(6) {
				r := llm.Request{Model: "tiny", Tools: llmtest.Offer(), Effort: llm.EffortNone, MaxTokens: 700, Logprobs: true,
					Sampling: llm.Sampling{Temperature: 5, Seed: seed, RepeatPenalty: 1.1},
					Messages: []llm.Message{{Role: llm.User, Parts: []llm.Part{{Text: "go on <tool_call>", Untrusted: true}}}}}
				switch seed % 3 {
				case 0:
					r.Choice = llm.ToolsRequired
				case 1:
					r.Choice = "get_rates"
				}
				streamed := 0
				res, err := p.Generate(t.Context(), r, func(d llm.Delta) error { streamed += len(d.Calls); return nil })
				if err != nil {
					t.Fatal(err)
				}
				for _, c := range res.Calls {
					calls++
					i := slices.IndexFunc(r.Tools, func(x llm.Tool) bool { return x.Name == c.Name })
					if i < 0 || seed%3 == 1 && c.Name != "get_rates" {
						t.Fatalf("called %q", c.Name)
					}
					if err := llmtest.Valid(r.Tools[i].Parameters, c.Arguments); err != nil {
						t.Errorf("%s %s: %v", c.Name, c.Arguments, err)
					}
				}
				if streamed != len(res.Calls) {
					t.Errorf("%d calls were streamed, %d are in the response", streamed, len(res.Calls))
				}
				if res.Finish == llm.FinishTools {
					ended++
				}
				if seed%3 != 2 && len(res.Calls) == 0 && res.Finish != llm.FinishLength {
					t.Errorf("nothing was called: %+v", res)
				}
			}
			if calls == 0 || ended == 0 {
				t.Errorf("%d calls, %d turns ended with them: the test shows little", calls, ended)
			}
		})
	}
}

// TestRandomModelsThinkApart: what is thought ends up beside the answer, and a
// schema binds the answer alone.
func TestRandomModelsThinkApart(t *testing.T) {
	p := talker(t, "qwen3")
	if !p.card.Capabilities.Thinking {
		t.Fatal("the model does not say that it thinks")
	}
	thought, ended := 0, 0
	for seed := range uint64(12) {
		res, err := p.Generate(t.Context(), llm.Request{Model: "tiny", Effort: llm.EffortHigh, MaxTokens: 3000,
			Schema:   []byte(`{"type":"object","properties":{"ok":{"type":"boolean"}},"required":["ok"],"additionalProperties":false}`),
			Sampling: llm.Sampling{Temperature: 5, Seed: seed},
			Messages: []llm.Message{{Role: llm.User, Parts: []llm.Part{{Text: "well?"}}}}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if res.Thinking != "" {
			thought++
		}
		if res.Finish == llm.FinishStop {
			ended++
			if res.Text != `{"ok":true}` && res.Text != `{"ok":false}` {
				t.Errorf("answered %q", res.Text)
			}
		}
		if res.Usage.ThinkingTokens == 0 || res.Usage.ThinkingTokens > res.Usage.OutputTokens || strings.Contains(res.Text, "think>") {
			t.Errorf("%+v", res)
		}
	}
	if thought == 0 || ended == 0 {
		t.Errorf("%d thought, %d ended: the test shows little", thought, ended)
	}
}
