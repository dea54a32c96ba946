package engine

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"skerry/appliance/mission"
	"skerry/appliance/policy"
)

// stuck concludes what to do about a step that no model can take now: wait if
// waiting can help, go one grade up, or hand over to people.
func (a *actor) stuck(c *mission.Call, route policy.Route) (concluded bool, err error) {
	s := a.run.Steps[c.Step]
	parked := s != nil && s.Parked != nil
	resume := func() error {
		if !parked {
			return nil
		}
		return a.add(mission.Observation{Kind: mission.KindResumed, Step: c.Step, Resumed: &mission.ResumedData{Why: "what is on offer has changed"}})
	}
	why := inWords(route)
	switch {
	case !route.Waitable && !route.Last:
		if err := resume(); err != nil {
			return false, err
		}
		return true, a.add(mission.Observation{Kind: mission.KindEscalated, Step: c.Step, Attempt: c.Attempt, Escalated: &mission.EscalatedData{
			From: c.Grade, To: c.Grade + 1, Why: "error", Because: mission.Text{"": why},
		}})
	case !route.Waitable && hopeless(route):
		if err := resume(); err != nil {
			return false, err
		}
		return true, a.add(mission.Observation{Kind: mission.KindSettled, Step: c.Step, Settled: &mission.SettledData{
			Broken: true, Why: why, Output: json.RawMessage("{}"),
		}})
	}
	a.parkedAt = a.seen
	if parked {
		return false, nil
	}
	return false, a.add(mission.Observation{Kind: mission.KindParked, Step: c.Step, Attempt: c.Attempt, Parked: &mission.ParkedData{Why: why, Rejected: route.Rejected}})
}

// hopeless reports whether a cleared model was turned down for what it is or
// what the run has spent, so that waiting changes nothing. Where all that is
// missing is a cleared model, the run waits for one.
func hopeless(r policy.Route) bool {
	return slices.ContainsFunc(r.Rejected, func(j policy.Rejection) bool {
		switch j.Reason {
		case policy.NotCapable, policy.TooLong, policy.OverBudget, policy.AlreadyTried:
			return true
		}
		return false
	})
}

// inWords says why there is no model, one clause a model.
func inWords(r policy.Route) string {
	var b strings.Builder
	b.WriteString("no model can take this step now")
	for i, j := range r.Rejected {
		b.WriteString(map[bool]string{true: ": ", false: "; "}[i == 0])
		fmt.Fprintf(&b, "%s: %s", j.Model, cmp.Or(j.Detail, string(j.Reason)))
	}
	return b.String()
}

// unpark tries the steps that wait for a model: a step that gets one is resumed
// and routed in the same append. The plan is asked on a copy of the run in
// which nothing is parked, since only it knows what the steps would call.
func (a *actor) unpark(ctx context.Context) (concluded bool, err error) {
	a.parkedAt = 0
	trial := *a.run
	trial.Steps = maps.Clone(a.run.Steps)
	waits := false
	for path, s := range a.run.Steps {
		if s.Parked != nil {
			open := *s
			open.Parked, open.Tried, open.Failures, open.Failed = nil, nil, 0, nil // as resumed does
			trial.Steps[path], waits = &open, true
		}
	}
	if !waits {
		return false, nil
	}
	next, err := a.plan.Next(&trial, a.facts())
	if err != nil {
		return false, fmt.Errorf("next of run %s, were it not parked: %w", a.id, err)
	}
	for i := range next.Calls {
		c := &next.Calls[i]
		if !a.isParked(c.Step) {
			continue
		}
		route, model := a.route(c)
		if route.Model == "" {
			done, err := a.stuck(c, route)
			if err != nil {
				return false, err
			}
			concluded = concluded || done
			continue
		}
		if err := a.add(mission.Observation{Kind: mission.KindResumed, Step: c.Step, Resumed: &mission.ResumedData{Why: "a cleared model is available again"}}); err != nil {
			return false, err
		}
		if err := a.intend(ctx, c, route, model); err != nil {
			return false, err
		}
	}
	for _, s := range a.run.Steps {
		if s.Parked != nil {
			a.parkedAt = a.seen
		}
	}
	return concluded, nil
}
