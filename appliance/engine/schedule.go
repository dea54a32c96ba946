package engine

import (
	"container/heap"
	"time"

	"skerry/appliance/mission"
)

// entry is what the engine keeps of a run that has not ended. While the run
// rests this is all there is of it in memory. Guarded by Engine.mu.
type entry struct {
	id    mission.RunID
	state entryState
	by    string // fair queue: who started the run; "" = taken up after a restart

	inbox  []event       // for the actor
	notify chan struct{} // wakes the actor; nil unless active; capacity 1
	nudged bool          // look again although the inbox is empty

	wakeAt   time.Time // resting: earliest timer; zero = none
	heapAt   int       // index in the timer heap; -1 = not in it
	parkedAt uint64    // generation under which a step found no model; 0 = none parked

	run       *mission.Run // handed over by Start; nil = fold the journal
	recovered bool         // first look after a restart
	failures  int          // of the engine with this run, in a row
}

type entryState int

const (
	resting entryState = iota
	queued
	active
)

// event is a message to an actor.
type event interface{ isEvent() }

// refuse answers every command that waits in the inbox.
func (n *entry) refuse(err error) {
	for _, ev := range n.inbox {
		if c, ok := ev.(*command); ok {
			c.answer(err)
		}
	}
	n.inbox = nil
}

// fairQueue holds the runs that wait to be worked on. Who started many runs
// does not hold up who started one: starters take turns. Runs that people have
// just acted on go first.
type fairQueue struct {
	urgent []*entry
	byWhom map[string][]*entry
	turn   []string // starters with something waiting, next first
}

func (q *fairQueue) push(n *entry, urgent bool) {
	if urgent {
		q.urgent = append(q.urgent, n)
		return
	}
	if q.byWhom == nil {
		q.byWhom = map[string][]*entry{}
	}
	if len(q.byWhom[n.by]) == 0 {
		q.turn = append(q.turn, n.by)
	}
	q.byWhom[n.by] = append(q.byWhom[n.by], n)
}

// pop returns the next run, or nil. An entry that was queued twice, to make it
// urgent, is returned once: whoever pops it changes its state.
func (q *fairQueue) pop(urgentOnly bool) *entry {
	for len(q.urgent) > 0 {
		n := q.urgent[0]
		q.urgent[0] = nil
		q.urgent = q.urgent[1:]
		if n.state == queued {
			return n
		}
	}
	for !urgentOnly && len(q.turn) > 0 {
		by := q.turn[0]
		list := q.byWhom[by]
		n := list[0]
		list[0] = nil
		q.turn = q.turn[1:]
		if list = list[1:]; len(list) > 0 {
			q.byWhom[by] = list
			q.turn = append(q.turn, by)
		} else {
			delete(q.byWhom, by)
		}
		if n.state == queued {
			return n
		}
	}
	return nil
}

// enqueue makes a resting run wait for its turn. mu is held.
func (e *Engine) enqueue(n *entry, urgent bool) {
	n.state = queued
	e.unset(n)
	e.ready.push(n, urgent)
}

// admit starts actors for runs that wait, up to the limit; runs that people
// have acted on are admitted beyond it, since people are few and do not like to
// wait. mu is held.
func (e *Engine) admit() {
	if e.state != running || e.ctx == nil || e.ctx.Err() != nil {
		return
	}
	for {
		n := e.ready.pop(e.active >= e.MaxActive)
		if n == nil {
			return
		}
		n.state = active
		n.notify = make(chan struct{}, 1)
		e.active++
		e.wg.Add(1)
		go e.act(e.ctx, n)
	}
}

// post hands an event to the actor of a run and wakes the run if it rests. It
// reports whether the engine knows the run; after the engine stopped it knows
// none.
func (e *Engine) post(id mission.RunID, ev event) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	n := e.runs[id]
	if n == nil || e.state == stopped {
		return false
	}
	n.inbox = append(n.inbox, ev)
	_, urgent := ev.(*command)
	e.rouse(n, urgent)
	return true
}

// rouse makes sure that somebody will look at the run. mu is held.
func (e *Engine) rouse(n *entry, urgent bool) {
	switch {
	case n.state == active:
		select {
		case n.notify <- struct{}{}:
		default:
		}
	case n.state == resting:
		e.enqueue(n, urgent)
		e.admit()
	case urgent: // queued: to the front
		e.ready.push(n, true)
		e.admit()
	}
}

// take empties the inbox of an active run.
func (e *Engine) take(n *entry) []event {
	e.mu.Lock()
	defer e.mu.Unlock()
	evs := n.inbox
	n.inbox, n.nudged = nil, false
	return evs
}

// rest puts an active run to rest until wakeAt (zero = until something
// happens) and reports whether it did: not if something has happened since the
// actor last looked.
func (e *Engine) rest(n *entry, wakeAt time.Time, parkedAt uint64) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(n.inbox) > 0 || n.nudged || parkedAt != 0 && parkedAt != e.generation {
		return false
	}
	n.state, n.notify, n.parkedAt, n.wakeAt = resting, nil, parkedAt, wakeAt
	e.set(n)
	e.active--
	e.admit()
	return true
}

// leave takes a run that has ended out of the engine.
func (e *Engine) leave(n *entry, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	n.refuse(err)
	delete(e.runs, n.id)
	e.active--
	e.admit()
}

// retryParked wakes the runs that wait for a model, and has the active ones
// look again.
func (e *Engine) retryParked() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.generation++
	for _, n := range e.runs {
		switch {
		case n.state == resting && n.parkedAt != 0:
			e.enqueue(n, false)
		case n.state == active:
			n.nudged = true
			e.rouse(n, false)
		}
	}
	e.admit()
}

// fire enqueues the runs whose timers have come and returns how long to wait
// for the next.
func (e *Engine) fire() time.Duration {
	// A wall clock can be set; looking once a minute bounds what that costs.
	const longest = time.Minute
	e.mu.Lock()
	defer e.mu.Unlock()
	now := e.Clock()
	for len(e.timers) > 0 {
		n := e.timers[0]
		if d := n.wakeAt.Sub(now); d > 0 {
			return min(d, longest)
		}
		e.enqueue(n, false)
		e.admit()
	}
	return longest
}

// set puts n into the timer heap if it has a timer. mu is held.
func (e *Engine) set(n *entry) {
	if n.wakeAt.IsZero() {
		return
	}
	heap.Push(&e.timers, n)
	if n.heapAt == 0 {
		select {
		case e.wake <- struct{}{}:
		default:
		}
	}
}

// unset takes n out of the timer heap. mu is held.
func (e *Engine) unset(n *entry) {
	if n.heapAt >= 0 {
		heap.Remove(&e.timers, n.heapAt)
	}
	n.wakeAt = time.Time{}
}

// timerHeap orders resting runs by when they wake.
type timerHeap []*entry

func (h timerHeap) Len() int           { return len(h) }
func (h timerHeap) Less(i, j int) bool { return h[i].wakeAt.Before(h[j].wakeAt) }
func (h timerHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].heapAt, h[j].heapAt = i, j
}

// Push implements heap.Interface.
func (h *timerHeap) Push(x any) {
	n := x.(*entry)
	n.heapAt = len(*h)
	*h = append(*h, n)
}

// Pop implements heap.Interface.
func (h *timerHeap) Pop() any {
	old := *h
	n := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	n.heapAt = -1
	return n
}
