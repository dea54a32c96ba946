package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"skerry/appliance/mission"
	"skerry/appliance/policy"
)

// SetCertificates says whose certificates a person may sign in with, and signs
// them out if those have changed. It returns an error wrapping
// [mission.ErrConflict] if one is another person's, and [mission.ErrNotFound] if
// there is no such account.
func (db *DB) SetCertificates(ctx context.Context, login string, certificates []string, by policy.Principal) (User, error) {
	var now User
	err := db.update(ctx, func(t *tx) error {
		u, err := t.mustUser(login)
		if err != nil {
			return err
		}
		for _, c := range certificates {
			other, err := t.certified([]string{c})
			if err != nil {
				return err
			}
			if other != nil && other.Login != login {
				return fmt.Errorf("%s is of %s already: %w", c, other.Login, mission.ErrConflict)
			}
		}
		now = *u
		now.Certificates = slices.Compact(slices.Sorted(slices.Values(certificates)))
		if slices.Equal(now.Certificates, u.Certificates) {
			return nil
		}
		if err := t.signOut(login); err != nil {
			return err
		}
		// Whoever names a certificate could hold it, as whoever makes a link could
		// open it.
		maker, err := t.account(by.ID)
		if err != nil {
			return err
		}
		now.Vouched = slices.Compact(slices.Sorted(slices.Values(slices.Concat(u.Vouched, maker.VouchedBy(by.ID)))))
		return t.putUser("user.certificates", now, by)
	})
	if err != nil {
		return User{}, fmt.Errorf("certificates of %s: %w", login, err)
	}
	return now, nil
}

// SignInCertificate opens a session, bound to the certificate with the given
// fingerprint, for the person who may sign in with one of keys. It returns an
// error wrapping [ErrNoAccount] if that is nobody or one of a directory, and one wrapping
// [mission.ErrConflict] if it is more than one.
func (db *DB) SignInCertificate(ctx context.Context, keys []string, fingerprint string, lifetime time.Duration, note string) (string, Session, error) {
	token, key, s, err := db.prepareSession(policy.Principal{}, lifetime, note)
	if err != nil {
		return "", Session{}, fmt.Errorf("sign in with a certificate: %w", err)
	}
	s.Certificate = fingerprint
	err = db.update(ctx, func(t *tx) error {
		u, err := t.certified(keys)
		switch {
		case err != nil:
			return err
		case u == nil || u.Disabled || u.Outside != "" || fingerprint == "": // whom the directory knows, it has to be asked about
			return ErrNoAccount
		}
		return t.openSession(u, key, &s)
	})
	if err != nil {
		return "", Session{}, fmt.Errorf("sign in with a certificate: %w", err)
	}
	return token, s, nil
}

// certified returns the account that may be signed in to with one of keys; nil =
// none. Two that may are an error: nobody could say who was there.
func (t *tx) certified(keys []string) (*User, error) {
	var found *User
	err := t.bucket(bucketUsers).ForEach(func(login, _ []byte) error {
		u, err := t.user(string(login))
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(u.Certificates, func(c string) bool { return slices.Contains(keys, c) }) {
			return nil
		}
		if found != nil {
			return fmt.Errorf("%s and %s have the same certificate: %w", found.Login, u.Login, mission.ErrConflict)
		}
		found = u
		return nil
	})
	return found, err
}
