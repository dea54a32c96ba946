package client

import (
	"context"
	"net/http"

	"skerry/appliance/api"
)

// People returns everybody with an account.
func (c *Client) People(ctx context.Context) ([]api.Person, error) {
	l, err := get[api.PersonList](ctx, c, "/people")
	return l.People, err
}

// AddPerson makes an account.
func (c *Client) AddPerson(ctx context.Context, p api.NewPerson) (api.Invitation, error) {
	return send[api.Invitation](ctx, c, http.MethodPost, "/people", p)
}

// ChangePerson changes an account.
func (c *Client) ChangePerson(ctx context.Context, login string, change api.PersonChange) (api.Person, error) {
	return send[api.Person](ctx, c, http.MethodPatch, path("people", login), change)
}

// InvitePerson makes a link with which a person sets their password.
func (c *Client) InvitePerson(ctx context.Context, login string) (api.Invitation, error) {
	return send[api.Invitation](ctx, c, http.MethodPost, path("people", login, "link"), nil)
}

// RemovePerson takes an account away, or proposes to.
func (c *Client) RemovePerson(ctx context.Context, login string) (api.Removal, error) {
	return send[api.Removal](ctx, c, http.MethodDelete, path("people", login), nil)
}
