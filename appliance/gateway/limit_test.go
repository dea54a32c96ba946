package gateway

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"pgregory.net/rapid"
)

// line is a limiter under test whose waiters arrive one after the other.
type line struct {
	l      *limiter
	mu     sync.Mutex // guards served
	served []string
	free   map[string]func()
}

func newLine() *line { return &line{l: newLimiter(), free: map[string]func(){}} }

func (q *line) arrive(t *testing.T, name string, claims ...claim) {
	t.Helper()
	go func() {
		release, err := q.l.acquire(t.Context(), claims...)
		if err != nil {
			return
		}
		q.mu.Lock()
		defer q.mu.Unlock()
		q.served, q.free[name] = append(q.served, name), release
	}()
	synctest.Wait()
}

func (q *line) leave(name string) {
	q.mu.Lock()
	release := q.free[name]
	q.mu.Unlock()
	release()
	synctest.Wait()
}

func (q *line) want(t *testing.T, names ...string) {
	t.Helper()
	if !slices.Equal(q.served, names) {
		t.Fatalf("served %v, want %v", q.served, names)
	}
}

func TestTurnsComeInOrderOfArrival(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newLine()
		for _, n := range []string{"a", "b", "c", "d"} {
			q.arrive(t, n, claim{"pool", 2})
		}
		q.want(t, "a", "b")
		q.leave("b")
		q.want(t, "a", "b", "c")
		q.leave("a")
		q.want(t, "a", "b", "c", "d")
	})
}

func TestAFullModelDoesNotHoldUpAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newLine()
		q.arrive(t, "a", claim{"pool", 3}, claim{"slow", 1})
		q.arrive(t, "b", claim{"pool", 3}, claim{"slow", 1})
		q.arrive(t, "c", claim{"pool", 3}, claim{"fast", 1})
		q.want(t, "a", "c")
		q.leave("a")
		q.want(t, "a", "c", "b")
	})
}

func TestWhoIsOvertakenOftenGetsTheirTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newLine()
		q.arrive(t, "model", claim{"m", 1}) // holds the model, not the pool
		q.arrive(t, "patient", claim{"pool", 1}, claim{"m", 1})
		for i := range 2 * patience {
			name := fmt.Sprint(i)
			q.arrive(t, name, claim{"pool", 1})
			if !slices.Contains(q.served, name) {
				if i != patience {
					t.Fatalf("the pool is kept free after %d were let past, want %d", i, patience)
				}
				q.leave("model")
				if q.served[len(q.served)-1] != "patient" {
					t.Fatalf("served %v, want patient last", q.served)
				}
				return
			}
			q.leave(name)
		}
		t.Fatal("overtaken for ever")
	})
}

func TestAWaiterThatGivesUpLeavesNoTrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newLine()
		q.arrive(t, "a", claim{"pool", 1})
		ctx, cancel := context.WithCancel(t.Context())
		gone := make(chan error)
		go func() {
			_, err := q.l.acquire(ctx, claim{"pool", 1})
			gone <- err
		}()
		synctest.Wait()
		q.arrive(t, "c", claim{"pool", 1})
		cancel()
		if err := <-gone; !errors.Is(err, context.Canceled) {
			t.Fatalf("got %v, want context.Canceled", err)
		}
		q.leave("a")
		q.want(t, "a", "c")
		q.leave("c")
		if len(q.l.used) != 0 || len(q.l.waiting) != 0 {
			t.Fatalf("left behind: %v, %d waiting", q.l.used, len(q.l.waiting))
		}
	})
}

// TestLimitsHold: whatever is claimed and given up in whatever order, no limit
// is ever exceeded, and in the end nothing is in use.
func TestLimitsHold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := newLimiter()
		limits := map[string]int{"p": rapid.IntRange(1, 3).Draw(t, "p"), "q": rapid.IntRange(1, 3).Draw(t, "q"), "m": rapid.IntRange(0, 2).Draw(t, "m")}
		inUse := map[string]*atomic.Int32{"p": {}, "q": {}, "m": {}}
		var wg sync.WaitGroup
		var exceeded atomic.Bool
		for range rapid.IntRange(1, 40).Draw(t, "n") {
			var claims []claim
			for _, k := range []string{"p", "q", "m"} {
				if rapid.Bool().Draw(t, k) {
					claims = append(claims, claim{k, limits[k]})
				}
			}
			ctx, cancel := context.WithCancel(context.Background())
			if rapid.IntRange(0, 4).Draw(t, "impatient") == 0 {
				wg.Go(cancel)
			}
			wg.Go(func() {
				defer cancel()
				release, err := l.acquire(ctx, claims...)
				if err != nil {
					return
				}
				for _, c := range claims {
					if n := inUse[c.key].Add(1); c.limit > 0 && int(n) > c.limit {
						exceeded.Store(true)
					}
				}
				for _, c := range claims {
					inUse[c.key].Add(-1)
				}
				release()
			})
		}
		wg.Wait()
		if exceeded.Load() {
			t.Fatalf("more than %v at once", limits)
		}
		if len(l.used) != 0 || len(l.waiting) != 0 {
			t.Fatalf("left behind: %v, %d waiting", l.used, len(l.waiting))
		}
	})
}
