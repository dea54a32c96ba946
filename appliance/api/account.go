package api

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"skerry/appliance/policy"
)

// Accounts is what people do about their own account and their sessions, and
// what administrators do about everybody's sessions. Errors that a person can
// meet are an [*Error] or wrap the sentinels of package mission.
type Accounts interface {
	// Ways says how one can sign in here.
	Ways() Ways

	// Account returns what there is of somebody's; session is the handle of the
	// session that they ask with.
	Account(ctx context.Context, who policy.Principal, session string) (Account, error)

	// EndSession ends one of who's sessions.
	EndSession(ctx context.Context, who policy.Principal, id string) error

	// EndSessions ends all sessions of a person, of everybody if login is empty,
	// but not the one with the handle keep, and says how many.
	EndSessions(ctx context.Context, login, keep string, by policy.Principal) (int, error)

	// SetPassword gives who another password in place of old, and ends all their
	// sessions but the one with the handle keep.
	SetPassword(ctx context.Context, who policy.Principal, old, password, keep, note string) error

	// OfferPasskey begins to make a passkey for who; AddPasskey ends it.
	OfferPasskey(ctx context.Context, who policy.Principal, session, password, note string) (PasskeyOffer, error)
	AddPasskey(ctx context.Context, who policy.Principal, session string, p NewPasskey, note string) (Passkey, error)
	RemovePasskey(ctx context.Context, who policy.Principal, id, note string) error

	// OfferEnrolment begins to make a passkey in place of a password for whom a
	// link is for; EnrolPasskey ends it, and signs them in.
	OfferEnrolment(ctx context.Context, link string) (PasskeyOffer, error)
	EnrolPasskey(ctx context.Context, link string, p NewPasskey, lifetime time.Duration, note string) (token string, s SessionInfo, err error)

	// AskPasskey begins to sign in with a passkey; EnterPasskey ends it.
	AskPasskey(ctx context.Context) (PasskeyOffer, error)
	EnterPasskey(ctx context.Context, answer PasskeyAnswer, lifetime time.Duration, note string) (token string, s SessionInfo, err error)

	// TryDirectory tries all that signing in through the directory takes, but the
	// password.
	TryDirectory(ctx context.Context, login string) (DirectoryReport, error)
}

// Ways is how one can sign in.
type Ways struct {
	Passkeys  bool   `json:"passkeys" doc:"With passkeys, at the site's own address."`
	Site      string `json:"site,omitempty" doc:"The name that passkeys are bound to."`
	Directory bool   `json:"directory" doc:"With the password of the site's directory (LDAP)."`
}

// Account is what a person sees of their own.
type Account struct {
	Who         policy.Principal `json:"who"`
	Kind        string           `json:"kind" enum:"local,directory,host" doc:"Where it is: an account here, one of the directory, or none, as for the administrator of the host."`
	HasPassword bool             `json:"hasPassword" doc:"It has a password here, which can be changed here."`
	Passkeys    []Passkey        `json:"passkeys"`
	Possible    bool             `json:"possible" doc:"They can add passkeys."`
	Sessions    []OwnSession     `json:"sessions"`
}

// OwnSession is one of a person's sessions.
type OwnSession struct {
	ID        string    `json:"id"`
	CreatedAt time.Time `json:"createdAt"`
	ExpiresAt time.Time `json:"expiresAt"`
	From      string    `json:"from,omitempty" doc:"Address that it was opened from."`
	This      bool      `json:"this" doc:"The one that asks."`
}

// Passkey is a key that a person's device keeps.
type Passkey struct {
	ID        string     `json:"id"`
	Name      string     `json:"name"`
	CreatedAt time.Time  `json:"createdAt"`
	UsedAt    *time.Time `json:"usedAt,omitempty" doc:"The last time; absent = never."`
	Suspect   bool       `json:"suspect" doc:"A copy of it seems to be about: it opens nothing any more."`
}

// PasskeyOffer is a challenge for a browser.
type PasskeyOffer struct {
	Ticket  string          `json:"ticket" doc:"Comes back with the answer."`
	Options json.RawMessage `json:"options" doc:"For navigator.credentials (WebAuthn), in its JSON form."`
}

// NewPasskey is what a device has made.
type NewPasskey struct {
	Ticket string          `json:"ticket" maxLength:"64"`
	Name   string          `json:"name" minLength:"1" maxLength:"60" doc:"For the person to tell it from others."`
	Answer json.RawMessage `json:"answer" doc:"What navigator.credentials.create gave, in its JSON form."`
}

// PasskeyAnswer is what a device has answered.
type PasskeyAnswer struct {
	Ticket string          `json:"ticket" maxLength:"64"`
	Answer json.RawMessage `json:"answer" doc:"What navigator.credentials.get gave, in its JSON form."`
}

// DirectoryReport is what came of trying a directory.
type DirectoryReport struct {
	Steps []DirectoryStep `json:"steps"`
}

// DirectoryStep is one thing that was tried with a server.
type DirectoryStep struct {
	Server string `json:"server"`
	What   string `json:"what" enum:"connect,certificate,bind,person,attributes,groups,roles"`
	Found  string `json:"found,omitempty"`
	Error  string `json:"error,omitempty" doc:"Absent = it works."`
}

type sessionPath struct {
	ID string `path:"id" maxLength:"64"`
}

type passwordIn struct {
	Body struct {
		Old      string `json:"old" maxLength:"1024"`
		Password string `json:"password" maxLength:"1024"`
	}
}

type confirmIn struct {
	Body struct {
		Password string `json:"password,omitempty" maxLength:"1024" doc:"Theirs, here or in the directory; not asked of who has none."`
	}
}

type newPasskeyIn struct{ Body NewPasskey }

type enrolPasskeyIn struct {
	Locale
	Body struct {
		NewPasskey
		Token string `json:"token" minLength:"1" maxLength:"200" doc:"From the link that they were given."`
	}
}

type passkeyIn struct {
	Locale
	Body PasskeyAnswer
}

type tryDirectoryIn struct {
	Body struct {
		Login string `json:"login" minLength:"1" maxLength:"64"`
	}
}

// Ended says how many sessions were ended.
type Ended struct {
	Sessions int `json:"sessions"`
}

func (a *API) bindAccount() {
	own := func(op huma.Operation) route[struct{}] { return route[struct{}]{Operation: op, access: signedIn} }
	bind(a, route[struct{}]{Operation: get("sign-in-ways", "/session/ways", "session", "How one can sign in here"), access: open}, a.ways)
	bind(a, route[struct{}]{Operation: post("ask-passkey", "/session/passkey-challenge", "session", "Ask for a passkey"), access: open, always: true}, a.askPasskey)
	bind(a, route[passkeyIn]{Operation: post("sign-in-passkey", "/session/passkey", "session", "Sign in with a passkey"), access: open, always: true}, a.signInPasskey)
	bind(a, route[inviteeIn]{Operation: post("offer-enrolment-passkey", "/session/enrolment-challenge", "session", "Begin to make a passkey by a link"), access: open, always: true}, a.offerEnrolment)
	bind(a, route[enrolPasskeyIn]{Operation: post("enrol-passkey", "/session/enrolment-passkey", "session", "Make a passkey by a link, and sign in"), access: open, always: true}, a.enrolPasskey)

	bind(a, own(get("account", "/account", "account", "My account")), a.account)
	password := post("set-password", "/account/password", "account", "Change my password")
	password.Description = "All other sessions end."
	bind(a, route[passwordIn]{Operation: password, access: signedIn, always: true}, a.setPassword)
	bind(a, route[sessionPath]{Operation: operation("end-own-session", http.MethodDelete, "/account/sessions/{id}", "account", "End one of my sessions"), access: signedIn, always: true}, a.endOwnSession)
	others := own(operation("end-other-sessions", http.MethodDelete, "/account/sessions", "account", "End all my sessions but this"))
	others.always = true
	bind(a, others, a.endOtherSessions)
	bind(a, route[confirmIn]{Operation: post("offer-passkey", "/account/passkey-challenge", "account", "Begin to make a passkey"), access: signedIn}, a.offerPasskey)
	add := post("add-passkey", "/account/passkeys", "account", "Add a passkey")
	add.DefaultStatus = http.StatusCreated
	bind(a, route[newPasskeyIn]{Operation: add, access: signedIn}, a.addPasskey)
	bind(a, route[sessionPath]{Operation: operation("remove-passkey", http.MethodDelete, "/account/passkeys/{id}", "account", "Remove a passkey"), access: signedIn, always: true}, a.removePasskey)

	bind(a, route[personIn]{Operation: operation("end-sessions", http.MethodDelete, "/people/{login}/sessions", "people", "End all sessions of a person"),
		access: asked, action: policy.WritePeople, always: true}, a.endSessions)
	all := operation("end-all-sessions", http.MethodDelete, "/sessions", "people", "End all sessions of everybody")
	all.Description = "But the one that asks."
	bind(a, route[struct{}]{Operation: all, access: asked, action: policy.WritePeople, always: true}, a.endAllSessions)
	try := post("try-directory", "/directory/test", "people", "Try the directory")
	try.Description = "Each step that signing in takes, with every server, but the password of the person."
	bind(a, route[tryDirectoryIn]{Operation: try, access: asked, action: policy.Administer, leaves: true, always: true}, a.tryDirectory)
}

func (a *API) ways(context.Context, *struct{}) (*body[Ways], error) {
	return &body[Ways]{a.Accounts.Ways()}, nil
}

func (a *API) askPasskey(ctx context.Context, _ *struct{}) (*body[PasskeyOffer], error) {
	if err := a.attempt(callerOf(ctx)); err != nil {
		return nil, err
	}
	o, err := a.Accounts.AskPasskey(ctx)
	return &body[PasskeyOffer]{o}, err
}

func (a *API) signInPasskey(ctx context.Context, in *passkeyIn) (*sessionOut, error) {
	// The challenge has counted as the attempt: without one this is nothing.
	token, s, err := a.Accounts.EnterPasskey(ctx, in.Body, a.SessionEnd, callerOf(ctx).remote)
	if err != nil {
		return nil, err
	}
	return a.opened(ctx, token, s, in.Locale)
}

func (a *API) offerEnrolment(ctx context.Context, in *inviteeIn) (*body[PasskeyOffer], error) {
	if err := a.attempt(callerOf(ctx)); err != nil {
		return nil, err
	}
	o, err := a.Accounts.OfferEnrolment(ctx, in.Body.Token)
	if err != nil {
		return nil, a.badLink(ctx, err, askAgain)
	}
	return &body[PasskeyOffer]{o}, nil
}

func (a *API) enrolPasskey(ctx context.Context, in *enrolPasskeyIn) (*sessionOut, error) {
	c := callerOf(ctx)
	if err := a.attempt(c); err != nil {
		return nil, err
	}
	token, s, err := a.Accounts.EnrolPasskey(ctx, in.Body.Token, in.Body.NewPasskey, a.SessionEnd, c.remote)
	if err != nil {
		return nil, a.badLink(ctx, err, askAgain)
	}
	return a.opened(ctx, token, s, in.Locale)
}

func (a *API) account(ctx context.Context, _ *struct{}) (*body[Account], error) {
	c := callerOf(ctx)
	out, err := a.Accounts.Account(ctx, c.who, c.session.ID)
	return &body[Account]{out}, err
}

func (a *API) setPassword(ctx context.Context, in *passwordIn) (*body[Account], error) {
	c := callerOf(ctx)
	if err := a.attempt(c); err != nil {
		return nil, err
	}
	if err := a.Accounts.SetPassword(ctx, c.who, in.Body.Old, in.Body.Password, c.session.ID, c.remote); err != nil {
		return nil, err
	}
	return a.account(ctx, nil)
}

func (a *API) endOwnSession(ctx context.Context, in *sessionPath) (*struct{}, error) {
	return nil, a.Accounts.EndSession(ctx, callerOf(ctx).who, in.ID)
}

func (a *API) endOtherSessions(ctx context.Context, _ *struct{}) (*body[Ended], error) {
	c := callerOf(ctx)
	n, err := a.Accounts.EndSessions(ctx, c.who.ID, c.session.ID, c.who)
	return &body[Ended]{Ended{n}}, err
}

func (a *API) offerPasskey(ctx context.Context, in *confirmIn) (*body[PasskeyOffer], error) {
	c := callerOf(ctx)
	if err := a.attempt(c); err != nil {
		return nil, err
	}
	if in.Body.Password == "" { // an account without one: the session has to be young
		if err := a.needFresh(ctx); err != nil {
			return nil, err
		}
	}
	o, err := a.Accounts.OfferPasskey(ctx, c.who, c.session.ID, in.Body.Password, c.remote)
	return &body[PasskeyOffer]{o}, err
}

func (a *API) addPasskey(ctx context.Context, in *newPasskeyIn) (*body[Passkey], error) {
	c := callerOf(ctx)
	p, err := a.Accounts.AddPasskey(ctx, c.who, c.session.ID, in.Body, c.remote)
	return &body[Passkey]{p}, err
}

func (a *API) removePasskey(ctx context.Context, in *sessionPath) (*struct{}, error) {
	c := callerOf(ctx)
	return nil, a.Accounts.RemovePasskey(ctx, c.who, in.ID, c.remote)
}

func (a *API) endSessions(ctx context.Context, in *personIn) (*body[Ended], error) {
	c := callerOf(ctx)
	n, err := a.Accounts.EndSessions(ctx, in.Login, c.session.ID, c.who)
	return &body[Ended]{Ended{n}}, err
}

func (a *API) endAllSessions(ctx context.Context, _ *struct{}) (*body[Ended], error) {
	c := callerOf(ctx)
	n, err := a.Accounts.EndSessions(ctx, "", c.session.ID, c.who)
	return &body[Ended]{Ended{n}}, err
}

func (a *API) tryDirectory(ctx context.Context, in *tryDirectoryIn) (*body[DirectoryReport], error) {
	r, err := a.Accounts.TryDirectory(ctx, in.Body.Login)
	return &body[DirectoryReport]{r}, err
}
