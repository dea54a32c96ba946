package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"skerry/appliance/govern"
	"skerry/appliance/policy"
)

// Outsider is a person as a directory has described them a moment ago.
type Outsider struct {
	ID    string // of the entry; never given to anybody else
	Login string
	Name  string
	Roles []string
}

// ErrOtherPerson: the account was made for another entry of the directory, whose
// login has been given to somebody else since.
var ErrOtherPerson = errors.New("the account belongs to another entry of the directory")

// byDirectory is who changes an account as a directory has it.
var byDirectory = policy.Principal{ID: "directory", Name: "Directory"}

// SignInOutside opens a session for somebody whom a directory has vouched for,
// with the roles that it gives. The session ends after recheck, unless
// [DB.Recheck] extends it. Their account is made, or brought up to date. It
// returns an error wrapping [ErrNoAccount] if that is disabled or one of this
// site, and [ErrOtherPerson].
func (db *DB) SignInOutside(ctx context.Context, o Outsider, recheck, lifetime time.Duration, note string) (string, Session, error) {
	return db.signInOutside(ctx, o, nil, recheck, lifetime, note)
}

// signInOutside calls with with the account before the session is opened.
func (db *DB) signInOutside(ctx context.Context, o Outsider, with func(*tx, *User) error, recheck, lifetime time.Duration, note string) (string, Session, error) {
	token, key, s, err := db.prepareSession(policy.Principal{}, lifetime, note)
	if err != nil {
		return "", Session{}, fmt.Errorf("sign in: %w", err)
	}
	s.Recheck = s.CreatedAt.Add(recheck)
	err = db.update(ctx, func(t *tx) error {
		u, err := t.outsider(o)
		if err == nil && with != nil {
			err = with(t, u)
		}
		if err != nil {
			return err
		}
		return t.openSession(u, key, &s)
	})
	if err != nil {
		return "", Session{}, fmt.Errorf("sign in: %w", err)
	}
	return token, s, nil
}

// outsider returns the account of somebody of a directory, up to date, whether it
// was there before or not.
func (t *tx) outsider(o Outsider) (*User, error) {
	u, err := t.user(o.Login)
	switch {
	case err != nil:
		return nil, err
	case o.ID == "" || len(o.Roles) == 0:
		return nil, ErrNoAccount
	case u == nil:
		u = &User{Login: o.Login, Name: o.Name, Roles: slices.Clone(o.Roles), Outside: o.ID, Vouched: []string{govern.DirectoryMark}, CreatedAt: t.db.now().UTC()}
		return u, t.putUser("user.added", *u, byDirectory)
	case u.Disabled || u.Outside == "":
		return nil, ErrNoAccount
	case u.Outside != o.ID:
		return nil, ErrOtherPerson
	}
	if u.Name == o.Name && slices.Equal(u.Roles, o.Roles) {
		return u, nil
	}
	if !slices.Equal(u.Roles, o.Roles) {
		if err := t.signOut(u.Login); err != nil {
			return nil, err
		}
	}
	u.Name, u.Roles = o.Name, slices.Clone(o.Roles)
	return u, t.putUser("user.changed", *u, byDirectory)
}

// Waiting is somebody of a directory who is signed in.
type Waiting struct {
	Login   string
	Recheck time.Time // of the session that ends first
}

// Outsiders returns who of a directory is signed in, by login.
func (db *DB) Outsiders(ctx context.Context) ([]Waiting, error) {
	all, err := db.Sessions(ctx)
	if err != nil {
		return nil, err
	}
	first := map[string]time.Time{}
	for _, s := range all {
		if at, ok := first[s.Principal.ID]; !s.Recheck.IsZero() && (!ok || s.Recheck.Before(at)) {
			first[s.Principal.ID] = s.Recheck
		}
	}
	var list []Waiting
	for login, at := range first {
		list = append(list, Waiting{login, at})
	}
	slices.SortFunc(list, func(a, b Waiting) int { return a.Recheck.Compare(b.Recheck) })
	return list, nil
}

// Recheck says what a directory says now about somebody who is signed in: their
// sessions go on until recheck from now if it says the same as when they were
// opened, else they end.
func (db *DB) Recheck(ctx context.Context, o Outsider, recheck time.Duration) error {
	err := db.update(ctx, func(t *tx) error {
		if u, err := t.user(o.Login); err != nil || u == nil { // its sessions went with it
			return err
		}
		u, err := t.outsider(o) // which ends the sessions if the roles are others
		if errors.Is(err, ErrNoAccount) || errors.Is(err, ErrOtherPerson) {
			return t.expel(o.Login, err.Error())
		}
		if err != nil {
			return err
		}
		return t.extend(u, t.db.now().UTC().Add(recheck))
	})
	if err != nil {
		return fmt.Errorf("recheck %s: %w", o.Login, err)
	}
	return nil
}

// extend moves the end of a person's sessions of a directory; never of one that
// is over.
func (t *tx) extend(u *User, until time.Time) error {
	later := map[string]Session{}
	err := t.bucket(bucketSessions).ForEach(func(k, _ []byte) error {
		var s Session
		if _, err := t.getJSON(bucketSessions, k, &s); err != nil {
			return err
		}
		if s.Principal.ID == u.Login && !s.Recheck.IsZero() && !s.over(t.db.now()) {
			s.Recheck = until
			later[string(k)] = s
		}
		return nil
	})
	for k, s := range later {
		err = errors.Join(err, t.putJSON(bucketSessions, []byte(k), s))
	}
	return err
}

// Expel ends the sessions of somebody whom a directory does not vouch for any
// more; why goes on record.
func (db *DB) Expel(ctx context.Context, login, why string) error {
	if err := db.update(ctx, func(t *tx) error { return t.expel(login, why) }); err != nil {
		return fmt.Errorf("sign out %s: %w", login, err)
	}
	return nil
}

func (t *tx) expel(login, why string) error {
	_, err := t.drop(bucketSessions, func(v []byte) (bool, error) {
		var s Session
		err := json.Unmarshal(v, &s)
		out := s.Principal.ID == login && !s.Recheck.IsZero()
		if out {
			r := sessionRecord("session.ended", s)
			r.Why = why
			t.record(r)
		}
		return out, err
	})
	return err
}
