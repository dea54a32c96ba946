package client

import (
	"context"
	"net/http"

	"skerry/appliance/api"
)

// RenewCertificate makes a new TLS certificate, with anewCA by a new CA.
func (c *Client) RenewCertificate(ctx context.Context, anewCA bool) (api.Certificate, error) {
	p := "/tls/renew"
	if anewCA {
		p = "/tls/replace"
	}
	return send[api.Certificate](ctx, c, http.MethodPost, p, nil)
}
