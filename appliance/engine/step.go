package engine

import (
	"context"
	"fmt"

	"skerry/appliance/mission"
)

// turn takes the run as far as it goes now: what has come in, what follows
// from it, and what can be begun. All conclusions of a turn are one durable
// append; effects come after it.
func (a *actor) turn(ctx context.Context) error {
	a.e.mu.Lock()
	a.seen = a.e.generation // before any route, so that no change is missed
	a.e.mu.Unlock()
	for _, ev := range a.e.take(a.entry) {
		if err := a.handle(ctx, ev); err != nil {
			return err
		}
	}
	for a.run.Verdict == nil {
		next, err := a.plan.Next(a.run, a.facts())
		if err != nil {
			return fmt.Errorf("next of run %s: %w", a.id, err)
		}
		if len(next.Observations) > 0 {
			for _, o := range next.Observations {
				if err := a.add(o); err != nil {
					return err
				}
			}
			continue
		}
		concluded, err := a.begin(ctx, next)
		if err != nil {
			return err
		}
		if !concluded {
			a.wakeAt = next.Wake
			break
		}
	}
	return a.flush(ctx, a.rests())
}

func (a *actor) facts() mission.Facts {
	return mission.Facts{Now: a.e.now(), Texts: a.texts, Policy: a.pinned}
}

// begin starts what next asks for, and what an earlier life left undone. It
// reports whether that led to conclusions, so that the plan is asked again.
func (a *actor) begin(ctx context.Context, next mission.Next) (concluded bool, err error) {
	for _, input := range next.Reads {
		a.read(ctx, input)
	}
	for _, s := range next.Children {
		path := s.Step
		s.Child, s.Step = a.e.ids.next(), ""
		if err := a.add(mission.Observation{Kind: mission.KindStarted, Step: path, Started: &s}); err != nil {
			return false, err
		}
	}
	if concluded, err = a.tend(ctx); err != nil {
		return false, err
	}
	for i := range next.Calls {
		c := &next.Calls[i]
		if a.isParked(c.Step) {
			continue
		}
		done, err := a.call(ctx, c)
		if err != nil {
			return false, err
		}
		concluded = concluded || done
	}
	done, err := a.unpark(ctx)
	return concluded || done, err
}

func (a *actor) isParked(step string) bool {
	s := a.run.Steps[step]
	return s != nil && s.Parked != nil
}
