package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"skerry/appliance/mission"
)

// maxDepth bounds how deep missions start missions. Publishing refuses
// circles; this catches those that come about when versions change later.
const maxDepth = 16

// childEnded tells a run that one of the runs it started has its verdict.
type childEnded struct{}

func (*childEnded) isEvent() {}

// childBorn is the outcome of creating a child run.
type childBorn struct {
	step  string
	child mission.RunID
	err   error
}

func (*childBorn) isEvent() {}

// tend looks after the runs that this one has started: it creates those whose
// intent is there, which after a crash may have been done before, and takes in
// the results of those that have ended.
func (a *actor) tend(ctx context.Context) (concluded bool, err error) {
	for _, path := range slices.Sorted(maps.Keys(a.run.Steps)) {
		s := a.run.Steps[path]
		if s.Started == nil || s.Returned != nil || s.Settled != nil {
			continue
		}
		if !a.children[s.Started.Child] {
			a.bear(ctx, path, *s.Started)
		}
		if !a.look {
			continue
		}
		child, err := a.e.load(ctx, s.Started.Child)
		switch {
		case errors.Is(err, mission.ErrNotFound):
			continue // about to be created
		case err != nil:
			return false, err
		case child.Verdict == nil:
			continue
		}
		if err := a.returned(path, mission.ReturnedData{
			Child: child.ID, Is: child.Verdict.Is, Reason: child.Verdict.Reason, Class: child.Class, Fields: child.Outputs(),
		}); err != nil {
			return false, err
		}
		concluded = true
	}
	a.look = false
	return concluded, nil
}

func (a *actor) returned(path string, d mission.ReturnedData) error {
	return a.add(mission.Observation{Kind: mission.KindReturned, Step: path, Returned: &d})
}

// bear creates a child run once the intent is durable.
func (a *actor) bear(ctx context.Context, path string, s mission.StartedData) {
	a.children[s.Child] = true
	a.births++
	c := mission.CreatedData{
		Run: s.Child, Input: s.Input, By: a.run.By, Class: a.run.RouteClass(), Parent: &mission.ParentRef{Run: a.id, Step: path},
	}
	a.after = append(a.after, func() {
		a.work.Go(func() { a.e.post(a.id, &childBorn{path, s.Child, a.e.bear(ctx, s, c)}) })
	})
}

// bear creates the child run unless it exists.
func (e *Engine) bear(ctx context.Context, s mission.StartedData, c mission.CreatedData) error {
	depth := 1
	for up := c.Parent; up != nil; depth++ {
		if depth > maxDepth {
			return refuse("missions start missions more than %d deep; look for a circle", maxDepth)
		}
		parent, err := e.load(ctx, up.Run)
		if err != nil {
			return err
		}
		up = parent.Parent
	}
	run, err := e.create(ctx, s.Mission, s.Version, c)
	if errors.Is(err, mission.ErrConflict) { // created before a crash
		run, err = e.load(ctx, s.Child)
		if err == nil && run.Verdict == nil {
			e.adopt(run.ID, run.By.ID, nil)
		}
		return err
	}
	if err != nil {
		return err
	}
	e.adopt(run.ID, run.By.ID, run)
	return nil
}

// born notes that a child run exists, or that it cannot, which ends the step
// that started it.
func (a *actor) born(ctx context.Context, ev *childBorn) error {
	a.births--
	s := a.run.Steps[ev.step]
	if ev.err == nil || ctx.Err() != nil || s == nil || s.Returned != nil {
		return nil
	}
	var problems mission.Problems
	if !errors.Is(ev.err, errRefused) && !errors.Is(ev.err, mission.ErrNotFound) && !errors.As(ev.err, &problems) {
		return fmt.Errorf("start run %s: %w", ev.child, ev.err)
	}
	return a.returned(ev.step, mission.ReturnedData{
		Child: ev.child, Is: mission.Failed, Class: a.run.Class, Fields: json.RawMessage("{}"),
		Reason: "the run could not be started: " + strings.ReplaceAll(ev.err.Error(), "\n", "; "),
	})
}

// bequeath tells the parent of a run that has ended, and ends the runs that it
// has started and that nobody waits for any more. What a crash prevents here
// is made up for when the relatives are taken up again.
func (a *actor) bequeath() {
	if p := a.run.Parent; p != nil {
		a.e.post(p.Run, &childEnded{})
	}
	v := a.run.Verdict
	for _, s := range a.run.Steps {
		if s.Started == nil || s.Returned != nil {
			continue
		}
		a.e.post(s.Started.Child, &command{reply: make(chan error, 1), do: func(child *actor) error {
			return child.cancel(v.By, fmt.Sprintf("the run that started it ended: %s", v.Reason))
		}})
	}
}

// orphan ends a run that was started by one that has ended meanwhile.
func (a *actor) orphan(ctx context.Context) error {
	parent, err := a.e.load(ctx, a.run.Parent.Run)
	switch {
	case errors.Is(err, mission.ErrNotFound):
		return nil
	case err != nil:
		return err
	case parent.Verdict == nil:
		return nil
	}
	return a.cancel(parent.Verdict.By, fmt.Sprintf("the run that started it ended: %s", parent.Verdict.Reason))
}

// errRefused: asking again would give the same answer.
var errRefused = errors.New("refused")

func refuse(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errRefused, fmt.Sprintf(format, args...))
}
