package audit

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"filippo.io/age"
)

// site is an enrolled log with the auditors' keys.
type site struct {
	dir, keys  string
	identities []age.Identity
	enrolment  *Enrolment
}

func newSite(t testing.TB) *site {
	t.Helper()
	s := &site{dir: filepath.Join(t.TempDir(), "audit"), keys: filepath.Join(t.TempDir(), "keys")}
	pq, err := age.GenerateHybridIdentity()
	if err != nil {
		t.Fatal(err)
	}
	classic, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	s.identities = []age.Identity{pq, classic}
	s.enrolment, err = Enrol(s.dir, s.keys, []string{pq.Recipient().String(), classic.Recipient().String()}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *site) open(t testing.TB, o Options) *Log {
	t.Helper()
	o.Dir, o.KeyDir = s.dir, s.keys
	l, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func (s *site) write(t testing.TB, l *Log, n int) {
	t.Helper()
	for i := range n {
		if err := l.Append(context.Background(), record(i)); err != nil {
			t.Fatal(err)
		}
	}
}

func (s *site) close(t testing.TB, l *Log) {
	t.Helper()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

// record is one whose length varies.
func record(i int) Record {
	return Record{Action: "test.done", Object: fmt.Sprint(i), Why: strings.Repeat("x", i*37%700), Class: "confidential"}
}

// verify returns the report of the log, opened with the first identity.
func (s *site) verify(t testing.TB, c Check) *Report {
	t.Helper()
	c.Enrolment = s.enrolment
	r, err := Verify(s.dir, c)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// objects returns what stands in the records of record.
func (s *site) objects(t testing.TB, id age.Identity) (list []string) {
	t.Helper()
	r := s.verify(t, Check{Identities: []age.Identity{id}, Each: func(e Entry) error {
		var r Record
		if err := json.Unmarshal(e.Record, &r); err != nil {
			return err
		}
		if r.Action == "test.done" {
			list = append(list, r.Object)
		}
		return nil
	}})
	if !r.OK() {
		t.Fatalf("faults: %v", r.Faults)
	}
	if r.Opened != r.Records {
		t.Fatalf("opened %d of %d records", r.Opened, r.Records)
	}
	return list
}

func TestRoundTrip(t *testing.T) {
	s := newSite(t)
	l := s.open(t, Options{SegmentRecords: 50, CheckpointEvery: 7})
	s.write(t, l, 120)
	s.close(t, l)
	l = s.open(t, Options{})
	if err := l.Append(context.Background(), record(120), record(121)); err != nil {
		t.Fatal(err)
	}
	s.close(t, l)
	for _, id := range s.identities {
		got := s.objects(t, id)
		if len(got) != 122 {
			t.Fatalf("%T opened %d records, want 122", id, len(got))
		}
		for i, o := range got {
			if o != fmt.Sprint(i) {
				t.Fatalf("record %d is %s", i, o)
			}
		}
	}
	r := s.verify(t, Check{})
	if r.Open || r.Unsigned() != 0 || r.Segments != 4 {
		t.Errorf("report: open %v, unsigned %d, segments %d; want closed, 0, 4", r.Open, r.Unsigned(), r.Segments)
	}
	stranger, err := age.GenerateHybridIdentity()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Verify(s.dir, Check{Identities: []age.Identity{stranger}}); err == nil {
		t.Error("a stranger's key opens the log")
	}
}

// TestNothingInClear: neither records nor keys stand in what auditors copy.
func TestNothingInClear(t *testing.T) {
	s := newSite(t)
	l := s.open(t, Options{})
	s.write(t, l, 20)
	// The keys of the appliance at that time open nothing that was recorded.
	s.close(t, l)
	err := filepath.WalkDir(s.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if strings.Contains(string(b), "confidential") || strings.Contains(string(b), "test.done") {
			t.Errorf("%s holds a record in clear", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestManyWriters(t *testing.T) {
	s := newSite(t)
	l := s.open(t, Options{SegmentRecords: 1000})
	var wg sync.WaitGroup
	for w := range 16 {
		wg.Go(func() {
			for i := range 200 {
				if err := l.Append(context.Background(), record(w*1000+i)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	s.close(t, l)
	if got := len(s.objects(t, s.identities[0])); got != 3200 {
		t.Errorf("%d records, want 3200", got)
	}
	if err := l.Append(context.Background(), record(1)); err == nil {
		t.Error("a closed log takes records")
	}
}

func TestEnrolRefuses(t *testing.T) {
	one, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	r := one.Recipient().String()
	for name, list := range map[string][]string{
		"no auditor": nil, "one auditor": {r}, "the same auditor twice": {r, r}, "no recipient": {r, "age1nonsense"}, "a comment": {r, "# " + r},
	} {
		if _, err := Enrol(t.TempDir(), t.TempDir(), list, time.Now()); err == nil {
			t.Errorf("%s: enrolled", name)
		}
	}
	s := newSite(t)
	if _, err := Enrol(s.dir, s.keys, s.enrolment.Recipients, time.Now()); err == nil {
		t.Error("a second enrolment was accepted")
	}
}

// TestKeysAreNeverMadeAnew: without its keys the log is not gone on with.
func TestKeysAreNeverMadeAnew(t *testing.T) {
	for _, name := range []string{signerFile, chainFile} {
		for how, spoil := range map[string]func(string) error{
			"gone":  os.Remove,
			"empty": func(p string) error { return os.Truncate(p, 0) },
			"a folder": func(p string) error {
				if err := os.Remove(p); err != nil {
					return err
				}
				return os.Mkdir(p, 0o700)
			},
		} {
			s := newSite(t)
			s.close(t, s.open(t, Options{}))
			if err := spoil(filepath.Join(s.keys, name)); err != nil {
				t.Fatal(err)
			}
			if l, err := Open(Options{Dir: s.dir, KeyDir: s.keys}); err == nil {
				l.Close()
				t.Errorf("%s is %s: the log was opened", name, how)
			}
		}
	}
}

// TestAnyTextFits: what happened is recorded however long the texts about it
// are, and what is cut can be told by its digest.
func TestAnyTextFits(t *testing.T) {
	s := newSite(t)
	l := s.open(t, Options{})
	long := strings.Repeat("ä", 40<<10)
	escaped := strings.Repeat("\x01", 40<<10)
	r := Record{Action: "test.done", Why: long, Object: escaped, Actor: escaped, ActorName: escaped, Rule: escaped, Step: escaped, Mission: escaped,
		Model: escaped, Source: escaped, Session: escaped, Role: escaped, Documents: slices.Repeat([]string{strings.Repeat("a", 64)}, 1000)}
	for _, r := range []Record{r, {Action: "test.done", Why: long}} {
		if err := l.Append(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	s.close(t, l)
	var why []string
	r2 := s.verify(t, Check{Identities: s.identities, Each: func(e Entry) error {
		var r Record
		if err := json.Unmarshal(e.Record, &r); err != nil {
			return err
		}
		if r.Action == "test.done" {
			why = append(why, r.Why)
		}
		return nil
	}})
	sum := sha256.Sum256([]byte(long))
	if !r2.OK() || len(why) != 2 || !strings.HasSuffix(why[0], hex.EncodeToString(sum[:])) || !strings.HasPrefix(why[1], long[:1000]) {
		t.Errorf("%v, %d records, %.60q", r2.Faults, len(why), why)
	}
}

// TestEpoch: a log is not gone on with by a store that was set back, and a
// verifier sees it where somebody made it go on all the same.
func TestEpoch(t *testing.T) {
	s := newSite(t)
	for _, epoch := range []uint64{1, 5} {
		s.close(t, s.open(t, Options{Epoch: epoch}))
	}
	for _, epoch := range []uint64{5, 4} {
		if _, err := Open(Options{Dir: s.dir, KeyDir: s.keys, Epoch: epoch}); !errors.Is(err, ErrRolledBack) {
			t.Errorf("epoch %d after 5: got %v, want %v", epoch, err, ErrRolledBack)
		}
	}
	s.close(t, s.open(t, Options{Epoch: 6}))
	if r := s.verify(t, Check{}); !r.OK() {
		t.Errorf("a log whose epochs rise: %v", r.Faults)
	}
	s.close(t, s.open(t, Options{})) // as a writer does that does not look
	if r := s.verify(t, Check{}); r.OK() || !strings.Contains(r.Faults[0].String(), "set back") {
		t.Errorf("epoch 0 after 6: %v", r.Faults)
	}
}

// TestFailed: a log that has failed answers everything that comes later, at
// once and with an error, whatever room its queue has.
func TestFailed(t *testing.T) {
	s := newSite(t)
	gone := errors.New("the disk is gone")
	syncs := 0
	l := s.open(t, Options{sync: func(f *os.File) error {
		if syncs++; syncs > 1 { // the first is of the segment's header
			return gone
		}
		return datasync(f)
	}})
	for i := range 200 {
		if err := l.Append(t.Context(), record(i)); !errors.Is(err, ErrFailed) || !errors.Is(err, gone) {
			t.Fatalf("record %d: got %v, want %v", i, err, gone)
		}
	}
	if err := l.Close(); !errors.Is(err, gone) {
		t.Errorf("close: got %v, want %v", err, gone)
	}
}
