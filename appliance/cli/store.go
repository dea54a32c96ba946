package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"filippo.io/age"
	"github.com/spf13/cobra"

	"skerry/appliance"
	"skerry/appliance/api"
	"skerry/appliance/api/client"
)

func backupCommand(g *globals) *cobra.Command {
	var to []string
	c := &cobra.Command{
		Use:   "backup FILE",
		Short: "Write a backup of the data directory, while work goes on",
		Long: "The file holds runs, documents, missions, policies and the audit log with the appliance's keys for it, but not\n" +
			"config.yaml and what it names. With --to only the holders of the matching age identities can read it; without,\n" +
			"anyone who has the file can, and can write that log on in the appliance's name (not read it).",
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			recipients, err := recipients(to)
			if err != nil {
				return err
			}
			return g.connected(c.Context(), func(ctx context.Context, a *client.Client) error {
				size, err := saveNew(args[0], func(w io.Writer) error {
					if len(recipients) == 0 {
						return a.Backup(ctx, w)
					}
					sealed, err := age.Encrypt(w, recipients...)
					if err != nil {
						return err
					}
					return errors.Join(a.Backup(ctx, sealed), sealed.Close())
				})
				if err != nil {
					return err
				}
				note := "not encrypted: keep it as safe as the data directory"
				if len(recipients) > 0 {
					note = fmt.Sprintf("encrypted to %d recipients", len(recipients))
				}
				fmt.Fprintf(g.Out, "backup: %s, %d bytes, %s\n", args[0], size, note)
				return nil
			})
		},
	}
	c.Flags().StringArrayVar(&to, "to", nil, "age `RECIPIENT` (age1…) to encrypt to; may be given several times")
	return c
}

// recipients parses age recipients.
func recipients(list []string) ([]age.Recipient, error) {
	var parsed []age.Recipient
	for _, s := range list {
		r, err := age.ParseRecipients(strings.NewReader(s))
		if err != nil {
			return nil, exit{ExitUsage, fmt.Errorf("--to %q: %w", s, err)}
		}
		parsed = append(parsed, r...)
	}
	return parsed, nil
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
	var identity string
	c := &cobra.Command{
		Use:   "restore FILE",
		Short: "Make a data directory from a backup; every digest is verified",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			f, err := os.Open(args[0])
			if err != nil {
				return err
			}
			defer f.Close()
			backup, err := opened(f, identity)
			if err != nil {
				return fmt.Errorf("%s: %w", args[0], err)
			}
			done, err := appliance.Restore(c.Context(), appliance.DefaultConfig(g.data), backup)
			if err != nil {
				return err
			}
			fmt.Fprintf(g.Out, "restored %d files to %s; check config.yaml before you serve it\n", done.Files, g.data)
			if done.Audit {
				fmt.Fprintf(g.Out, "the audit log goes on from %s; tell the auditors, and see that the other copy is not served any more: two that go on contradict each other\n",
					done.Made.Format(time.RFC3339))
			}
			return nil
		},
	}
	c.Flags().StringVar(&identity, "identity", "", "age identity `FILE` that opens an encrypted backup")
	return c
}

// ageHeader begins every age file (age-encryption.org/v1).
const ageHeader = "age-encryption.org/v1\n"

// opened returns the plain content of a backup.
func opened(f io.Reader, identityFile string) (io.Reader, error) {
	b := bufio.NewReader(f)
	head, err := b.Peek(len(ageHeader))
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	switch sealed := string(head) == ageHeader; {
	case !sealed && identityFile == "":
		return b, nil
	case !sealed:
		return nil, errors.New("it is not encrypted; leave --identity away")
	case identityFile == "":
		return nil, errors.New("it is encrypted; name the file of an age identity that opens it with --identity")
	}
	keys, err := os.Open(identityFile)
	if err != nil {
		return nil, err
	}
	defer keys.Close()
	identities, err := age.ParseIdentities(keys)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", identityFile, err)
	}
	return age.Decrypt(b, identities...)
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
