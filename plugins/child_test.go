package plugins

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"skerry/appliance/llm"
	"skerry/appliance/llm/llmtest"
)

// own returns the bytes of the test binary.
var own = sync.OnceValue(func() *Image {
	exe, err := os.Open("/proc/self/exe")
	if err != nil {
		panic(err)
	}
	defer exe.Close()
	i, err := NewImage("test", exe)
	if err != nil {
		panic(err)
	}
	return i
})

func imageOf(b []byte) *Image {
	i, err := NewImage("file", bytes.NewReader(b))
	if err != nil {
		panic(err)
	}
	return i
}

// testLog keeps what was logged.
type testLog struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *testLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *testLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// childSpec runs this test binary in the given mode.
func childSpec(t testing.TB, mode string, args ...string) (Spec, *testLog) {
	t.Helper()
	log := &testLog{}
	dir, err := os.MkdirTemp("", "sk") // short enough for socket addresses, which t.TempDir is not
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return Spec{
		Name: "test", Image: own(), Args: append([]string{"child:" + mode}, args...), Dir: dir,
		Log: slog.New(slog.NewTextHandler(log, nil)), StartTimeout: 20 * time.Second, BackoffMin: time.Millisecond, BackoffMax: 20 * time.Millisecond,
	}, log
}

func started(t testing.TB, s Spec) *Child {
	t.Helper()
	c, err := Start(t.Context(), s)
	if err != nil {
		t.Fatalf("Start: %v", err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// until waits for the child to reach a state.
func until(t *testing.T, c *Child, what string, ok func(State) bool) State {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for {
		next := c.Changed()
		if s := c.State(); ok(s) {
			return s
		}
		select {
		case <-next:
		case <-ctx.Done():
			t.Fatalf("still not %s: %+v", what, c.State())
		}
	}
}

func say(text string) llm.Request {
	return llm.Request{Model: "fake", Messages: []llm.Message{{Role: llm.User, Parts: []llm.Part{{Text: text}}}}}
}

func kind(err error) llm.ErrorKind {
	var e *llm.Error
	if !errors.As(err, &e) {
		return "untyped"
	}
	return e.Kind
}

func TestChildConforms(t *testing.T) {
	llmtest.Run(t, func(t *testing.T) llm.Provider {
		s, _ := childSpec(t, "serve")
		return started(t, s)
	}, llmtest.Options{})
}

func TestChildFromAFileWhereMemoryIsForbidden(t *testing.T) {
	s, _ := childSpec(t, "serve")
	s.noMemfd = true
	for range 2 { // the second finds the file that the first left
		c := started(t, s)
		if err := c.Health(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	files, _ := filepath.Glob(filepath.Join(s.Dir, "exec", "*"))
	if len(files) != 1 {
		t.Fatalf("extracted files: %v, want one", files)
	}
	if st, _ := os.Stat(files[0]); st.Mode() != 0o500 {
		t.Errorf("mode %v, want 0500", st.Mode())
	}
	// A file that was tampered with is replaced, never executed.
	_ = os.Remove(files[0])
	if err := os.WriteFile(files[0], []byte("#!/bin/sh\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := started(t, s).Health(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// TestChildGetsNothing: the environment, the standard input and the open files
// of the host stay the host's.
func TestChildGetsNothing(t *testing.T) {
	t.Setenv("SKERRY_SECRET", "planted")
	s, _ := childSpec(t, "serve")
	s.Env = []string{"MODE=polite"}
	c := started(t, s)
	d, err := c.Describe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range strings.Split(d.Version, "\x00") {
		name, _, _ := strings.Cut(v, "=")
		if !strings.HasPrefix(name, "PLUGIN_") && name != "SKERRY_PROVIDER" && name != "MODE" {
			t.Errorf("the child sees %q", v)
		}
	}
	if !strings.Contains(d.Version, "MODE=polite") {
		t.Error("the child does not see the environment of its specification")
	}
	var got string
	if _, err := c.Generate(t.Context(), say("limits"), func(d llm.Delta) error { got += d.Text; return nil }); err != nil || got != "0 0 0 <nil> true" {
		t.Errorf("core limit, file size limit, bytes on stdin, its error, runs from memory = %q, %v", got, err)
	}
}

func TestChildReadsTheFilesItIsGiven(t *testing.T) {
	path := filepath.Join(t.TempDir(), "model")
	if err := os.WriteFile(path, []byte("weights"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, in := range []Inherit{{Flag: "model", Path: path}, {Flag: "model", Image: imageOf([]byte("weights"))}} {
		s, _ := childSpec(t, "serve")
		s.Files = []Inherit{in}
		res, err := started(t, s).Generate(t.Context(), say("open-file"), nil)
		if err != nil || res.Text != "weights" {
			t.Errorf("from %q: %q, %v", in.Path, res.Text, err)
		}
	}
}

func TestErrorsCrossTheWireWhole(t *testing.T) {
	s, _ := childSpec(t, "serve")
	c := started(t, s)
	_, err := c.Generate(t.Context(), say("fail"), nil)
	var e *llm.Error
	if !errors.As(err, &e) || e.Kind != llm.RateLimited || e.Message != "busy <b>now</b>" || e.RetryAfter != 1500*time.Millisecond || e.Err == nil || e.Err.Error() != "unexpected EOF" {
		t.Errorf("got %#v", err)
	}
	if _, err := c.Generate(t.Context(), say("unknown-error"), nil); kind(err) != llm.Unavailable || !strings.Contains(err.Error(), "strange") {
		t.Errorf("a kind that nobody knows: %v", err)
	}
	if _, err := c.Generate(t.Context(), say("endless"), nil); kind(err) != llm.Unavailable || !strings.Contains(err.Error(), "16 MiB") {
		t.Errorf("output without end: %v", err)
	}
	if _, err := c.Generate(t.Context(), say(strings.Repeat("x", 9<<20)), nil); kind(err) != llm.Invalid || !strings.Contains(err.Error(), "8 MiB") {
		t.Errorf("a request that is too large: %v", err)
	}
	if _, err := c.Generate(t.Context(), say("\xff"), nil); kind(err) != llm.Invalid || !strings.Contains(err.Error(), "UTF-8") {
		t.Errorf("text that is not UTF-8: %v", err)
	}
}

// TestChildSurvivesItsProcess: whatever ends the process, calls in flight get
// a typed error and the next ones a new process.
func TestChildSurvivesItsProcess(t *testing.T) {
	for _, row := range []struct {
		name, say string
		end       func(pid int)
		reason    string
	}{
		{"killed by somebody", "wait", func(pid int) { _ = syscall.Kill(pid, syscall.SIGKILL) }, "signal: killed"},
		{"crashed", "crash", func(int) {}, "exit status 9"},
		{"hung", "hang", func(int) {}, "it hangs"},
	} {
		t.Run(row.name, func(t *testing.T) {
			s, _ := childSpec(t, "serve")
			s.HealthEvery, s.HealthWait = 20*time.Millisecond, 300*time.Millisecond
			c := started(t, s)
			pid := c.State().PID
			_, err := c.Generate(t.Context(), say(row.say), func(llm.Delta) error { row.end(pid); return nil })
			if kind(err) != llm.Unavailable {
				t.Fatalf("the call in flight got %v; want kind unavailable", err)
			}
			st := until(t, c, "ready again", func(s State) bool { return s.Phase == Ready && s.Restarts == 1 })
			if st.PID == pid || !strings.Contains(st.Reason, row.reason) || st.MemoryBytes == 0 {
				t.Errorf("state %+v; want another process and the reason %q", st, row.reason)
			}
			if _, err := c.Generate(t.Context(), say("hello"), nil); err != nil {
				t.Errorf("after the restart: %v", err)
			}
			if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
				t.Errorf("the old process is still there: %v", err)
			}
		})
	}
}

func TestStopAndStart(t *testing.T) {
	s, _ := childSpec(t, "serve")
	c := started(t, s)
	pid := c.State().PID
	inFlight := make(chan error, 1)
	running := make(chan struct{})
	go func() {
		_, err := c.Generate(t.Context(), say("wait"), func(llm.Delta) error { close(running); return nil })
		inFlight <- err
	}()
	<-running
	if err := c.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-inFlight; kind(err) != llm.Unavailable {
		t.Errorf("a call in flight got %v; want kind unavailable", err)
	}
	if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("the process is still there: %v", err)
	}
	if st := c.State(); st.Phase != Stopped || st.PID != 0 {
		t.Errorf("state %+v; want stopped", st)
	}
	if _, err := c.Generate(t.Context(), say("hello"), nil); kind(err) != llm.Unavailable || !strings.Contains(err.Error(), "stopped") {
		t.Errorf("a stopped child answers %v", err)
	}
	for range 3 {
		if err := c.Start(t.Context()); err != nil {
			t.Fatalf("start again: %v", err)
		}
	}
	if _, err := c.Generate(t.Context(), say("hello"), nil); err != nil {
		t.Errorf("after start: %v", err)
	}
	// The kernel is to take this process, and not the host, when memory runs out.
	if score, err := os.ReadFile(fmt.Sprintf("/proc/%d/oom_score_adj", c.State().PID)); err != nil || strings.TrimSpace(string(score)) != "500" {
		t.Errorf("oom_score_adj is %q, %v", score, err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if err := c.Start(t.Context()); kind(err) != llm.Unavailable || c.State().PID != 0 {
		t.Errorf("a child that is closed for good starts again: %v, %+v", err, c.State())
	}
}

// TestHandshakesThatAreRefused: a child that does not become a provider in the
// one way there is costs a typed error within the time limit, and never makes
// the host connect anywhere.
func TestHandshakesThatAreRefused(t *testing.T) {
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer tcp.Close()
	socket := filepath.Join(t.TempDir(), "provider.sock")
	unixSocket, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer unixSocket.Close()
	for _, l := range []net.Listener{tcp, unixSocket} {
		go func() {
			if c, err := l.Accept(); err == nil {
				t.Errorf("the host connected to %v", l.Addr())
				_ = c.Close()
			}
		}()
	}
	for _, row := range []struct {
		mode, arg, want string
	}{
		{"tcp", tcp.Addr().String(), "only listen on a unix socket"},
		{"abstract", "", "only listen on a unix socket"},
		{"foreign-socket", socket, "only listen on a unix socket"},
		{"dotdot", "", "only listen on a unix socket"},
		{"link", socket, "no socket"},
		{"netrpc", "", "unsupported plugin protocol"},
		{"rubbish", "", "Unrecognized"},
		{"no-newline", "", ""},
		{"silent", "", "not ready in time"},
		{"mute-socket", "", ""},
		{"exits", "", "the configuration is missing"},
	} {
		t.Run(row.mode, func(t *testing.T) {
			s, _ := childSpec(t, row.mode, row.arg)
			s.MaxFailures = 1
			if row.want == "" || row.mode == "silent" { // it keeps the host waiting; the others are refused at once, however busy the machine
				s.StartTimeout = 2 * time.Second
			}
			_, err := Start(t.Context(), s)
			if kind(err) != llm.Unavailable || !strings.Contains(err.Error(), row.want) {
				t.Errorf("got %v; want kind unavailable because %q", err, row.want)
			}
			if left, _ := filepath.Glob(filepath.Join(s.Dir, "run-*")); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

func TestUnusableIsNotTriedAgain(t *testing.T) {
	s, _ := childSpec(t, "unusable")
	c, err := New(s)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	err = c.Start(t.Context())
	if kind(err) != llm.Unavailable || !strings.Contains(err.Error(), "the model file is damaged: it ends early") {
		t.Errorf("Start: %v", err)
	}
	if st := c.State(); st.Phase != Failed || st.Restarts != 0 {
		t.Errorf("state %+v; want failed at once", st)
	}
}

func TestFailingLaunchesEnd(t *testing.T) {
	s, _ := childSpec(t, "exits")
	s.MaxFailures = 3
	c, err := New(s)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.Start(t.Context())
	st := until(t, c, "failed", func(s State) bool { return s.Phase == Failed })
	if st.Restarts != 2 {
		t.Errorf("%d restarts before giving up, want 2", st.Restarts)
	}
}

func TestNoiseIsBounded(t *testing.T) {
	s, log := childSpec(t, "serve")
	c := started(t, s)
	_, _ = c.Generate(t.Context(), say("noise"), nil)
	for range 10_000 {
		if strings.Contains(log.String(), "lines dropped") {
			break
		}
		if _, err := c.Generate(t.Context(), say("hello"), nil); err != nil {
			t.Fatal(err)
		}
	}
	_ = c.Stop(t.Context())
	if n := len(log.String()); n > 1<<20 || strings.Contains(log.String(), `\x1b`) || !strings.Contains(log.String(), "lines dropped") {
		t.Errorf("%d bytes of log", n)
	}
}

func TestLogLinesAreOnlyText(t *testing.T) {
	s, log := childSpec(t, "serve-bad-log")
	c := started(t, s)
	_ = c.Stop(t.Context())
	if !strings.Contains(log.String(), "@message") {
		t.Errorf("the line is missing from the log: %s", log)
	}
}

func TestSocketsStayInTheDirectoryWhereTheyFit(t *testing.T) {
	short, _ := childSpec(t, "serve")
	long := short
	long.Dir = filepath.Join(short.Dir, strings.Repeat("long", 30))
	for _, row := range []struct {
		name   string
		s      Spec
		inside bool
	}{{"a short name", short, true}, {"a name too long for socket addresses", long, false}} {
		c := started(t, row.s)
		if got := strings.HasPrefix(c.dir, row.s.Dir+"/"); got != row.inside {
			t.Errorf("%s: sockets are in %s", row.name, c.dir)
		}
		if st, err := os.Stat(c.dir); err != nil || st.Mode().Perm() != 0o700 {
			t.Errorf("%s: mode %v, %v; want 0700", row.name, st.Mode(), err)
		}
	}
}

func TestLeftoversOfKilledHostsAreRemoved(t *testing.T) {
	s, _ := childSpec(t, "serve")
	const nobody = 1 << 30 // no process has this number (PID_MAX_LIMIT is 2^22)
	old := filepath.Join(s.Dir, fmt.Sprintf(runDir+"123", nobody), "plugin-dir456")
	mine := filepath.Join(s.Dir, fmt.Sprintf(runDir+"123", os.Getpid()))
	for _, dir := range []string{old, mine} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	c, err := New(s)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := os.Stat(filepath.Dir(old)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is still there", old)
	}
	if _, err := os.Stat(mine); err != nil {
		t.Errorf("the directory of a process that lives: %v", err)
	}
}

func TestSpecsThatAreRefused(t *testing.T) {
	for _, s := range []Spec{
		{}, {Name: "a"}, {Name: "A b", Path: "/x"}, {Name: "../x", Path: "/x"}, {Name: "a", Path: "/x", Image: imageOf([]byte("x"))},
		{Name: "a", Path: "/x", Files: []Inherit{{Flag: "model"}}},
	} {
		if c, err := New(s); err == nil {
			t.Errorf("New(%+v) = %v, want an error", s, c)
		}
	}
	if _, err := Start(t.Context(), Spec{Name: "a", Path: "/nowhere", Dir: t.TempDir(), MaxFailures: 1, Log: slog.New(slog.DiscardHandler)}); kind(err) != llm.Unavailable || !strings.Contains(err.Error(), "/nowhere") {
		t.Errorf("an executable that is not there: %v", err)
	}
}
