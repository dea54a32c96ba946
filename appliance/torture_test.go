package appliance

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"skerry/appliance/audit"
	"skerry/appliance/mission"
	"skerry/store"
	"skerry/store/lossyfs"
	"skerry/store/storetest"
)

// The long forms: make test-trust.
var torture = os.Getenv("SKERRY_TRUST") != ""

// appenderVerb makes the test binary write into a data directory, store and
// audit log as the appliance opens them, and say after each append that it was
// told is durable: appenderVerb DATA BASE RUNS. With RUNS = 0 it goes on until it
// is killed.
const appenderVerb = "append-to-be-hurt"

func appender(data, base, runs string) (err error) {
	first, err := strconv.ParseUint(base, 10, 64)
	if err != nil {
		return err
	}
	most, err := strconv.Atoi(runs)
	if err != nil {
		return err
	}
	unlock, err := lockData(data)
	if err != nil {
		return err
	}
	defer unlock()
	v, err := unsealHere(DefaultConfig(data))
	if err != nil {
		return err
	}
	defer v.Close()
	db, log, err := openRecorded(data, store.Options{MustBe: true, Sealer: v})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close(), log.Close()) }()

	var mu sync.Mutex // guards standard output and failed
	var failed error
	say := func(err error, what ...any) bool {
		mu.Lock()
		defer mu.Unlock()
		if err != nil {
			failed = errors.Join(failed, err)
			return false
		}
		_, err = fmt.Println(what...)
		return err == nil
	}
	var working sync.WaitGroup
	for w := range uint64(3) {
		working.Go(func() {
			for n := uint64(0); most == 0 || n < uint64(most); n++ {
				if !appendRun(db, first+w<<20+n, say) {
					return
				}
			}
		})
	}
	working.Go(func() {
		for n := 0; most == 0 || n < 4*most; n++ {
			object := fmt.Sprint(first, "-", n)
			if !say(log.Append(context.Background(), audit.Record{Action: "test.done", Object: object}), "record", object) {
				return
			}
		}
	})
	working.Wait()
	return failed
}

// appendRun appends one run, an observation at a time.
func appendRun(db *store.DB, n uint64, say func(error, ...any) bool) bool {
	ctx := context.Background()
	r := storetest.New(n, time.Now(), "invoice", "").Whole("internal", "starter", "approved")
	for i, o := range r.All {
		if i == 0 {
			if _, _, err := db.Put(ctx, bytes.NewReader(r.Doc), 0); err != nil {
				return say(err)
			}
		}
		fold, err := mission.Fold(r.All[:i+1])
		if err == nil {
			err = db.Append(ctx, r.ID(), uint64(i), fold.Summary(), o)
		}
		if !say(err, "run", r.ID(), i+1) {
			return false
		}
	}
	return true
}

// promises are what an appender was told is durable.
type promises struct {
	runs    map[mission.RunID]uint64
	records map[string]bool
}

func newPromises() promises { return promises{map[mission.RunID]uint64{}, map[string]bool{}} }

func (p promises) len() int {
	n := len(p.records)
	for _, seq := range p.runs {
		n += int(seq)
	}
	return n
}

// note takes a line of an appender; a line that is cut promises nothing.
func (p promises) note(line string) {
	f := strings.Fields(line)
	switch {
	case len(f) == 3 && f[0] == "run" && len(f[1]) == 26:
		if seq, err := strconv.ParseUint(f[2], 10, 64); err == nil {
			p.runs[mission.RunID(f[1])] = seq
		}
	case len(f) == 2 && f[0] == "record":
		p.records[f[1]] = true
	}
}

// listen notes all promises until the appender has ended, and calls at once
// when there are so many.
func (p promises) listen(out io.Reader, most int, at func()) {
	lines := bufio.NewReader(out)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return
		}
		p.note(line)
		if p.len() == most && at != nil {
			at()
			at = nil
		}
	}
}

// kept says which promise a data directory breaks, or what else is wrong with
// it: it is opened as at a start, and looked through as an auditor would. bbolt
// panics where pages make no sense.
func (a auditors) kept(ctx context.Context, data string, p promises) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the database: %v", r)
		}
	}()
	c := DefaultConfig(data)
	v, err := unsealHere(c)
	if err != nil {
		return err
	}
	defer v.Close()
	db, log, err := openRecorded(data, store.Options{MustBe: true, Sealer: v})
	if err != nil {
		return err
	}
	lost := 0
	for id, seq := range p.runs {
		obs, err := db.Load(ctx, id)
		if err != nil && !errors.Is(err, mission.ErrNotFound) {
			return errors.Join(err, db.Close(), log.Close())
		}
		if uint64(len(obs)) < seq {
			lost++
		}
	}
	if err := errors.Join(db.Close(), log.Close()); err != nil {
		return err
	}
	if lost > 0 {
		return fmt.Errorf("%d of %d runs have lost observations", lost, len(p.runs))
	}
	switch stored, err := Check(ctx, c, false, nil); {
	case err != nil:
		return err
	case len(stored.Findings) > 0:
		return fmt.Errorf("the store: %+v", stored.Findings)
	}
	journal, err := OpenJournal(ctx, c, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, journal.Close()) }()
	found := map[string]int{}
	report, err := audit.Verify(filepath.Join(data, AuditDir), audit.Check{Identities: a.identities, Each: func(e audit.Entry) error {
		var r audit.Record
		if err := json.Unmarshal(e.Record, &r); err != nil {
			return err
		}
		if r.Action == "test.done" {
			found[r.Object]++
		}
		return journal.Compare(ctx, e.Seq, &r)
	}})
	if err == nil {
		err = journal.Rest(ctx)
	}
	if err != nil {
		return err
	}
	for object := range p.records {
		if found[object] != 1 {
			return fmt.Errorf("record %s is there %d times", object, found[object])
		}
	}
	if !report.OK() || len(journal.Differences) > 0 {
		return fmt.Errorf("the audit log: %v %v", report.Faults, journal.Differences)
	}
	return nil
}

// fresh initialises a data directory, its key file beside it, in the folder dir,
// which it makes.
func (a auditors) fresh(t *testing.T, dir string) {
	t.Helper()
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := Init(t.Context(), DefaultConfig(filepath.Join(dir, "site")), Admins{}, a.recipients...); err != nil {
		t.Fatal(err)
	}
}

// cutPower runs an appender on a disk with the content of from, cuts the power
// at a random moment after the least number of promises, and leaves in to what
// survived. It returns what was at
// risk.
func cutPower(t *testing.T, from, to string, base uint64, r *rand.Rand, least int, p promises, lies func(string) bool) int {
	t.Helper()
	mnt := filepath.Join(t.TempDir(), "mnt")
	if err := os.Mkdir(mnt, 0o700); err != nil {
		t.Fatal(err)
	}
	disk, err := lossyfs.Mount(from, mnt, lossyfs.Options{Lies: lies})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := disk.Close(); err != nil {
			t.Errorf("unmount: %v", err)
		}
	}()
	cmd := exec.Command("/proc/self/exe", appenderVerb, filepath.Join(mnt, "site"), strconv.FormatUint(base, 10), "0")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	atRisk, before := 0, p.len()
	p.listen(out, before+least+r.IntN(120), func() {
		// Somewhere between two answers, not right behind one.
		time.Sleep(time.Duration(r.IntN(8000)) * time.Microsecond)
		atRisk = disk.Unsynced()
		disk.Cut(r)
		_ = cmd.Process.Kill()
	})
	if err := cmd.Wait(); p.len() == before || cmd.ProcessState.Exited() && !strings.Contains(stderr.String(), "input/output error") {
		t.Fatalf("the appender ended by itself, with %d promises: %v\n%s", p.len(), err, stderr.String())
	}
	if err := disk.Survivors(to); err != nil {
		t.Fatal(err)
	}
	return atRisk
}

// canMount skips a test where the machine has no FUSE for it, unless the long
// forms were asked for.
func canMount(t *testing.T) {
	t.Helper()
	mnt := t.TempDir()
	disk, err := lossyfs.Mount(t.TempDir(), mnt, lossyfs.Options{})
	if err == nil {
		err = disk.Close()
	}
	switch {
	case err != nil && torture:
		t.Fatalf("a disk whose power can be cut needs FUSE: /dev/fuse, and root: %v", err)
	case err != nil:
		t.Skipf("no FUSE here: %v", err)
	}
}

// TestPowerCuts cuts the power under the store and the audit log, again and
// again, on a disk that forgets what was not synced and tears what was being
// written. Nothing that was promised is lost, and nothing is corrupt.
func TestPowerCuts(t *testing.T) {
	canMount(t)
	rounds := 4
	if torture {
		rounds = 1000
	}
	seed := uint64(time.Now().UnixNano())
	r := rand.New(rand.NewPCG(seed, 1))
	a, dir := newAuditors(t), t.TempDir()
	var p promises
	from, promised, atRisk := "", 0, 0
	for round := range rounds {
		if round%20 == 0 { // a large store would only make the rounds slower
			from, p = filepath.Join(dir, fmt.Sprint("fresh ", round)), newPromises()
			a.fresh(t, from)
		}
		to := filepath.Join(dir, fmt.Sprint("round ", round))
		before := p.len()
		atRisk += cutPower(t, from, to, uint64(round+1)<<32, r, 1, p, nil)
		promised += p.len() - before
		if err := a.kept(t.Context(), filepath.Join(to, "site"), p); err != nil {
			t.Fatalf("round %d, seed %d: %v", round, seed, err)
		}
		if err := os.RemoveAll(from); err != nil {
			t.Fatal(err)
		}
		from = to
	}
	t.Logf("%d cuts, %d promises kept, %d changes at risk", rounds, promised, atRisk)
	if atRisk == 0 {
		t.Error("nothing was ever at risk: this test proves nothing")
	}
}

// TestPlantedLiesAreFound is the control: a disk that says that something is
// synced and does nothing must be found out, whichever of the two it lies to.
func TestPlantedLiesAreFound(t *testing.T) {
	canMount(t)
	rounds := 2
	if torture {
		rounds = 100
	}
	for name, lies := range map[string]func(string) bool{
		"database":  func(name string) bool { return strings.HasSuffix(name, ".db") },
		"audit log": func(name string) bool { return strings.HasSuffix(name, ".seg") },
	} {
		t.Run(name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(7, uint64(len(name))))
			a, dir, found := newAuditors(t), t.TempDir(), 0
			for round := range rounds {
				p := newPromises()
				from, to := filepath.Join(dir, fmt.Sprint("fresh ", round)), filepath.Join(dir, fmt.Sprint("round ", round))
				a.fresh(t, from)
				cutPower(t, from, to, 1<<32, r, 60, p, lies) // so that both were promised to
				if err := a.kept(t.Context(), filepath.Join(to, "site"), p); err != nil {
					found++
				}
				if err := errors.Join(os.RemoveAll(from), os.RemoveAll(to)); err != nil {
					t.Fatal(err)
				}
			}
			t.Logf("%d of %d found", found, rounds)
			if found*100 < rounds*95 {
				t.Errorf("%d of %d lies were found", found, rounds)
			}
		})
	}
}

// faults are what strace puts in the place of a system call.
var faults = []string{"signal=KILL", "error=EIO", "error=ENOSPC"}

// TestEverySystemCallFails kills the process at, or fails, the first, second,
// third … of each kind of system call by which the store and the audit log come to the
// disk. What was promised before is there, and the next start is in order.
func TestEverySystemCallFails(t *testing.T) {
	if _, err := exec.LookPath("strace"); err != nil {
		t.Fatal("this test needs strace (Debian: apt-get install strace)")
	}
	calls, next := []string{"fdatasync", "pwrite64"}, func(when int) int { return 5 * when }
	if torture { // each of the first eight, and then ever fewer
		calls = []string{"openat", "write", "pwrite64", "fsync", "fdatasync", "ftruncate", "renameat,renameat2,rename", "unlinkat,unlink", "mkdirat,mkdir"}
		next = func(when int) int { return when + 1 + when/8 }
	}
	a := newAuditors(t)
	fresh := filepath.Join(t.TempDir(), "fresh")
	a.fresh(t, fresh)
	injected, base := 0, uint64(1)
	for _, call := range calls {
		for _, fault := range faults {
			times := 0
			for when := 1; ; when = next(when) {
				base++
				dir := filepath.Join(t.TempDir(), "site")
				if text, err := exec.Command("cp", "-a", fresh, dir).CombinedOutput(); err != nil {
					t.Fatalf("%v: %s", err, text)
				}
				p, hit := a.injected(t, filepath.Join(dir, "site"), call, fault, when, base<<32)
				if err := a.kept(t.Context(), filepath.Join(dir, "site"), p); err != nil {
					t.Errorf("%s, %s, number %d: %v", call, fault, when, err)
				}
				if err := os.RemoveAll(dir); err != nil {
					t.Fatal(err)
				}
				if !hit {
					break
				}
				times++
			}
			injected += times
			if torture {
				t.Logf("%s, %s: %d times", call, fault, times)
			}
		}
	}
	t.Logf("%d faults", injected)
	if injected < 2*len(faults) {
		t.Error("next to nothing was hurt: this test proves nothing")
	}
}

// injected runs an appender to its end under strace, which hurts the system
// call when it is made for the given time by any thread. It reports what was
// promised, and whether anything was hurt.
func (a auditors) injected(t *testing.T, data, call, fault string, when int, base uint64) (p promises, hit bool) {
	t.Helper()
	trace := filepath.Join(t.TempDir(), "trace")
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "strace", "-f", "-qq", "-o", trace, "-e", "trace="+call, "-e", "signal=none",
		"-e", fmt.Sprintf("inject=%s:%s:when=%d", call, fault, when), self(t), appenderVerb, data, strconv.FormatUint(base, 10), "4")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p = newPromises()
	p.listen(out, -1, nil)
	err = cmd.Wait() // it ends as its child did
	if ctx.Err() != nil {
		t.Fatalf("%s, %s, number %d: the process hangs", call, fault, when)
	}
	text, readErr := os.ReadFile(trace)
	if readErr != nil {
		t.Fatal(readErr)
	}
	status, _ := cmd.ProcessState.Sys().(syscall.WaitStatus)
	hit = bytes.Contains(text, []byte("(INJECTED)")) || status.Signaled() && status.Signal() == syscall.SIGKILL
	if !hit && err != nil {
		t.Fatalf("%s, %s, number %d: nothing was hurt, and yet: %v\n%s", call, fault, when, err, stderr.String())
	}
	return p, hit
}

// self is the path of this executable: what /proc/self/exe is to strace is
// strace.
func self(t *testing.T) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}
