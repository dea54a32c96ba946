package store

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"skerry/store/storetest"
)

// FuzzDecodeObservation: whatever stands in the journal, decoding answers with
// the observation that was written there or an error about damage.
func FuzzDecodeObservation(f *testing.F) {
	db := &DB{sealer: Plain}
	r := storetest.New(1, storetest.Epoch, "invoice", "k").Whole("internal", "starter", "approved")
	run := mustRun(r.ID())
	valid := map[string]bool{}
	for i := range r.All {
		key := run.observation(uint64(i + 1))
		_, v, err := db.encodeObservation(key, &r.All[i])
		if err != nil {
			f.Fatal(err)
		}
		valid[string(key)+string(v)] = true
		f.Add(key, v)
	}
	f.Add([]byte{}, []byte{})
	f.Add(run.observation(1), frame(run.observation(1), []byte(`{"seq":2}`)))
	f.Add(run.observation(1), frame(run.observation(1), []byte(`{"seq":1,"kind":`)))
	f.Fuzz(func(t *testing.T, key, value []byte) {
		o, err := db.decodeObservation(key, value)
		if err != nil {
			if !errors.Is(err, ErrDamaged) || o.Seq != 0 {
				t.Errorf("error %v with observation %+v", err, o)
			}
			return
		}
		_, again, err := db.encodeObservation(key, &o)
		if err != nil {
			t.Errorf("what was decoded cannot be encoded: %v", err)
		}
		if valid[string(key)+string(value)] && !bytes.Equal(again, value) {
			t.Errorf("encoded again\n%q\nwas\n%q", again, value)
		}
	})
}

// FuzzReadBlob: whatever stands in a blob file, reading it yields the content
// that its name stands for or an error.
func FuzzReadBlob(f *testing.F) {
	db, err := Open(f.TempDir(), Options{NoSync: true})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { db.Close() })
	for _, content := range []string{"", "hello", strings.Repeat("x", blobChunk+5)} {
		digest, _, err := db.Put(ctx, strings.NewReader(content), 0)
		if err != nil {
			f.Fatal(err)
		}
		b, err := os.ReadFile(db.blobPath(digest))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte(blobMagic))
	digest := strings.Repeat("ab", 32) // of nothing that anybody can find
	if err := os.MkdirAll(filepath.Dir(db.blobPath(digest)), 0o700); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if err := os.WriteFile(db.blobPath(digest), b, 0o600); err != nil {
			t.Fatal(err)
		}
		r, err := db.Open(ctx, digest)
		if err == nil {
			_, err = io.Copy(io.Discard, r)
			r.Close()
		}
		if !errors.Is(err, ErrDamaged) {
			t.Errorf("got %v, want an error about damage", err)
		}
	})
}
