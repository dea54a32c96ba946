package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"skerry/appliance/audit"
	"skerry/appliance/mission"
	"skerry/appliance/policy"
)

// User is a person who has an account here.
type User struct {
	Login     string    `json:"login"` // also the id of the principal
	Name      string    `json:"name"`
	Roles     []string  `json:"roles"`
	Hash      string    `json:"hash,omitempty"` // of the password; empty = none was set yet
	Disabled  bool      `json:"disabled,omitempty"`
	CreatedAt time.Time `json:"createdAt"`
	SignedIn  time.Time `json:"signedIn,omitzero"` // the last time
	Vouched   []string  `json:"vouched,omitempty"` // who could be behind it; see [govern.Account]

	Failures int       `json:"failures,omitempty"` // wrong passwords since the last right one
	Locked   time.Time `json:"locked,omitzero"`    // until then no password is looked at

	Certificates []string `json:"certificates,omitempty"` // whose holder may sign in as this person; see package clientcert

	// Outside names the entry of a directory that the account stands for; empty =
	// it is one of this site. Such an account has no password here, and its roles
	// are those that the directory gave last: no session is opened with them.
	Outside string `json:"outside,omitempty"`

	Handle   []byte `json:"handle,omitempty"`   // under which passkeys know the person; random
	Passkeys int    `json:"passkeys,omitempty"` // how many there are
}

// Principal returns who the person is to the policy.
func (u User) Principal() policy.Principal {
	return policy.Principal{ID: u.Login, Name: u.Name, Roles: u.Roles}
}

// ErrNoAccount: the account is disabled, or it is gone.
var ErrNoAccount = errors.New("there is no such account, or it is disabled")

// AddUser makes an account without a password. It returns an error wrapping
// [mission.ErrConflict] if there is one of that login.
func (db *DB) AddUser(ctx context.Context, u User, by policy.Principal) (User, error) {
	u.CreatedAt = db.now().UTC()
	err := db.update(ctx, func(t *tx) error { return t.addUser(u, by) })
	if err != nil {
		return User{}, fmt.Errorf("add user: %w", err)
	}
	return u, nil
}

func (t *tx) addUser(u User, by policy.Principal) error {
	if old, err := t.user(u.Login); err != nil {
		return err
	} else if old != nil {
		return fmt.Errorf("there is an account %s already: %w", u.Login, mission.ErrConflict)
	}
	return t.putUser("user.added", u, by)
}

// User returns an account, or an error wrapping [mission.ErrNotFound].
func (db *DB) User(ctx context.Context, login string) (User, error) {
	var u *User
	err := db.view(ctx, func(t *tx) (err error) {
		u, err = t.user(login)
		return err
	})
	if err == nil && u == nil {
		err = mission.ErrNotFound
	}
	if err != nil {
		return User{}, fmt.Errorf("user %s: %w", login, err)
	}
	return *u, nil
}

// Users returns all accounts by login.
func (db *DB) Users(ctx context.Context) ([]User, error) {
	var all []User
	err := db.view(ctx, func(t *tx) error {
		all = nil
		return t.bucket(bucketUsers).ForEach(func(k, _ []byte) error {
			u, err := t.user(string(k))
			if err == nil {
				all = append(all, *u)
			}
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("users: %w", err)
	}
	return all, nil
}

// ChangeUser changes an account. Whoever may now do other things than before,
// or nothing any more, is signed out in the same transaction, and links for them
// are void. change may return an error, and nothing is changed.
func (db *DB) ChangeUser(ctx context.Context, login string, by policy.Principal, change func(*User) error) (User, error) {
	var now User
	err := db.update(ctx, func(t *tx) (err error) {
		now, err = t.changeUser(login, by, change)
		return err
	})
	if err != nil {
		return User{}, fmt.Errorf("change user %s: %w", login, err)
	}
	return now, nil
}

func (t *tx) changeUser(login string, by policy.Principal, change func(*User) error) (User, error) {
	u, err := t.mustUser(login)
	if err != nil {
		return User{}, err
	}
	now := *u
	now.Roles = slices.Clone(u.Roles)
	if err := change(&now); err != nil {
		return User{}, err
	}
	now.Login = login
	if now.Disabled != u.Disabled || !slices.Equal(now.Roles, u.Roles) || now.Hash != u.Hash || !slices.Equal(now.Certificates, u.Certificates) {
		if err := t.signOut(login); err != nil {
			return User{}, err
		}
	}
	return now, t.putUser("user.changed", now, by)
}

// RemoveUser takes an account away, signs its person out and voids their links.
// check may return an error, and nothing is changed.
func (db *DB) RemoveUser(ctx context.Context, login string, by policy.Principal, check func(*User) error) error {
	err := db.update(ctx, func(t *tx) error { return t.removeUser(login, by, check) })
	if err != nil {
		return fmt.Errorf("remove user %s: %w", login, err)
	}
	return nil
}

func (t *tx) removeUser(login string, by policy.Principal, check func(*User) error) error {
	u, err := t.mustUser(login)
	if err == nil && check != nil {
		err = check(u)
	}
	if err != nil {
		return err
	}
	if err := t.signOut(login); err != nil {
		return err
	}
	if _, err := t.dropPasskeys(login); err != nil {
		return err
	}
	t.record(audit.Record{Action: "user.removed", Object: login, Actor: by.ID, ActorName: by.Name})
	return t.delete(bucketUsers, []byte(login))
}

// Lockout: this many wrong passwords in a row lock an account, for a time that
// doubles with each further one.
const (
	lockAfter = 5
	lockFirst = time.Minute
	lockMost  = 15 * time.Minute
)

// WrongPassword counts a wrong password and returns until when the account is
// locked; zero if it is not.
func (db *DB) WrongPassword(ctx context.Context, login, note string) (until time.Time, err error) {
	err = db.update(ctx, func(t *tx) error {
		u, err := t.mustUser(login)
		if err != nil {
			return err
		}
		u.Failures++
		if over := u.Failures - lockAfter; over >= 0 {
			u.Locked = db.now().UTC().Add(min(lockFirst<<min(over, 10), lockMost))
		}
		until = u.Locked
		t.record(audit.Record{Action: "session.refused", Object: login, Outcome: "refused", Why: fmt.Sprintf("wrong password, %d in a row", u.Failures), Source: note})
		return t.putJSON(bucketUsers, []byte(login), u)
	})
	if err != nil {
		return time.Time{}, fmt.Errorf("wrong password: %w", err)
	}
	return until, nil
}

// SignIn opens a session for a person whose password had the given hash a
// moment ago. It returns an error wrapping [ErrNoAccount] if the account has
// changed since.
func (db *DB) SignIn(ctx context.Context, login, hash string, lifetime time.Duration, note string) (string, Session, error) {
	return db.signIn(ctx, login, func(_ *tx, u *User) error {
		if u.Hash != hash || hash == "" {
			return ErrNoAccount
		}
		return nil
	}, lifetime, note)
}

// signIn opens a session for a person, unless with has something against it.
func (db *DB) signIn(ctx context.Context, login string, with func(*tx, *User) error, lifetime time.Duration, note string) (string, Session, error) {
	token, key, s, err := db.prepareSession(policy.Principal{}, lifetime, note)
	if err != nil {
		return "", Session{}, fmt.Errorf("sign in: %w", err)
	}
	err = db.update(ctx, func(t *tx) error {
		u, err := t.user(login)
		switch {
		case err != nil:
			return err
		case u == nil || u.Disabled:
			return ErrNoAccount
		}
		if err := with(t, u); err != nil {
			return err
		}
		return t.openSession(u, key, &s)
	})
	if err != nil {
		return "", Session{}, fmt.Errorf("sign in: %w", err)
	}
	return token, s, nil
}

// ChangePassword gives an account another password, for one that had the hash
// before a moment ago, and ends all its sessions but the one with the handle
// keep. It returns an error wrapping [ErrNoAccount] if the account has changed
// since.
func (db *DB) ChangePassword(ctx context.Context, login, before, after, keep, note string) error {
	err := db.update(ctx, func(t *tx) error {
		u, err := t.user(login)
		switch {
		case err != nil:
			return err
		case u == nil || u.Disabled || u.Outside != "" || u.Hash != before || before == "" || after == "":
			return ErrNoAccount
		}
		if _, err := t.endSessions(login, keep); err != nil {
			return err
		}
		if err := t.voidLinks(login); err != nil {
			return err
		}
		u.Hash = after
		t.record(audit.Record{Action: "user.password", Object: login, Actor: login, ActorName: u.Name, Session: keep, Source: note})
		return t.putJSON(bucketUsers, []byte(login), u)
	})
	if err != nil {
		return fmt.Errorf("change password: %w", err)
	}
	return nil
}

// Invited returns whose account a link is for; ok = false if it is for nobody's,
// as those of the local administrator. It returns an error wrapping
// [mission.ErrNotFound] if the link is unknown, used or expired.
func (db *DB) Invited(ctx context.Context, link string) (u User, ok bool, err error) {
	err = db.view(ctx, func(t *tx) error {
		l, err := t.link(link)
		if err != nil || l.User == "" {
			return err
		}
		found, err := t.user(l.User)
		switch {
		case err != nil:
			return err
		case found == nil || found.Disabled:
			return mission.ErrNotFound
		}
		u, ok = *found, true
		return nil
	})
	if err != nil {
		return User{}, false, fmt.Errorf("sign-in link: %w", err)
	}
	return u, ok, nil
}

// Enrol uses a link for an account up, gives it a password in place of all that
// it was signed in to with before, ends all its sessions and opens one.
func (db *DB) Enrol(ctx context.Context, link, hash string, lifetime time.Duration, note string) (string, Session, error) {
	if hash == "" {
		return "", Session{}, fmt.Errorf("enrol: %w", mission.ErrNotFound)
	}
	return db.enrol(ctx, link, func(_ *tx, u *User) error { u.Hash = hash; return nil }, lifetime, note)
}

// enrol is [DB.Enrol] with whatever give gives to the account.
func (db *DB) enrol(ctx context.Context, link string, give func(*tx, *User) error, lifetime time.Duration, note string) (string, Session, error) {
	token, key, s, err := db.prepareSession(policy.Principal{}, lifetime, note)
	if err != nil {
		return "", Session{}, fmt.Errorf("enrol: %w", err)
	}
	err = db.update(ctx, func(t *tx) error {
		l, err := t.link(link)
		if err != nil {
			return err
		}
		u, err := t.user(l.User)
		switch {
		case err != nil:
			return err
		case u == nil || u.Disabled || l.User == "" || u.Outside != "":
			return mission.ErrNotFound
		}
		if err := t.signOut(l.User); err != nil { // the link too
			return err
		}
		if _, err := t.dropPasskeys(l.User); err != nil {
			return err
		}
		u.Hash, u.Passkeys = "", 0
		if err := give(t, u); err != nil {
			return err
		}
		u.Vouched = l.Vouched
		t.record(audit.Record{Action: "user.enrolled", Object: u.Login, Actor: u.Login, ActorName: u.Name, Source: note})
		return t.openSession(u, key, &s)
	})
	if err != nil {
		return "", Session{}, fmt.Errorf("enrol: %w", err)
	}
	return token, s, nil
}

// openSession notes that the person is here and opens their session.
func (t *tx) openSession(u *User, key []byte, s *Session) error {
	u.Failures, u.Locked, u.SignedIn = 0, time.Time{}, s.CreatedAt
	s.Principal = u.Principal()
	t.record(sessionRecord("session.opened", *s))
	if err := t.putJSON(bucketUsers, []byte(u.Login), u); err != nil {
		return err
	}
	return t.putJSON(bucketSessions, key, s)
}

// user returns nil if there is no such account.
func (t *tx) user(login string) (*User, error) {
	if login == "" {
		return nil, nil
	}
	var u User
	ok, err := t.getJSON(bucketUsers, []byte(login), &u)
	if err != nil || !ok {
		return nil, err
	}
	return &u, nil
}

func (t *tx) mustUser(login string) (*User, error) {
	u, err := t.user(login)
	if err == nil && u == nil {
		err = mission.ErrNotFound
	}
	return u, err
}

// putUser stores an account and records who changed it to what; never its hash.
func (t *tx) putUser(action string, u User, by policy.Principal) error {
	said := u
	said.Hash, said.Failures, said.Locked, said.SignedIn, said.Handle = "", 0, time.Time{}, time.Time{}, nil
	text, err := json.Marshal(said)
	if err != nil {
		return err
	}
	t.record(audit.Record{Action: action, Object: u.Login, Actor: by.ID, ActorName: by.Name, Why: string(text)})
	return t.putJSON(bucketUsers, []byte(u.Login), u)
}

// signOut ends the sessions of an account and voids its links.
func (t *tx) signOut(login string) error {
	if _, err := t.endSessions(login, ""); err != nil {
		return err
	}
	return t.voidLinks(login)
}

func (t *tx) voidLinks(login string) error {
	_, err := t.drop(bucketLinks, func(v []byte) (bool, error) {
		var l Link
		err := json.Unmarshal(v, &l)
		return l.User == login, err
	})
	return err
}

// link returns a link that can be used now, or [mission.ErrNotFound].
func (t *tx) link(token string) (Link, error) {
	var l Link
	ok, err := t.getJSON(bucketLinks, hashKey(token), &l)
	if err == nil && (!ok || !t.db.now().Before(l.ExpiresAt)) {
		err = mission.ErrNotFound
	}
	return l, err
}
