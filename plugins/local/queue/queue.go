// Package queue decides whose turn it is at a model that serves one call at a
// time: first come, first served, and no more waiting than there is sense in.
package queue

import (
	"context"
	"fmt"
	"sync"
	"time"

	"skerry/appliance/llm"
)

// Queue hands the engine to one call after the other in the order of arrival,
// and turns calls away when too many wait. It is safe for concurrent use.
type Queue struct {
	slot chan struct{} // holds one value while the engine is in use; Go serves waiters in order
	most int           // calls that may wait

	mu      sync.Mutex // guards the fields below
	waiting int
	typical time.Duration // moving average of how long one call holds the engine
}

// New returns a queue in which at most so many calls wait.
func New(most int) *Queue { return &Queue{slot: make(chan struct{}, 1), most: most} }

// Enter waits for the engine and returns the function that gives it back. It
// returns an *llm.Error of kind rate-limited at once if the queue is
// full, and the context's error if that ends first.
func (q *Queue) Enter(ctx context.Context) (leave func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	q.mu.Lock()
	if q.waiting >= q.most && len(q.slot) > 0 {
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
