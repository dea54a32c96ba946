// Package schedule runs many sequences through one model at once: in each
// forward pass of the engine, some read a piece of their prompt while others
// write their next token. It decides whose turn it is, which sequences share
// what the model has already read, and when a call is turned away. It knows
// neither the engine nor what a sequence writes; both are interfaces. Start
// with [Scheduler.Do].
package schedule

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"skerry/appliance/llm"
	"skerry/plugins/local/prefix"
)

// Input is one element of a sequence.
type Input struct {
	ID    int32  // token
	Hash  uint64 // of the content of Media; inputs are the same where ID and Hash are
	Media any    // what stands here instead of a token, for the engine; nil = nothing

	// Run says that so many further inputs go through the engine in the same
	// pass as this one. Runs do not overlap.
	Run int
}

// Token is an input in its place.
type Token struct {
	Seq, Pos int
	Input    Input
	Logits   bool // what follows it is asked for
}

// Engine computes. One goroutine, that of the scheduler, calls it.
type Engine interface {
	// Forward computes a batch, in which the tokens of a sequence stand
	// together and go on where it ended, and returns the logits after each
	// token that asks for them, in order. After an error all sequences are lost.
	Forward(batch []Token) ([][]float32, error)

	// Expect says that a sequence will have about so many tokens in the end.
	Expect(seq, tokens int)

	// Together reports whether a new sequence of so many tokens could be put
	// where passes over it are cheap, without forgetting another.
	Together(tokens int) bool

	// Fork makes the new sequence dst begin with the first n tokens of src.
	// After an error dst is empty.
	Fork(src, dst, n int) error

	// Drop forgets a sequence.
	Drop(seq int)

	// Pages returns how much room so many tokens of one sequence take, Free how
	// much there is now, and Total how much there is without any sequence.
	Pages(tokens int) int
	Free() int
	Total() int

	// Grain is the unit in which beginnings are shared, in tokens; 0 = this
	// model cannot share.
	Grain() int
}

// Job is what one call wants of the model. All its methods but the first are
// called by goroutines of the scheduler, one at a time.
type Job interface {
	// Begin returns what stands in the sequence behind the prompt before the
	// model is asked. none says that the model need not be asked at all.
	Begin() (more []Input, none bool, err error)

	// Ahead prepares what can be prepared for Next before the logits are known.
	Ahead()

	// Next takes the logits after the last input, which are only lent, and
	// returns what follows in the sequence: nothing if it has ended.
	Next(logits []float32) (more []Input, err error)
}

// Config of a scheduler.
type Config struct {
	Slots int // sequences at once
	Batch int // most tokens in one pass; at least Slots
	Queue int // calls that may wait for a slot
}

// Scheduler is safe for concurrent use.
type Scheduler struct {
	engine Engine
	c      Config
	wake   chan struct{} // holds one value if there may be work
	done   chan struct{} // the loop has ended

	mu       sync.Mutex // guards the fields below
	waiting  []*call
	arriving int // calls that are about to wait
	inUse    int // slots
	typical  time.Duration
	closed   bool
	stats    Stats

	// What follows belongs to the goroutine of the loop.
	running  []*call // in the order of admission
	reserved int     // pages that the running may need
	tree     prefix.Tree
	idle     []int // sequences of calls that have ended, least recently used first
	last     int   // the greatest sequence number so far
}

// call is one Do.
type call struct {
	ctx    context.Context
	job    Job
	inputs []Input
	keys   []prefix.Key
	most   int           // tokens that the sequence may have in the end
	done   chan struct{} // closed at the end; the fields below hold then
	cached int
	err    error

	// Of the loop's goroutine while the call runs.
	seq     int
	at      int   // inputs that are computed
	started bool  // it has taken over what it can, and computes
	follow  *call // which computes what c will take over; c waits for it …
	until   int   // … to have computed so much
	pages   int   // reserved
	start   time.Time
}

// Stats counts what a scheduler has done.
type Stats struct {
	Passes, Tokens int           // forward passes, and tokens in them
	Forward, Busy  time.Duration // in Engine.Forward, and while there was work
	Cached, Asked  int           // inputs taken from the cache, and all inputs, of admitted calls
}

// New starts a scheduler over an engine.
func New(e Engine, c Config) *Scheduler {
	s := &Scheduler{engine: e, c: c, wake: make(chan struct{}, 1), done: make(chan struct{})}
	go s.loop()
	return s
}

// Close ends all calls and waits for the engine to rest.
func (s *Scheduler) Close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.poke()
	<-s.done
}

// Stats returns what has been counted so far.
func (s *Scheduler) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stats
}

// ErrClosed is the error of calls of a scheduler that was closed.
var ErrClosed = errors.New("the model is being unloaded")

// Do runs one sequence: prompt, and up to limit tokens that job adds. It
// returns how many of the inputs had been computed before, for another call.
// It returns an *llm.Error of kind rate-limited at once if the queue is full;
// when ctx ends it returns the error of ctx at once, and the slot is free at
// the end of the pass that runs.
func (s *Scheduler) Do(ctx context.Context, prompt []Input, limit int, job Job) (cached int, err error) {
	if err := s.arrive(ctx); err != nil {
		return 0, err
	}
	c, err := s.prepare(ctx, prompt, limit, job)
	s.mu.Lock()
	s.arriving--
	if c == nil || s.closed {
		if c != nil {
			err = ErrClosed
		}
		s.mu.Unlock()
		return 0, err
	}
	s.waiting = append(s.waiting, c)
	s.mu.Unlock()
	s.poke()
	select {
	case <-c.done:
		return c.cached, c.err
	case <-ctx.Done():
		s.leave(c)
		return 0, ctx.Err()
	}
}

// leave takes a call out of the queue, or tells the loop that it has ended.
func (s *Scheduler) leave(c *call) {
	s.mu.Lock()
	s.waiting = slices.DeleteFunc(s.waiting, func(w *call) bool { return w == c })
	s.mu.Unlock()
	s.poke()
}

// arrive takes a place in the queue.
func (s *Scheduler) arrive(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	n := len(s.waiting) + s.arriving
	if n >= s.c.Queue+s.c.Slots-s.inUse {
		wait := max(s.typical*time.Duration(n+1)/time.Duration(s.c.Slots), 50*time.Millisecond)
		return &llm.Error{Kind: llm.RateLimited, RetryAfter: wait, Message: fmt.Sprintf("%d calls already wait for this model", n)}
	}
	s.arriving++
	return nil
}

// prepare returns nil if the model need not be asked.
func (s *Scheduler) prepare(ctx context.Context, prompt []Input, limit int, job Job) (*call, error) {
	more, none, err := job.Begin()
	if err != nil || none {
		return nil, err
	}
	c := &call{ctx: ctx, job: job, most: len(prompt) + limit, done: make(chan struct{})}
	c.append(prompt)
	c.append(more)
	if len(c.inputs) == 0 {
		return nil, errors.New("there is nothing for the model to go on from")
	}
	// The others that write take their places in a pass first.
	if n := longest(c.inputs); n > 1 && n > s.c.Batch-s.c.Slots+1 {
		return nil, &llm.Error{Kind: llm.Invalid, Message: fmt.Sprintf("%d tokens of an image must be read at once; the model was started for %d", n, s.c.Batch-s.c.Slots+1)}
	}
	if n := s.engine.Pages(c.most); n > s.engine.Total() {
		return nil, &llm.Error{Kind: llm.ContextOverflow, Message: fmt.Sprintf("the call may need %d tokens, more than the key-value cache holds", c.most)}
	}
	return c, nil
}

func (c *call) append(more []Input) {
	for _, in := range more {
		c.inputs = append(c.inputs, in)
		c.keys = append(c.keys, prefix.Key{ID: in.ID, Hash: in.Hash})
	}
}

func (s *Scheduler) poke() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}
