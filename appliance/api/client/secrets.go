package client

import (
	"context"
	"net/http"

	"skerry/appliance/api"
)

// Secrets returns what may be known of all secrets.
func (c *Client) Secrets(ctx context.Context) ([]api.Secret, error) {
	return get[[]api.Secret](ctx, c, "/secrets")
}

// PutSecret sets a secret, or replaces it.
func (c *Client) PutSecret(ctx context.Context, name, about, value string) (api.Secret, error) {
	return send[api.Secret](ctx, c, http.MethodPut, path("secrets", name), map[string]string{"value": value, "about": about})
}

// RemoveSecret removes a secret.
func (c *Client) RemoveSecret(ctx context.Context, name string) error {
	_, err := raw(c.call(ctx, http.MethodDelete, path("secrets", name), nil, nil))
	return err
}
