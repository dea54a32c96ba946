package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"skerry/appliance"
	"skerry/appliance/api"
	"skerry/appliance/api/client"
)

func backupCommand(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:   "backup FILE",
		Short: "Write a verified backup of the data directory, while work goes on",
		Long:  "The file holds everything but config.yaml's certificates: runs, documents, missions, policies.\nIt is not encrypted yet: keep it as safe as the data directory.",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return g.connected(c.Context(), func(ctx context.Context, a *client.Client) error {
				size, err := saveNew(args[0], func(w io.Writer) error { return a.Backup(ctx, w) })
				if err != nil {
					return err
				}
				fmt.Fprintf(g.Out, "backup: %s, %d bytes\n", args[0], size)
				return nil
			})
		},
	}
}

// saveNew writes a file that did not exist, for its owner alone, and leaves
// nothing behind if write fails.
func saveNew(path string, write func(io.Writer) error) (int64, error) {
	if _, err := os.Lstat(path); err == nil {
		return 0, fmt.Errorf("%s is there already; name a new file", path)
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".backup-*")
	if err != nil {
		return 0, err
	}
	err = write(f)
	size, _ := f.Seek(0, io.SeekCurrent)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return 0, errors.Join(err, os.Remove(f.Name()))
	}
	return size, nil
}

func restoreCommand(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:   "restore FILE",
		Short: "Make a data directory from a backup; every digest is verified",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			f, err := os.Open(args[0])
			if err != nil {
				return err
			}
			defer f.Close()
			m, err := appliance.Restore(c.Context(), appliance.DefaultConfig(g.data), f)
			if err != nil {
				return err
			}
			fmt.Fprintf(g.Out, "restored %d files to %s; check config.yaml before you serve it\n", m, g.data)
			return nil
		},
	}
}

func doctorCommand(g *globals) *cobra.Command {
	var asJSON, rebuild bool
	c := &cobra.Command{
		Use:   "doctor",
		Short: "Check the data directory: pages, journals, indexes, decisions, documents",
		Long:  "Folds every run from its journal and compares everything that was derived from it.\nWorks beside a running appliance; --rebuild needs it stopped.",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			report, err := g.check(c.Context(), rebuild)
			if err != nil {
				return explainOpen(err)
			}
			if asJSON {
				if err := g.printJSON(report); err != nil {
					return err
				}
			} else {
				for _, f := range report.Findings {
					fmt.Fprintf(g.Out, "%s: %s\n  %s\n", oneLine(f.Where), oneLine(f.Problem), oneLine(f.Hint))
				}
				if report.More > 0 {
					fmt.Fprintf(g.Out, "and %d more\n", report.More)
				}
				fmt.Fprintf(g.Out, "checked %d runs, %d observations, %d decisions, %d documents: %d findings\n",
					report.Runs, report.Observations, report.Decisions, report.Documents, len(report.Findings)+report.More)
			}
			if len(report.Findings) > 0 {
				return exit{code: ExitError}
			}
			return nil
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	c.Flags().BoolVar(&rebuild, "rebuild", false, "make all indexes anew from the journal first")
	return c
}

// check asks the running appliance, or opens the store itself: a store that
// the appliance cannot work with is what a doctor is for.
func (g *globals) check(ctx context.Context, rebuild bool) (api.StoreReport, error) {
	a := client.New(filepath.Join(g.data, appliance.SocketFile))
	defer a.Close()
	if _, err := a.Health(ctx); err == nil {
		if rebuild {
			return api.StoreReport{}, errors.New("the appliance is running; stop it before --rebuild")
		}
		return a.Check(ctx)
	}
	return appliance.Check(ctx, g.data, rebuild)
}
