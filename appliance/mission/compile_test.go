package mission

import (
	"errors"
	"strings"
	"testing"

	"skerry/appliance/llm"
)

func TestCompileTakesTheSamplesAndTheWhole(t *testing.T) {
	for name, source := range samples(t) {
		m, err := Parse(source)
		if err == nil {
			_, err = Compile(m, testEnv())
		}
		if err != nil {
			t.Errorf("%s:\n%v", name, err)
		}
	}
	mustPlan(t, whole)
}

const child = `mission: child
input:
  paper: {type: document}
  limit: {type: decimal}
  note: {type: string, optional: true}
class: {start: internal}
steps:
  - id: read
    extract: {from: input.paper, fields: {total: decimal}}
verdict:
  - {is: approved, because: fine}
`

const circle = `mission: circle
input: {paper: {type: document}}
class: {start: internal}
steps:
  - id: sub
    mission: {name: whole, input: {document: input.paper}}
verdict:
  - {is: approved, because: fine}
`

func TestCompileSaysWhatMakesNoSenseAndWhere(t *testing.T) {
	var others []Mission
	for _, s := range []string{child, circle} {
		m, err := Parse([]byte(s))
		if err != nil {
			t.Fatal(err)
		}
		others = append(others, m)
	}
	letter := "  - id: letter\n    generate: {from: input.document, instructions: Write a letter., max_tokens: 100}\n"
	for _, row := range []struct{ name, old, new, want string }{
		{"an unknown step", "when: paper.issued != null", "when: papr.issued != null", `steps[1].when: there is no "papr" here; did you mean "paper"?`},
		{"an unknown field", "when: paper.issued != null", "when: paper.isued != null", `there is no field "isued"; did you mean "issued"?`},
		{"an unknown table", "tables.secret", "tables.secrets", `there is no field "secrets"; did you mean "secret"?`},
		{"a text where a condition belongs", "when: paper.issued != null", "when: paper.number", `yields string, where bool is needed`},
		{"an amount compared to a text", "when: 'paper.total > 100'", "when: 'paper.total > \"x\"'", `> does not apply to (decimal, string)`},
		{"a model that reads a number", "generate: {from: input.document,", "generate: {from: input.limit,", `yields decimal; a model reads a text or a document`},
		{"two steps of one name", "id: letter", "id: paper", `another step is called "paper"`},
		{"two steps of one name in different branches", "id: small", "id: ask", `another step is called "ask"`},
		{"a circle", "  - id: kind\n    when: paper.issued != null", "  - id: kind\n    when: sums.held && rows.items.all(r, r.row.held) && letter.text != kind.label", `waits for itself`},
		{"a step that needs itself", "when: paper.issued != null", "when: kind.label == null", `steps[1].id: waits for itself: kind → kind`},
		{"an each whose step needs the each", "that: line.amount > 0", "that: 'rows.items.all(r, true)'", `waits for itself: row`},
		{"a step in an each seen from outside", "when: '!sums.held', because: {cel", "when: '!row.held', because: {cel", `there is no "row" here`},
		{"a step that never runs", "when: paper.issued != null", "when: 'false'", `the step never runs`},
		{"an arm that is never taken", "when: paper.total > 100", "when: 'false'", `the arm is never taken`},
		{"an arm after one that always is", "when: paper.total > 100", "when: 'true'", `is never reached: an arm before it is always taken`},
		{"an assertion that never holds", "that: 'true'", "that: 'false'", `never holds`},
		{"a gate that asks nobody", "when: '!sums.held'\n", "when: 'false'\n", `nobody is ever asked`},
		{"an unknown class", "start: internal", "start: intern", `no data class "intern"; did you mean "internal"?`},
		{"an unknown class to raise to", "raise: restricted", "raise: restrikted", `did you mean "restricted"?`},
		{"a rule that raises nothing", "raise: restricted", "raise: public", `this rule raises nothing`},
		{"an unknown queue", "queue: desk\n", "queue: dusk\n", `the policy has no queue "dusk"; did you mean "desk"?`},
		{"an unknown queue for doubts", "missing: ask, queue: desk", "missing: ask, queue: des", `no queue "des"`},
		{"correcting what is not there", "amend: [paper]", "amend: [papr]", `there is no step "papr"`},
		{"correcting a check", "amend: [paper]", "amend: [sums]", `asks no model`},
		{"a verdict after one that always applies", "verdict:\n", "verdict:\n  - {is: approved, because: always}\n", `is never reached: outcome 1 before it always applies`},
		{"a verdict that never applies", "when: ask.rejected", "when: 'false'", `the verdict is never reached`},
		{"the same condition twice", "  - {is: approved,", "  - {is: abstained, when: '!sums.held', because: x}\n  - {is: approved,", `outcome 2 has the same condition`},
		{"a reason that is not there", "because: ask.reason", "because: ask.reasn", `there is no field "reasn"; did you mean "reason"?`},
		{"an each over a text", "in: paper.lines", "in: paper.number", `each goes through a list`},
		{"an element called like a step", "as: line\n", "as: letter\n", `a step is called "letter", too`},
		{"an unknown mission", letter, "  - id: sub\n    mission: {name: chld, input: {}}\n", `there is no published mission "chld"`},
		{"missions in a circle", letter, "  - id: sub\n    mission: {name: circle, input: {paper: input.document}}\n", `missions start each other in a circle: whole → circle → whole`},
		{"a mission that starts itself", letter, "  - id: sub\n    mission: {name: whole, input: {document: input.document}}\n", `circle: whole → whole`},
		{"an input that is missing", letter, "  - id: sub\n    mission: {name: child, input: {paper: input.document}}\n", `needs the input "limit"`},
		{"an input that is not there", letter, "  - id: sub\n    mission: {name: child, input: {paper: input.document, limt: '1', limit: input.limit}}\n", `no input "limt"; did you mean "limit"?`},
		{"an input of another type", letter, "  - id: sub\n    mission: {name: child, input: {paper: input.document, limit: paper.number}}\n", `yields string; mission child takes decimal`},
		{"a document that is none", letter, "  - id: sub\n    mission: {name: child, input: {paper: paper.number, limit: input.limit}}\n", `yields string, where document is needed`},
		{"a class rule about the class", "when: tables.secret.mentioned_in(input.document.text)", "when: run.class == \"public\"", `cannot ask for the class`},
		{"an unknown field of a child", "because: {cel: 'sums.reason + \".\"'}", "because: {cel: 'sums.reson'}", `did you mean "reason"?`},
	} {
		t.Run(row.name, func(t *testing.T) {
			m, err := Parse(breakWhole(t, row.old, row.new))
			if err != nil {
				t.Fatalf("does not even parse: %v", err)
			}
			_, err = Compile(m, testEnv(others...))
			var problems Problems
			if !errors.As(err, &problems) {
				t.Fatalf("got %v, want problems", err)
			}
			if !strings.Contains(err.Error(), row.want) {
				t.Errorf("got\n%v\nwant %s", err, row.want)
			}
			for _, p := range problems {
				if p.Line == 0 {
					t.Errorf("no line: %v", p)
				}
			}
		})
	}
}

func TestAProblemPointsIntoTheExpression(t *testing.T) {
	source := string(breakWhole(t, "when: paper.issued != null", "when: paper.issued != nil"))
	m, err := Parse([]byte(source))
	if err != nil {
		t.Fatal(err)
	}
	_, err = Compile(m, testEnv())
	var problems Problems
	if !errors.As(err, &problems) || len(problems) != 1 {
		t.Fatalf("got %v", err)
	}
	line := strings.Split(source, "\n")[problems[0].Line-1]
	if at := line[problems[0].Column-1:]; !strings.HasPrefix(at, "nil") {
		t.Errorf("points at %q: %v", at, problems[0])
	}
}

func TestTheCeilingOfAStepIsKnownWhenPublished(t *testing.T) {
	p := mustPlan(t, ceilings)
	for _, row := range []struct {
		step    string
		ceiling llm.DataClass
		open    bool
	}{{"first", "restricted", true}, {"beside", "restricted", true}, {"after", "internal", false}} {
		if c, open := p.Ceiling(row.step); open != row.open || open && c != row.ceiling {
			t.Errorf("%s: %s, %v", row.step, c, open)
		}
	}
}

// ceilings has a class rule over what a step finds.
const ceilings = `mission: ceilings
input: {document: {type: document}}
class:
  start: internal
  rules:
    - {when: tables.restricted_suppliers.mentioned_in(first.name), raise: restricted, because: the supplier is restricted}
steps:
  - id: first
    extract: {from: input.document, fields: {name: string}}
  - id: beside
    extract: {from: input.document, fields: {total: decimal}}
  - id: after
    when: first.name != null
    generate: {from: input.document, instructions: Thank them.}
verdict:
  - {is: approved, because: done}
`
