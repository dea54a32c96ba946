package mission

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"skerry/appliance/llm"
)

// answers makes a world in which each step says the same whatever happens.
func answers(p *Plan, of map[string]string) *world {
	w := &world{plan: p, policy: testPolicy, texts: map[string]string{"document": "a paper"}, people: decide(Approve, "fine")}
	w.answer = func(c Call) (map[string]llm.Value, *FailedData) {
		out := map[string]llm.Value{}
		var raw map[string]json.RawMessage
		if err := json.Unmarshal([]byte(of[idOf(c.Step)]), &raw); err != nil {
			return nil, &FailedData{Model: "m", Message: "nothing to say for " + c.Step, Next: "give-up"}
		}
		for k, v := range raw {
			out[k] = val(string(v), 0.95)
		}
		return out, nil
	}
	return w
}

func TestUntilTheClassHasSettledStepsRunAtTheCeiling(t *testing.T) {
	for _, row := range []struct{ name, class string }{{`"Harbour Supplies"`, "internal"}, {`"Boreal Defence Ltd"`, "restricted"}, {`null`, "restricted"}} {
		w := answers(mustPlan(t, ceilings), map[string]string{"first": `{"name":` + row.name + `}`, "beside": `{"total":"1"}`, "after": `{"text":"thanks"}`})
		r, journal := drive(t, w, start(w))
		if string(r.Class) != row.class || r.Ceiling != "" {
			t.Errorf("%s: class %s, ceiling %q", row.name, r.Class, r.Ceiling)
		}
		for _, o := range journal {
			want := "restricted"
			if o.Step == "after" {
				want = row.class
			}
			if o.Kind == KindRouted && string(o.Routed.Class) != want {
				t.Errorf("%s: step %s is sent at %s, want %s", row.name, o.Step, o.Routed.Class, want)
			}
		}
	}
}

func TestStepsRunSideBySideUnlessOneNeedsAnother(t *testing.T) {
	p := mustPlan(t, ceilings)
	w := answers(p, nil)
	journal := append(start(w),
		Observation{Seq: 2, At: epoch, Kind: KindRead, Read: &ReadData{Input: "document"}},
		Observation{Seq: 3, At: epoch, Kind: KindClassified, Classified: &ClassifiedData{From: "internal", Class: "internal", Open: 1, Ceiling: "restricted"}})
	r, err := Fold(journal)
	if err != nil {
		t.Fatal(err)
	}
	next, err := p.Next(r, Facts{Now: epoch, Policy: testPolicy, Texts: w.texts})
	if err != nil || len(next.Calls) != 2 || next.Calls[0].Step != "first" || next.Calls[1].Step != "beside" {
		t.Errorf("got %+v, %v", next, err)
	}
}

const lines = `mission: lines
input: {document: {type: document}}
class: {start: internal}
steps:
  - id: paper
    extract: {from: input.document, fields: {lines: {type: list, of: {text: string, amount: decimal}}, total: decimal}}
  - id: lines
    each:
      in: paper.lines
      as: line
      steps:
        - id: check
          check: [{that: line.amount > 0, because: it costs something}]
        - id: way
          branch:
            - when: line.amount > 100
              steps:
                - id: word
                  classify: {from: line.text, into: {good: fine, bad: not fine}}
            - else:
                - id: cheap
                  check: [{that: check.held, because: the check held}]
        - id: gate
          decide: {when: word.label == "bad", queue: desk, ask: Take it?}
  - id: sums
    check:
      - {that: sum(paper.lines.amount) == paper.total, because: it adds up}
      - {that: 'lines.items.all(i, i.check.held)', because: every line is right}
verdict:
  - {is: rejected, when: 'lines.items.exists(i, i.gate.rejected)', because: a line was refused}
  - {is: referred, when: '!sums.held', because: sums.reason}
  - {is: approved, because: fine}
`

func TestEachGoesThroughAList(t *testing.T) {
	for _, row := range []struct{ paper, label, is, because string }{
		{`{"lines":[{"text":"a","amount":"1"},{"text":"b","amount":"200"}],"total":"201"}`, "good", Approved, "fine"},
		{`{"lines":[{"text":"a","amount":"1"},{"text":"b","amount":"200"}],"total":"202"}`, "good", Referred, "201"},
		{`{"lines":[{"text":"a","amount":"-1"},{"text":"b","amount":"202"}],"total":"201"}`, "good", Referred, "every line is right"},
		{`{"lines":[{"text":"a","amount":"1"},{"text":"b","amount":"200"}],"total":"201"}`, "bad", Rejected, "a line was refused"},
		{`{"lines":[],"total":"0"}`, "good", Approved, "fine"},
		{`{"lines":null,"total":"0"}`, "good", Referred, "lines: its list"},
		{`{"lines":[{"text":null,"amount":"200"}],"total":"200"}`, "good", Referred, "lines[0].word: there is nothing to read: line.text is absent"},
	} {
		p := mustPlan(t, lines)
		w := answers(p, map[string]string{"paper": row.paper, "word": fmt.Sprintf(`{"label":%q}`, row.label)})
		w.people = decide(Reject, "no")
		r, journal := drive(t, w, start(w))
		if r.Verdict.Is != row.is || !strings.Contains(r.Verdict.Reason, row.because) {
			t.Errorf("%s %s: %s (%s), want %s (%s)", row.paper, row.label, r.Verdict.Is, r.Verdict.Reason, row.is, row.because)
		}
		if strings.Contains(row.paper, `"b"`) && !slices.ContainsFunc(journal, func(o Observation) bool { return o.Step == "lines[1].word" && o.Kind == KindRouted }) {
			t.Errorf("%s: no call for lines[1].word", row.paper)
		}
	}
}

const parent = `mission: parent
input: {document: {type: document}, limit: {type: decimal, optional: true}}
class: {start: internal}
steps:
  - id: sub
    mission: {name: child, input: {paper: input.document, limit: input.limit.or(12.5), note: input.document.name}}
  - id: after
    check: [{that: sub.fields.read.total > 10, because: it is more than ten}]
verdict:
  - {is: rejected, when: 'sub.verdict == "rejected"', because: sub.reason}
  - {is: referred, when: '!after.held', because: after.reason}
  - {is: approved, because: fine}
`

func TestAChildRunRaisesItsParent(t *testing.T) {
	m, err := Parse([]byte(child))
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct{ is, fields, want, because string }{
		{Approved, `{"read":{"total":"11"}}`, Approved, "fine"},
		{Approved, `{"read":{"total":"9"}}`, Referred, "9 is not > 10"},
		{Approved, `{"read":{"total":null}}`, Referred, "sub.fields.read.total is absent"},
		{Rejected, `{"read":{"total":"11"}}`, Rejected, "the child says so"},
		{Failed, `{}`, Referred, "sub: run child-sub of mission child ended failed: the child says so"},
		{CancelledVerdict, `{}`, Referred, "ended cancelled"},
	} {
		w := answers(mustPlan(t, parent, m), nil)
		w.child = func(d StartedData) ReturnedData {
			if d.Input["paper"].Document == nil || string(d.Input["limit"].JSON) != `"12.5"` || string(d.Input["note"].JSON) != `"document.txt"` {
				t.Errorf("the child is started with %s", jsonOf(d.Input))
			}
			return ReturnedData{Is: row.is, Reason: "the child says so", Class: "confidential", Fields: json.RawMessage(row.fields)}
		}
		r, _ := drive(t, w, start(w))
		if r.Verdict.Is != row.want || !strings.Contains(r.Verdict.Reason, row.because) || r.Class != "confidential" {
			t.Errorf("%s %s: %s (%s) at %s", row.is, row.fields, r.Verdict.Is, r.Verdict.Reason, r.Class)
		}
	}
}

func TestWhatAChildShowsItsParent(t *testing.T) {
	w := answers(mustPlan(t, lines), map[string]string{"paper": `{"lines":[{"text":"a","amount":"1"}],"total":"1"}`})
	r, _ := drive(t, w, start(w))
	var out map[string]map[string]json.RawMessage
	if err := json.Unmarshal(r.Outputs(), &out); err != nil || len(out) != 3 || string(out["paper"]["total"]) != `"1"` || string(out["sums"]["broken"]) != "false" {
		t.Errorf("outputs are %s (%v)", r.Outputs(), err)
	}
}

const one = `mission: one
input: {document: {type: document}}
class: {start: internal}
steps:
  - id: paper
    extract: {from: input.document, fields: {total: decimal}}
    confidence: {min: 0.9, queue: desk}
    escalate: {when: paper.total > 100, because: it is a lot}
  - id: copes
    check: [{that: '!paper.broken', because: it was read}]
verdict:
  - {is: rejected, when: paper.broken && copes.skipped, because: never}
  - {is: approved, because: fine}
`

// script answers a step's calls one after another: a confidence, a failure's
// next, or a total above 100 ("lot").
func script(p *Plan, last int, says ...string) *world {
	w := &world{plan: p, policy: testPolicy, last: last, texts: map[string]string{"document": "a paper"}, people: decide(Approve, "fine")}
	w.answer = func(c Call) (map[string]llm.Value, *FailedData) {
		say := says[min(c.Attempt, len(says))-1]
		switch say {
		case "sure":
			return map[string]llm.Value{"total": val(`"5"`, 0.95)}, nil
		case "lot":
			return map[string]llm.Value{"total": val(`"500"`, 0.95)}, nil
		case "unsure":
			return map[string]llm.Value{"total": val(`"5"`, 0.5)}, nil
		case "unknown":
			return map[string]llm.Value{"total": {JSON: json.RawMessage(`"5"`), Confidence: llm.Unknown()}}, nil
		case "missing":
			return map[string]llm.Value{"total": val(`null`, 0.99)}, nil
		}
		return nil, &FailedData{Model: "m", Message: "down", Next: say, RetryAt: epoch.Add(time.Hour)}
	}
	return w
}

func TestTheLadderOfAStep(t *testing.T) {
	for _, row := range []struct {
		name string
		last int
		says string
		road string // grades of the calls, then what came of it
	}{
		{"sure at once", 1, "sure", "0 approved"},
		{"unsure, then sure", 1, "unsure sure", "0 1 approved"},
		{"unknown confidence counts as unsure", 1, "unknown sure", "0 1 approved"},
		{"a missing field counts as unsure", 1, "missing sure", "0 1 approved"},
		{"unsure to the end asks a person", 1, "unsure", "0 1 queued approved"},
		{"unsure where there is no higher grade asks a person", 0, "unsure", "0 queued approved"},
		{"a lot goes up once, and not twice", 2, "lot", "0 1 approved"},
		{"a lot where there is no higher grade stays", 0, "lot", "0 approved"},
		{"a lot and unsure goes up twice", 2, "lot unsure sure", "0 1 2 approved"},
		{"a retry stays at its grade and waits", 1, "retry sure", "0 0 approved"},
		{"another model is asked at once", 1, "failover sure", "0 0 approved"},
		{"a failure goes up", 1, "escalate sure", "0 1 approved"},
		{"giving up goes up where there is a grade left", 1, "give-up sure", "0 1 approved"},
		{"giving up at the end refers", 1, "give-up", "0 1 referred"},
		{"an unsure answer is left when the stronger model fails", 1, "unsure give-up", "0 1 queued approved"},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := script(mustPlan(t, one), row.last, strings.Fields(row.says)...)
			r, journal := drive(t, w, start(w))
			var road []string
			for _, o := range journal {
				switch o.Kind {
				case KindRouted:
					road = append(road, fmt.Sprint(o.Routed.Route.Grade))
				case KindQueued:
					road = append(road, "queued")
					if o.Queued.Queue != "desk" {
						t.Errorf("asked in %s", o.Queued.Queue)
					}
				}
			}
			if got := strings.Join(append(road, r.Verdict.Is), " "); got != row.road {
				t.Errorf("got %s, want %s (%s)", got, row.road, r.Verdict.Reason)
			}
		})
	}
}

func TestAGateIsBoundToWhatIsShown(t *testing.T) {
	w := answers(mustPlan(t, `mission: gate
input: {document: {type: document}}
class: {start: internal}
steps:
  - id: paper
    extract: {from: input.document, fields: {total: decimal, name: {type: string, nullable: true}}}
  - id: big
    check: [{that: paper.total > 100, because: it is a lot}]
  - id: gate
    decide: {when: big.held, queue: desk, ask: Fine?, not_by: [initiator], amend: [paper], expires: {after: 2h, then: refer}}
verdict:
  - {is: rejected, when: gate.rejected, because: gate.reason}
  - {is: approved, because: fine}
`), map[string]string{"paper": `{"total":"500.00","name":null}`})
	w.people = func(d *Decision) *DecidedData {
		if want := `{"big":{"held":true,"reason":""},"paper":{"name":null,"total":"500.00"}}`; string(d.Subject) != want {
			t.Errorf("shows %s, want %s", d.Subject, want)
		}
		if !slices.Equal(d.NotBy, []string{"u1"}) || !slices.Equal(d.Amend, []string{"paper"}) || d.Expires.Sub(d.OpenedAt) > 2*time.Hour || len(d.Digest) != 64 {
			t.Errorf("opened as %+v", d.QueuedData)
		}
		return nil
	}
	r, _ := drive(t, w, start(w))
	if r.Verdict.Is != Referred || r.Verdict.Code != "expired" || !strings.Contains(r.Verdict.Reason, "nobody decided within 2h") {
		t.Errorf("verdict %+v", r.Verdict)
	}
}

func TestACorrectionReopensWhatRestsOnIt(t *testing.T) {
	p := mustPlan(t, `mission: two
input: {document: {type: document}}
class: {start: internal}
steps:
  - id: paper
    extract: {from: input.document, fields: {total: decimal, name: string}}
  - id: small
    check: [{that: paper.total < 1000, because: it is little}]
  - id: named
    check: [{that: 'paper.name != ""', because: it has a name}]
  - id: apart
    check: [{that: 'input.document.text != ""', because: there is a text}]
  - id: first
    decide: {queue: desk, ask: Right?, amend: [paper]}
  - id: second
    decide: {when: '!small.held', queue: finance, ask: Release?}
verdict:
  - {is: rejected, when: first.rejected || second.rejected, because: no}
  - {is: approved, because: fine}
`)
	w := answers(p, map[string]string{"paper": `{"total":"5","name":"a"}`})
	asked := []string{}
	w.people = func(d *Decision) *DecidedData {
		asked = append(asked, d.Step)
		if d.Step == "first" {
			return &DecidedData{Outcome: Amend, Reason: "it says 5000", Amendments: []Amendment{{Step: "paper", Field: "total", From: json.RawMessage(`"5"`), To: json.RawMessage(`"5000"`)}}}
		}
		return &DecidedData{Outcome: Reject, Reason: "too much"}
	}
	r, _ := drive(t, w, start(w))
	if !slices.Equal(asked, []string{"first", "second"}) || r.Verdict.Is != Rejected {
		t.Errorf("asked %v, verdict %+v: a correction went round the second gate", asked, r.Verdict)
	}
	got := p.Recheck(r, []Amendment{{Step: "paper"}})
	if !slices.Equal(got, []string{"named", "small"}) {
		t.Errorf("rechecks %v", got)
	}
}

func TestNothingIsApprovedOverAnObjection(t *testing.T) {
	const careless = `mission: careless
input: {document: {type: document}}
class: {start: internal}
steps:
  - id: paper
    extract: {from: input.document, fields: {total: decimal}}
  - id: gate
    decide: {queue: desk, ask: Fine?}
verdict:
  - {is: approved, because: whatever happens}
`
	w := answers(mustPlan(t, careless), map[string]string{"paper": `{"total":"1"}`})
	w.people = decide(Reject, "no")
	if r, _ := drive(t, w, start(w)); r.Verdict.Is != Rejected || !strings.Contains(r.Verdict.Reason, "no") {
		t.Errorf("a rejected gate: %+v", r.Verdict)
	}
	w = answers(mustPlan(t, careless), nil)
	if r, _ := drive(t, w, start(w)); r.Verdict.Is != Referred || r.Verdict.Code != "broken-step" {
		t.Errorf("a broken step: %+v", r.Verdict)
	}
	// The control: an outcome that names the objection may let it through.
	named := strings.Replace(careless, "{is: approved, because", "{is: approved, when: gate.rejected || !gate.rejected, because", 1)
	w = answers(mustPlan(t, named), map[string]string{"paper": `{"total":"1"}`})
	w.people = decide(Reject, "no")
	if r, _ := drive(t, w, start(w)); r.Verdict.Is != Approved {
		t.Errorf("an outcome that names the objection: %+v", r.Verdict)
	}
}

func BenchmarkNext(b *testing.B) {
	plan := invoicePlan(b)
	w := &world{plan: plan, policy: testPolicy, last: 1, texts: map[string]string{"document": "Invoice " + strings.Repeat("line of text\n", 200)}, people: decide(Approve, "ok")}
	w.answer = func(c Call) (map[string]llm.Value, *FailedData) { return good(c), nil }
	_, journal := drive(b, w, start(w))
	runs := make([]*Run, len(journal))
	for i := range journal {
		r, err := Fold(journal[:i+1])
		if err != nil {
			b.Fatal(err)
		}
		runs[i] = r
	}
	b.ReportAllocs()
	for b.Loop() {
		for _, r := range runs {
			if _, err := plan.Next(r, Facts{Now: epoch, Policy: testPolicy, Texts: w.texts}); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/float64(len(runs)), "µs/Next")
}

func BenchmarkCompile(b *testing.B) {
	m, err := Parse([]byte(whole))
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := Compile(m, testEnv()); err != nil {
			b.Fatal(err)
		}
	}
}
