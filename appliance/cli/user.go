package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"skerry/appliance/api"
	"skerry/appliance/api/client"
)

var errNoUI = errors.New("Skerry is not serving a web UI; start it with: skerry serve")

func userCommand(g *globals) *cobra.Command {
	c := &cobra.Command{Use: "user", Short: "People who may sign in"}
	c.AddCommand(userLink(g), userAdd(g), userList(g), userSet(g), userCert(g), userRemove(g), userSignOut(g))
	return c
}

func userLink(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:   "link [LOGIN]",
		Short: "Make a one-time link: for the administrator to sign in, or for a person to set a password",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return g.connected(c.Context(), func(ctx context.Context, api *client.Client) error {
				if len(args) == 1 {
					i, err := api.InvitePerson(ctx, args[0])
					if err != nil {
						return err
					}
					return g.printInvitation(i)
				}
				l, err := api.NewLink(ctx)
				if err != nil {
					return err
				}
				if l.URL == "" {
					return errNoUI
				}
				fmt.Fprintln(g.Out, signInURL(l.URL, l.Token))
				return nil
			})
		},
	}
}

// printInvitation prints the link alone to stdout, for scripts, and what it is
// to stderr.
func (g *globals) printInvitation(i api.Invitation) error {
	if i.Link.URL == "" {
		return errNoUI
	}
	fmt.Fprintf(g.Err, "give this link to %s; it sets the password, once, until %s:\n", i.Person.Name, i.Ends.Local().Format("2006-01-02 15:04"))
	fmt.Fprintln(g.Out, i.Link.URL+"/enrol#token="+i.Link.Token)
	return nil
}

func userAdd(g *globals) *cobra.Command {
	var p api.NewPerson
	c := &cobra.Command{
		Use:     "add LOGIN",
		Short:   "Make an account, and the link with which its person sets a password",
		Example: "  skerry user add ada --name 'Ada Winter' --role approver --role user",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			p.Login = args[0]
			if p.Name == "" {
				p.Name = p.Login
			}
			return g.connected(c.Context(), func(ctx context.Context, api *client.Client) error {
				i, err := api.AddPerson(ctx, p)
				if err != nil || g.proposed(i.Proposal) {
					return err
				}
				return g.printInvitation(i)
			})
		},
	}
	c.Flags().StringVar(&p.Name, "name", "", "`NAME` that others read; default the login")
	c.Flags().StringVar(&p.Note, "note", "", "`TEXT` for whoever has to approve it")
	c.Flags().StringArrayVar(&p.Roles, "role", []string{}, "`ROLE`, may be repeated: viewer, user, approver, author, admin, auditor")
	return c
}

func userList(g *globals) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "list",
		Short: "Who has an account",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return g.connected(c.Context(), func(ctx context.Context, api *client.Client) error {
				list, err := api.People(ctx)
				if err != nil {
					return err
				}
				if asJSON {
					return g.printJSON(list)
				}
				w := tabwriter.NewWriter(g.Out, 0, 0, 2, ' ', 0)
				for _, p := range list {
					fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", p.Login, p.Name, strings.Join(p.Roles, ","), userState(p))
				}
				return w.Flush()
			})
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func userState(p api.Person) string {
	switch {
	case p.Disabled:
		return "disabled"
	case !p.Enrolled:
		return "has set no password yet"
	case p.Directory && p.SignedInAt != nil && p.LockedUntil == nil:
		return "of the directory, signed in " + p.SignedInAt.Local().Format("2006-01-02 15:04")
	case p.LockedUntil != nil:
		return "locked until " + p.LockedUntil.Local().Format("15:04:05") + " after wrong passwords"
	case p.SignedInAt == nil:
		return "never signed in"
	}
	return "signed in " + p.SignedInAt.Local().Format("2006-01-02 15:04")
}

func userSet(g *globals) *cobra.Command {
	var name, note string
	var roles []string
	var disable, enable, none bool
	c := &cobra.Command{
		Use:   "set LOGIN",
		Short: "Change an account; whoever gets other roles or is disabled is signed out",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			change := api.PersonChange{Roles: roles, Note: note}
			if name != "" {
				change.Name = &name
			}
			if none {
				change.Roles = []string{}
			}
			if disable || enable {
				change.Disabled = &disable
			}
			if change.Name == nil && change.Roles == nil && change.Disabled == nil {
				return errors.New("nothing is to be changed; see: skerry user set --help")
			}
			return g.connected(c.Context(), func(ctx context.Context, api *client.Client) error {
				p, err := api.ChangePerson(ctx, args[0], change)
				if err != nil || g.proposed(p.Proposal) {
					return err
				}
				fmt.Fprintf(g.Out, "%s (%s): %s\n", p.Login, p.Name, strings.Join(append(p.Roles, userState(p)), ", "))
				return nil
			})
		},
	}
	c.Flags().StringVar(&name, "name", "", "`NAME` that others read")
	c.Flags().StringVar(&note, "note", "", "`TEXT` for whoever has to approve it")
	c.Flags().StringArrayVar(&roles, "role", nil, "`ROLE`; all that they have afterwards, may be repeated")
	c.Flags().BoolVar(&none, "no-roles", false, "take all roles away")
	c.Flags().BoolVar(&disable, "disable", false, "keep them from signing in")
	c.Flags().BoolVar(&enable, "enable", false, "let them sign in again")
	c.MarkFlagsMutuallyExclusive("disable", "enable")
	c.MarkFlagsMutuallyExclusive("role", "no-roles")
	return c
}

func userRemove(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:   "remove LOGIN",
		Short: "Take an account away; what its person did stays on record",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return g.connected(c.Context(), func(ctx context.Context, api *client.Client) error {
				r, err := api.RemovePerson(ctx, args[0])
				if err == nil {
					g.proposed(r.Proposal)
				}
				return err
			})
		},
	}
}

func userSignOut(g *globals) *cobra.Command {
	var everybody bool
	c := &cobra.Command{
		Use:   "sign-out LOGIN",
		Short: "End all sessions of a person, or of everybody with --everybody",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if everybody == (len(args) == 1) {
				return exit{ExitUsage, errors.New("give either a login or --everybody; see: skerry user sign-out --help")}
			}
			return g.connected(c.Context(), func(ctx context.Context, api *client.Client) error {
				end := api.EndAllSessions
				if !everybody {
					end = func(ctx context.Context) (int, error) { return api.EndSessions(ctx, args[0]) }
				}
				n, err := end(ctx)
				if err == nil {
					fmt.Fprintf(g.Out, "%d sessions ended\n", n)
				}
				return err
			})
		},
	}
	c.Flags().BoolVar(&everybody, "everybody", false, "all sessions of everybody")
	return c
}
