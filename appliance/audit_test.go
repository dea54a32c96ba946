package appliance

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"golang.org/x/sys/unix"

	"skerry/appliance/api"
	"skerry/appliance/api/client"
	"skerry/appliance/audit"
	"skerry/appliance/mission"
	"skerry/store"
	"skerry/store/vault"
)

// auditors are two people with keys, who are all that can read a log.
type auditors struct {
	recipients []string
	identities []age.Identity
}

func newAuditors(t *testing.T) auditors {
	t.Helper()
	var a auditors
	for range audit.MinRecipients {
		id, err := age.GenerateX25519Identity()
		if err != nil {
			t.Fatal(err)
		}
		a.recipients, a.identities = append(a.recipients, id.Recipient().String()), append(a.identities, id)
	}
	return a
}

// reading is what auditors have read in a log.
type reading struct {
	report    *audit.Report
	actions   map[string]int // how often, by action, and by action and run
	recovered int
	records   []audit.Record
}

// read verifies and opens the log of a data directory.
func (a auditors) read(t *testing.T, data string, each func(uint64, *audit.Record) error) reading {
	t.Helper()
	r := reading{actions: map[string]int{}}
	var err error
	r.report, err = audit.Verify(filepath.Join(data, AuditDir), audit.Check{Identities: a.identities, Each: func(e audit.Entry) error {
		var rec audit.Record
		if err := json.Unmarshal(e.Record, &rec); err != nil {
			return err
		}
		r.records = append(r.records, rec)
		r.actions[rec.Action]++
		r.actions[rec.Action+" "+rec.Run]++
		if rec.Recovered {
			r.recovered++
		}
		if each != nil {
			return each(e.Seq, &rec)
		}
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// agree makes sure that the log of a data directory that nobody serves is whole
// and says the same as the journal.
func (a auditors) agree(t *testing.T, data string) reading {
	t.Helper()
	j, err := OpenJournal(t.Context(), DefaultConfig(data), nil)
	if err != nil {
		t.Fatal(err)
	}
	r := a.read(t, data, func(seq uint64, rec *audit.Record) error { return j.Compare(t.Context(), seq, rec) })
	if err := errors.Join(j.Rest(t.Context()), j.Close()); err != nil {
		t.Fatal(err)
	}
	if !r.report.OK() || len(j.Differences) > 0 {
		t.Errorf("journal and audit log: %v %v", r.report.Faults, j.Differences)
	}
	if j.Compared == 0 {
		t.Error("no observation was compared")
	}
	return r
}

// newAuditedSite is newSite with auditors.
func newAuditedSite(t *testing.T) (*site, auditors) {
	t.Helper()
	a := newAuditors(t)
	data, err := os.MkdirTemp("", "skerry") // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(data) })
	if _, err := Init(t.Context(), DefaultConfig(data), Admins{Single: "a test"}, a.recipients...); err != nil {
		t.Fatal(err)
	}
	s := &site{data: data}
	s.serve(t)
	t.Cleanup(func() { s.stop() })
	return s, a
}

// breakLog makes every further write to the segment that is open fail as on a
// full disk: its file becomes /dev/full.
func breakLog(t *testing.T, data string) {
	t.Helper()
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	fds, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		t.Fatal(err)
	}
	broken := 0
	for _, link := range fds {
		to, err := os.Readlink(link)
		if err != nil || filepath.Dir(to) != filepath.Join(data, AuditDir) || filepath.Ext(to) != ".seg" {
			continue
		}
		var fd int
		if _, err := fmt.Sscan(filepath.Base(link), &fd); err != nil {
			t.Fatal(err)
		}
		if err := unix.Dup3(int(full.Fd()), fd, unix.O_CLOEXEC); err != nil {
			t.Fatal(err)
		}
		broken++
	}
	if broken != 1 {
		t.Fatalf("%d segments are open, want 1", broken)
	}
}

// TestFailClosed: when the log cannot be written any more, what was asked for is
// not answered with success, no model is called, and the appliance ends with an
// error. The next start records what the journal has before it serves, marked.
func TestFailClosed(t *testing.T) {
	a := newAuditors(t)
	data, err := os.MkdirTemp("", "skerry")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(data) })
	if _, err := Init(t.Context(), DefaultConfig(data), Admins{}, a.recipients...); err != nil {
		t.Fatal(err)
	}
	s := &site{data: data}
	ended := s.serveUntilItEnds(t)
	before := s.sample(t, "routine-calder-tools.txt")
	s.settled(t, before)
	breakLog(t, data)
	started, err := s.StartSample(t.Context(), client.Start{Mission: sampleMission}, "document", "routine-calder-tools.txt")
	if err == nil {
		t.Errorf("run %s was answered without a record", started.ID)
	}
	if err := <-ended; !errors.Is(err, audit.ErrFailed) {
		t.Errorf("the appliance ended with %v, want %v", err, audit.ErrFailed)
	}
	if log := a.read(t, data, nil); log.actions["appliance.stopped"] > 0 {
		t.Error("a stop was recorded by a log that cannot be written")
	}

	s.serve(t)
	page, err := s.Runs(t.Context(), api.RunFilter{Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	var after []mission.RunID
	for _, r := range page.Runs {
		if s.settled(t, r.ID); r.ID != before {
			after = append(after, r.ID)
		}
	}
	s.stop()
	log := a.agree(t, data)
	// The journal came first: the run is there, though nobody was told of it.
	if len(after) != 1 || log.recovered == 0 {
		t.Fatalf("%d runs that nobody was told of, %d records recovered; want one, and its records", len(after), log.recovered)
	}
	for _, r := range log.records {
		if r.Run == string(after[0]) {
			if r.Action != "run.created" || !r.Recovered {
				t.Errorf("the first record of the run that nobody was told of is %+v", r)
			}
			break
		}
	}
	order := slices.IndexFunc(log.records, func(r audit.Record) bool { return r.Recovered })
	serves := 0
	for i, r := range log.records {
		if r.Action == "appliance.started" {
			serves = i
		}
	}
	if order > serves {
		t.Errorf("the appliance served (record %d) before it recorded what was missing (record %d)", serves, order)
	}
}

// TestLogIsNotTakenAway: a site with auditors is not served without its log, with
// another one, or with a store that was set back.
func TestLogIsNotTakenAway(t *testing.T) {
	s, _ := newAuditedSite(t)
	s.stop()
	older := filepath.Join(t.TempDir(), "older")
	if err := os.CopyFS(older, os.DirFS(filepath.Join(s.data, storeDir))); err != nil {
		t.Fatal(err)
	}
	s.serve(t)
	s.stop()
	move := func(from, to string) {
		if err := os.Rename(filepath.Join(s.data, from), filepath.Join(s.data, to)); err != nil {
			t.Fatal(err)
		}
	}
	refused := func(what, says string) {
		t.Helper()
		v, err := unsealHere(DefaultConfig(s.data))
		if err != nil {
			t.Fatal(err)
		}
		defer v.Close()
		db, log, err := openRecorded(s.data, store.Options{MustBe: true, Sealer: v})
		if err == nil {
			err = errors.Join(errors.New("it was opened"), db.Close(), log.Close())
		}
		if !strings.Contains(err.Error(), says) {
			t.Errorf("%s: got %v, want %q", what, err, says)
		}
	}
	move(AuditDir, "a")
	refused("without its log", "put it back")
	move(auditKeyDir, "k")
	refused("as if there had never been a log", "audit log is not the one")
	if _, err := audit.Enrol(filepath.Join(s.data, AuditDir), filepath.Join(s.data, auditKeyDir), newAuditors(t).recipients, time.Now()); err != nil {
		t.Fatal(err)
	}
	refused("with other auditors", "audit log is not the one")
	for _, d := range []string{AuditDir, auditKeyDir} {
		if err := os.RemoveAll(filepath.Join(s.data, d)); err != nil {
			t.Fatal(err)
		}
	}
	move("a", AuditDir)
	move("k", auditKeyDir)
	move(storeDir, "newer")
	if err := os.CopyFS(filepath.Join(s.data, storeDir), os.DirFS(older)); err != nil {
		t.Fatal(err)
	}
	refused("with an older store", "set back to an earlier day")
	if err := os.RemoveAll(filepath.Join(s.data, storeDir)); err != nil {
		t.Fatal(err)
	}
	move("newer", storeDir)
	s.serve(t) // and all is well again
}

// serveUntilItEnds serves the data directory and returns where the end of that
// is told.
func (s *site) serveUntilItEnds(t *testing.T) <-chan error {
	t.Helper()
	c := DefaultConfig(s.data)
	c.Listen = ""
	a, err := Open(t.Context(), c, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		err := a.Serve(context.Background(), func(Address) { close(ready) })
		ended <- errors.Join(err, a.Close())
	}()
	<-ready
	s.app, s.Client = a, client.New(filepath.Join(s.data, SocketFile))
	return ended
}

// TestRestoreGoesOnWithTheLog: a backup that is restored elsewhere goes on with the
// log where the backup left it; auditors who saw a checkpoint before find it
// there, and the journal and the log agree. Where work was done after the backup,
// they are told what is gone.
func TestRestoreGoesOnWithTheLog(t *testing.T) {
	s, a := newAuditedSite(t)
	s.settled(t, s.sample(t, "routine-calder-tools.txt"))
	seen := a.read(t, s.data, nil)
	var backup bytes.Buffer
	if err := s.Backup(t.Context(), &backup); err != nil {
		t.Fatal(err)
	}
	late := s.sample(t, "routine-calder-tools.txt")
	s.settled(t, late)
	enrolment := seen.report.Enrolment

	elsewhere, err := os.MkdirTemp("", "skerry")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(elsewhere) })
	keyFile := DefaultConfig(s.data).keyFile()
	by := func(i vault.Info) (*vault.Root, error) { return vault.UnwrapKeyFile(i, keyFile) }
	for name, damage := range map[string]func([]byte){
		"a segment":       func(b []byte) { b[bytes.Index(b, []byte(`"suite":"age`))]++ },
		"a key's name":    func(b []byte) { copy(b[bytes.Index(b, []byte("audit-keys/chain.json")):], "audit-keyz") },
		"the chain's key": func(b []byte) { b[bytes.Index(b, []byte(`"opened": true`))+11] = 'x' },
	} {
		bad := bytes.Clone(backup.Bytes())
		damage(bad)
		if _, err := Restore(t.Context(), DefaultConfig(elsewhere), bytes.NewReader(bad), by); !errors.Is(err, store.ErrDamaged) {
			t.Errorf("a backup with another byte in %s: got %v, want %v", name, err, store.ErrDamaged)
		}
	}
	done, err := Restore(t.Context(), DefaultConfig(elsewhere), &backup, by)
	if err != nil || !done.Audit || !done.Sealed {
		t.Fatalf("%+v, %v", done, err)
	}
	key, err := os.ReadFile(keyFile)
	if err == nil {
		err = os.WriteFile(DefaultConfig(elsewhere).keyFile(), key, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Remove(DefaultConfig(elsewhere).keyFile()) })
	r := &site{data: elsewhere}
	r.serve(t)
	defer func() { r.stop() }()
	r.settled(t, r.sample(t, "routine-calder-tools.txt"))
	if _, err := r.Run(t.Context(), late); err == nil {
		t.Error("a run that came after the backup is there")
	}
	r.stop()
	log := a.agree(t, elsewhere)
	if log.actions["store.restored"] != 1 {
		t.Errorf("%d restores are recorded, want 1", log.actions["store.restored"])
	}
	report, err := audit.Verify(filepath.Join(elsewhere, AuditDir), audit.Check{Enrolment: enrolment, Seen: []audit.Checkpoint{seen.report.Signed}})
	if err != nil || !report.OK() {
		t.Errorf("what was seen before the backup is not in the log that goes on: %v %v", report.Faults, err)
	}
	// The two have parted: whoever saw the one to its end is told by the other.
	s.stop()
	parted := a.agree(t, s.data).report.Signed
	report, err = audit.Verify(filepath.Join(elsewhere, AuditDir), audit.Check{Enrolment: enrolment, Seen: []audit.Checkpoint{parted}})
	if err != nil || report.OK() {
		t.Errorf("a log that another one has parted from passes for it: %v", err)
	}
}
