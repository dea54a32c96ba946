package store

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"skerry/appliance/mission"
	"skerry/store/storetest"
)

func TestAppendedObservationsAreLoadedUnchangedAfterReopen(t *testing.T) {
	dir := t.TempDir()
	db := openStore(t, dir, Options{})
	r := storetest.New(1, storetest.Epoch, "invoice", "k1")
	appendTo(t, db, r)
	appendTo(t, db, r.Read("").Classified("restricted").Queued("pay", "d1", "payments"))
	appendTo(t, db, r.Decided("d1", mission.Approve).Verdict("approved"))
	db.Close()
	db = openStore(t, dir, Options{})
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

func TestRefusedAppendsSayWhyAndWriteNothing(t *testing.T) {
	db := newStore(t)
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
	var key *KeyError
	run, expected, s, obs := storetest.New(4, storetest.Epoch, "invoice", "k1").Take()
	if err := db.Append(ctx, run, expected, s, obs...); !errors.As(err, &key) || key.Run != first.ID() {
		t.Errorf("taken key names run %v: %v", key, err)
	}
	if c, err := db.Counts(ctx); err != nil || c.Runs != 1 || c.Observations != 1 {
		t.Errorf("counts %+v, %v; want one run with one observation", c, err)
	}
}

func TestWatchYieldsTheJournalThenWhatIsAppended(t *testing.T) {
	db := newStore(t)
	r := storetest.New(1, storetest.Epoch, "invoice", "")
	appendTo(t, db, r.Read("").Classified("internal"))
	var seen []uint64
	for o, err := range db.Watch(soon(t), r.ID(), 1) {
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

func TestAnAppendThatMakesNoSenseIsRefused(t *testing.T) {
	db := newStore(t)
	for about, spoil := range map[string]func(id *mission.RunID, expected *uint64, s *mission.Summary, obs []mission.Observation){
		"no ULID": func(id *mission.RunID, _ *uint64, s *mission.Summary, _ []mission.Observation) {
			*id, s.ID = "run-1", "run-1"
		},
		"a ULID in lower case": func(id *mission.RunID, _ *uint64, s *mission.Summary, _ []mission.Observation) {
			*id = mission.RunID(strings.ToLower(string(*id)))
			s.ID = *id
		},
		"the summary of another run": func(_ *mission.RunID, _ *uint64, s *mission.Summary, _ []mission.Observation) {
			s.ID = storetest.ID(storetest.Epoch, 9)
		},
		"a summary of another place": func(_ *mission.RunID, _ *uint64, s *mission.Summary, _ []mission.Observation) { s.Seq++ },
		"a state that there is not":  func(_ *mission.RunID, _ *uint64, s *mission.Summary, _ []mission.Observation) { s.State = "done" },
		"ended without a verdict": func(_ *mission.RunID, _ *uint64, s *mission.Summary, _ []mission.Observation) {
			s.State = mission.Ended
		},
		"a mission with NUL in its name": func(_ *mission.RunID, _ *uint64, s *mission.Summary, _ []mission.Observation) {
			s.Mission = "in\x00voice"
		},
		"a gap": func(_ *mission.RunID, _ *uint64, _ *mission.Summary, obs []mission.Observation) { obs[1].Seq++ },
		"created twice": func(_ *mission.RunID, _ *uint64, _ *mission.Summary, obs []mission.Observation) {
			obs[1].Kind = mission.KindCreated
		},
		"a local time": func(_ *mission.RunID, _ *uint64, _ *mission.Summary, obs []mission.Observation) {
			obs[1].At = obs[1].At.In(time.FixedZone("CET", 3600))
		},
		"a decision without an id": func(_ *mission.RunID, _ *uint64, _ *mission.Summary, obs []mission.Observation) {
			obs[2].Queued.Decision = ""
		},
	} {
		run, expected, s, obs := storetest.New(1, storetest.Epoch, "invoice", "").Classified("internal").Queued("pay", "d1", "payments").Take()
		spoil(&run, &expected, &s, obs)
		if err := db.Append(ctx, run, expected, s, obs...); err == nil {
			t.Errorf("%s: accepted", about)
		}
	}
	if c, err := db.Counts(ctx); err != nil || c.Runs != 0 {
		t.Errorf("%d runs, %v; want none", c.Runs, err)
	}
}
