package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"skerry/appliance/api"
	"skerry/appliance/api/client"
)

func proposalCommand(g *globals) *cobra.Command {
	c := &cobra.Command{Use: "proposal", Short: "Changes that take two people",
		Long: "Changes of policy, of administrators, approvers and auditors, and of who can open the vault are proposed; another\n" +
			"administrator approves them, signed in on the page Proposals. Whoever works on the host is no named person: from\n" +
			"here changes are looked at, rejected and withdrawn, and made alone only by breaking the glass."}
	c.AddCommand(proposalList(g), proposalShow(g), proposalApprove(g), proposalReject(g), proposalWithdraw(g))
	return c
}

func proposalList(g *globals) *cobra.Command {
	var asJSON, all bool
	c := &cobra.Command{
		Use:   "list",
		Short: "List what waits to be approved; --all also what has been settled",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return g.connected(c.Context(), func(ctx context.Context, a *client.Client) error {
				state := "open"
				if all {
					state = ""
				}
				list, err := a.Proposals(ctx, state)
				if err != nil {
					return err
				}
				if asJSON {
					return g.printJSON(list)
				}
				var rows [][]string
				for i := range list.Proposals {
					p := &list.Proposals[i]
					rows = append(rows, []string{p.ID, p.State, p.Kind, about(p), p.Proposer.ID, when(p.Made), orDash(by(p))})
				}
				return g.table([]string{"ID", "STATE", "KIND", "ABOUT", "PROPOSED BY", "AT", "SETTLED BY"}, rows)
			})
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	c.Flags().BoolVar(&all, "all", false, "also those that have been settled")
	return c
}

// about names what a proposal is about.
func about(p *api.ProposalEntry) string {
	switch {
	case p.Policy != nil:
		return fmt.Sprintf("version %d", p.Policy.Version)
	case p.Person != nil:
		return p.Person.Login
	case len(p.Says) > 0:
		return p.Says[0]
	}
	return "-"
}

func by(p *api.ProposalEntry) string {
	if p.By == nil {
		return ""
	}
	if p.How == "" || p.How == "two-people" {
		return p.By.ID
	}
	return p.By.ID + " (" + p.How + ")"
}

func proposalShow(g *globals) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "show ID",
		Short: "Say what would be different",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return g.connected(c.Context(), func(ctx context.Context, a *client.Client) error {
				p, err := a.Proposal(ctx, args[0])
				if err != nil {
					return err
				}
				if asJSON {
					return g.printJSON(p)
				}
				g.printProposal(&p)
				return nil
			})
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func (g *globals) printProposal(p *api.ProposalEntry) {
	fmt.Fprintf(g.Out, "%s: %s %s, %s\n", p.ID, p.Kind, oneLine(about(p)), p.State)
	fmt.Fprintf(g.Out, "proposed by %s (%s) at %s", oneLine(p.Proposer.Name), p.Proposer.ID, when(p.Made))
	if p.Note != "" {
		fmt.Fprintf(g.Out, ": %s", oneLine(p.Note))
	}
	fmt.Fprintln(g.Out)
	for _, s := range p.Says {
		fmt.Fprintln(g.Out, "-", oneLine(s))
	}
	if p.Person != nil {
		fmt.Fprintln(g.Out, "before:", fields(p.Person.Before))
		fmt.Fprintln(g.Out, "after: ", fields(p.Person.After))
	}
	if p.By != nil && p.At != nil {
		fmt.Fprintf(g.Out, "%s by %s at %s", p.State, by(p), when(*p.At))
		if p.Why != "" {
			fmt.Fprintf(g.Out, ": %s", oneLine(p.Why))
		}
		fmt.Fprintln(g.Out)
	}
	if p.State == "open" {
		fmt.Fprintln(g.Out, "it expires at", when(p.Ends))
	}
	if p.WhyNot != "" {
		fmt.Fprintln(g.Out, oneLine(p.WhyNot))
	}
	fmt.Fprintln(g.Out, "digest", p.Digest)
}

func fields(p *api.PersonFields) string {
	if p == nil {
		return "no account"
	}
	s := oneLine(p.Name) + ", " + orDash(strings.Join(p.Roles, ","))
	if p.Disabled {
		s += ", disabled"
	}
	return s
}

func proposalApprove(g *globals) *cobra.Command {
	var breakGlass bool
	var digest, reason string
	c := &cobra.Command{
		Use:   "approve ID",
		Short: "Make a proposed change alone: --break-glass, with a reason that everyone will read",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if breakGlass && reason == "" {
				return exit{ExitUsage, errors.New("--break-glass needs --reason")}
			}
			return g.connected(c.Context(), func(ctx context.Context, a *client.Client) error {
				if digest == "" {
					p, err := a.Proposal(ctx, args[0])
					if err != nil {
						return err
					}
					g.printProposal(&p)
					digest = p.Digest
				}
				var p api.ProposalEntry
				var err error
				if breakGlass {
					p, err = a.BreakGlass(ctx, args[0], digest, reason)
				} else {
					p, err = a.ApproveProposal(ctx, args[0], digest)
				}
				if err != nil {
					return err
				}
				fmt.Fprintf(g.Out, "%s is %s\n", p.ID, p.State)
				if p.Alarm {
					fmt.Fprintln(g.Out, "every page says that you have broken the glass, for seven days or until another administrator acknowledges it")
				}
				return nil
			})
		},
	}
	c.Flags().StringVar(&digest, "digest", "", "`SHA-256` of what you have seen; default: of what is shown now")
	c.Flags().BoolVar(&breakGlass, "break-glass", false, "in an emergency, without a second person; every page says so")
	c.Flags().StringVar(&reason, "reason", "", "`WHY` it cannot wait")
	return c
}

func proposalReject(g *globals) *cobra.Command {
	var reason string
	c := &cobra.Command{
		Use:   "reject ID",
		Short: "Reject a proposal",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if reason == "" {
				return exit{ExitUsage, errors.New("say why, with --reason")}
			}
			return g.connected(c.Context(), func(ctx context.Context, a *client.Client) error {
				p, err := a.RejectProposal(ctx, args[0], reason)
				if err != nil {
					return err
				}
				fmt.Fprintf(g.Out, "%s is %s\n", p.ID, p.State)
				return nil
			})
		},
	}
	c.Flags().StringVar(&reason, "reason", "", "`WHY`, for whoever has proposed it")
	return c
}

func proposalWithdraw(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:   "withdraw ID",
		Short: "Take a proposal of yours back",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return g.connected(c.Context(), func(ctx context.Context, a *client.Client) error {
				p, err := a.WithdrawProposal(ctx, args[0])
				if err != nil {
					return err
				}
				fmt.Fprintf(g.Out, "%s is %s\n", p.ID, p.State)
				return nil
			})
		},
	}
}

// proposed says that a change waits for a second person, and reports whether it
// does.
func (g *globals) proposed(p *api.ProposalRef) bool {
	if p == nil {
		return false
	}
	fmt.Fprintf(g.Out, "proposed as %s; nothing has changed yet. Another administrator has to approve it, on the page Proposals, until %s\n", p.ID, when(p.Ends))
	return true
}

func waiverCommand(g *globals) *cobra.Command {
	c := &cobra.Command{Use: "waiver", Short: "Whether this site does without a second person"}
	var why string
	begin := &cobra.Command{
		Use:   "begin",
		Short: "Propose to do without a second person from now on; another administrator has to approve it",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if strings.TrimSpace(why) == "" {
				return exit{ExitUsage, errors.New("say why, with --why")}
			}
			return g.connected(c.Context(), func(ctx context.Context, a *client.Client) error {
				p, err := a.BeginWaiver(ctx, why)
				if err != nil {
					return err
				}
				g.proposed(&api.ProposalRef{ID: p.ID, Digest: p.Digest, Ends: p.Ends})
				return nil
			})
		},
	}
	begin.Flags().StringVar(&why, "why", "", "`REASON`, which every page shows")
	c.AddCommand(&cobra.Command{
		Use:   "show",
		Short: "Say whether one person alone makes governed changes here, since when and why",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return g.connected(c.Context(), func(ctx context.Context, a *client.Client) error {
				list, err := a.Proposals(ctx, "open")
				if err != nil {
					return err
				}
				if w := list.Waiver; w != nil {
					fmt.Fprintf(g.Out, "single person: declared by %s at %s: %s\n", w.By.ID, when(w.At), oneLine(w.Why))
				} else {
					fmt.Fprintln(g.Out, "two people: governed changes need another administrator")
				}
				return nil
			})
		},
	}, begin, &cobra.Command{
		Use:   "end",
		Short: "Take two people for governed changes from now on; to begin again takes two",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return g.connected(c.Context(), func(ctx context.Context, a *client.Client) error {
				if err := a.EndWaiver(ctx); err != nil {
					return err
				}
				fmt.Fprintln(g.Out, "governed changes take two people from now on")
				return nil
			})
		},
	})
	return c
}
