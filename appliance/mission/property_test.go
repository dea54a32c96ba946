package mission

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"skerry/appliance/llm"
)

// randomMission draws a mission with every kind of step that fits, as an
// author would write it.
func randomMission(t *rapid.T) string {
	var b strings.Builder
	b.WriteString("mission: random\ninput:\n  document: {type: document}\nclass:\n  start: public\n  rules:\n")
	b.WriteString("    - {when: tables.secret.mentioned_in(input.document.text), raise: internal, because: secret}\n")
	pick := func(label string, of ...string) string { return rapid.SampledFrom(of).Draw(t, label) }
	flip := func(label string) bool { return rapid.Bool().Draw(t, label) }

	confidence := func() string {
		return pick("confidence", "", "    confidence: {min: 0.5}\n", "    confidence: {min: 0.9, below: refer}\n", "    confidence: {min: 0.9, missing: refer}\n", "    confidence: {min: 0.9, queue: desk}\n")
	}
	var steps strings.Builder
	n := rapid.IntRange(1, 3).Draw(t, "extracts")
	if flip("class rule over a step") {
		b.WriteString("    - {when: x0.total > 500, raise: restricted, because: it is much}\n")
	}
	for i := range n {
		fmt.Fprintf(&steps, "  - id: x%d\n", i)
		if i > 0 && flip("after") {
			fmt.Fprintf(&steps, "    when: x%d.total %s 100\n", i-1, pick("op", ">", "<="))
		}
		steps.WriteString("    extract:\n      from: input.document\n      fields: {total: decimal, tax: {type: decimal, nullable: true}, name: {type: string, nullable: true}}\n")
		steps.WriteString(confidence())
		if flip("escalate") {
			fmt.Fprintf(&steps, "    escalate: {when: x%d.total > 300, because: it is a lot}\n", i)
		}
	}
	if flip("classify") {
		steps.WriteString("  - id: kind\n    when: x0.name != null\n    classify: {from: x0.name, into: {good: fine, bad: not fine}}\n" + confidence())
	}
	steps.WriteString("  - id: sums\n    check:\n      - {that: x0.total > 0, because: there is something to pay}\n")
	if flip("tax") {
		steps.WriteString("      - {that: x0.total > x0.tax.or(0), because: the tax is less}\n")
	}
	if flip("branch") {
		steps.WriteString("  - id: way\n    branch:\n      - when: x0.total > 200\n        steps:\n          - id: inner\n            extract: {from: input.document, fields: {text: string}}\n" +
			"          - id: inside\n            check: [{that: 'inner.text != \"\"', because: there is a text}]\n")
		if flip("else") {
			steps.WriteString("      - else:\n          - id: small\n            check: [{that: x0.total <= 200, because: it is small}]\n")
		}
	}
	if flip("each") {
		steps.WriteString("  - id: found\n    extract:\n      from: input.document\n      fields: {lines: {type: list, of: {text: string, amount: decimal}}}\n" +
			"  - id: rows\n    each:\n      in: found.lines\n      as: line\n      steps:\n        - id: row\n          check: [{that: line.amount > 0, because: it costs}]\n" +
			"        - id: word\n          when: line.text != null\n          classify: {from: line.text, into: {a: first, b: second}}\n")
	}
	if flip("decide") {
		fmt.Fprintf(&steps, "  - id: release\n    decide:\n      when: x0.total > 150 || !sums.held\n      queue: finance\n      ask: Release?\n      amend: [x0]\n")
		if flip("expires") {
			fmt.Fprintf(&steps, "      expires: {after: 72h, then: %s}\n", pick("then", "reject", "refer"))
		}
	}
	b.WriteString("steps:\n" + steps.String() + "verdict:\n")
	if strings.Contains(steps.String(), "id: release") {
		b.WriteString("  - {is: rejected, when: release.rejected, because: release.reason}\n  - {is: referred, when: '!sums.held && !release.asked', because: sums.reason}\n")
	} else {
		b.WriteString("  - {is: referred, when: '!sums.held', because: sums.reason}\n")
	}
	b.WriteString("  - {is: approved, because: all is well}\n")
	return b.String()
}

// randomWorld answers by dice: numbers that differ by call, gaps, doubts,
// failures of every sort, parks, and people of every mind.
func randomWorld(t *rapid.T, plan *Plan) *world {
	seed := rapid.Uint64().Draw(t, "seed")
	calm := rapid.IntRange(0, 2).Draw(t, "calm") // how often nothing goes wrong
	w := &world{plan: plan, policy: testPolicy, last: dice(seed, 3, "grades"), texts: map[string]string{"document": "a secret paper"}}
	if dice(seed, 2, "secret") == 0 {
		w.texts["document"] = "a paper"
	}
	if dice(seed, 20, "unreadable") == 0 {
		w.unread = map[string]string{"document": "it is empty"}
	}
	odd := func(n int, about ...any) bool { return dice(seed, n*(calm+1), about...) == 0 }
	w.answer = func(c Call) (map[string]llm.Value, *FailedData) {
		if odd(5, "fail", c.Step, c.Attempt) && c.Attempt < 12 {
			next := []string{"retry", "failover", "escalate", "give-up"}[dice(seed, 4, "next", c.Step, c.Attempt)]
			f := &FailedData{Model: "m", Error: llm.Unavailable, Message: "down", Next: next}
			if next == "retry" && odd(2, "wait", c.Step) {
				f.RetryAt = epoch.AddDate(0, 0, c.Attempt)
			}
			return nil, f
		}
		out := map[string]llm.Value{}
		sure := func(name string) llm.Confidence {
			if odd(8, "unknown", c.Step, name, c.Attempt) {
				return llm.Unknown()
			}
			return llm.Confidence(1 - float64(dice(seed, 70, "sure", c.Step, name, c.Attempt))/100/float64(calm+1))
		}
		put := func(name, v string) {
			x := val(v, 0)
			x.Confidence = sure(name)
			out[name] = x
		}
		for _, f := range c.Prompt.Fields {
			v := "null"
			switch {
			case odd(6, "null", c.Step, f.Name, c.Attempt):
			case f.Type == llm.TypeDecimal:
				v = fmt.Sprintf(`"%d.%02d"`, dice(seed, 600, c.Step, f.Name)-30, dice(seed, 100, c.Step, f.Name))
			case f.Type == llm.TypeList:
				v = `[{"text":"a","amount":"1.50"},{"text":null,"amount":"2"},{"text":"c","amount":null}]`
			default:
				v = `"words"`
			}
			put(f.Name, v)
		}
		if len(c.Prompt.Labels) > 0 {
			put("label", fmt.Sprintf("%q", c.Prompt.Labels[dice(seed, len(c.Prompt.Labels), "label", c.Step)].Name))
		}
		return out, nil
	}
	w.parks = func(c Call) bool { return odd(8, "park", c.Step, c.Attempt) }
	w.people = func(d *Decision) *DecidedData {
		switch dice(seed, 4, "people", d.Step) {
		case 0:
			return &DecidedData{Outcome: Approve, Reason: "fine"}
		case 1:
			return &DecidedData{Outcome: Reject, Reason: "not fine"}
		case 2:
			if len(d.Amend) > 0 && strings.HasPrefix(d.Amend[0], "x") {
				return &DecidedData{Outcome: Amend, Reason: "misread", Amendments: []Amendment{
					{Step: d.Amend[0], Field: "total", From: json.RawMessage("null"), To: jsonOf(fmt.Sprint(dice(seed, 700, "amended", d.Step) - 50))},
				}}
			}
			return &DecidedData{Outcome: Approve, Reason: "fine"}
		}
		if d.Expires.IsZero() {
			return &DecidedData{Outcome: Approve, Reason: "at last"}
		}
		return nil // lets it expire
	}
	return w
}

// TestEveryRunEnds: whatever models and people do, every Next makes progress
// or waits for something that has a name, every observation is legal, the
// class never falls (drive checks all of that), and what is approved was
// either checked or released.
func TestEveryRunEnds(t *testing.T) {
	verdicts := map[string]int{}
	rapid.Check(t, func(rt *rapid.T) {
		plan := mustPlan(t, randomMission(rt))
		r, _ := drive(t, randomWorld(rt, plan), start(randomWorld(rt, plan)))
		verdicts[r.Verdict.Is]++
		sound(rt, plan, r)
	})
	for _, is := range []string{Approved, Rejected, Referred, Failed} {
		if verdicts[is] == 0 {
			t.Errorf("no run ended %s, so nothing was shown about it: %v", is, verdicts)
		}
	}
}

// sound checks what must be true of every run that has ended.
func sound(t interface {
	Errorf(string, ...any)
	Fatalf(string, ...any)
}, plan *Plan, r *Run) {
	if r.Verdict.Is != Approved {
		return
	}
	for path, s := range r.Steps {
		if s.Settled == nil {
			t.Errorf("approved before %s had settled", path)
			continue
		}
		if s.Settled.Broken {
			t.Errorf("approved although %s could not be done: %s", path, s.Settled.Why)
		}
		if d := r.Decisions[s.Decision]; d != nil && (d.Settled == nil || d.Settled.Outcome == Reject || d.Settled.Outcome == Expire) {
			t.Errorf("approved although %s was not: %+v", path, d.Settled)
		}
	}
	decided := false
	if rel := r.Steps["release"]; rel != nil && rel.Decision != "" {
		decided = true
	}
	if c := r.Steps["sums"].Checked; (c == nil || !c.Held) && !decided {
		t.Errorf("approved although the sums do not hold and nobody was asked")
	}
	if r.Ceiling != "" {
		t.Errorf("approved before its class had settled")
	}
}

// TestACrashChangesNothing: a run that is cut off after any observation and
// taken up again from its journal ends with the same verdict.
func TestACrashChangesNothing(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		plan := mustPlan(t, randomMission(rt))
		seedOf := randomWorld(rt, plan)
		whole, journal := drive(t, seedOf, start(seedOf))
		cut := rapid.IntRange(1, len(journal)).Draw(rt, "cut")
		again, _ := drive(t, seedOf, journal[:cut])
		a, b := whole.Verdict, again.Verdict
		if a.Is != b.Is || a.Reason != b.Reason || whole.Class != again.Class {
			rt.Fatalf("cut after %d of %d (%s): %s (%s), without a cut %s (%s)", cut, len(journal), journal[cut-1].Kind, b.Is, b.Reason, a.Is, a.Reason)
		}
	})
}

// TestEveryPrefixIsLegal: the fold of any beginning of a journal is a run that
// Next can go on from, and the fold does not depend on where one begins.
func TestEveryPrefixIsLegal(t *testing.T) {
	plan := invoicePlan(t)
	w := &world{plan: plan, policy: testPolicy, last: 1, texts: map[string]string{"document": "Invoice"}, people: decide(Approve, "ok")}
	w.answer = func(c Call) (map[string]llm.Value, *FailedData) { return good(c), nil }
	_, journal := drive(t, w, start(w))
	r := &Run{}
	for i, o := range journal {
		if err := r.Apply(o); err != nil {
			t.Fatal(err)
		}
		fresh, err := Fold(journal[:i+1])
		if err != nil {
			t.Fatal(err)
		}
		if a, b := string(jsonOf(r)), string(jsonOf(fresh)); a != b {
			t.Fatalf("after %d observations:\n%s\n%s", i+1, a, b)
		}
		if _, err := plan.Next(fresh, Facts{Now: o.At, Policy: testPolicy, Texts: w.texts}); err != nil {
			t.Fatal(err)
		}
	}
}

func FuzzApply(f *testing.F) {
	plan := invoicePlan(f)
	w := &world{plan: plan, policy: testPolicy, last: 1, texts: map[string]string{"document": "Invoice"}}
	w.answer = func(c Call) (map[string]llm.Value, *FailedData) {
		out := good(c)
		if v, ok := out["total_amount"]; ok {
			v.Confidence = 0.3
			out["total_amount"] = v
		}
		return out, nil
	}
	w.people = decide(Amend, "misread", Amendment{Step: "invoice", Field: "total_amount", From: json.RawMessage(`"119.00"`), To: json.RawMessage(`"119.00"`)})
	_, journal := drive(f, w, start(w))
	for i := range journal {
		f.Add(uint8(i), []byte(jsonOf(journal[i])))
	}
	f.Fuzz(func(t *testing.T, after uint8, raw []byte) {
		r, err := Fold(journal[:int(after)%len(journal)])
		if err != nil {
			t.Fatal(err)
		}
		var o Observation
		if json.Unmarshal(raw, &o) != nil {
			return
		}
		before := string(jsonOf(r))
		if err := r.Apply(o); err != nil {
			if string(jsonOf(r)) != before {
				t.Fatalf("a refused observation changed the run: %v", err)
			}
			return
		}
		_ = r.State()
		_ = r.Summary()
		_ = o.Sentence("de")
		if r.Mission == plan.Mission().Name {
			_, _ = plan.Next(r, Facts{Now: epoch, Policy: testPolicy, Texts: w.texts})
		}
	})
}
