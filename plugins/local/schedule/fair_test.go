package schedule_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"skerry/appliance/llm"
	"skerry/plugins/local/schedule"
)

// TestLongPromptHoldsNobodyUp: while one call reads a very long prompt, those
// that write go on with every pass, and short prompts overtake it.
func TestLongPromptHoldsNobodyUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEngine(4, 20, 100_000)
		e.takes = 10 * time.Millisecond
		s := schedule.New(e, schedule.Config{Slots: 4, Batch: 20, Queue: 10})
		var wg sync.WaitGroup
		var last time.Time
		writer := &job{n: 100}
		writer.step = func() {
			if !last.IsZero() && time.Since(last) > 10*time.Millisecond {
				t.Errorf("the writer waited %v for its next token", time.Since(last))
			}
			last = time.Now()
		}
		wg.Go(func() { _, _ = s.Do(t.Context(), numbers(5, 1), 100, writer) })
		time.Sleep(time.Millisecond)
		long := &job{n: 1}
		wg.Go(func() { _, _ = s.Do(t.Context(), numbers(5000, 2), 1, long) })
		for i := range 10 {
			time.Sleep(20 * time.Millisecond)
			start := time.Now()
			if _, err := s.Do(t.Context(), numbers(30, int32(i+3)), 1, &job{n: 1}); err != nil || time.Since(start) > 50*time.Millisecond {
				t.Errorf("a short call took %v, %v", time.Since(start), err)
			}
		}
		wg.Wait()
		s.Close()
		if len(long.out) != 1 {
			t.Error("the long call was not served")
		}
	})
}

// TestLargeCallIsNotOvertakenForEver: a call that needs nearly all of the cache
// has its turn although smaller ones keep coming.
func TestLargeCallIsNotOvertakenForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEngine(4, 20, 100)
		e.takes = 10 * time.Millisecond
		s := schedule.New(e, schedule.Config{Slots: 4, Batch: 20, Queue: 10})
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for i := range 4 {
			wg.Go(func() {
				for ctx.Err() == nil {
					_, _ = s.Do(ctx, numbers(10, int32(i+2)), 10, &job{n: 10})
				}
			})
		}
		time.Sleep(time.Second)
		start := time.Now()
		if _, err := s.Do(t.Context(), numbers(380, 1), 20, &job{n: 20}); err != nil || time.Since(start) > time.Second {
			t.Errorf("the large call took %v, %v", time.Since(start), err)
		}
		if _, err := s.Do(t.Context(), numbers(381, 1), 20, &job{n: 20}); llm.KindOf(err) != llm.ContextOverflow {
			t.Errorf("a call larger than the cache: %v", err)
		}
		cancel()
		wg.Wait()
		s.Close()
	})
}

// TestThousandClients come at the same time. Each is served or told when to
// come back, and all are in the end.
func TestThousandClients(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEngine(8, 128, 4000)
		e.takes = time.Millisecond
		s := schedule.New(e, schedule.Config{Slots: 8, Batch: 128, Queue: 64})
		var wg sync.WaitGroup
		var turned atomic.Int64
		for i := range 1000 {
			wg.Go(func() {
				p := slices.Concat(numbers(100, 0), numbers(20, int32(i+1)))
				for {
					j := &job{n: 3}
					_, err := s.Do(t.Context(), p, 3, j)
					var le *llm.Error
					if errors.As(err, &le) && le.Kind == llm.RateLimited && le.RetryAfter > 0 {
						turned.Add(1)
						time.Sleep(le.RetryAfter)
						continue
					}
					if err != nil || !slices.Equal(j.out, j.want(p)) {
						t.Errorf("%v, %v", j.out, err)
					}
					return
				}
			})
		}
		wg.Wait()
		s.Close()
		if turned.Load() == 0 {
			t.Error("nobody was turned away: the queue is not bounded")
		}
		if len(e.violated) > 0 {
			t.Error(e.violated)
		}
	})
}
