package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"skerry/appliance/mission"
	"skerry/appliance/policy"
)

// ServiceKey is what may be known of the key of a program.
type ServiceKey struct {
	Name        string     `json:"name"`
	Roles       []string   `json:"roles"`
	Missions    []string   `json:"missions" doc:"All that it is for, unless it is for all."`
	AllMissions bool       `json:"allMissions"`
	CreatedBy   string     `json:"createdBy"`
	CreatedAt   time.Time  `json:"createdAt"`
	Ends        time.Time  `json:"ends"`
	Ended       bool       `json:"ended"`
	LastUsed    *time.Time `json:"lastUsed,omitempty" doc:"To the minute; absent = never."`
	Source      string     `json:"source,omitempty" doc:"Address that it was used from then."`
}

// MaxKeyDays is how long a service key can be valid.
const MaxKeyDays = 365

// NewServiceKey is a key to be made.
type NewServiceKey struct {
	Name        string   `json:"name" minLength:"2" maxLength:"64" doc:"Of the program that uses it; lower case."`
	Roles       []string `json:"roles" maxItems:"2" nullable:"false" doc:"service, viewer, or both."`
	Missions    []string `json:"missions,omitempty" maxItems:"100" nullable:"false" doc:"All that it is for; everything else is not there for it."`
	AllMissions bool     `json:"allMissions,omitempty"`
	Days        int      `json:"days" minimum:"1" maximum:"365" doc:"How long it is valid."`
}

// GivenKey is a new key, which is told this once.
type GivenKey struct {
	ServiceKey
	Key string `json:"key" doc:"Sent as Authorization: Bearer. It is not stored and cannot be told again."`
}

// ServiceKeys keeps the keys of programs, by their hashes.
type ServiceKeys interface {
	ServiceKeys(ctx context.Context) ([]ServiceKey, error)
	AddServiceKey(ctx context.Context, k NewServiceKey, by policy.Principal) (GivenKey, error)
	RevokeServiceKey(ctx context.Context, name string, by policy.Principal) error

	// UseServiceKey returns who has the key, and its handle for the records.
	// Unknown, revoked and expired keys alike give an error wrapping
	// [mission.ErrNotFound].
	UseServiceKey(ctx context.Context, key, source string) (policy.Principal, string, error)
}

type keyIn struct {
	Name string `path:"name" maxLength:"64"`
}

type newKeyIn struct{ Body NewServiceKey }

// KeyList is all service keys.
type KeyList struct {
	Keys []ServiceKey `json:"keys"`
}

type givenKeyOut struct{ Body GivenKey }

func (a *API) bindServiceKeys() {
	const path = "/keys"
	bind(a, route[struct{}]{Operation: get("keys", path, "people", "The service keys, without what they are"), access: asked, action: policy.ReadPeople}, a.keys)
	add := post("add-key", path, "people", "Make a service key")
	add.DefaultStatus = http.StatusCreated
	bind(a, route[newKeyIn]{Operation: add, access: asked, action: policy.WritePeople, fresh: true}, a.addKey)
	bind(a, route[keyIn]{Operation: operation("revoke-key", http.MethodDelete, path+"/{name}", "people", "Revoke a service key, at once"),
		access: asked, action: policy.WritePeople, always: true}, a.revokeKey)
}

func (a *API) keys(ctx context.Context, _ *struct{}) (*body[KeyList], error) {
	list, err := a.ServiceKeys.ServiceKeys(ctx)
	return &body[KeyList]{KeyList{list}}, err
}

func (a *API) addKey(ctx context.Context, in *newKeyIn) (*givenKeyOut, error) {
	k, err := a.ServiceKeys.AddServiceKey(ctx, in.Body, callerOf(ctx).who)
	return &givenKeyOut{k}, err
}

func (a *API) revokeKey(ctx context.Context, in *keyIn) (*struct{}, error) {
	return nil, a.ServiceKeys.RevokeServiceKey(ctx, in.Name, callerOf(ctx).who)
}

// errBadKey is the answer to every key that is not one, whatever is wrong with
// it.
var errBadKey = &Error{Status: http.StatusUnauthorized, Code: "bad-key",
	Detail: "This service key is not valid: it is unknown, revoked or expired, or not sent as Authorization: Bearer KEY. An administrator makes a new one with: skerry key add"}

// maxBearer bounds what is hashed of a header. Keys are shorter.
const maxBearer = 256

// bearer returns the key in the Authorization headers of a request (RFC 6750,
// section 2.1), or something that is no key. Whatever was sent is looked up in
// the same way, so that neither answer nor time tells what is wrong with it.
func bearer(given []string) string {
	if len(given) != 1 || len(given[0]) > maxBearer {
		return ""
	}
	scheme, key, _ := strings.Cut(given[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimLeft(key, " ")
}

// authenticateKey finds out which program asks. No browser sends such a header
// by itself, so that nothing else has to be proven. Guesses need no limit: a key
// has 256 random bits, and refusals of unknown callers are recorded up to a
// number.
func (a *API) authenticateKey(c *caller, r *http.Request, given []string) error {
	who, handle, err := a.ServiceKeys.UseServiceKey(r.Context(), bearer(given), c.remote)
	switch {
	case errors.Is(err, mission.ErrNotFound):
		return errBadKey
	case err != nil:
		return fmt.Errorf("look up the service key: %w", err)
	}
	c.who, c.key = who, handle
	if wait, first := a.rates.take(handle, a.Now()); wait > 0 {
		c.flood = !first
		return &Error{Status: http.StatusTooManyRequests, Code: "too-many-requests", RetryAfter: wait,
			Detail: fmt.Sprintf("This service key has sent %d requests within a minute, which is all that one may. Wait, or spread the requests.", requestsPerMinute)}
	}
	return nil
}

// requestsPerMinute is what one service key may ask.
const requestsPerMinute = 600

// rates counts the requests of each key.
type rates struct {
	mu    sync.Mutex
	since time.Time      // start of the current minute; guarded by mu
	count map[string]int // since then, by handle; guarded by mu
}

// take counts a request and returns 0, or how long to wait; first says that it
// is the first in this minute that has to.
func (r *rates) take(handle string, now time.Time) (wait time.Duration, first bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if age := now.Sub(r.since); age >= time.Minute || age < 0 {
		r.since, r.count = now, map[string]int{}
	}
	r.count[handle]++
	if n := r.count[handle] - requestsPerMinute; n > 0 {
		return r.since.Add(time.Minute).Sub(now), n == 1
	}
	return 0, false
}
