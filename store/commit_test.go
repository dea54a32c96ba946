package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	bolt "go.etcd.io/bbolt"

	"skerry/appliance/mission"
	"skerry/store/storetest"
)

// lie is a commit that says yes and writes nothing.
func lie(b *bolt.Tx) error { return b.Rollback() }

// held makes the committer wait in its next commit until release is called, so
// that writes queue up behind it.
func held(db *DB) (entered chan struct{}, release func()) {
	entered = make(chan struct{})
	gate := make(chan struct{})
	var once sync.Once
	db.commit = func(b *bolt.Tx) error {
		once.Do(func() { close(entered); <-gate })
		return b.Commit()
	}
	return entered, func() { close(gate) }
}

func TestManyAppendersShareCommitsAndEachRunStaysInOrder(t *testing.T) {
	db := newStore(t)
	var wg sync.WaitGroup
	for w := range uint64(32) {
		wg.Go(func() {
			r := storetest.New(w, storetest.Epoch, "invoice", "")
			for _, add := range []func(){func() {}, func() { r.Classified("internal") }, func() { r.Routed("extract", "starter") },
				func() { r.Generated("extract", "starter", 0.9).Settled("extract") }, func() { r.Verdict("approved") }} {
				add()
				if err := tryAppend(db, r); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	s, err := db.Stats(ctx)
	if err != nil || s.Observations != 32*6 || s.Groups >= s.Writes {
		t.Errorf("%+v, %v; want %d observations and fewer commits than writes", s, err, 32*6)
	}
}

func TestOfManyWhoAppendAtTheSamePlaceOneWins(t *testing.T) {
	db := newStore(t)
	r := storetest.New(1, storetest.Epoch, "invoice", "")
	appendTo(t, db, r)
	run, expected, s, obs := r.Classified("internal").Take()
	var won, conflicts atomic.Int32
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			switch err := db.Append(ctx, run, expected, s, obs...); {
			case err == nil:
				won.Add(1)
			case errors.Is(err, mission.ErrConflict):
				conflicts.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 || conflicts.Load() != 15 {
		t.Errorf("%d won and %d met a conflict; want 1 and 15", won.Load(), conflicts.Load())
	}
}

// TestAWriteThatFailsMidwayDoesNotHarmItsGroup: in one group, one write fails
// after it changed something, one is refused, and two are fine.
func TestAWriteThatFailsMidwayDoesNotHarmItsGroup(t *testing.T) {
	db := newStore(t)
	entered, release := held(db)
	boom := errors.New("boom")
	var wg sync.WaitGroup
	errs := make([]error, 5)
	wg.Go(func() { errs[0] = tryAppend(db, storetest.New(1, storetest.Epoch, "invoice", "")) })
	<-entered
	stale := storetest.New(2, storetest.Epoch, "invoice", "")
	stale.Take()
	stale.Classified("internal")
	wg.Go(func() { errs[1] = tryAppend(db, storetest.New(3, storetest.Epoch, "invoice", "")) })
	wg.Go(func() {
		errs[2] = db.update(ctx, func(t *tx) error {
			if err := t.put(bucketSettings, []byte("half"), []byte("1")); err != nil {
				return err
			}
			return boom
		})
	})
	wg.Go(func() { errs[3] = tryAppend(db, stale) })
	wg.Go(func() { errs[4] = tryAppend(db, storetest.New(4, storetest.Epoch, "invoice", "")) })
	for len(db.queue) < 4 {
		waitABit()
	}
	release()
	wg.Wait()
	for i, want := range []error{nil, nil, boom, mission.ErrNotFound, nil} {
		if !errors.Is(errs[i], want) {
			t.Errorf("write %d: got %v, want %v", i, errs[i], want)
		}
	}
	if c, err := db.Counts(ctx); err != nil || c.Runs != 3 {
		t.Errorf("%d runs, %v; want 3", c.Runs, err)
	}
	var half int
	if err := db.Setting(ctx, "half", &half); !errors.Is(err, mission.ErrNotFound) {
		t.Errorf("half of the failed write is there: %v", err)
	}
}

func TestAnAppendWhoseContextEndsInTheQueueDoesNotHappen(t *testing.T) {
	db := newStore(t)
	entered, release := held(db)
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := tryAppend(db, storetest.New(1, storetest.Epoch, "invoice", "")); err != nil {
			t.Error(err)
		}
	})
	<-entered
	c, cancel := context.WithCancel(ctx)
	run, expected, s, obs := storetest.New(2, storetest.Epoch, "invoice", "").Take()
	done := make(chan error)
	go func() { done <- db.Append(c, run, expected, s, obs...) }()
	for len(db.queue) < 1 {
		waitABit()
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the end of the context", err)
	}
	release()
	wg.Wait()
	if _, err := db.Load(ctx, run); !errors.Is(err, mission.ErrNotFound) {
		t.Errorf("the withdrawn append was written: %v", err)
	}
}

func TestAfterAFailedCommitEveryWriteIsRefusedAndReopeningShowsWhatWasDurable(t *testing.T) {
	dir := t.TempDir()
	db := openStore(t, dir, Options{})
	first := storetest.New(1, storetest.Epoch, "invoice", "")
	appendTo(t, db, first)
	tries := 0
	db.commit = func(b *bolt.Tx) error { tries++; b.Rollback(); return errors.New("fsync: input/output error") }
	for i := range 3 {
		err := tryAppend(db, storetest.New(2, storetest.Epoch, "invoice", ""))
		if !errors.Is(err, ErrPoisoned) || !strings.Contains(err.Error(), "input/output error") {
			t.Errorf("append %d: got %v, want a refusal that names the cause", i, err)
		}
	}
	if tries != 1 {
		t.Errorf("the commit was tried %d times, want once", tries)
	}
	if _, err := db.Load(ctx, first.ID()); err != nil {
		t.Errorf("reading goes on: %v", err)
	}
	db.Close()
	db = openStore(t, dir, Options{})
	appendTo(t, db, first.Classified("internal"))
	if c, err := db.Counts(ctx); err != nil || c.Runs != 1 {
		t.Errorf("%d runs, %v; want 1", c.Runs, err)
	}
}

// TestAFullDiskIsNoReasonToRestart: where the disk was full before a commit
// counted, work goes on as soon as there is room; where it may count, the store
// refuses to guess.
func TestAFullDiskIsNoReasonToRestart(t *testing.T) {
	noRoom := &os.PathError{Op: "write", Path: "skerry.db", Err: syscall.ENOSPC}
	for _, row := range []struct {
		name    string
		commit  func(*bolt.Tx) error
		poisons bool
	}{
		{"before any page is written", func(b *bolt.Tx) error { b.Rollback(); return noRoom }, false},
		{"after the commit counts", func(b *bolt.Tx) error { b.Commit(); return noRoom }, true},
		{"another fault", func(b *bolt.Tx) error { b.Rollback(); return syscall.EIO }, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			dir := t.TempDir()
			db := openStore(t, dir, Options{})
			first := storetest.New(1, storetest.Epoch, "invoice", "")
			appendTo(t, db, first)
			works := db.commit
			db.commit = row.commit
			err := tryAppend(db, storetest.New(2, storetest.Epoch, "invoice", ""))
			if err == nil || errors.Is(err, ErrPoisoned) != row.poisons {
				t.Fatalf("got %v, poisoned should be %v", err, row.poisons)
			}
			db.commit = works
			err = tryAppend(db, storetest.New(3, storetest.Epoch, "invoice", ""))
			if errors.Is(err, ErrPoisoned) != row.poisons || !row.poisons && err != nil {
				t.Fatalf("with room again: got %v, poisoned should be %v", err, row.poisons)
			}
			if row.poisons {
				return
			}
			for n := range uint64(50) {
				appendTo(t, db, storetest.New(10+n, storetest.Epoch, "invoice", ""))
			}
			report, err := db.Check(ctx, CheckOptions{})
			if err != nil || report.Runs != 52 {
				t.Errorf("%d runs, %v; want 52", report.Runs, err)
			}
			for _, f := range report.Findings {
				if !strings.Contains(f.Where, "blob") && !strings.Contains(f.Where, "document") {
					t.Errorf("%+v", f)
				}
			}
		})
	}
}

func TestAPanicInAWriteBecomesAnErrorAndRefusesLaterWrites(t *testing.T) {
	db := newStore(t)
	err := db.update(ctx, func(*tx) error { panic("page 7 already freed") })
	if !errors.Is(err, ErrDamaged) || !errors.Is(err, ErrPoisoned) {
		t.Errorf("got %v", err)
	}
	if err := db.PutSetting(ctx, "x", 1); !errors.Is(err, ErrPoisoned) {
		t.Errorf("later write: %v", err)
	}
}

func TestCallsAfterCloseSaySo(t *testing.T) {
	db, runs := stocked(t, t.TempDir())
	watch := make(chan error)
	go func() {
		var last error
		for _, err := range db.Watch(soon(t), runs[1].ID(), 0) {
			last = err
		}
		watch <- last
	}()
	db.Close()
	if err := <-watch; !errors.Is(err, ErrClosed) {
		t.Errorf("watch: %v", err)
	}
	for i, err := range []error{
		tryAppend(db, runs[1].Classified("internal")),
		func() error { _, err := db.Load(ctx, runs[0].ID()); return err }(),
		func() error { _, _, err := db.Runs(ctx, Filter{}); return err }(),
		db.Rebuild(ctx),
	} {
		if !errors.Is(err, ErrClosed) {
			t.Errorf("call %d: got %v, want %v", i, err, ErrClosed)
		}
	}
	if err := db.Close(); err != nil {
		t.Errorf("closing twice: %v", err)
	}
}

// TestCloseAnswersEverybody: no appender hangs, and what was acknowledged is
// there afterwards.
func TestCloseAnswersEverybody(t *testing.T) {
	dir := t.TempDir()
	db := openStore(t, dir, Options{})
	var wg sync.WaitGroup
	var acked sync.Map
	started := make(chan struct{}, 1024)
	for w := range uint64(16) {
		wg.Go(func() {
			for n := range uint64(1000) {
				r := storetest.New(w<<32|n, storetest.Epoch, fmt.Sprint("m", w), "")
				err := tryAppend(db, r)
				if errors.Is(err, ErrClosed) {
					return
				}
				if err != nil {
					t.Error(err)
					return
				}
				acked.Store(r.ID(), true)
				select {
				case started <- struct{}{}:
				default:
				}
			}
		})
	}
	for range 20 {
		<-started
	}
	db.Close()
	wg.Wait()
	db = openStore(t, dir, Options{})
	acked.Range(func(id, _ any) bool {
		if _, err := db.Load(ctx, id.(mission.RunID)); err != nil {
			t.Errorf("acknowledged run is lost: %v", err)
		}
		return true
	})
}
