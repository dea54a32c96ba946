package plugins

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"skerry/appliance/llm"
)

// Phase is where a [Child] is in its life.
type Phase string

// Phases of a child. Only a ready one answers; calls to any other get an
// *llm.Error of kind unavailable at once.
const (
	Starting Phase = "starting" // launched, or waiting to be launched again
	Ready    Phase = "ready"
	Stopped  Phase = "stopped" // by an administrator, until Start
	Failed   Phase = "failed"  // starting again will not help; needs an administrator
)

// State describes a child for people.
type State struct {
	Phase       Phase     `json:"phase"`
	Reason      string    `json:"reason,omitempty"` // why it is not ready, or why it was started again last time
	PID         int       `json:"pid,omitempty"`    // 0 while there is no process
	Since       time.Time `json:"since"`            // when the phase began
	Restarts    int       `json:"restarts"`         // since Start
	MemoryBytes int64     `json:"memoryBytes,omitempty"`
}

// Child is a provider in a supervised child process. It is one llm.Provider
// for as long as the appliance runs, whatever becomes of the process: a crash or a
// hang ends the calls in flight with an *llm.Error of kind unavailable, and
// the process is started again after a pause that doubles each time. It is
// safe for concurrent use.
type Child struct {
	spec Spec
	dir  string

	admin sync.Mutex // held by Start, Stop and Close, one at a time

	mu      sync.Mutex // guards the fields below
	state   State
	closed  bool
	inst    *instance // nil unless ready
	changed chan struct{}
	stop    context.CancelFunc // ends the supervisor; nil while there is none
	done    chan struct{}      // closed when the supervisor has ended
	retryAt time.Time          // of the next launch, while one waits
}

var (
	_ llm.Provider  = (*Child)(nil)
	_ llm.Tokenizer = (*Child)(nil)
)

// New returns a child that is stopped. It checks the specification and makes
// the private directory; [Child.Start] launches the process.
func New(s Spec) (*Child, error) {
	s, err := s.validated()
	if err != nil {
		return nil, err
	}
	dir, err := s.privateDir()
	if err != nil {
		return nil, fmt.Errorf("private directory of provider %s: %w", s.Name, err)
	}
	if s.Dir == "" {
		s.Dir = dir
	}
	return &Child{spec: s, dir: dir, changed: make(chan struct{}), state: State{Phase: Stopped, Since: time.Now()}}, nil
}

// Start is [New] and then [Child.Start]; on error nothing is left running.
func Start(ctx context.Context, s Spec) (*Child, error) {
	c, err := New(s)
	if err != nil {
		return nil, err
	}
	if err := c.Start(ctx); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// Start launches the process and returns when it is ready, or with an
// *llm.Error of kind unavailable when the first launch fails; after one that
// trying again may cure, the supervisor goes on trying. A child that runs
// already is waited for. ctx bounds the waiting, not the life of the process.
func (c *Child) Start(ctx context.Context) error {
	c.admin.Lock()
	c.mu.Lock()
	if p := c.state.Phase; (p == Stopped || p == Failed) && !c.closed {
		c.halt()
		life, stop := context.WithCancel(context.Background())
		c.stop, c.done = stop, make(chan struct{})
		c.state.Restarts = 0
		c.set(Starting, "")
		go c.supervise(life, c.done)
	}
	c.mu.Unlock()
	c.admin.Unlock() // a model that loads slowly can be stopped meanwhile
	for {
		c.mu.Lock()
		s, next := c.state, c.changed
		c.mu.Unlock()
		switch {
		case s.Phase == Ready:
			return nil
		case s.Phase != Starting || s.Reason != "":
			return c.unavailable()
		}
		select {
		case <-next:
		case <-ctx.Done():
			return &llm.Error{Kind: llm.KindOf(ctx.Err()), Message: "provider " + c.spec.Name + " is still starting", Err: ctx.Err()}
		}
	}
}

// Stop kills the process and returns when nothing of it is left. Calls in
// flight end with kind unavailable, as do new ones until [Child.Start].
func (c *Child) Stop(context.Context) error {
	c.admin.Lock()
	defer c.admin.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.set(Stopped, "stopped by an administrator")
	c.halt()
	return nil
}

// Close is Stop for good; it also removes the private directory. The error is
// about that directory.
func (c *Child) Close() error {
	c.mu.Lock()
	c.closed = true // whoever starts it now comes too late
	c.mu.Unlock()
	_ = c.Stop(context.Background())
	return os.RemoveAll(c.dir)
}

// halt ends the supervisor and waits for it. The caller holds admin and mu;
// mu is released while waiting.
func (c *Child) halt() {
	if c.stop == nil {
		return
	}
	c.stop()
	done := c.done
	c.mu.Unlock()
	<-done
	c.mu.Lock()
	c.stop, c.done = nil, nil
}

// State returns what the child is doing now.
func (c *Child) State() State {
	c.mu.Lock()
	s, inst := c.state, c.inst
	c.mu.Unlock()
	if inst != nil {
		s.PID, s.MemoryBytes = inst.process.pid(), inst.process.memory()
	}
	return s
}

// Changed returns a channel that is closed when the state next changes. Take
// it before looking at State, so that no change is missed.
func (c *Child) Changed() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.changed
}

// set changes the phase and wakes who waits. The caller holds mu.
func (c *Child) set(p Phase, reason string) {
	c.state.Phase, c.state.Reason, c.state.Since = p, reason, time.Now()
	if p != Ready {
		c.inst = nil
	}
	close(c.changed)
	c.changed = make(chan struct{})
}

// supervise keeps a process running until life ends. It is the only goroutine
// that launches and closes instances.
func (c *Child) supervise(life context.Context, done chan struct{}) {
	defer close(done)
	pause, failures := c.spec.BackoffMin, 0
	for life.Err() == nil {
		inst, err := launch(life, c.spec, c.dir)
		began := time.Now()
		if err == nil {
			c.ready(life, inst)
			err = c.watch(life, inst)
			inst.close()
			failures = 0
			if time.Since(began) > 10*c.spec.BackoffMax {
				pause = c.spec.BackoffMin
			}
		} else {
			failures++
		}
		if life.Err() != nil {
			return
		}
		var unusable *unusableError
		if errors.As(err, &unusable) || failures >= c.spec.MaxFailures {
			c.spec.Log.Error("provider cannot be started", "error", err)
			c.become(life, Failed, err.Error())
			return
		}
		c.spec.Log.Warn("provider ended; it is started again", "error", err, "pause", pause)
		c.mu.Lock()
		c.retryAt = time.Now().Add(pause)
		c.state.Restarts++
		c.mu.Unlock()
		c.become(life, Starting, err.Error())
		select {
		case <-life.Done():
		case <-time.After(pause):
		}
		pause = min(2*pause, c.spec.BackoffMax)
	}
}

// ready makes inst answer calls from now on.
func (c *Child) ready(life context.Context, inst *instance) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if life.Err() == nil {
		reason := ""
		if c.state.Restarts > 0 {
			reason = c.state.Reason
		}
		c.set(Ready, reason)
		c.inst = inst
	}
}

func (c *Child) become(life context.Context, p Phase, reason string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if life.Err() == nil {
		c.set(p, reason)
	}
}

// watch returns why the process ended or must end.
func (c *Child) watch(life context.Context, i *instance) error {
	tick := time.NewTicker(c.spec.HealthEvery)
	defer tick.Stop()
	for {
		select {
		case <-life.Done():
			return life.Err()
		case <-i.process.exited:
			how, _, _ := i.process.how()
			return fmt.Errorf("it ended: %s", how)
		case <-tick.C:
			err := i.healthy(life, c.spec.HealthWait)
			if life.Err() == nil && llm.KindOf(err) == llm.Timeout {
				return fmt.Errorf("it hangs: %w", err)
			}
		}
	}
}
