package appliance

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"skerry/appliance/api"
	"skerry/appliance/audit"
	"skerry/store"
	"skerry/store/vault"
)

// unsealedSite makes a data directory as it was before there was a vault.
func unsealedSite(t *testing.T) Config {
	t.Helper()
	c := DefaultConfig(filepath.Join(t.TempDir(), "data"))
	c.Listen = ""
	db, err := store.Open(filepath.Join(c.Data, storeDir), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := seed(t.Context(), db, &Initialised{}); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	text, err := c.Marshal()
	if err == nil {
		err = writeFile(filepath.Join(c.Data, ConfigFile), text)
	}
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// inTheClear reports whether the sample mission stands anywhere below dir as it
// is written.
func inTheClear(t *testing.T, dir string) (found bool) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		found = found || bytes.Contains(b, []byte("mission: invoice"))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// TestSealInPlace: a data directory of before is refused until it is sealed;
// then nothing of it stands in the clear. Attempts that break off change
// nothing, and what they leave is cleared away.
func TestSealInPlace(t *testing.T) {
	c := unsealedSite(t)
	log := slog.New(slog.DiscardHandler)
	refused := func(when string) {
		t.Helper()
		if _, err := Open(t.Context(), c, log); !errors.Is(err, ErrUnsealed) || !strings.Contains(err.Error(), "skerry vault init --data "+c.Data) {
			t.Fatalf("%s: got %v", when, err)
		}
		if !inTheClear(t, filepath.Join(c.Data, storeDir)) {
			t.Fatalf("%s: negative control: nothing is found in what is not sealed", when)
		}
	}
	refused("before")
	interrupted, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := SealInPlace(interrupted, c, Admins{}); !errors.Is(err, context.Canceled) {
		t.Fatalf("interrupted: %v", err)
	}
	refused("after an attempt that broke off")

	keyFile, err := SealInPlace(t.Context(), c, Admins{})
	if err != nil || keyFile != c.Data+".key" {
		t.Fatalf("%q, %v", keyFile, err)
	}
	if inTheClear(t, c.Data) {
		t.Error("the sample mission is on the disk in the clear")
	}
	// As if the process had died right after the exchange.
	left := filepath.Join(c.Data, sealingDir)
	if err := os.MkdirAll(filepath.Join(left, "blobs"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(left, "skerry.db"), []byte("mission: invoice"), 0o600); err != nil {
		t.Fatal(err)
	}
	a, err := Open(t.Context(), c, log)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.db.ActivePolicy(t.Context()); err != nil {
		t.Error(err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if inTheClear(t, c.Data) {
		t.Error("what was left of the original is still there")
	}
	if _, err := SealInPlace(t.Context(), c, Admins{}); err == nil || !strings.Contains(err.Error(), "already") {
		t.Errorf("a second time: %v", err)
	}
}

// TestUnsealIsRecorded: who opens the vault is on record, and how many tries came
// before, which nothing could be recorded of.
func TestUnsealIsRecorded(t *testing.T) {
	auditors := newAuditors(t)
	c := DefaultConfig(filepath.Join(t.TempDir(), "data"))
	if _, err := Init(t.Context(), c, Admins{Passphrase: "correct horse battery staple"}, auditors.recipients...); err != nil {
		t.Fatal(err)
	}
	d := &door{config: c, log: slog.New(slog.DiscardHandler), opened: make(chan *Appliance), serving: make(chan struct{})}
	by := api.Opener{Source: "192.0.2.7"}
	if err := d.UnsealPassphrase(t.Context(), by, "wrong horse battery staple"); !errors.Is(err, vault.ErrWrongKey) {
		t.Fatalf("a wrong passphrase: got %v", err)
	}
	closed := make(chan error, 1)
	go func() {
		a := <-d.opened
		close(d.serving)
		closed <- a.Close()
	}()
	if err := d.UnsealPassphrase(t.Context(), by, "correct horse battery staple"); err != nil {
		t.Fatal(err)
	}
	if err := <-closed; err != nil {
		t.Fatal(err)
	}
	var got []audit.Record
	auditors.read(t, c.Data, func(_ uint64, r *audit.Record) error {
		if r.Action == "vault.unsealed" {
			got = append(got, *r)
		}
		return nil
	})
	if len(got) != 1 || got[0].Object != "passphrase" || got[0].Source != by.Source || got[0].Actor != "" || !strings.Contains(got[0].Why, "1 keys or passphrases were refused") {
		t.Errorf("recorded %+v", got)
	}
}

// TestKeyFileRules: a key file opens the vault only where it protects anything
// at all.
func TestKeyFileRules(t *testing.T) {
	c := DefaultConfig(filepath.Join(t.TempDir(), "data"))
	done, err := Init(t.Context(), c, Admins{})
	if err != nil {
		t.Fatal(err)
	}
	open := func(c Config) error {
		v, err := unsealHere(c)
		if err == nil {
			v.Close()
		}
		return err
	}
	if err := open(c); err != nil {
		t.Fatalf("negative control: %v", err)
	}
	inside := c
	inside.KeyFile = filepath.Join(c.Data, "key")
	if err := open(inside); err == nil || !strings.Contains(err.Error(), "data directory") {
		t.Errorf("inside the data directory: %v", err)
	}
	link := c
	link.KeyFile = filepath.Join(filepath.Dir(c.Data), "link")
	if err := os.Symlink(done.KeyFile, link.KeyFile); err != nil {
		t.Fatal(err)
	}
	if err := open(link); err == nil || !strings.Contains(err.Error(), "link") {
		t.Errorf("a link: %v", err)
	}
	if err := os.Chmod(done.KeyFile, 0o640); err != nil {
		t.Fatal(err)
	}
	if err := open(c); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("others can read it: %v", err)
	}
	if err := os.Remove(done.KeyFile); err != nil {
		t.Fatal(err)
	}
	if err := open(c); !errors.Is(err, ErrSealed) {
		t.Errorf("there is none: %v", err)
	}
	if _, err := vault.KeyFile(done.KeyFile); err != nil { // of another vault
		t.Fatal(err)
	}
	if err := open(c); !errors.Is(err, vault.ErrWrongKey) {
		t.Errorf("another key: %v", err)
	}
}

// TestCredential: a systemd credential opens the vault.
func TestCredential(t *testing.T) {
	c := DefaultConfig(filepath.Join(t.TempDir(), "data"))
	done, err := Init(t.Context(), c, Admins{})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Rename(done.KeyFile, filepath.Join(dir, credentialName)); err != nil {
		t.Fatal(err)
	}
	if _, err := unsealHere(c); !errors.Is(err, ErrSealed) {
		t.Errorf("negative control: without the credential: %v", err)
	}
	t.Setenv("CREDENTIALS_DIRECTORY", dir)
	v, err := unsealHere(c)
	if err != nil {
		t.Fatal(err)
	}
	v.Close()
}

// TestOneProcess: a data directory is one process's, sealed or not.
func TestOneProcess(t *testing.T) {
	dir := t.TempDir()
	unlock, err := lockData(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lockData(dir); !errors.Is(err, store.ErrInUse) {
		t.Errorf("a second one: %v", err)
	}
	unlock()
	unlock, err = lockData(dir)
	if err != nil {
		t.Fatal(err)
	}
	unlock()
}

// TestHarden: afterwards the kernel makes no core dump of this process. It is
// undone at the end, as far as that goes, for the other tests.
func TestHarden(t *testing.T) {
	before, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0)
	if err != nil || before == 0 {
		t.Fatalf("negative control: dumpable is %d before, %v", before, err)
	}
	if err := Harden(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Prctl(unix.PR_SET_DUMPABLE, 1, 0, 0, 0); err != nil {
			t.Error(err)
		}
	})
	after, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0)
	var limit unix.Rlimit
	err = errors.Join(err, unix.Getrlimit(unix.RLIMIT_CORE, &limit))
	if err != nil || after != 0 || limit.Cur != 0 || limit.Max != 0 {
		t.Errorf("dumpable %d, core size %+v, %v", after, limit, err)
	}
}
