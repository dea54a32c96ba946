package mission

import (
	"encoding/json"
	"fmt"
	"slices"

	"skerry/appliance/llm"
)

// Fold applies observations in order to a new run.
func Fold(observations []Observation) (*Run, error) {
	r := &Run{}
	for i := range observations {
		if err := r.Apply(observations[i]); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// Apply takes the run one observation further. It is the only thing that
// changes a run. An observation that cannot follow is refused with an error and
// leaves the run as it was, so that a damaged journal is found and not obeyed.
func (r *Run) Apply(o Observation) error {
	if err := r.check(o); err != nil {
		return fmt.Errorf("observation %d (%s) of run %s: %w", o.Seq, o.Kind, r.ID, err)
	}
	if o.Kind == KindCreated {
		r.create(o.Created)
		r.CreatedAt = o.At
	}
	r.Seq, r.UpdatedAt = o.Seq, o.At
	var s *StepState
	if o.Step != "" {
		if s = r.Steps[o.Step]; s == nil {
			s = &StepState{Path: o.Step}
			r.Steps[o.Step] = s
		}
	}
	switch o.Kind {
	case KindRead:
		r.Documents[o.Read.Input] = *o.Read
	case KindClassified:
		r.classify(o.Classified)
	case KindRouted:
		s.Attempt, s.Grade, s.Routed, s.Parked, s.Last = o.Attempt, o.Routed.Route.Grade, o.Routed, nil, o.Routed.Route.Last
	case KindParked:
		s.Parked, s.Routed = o.Parked, nil
	case KindResumed:
		if s != nil {
			s.Parked, s.Tried, s.Failures, s.Failed = nil, nil, 0, nil
		}
	case KindGenerated:
		g := o.Generated
		s.Routed, s.Failed, s.Generated, s.Answered, s.AnswerSeq, s.Escalated = nil, nil, g, o.Attempt, o.Seq, false
		r.account(g.Model, g.Usage, g.CostMicros, g.Calls)
	case KindFailed:
		f := o.Failed
		s.Routed, s.Failed = nil, f
		s.Failures++
		if f.Next != "retry" && !slices.Contains(s.Tried, f.Model) {
			s.Tried = append(s.Tried, f.Model)
		}
		r.account(f.Model, f.Usage, f.CostMicros, 1)
	case KindChecked:
		s.Checked, s.CheckSeq = o.Checked, o.Seq
	case KindEscalated:
		s.Grade, s.Escalated, s.Tried, s.Failures, s.Failed = o.Escalated.To, true, nil, 0, nil
		r.Escalations++
	case KindQueued:
		s.Decision = o.Queued.Decision
		r.Decisions[o.Queued.Decision] = &Decision{
			QueuedData: *o.Queued, Run: r.ID, Mission: r.Mission, Step: o.Step, Class: r.Class,
			Initiator: r.By.ID, OpenedAt: o.At, OpenSeq: o.Seq,
		}
	case KindDecided:
		d := r.Decisions[o.Decided.Decision]
		d.Settled, d.SettledAt, d.SettleSeq = o.Decided, o.At, o.Seq
		if d.Kind == Uncertain && (o.Decided.Outcome == Approve || o.Decided.Outcome == Amend) {
			s.vouch()
		}
		r.amend(o.Decided)
	case KindBranched:
		s.Branched = o.Branched
	case KindOpened:
		s.Opened = o.Opened
	case KindStarted:
		s.Started = o.Started
	case KindReturned:
		s.Returned = o.Returned
	case KindSettled:
		s.Settled = o.Settled
		if s.Generated != nil && o.Settled.Attempt == s.Answered && s.Values == nil {
			s.Values = s.Generated.Values
		}
	case KindVerdict:
		r.Verdict = o.Verdict
		for _, st := range r.Steps {
			st.Parked, st.Routed = nil, nil
		}
		for _, d := range r.Decisions {
			if d.Open() { // a cancelled run asks nobody any more
				d.Settled = &DecidedData{Decision: d.Decision, Outcome: Expire, Reason: "the run ended: " + o.Verdict.Reason, Digest: d.Digest}
				d.SettledAt, d.SettleSeq = o.At, o.Seq
			}
		}
	}
	return nil
}

// check says why o cannot be the next observation of r, or nil.
func (r *Run) check(o Observation) error {
	switch {
	case o.Seq != r.Seq+1:
		return fmt.Errorf("sequence is at %d", r.Seq)
	case (o.Kind == KindCreated) != (r.Seq == 0):
		return fmt.Errorf("a run begins with created, once")
	case r.Verdict != nil:
		return fmt.Errorf("the run has its verdict")
	case !o.hasPayload():
		return fmt.Errorf("payload does not fit the kind")
	case o.needsStep() && o.Step == "":
		return fmt.Errorf("names no step")
	}
	s := r.Steps[o.Step]
	if s == nil {
		s = &StepState{}
	}
	switch o.Kind {
	case KindRouted, KindParked, KindEscalated, KindQueued, KindChecked, KindBranched, KindOpened, KindStarted:
		if s.Settled != nil {
			return fmt.Errorf("step %s is settled", o.Step)
		}
	}
	switch o.Kind {
	case KindRouted:
		if s.Routed != nil {
			return fmt.Errorf("step %s has a call in flight", o.Step)
		}
		if o.Attempt != s.Attempt+1 {
			return fmt.Errorf("attempt %d follows %d", o.Attempt, s.Attempt)
		}
	case KindGenerated, KindFailed:
		if s.Routed == nil || o.Attempt != s.Attempt {
			return fmt.Errorf("step %s has no such call in flight", o.Step)
		}
	case KindQueued:
		if _, ok := r.Decisions[o.Queued.Decision]; ok {
			return fmt.Errorf("decision %s exists", o.Queued.Decision)
		}
	case KindDecided:
		d, ok := r.Decisions[o.Decided.Decision]
		switch {
		case !ok:
			return fmt.Errorf("decision %s: %w", o.Decided.Decision, ErrNotFound)
		case !d.Open():
			return fmt.Errorf("decision %s is settled", o.Decided.Decision)
		case d.Digest != o.Decided.Digest:
			return fmt.Errorf("decision %s is about something else", o.Decided.Decision)
		}
	case KindReturned:
		if s.Started == nil || s.Started.Child != o.Returned.Child {
			return fmt.Errorf("step %s has not started run %s", o.Step, o.Returned.Child)
		}
	case KindSettled:
		if s.Settled != nil {
			return fmt.Errorf("step %s is settled", o.Step)
		}
	}
	return nil
}

// hasPayload reports whether exactly the payload that Kind names is set.
func (o *Observation) hasPayload() bool {
	kind, n := Kind(""), 0
	note := func(set bool, k Kind) {
		if set {
			kind = k
			n++
		}
	}
	note(o.Created != nil, KindCreated)
	note(o.Read != nil, KindRead)
	note(o.Classified != nil, KindClassified)
	note(o.Routed != nil, KindRouted)
	note(o.Parked != nil, KindParked)
	note(o.Resumed != nil, KindResumed)
	note(o.Generated != nil, KindGenerated)
	note(o.Failed != nil, KindFailed)
	note(o.Checked != nil, KindChecked)
	note(o.Escalated != nil, KindEscalated)
	note(o.Queued != nil, KindQueued)
	note(o.Decided != nil, KindDecided)
	note(o.Branched != nil, KindBranched)
	note(o.Opened != nil, KindOpened)
	note(o.Started != nil, KindStarted)
	note(o.Returned != nil, KindReturned)
	note(o.Settled != nil, KindSettled)
	note(o.Verdict != nil, KindVerdict)
	return n == 1 && kind == o.Kind
}

func (o *Observation) needsStep() bool {
	switch o.Kind {
	case KindCreated, KindRead, KindClassified, KindResumed, KindVerdict:
		return false
	}
	return true
}

func (r *Run) create(c *CreatedData) {
	*r = Run{
		ID: c.Run, Mission: c.Mission, Version: c.Version, MissionDigest: c.MissionDigest,
		PolicyVersion: c.PolicyVersion, By: c.By, Parent: c.Parent, Key: c.Key, Input: c.Input, Class: c.Class,
		Documents: map[string]ReadData{}, Steps: map[string]*StepState{}, Decisions: map[string]*Decision{},
		ClassRules: map[int]bool{}, Models: []llm.ModelID{},
	}
}

func (r *Run) classify(c *ClassifiedData) {
	r.Class, r.Ceiling, r.Classified = c.Class, c.Ceiling, true
	for _, e := range c.Evidence {
		r.ClassRules[e.Rule] = true
	}
}

func (r *Run) account(m llm.ModelID, u llm.Usage, costMicros int64, calls int) {
	r.Usage = r.Usage.Add(u)
	r.CostMicros += costMicros
	r.Calls += calls
	if !slices.Contains(r.Models, m) {
		r.Models = append(r.Models, m)
	}
}

// vouch makes the last answer of the step a person's word: somebody looked at
// the values and took them as they are.
func (s *StepState) vouch() {
	if s.Generated == nil {
		return
	}
	s.Values = map[string]llm.Value{}
	for name, v := range s.Generated.Values {
		v.Confidence, v.Source, v.Problem = 1, llm.FromPerson, ""
		s.Values[name] = v
	}
}

// amend writes corrections into the values and outputs of the steps that they
// name, and reopens the checks that had looked at the old values. A person's
// word has confidence 1.
func (r *Run) amend(d *DecidedData) {
	for _, a := range d.Amendments {
		s := r.Steps[a.Step]
		if s == nil {
			continue
		}
		values := map[string]llm.Value{}
		if s.Values == nil && s.Generated != nil {
			s.Values = s.Generated.Values
		}
		for name, v := range s.Values {
			values[name] = v
		}
		values[a.Field] = llm.Value{JSON: a.To, Confidence: 1, Source: llm.FromPerson}
		s.Values = values
		if s.Settled != nil {
			var out map[string]json.RawMessage
			if json.Unmarshal(s.Settled.Output, &out) == nil && out != nil {
				out[a.Field] = a.To
				if b, err := json.Marshal(out); err == nil {
					settled := *s.Settled
					settled.Output = b
					s.Settled = &settled
				}
			}
		}
	}
	for _, path := range d.Recheck {
		if s := r.Steps[path]; s != nil {
			s.Settled, s.Checked = nil, nil
		}
	}
}
