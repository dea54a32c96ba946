package store

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Report is what a check has found.
type Report struct {
	Findings     []Finding     `json:"findings"`
	More         int           `json:"more,omitempty"` // findings that are left out, because there are too many
	Runs         int           `json:"runs"`
	Observations int           `json:"observations"`
	Decisions    int           `json:"decisions"`
	Blobs        int           `json:"blobs"`   // that observations name and that were verified
	Orphans      int           `json:"orphans"` // blob files that nothing names; [DB.Sweep] removes them
	Schema       int           `json:"schema"`
	Note         string        `json:"note,omitempty"` // what was not looked at, and why
	Took         time.Duration `json:"took"`           // nanoseconds in JSON
}

// OK reports whether nothing was found.
func (r *Report) OK() bool { return len(r.Findings) == 0 }

// Finding is something that is not as it should be.
type Finding struct {
	Where   string `json:"where"`
	Problem string `json:"problem"`
	Hint    string `json:"hint"` // what to do
}

// Hints of findings.
const (
	hintRestore = "restore a backup into an empty directory; the journal cannot be made up again"
	hintRebuild = "rebuild the indexes; the journal has all that is needed"
	hintBlob    = "put the same document again, or restore a backup"
)

const maxFindings = 1000

func (r *Report) find(where, hint, problem string, args ...any) {
	if len(r.Findings) == maxFindings {
		r.More++
		return
	}
	r.Findings = append(r.Findings, Finding{where, fmt.Sprintf(problem, args...), hint})
}

// CheckOptions says how thorough a check is.
type CheckOptions struct {
	Quick bool // do not read the content of blobs, only see that they are there

	// PagesIn, unless nil, returns a command that calls [CheckPages] on a
	// database file and writes the report as JSON to its standard output.
	// bbolt checks pages in a goroutine of its own, whose faults over damage
	// nobody can catch; a child process can be spared.
	PagesIn func(file string) *exec.Cmd
}

// Check verifies the open store: the pages of the database, the fold of every
// run, and against it every summary, index, counter, decision and blob. It
// works on a copy of the database made at its beginning, so that writes go on;
// the data directory needs room for it. The error says that the check could not
// be made; what it found is in the report.
func (db *DB) Check(ctx context.Context, o CheckOptions) (Report, error) {
	if err := ctx.Err(); err != nil {
		return Report{}, err
	}
	db.copies.RLock()
	defer db.copies.RUnlock()
	path, remove, err := db.copyAside(ctx)
	if err != nil {
		return Report{}, fmt.Errorf("check store: %w", err)
	}
	defer remove()
	return checkFile(ctx, path, db.dir, Options{Sealer: db.sealer, Now: db.now}, o)
}

// CheckDir verifies a store that nobody has open. Without
// [CheckOptions.PagesIn] it may end the process over badly damaged pages, so run
// it in a child process; see [CheckInChild].
func CheckDir(ctx context.Context, dir string, o Options, c CheckOptions) (Report, error) {
	path := filepath.Join(dir, databaseName)
	if _, err := os.Stat(path); err != nil {
		return Report{}, fmt.Errorf("check store: %w", err)
	}
	return checkFile(ctx, path, dir, o, c)
}

// CheckPages verifies the pages of a database file that nobody writes.
func CheckPages(file string) (Report, error) {
	r := Report{Findings: []Finding{}}
	problems, err := checkPages(file, Options{})
	switch {
	case errors.Is(err, ErrDamaged):
		problems = append(problems, err)
	case err != nil:
		return r, fmt.Errorf("check pages: %w", err)
	}
	for _, p := range problems {
		r.find("database pages", hintRestore, "%v", p)
	}
	return r, nil
}

// CheckInChild runs cmd, which calls [CheckDir] or [CheckPages] and writes the
// report as JSON to its standard output; if that returns an error, it writes
// the error to standard error and exits with 1. If the child dies over the
// damage, the report says so.
func CheckInChild(cmd *exec.Cmd) (Report, error) {
	var out, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &stderr
	runErr := cmd.Run()
	var r Report
	if err := json.Unmarshal(out.Bytes(), &r); err == nil {
		return r, nil
	}
	var exit *exec.ExitError
	if !errors.As(runErr, &exit) {
		return Report{}, fmt.Errorf("check in a child process: no report from it: %w", errors.Join(runErr, errors.New(firstLine(stderr.String()))))
	}
	if exit.ExitCode() == 1 { // an ordinary failure, for example ErrInUse
		return Report{}, fmt.Errorf("check in a child process: %s", firstLine(stderr.String()))
	}
	r.find("database", hintRestore, "the pages are damaged so badly that reading them ends the process: %v: %s", runErr, firstLine(stderr.String()))
	return r, nil
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(s), "\n")
	return line
}
