package gateway

import (
	"context"
	"slices"
	"sync"
)

// patience is how often a waiter may be overtaken by later ones that need less
// before its whole claim is kept free for it.
const patience = 32

// limiter hands out turns under several limits at once, first come first
// served for each of them. A waiter that is held up by one limit lets later
// ones pass that do not need it, but only so often.
type limiter struct {
	mu      sync.Mutex // guards all below
	used    map[string]int
	waiting []*waiter // in order of arrival
}

// claim is a limit and its size; 0 = no limit.
type claim struct {
	key   string
	limit int
}

type waiter struct {
	claims    []claim
	overtaken int
	ready     chan struct{} // closed when the turn has come; the claims are then taken
}

func newLimiter() *limiter { return &limiter{used: map[string]int{}} }

// acquire waits for a turn under all claims at once and returns the function
// that ends it, which must be called exactly once; or the error of ctx.
func (l *limiter) acquire(ctx context.Context, claims ...claim) (release func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	claims = slices.DeleteFunc(slices.Clone(claims), func(c claim) bool { return c.limit <= 0 })
	if len(claims) == 0 {
		return func() {}, nil
	}
	w := &waiter{claims: claims, ready: make(chan struct{})}
	l.mu.Lock()
	l.waiting = append(l.waiting, w)
	l.serve()
	l.mu.Unlock()
	select {
	case <-w.ready:
		return func() { l.release(w) }, nil
	case <-ctx.Done():
	}
	l.mu.Lock()
	i := slices.Index(l.waiting, w)
	if i >= 0 {
		l.waiting = slices.Delete(l.waiting, i, i+1)
		l.serve() // who stood behind it may go on now
	}
	l.mu.Unlock()
	if i < 0 { // the turn came at the same moment: hand it on
		l.release(w)
	}
	return nil, ctx.Err()
}

func (l *limiter) release(w *waiter) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range w.claims {
		if l.used[c.key]--; l.used[c.key] == 0 {
			delete(l.used, c.key)
		}
	}
	l.serve()
}

// serve gives turns to all who can have one, oldest first. mu is held.
func (l *limiter) serve() {
	full := map[string]bool{}
	var passed []*waiter
	l.waiting = slices.DeleteFunc(l.waiting, func(w *waiter) bool {
		free := true
		for _, c := range w.claims {
			if full[c.key] || l.used[c.key] >= c.limit {
				full[c.key], free = true, false
			}
		}
		if !free {
			if w.overtaken >= patience {
				for _, c := range w.claims {
					full[c.key] = true
				}
			}
			passed = append(passed, w)
			return false
		}
		for _, c := range w.claims {
			l.used[c.key]++
		}
		for _, p := range passed {
			if shares(p, w) {
				p.overtaken++
			}
		}
		close(w.ready)
		return true
	})
}

func shares(a, b *waiter) bool {
	for _, c := range a.claims {
		if slices.ContainsFunc(b.claims, func(d claim) bool { return d.key == c.key }) {
			return true
		}
	}
	return false
}
