package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"skerry/appliance/llm"
	"skerry/appliance/mission"
	"skerry/appliance/policy"
)

// planner is what an actor needs of a mission.Plan.
type planner interface {
	Next(r *mission.Run, f mission.Facts) (mission.Next, error)
	Recheck(r *mission.Run, amendments []mission.Amendment) []string
	Mission() mission.Mission
}

// actor works on one run. It is the only appender to the run and the only
// goroutine that touches its fields, class excepted. It lives until the run
// rests, ends or hits trouble, and everything it starts ends before it does.
type actor struct {
	e     *Engine
	entry *entry
	id    mission.RunID

	run    *mission.Run // as durable, plus pending
	plan   planner
	pinned *policy.Policy
	texts  map[string]string // by input

	pending []mission.Observation // applied to run, not durable yet
	after   []func()              // effects, allowed once pending is durable
	answers []func(error)         // commands to be answered then

	// In flight, by step or input. A result that is not named here belongs to
	// an earlier life of the run and is dropped.
	calls    map[string]*callInFlight
	reading  map[string]bool
	children map[mission.RunID]bool // started by this life or found to be there
	births   int                    // children being created
	look     bool                   // a child may have ended

	class    atomic.Pointer[llm.DataClass] // what data of the run is routed at; read by calls in flight
	work     sync.WaitGroup                // goroutines for calls, reads and children
	parkedAt uint64                        // generation under which a step was left parked; 0 = none
	seen     uint64                        // generation that this turn sees
	wakeAt   time.Time
	restart  bool // calls in flight in the journal were cut off by a restart
}

// act is the life of an actor.
func (e *Engine) act(ctx context.Context, n *entry) {
	defer e.wg.Done()
	ctx, cancel := context.WithCancel(ctx)
	a := &actor{
		e: e, entry: n, id: n.id, run: n.run, restart: n.recovered, look: true,
		calls: map[string]*callInFlight{}, reading: map[string]bool{}, children: map[mission.RunID]bool{},
	}
	n.run = nil // the actor owns it now
	err := a.live(ctx)
	cancel()
	a.work.Wait()
	switch {
	case errors.Is(err, errResting):
	case errors.Is(err, errEnded):
		a.bequeath()
		e.leave(n, ended(a.id, a.run.Verdict))
	case e.ctx.Err() != nil:
		a.salvage(err)
		e.mu.Lock()
		n.refuse(ErrStopped)
		e.active--
		n.state, n.notify = resting, nil
		e.mu.Unlock()
	default:
		e.setBack(n, err)
	}
}

// salvage makes durable what calls and reads gave while the engine was
// stopping, so that their work is not done twice. err is how the life ended.
func (a *actor) salvage(err error) {
	if a.run == nil || len(a.pending) > 0 || !errors.Is(err, context.Canceled) {
		return // the fold is not what the journal says, or was never made
	}
	a.after = nil
	for _, ev := range a.e.take(a.entry) {
		switch ev := ev.(type) {
		case *command:
			ev.answer(ErrStopped)
		case *callEnded:
			if ev.err == nil {
				err = a.callDone(a.e.ctx, ev)
			}
		case *readEnded:
			if ev.err == nil {
				err = a.readDone(a.e.ctx, ev)
			}
		}
	}
	if len(a.pending) > 0 {
		err = a.flush(a.e.ctx, false)
	}
	if err != nil && !errors.Is(err, context.Canceled) {
		a.e.Log.Warn("results lost while stopping; they will be made again", "run", a.id, "error", err)
	}
}

// How a life ends well.
var (
	errResting = errors.New("resting")
	errEnded   = errors.New("ended")
)

// live works on the run until there is nothing to do. A panic in a plan costs
// this life of this run.
func (a *actor) live(ctx context.Context) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v\n%s", v, debug.Stack())
		}
		for _, answer := range a.answers { // commands that were taken but not made durable
			if a.e.ctx.Err() != nil {
				answer(ErrStopped)
			}
			answer(err)
		}
	}()
	if err := a.wake(ctx); err != nil {
		return err
	}
	for {
		if err := a.turn(ctx); err != nil {
			return err
		}
		if a.run.Verdict != nil {
			return errEnded
		}
		a.entry.failures, a.entry.recovered = 0, false // only the actor of an active entry touches them
		if !a.busy() {
			if a.e.rest(a.entry, a.wakeAt, a.parkedAt) {
				return errResting
			}
			continue
		}
		if err := a.wait(ctx); err != nil {
			return err
		}
	}
}

// rests reports whether a restart may leave the run alone until wakeAt. Runs
// that wait for models or relatives are looked at, since those may have
// changed while nobody was there to tell.
func (a *actor) rests() bool {
	if a.busy() || a.parkedAt != 0 || a.run.Parent != nil || a.run.Verdict != nil {
		return false
	}
	for _, s := range a.run.Steps {
		if s.Started != nil && s.Returned == nil {
			return false
		}
	}
	return true
}

func (a *actor) busy() bool { return len(a.calls)+len(a.reading)+a.births > 0 }

// wait returns when there is an event or the next timer has come.
func (a *actor) wait(ctx context.Context) error {
	var timer <-chan time.Time
	if !a.wakeAt.IsZero() {
		t := time.NewTimer(min(a.wakeAt.Sub(a.e.Clock()), time.Minute))
		defer t.Stop()
		timer = t.C
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-a.entry.notify:
	case <-timer:
	}
	return nil
}

// wake folds the run and gets what its turns need.
func (a *actor) wake(ctx context.Context) error {
	if a.run == nil {
		run, err := a.e.load(ctx, a.id)
		if err != nil {
			return err
		}
		a.run = run
	}
	if a.run.Verdict != nil {
		return errEnded
	}
	plan, err := a.e.Library.Plan(ctx, a.run.Mission, a.run.Version)
	if err != nil {
		return fmt.Errorf("mission %s version %d of run %s: %w", a.run.Mission, a.run.Version, a.id, err)
	}
	a.plan = plan
	if a.pinned, err = a.e.Policies.Version(a.run.PolicyVersion); err != nil {
		return fmt.Errorf("policy version %d of run %s: %w", a.run.PolicyVersion, a.id, err)
	}
	a.texts = map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(a.run.Documents)) {
		d := a.run.Documents[name]
		if d.Problem != "" || d.TextSHA256 == "" {
			continue
		}
		text, err := a.e.blob(ctx, d.TextSHA256, a.e.TextBytes)
		if err != nil {
			return fmt.Errorf("text of input %s of run %s: %w", name, a.id, err)
		}
		a.texts[name] = string(text)
	}
	a.publishClass()
	if a.entry.recovered && a.run.Parent != nil {
		if err := a.orphan(ctx); err != nil {
			return err
		}
	}
	return nil
}

// publishClass lets the calls in flight know the class that data of the run is
// routed at now.
func (a *actor) publishClass() {
	class := a.run.RouteClass()
	a.class.Store(&class)
}

// add applies o to the run and keeps it for the next flush.
func (a *actor) add(o mission.Observation) error {
	o.Seq = a.run.Seq + 1
	o.At = a.e.now()
	if o.At.Before(a.run.UpdatedAt) { // the clock was set back; the rail stays in order
		o.At = a.run.UpdatedAt
	}
	if err := a.run.Apply(o); err != nil {
		return err
	}
	a.pending = append(a.pending, o)
	return nil
}

// flush makes pending durable, answers the commands it came from, and only
// then lets the effects happen. The append is not given up when the engine
// stops: what is known by then is worth the milliseconds. rests is the hint that
// nothing but people or the time wakeAt will make the run go on.
func (a *actor) flush(ctx context.Context, rests bool) error {
	if len(a.pending) > 0 {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), appendTimeout)
		defer cancel()
		expected := a.run.Seq - uint64(len(a.pending))
		summary := a.run.Summary()
		if summary.Rests = rests; rests {
			summary.Wake = a.wakeAt
		}
		if err := a.e.Journal.Append(ctx, a.id, expected, summary, a.pending...); err != nil {
			return fmt.Errorf("append to run %s after observation %d: %w", a.id, expected, err)
		}
		a.pending = nil
	}
	a.publishClass()
	for _, answer := range a.answers {
		answer(nil)
	}
	a.answers = nil
	for _, start := range a.after {
		start()
	}
	a.after = nil
	return nil
}

// appendTimeout bounds an append: a disk that takes longer is broken.
const appendTimeout = 30 * time.Second

// setBack puts a run that the engine could not go on with to rest and tries
// again later, less and less often. Its journal is as it was, so nothing is
// lost; people's commands are answered with the error.
func (e *Engine) setBack(n *entry, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	n.refuse(err)
	n.failures++
	wait := min(time.Second<<min(n.failures-1, 10), 10*time.Minute)
	e.Log.Error("run set back", "run", n.id, "error", err, "again_in", wait)
	n.state, n.notify, n.parkedAt, n.run, n.nudged = resting, nil, 0, nil, false
	n.wakeAt = e.Clock().Add(wait)
	e.set(n)
	e.active--
	e.admit()
}

// load folds the journal of a run.
func (e *Engine) load(ctx context.Context, id mission.RunID) (*mission.Run, error) {
	observations, err := e.Journal.Load(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("run %s: %w", id, err)
	}
	if len(observations) == 0 {
		return nil, fmt.Errorf("run %s: %w", id, mission.ErrNotFound)
	}
	return mission.Fold(observations)
}

// blob returns the bytes of a blob, which must not be more than maxBytes.
func (e *Engine) blob(ctx context.Context, sha256 string, maxBytes int64) ([]byte, error) {
	r, err := e.Blobs.Open(ctx, sha256)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	var b bytes.Buffer
	n, err := io.Copy(&b, io.LimitReader(r, maxBytes+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("blob %s: %w", sha256, err)
	case n > maxBytes:
		return nil, fmt.Errorf("blob %s: %w", sha256, errTooBig)
	}
	return b.Bytes(), nil
}

var errTooBig = errors.New("more bytes than the limit allows")
