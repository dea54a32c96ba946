package exam

import (
	"slices"
	"strings"
	"testing"

	"skerry/appliance/llm"
)

func TestBound(t *testing.T) {
	m := llm.Model{ID: "m", ContextTokens: 8192, Capabilities: llm.Capabilities{
		Tasks: []llm.TaskKind{llm.TaskClassify, llm.TaskExtract}, Lists: true, Tools: true, JSONSchema: true, Languages: []string{"de", "en"}}}
	part := func(name string, passed int) Part { return Part{Name: name, Passed: passed, Total: 10} }
	needles := part(Needles, 9)
	for _, row := range []struct {
		name   string
		card   Scorecard
		want   func(*llm.Model) // what is taken
		reason string
	}{
		{"a good model keeps everything", Scorecard{NeedleTokens: 6500, Parts: []Part{part(JSON, 10), part(Fields, 8), part(Lists, 7), part(Labels, 9), part(Tools, 8), part(Schemas, 10), part(Language, 6), needles}}, func(*llm.Model) {}, ""},
		{"what was not asked takes nothing", Scorecard{}, func(*llm.Model) {}, ""},
		{"what did not fit is not borne out", Scorecard{Parts: []Part{{Name: Fields, Unasked: 8}, {Name: Labels, Unasked: 1, Passed: 3, Total: 3}}}, func(m *llm.Model) { m.Capabilities.Tasks = []llm.TaskKind{llm.TaskClassify} }, "fits into its context of 8192 tokens"},
		{"no JSON, no extraction", Scorecard{Parts: []Part{part(JSON, 8)}}, func(m *llm.Model) { m.Capabilities.Tasks = []llm.TaskKind{llm.TaskClassify} }, "no extraction"},
		{"wrong fields, no extraction", Scorecard{Parts: []Part{part(JSON, 10), part(Fields, 4)}}, func(m *llm.Model) { m.Capabilities.Tasks = []llm.TaskKind{llm.TaskClassify} }, "4 of 10"},
		{"guessed labels", Scorecard{Parts: []Part{part(Labels, 5)}}, func(m *llm.Model) { m.Capabilities.Tasks = []llm.TaskKind{llm.TaskExtract} }, "no classification"},
		{"lists", Scorecard{Parts: []Part{part(Lists, 1)}}, func(m *llm.Model) { m.Capabilities.Lists = false }, "no lists"},
		{"tools", Scorecard{Parts: []Part{part(Tools, 5)}}, func(m *llm.Model) { m.Capabilities.Tools = false }, "60 %"},
		{"schemas", Scorecard{Parts: []Part{part(Schemas, 8)}}, func(m *llm.Model) { m.Capabilities.JSONSchema = false }, "no schemas"},
		{"the second language", Scorecard{Parts: []Part{part(Language, 2)}}, func(m *llm.Model) { m.Capabilities.Languages = []string{"en"} }, "no German"},
		{"a shorter context", Scorecard{NeedleTokens: 4000, Parts: []Part{needles}}, func(m *llm.Model) { m.ContextTokens = 4000 }, "4000 tokens"},
		{"no needle at all", Scorecard{Parts: []Part{part(Needles, 0)}}, func(m *llm.Model) { m.ContextTokens = 512 }, "512 tokens"},
	} {
		want := m
		row.want(&want)
		got, reasons := row.card.Bound(m)
		if got.ContextTokens != want.ContextTokens || !slices.Equal(got.Capabilities.Tasks, want.Capabilities.Tasks) || got.Capabilities.Lists != want.Capabilities.Lists ||
			got.Capabilities.Tools != want.Capabilities.Tools || got.Capabilities.JSONSchema != want.Capabilities.JSONSchema || !slices.Equal(got.Capabilities.Languages, want.Capabilities.Languages) {
			t.Errorf("%s: got %+v, want %+v", row.name, got, want)
		}
		if all := strings.Join(reasons, "; "); (row.reason == "") != (len(reasons) == 0) || !strings.Contains(all, row.reason) {
			t.Errorf("%s: reasons %q, want %q", row.name, all, row.reason)
		}
	}
	if len(m.Capabilities.Tasks) != 2 || len(m.Capabilities.Languages) != 2 {
		t.Error("the model that was given was changed")
	}
}
