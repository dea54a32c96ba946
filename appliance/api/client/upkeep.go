package client

import (
	"context"
	"fmt"
	"io"
	"net/http"

	"skerry/appliance/api"
)

// NewLink makes a one-time sign-in link.
func (c *Client) NewLink(ctx context.Context) (api.Link, error) {
	return send[api.Link](ctx, c, http.MethodPost, "/links", nil)
}

// Check verifies everything that is stored.
func (c *Client) Check(ctx context.Context) (api.StoreReport, error) {
	return send[api.StoreReport](ctx, c, http.MethodPost, "/check", nil)
}

// AuditStatus returns how the audit log stands.
func (c *Client) AuditStatus(ctx context.Context) (api.AuditStatus, error) {
	return get[api.AuditStatus](ctx, c, "/audit")
}

// Backup writes a backup to w. After an error w holds a part of one.
func (c *Client) Backup(ctx context.Context, w io.Writer) error {
	resp, err := c.call(ctx, http.MethodGet, "/backup", nil, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(w, resp.Body); err != nil {
		return fmt.Errorf("backup broke off: %w", err)
	}
	return nil
}
