package client

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"skerry/appliance/api"
)

// NewRemote returns a client for an appliance on another host, over TLS. ca is a
// file of certificates that its own must be from; empty = those of the system.
// Nobody signs in: it serves to unseal.
func NewRemote(address, ca string) (*Client, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" || u.Host == "" || strings.Trim(u.Path, "/") != "" {
		return nil, fmt.Errorf("%q is not an address like https://skerry.example.org; a key is never sent without TLS", address)
	}
	config := &tls.Config{MinVersion: tls.VersionTLS13}
	if ca != "" {
		pem, err := os.ReadFile(ca)
		if err != nil {
			return nil, err
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s holds no certificate", ca)
		}
	}
	return &Client{root: "https://" + u.Host + apiPath, socket: u.Host,
		http: &http.Client{Transport: &http.Transport{TLSClientConfig: config}, CheckRedirect: func(*http.Request, []*http.Request) error {
			return errors.New("it sends the request elsewhere, which is not followed")
		}}}, nil
}

// Vault says whether the vault is open, and who can open it.
func (c *Client) Vault(ctx context.Context) (api.VaultStatus, error) {
	return get[api.VaultStatus](ctx, c, "/vault")
}

// Unseal hands over the root key, and returns when the appliance serves.
func (c *Client) Unseal(ctx context.Context, root []byte) error {
	_, err := raw(c.call(ctx, http.MethodPost, "/vault/unseal", http.Header{"Content-Type": {api.RootKeyType}}, bytes.NewReader(root)))
	return err
}

// Seal drops the keys, and returns when the appliance is sealed.
func (c *Client) Seal(ctx context.Context) error {
	if _, err := raw(c.call(ctx, http.MethodPost, "/vault/seal", nil, nil)); err != nil {
		return err
	}
	for {
		status, err := c.Health(ctx)
		if err == nil && status == "sealed" || errors.Is(err, ErrDown) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// RotateKeys begins a new data key.
func (c *Client) RotateKeys(ctx context.Context) (api.VaultStatus, error) {
	return send[api.VaultStatus](ctx, c, http.MethodPost, "/vault/rotate", nil)
}

// AddVaultAdmin lets one more open the vault.
func (c *Client) AddVaultAdmin(ctx context.Context, n api.NewVaultAdmin) (api.VaultStatus, error) {
	return send[api.VaultStatus](ctx, c, http.MethodPost, "/vault/admins", n)
}

// RemoveVaultAdmin lets somebody open it no longer.
func (c *Client) RemoveVaultAdmin(ctx context.Context, name string) (api.VaultStatus, error) {
	return send[api.VaultStatus](ctx, c, http.MethodDelete, path("vault", "admins", name), nil)
}
