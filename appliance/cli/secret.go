package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"skerry/appliance/api"
	"skerry/appliance/api/client"
)

func secretCommand(g *globals) *cobra.Command {
	c := &cobra.Command{
		Use:   "secret",
		Short: "Credentials that the appliance uses and never tells",
		Long:  "A secret is set and replaced, never read back. directory.bind is the password of the account that looks people\nup in the directory; what speaks to providers and webhooks is to come.",
	}
	var about string
	set := &cobra.Command{
		Use:   "set NAME",
		Short: "Set a secret, or replace it; the value is asked for, or read from a pipe, one line",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			value, err := g.askSecret("value: ")
			if err != nil {
				return err
			}
			return g.connected(c.Context(), func(ctx context.Context, a *client.Client) error {
				s, err := a.PutSecret(ctx, args[0], about, value)
				if err == nil {
					fmt.Fprintf(g.Out, "secret %s: version %d\n", s.Name, s.Version)
				}
				return err
			})
		},
	}
	set.Flags().StringVar(&about, "about", "", "what it is for")
	var asJSON bool
	list := &cobra.Command{
		Use: "list", Short: "List them, without their values", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return g.connected(c.Context(), func(ctx context.Context, a *client.Client) error {
				all, err := a.Secrets(ctx)
				if err != nil {
					return err
				}
				if asJSON {
					return g.printJSON(all)
				}
				for _, s := range all {
					fmt.Fprintf(g.Out, "%s  version %d, set by %s on %s, %s  %s\n", oneLine(s.Name), s.Version, oneLine(s.SetBy), s.SetAt.Format(time.DateOnly), lastUse(s), oneLine(s.About))
				}
				return nil
			})
		},
	}
	list.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	rm := &cobra.Command{
		Use: "rm NAME", Short: "Remove a secret", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return g.connected(c.Context(), func(ctx context.Context, a *client.Client) error { return a.RemoveSecret(ctx, args[0]) })
		},
	}
	c.AddCommand(set, list, rm)
	return c
}

func lastUse(s api.Secret) string {
	if s.LastUsed == nil {
		return "never used"
	}
	return "last used " + s.LastUsed.Format(time.DateOnly) + " for " + oneLine(s.UsedFor)
}
