package plugins

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"github.com/hashicorp/go-plugin/runner"
	"golang.org/x/sys/unix"
)

// maxHandshake bounds the first line of a child in bytes. A certificate makes
// up most of it.
const maxHandshake = 8 << 10

// process is one run of a child executable: a runner.Runner for go-plugin. It
// owns three goroutines, which have ended when Wait returns.
type process struct {
	spec      Spec
	env       []string
	socketDir string // the only place where its socket may be
	log       *slog.Logger
	stderr    *lineLog

	cmd    *exec.Cmd
	exited chan struct{} // closed when the process has been reaped
	state  *os.ProcessState

	// What go-plugin gets to read: the handshake line of stdout and then, when
	// the process has ended, the end of both. It never sees stderr, whose lines
	// it would parse.
	out, err   *io.PipeReader
	outW, errW *io.PipeWriter

	mu     sync.Mutex // guards the fields below and cmd, so that no signal reaches a reused pid
	reaped bool
	killed bool // by the host
}

var _ runner.Runner = (*process)(nil)

// newProcess prepares a process; env and socketDir are to be set before Start.
func newProcess(s Spec) *process {
	p := &process{spec: s, log: s.Log, stderr: newLineLog(s.Log, "stderr"), exited: make(chan struct{})}
	p.out, p.outW = io.Pipe()
	p.err, p.errW = io.Pipe()
	return p
}

// Start implements runner.Runner.
func (p *process) Start(context.Context) error {
	started := make(chan error)
	go p.live(started)
	return <-started
}

// live starts the process and stays until it has been reaped. The thread that
// forks is kept, because PDEATHSIG fires when that thread ends, not when the
// process does.
func (p *process) live(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	stdout, stderr, err := p.exec()
	if err != nil {
		close(p.exited)
		_ = p.outW.Close()
		_ = p.errW.Close()
		started <- err
		return
	}
	var readers sync.WaitGroup
	readers.Go(func() { p.stderr.copy(stderr); _ = stderr.Close() })
	readers.Go(func() { p.handshake(stdout); _ = stdout.Close() })
	started <- nil

	// Wait without reaping first, so that kill never meets a reused pid.
	for {
		if err := unix.Waitid(unix.P_PID, p.pid(), nil, unix.WEXITED|unix.WNOWAIT, nil); !errors.Is(err, unix.EINTR) {
			break
		}
	}
	p.mu.Lock()
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) // whatever it started belongs to its group and ends with it
	p.reaped = true
	p.state, _ = p.cmd.Process.Wait()
	p.mu.Unlock()
	readers.Wait()
	close(p.exited)
	_ = p.outW.Close()
	_ = p.errW.Close()
}

// exec starts the executable from a sealed memfd, or, where that is forbidden,
// from a private file.
func (p *process) exec() (stdout, stderr *os.File, err error) {
	if p.spec.Path != "" {
		f, err := os.Open(p.spec.Path)
		if err != nil {
			return nil, nil, err
		}
		return p.execFile(f)
	}
	if !p.spec.noMemfd {
		f, memErr := p.spec.Image.open()
		if memErr == nil {
			if stdout, stderr, memErr = p.execFile(f); memErr == nil {
				return stdout, stderr, nil
			}
		}
		if !errors.Is(memErr, syscall.EACCES) && !errors.Is(memErr, syscall.EPERM) {
			return nil, nil, memErr
		}
		p.log.Warn("this host forbids executing from memory; a private file is used instead", "dir", p.spec.Dir, "error", memErr)
	}
	f, err := p.spec.Image.extracted(filepath.Join(p.spec.Dir, "exec"), p.spec.Name)
	if err != nil {
		return nil, nil, err
	}
	return p.execFile(f)
}

// execFile starts the executable f and closes it.
func (p *process) execFile(f *os.File) (stdout, stderr *os.File, err error) {
	defer f.Close()
	// File 3 of the child is its own executable: a fixed number survives the
	// shuffling of descriptors between fork and exec.
	const self = 3
	extra := []*os.File{f}
	args := p.spec.Args
	for n, in := range p.spec.Files {
		file, err := in.open()
		if err != nil {
			return nil, nil, err
		}
		defer file.Close()
		extra = append(extra, file)
		args = append(args[:len(args):len(args)], "-"+in.Flag, "/proc/self/fd/"+strconv.Itoa(self+1+n))
	}
	outR, outW, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	errR, errW, err := os.Pipe()
	if err != nil {
		_, _ = outR.Close(), outW.Close()
		return nil, nil, err
	}
	cmd := exec.Command("/proc/self/fd/"+strconv.Itoa(self), args...)
	cmd.Args[0] = p.spec.Name
	cmd.Env = p.env // Stdin stays nil: the null device
	cmd.Dir = "/"
	cmd.Stdout, cmd.Stderr = outW, errW
	cmd.ExtraFiles = extra
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	err = cmd.Start()
	_, _ = outW.Close(), errW.Close()
	if err == nil {
		if err = p.adopt(cmd); err != nil {
			_ = cmd.Process.Kill()
			_, _ = cmd.Process.Wait()
		}
	}
	if err != nil {
		_, _ = outR.Close(), errR.Close()
		return nil, nil, fmt.Errorf("start %s: %w", p.spec.Name, err)
	}
	return outR, errR, nil
}

// adopt puts the limits that every child gets on a process that just began.
func (p *process) adopt(cmd *exec.Cmd) error {
	limits := map[int]uint64{unix.RLIMIT_CORE: 0, unix.RLIMIT_FSIZE: 0, unix.RLIMIT_NOFILE: 1024}
	if p.spec.MemoryBytes > 0 {
		limits[unix.RLIMIT_DATA] = uint64(p.spec.MemoryBytes)
	}
	for what, most := range limits {
		if err := unix.Prlimit(cmd.Process.Pid, what, &unix.Rlimit{Cur: most, Max: most}, nil); err != nil {
			return fmt.Errorf("set resource limit %d: %w", what, err)
		}
	}
	// Where the host runs out of memory all the same, the kernel is to take
	// a child, which is started again, and not the appliance (proc(5)). A
	// kernel that does not let us say so is no reason not to start.
	_ = os.WriteFile("/proc/"+strconv.Itoa(cmd.Process.Pid)+"/oom_score_adj", []byte("500"), 0)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.killed {
		return errors.New("it was ended while it started")
	}
	p.cmd = cmd
	return nil
}

// handshake passes the first line of stdout on and throws the rest away. The
// line is bounded before anybody parses it.
func (p *process) handshake(stdout io.Reader) {
	b := bufio.NewReaderSize(stdout, maxHandshake)
	line, err := b.ReadSlice('\n')
	if err == nil {
		_, _ = p.outW.Write(bytes.ToValidUTF8(line, []byte("?")))
	} else if len(line) > 0 {
		p.log.Warn("the provider wrote something else than a handshake to stdout", "bytes", len(line))
		_ = p.outW.CloseWithError(io.EOF)
	}
	n, _ := io.Copy(io.Discard, b)
	if n > 0 {
		p.log.Warn("the provider wrote to stdout, which nobody reads", "bytes", n)
	}
}

// kill ends the process and everything in its group, now or as soon as it
// begins.
func (p *process) kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.killed = true
	if p.cmd != nil && !p.reaped {
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	}
}

// how says how the process ended, for people. byItself reports that it was not
// the host that ended it.
func (p *process) how() (reason string, unusable, byItself bool) {
	p.mu.Lock()
	state, killed := p.state, p.killed
	p.mu.Unlock()
	if state == nil {
		return "it did not start", false, false
	}
	ws, _ := state.Sys().(syscall.WaitStatus)
	byItself = !killed || !ws.Signaled() || ws.Signal() != syscall.SIGKILL
	reason = state.String()
	if last := p.stderr.why(); last != "" && state.ExitCode() > 0 {
		reason = last
	}
	return reason, state.ExitCode() == exitUnusable, byItself
}

// PluginToHost implements runner.AddrTranslator: the one address that a child
// may name is a unix socket in its own directory. Anything else would let it
// choose whom the host connects to.
func (p *process) PluginToHost(network, addr string) (string, string, error) {
	if network != "unix" || !filepath.IsAbs(addr) || filepath.Clean(addr) != addr || filepath.Dir(addr) != p.socketDir {
		return "", "", fmt.Errorf("the provider named the address %.100q; it may only listen on a unix socket in its own directory", network+":"+addr)
	}
	st, err := os.Lstat(addr)
	if err != nil {
		return "", "", fmt.Errorf("the socket that the provider named: %w", err)
	}
	if st.Mode().Type() != os.ModeSocket {
		return "", "", fmt.Errorf("the provider named %q, which is no socket", filepath.Base(addr))
	}
	return network, addr, nil
}

// HostToPlugin implements runner.AddrTranslator. Nothing of the host's is ever
// offered to a child.
func (p *process) HostToPlugin(string, string) (string, string, error) {
	return "", "", errors.New("the host offers no addresses")
}

// Wait implements runner.Runner.
func (p *process) Wait(context.Context) error {
	<-p.exited
	how, _, _ := p.how()
	return errors.New(how)
}

// Kill implements runner.Runner.
func (p *process) Kill(context.Context) error { p.kill(); return nil }

// Stdout implements runner.Runner.
func (p *process) Stdout() io.ReadCloser { return p.out }

// Stderr implements runner.Runner.
func (p *process) Stderr() io.ReadCloser { return p.err }

// Name implements runner.Runner.
func (p *process) Name() string { return p.spec.Name }

// ID implements runner.Runner.
func (p *process) ID() string { return strconv.Itoa(p.pid()) }

// Diagnose implements runner.Runner.
func (p *process) Diagnose(context.Context) string { return p.stderr.why() }

func (p *process) pid() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil {
		return 0
	}
	return p.cmd.Process.Pid
}

// memory returns the resident memory of the process in bytes, 0 if unknown.
func (p *process) memory() int64 {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(p.pid()) + "/statm")
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(b))
	if len(fields) < 2 {
		return 0
	}
	pages, err := strconv.ParseInt(fields[1], 10, 64)
	if err != nil {
		return 0
	}
	return pages * int64(os.Getpagesize())
}
