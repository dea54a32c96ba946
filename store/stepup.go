package store

import (
	"context"
	"fmt"

	"skerry/appliance/audit"
	"skerry/appliance/mission"
	"skerry/appliance/policy"
)

// Confirm notes that the person behind a session has proven anew who they are:
// the session goes on under a new token, ends when it would have ended, and the
// old token is worth nothing. With a link, which must be one that signs the same
// principal in, the link is the proof and is used up. It returns an error
// wrapping [mission.ErrNotFound] if the session or the link is none.
func (db *DB) Confirm(ctx context.Context, token, link string) (string, Session, error) {
	next, key, fresh, err := db.prepareSession(policy.Principal{}, 0, "")
	if err != nil {
		return "", Session{}, fmt.Errorf("confirm session: %w", err)
	}
	var s Session
	err = db.update(ctx, func(t *tx) error {
		s = Session{}
		ok, err := t.getJSON(bucketSessions, hashKey(token), &s)
		if err == nil && (!ok || !db.now().Before(s.ExpiresAt)) {
			err = mission.ErrNotFound
		}
		if err != nil {
			return err
		}
		r := sessionRecord("session.confirmed", s)
		if link != "" {
			l, err := t.link(link)
			if err == nil && (l.User != "" || l.Principal.ID != s.Principal.ID) {
				err = mission.ErrNotFound
			}
			if err == nil {
				err = t.delete(bucketLinks, hashKey(link))
			}
			if err != nil {
				return err
			}
			r.Object = "link"
		}
		s.ID, s.ConfirmedAt = fresh.ID, fresh.ConfirmedAt
		t.record(r, audit.Record{Action: "session.renewed", Actor: s.Principal.ID, ActorName: s.Principal.Name, Session: s.ID, Source: s.Note})
		if err := t.delete(bucketSessions, hashKey(token)); err != nil {
			return err
		}
		return t.putJSON(bucketSessions, key, s)
	})
	if err != nil {
		return "", Session{}, fmt.Errorf("confirm session: %w", err)
	}
	return next, s, nil
}

// RightPassword forgets the wrong passwords that were given for an account.
func (db *DB) RightPassword(ctx context.Context, login string) error {
	err := db.update(ctx, func(t *tx) error {
		u, err := t.mustUser(login)
		if err != nil || u.Failures == 0 {
			return err
		}
		u.Failures = 0
		return t.putJSON(bucketUsers, []byte(login), u)
	})
	if err != nil {
		return fmt.Errorf("right password: %w", err)
	}
	return nil
}
