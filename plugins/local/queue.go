package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"skerry/appliance/llm"
)

// queue hands the engine to one call after the other in the order of arrival,
// and turns calls away when too many wait.
type queue struct {
	slot chan struct{} // holds one value while the engine is in use; Go serves waiters in order
	most int           // calls that may wait

	mu      sync.Mutex // guards the fields below
	waiting int
	typical time.Duration // moving average of how long one call holds the engine
}

func newQueue(most int) *queue { return &queue{slot: make(chan struct{}, 1), most: most} }

// enter waits for the engine and returns the function that gives it back. It
// returns an *llm.Error of kind rate-limited at once if the queue is full.
func (q *queue) enter(ctx context.Context) (leave func(), err error) {
	q.mu.Lock()
	if q.waiting >= q.most {
		wait := max(q.typical*time.Duration(q.waiting), 50*time.Millisecond)
		n := q.waiting
		q.mu.Unlock()
		return nil, &llm.Error{Kind: llm.RateLimited, RetryAfter: wait, Message: fmt.Sprintf("%d calls already wait for this model", n)}
	}
	q.waiting++
	q.mu.Unlock()
	defer func() {
		q.mu.Lock()
		q.waiting--
		q.mu.Unlock()
	}()
	select {
	case q.slot <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	start := time.Now()
	return func() {
		took := time.Since(start)
		q.mu.Lock()
		if q.typical == 0 {
			q.typical = took
		}
		q.typical += (took - q.typical) / 8
		q.mu.Unlock()
		<-q.slot
	}, nil
}
