package store

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"skerry/appliance/audit"
	"skerry/appliance/mission"
	"skerry/appliance/policy"
)

// auditor is an audit log that can be held up, and that can fail.
type auditor struct {
	mu      sync.Mutex
	records []audit.Record
	held    []func()
	hold    bool
	fail    error

	submitted chan struct{} // told of what is held
}

func (a *auditor) Submit(done func(error), records ...audit.Record) {
	a.mu.Lock()
	defer a.mu.Unlock()
	finish := func() {
		if a.fail == nil {
			a.records = append(a.records, records...)
		}
		done(a.fail)
	}
	if a.hold {
		a.held = append(a.held, finish)
		a.submitted <- struct{}{}
		return
	}
	finish()
}

func (a *auditor) release() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.hold = false
	for _, f := range a.held {
		f()
	}
	a.held = nil
}

func (a *auditor) actions() (list []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, r := range a.records {
		list = append(list, r.Action)
	}
	return list
}

func openAudited(t *testing.T, dir string, a *auditor) *DB {
	t.Helper()
	db, err := Open(dir, Options{Audit: &Audit{Log: "log", Open: func(uint64) (Auditor, error) { return a, nil }}, MapBytes: 64 << 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// TestNobodyLearnsBefore: neither the writer nor a reader hears of a
// transaction before it is recorded.
func TestNobodyLearnsBefore(t *testing.T) {
	a := &auditor{submitted: make(chan struct{}, 1)}
	db := openAudited(t, t.TempDir(), a)
	ctx := context.Background()
	a.mu.Lock()
	a.hold = true
	a.mu.Unlock()
	wrote := make(chan error, 1)
	go func() { wrote <- db.PutSetting(ctx, "x", 1) }()
	<-a.submitted // committed, not recorded
	soon, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
	defer cancel()
	var v int
	if err := db.Setting(soon, "x", &v); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a reader was answered before the record was durable: %v", err)
	}
	select {
	case err := <-wrote:
		t.Errorf("the writer was answered before the record was durable: %v", err)
	default:
	}
	a.release()
	if err := <-wrote; err != nil {
		t.Fatal(err)
	}
	if err := db.Setting(ctx, "x", &v); err != nil || v != 1 {
		t.Errorf("%d %v", v, err)
	}
}

// TestAuditFailure: what cannot be recorded is not answered, and nothing is
// written after it; the next start records it, with its mark.
func TestAuditFailure(t *testing.T) {
	a := &auditor{fail: errors.New("the disk is gone")}
	dir := t.TempDir()
	db := openAudited(t, dir, a)
	ctx := context.Background()
	if err := db.PutSetting(ctx, "x", 1); !errors.Is(err, ErrPoisoned) {
		t.Errorf("got %v, want %v", err, ErrPoisoned)
	}
	var v int
	if err := db.Setting(ctx, "x", &v); err == nil {
		t.Error("a reader learns of what was not recorded")
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	a = &auditor{}
	db = openAudited(t, dir, a)
	if got := a.actions(); !slices.Equal(got, []string{"setting.changed"}) || !a.records[0].Recovered {
		t.Errorf("recorded at the start: %+v", a.records)
	}
	if err := db.Setting(ctx, "x", &v); err != nil || v != 1 {
		t.Errorf("%d %v", v, err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	a = &auditor{}
	openAudited(t, dir, a)
	if len(a.records) > 0 {
		t.Errorf("recorded once more: %+v", a.records)
	}
}

// TestLogBelongsToStore: a store does not go on without its log, nor with another,
// and tells the log of a higher epoch whenever it is opened. Whoever only looks
// changes none of it.
func TestLogBelongsToStore(t *testing.T) {
	dir := t.TempDir()
	var epochs []uint64
	with := func(log string) error {
		db, err := Open(dir, Options{MapBytes: 64 << 20, Audit: &Audit{Log: log, Open: func(epoch uint64) (Auditor, error) {
			epochs = append(epochs, epoch)
			return &auditor{}, nil
		}}})
		if err != nil {
			return err
		}
		return db.Close()
	}
	look := func() error {
		db, err := Open(dir, Options{MapBytes: 64 << 20})
		if err != nil {
			return err
		}
		return db.Close()
	}
	if err := errors.Join(with(""), with("one"), look(), with("one")); err != nil {
		t.Fatal(err)
	}
	for _, log := range []string{"", "two"} {
		if err := with(log); !errors.Is(err, ErrOtherLog) {
			t.Errorf("with log %q: got %v, want %v", log, err, ErrOtherLog)
		}
	}
	if err := with("one"); err != nil {
		t.Fatal(err)
	}
	if want := []uint64{1, 2, 3}; !slices.Equal(epochs, want) {
		t.Errorf("the log was opened with epochs %v, want %v", epochs, want)
	}
}

// TestRecords: what is written says who did what, with the digest of before.
func TestRecords(t *testing.T) {
	a := &auditor{}
	db := openAudited(t, t.TempDir(), a)
	ctx := context.Background()
	ann := policy.Principal{ID: "ann", Name: "Ann"}
	for i, source := range []string{"one", "two"} {
		n, err := db.PutPolicy(ctx, []byte(source), "ann")
		if err == nil {
			err = db.ActivatePolicy(ctx, n, "bob")
		}
		if err != nil || n != i+1 {
			t.Fatal(n, err)
		}
	}
	link, err := db.NewLink(ctx, ann, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	_, s, err := db.Redeem(ctx, link, time.Hour, "desk")
	if err != nil {
		t.Fatal(err)
	}
	if err := db.RevokeSession(ctx, s.ID); err != nil {
		t.Fatal(err)
	}
	if _, _, err := db.Redeem(ctx, link, time.Hour, "desk"); !errors.Is(err, mission.ErrNotFound) {
		t.Fatal(err)
	}
	want := []string{"policy.stored", "policy.activated", "policy.stored", "policy.activated", "link.made", "session.opened", "session.ended"}
	if got := a.actions(); !slices.Equal(got, want) {
		t.Fatalf("got %v, want %v", got, want)
	}
	if r := a.records[3]; r.Actor != "bob" || r.Before != digest([]byte("one")) || r.Digest != digest([]byte("two")) {
		t.Errorf("activation: %+v", r)
	}
	if r := a.records[5]; r.Actor != "ann" || r.Session != s.ID || r.Source != "desk" {
		t.Errorf("session: %+v", r)
	}
}
