package cli

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"skerry/appliance"
	"skerry/appliance/audit"
)

func auditDiff(g *globals) *cobra.Command {
	f := &auditFlags{g: g}
	var admin string
	c := &cobra.Command{
		Use:   "diff DIR --identity FILE",
		Short: "Compare the log with the journal of the data directory, observation by observation",
		Long: "Finds runs that were taken out of the store or put into it, observations that were changed, and a store\n" +
			"that was set back to an earlier day. Needs the data directory (--data), which no appliance may be serving.",
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if len(f.identities) == 0 {
				return exit{ExitUsage, errNoIdentity}
			}
			check, err := f.check(args[0])
			if err != nil {
				return err
			}
			config, err := appliance.LoadConfig(g.data)
			if err != nil {
				return err
			}
			by, err := g.unwrap(admin)
			if err != nil {
				return err
			}
			j, err := appliance.OpenJournal(c.Context(), config, by)
			if err != nil {
				return explainOpen(err)
			}
			check.Each = func(e audit.Entry) error {
				var r audit.Record
				if err := json.Unmarshal(e.Record, &r); err != nil {
					return fmt.Errorf("entry %d: %w", e.Seq, err)
				}
				return j.Compare(c.Context(), e.Seq, &r)
			}
			r, err := audit.Verify(args[0], check)
			if err == nil {
				err = j.Rest(c.Context())
			}
			if err = errors.Join(err, j.Close()); err != nil {
				return err
			}
			found := report(g.Err, r, check, f.enrolment != "")
			for _, line := range j.Differences {
				fmt.Fprintln(g.Out, oneLine(line))
			}
			if j.More > 0 {
				fmt.Fprintf(g.Out, "and %d more\n", j.More)
			}
			if found != nil {
				return found
			}
			if len(j.Differences) > 0 {
				return errFaults
			}
			fmt.Fprintf(g.Out, "the journal and the log agree: %d observations\n", j.Compared)
			return nil
		},
	}
	f.bind(c, true)
	c.Flags().StringVar(&admin, "vault-identity", "", "age identity `FILE` of an admin of the vault, if this host has no key for it")
	return c
}
