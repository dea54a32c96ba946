package appliance

import (
	"context"
	"net/http"
	"strings"

	"skerry/appliance/api"
	"skerry/store"
)

// secrets is what the API offers of the secrets in the store: no value.
type secrets struct{ db *store.DB }

var _ api.Secrets = secrets{}

func secretOf(s store.Secret) api.Secret {
	out := api.Secret{Name: s.Name, About: s.About, Version: s.Version, SetBy: s.SetBy, SetAt: s.SetAt, UsedFor: s.UsedFor}
	if !s.LastUsed.IsZero() {
		out.LastUsed = &s.LastUsed
	}
	return out
}

// PutSecret implements api.Secrets.
func (s secrets) PutSecret(ctx context.Context, name, about, by string, value []byte) (api.Secret, error) {
	kept, err := s.db.PutSecret(ctx, name, about, by, value)
	if store.IsUnfit(err) {
		return api.Secret{}, &api.Error{Status: http.StatusUnprocessableEntity, Code: "secret", Err: err, Detail: strings.ToUpper(err.Error()[:1]) + err.Error()[1:] + "."}
	}
	return secretOf(kept), err
}

// Secrets implements api.Secrets.
func (s secrets) Secrets(ctx context.Context) ([]api.Secret, error) {
	all, err := s.db.Secrets(ctx)
	list := make([]api.Secret, 0, len(all))
	for _, one := range all {
		list = append(list, secretOf(one))
	}
	return list, err
}

// DeleteSecret implements api.Secrets.
func (s secrets) DeleteSecret(ctx context.Context, name, by string) error {
	return s.db.DeleteSecret(ctx, name, by)
}
