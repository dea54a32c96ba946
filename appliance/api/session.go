package api

import (
	"context"

	"github.com/danielgtaylor/huma/v2"
)

// Locale is the language that a caller asks for.
type Locale struct {
	Lang   string `query:"lang" enum:"en,de" doc:"Language of sentences; else Accept-Language decides."`
	Accept string `header:"Accept-Language" hidden:"true"`
}

type sessionIn struct {
	Body struct {
		Token string `json:"token" minLength:"1" maxLength:"200" doc:"From the one-time sign-in link."`
	}
}

type sessionOut struct {
	SetCookie []string `header:"Set-Cookie"`
	Body      Session
}

type endedOut struct {
	SetCookie []string `header:"Set-Cookie"`
}

func (a *API) bindSession() {
	bind(a, route[sessionIn]{Operation: post("sign-in", "/session", "session", "Trade a one-time token for a session"), access: open}, a.signIn)
	bind(a, route[Locale]{Operation: get("session", "/session", "session", "Who am I"), access: signedIn}, a.session)
	bind(a, route[struct{}]{Operation: operation("sign-out", "DELETE", "/session", "session", "End the session"), access: signedIn}, a.signOut)
}
func (a *API) signIn(ctx context.Context, in *sessionIn) (*sessionOut, error)  { return nil, errNot }
func (a *API) session(ctx context.Context, in *Locale) (*body[Session], error) { return nil, errNot }
func (a *API) signOut(ctx context.Context, in *struct{}) (*endedOut, error)    { return nil, errNot }

var _ = huma.Operation{}
