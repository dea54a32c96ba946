package client

import (
	"context"
	"net/http"

	"skerry/appliance/api"
)

// ServiceKeys returns all service keys, without what they are.
func (c *Client) ServiceKeys(ctx context.Context) ([]api.ServiceKey, error) {
	l, err := get[api.KeyList](ctx, c, "/keys")
	return l.Keys, err
}

// AddServiceKey makes a service key.
func (c *Client) AddServiceKey(ctx context.Context, k api.NewServiceKey) (api.GivenKey, error) {
	return send[api.GivenKey](ctx, c, http.MethodPost, "/keys", k)
}

// RevokeServiceKey revokes a service key at once.
func (c *Client) RevokeServiceKey(ctx context.Context, name string) error {
	resp, err := c.call(ctx, http.MethodDelete, path("keys", name), nil, nil)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

// SetCertificates says which client certificates a person may sign in with.
func (c *Client) SetCertificates(ctx context.Context, login string, certificates []string) (api.Person, error) {
	return send[api.Person](ctx, c, http.MethodPut, path("people", login, "certificates"), api.CertificateList{Certificates: certificates})
}
