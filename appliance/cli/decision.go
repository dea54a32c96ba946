package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"skerry/appliance/api"
	"skerry/appliance/api/client"
	"skerry/appliance/mission"
)

func decisionCommand(g *globals) *cobra.Command {
	c := &cobra.Command{Use: "decision", Short: "Decisions: list, show, approve, reject, amend"}
	c.AddCommand(decisionListCommand(g), decisionShowCommand(g),
		settleCommand(g, mission.Approve, "approve DECISION", "Approve what a decision shows"),
		settleCommand(g, mission.Reject, "reject DECISION --reason TEXT", "Reject what a decision shows"),
		settleCommand(g, mission.Amend, "amend DECISION --set STEP.FIELD=VALUE --reason TEXT", "Correct fields, and approve"))
	return c
}

func decisionListCommand(g *globals) *cobra.Command {
	var asJSON, settled bool
	c := &cobra.Command{
		Use:   "list",
		Short: "List what waits for people, longest first",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return g.connected(c.Context(), func(ctx context.Context, a *client.Client) error {
				page, err := a.Decisions(ctx, api.DecisionFilter{Settled: settled})
				if err != nil {
					return err
				}
				if asJSON {
					return g.printJSON(page)
				}
				var rows [][]string
				for _, d := range page.Decisions {
					state := "open"
					if d.Settled != nil {
						state = string(d.Settled.Outcome)
					}
					rows = append(rows, []string{d.Decision.Decision, state, d.Queue, d.Ask.In(g.lang), orDash(d.About), string(d.Class), when(d.OpenedAt)})
				}
				return g.table([]string{"DECISION", "STATE", "QUEUE", "ASKS", "FILE", "CLASS", "SINCE"}, rows)
			})
		},
	}
	c.Flags().BoolVar(&settled, "settled", false, "list settled ones, newest first")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func decisionShowCommand(g *globals) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "show DECISION",
		Short: "Show what is asked, why, and the values that it is about",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return g.connected(c.Context(), func(ctx context.Context, a *client.Client) error {
				d, err := a.Decision(ctx, args[0])
				if err != nil {
					return err
				}
				if asJSON {
					return g.printJSON(d)
				}
				return g.showDecision(d)
			})
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func (g *globals) showDecision(d api.DecisionDetail) error {
	fmt.Fprintln(g.Out, oneLine(d.Decision.Ask.In(g.lang)))
	fmt.Fprintln(g.Out, oneLine(d.Decision.Why))
	fmt.Fprintf(g.Out, "run %s, %s, class %s, queue %s\n\n", d.Run.ID, orDash(oneLine(d.Run.Subject)), d.Run.Class, d.Decision.Queue)
	var rows [][]string
	for _, f := range d.Fields {
		amend := ""
		if f.Amendable {
			amend = "yes"
		}
		rows = append(rows, []string{f.Step + "." + f.Name, plain(f.Value), confidence(f.Confidence), amend, f.Problem})
	}
	if err := g.table([]string{"FIELD", "VALUE", "CONFIDENCE", "MAY BE AMENDED", "PROBLEM"}, rows); err != nil {
		return err
	}
	if s := d.Decision.Settled; s != nil {
		fmt.Fprintf(g.Out, "\nsettled: %s by %s: %s\n", s.Outcome, oneLine(s.By.Name), oneLine(s.Reason))
	}
	return nil
}

func settleCommand(g *globals, outcome mission.DecisionOutcome, use, short string) *cobra.Command {
	var reason string
	var set []string
	c := &cobra.Command{
		Use:   use,
		Short: short,
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if reason == "" && outcome != mission.Approve {
				return exit{ExitUsage, errors.New("say why, with --reason; it stands on the Explain rail")}
			}
			return g.connected(c.Context(), func(ctx context.Context, a *client.Client) error {
				d, err := a.Decision(ctx, args[0])
				if err != nil {
					return err
				}
				body := api.SettleBody{Outcome: outcome, Reason: reason, Digest: d.Decision.Digest}
				if body.Amendments, err = amendments(d, set); err != nil {
					return err
				}
				if _, err := a.Settle(ctx, args[0], body); err != nil {
					return err
				}
				fmt.Fprintf(g.Out, "%s: %s\n", outcome, args[0])
				return nil
			})
		},
	}
	c.Flags().StringVar(&reason, "reason", "", "why")
	if outcome == mission.Amend {
		c.Flags().StringArrayVar(&set, "set", nil, "`STEP.FIELD=VALUE`, once for each corrected field; an empty VALUE means absent")
	}
	return c
}

// amendments turns STEP.FIELD=VALUE into corrections. The type of a field says
// how its value is written in JSON.
func amendments(d api.DecisionDetail, set []string) ([]api.AmendmentBody, error) {
	var list []api.AmendmentBody
	for _, s := range set {
		name, value, ok := strings.Cut(s, "=")
		if !ok {
			return nil, exit{ExitUsage, fmt.Errorf("--set %q: write STEP.FIELD=VALUE", s)}
		}
		found := false
		for _, f := range d.Fields {
			if f.Step+"."+f.Name != name {
				continue
			}
			found = true
			to := json.RawMessage("null")
			if value != "" {
				var err error
				if to, err = literal(string(f.Type), value); err != nil {
					return nil, fmt.Errorf("--set %s: %w", name, err)
				}
			}
			list = append(list, api.AmendmentBody{Step: f.Step, Field: f.Name, To: to})
		}
		if !found {
			return nil, fmt.Errorf("--set %s: the decision is not about such a field; see: skerry decision show %s", name, d.Decision.Decision.Decision)
		}
	}
	return list, nil
}

// literal writes value as JSON of the field type. Numbers of type decimal are
// strings, so that their digits are kept.
func literal(fieldType, value string) (json.RawMessage, error) {
	switch fieldType {
	case "integer", "boolean", "list":
		if !json.Valid([]byte(value)) {
			return nil, fmt.Errorf("%q is no %s", value, fieldType)
		}
		return json.RawMessage(value), nil
	}
	return json.Marshal(value)
}

func decode(data []byte, v any) error { return json.Unmarshal(data, v) }
