package store

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"skerry/appliance/audit"
	"skerry/appliance/mission"
	"skerry/appliance/policy"
)

// ServiceKey is what a program signs in with. The key itself is known to nobody
// but its holder: only its SHA-256 is stored.
type ServiceKey struct {
	ID        string    `json:"id"` // handle; of no use for signing in
	Name      string    `json:"name"`
	Roles     []string  `json:"roles"`
	Missions  []string  `json:"missions"` // that it is for; nil = all
	CreatedBy string    `json:"createdBy"`
	CreatedAt time.Time `json:"createdAt"`
	ExpiresAt time.Time `json:"expiresAt"`
	LastUsed  time.Time `json:"lastUsed,omitzero"` // to the minute; zero = never
	Source    string    `json:"source,omitempty"`  // where it was used from then
}

// ServiceKeyPrefix begins the id of a principal that is a service key; no login
// holds a colon.
const ServiceKeyPrefix = "key:"

// Principal returns who the key is to the policy.
func (k ServiceKey) Principal() policy.Principal {
	return policy.Principal{ID: ServiceKeyPrefix + k.Name, Name: "service key " + k.Name, Roles: k.Roles, Missions: k.Missions}
}

// AddServiceKey keeps a key by its hash. It returns an error wrapping
// [mission.ErrConflict] if there is one of that name, expired ones too.
func (db *DB) AddServiceKey(ctx context.Context, key string, k ServiceKey, by policy.Principal) (ServiceKey, error) {
	hash := hashKey(key)
	k.ID, k.CreatedBy, k.CreatedAt = hex.EncodeToString(hash[:8]), by.ID, db.now().UTC()
	err := db.update(ctx, func(t *tx) error {
		if _, _, err := t.serviceKey(k.Name); err == nil {
			return mission.ErrConflict
		} else if !errors.Is(err, mission.ErrNotFound) {
			return err
		}
		text, err := json.Marshal(k)
		if err != nil {
			return err
		}
		t.record(audit.Record{Action: "key.added", Object: k.Name, Actor: by.ID, ActorName: by.Name, Why: string(text)})
		return t.putJSON(bucketServiceKeys, hash, k)
	})
	if err != nil {
		return ServiceKey{}, fmt.Errorf("add service key %s: %w", k.Name, err)
	}
	return k, nil
}

// ServiceKeys returns all keys by name, expired ones too.
func (db *DB) ServiceKeys(ctx context.Context) ([]ServiceKey, error) {
	var all []ServiceKey
	err := db.view(ctx, func(t *tx) error {
		all = nil
		return t.bucket(bucketServiceKeys).ForEach(func(k, _ []byte) error {
			var one ServiceKey
			_, err := t.getJSON(bucketServiceKeys, k, &one)
			all = append(all, one)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("service keys: %w", err)
	}
	slices.SortFunc(all, func(a, b ServiceKey) int { return strings.Compare(a.Name, b.Name) })
	return all, nil
}

// lastUsePause is how exactly it is known when a key was used last; each use
// that is noted is a write.
const lastUsePause = time.Minute

// UseServiceKey returns the key that was given and notes that it is used. It
// returns an error wrapping [mission.ErrNotFound] if it is unknown, revoked or
// expired: each is one look at the same place.
func (db *DB) UseServiceKey(ctx context.Context, key, source string) (ServiceKey, error) {
	hash := hashKey(key)
	var k ServiceKey
	err := db.view(ctx, func(t *tx) error {
		ok, err := t.getJSON(bucketServiceKeys, hash, &k)
		if err == nil && (!ok || !db.now().Before(k.ExpiresAt)) {
			err = mission.ErrNotFound
		}
		return err
	})
	now := db.now().UTC()
	if err == nil && now.Sub(k.LastUsed) >= lastUsePause {
		err = db.update(ctx, func(t *tx) error {
			ok, err := t.getJSON(bucketServiceKeys, hash, &k)
			if err == nil && !ok { // it was revoked meanwhile
				err = mission.ErrNotFound
			}
			if err != nil {
				return err
			}
			k.LastUsed, k.Source = now, source
			return t.putJSON(bucketServiceKeys, hash, k)
		})
	}
	if err != nil {
		return ServiceKey{}, fmt.Errorf("service key: %w", err)
	}
	return k, nil
}

// RevokeServiceKey takes a key away at once, or returns an error wrapping
// [mission.ErrNotFound].
func (db *DB) RevokeServiceKey(ctx context.Context, name string, by policy.Principal) error {
	err := db.update(ctx, func(t *tx) error {
		hash, k, err := t.serviceKey(name)
		if err != nil {
			return err
		}
		t.record(audit.Record{Action: "key.revoked", Object: k.Name, Actor: by.ID, ActorName: by.Name, Session: k.ID})
		return t.delete(bucketServiceKeys, hash)
	})
	if err != nil {
		return fmt.Errorf("revoke service key %s: %w", name, err)
	}
	return nil
}

// serviceKey finds a key by its name, of which there are few.
func (t *tx) serviceKey(name string) (hash []byte, k ServiceKey, err error) {
	c := t.bucket(bucketServiceKeys).Cursor()
	for key, _ := c.First(); key != nil; key, _ = c.Next() {
		if _, err := t.getJSON(bucketServiceKeys, key, &k); err != nil {
			return nil, k, err
		}
		if k.Name == name {
			return slices.Clone(key), k, nil
		}
	}
	return nil, k, mission.ErrNotFound
}
