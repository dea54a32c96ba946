package api

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"skerry/appliance/mission"
)

// Locale is the language that a caller asks for.
type Locale struct {
	Lang   string `query:"lang" enum:"en,de" doc:"Language of sentences; else Accept-Language decides."`
	Accept string `header:"Accept-Language" hidden:"true"`
}

// language returns "en" or "de": what was asked for, else the better one by
// Accept-Language (RFC 9110, section 12.5.4), else English.
func (l Locale) language() string {
	if l.Lang != "" {
		return l.Lang
	}
	best, weight := "en", 0.0
	for item := range strings.SplitSeq(l.Accept, ",") {
		tag, params, _ := strings.Cut(strings.TrimSpace(item), ";")
		q := 1.0
		if v, ok := strings.CutPrefix(strings.TrimSpace(params), "q="); ok {
			f, err := strconv.ParseFloat(v, 64)
			if err != nil {
				continue
			}
			q = f
		}
		primary, _, _ := strings.Cut(strings.ToLower(tag), "-")
		if (primary == "en" || primary == "de") && q > weight {
			best, weight = primary, q
		}
	}
	return best
}

type sessionIn struct {
	Locale
	Body SignIn
}

// SignIn is a request for a session: a login and a password, or the token of a
// link.
type SignIn struct {
	Token    string `json:"token,omitempty" maxLength:"200" doc:"From the one-time sign-in link of the local administrator."`
	Login    string `json:"login,omitempty" maxLength:"64"`
	Password string `json:"password,omitempty" maxLength:"1024"`
}

type enrolIn struct {
	Locale
	Body Enrolment
}

// Enrolment is a person setting their password.
type Enrolment struct {
	Token    string `json:"token" minLength:"1" maxLength:"200" doc:"From the link that they were given."`
	Password string `json:"password" maxLength:"1024"`
}

type inviteeIn struct {
	Body struct {
		Token string `json:"token" minLength:"1" maxLength:"200" doc:"From the link that they were given."`
	}
}

// Invitee is whom a link is for.
type Invitee struct {
	Login    string `json:"login"`
	Name     string `json:"name"`
	Enrolled bool   `json:"enrolled" doc:"They have a password, which the new one replaces."`
}

type sessionOut struct {
	SetCookie []string `header:"Set-Cookie"`
	Body      Session
}

type endedOut struct {
	SetCookie []string `header:"Set-Cookie"`
}

func (a *API) bindSession() {
	in := post("sign-in", "/session", "session", "Sign in")
	in.Description = "With login and password, or with the one-time token of the local administrator."
	bind(a, route[sessionIn]{Operation: in, access: open, always: true}, a.signIn)
	bind(a, route[inviteeIn]{Operation: post("invitee", "/session/invitee", "session", "Whom a link is for"), access: open, always: true}, a.invitee)
	bind(a, route[enrolIn]{Operation: post("enrol", "/session/enrolment", "session", "Set a password by a link, and sign in"), access: open, always: true}, a.enrol)
	a.bindClientCertificates()
	bind(a, route[Locale]{Operation: get("session", "/session", "session", "Who am I"), access: signedIn}, a.session)
	bind(a, route[struct{}]{Operation: operation("sign-out", http.MethodDelete, "/session", "session", "End the session"), access: signedIn, always: true}, a.signOut)
}

// attempt counts an attempt to sign in, and refuses one too many.
func (a *API) attempt(c *caller) error {
	if wait := a.logins.take(c.remote); wait > 0 {
		return &Error{Status: http.StatusTooManyRequests, Code: "too-many-attempts", RetryAfter: wait,
			Detail: "Too many attempts to sign in from here. Wait a minute and try again."}
	}
	return nil
}

// badLink is the answer to a link that is good for nothing.
func (a *API) badLink(ctx context.Context, err error, again string) error {
	if !errors.Is(err, mission.ErrNotFound) {
		return err
	}
	a.Log.WarnContext(ctx, "sign-in refused", "remote", callerOf(ctx).remote)
	return &Error{Status: http.StatusUnauthorized, Code: "bad-link", Detail: "This link was used already, has expired, or is not complete. " + again}
}

const (
	askAgain  = "Ask whoever gave it to you for a new one."
	makeAgain = "Make a new one with: skerry user link"
)

// signIn opens a session.
func (a *API) signIn(ctx context.Context, in *sessionIn) (*sessionOut, error) {
	c, b := callerOf(ctx), in.Body
	if err := a.attempt(c); err != nil {
		return nil, err
	}
	switch {
	case b.Token != "" && b.Login == "" && b.Password == "":
		token, s, err := a.Sessions.Redeem(ctx, b.Token, a.SessionEnd, c.remote)
		if err != nil {
			return nil, a.badLink(ctx, err, makeAgain)
		}
		return a.opened(ctx, token, s, in.Locale)
	case b.Token == "" && b.Login != "" && b.Password != "":
		token, s, err := a.People.Enter(ctx, b.Login, b.Password, a.SessionEnd, c.remote)
		if err != nil {
			return nil, err
		}
		return a.opened(ctx, token, s, in.Locale)
	}
	return nil, invalid("body", "Give a login and a password, or the token of a sign-in link.")
}

func (a *API) invitee(ctx context.Context, in *inviteeIn) (*body[Invitee], error) {
	if err := a.attempt(callerOf(ctx)); err != nil {
		return nil, err
	}
	p, err := a.People.Invited(ctx, in.Body.Token)
	if err != nil {
		return nil, a.badLink(ctx, err, askAgain)
	}
	return &body[Invitee]{Invitee{p.Login, p.Name, p.Enrolled}}, nil
}

func (a *API) enrol(ctx context.Context, in *enrolIn) (*sessionOut, error) {
	c := callerOf(ctx)
	if err := a.attempt(c); err != nil {
		return nil, err
	}
	token, s, err := a.People.Enrol(ctx, in.Body.Token, in.Body.Password, a.SessionEnd, c.remote)
	if err != nil {
		return nil, a.badLink(ctx, err, askAgain)
	}
	return a.opened(ctx, token, s, in.Locale)
}

// opened hands a new session over. It has a new token, whatever cookie came
// along, so that nobody can plant one.
func (a *API) opened(ctx context.Context, token string, session SessionInfo, l Locale) (*sessionOut, error) {
	c := callerOf(ctx)
	if c.session.ID != "" {
		if err := a.endSession(ctx, c.session.ID); err != nil {
			return nil, err
		}
	}
	a.seen.touch(session, a.Now())
	a.Log.InfoContext(ctx, "signed in", "who", session.Principal.ID, "remote", c.remote)
	now := *c
	now.who, now.token, now.session = session.Principal, token, session
	return &sessionOut{SetCookie: []string{cookie(token, c.secure, session.ExpiresAt)}, Body: a.describeSession(ctx, &now, l.language())}, nil
}

// endSession ends a session wherever it stands; one that is gone is no error.
func (a *API) endSession(ctx context.Context, id string) error {
	a.seen.forget(id)
	if err := a.Sessions.RevokeSession(ctx, id); err != nil && !errors.Is(err, mission.ErrNotFound) {
		return err
	}
	return nil
}

func (a *API) session(ctx context.Context, in *Locale) (*body[Session], error) {
	return &body[Session]{a.describeSession(ctx, callerOf(ctx), in.language())}, nil
}

func (a *API) describeSession(ctx context.Context, c *caller, language string) Session {
	s := Session{Who: c.who, Language: language, Version: a.Build.Version, Ends: c.session.ExpiresAt, Classes: a.Policies.Active().Classes,
		Notices: a.Notices(ctx), Currency: a.Currency, MaxBytes: a.MaxUploadBytes}
	if c.token != "" {
		s.CSRF = csrf(c.token)
	}
	s.Proof, s.FreshUntil = proofOf(c), a.freshUntil(c)
	return s
}

func (a *API) signOut(ctx context.Context, _ *struct{}) (*endedOut, error) {
	c := callerOf(ctx)
	if c.local {
		return &endedOut{}, nil
	}
	if err := a.endSession(ctx, c.session.ID); err != nil {
		return nil, err
	}
	return &endedOut{SetCookie: []string{cookie("", c.secure, time.Unix(1, 0))}}, nil
}

// cookieName returns the name of the session cookie. Over TLS its prefix makes
// browsers refuse one that another host or an unprotected page has set
// (RFC 6265bis, section 4.1.3).
func cookieName(secure bool) string {
	if secure {
		return "__Host-skerry_session"
	}
	return "skerry_session"
}

func cookie(token string, secure bool, ends time.Time) string {
	c := http.Cookie{Name: cookieName(secure), Value: token, Path: "/", Expires: ends, HttpOnly: true, Secure: secure, SameSite: http.SameSiteStrictMode}
	return c.String()
}

// limiter bounds attempts to sign in: attemptsPerMinute from one place, and
// ten times as many from everywhere. Tokens of 256 bits cannot be guessed; this
// keeps the log readable and the disk idle while somebody tries.
type limiter struct {
	now func() time.Time

	mu    sync.Mutex
	since time.Time      // start of the current minute; guarded by mu
	count map[string]int // attempts by place since then, "" = all; guarded by mu
}

const attemptsPerMinute = 10

// take counts an attempt and returns 0, or how long to wait.
func (l *limiter) take(place string) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	if age := now.Sub(l.since); age >= time.Minute || age < 0 {
		l.since, l.count = now, map[string]int{}
	}
	if l.count[""] >= 10*attemptsPerMinute || l.count[place] >= attemptsPerMinute {
		return l.since.Add(time.Minute).Sub(now)
	}
	l.count[""]++
	if place != "" {
		l.count[place]++
	}
	return 0
}

// lastUse remembers when sessions were used, to end those that nobody uses. It
// is not durable: a restart counts as use, and the end of every session, which
// is durable, bounds that.
type lastUse struct {
	mu sync.Mutex
	at map[string]use // by session id; guarded by mu
}

type use struct{ last, ends time.Time }

// idle returns how long the session was not used.
func (l *lastUse) idle(s SessionInfo, now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if u, ok := l.at[s.ID]; ok {
		return now.Sub(u.last)
	}
	return 0
}

// touch notes that the session is used now.
func (l *lastUse) touch(s SessionInfo, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, known := l.at[s.ID]; !known {
		if l.at == nil {
			l.at = map[string]use{}
		}
		for id, u := range l.at { // new sessions are rare; sessions that have ended need no memory
			if !now.Before(u.ends) {
				delete(l.at, id)
			}
		}
	}
	l.at[s.ID] = use{now, s.ExpiresAt}
}

func (l *lastUse) forget(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.at, id)
}
