package api

import (
	"context"
	"net/http"
	"time"

	"skerry/appliance/policy"
)

// Secrets are credentials that people entrust to the appliance. No method
// returns the value of one.
type Secrets interface {
	// PutSecret sets a secret, or replaces it.
	PutSecret(ctx context.Context, name, about, by string, value []byte) (Secret, error)

	// Secrets returns what may be known of all, by name.
	Secrets(ctx context.Context) ([]Secret, error)

	// DeleteSecret removes one, or returns an error wrapping
	// [mission.ErrNotFound].
	DeleteSecret(ctx context.Context, name, by string) error
}

// Secret is what people may know of a secret: everything but its value.
type Secret struct {
	Name     string     `json:"name"`
	About    string     `json:"about,omitempty" doc:"What it is for."`
	Version  int        `json:"version" doc:"One more each time it is replaced."`
	SetBy    string     `json:"setBy" doc:"Who set it last."`
	SetAt    time.Time  `json:"setAt"`
	LastUsed *time.Time `json:"lastUsed,omitempty" doc:"Absent = never since it was set."`
	UsedFor  string     `json:"usedFor,omitempty" doc:"The last time."`
}

type secretIn struct {
	Name string `path:"name" maxLength:"64"`
	Body struct {
		Value string `json:"value" minLength:"1" maxLength:"65536" doc:"Never told again."`
		About string `json:"about,omitempty" maxLength:"200" doc:"What it is for."`
	}
}

type secretName struct {
	Name string `path:"name" maxLength:"64"`
}

func (a *API) bindSecrets() {
	bind(a, route[struct{}]{Operation: get("secrets", "/secrets", "vault", "Secrets that were set, without their values"),
		access: asked, action: policy.Administer}, a.secrets)
	bind(a, route[secretIn]{Operation: operation("put-secret", http.MethodPut, "/secrets/{name}", "vault", "Set a secret, or replace it"),
		access: asked, action: policy.Administer, fresh: true}, a.putSecret)
	bind(a, route[secretName]{Operation: operation("remove-secret", http.MethodDelete, "/secrets/{name}", "vault", "Remove a secret"),
		access: asked, action: policy.Administer, always: true, fresh: true}, a.removeSecret)
}

func (a *API) secrets(ctx context.Context, _ *struct{}) (*body[[]Secret], error) {
	list, err := a.Secrets.Secrets(ctx)
	if err != nil {
		return nil, err
	}
	return &body[[]Secret]{list}, nil
}

func (a *API) putSecret(ctx context.Context, in *secretIn) (*body[Secret], error) {
	a.Log.InfoContext(ctx, "secret set", "name", in.Name, "by", callerOf(ctx).who.ID)
	s, err := a.Secrets.PutSecret(ctx, in.Name, in.Body.About, callerOf(ctx).who.ID, []byte(in.Body.Value))
	if err != nil {
		return nil, err
	}
	return &body[Secret]{s}, nil
}

func (a *API) removeSecret(ctx context.Context, in *secretName) (*struct{}, error) {
	a.Log.InfoContext(ctx, "secret removed", "name", in.Name, "by", callerOf(ctx).who.ID)
	return nil, a.Secrets.DeleteSecret(ctx, in.Name, callerOf(ctx).who.ID)
}
