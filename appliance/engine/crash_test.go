package engine_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"skerry/appliance/engine"
	"skerry/appliance/llm"
	"skerry/appliance/llm/llmtest"
	"skerry/appliance/mission"
)

var errPowerCut = errors.New("power cut")

// cutter is a journal that loses power after a number of observations: of the
// append that reaches it only the first ones become durable, and nothing after
// it works. That is harsher than the store, which never splits an append.
type cutter struct {
	engine.Journal
	mu   sync.Mutex // guards left and cut
	left int
	cut  chan struct{} // closed when the power is gone
}

func (c *cutter) Append(ctx context.Context, run mission.RunID, expected uint64, s mission.Summary, obs ...mission.Observation) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.left >= len(obs) {
		err := c.Journal.Append(ctx, run, expected, s, obs...)
		if err == nil {
			c.left -= len(obs)
		}
		return err
	}
	select {
	case <-c.cut:
		return errPowerCut
	default:
		close(c.cut)
	}
	if part := obs[:c.left]; len(part) > 0 {
		var before []mission.Observation
		if expected > 0 {
			var err error
			if before, err = c.Journal.Load(ctx, run); err != nil {
				return err
			}
		}
		r, err := mission.Fold(append(before, part...))
		if err != nil {
			return err
		}
		if err := c.Journal.Append(ctx, run, expected, r.Summary(), part...); err != nil {
			return err
		}
	}
	c.left = 0
	return errPowerCut
}

// scenario is a run with everything that happens to it from outside.
type scenario struct {
	name    string
	text    string
	mission string // default invoice
	answer  func(llm.Request) (string, float64, error)
	fleet   func(*fleet)                  // before the start
	parked  func(*fleet)                  // when a run has parked
	decide  func(r *engine.DecideRequest) // nil = nobody does
	// whim makes answer for each world. What such a model says depends on how
	// often it was asked, so a repeated call may end otherwise: attempts are
	// not compared.
	whim  func() func(llm.Request) (string, float64, error)
	setup func(*world)
}

// flaky fails the first calls of every model and step with an error.
func flaky(kind llm.ErrorKind, times int) func(llm.Request) (string, float64, error) {
	var mu sync.Mutex
	failed := map[string]int{}
	return func(r llm.Request) (string, float64, error) {
		mu.Lock()
		defer mu.Unlock()
		key := string(r.Model) + llmtest.Text(r)
		if failed[key]++; failed[key] <= times {
			return "", 0, &llm.Error{Kind: kind, Message: "as the test wants it"}
		}
		return llmtest.Rules(r)
	}
}

func scenarios() []scenario {
	big := invoice{net: "10000.00", tax: "1900.00", total: "11900.00"}.String()
	return []scenario{
		{name: "routine", text: invoice{}.String()},
		{name: "escalation", text: invoice{}.String(), answer: unsure("invoice_number", "small")},
		{name: "a person is asked for doubtful values", text: invoice{}.String(), answer: unsure("invoice_number", "small", "strong"),
			decide: func(r *engine.DecideRequest) { r.Outcome, r.Reason = mission.Approve, "read it myself" }},
		{name: "unusual terms", text: invoice{terms: "retention of 5 %"}.String(),
			decide: func(r *engine.DecideRequest) { r.Outcome, r.Reason = mission.Approve, "agreed" }},
		{name: "restricted and parked", text: invoice{supplier: "Marlow Avionics"}.String(),
			fleet: func(f *fleet) { f.set("safe", "stopped") }, parked: func(f *fleet) { f.set("safe", "") }},
		{name: "threshold, amended", text: big, decide: func(r *engine.DecideRequest) {
			r.Outcome, r.Reason = mission.Amend, "typing error"
			r.Amendments = []mission.Amendment{{Step: "invoice", Field: "total_amount", To: json.RawMessage(`"1.00"`)}}
		}},
		{name: "threshold, expired", text: big},
		{name: "sums do not hold", text: invoice{total: "120.00"}.String()},
		{name: "no invoice", text: "a letter"},
		{name: "unreadable", text: "%ENCRYPTED"},
		{name: "crashing provider, retried", text: invoice{}.String(), whim: func() func(llm.Request) (string, float64, error) { return flaky(llm.Unavailable, 1) }},
		{name: "bad credential, failed over", text: invoice{}.String(), answer: refusing("small")},
		{name: "pool exhausted, escalated", text: invoice{}.String(), answer: refusing("small", "spare", "safe")},
		{name: "everything fails", text: invoice{}.String(), answer: refusing("small", "spare", "strong", "safe")},
		{name: "missions start missions", text: invoice{}.String(), mission: "batch", setup: publishBatch},
	}
}

// refusing says no for the models named.
func refusing(models ...llm.ModelID) func(llm.Request) (string, float64, error) {
	return func(r llm.Request) (string, float64, error) {
		if slices.Contains(models, r.Model) {
			return "", 0, &llm.Error{Kind: llm.Unauthorised, Message: "the credential was refused"}
		}
		return llmtest.Rules(r)
	}
}

func publishBatch(w *world) {
	w.publish(`
mission: batch
title: {en: Invoice twice}
input:
  document: {type: document, accept: [text], title: {en: Invoice}}
class: {start: internal}
steps:
  - id: first
    mission: {name: invoice, input: {document: input.document}}
  - id: second
    when: first.verdict == "approved"
    mission: {name: invoice, input: {document: input.document}}
verdict:
  - {is: approved, when: 'first.verdict == "approved" && second.verdict == "approved"', because: {en: both are in order}}
  - {is: referred, because: {en: one is not in order}}
`)
}

// prepare makes the scenario's world.
func (s scenario) prepare(t *testing.T) *world {
	if s.whim != nil {
		s.answer = s.whim()
	}
	w := newWorld(t, fake(s.answer))
	if s.setup != nil {
		s.setup(w)
	}
	if s.fleet != nil {
		s.fleet(w.fleet)
	}
	return w
}

// play does what the outside world does until every run of the store has
// ended or cut is closed, and reports whether all have ended.
func (s scenario) play(w *world, cut <-chan struct{}) bool {
	pause := 100 * time.Millisecond // grows while people and timers are waited for
	for ; ; pause = min(2*pause, time.Hour) {
		synctest.Wait()
		select {
		case <-cut:
			return false
		default:
		}
		runs, _, err := w.db.Runs(context.Background(), storeAll)
		if err != nil {
			w.t.Fatal(err)
		}
		open := 0
		for _, r := range runs {
			switch {
			case r.State == mission.Ended:
				continue
			case r.State == mission.Waiting && s.decide != nil:
				d := w.decision(r.ID, engine.DecideRequest{By: dave})
				s.decide(&d)
				pause = 50 * time.Millisecond
				if err := w.engine.Decide(context.Background(), d); err != nil && !errors.Is(err, errPowerCut) {
					w.t.Fatalf("decide: %v", err)
				}
			case r.State == mission.Parked && s.parked != nil:
				s.parked(w.fleet)
				pause = 50 * time.Millisecond
			}
			open++
		}
		if open == 0 && len(runs) > 0 {
			return true
		}
		time.Sleep(pause) // the clock of the bubble: lets timers come
		if time.Since(w.began) > 1000*time.Hour {
			w.t.Fatalf("still %d open runs:\n%s", open, w.rails())
		}
	}
}

func (w *world) rails() string {
	var b strings.Builder
	runs, _, err := w.db.Runs(context.Background(), storeAll)
	if err != nil {
		return err.Error()
	}
	for _, r := range runs {
		obs, err := w.db.Load(context.Background(), r.ID)
		if err != nil {
			return err.Error()
		}
		fmt.Fprintf(&b, "%s of %s is %s:\n%s", r.ID, r.Mission, r.State, rail(obs))
	}
	return b.String()
}

// account is what must be the same whether there was a crash or not: the end
// of every run, what its steps gave, and how often what happened. Ids, times
// and sequence numbers differ, and a restart may leave a resumed.
type account struct {
	ends   []string
	events map[string]int
	total  int
}

func (w *world) account(sc scenario) account {
	w.t.Helper()
	a := account{events: map[string]int{}}
	runs, _, err := w.db.Runs(context.Background(), storeAll)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, r := range runs {
		obs, err := w.db.Load(context.Background(), r.ID)
		if err != nil {
			w.t.Fatal(err)
		}
		run := w.fold(r.ID)
		var b bytes.Buffer
		fmt.Fprintf(&b, "%s parent=%t: %s (%s) class %s", r.Mission, run.Parent != nil, r.Verdict, r.Reason, r.Class)
		if sc.whim == nil {
			fmt.Fprintf(&b, ", %d calls", run.Calls)
		}
		for _, path := range slices.Sorted(maps.Keys(run.Steps)) {
			s := run.Steps[path]
			fmt.Fprintf(&b, "\n  %s", path)
			if sc.whim == nil {
				fmt.Fprintf(&b, " attempt %d", s.Attempt)
			}
			if s.Settled != nil && s.Started == nil { // the output of a child names its id
				fmt.Fprintf(&b, " %s", s.Settled.Output)
			}
		}
		a.ends = append(a.ends, b.String())
		for _, o := range obs {
			if o.Kind == mission.KindResumed && o.Step == "" {
				continue
			}
			a.events[fmt.Sprintf("%s parent=%t: %s %s %d", r.Mission, run.Parent != nil, o.Kind, o.Step, o.Attempt)]++
			a.total++
		}
	}
	slices.Sort(a.ends)
	return a
}

// TestCrashEquivalence: whatever observation the power fails after, the run
// ends as it would have, and nothing is lost or happens twice.
func TestCrashEquivalence(t *testing.T) {
	for _, s := range scenarios() {
		t.Run(s.name, func(t *testing.T) {
			var want account
			synctest.Test(t, func(t *testing.T) {
				w := s.prepare(t).start()
				w.begin(s)
				s.play(w, nil)
				want = w.account(s)
				w.stop()
				w.close()
			})
			if t.Failed() {
				return
			}
			for after := range want.total {
				synctest.Test(t, func(t *testing.T) { s.crash(t, after, want) })
				if t.Failed() {
					t.Fatalf("after %d of %d observations", after, want.total)
				}
			}
		})
	}
}

func (s scenario) crash(t *testing.T, after int, want account) {
	w := s.prepare(t)
	c := &cutter{Journal: w.db, left: after, cut: make(chan struct{})}
	w.config.Journal = c
	w.start()
	w.begin(s)
	s.play(w, c.cut)
	w.restart()
	w.begin(s) // who got no answer asks again, with the same key
	s.play(w, nil)
	got := w.account(s)
	if !slices.Equal(got.ends, want.ends) {
		t.Errorf("ends differ:\n got %s\nwant %s\n%s", strings.Join(got.ends, "\n"), strings.Join(want.ends, "\n"), w.rails())
	}
	if s.whim != nil {
		for what, n := range got.events {
			if n > 1 {
				t.Errorf("%s %d times\n%s", what, n, w.rails())
			}
		}
	} else if !maps.Equal(got.events, want.events) {
		t.Errorf("events differ:\n got %v\nwant %v\n%s", got.events, want.events, w.rails())
	}
	w.stop()
	w.close()
}

// begin starts the run of the scenario; an error is the power cut.
func (w *world) begin(s scenario) {
	w.t.Helper()
	if w.began.IsZero() {
		w.began = time.Now()
	}
	r := w.request(s.text)
	r.Key = "scenario"
	if s.mission != "" {
		r.Mission = s.mission
	}
	if _, err := w.engine.Start(context.Background(), r); err != nil && !errors.Is(err, errPowerCut) {
		w.t.Fatalf("start: %v", err)
	}
}
