package client

import (
	"context"
	"net/http"

	"skerry/appliance/api"
)

// EndSessions ends all sessions of a person and says how many.
func (c *Client) EndSessions(ctx context.Context, login string) (int, error) {
	e, err := send[api.Ended](ctx, c, http.MethodDelete, path("people", login, "sessions"), nil)
	return e.Sessions, err
}

// EndAllSessions ends all sessions of everybody and says how many.
func (c *Client) EndAllSessions(ctx context.Context) (int, error) {
	e, err := send[api.Ended](ctx, c, http.MethodDelete, "/sessions", nil)
	return e.Sessions, err
}

// TryDirectory tries each step of signing somebody in through the directory, but
// their password.
func (c *Client) TryDirectory(ctx context.Context, login string) (api.DirectoryReport, error) {
	return send[api.DirectoryReport](ctx, c, http.MethodPost, "/directory/test", map[string]string{"login": login})
}
