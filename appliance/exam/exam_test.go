package exam

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"skerry/appliance/llm"
	"skerry/appliance/llm/llmtest"
)

var profile = llm.Profile{Name: "plain", Template: "chatml", Tasks: map[llm.TaskKind]*llm.TaskProfile{
	llm.TaskExtract: {User: "{document}\n\nFields:\n{fields}", Field: "{name}: {type} {about}", MaxTokens: 400, Types: map[llm.FieldType]string{
		llm.TypeString: "string", llm.TypeDecimal: "number", llm.TypeDate: "date", llm.TypeIBAN: "string", llm.TypeEnum: "string", llm.TypeList: "list", llm.TypeInteger: "number",
	}},
	llm.TaskClassify: {User: "{document}\n{instructions}\n{labels}", Label: "{name}", MaxTokens: 32},
}}

// pupil answers every question of the exam by looking it up, or as spoil makes
// of that.
func pupil(spoil func(text string) string) Subject {
	m := llmtest.Model("m")
	m.ContextTokens = 2000
	m.Capabilities.Tasks, m.Capabilities.Lists = []llm.TaskKind{llm.TaskExtract, llm.TaskClassify}, true
	answer := func(r llm.Request) (string, float64, error) {
		var asked strings.Builder
		for _, msg := range r.Messages {
			for _, p := range msg.Parts {
				asked.WriteString(p.Text)
			}
		}
		return spoil(know(m, asked.String())), -0.01, nil
	}
	return Subject{Provider: &llmtest.Fake{Catalogue: []llm.Model{m}, Answer: answer}, Model: m, Profile: profile, Memory: func() int64 { return 42 }}
}

func know(m llm.Model, asked string) string {
	for _, q := range questions(m) {
		if strings.Contains(asked, q.text) {
			all := map[string]json.RawMessage{}
			for name, v := range q.want {
				all[name] = json.RawMessage(v)
			}
			b, _ := json.Marshal(all) // raw messages from this package
			return string(b)
		}
	}
	for _, q := range sorting {
		if strings.Contains(asked, q.text) {
			return `{"label":"` + q.want + `"}`
		}
	}
	_, after, found := strings.Cut(asked, "Order number: ")
	if !found {
		return "{}"
	}
	number, _, _ := strings.Cut(after, "\n")
	return `{"order_number":"` + number + `"}`
}

func score(c Scorecard, name string) (passed, total int) {
	for _, p := range c.Parts {
		if p.Name == name {
			return p.Passed, p.Total
		}
	}
	return 0, 0
}

func TestAGoodModelPasses(t *testing.T) {
	s := pupil(func(text string) string { return text })
	c, err := Run(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range c.Parts {
		if p.Passed != p.Total || p.Total == 0 || len(p.Faults) > 0 {
			t.Errorf("%s: %d of %d: %q", p.Name, p.Passed, p.Total, p.Faults)
		}
	}
	if len(c.Parts) != 9 || c.Lock != s.Model.Lock.Digest() || c.MemoryBytes != 42 || c.NeedleTokens < 500 || c.At.IsZero() {
		t.Errorf("got %+v", c)
	}
}

// TestFaultsAreFound is the control: each fault costs the part that looks for
// it, and only models that do not answer at all are an error.
func TestFaultsAreFound(t *testing.T) {
	for _, row := range []struct {
		name  string
		spoil func(string) string
		part  string
	}{
		{"talks around its JSON", func(s string) string { return "Sure! " + s + " Anything else?" }, JSON},
		{"writes marks of a template", func(s string) string { return s + "<|im_end|>" }, Turn},
		{"reads another number", func(s string) string { return strings.ReplaceAll(s, "2284.80", "2284.81") }, Fields},
		{"makes up what is absent", func(s string) string { return strings.ReplaceAll(s, "null", `"DE02120300000000202051"`) }, Absent},
		{"leaves out a row", func(s string) string { return strings.ReplaceAll(s, `,{"description":"shackle","quantity":12}`, "") }, Lists},
		{"takes all for invoices", func(s string) string { return strings.ReplaceAll(s, `"order"`, `"invoice"`) }, Labels},
		{"finds no needle", func(s string) string { return strings.ReplaceAll(s, `"PO-`, `"PX-`) }, Needles},
	} {
		c, err := Run(t.Context(), pupil(row.spoil))
		if err != nil {
			t.Errorf("%s: %v", row.name, err)
			continue
		}
		passed, total := score(c, row.part)
		if passed >= total {
			t.Errorf("%s: %d of %d in %s", row.name, passed, total, row.part)
		}
		if row.part == Needles && c.NeedleTokens != 0 {
			t.Errorf("%s: found up to %d tokens", row.name, c.NeedleTokens)
		}
	}
	s := pupil(func(text string) string { return text })
	s.Provider.(*llmtest.Fake).Answer = func(llm.Request) (string, float64, error) {
		return "", 0, &llm.Error{Kind: llm.Unavailable, Message: "it crashed"}
	}
	if _, err := Run(t.Context(), s); err == nil || !strings.Contains(err.Error(), "crashed") {
		t.Errorf("a model that does not answer: %v", err)
	}
}

// TestWhatDoesNotFitIsNotAsked: a short context is no error of the exam; it says
// how much was not asked, and routing gets no more than what was.
func TestWhatDoesNotFitIsNotAsked(t *testing.T) {
	for _, row := range []struct {
		context int
		unasked []string
		limited bool
	}{
		{8000, nil, false},
		{100, []string{Fields, Language, Needles}, true},
	} {
		s := pupil(func(text string) string { return text })
		s.Model.ContextTokens = row.context
		c, err := Run(t.Context(), s)
		if err != nil {
			t.Errorf("with %d tokens: %v", row.context, err)
			continue
		}
		var unasked []string
		for _, p := range c.Parts {
			if p.Unasked > 0 && (row.unasked != nil || p.Name != Needles) { // the longest text is made to fill the context
				unasked = append(unasked, p.Name)
			}
			if p.Passed != p.Total {
				t.Errorf("with %d tokens, %s: %d of %d: %q", row.context, p.Name, p.Passed, p.Total, p.Faults)
			}
		}
		for _, name := range row.unasked {
			if !slices.Contains(unasked, name) {
				t.Errorf("with %d tokens all of %s was asked; not asked: %q", row.context, name, unasked)
			}
		}
		if row.unasked == nil && unasked != nil {
			t.Errorf("with %d tokens %q was not asked", row.context, unasked)
		}
		m, reasons := c.Bound(s.Model)
		if got := !m.Capabilities.Can(llm.TaskExtract); got != row.limited || row.limited && !strings.Contains(strings.Join(reasons, ";"), "context of 100 tokens") {
			t.Errorf("with %d tokens extraction is taken: %t, want %t: %q", row.context, got, row.limited, reasons)
		}
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s := pupil(func(text string) string { cancel(); return text })
	var e *llm.Error
	if _, err := Run(ctx, s); !errors.As(err, &e) || e.Kind != llm.Cancelled {
		t.Errorf("got %v, want cancelled", err)
	}
}

func TestSame(t *testing.T) {
	for _, row := range []struct {
		got  llm.Value
		want string
		is   bool
	}{
		{llm.Value{JSON: json.RawMessage(`"HOS-20417"`)}, `"HOS-20417"`, true},
		{llm.Value{JSON: json.RawMessage(`"1615.80"`)}, "1615.80", true},
		{llm.Value{JSON: json.RawMessage(`"1615.8"`)}, "1615.80", true},
		{llm.Value{JSON: json.RawMessage(`"Rope 20 m"`)}, `"rope 20 m"`, true},
		{llm.Value{JSON: json.RawMessage(`null`)}, "null", true},
		{llm.Value{JSON: json.RawMessage(`null`), Problem: "the answer is not JSON"}, "null", false},
		{llm.Value{}, "null", false},
		{llm.Value{JSON: json.RawMessage(`"1615.81"`)}, "1615.80", false},
	} {
		if got := same(row.got, row.want); got != row.is {
			t.Errorf("%s against %s: %t", row.got.JSON, row.want, got)
		}
	}
}
