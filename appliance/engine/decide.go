package engine

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"skerry/appliance/llm"
	"skerry/appliance/mission"
	"skerry/appliance/policy"
)

// DecideRequest settles a Decision.
type DecideRequest struct {
	Run        mission.RunID
	Decision   string
	Outcome    mission.DecisionOutcome // approve, reject or amend
	Reason     string                  // required to reject and to amend
	Digest     string                  // of the subject that the person saw
	Amendments []mission.Amendment     // amend only; From is filled in
	By         policy.Principal
}

// Decide settles a Decision and returns once that is durable.
//
// Errors wrap mission.ErrNotFound (no such run or decision),
// mission.ErrForbidden, mission.ErrConflict (it is settled, has expired, or the
// person saw something else) or are mission.Problems, one for each part of the
// request that does not fit.
func (e *Engine) Decide(ctx context.Context, r DecideRequest) error {
	return e.ask(ctx, r.Run, func(a *actor) error { return a.decide(r) })
}

// Cancel ends a run, and the runs that it has started, with the verdict
// cancelled. It returns once that is durable.
func (e *Engine) Cancel(ctx context.Context, run mission.RunID, by policy.Principal, reason string) error {
	return e.ask(ctx, run, func(a *actor) error {
		active := e.Policies.Active()
		if active == nil {
			return errors.New("cancel run: no policy is active")
		}
		if err := permit(active, by, policy.CancelRun, policy.Object{Mission: a.run.Mission, Class: a.run.Class}); err != nil {
			return fmt.Errorf("cancel run %s: %w", run, err)
		}
		return a.cancel(&by, reason)
	})
}

// command is something that a person asks of a run.
type command struct {
	do    func(*actor) error
	once  sync.Once
	reply chan error // capacity 1
}

func (*command) isEvent() {}

// answer replies; only the first answer counts.
func (c *command) answer(err error) { c.once.Do(func() { c.reply <- err }) }

// ask has the actor of the run do something, and waits until it is durable. If
// ctx ends first, it may still happen.
func (e *Engine) ask(ctx context.Context, run mission.RunID, do func(*actor) error) error {
	c := &command{do: do, reply: make(chan error, 1)}
	if !e.post(run, c) {
		return e.unknown(ctx, run)
	}
	select {
	case err := <-c.reply:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// unknown says why nothing can be asked of a run that the engine does not know.
func (e *Engine) unknown(ctx context.Context, run mission.RunID) error {
	r, err := e.load(ctx, run)
	switch {
	case err != nil:
		return err
	case r.Verdict != nil:
		return ended(run, r.Verdict)
	}
	return ErrStopped
}

// handle processes one event. A command is answered once what it did, or was
// refused for, is durable; a refused command has changed nothing.
func (a *actor) handle(ctx context.Context, ev event) error {
	switch ev := ev.(type) {
	case *command:
		var refused error
		if v := a.run.Verdict; v != nil {
			refused = ended(a.id, v)
		} else {
			refused = ev.do(a)
		}
		// A refusal may rest on what is not durable yet, so it waits as well.
		a.answers = append(a.answers, func(err error) { ev.answer(cmp.Or(err, refused)) })
		return nil
	case *callEnded:
		if a.run.Verdict != nil {
			return nil
		}
		return a.callDone(ctx, ev)
	case *readEnded:
		if a.run.Verdict != nil {
			return nil
		}
		return a.readDone(ctx, ev)
	case *childBorn:
		return a.born(ctx, ev)
	case *childEnded:
		a.look = true
		return nil
	}
	return fmt.Errorf("run %s: unknown event %T", a.id, ev)
}

// cancel ends the run. by is nil if the platform does it.
func (a *actor) cancel(by *policy.Principal, reason string) error {
	if reason == "" {
		reason = "cancelled"
	}
	return a.add(mission.Observation{Kind: mission.KindVerdict, Verdict: &mission.VerdictData{
		Is: mission.CancelledVerdict, Reason: reason, Code: "cancelled", Confidence: llm.Unknown(), Cites: []uint64{}, By: by,
	}})
}

// decide checks a request to settle a Decision and applies it.
func (a *actor) decide(r DecideRequest) error {
	d := a.run.Decisions[r.Decision]
	if d == nil {
		return fmt.Errorf("decision %s of run %s: %w", r.Decision, a.id, mission.ErrNotFound)
	}
	active := a.e.Policies.Active()
	if active == nil {
		return errors.New("settle decision: no policy is active")
	}
	by, err := permission(active, r.By, policy.Settle, policy.Object{Mission: a.run.Mission, Queue: d.Queue, NotBy: d.NotBy, Class: a.run.Class})
	if err != nil {
		return fmt.Errorf("settle decision %s: %w", r.Decision, err)
	}
	now := a.e.now()
	switch {
	case !d.Open():
		return fmt.Errorf("decision %s is settled already (%s by %s): %w", r.Decision, d.Settled.Outcome, d.Settled.By.Name, mission.ErrConflict)
	case !d.Expires.IsZero() && !now.Before(d.Expires):
		return fmt.Errorf("decision %s expired at %s: %w", r.Decision, d.Expires.Format("2006-01-02 15:04 MST"), mission.ErrConflict)
	case d.Digest != r.Digest:
		return fmt.Errorf("decision %s is now about something else than what you saw; look at it again: %w", r.Decision, mission.ErrConflict)
	}
	amendments, err := a.checkDecision(d, r)
	if err != nil {
		return err
	}
	data := mission.DecidedData{
		Decision: r.Decision, Outcome: r.Outcome, By: r.By, Role: by.Role, Reason: strings.TrimSpace(r.Reason), Digest: r.Digest, Amendments: amendments,
	}
	if len(amendments) > 0 {
		data.Recheck = a.plan.Recheck(a.run, amendments)
	}
	return a.add(mission.Observation{Kind: mission.KindDecided, Step: d.Step, Decided: &data})
}

// checkDecision checks outcome, reason and amendments, and returns the
// amendments in normal form.
func (a *actor) checkDecision(d *mission.Decision, r DecideRequest) ([]mission.Amendment, error) {
	var problems mission.Problems
	report := func(path, format string, args ...any) {
		problems = append(problems, mission.Problem{Path: path, Message: fmt.Sprintf(format, args...)})
	}
	reason := strings.TrimSpace(r.Reason)
	switch r.Outcome {
	case mission.Approve:
		if len(r.Amendments) > 0 {
			report("amendments", "approve changes nothing; use amend to approve with corrections")
		}
	case mission.Reject:
		if len(r.Amendments) > 0 {
			report("amendments", "reject changes nothing; leave the amendments out")
		}
		if reason == "" {
			report("reason", "say why it is rejected; the verdict quotes it")
		}
	case mission.Amend:
		if reason == "" {
			report("reason", "say why the values are corrected")
		}
		if len(r.Amendments) == 0 {
			report("amendments", "name at least one field to correct, or approve")
		}
		if len(d.Amend) == 0 {
			report("outcome", "nothing may be amended here; approve or reject")
		}
	default:
		report("outcome", "%q is no outcome; use approve, reject or amend", r.Outcome)
	}
	var out []mission.Amendment
	for i, m := range r.Amendments {
		path := fmt.Sprintf("amendments[%d]", i)
		if slices.ContainsFunc(out, func(o mission.Amendment) bool { return o.Step == m.Step && o.Field == m.Field }) {
			report(path, "%s.%s is amended twice", m.Step, m.Field)
			continue
		}
		normal, problem := a.checkAmendment(d, m)
		if problem != "" {
			report(path, "%s", problem)
			continue
		}
		out = append(out, normal)
	}
	if len(problems) > 0 {
		return nil, problems
	}
	return out, nil
}

// checkAmendment checks one correction and returns it in normal form, with the
// value that it replaces.
func (a *actor) checkAmendment(d *mission.Decision, m mission.Amendment) (mission.Amendment, string) {
	if !slices.Contains(d.Amend, m.Step) {
		return m, fmt.Sprintf("step %q may not be amended here; it may be: %s", m.Step, strings.Join(d.Amend, ", "))
	}
	s := a.run.Steps[m.Step]
	fields := fieldsOf(a.plan.Mission().Steps, m.Step)
	if s == nil || fields == nil {
		return m, fmt.Sprintf("step %q has no fields that could be amended", m.Step)
	}
	i := slices.IndexFunc(fields, func(f llm.Field) bool { return f.Name == m.Field })
	if i < 0 {
		names := make([]string, len(fields))
		for j := range fields {
			names[j] = fields[j].Name
		}
		return m, fmt.Sprintf("step %q has no field %q; it has %s", m.Step, m.Field, strings.Join(names, ", "))
	}
	normal, why := normalise(fields[i], m.To)
	if why != "" {
		return m, fmt.Sprintf("%s.%s %s", m.Step, m.Field, why)
	}
	m.To, m.From = normal, json.RawMessage("null")
	values := s.Values
	if values == nil && s.Generated != nil {
		values = s.Generated.Values
	}
	if v, ok := values[m.Field]; ok && !v.Null() {
		m.From = v.JSON
	}
	return m, ""
}

// fieldsOf returns the fields that the answer of a model step has, nil if the
// step is none. path is as in observations: "lines[2].total" is the step total
// inside the each step lines.
func fieldsOf(steps []mission.Step, path string) []llm.Field {
	id := path[strings.LastIndexByte(path, '.')+1:]
	for i := range steps {
		s := &steps[i]
		if s.ID == id {
			switch {
			case s.Extract != nil:
				return s.Extract.Fields
			case s.Classify != nil:
				f := llm.Field{Name: "label", Type: llm.TypeEnum}
				for _, l := range s.Classify.Into {
					f.Values = append(f.Values, l.Name)
				}
				return []llm.Field{f}
			case s.Generate != nil:
				return []llm.Field{{Name: "text", Type: llm.TypeString}}
			}
			return nil
		}
		if s.Each != nil {
			if f := fieldsOf(s.Each.Steps, id); f != nil {
				return f
			}
		}
		if s.Branch != nil {
			for _, arm := range s.Branch.Arms {
				if f := fieldsOf(arm.Steps, id); f != nil {
					return f
				}
			}
		}
	}
	return nil
}
