package mission

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"skerry/appliance/llm"
	"skerry/appliance/policy"
)

// Facts are what [Plan.Next] may know beside the run itself.
type Facts struct {
	Now    time.Time
	Texts  map[string]string // text of each document that was read, by input name
	Policy *policy.Policy
}

// Next is what a run can do now. Where Observations is not empty, they are
// appended first and Next is asked again: they may change the rest.
type Next struct {
	Observations []Observation // conclusions, in order; Seq and At are for the engine to fill in
	Reads        []string      // input documents to read to text
	Calls        []Call        // model calls, independent of each other
	Children     []StartedData // child runs to start; the engine chooses the id and appends started first
	Wake         time.Time     // the earliest timer; zero = none
}

// Idle reports whether the run can do nothing by itself: it waits for people,
// for a model, for a child, for a time, or has ended.
func (n *Next) Idle() bool {
	return len(n.Observations)+len(n.Reads)+len(n.Calls)+len(n.Children) == 0
}

// Call is one model call to make.
type Call struct {
	Step     string
	Attempt  int // of the routed observation that comes before the call
	Grade    int
	Kind     llm.TaskKind
	Prompt   llm.Prompt
	Class    llm.DataClass // that the data is routed at, see [Run.RouteClass]
	Minimum  float64       // least confidence that the step asks for; 0 = nothing
	Tried    []llm.ModelID // that failed at this grade
	InFlight *RoutedData   // routed before a crash, result unknown: repeat this attempt; nil = a new one
}

// Next returns what the run can do now. It is pure: the same run and facts
// always give the same answer, after a crash as before it. A step that waits
// for a model (parked) is not among the calls until a resumed observation
// names it. The error is about a run that the plan does not fit.
func (p *Plan) Next(r *Run, f Facts) (Next, error) {
	switch {
	case r.Seq == 0:
		return Next{}, fmt.Errorf("a run without its first observation: %w", ErrNotFound)
	case r.Mission != p.mission.Name:
		return Next{}, fmt.Errorf("run %s is of mission %s, not %s", r.ID, r.Mission, p.mission.Name)
	case r.Verdict != nil:
		return Next{}, nil
	}
	s := &scheduler{plan: p, run: r, facts: f}
	if s.documents() && s.class() {
		done := s.walk(p.top, nil)
		if done && len(s.next.Observations) == 0 {
			s.verdict()
		}
	}
	return s.next, nil
}

// scheduler works out one Next.
type scheduler struct {
	plan  *Plan
	run   *Run
	facts Facts
	next  Next
}

func (s *scheduler) conclude(o Observation) { s.next.Observations = append(s.next.Observations, o) }

func (s *scheduler) wake(at time.Time) {
	if s.next.Wake.IsZero() || at.Before(s.next.Wake) {
		s.next.Wake = at
	}
}

// documents reports whether all documents are read. One that cannot be read
// ends the run.
func (s *scheduler) documents() bool {
	ok := true
	for _, name := range slices.Sorted(maps.Keys(s.run.Input)) {
		if s.run.Input[name].Document == nil {
			continue
		}
		d, read := s.run.Documents[name]
		_, text := s.facts.Texts[name]
		switch {
		case read && d.Problem != "":
			s.next = Next{}
			s.conclude(Observation{Kind: KindVerdict, Verdict: &VerdictData{
				Is: Failed, Code: "unreadable", Reason: d.Problem, Confidence: llm.Unknown(), Cites: []uint64{},
			}})
			return false
		case !read || !text:
			s.next.Reads = append(s.next.Reads, name)
			ok = false
		}
	}
	return ok
}

// path returns the path of a step for the elements in idx, outermost first.
func (n *node) path(idx []int) string {
	var b strings.Builder
	for i, e := range n.each {
		fmt.Fprintf(&b, "%s[%d].", e.ID, idx[i])
	}
	return b.String() + n.ID
}

// walk lets every step of a list do what it can, and reports whether all of
// them, and all inside them, have settled.
func (s *scheduler) walk(nodes []*node, idx []int) bool {
	done := true
	for _, n := range nodes {
		st := s.state(n, idx)
		if st.Settled == nil {
			s.step(n, idx, st)
		}
		if n.Branch != nil && st.Settled != nil {
			for i, arm := range n.arms {
				if st.Branched != nil && st.Branched.Taken == n.Branch.Arms[i].Name {
					done = s.walk(arm, idx) && done
				} else {
					done = s.pass(arm, idx, st.Settled.Broken) && done
				}
			}
		}
		if n.Each != nil && st.Settled == nil && st.Opened != nil {
			s.each(n, idx, st)
		}
		done = done && st.Settled != nil
	}
	return done
}

func (s *scheduler) state(n *node, idx []int) *StepState {
	path := n.path(idx)
	if st := s.run.Steps[path]; st != nil {
		return st
	}
	return &StepState{Path: path}
}

// pass skips the steps of an arm that was not taken.
func (s *scheduler) pass(nodes []*node, idx []int, broken bool) bool {
	done := true
	for _, n := range nodes {
		st := s.state(n, idx)
		if st.Settled == nil {
			done = false
			s.settle(st, SettledData{Skipped: true, Broken: broken, Why: "its branch was not taken", Output: n.nothing()})
			continue
		}
		for _, arm := range n.arms {
			done = s.pass(arm, idx, broken) && done
		}
	}
	return done
}

func (s *scheduler) settle(st *StepState, d SettledData) {
	s.conclude(Observation{Kind: KindSettled, Step: st.Path, Settled: &d})
}

func (s *scheduler) broken(n *node, st *StepState, format string, args ...any) {
	s.settle(st, SettledData{Broken: true, Why: fmt.Sprintf(format, args...), Output: n.nothing()})
}

// step does what one unsettled step can do now.
func (s *scheduler) step(n *node, idx []int, st *StepState) {
	for _, id := range n.deps {
		d := s.plan.nodes[id]
		before := s.state(d, idx[:len(d.each)])
		switch {
		case before.Settled == nil:
			return
		case before.Settled.Broken && !n.copes[id]:
			s.settle(st, SettledData{Skipped: true, Broken: true, Why: fmt.Sprintf("it needs %s, which could not be done", id), Output: n.nothing()})
			return
		}
	}
	env := s.scope(n, idx)
	if n.cond != nil && st.fresh() {
		held, err := env.truth(n.cond)
		if err != nil {
			s.broken(n, st, "its condition cannot be evaluated: %v", err)
			return
		}
		if !held {
			s.settle(st, SettledData{Skipped: true, Why: "its condition does not hold", Output: n.nothing()})
			return
		}
	}
	switch {
	case n.Check != nil:
		s.check(n, st, env)
	case n.Decide != nil:
		s.decide(n, idx, st, env)
	case n.Branch != nil:
		s.branch(n, st, env)
	case n.Each != nil:
		s.open(n, st, env)
	case n.Mission != nil:
		s.child(n, st, env)
	default:
		s.model(n, st, env)
	}
}

// fresh reports whether nothing was done for the step yet. Its condition was
// answered when it began.
func (st *StepState) fresh() bool {
	return st.Attempt == 0 && st.Parked == nil && st.Decision == "" && st.Opened == nil && st.Started == nil
}

// class settles the class of the run as far as it can be, and reports whether
// steps may go on in this round. Rules over the input come before any step.
func (s *scheduler) class() bool {
	r := s.run
	c := ClassifiedData{From: r.Class, Class: r.Class, Evidence: []ClassEvidence{}}
	news := !r.Classified
	env := s.scope(nil, nil)
	var open []llm.DataClass
	for i, rule := range s.plan.mission.Class.Rules {
		x := s.plan.rules[i]
		later, ready := false, true
		for _, ref := range x.refs {
			if n := s.plan.nodes[ref]; n != nil {
				later = true
				ready = ready && s.state(n, nil).Settled != nil
			}
		}
		if !ready {
			open = append(open, rule.Raise)
			continue
		}
		if r.ClassRules[i] && (!later || s.max(r.Class, rule.Raise) == r.Class) {
			continue // asked, or could not raise any more
		}
		ev := ClassEvidence{Rule: i, Raise: rule.Raise, Because: rule.Because}
		env.found = &ev.Mentions
		held, err := env.truth(x)
		if err != nil { // nobody knows, so it counts
			held, ev.Problem = true, err.Error()
		}
		if ev.Held = held; held {
			c.Class = s.max(c.Class, rule.Raise)
		} else if r.ClassRules[i] {
			continue // still not, after an amendment
		}
		c.Evidence = append(c.Evidence, ev)
		news = true
	}
	for _, path := range slices.Sorted(maps.Keys(r.Steps)) {
		if back := r.Steps[path].Returned; back != nil && s.max(c.Class, back.Class) != c.Class {
			c.Class = s.max(c.Class, back.Class)
			c.Evidence = append(c.Evidence, ClassEvidence{Rule: -1, Held: true, Raise: back.Class, Because: Text{
				"en": fmt.Sprintf("the run that step %s started rose to this class", path),
				"de": fmt.Sprintf("der von Schritt %s gestartete Lauf stieg auf diese Klasse", path),
			}})
			news = true
		}
	}
	if c.Open = len(open); c.Open > 0 {
		c.Ceiling = c.Class
		for _, o := range open {
			c.Ceiling = s.max(c.Ceiling, o)
		}
	}
	if news = news || c.Ceiling != r.Ceiling; !news {
		return true
	}
	s.conclude(Observation{Kind: KindClassified, Classified: &c})
	return false
}

// max returns the higher class by the policy that the run is pinned to; by the
// order that the mission was compiled with where there is none.
func (s *scheduler) max(a, b llm.DataClass) llm.DataClass {
	if s.facts.Policy != nil {
		return s.facts.Policy.Max(a, b)
	}
	return s.plan.higher(a, b)
}
