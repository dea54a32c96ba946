package plugins

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"time"
)

// Spec says what to run as a provider and how. Name and exactly one of Image
// and Path are required.
type Spec struct {
	Name  string   // of the provider, as models and logs show it: lower-case letters, digits and dashes
	Image *Image   // the executable; run from memory, so no path can be swapped. It must stay open as long as the child
	Path  string   // the executable as a file, for development
	Args  []string // arguments after the program name
	Files []Inherit
	Env   []string     // all of its environment but for the handshake, KEY=value
	Dir   string       // private directory for sockets and extracted executables; "" = a new one in the temporary directory
	Log   *slog.Logger // where its log lines and the host's own go; nil = slog.Default

	MemoryBytes  int64         // bound of its writable memory; 0 = none
	StartTimeout time.Duration // from launch to healthy; 0 = 60 s, enough to read a model of some gigabytes
	HealthEvery  time.Duration // between two questions for its health; 0 = 5 s
	HealthWait   time.Duration // it counts as hung after this long without an answer; 0 = 10 s
	BackoffMin   time.Duration // before the first restart, doubling with each; 0 = 100 ms
	BackoffMax   time.Duration // between restarts; 0 = 30 s
	MaxFailures  int           // launches in a row that may fail before an administrator is needed; 0 = 5

	noMemfd bool // tests: behave as on a host that forbids executing from memory
}

// Inherit is a file that a child may read, given to it as an open descriptor:
// it can be neither swapped nor is any other file implied. The child gets the
// argument -Flag /proc/self/fd/N.
type Inherit struct {
	Flag  string
	Path  string // the file, opened anew at each launch
	Image *Image // or its content
}

func (i Inherit) open() (*os.File, error) {
	if i.Path == "" {
		return i.Image.open()
	}
	f, err := os.Open(i.Path)
	if err != nil {
		return nil, fmt.Errorf("file for -%s: %w", i.Flag, err)
	}
	return f, nil
}

var nameForm = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,40}$`)

// validated returns s with its defaults filled in.
func (s Spec) validated() (Spec, error) {
	switch {
	case !nameForm.MatchString(s.Name):
		return s, fmt.Errorf("provider name %q: use lower-case letters, digits and dashes", s.Name)
	case (s.Image == nil) == (s.Path == ""):
		return s, fmt.Errorf("provider %s: give either the image or the path of the executable", s.Name)
	}
	for _, f := range s.Files {
		if (f.Image == nil) == (f.Path == "") {
			return s, fmt.Errorf("provider %s: give either the image or the path for -%s", s.Name, f.Flag)
		}
	}
	if s.Log == nil {
		s.Log = slog.Default()
	}
	s.Log = s.Log.With("provider", s.Name)
	for d, v := range map[*time.Duration]time.Duration{
		&s.StartTimeout: time.Minute, &s.HealthEvery: 5 * time.Second, &s.HealthWait: 10 * time.Second,
		&s.BackoffMin: 100 * time.Millisecond, &s.BackoffMax: 30 * time.Second,
	} {
		if *d <= 0 {
			*d = v
		}
	}
	if s.MaxFailures <= 0 {
		s.MaxFailures = 5
	}
	return s, nil
}

// maxSocketDir leaves room for "/plugin-dir" with its random number and
// "/provider.sock" in the 108 bytes of a socket address (unix(7)).
const maxSocketDir = 107 - len("/plugin-dir0123456789/provider.sock")

// runDir is the pattern of private directories: the process that made it, and
// a random number.
const runDir = "run-%d-"

// privateDir makes the directory in which one Child keeps its sockets. A Dir
// whose name is too long for socket addresses is replaced by one in the
// temporary directory.
func (s Spec) privateDir() (string, error) {
	base := ""
	if s.Dir != "" && len(filepath.Join(s.Dir, "run-4194304-0123456789")) <= maxSocketDir {
		if err := os.MkdirAll(s.Dir, 0o700); err != nil {
			return "", err
		}
		base = s.Dir
		sweep(base)
	}
	dir, err := os.MkdirTemp(base, fmt.Sprintf(runDir, os.Getpid())) // mode 0700
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(dir)
}

// sweep removes what hosts that were killed have left in base.
func sweep(base string) {
	old, _ := filepath.Glob(filepath.Join(base, "run-*-*"))
	for _, dir := range old {
		var pid int
		if _, err := fmt.Sscanf(filepath.Base(dir), runDir, &pid); err != nil {
			continue
		}
		if _, err := os.Stat(fmt.Sprintf("/proc/%d", pid)); errors.Is(err, os.ErrNotExist) {
			_ = os.RemoveAll(dir)
		}
	}
}
