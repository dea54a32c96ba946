package cli

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"filippo.io/age"
	"github.com/spf13/cobra"

	"skerry/appliance"
	"skerry/appliance/api"
	"skerry/appliance/api/client"
	"skerry/store"
	"skerry/store/vault"
)

func backupCommand(g *globals) *cobra.Command {
	var to []string
	c := &cobra.Command{
		Use:   "backup FILE",
		Short: "Write a backup of the data directory, while work goes on",
		Long: "The file holds runs, documents, missions, policies and the audit log with the appliance's keys for it, but not\n" +
			"config.yaml and what it names. It is encrypted to the admins of the vault, or to the recipients that --to names;\n" +
			"what the vault has sealed stays sealed in it, too, and only an admin opens that. Whoever opens the file can write\n" +
			"the audit log on in the appliance's name (not read it). The file is read back and every digest in it verified\n" +
			"before this says that there is a backup.",
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return g.connected(c.Context(), func(ctx context.Context, a *client.Client) error {
				if len(to) == 0 {
					s, err := a.Vault(ctx)
					if err != nil {
						return err
					}
					for _, admin := range s.Admins {
						to = append(to, admin.Recipient)
					}
				}
				lock, err := newEnvelope(to)
				if err != nil {
					return err
				}
				entries := 0
				size, err := saveNew(args[0], func(f *os.File) error {
					sealed, err := age.Encrypt(f, lock.recipients...)
					if err != nil {
						return err
					}
					if err := errors.Join(a.Backup(ctx, sealed), sealed.Close()); err != nil {
						return err
					}
					entries, err = lock.verify(ctx, f)
					return err
				})
				if err != nil {
					return err
				}
				fmt.Fprintf(g.Out, "backup: %s, %d bytes, encrypted to %d recipients, %d files in it verified\n", args[0], size, len(lock.recipients), entries)
				return nil
			})
		},
	}
	c.Flags().StringArrayVar(&to, "to", nil, "age `RECIPIENT` (age1…) to encrypt to, instead of the admins of the vault; may be given several times")
	return c
}

// envelope encrypts one file to several recipients and keeps its key until the
// file was read back.
type envelope struct {
	recipients []age.Recipient
	key        []byte // of the file
}

func newEnvelope(to []string) (*envelope, error) {
	e := &envelope{}
	for _, s := range to {
		r, err := vault.ParseRecipient(s)
		if err != nil {
			return nil, exit{ExitUsage, fmt.Errorf("--to %q: %w", s, err)}
		}
		e.recipients = append(e.recipients, slot{e, r})
	}
	return e, nil
}

// slot is a recipient of an envelope. It has no labels, with which age would
// refuse post-quantum and classic recipients in one file: each admin alone opens
// the vault in it anyway.
type slot struct {
	envelope  *envelope
	recipient age.Recipient
}

// Wrap implements [age.Recipient].
func (s slot) Wrap(fileKey []byte) ([]*age.Stanza, error) {
	s.envelope.key = bytes.Clone(fileKey)
	return s.recipient.Wrap(fileKey)
}

// verify reads the backup in f back from the disk, and returns how many files
// are in it.
func (e *envelope) verify(ctx context.Context, f *os.File) (int, error) {
	defer clear(e.key)
	if err := f.Sync(); err != nil {
		return 0, err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return 0, err
	}
	plain, err := age.Decrypt(bufio.NewReader(f), age.NewInjectedFileKeyIdentity(e.key))
	if err != nil {
		return 0, fmt.Errorf("read the backup back: %w", err)
	}
	m, err := store.VerifyBackup(ctx, plain)
	if err != nil {
		return 0, fmt.Errorf("read the backup back: %w", err)
	}
	_, err = f.Seek(0, io.SeekEnd)
	return len(m.Entries), err
}

// saveNew writes a file that did not exist, for its owner alone, and leaves
// nothing behind if write fails.
func saveNew(path string, write func(*os.File) error) (int64, error) {
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
			backup, err := g.opened(f, identity)
			if err != nil {
				return fmt.Errorf("%s: %w", args[0], err)
			}
			by, err := g.unwrap(identity)
			if err != nil {
				return err
			}
			done, err := appliance.Restore(c.Context(), appliance.DefaultConfig(g.data), backup, by)
			if err != nil {
				return err
			}
			fmt.Fprintf(g.Out, "restored %d files to %s; check config.yaml before you serve it\n", done.Files, g.data)
			if done.Audit {
				fmt.Fprintf(g.Out, "the audit log goes on from %s; tell the auditors, and see that the other copy is not served any more: two that go on contradict each other\n",
					done.Made.Format(time.RFC3339))
			}
			if done.Sealed {
				fmt.Fprintln(g.Out, "it is sealed: start it, then open it with: skerry vault unseal")
			} else {
				fmt.Fprintf(g.Out, "the backup is of before Skerry sealed what it stores; seal it before you serve it, with: skerry vault init --data %s\n", g.data)
			}
			return nil
		},
	}
	c.Flags().StringVar(&identity, "identity", "", "age identity `FILE` of an admin: it opens the backup, and the vault in it")
	return c
}

// ageHeader begins every age file (age-encryption.org/v1).
const ageHeader = "age-encryption.org/v1\n"

// opened returns the plain content of a backup.
func (g *globals) opened(f io.Reader, identityFile string) (io.Reader, error) {
	b := bufio.NewReader(f)
	head, err := b.Peek(len(ageHeader))
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	switch sealed := string(head) == ageHeader; {
	case !sealed: // of an older version; the identity is for the vault in it
		return b, nil
	case identityFile == "":
		return nil, errors.New("it is encrypted; name the file of an age identity that opens it with --identity")
	}
	keys, err := os.ReadFile(identityFile)
	if err != nil {
		return nil, err
	}
	defer clear(keys)
	identities, err := g.identities(keys)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", identityFile, err)
	}
	return age.Decrypt(b, identities...)
}

func doctorCommand(g *globals) *cobra.Command {
	var asJSON, rebuild bool
	var identity string
	c := &cobra.Command{
		Use:   "doctor",
		Short: "Check the data directory: pages, journals, indexes, decisions, documents",
		Long:  "Folds every run from its journal and compares everything that was derived from it.\nWorks beside a running appliance; --rebuild needs it stopped.",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			report, err := g.check(c.Context(), rebuild, identity)
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
	c.Flags().StringVar(&identity, "identity", "", "age identity `FILE` of an admin, if the appliance is not running and this host has no key")
	c.Flags().BoolVar(&rebuild, "rebuild", false, "make all indexes anew from the journal first")
	return c
}

// check asks the running appliance, or opens the store itself: a store that
// the appliance cannot work with is what a doctor is for.
func (g *globals) check(ctx context.Context, rebuild bool, identity string) (api.StoreReport, error) {
	a := client.New(filepath.Join(g.data, appliance.SocketFile))
	defer a.Close()
	if _, err := a.Health(ctx); err == nil {
		if rebuild {
			return api.StoreReport{}, errors.New("the appliance is running; stop it before --rebuild")
		}
		return a.Check(ctx)
	}
	config, err := appliance.LoadConfig(g.data)
	if err != nil {
		return api.StoreReport{}, err
	}
	by, err := g.unwrap(identity)
	if err != nil {
		return api.StoreReport{}, err
	}
	return appliance.Check(ctx, config, rebuild, by)
}
