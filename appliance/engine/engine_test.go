package engine_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"skerry/appliance/engine"
	"skerry/appliance/mission"
	"skerry/store"
)

var bigInvoice = invoice{net: "10000.00", tax: "1900.00", total: "11900.00"}.String()

// meddler is a journal that counts loads and can be made to fail.
type meddler struct {
	*store.DB
	mu    sync.Mutex // guards what follows
	loads map[mission.RunID]int
	fail  func(run mission.RunID, obs []mission.Observation) error
}

func (m *meddler) Load(ctx context.Context, run mission.RunID) ([]mission.Observation, error) {
	m.mu.Lock()
	m.loads[run]++
	m.mu.Unlock()
	return m.DB.Load(ctx, run)
}

func (m *meddler) Append(ctx context.Context, run mission.RunID, expected uint64, s mission.Summary, obs ...mission.Observation) error {
	m.mu.Lock()
	fail := m.fail
	m.mu.Unlock()
	if fail != nil {
		if err := fail(run, obs); err != nil {
			return err
		}
	}
	return m.DB.Append(ctx, run, expected, s, obs...)
}

func (m *meddler) reset() map[mission.RunID]int {
	m.mu.Lock()
	defer m.mu.Unlock()
	was := m.loads
	m.loads = map[mission.RunID]int{}
	return was
}

// meddle puts a meddler before the store of the world.
func (w *world) meddle() *meddler {
	m := &meddler{DB: w.db, loads: map[mission.RunID]int{}}
	w.config.Journal = m
	return m
}

func TestRunsThatWaitForPeopleAreLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil).start()
		var ids []mission.RunID
		for range 5 {
			ids = append(ids, w.submit(bigInvoice))
		}
		synctest.Wait()
		w.stop()
		m := w.meddle()
		w.start()
		w.fleet.set("small", "stopped") // of no interest to who waits for people
		w.fleet.set("small", "")
		synctest.Wait()
		if loads := m.reset(); len(loads) != 0 {
			t.Errorf("loaded after the restart: %v, want none", loads)
		}
		if s := w.engine.Stats(); s.Resting != 5 {
			t.Errorf("%+v, want 5 resting", s)
		}
		w.settle(ids[3], engine.DecideRequest{Outcome: mission.Approve, By: dave})
		w.verdict(ids[3], mission.Approved)
		time.Sleep(73 * time.Hour)
		w.verdict(ids[0], mission.Rejected)
		w.stop()
		w.close()
	})
}

func TestOnlyParkedRunsAreRetriedWhenAModelIsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		m := w.meddle()
		w.start()
		w.fleet.set("safe", "stopped")
		waiting := w.submit(bigInvoice)
		parked := w.submit(invoice{supplier: "Marlow Avionics"}.String())
		synctest.Wait()
		m.reset()
		before := len(w.all())
		w.fleet.set("spare", "stopped") // a change that helps nobody
		synctest.Wait()
		if n := len(w.all()); n != before {
			t.Errorf("%d observations about a change that helps nobody", n-before)
		}
		if loads := m.reset(); loads[waiting] != 0 || loads[parked] != 1 {
			t.Errorf("loads %v, want the parked run once and not the waiting one", loads)
		}
		w.fleet.set("safe", "")
		w.verdict(parked, mission.Approved)
		w.stop()
		w.close()
	})
}

// TestAWithdrawnClearanceReachesRunsThatStartedBefore: a run keeps the policy
// it started with, except that it may see less.
func TestAWithdrawnClearanceReachesRunsThatStartedBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil).start()
		w.fleet.set("safe", "stopped")
		id := w.submit(invoice{supplier: "Marlow Avionics"}.String())
		synctest.Wait()
		w.rules.activate(parsePolicy(t, strings.Replace(testPolicy, "safe: {clearance: restricted}", "safe: {clearance: internal}", 1)))
		w.fleet.set("safe", "")
		synctest.Wait()
		if s := w.summary(id); s.State != mission.Parked {
			t.Fatalf("the run is %s on a model whose clearance was withdrawn, want parked\n%s", s.State, w.rails())
		}
		w.rules.activate(parsePolicy(t, testPolicy))
		w.fleet.set("spare", "") // anything: a change is what parked runs wait for
		run, _ := w.verdict(id, mission.Approved)
		if run.PolicyVersion != 1 {
			t.Errorf("policy version %d, want 1", run.PolicyVersion)
		}
		w.stop()
		w.close()
	})
}

func TestAJournalThatFailsForAWhileCostsOnlyTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		m := w.meddle()
		broken := errors.New("disk full")
		n := 0
		m.fail = func(_ mission.RunID, obs []mission.Observation) error {
			if n++; obs[0].Kind != mission.KindCreated && n%3 != 0 {
				return broken
			}
			return nil
		}
		w.start()
		id := w.submit(bigInvoice)
		time.Sleep(time.Hour)
		m.mu.Lock()
		m.fail = func(mission.RunID, []mission.Observation) error { return broken }
		m.mu.Unlock()
		r := w.decision(id, engine.DecideRequest{Outcome: mission.Approve, Reason: "fine", By: dave})
		if err := w.engine.Decide(t.Context(), r); !errors.Is(err, broken) {
			t.Errorf("decide on a full disk: %v, want %v", err, broken)
		}
		m.mu.Lock()
		m.fail = nil
		m.mu.Unlock()
		if err := w.engine.Decide(t.Context(), r); err != nil {
			t.Errorf("decide again: %v", err)
		}
		_, obs := w.verdict(id, mission.Approved)
		if count(obs, mission.KindDecided) != 1 {
			t.Errorf("want one decided\n%s", rail(obs))
		}
		w.stop()
		w.close()
	})
}

func TestCancelTakesTheStartedRunsAlong(t *testing.T) {
	for _, row := range []struct {
		name  string
		crash bool
	}{{"at once", false}, {"after a restart", true}} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, nil)
				publishBatch(w)
				m := w.meddle()
				w.start()
				r := w.request(bigInvoice)
				r.Mission = "batch"
				parent, err := w.engine.Start(t.Context(), r)
				if err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				child := w.fold(parent).Steps["first"].Started.Child
				if s := w.summary(child); s.State != mission.Waiting || s.Parent != parent {
					t.Fatalf("child is %s of %s, want waiting of %s", s.State, s.Parent, parent)
				}
				if row.crash {
					m.mu.Lock()
					m.fail = func(run mission.RunID, _ []mission.Observation) error {
						if run == child {
							return errPowerCut
						}
						return nil
					}
					m.mu.Unlock()
				}
				if err := w.engine.Cancel(t.Context(), parent, clara, "never mind"); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				if row.crash {
					w.restart()
					synctest.Wait()
				}
				run, _ := w.verdict(child, mission.CancelledVerdict)
				if !strings.Contains(run.Verdict.Reason, "never mind") {
					t.Errorf("reason %q, want the parent's", run.Verdict.Reason)
				}
				w.stop()
				w.close()
			})
		})
	}
}

func TestAChildThatCannotStartBreaksItsStepAlone(t *testing.T) {
	w := newWorld(t, nil)
	publishBatch(w)
	delete(w.shelf.plans, "invoice") // withdrawn after the mission that uses it was published
	w.start()
	r := w.request(invoice{}.String())
	r.Mission = "batch"
	id, err := w.engine.Start(context.Background(), r)
	if err != nil {
		t.Fatal(err)
	}
	run, obs := w.verdict(id, mission.Referred)
	if b := run.Steps["first"].Returned; b == nil || b.Is != mission.Failed || !strings.Contains(b.Reason, "invoice") {
		t.Errorf("returned %+v, want failed, naming the mission\n%s", b, rail(obs))
	}
}

// TestAStopRepeatsOnlyWhatHadNoAnswer: calls that were in flight when the engine
// was told to stop are repeated as the same attempt, and the rail says why.
func TestAStopRepeatsOnlyWhatHadNoAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := fake(nil)
		entered := make(chan struct{}, 2)
		p.Gate = gate(entered)
		w := newWorld(t, p).start()
		id := w.submit(invoice{}.String())
		<-entered
		<-entered
		w.stop()
		p.Gate = nil
		w.start()
		_, obs := w.verdict(id, mission.Approved)
		resumed := 0
		for _, o := range obs {
			if o.Kind == mission.KindResumed && o.Resumed.Why == "restart" {
				resumed++
			}
			if o.Kind == mission.KindRouted && o.Attempt != 1 {
				t.Errorf("attempt %d, want the first repeated\n%s", o.Attempt, rail(obs))
			}
		}
		if resumed != 1 {
			t.Errorf("%d resumed after the restart, want 1\n%s", resumed, rail(obs))
		}
		w.stop()
		w.close()
	})
}
