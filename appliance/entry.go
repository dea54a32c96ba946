package appliance

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"skerry/appliance/api"
	"skerry/appliance/audit"
	"skerry/appliance/mission"
	"skerry/appliance/people/directory"
	"skerry/appliance/policy"
	"skerry/store"
)

// proof is somebody whose credentials were right a moment ago: those of a person
// of this site, with a password or a passkey, or those of one of the directory.
type proof struct {
	login   string
	hash    string             // of the password that was given; empty = none
	outside *directory.Person  // as the directory knows them; nil = a person of this site
	passkey *store.UsedPasskey // that was shown; nil = none
}

// refusedSignIn is the answer to whoever is not let in, whatever is wrong.
func refusedSignIn() error {
	return &api.Error{Status: http.StatusUnauthorized, Code: "sign-in-refused",
		Detail: "Login or password is wrong. After several wrong passwords an account is locked for some minutes, in which the right one does not help either."}
}

// prove checks a login and a password, and opens nothing. It counts what is
// wrong, and says the same and takes as long whatever that is: as long as the
// directory usually takes, where there is one.
//
// A login of this site is never asked of the directory, also where it is disabled
// or has no password yet.
func (a accounts) prove(ctx context.Context, login, password, note string) (p proof, err error) {
	if a.directory != nil {
		pause := time.NewTimer(a.refusalTime)
		defer pause.Stop()
		defer func() {
			if err == nil {
				return
			}
			select {
			case <-pause.C:
			case <-ctx.Done():
			}
		}()
	}
	login = strings.ToLower(strings.TrimSpace(login))
	u, err := a.db.User(ctx, login)
	known := err == nil
	if err != nil && !errors.Is(err, mission.ErrNotFound) {
		return proof{}, err
	}
	if a.directory != nil && (!known || u.Outside != "") {
		return a.proveOutside(ctx, u, known, login, password, note)
	}
	open := known && !u.Disabled && u.Hash != "" && !a.now().Before(u.Locked)
	hash := ""
	if open {
		hash = u.Hash
	}
	right, err := a.hasher.Compare(ctx, hash, password)
	switch {
	case err != nil:
		return proof{}, err
	case right:
		return proof{login: login, hash: u.Hash}, nil
	case open:
		if _, err := a.db.WrongPassword(ctx, login, note); err != nil && !errors.Is(err, mission.ErrNotFound) {
			return proof{}, err
		}
	}
	return proof{}, refusedSignIn()
}

// proveOutside is prove for somebody who may be of the directory.
func (a accounts) proveOutside(ctx context.Context, u store.User, known bool, login, password, note string) (proof, error) {
	if !loginForm.MatchString(login) || reserved(login) || password == "" ||
		known && (u.Disabled || a.now().Before(u.Locked)) || !known && a.tries.locked(login) {
		return proof{}, refusedSignIn()
	}
	p, err := a.directory.Check(ctx, login, password)
	switch {
	case err == nil:
		return proof{login: login, outside: &p}, nil
	case !directory.Refused(err):
		return proof{}, a.unreachable(ctx, err)
	}
	if known && errors.Is(err, directory.ErrPassword) {
		_, err = a.db.WrongPassword(ctx, login, note)
	} else {
		a.tries.wrong(login)
		err = a.refuse(login, err.Error(), note)
	}
	if err != nil && !errors.Is(err, mission.ErrNotFound) {
		return proof{}, err
	}
	return proof{}, refusedSignIn()
}

// unreachable says that the directory cannot be asked; what is the matter, the
// log says.
func (a accounts) unreachable(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	a.log.Error("the directory cannot be asked", "err", err)
	return &api.Error{Status: http.StatusServiceUnavailable, Code: "directory-unreachable", RetryAfter: time.Minute, Err: err,
		Detail: "The directory of this site cannot be asked just now, so nobody of it can sign in. Try again in a minute; whoever runs this site finds the cause with: skerry directory test"}
}

// refuse records that somebody was not let in, and why, which nobody but the
// auditors is told.
func (a accounts) refuse(login, why, note string) error {
	if a.record == nil {
		return nil
	}
	return a.record(audit.Record{Action: "session.refused", Object: login, Outcome: "refused", Why: why, Source: note})
}

// open opens a session for somebody who has proven who they are.
func (a accounts) open(ctx context.Context, p proof, lifetime time.Duration, note string) (token string, s api.SessionInfo, err error) {
	var opened store.Session
	switch {
	case p.outside != nil:
		o := outsider(*p.outside)
		if p.passkey != nil {
			token, opened, err = a.db.SignInOutsidePasskey(ctx, o, *p.passkey, a.directory.Recheck(), lifetime, note)
		} else {
			token, opened, err = a.db.SignInOutside(ctx, o, a.directory.Recheck(), lifetime, note)
		}
		if err == nil {
			a.tries.right(p.login)
		}
	case p.passkey != nil:
		token, opened, err = a.db.SignInPasskey(ctx, p.login, *p.passkey, lifetime, note)
	default:
		token, opened, err = a.db.SignIn(ctx, p.login, p.hash, lifetime, note)
	}
	if errors.Is(err, store.ErrNoAccount) || errors.Is(err, store.ErrOtherPerson) || errors.Is(err, store.ErrStalePasskey) {
		// It was changed meanwhile, or the login has gone to somebody else.
		if err := a.refuse(p.login, err.Error(), note); err != nil {
			return "", api.SessionInfo{}, err
		}
		return "", api.SessionInfo{}, refusedSignIn()
	}
	return token, api.SessionInfo(opened), err
}

func outsider(p directory.Person) store.Outsider {
	return store.Outsider{ID: p.ID, Login: p.Login, Name: p.Name, Roles: p.Roles}
}

// Enter implements api.People.
func (a accounts) Enter(ctx context.Context, login, password string, lifetime time.Duration, note string) (string, api.SessionInfo, error) {
	p, err := a.prove(ctx, login, password, note)
	if err != nil {
		return "", api.SessionInfo{}, err
	}
	return a.open(ctx, p, lifetime, note)
}

// confirm checks that it is still the same person who is signed in: their
// password, here or in the directory. It opens nothing, and counts as an attempt
// to sign in.
func (a accounts) confirm(ctx context.Context, who policy.Principal, password, note string) (proof, error) {
	p, err := a.prove(ctx, who.ID, password, note)
	var said *api.Error
	if errors.As(err, &said) && said.Status == http.StatusUnauthorized {
		return proof{}, &api.Error{Status: http.StatusForbidden, Code: "wrong-password", Err: err,
			Detail:   "This is not your password. After several wrong ones your account is locked for some minutes, in which the right one does not help either.",
			Findings: []api.Finding{{Message: "This is not your password.", Location: "body.password"}}}
	}
	return p, err
}

// outsiders looks at people of the directory who are signed in, until ctx ends,
// so that nobody stays longer than the directory lets them.
func (a accounts) outsiders(ctx context.Context) {
	if a.directory == nil {
		return
	}
	tick := time.NewTicker(max(a.directory.Recheck()/6, time.Second))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := a.recheck(ctx); err != nil && ctx.Err() == nil {
			a.log.Error("people of the directory who are signed in cannot be looked up; their sessions end when it was not asked for too long", "err", err)
		}
	}
}

// recheck asks the directory about everybody of it who is signed in and for whom
// its last word is half over. Where it cannot be asked nothing happens: their
// sessions end by themselves.
func (a accounts) recheck(ctx context.Context) error {
	list, err := a.db.Outsiders(ctx)
	if err != nil {
		return err
	}
	for _, w := range list {
		if w.Recheck.Sub(a.now()) > a.directory.Recheck()/2 {
			continue
		}
		p, err := a.directory.Find(ctx, w.Login)
		switch {
		case err == nil:
			err = a.db.Recheck(ctx, outsider(p), a.directory.Recheck())
		case directory.Refused(err):
			err = a.db.Expel(ctx, w.Login, err.Error())
		}
		if err != nil {
			return fmt.Errorf("%s: %w", w.Login, err)
		}
	}
	return nil
}
