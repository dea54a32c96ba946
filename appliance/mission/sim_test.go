package mission

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"skerry/appliance/llm"
	"skerry/appliance/policy"
)

// world is everything around a run, as a function of names alone: the same
// question always gets the same answer, so that a run that was cut off can be
// compared to one that was not.
type world struct {
	plan   *Plan
	policy *policy.Policy
	texts  map[string]string
	unread map[string]string // input → problem
	// answer is what a model says: values, or how the call fails.
	answer func(c Call) (map[string]llm.Value, *FailedData)
	last   int // highest grade
	// people settle a decision, or leave it (nil).
	people func(d *Decision) *DecidedData
	child  func(d StartedData) ReturnedData
	parks  func(c Call) bool // park this attempt once
}

var epoch = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)

func start(w *world) []Observation {
	m := w.plan.Mission()
	in := map[string]InputValue{}
	for _, f := range m.Input {
		if f.Type == InputDocument {
			in[f.Name] = InputValue{Document: &DocumentRef{Name: f.Name + ".txt"}}
		}
	}
	return []Observation{{Seq: 1, At: epoch, Kind: KindCreated, Created: &CreatedData{
		Run: "01RUN", Mission: m.Name, Version: 1, Class: m.Class.Start, Input: in, By: policy.Principal{ID: "u1", Name: "Una"},
	}}}
}

// drive takes a run from a journal to its verdict, one observation at a time,
// and returns the whole journal.
func drive(t testing.TB, w *world, journal []Observation) (*Run, []Observation) {
	t.Helper()
	journal = slices.Clone(journal)
	r, err := Fold(journal)
	if err != nil {
		t.Fatalf("fold: %v", err)
	}
	read := map[string]bool{}
	now := journal[len(journal)-1].At
	add := func(o Observation) {
		now = now.Add(time.Second)
		o.Seq, o.At = r.Seq+1, now
		b, err := json.Marshal(o) // through the journal's form, as in the store
		if err != nil {
			t.Fatal(err)
		}
		var back Observation
		if err := json.Unmarshal(b, &back); err != nil {
			t.Fatal(err)
		}
		class := r.Class
		if err := r.Apply(back); err != nil {
			t.Fatalf("apply %s: %v", b, err)
		}
		if w.policy.Max(class, r.Class) != r.Class {
			t.Fatalf("the class fell from %s to %s", class, r.Class)
		}
		journal = append(journal, back)
	}
	for _, st := range r.Steps { // the engine's recovery
		if st.Parked != nil {
			add(Observation{Kind: KindResumed, Step: st.Path, Resumed: &ResumedData{Why: "restart"}})
		}
	}
	for round := 0; r.Verdict == nil; round++ {
		if round > 5000 {
			t.Fatalf("no verdict after %d rounds; state %s", round, r.State())
		}
		f := Facts{Now: now, Policy: w.policy, Texts: map[string]string{}}
		for in := range read {
			f.Texts[in] = w.texts[in]
		}
		next, err := w.plan.Next(r, f)
		if err != nil {
			t.Fatal(err)
		}
		if round%5 == 0 {
			again, _ := w.plan.Next(r, f)
			if a, b := jsonOf(next), jsonOf(again); string(a) != string(b) {
				t.Fatalf("Next is not pure:\n%s\n%s", a, b)
			}
		}
		switch {
		case len(next.Observations) > 0:
			for _, o := range next.Observations {
				add(o)
			}
		case len(next.Reads) > 0:
			for _, in := range next.Reads {
				read[in] = true
				if _, done := r.Documents[in]; !done {
					add(Observation{Kind: KindRead, Read: &ReadData{Input: in, Problem: w.unread[in]}})
				}
			}
		case len(next.Calls) > 0:
			c := next.Calls[round%len(next.Calls)] // any order will do
			if c.Class != r.RouteClass() {
				t.Fatalf("call at %s, the run is at %s", c.Class, r.RouteClass())
			}
			if c.InFlight == nil {
				if w.parks != nil && w.parks(c) && !parkedBefore(journal, c) {
					add(Observation{Kind: KindParked, Step: c.Step, Parked: &ParkedData{Why: "nothing cleared is available"}})
					continue
				}
				add(Observation{Kind: KindRouted, Step: c.Step, Attempt: c.Attempt, Routed: &RoutedData{
					Class: c.Class, Route: policy.Route{Model: "m", Grade: c.Grade, Last: c.Grade >= w.last},
				}})
				continue // a crash may come here
			}
			values, failed := w.answer(c)
			if failed != nil {
				add(Observation{Kind: KindFailed, Step: c.Step, Attempt: c.Attempt, Failed: failed})
				continue
			}
			least, at := llm.Answer{Values: values}.Least()
			add(Observation{Kind: KindGenerated, Step: c.Step, Attempt: c.Attempt, Generated: &GeneratedData{
				Model: "m", Grade: c.Grade, Values: values, Confidence: least, Weakest: at, Minimum: c.Minimum, Calls: 1,
			}})
		case len(next.Children) > 0:
			d := next.Children[0]
			d.Child = RunID("child-" + d.Step)
			add(Observation{Kind: KindStarted, Step: d.Step, Started: &d})
		case awaited(r) != nil:
			st := awaited(r)
			b := w.child(*st.Started)
			b.Child = st.Started.Child
			add(Observation{Kind: KindReturned, Step: st.Path, Returned: &b})
		default:
			if !act(w, r, add) {
				if next.Wake.IsZero() {
					t.Fatalf("the run waits for nothing: state %s\n%s", r.State(), jsonOf(r.Steps))
				}
				if !next.Wake.After(now) {
					t.Fatalf("a timer of %v is due at %v and nothing came of it", next.Wake, now)
				}
				now = next.Wake
			}
		}
	}
	return r, journal
}

func awaited(r *Run) *StepState {
	for _, st := range r.Steps {
		if st.Started != nil && st.Returned == nil {
			return st
		}
	}
	return nil
}

func parkedBefore(journal []Observation, c Call) bool {
	return slices.ContainsFunc(journal, func(o Observation) bool { return o.Kind == KindParked && o.Step == c.Step })
}

// act lets people settle, and models come back.
func act(w *world, r *Run, add func(Observation)) bool {
	for _, d := range sorted(r.Decisions) {
		if !d.Open() {
			continue
		}
		if s := w.people(d); s != nil {
			s.Decision, s.Digest, s.By = d.Decision, d.Digest, policy.Principal{ID: "u2", Name: "Udo"}
			s.Recheck = w.plan.Recheck(r, s.Amendments)
			add(Observation{Kind: KindDecided, Step: d.Step, Decided: s})
			return true
		}
	}
	for _, st := range r.Steps {
		if st.Parked != nil {
			add(Observation{Kind: KindResumed, Step: st.Path, Resumed: &ResumedData{Why: "a cleared model is available again"}})
			return true
		}
	}
	return false
}

func sorted(in map[string]*Decision) []*Decision {
	out := []*Decision{}
	for _, d := range in {
		out = append(out, d)
	}
	slices.SortFunc(out, func(a, b *Decision) int { return int(a.OpenSeq) - int(b.OpenSeq) })
	return out
}

// dice is a number in [0, n) that depends on the seed and what it is about.
func dice(seed uint64, n int, about ...any) int {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d %v", seed, about))
	return int(binary.BigEndian.Uint32(sum[:]) % uint32(n))
}

func val(v string, c float64) llm.Value {
	return llm.Value{JSON: json.RawMessage(v), Confidence: llm.Confidence(c), Source: llm.FromTokens}
}

var testPolicy = &policy.Policy{
	Version: 1,
	Classes: []policy.Class{{Name: "public"}, {Name: "internal"}, {Name: "confidential"}, {Name: "restricted"}},
	Queues:  map[string]policy.Queue{"finance": {Roles: []string{"admin"}}, "desk": {Roles: []string{"admin"}}},
	Tables: map[string]policy.Table{
		"restricted_suppliers": {Rows: []policy.Row{{Key: "boreal", Names: []string{"Boreal Defence"}}}},
		"unusual_terms":        {Rows: []policy.Row{{Key: "retention", Names: []string{"retention", "bill of exchange"}}}},
		"invoice_words":        {Rows: []policy.Row{{Key: "invoice", Names: []string{"invoice", "Rechnung"}}}},
		"injection_phrases":    {Rows: []policy.Row{{Key: "ignore", Names: []string{"ignore your instructions"}}}},
		"secret":               {Rows: []policy.Row{{Key: "secret", Names: []string{"secret"}}}},
	},
}

func testEnv(missions ...Mission) CompileEnv {
	return CompileEnv{
		Classes: []llm.DataClass{"public", "internal", "confidential", "restricted"},
		Tables:  testPolicy.Tables, Queues: testPolicy.Queues,
		Missions: func(name string) (Mission, bool) {
			for _, m := range missions {
				if m.Name == name {
					return m, true
				}
			}
			return Mission{}, false
		},
	}
}

func mustPlan(t testing.TB, source string, missions ...Mission) *Plan {
	t.Helper()
	m, err := Parse([]byte(source))
	if err != nil {
		t.Fatalf("parse:\n%v", err)
	}
	p, err := Compile(m, testEnv(missions...))
	if err != nil {
		t.Fatalf("compile:\n%v", err)
	}
	return p
}
