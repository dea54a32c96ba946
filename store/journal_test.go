package store_test

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"testing"
	"time"

	"skerry/appliance/mission"
	"skerry/store"
	"skerry/store/storetest"
)

var ctx = context.Background()

// open opens a store that is closed when the test ends.
func open(t testing.TB, dir string, o store.Options) *store.DB {
	t.Helper()
	db, err := store.Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func appendTo(t testing.TB, db *store.DB, r *storetest.Run) {
	t.Helper()
	run, expected, s, obs := r.Take()
	if err := db.Append(ctx, run, expected, s, obs...); err != nil {
		t.Fatal(err)
	}
}

func TestAppendedObservationsAreLoadedUnchangedAfterReopen(t *testing.T) {
	dir := t.TempDir()
	db := open(t, dir, store.Options{})
	r := storetest.New(1, storetest.Epoch, "invoice", "k1")
	appendTo(t, db, r)
	appendTo(t, db, r.Read("").Classified("restricted").Queued("pay", "d1", "payments"))
	appendTo(t, db, r.Decided("d1", mission.Approve).Verdict("approved"))
	db.Close()
	db = open(t, dir, store.Options{})
	got, err := db.Load(ctx, r.ID())
	if err != nil {
		t.Fatal(err)
	}
	if g, w := asJSON(t, got), asJSON(t, r.All); g != w {
		t.Errorf("loaded\n%s\nwant\n%s", g, w)
	}
	// The digest of what a person saw must survive storage.
	if want := string(r.All[3].Queued.Subject); string(got[3].Queued.Subject) != want {
		t.Errorf("subject %s, want %s", got[3].Queued.Subject, want)
	}
	fold, err := mission.Fold(got)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(fold.Summary(), r.Fold.Summary()) {
		t.Errorf("summary %+v, want %+v", fold.Summary(), r.Fold.Summary())
	}
	if id, err := db.RunByKey(ctx, "k1"); err != nil || id != r.ID() {
		t.Errorf("by key: %v, %v", id, err)
	}
}

func asJSON(t testing.TB, v any) string {
	t.Helper()
	b, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestRefusedAppendsSayWhyAndWriteNothing(t *testing.T) {
	db := open(t, t.TempDir(), store.Options{})
	first := storetest.New(1, storetest.Epoch, "invoice", "k1")
	appendTo(t, db, first)
	again := storetest.New(1, storetest.Epoch, "invoice", "")
	taken := storetest.New(2, storetest.Epoch, "invoice", "k1")
	stale := storetest.New(1, storetest.Epoch, "invoice", "k1")
	stale.Take()
	stale.Read("").Take()
	unknown := storetest.New(3, storetest.Epoch, "invoice", "")
	unknown.Take()
	for _, c := range []struct {
		about string
		run   *storetest.Run
		want  error
	}{
		{"a run that exists is created again", again, mission.ErrConflict},
		{"an idempotency key is taken", taken, mission.ErrConflict},
		{"the run stands elsewhere", stale.Classified("internal"), mission.ErrConflict},
		{"the run is not there", unknown.Read(""), mission.ErrNotFound},
	} {
		run, expected, s, obs := c.run.Take()
		if err := db.Append(ctx, run, expected, s, obs...); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", c.about, err, c.want)
		}
	}
	var key *store.KeyError
	run, expected, s, obs := storetest.New(4, storetest.Epoch, "invoice", "k1").Take()
	if err := db.Append(ctx, run, expected, s, obs...); !errors.As(err, &key) || key.Run != first.ID() {
		t.Errorf("taken key names run %v: %v", key, err)
	}
	if c, err := db.Counts(ctx); err != nil || c.Runs != 1 || c.Observations != 1 {
		t.Errorf("counts %+v, %v; want one run with one observation", c, err)
	}
}

func TestWatchYieldsTheJournalThenWhatIsAppended(t *testing.T) {
	db := open(t, t.TempDir(), store.Options{})
	r := storetest.New(1, storetest.Epoch, "invoice", "")
	appendTo(t, db, r.Read("").Classified("internal"))
	wait, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	var seen []uint64
	for o, err := range db.Watch(wait, r.ID(), 1) {
		if err != nil {
			t.Fatal(err)
		}
		seen = append(seen, o.Seq)
		switch o.Seq {
		case 3:
			appendTo(t, db, r.Queued("pay", "d1", "payments"))
		case 4:
			appendTo(t, db, r.Decided("d1", mission.Reject).Verdict("rejected"))
		}
	}
	if want := []uint64{2, 3, 4, 5, 6}; !reflect.DeepEqual(seen, want) {
		t.Errorf("saw %v, want %v", seen, want)
	}
}
