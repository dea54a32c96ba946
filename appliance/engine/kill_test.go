package engine_test

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"skerry/appliance/engine"
	"skerry/appliance/llm"
	"skerry/appliance/llm/llmtest"
	"skerry/appliance/mission"
	"skerry/store"
)

// crashes is how often the engine's process is killed; `make test-crash` uses
// 200 or more.
var crashes = flag.Int("crash", 10, "number of kill -9 in TestCrashKill")

// victimEnv makes the test binary the process that is killed. Its value is the
// data directory.
const victimEnv = "SKERRY_TEST_VICTIM"

// Further settings of the victim.
const (
	firstEnv = "SKERRY_TEST_FIRST" // number of the first run to start
	lastEnv  = "SKERRY_TEST_LAST"  // of the last; it ends when all have ended. Empty = go on
)

// stories of the runs in the kill test: run i has story i modulo their number.
var stories = []struct {
	text    string
	mission string
	verdict string
	reason  string // part of it
}{
	{invoice{}.String(), "invoice", mission.Approved, "add up"},
	{invoice{terms: "retention of 5 %"}.String(), "invoice", mission.Approved, "released by"},
	{invoice{supplier: "Marlow Avionics"}.String(), "invoice", mission.Approved, "add up"},
	{invoice{net: "10000.00", tax: "1900.00", total: "11900.00"}.String(), "invoice", mission.Rejected, "not ordered"},
	{invoice{total: "120.00"}.String(), "invoice", mission.Referred, "add up"},
	{"a letter", "invoice", mission.Referred, "calls itself"},
	{"%ENCRYPTED", "invoice", mission.Failed, "encrypted"},
	{invoice{extra: "DOUBTFUL\n"}.String(), "invoice", mission.Approved, "add up"},
	{invoice{extra: "CRASHING\n"}.String(), "invoice", mission.Approved, "add up"},
	{invoice{}.String(), "batch", mission.Approved, "both"},
}

// teller is a journal that tells the parent what it was promised is durable.
type teller struct {
	engine.Journal
	mu sync.Mutex // guards stdout
}

func (j *teller) Append(ctx context.Context, run mission.RunID, expected uint64, s mission.Summary, obs ...mission.Observation) error {
	if err := j.Journal.Append(ctx, run, expected, s, obs...); err != nil {
		return err
	}
	var b strings.Builder
	for _, o := range obs {
		fmt.Fprintf(&b, "obs %s %d %s\n", run, o.Seq, fingerprint(o))
	}
	j.tell(b.String())
	return nil
}

func (j *teller) tell(s string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	os.Stdout.WriteString(s)
}

func fingerprint(o mission.Observation) string {
	b, err := json.Marshal(o)
	if err != nil {
		panic(err)
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:8])
}

// jam is a testing.TB for a process that has no test: it prints and exits.
type jam struct {
	testing.TB
	dir string
}

func (j jam) Helper()                   {}
func (j jam) TempDir() string           { return j.dir }
func (j jam) Cleanup(func())            {}
func (j jam) Failed() bool              { return false }
func (j jam) Errorf(f string, a ...any) { j.Fatalf(f, a...) }
func (j jam) Error(a ...any)            { j.Fatalf("%s", fmt.Sprint(a...)) }
func (j jam) Fatal(a ...any)            { j.Fatalf("%s", fmt.Sprint(a...)) }
func (j jam) Fatalf(f string, a ...any) {
	fmt.Fprintf(os.Stderr, f+"\n", a...)
	os.Exit(3)
}

// victim is the process that is killed: engine, store and slow fake models,
// runs being started and decisions being settled all the time.
func victim() int {
	t := jam{dir: os.Getenv(victimEnv)}
	var mu sync.Mutex
	crashed := map[string]bool{}
	p := fake(func(r llm.Request) (string, float64, error) {
		text := llmtest.Text(r)
		if strings.Contains(text, "CRASHING") {
			mu.Lock()
			defer mu.Unlock()
			if key := text; !crashed[key] {
				crashed[key] = true
				return "", 0, &llm.Error{Kind: llm.Unavailable, Message: "the child process died"}
			}
		}
		return unsure("DOUBTFUL", "small")(r)
	})
	p.Gate = func(ctx context.Context, _ llm.Request) error {
		select {
		case <-time.After(time.Duration(rand.IntN(8)) * time.Millisecond):
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	w := newWorld(t, p)
	publishBatch(w)
	tell := &teller{Journal: w.db}
	w.config.Journal = tell
	w.start()
	tell.tell("ready\n")
	first, _ := strconv.Atoi(os.Getenv(firstEnv))
	last, err := strconv.Atoi(os.Getenv(lastEnv))
	endless := err != nil
	ctx := context.Background()
	docs := make([]*mission.DocumentRef, len(stories))
	for i, s := range stories {
		docs[i] = w.upload("invoice.txt", s.text)
	}
	next := make(chan int)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range next {
				n := i % len(stories)
				id, err := w.engine.Start(ctx, engine.StartRequest{
					Mission: stories[n].mission, By: clara, Key: key(i), Input: map[string]mission.InputValue{"document": {Document: docs[n]}},
				})
				if err != nil {
					t.Fatalf("start %d: %v", i, err)
				}
				tell.tell(fmt.Sprintf("run %d %s\n", i, id))
			}
		})
	}
	for i := first; endless || i <= last; {
		w.settleAll()
		for ; !w.busy() && (endless || i <= last); i++ {
			next <- i
		}
		time.Sleep(time.Millisecond)
	}
	close(next)
	wg.Wait()
	for until := time.Now().Add(time.Minute); ; time.Sleep(2 * time.Millisecond) {
		w.settleAll()
		counts, err := w.db.Counts(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if counts.State[mission.Ended] == counts.Runs {
			break
		}
		if time.Now().After(until) {
			t.Fatalf("runs do not end: %v\n%s", counts.State, w.logs)
		}
	}
	w.stop()
	w.close()
	return 0
}

func key(i int) string { return fmt.Sprintf("key-%d", i) }

// busy reports whether enough runs are open.
func (w *world) busy() bool {
	s := w.engine.Stats()
	return s.Active+s.Queued+s.Resting >= 64
}

// settleAll answers all open decisions as their story has it.
func (w *world) settleAll() {
	ctx := context.Background()
	open, _, err := w.db.Decisions(ctx, store.DecisionFilter{})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, d := range open {
		r := engine.DecideRequest{Run: d.Run, Decision: d.QueuedData.Decision, Digest: d.Digest, By: dave, Outcome: mission.Approve, Reason: "agreed"}
		if strings.Contains(string(d.Subject), "11900") {
			r.Outcome, r.Reason = mission.Reject, "not ordered"
		}
		if err := w.engine.Decide(ctx, r); err != nil && !isConflict(err) {
			w.t.Fatalf("decide: %v", err)
		}
	}
}

// witness remembers what a victim was heard to say before it died.
type witness struct {
	runs map[int]mission.RunID
	obs  map[string]string // run and seq → fingerprint
}

// launch runs a victim and kills it after a while unless it ends by itself; it
// reports whether it did.
func (w *witness) launch(t *testing.T, dir string, last string, after time.Duration) bool {
	t.Helper()
	first := 0
	for i := range w.runs {
		first = max(first, i-16) // some are asked for again, with the same key
	}
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), victimEnv+"="+dir, firstEnv+"="+strconv.Itoa(first), lastEnv+"="+last)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	killed := false
	var timer *time.Timer
	lines := bufio.NewReader(out)
	for {
		line, err := lines.ReadString('\n')
		if err != nil { // a line that was cut off says nothing
			break
		}
		f := strings.Fields(line)
		switch {
		case f[0] == "ready" && after > 0:
			timer = time.AfterFunc(after, func() { _ = cmd.Process.Kill() })
			killed = true
		case f[0] == "run":
			i, _ := strconv.Atoi(f[1])
			if id, ok := w.runs[i]; ok && id != mission.RunID(f[2]) {
				t.Fatalf("run %d was %s and is now %s", i, id, f[2])
			}
			w.runs[i] = mission.RunID(f[2])
		case f[0] == "obs":
			place := f[1] + " " + f[2]
			if was, ok := w.obs[place]; ok && was != f[3] {
				t.Fatalf("observation %s was written twice, %s and %s", place, was, f[3])
			}
			w.obs[place] = f[3]
		}
	}
	err = cmd.Wait()
	if timer != nil {
		timer.Stop()
	}
	if err != nil && !(killed && cmd.ProcessState.ExitCode() == -1) {
		t.Fatalf("victim: %v\n%s", err, stderr.String())
	}
	return err == nil
}

// TestCrashKill kills the process at random points, then lets it finish: every run
// has the verdict that it would have had, and nothing that was promised is
// lost, changed or there twice.
func TestCrashKill(t *testing.T) {
	if testing.Short() {
		t.Skip("-short")
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, seed))
	dir := t.TempDir()
	w := &witness{runs: map[int]mission.RunID{}, obs: map[string]string{}}
	for range *crashes {
		w.launch(t, dir, "", time.Millisecond+time.Duration(rng.IntN(200_000))*time.Microsecond)
	}
	if !w.launch(t, dir, strconv.Itoa(len(w.runs)+64), 0) {
		t.Fatal("the last victim did not end by itself")
	}
	db, err := store.Open(dir, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	checkStore(t, db)
	told := *w
	told.runs, told.obs = maps.Clone(w.runs), maps.Clone(w.obs)
	for _, problem := range w.judge(t, db) {
		t.Error(problem)
	}
	told.mislead(t, db)
}

// mislead is the negative control: a witness that heard other things than are
// in the store has to complain about each of them.
func (w *witness) mislead(t *testing.T, db *store.DB) {
	for place := range w.obs {
		w.obs[place] = "changed"
		break
	}
	w.obs["01ARZ3NDEKTSV4RRFFQ69G5FAV 1"] = "lost"
	w.runs[1_000_000] = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
	all := strings.Join(w.judge(t, db), "\n")
	for _, want := range []string{"is not what was promised", "1 observations were promised and are not there", "1 runs were promised and are not there"} {
		if !strings.Contains(all, want) {
			t.Errorf("a misled witness does not say %q: %s", want, all)
		}
	}
	twice := []mission.Observation{{Seq: 1, Kind: mission.KindGenerated, Step: "a", Attempt: 1}, {Seq: 2, Kind: mission.KindGenerated, Step: "a", Attempt: 1}}
	if len(w.compare(mission.Summary{}, twice)) != 1 {
		t.Error("an answer that is there twice is not found")
	}
}

// judge compares what is in the store with what the witness heard, and returns
// what does not fit. It uses the witness up.
func (w *witness) judge(t *testing.T, db *store.DB) (problems []string) {
	report := func(format string, a ...any) { problems = append(problems, fmt.Sprintf(format, a...)) }
	ctx := context.Background()
	runs, observations, promised := 0, 0, len(w.obs)
	filter := store.Filter{Limit: 500}
	for {
		page, next, err := db.Runs(ctx, filter)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range page {
			runs++
			obs, err := db.Load(ctx, s.ID)
			if err != nil {
				t.Fatal(err)
			}
			observations += len(obs)
			problems = append(problems, w.compare(s, obs)...)
			run, err := mission.Fold(obs)
			if err != nil {
				t.Fatal(err)
			}
			i := -1
			if run.Key != "" {
				if _, err := fmt.Sscanf(run.Key, "key-%d", &i); err != nil {
					t.Fatal(err)
				}
			}
			if i < 0 {
				continue // a child: its parent's verdict speaks for it
			}
			if id, ok := w.runs[i]; ok && id != s.ID {
				report("run %d is there as %s and as %s", i, id, s.ID)
			}
			delete(w.runs, i)
			if want := stories[i%len(stories)]; s.Verdict != want.verdict || !strings.Contains(s.Reason, want.reason) {
				report("run %d: %s (%s), want %s (%s)\n%s", i, s.Verdict, s.Reason, want.verdict, want.reason, rail(obs))
			}
		}
		if next == "" {
			break
		}
		filter.Cursor = next
	}
	if len(w.runs) > 0 {
		report("%d runs were promised and are not there: %v", len(w.runs), w.runs)
	}
	if len(w.obs) > 0 {
		report("%d observations were promised and are not there", len(w.obs))
	}
	t.Logf("%d kills, %d runs, %d observations, %d of them promised before a kill", *crashes, runs, observations, promised)
	return problems
}

// compare checks the observations of one run against the promises, and that
// nothing happened twice.
func (w *witness) compare(s mission.Summary, obs []mission.Observation) (problems []string) {
	report := func(format string, a ...any) { problems = append(problems, fmt.Sprintf(format, a...)) }
	once := map[string]uint64{}
	for _, o := range obs {
		place := fmt.Sprintf("%s %d", s.ID, o.Seq)
		if want, ok := w.obs[place]; ok && want != fingerprint(o) {
			report("observation %s is not what was promised", place)
		}
		delete(w.obs, place)
		if o.Kind == mission.KindResumed || o.Kind == mission.KindClassified {
			continue
		}
		what := fmt.Sprintf("%s %s %d", o.Kind, o.Step, o.Attempt)
		if o.Read != nil {
			what += o.Read.Input
		}
		if before := once[what]; before != 0 {
			report("run %s: %s is there twice, as %d and %d\n%s", s.ID, what, before, o.Seq, rail(obs))
		}
		once[what] = o.Seq
	}
	return problems
}
