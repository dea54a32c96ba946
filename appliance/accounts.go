package appliance

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"skerry/appliance/api"
	"skerry/appliance/audit"
	"skerry/appliance/govern"
	"skerry/appliance/mission"
	"skerry/appliance/people"
	"skerry/appliance/people/directory"
	"skerry/appliance/people/passkey"
	"skerry/appliance/policy"
	"skerry/store"
)

// InvitationLifetime is how long a person has to set their password.
const InvitationLifetime = 72 * time.Hour

// hashesAtOnce bounds the memory that signing in takes: 64 MiB each.
const hashesAtOnce = 2

// accounts is the store as the API keeps people.
type accounts struct {
	db     *store.DB
	hasher *people.Hasher
	url    func() string // of the web UI; empty = none is served
	now    func() time.Time
	log    *slog.Logger
	record func(audit.Record) error // what leaves no trace in the store; nil = nowhere

	directory   *directory.Directory // nil = there is none
	refusalTime time.Duration        // that no refusal is faster than, where there is one
	tries       *tries
	passkeys    *passkey.Party // nil = the site has no name

	govern governance
}

var (
	_ api.People   = accounts{}
	_ api.Accounts = accounts{}
)

// newAccounts returns the people of an appliance whose store is open.
func (a *Appliance) newAccounts(url func() string) (accounts, error) {
	out := accounts{db: a.db, govern: a.govern, hasher: people.NewHasher(people.Usual, hashesAtOnce), url: url, now: time.Now, log: a.Log, record: a.record, refusalTime: refusalTime, tries: &tries{now: time.Now}}
	var err error
	if out.directory, err = newDirectory(a.Config, a.db); err != nil {
		return out, err
	}
	out.passkeys, err = newPasskeys(a.Config, time.Now)
	return out, err
}

// refusalTime hides how much of the directory was asked before somebody was
// refused.
const refusalTime = time.Second

var loginForm = regexp.MustCompile(`^[a-z][a-z0-9._-]{1,63}$`)

// reserved are ids of principals that are no accounts, or begin such.
func reserved(login string) bool {
	return slices.Contains([]string{Administrator().ID, "skerry", "nobody", "system"}, login) || strings.HasPrefix(login, "local-")
}

func shown(u store.User, now time.Time) api.Person {
	p := api.Person{Login: u.Login, Name: u.Name, Roles: append([]string{}, u.Roles...), Enrolled: u.Hash != "" || u.Passkeys > 0 || u.Outside != "",
		Directory: u.Outside != "", Passkeys: u.Passkeys, Certificates: append([]string{}, u.Certificates...), Disabled: u.Disabled, CreatedAt: u.CreatedAt}
	if !u.SignedIn.IsZero() {
		p.SignedInAt = &u.SignedIn
	}
	if now.Before(u.Locked) {
		p.LockedUntil = &u.Locked
	}
	return p
}

func unprocessable(location, format string, a ...any) error {
	text := fmt.Sprintf(format, a...)
	return &api.Error{Status: http.StatusUnprocessableEntity, Detail: text, Findings: []api.Finding{{Message: text, Location: location}}}
}

func noPerson(login string, err error) error {
	if !errors.Is(err, mission.ErrNotFound) {
		return err
	}
	return &api.Error{Status: http.StatusNotFound, Code: "no-person", Err: err, Detail: fmt.Sprintf("There is no account %q. The page People lists them, and so does: skerry user list", login)}
}

// ofDirectory refuses what is done in the directory.
func ofDirectory(why string) error {
	return &api.Error{Status: http.StatusConflict, Code: "of-directory", Detail: "This account is one of the directory: its person " + why + "."}
}

// People implements api.People.
func (a accounts) People(ctx context.Context) ([]api.Person, error) {
	all, err := a.db.Users(ctx)
	list := []api.Person{}
	for _, u := range all {
		list = append(list, shown(u, a.now()))
	}
	return list, err
}

// Add implements api.People.
func (a accounts) Add(ctx context.Context, p api.NewPerson, by policy.Principal) (api.Invitation, error) {
	p.Name = strings.TrimSpace(p.Name)
	switch {
	case !loginForm.MatchString(p.Login):
		return api.Invitation{}, unprocessable("body.login", "The login %q has to begin with a small letter, and goes on with small letters, digits, points, hyphens and underscores; 64 characters at most.", p.Login)
	case reserved(p.Login):
		return api.Invitation{}, unprocessable("body.login", "The login %q is one of Skerry's own. Choose another.", p.Login)
	case p.Name == "":
		return api.Invitation{}, unprocessable("body.name", "The person needs a name, for others to read.")
	}
	if err := policy.CheckRoles(p.Roles); err != nil {
		return api.Invitation{}, unprocessable("body.roles", "%s", sentence(err.Error()))
	}
	var err error
	if c := (govern.Person{Login: p.Login, Add: true, Name: p.Name, Roles: p.Roles}); govern.Concerns(nil, &c) {
		err = a.govern.ask(ctx, by, govern.Change{Person: &c}, p.Note)
	} else {
		_, err = a.db.AddUser(ctx, store.User{Login: p.Login, Name: p.Name, Roles: p.Roles}, by)
	}
	var waits *api.Waiting
	if errors.As(err, &waits) {
		return api.Invitation{Person: shown(store.User{Login: p.Login, Name: p.Name, Roles: p.Roles}, a.now())}, err
	}
	if errors.Is(err, mission.ErrConflict) {
		return api.Invitation{}, &api.Error{Status: http.StatusConflict, Code: "login-taken", Err: err, Detail: fmt.Sprintf("There is an account %q already. Choose another login, or make a new link for that one.", p.Login)}
	}
	if err != nil {
		return api.Invitation{}, err
	}
	return a.Invite(ctx, p.Login, by)
}

// Invite implements api.People.
func (a accounts) Invite(ctx context.Context, login string, by policy.Principal) (api.Invitation, error) {
	if u, err := a.db.User(ctx, login); err == nil && u.Outside != "" {
		return api.Invitation{}, ofDirectory("signs in with their password of the directory, so no link is made for them")
	}
	ends := a.now().Add(InvitationLifetime)
	token, err := a.db.NewUserLink(ctx, login, InvitationLifetime, by)
	if err != nil {
		return api.Invitation{}, noPerson(login, err)
	}
	u, err := a.db.User(ctx, login)
	if err != nil {
		return api.Invitation{}, noPerson(login, err)
	}
	return api.Invitation{Person: shown(u, a.now()), Link: api.Link{URL: a.url(), Token: token}, Ends: ends.UTC()}, nil
}

// Change implements api.People.
func (a accounts) Change(ctx context.Context, login string, c api.PersonChange, by policy.Principal) (api.Person, error) {
	if login == by.ID && (c.Roles != nil || c.Disabled != nil) {
		return api.Person{}, &api.Error{Status: http.StatusForbidden, Code: "own-roles", Detail: "Nobody changes their own roles or disables themselves. Ask another administrator."}
	}
	if err := policy.CheckRoles(c.Roles); err != nil {
		return api.Person{}, unprocessable("body.roles", "%s", sentence(err.Error()))
	}
	wanted := govern.Person{Login: login, Roles: c.Roles, Disabled: c.Disabled}
	if c.Name != nil {
		wanted.Name = strings.TrimSpace(*c.Name)
	}
	u, err := a.db.ChangeUser(ctx, login, by, func(u *store.User) error {
		if c.Roles != nil && u.Outside != "" {
			return ofDirectory("has the roles that their groups give; directory.roles in the configuration of the host says which")
		}
		if govern.Concerns(u.Governed(), &wanted) {
			return errTwo
		}
		if c.Name != nil {
			if u.Name = strings.TrimSpace(*c.Name); u.Name == "" {
				return unprocessable("body.name", "The person needs a name, for others to read.")
			}
		}
		if c.Roles != nil {
			u.Roles = c.Roles
		}
		if c.Disabled != nil {
			u.Disabled = *c.Disabled
		}
		return nil
	})
	if errors.Is(err, errTwo) {
		proposed := a.govern.ask(ctx, by, govern.Change{Person: &wanted}, c.Note)
		u, err = a.db.User(ctx, login)
		if err == nil && proposed != nil {
			return shown(u, a.now()), proposed
		}
	}
	if err != nil {
		return api.Person{}, noPerson(login, err)
	}
	return shown(u, a.now()), nil
}

// errTwo: a change takes two people.
var errTwo = errors.New("it takes two people")

// Remove implements api.People.
func (a accounts) Remove(ctx context.Context, login string, by policy.Principal) error {
	if login == by.ID {
		return &api.Error{Status: http.StatusForbidden, Code: "own-roles", Detail: "Nobody takes their own account away. Ask another administrator."}
	}
	wanted := govern.Person{Login: login, Remove: true}
	err := a.db.RemoveUser(ctx, login, by, func(u *store.User) error {
		// Somebody of the directory comes back with the next sign-in, with the roles
		// that it gives.
		if u.Outside == "" && govern.Concerns(u.Governed(), &wanted) {
			return errTwo
		}
		return nil
	})
	if errors.Is(err, errTwo) {
		err = a.govern.ask(ctx, by, govern.Change{Person: &wanted}, "")
	}
	return noPerson(login, err)
}

// Confirm implements api.People.
func (a accounts) Confirm(ctx context.Context, login, password, note string) error {
	p, err := a.prove(ctx, login, password, note)
	var said *api.Error
	switch {
	case errors.As(err, &said) && said.Status == http.StatusUnauthorized:
		return api.StepUpRefused()
	case err != nil:
		return err
	case p.outside == nil:
		return a.db.RightPassword(ctx, login)
	}
	u, err := a.db.User(ctx, login)
	if err == nil && u.Outside != p.outside.ID { // the login has gone to somebody else
		err = api.StepUpRefused()
	}
	return err
}

// Invited implements api.People.
func (a accounts) Invited(ctx context.Context, link string) (api.Person, error) {
	u, ok, err := a.db.Invited(ctx, link)
	if err == nil && !ok {
		err = mission.ErrNotFound
	}
	if err != nil {
		return api.Person{}, err
	}
	return shown(u, a.now()), nil
}

// Enrol implements api.People.
func (a accounts) Enrol(ctx context.Context, link, password string, lifetime time.Duration, note string) (string, api.SessionInfo, error) {
	p, err := a.Invited(ctx, link)
	if err != nil {
		return "", api.SessionInfo{}, err
	}
	if err := weak(password, p.Login, p.Name); err != nil {
		return "", api.SessionInfo{}, err
	}
	hash, err := a.hasher.Hash(ctx, password)
	if err != nil {
		return "", api.SessionInfo{}, err
	}
	token, s, err := a.db.Enrol(ctx, link, hash, lifetime, note)
	return token, api.SessionInfo(s), err
}

// weak refuses a password that would soon be guessed.
func weak(password string, about ...string) error {
	why := people.Weak(password, about...)
	if why == "" {
		return nil
	}
	return &api.Error{Status: http.StatusUnprocessableEntity, Code: "weak-password", Detail: "The password " + why,
		Findings: []api.Finding{{Message: "The password " + why, Location: "body.password"}}}
}
