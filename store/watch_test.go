package store

import (
	"context"
	"errors"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"skerry/appliance/mission"
	"skerry/store/storetest"
)

// TestWatchersSeeEveryObservationOnceInOrder: watchers that begin at different
// moments, beside an appender in full flight.
func TestWatchersSeeEveryObservationOnceInOrder(t *testing.T) {
	db := newStore(t)
	const total = 3 * watchPage
	r := storetest.New(1, storetest.Epoch, "invoice", "")
	appendTo(t, db, r)
	var wg sync.WaitGroup
	for after := range uint64(8) {
		begin := make(chan struct{})
		wg.Go(func() {
			close(begin)
			next := after*50 + 1
			for o, err := range db.Watch(soon(t), r.ID(), after*50) {
				if err != nil {
					t.Error(err)
					return
				}
				if o.Seq != next {
					t.Errorf("watcher from %d saw %d, want %d", after*50, o.Seq, next)
					return
				}
				next++
			}
			if next != total+1 {
				t.Errorf("watcher from %d ended before %d, want it to see %d", after*50, next, total)
			}
		})
		<-begin
	}
	for r.Fold.Seq < total-1 {
		appendTo(t, db, r.Classified("internal").Classified("internal"))
		if r.Fold.Seq == total-2 {
			appendTo(t, db, r.Classified("internal"))
		}
	}
	appendTo(t, db, r.Verdict("approved"))
	wg.Wait()
}

func TestWatchEndsWithTheReason(t *testing.T) {
	db, runs := stocked(t, t.TempDir())
	last := func(c context.Context, id mission.RunID, after uint64) (n int, last error) {
		for _, err := range db.Watch(c, id, after) {
			if last = err; err == nil {
				n++
			}
		}
		return n, last
	}
	if n, err := last(soon(t), runs[0].ID(), 0); n != len(runs[0].All) || err != nil {
		t.Errorf("a run that has ended: %d, %v", n, err)
	}
	if n, err := last(soon(t), runs[0].ID(), 10); n != 0 || err != nil {
		t.Errorf("a run that has ended, from its end: %d, %v", n, err)
	}
	if _, err := last(soon(t), storetest.ID(storetest.Epoch, 99), 0); !errors.Is(err, mission.ErrNotFound) {
		t.Errorf("a run that is not there: %v", err)
	}
	if _, err := last(soon(t), "not a run", 0); !errors.Is(err, mission.ErrNotFound) {
		t.Errorf("no run id: %v", err)
	}
	c, cancel := context.WithCancel(ctx)
	defer cancel()
	n := 0
	var end error
	for _, err := range db.Watch(c, runs[1].ID(), 0) {
		if n++; n == 2 {
			cancel()
		}
		end = err
	}
	if !errors.Is(end, context.Canceled) {
		t.Errorf("a context that ended: %v", end)
	}
}

func TestWatchAllYieldsTheLatestStateOfWhatChanged(t *testing.T) {
	db := newStore(t)
	changes := db.WatchAll(soon(t))
	a, b := storetest.New(1, storetest.Epoch, "invoice", ""), storetest.New(2, storetest.Epoch, "invoice", "")
	appendTo(t, db, a) // before the loop begins: it counts
	appendTo(t, db, b)
	appendTo(t, db, a.Verdict("approved"))
	seen := map[mission.RunID]mission.Summary{}
	for s, err := range changes {
		if err != nil {
			t.Fatal(err)
		}
		if _, twice := seen[s.ID]; twice {
			t.Errorf("run %s was yielded twice although it changed before anybody looked", s.ID)
		}
		if seen[s.ID] = s; len(seen) == 2 {
			break
		}
	}
	if s := seen[a.ID()]; s.Verdict != "approved" || s.Seq != 2 {
		t.Errorf("run a is yielded as %+v", s)
	}
}

func TestASlowConsumerOfAllRunsIsToldThatItMissedChanges(t *testing.T) {
	db := newStore(t)
	changes := db.WatchAll(soon(t))
	run := make([]runKey, 1)
	for n := range maxPending + 1 {
		run[0] = mustRun(storetest.ID(storetest.Epoch, uint64(n)))
		db.hub.notify(run)
	}
	for _, err := range changes {
		if !errors.Is(err, ErrMissed) {
			t.Errorf("got %v, want %v", err, ErrMissed)
		}
	}
	db.hub.mu.Lock()
	defer db.hub.mu.Unlock()
	if len(db.hub.all) != 0 {
		t.Error("the consumer is still registered")
	}
}

func TestNothingRunsOnAfterClose(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	db, runs := stocked(t, t.TempDir())
	c, cancel := context.WithCancel(ctx)
	for range db.Watch(c, runs[1].ID(), 0) {
		break
	}
	db.WatchAll(c)
	cancel()
	db.Close()
}
