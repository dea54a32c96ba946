package api

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"skerry/appliance/mission"
	"skerry/appliance/policy"
)

// caller is what is known about who asks, before any operation is reached.
type caller struct {
	who         policy.Principal
	local       bool              // through the local socket
	token       string            // of the session; empty = none
	key         string            // handle of the service key; empty = none
	certificate ClientCertificate // client certificate of the connection; zero = none
	flood       bool              // refused for its many requests, which is on record already
	secure      bool              // over TLS
	remote      string

	session      SessionInfo
	method, path string
	request      *http.Request
	writer       http.ResponseWriter
}

// signedIn reports whether it is known who asks.
func (c *caller) signedIn() bool { return c.who.ID != "" }

type callerKey struct{}
type principalKey struct{}

var nobody = &caller{}

func callerOf(ctx context.Context) *caller {
	if c, ok := ctx.Value(callerKey{}).(*caller); ok {
		return c
	}
	return nobody
}

// WithPrincipal returns a context for connections whose other end is known to
// be who, for [http.Server.ConnContext] of the local socket: whoever may open
// that file acts as its owner. Such requests need neither cookie nor CSRF
// token, since no browser can make them.
func WithPrincipal(ctx context.Context, who policy.Principal) context.Context {
	return context.WithValue(ctx, principalKey{}, who)
}

// Policies for content. Pages may load only what this host serves, and no text
// becomes markup or code in them (trusted types). Answers of the API are data:
// a browser that shows one by itself gets to do nothing.
const (
	pageContentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; font-src 'self'; " +
		"form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
	dataContentPolicy = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox"
)

// ServeHTTP answers a request. What every response has in common happens here,
// before anything is routed, so that no route can lack it.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	api := r.URL.Path == "/api" || strings.HasPrefix(r.URL.Path, "/api/")
	secure := a.TLS || r.TLS != nil
	head(w.Header(), api, secure)

	c := &caller{secure: secure, remote: host(r.RemoteAddr), method: r.Method, path: r.URL.Path, writer: w}
	if who, ok := r.Context().Value(principalKey{}).(policy.Principal); ok {
		c.who, c.local = who, true
	}
	r = r.WithContext(context.WithValue(r.Context(), callerKey{}, c))
	c.request = r
	defer a.recover(w, r)

	// Streams set their own deadlines, and so do starts; everything else has this
	// long. The server waits for a body that was announced even where the answer
	// does not need it, so that its end is bounded before anything is decided.
	deadlines := http.NewResponseController(w)
	deadlines.SetWriteDeadline(time.Now().Add(a.AnswerTime)) //nolint:errcheck // recorders in tests have none
	if r.ContentLength != 0 {
		deadlines.SetReadDeadline(time.Now().Add(a.BodyTime)) //nolint:errcheck // as above
	}
	if err := crowded(r); err != nil {
		a.refuse(w, r, a.refused(r.Context(), "request", err))
		return
	}
	if !c.local && !a.knownHost(r.Host) {
		a.refuse(w, r, a.refused(r.Context(), "request", &Error{Status: http.StatusMisdirectedRequest, Code: "unknown-host",
			Detail: fmt.Sprintf("Skerry does not answer to the name %q. Open it at the address that it printed at its start, or add the name to hosts in its configuration.", host(r.Host))}))
		return
	}
	if !api {
		a.page(w, r)
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, a.bodyLimit(r))
	a.origin.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := a.authenticate(c, r); err != nil {
			a.refuse(w, r, a.refused(r.Context(), "request", err))
			return
		}
		a.gin.ServeHTTP(w, r)
	})).ServeHTTP(w, r)
}

// head sets the headers that every response carries.
func head(h http.Header, api, secure bool) {
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
	h.Set("Content-Security-Policy", pageContentPolicy)
	if api {
		h.Set("Content-Security-Policy", dataContentPolicy)
		h.Set("Cache-Control", "no-store")
	}
	if secure {
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
}

// recover answers a panic with a reference; the log has the rest.
func (a *API) recover(w http.ResponseWriter, r *http.Request) {
	v := recover()
	switch {
	case v == nil:
		return
	case v == http.ErrAbortHandler: //nolint:errorlint // the sentinel is compared by identity, as net/http does
		panic(v)
	}
	a.Log.ErrorContext(r.Context(), "panic in a request", "method", r.Method, "path", r.URL.Path, "panic", v, "stack", string(debug.Stack()))
	a.refuse(w, r, fmt.Errorf("panic: %v", v))
}

// knownHost reports whether requests may be addressed to hostport. Anything
// else may be a page on the internet whose name was pointed at this host (DNS
// rebinding), and which would otherwise pass for same-origin.
func (a *API) knownHost(hostport string) bool {
	name := strings.ToLower(strings.TrimSuffix(host(hostport), "."))
	if name == "localhost" || slices.Contains(a.Hosts, name) {
		return true
	}
	ip, err := netip.ParseAddr(name)
	return err == nil && ip.IsLoopback()
}

// host returns the host part of host[:port].
func host(hostport string) string {
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		return h
	}
	return strings.Trim(hostport, "[]")
}

// authenticate finds out who asks. Without a session the caller stays nobody,
// which open operations do not mind; a session that does not protect itself
// against forged requests is refused.
func (a *API) authenticate(c *caller, r *http.Request) error {
	if c.local {
		return nil
	}
	if err := a.seeCertificate(c, r); err != nil {
		return err
	}
	if given := r.Header.Values("Authorization"); len(given) > 0 {
		return a.authenticateKey(c, r, given) // whatever cookie came along
	}
	cookie, err := r.Cookie(cookieName(c.secure))
	if err != nil || cookie.Value == "" {
		return nil
	}
	now := a.Now()
	s, err := a.Sessions.Session(r.Context(), cookie.Value)
	switch {
	case errors.Is(err, mission.ErrNotFound):
		return nil
	case err != nil:
		return fmt.Errorf("look up the session: %w", err)
	case !now.Before(s.ExpiresAt):
		return nil
	case a.seen.idle(s, now) >= a.idleEnd(s.Principal):
		return a.endSession(r.Context(), s.ID)
	}
	signIn := r.Method == http.MethodPost && slices.Contains(signInPaths, r.URL.Path) // starts anew whatever there was
	if s.Certificate != c.certificate.Fingerprint {
		if signIn {
			return nil
		}
		return errOtherCertificate
	}
	if unsafe(r.Method) && r.Header.Get("Origin") == "" && r.Header.Get("Sec-Fetch-Site") == "" {
		return errNoOrigin
	}
	if unsafe(r.Method) && !signIn && !equal(r.Header.Get(csrfHeader), csrf(cookie.Value)) {
		return &Error{Status: http.StatusForbidden, Code: "csrf",
			Detail: "The header " + csrfHeader + " is missing or belongs to another session. Load the page again and repeat."}
	}
	a.seen.touch(s, now)
	c.who, c.token, c.session = s.Principal, cookie.Value, s
	return nil
}

// errNoOrigin: every browser that keeps its people says where a change comes
// from. What says nothing might be one that does not, and
// [http.CrossOriginProtection] lets that pass.
var errNoOrigin = &Error{Status: http.StatusForbidden, Code: "no-origin",
	Detail: "This change does not say which site it comes from (neither Origin nor Sec-Fetch-Site). Use a current browser; programs use a service key instead of a session."}

// idleEnd is how long a session of who may lie unused: an administrator's, which
// can do more, less.
func (a *API) idleEnd(who policy.Principal) time.Duration {
	if slices.Contains(who.Roles, policy.Admin) {
		return a.SessionIdle * 2 / 3
	}
	return a.SessionIdle
}

var signInPaths = []string{prefix + "/session", prefix + "/session/certificate", prefix + "/session/invitee", prefix + "/session/enrolment",
	prefix + "/session/passkey-challenge", prefix + "/session/passkey", prefix + "/session/enrolment-challenge", prefix + "/session/enrolment-passkey"}

const csrfHeader = "X-CSRF-Token"

func unsafe(method string) bool {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return false
	}
	return true
}

// csrf returns the token that requests of a session must repeat. It is derived
// from the session token, so that nothing more has to be stored, and does not
// give it away.
func csrf(session string) string {
	m := hmac.New(sha256.New, []byte(session))
	m.Write([]byte("skerry csrf token"))
	return base64.RawURLEncoding.EncodeToString(m.Sum(nil))
}

// equal compares secrets in a time that does not depend on where they differ.
func equal(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// admit refuses callers that an operation is not for at all.
func (a *API) admit(ctx context.Context, x access) error {
	if x != open && !callerOf(ctx).signedIn() {
		return &Error{Status: http.StatusUnauthorized, Code: "signed-out",
			Detail: "Sign in first: open the sign-in link that Skerry printed at its start, or make a new one with: skerry user link"}
	}
	return nil
}

// authorize asks the active policy whether the caller may do something, and is
// the only place that does.
func (a *API) authorize(ctx context.Context, action policy.Action, object policy.Object) error {
	p := a.Policies.Active().Can(callerOf(ctx).who, action, object)
	if p.Allowed {
		return nil
	}
	if p.Hidden {
		return errUnseen
	}
	return &Error{Status: http.StatusForbidden, Code: "not-allowed", Detail: "You may not do this: " + p.Why + "."}
}

// errUnseen is what whoever is limited to missions gets for what is about
// another one, and for what is not there at all.
var errUnseen = &Error{Status: http.StatusNotFound, Code: "unseen",
	Detail: "There is nothing of this name that this service key may see. It may be of a mission that the key is not for; skerry key list says which it is for."}

// unseen makes the answers to whoever is limited to missions alike, whether
// something is hidden from them or not there.
func unseen(ctx context.Context, err error) error {
	var e *Error
	if callerOf(ctx).who.Missions != nil && errors.As(err, &e) && e.Status == http.StatusNotFound {
		return errUnseen
	}
	return err
}
