package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"skerry/appliance/audit"
)

// touched is a run that sent something to a model, and what people said to it.
type touched struct {
	Run       string     `json:"run"`
	Mission   string     `json:"mission"`
	Version   int        `json:"version"`
	Models    []string   `json:"models"`  // of the calls that fit
	Locks     []string   `json:"locks"`   // digests of exactly what was asked
	Classes   []string   `json:"classes"` // of what was sent
	Calls     int        `json:"calls"`
	First     time.Time  `json:"first"`
	Last      time.Time  `json:"last"`
	Decisions []approval `json:"decisions"`
	Verdict   string     `json:"verdict,omitempty"`

	order int
	seq   uint64 // of the latest record
}

type approval struct {
	At      time.Time `json:"at"`
	Outcome string    `json:"outcome"`
	Actor   string    `json:"actor"`
	Name    string    `json:"name"`
	Role    string    `json:"role"`
}

func auditRuns(g *globals) *cobra.Command {
	f := &auditFlags{g: g}
	var model, since, until string
	var classes []string
	var asJSON bool
	c := &cobra.Command{
		Use:   "runs DIR --identity FILE",
		Short: "Which runs sent what to which model, and who decided about them",
		Long: "Reads the log once and verifies it on the way. A run is listed if a call of it fits the model, the classes and\n" +
			"the time; its decisions are listed whenever they were made. Memory grows with the number of runs.",
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			from, err1 := day(since)
			to, err2 := day(until)
			if err := errors.Join(err1, err2); err != nil {
				return exit{ExitUsage, err}
			}
			if len(f.identities) == 0 {
				return exit{ExitUsage, errNoIdentity}
			}
			check, err := f.check(args[0])
			if err != nil {
				return err
			}
			found := &touchedRuns{runs: map[string]*touched{}, fits: func(r *audit.Record) bool {
				return (model == "" || r.Model == model) && oneOf(classes, r.Class) && (from.IsZero() || !r.At.Before(from)) && (to.IsZero() || r.At.Before(to))
			}}
			check.Each = found.add
			r, err := audit.Verify(args[0], check)
			if err != nil {
				return err
			}
			if err := found.print(g.Out, asJSON); err != nil {
				return err
			}
			return report(g.Err, r, check, f.enrolment != "")
		},
	}
	f.bind(c, true)
	c.Flags().StringVar(&model, "model", "", "only calls of this model")
	c.Flags().StringArrayVar(&classes, "class", nil, "only data of this class; may be given several times, for example once for each class from confidential up")
	c.Flags().StringVar(&since, "since", "", "only calls from this time on: 2026-11-28 or RFC 3339")
	c.Flags().StringVar(&until, "until", "", "only calls before this time")
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object a line")
	return c
}

// touchedRuns gathers runs from the records of a log.
type touchedRuns struct {
	runs map[string]*touched
	fits func(*audit.Record) bool
}

func (t *touchedRuns) add(e audit.Entry) error {
	var r audit.Record
	if err := json.Unmarshal(e.Record, &r); err != nil {
		return fmt.Errorf("entry %d: %w", e.Seq, err)
	}
	if r.Run == "" {
		return nil
	}
	run := t.runs[r.Run]
	if run == nil {
		run = &touched{Run: r.Run, Mission: r.Mission, Version: r.Version, Decisions: []approval{}, order: len(t.runs)}
		t.runs[r.Run] = run
	}
	if r.Recovered && r.Seq <= run.seq {
		return nil // the log had it before the crash
	}
	run.seq = max(run.seq, r.Seq)
	switch r.Action {
	case "run.routed":
		if !t.fits(&r) {
			return nil
		}
		if run.Calls++; run.First.IsZero() {
			run.First = r.At
		}
		run.Last = r.At
		run.Models, run.Locks, run.Classes = with(run.Models, r.Model), with(run.Locks, r.Lock), with(run.Classes, r.Class)
	case "run.decided":
		run.Decisions = append(run.Decisions, approval{At: r.At, Outcome: r.Outcome, Actor: r.Actor, Name: r.ActorName, Role: r.Role})
	case "run.verdict":
		run.Verdict = r.Outcome
	}
	return nil
}

func with(list []string, s string) []string {
	if slices.Contains(list, s) {
		return list
	}
	return append(list, s)
}

func (t *touchedRuns) print(w io.Writer, asJSON bool) error {
	var list []*touched
	for _, run := range t.runs {
		if run.Calls > 0 {
			list = append(list, run)
		}
	}
	slices.SortFunc(list, func(a, b *touched) int { return a.order - b.order })
	encoder := json.NewEncoder(w)
	for _, run := range list {
		if asJSON {
			if err := encoder.Encode(run); err != nil {
				return err
			}
			continue
		}
		fmt.Fprintf(w, "%s  %s v%d  %s  class %s  %d calls, %s to %s  verdict %s\n", run.Run, oneLine(run.Mission), run.Version,
			oneLine(strings.Join(run.Models, ", ")), oneLine(strings.Join(run.Classes, ", ")), run.Calls,
			run.First.Format(time.RFC3339), run.Last.Format(time.RFC3339), oneLine(run.verdict()))
		for _, d := range run.Decisions {
			fmt.Fprintf(w, "    %s by %s (%s) as %s, %s\n", oneLine(d.Outcome), oneLine(d.Name), oneLine(d.Actor), oneLine(d.Role), d.At.Format(time.RFC3339))
		}
		if len(run.Decisions) == 0 {
			fmt.Fprintln(w, "    nobody decided about it")
		}
	}
	if !asJSON {
		fmt.Fprintf(w, "%d runs\n", len(list))
	}
	return nil
}

func (t *touched) verdict() string {
	if t.Verdict == "" {
		return "none yet"
	}
	return t.Verdict
}
