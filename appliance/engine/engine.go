// Package engine drives runs. One goroutine, the actor, owns a run while there
// is something to do in it: it folds the journal, asks the mission's plan what
// can be done now, writes that down, and only then does it. A run that waits
// for people, a timer or a model holds no goroutine and next to no memory.
//
// Intent before effect: routed is durable before a model is called, started
// before a child run is created. Nobody learns of anything before it is
// durable. After a crash the journal alone says how to go on.
//
// Start with [Engine.Run], then turn in step.go, which is the road of a run.
package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"

	"skerry/appliance/gateway"
	"skerry/appliance/llm"
	"skerry/appliance/mission"
	"skerry/appliance/policy"
)

// Journal is where observations go and come from.
type Journal interface {
	// Append adds obs to run if its last sequence is expected, writes the
	// summary with them, and returns after both are durable. A wrong sequence
	// is an error wrapping mission.ErrConflict.
	Append(ctx context.Context, run mission.RunID, expected uint64, s mission.Summary, obs ...mission.Observation) error
	// Load returns all observations of the run in order, or an error wrapping
	// mission.ErrNotFound.
	Load(ctx context.Context, run mission.RunID) ([]mission.Observation, error)
	// Claim returns the ids of all runs that have not ended, oldest first.
	Claim(ctx context.Context) ([]mission.RunID, error)
	// RunByKey returns the run that was created with an idempotency key, or an
	// error wrapping mission.ErrNotFound.
	RunByKey(ctx context.Context, key string) (mission.RunID, error)
}

// rester is a Journal that remembers Summary.Rests and Summary.Wake.
type rester interface {
	// Resting returns the open runs that rest, and until when.
	Resting(ctx context.Context) (map[mission.RunID]time.Time, error)
}

// Blobs holds big inputs by the SHA-256 of their bytes, in hex.
type Blobs interface {
	Put(ctx context.Context, r io.Reader, maxBytes int64) (sha256 string, sizeBytes int64, err error)
	Open(ctx context.Context, sha256 string) (io.ReadCloser, error)
}

// Library holds published missions. It is asked for every activation of a run,
// so it keeps compiled plans.
type Library interface {
	// Plan returns the plan of a published version, 0 = the latest; or an
	// error wrapping mission.ErrNotFound.
	Plan(ctx context.Context, name string, version int) (*mission.Plan, error)
}

// Policies holds the versions of the policy. A version never changes.
type Policies interface {
	Active() *policy.Policy
	Version(n int) (*policy.Policy, error)
}

// Reader turns a document into text. The error is about the reader; what is
// wrong with the document is ReadData.Problem.
type Reader interface {
	Read(ctx context.Context, name string, data []byte) (text string, info mission.ReadData, err error)
}

// Models routes and makes model calls; [gateway.Gateway] in the appliance.
type Models interface {
	Route(gateway.Clearance, policy.Query) (policy.Route, llm.Model)
	Generate(context.Context, gateway.Call) (gateway.Result, error)
	// Changed is closed when it is worth while to ask Route again.
	Changed() <-chan struct{}
}

var _ Models = (*gateway.Gateway)(nil)

// Config is what an Engine needs. The interfaces are required; zero values of
// the rest have the defaults stated.
type Config struct {
	Journal  Journal
	Blobs    Blobs
	Library  Library
	Policies Policies
	Reader   Reader
	Models   Models

	MaxActive     int   // runs that are worked on at once; default 128
	MaxReads      int   // documents that are read at once; default 2
	DocumentBytes int64 // largest document that is handed to the reader; default 32 MiB
	TextBytes     int64 // largest text of a document; default 32 MiB

	Clock  func() time.Time // default time.Now
	Jitter func() float64   // in [0, 1), spreads retries; default math/rand
	Log    *slog.Logger     // default slog.Default
}

// ErrStopped: the engine is not running, so nothing can be asked of it.
var ErrStopped = errors.New("the engine has stopped; start the appliance again")

// Engine drives runs. All methods are safe for concurrent use.
type Engine struct {
	Config
	ids   ids
	reads chan struct{} // a slot for each read under way
	keys  keyed         // one Start at a time for each idempotency key

	mu     sync.Mutex // guards the scheduler below and every entry in it
	runs   map[mission.RunID]*entry
	ready  fairQueue
	timers timerHeap
	active int
	// generation counts changes of what models are on offer: a run that
	// parked under an older one looks again before it sleeps.
	generation uint64
	state      phase
	ctx        context.Context // ends when Run does; set while running
	wake       chan struct{}   // the earliest timer has changed; capacity 1
	wg         sync.WaitGroup  // actors

	claimed chan struct{} // closed when Run has taken up the open runs
}

// Claimed is closed when Run has taken up every open run: before that, nothing
// can be asked of them.
func (e *Engine) Claimed() <-chan struct{} { return e.claimed }

type phase int

const (
	idle    phase = iota // before Run: runs are accepted and wait
	running              // Run drives
	stopped              // after Run: nothing is accepted
)

// New returns an Engine. It drives nothing before [Engine.Run].
func New(c Config) *Engine {
	c.MaxActive = cmp.Or(c.MaxActive, 128)
	c.MaxReads = cmp.Or(c.MaxReads, 2)
	c.DocumentBytes = cmp.Or(c.DocumentBytes, 32<<20)
	c.TextBytes = cmp.Or(c.TextBytes, 32<<20)
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Jitter == nil {
		c.Jitter = rand.Float64
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	e := &Engine{
		Config: c, runs: map[mission.RunID]*entry{}, reads: make(chan struct{}, c.MaxReads),
		wake: make(chan struct{}, 1), generation: 1, claimed: make(chan struct{}),
	}
	e.ids.clock = c.Clock
	return e
}

// Run takes up every run that has not ended and drives runs until ctx ends.
// Before it returns, calls in flight are cancelled and every goroutine has
// ended; what was in flight is repeated after the next start. It returns nil
// after ctx ended, and an error if it could not begin. It may be called once.
func (e *Engine) Run(ctx context.Context) error {
	e.mu.Lock()
	if e.state != idle {
		e.mu.Unlock()
		return fmt.Errorf("run engine: %w", ErrStopped)
	}
	e.state = running
	e.mu.Unlock()
	ctx, cancel := context.WithCancel(ctx)
	defer func() {
		cancel()
		e.stop()
	}()
	changed := e.Models.Changed() // before the first route, so that no change is missed
	ids, err := e.Journal.Claim(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return fmt.Errorf("find open runs: %w", err)
	}
	var resting map[mission.RunID]time.Time
	if j, ok := e.Journal.(rester); ok {
		if resting, err = j.Resting(ctx); err != nil && ctx.Err() == nil {
			e.Log.Warn("every open run has to be looked at", "error", err)
		}
	}
	e.mu.Lock()
	e.ctx = ctx
	for _, id := range ids {
		if e.runs[id] != nil {
			continue
		}
		n := &entry{id: id, heapAt: -1, recovered: true}
		e.runs[id] = n
		if until, ok := resting[id]; ok {
			n.wakeAt = until
			e.set(n)
			continue
		}
		e.enqueue(n, false)
	}
	e.admit()
	e.mu.Unlock()
	close(e.claimed)
	e.watch(ctx, changed)
	return nil
}

// watch turns timers and changes of the models into work, until ctx ends.
func (e *Engine) watch(ctx context.Context, changed <-chan struct{}) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		timer.Reset(e.fire())
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-e.wake:
		case <-changed:
			changed = e.Models.Changed()
			e.retryParked()
		}
	}
}

// stop refuses what is new, answers what waits, and waits for the actors.
func (e *Engine) stop() {
	e.mu.Lock()
	e.state = stopped
	for _, n := range e.runs {
		if n.state != active {
			n.refuse(ErrStopped)
		}
	}
	e.mu.Unlock()
	e.wg.Wait()
}

// Stats are the numbers of runs that the engine knows.
type Stats struct {
	Active  int `json:"active"`  // worked on now
	Queued  int `json:"queued"`  // waiting to be worked on
	Resting int `json:"resting"` // waiting for people, timers, models or children
	Parked  int `json:"parked"`  // resting ones that wait for a model
}

// Stats returns the numbers of this moment.
func (e *Engine) Stats() Stats {
	e.mu.Lock()
	defer e.mu.Unlock()
	s := Stats{Active: e.active}
	for _, n := range e.runs {
		switch n.state {
		case queued:
			s.Queued++
		case resting:
			s.Resting++
			if n.parkedAt != 0 {
				s.Parked++
			}
		}
	}
	return s
}

// now returns the time for observations: UTC, in whole microseconds, so that
// it is the same before and after a trip through JSON.
func (e *Engine) now() time.Time { return e.Clock().UTC().Truncate(time.Microsecond) }

// ids makes run ids that sort by the time of creation.
type ids struct {
	clock   func() time.Time
	mu      sync.Mutex // guards entropy
	entropy *ulid.MonotonicEntropy
}

func (i *ids) next() mission.RunID {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.entropy == nil {
		i.entropy = ulid.Monotonic(ulid.DefaultEntropy(), 0)
	}
	ms := ulid.Timestamp(i.clock())
	id, err := ulid.New(ms, i.entropy)
	if err != nil { // more than 2^80 ids in a millisecond: begin anew
		i.entropy = ulid.Monotonic(ulid.DefaultEntropy(), 0)
		id = ulid.MustNew(ms, i.entropy)
	}
	return mission.RunID(id.String())
}

// keyed is a mutex for each key in use.
type keyed struct {
	mu    sync.Mutex // guards locks
	locks map[string]*keyLock
}

type keyLock struct {
	sync.Mutex
	users int
}

// lock takes the mutex of key and returns what frees it.
func (k *keyed) lock(key string) (unlock func()) {
	k.mu.Lock()
	if k.locks == nil {
		k.locks = map[string]*keyLock{}
	}
	l := k.locks[key]
	if l == nil {
		l = &keyLock{}
		k.locks[key] = l
	}
	l.users++
	k.mu.Unlock()
	l.Lock()
	return func() {
		l.Unlock()
		k.mu.Lock()
		defer k.mu.Unlock()
		if l.users--; l.users == 0 {
			delete(k.locks, key)
		}
	}
}

// ended makes the error of an operation on a run that has its verdict.
func ended(run mission.RunID, v *mission.VerdictData) error {
	return fmt.Errorf("run %s has ended with the verdict %q: %w", run, v.Is, mission.ErrConflict)
}

// stricter returns the higher of two classes.
func stricter(p *policy.Policy, a, b llm.DataClass) llm.DataClass {
	if a == "" {
		return b
	}
	if b == "" {
		return a
	}
	return p.Max(a, b)
}
