package exam

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"skerry/appliance/llm"
	"skerry/appliance/llm/llmtest"
)

// caller is a provider whose model calls what an errand wants, or what spoil
// makes of that.
type caller struct {
	*llmtest.Fake
	spoil func(calls []string) []string
}

func (c caller) Generate(ctx context.Context, r llm.Request, emit func(llm.Delta) error) (llm.Response, error) {
	if len(r.Tools) == 0 {
		return c.Fake.Generate(ctx, r, emit)
	}
	res := llm.Response{Finish: llm.FinishStop, Text: "4"}
	for _, q := range errands {
		if q.text != r.Messages[0].Parts[0].Text {
			continue
		}
		for _, call := range c.spoil(q.want) {
			name, args, _ := strings.Cut(call, "{")
			res.Calls = append(res.Calls, llm.ToolCall{ID: "x", Name: name, Arguments: json.RawMessage("{" + args)})
			res.Finish, res.Text = llm.FinishTools, ""
		}
	}
	return res, nil
}

// assistant is a pupil that can do everything; say answers what know does not.
func assistant(spoil func([]string) []string, say func(asked string) string) Subject {
	s := pupil(func(text string) string { return text })
	m := s.Model
	m.Capabilities.Tools, m.Capabilities.JSONSchema = true, true
	m.Capabilities.Tasks = append(m.Capabilities.Tasks, llm.TaskGenerate)
	fake := s.Provider.(*llmtest.Fake)
	known := fake.Answer
	fake.Catalogue = []llm.Model{m}
	fake.Answer = func(r llm.Request) (string, float64, error) {
		text := r.Messages[len(r.Messages)-1].Parts[0].Text
		for _, x := range moulds {
			if x.text == text {
				return say(text), -0.1, nil
			}
		}
		for _, q := range unanswerable {
			if strings.Contains(text, q.text) {
				return say(q.text), -0.1, nil
			}
		}
		return known(r)
	}
	s.Model, s.Provider = m, caller{fake, spoil}
	s.Profile.Tasks = map[llm.TaskKind]*llm.TaskProfile{llm.TaskGenerate: {User: "{document}\n{instructions}", MaxTokens: 100}}
	for k, v := range profile.Tasks {
		s.Profile.Tasks[k] = v
	}
	return s
}

func honest(asked string) string {
	switch asked {
	case moulds[0].text:
		return `{"name":"chair","legs":4,"tags":["wood"]}`
	case moulds[1].text:
		return `{"stages":[{"from":"Kiel","to":"Esbjerg","day":"2026-05-01"},{"from":"Esbjerg","to":"Bristol","day":"2026-05-02"}],"note":null}`
	}
	return "Not stated."
}

func as(calls []string) []string { return calls }

func TestAGoodAssistantPasses(t *testing.T) {
	c, err := Run(t.Context(), assistant(as, honest))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]int{Tools: 4, Schemas: 4, Refusal: 2, Language: 4} {
		if passed, total := score(c, name); passed != want || total != want {
			t.Errorf("%s: %d of %d, want %d", name, passed, total, want)
		}
	}
}

// TestFaultsOfAssistantsAreFound is the control.
func TestFaultsOfAssistantsAreFound(t *testing.T) {
	for _, row := range []struct {
		name  string
		spoil func([]string) []string
		say   func(string) string
		part  string
		want  int // passed
	}{
		{"calls nothing", func([]string) []string { return nil }, honest, Tools, 1},
		{"calls the first alone", func(c []string) []string { return c[:min(1, len(c))] }, honest, Tools, 3},
		{"takes another value", func(c []string) []string {
			return strings.Split(strings.ReplaceAll(strings.Join(c, "\n"), "4400", "4401"), "\n")
		}, honest, Tools, 2},
		{"calls where nothing is to be called", func(c []string) []string {
			if len(c) == 0 {
				return errands[0].want
			}
			return c
		}, honest, Tools, 3},
		{"writes prose for JSON", as, func(string) string { return "A chair, not stated." }, Schemas, 0},
		{"writes what the schema does not allow", as, func(s string) string { return strings.Replace(honest(s), `"legs":4`, `"legs":6`, 1) }, Schemas, 2},
		{"makes up a number", as, func(s string) string {
			if strings.HasPrefix(s, "Minutes") {
				return "01234 5678"
			}
			return honest(s)
		}, Refusal, 1},
	} {
		c, err := Run(t.Context(), assistant(row.spoil, row.say))
		if err != nil {
			t.Errorf("%s: %v", row.name, err)
			continue
		}
		if passed, total := score(c, row.part); passed != row.want || passed == total {
			t.Errorf("%s: %d of %d in %s, want %d", row.name, passed, total, row.part, row.want)
		}
	}
}

// TestAStarterSaysThatItIsNoAssistant: it is not asked to write, because its
// profile has no words for that.
func TestAStarterSaysThatItIsNoAssistant(t *testing.T) {
	c, err := Run(t.Context(), pupil(func(text string) string { return text }))
	if err != nil {
		t.Fatal(err)
	}
	if passed, total := score(c, Refusal); passed != 2 || total != 2 {
		t.Errorf("%d of %d", passed, total)
	}
	s := pupil(func(text string) string { return text })
	s.Profile.Tasks = map[llm.TaskKind]*llm.TaskProfile{llm.TaskGenerate: {User: "{document}\n{instructions}"}}
	for k, v := range profile.Tasks {
		s.Profile.Tasks[k] = v
	}
	if c, err = Run(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	if passed, _ := score(c, Refusal); passed != 0 {
		t.Errorf("a profile that would have it write passes %d", passed)
	}
}
