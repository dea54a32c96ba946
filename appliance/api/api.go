// Package api is the HTTP face of the appliance: one file per resource, bound in
// routes.go, with OpenAPI 3.1 derived from the Go types. It decides nothing: it
// asks [policy.Policy.Can] before every operation, hands the work to small
// interfaces that are declared in ports.go, and turns every error into an
// RFC 9457 problem. It imports neither engine nor store; package appliance
// wires them. Start with [New], then routes.go.
package api

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"encoding/json"
	"io/fs"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"
	"github.com/gin-gonic/gin"
)

// Config is what the API stands on. Every interface must be set; the rest has
// defaults.
type Config struct {
	Engine     Engine
	Runs       Runs
	Decisions  Decisions
	Missions   Missions
	Samples    Samples
	Models     Models
	Policies   Policies
	Blobs      Blobs
	Sessions   Sessions
	Upkeep     Upkeep
	People     People
	Accounts   Accounts
	Vault      Vault
	Secrets    Secrets
	Governance Governance

	Certificates       Certificates
	ServiceKeys        ServiceKeys
	ClientCertificates ClientCertificates

	UI       fs.FS                              // built pages; nil = none
	Build    Version                            // what is installed
	Schema   []byte                             // JSON Schema of the mission file
	Currency string                             // code of the site's currency; empty = EUR
	Notices  func(context.Context) []Notice     // what everyone should know; nil = nothing
	Audit    func(context.Context, Event) error // returns when the event is in the audit log; nil = there is none
	// AuditStatus says how the log stands; nil = there is none
	AuditStatus func(context.Context) (AuditStatus, error)
	ReadOnly    func() error  // why nothing new is taken in; nil = always
	Health      func() string // "ok", "starting", "stopping"; nil = ok

	Hosts          []string      // names that requests may be addressed to, beside loopback names; without port
	TLS            bool          // served over TLS: cookies are Secure, and HSTS is sent
	MaxUploadBytes int64         // largest document that is taken in; 0 = 20 MiB. Reading it may still refuse it
	SessionIdle    time.Duration // a session that nobody uses ends after this, an administrator's after two thirds of it; 0 = 15 min
	SessionEnd     time.Duration // every session ends after this; 0 = 12 h
	Heartbeat      time.Duration // pause between comments on a silent event stream; 0 = 15 s
	MaxStreams     int           // event streams of one caller over the network at once; 0 = 16
	BodyTime       time.Duration // to send a body that is no document; 0 = 30 s
	AnswerTime     time.Duration // to read an answer; 0 = 3 min

	Log *slog.Logger     // nil = nowhere
	Now func() time.Time // nil = time.Now
}

// API serves the pages and everything under /api/v1. It may be used
// concurrently.
type API struct {
	Config
	huma   huma.API
	gin    *gin.Engine
	ui     http.Handler
	guards map[string]guard // by operation id; fixed after New
	origin *http.CrossOriginProtection
	logins limiter
	rates  rates
	seen   lastUse

	looked    sight // looks into runs that are on record
	strangers crowd // refusals of unknown callers

	streams streams
	large   chan struct{} // one per large JSON body in memory

	closing context.Context // ends when Close is called
	close   context.CancelFunc
}

const defaultUploadBytes = 20 << 20

// Times that callers have who are slow.
const (
	usualBodyTime   = 30 * time.Second
	usualAnswerTime = 3 * time.Minute
)

// New returns the API over c.
func New(c Config) *API {
	setDefault(&c.MaxUploadBytes, defaultUploadBytes)
	setDefault(&c.SessionIdle, 15*time.Minute)
	setDefault(&c.SessionEnd, 12*time.Hour)
	setDefault(&c.Heartbeat, 15*time.Second)
	setDefault(&c.MaxStreams, 16)
	setDefault(&c.BodyTime, usualBodyTime)
	setDefault(&c.AnswerTime, usualAnswerTime)
	setDefault(&c.Currency, "EUR")
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Notices == nil {
		c.Notices = func(context.Context) []Notice { return nil }
	}
	if c.Audit == nil {
		c.Audit = func(context.Context, Event) error { return nil }
	}
	if c.AuditStatus == nil {
		c.AuditStatus = func(context.Context) (AuditStatus, error) {
			return AuditStatus{Space: Space{Mode: SpaceEnough}, Auditors: []AuditorInfo{}}, nil
		}
	}
	if c.ReadOnly == nil {
		c.ReadOnly = func() error { return nil }
	}
	if c.Health == nil {
		c.Health = func() string { return "ok" }
	}
	a := &API{Config: c, guards: map[string]guard{}, origin: http.NewCrossOriginProtection()}
	a.closing, a.close = context.WithCancel(context.Background())
	a.large = make(chan struct{}, maxLargeBodies)
	a.logins.now, a.streams.max = c.Now, c.MaxStreams
	a.origin.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.refuse(w, r, a.refused(r.Context(), "request", &Error{Status: http.StatusForbidden, Code: "cross-origin",
			Detail: "This request comes from another site. Open Skerry at its own address and repeat it there."}))
	}))
	if c.UI != nil {
		a.ui = UI(c.UI)
	}
	a.gin = newGin(a)
	a.huma = humagin.New(a.gin, a.openAPI())
	a.routes()
	return a
}

func setDefault[T comparable](v *T, to T) {
	var zero T
	if *v == zero {
		*v = to
	}
}

// newGin returns a router whose own refusals are problems too.
func newGin(a *API) *gin.Engine {
	gin.SetMode(gin.ReleaseMode)
	e := gin.New()
	e.HandleMethodNotAllowed = true
	e.RedirectTrailingSlash, e.RedirectFixedPath = false, false
	e.ContextWithFallback = true
	if err := e.SetTrustedProxies(nil); err != nil { // cannot fail without proxies
		a.Log.Error("trusted proxies", "err", err)
	}
	e.NoRoute(func(c *gin.Context) {
		a.refuse(c.Writer, c.Request, &Error{Status: http.StatusNotFound, Detail: "There is nothing at " + c.Request.URL.Path + ". What there is, is in " + prefix + "/openapi.json."})
	})
	e.NoMethod(func(c *gin.Context) {
		a.refuse(c.Writer, c.Request, &Error{Status: http.StatusMethodNotAllowed, Detail: c.Request.URL.Path + " does not take " + c.Request.Method + "; it takes " + c.Writer.Header().Get("Allow") + "."})
	})
	return e
}

// openAPI returns the configuration of huma: JSON in which lists are never
// null, and huma's own errors turned into problems.
func (a *API) openAPI() huma.Config {
	registry := huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer)
	describe(registry)
	format := huma.Format{Marshal: writeJSON, Unmarshal: json.Unmarshal}
	return huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{Title: "Skerry", Version: "1", Description: "Money is in integer micro-units of the site's currency, times are RFC 3339 in UTC, and a confidence is a number in [0, 1] or null. " +
				"Errors are RFC 9457 problems. With the session cookie, everything that changes something needs the header X-CSRF-Token, whose value GET /session tells. Programs send a service key instead, as Authorization: Bearer."},
			Components: &huma.Components{Schemas: registry},
		},
		Formats:       map[string]huma.Format{"application/json": format, "json": format},
		DefaultFormat: "application/json",
		Transformers:  []huma.Transformer{a.explain},
	}
}

// Close ends all event streams, so that a server can shut down. Requests that
// come later are still answered, but streams end at once.
func (a *API) Close() { a.close() }

// OpenAPI returns the OpenAPI document as JSON.
func (a *API) OpenAPI() ([]byte, error) { return json.Marshal(a.huma.OpenAPI()) }

// reference returns a name for a line in the log that a person can read out.
func reference() string {
	b := make([]byte, 5)
	rand.Read(b) // never fails
	return strings.ToLower(base32.StdEncoding.EncodeToString(b))
}

// streams counts the event streams of every caller.
type streams struct {
	max int

	mu   sync.Mutex
	open map[string]int // by caller; guarded by mu
}

// take reserves a stream for who; ok is false if there are too many.
func (s *streams) take(who string) (release func(), ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open == nil {
		s.open = map[string]int{}
	}
	if s.open[who] >= s.max {
		return nil, false
	}
	s.open[who]++
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.open[who]--; s.open[who] == 0 {
			delete(s.open, who)
		}
	}, true
}
