package engine_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"skerry/appliance/engine"
	"skerry/appliance/gateway"
	"skerry/appliance/llm"
	"skerry/appliance/llm/llmtest"
	"skerry/appliance/mission"
	"skerry/appliance/policy"
)

// lateMission finds out the class of a run only from what a step extracts, so
// everything before has to go to models that are cleared for the worst.
const lateMission = `
mission: late
title: {en: Class found late}
input:
  document: {type: document, accept: [text], title: {en: Invoice}}
class:
  start: internal
  rules:
    - when: tables.restricted_suppliers.mentioned_in(invoice.supplier_name)
      raise: restricted
      because: {en: the contract says so}
steps:
  - id: invoice
    extract:
      from: input.document
      fields: {supplier_name: {type: string}, total_amount: {type: decimal}}
  - id: terms
    extract:
      from: input.document
      fields: {payment_terms: {type: string, nullable: true}}
verdict:
  - {is: approved, because: {en: read}}
`

// storm is an appliance in bad weather: models fail, stop and come back, the
// engine restarts, and policies tighten, all by chance.
type storm struct {
	w    *world
	rng  *rand.Rand
	seen map[llm.ModelID]*llmtest.Recording
	// class is the class that the data of a run has, by the marker in its text.
	class map[string]llm.DataClass
}

var marker = regexp.MustCompile(`MARK-\d+`)

// leaks lists the requests that brought data to a model that is not cleared
// for it, judged by the policy alone.
func (s *storm) leaks() []string {
	var out []string
	for id, seen := range s.seen {
		boundary := s.w.fleet.members[id].model.Boundary
		for _, c := range seen.Calls() {
			m := marker.FindString(llmtest.Text(c.Request))
			class, ok := s.class[m]
			if !ok {
				out = append(out, fmt.Sprintf("%s got a request without a marker: %s", id, llmtest.Text(c.Request)))
				continue
			}
			if ok, why := s.w.rules.versions[0].Cleared(id, boundary, class); !ok {
				out = append(out, fmt.Sprintf("%s got %s, which is %s: %s", id, m, class, why.Detail))
			}
		}
	}
	return out
}

func newStorm(t *testing.T, seed uint64, wrap func(*gateway.Gateway) engine.Models) *storm {
	s := &storm{rng: rand.New(rand.NewPCG(seed, 1)), seen: map[llm.ModelID]*llmtest.Recording{}, class: map[string]llm.DataClass{}}
	s.w = newWorld(t, nil)
	if s.w.wrap = wrap; wrap != nil {
		s.w.config.Models = wrap(s.w.gateway)
	}
	kinds := []llm.ErrorKind{llm.Unavailable, llm.RateLimited, llm.Timeout, llm.Filtered, llm.Unauthorised}
	for id, m := range s.w.fleet.members {
		weather := rand.New(rand.NewPCG(seed, uint64(len(id))))
		f := fake(func(r llm.Request) (string, float64, error) {
			switch weather.IntN(6) {
			case 0:
				return "", 0, &llm.Error{Kind: kinds[weather.IntN(len(kinds))], Message: "bad weather"}
			case 1:
				panic("a bug in the provider")
			case 2:
				text, _, err := llmtest.Rules(r)
				return text, -1, err
			}
			return llmtest.Rules(r)
		})
		turn := make(chan struct{}, 1) // weather is not safe for concurrent use
		f.Gate = func(ctx context.Context, _ llm.Request) error {
			turn <- struct{}{}
			defer func() { <-turn }()
			select {
			case <-time.After(time.Duration(weather.IntN(3000)) * time.Millisecond):
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		locked := f.Answer
		f.Answer = func(r llm.Request) (string, float64, error) {
			turn <- struct{}{}
			defer func() { <-turn }()
			return locked(r)
		}
		s.seen[id] = llmtest.Record(f)
		m.provider = s.seen[id]
	}
	s.w.publish(lateMission)
	return s
}

// submit starts a run of a random mission whose class is known.
func (s *storm) submit(i int) {
	mark := fmt.Sprintf("MARK-%d", i)
	in, class := invoice{number: mark}, llm.DataClass("internal")
	if s.rng.IntN(2) == 0 {
		in.supplier, class = "Marlow Avionics", "restricted"
	}
	// The marker is in what every step sees, the number only in what one asks for.
	in.extra = "Reference: " + mark + "\n"
	r := s.w.request(in.String())
	if s.rng.IntN(2) == 0 {
		r.Mission = "late"
	}
	s.class[mark] = class
	if _, err := s.w.engine.Start(context.Background(), r); err != nil {
		s.w.t.Fatal(err)
	}
}

// blow lets something happen.
func (s *storm) blow() {
	ids := []llm.ModelID{"small", "spare", "strong", "safe"}
	switch s.rng.IntN(8) {
	case 0, 1:
		s.w.fleet.set(ids[s.rng.IntN(len(ids))], "stopped")
	case 2, 3, 4:
		s.w.fleet.set(ids[s.rng.IntN(len(ids))], "")
	case 5:
		s.w.restart()
	}
	time.Sleep(time.Duration(s.rng.IntN(5000)) * time.Millisecond)
}

// weather makes n runs live through it, then lets the sun shine until all have
// ended.
func (s *storm) weather(n int) {
	for i := range n {
		s.submit(i)
		s.blow()
	}
	for range n {
		s.blow()
	}
	for _, id := range []llm.ModelID{"small", "spare", "strong", "safe"} {
		s.w.fleet.set(id, "")
	}
	approve := scenario{decide: func(r *engine.DecideRequest) { r.Outcome, r.Reason = mission.Approve, "fine" }}
	s.w.began = time.Now()
	approve.play(s.w, nil)
}

// TestNeverLeaks: whatever fails, stops, restarts, is retried, failed over or
// escalated, no byte of a run reaches a model below the run's class.
func TestNeverLeaks(t *testing.T) {
	calls := map[llm.ModelID]int{}
	for seed := range uint64(storms) {
		synctest.Test(t, func(t *testing.T) {
			s := newStorm(t, seed, nil)
			s.w.start()
			s.weather(12)
			if leaks := s.leaks(); len(leaks) > 0 {
				t.Fatalf("seed %d: %d leaks, the first: %s", seed, len(leaks), leaks[0])
			}
			for id, r := range s.seen {
				calls[id] += len(r.Calls())
			}
			s.w.stop()
			s.w.close()
		})
	}
	for _, id := range []llm.ModelID{"small", "spare", "strong", "safe"} {
		if calls[id] == 0 {
			t.Errorf("%s was never called in %d storms, so they prove nothing about it", id, storms)
		}
	}
	t.Logf("calls: %v", calls)
}

// storms is the number of seeds.
const storms = 40

// liar is a gateway that is told that everything is public: a router and a
// guard that do not do their work.
type liar struct{ *gateway.Gateway }

func (l liar) Route(c gateway.Clearance, q policy.Query) (policy.Route, llm.Model) {
	c.Class, q.Class = func() llm.DataClass { return "public" }, "public"
	return l.Gateway.Route(c, q)
}

func (l liar) Generate(ctx context.Context, c gateway.Call) (gateway.Result, error) {
	c.Clearance.Class = func() llm.DataClass { return "public" }
	return l.Gateway.Generate(ctx, c)
}

// TestNeverLeaksNegativeControl: with router and guard disabled the detector
// finds leaks.
func TestNeverLeaksNegativeControl(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStorm(t, 7, func(g *gateway.Gateway) engine.Models { return liar{g} })
		s.w.start()
		s.weather(12)
		if len(s.leaks()) == 0 {
			t.Error("no leak found, want some")
		}
		s.w.stop()
		s.w.close()
	})
}

// A router alone that lies is stopped by the guard.
type lyingRouter struct{ *gateway.Gateway }

func (l lyingRouter) Route(c gateway.Clearance, q policy.Query) (policy.Route, llm.Model) {
	return liar(l).Route(c, q)
}

// TestTheGuardStopsABrokenRouter: the check before every request does not rely
// on the route.
func TestTheGuardStopsABrokenRouter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStorm(t, 7, func(g *gateway.Gateway) engine.Models { return lyingRouter{g} })
		s.w.start()
		s.weather(6)
		if leaks := s.leaks(); len(leaks) > 0 {
			t.Errorf("%d leaks, the first: %s", len(leaks), leaks[0])
		}
		if !slices.ContainsFunc(s.w.all(), func(o mission.Observation) bool {
			return o.Kind == mission.KindFailed && o.Failed.Usage == (llm.Usage{})
		}) {
			t.Error("the guard was never asked to refuse")
		}
		s.w.stop()
		s.w.close()
	})
}
