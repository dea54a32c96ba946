package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"skerry/appliance/api"
	"skerry/appliance/api/client"
	"skerry/appliance/llm"
	"skerry/appliance/mission"
)

// outcome is what became of one file: one line of --json.
type outcome struct {
	File        string                `json:"file"`
	Run         mission.RunID         `json:"run,omitempty"`
	State       mission.State         `json:"state,omitempty"`
	Verdict     string                `json:"verdict,omitempty"`
	Reason      string                `json:"reason,omitempty"`
	Class       llm.DataClass         `json:"class,omitempty"`
	Fields      map[string]fieldValue `json:"fields,omitempty"` // by step.field
	Models      []llm.ModelID         `json:"models,omitempty"`
	Escalations int                   `json:"escalations"`
	Decisions   []string              `json:"decisions,omitempty"` // open ones
	Tokens      tokens                `json:"tokens"`
	CostMicros  int64                 `json:"costMicros"`
	Error       string                `json:"error,omitempty"`
}

type fieldValue struct {
	Value      any            `json:"value"`
	Confidence llm.Confidence `json:"confidence"`
}

type tokens struct {
	Input  int `json:"input"`
	Cached int `json:"cached"`
	Output int `json:"output"`
}

// missionRun is one call of `mission run`.
type missionRun struct {
	*globals
	mission  string
	input    string // the document input that files go to
	values   map[string]string
	parallel int
	asJSON   bool
}

func missionRunCommand(g *globals) *cobra.Command {
	r := missionRun{globals: g, values: map[string]string{}}
	var set []string
	c := &cobra.Command{
		Use:   "run MISSION FILE…",
		Short: "Run a mission on files, one run for each",
		Long: "Runs a mission on every file and prints a table, or with --json one object per file.\n\n" +
			"Exit codes, the highest that applies: 0 all approved, 10 some rejected or referred, 11 some wait\n" +
			"for a person or a model, 12 some failed, 2 wrong command line, 1 the work could not be done at all.",
		Args: cobra.MinimumNArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			for _, s := range set {
				name, value, ok := strings.Cut(s, "=")
				if !ok {
					return exit{ExitUsage, fmt.Errorf("--set %q: write NAME=VALUE", s)}
				}
				r.values[name] = value
			}
			if r.parallel < 1 {
				return exit{ExitUsage, errors.New("--parallel must be at least 1")}
			}
			r.mission = args[0]
			return g.connected(c.Context(), func(ctx context.Context, a *client.Client) error {
				return r.files(ctx, a, args[1:])
			})
		},
	}
	c.Flags().StringVar(&r.input, "input", "", "name of the input that the files are (default: the mission's only document)")
	c.Flags().StringArrayVar(&set, "set", nil, "`NAME=VALUE` of an input that is no document")
	c.Flags().IntVar(&r.parallel, "parallel", 4, "runs at a time")
	c.Flags().BoolVar(&r.asJSON, "json", false, "print one JSON object per file")
	return c
}

// files runs the mission on every file, several at a time, and reports in the
// order of the files.
func (r *missionRun) files(ctx context.Context, a *client.Client, files []string) error {
	if err := r.chooseInput(ctx, a); err != nil {
		return err
	}
	results := make([]outcome, len(files))
	done := make([]chan struct{}, len(files))
	for i := range done {
		done[i] = make(chan struct{})
	}
	slots := make(chan struct{}, r.parallel)
	var all sync.WaitGroup
	for i, file := range files {
		all.Go(func() {
			defer close(done[i])
			select {
			case slots <- struct{}{}:
				defer func() { <-slots }()
				results[i] = r.one(ctx, a, file)
			case <-ctx.Done():
				results[i] = outcome{File: file, Error: "not started: " + ctx.Err().Error()}
			}
		})
	}
	bar := r.progress(len(files))
	for i := range files {
		bar.draw(i, filepath.Base(files[i]))
		<-done[i]
		if r.asJSON {
			bar.clear()
			if err := r.printJSON(results[i]); err != nil {
				all.Wait()
				return err
			}
		}
	}
	bar.clear()
	all.Wait()
	if !r.asJSON {
		if err := r.report(results); err != nil {
			return err
		}
	}
	if code := exitCode(results); code != ExitOK {
		return exit{code: code}
	}
	return nil
}

// chooseInput finds the input that files go to.
func (r *missionRun) chooseInput(ctx context.Context, a *client.Client) error {
	m, err := a.Mission(ctx, r.mission, 0)
	if err != nil {
		return err
	}
	var documents []string
	for _, in := range m.Mission.Input {
		if in.Type == mission.InputDocument {
			documents = append(documents, in.Name)
		}
	}
	if r.input != "" {
		for _, name := range documents {
			if name == r.input {
				return nil
			}
		}
		return exit{ExitUsage, fmt.Errorf("mission %s has no document input %q; it has: %s", r.mission, r.input, strings.Join(documents, ", "))}
	}
	if len(documents) != 1 {
		return exit{ExitUsage, fmt.Errorf("mission %s has %d document inputs; say which the files are, with --input: %s", r.mission, len(documents), strings.Join(documents, ", "))}
	}
	r.input = documents[0]
	return nil
}

// one runs the mission on one file, until its verdict or until it waits.
func (r *missionRun) one(ctx context.Context, a *client.Client, file string) outcome {
	out := outcome{File: file}
	if err := r.follow(ctx, a, &out); err != nil {
		out.Error = err.Error()
	}
	return out
}

func (r *missionRun) follow(ctx context.Context, a *client.Client, out *outcome) error {
	f, err := os.Open(out.File)
	if err != nil {
		return err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return fmt.Errorf("%s is not a file", out.File)
	}
	s, err := a.StartRun(ctx, client.Start{
		Mission: r.mission, Values: r.values,
		Files: map[string]client.File{r.input: {Name: filepath.Base(out.File), Content: f}},
	})
	if err != nil {
		return err
	}
	out.Run = s.ID
	watching, stop := context.WithCancel(ctx)
	defer stop()
	for e, err := range a.Watch(watching, s.ID, 0) {
		if err != nil {
			return err
		}
		// What waits may wait for days; the caller gets the terminal back.
		if e.Kind == mission.KindQueued || e.Kind == mission.KindParked {
			break
		}
	}
	d, err := a.Run(ctx, s.ID)
	if err != nil {
		return err
	}
	out.fill(d)
	return nil
}

func (o *outcome) fill(d api.RunDetail) {
	s := d.Summary
	o.State, o.Verdict, o.Reason, o.Class = s.State, s.Verdict, s.Reason, s.Class
	o.Models, o.Escalations, o.Decisions, o.CostMicros = s.Models, s.Escalations, d.Decisions, s.CostMicros
	o.Tokens = tokens{s.Usage.InputTokens, s.Usage.CachedTokens, s.Usage.OutputTokens}
	o.Fields = map[string]fieldValue{}
	for _, f := range d.Fields {
		o.Fields[f.Step+"."+f.Name] = fieldValue{f.Value, f.Confidence}
	}
}

// report prints the table and the sums.
func (r *missionRun) report(results []outcome) error {
	var rows [][]string
	counts := map[string]int{}
	var cost int64
	for _, o := range results {
		what, why := o.Verdict, o.Reason
		switch {
		case o.Error != "":
			what, why = "error", o.Error
		case o.State == mission.Waiting:
			what, why = "waiting", "for a person: skerry decision list"
		case o.State == mission.Parked:
			what, why = "parked", "for a model: skerry model list"
		case o.State == mission.Running:
			what, why = "running", ""
		}
		counts[what]++
		cost += o.CostMicros
		var models []string
		for _, m := range o.Models {
			models = append(models, string(m))
		}
		rows = append(rows, []string{filepath.Base(o.File), what, orDash(string(o.Class)), fmt.Sprint(o.Escalations), orDash(strings.Join(models, ",")), money(o.CostMicros), orDash(string(o.Run)), why})
	}
	if err := r.table([]string{"FILE", "VERDICT", "CLASS", "ESCALATIONS", "MODELS", "COST", "RUN", "WHY"}, rows); err != nil {
		return err
	}
	fmt.Fprintf(r.Out, "\n%d files", len(results))
	for _, what := range []string{"approved", "rejected", "referred", "abstained", "waiting", "parked", "running", "failed", "error"} {
		if counts[what] > 0 {
			fmt.Fprintf(r.Out, ", %d %s", counts[what], what)
		}
	}
	fmt.Fprintf(r.Out, "; cost %s\n", money(cost))
	return nil
}

// exitCode is the highest code that applies to any file.
func exitCode(results []outcome) int {
	code := ExitOK
	for _, o := range results {
		switch {
		case o.Error != "" || o.Verdict == mission.Failed:
			code = max(code, ExitFailed)
		case o.State != mission.Ended:
			code = max(code, ExitWaiting)
		case o.Verdict != mission.Approved:
			code = max(code, ExitReferred)
		}
	}
	return code
}
