package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"skerry/appliance/api/client"
)

func directoryCommand(g *globals) *cobra.Command {
	c := &cobra.Command{Use: "directory", Short: "The directory (LDAP, Active Directory) that people are looked up in"}
	c.AddCommand(directoryTest(g))
	return c
}

func directoryTest(g *globals) *cobra.Command {
	var login string
	var asJSON bool
	c := &cobra.Command{
		Use:   "test --login NAME",
		Short: "Try each step of signing in but the password, with every server; exit code 1 if no server does them all",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return g.connected(c.Context(), func(ctx context.Context, api *client.Client) error {
				r, err := api.TryDirectory(ctx, login)
				if err != nil {
					return err
				}
				if asJSON {
					err = g.printJSON(r)
				}
				works, last := false, ""
				for _, s := range r.Steps {
					if !asJSON && s.Server != last {
						fmt.Fprintln(g.Out, oneLine(s.Server))
					}
					last = s.Server
					mark, text := "ok  ", s.Found
					if s.Error != "" {
						mark, text = "FAIL", s.Error
					}
					if !asJSON {
						fmt.Fprintf(g.Out, "  %s  %-11s  %s\n", mark, s.What, oneLine(text))
					}
					works = works || s.What == "roles" && s.Error == ""
				}
				if err == nil && !works {
					return exit{ExitError, fmt.Errorf("%s could not sign in", login)}
				}
				return err
			})
		},
	}
	c.Flags().StringVar(&login, "login", "", "login of the `NAME`d person")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	if err := c.MarkFlagRequired("login"); err != nil {
		panic(err) // the flag is defined above
	}
	return c
}
