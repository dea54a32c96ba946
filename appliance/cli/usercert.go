package cli

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"skerry/appliance/api/client"
	"skerry/appliance/clientcert"
)

func userCert(g *globals) *cobra.Command {
	var upns, serials, files []string
	var none bool
	c := &cobra.Command{
		Use:   "cert LOGIN",
		Short: "Say which client certificates a person may sign in with",
		Long: "Those that are named are all that they have afterwards; they are signed out. A user principal name stays the\n" +
			"same when the card is replaced; a serial number with its issuer is one certificate. The common name counts for nothing.",
		Example: "  skerry user cert ada --upn ada@site.example\n  skerry user cert ada --file ada.pem",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			keys := []string{}
			for _, u := range upns {
				keys = append(keys, clientcert.UPNKey+u)
			}
			for _, s := range serials {
				keys = append(keys, clientcert.SerialKey+s)
			}
			for _, f := range files {
				key, err := keyOfCertificate(f)
				if err != nil {
					return err
				}
				keys = append(keys, key)
			}
			if len(keys) == 0 && !none {
				return exit{ExitUsage, errors.New("name a certificate with --upn, --issuer-serial or --file, or take all away with --none; see: skerry user cert --help")}
			}
			return g.connected(c.Context(), func(ctx context.Context, a *client.Client) error {
				p, err := a.SetCertificates(ctx, args[0], keys)
				if err != nil {
					return err
				}
				if len(p.Certificates) == 0 {
					fmt.Fprintf(g.Out, "%s signs in with no certificate\n", p.Login)
				}
				for _, k := range p.Certificates {
					fmt.Fprintf(g.Out, "%s may sign in with %s\n", p.Login, oneLine(k))
				}
				return nil
			})
		},
	}
	c.Flags().StringArrayVar(&upns, "upn", nil, "user principal `NAME` in the certificate, like ada@site.example; may be repeated")
	c.Flags().StringArrayVar(&serials, "issuer-serial", nil, "`SERIAL#ISSUER` of the certificate, like '1F2E#CN=Site CA,O=Site'; may be repeated")
	c.Flags().StringArrayVar(&files, "file", nil, "PEM `FILE` of the certificate, whose serial number and issuer are taken; may be repeated")
	c.Flags().BoolVar(&none, "none", false, "take all away")
	for _, f := range []string{"upn", "issuer-serial", "file"} {
		c.MarkFlagsMutuallyExclusive("none", f)
	}
	return c
}

// keyOfCertificate returns what an account is found by, of a certificate.
func keyOfCertificate(path string) (string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	block, _ := pem.Decode(text)
	if block == nil || block.Type != "CERTIFICATE" {
		return "", fmt.Errorf("%s does not begin with a certificate in PEM", path)
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return "", fmt.Errorf("%s: %s", path, strings.TrimPrefix(err.Error(), "x509: "))
	}
	i, err := clientcert.Identify(cert)
	if err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	return i.Keys()[0], nil
}
