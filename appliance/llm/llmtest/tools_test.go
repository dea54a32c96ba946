package llmtest_test

import (
	"strings"
	"testing"

	"skerry/appliance/llm"
	"skerry/appliance/llm/llmtest"
)

func able() *llmtest.Fake {
	m := llmtest.Model("fake")
	m.Capabilities.Tools, m.Capabilities.Thinking = true, true
	return &llmtest.Fake{Catalogue: []llm.Model{m}}
}

func TestFakeConformsWithToolsAndThinking(t *testing.T) {
	llmtest.Run(t, func(*testing.T) llm.Provider { return able() }, llmtest.Options{})
}

// TestFakeCalls: single, parallel, nested, none, after an answer.
func TestFakeCalls(t *testing.T) {
	for _, row := range []struct {
		name, text string
		choice     llm.ToolChoice
		want       string
	}{
		{"single", "use get_rates", llm.ToolsAuto, "get_rates{}"},
		{"parallel", "use get_rates and book", llm.ToolsAuto, `get_rates{} book{"entry":{"account":1000,"lines":[{"net":0}]}}`},
		{"none", "use nothing", llm.ToolsAuto, ""},
		{"none allowed", "use book", llm.ToolsNone, ""},
		{"required", "use nothing", llm.ToolsRequired, `get_rate{"currency":"EUR","day":"2026-04-06"}`},
		{"named", "use book", "get_rates", "get_rates{}"},
	} {
		res, err := able().Generate(t.Context(), llm.Request{Model: "fake", Tools: llmtest.Offer(), Choice: row.choice,
			Messages: []llm.Message{{Role: llm.User, Parts: []llm.Part{{Text: row.text}}}}}, nil)
		var got []string
		for _, c := range res.Calls {
			got = append(got, c.Name+string(c.Arguments))
		}
		if err != nil || strings.Join(got, " ") != row.want {
			t.Errorf("%s: %q, %v; want %q", row.name, got, err, row.want)
		}
	}
}

// TestValidNegativeControl: the validator of the suite finds what is not valid.
func TestValidNegativeControl(t *testing.T) {
	for _, args := range []string{`{}`, `{"currency":"GBP","day":"2026-04-06"}`, `{"currency":"EUR","day":"2026-13-06"}`, `{"currency":"EUR","day":"2026-04-06","x":1}`, `{`} {
		if llmtest.Valid(llmtest.Offer()[0].Parameters, []byte(args)) == nil {
			t.Errorf("%s is valid", args)
		}
	}
}
