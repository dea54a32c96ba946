package store

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"skerry/appliance/audit"
	"skerry/appliance/mission"
)

// Passkey is a public key whose private half an authenticator of a person keeps
// (WebAuthn credential).
type Passkey struct {
	ID        string          `json:"id"` // handle for lists and removal; of no use for signing in
	Login     string          `json:"login"`
	Name      string          `json:"name"` // that the person gave it
	CreatedAt time.Time       `json:"createdAt"`
	UsedAt    time.Time       `json:"usedAt,omitzero"`   // the last time
	Suspect   bool            `json:"suspect,omitempty"` // a copy of it seems to be about; it opens nothing any more
	Data      json.RawMessage `json:"data"`              // the credential with its counter, as package passkey writes it
}

// MaxPasskeys is how many a person may have.
const MaxPasskeys = 10

// Errors of passkeys.
var (
	ErrManyPasskeys = errors.New("a person has too many passkeys")
	ErrStalePasskey = errors.New("the passkey was used by somebody else meanwhile")
)

const handleBytes = 32

// UserHandle returns under which bytes passkeys know the person. They are random
// and say nothing about them.
func (db *DB) UserHandle(ctx context.Context, login string) ([]byte, error) {
	fresh := make([]byte, handleBytes)
	if _, err := io.ReadFull(db.random, fresh); err != nil {
		return nil, fmt.Errorf("user handle: %w", err)
	}
	u, err := db.User(ctx, login)
	if err == nil && len(u.Handle) == 0 {
		err = db.update(ctx, func(t *tx) error {
			now, err := t.mustUser(login)
			if err != nil {
				return err
			}
			if len(now.Handle) == 0 {
				now.Handle = fresh
				err = t.putJSON(bucketUsers, []byte(login), now)
			}
			u = *now
			return err
		})
	}
	if err != nil {
		return nil, fmt.Errorf("user handle: %w", err)
	}
	return u.Handle, nil
}

// Passkeys returns the passkeys of a person, oldest first.
func (db *DB) Passkeys(ctx context.Context, login string) ([]Passkey, error) {
	var list []Passkey
	err := db.view(ctx, func(t *tx) error {
		list = nil
		return t.bucket(bucketPasskeys).ForEach(func(k, _ []byte) error {
			var p Passkey
			if _, err := t.getJSON(bucketPasskeys, k, &p); err != nil {
				return err
			}
			if p.Login == login {
				list = append(list, p)
			}
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("passkeys: %w", err)
	}
	slices.SortFunc(list, func(a, b Passkey) int { return a.CreatedAt.Compare(b.CreatedAt) })
	return list, nil
}

// Passkey returns the passkey of a credential and whose it is, or an error
// wrapping [mission.ErrNotFound].
func (db *DB) Passkey(ctx context.Context, credential []byte) (Passkey, User, error) {
	var p Passkey
	var u *User
	err := db.view(ctx, func(t *tx) (err error) {
		ok, err := t.getJSON(bucketPasskeys, hashKey(string(credential)), &p)
		if err == nil && !ok {
			err = mission.ErrNotFound
		}
		if err == nil {
			u, err = t.mustUser(p.Login)
		}
		return err
	})
	if err != nil {
		return Passkey{}, User{}, fmt.Errorf("passkey: %w", err)
	}
	return p, *u, nil
}

// AddPasskey keeps a new passkey of a person. It returns an error wrapping
// [mission.ErrConflict] if there is one of that credential already, and
// [ErrManyPasskeys].
func (db *DB) AddPasskey(ctx context.Context, login, name string, credential []byte, data json.RawMessage, note string) (Passkey, error) {
	var p Passkey
	err := db.update(ctx, func(t *tx) error {
		u, err := t.mustUser(login)
		if err != nil {
			return err
		}
		if u.Disabled {
			return ErrNoAccount
		}
		if p, err = t.addPasskey(u, name, credential, data, note); err != nil {
			return err
		}
		return t.putJSON(bucketUsers, []byte(login), u)
	})
	if err != nil {
		return Passkey{}, fmt.Errorf("add passkey: %w", err)
	}
	return p, nil
}

// addPasskey counts the passkey in u, which the caller stores.
func (t *tx) addPasskey(u *User, name string, credential []byte, data json.RawMessage, note string) (Passkey, error) {
	key := hashKey(string(credential))
	switch {
	case u.Passkeys >= MaxPasskeys:
		return Passkey{}, ErrManyPasskeys
	case len(credential) == 0 || len(data) == 0:
		return Passkey{}, errors.New("the passkey is empty")
	case t.bucket(bucketPasskeys).Get(key) != nil:
		return Passkey{}, mission.ErrConflict
	}
	p := Passkey{ID: hex.EncodeToString(key[:8]), Login: u.Login, Name: name, CreatedAt: t.db.now().UTC(), Data: data}
	u.Passkeys++
	t.record(audit.Record{Action: "passkey.added", Object: u.Login, Why: p.Name, Actor: u.Login, ActorName: u.Name, Digest: hex.EncodeToString(key), Source: note})
	return p, t.putJSON(bucketPasskeys, key, p)
}

// EnrolPasskey is [DB.Enrol] with a passkey in place of a password.
func (db *DB) EnrolPasskey(ctx context.Context, link, name string, credential []byte, data json.RawMessage, lifetime time.Duration, note string) (string, Session, error) {
	return db.enrol(ctx, link, func(t *tx, u *User) error {
		_, err := t.addPasskey(u, name, credential, data, note)
		return err
	}, lifetime, note)
}

// RemovePasskey removes a passkey of a person by its handle, or returns an error
// wrapping [mission.ErrNotFound].
func (db *DB) RemovePasskey(ctx context.Context, login, id, note string) error {
	err := db.update(ctx, func(t *tx) error {
		u, err := t.mustUser(login)
		if err != nil {
			return err
		}
		n, err := t.drop(bucketPasskeys, func(v []byte) (bool, error) {
			var p Passkey
			err := json.Unmarshal(v, &p)
			return p.Login == login && p.ID == id, err
		})
		if err != nil {
			return err
		}
		if n == 0 {
			return mission.ErrNotFound
		}
		u.Passkeys = max(u.Passkeys-n, 0)
		t.record(audit.Record{Action: "passkey.removed", Object: login, Why: id, Actor: u.Login, ActorName: u.Name, Source: note})
		return t.putJSON(bucketUsers, []byte(login), u)
	})
	if err != nil {
		return fmt.Errorf("remove passkey: %w", err)
	}
	return nil
}

// dropPasskeys removes all passkeys of an account; the caller takes care of the
// number in it.
func (t *tx) dropPasskeys(login string) (int, error) {
	return t.drop(bucketPasskeys, func(v []byte) (bool, error) {
		var p Passkey
		err := json.Unmarshal(v, &p)
		if err == nil && p.Login == login {
			t.record(audit.Record{Action: "passkey.removed", Object: login, Why: p.ID})
		}
		return p.Login == login, err
	})
}

// UsedPasskey is a passkey that has proven itself a moment ago.
type UsedPasskey struct {
	Credential    []byte
	Before, After json.RawMessage // its data, as it was read and with its new counter
}

// use keeps the new counter, if nobody has used the passkey since it was read.
func (t *tx) use(p UsedPasskey, login string) error {
	key := hashKey(string(p.Credential))
	var now Passkey
	ok, err := t.getJSON(bucketPasskeys, key, &now)
	switch {
	case err != nil:
		return err
	case !ok || now.Suspect || now.Login != login:
		return ErrNoAccount
	case !bytes.Equal(now.Data, p.Before):
		return ErrStalePasskey
	}
	now.Data, now.UsedAt = p.After, t.db.now().UTC()
	return t.putJSON(bucketPasskeys, key, now)
}

// SignInPasskey opens a session for a person of this site whose passkey has
// proven itself. It returns an error wrapping [ErrNoAccount] or
// [ErrStalePasskey] if account or passkey have changed since.
func (db *DB) SignInPasskey(ctx context.Context, login string, p UsedPasskey, lifetime time.Duration, note string) (string, Session, error) {
	return db.signIn(ctx, login, func(t *tx, u *User) error {
		if u.Outside != "" {
			return ErrNoAccount
		}
		return t.use(p, login)
	}, lifetime, note)
}

// SignInOutsidePasskey is [DB.SignInOutside] with a passkey in place of a
// password of the directory.
func (db *DB) SignInOutsidePasskey(ctx context.Context, o Outsider, p UsedPasskey, recheck, lifetime time.Duration, note string) (string, Session, error) {
	return db.signInOutside(ctx, o, func(t *tx, u *User) error { return t.use(p, u.Login) }, recheck, lifetime, note)
}

// UsePasskey keeps what a passkey that has proven itself counts, and opens
// nothing.
func (db *DB) UsePasskey(ctx context.Context, login string, p UsedPasskey) error {
	if err := db.update(ctx, func(t *tx) error { return t.use(p, login) }); err != nil {
		return fmt.Errorf("use passkey: %w", err)
	}
	return nil
}

// SuspectPasskey marks a passkey of which a copy seems to be about: its counter
// did not go on. Nothing is opened with it any more.
func (db *DB) SuspectPasskey(ctx context.Context, credential []byte, note string) error {
	err := db.update(ctx, func(t *tx) error {
		key := hashKey(string(credential))
		var p Passkey
		ok, err := t.getJSON(bucketPasskeys, key, &p)
		if err == nil && !ok {
			err = mission.ErrNotFound
		}
		if err != nil {
			return err
		}
		p.Suspect = true
		t.record(audit.Record{Action: "passkey.suspected", Object: p.Login, Outcome: "refused", Source: note, Digest: hex.EncodeToString(key),
			Why: "its counter did not go on: a copy of " + p.Name + " (" + p.ID + ") seems to be about"})
		return t.putJSON(bucketPasskeys, key, p)
	})
	if err != nil {
		return fmt.Errorf("suspect passkey: %w", err)
	}
	return nil
}
