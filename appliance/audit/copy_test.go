package audit

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// paste writes pieces into the folders of another site.
func paste(t *testing.T, pieces []Piece, to *site) {
	t.Helper()
	for i := range pieces {
		p := &pieces[i]
		dir := to.dir
		if p.Key {
			dir = to.keys
		}
		r, err := p.Open()
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		if int64(len(b)) != p.Size || !IsPiece(p.Name, p.Key) || IsPiece(p.Name, !p.Key) {
			t.Errorf("%s: %d bytes, want %d", p.Name, len(b), p.Size)
		}
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, p.Name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestCopy: a log that was copied while others wrote it is gone on with
// elsewhere, from what was recorded before the copy was asked for at least.
func TestCopy(t *testing.T) {
	s := newSite(t)
	l := s.open(t, Options{SegmentRecords: 20, CheckpointEvery: 8})
	var writers sync.WaitGroup
	stop := make(chan struct{})
	for range 4 {
		writers.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				if err := l.Append(t.Context(), record(i)); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for n := range 10 {
		if err := l.Append(t.Context(), Record{Action: "copy.asked"}); err != nil {
			t.Fatal(err)
		}
		pieces, err := l.Copy(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		other := &site{dir: filepath.Join(t.TempDir(), "audit"), keys: filepath.Join(t.TempDir(), "keys"), identities: s.identities, enrolment: s.enrolment}
		paste(t, pieces, other)
		again := other.open(t, Options{})
		other.write(t, again, 1)
		other.close(t, again)
		asked := 0
		r := other.verify(t, Check{Identities: s.identities, Each: countAction("copy.asked", &asked)})
		if !r.OK() || r.Opened != r.Records || asked != n+1 {
			t.Errorf("copy %d: %v, %d of %d records opened, %d requests recorded", n, r.Faults, r.Opened, r.Records, asked)
		}
	}
	close(stop)
	writers.Wait()
	s.close(t, l)
	if _, err := l.Copy(t.Context()); err == nil {
		t.Error("a log that is closed was copied")
	}
}

func countAction(action string, n *int) func(Entry) error {
	return func(e Entry) error {
		if actionOf(e) == action {
			*n++
		}
		return nil
	}
}

func actionOf(e Entry) string {
	var r Record
	if err := json.Unmarshal(e.Record, &r); err != nil {
		return err.Error()
	}
	return r.Action
}
