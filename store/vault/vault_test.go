package vault

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"filippo.io/age"
	"pgregory.net/rapid"

	"skerry/store"
)

var _ store.Keeper = (*Vault)(nil)

// hybrid returns a new identity and an admin with it.
func hybrid(t testing.TB, name string) (age.Identity, NewAdmin) {
	t.Helper()
	i, err := age.GenerateHybridIdentity()
	if err != nil {
		t.Fatal(err)
	}
	return i, NewAdmin{Name: name, Recipient: i.Recipient().String()}
}

func newVault(t testing.TB, o Options, admins ...NewAdmin) *Vault {
	t.Helper()
	v, err := Create(filepath.Join(t.TempDir(), "vault"), admins, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(v.Close)
	return v
}

// reopen opens a second vault over the files of v with an identity.
func reopen(t testing.TB, dir string, o Options, i age.Identity) (*Vault, error) {
	t.Helper()
	info, err := Inspect(dir)
	if err != nil {
		return nil, err
	}
	root, err := Unwrap(info, i)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	v, err := Open(dir, root, o)
	if err == nil {
		t.Cleanup(v.Close)
	}
	return v, err
}

func seal(t testing.TB, v *Vault, bucket, key, plain string) []byte {
	t.Helper()
	b, err := v.Seal(bucket, key, []byte(plain))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func stale(v *Vault, sealed []byte) bool {
	stale, _ := v.Renew()
	return stale(sealed)
}

// TestSealOpen: what was sealed opens at its place to what it was, and shows
// nothing of it.
func TestSealOpen(t *testing.T) {
	_, ann := hybrid(t, "ann")
	v := newVault(t, Options{}, ann)
	rapid.Check(t, func(t *rapid.T) {
		bucket := rapid.SampledFrom([]string{"journal", "runs", "blobs"}).Draw(t, "bucket")
		key := string(rapid.SliceOfN(rapid.Byte(), 0, 200).Draw(t, "key"))
		plain := rapid.SliceOfN(rapid.Byte(), 0, 5000).Draw(t, "plain")
		sealed, err := v.Seal(bucket, key, plain)
		if err != nil {
			t.Fatal(err)
		}
		got, err := v.Open(bucket, key, sealed)
		if err != nil || !bytes.Equal(got, plain) {
			t.Fatalf("got %x, %v; want %x", got, err, plain)
		}
		if len(sealed) != len(plain)+Overhead || len(plain) > 8 && bytes.Contains(sealed, plain) {
			t.Fatalf("sealed value of %d bytes for %d, or it shows what it holds", len(sealed), len(plain))
		}
	})
}

// misplaced are values that must not open where they are put. The same rows
// are the negative control: a sealer without protection takes all of them.
func misplaced(t *testing.T, s store.Sealer) (opened []string) {
	t.Helper()
	at := func(bucket, key, plain string) []byte {
		b, err := s.Seal(bucket, key, []byte(plain))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	flipped := at("runs", "a", "value")
	flipped[len(flipped)-1] ^= 1
	for _, row := range []struct {
		name, bucket, key string
		sealed            []byte
	}{
		{"a row of another key", "runs", "b", at("runs", "a", "value")},
		{"a row of another bucket", "decisions", "a", at("runs", "a", "value")},
		{"bucket and key split elsewhere", "run", "sa", at("runs", "a", "value")},
		{"the empty key", "runs", "", at("runs", "a", "value")},
		{"a chunk in another order", "blobs", "salt\x00\x01\x00", at("blobs", "salt\x00\x00\x00", "value")},
		{"a last chunk as one in between", "blobs", "salt\x00\x00\x00", at("blobs", "salt\x00\x00\x01", "value")},
		{"one bit of it changed", "runs", "a", flipped},
	} {
		if _, err := s.Open(row.bucket, row.key, row.sealed); err == nil {
			opened = append(opened, row.name)
		} else if !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: got %v, want %v", row.name, err, ErrDamaged)
		}
	}
	return opened
}

func TestMisplacedValuesAreRefused(t *testing.T) {
	_, ann := hybrid(t, "ann")
	if opened := misplaced(t, newVault(t, Options{}, ann)); len(opened) > 0 {
		t.Errorf("these opened: %q", opened)
	}
	if opened := misplaced(t, store.Plain); len(opened) != 7 {
		t.Errorf("negative control: without a vault %d of 7 opened: %q", len(opened), opened)
	}
}

// TestForeignValuesAreRefused: values of another vault, and of this one under
// a data key that was dropped, do not open.
func TestForeignValuesAreRefused(t *testing.T) {
	_, ann := hybrid(t, "ann")
	v, other := newVault(t, Options{}, ann), newVault(t, Options{}, ann)
	if _, err := v.Open("runs", "a", seal(t, other, "runs", "a", "x")); !errors.Is(err, ErrDamaged) {
		t.Errorf("value of another vault: got %v", err)
	}
	old := seal(t, v, "runs", "a", "x")
	if _, err := v.Rotate(); err != nil {
		t.Fatal(err)
	}
	if got, err := v.Open("runs", "a", old); err != nil || string(got) != "x" || !stale(v, old) {
		t.Fatalf("after a rotation: %q, %v, stale %v; want it to open and to be stale", got, err, stale(v, old))
	}
	fresh := seal(t, v, "runs", "a", "x")
	if stale(v, fresh) {
		t.Error("a value of the latest key is stale")
	}
	_, retire := v.Renew()
	if n, err := retire(); n != 1 || err != nil {
		t.Fatalf("retired %d, %v", n, err)
	}
	if _, err := v.Open("runs", "a", old); !errors.Is(err, ErrDamaged) {
		t.Errorf("value of a dropped key: got %v", err)
	}
	if _, err := v.Open("runs", "a", fresh); err != nil {
		t.Error(err)
	}
}

// TestEveryByteOfAValueCounts: no byte of a value can change unseen.
func TestEveryByteOfAValueCounts(t *testing.T) {
	_, ann := hybrid(t, "ann")
	v := newVault(t, Options{}, ann)
	sealed := seal(t, v, "runs", "a", "value")
	for i := range sealed {
		for bit := range 8 {
			changed := slices.Clone(sealed)
			changed[i] ^= 1 << bit
			if _, err := v.Open("runs", "a", changed); !errors.Is(err, ErrDamaged) {
				t.Errorf("bit %d of byte %d: got %v", bit, i, err)
			}
		}
	}
	for n := range sealed {
		if _, err := v.Open("runs", "a", sealed[:n]); !errors.Is(err, ErrDamaged) {
			t.Errorf("cut to %d bytes: got %v", n, err)
		}
	}
}

// TestEveryByteOfTheKeyringCounts: a keyring in which anything was changed
// opens for nobody.
func TestEveryByteOfTheKeyringCounts(t *testing.T) {
	i, ann := hybrid(t, "ann")
	v := newVault(t, Options{}, ann)
	path := filepath.Join(v.dir, keyringName)
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	info, err := Inspect(v.dir)
	if err != nil {
		t.Fatal(err)
	}
	root, err := Unwrap(info, i)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	for at := range file {
		changed := slices.Clone(file)
		changed[at] ^= 0x10
		if err := os.WriteFile(path, changed, 0o600); err != nil {
			t.Fatal(err)
		}
		if opened, err := Open(v.dir, root, Options{}); err == nil || !errors.Is(err, ErrWrongKey) && !errors.Is(err, ErrDamaged) {
			t.Errorf("byte %d: got %v, %v", at, opened, err)
		}
	}
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	again, err := Open(v.dir, root, Options{})
	if err != nil {
		t.Fatalf("negative control: the keyring as it was: %v", err)
	}
	again.Close()
}

// TestDataKeysWearOut: a data key is followed by the next when it has sealed
// enough, or is old; and what a crash forgets was counted in advance.
func TestDataKeysWearOut(t *testing.T) {
	annKey, ann := hybrid(t, "ann")
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	o := Options{Now: func() time.Time { return now }}
	v := newVault(t, o, ann)
	seal(t, v, "runs", "a", "x")
	w, err := reopen(t, v.dir, o, annKey)
	if err != nil {
		t.Fatal(err)
	}
	if used := w.ring.last().used; used != reservation {
		t.Errorf("after one value and a crash %d are counted, want %d", used, reservation)
	}
	w.ring.last().used = maxUses
	seal(t, w, "runs", "a", "x")
	if n, _, _ := w.Keys(); n != 2 {
		t.Errorf("worn out: data key %d seals, want 2", n)
	}
	now = now.Add(maxAge)
	w.left.Store(0)
	seal(t, w, "runs", "a", "x")
	if n, _, count := w.Keys(); n != 3 || count != 3 {
		t.Errorf("a year later: data key %d of %d seals, want 3", n, count)
	}
	for {
		if _, err := w.Rotate(); err != nil {
			break
		}
	}
	if _, _, count := w.Keys(); count != maxVersions {
		t.Errorf("the ring is full with %d data keys, want %d", count, maxVersions)
	}
	w.ring.last().used = hardUses
	w.left.Store(0)
	if _, err := w.Seal("runs", "a", nil); err == nil {
		t.Error("a data key seals beyond its limit")
	}
}

// TestClose: a sealed vault does nothing and keeps no key.
func TestClose(t *testing.T) {
	_, ann := hybrid(t, "ann")
	v := newVault(t, Options{}, ann)
	sealed := seal(t, v, "runs", "a", "x")
	v.Close()
	v.Close()
	_, sealErr := v.Seal("runs", "a", nil)
	_, openErr := v.Open("runs", "a", sealed)
	_, rotateErr := v.Rotate()
	_, retire := v.Renew()
	_, retireErr := retire()
	_, rootErr := v.Root()
	for name, err := range map[string]error{"seal": sealErr, "open": openErr, "rotate": rotateErr, "retire": retireErr, "root": rootErr,
		"add": v.AddAdmin(ann), "remove": v.RemoveAdmin("ann")} {
		if !errors.Is(err, ErrSealed) {
			t.Errorf("%s: got %v, want %v", name, err, ErrSealed)
		}
	}
	v.lanes.Range(func(l, _ any) bool { t.Errorf("the key of %v is still there", l); return true })
}

// TestConcurrent: values are sealed and opened while the keyring changes.
func TestConcurrent(t *testing.T) {
	_, ann := hybrid(t, "ann")
	v := newVault(t, Options{}, ann)
	var workers sync.WaitGroup
	for i := range 4 {
		workers.Go(func() {
			for n := range 300 {
				key := fmt.Sprint(i, n)
				sealed, err := v.Seal("runs", key, []byte(key))
				if err != nil {
					t.Error(err)
					return
				}
				if got, err := v.Open("runs", key, sealed); err != nil || string(got) != key {
					t.Errorf("%q, %v", got, err)
				}
			}
		})
	}
	for range 10 {
		if _, err := v.Rotate(); err != nil {
			t.Error(err)
		}
	}
	workers.Wait()
	_, retire := v.Renew()
	if _, err := v.Rotate(); err != nil { // one more, which retire does not mean
		t.Fatal(err)
	}
	if n, err := retire(); n != 10 || err != nil {
		t.Errorf("retired %d, %v", n, err)
	}
}

// TestKeysAreLocked: the kernel says that the page of the keys is locked, and
// neither dumped nor copied into children; an ordinary page is not.
func TestKeysAreLocked(t *testing.T) {
	_, ann := hybrid(t, "ann")
	v := newVault(t, Options{}, ann)
	for _, row := range []struct {
		name string
		b    []byte
		want bool
	}{{"keys", v.page.b, true}, {"negative control: an ordinary page", make([]byte, 1<<20), false}} {
		flags := vmFlags(t, row.b)
		for _, f := range []string{"lo", "dd", "dc"} { // proc_pid_smaps(5)
			if slices.Contains(flags, f) != row.want {
				t.Errorf("%s: flags %v, want %s: %v", row.name, flags, f, row.want)
			}
		}
	}
}
