package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"runtime"
	"testing"
	"time"

	"skerry/appliance/mission"
	"skerry/store/storetest"
)

var ctx = context.Background()

// openStore opens a store in dir. When the test ends it is checked, unless the
// test has damaged it or closed it, and closed.
func openStore(t testing.TB, dir string, o Options) *DB {
	t.Helper()
	db, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		select {
		case <-db.quit:
		default:
			verify(t, db)
			db.Close()
		}
	})
	return db
}

// newStore opens an empty store for one test.
func newStore(t testing.TB) *DB {
	t.Helper()
	return openStore(t, t.TempDir(), Options{})
}

// verify fails the test if the check finds anything.
func verify(t testing.TB, db *DB) {
	t.Helper()
	r, err := db.Check(ctx, CheckOptions{})
	if err != nil {
		t.Errorf("check: %v", err)
	}
	for _, f := range r.Findings {
		t.Errorf("check: %s: %s (%s)", f.Where, f.Problem, f.Hint)
	}
}

// appendTo appends what was added to r, and puts its document before.
func appendTo(t testing.TB, db *DB, r *storetest.Run) {
	t.Helper()
	if err := tryAppend(db, r); err != nil {
		t.Fatal(err)
	}
}

func tryAppend(db *DB, r *storetest.Run) error {
	run, expected, s, obs := r.Take()
	if expected == 0 {
		if _, _, err := db.Put(ctx, bytes.NewReader(r.Doc), 0); err != nil {
			return err
		}
	}
	return db.Append(ctx, run, expected, s, obs...)
}

func asJSON(t testing.TB, v any) string {
	t.Helper()
	b, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// soon is a context for what must not hang.
func soon(t testing.TB) context.Context {
	t.Helper()
	c, cancel := context.WithTimeout(ctx, time.Minute)
	t.Cleanup(cancel)
	return c
}

// waitABit lets other goroutines run; for conditions that no channel tells.
func waitABit() { runtime.Gosched() }

// putDraft saves source as the draft of mission name.
func putDraft(t testing.TB, db *DB, name, source string) mission.Mission {
	t.Helper()
	sum := sha256.Sum256([]byte(source))
	m := mission.Mission{Name: name, Digest: hex.EncodeToString(sum[:]), Title: mission.Text{"en": name}}
	if err := db.PutMission(ctx, []byte(source), m, "u-1"); err != nil {
		t.Fatal(err)
	}
	return m
}
