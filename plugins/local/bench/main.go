// Command bench measures the local runner beside llama.cpp (as node-llama-cpp
// brings it) and prints one table: `make bench-local`. Same file, same number of
// threads, prompts of the same length, alternating rounds, medians. The runner is
// measured as it is used: a child process behind the protocol of providers. Only
// figures of one run can be compared, and only on a machine that does nothing else.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// options are what the command line says.
type options struct {
	runner, peer, files string
	threads             int
	flash               bool
	rounds              int
	only                string
}

func main() {
	var o options
	flag.StringVar(&o.runner, "runner", "bin/skerry-runner", "the runner's `executable`")
	flag.StringVar(&o.peer, "peer", "bin/bench-local", "`folder` that node-llama-cpp is installed in")
	flag.StringVar(&o.files, "files", "bin/bench-local", "`folder` for the generated models")
	flag.IntVar(&o.threads, "threads", runtime.NumCPU(), "`threads` of both engines")
	flag.BoolVar(&o.flash, "flash", false, "flash attention in llama.cpp, which is slower on most processors")
	flag.IntVar(&o.rounds, "rounds", 3, "alternating `rounds`")
	flag.StringVar(&o.only, "only", "", "`names` of the parts to run, with commas: "+strings.Join(names(), ", "))
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, o, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// part is some rows of the table.
type part struct {
	name string
	run  func(ctx context.Context, o options, out io.Writer) error
}

var parts = []part{{"size", sizes}, {"pass", passes}, {"load", loads}, {"documents", documents}, {"schema", constrained}, {"mask", masks}, {"hop", hops}}

func names() []string {
	var list []string
	for _, p := range parts {
		list = append(list, p.name)
	}
	return list
}

func run(ctx context.Context, o options, out io.Writer) error {
	var err error
	for _, p := range []*string{&o.runner, &o.peer, &o.files} {
		if *p, err = filepath.Abs(*p); err != nil {
			return err
		}
	}
	if _, err := os.Stat(o.runner); err != nil {
		return fmt.Errorf("%w; build it with: make runner", err)
	}
	if err := install(ctx, o.peer); err != nil {
		return err
	}
	fmt.Fprintf(out, "Measured on: %s, %d threads, %s, node-llama-cpp %s, %s.\n\n", processor(), o.threads, runtime.Version(), peerVersion, time.Now().Format(time.DateOnly))
	fmt.Fprintln(out, "| what | Skerry | llama.cpp | ratio | bar |\n|---|---|---|---|---|")
	var errs []error
	for _, p := range parts {
		if o.only != "" && !slices.Contains(strings.Split(o.only, ","), p.name) {
			continue
		}
		// A part that fails must not take the others with it.
		if err := p.run(ctx, o, out); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", p.name, err))
			row(out, p.name, "failed", "—", "—", "—")
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return errors.Join(errs...)
}

func row(out io.Writer, cells ...string) {
	fmt.Fprintln(out, "| "+strings.Join(cells, " | ")+" |")
}

// median of at least one figure.
func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	return v[len(v)/2]
}

// ratio says how ours compares, greater being better.
func ratio(ours, theirs float64) string {
	if theirs == 0 {
		return "—"
	}
	return fmt.Sprintf("%.2f×", ours/theirs)
}

func number(v float64) string {
	if v < 100 {
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.0f", v)
}

// processor names this machine.
func processor() string {
	b, err := os.ReadFile("/proc/cpuinfo")
	if err == nil {
		for line := range strings.Lines(string(b)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				return fmt.Sprintf("%s, %d CPUs", strings.TrimSpace(value), runtime.NumCPU())
			}
		}
	}
	return fmt.Sprintf("%s, %d CPUs", runtime.GOARCH, runtime.NumCPU())
}
