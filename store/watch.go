package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"sync"

	"skerry/appliance/mission"
)

// ErrMissed ends [DB.WatchAll] when more runs changed than it can keep for a
// slow consumer: list again and watch again.
var ErrMissed = errors.New("too many changes were missed")

const (
	watchPage  = 256   // observations read at once
	maxPending = 65536 // changed runs kept for one consumer
)

// hub wakes those who watch. It carries no data: the journal does.
type hub struct {
	mu   sync.Mutex // guards the fields below
	runs map[runKey]map[*watcher]bool
	all  map[*watcher]bool
}

// watcher is one consumer. wake holds at most one signal.
type watcher struct {
	wake    chan struct{}
	pending map[runKey]bool // runs that changed; only where all runs are watched. Guarded by hub.mu
	missed  bool            // guarded by hub.mu
}

// notify wakes the watchers of runs that have changed.
func (h *hub) notify(changed []runKey) {
	if len(changed) == 0 {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, run := range changed {
		for w := range h.runs[run] {
			w.signal()
		}
		for w := range h.all {
			if len(w.pending) < maxPending || w.pending[run] {
				w.pending[run] = true
			} else {
				w.missed = true
			}
		}
	}
	for w := range h.all {
		w.signal()
	}
}

func (w *watcher) signal() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

func (h *hub) watchRun(run runKey) (*watcher, func()) {
	w := &watcher{wake: make(chan struct{}, 1)}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.runs == nil {
		h.runs = map[runKey]map[*watcher]bool{}
	}
	if h.runs[run] == nil {
		h.runs[run] = map[*watcher]bool{}
	}
	h.runs[run][w] = true
	return w, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.runs[run], w)
		if len(h.runs[run]) == 0 {
			delete(h.runs, run)
		}
	}
}

func (h *hub) watchAll() (*watcher, func()) {
	w := &watcher{wake: make(chan struct{}, 1), pending: map[runKey]bool{}}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.all == nil {
		h.all = map[*watcher]bool{}
	}
	h.all[w] = true
	return w, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.all, w)
	}
}

// Watch yields the observations of a run that come after the sequence number
// after: first what the journal holds, then what is appended, until the verdict
// has been yielded, ctx ends or the consumer stops. Nothing is lost or doubled
// between the two, however slow the consumer is, because both are read from the
// journal and only the wish to read again is signalled. An error is yielded
// last: ctx's, [ErrClosed], or one wrapping [mission.ErrNotFound].
func (db *DB) Watch(ctx context.Context, run mission.RunID, after uint64) iter.Seq2[mission.Observation, error] {
	return func(yield func(mission.Observation, error) bool) {
		fail := func(err error) { yield(mission.Observation{}, fmt.Errorf("watch run %s: %w", run, err)) }
		key, err := parseRun(run)
		if err != nil {
			fail(fmt.Errorf("%w: %w", mission.ErrNotFound, err))
			return
		}
		w, stop := db.hub.watchRun(key)
		defer stop()
		for {
			obs, ended, err := db.watched(ctx, key, after)
			if err != nil {
				fail(err)
				return
			}
			for _, o := range obs {
				if !yield(o, nil) {
					return
				}
				after = o.Seq
			}
			if len(obs) == watchPage {
				continue
			}
			if ended {
				return
			}
			if err := db.wait(ctx, w); err != nil {
				fail(err)
				return
			}
		}
	}
}

// watched reads the next page and says whether the run had ended by then.
func (db *DB) watched(ctx context.Context, run runKey, after uint64) (obs []mission.Observation, ended bool, err error) {
	err = db.view(ctx, func(t *tx) error {
		r, err := t.row(run)
		if err == nil && r == nil {
			err = mission.ErrNotFound
		}
		if err != nil {
			return err
		}
		ended = r.State == mission.Ended
		if after >= r.Seq {
			return nil
		}
		obs, err = t.observations(run, after, watchPage)
		return err
	})
	return obs, ended, err
}

func (db *DB) wait(ctx context.Context, w *watcher) error {
	select {
	case <-w.wake:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-db.quit:
		return ErrClosed
	}
}

// WatchAll yields the summary of every run that changes after the call (not only
// after the first step of the loop, so that a list read in between misses
// nothing), the latest state only if it changes several times before the consumer looks, until ctx
// ends or the consumer stops. An error is yielded last: ctx's, [ErrClosed], or
// [ErrMissed].
func (db *DB) WatchAll(ctx context.Context) iter.Seq2[mission.Summary, error] {
	w, stop := db.hub.watchAll()
	release := sync.OnceFunc(stop)
	unhook := context.AfterFunc(ctx, release)
	return func(yield func(mission.Summary, error) bool) {
		defer release()
		defer unhook()
		for {
			if err := db.wait(ctx, w); err != nil {
				yield(mission.Summary{}, fmt.Errorf("watch runs: %w", err))
				return
			}
			runs, missed := db.hub.take(w)
			if missed {
				yield(mission.Summary{}, fmt.Errorf("watch runs: %w", ErrMissed))
				return
			}
			for _, run := range runs {
				s, err := db.Run(ctx, run.id())
				if err != nil {
					yield(mission.Summary{}, fmt.Errorf("watch runs: %w", err))
					return
				}
				if !yield(s, nil) {
					return
				}
			}
		}
	}
}

// take returns what has changed since the last call, oldest run first.
func (h *hub) take(w *watcher) (runs []runKey, missed bool) {
	h.mu.Lock()
	pending := w.pending
	w.pending = map[runKey]bool{}
	missed = w.missed
	h.mu.Unlock()
	return slices.SortedFunc(maps.Keys(pending), func(a, b runKey) int { return bytes.Compare(a[:], b[:]) }), missed
}
