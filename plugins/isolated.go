package plugins

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Isolated is one piece of risky work, such as parsing a document that nobody
// vouches for, done in a throw-away process of our own binary: a crash, a hang
// or an explosion of memory costs that process and nothing else.
type Isolated struct {
	Image       *Image        // the executable; nil = this very binary
	Dir         string        // private directory where Image becomes a file if it has to
	Args        []string      // arguments after the program name: the hidden verb and its flags
	Env         []string      // all of its environment, KEY=value
	Stdin       []byte        // all the input that the process gets, beside Files
	Files       []*os.File    // files that it may use, as descriptors from 3 on; they stay the caller's
	FileBytes   int64         // bound of a file that it may write to, if one of Files is open for writing; 0 = it writes none
	MaxOutput   int64         // bound of its stdout in bytes; 0 = 16 MiB
	MemoryBytes int64         // bound of its writable memory; 0 = 512 MiB
	CPU         time.Duration // bound of its CPU time, rounded up to seconds; 0 = 10 s
	Timeout     time.Duration // bound of its wall time; 0 = twice CPU. The context may end it earlier
}

// IsolatedReason says why isolated work gave no result.
type IsolatedReason string

// Reasons of an [IsolatedError].
const (
	IsolatedRefused   IsolatedReason = "refused"        // the process said no: it ended by itself with a code other than 0
	IsolatedCrashed   IsolatedReason = "crashed"        // a signal or a Go panic ended it
	IsolatedTimeout   IsolatedReason = "timeout"        // it used up its wall or CPU time
	IsolatedMemory    IsolatedReason = "out-of-memory"  // it wanted more memory than it may have
	IsolatedTooBig    IsolatedReason = "output-too-big" // it wrote more than MaxOutput
	IsolatedCancelled IsolatedReason = "cancelled"      // the caller gave up
	IsolatedNoStart   IsolatedReason = "not-started"    // it could not be started at all
)

// IsolatedError is the only error of [RunIsolated].
type IsolatedError struct {
	Reason IsolatedReason
	Code   int    // exit code, where Reason is refused
	Stderr string // end of what it wrote to stderr, at most 4 KiB, control characters removed; the input may have influenced it
	Err    error  // cause, may be nil
}

func (e *IsolatedError) Error() string {
	s := "isolated process: " + string(e.Reason)
	if e.Reason == IsolatedRefused {
		s += fmt.Sprintf(" with code %d", e.Code)
	}
	if e.Stderr != "" {
		s += ": " + e.Stderr
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

func (e *IsolatedError) Unwrap() error { return e.Err }

// goExitPanic is the exit code of a Go program that panicked or ran out of
// memory (runtime package, "fatal error").
const goExitPanic = 2

// RunIsolated runs this very binary (/proc/self/exe), or i.Image, with i.Args and
// returns what it wrote to stdout. The process has an empty environment unless
// i.Env says otherwise, no files but its three pipes, i.Files and its own
// executable, may write no file unless i.FileBytes says so, and dies with its parent. Limits are in
// force before it sees the first byte of i.Stdin. Any error is an
// *[IsolatedError]; output of a failed process is never returned.
func RunIsolated(ctx context.Context, i Isolated) ([]byte, error) {
	if i.MaxOutput <= 0 {
		i.MaxOutput = 16 << 20
	}
	if i.MemoryBytes <= 0 {
		i.MemoryBytes = 512 << 20
	}
	if i.CPU <= 0 {
		i.CPU = 10 * time.Second
	}
	if i.Timeout <= 0 {
		i.Timeout = 2 * i.CPU
	}
	if ctx.Err() != nil {
		return nil, &IsolatedError{Reason: IsolatedCancelled, Err: ctx.Err()}
	}
	deadline, cancel := context.WithTimeout(ctx, i.Timeout)
	defer cancel()

	// PDEATHSIG fires when the thread that forked ends, so that thread is kept
	// for as long as the child lives.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	var stdout capped
	stdout.left = i.MaxOutput
	var stderr tail
	cmd := exec.CommandContext(deadline, "/proc/self/exe", i.Args...)
	cmd.Env = append([]string{}, i.Env...)
	cmd.Dir = "/"
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.ExtraFiles = i.Files
	if i.Image != nil {
		self, err := i.Image.executable(i.Dir)
		if err != nil {
			return nil, &IsolatedError{Reason: IsolatedNoStart, Err: err}
		}
		defer self.Close()
		// The last descriptor, so that Files begin at 3 whatever runs.
		cmd.ExtraFiles = append(append([]*os.File{}, i.Files...), self)
		cmd.Path = fmt.Sprintf("/proc/self/fd/%d", 3+len(i.Files))
		cmd.Args[0] = filepath.Base(i.Image.f.Name())
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.WaitDelay = time.Second
	stdout.full = func() { _ = cmd.Process.Kill() }
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, &IsolatedError{Reason: IsolatedNoStart, Err: err}
	}
	if err := cmd.Start(); err != nil {
		return nil, &IsolatedError{Reason: IsolatedNoStart, Err: err}
	}
	if err := limit(cmd.Process.Pid, i); err != nil {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		return nil, &IsolatedError{Reason: IsolatedNoStart, Err: err}
	}
	fed := make(chan struct{})
	go func() {
		defer close(fed)
		_, _ = io.Copy(in, bytes.NewReader(i.Stdin)) // a process that stops reading says so by its exit code
		_ = in.Close()
	}()
	err = cmd.Wait()
	<-fed
	if err == nil && !stdout.overflow {
		return stdout.kept.Bytes(), nil
	}
	return nil, explain(ctx, deadline, cmd.ProcessState, i, &stdout, &stderr, err)
}

// limit puts the resource limits on a process that has not been given its
// input yet. RLIMIT_DATA counts what is writable, which is what a Go program
// really uses; RLIMIT_AS is wider by the address space that the Go runtime
// reserves without using.
func limit(pid int, i Isolated) error {
	const goReserved = 2 << 30
	cpu := uint64((i.CPU + time.Second - 1) / time.Second)
	files := uint64(64 + len(i.Files))
	for _, l := range []struct {
		what      int
		soft, max uint64
	}{
		{unix.RLIMIT_CORE, 0, 0},
		{unix.RLIMIT_FSIZE, uint64(i.FileBytes), uint64(i.FileBytes)},
		{unix.RLIMIT_NOFILE, files, files},
		{unix.RLIMIT_CPU, cpu, cpu + 1},
		{unix.RLIMIT_DATA, uint64(i.MemoryBytes), uint64(i.MemoryBytes)},
		{unix.RLIMIT_AS, uint64(i.MemoryBytes) + goReserved, uint64(i.MemoryBytes) + goReserved},
	} {
		if err := unix.Prlimit(pid, l.what, &unix.Rlimit{Cur: l.soft, Max: l.max}, nil); err != nil {
			return fmt.Errorf("set resource limit %d: %w", l.what, err)
		}
	}
	return nil
}

func explain(ctx, deadline context.Context, ps *os.ProcessState, i Isolated, stdout *capped, stderr *tail, err error) error {
	e := &IsolatedError{Reason: IsolatedCrashed, Stderr: stderr.text()}
	var sig syscall.Signal
	if ps != nil {
		if ws, ok := ps.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
			sig = ws.Signal()
		}
	}
	switch {
	case stdout.overflow:
		e.Reason = IsolatedTooBig
	case ctx.Err() != nil:
		e.Reason, e.Err = IsolatedCancelled, ctx.Err()
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			e.Reason = IsolatedTimeout
		}
	case deadline.Err() != nil:
		e.Reason, e.Err = IsolatedTimeout, fmt.Errorf("it took longer than %v", i.Timeout)
	case ps != nil && ps.UserTime()+ps.SystemTime() >= i.CPU, strings.Contains(e.Stderr, "SIGXCPU"):
		e.Reason, e.Err = IsolatedTimeout, fmt.Errorf("it used more than %v of CPU time", i.CPU)
	case outOfMemory(e.Stderr):
		e.Reason = IsolatedMemory
	case sig != 0:
		e.Err = fmt.Errorf("signal: %v", sig)
	case ps != nil && ps.ExitCode() == goExitPanic && (strings.Contains(e.Stderr, "goroutine ") || strings.Contains(e.Stderr, "panic:")):
		// A panic: what it printed was addressed to a programmer.
	case ps != nil && ps.ExitCode() > 0:
		e.Reason, e.Code = IsolatedRefused, ps.ExitCode()
	default:
		e.Err = err
	}
	return e
}

// outOfMemory reports whether a Go program that ended with these last words
// died of a refused allocation. Most places of the runtime say so; its garbage
// collector goes on with the nil that it got, and what has no address is
// written to on the stack of the runtime itself, which is goroutine 0.
func outOfMemory(stderr string) bool {
	for _, words := range []string{"out of memory", "cannot allocate memory", "failed to allocate"} {
		if strings.Contains(stderr, words) {
			return true
		}
	}
	return strings.HasPrefix(stderr, "SIGSEGV: ") && strings.Contains(stderr, " sigcode=1 addr=0x0\n") && strings.Contains(stderr, "\ngoroutine 0 ")
}

// capped keeps output up to a bound and calls full once when there is more. The
// buffer is no embedded field: io.Copy would find its ReadFrom and go round the
// bound.
type capped struct {
	kept     bytes.Buffer
	left     int64
	overflow bool
	full     func()
}

func (c *capped) Write(p []byte) (int, error) {
	if c.overflow {
		return len(p), nil
	}
	if int64(len(p)) > c.left {
		c.overflow = true
		c.full()
		return len(p), nil
	}
	c.left -= int64(len(p))
	return c.kept.Write(p)
}

// tail keeps the beginning and the end of a stream, 2 KiB each: a crash names
// its cause first and its place last.
type tail struct{ head, end []byte }

func (t *tail) Write(p []byte) (int, error) {
	const half = 2 << 10
	n := len(p)
	if room := half - len(t.head); room > 0 {
		k := min(room, len(p))
		t.head, p = append(t.head, p[:k]...), p[k:]
	}
	t.end = append(t.end, p...)
	if over := len(t.end) - half; over > 0 {
		t.end = append(t.end[:0], t.end[over:]...)
	}
	return n, nil
}

func (t *tail) text() string { return printable(string(t.head) + string(t.end)) }

// printable makes text from a child fit for a log or a page: valid UTF-8, no
// control characters but newline and tab, no space around it.
func printable(s string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || r >= ' ' && r != 0x7f && (r < 0x80 || r > 0x9f) && (r < 0x202a || r > 0x202e) && (r < 0x2066 || r > 0x2069) {
			return r
		}
		return -1
	}, strings.ToValidUTF8(s, "\uFFFD")))
}
