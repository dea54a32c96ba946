package store

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"filippo.io/age"

	"skerry/appliance/policy"
	"skerry/store/storetest"
	"skerry/store/vault"
)

// newVault makes a vault in the directory of a store, for one admin.
func newVault(t testing.TB, dir string) (*vault.Vault, age.Identity) {
	t.Helper()
	i, err := age.GenerateHybridIdentity()
	if err != nil {
		t.Fatal(err)
	}
	v, err := vault.Create(filepath.Join(dir, VaultDir), []vault.NewAdmin{{Name: "ann", Recipient: i.Recipient().String()}}, vault.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(v.Close)
	return v, i
}

// unseal opens the vault in dir.
func unseal(dir string, i age.Identity) (Sealer, error) {
	info, err := vault.Inspect(dir)
	if err != nil {
		return nil, err
	}
	root, err := vault.Unwrap(info, i)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	return vault.Open(dir, root, vault.Options{})
}

// canaries stand in every kind of thing that people put into a store.
var canaries = []string{"CANARY-document-7Q", "CANARY-supplier-7Q", "CANARY-setting-7Q", "CANARY-mission-7Q", "CANARY-policy-7Q", "CANARY-session-7Q", "CANARY-note-7Q", "CANARY-secret-7Q", "CANARY-user-7Q", "CANARY-hash-7Q"}

// plant fills a store with canaries.
func plant(t testing.TB, db *DB) *storetest.Run {
	t.Helper()
	r := storetest.New(1, storetest.Epoch, "invoice", "CANARY-note-7Q")
	// Large enough for two chunks, with a canary in each.
	text := "CANARY-document-7Q" + strings.Repeat("x", blobChunk) + "CANARY-supplier-7Q"
	digest, _, err := db.Put(ctx, strings.NewReader(text), 0)
	if err != nil {
		t.Fatal(err)
	}
	r.Read(digest)
	appendTo(t, db, r)
	putDraft(t, db, "invoice", "# CANARY-mission-7Q")
	if _, err := db.PutPolicy(ctx, []byte("# CANARY-policy-7Q"), "u-1"); err != nil {
		t.Fatal(err)
	}
	if err := db.PutSetting(ctx, "site", "CANARY-setting-7Q"); err != nil {
		t.Fatal(err)
	}
	if _, _, err := db.NewSession(ctx, policy.Principal{ID: "u-1", Name: "CANARY-session-7Q"}, 1<<40, ""); err != nil {
		t.Fatal(err)
	}
	if _, err := db.AddUser(ctx, User{Login: "ada", Name: "CANARY-user-7Q", Hash: "CANARY-hash-7Q"}, policy.Principal{}); err != nil {
		t.Fatal(err)
	}
	if _, err := db.PutSecret(ctx, "provider", "", "u-1", []byte("CANARY-secret-7Q")); err != nil {
		t.Fatal(err)
	}
	return r
}

// search returns the canaries that stand anywhere in the files below dir.
func search(t testing.TB, dir string) (found map[string]bool) {
	t.Helper()
	found = map[string]bool{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		for _, c := range canaries {
			// Values of secrets are bytes, which JSON writes in base64.
			coded := []byte(base64.StdEncoding.EncodeToString([]byte(c)))
			if bytes.Contains(bytes.ToLower(b), bytes.ToLower([]byte(c))) || bytes.Contains(b, coded) {
				found[c] = true
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// TestNothingInTheClear: what people put into a sealed store stands nowhere in
// its files. Negative control: in a store without a vault the same search finds
// all of it.
func TestNothingInTheClear(t *testing.T) {
	dir := t.TempDir()
	v, _ := newVault(t, dir)
	db := openStore(t, dir, Options{Sealer: v})
	plant(t, db)
	if found := search(t, dir); len(found) > 0 {
		t.Errorf("in the clear: %v", found)
	}
	plain := t.TempDir()
	plant(t, openStore(t, plain, Options{}))
	if found := search(t, plain); len(found) != len(canaries) {
		t.Errorf("negative control: without a vault only %v of %d are found", found, len(canaries))
	}
}

// TestSealedRowsStayInPlace: rows that were exchanged on the disk are refused.
func TestSealedRowsStayInPlace(t *testing.T) {
	dir := t.TempDir()
	v, _ := newVault(t, dir)
	db, err := Open(dir, Options{Sealer: v})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for name, value := range map[string]string{"one": "first", "two": "other"} {
		if err := db.PutSetting(ctx, name, value); err != nil {
			t.Fatal(err)
		}
	}
	err = db.update(ctx, func(t *tx) error {
		b := t.bucket(bucketSettings)
		one, two := bytes.Clone(b.Get([]byte("one"))), bytes.Clone(b.Get([]byte("two")))
		return errors.Join(t.putSealed(bucketSettings, []byte("one"), two), t.putSealed(bucketSettings, []byte("two"), one))
	})
	if err != nil {
		t.Fatal(err)
	}
	var got string
	if err := db.Setting(ctx, "one", &got); !errors.Is(err, vault.ErrDamaged) {
		t.Errorf("exchanged rows: got %q, %v", got, err)
	}
	plain, err := db.sealer.Seal("settings", "one", frame([]byte("one"), []byte(`"planted"`)))
	if err != nil {
		t.Fatal(err)
	}
	for name, row := range map[string][]byte{"a row in the clear": frame([]byte("one"), []byte(`"planted"`)), "negative control": plain} {
		if err := db.update(ctx, func(t *tx) error { return t.putSealed(bucketSettings, []byte("one"), row) }); err != nil {
			t.Fatal(err)
		}
		if err := db.Setting(ctx, "one", &got); (err == nil) != (name == "negative control") {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
	}
}

// TestReseal: after a rotation everything is sealed anew, blobs too, while
// appends go on; then the old keys are gone and everything reads as before.
func TestReseal(t *testing.T) {
	dir := t.TempDir()
	v, _ := newVault(t, dir)
	db := openStore(t, dir, Options{Sealer: v})
	first := plant(t, db)
	for n := range uint64(300) {
		appendTo(t, db, storetest.New(n+10, storetest.Epoch, "invoice", ""))
	}
	if _, err := v.Rotate(); err != nil {
		t.Fatal(err)
	}
	// A writer is busy all the time.
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for n := uint64(10_000); ; n++ {
			select {
			case <-stop:
				return
			default:
				if err := tryAppend(db, storetest.New(n, storetest.Epoch, "invoice", "")); err != nil {
					t.Error(err)
					return
				}
			}
		}
	}()
	done, err := db.Reseal(soon(t))
	close(stop)
	<-stopped
	if err != nil || done.Keys != 1 || done.Values < 900 || done.Blobs < 300 {
		t.Errorf("%+v, %v", done, err)
	}
	if _, _, count := v.Keys(); count != 1 {
		t.Errorf("%d keys are left", count)
	}
	got, err := db.Load(ctx, first.ID())
	if err != nil || len(got) != len(first.All) {
		t.Errorf("%d observations, %v", len(got), err)
	}
	if done, err := db.Reseal(ctx); err != nil || done != (Resealed{}) {
		t.Errorf("again: %+v, %v", done, err)
	}
}

// TestResealMeansWhatItSaw: keys that began while it worked are not dropped
// with the old ones.
func TestResealMeansWhatItSaw(t *testing.T) {
	dir := t.TempDir()
	v, _ := newVault(t, dir)
	db := openStore(t, dir, Options{Sealer: v})
	plant(t, db)
	if _, err := v.Rotate(); err != nil {
		t.Fatal(err)
	}
	// Somebody still holds what was sealed with the key of before.
	landed := db.flights.takeOff()
	done := make(chan error, 1)
	go func() {
		r, err := db.Reseal(soon(t))
		if r.Keys != 1 {
			t.Errorf("dropped %d keys, want the first alone", r.Keys)
		}
		done <- err
	}()
	for { // until it waits for the flight
		db.flights.mu.Lock()
		waiting := db.flights.now == nil
		db.flights.mu.Unlock()
		if waiting {
			break
		}
		waitABit()
	}
	if _, err := v.Rotate(); err != nil {
		t.Fatal(err)
	}
	landed()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if current, _, count := v.Keys(); current != 3 || count != 2 {
		t.Errorf("data key %d of %d", current, count)
	}
}

// TestResealWaitsForBackups: keys stay while a backup is being read, however
// slowly, and whoever waits can be sent away.
func TestResealWaitsForBackups(t *testing.T) {
	dir := t.TempDir()
	v, ann := newVault(t, dir)
	db := openStore(t, dir, Options{Sealer: v})
	plant(t, db)
	var backup bytes.Buffer
	slow := &stalling{w: &backup, stalled: make(chan struct{}), goOn: make(chan struct{})}
	written := make(chan error, 1)
	go func() {
		_, err := db.Backup(ctx, slow, nil)
		written <- err
	}()
	<-slow.stalled
	if _, err := v.Rotate(); err != nil {
		t.Fatal(err)
	}
	waiting, cancel := context.WithTimeout(ctx, 2*copyPoll)
	defer cancel()
	if _, err := db.Reseal(waiting); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("during a backup: %v", err)
	}
	if _, _, count := v.Keys(); count != 2 {
		t.Errorf("%d keys, want both", count)
	}
	close(slow.goOn)
	if err := <-written; err != nil {
		t.Fatal(err)
	}
	if done, err := db.Reseal(ctx); err != nil || done.Keys != 1 {
		t.Errorf("afterwards: %+v, %v", done, err)
	}
	if _, err := Restore(ctx, &backup, t.TempDir(), Options{Unseal: func(dir string) (Sealer, error) { return unseal(dir, ann) }}, nil); err != nil {
		t.Errorf("what was sealed with the old key: %v", err)
	}
}

// stalling stops at its first byte until it is told to go on.
type stalling struct {
	w             io.Writer
	stalled, goOn chan struct{}
	once          sync.Once
}

func (s *stalling) Write(p []byte) (int, error) {
	s.once.Do(func() { close(s.stalled); <-s.goOn })
	return s.w.Write(p)
}

// TestSealedBackup: a backup holds everything sealed, and the vault with it; it
// is restored elsewhere by an admin, and by nobody else.
func TestSealedBackup(t *testing.T) {
	dir := t.TempDir()
	v, ann := newVault(t, dir)
	db := openStore(t, dir, Options{Sealer: v})
	first := plant(t, db)
	var backup bytes.Buffer
	if _, err := db.Backup(ctx, &backup, nil); err != nil {
		t.Fatal(err)
	}
	at := func(i age.Identity) (string, error) {
		to := t.TempDir()
		_, err := Restore(ctx, bytes.NewReader(backup.Bytes()), to, Options{Unseal: func(dir string) (Sealer, error) { return unseal(dir, i) }}, nil)
		return to, err
	}
	to, err := at(ann)
	if err != nil {
		t.Fatal(err)
	}
	if found := search(t, to); len(found) > 0 {
		t.Errorf("in the clear: %v", found)
	}
	again, err := unseal(filepath.Join(to, VaultDir), ann)
	if err != nil {
		t.Fatal(err)
	}
	restored := openStore(t, to, Options{Sealer: again, MustBe: true})
	if got, err := restored.Load(ctx, first.ID()); err != nil || len(got) != len(first.All) {
		t.Errorf("%d observations, %v", len(got), err)
	}
	stranger, err := age.GenerateHybridIdentity()
	if err != nil {
		t.Fatal(err)
	}
	if to, err := at(stranger); !errors.Is(err, vault.ErrWrongKey) {
		t.Errorf("a stranger: got %v", err)
	} else if left, err := os.ReadDir(to); err != nil || len(left) > 0 {
		t.Errorf("a stranger leaves %v, %v", left, err)
	}
}

// TestCopySealed: a store that was never sealed is copied whole, nothing stands
// in the copy in the clear, and the original is untouched.
func TestCopySealed(t *testing.T) {
	from, to := t.TempDir(), t.TempDir()
	db, err := Open(from, Options{})
	if err != nil {
		t.Fatal(err)
	}
	first := plant(t, db)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(filepath.Join(from, databaseName))
	if err != nil {
		t.Fatal(err)
	}
	v, _ := newVault(t, to)
	if err := CopySealed(ctx, from, to, v, CheckOptions{}); err != nil {
		t.Fatal(err)
	}
	if found := search(t, to); len(found) > 0 {
		t.Errorf("in the clear: %v", found)
	}
	sealed := openStore(t, to, Options{Sealer: v, MustBe: true})
	if got, err := sealed.Load(ctx, first.ID()); err != nil || len(got) != len(first.All) {
		t.Errorf("%d observations, %v", len(got), err)
	}
	r, err := sealed.Open(ctx, first.Fold.Input["document"].Document.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, first.Doc) {
		t.Errorf("document: %q, %v", got, err)
	}
	if after, err := os.ReadFile(filepath.Join(from, databaseName)); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the original has changed (%v)", err)
	}
}
