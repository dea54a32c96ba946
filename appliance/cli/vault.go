package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"filippo.io/age"
	"filippo.io/age/plugin"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"skerry/appliance"
	"skerry/appliance/api"
	"skerry/appliance/api/client"
	"skerry/store/vault"
)

func vaultCommand(g *globals) *cobra.Command {
	c := &cobra.Command{
		Use:   "vault",
		Short: "The keys of everything that is stored",
		Long:  "What Skerry stores is sealed. Each admin of the vault can open it alone, with an age identity or a\npassphrase; a key file on the host can do it at every start.",
	}
	c.AddCommand(vaultStatusCommand(g), unsealCommand(g), sealCommand(g), rotateCommand(g), vaultAdminsCommand(g), vaultInitCommand(g))
	return c
}

// running calls f with a client of the appliance that serves, sealed or not.
func (g *globals) running(ctx context.Context, f func(*client.Client) error) error {
	c := client.New(filepath.Join(g.data, appliance.SocketFile))
	c.Language = g.lang
	defer c.Close()
	if _, err := c.Health(ctx); err != nil {
		return err
	}
	return f(c)
}

func vaultStatusCommand(g *globals) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "status",
		Short: "Say whether it is sealed, and who can open it",
		Long:  "Exit code 11 if it is sealed.",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			var s api.VaultStatus
			err := g.running(c.Context(), func(a *client.Client) (err error) {
				s, err = a.Vault(c.Context())
				return err
			})
			if errors.Is(err, client.ErrDown) {
				s, err = g.vaultOnDisk()
			}
			if err != nil {
				return err
			}
			if asJSON {
				err = g.printJSON(s)
			} else {
				g.printVault(s)
			}
			if err == nil && s.Sealed {
				return exit{code: ExitWaiting}
			}
			return err
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

// vaultOnDisk says what can be known of a vault that nobody serves.
func (g *globals) vaultOnDisk() (api.VaultStatus, error) {
	info, err := g.inspect()
	if err != nil {
		return api.VaultStatus{}, err
	}
	s := api.VaultStatus{Sealed: true, ID: info.ID, Admins: []api.VaultAdmin{}}
	for _, w := range info.Admins {
		with := api.WithIdentity
		if w.Identity != nil {
			with = api.WithPassphrase
		}
		s.Admins = append(s.Admins, api.VaultAdmin{Name: w.Name, With: with})
	}
	return s, nil
}

func (g *globals) inspect() (vault.Info, error) {
	return vault.Inspect(appliance.VaultDir(g.data))
}

func (g *globals) printVault(s api.VaultStatus) {
	if s.Sealed {
		fmt.Fprintf(g.Out, "vault %s: sealed\n", s.ID)
	} else {
		fmt.Fprintf(g.Out, "vault %s: open; data key %d of %s seals", s.ID, s.Key, s.Since.Format("2006-01-02"))
		if s.Keys > 1 {
			fmt.Fprintf(g.Out, ", %d older ones are being replaced", s.Keys-1)
		}
		fmt.Fprintln(g.Out)
	}
	for _, a := range s.Admins {
		line := fmt.Sprintf("  %-16s %s", oneLine(a.Name), a.With)
		if a.Recipient != "" {
			line += "  " + short(a.Recipient)
		}
		fmt.Fprintln(g.Out, line)
	}
}

// short shows enough of a recipient to tell it from others.
func short(recipient string) string {
	if len(recipient) <= 64 {
		return recipient
	}
	return recipient[:28] + "…" + recipient[len(recipient)-12:]
}

func unsealCommand(g *globals) *cobra.Command {
	var identity, url, ca string
	c := &cobra.Command{
		Use:   "unseal",
		Short: "Open the vault of a sealed appliance",
		Long: "The identity is used here, where the command runs: only the root key goes to the appliance, over the\n" +
			"local socket, or with --url over TLS. Without --identity you are asked for the passphrase of an admin.\n" +
			"Identities of hardware keys (AGE-PLUGIN-…) run the plugin that is installed for them.",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			call := func(a *client.Client) error {
				s, err := a.Vault(c.Context())
				if err != nil {
					return err
				}
				if !s.Sealed {
					fmt.Fprintln(g.Out, "the vault is open already")
					return nil
				}
				info := vault.Info{ID: s.ID}
				for _, w := range s.Admins {
					info.Admins = append(info.Admins, vault.Wrap{Name: w.Name, File: w.Wrapped})
				}
				if url == "" {
					// The identities of passphrases do not leave the host.
					if info, err = g.inspect(); err != nil {
						return err
					}
				}
				by, err := g.unwrap(identity)
				if err == nil && by == nil {
					by, err = g.byPassphrase()
				}
				if err != nil {
					return err
				}
				root, err := by(info)
				if err != nil {
					return err
				}
				defer root.Close()
				key := root.Append(make([]byte, 0, vault.RootSize))
				defer clear(key)
				if err := a.Unseal(c.Context(), key); err != nil {
					return err
				}
				fmt.Fprintln(g.Out, "unsealed; runs go on")
				return nil
			}
			if url == "" {
				return g.running(c.Context(), call)
			}
			a, err := client.NewRemote(url, ca)
			if err != nil {
				return exit{ExitUsage, err}
			}
			defer a.Close()
			return call(a)
		},
	}
	c.Flags().StringVar(&identity, "identity", "", "age identity `FILE` of an admin")
	c.Flags().StringVar(&url, "url", "", "`ADDRESS` of an appliance elsewhere, https://…; needs --identity")
	c.Flags().StringVar(&ca, "ca", "", "PEM `FILE` of the authority that its certificate is from; default: those of this system")
	return c
}

func sealCommand(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:   "seal",
		Short: "Drop the keys now: all work stops until somebody unseals",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return g.running(c.Context(), func(a *client.Client) error {
				if err := a.Seal(c.Context()); err != nil {
					return err
				}
				fmt.Fprintln(g.Out, "sealed; unseal with: skerry vault unseal")
				return nil
			})
		},
	}
}

func rotateCommand(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:   "rotate",
		Short: "Begin a new data key, and seal everything anew with it by and by",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return g.connected(c.Context(), func(ctx context.Context, a *client.Client) error {
				s, err := a.RotateKeys(ctx)
				if err != nil {
					return err
				}
				g.printVault(s)
				return nil
			})
		},
	}
}

func vaultAdminsCommand(g *globals) *cobra.Command {
	c := &cobra.Command{Use: "recipients", Aliases: []string{"admins"}, Short: "Who can open the vault"}
	list := &cobra.Command{
		Use: "list", Short: "List them", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return g.connected(c.Context(), func(ctx context.Context, a *client.Client) error {
				s, err := a.Vault(ctx)
				if err != nil {
					return err
				}
				g.printVault(s)
				return nil
			})
		},
	}
	var passphrase bool
	var passphraseFile string
	add := &cobra.Command{
		Use:   "add NAME [RECIPIENT]",
		Short: "Let one more open it: with an age recipient (age1…, or a file that holds one), or with a passphrase",
		Args:  cobra.RangeArgs(1, 2),
		RunE: func(c *cobra.Command, args []string) error {
			n := api.NewVaultAdmin{Name: args[0]}
			if len(args) == 2 {
				parsed, err := vault.ParseAdmin(args[1], args[0])
				if err != nil {
					return exit{ExitUsage, err}
				}
				n.Recipient = parsed.Recipient
			}
			if passphrase || passphraseFile != "" {
				var err error
				if n.Passphrase, err = g.newPassphrase(passphraseFile); err != nil {
					return err
				}
			}
			return g.connected(c.Context(), func(ctx context.Context, a *client.Client) error {
				s, err := a.AddVaultAdmin(ctx, n)
				if err != nil || g.proposed(s.Proposal) {
					return err
				}
				g.printVault(s)
				return nil
			})
		},
	}
	add.Flags().BoolVar(&passphrase, "passphrase", false, "ask for a passphrase")
	add.Flags().StringVar(&passphraseFile, "passphrase-file", "", "`FILE` with the passphrase in its first line")
	rm := &cobra.Command{
		Use:   "rm NAME",
		Short: "Let somebody open it no longer; root key and data key become new",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return g.connected(c.Context(), func(ctx context.Context, a *client.Client) error {
				s, err := a.RemoveVaultAdmin(ctx, args[0])
				if err != nil || g.proposed(s.Proposal) {
					return err
				}
				g.printVault(s)
				return nil
			})
		},
	}
	c.AddCommand(list, add, rm)
	return c
}

func vaultInitCommand(g *globals) *cobra.Command {
	var admins adminFlags
	c := &cobra.Command{
		Use:   "init",
		Short: "Seal a data directory that was made before Skerry sealed what it stores",
		Long: "Copies everything into a sealed store, checks that, puts it in place in one step and removes the\n" +
			"original. It needs room for both; the appliance must be stopped. Interrupted, it has changed nothing,\nor is finished by the next start.",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			config, err := appliance.LoadConfig(g.data)
			if err != nil {
				return err
			}
			list, err := g.admins(admins)
			if err != nil {
				return err
			}
			keyFile, err := appliance.SealInPlace(c.Context(), config, list)
			if err != nil {
				return explainOpen(err)
			}
			fmt.Fprintln(g.Out, "sealed:", g.data)
			fmt.Fprintln(g.Out, "the original was deleted, but disks keep deleted blocks for a while, and so do older backups")
			g.sayKeyFile(keyFile)
			return nil
		},
	}
	admins.bind(c)
	return c
}

// adminFlags are the flags that name who can open a new vault.
type adminFlags struct {
	list           []string
	passphrase     bool
	passphraseFile string
	keyFile        bool
}

func (f *adminFlags) bind(c *cobra.Command) {
	c.Flags().StringArrayVar(&f.list, "admin", nil, "who can open the vault: [NAME=]`RECIPIENT` of age (age1pq1…, age1…), or a file that holds one; may be given several times")
	c.Flags().BoolVar(&f.passphrase, "passphrase", false, "ask for a passphrase that opens it too")
	c.Flags().StringVar(&f.passphraseFile, "passphrase-file", "", "`FILE` with such a passphrase in its first line")
	c.Flags().BoolVar(&f.keyFile, "key-file", false, "let a key file beside the data directory open it too, at every start")
}

func (g *globals) admins(f adminFlags) (appliance.Admins, error) {
	a := appliance.Admins{List: f.list, KeyFile: f.keyFile}
	var err error
	if f.passphrase || f.passphraseFile != "" {
		a.Passphrase, err = g.newPassphrase(f.passphraseFile)
	}
	return a, err
}

// sayKeyFile says what a key file means.
func (g *globals) sayKeyFile(path string) {
	if path == "" {
		fmt.Fprintln(g.Out, "sealed for its admins: after every start one of them opens it with: skerry vault unseal")
		return
	}
	fmt.Fprintln(g.Out, "key file:", path)
	fmt.Fprintln(g.Out, "it opens the vault at every start: whoever has this host, or a copy of both, can read everything. Keep a copy of it")
	fmt.Fprintln(g.Out, "elsewhere: without it nobody can. To protect a stolen host, name admins: skerry vault recipients add")
}

// unwrap returns what opens a vault with a file of age identities; nil if no
// file is named.
func (g *globals) unwrap(file string) (appliance.Unwrap, error) {
	if file == "" {
		return nil, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	defer clear(text)
	identities, err := g.identities(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return func(i vault.Info) (*vault.Root, error) { return vault.Unwrap(i, identities...) }, nil
}

// identities parses age identities, those of hardware keys too. Their plugins
// are programs of this user's PATH; the appliance itself never runs any.
func (g *globals) identities(text []byte) ([]age.Identity, error) {
	var list []age.Identity
	var native []byte
	for line := range bytes.Lines(text) {
		if !bytes.HasPrefix(line, []byte("AGE-PLUGIN-")) {
			native = append(native, line...)
			continue
		}
		i, err := plugin.NewIdentity(strings.TrimSpace(string(line)), plugin.NewTerminalUI(
			func(format string, v ...any) { fmt.Fprintf(g.Err, format+"\n", v...) },
			func(format string, v ...any) { fmt.Fprintf(g.Err, "skerry: "+format+"\n", v...) }))
		if err != nil {
			return nil, err
		}
		list = append(list, i)
	}
	parsed, err := age.ParseIdentities(bytes.NewReader(native))
	if err != nil && len(list) == 0 {
		return nil, err
	}
	return append(list, parsed...), nil
}

// byPassphrase asks for a passphrase.
func (g *globals) byPassphrase() (appliance.Unwrap, error) {
	p, err := g.askSecret("passphrase of an admin: ")
	if err != nil {
		return nil, err
	}
	return func(i vault.Info) (*vault.Root, error) { return vault.UnwrapPassphrase(i, p) }, nil
}

// newPassphrase reads a passphrase from a file, or asks twice.
func (g *globals) newPassphrase(file string) (string, error) {
	if file != "" {
		text, err := os.ReadFile(file)
		if err != nil {
			return "", err
		}
		line, _, _ := strings.Cut(string(text), "\n")
		return strings.TrimSuffix(line, "\r"), nil
	}
	p, err := g.askSecret(fmt.Sprintf("new passphrase, %d characters at least: ", vault.MinPassphrase))
	if err != nil {
		return "", err
	}
	if f, ok := g.In.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		again, err := g.askSecret("again: ")
		if err != nil {
			return "", err
		}
		if p != again {
			return "", errors.New("the two are not the same; nothing was done")
		}
	}
	return p, nil
}

// askSecret reads a line that a terminal does not show; what is piped in is
// read as it is.
func (g *globals) askSecret(prompt string) (string, error) {
	if f, ok := g.In.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		fmt.Fprint(g.Err, prompt)
		b, err := term.ReadPassword(int(f.Fd()))
		fmt.Fprintln(g.Err)
		return string(b), err
	}
	// Byte by byte: what follows the line is not ours.
	var line []byte
	for b := make([]byte, 1); len(line) < 4096; {
		n, err := g.In.Read(b)
		if n == 1 && b[0] != '\n' {
			line = append(line, b[0])
		}
		if n == 1 && b[0] == '\n' || errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return "", err
		}
	}
	return strings.TrimSuffix(string(line), "\r"), nil
}
