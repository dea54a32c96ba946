package appliance

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"skerry/appliance/api"
	"skerry/appliance/api/client"
	"skerry/appliance/mission"
)

// kills is how often TestKillTheAppliance kills a whole appliance.
var kills = flag.Int("kills", 5, "number of kill -9 in TestKillTheAppliance")

// victimVerb makes the test binary an appliance that can be killed.
const victimVerb = "serve-to-be-killed"

// talkativeVictim in the environment makes it log everything.
const talkativeVictim = "SKERRY_TALKATIVE_VICTIM"

// victim serves a data directory on its local socket, and says when it does.
func victim(data string) error {
	c, err := LoadConfig(data)
	if err != nil {
		return err
	}
	c.Listen = ""
	level := slog.LevelError
	if os.Getenv(talkativeVictim) != "" {
		level = slog.LevelDebug
	}
	a, err := Open(context.Background(), c, slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level})))
	if err != nil {
		return err
	}
	return a.Serve(context.Background(), func(Address) { fmt.Println("ready") })
}

// serveVictim starts a victim and returns when it answers.
func serveVictim(t *testing.T, data string, change ...func(*exec.Cmd)) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("/proc/self/exe", victimVerb, data)
	cmd.Stderr = os.Stderr
	for _, f := range change {
		f(cmd)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	if _, err := io.ReadFull(out, make([]byte, len("ready"))); err != nil {
		t.Fatalf("the appliance does not start: %v", err)
	}
	return cmd
}

// children returns the processes that pid has started.
func children(pid int) []int {
	var list []int
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, task := range tasks {
		b, _ := os.ReadFile(task)
		for _, field := range strings.Fields(string(b)) {
			if child, err := strconv.Atoi(field); err == nil {
				list = append(list, child)
			}
		}
	}
	return list
}

// alive reports whether a process runs; one that nobody has waited for does not.
func alive(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(b), ") ")
	return !strings.HasPrefix(rest, "Z")
}

// TestKillTheAppliance kills a whole appliance at random moments while sample
// documents go through the real models, and now and then hurts a model before.
// No child outlives it, the store is in order after every kill, and the audit log
// has every start that was answered. In the end every run has come to what it
// comes to when nobody disturbs it, and journal and log say the same.
func TestKillTheAppliance(t *testing.T) {
	if testing.Short() {
		t.Skip("kills processes")
	}
	data, err := os.MkdirTemp("", "skerry") // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(data) })
	auditors := newAuditors(t)
	if _, err := Init(t.Context(), DefaultConfig(data), Admins{}, auditors.recipients...); err != nil {
		t.Fatal(err)
	}
	samples, err := newSamples()
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{}
	var files []string
	for _, s := range samples.Samples(sampleMission) {
		want[s.File] = s.Expect
		files = append(files, s.File)
	}
	seed := uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 0))
	t.Logf("seed %d", seed)
	c := client.New(filepath.Join(data, SocketFile))
	defer c.Close()
	var started []mission.RunID
	for n := range *kills {
		cmd := serveVictim(t, data)
		for range 1 + random.IntN(8) {
			s, err := c.StartSample(t.Context(), client.Start{Mission: sampleMission}, "document", files[random.IntN(len(files))])
			if err != nil {
				t.Fatalf("start: %v", err)
			}
			started = append(started, s.ID)
		}
		// The moment is the point here: a real one, spread over what a run takes.
		time.Sleep(time.Duration(random.IntN(1500)) * time.Millisecond)
		kids := children(cmd.Process.Pid)
		if len(kids) > 0 && n%2 == 1 {
			hurt := []syscall.Signal{syscall.SIGKILL, syscall.SIGSTOP, syscall.SIGSEGV}[random.IntN(3)]
			_ = syscall.Kill(kids[random.IntN(len(kids))], hurt)
			time.Sleep(time.Duration(random.IntN(300)) * time.Millisecond)
			kids = append(kids, children(cmd.Process.Pid)...)
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()
		deadline := time.Now().Add(5 * time.Second)
		for slices.ContainsFunc(kids, alive) && time.Now().Before(deadline) {
			time.Sleep(10 * time.Millisecond)
		}
		if slices.ContainsFunc(kids, alive) {
			t.Errorf("kill %d: children outlive the appliance: %v", n, slices.DeleteFunc(kids, func(pid int) bool { return !alive(pid) }))
		}
		report, err := Check(t.Context(), DefaultConfig(data), false, nil)
		if err != nil || len(report.Findings) > 0 {
			t.Fatalf("kill %d: the store is not in order: %v %+v", n, err, report.Findings)
		}
		log := auditors.read(t, data, nil)
		for _, f := range log.report.Faults {
			if !strings.Contains(f.Problem, "the appliance was killed") {
				t.Errorf("kill %d: the audit log: %v", n, f)
			}
		}
		for _, id := range started {
			if log.actions["run.created "+string(id)] == 0 {
				t.Errorf("kill %d: the start of run %s was answered and is not in the audit log", n, id)
			}
		}
	}

	s := &site{data: data}
	s.serve(t)
	runs := 0
	for f := (api.RunFilter{Limit: 100}); ; {
		page, err := s.Runs(t.Context(), f)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range page.Runs {
			runs++
			d := s.settled(t, r.ID)
			if got := outcome(d.Summary); got != want[r.Subject] {
				t.Errorf("%s: got %s (%s), want %s\n%s", r.Subject, got, d.Summary.Reason, want[r.Subject], rail(d))
			}
		}
		if f.Cursor = page.Next; f.Cursor == "" {
			break
		}
	}
	if runs != len(started) {
		t.Errorf("%d runs, but %d starts were answered", runs, len(started))
	}
	s.stop()
	log := auditors.agree(t, data)
	t.Logf("%d kills, %d runs, %d records, %d of them recovered", *kills, runs, log.report.Records, log.recovered)
}

// isModel reports whether a process serves a model, rather than reads a document.
func isModel(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	return err == nil && strings.Contains(string(b), "-card\x00")
}

// TestHurtModels: children that die or crash in the middle of runs, models and
// readers of documents alike, and models that hang cost time and nothing else.
func TestHurtModels(t *testing.T) {
	s := newSite(t)
	s.stop() // the children of a process of its own can be told from those of other tests
	cmd := serveVictim(t, s.data)
	c := client.New(filepath.Join(s.data, SocketFile))
	defer c.Close()
	s.Client = c
	var runs []mission.RunID
	for _, hurt := range []syscall.Signal{syscall.SIGKILL, syscall.SIGSEGV, syscall.SIGSTOP} {
		for range 3 {
			runs = append(runs, s.sample(t, "routine-calder-tools.txt"))
		}
		for _, pid := range children(cmd.Process.Pid) {
			// A document that brings its reader down twice, or takes too long, is at
			// fault for all that anybody can tell: readers are hurt once.
			if hurt == syscall.SIGKILL || isModel(pid) {
				_ = syscall.Kill(pid, hurt)
			}
		}
	}
	for _, id := range runs {
		if d := s.finished(t, id); outcome(d.Summary) != mission.Approved {
			t.Errorf("got %s (%s), want approved\n%s", outcome(d.Summary), d.Summary.Reason, rail(d))
		}
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
}

// finished follows a run to its verdict, over whatever it waits for.
func (s *site) finished(t *testing.T, id mission.RunID) api.RunDetail {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), storyTimeout)
	defer cancel()
	for _, err := range s.Watch(ctx, id, 0) {
		if err != nil {
			t.Fatalf("watch %s: %v", id, err)
		}
	}
	d, err := s.Run(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return d
}
