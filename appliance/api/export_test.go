package api

import (
	"io"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"

	"skerry/appliance/policy"
)

// Guarded is what was declared for an operation.
type Guarded struct {
	Open, Asked bool
	Action      policy.Action
}

// Guards returns the guards by operation id.
func (a *API) Guards() map[string]Guarded {
	out := map[string]Guarded{}
	for id, g := range a.guards {
		out[id] = Guarded{g.access == open, g.access == asked, g.action}
	}
	return out
}

func (a *API) Document() *huma.OpenAPI   { return a.huma.OpenAPI() }
func (a *API) Routes() gin.RoutesInfo    { return a.gin.Routes() }
func (a *API) CookieName() string        { return cookieName(a.TLS) }
func WriteJSON(w io.Writer, v any) error { return writeJSON(w, v) }

var (
	FileName = fileName
	Typed    = typed
	Units    = units
)

const (
	AttemptsPerMinute = attemptsPerMinute
	SmallBody         = maxSmallBodyBytes
)

// Language returns the language of an Accept-Language header.
func Language(accept string) string { return Locale{Accept: accept}.language() }

// RequestsPerMinute is what one service key may ask.
const RequestsPerMinute = requestsPerMinute

// Bearer reads Authorization headers.
func Bearer(given []string) string { return bearer(given) }
