package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"skerry/appliance/api"
	"skerry/appliance/api/client"
)

func policyCommand(g *globals) *cobra.Command {
	c := &cobra.Command{Use: "policy", Short: "The policy: show, list, put"}
	c.AddCommand(&cobra.Command{
		Use:   "show",
		Short: "Print the active policy document",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return g.connected(c.Context(), func(ctx context.Context, a *client.Client) error {
				source, err := a.PolicySource(ctx)
				if err != nil {
					return err
				}
				_, err = g.Out.Write(source)
				return err
			})
		},
	}, policyListCommand(g), policyPutCommand(g))
	return c
}

func policyListCommand(g *globals) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "list",
		Short: "List the versions, and who activated which",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return g.connected(c.Context(), func(ctx context.Context, a *client.Client) error {
				list, err := a.PolicyVersions(ctx)
				if err != nil {
					return err
				}
				if asJSON {
					return g.printJSON(list)
				}
				var rows [][]string
				for _, v := range list.Versions {
					last, by := "-", "-"
					for _, d := range list.Activations {
						if d.Version == v.Version {
							last, by = when(d.At), d.By
						}
					}
					rows = append(rows, []string{strconv.Itoa(v.Version), map[bool]string{true: "active", false: "-"}[v.Active], when(v.SavedAt), v.SavedBy, last, by, v.Digest[:min(16, len(v.Digest))]})
				}
				return g.table([]string{"VERSION", "STATE", "SAVED", "BY", "ACTIVATED", "BY", "DIGEST"}, rows)
			})
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func policyPutCommand(g *globals) *cobra.Command {
	var activate, dry bool
	var note string
	c := &cobra.Command{
		Use:   "put FILE",
		Short: "Keep a version of the policy; --activate makes it the active one, or proposes to",
		Long: "Says what is different from the active policy. Runs under way stay with the version that they began\n" +
			"with, but a clearance that the active one withdraws ends at once.",
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			source, err := os.ReadFile(args[0])
			if err != nil {
				return err
			}
			if activate && dry {
				return exit{ExitUsage, errors.New("--activate and --dry-run exclude each other")}
			}
			return g.connected(c.Context(), func(ctx context.Context, a *client.Client) error {
				p, err := a.PutPolicyNoted(ctx, source, activate, dry, note)
				var refused *api.Problem
				if errors.As(err, &refused) && len(refused.Errors) > 0 {
					return errors.New(faults(args[0], refused))
				}
				if err != nil {
					return err
				}
				g.changed(&p, args[0])
				return nil
			})
		},
	}
	c.Flags().BoolVar(&activate, "activate", false, "make it the active policy")
	c.Flags().StringVar(&note, "note", "", "`TEXT` for whoever has to approve it")
	c.Flags().BoolVar(&dry, "dry-run", false, "only say what would change")
	return c
}

// changed says what a version of the policy changes, and what it is now.
func (g *globals) changed(p *api.PolicyChange, file string) {
	if len(p.Changes) == 0 {
		fmt.Fprintf(g.Out, "it means the same as version %d, which is active\n", p.Before)
	}
	for _, c := range p.Changes {
		fmt.Fprintln(g.Out, "-", oneLine(c))
	}
	for _, b := range p.Broken {
		fmt.Fprintln(g.Out, "could not run under it:", oneLine(b))
	}
	for _, u := range p.Unexamined {
		fmt.Fprintln(g.Out, "before it can be activated:", oneLine(u))
	}
	switch {
	case p.Proposal != nil:
		fmt.Fprintf(g.Out, "policy version %d is kept; version %d stays active\n", p.Version, p.Before)
		g.proposed(p.Proposal)
	case p.Version == 0:
		fmt.Fprintln(g.Out, "nothing was kept")
	case p.Active && p.Version == p.Before:
		fmt.Fprintf(g.Out, "policy version %d was active already\n", p.Version)
	case p.Active:
		fmt.Fprintf(g.Out, "policy version %d is active (before: %d)\n", p.Version, p.Before)
	default:
		fmt.Fprintf(g.Out, "policy version %d is kept; activate it with: skerry policy put %s --activate\n", p.Version, file)
	}
}

// faults lists the places of a file that are at fault.
func faults(file string, p *api.Problem) string {
	var b strings.Builder
	b.WriteString(p.Detail)
	for _, f := range p.Errors {
		fmt.Fprintf(&b, "\n  %s", file)
		if f.Line > 0 {
			fmt.Fprintf(&b, ":%d:%d", f.Line, f.Column)
		}
		fmt.Fprintf(&b, ": %s", oneLine(f.Message))
	}
	return b.String()
}
