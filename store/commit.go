package store

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"sync/atomic"
	"syscall"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

// maxGroup bounds the writes that share a transaction, so that the first of
// them does not wait for too long.
const maxGroup = 512

// States of a write. Only the caller takes it back, only the committer takes it
// on, and exactly one of them succeeds.
const (
	queued int32 = iota
	taken
	withdrawn
)

// write is one atomic change that waits for the committer.
type write struct {
	// apply changes the database. It may be called again after a rollback, so
	// it sets its results and does not add to them.
	apply   func(*tx) error
	state   atomic.Int32
	done    chan error // holds the answer once taken; buffered
	changed []runKey
	err     error
}

// update has the committer apply fn and returns after fsync. When ctx ends
// while the write still waits in the queue, nothing of it happens. Once the
// committer has taken it on, update waits for the outcome, because an answer
// that leaves open whether the write happened is of no use to anybody.
func (db *DB) update(ctx context.Context, fn func(*tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := db.poisoned(); err != nil {
		return err
	}
	// fn seals, and so does the outbox, with the key of the moment: Reseal waits
	// until that is stored.
	defer db.flights.takeOff()()
	w := &write{apply: fn, done: make(chan error, 1)}
	select {
	case <-db.quit:
		return ErrClosed
	default:
	}
	select {
	case db.queue <- w:
	case <-ctx.Done():
		return ctx.Err()
	case <-db.quit:
		return ErrClosed
	}
	select {
	case err := <-w.done:
		return err
	case <-ctx.Done():
		if w.state.CompareAndSwap(queued, withdrawn) {
			return ctx.Err()
		}
	case <-db.stopped:
		if w.state.CompareAndSwap(queued, withdrawn) {
			return ErrClosed
		}
	}
	return <-w.done
}

// commitLoop is the committer, the only goroutine that writes. All writes that
// wait when it is free share one transaction and its fsync.
func (db *DB) commitLoop() {
	defer close(db.stopped)
	debug.SetPanicOnFault(true) // as in view
	var group []*write
	for {
		select {
		case <-db.quit:
			return
		case w := <-db.queue:
			group = db.gather(append(group[:0], w))
			db.commitGroup(group)
			clear(group)
		}
	}
}

// gather adds what waits in the queue. It lets the callers that the last group
// has woken run first: their next writes belong into this group.
func (db *DB) gather(group []*write) []*write {
	for range 2 {
		runtime.Gosched()
		for len(group) < maxGroup {
			select {
			case w := <-db.queue:
				group = append(group, w)
				continue
			default:
			}
			break
		}
	}
	return group
}

// commitGroup applies the group in one transaction, commits it and answers.
func (db *DB) commitGroup(group []*write) {
	live := group[:0]
	for _, w := range group {
		if w.state.CompareAndSwap(queued, taken) {
			live = append(live, w)
		}
	}
	answered := slices.Clone(live) // the audit log answers later, and the group is used again
	if err := db.poisoned(); err != nil {
		for _, w := range answered {
			w.done <- err
		}
		return
	}
	var out *outbox
	id := 0
	for len(live) > 0 {
		var again []*write
		var err error
		again, out, id, err = db.try(live)
		if err != nil {
			for _, w := range live {
				w.err = err
			}
			break
		}
		live = again
	}
	if out == nil || len(out.records) == 0 {
		db.answer(answered)
		return
	}
	// The next group is written while this one is recorded.
	db.auditor.Submit(func(err error) {
		if err != nil {
			err = db.setPoison(fmt.Errorf("%w: %w", errUnrecorded, err))
			for _, w := range answered {
				if w.err == nil {
					w.err = err
				}
			}
		}
		db.barrier.end(id, err == nil)
		db.answer(answered)
	}, out.records...)
}

// answer tells the callers of a group what became of it, and wakes those who
// watch.
func (db *DB) answer(group []*write) {
	var changed []runKey
	for _, w := range group {
		if w.err == nil {
			changed = append(changed, w.changed...)
		}
		w.done <- w.err
	}
	db.hub.notify(changed)
}

// try applies the writes in one transaction and commits it. A write that fails
// before it changed anything is left out and keeps its error. One that fails
// later spoils the transaction: try then returns the others, to be tried
// without it. An error means that nothing of the group was written.
//
// Where there is something to record, out holds it, and the transaction with
// the given id is at the barrier.
func (db *DB) try(group []*write) (again []*write, out *outbox, id int, err error) {
	b, err := db.bolt.Begin(true)
	if err != nil {
		if errors.Is(err, bolterrors.ErrDatabaseNotOpen) {
			return nil, nil, 0, ErrClosed
		}
		return nil, nil, 0, fmt.Errorf("begin transaction: %w", err)
	}
	defer func() {
		if p := recover(); p != nil {
			again, out, err = nil, nil, db.setPoison(damaged(p))
		}
		rollback(b) // does nothing after a commit
	}()
	dirty := false
	out = &outbox{}
	for i, w := range group {
		t := &tx{Tx: b, db: db}
		w.err = w.apply(t)
		w.changed = t.changed
		if w.err == nil {
			out.add(t)
		}
		if w.err != nil && t.dirty {
			again = append(again, group[:i]...)
			return append(again, group[i+1:]...), nil, 0, nil
		}
		dirty = dirty || t.dirty
	}
	if !dirty {
		return nil, nil, 0, nil
	}
	id = b.ID()
	if err := out.put(&tx{Tx: b, db: db}); err != nil {
		return nil, nil, 0, err
	}
	if len(out.records) > 0 {
		db.barrier.begin(id)
	}
	if err := db.commit(b); err != nil {
		db.barrier.end(id, false)
		if full(err) && db.isBefore(id) {
			return nil, nil, 0, fmt.Errorf("nothing was written: %w", err)
		}
		return nil, nil, 0, db.setPoison(err)
	}
	db.appends.Add(uint64(len(group)))
	db.groups.Add(1)
	return nil, out, id, nil
}

// full reports whether a commit failed for want of room.
func full(err error) bool { return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) }

// isBefore reports whether the database still stands where it stood before the
// transaction with the given id. A commit writes its pages into free space and
// makes them count by writing the meta page last: a disk that was full before that
// has done no harm, every page that counts is as durable as it was, and the
// same change can be tried again when there is room. Where the meta page was
// reached, memory and file may differ, which only opening anew can settle.
func (db *DB) isBefore(id int) bool {
	b, err := db.bolt.Begin(false)
	if err != nil {
		return false
	}
	defer rollback(b)
	return b.ID() == id-1
}

// rollback gives the transaction up. After a panic bbolt may not be able to.
func rollback(b *bolt.Tx) {
	defer func() { _ = recover() }()
	_ = b.Rollback()
}

// setPoison refuses all later writes because of cause. A failed fsync is never
// tried again: the kernel may have dropped the pages and say yes the next time.
func (db *DB) setPoison(cause error) error {
	err := fmt.Errorf("%w: %w; look at the disk, then restart", ErrPoisoned, cause)
	db.poison.CompareAndSwap(nil, &err)
	return db.poisoned()
}

func (db *DB) poisoned() error {
	if p := db.poison.Load(); p != nil {
		return *p
	}
	return nil
}
