package cli

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"skerry/appliance/api"
	"skerry/appliance/api/client"
)

func keyCommand(g *globals) *cobra.Command {
	c := &cobra.Command{
		Use:   "key",
		Short: "Keys of programs that use the API",
		Long:  "A program sends its key with each request, as Authorization: Bearer. It is shown once, expires, and can be\nrevoked at once. Name the missions that it is for; nothing else is there for it then.",
	}
	c.AddCommand(keyAdd(g), keyList(g), keyRevoke(g))
	return c
}

func keyAdd(g *globals) *cobra.Command {
	k := api.NewServiceKey{}
	var expires string
	c := &cobra.Command{
		Use:     "add NAME",
		Short:   "Make a key, and print it, once",
		Example: "  skerry key add invoice-inbox --role service --missions invoice --expires 90d",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			days, err := parseDays(expires)
			if err != nil {
				return exit{ExitUsage, err}
			}
			k.Name, k.Days = args[0], days
			return g.connected(c.Context(), func(ctx context.Context, a *client.Client) error {
				given, err := a.AddServiceKey(ctx, k)
				if err != nil {
					return err
				}
				fmt.Fprintf(g.Err, "the key of %s, valid until %s; it is shown this once:\n", given.Name, given.Ends.Format(time.DateOnly))
				fmt.Fprintln(g.Out, given.Key)
				return nil
			})
		},
	}
	c.Flags().StringSliceVar(&k.Roles, "role", nil, "`ROLE`: service, to start runs and read their results, or viewer, to look")
	c.Flags().StringSliceVar(&k.Missions, "missions", nil, "`NAMES` of the missions that it is for, with commas")
	c.Flags().BoolVar(&k.AllMissions, "all-missions", false, "it is for all missions, also those to come")
	c.Flags().StringVar(&expires, "expires", "90d", "how long it is valid, in days, up to 365d")
	c.MarkFlagsMutuallyExclusive("missions", "all-missions")
	return c
}

// parseDays reads a number of days, like 90d.
func parseDays(s string) (int, error) {
	n, ok := strings.CutSuffix(s, "d")
	days, err := strconv.Atoi(n)
	if !ok || err != nil || days < 1 || days > api.MaxKeyDays {
		return 0, fmt.Errorf("--expires is %q, may be 1d to %dd", s, api.MaxKeyDays)
	}
	return days, nil
}

func keyList(g *globals) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use: "list", Short: "The keys there are, what they are for, and when they were used", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return g.connected(c.Context(), func(ctx context.Context, a *client.Client) error {
				list, err := a.ServiceKeys(ctx)
				if err != nil {
					return err
				}
				if asJSON {
					return g.printJSON(list)
				}
				w := tabwriter.NewWriter(g.Out, 0, 0, 2, ' ', 0)
				for _, k := range list {
					fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", k.Name, strings.Join(k.Roles, ","), keyScope(k), keyEnd(k), keyUse(k))
				}
				return w.Flush()
			})
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func keyScope(k api.ServiceKey) string {
	if k.AllMissions {
		return "all missions"
	}
	return strings.Join(k.Missions, ",")
}

func keyEnd(k api.ServiceKey) string {
	if k.Ended {
		return "expired " + k.Ends.Format(time.DateOnly)
	}
	return "until " + k.Ends.Format(time.DateOnly)
}

func keyUse(k api.ServiceKey) string {
	if k.LastUsed == nil {
		return "never used"
	}
	return "used " + k.LastUsed.Local().Format("2006-01-02 15:04") + " from " + oneLine(k.Source)
}

func keyRevoke(g *globals) *cobra.Command {
	return &cobra.Command{
		Use: "revoke NAME", Short: "Revoke a key, at once", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return g.connected(c.Context(), func(ctx context.Context, a *client.Client) error { return a.RevokeServiceKey(ctx, args[0]) })
		},
	}
}
