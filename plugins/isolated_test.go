package plugins

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func isolated(mode string, args ...string) Isolated {
	return Isolated{Args: append([]string{"child:" + mode}, args...), CPU: 5 * time.Second, Timeout: 20 * time.Second}
}

func TestIsolatedReturnsWhatWasWritten(t *testing.T) {
	big := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	for _, in := range [][]byte{nil, []byte("hello"), big} {
		i := isolated("echo")
		i.Stdin = in
		out, err := RunIsolated(t.Context(), i)
		if err != nil || !bytes.Equal(out, in) {
			t.Errorf("%d bytes in, %d out, %v", len(in), len(out), err)
		}
	}
}

func TestIsolatedHasNoEnvironment(t *testing.T) {
	t.Setenv("SKERRY_SECRET", "planted")
	out, err := RunIsolated(t.Context(), isolated("environment"))
	if err != nil || string(out) != "[]" {
		t.Errorf("got %s, %v", out, err)
	}
}

func TestIsolatedWritesNoFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "loot")
	out, err := RunIsolated(t.Context(), isolated("write", path))
	if st, statErr := os.Stat(path); err == nil && string(out) != "true" || statErr == nil && st.Size() > 0 {
		t.Errorf("got %s, %v; the file: %v", out, err, statErr)
	}
}

// TestIsolatedFiles: a file that is handed over can be read, and no other is
// implied.
func TestIsolatedFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "model")
	if err := os.WriteFile(path, []byte("weights"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	i := isolated("file")
	i.Files = []*os.File{f}
	if out, err := RunIsolated(t.Context(), i); err != nil || string(out) != "weights <nil> false" {
		t.Errorf("got %q, %v", out, err)
	}
	if out, err := RunIsolated(t.Context(), isolated("file")); err == nil && strings.HasPrefix(string(out), "weights") {
		t.Errorf("without a file: got %q, %v", out, err)
	}
}

func TestIsolatedFailures(t *testing.T) {
	short := isolated("hang")
	short.Timeout = 200 * time.Millisecond
	spin := isolated("spin")
	spin.CPU = time.Second
	hoard := isolated("hoard")
	hoard.MemoryBytes = 128 << 20
	flood := isolated("flood")
	flood.MaxOutput = 1 << 20
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for _, row := range []struct {
		name string
		ctx  context.Context
		i    Isolated
		want IsolatedReason
		says string
	}{
		{"says no", t.Context(), isolated("refuse"), IsolatedRefused, "this is no invoice"},
		{"panics", t.Context(), isolated("panic"), IsolatedCrashed, "parser lost its way"},
		{"is killed by a signal", t.Context(), isolated("segfault"), IsolatedCrashed, ""},
		{"hangs", t.Context(), short, IsolatedTimeout, "longer than 200ms"},
		{"burns CPU", t.Context(), spin, IsolatedTimeout, "CPU"},
		{"wants all memory", t.Context(), hoard, IsolatedMemory, ""},
		{"writes without end", t.Context(), flood, IsolatedTooBig, ""},
		{"is not wanted any more", gone, isolated("echo"), IsolatedCancelled, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			out, err := RunIsolated(row.ctx, row.i)
			var e *IsolatedError
			if !errors.As(err, &e) || e.Reason != row.want || !strings.Contains(err.Error(), row.says) || out != nil {
				t.Errorf("got %q, %.300v; want reason %s with %q", out, err, row.want, row.says)
			}
			if e != nil && (strings.ContainsAny(e.Stderr, "\x1b\u202e") || len(e.Stderr) > 5<<10) {
				t.Errorf("stderr is not cleaned: %q", e.Stderr)
			}
		})
	}
}

func TestOutOfMemory(t *testing.T) {
	for _, row := range []struct {
		says string
		want bool
	}{
		{"fatal error: runtime: out of memory: cannot allocate 16777216-byte block", true},
		{"runtime: mmap: cannot allocate memory", true},
		{"SIGSEGV: segmentation violation\nPC=0x43979d m=5 sigcode=1 addr=0x0\n\ngoroutine 0 gp=0x31c91b980780 m=5 mp=0x31c91b98e008 [idle]:\nruntime.(*spanQueue).tryDrain(", true},
		{"SIGSEGV: segmentation violation\nPC=0x43979d m=0 sigcode=0 addr=0x0\n\ngoroutine 0 gp=0x1 m=0 mp=0x2 [idle]:\n", false}, // sent by somebody
		{"panic: runtime error: invalid memory address or nil pointer dereference\n[signal SIGSEGV: segmentation violation code=0x1 addr=0x0 pc=0x1]\n\ngoroutine 1 [running]:\n", false},
		{"panic: parser lost its way", false},
	} {
		if got := outOfMemory(row.says); got != row.want {
			t.Errorf("%q: got %v, want %v", row.says, got, row.want)
		}
	}
}
