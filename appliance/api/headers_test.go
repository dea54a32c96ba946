package api_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"skerry/appliance/api"
	"skerry/appliance/policy"
)

// shown is a certificate that counts how often it is exchanged.
type shown struct{ changes *int }

func (s shown) Renew(context.Context, bool, policy.Principal) (api.Certificate, error) {
	*s.changes++
	return api.Certificate{Names: []string{"skerry.example"}, CA: &api.CertificateAuthority{Name: "CA"}}, nil
}

// lacks says which headers an answer lacks, or has otherwise than it must.
func lacks(h http.Header, isAPI, secure bool) (problems []string) {
	want := map[string]string{
		"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
		"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
		"Permissions-Policy": "camera=(), geolocation=(), microphone=()",
		"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; font-src 'self'; " +
			"form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'",
		"Strict-Transport-Security": "",
	}
	if isAPI {
		want["Content-Security-Policy"] = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox"
		want["Cache-Control"] = "no-store"
	}
	if secure {
		want["Strict-Transport-Security"] = "max-age=31536000"
	}
	for name, value := range want {
		if got := h.Get(name); got != value || len(h.Values(name)) > 1 {
			problems = append(problems, fmt.Sprintf("%s is %q, want %q", name, h.Values(name), value))
		}
	}
	if h.Get("Cache-Control") == "" {
		problems = append(problems, "it does not say whether it may be cached")
	}
	for name := range h {
		if name == "Server" || name == "X-Powered-By" || strings.HasPrefix(name, "Access-Control-") {
			problems = append(problems, "there is a header "+name)
		}
	}
	return problems
}

// wantHeaders asserts what every response carries.
func wantHeaders(t *testing.T, what string, w *httptest.ResponseRecorder, isAPI bool) {
	t.Helper()
	for _, p := range lacks(w.Header(), isAPI, false) {
		t.Errorf("%s: %s", what, p)
	}
}

// TestEveryAnswerHasItsHeaders: whatever is asked, by whomever, whenever.
func TestEveryAnswerHasItsHeaders(t *testing.T) {
	for _, secure := range []bool{false, true} {
		s := newSite(t, func(c *api.Config) { c.TLS = secure })
		run := built(1)
		s.put(run)
		count := 0
		check := func(what string, w *httptest.ResponseRecorder, isAPI bool) {
			t.Helper()
			count++
			for _, p := range lacks(w.Result().Header, isAPI, secure) {
				t.Errorf("%s, over TLS %t, %d: %s", what, secure, w.Code, p)
			}
		}
		for _, o := range operations(s, run) {
			do := func(q ask) *httptest.ResponseRecorder {
				r := s.request(q)
				if o.id == "events" || o.id == "run-events" { // which end with the caller
					ended, end := context.WithCancel(r.Context())
					end()
					r = r.WithContext(ended)
				}
				return s.answer(r)
			}
			q := ask{method: o.method, path: o.path, body: o.body, header: headerFor(o.id)}
			check(o.id+" by nobody", do(q), true)
			q.as = viewer
			check(o.id+" by a viewer", do(q), true)
			q.as = ada
			check(o.id+" by an administrator", do(q), true)
			check(o.id+" with another method", do(ask{as: ada, method: "TRACE", path: o.path}), true)
			check(o.id+" with a broken body", do(ask{as: ada, method: o.method, path: o.path, body: "{"}), true)
		}
		many := map[string]string{}
		for i := range 101 {
			many[fmt.Sprintf("X-%d", i)] = "1"
		}
		for _, row := range []struct {
			name string
			ask
			isAPI  bool
			status int
		}{
			{"the start page", ask{path: "/"}, false, 200},
			{"a page of the router", ask{path: "/runs/1"}, false, 200},
			{"a page, its head", ask{path: "/", method: "HEAD"}, false, 200},
			{"an asset", ask{path: "/assets/app-1a2b.js"}, false, 200},
			{"an asset that is not there", ask{path: "/assets/no.js"}, false, 404},
			{"a page that is posted to", ask{path: "/", method: "POST"}, false, 405},
			{"nothing of the API", ask{path: "/api/v1/nothing"}, true, 404},
			{"the root of the API", ask{path: "/api"}, true, 404},
			{"a method that there is not", ask{path: "/api/v1/runs", method: "BREW"}, true, 405},
			{"options", ask{path: "/api/v1/runs", method: "OPTIONS"}, true, 405},
			{"another host, the API", ask{path: "/api/v1/health", host: "evil.example"}, true, 421},
			{"another host, a page", ask{path: "/", host: "evil.example"}, false, 421},
			{"another origin", ask{path: "/api/v1/session", method: "POST", header: map[string]string{"Origin": "http://evil.example"}}, true, 403},
			{"too many headers, the API", ask{path: "/api/v1/health", header: many}, true, 431},
			{"too many headers, a page", ask{path: "/", header: many}, false, 431},
		} {
			w := s.do(row.ask)
			check(row.name, w, row.isAPI)
			if w.Code != row.status {
				t.Errorf("%s: %d, want %d: %s", row.name, w.Code, row.status, w.Body)
			}
		}
		sealed := api.NewSealed(api.SealedConfig{Vault: &door{}, TLS: secure})
		for _, path := range []string{"/", "/runs/1", "/sealed.css", "/api/v1/vault", "/api/v1/health", "/api/v1/runs", "/api/v1/vault/unseal", "/unseal"} {
			for _, method := range []string{"GET", "POST", "HEAD", "DELETE", "OPTIONS"} {
				for _, host := range []string{"127.0.0.1", "evil.example"} {
					w := httptest.NewRecorder()
					sealed.ServeHTTP(w, s.request(ask{method: method, path: path, host: host}))
					check("sealed, "+method+" "+path+" at "+host, w, strings.HasPrefix(path, "/api/"))
				}
			}
			w := httptest.NewRecorder()
			sealed.ServeHTTP(w, s.request(ask{path: path, header: many}))
			check("sealed, too many headers, "+path, w, strings.HasPrefix(path, "/api/"))
			if w.Code != 431 {
				t.Errorf("sealed, too many headers, %s: %d", path, w.Code)
			}
			w = httptest.NewRecorder()
			api.Unavailable("Skerry is starting.", secure).ServeHTTP(w, s.request(ask{path: path}))
			wantBare(t, "starting", w.Result(), 503)
			check("starting, "+path, w, true)
		}
		for _, status := range []int{400, 417, 431, 501, 505} {
			raw := api.Refusal(status, secure, false, "")
			resp, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(raw)), nil)
			if err != nil {
				t.Fatalf("%d: %v\n%s", status, err, raw)
			}
			count++
			wantBare(t, "a refusal before a handler", resp, status)
			for _, p := range lacks(resp.Header, true, secure) {
				t.Errorf("%d before a handler, over TLS %t: %s", status, secure, p)
			}
		}
		if count < 300 {
			t.Errorf("looked at %d answers; the walk is broken", count)
		}
	}
}

// wantBare asserts a problem outside of the API.
func wantBare(t *testing.T, what string, resp *http.Response, status int) {
	t.Helper()
	var b bytes.Buffer
	if _, err := b.ReadFrom(resp.Body); err != nil {
		t.Errorf("%s: %v", what, err)
	}
	if resp.StatusCode != status || resp.Header.Get("Content-Type") != "application/problem+json" || !strings.Contains(b.String(), `"detail":"Skerry`) && !strings.Contains(b.String(), `"detail":"Th`) {
		t.Errorf("%s: %d %s", what, resp.StatusCode, b.String())
	}
}

// TestHeadersNegativeControl: what looks for headers finds each that is taken
// away or changed.
func TestHeadersNegativeControl(t *testing.T) {
	s := newSite(t, func(c *api.Config) { c.TLS = true })
	good := s.do(ask{path: "/api/v1/health"}).Result().Header
	if p := lacks(good, true, true); len(p) != 0 {
		t.Fatalf("a good answer: %v", p)
	}
	for _, name := range []string{"X-Content-Type-Options", "Referrer-Policy", "Cross-Origin-Opener-Policy", "Cross-Origin-Resource-Policy", "Permissions-Policy",
		"Content-Security-Policy", "Strict-Transport-Security", "Cache-Control"} {
		without := good.Clone()
		without.Del(name)
		if len(lacks(without, true, true)) == 0 {
			t.Errorf("without %s nothing is found", name)
		}
		twice := good.Clone()
		twice.Add(name, "x")
		if len(lacks(twice, true, true)) == 0 {
			t.Errorf("with a second %s nothing is found", name)
		}
	}
	open := good.Clone()
	open.Set("Access-Control-Allow-Origin", "*")
	if len(lacks(open, true, true)) == 0 {
		t.Error("an answer for all origins passes")
	}
}
