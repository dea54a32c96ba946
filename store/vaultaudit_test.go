package store

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	bolt "go.etcd.io/bbolt"
)

// TestCopySealedKeepsTheLog: what a crash has left to record is recorded when the
// sealed copy is opened, and the copy goes on with no other log than the
// original's.
func TestCopySealedKeepsTheLog(t *testing.T) {
	from, to := t.TempDir(), t.TempDir()
	broken := &auditor{fail: errors.New("the disk is gone")}
	db := openAudited(t, from, broken)
	if err := db.PutSetting(ctx, "site", "CANARY-setting-7Q"); !errors.Is(err, errUnrecorded) {
		t.Fatalf("got %v", err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	v, _ := newVault(t, to)
	if err := CopySealed(ctx, from, to, v, CheckOptions{}); err != nil {
		t.Fatal(err)
	}
	a := &auditor{}
	options := func(log string) Options {
		return Options{Sealer: v, MustBe: true, MapBytes: 64 << 20, Audit: &Audit{Log: log, Open: func(uint64) (Auditor, error) { return a, nil }}}
	}
	for _, log := range []string{"", "another"} {
		if _, err := Open(to, options(log)); !errors.Is(err, ErrOtherLog) {
			t.Errorf("with the log %q: got %v, want %v", log, err, ErrOtherLog)
		}
	}
	openStore(t, to, options("log"))
	if got := a.actions(); !slices.Equal(got, []string{"setting.changed"}) || !a.records[0].Recovered {
		t.Errorf("recorded %v", got)
	}
}

// TestResealReachesTheOutbox: what is kept for the audit log opens with the new
// key too, when the old one is gone.
func TestResealReachesTheOutbox(t *testing.T) {
	dir := t.TempDir()
	v, _ := newVault(t, dir)
	a := &auditor{}
	db := openStore(t, dir, Options{Sealer: v, Audit: &Audit{Log: "log", Open: func(uint64) (Auditor, error) { return a, nil }}})
	if err := db.PutSetting(ctx, "site", "x"); err != nil {
		t.Fatal(err)
	}
	if _, err := v.Rotate(); err != nil {
		t.Fatal(err)
	}
	if done, err := db.Reseal(soon(t)); err != nil || done.Keys != 1 {
		t.Fatalf("%+v, %v", done, err)
	}
	kept := 0
	err := db.bolt.View(func(b *bolt.Tx) error {
		x := &tx{Tx: b, db: db}
		return x.bucket(bucketOutbox).ForEach(func(k, _ []byte) error {
			kept++
			var o outgoing
			_, err := x.getJSON(bucketOutbox, k, &o)
			return err
		})
	})
	if err != nil || kept != 1 {
		t.Errorf("%d values in the outbox, %v", kept, err)
	}
}

// TestSecretsAreRecorded: that they are set, used and removed, and by whom, but
// nothing that their value could be guessed from.
func TestSecretsAreRecorded(t *testing.T) {
	a := &auditor{}
	db := openAudited(t, t.TempDir(), a)
	if _, err := db.PutSecret(ctx, "provider", "", "u-1", []byte("1234")); err != nil {
		t.Fatal(err)
	}
	recorded := 0
	err := db.UseSecret(ctx, "provider", "a test", func([]byte) error {
		recorded = len(a.actions())
		return nil
	})
	if err != nil || recorded != 2 {
		t.Errorf("%d records when it is used, want 2: %v", recorded, err)
	}
	if err := db.DeleteSecret(ctx, "provider", "u-2"); err != nil {
		t.Fatal(err)
	}
	if got := a.actions(); !slices.Equal(got, []string{"secret.put", "secret.used", "secret.removed"}) {
		t.Errorf("recorded %v", got)
	}
	if a.records[0].Actor != "u-1" || a.records[1].Why != "a test" || a.records[2].Actor != "u-2" {
		t.Errorf("recorded %+v", a.records)
	}
	text, err := json.Marshal(a.records)
	if err != nil || strings.Contains(string(text), "1234") || strings.Contains(string(text), digest([]byte("1234"))) {
		t.Errorf("%s, %v", text, err)
	}
}
