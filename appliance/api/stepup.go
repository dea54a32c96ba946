package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"skerry/appliance/govern"
	"skerry/appliance/mission"
)

// Proof is how a person shows that they are still the one who signed in.
type Proof struct {
	Password string `json:"password,omitempty" maxLength:"1024"`
	Token    string `json:"token,omitempty" maxLength:"200" doc:"Of a new one-time sign-in link; for the Administrator, who has no password."`
}

type stepUpIn struct {
	Locale
	Body Proof
}

func (a *API) bindStepUp() {
	op := post("step-up", "/session/step-up", "session", "Prove that you are still you")
	op.Description = "Approving changes, and changes of people, secrets and who can open the vault, need such a proof within the last five minutes; signing in is one. " +
		"Without, they are refused with the problem urn:skerry:step-up. The session goes on under a new cookie and a new CSRF token."
	bind(a, route[stepUpIn]{Operation: op, access: signedIn, always: true}, a.stepUp)
}

// isFresh reports whether the caller has proven a moment ago who they are. The
// kernel says it of whoever is at the local socket.
func (a *API) isFresh(c *caller) bool {
	if c.local {
		return c.signedIn()
	}
	age := a.Now().Sub(c.session.ConfirmedAt)
	return c.session.ID != "" && age >= 0 && age < govern.FreshFor
}

// needFresh refuses callers who have signed in too long ago.
func (a *API) needFresh(ctx context.Context) error {
	if a.isFresh(callerOf(ctx)) {
		return nil
	}
	return &Error{Status: http.StatusForbidden, Code: govern.CodeStepUp,
		Detail: "This needs proof that you are still you, and you signed in more than five minutes ago. Give your password again and repeat, or sign in anew with your passkey or card; the Administrator makes a new link with: skerry user link"}
}

// proofOf says what a session is proven with: "password" or "link"; empty if it
// needs no proof.
func proofOf(c *caller) string {
	switch {
	case c.local:
		return ""
	case govern.IsHost(c.who.ID):
		return "link"
	}
	return "password"
}

// stepUp renews a session. Wrong proofs count as wrong passwords at signing in
// do.
func (a *API) stepUp(ctx context.Context, in *stepUpIn) (*sessionOut, error) {
	c, b := callerOf(ctx), in.Body
	if c.local {
		return nil, invalid("body", "Nobody signs in at the local socket, so there is nothing to prove.")
	}
	if err := a.attempt(c); err != nil {
		return nil, err
	}
	switch {
	case b.Password != "" && b.Token == "" && proofOf(c) == "password":
		if err := a.People.Confirm(ctx, c.who.ID, b.Password, c.remote); err != nil {
			return nil, err
		}
	case b.Token != "" && b.Password == "" && proofOf(c) == "link":
	default:
		return nil, invalid("body", "Give your password; the Administrator gives the token of a new sign-in link.")
	}
	return a.confirmed(ctx, b.Token, in.Locale)
}

// confirmed renews the session of a caller who has proven who they are, however
// that was: with a link it is the proof.
func (a *API) confirmed(ctx context.Context, link string, l Locale) (*sessionOut, error) {
	c := callerOf(ctx)
	token, s, err := a.Sessions.Confirm(ctx, c.token, link)
	if errors.Is(err, mission.ErrNotFound) {
		return nil, stepUpRefused("The link was used already, has expired, or is none of yours. Make a new one with: skerry user link")
	}
	if err != nil {
		return nil, err
	}
	a.seen.forget(c.session.ID)
	a.seen.touch(s, a.Now())
	now := *c
	now.token, now.session = token, s
	return &sessionOut{SetCookie: []string{cookie(token, c.secure, s.ExpiresAt)}, Body: a.describeSession(ctx, &now, l.language())}, nil
}

// stepUpRefused is the answer to a wrong proof. It is not that of signing in:
// the session goes on as it was.
func stepUpRefused(detail string) error {
	return &Error{Status: http.StatusForbidden, Code: "step-up-refused", Detail: detail}
}

// StepUpRefused is the answer of [People.Confirm] to a wrong password.
func StepUpRefused() error {
	return stepUpRefused("The password is wrong. After several wrong ones the account is locked for some minutes, in which the right one does not help either.")
}

// freshUntil returns until when a session needs no proof; nil = it needs one, or
// never does.
func (a *API) freshUntil(c *caller) *time.Time {
	if c.local || !a.isFresh(c) {
		return nil
	}
	at := c.session.ConfirmedAt.Add(govern.FreshFor).UTC()
	return &at
}
