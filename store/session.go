package store

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"skerry/appliance/audit"
	"skerry/appliance/mission"
	"skerry/appliance/policy"
)

// Session is a person who is signed in. The token that proves it is known to
// nobody but its holder: only its SHA-256 is stored.
type Session struct {
	ID        string           `json:"id"` // handle for lists and revocation; of no use for signing in
	Principal policy.Principal `json:"principal"`
	CreatedAt time.Time        `json:"createdAt"`
	ExpiresAt time.Time        `json:"expiresAt"`
	Note      string           `json:"note,omitempty"`   // where it is used from, for the list
	Recheck   time.Time        `json:"recheck,omitzero"` // it ends then, unless a directory is asked before; zero = there is none

	// Certificate is the SHA-256 of the client certificate that it is bound to, in
	// hex; empty = none.
	Certificate string `json:"certificate,omitempty"`

	// ConfirmedAt is when they have last proven who they are.
	ConfirmedAt time.Time `json:"confirmedAt,omitzero"`
}

// over reports whether the session has ended by itself.
func (s Session) over(now time.Time) bool {
	return !now.Before(s.ExpiresAt) || !s.Recheck.IsZero() && !now.Before(s.Recheck)
}

// Link is a one-time sign-in link. Only the SHA-256 of its token is stored.
type Link struct {
	Principal policy.Principal `json:"principal"`
	User      string           `json:"user,omitempty"` // login of the account that it is for: it sets the password
	ExpiresAt time.Time        `json:"expiresAt"`
	Vouched   []string         `json:"vouched,omitempty"` // who made it, and who could be behind them
}

const tokenBytes = 32

// newToken returns a token of 256 random bits and the key it is stored under.
func (db *DB) newToken() (token string, key []byte, err error) {
	b := make([]byte, tokenBytes)
	if _, err := io.ReadFull(db.random, b); err != nil {
		return "", nil, fmt.Errorf("random token: %w", err)
	}
	token = base64.RawURLEncoding.EncodeToString(b)
	return token, hashKey(token), nil
}

// NewSession signs who in for the time lifetime and returns the token.
func (db *DB) NewSession(ctx context.Context, who policy.Principal, lifetime time.Duration, note string) (string, Session, error) {
	token, key, s, err := db.prepareSession(who, lifetime, note)
	if err == nil {
		err = db.update(ctx, func(t *tx) error {
			t.record(sessionRecord("session.opened", s))
			return t.putJSON(bucketSessions, key, s)
		})
	}
	if err != nil {
		return "", Session{}, fmt.Errorf("new session: %w", err)
	}
	return token, s, nil
}

func (db *DB) prepareSession(who policy.Principal, lifetime time.Duration, note string) (string, []byte, Session, error) {
	token, key, err := db.newToken()
	if err != nil {
		return "", nil, Session{}, err
	}
	now := db.now().UTC()
	return token, key, Session{
		ID: hex.EncodeToString(key[:8]), Principal: who, CreatedAt: now, ExpiresAt: now.Add(lifetime), Note: note, ConfirmedAt: now,
	}, nil
}

// Session returns the session that token belongs to, or an error wrapping
// [mission.ErrNotFound] if there is none or it has expired.
func (db *DB) Session(ctx context.Context, token string) (Session, error) {
	var s Session
	err := db.view(ctx, func(t *tx) error {
		ok, err := t.getJSON(bucketSessions, hashKey(token), &s)
		if err == nil && (!ok || s.over(db.now())) {
			err = mission.ErrNotFound
		}
		return err
	})
	if err != nil {
		return Session{}, fmt.Errorf("session: %w", err)
	}
	return s, nil
}

// Sessions returns all sessions that have not expired, latest first.
func (db *DB) Sessions(ctx context.Context) ([]Session, error) {
	var all []Session
	err := db.view(ctx, func(t *tx) error {
		all = nil
		return t.bucket(bucketSessions).ForEach(func(k, _ []byte) error {
			var s Session
			if _, err := t.getJSON(bucketSessions, k, &s); err != nil {
				return err
			}
			if !s.over(db.now()) {
				all = append(all, s)
			}
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("sessions: %w", err)
	}
	slices.SortFunc(all, func(a, b Session) int {
		if c := b.CreatedAt.Compare(a.CreatedAt); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	return all, nil
}

// RevokeSession ends the session with the given id at once, or returns an error
// wrapping [mission.ErrNotFound].
func (db *DB) RevokeSession(ctx context.Context, id string) error {
	prefix, err := hex.DecodeString(id)
	if err != nil || len(prefix) != 8 {
		return fmt.Errorf("revoke session %q: %w", id, mission.ErrNotFound)
	}
	err = db.update(ctx, func(t *tx) error {
		k, _ := t.bucket(bucketSessions).Cursor().Seek(prefix)
		if len(k) < len(prefix) || string(k[:len(prefix)]) != string(prefix) {
			return mission.ErrNotFound
		}
		k = slices.Clone(k)
		var s Session
		if _, err := t.getJSON(bucketSessions, k, &s); err != nil {
			return err
		}
		t.record(sessionRecord("session.ended", s))
		return t.delete(bucketSessions, k)
	})
	if err != nil {
		return fmt.Errorf("revoke session %s: %w", id, err)
	}
	return nil
}

// EndSessions ends the sessions of the principal with the given id, of everybody
// if it is empty, but not the one with the handle keep, and says how many. by is
// who wants it.
func (db *DB) EndSessions(ctx context.Context, principal, keep string, by policy.Principal) (int, error) {
	n := 0
	err := db.update(ctx, func(t *tx) (err error) {
		n, err = t.endSessions(principal, keep)
		object := principal
		if object == "" {
			object = "everybody"
		}
		t.record(audit.Record{Action: "sessions.ended", Object: object, Why: fmt.Sprintf("%d sessions", n), Actor: by.ID, ActorName: by.Name})
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("end sessions: %w", err)
	}
	return n, nil
}

func (t *tx) endSessions(principal, keep string) (int, error) {
	return t.drop(bucketSessions, func(v []byte) (bool, error) {
		var s Session
		err := json.Unmarshal(v, &s)
		ends := (principal == "" || s.Principal.ID == principal) && (keep == "" || s.ID != keep)
		if ends {
			t.record(sessionRecord("session.ended", s))
		}
		return ends, err
	})
}

// NewLink returns the token of a link that signs who in once, within lifetime.
// Links that have expired are removed on the way.
func (db *DB) NewLink(ctx context.Context, who policy.Principal, lifetime time.Duration) (string, error) {
	return db.newLink(ctx, Link{Principal: who}, lifetime, who)
}

// NewUserLink is [DB.NewLink] for an account: whoever has it can set the
// password, once; by is who has it first, and could. It returns an error wrapping
// [mission.ErrNotFound] if there is no such account.
func (db *DB) NewUserLink(ctx context.Context, login string, lifetime time.Duration, by policy.Principal) (string, error) {
	u, err := db.User(ctx, login)
	if err != nil {
		return "", err
	}
	return db.newLink(ctx, Link{Principal: u.Principal(), User: login}, lifetime, by)
}

func (db *DB) newLink(ctx context.Context, l Link, lifetime time.Duration, by policy.Principal) (string, error) {
	token, key, err := db.newToken()
	if err != nil {
		return "", fmt.Errorf("new sign-in link: %w", err)
	}
	now := db.now().UTC()
	err = db.update(ctx, func(t *tx) error {
		if err := t.dropExpired(now); err != nil {
			return err
		}
		if l.User != "" {
			maker, err := t.account(by.ID)
			if err != nil {
				return err
			}
			l.Vouched = maker.VouchedBy(by.ID)
		}
		t.record(audit.Record{Action: "link.made", Object: l.Principal.ID, Actor: by.ID, ActorName: by.Name})
		l.ExpiresAt = now.Add(lifetime)
		return t.putJSON(bucketLinks, key, l)
	})
	if err != nil {
		return "", fmt.Errorf("new sign-in link: %w", err)
	}
	return token, nil
}

// Redeem uses a link up and signs its principal in, in one transaction: of
// several that try, one succeeds. It returns an error wrapping
// [mission.ErrNotFound] if the link is unknown, used or expired.
func (db *DB) Redeem(ctx context.Context, link string, lifetime time.Duration, note string) (string, Session, error) {
	token, key, s, err := db.prepareSession(policy.Principal{}, lifetime, note)
	if err != nil {
		return "", Session{}, fmt.Errorf("redeem sign-in link: %w", err)
	}
	err = db.update(ctx, func(t *tx) error {
		l, err := t.link(link)
		if err != nil {
			return err
		}
		if l.User != "" { // it sets a password, or nothing
			return mission.ErrNotFound
		}
		s.Principal = l.Principal
		if err := t.delete(bucketLinks, hashKey(link)); err != nil {
			return err
		}
		t.record(sessionRecord("session.opened", s))
		return t.putJSON(bucketSessions, key, s)
	})
	if err != nil {
		return "", Session{}, fmt.Errorf("redeem sign-in link: %w", err)
	}
	return token, s, nil
}

func sessionRecord(action string, s Session) audit.Record {
	return audit.Record{Action: action, Actor: s.Principal.ID, ActorName: s.Principal.Name, Session: s.ID, Source: s.Note}
}

// dropExpired removes links and sessions that are of no use any more.
func (t *tx) dropExpired(now time.Time) error {
	_, links := t.drop(bucketLinks, func(v []byte) (bool, error) {
		var l Link
		err := json.Unmarshal(v, &l)
		return !now.Before(l.ExpiresAt), err
	})
	_, sessions := t.drop(bucketSessions, func(v []byte) (bool, error) {
		var s Session
		err := json.Unmarshal(v, &s)
		return s.over(now), err
	})
	return errors.Join(links, sessions)
}

// drop removes the values that which chooses and says how many there were.
func (t *tx) drop(b bucket, which func(value []byte) (bool, error)) (int, error) {
	var keys [][]byte
	err := t.bucket(b).ForEach(func(k, _ []byte) error {
		v, err := t.get(b, k)
		if err != nil {
			return err
		}
		yes, err := which(v)
		if yes {
			keys = append(keys, slices.Clone(k))
		}
		return err
	})
	if err != nil {
		return 0, err
	}
	for _, k := range keys {
		if err := t.delete(b, k); err != nil {
			return 0, err
		}
	}
	return len(keys), nil
}
