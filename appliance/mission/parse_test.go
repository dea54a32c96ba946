package mission

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// whole is a mission with one of everything; the rows below break it.
const whole = `mission: whole
title: {en: Whole, de: Ganz}
description: all of it
input:
  document: {type: document, accept: [text, pdf], title: {en: Paper}}
  limit: {type: decimal, optional: true}
  kind: {type: enum, values: [a, b]}
class:
  start: internal
  rules:
    - {when: tables.secret.mentioned_in(input.document.text), raise: restricted, because: it is secret}
steps:
  - id: paper
    extract:
      from: input.document
      fields:
        number: string
        total: {type: decimal, about: what to pay}
        issued: {type: date, nullable: true}
        currency: {type: enum, values: [EUR, USD]}
        lines: {type: list, of: {text: string, amount: {type: decimal, nullable: true}}}
    confidence: {min: 0.9, below: refer, missing: ask, queue: desk}
    escalate: {when: 'paper.total > 100', because: it is a lot}
  - id: kind
    when: paper.issued != null
    classify: {from: input.document, into: {good: fine, bad: not fine}}
    confidence: {min: 0.5}
  - id: letter
    generate: {from: input.document, instructions: Write a letter., max_tokens: 100}
  - id: sums
    check:
      - {that: 'sum(paper.lines.amount) == paper.total', because: {en: it adds up, de: es geht auf}}
  - id: way
    branch:
      - name: big
        when: paper.total > 100
        steps:
          - id: ask
            decide:
              when: '!sums.held'
              queue: desk
              ask: {en: 'Fine?', de: 'Gut?'}
              not_by: [initiator]
              amend: [paper]
              expires: {after: 1d12h, then: reject}
      - else:
          - id: small
            check: [{that: 'true', because: small is fine}]
  - id: rows
    each:
      in: paper.lines
      as: line
      steps:
        - id: row
          check: [{that: line.amount > 0, because: it costs something}]
verdict:
  - {is: rejected, when: ask.rejected, because: ask.reason}
  - {is: referred, when: '!sums.held', because: {cel: 'sums.reason + "."'}}
  - {is: approved, because: {en: all held, de: alles gilt}}
`

func TestParseReadsAWholeMission(t *testing.T) {
	m, err := Parse([]byte(whole))
	if err != nil {
		t.Fatal(err)
	}
	if m.Name != "whole" || m.Title.In("de") != "Ganz" || m.Title.In("fr") != "Whole" || len(m.Digest) != 64 || len(m.Steps) != 6 {
		t.Fatalf("got %+v", m)
	}
	ask := m.Steps[4].Branch.Arms[0].Steps[0].Decide
	if ask.Expires.After != 36*time.Hour || ask.Expires.Then != "reject" || ask.NotBy[0] != "initiator" {
		t.Errorf("decide is %+v, expires %+v", ask, ask.Expires)
	}
	if c := m.Steps[0].Confidence; *c != (ConfidenceRule{Min: 0.9, Below: "refer", Missing: "ask", Queue: "desk"}) {
		t.Errorf("confidence is %+v", *c)
	}
	if v := m.Verdict; v[0].Because != "ask.reason" || v[1].Because != `sums.reason + "."` || v[2].Text.In("de") != "alles gilt" {
		t.Errorf("verdict is %+v", v)
	}
	var again Mission
	b, err := json.Marshal(m)
	if err == nil {
		err = json.Unmarshal(b, &again)
	}
	m.positions = nil
	if err != nil || !reflect.DeepEqual(m, again) {
		t.Errorf("a mission changes on its way through JSON (%v):\n%+v\n%+v", err, m, again)
	}
}

// broken are edits of whole that make it wrong: what is replaced, by what, and
// the problem, place first.
var broken = []struct{ name, old, new, want string }{
	{"an unknown key of the mission", "description: all", "desription: all", `3:1: desription: unknown key "desription"; did you mean "description"?`},
	{"a missing verdict", whole[strings.Index(whole, "verdict:"):], "", `1:1: "verdict" is missing`},
	{"a name with a space", "mission: whole", "mission: my whole", `1:10: mission: "my whole" cannot name a mission`},
	{"an unknown type", "total: {type: decimal,", "total: {type: money,", `"money" is not one of string, decimal`},
	{"a field named like a step's own word", "number: string", "broken: string", `"broken" is what every step says of itself`},
	{"an enum without values", "type: enum, values: [EUR, USD]", "type: enum", `an enum needs "values"`},
	{"a list without elements", "type: list, of: {text: string, amount: {type: decimal, nullable: true}}", "type: list", `a list needs "of"`},
	{"a list in a list", "of: {text: string,", "of: {text: {type: list, of: {a: string}},", `"list" is not one of`},
	{"values on a decimal", "type: decimal, about", "type: decimal, values: [a], about", `only enum has "values"`},
	{"a step with two kinds", "  - id: letter\n", "  - id: letter\n    check: [{that: 'true', because: a}]\n", `a step does one thing; this one has check and generate`},
	{"a step with no kind", "    generate: {from: input.document, instructions: Write a letter., max_tokens: 100}\n", "", `the step says not what to do`},
	{"a step with a mistyped kind", "    generate: {", "    genrate: {", `unknown key "genrate"; did you mean "generate"?`},
	{"confidence on a check", "  - id: sums\n", "  - id: sums\n    confidence: {min: 1}\n", `only steps that ask a model (extract, classify, generate) have "confidence"`},
	{"a confidence above one", "min: 0.9", "min: 1.9", `must be a number from 0 to 1`},
	{"a floor above the minimum", "min: 0.9, below: refer", "min: 0.9, floor: 0.95", `nothing could be uncertain`},
	{"one label only", "{good: fine, bad: not fine}", "{good: fine}", `at least two labels`},
	{"an unknown end of a wait", "then: reject", "then: approve", `"approve" is not one of reject, refer`},
	{"a wait without a unit", "after: 1d12h", "after: '72'", `"72" is no duration; write 90m, 72h or 3d`},
	{"a wait of no time", "after: 1d12h", "after: 0h", `not between 1s and 366d`},
	{"a wait of years", "after: 1d12h", "after: 9999d", `not between 1s and 366d`},
	{"an else that is not last", "      - name: big\n        when: paper.total > 100\n        steps:", "      - else:", `comes last`},
	{"an id that means something", "id: letter", "id: input", `"input" means something in expressions`},
	{"an id in capitals", "id: letter", "id: Letter", `"Letter" cannot name a step`},
	{"an anchor", "description: all of it", "description: &x all of it", `anchors, aliases and tags are not read`},
	{"a key twice", "  kind: {type: enum, values: [a, b]}\n", "  kind: {type: enum, values: [a, b]}\n  kind: {type: string}\n", `already defined`},
	{"an unknown language", "title: {en: Whole,", "title: {english: Whole,", `"english" is no language`},
	{"a verdict that is the platform's", "{is: rejected,", "{is: cancelled,", `is what the platform says`},
	{"an outcome without a reason", "because: {en: all held, de: alles gilt}", "when: 'true'", `"because" is missing`},
	{"steps that are no list", whole[strings.Index(whole, "steps:\n"):strings.Index(whole, "verdict:")], "steps: {a: b}\n", `must be a list of steps`},
	{"an empty list of steps", whole[strings.Index(whole, "steps:\n"):strings.Index(whole, "verdict:")], "steps: []\n", `at least one step`},
	{"not YAML", "title: {en: Whole", "title: {en: \"Whole", `not YAML`},
	{"two documents", "verdict:\n", "verdict:\n  - {is: approved, because: a}\n---\na: b\nc:\n", `a file holds one mission`},
}

func breakWhole(t *testing.T, old, new string) []byte {
	t.Helper()
	if !strings.Contains(whole, old) {
		t.Fatalf("the whole mission has no %q", old)
	}
	return []byte(strings.Replace(whole, old, new, 1))
}

func TestParseSaysWhatIsWrongAndWhere(t *testing.T) {
	for _, row := range broken {
		t.Run(row.name, func(t *testing.T) {
			_, err := Parse(breakWhole(t, row.old, row.new))
			var problems Problems
			if !errors.As(err, &problems) {
				t.Fatalf("got %v, want problems", err)
			}
			if !strings.Contains(err.Error(), row.want) {
				t.Errorf("got\n%v\nwant %s", err, row.want)
			}
			if problems[0].Line == 0 {
				t.Errorf("no line: %v", problems[0])
			}
		})
	}
}

func TestParseReportsSeveralProblemsInOrder(t *testing.T) {
	src := strings.Replace(strings.Replace(whole, "min: 0.9", "min: 9", 1), "start: internal", "strat: internal", 1)
	_, err := Parse([]byte(src))
	var problems Problems
	if !errors.As(err, &problems) || len(problems) != 3 {
		t.Fatalf("got %v", err)
	}
	for i := 1; i < len(problems); i++ {
		if problems[i].Line < problems[i-1].Line {
			t.Errorf("out of order: %v", problems)
		}
	}
}

func TestParseIsBounded(t *testing.T) {
	for name, src := range map[string]string{
		"a file of a megabyte": "# " + strings.Repeat("x", 1<<20),
		"a hundred thousand [": "steps: " + strings.Repeat("[", 100_000),
		"a staircase of -":     strings.Repeat("- ", 50_000) + "a",
		"not UTF-8":            "mission: \xff\xfe",
		"an empty file":        "",
		"a comment":            "# nothing\n",
		"a scalar":             "hello",
		"many keys":            "input:\n" + strings.Repeat("  a: b\n", 2) + manyKeys(600),
	} {
		if _, err := Parse([]byte(src)); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}

func manyKeys(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "  k%d: {type: string}\n", i)
	}
	return b.String()
}

func compiledSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	if err := c.AddResource("mission.json", doc); err != nil {
		t.Fatal(err)
	}
	return c.MustCompile("mission.json")
}

func schemaSays(s *jsonschema.Schema, source []byte) error {
	var v any
	if err := yaml.Unmarshal(source, &v); err != nil {
		return err
	}
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		return err
	}
	return s.Validate(doc)
}

func TestSchemaTakesTheSamples(t *testing.T) {
	s := compiledSchema(t)
	sources := samples(t)
	sources["whole"] = []byte(whole)
	for name, source := range sources {
		if _, err := Parse(source); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := schemaSays(s, source); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// samples are the missions that the binary carries, by file name.
func samples(t testing.TB) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob("../../embed/mission/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no sample missions: %v", err)
	}
	out := map[string][]byte{}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		out[filepath.Base(f)] = b
	}
	return out
}

// TestSchemaRefusesNothingThatParseTakes: an editor's red line is never a lie,
// and most of what Parse refuses shows in the editor already.
func TestSchemaRefusesNothingThatParseTakes(t *testing.T) {
	s := compiledSchema(t)
	caught := 0
	for _, row := range broken {
		source := breakWhole(t, row.old, row.new)
		_, parse := Parse(source)
		if err := schemaSays(s, source); err != nil {
			caught++
			if parse == nil {
				t.Errorf("%s: the schema refuses what Parse takes: %v", row.name, err)
			}
		}
	}
	if caught < len(broken)*2/3 {
		t.Errorf("the schema catches %d of %d broken missions only", caught, len(broken))
	}
	// Dropping or doubling one line at a time finds disagreements that nobody thought of.
	lines := strings.SplitAfter(whole, "\n")
	for i := range lines {
		without := []byte(strings.Join(append(append([]string{}, lines[:i]...), lines[i+1:]...), ""))
		if _, parse := Parse(without); parse == nil {
			if err := schemaSays(s, without); err != nil {
				t.Errorf("without line %d: the schema refuses what Parse takes: %v", i+1, err)
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(whole))
	for _, row := range broken {
		f.Add([]byte(strings.Replace(whole, row.old, row.new, 1)))
	}
	f.Fuzz(func(t *testing.T, source []byte) {
		m, err := Parse(source)
		var problems Problems
		if err != nil && !errors.As(err, &problems) {
			t.Fatalf("an error that is no list of problems: %v", err)
		}
		if err == nil && (m.Name == "" || len(m.Steps) == 0 || len(m.Verdict) == 0) {
			t.Fatalf("took a mission without name, steps or verdict: %+v", m)
		}
		if err != nil {
			return
		}
		if _, err := Compile(m, testEnv()); err != nil && !errors.As(err, &problems) {
			t.Fatalf("an error that is no list of problems: %v", err)
		}
	})
}
