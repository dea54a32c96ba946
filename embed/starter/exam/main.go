// Command exam examines the starter models: it puts held-out questions to them
// on the path that a mission takes (llm.Adapt with the model's profile, the
// runner as a supervised child, Adapted.Read) and compares what comes back with
// what is true. It fits the calibration of confidences on a split of its own,
// measures what escalation from the small model to the larger one repairs,
// judges both against the bars and writes reports and model cards.
//
// Start with [run]; the README says what the measures mean.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"time"

	"skerry/embed/starter/corpus"
)

// options are what the command line says.
type options struct {
	model, large string
	splits       []string
	n            int
	seed         uint64
	quick        bool
	calibrate    bool
	fresh        bool
	card         bool
	catalogue    string
	cards        string
	out          string
	table        string
	wrong        int
	pace         time.Duration
	setup        setup
}

// heldOutSeed is the seed of the questions that figures are reported for. It
// differs from every seed that training uses, beside the splits being disjoint.
const heldOutSeed = 20261122

func main() {
	o := options{}
	var splits string
	flag.StringVar(&o.model, "model", "", "GGUF `file` of the small model; empty = the first of the catalogue")
	flag.StringVar(&o.large, "large", "", "GGUF `file` of the larger model; empty = the second of the catalogue where -model is empty too, else none")
	flag.StringVar(&splits, "splits", "clean,noisy,page,unseen,lists,classify,chat", "`splits` to examine, by comma")
	flag.IntVar(&o.n, "n", 150, "questions of each split")
	flag.Uint64Var(&o.seed, "seed", heldOutSeed, "`seed` of the questions")
	flag.BoolVar(&o.quick, "quick", false, "only clean and noisy questions and no speed: for checkpoints in training")
	flag.BoolVar(&o.calibrate, "calibrate", false, "fit the confidences on the calibration split first, and write the curves into the catalogue")
	flag.BoolVar(&o.fresh, "raw", false, "measure without the catalogue's calibration")
	flag.BoolVar(&o.card, "card", false, "write the model cards")
	flag.StringVar(&o.catalogue, "catalogue", "embed/starter/models.json", "`file` that describes the starter models")
	flag.StringVar(&o.cards, "cards", "embed/starter/cards", "`folder` of the model cards")
	flag.StringVar(&o.out, "out", "", "write the report as JSON to this `file`")
	flag.StringVar(&o.table, "table", "", "write the tables as Markdown to this `file`")
	flag.IntVar(&o.wrong, "wrong", 0, "print this many wrong fields of each split")
	flag.DurationVar(&o.pace, "pace", 8*time.Second, "measure speed for so long; 0 = not at all")
	flag.StringVar(&o.setup.runner, "runner", "bin/skerry-runner", "the runner's `executable`")
	flag.StringVar(&o.setup.profile, "profile", "", "prompt `profile`, an embedded one or a file that ends in .json; empty = what the catalogue says of the model, else "+corpus.ProfileName)
	flag.IntVar(&o.setup.context, "context", 0, "context in `tokens`; 0 = what the catalogue says of the model, else its file")
	flag.IntVar(&o.setup.threads, "threads", 1, "threads of each runner")
	flag.IntVar(&o.setup.children, "children", max(1, runtime.NumCPU()), "runners that share the work")
	flag.BoolVar(&o.setup.schema, "schema", true, "hold answers to a JSON Schema where the runner can")
	flag.Parse()
	o.splits = strings.Split(splits, ",")
	if o.quick {
		o.splits, o.pace = []string{"clean", "noisy"}, 0
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "exam:", err)
		stop()
		os.Exit(1) //nolint:gocritic // stop has run
	}
}

// Roles of the two models.
const (
	small  = "small"
	larger = "larger"
)

// run examines one model or two and writes what it found out.
func run(ctx context.Context, o options, w io.Writer) error {
	began := time.Now()
	x, err := newExamination(o)
	if err != nil {
		return err
	}
	r := &report{Made: began.UTC().Format(time.RFC3339), Machine: machine(), Load: load(), Seed: o.seed, Documents: o.n}
	for _, c := range x.candidates {
		found, err := x.examine(ctx, c)
		if err != nil {
			return fmt.Errorf("%s: %w", c.id, err)
		}
		r.Models = append(r.Models, found)
		r.SizeBytes += found.SizeBytes
	}
	r.Routing = x.route()
	r.judge()
	r.Seconds = time.Since(began).Seconds()
	if o.calibrate {
		if err := writeCalibration(o.catalogue, r.Models); err != nil {
			return err
		}
	}
	if o.card {
		if err := x.writeCards(o.cards, r); err != nil {
			return err
		}
	}
	if err := writeReport(o, r); err != nil {
		return err
	}
	x.printWrong(w, o.wrong)
	return r.markdown(w)
}

// writeReport writes the files that were asked for.
func writeReport(o options, r *report) error {
	if o.out != "" {
		b, err := json.MarshalIndent(r, "", "  ")
		if err != nil {
			return err
		}
		if err := os.WriteFile(o.out, append(b, '\n'), 0o644); err != nil { //nolint:gosec // a report is for everybody
			return err
		}
	}
	if o.table == "" {
		return nil
	}
	f, err := os.Create(o.table)
	if err != nil {
		return err
	}
	return errors.Join(r.markdown(f), f.Close())
}

// machine names the processor.
func machine() string {
	name := runtime.GOARCH
	if b, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(b)) {
			if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
				name = strings.TrimSpace(value)
				break
			}
		}
	}
	return fmt.Sprintf("%s, %d cores", name, runtime.NumCPU())
}

// load returns the load average of the last minute.
func load() string {
	b, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	first, _, _ := strings.Cut(string(b), " ")
	return first
}

// printWrong shows what went wrong, to learn from. Never tune to it: the
// calibration split and fresh training documents are there for that.
func (x *examination) printWrong(w io.Writer, most int) {
	if most == 0 || len(x.candidates) == 0 {
		return
	}
	for _, split := range x.o.splits {
		n := 0
		for _, g := range x.candidates[0].graded[split] {
			if g.failed != nil && n < most {
				n++
				fmt.Fprintf(w, "%s %d %s/%s: %v\n", split, g.Document, g.Kind, g.Layout, g.failed)
				continue
			}
			for _, m := range g.fields {
				if m.right || n >= most {
					continue
				}
				n++
				fmt.Fprintf(w, "%s %d %s/%s %s (%s): got %s (%.2f %s) want %s\n", split, g.Document, g.Kind, g.Layout, m.field.Name, m.note.Canonical,
					m.value.JSON, float64(m.value.Confidence), m.value.Problem, g.Want[m.field.Name])
			}
		}
	}
}
