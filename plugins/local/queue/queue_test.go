package queue_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"skerry/appliance/llm"
	"skerry/plugins/local/queue"
)

func TestTurnsAreTakenInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := queue.New(10)
		var order []int
		leave, err := q.Enter(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for i := range 5 {
			go func() {
				leave, err := q.Enter(t.Context())
				if err != nil {
					t.Error(err)
					return
				}
				order = append(order, i)
				leave()
			}()
			synctest.Wait() // it waits before the next comes
		}
		leave()
		synctest.Wait()
		for i, got := range order {
			if got != i {
				t.Fatalf("order %v", order)
			}
		}
		if len(order) != 5 {
			t.Errorf("%d had their turn", len(order))
		}
	})
}

func TestTooManyAreTurnedAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := queue.New(2)
		first, _ := q.Enter(t.Context())
		time.Sleep(8 * time.Second) // of the bubble's clock: one call takes 8 s
		first()
		hold, _ := q.Enter(t.Context())
		for range 2 {
			go func() {
				if leave, err := q.Enter(t.Context()); err == nil {
					leave()
				}
			}()
		}
		synctest.Wait()
		_, err := q.Enter(t.Context())
		var e *llm.Error
		if !errors.As(err, &e) || e.Kind != llm.RateLimited || e.RetryAfter != 16*time.Second {
			t.Errorf("got %#v; want rate-limited, to try again after the two that wait", err)
		}
		hold()
		synctest.Wait()
		leave, err := q.Enter(t.Context())
		if err != nil {
			t.Fatalf("when all have left: %v", err)
		}
		leave()
	})
}

func TestGivingUpLeavesTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := queue.New(1)
		hold, _ := q.Enter(t.Context())
		for range 3 { // each would fill the queue if it stayed
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error)
			go func() {
				_, err := q.Enter(ctx)
				done <- err
			}()
			synctest.Wait()
			cancel()
			if err := <-done; !errors.Is(err, context.Canceled) {
				t.Errorf("got %v", err)
			}
		}
		hold()
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := q.Enter(gone); !errors.Is(err, context.Canceled) {
			t.Errorf("an ended context on a free queue: %v", err)
		}
	})
}
