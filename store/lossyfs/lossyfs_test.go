//go:build linux

package lossyfs

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
)

// after runs work on a disk that begins with the file old, whose content is
// durable, cuts the power and returns the folder of what survived.
func after(t *testing.T, seed uint64, lies func(string) bool, work func(dir string)) string {
	t.Helper()
	from, dir := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(from, "old"), bytes.Repeat([]byte("o"), 2*Sector), 0o600); err != nil {
		t.Fatal(err)
	}
	disk, err := Mount(from, dir, Options{Lies: lies})
	if err != nil {
		t.Skipf("no FUSE here: %v", err)
	}
	defer func() {
		if err := disk.Close(); err != nil {
			t.Error(err)
		}
	}()
	work(dir)
	disk.Cut(rand.New(rand.NewPCG(seed, 1)))
	if _, err := os.ReadFile(filepath.Join(dir, "old")); err == nil {
		t.Error("the power is off, and yet a file can be opened")
	}
	to := filepath.Join(t.TempDir(), "after")
	if err := disk.Survivors(to); err != nil {
		t.Fatal(err)
	}
	return to
}

func put(t *testing.T, path string, content []byte, sync bool) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.Write(content)
	if sync {
		err = errors.Join(err, f.Sync())
	}
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
}

func syncDir(t *testing.T, path string) {
	t.Helper()
	d, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		t.Fatal(err)
	}
}

func content(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return b
}

const seeds = 40

// TestSyncedSurvives: what was synced, content and name, is always there.
func TestSyncedSurvives(t *testing.T) {
	text := bytes.Repeat([]byte("n"), 3*Sector+7)
	for seed := range uint64(seeds) {
		to := after(t, seed, nil, func(dir string) {
			put(t, filepath.Join(dir, "new"), text, true)
			if err := os.Rename(filepath.Join(dir, "new"), filepath.Join(dir, "newer")); err != nil {
				t.Fatal(err)
			}
			syncDir(t, dir)
		})
		if !bytes.Equal(content(t, filepath.Join(to, "newer")), text) || content(t, filepath.Join(to, "new")) != nil {
			t.Fatalf("seed %d: it was synced, and is not there", seed)
		}
	}
}

// TestUnsyncedIsAtRisk: what was not synced is gone, there and torn, one time
// and another; nothing else is touched.
func TestUnsyncedIsAtRisk(t *testing.T) {
	old, text := bytes.Repeat([]byte("o"), 2*Sector), bytes.Repeat([]byte("n"), 2*Sector)
	var gone, whole, torn int
	for seed := range uint64(seeds) {
		to := after(t, seed, nil, func(dir string) { put(t, filepath.Join(dir, "old"), text, false) })
		switch got := content(t, filepath.Join(to, "old")); {
		case bytes.Equal(got, old):
			gone++
		case bytes.Equal(got, text):
			whole++
		case len(got) == len(old):
			torn++
		default:
			t.Errorf("seed %d: %d bytes", seed, len(got))
		}
	}
	if gone == 0 || whole == 0 || torn == 0 {
		t.Errorf("%d times gone, %d whole, %d torn", gone, whole, torn)
	}
}

// TestNamesNeedTheirDirectory: a file that was synced in a directory that was
// not is there or not, and whole if it is. Names change in their order.
func TestNamesNeedTheirDirectory(t *testing.T) {
	text := []byte("whole")
	there := 0
	for seed := range uint64(seeds) {
		to := after(t, seed, nil, func(dir string) {
			put(t, filepath.Join(dir, "first"), text, true)
			put(t, filepath.Join(dir, "second"), text, true)
		})
		first, second := content(t, filepath.Join(to, "first")), content(t, filepath.Join(to, "second"))
		if second != nil && first == nil {
			t.Errorf("seed %d: the second name without the first", seed)
		}
		if first != nil {
			there++
			if !bytes.Equal(first, text) {
				t.Errorf("seed %d: %q", seed, first)
			}
		}
	}
	if there == 0 || there == seeds {
		t.Errorf("%d of %d times there", there, seeds)
	}
}

// TestLies: a sync that lies saves nothing.
func TestLies(t *testing.T) {
	lost := 0
	for seed := range uint64(seeds) {
		to := after(t, seed, func(name string) bool { return name == "old" }, func(dir string) {
			put(t, filepath.Join(dir, "old"), bytes.Repeat([]byte("n"), 2*Sector), true)
		})
		if bytes.Contains(content(t, filepath.Join(to, "old")), []byte("o")) {
			lost++
		}
	}
	if lost == 0 {
		t.Error("nothing was lost")
	}
}
