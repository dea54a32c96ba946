package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"skerry/appliance/api"
	"skerry/appliance/api/client"
	"skerry/appliance/llm"
	"skerry/appliance/mission"
)

func runCommand(g *globals) *cobra.Command {
	c := &cobra.Command{Use: "run", Short: "Runs: list, show, watch, cancel"}
	c.AddCommand(runListCommand(g), runShowCommand(g), runWatchCommand(g), runCancelCommand(g))
	return c
}

func runListCommand(g *globals) *cobra.Command {
	var asJSON bool
	var f api.RunFilter
	var state, class, model string
	c := &cobra.Command{
		Use:   "list",
		Short: "List runs, newest first",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			f.State, f.Class, f.Model = mission.State(state), llm.DataClass(class), llm.ModelID(model)
			return g.connected(c.Context(), func(ctx context.Context, a *client.Client) error {
				page, err := a.Runs(ctx, f)
				if err != nil {
					return err
				}
				if asJSON {
					return g.printJSON(page)
				}
				var rows [][]string
				for _, r := range page.Runs {
					rows = append(rows, []string{string(r.ID), r.Mission, string(r.State), orDash(r.Verdict), string(r.Class), orDash(r.Subject), when(r.CreatedAt), money(r.CostMicros)})
				}
				if err := g.table([]string{"RUN", "MISSION", "STATE", "VERDICT", "CLASS", "FILE", "STARTED", "COST"}, rows); err != nil {
					return err
				}
				if page.Next != "" {
					fmt.Fprintf(g.Out, "there are more: --cursor %s\n", page.Next)
				}
				return nil
			})
		},
	}
	c.Flags().StringVar(&state, "state", "", "running, waiting, parked or ended")
	c.Flags().StringVar(&f.Mission, "mission", "", "runs of this mission only")
	c.Flags().StringVar(&class, "class", "", "runs of this data class only")
	c.Flags().StringVar(&f.Verdict, "verdict", "", "runs that ended so only")
	c.Flags().StringVar(&model, "model", "", "runs that this model took part in only")
	c.Flags().IntVar(&f.Limit, "limit", 50, "runs to list")
	c.Flags().StringVar(&f.Cursor, "cursor", "", "go on where an earlier list ended")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func runShowCommand(g *globals) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "show RUN",
		Short: "Show the Explain rail, the fields and the verdict of a run",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return g.connected(c.Context(), func(ctx context.Context, a *client.Client) error {
				d, err := a.Run(ctx, mission.RunID(args[0]))
				if err != nil {
					return err
				}
				if asJSON {
					return g.printJSON(d)
				}
				return g.showRun(d)
			})
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func (g *globals) showRun(d api.RunDetail) error {
	s := d.Summary
	fmt.Fprintf(g.Out, "%s  %s version %d  %s\n", s.ID, s.Mission, s.Version, orDash(oneLine(s.Subject)))
	fmt.Fprintf(g.Out, "%s  class %s  started %s by %s  cost %s\n\n", s.State, s.Class, when(s.CreatedAt), oneLine(s.By), money(s.CostMicros))
	for _, e := range d.Rail {
		fmt.Fprintf(g.Out, "%4d  %s  %s\n", e.Seq, e.At.Local().Format("15:04:05.000"), oneLine(e.Sentence))
	}
	if len(d.Fields) > 0 {
		fmt.Fprintln(g.Out)
		var rows [][]string
		for _, f := range d.Fields {
			rows = append(rows, []string{f.Step + "." + f.Name, plain(f.Value), confidence(f.Confidence), string(f.Source), orDash(string(f.Model)), f.Problem})
		}
		if err := g.table([]string{"FIELD", "VALUE", "CONFIDENCE", "FROM", "MODEL", "PROBLEM"}, rows); err != nil {
			return err
		}
	}
	for _, id := range d.Decisions {
		fmt.Fprintf(g.Out, "\na person has to decide: skerry decision show %s\n", id)
	}
	if s.Verdict != "" {
		fmt.Fprintf(g.Out, "\n%s: %s\n", strings.ToUpper(s.Verdict), oneLine(s.Reason))
	}
	return nil
}

// plain prints a JSON scalar without its quotes.
func plain(value []byte) string {
	s := string(value)
	if s == "" || s == "null" {
		return "-"
	}
	if len(s) >= 2 && s[0] == '"' {
		var text string
		if decode([]byte(s), &text) == nil {
			return text
		}
	}
	return s
}

func confidence(c llm.Confidence) string {
	if !c.Known() {
		return "unknown"
	}
	return fmt.Sprintf("%.3f", float64(c))
}

func runWatchCommand(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:   "watch RUN",
		Short: "Print the Explain rail of a run as it grows, until its verdict",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return g.connected(c.Context(), func(ctx context.Context, a *client.Client) error {
				for e, err := range a.Watch(ctx, mission.RunID(args[0]), 0) {
					if err != nil {
						return err
					}
					fmt.Fprintf(g.Out, "%4d  %s  %s\n", e.Seq, e.At.Local().Format("15:04:05.000"), oneLine(e.Sentence))
				}
				return nil
			})
		},
	}
}

func runCancelCommand(g *globals) *cobra.Command {
	var reason string
	c := &cobra.Command{
		Use:   "cancel RUN --reason TEXT",
		Short: "End a run that has not ended",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if reason == "" {
				return exit{ExitUsage, fmt.Errorf("say why, with --reason; it stands on the Explain rail")}
			}
			return g.connected(c.Context(), func(ctx context.Context, a *client.Client) error {
				if _, err := a.Cancel(ctx, mission.RunID(args[0]), reason); err != nil {
					return err
				}
				fmt.Fprintln(g.Out, "cancelled", args[0])
				return nil
			})
		},
	}
	c.Flags().StringVar(&reason, "reason", "", "why")
	return c
}
