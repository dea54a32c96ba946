package appliance

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"skerry/appliance/api"
	"skerry/appliance/mission"
	"skerry/appliance/people"
	"skerry/appliance/policy"
	"skerry/store"
)

// serviceKeys is the store as the API keeps service keys.
type serviceKeys struct{ db *store.DB }

var _ api.ServiceKeys = serviceKeys{}

func shownKey(k store.ServiceKey, now time.Time) api.ServiceKey {
	out := api.ServiceKey{Name: k.Name, Roles: k.Roles, Missions: append([]string{}, k.Missions...), AllMissions: k.Missions == nil, CreatedBy: k.CreatedBy,
		CreatedAt: k.CreatedAt, Ends: k.ExpiresAt, Ended: !now.Before(k.ExpiresAt), Source: k.Source}
	if !k.LastUsed.IsZero() {
		out.LastUsed = &k.LastUsed
	}
	return out
}

// ServiceKeys implements api.ServiceKeys.
func (s serviceKeys) ServiceKeys(ctx context.Context) ([]api.ServiceKey, error) {
	all, err := s.db.ServiceKeys(ctx)
	list := make([]api.ServiceKey, 0, len(all))
	for _, k := range all {
		list = append(list, shownKey(k, time.Now()))
	}
	return list, err
}

// AddServiceKey implements api.ServiceKeys.
func (s serviceKeys) AddServiceKey(ctx context.Context, n api.NewServiceKey, by policy.Principal) (api.GivenKey, error) {
	if err := s.check(ctx, n); err != nil {
		return api.GivenKey{}, err
	}
	key, err := people.NewKey()
	if err != nil {
		return api.GivenKey{}, err
	}
	k := store.ServiceKey{Name: n.Name, Roles: n.Roles, ExpiresAt: time.Now().UTC().AddDate(0, 0, n.Days)}
	if !n.AllMissions {
		k.Missions = slices.Compact(slices.Sorted(slices.Values(n.Missions)))
	}
	k, err = s.db.AddServiceKey(ctx, key, k, by)
	if errors.Is(err, mission.ErrConflict) {
		return api.GivenKey{}, &api.Error{Status: http.StatusConflict, Code: "name-taken", Err: err,
			Detail: fmt.Sprintf("There is a service key %q already. Choose another name, or revoke that one first.", n.Name)}
	}
	return api.GivenKey{ServiceKey: shownKey(k, time.Now()), Key: key}, err
}

// keyRoles are what a service key may be: nobody's deputy.
var keyRoles = []string{policy.Service, policy.Viewer}

// check says what is wrong with a key that is to be made.
func (s serviceKeys) check(ctx context.Context, n api.NewServiceKey) error {
	switch {
	case !loginForm.MatchString(n.Name):
		return unprocessable("body.name", "The name %q has to begin with a small letter, and goes on with small letters, digits, points, hyphens and underscores; 64 characters at most.", n.Name)
	case len(n.Roles) == 0:
		return unprocessable("body.roles", "The key needs a role: service, to start runs and read their results, or viewer, to look.")
	case n.Days < 1 || n.Days > api.MaxKeyDays:
		return unprocessable("body.days", "The key can be valid for 1 to %d days.", api.MaxKeyDays)
	case n.AllMissions != (len(n.Missions) == 0):
		return unprocessable("body.missions", "Say which missions the key is for, or that it is for all; not both.")
	}
	for i, r := range n.Roles {
		if !slices.Contains(keyRoles, r) || slices.Contains(n.Roles[:i], r) {
			return unprocessable("body.roles", "A service key may be service or viewer, each once; %q is for people.", r)
		}
	}
	known, err := s.db.Missions(ctx)
	if err != nil {
		return err
	}
	for _, m := range n.Missions {
		if !slices.ContainsFunc(known, func(v store.MissionVersion) bool { return v.Mission.Name == m }) {
			return unprocessable("body.missions", "There is no mission %q. The page Missions lists them, and so does: skerry mission list", m)
		}
	}
	return nil
}

// RevokeServiceKey implements api.ServiceKeys.
func (s serviceKeys) RevokeServiceKey(ctx context.Context, name string, by policy.Principal) error {
	err := s.db.RevokeServiceKey(ctx, name, by)
	if errors.Is(err, mission.ErrNotFound) {
		return &api.Error{Status: http.StatusNotFound, Code: "no-key", Err: err, Detail: fmt.Sprintf("There is no service key %q. The page People lists them, and so does: skerry key list", name)}
	}
	return err
}

// UseServiceKey implements api.ServiceKeys.
func (s serviceKeys) UseServiceKey(ctx context.Context, key, source string) (policy.Principal, string, error) {
	k, err := s.db.UseServiceKey(ctx, key, source)
	return k.Principal(), k.ID, err
}
