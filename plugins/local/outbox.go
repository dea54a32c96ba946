//go:build cgo && !race

package main

import (
	"sync"

	"skerry/appliance/llm"
)

// outbox holds the output of one call until its caller takes it. The caller
// may be slow, a stream over a socket; the goroutine that runs the model must
// not wait for it. What is not taken yet goes out as one piece: its size is
// bounded by that of the answer.
type outbox struct {
	ready chan struct{} // holds one value while there is something

	mu      sync.Mutex // guards the field below
	pending []llm.Delta
}

func newOutbox() *outbox { return &outbox{ready: make(chan struct{}, 1)} }

// put adds a piece of output.
func (o *outbox) put(d llm.Delta) {
	if d.Empty() {
		return
	}
	o.mu.Lock()
	if n := len(o.pending); n > 0 && joins(o.pending[n-1], d) {
		last := &o.pending[n-1]
		last.Text += d.Text
		last.Thinking += d.Thinking
		last.Tokens = append(last.Tokens, d.Tokens...)
		last.Calls = append(last.Calls, d.Calls...)
	} else {
		o.pending = append(o.pending, d)
	}
	o.mu.Unlock()
	select {
	case o.ready <- struct{}{}:
	default:
	}
}

// joins reports whether two pieces are one without a change of order: within a
// piece, thought comes before text and text before calls.
func joins(a, b llm.Delta) bool {
	return len(a.Calls) == 0 && (b.Thinking == "" || a.Text == "")
}

// take returns what there is.
func (o *outbox) take() []llm.Delta {
	o.mu.Lock()
	defer o.mu.Unlock()
	out := o.pending
	o.pending = nil
	return out
}
