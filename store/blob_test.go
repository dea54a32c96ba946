package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"skerry/appliance/mission"
	"skerry/store/storetest"
)

func TestABlobOfAnySizeComesBackAsItWas(t *testing.T) {
	db := newStore(t)
	sealed := openStore(t, t.TempDir(), Options{Sealer: mask{}})
	for i, size := range []int{0, 1, 1000, blobChunk - 1, blobChunk, blobChunk + 1, 2 * blobChunk, 3*blobChunk + 17} {
		data := bytes.Repeat([]byte{byte(i), 'x', '\n'}, size/3+1)[:size]
		for _, db := range []*DB{db, sealed} {
			digest, n, err := db.Put(ctx, iotest.HalfReader(bytes.NewReader(data)), int64(size))
			sum := sha256.Sum256(data)
			if err != nil || n != int64(size) || digest != hex.EncodeToString(sum[:]) {
				t.Fatalf("put %d bytes: %s, %d, %v", size, digest, n, err)
			}
			r, err := db.Open(ctx, digest)
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(iotest.OneByteReader(io.LimitReader(r, 10)))
			rest, err2 := io.ReadAll(r)
			r.Close()
			if err != nil || err2 != nil || !bytes.Equal(append(got, rest...), data) {
				t.Errorf("read %d bytes of %d: %v, %v", len(got)+len(rest), size, err, err2)
			}
		}
	}
}

// mask is a sealer that hides what it seals and binds it to its place.
type mask struct{}

func (mask) Seal(bucket, key string, plain []byte) ([]byte, error) {
	sum := sha256.Sum256([]byte(bucket + "\x00" + key))
	out := append([]byte{}, sum[:4]...)
	for _, b := range plain {
		out = append(out, b^0x5a)
	}
	return out, nil
}

func (mask) Open(bucket, key string, sealed []byte) ([]byte, error) {
	sum := sha256.Sum256([]byte(bucket + "\x00" + key))
	if len(sealed) < 4 || !bytes.Equal(sealed[:4], sum[:4]) {
		return nil, errors.New("sealed for another place")
	}
	out := make([]byte, 0, len(sealed))
	for _, b := range sealed[4:] {
		out = append(out, b^0x5a)
	}
	return out, nil
}

// TestNothingIsStoredUnsealed: with a sealer that hides, no content of any kind
// is found in any file of the store.
func TestNothingIsStoredUnsealed(t *testing.T) {
	for _, c := range []struct {
		sealer Sealer
		found  bool
	}{{mask{}, false}, {Plain, true}} { // Plain is the negative control
		dir := t.TempDir()
		db := openStore(t, dir, Options{Sealer: c.sealer})
		r := storetest.New(1, storetest.Epoch, "invoice", "secret-key-1").Whole("internal", "starter", "approved")
		appendTo(t, db, r)
		appendTo(t, db, storetest.New(2, storetest.Epoch, "invoice", "").Queued("pay", "d1", "payments"))
		putDraft(t, db, "invoice", "name: secret-source")
		if err := db.PutSetting(ctx, "site", map[string]string{"name": "secret-site"}); err != nil {
			t.Fatal(err)
		}
		verify(t, db)
		db.Close()
		found := map[string]bool{}
		filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			for _, secret := range []string{"Nordwind", "Ada Winter", "invoice-00001", "secret-source", "secret-site", "1404.20", "above 1,000"} {
				if bytes.Contains(b, []byte(secret)) {
					found[secret] = true
				}
			}
			return nil
		})
		if want := map[bool]int{true: 7, false: 0}[c.found]; len(found) != want {
			t.Errorf("sealer %T: found %v, want %d", c.sealer, found, want)
		}
	}
}

func TestPutRefusesWhatIsTooBigAndLeavesNothingBehind(t *testing.T) {
	dir := t.TempDir()
	db := openStore(t, dir, Options{})
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	for _, c := range []struct {
		about string
		ctx   context.Context
		r     io.Reader
		want  error
	}{
		{"too big", ctx, strings.NewReader(strings.Repeat("x", 1001)), ErrTooBig},
		{"endless", ctx, endless{}, ErrTooBig},
		{"the reader fails", ctx, iotest.ErrReader(io.ErrNoProgress), io.ErrNoProgress},
		{"the reader fails after a chunk", ctx, io.MultiReader(bytes.NewReader(make([]byte, 100)), iotest.ErrReader(io.ErrNoProgress)), io.ErrNoProgress},
		{"the reader is cut short and says so only once", ctx, io.MultiReader(strings.NewReader("x"), &once{io.ErrUnexpectedEOF}), io.ErrUnexpectedEOF},
		{"the reader fails with an error that wraps io.EOF", ctx, iotest.ErrReader(fmt.Errorf("connection lost: %w", io.EOF)), io.EOF},
		{"the context has ended", cancelled, strings.NewReader("x"), context.Canceled},
	} {
		if _, _, err := db.Put(c.ctx, c.r, 1000); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", c.about, err, c.want)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(dir, blobsName, "*", "*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	for _, digest := range []string{"", "x", strings.Repeat("0", 64), "../../etc/passwd", strings.Repeat("A", 64)} {
		if _, err := db.Open(ctx, digest); !errors.Is(err, mission.ErrNotFound) {
			t.Errorf("blob %q: got %v", digest, err)
		}
	}
}

// once fails the first time and is at its end from then on.
type once struct{ err error }

func (o *once) Read([]byte) (n int, err error) {
	err, o.err = o.err, io.EOF
	return 0, err
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

func TestSweepRemovesOnlyWhatIsOldAndNamedByNothing(t *testing.T) {
	db, runs := stocked(t, t.TempDir())
	old, _, err := db.Put(ctx, strings.NewReader("old and forgotten"), 0)
	if err != nil {
		t.Fatal(err)
	}
	fresh, _, err := db.Put(ctx, strings.NewReader("just put, named soon"), 0)
	if err != nil {
		t.Fatal(err)
	}
	named := runs[0].All[0].Created.Input["document"].Document.SHA256
	long := time.Now().Add(-48 * time.Hour)
	for _, d := range []string{old, named} {
		if err := os.Chtimes(db.blobPath(d), long, long); err != nil {
			t.Fatal(err)
		}
	}
	if r, err := db.Check(ctx, CheckOptions{}); err != nil || r.Orphans != 2 {
		t.Errorf("the check counts %d orphans, %v; want 2", r.Orphans, err)
	}
	if _, _, err := db.Sweep(ctx, time.Second); err == nil {
		t.Error("a grace of a second was accepted")
	}
	n, _, err := db.Sweep(ctx, 24*time.Hour)
	if err != nil || n != 1 {
		t.Errorf("removed %d, %v; want 1", n, err)
	}
	for digest, want := range map[string]bool{old: false, fresh: true, named: true} {
		r, err := db.Open(ctx, digest)
		if (err == nil) != want {
			t.Errorf("blob %s: %v, want it there: %v", digest, err, want)
		}
		if err == nil {
			r.Close()
		}
	}
}

func TestAnInterruptedPutIsClearedAtTheNextOpen(t *testing.T) {
	dir := t.TempDir()
	openStore(t, dir, Options{}).Close()
	left := filepath.Join(dir, blobsName, tempName, "put-1")
	if err := os.WriteFile(left, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	openStore(t, dir, Options{})
	if _, err := os.Stat(left); err == nil {
		t.Error("it is still there")
	}
}
