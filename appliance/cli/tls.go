package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"skerry/appliance"
	"skerry/appliance/api"
	"skerry/appliance/api/client"
)

func tlsCommand(g *globals) *cobra.Command {
	c := &cobra.Command{
		Use:   "tls",
		Short: "The certificate that this host shows, and the CA that vouches for it",
		Long:  "With tls.own in config.yaml, as init --host makes it, Skerry is its own CA. Clients have to trust that once;\nthe certificate is renewed by itself.",
	}
	c.AddCommand(tlsShow(g), tlsExport(g), tlsRenew(g, false), tlsRenew(g, true))
	return c
}

func (g *globals) certificate() (api.Certificate, error) {
	config, err := appliance.LoadConfig(g.data)
	if err != nil {
		return api.Certificate{}, err
	}
	return appliance.InspectTLS(config)
}

func tlsShow(g *globals) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use: "show", Short: "Say for which names it is, until when, and its fingerprint", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			s, err := g.certificate()
			if err != nil {
				return err
			}
			if asJSON {
				return g.printJSON(s)
			}
			g.printCertificate(s)
			return nil
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func (g *globals) printCertificate(s api.Certificate) {
	fmt.Fprintf(g.Out, "certificate for %s\n  by     %s\n  until  %s\n  SHA-256 %s\n", oneLine(strings.Join(s.Names, ", ")), oneLine(s.Issuer), s.Ends.Format(time.DateOnly), s.Fingerprint)
	if s.CA != nil {
		fmt.Fprintf(g.Out, "CA %s\n  until  %s\n  SHA-256 %s\n", oneLine(s.CA.Name), s.CA.Ends.Format(time.DateOnly), s.CA.Fingerprint)
	}
}

func tlsExport(g *globals) *cobra.Command {
	var out string
	c := &cobra.Command{
		Use: "export", Short: "Print the certificate of the CA, for clients to trust", Args: cobra.NoArgs,
		Long: "Prints it as PEM, and its fingerprint to stderr. Take both to a client by different ways, and compare.",
		RunE: func(*cobra.Command, []string) error {
			s, err := g.certificate()
			if err != nil {
				return err
			}
			if s.CA == nil {
				return errors.New("this Skerry has no CA of its own: clients need the one that has issued the site's certificate; ask who made it")
			}
			fmt.Fprintf(g.Err, "CA %s, until %s; SHA-256:\n%s\n", oneLine(s.CA.Name), s.CA.Ends.Format(time.DateOnly), s.CA.Fingerprint)
			if out != "" {
				return os.WriteFile(out, []byte(s.CA.PEM), 0o644) //nolint:gosec // it is for everybody
			}
			_, err = fmt.Fprint(g.Out, s.CA.PEM)
			return err
		},
	}
	c.Flags().StringVarP(&out, "output", "o", "", "`FILE` to write it to")
	return c
}

func tlsRenew(g *globals, anewCA bool) *cobra.Command {
	c := &cobra.Command{
		Use: "renew", Short: "Make a new certificate now; clients notice nothing", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return g.connected(c.Context(), func(ctx context.Context, a *client.Client) error {
				s, err := a.RenewCertificate(ctx, anewCA)
				if err != nil {
					return err
				}
				g.printCertificate(s)
				if anewCA {
					fmt.Fprintln(g.Err, "every client has to trust the new CA before it can connect; see: skerry tls export")
				}
				return nil
			})
		},
	}
	if anewCA {
		c.Use, c.Short = "replace", "Make a new CA, for other names or after a theft; every client has to trust it anew"
	}
	return c
}
