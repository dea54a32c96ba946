package api_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"skerry/appliance/api"

	"skerry/appliance/policy"
)

// TestSession: a link signs in once; the session needs its token for changes,
// ends when it is told to, when nobody uses it, and in any case.
func TestSession(t *testing.T) {
	s := newSite(t)
	link, err := s.db.NewLink(context.Background(), ada, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	in := ask{method: "POST", path: "/api/v1/session", body: fmt.Sprintf(`{"token":%q}`, link)}
	w := s.do(in)
	got := w.Header().Get("Set-Cookie")
	for _, want := range []string{"skerry_session=", "Path=/", "HttpOnly", "SameSite=Strict", "Expires="} {
		if !strings.Contains(got, want) {
			t.Errorf("cookie %q lacks %s", got, want)
		}
	}
	if strings.Contains(got, "Secure") || strings.Contains(got, "Domain") {
		t.Errorf("cookie %q", got)
	}
	wantProblem(t, "the link again", s.do(in), http.StatusUnauthorized)

	cookie, csrf := s.signIn(ada)
	other, _ := s.signIn(ada)
	if len(cookie) < 43 || cookie == other || csrf == "" || strings.Contains(csrf, cookie) {
		t.Errorf("tokens are too short, equal, or tell one from the other: %q %q %q", cookie, other, csrf)
	}
	stop := ask{method: "POST", path: "/api/v1/models/starter/stop", cookie: cookie}
	wantProblem(t, "a change without the token", s.do(stop), http.StatusForbidden)
	stop.header = map[string]string{"X-CSRF-Token": csrf + "x"}
	wantProblem(t, "a change with a wrong token", s.do(stop), http.StatusForbidden)
	stop.header = map[string]string{"X-CSRF-Token": csrf}
	stop.cookie = other
	wantProblem(t, "a change with another session's token", s.do(stop), http.StatusForbidden)
	stop.cookie = cookie
	if w := s.do(stop); w.Code != 200 || s.models.changes != 1 {
		t.Errorf("a change with the token: %d %s", w.Code, w.Body)
	}
	stop.header["Sec-Fetch-Site"] = "cross-site"
	wantProblem(t, "a change from another site", s.do(stop), http.StatusForbidden)
	delete(stop.header, "Sec-Fetch-Site")
	stop.header["Origin"] = ""
	stop.header["Sec-Fetch-Site"] = ""
	if w := s.do(stop); w.Code != 403 || !strings.Contains(w.Body.String(), "urn:skerry:no-origin") {
		t.Errorf("a change that does not say where it comes from: %d %s", w.Code, w.Body)
	}
	delete(stop.header, "Sec-Fetch-Site")
	stop.header["Origin"] = "http://127.0.0.1:8080"
	if w := s.do(stop); w.Code != 200 || s.models.changes != 2 {
		t.Errorf("a change from our own origin: %d %s", w.Code, w.Body)
	}
	stop.header["Origin"] = "http://evil.example"
	wantProblem(t, "a change from another origin", s.do(stop), http.StatusForbidden)
	if s.models.changes != 2 {
		t.Errorf("%d changes, want 2", s.models.changes)
	}

	me := ask{path: "/api/v1/session", cookie: cookie}
	s.now.pass(9 * time.Minute)
	if w := s.do(me); w.Code != 200 {
		t.Errorf("a session in use: %d", w.Code)
	}
	s.now.pass(9 * time.Minute)
	if w := s.do(me); w.Code != 200 {
		t.Errorf("a session in use: %d", w.Code)
	}
	wantProblem(t, "a session that nobody used", s.do(ask{path: "/api/v1/session", cookie: other}), http.StatusUnauthorized)
	for range 90 {
		s.now.pass(9 * time.Minute)
		s.do(me)
	}
	wantProblem(t, "a session at its end", s.do(me), http.StatusUnauthorized)

	// An administrator's session may lie for ten minutes, anybody else's for fifteen.
	admin, _ := s.signIn(ada)
	reader, _ := s.signIn(policy.Principal{ID: "bob", Name: "Bob", Roles: []string{policy.Viewer}})
	s.now.pass(11 * time.Minute)
	wantProblem(t, "an administrator's session after eleven minutes", s.do(ask{path: "/api/v1/session", cookie: admin}), http.StatusUnauthorized)
	if w := s.do(ask{path: "/api/v1/session", cookie: reader}); w.Code != 200 {
		t.Errorf("a reader's session after eleven minutes: %d", w.Code)
	}
	s.now.pass(15 * time.Minute)
	wantProblem(t, "a reader's session after fifteen", s.do(ask{path: "/api/v1/session", cookie: reader}), http.StatusUnauthorized)

	cookie, csrf = s.signIn(ada)
	w = s.do(ask{method: "DELETE", path: "/api/v1/session", cookie: cookie, header: map[string]string{"X-CSRF-Token": csrf}})
	if w.Code != 204 || !strings.Contains(w.Header().Get("Set-Cookie"), "skerry_session=;") {
		t.Errorf("sign out: %d %v", w.Code, w.Header())
	}
	wantProblem(t, "after signing out", s.do(ask{path: "/api/v1/session", cookie: cookie}), http.StatusUnauthorized)
}

// TestSigningInEndsTheOldSession: whoever signs in anew leaves nothing behind.
func TestSigningInEndsTheOldSession(t *testing.T) {
	s := newSite(t)
	old, _ := s.signIn(ada)
	link, err := s.db.NewLink(context.Background(), ada, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if w := s.do(ask{method: "POST", path: "/api/v1/session", body: fmt.Sprintf(`{"token":%q}`, link), cookie: old}); w.Code != 200 {
		t.Fatalf("sign in: %d %s", w.Code, w.Body)
	}
	wantProblem(t, "the old session", s.do(ask{path: "/api/v1/session", cookie: old}), http.StatusUnauthorized)
}

// TestSecureCookie: over TLS the cookie is bound to host and transport.
func TestSecureCookie(t *testing.T) {
	s := newSite(t, func(c *api.Config) { c.TLS = true })
	link, err := s.db.NewLink(context.Background(), ada, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	w := s.do(ask{method: "POST", path: "/api/v1/session", body: fmt.Sprintf(`{"token":%q}`, link)})
	if got := w.Header().Get("Set-Cookie"); !strings.HasPrefix(got, "__Host-skerry_session=") || !strings.Contains(got, "; Secure") {
		t.Errorf("cookie %q", got)
	}
	if w.Header().Get("Strict-Transport-Security") == "" {
		t.Error("no HSTS over TLS")
	}
}

// TestHosts: a name that is pointed at this host from outside is not ours.
func TestHosts(t *testing.T) {
	s := newSite(t, func(c *api.Config) { c.Hosts = []string{"skerry.example"} })
	for host, want := range map[string]int{
		"127.0.0.1:8080": 200, "localhost:8080": 200, "LOCALHOST.": 200, "[::1]:8080": 200, "127.8.8.8": 200, "skerry.example": 200,
		"evil.example": 421, "127.0.0.1.evil.example": 421, "localhost.evil.example": 421, "192.168.1.7:8080": 421, "0.0.0.0:8080": 421,
	} {
		if w := s.do(ask{path: "/api/v1/health", host: host}); w.Code != want {
			t.Errorf("host %s: %d, want %d", host, w.Code, want)
		}
		if w := s.do(ask{path: "/", host: host}); w.Code != want {
			t.Errorf("page at host %s: %d, want %d", host, w.Code, want)
		}
	}
}

// TestSignInIsLimited: guessing is slow.
func TestSignInIsLimited(t *testing.T) {
	s := newSite(t)
	q := ask{method: "POST", path: "/api/v1/session", body: `{"token":"guess"}`}
	for range api.AttemptsPerMinute {
		wantProblem(t, "a guess", s.do(q), http.StatusUnauthorized)
	}
	w := s.do(q)
	wantProblem(t, "one guess too many", w, http.StatusTooManyRequests)
	if w.Header().Get("Retry-After") != "60" {
		t.Errorf("Retry-After %q", w.Header().Get("Retry-After"))
	}
	s.now.pass(time.Minute)
	wantProblem(t, "a guess a minute later", s.do(q), http.StatusUnauthorized)
}

func TestLanguage(t *testing.T) {
	for accept, want := range map[string]string{
		"": "en", "de": "de", "de-CH, en;q=0.5": "de", "en-GB, de;q=0.9": "en", "fr": "en", "en;q=0.2,de;q=0.3": "de", "de;q=0, en;q=0.1": "en", "de;q=x": "en", "*": "en",
	} {
		if got := api.Language(accept); got != want {
			t.Errorf("%q: got %s, want %s", accept, got, want)
		}
	}
}
