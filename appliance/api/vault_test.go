package api_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"skerry/appliance/api"
	"skerry/appliance/mission"
	"skerry/appliance/policy"
)

// keys is a vault that counts what is done to it.
type keys struct{ changes *int }

func (k keys) Status() api.VaultStatus {
	return api.VaultStatus{ID: "ab", Key: 1, Admins: []api.VaultAdmin{{Name: "ann", With: api.WithIdentity}}}
}
func (k keys) Seal()                                          { *k.changes++ }
func (k keys) Rotate(context.Context, policy.Principal) error { *k.changes++; return nil }
func (k keys) AddAdmin(context.Context, policy.Principal, string, string, string) error {
	*k.changes++
	return nil
}
func (k keys) RemoveAdmin(_ context.Context, _ policy.Principal, name string) error {
	*k.changes++
	if name == "nobody" {
		return mission.ErrNotFound
	}
	return nil
}

// door is a sealed vault that opens with "open sesame".
type door struct{ tries []string }

func (d *door) Status() api.VaultStatus {
	return api.VaultStatus{Sealed: true, ID: "ab", Admins: []api.VaultAdmin{
		{Name: "ann", With: api.WithIdentity, Wrapped: []byte("age")}, {Name: "<b>bob", With: api.WithPassphrase}}}
}

func (d *door) Unseal(_ context.Context, by api.Opener, root []byte) error {
	return d.UnsealPassphrase(context.Background(), by, string(root))
}

func (d *door) UnsealPassphrase(_ context.Context, by api.Opener, p string) error {
	d.tries = append(d.tries, p)
	if p != "open sesame" {
		return &api.Error{Status: http.StatusForbidden, Code: "wrong-key", Detail: "This does not open the vault."}
	}
	return nil
}

// TestSealed: a sealed appliance shows one page and its status, takes keys, and
// refuses everything else without a look at it.
func TestSealed(t *testing.T) {
	form := map[string]string{"Content-Type": "application/x-www-form-urlencoded"}
	key := map[string]string{"Content-Type": api.RootKeyType}
	for _, row := range []struct {
		name, method, path, body string
		header                   map[string]string
		host                     string
		status                   int
		has                      string
		mustNot                  string
	}{
		{name: "the page", path: "/", status: 503, has: "<b>ann</b>", mustNot: "<b>bob"},
		{name: "the page, in German", path: "/", header: map[string]string{"Accept-Language": "de"}, status: 503, has: "versiegelt"},
		{name: "any other page", path: "/runs/1", status: 503, has: "Skerry is sealed"},
		{name: "its style", path: "/sealed.css", status: 200, has: "color-scheme"},
		{name: "health", path: "/api/v1/health", status: 200, has: `"sealed"`},
		{name: "status", path: "/api/v1/vault", status: 200, has: `"name":"ann"`},
		{name: "another operation", path: "/api/v1/runs", status: 503, has: "urn:skerry:sealed"},
		{name: "a sign-in", method: "POST", path: "/api/v1/session", body: `{"token":"x"}`, status: 503, has: "urn:skerry:sealed"},
		{name: "the description", path: "/api/v1/openapi.json", status: 503, has: "urn:skerry:sealed"},
		{name: "a change of a page", method: "POST", path: "/", status: 503, has: "urn:skerry:sealed"},
		{name: "another name", path: "/", host: "evil.example", status: 421, has: "unknown-host"},
		{name: "a passphrase", method: "POST", path: "/unseal", body: "passphrase=open+sesame", header: form, status: 303},
		{name: "a wrong passphrase", method: "POST", path: "/unseal", body: "passphrase=hello", header: form, status: 403, has: "does not open", mustNot: "hello"},
		{name: "a passphrase from another site", method: "POST", path: "/unseal", body: "passphrase=open+sesame", header: map[string]string{
			"Content-Type": "application/x-www-form-urlencoded", "Sec-Fetch-Site": "cross-site"}, status: 403},
		{name: "a root key", method: "POST", path: "/api/v1/vault/unseal", body: "open sesame", header: key, status: 204},
		{name: "a wrong root key", method: "POST", path: "/api/v1/vault/unseal", body: "x", header: key, status: 403, has: "wrong-key"},
		{name: "something else", method: "POST", path: "/api/v1/vault/unseal", body: "open sesame", status: 415},
		{name: "too much", method: "POST", path: "/api/v1/vault/unseal", body: strings.Repeat("x", 1<<20), header: key, status: 413},
	} {
		var log bytes.Buffer
		h := api.NewSealed(api.SealedConfig{Vault: &door{}, Log: slog.New(slog.NewTextHandler(&log, nil))})
		if row.method == "" {
			row.method = http.MethodGet
		}
		if row.host == "" {
			row.host = "127.0.0.1:8080"
		}
		r := httptest.NewRequest(row.method, "http://"+row.host+row.path, strings.NewReader(row.body))
		for k, v := range row.header {
			r.Header.Set(k, v)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != row.status || !strings.Contains(w.Body.String(), row.has) {
			t.Errorf("%s: got %d %s, want %d and %q", row.name, w.Code, w.Body, row.status, row.has)
		}
		if row.mustNot != "" && strings.Contains(w.Body.String(), row.mustNot) {
			t.Errorf("%s: %q is in %s", row.name, row.mustNot, w.Body)
		}
		if strings.Contains(log.String(), "sesame") || strings.Contains(log.String(), "hello") {
			t.Errorf("%s: the log has the secret: %s", row.name, &log)
		}
		wantHeaders(t, row.name, w, strings.HasPrefix(row.path, "/api/"))
	}
}

// TestSealedBoundsAttempts: who guesses is slowed down, and what they send is
// not even looked at.
func TestSealedBoundsAttempts(t *testing.T) {
	d := &door{}
	h := api.NewSealed(api.SealedConfig{Vault: d})
	for n := range 2 * api.AttemptsPerMinute {
		r := httptest.NewRequest(http.MethodPost, "http://127.0.0.1:8080/unseal", strings.NewReader("passphrase=x"))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if want := map[bool]int{true: 403, false: 429}[n < api.AttemptsPerMinute]; w.Code != want {
			t.Errorf("attempt %d: %d, want %d", n, w.Code, want)
		}
	}
	if len(d.tries) != api.AttemptsPerMinute {
		t.Errorf("%d were tried", len(d.tries))
	}
}

func TestVaultProblems(t *testing.T) {
	s := newSite(t)
	wantProblem(t, "nobody to remove", s.do(ask{as: ada, method: "DELETE", path: "/api/v1/vault/admins/nobody"}), http.StatusNotFound)
}

// secrets counts what is done to it.
type secrets struct{ changes *int }

func (s secrets) PutSecret(_ context.Context, name, about, by string, _ []byte) (api.Secret, error) {
	*s.changes++
	return api.Secret{Name: name, About: about, Version: 1, SetBy: by}, nil
}

func (s secrets) Secrets(context.Context) ([]api.Secret, error) {
	return []api.Secret{{Name: "provider", Version: 1, SetBy: "ada"}}, nil
}

func (s secrets) DeleteSecret(context.Context, string, string) error { *s.changes++; return nil }

// TestSecretsAreNotTold: the value of a secret is in no answer and in no line of
// the log, not even where it is refused.
func TestSecretsAreNotTold(t *testing.T) {
	s := newSite(t)
	for _, body := range []string{`{"value":"CANARY-7Q"}`, `{"value":"CANARY-7Q","more":1}`, `{"value":["CANARY-7Q"]}`, `{"value":"CANARY-7Q`} {
		w := s.do(ask{as: ada, method: "PUT", path: "/api/v1/secrets/provider", body: body})
		if strings.Contains(w.Body.String(), "CANARY-7Q") {
			t.Errorf("%s is answered with %s", body, w.Body)
		}
	}
	if strings.Contains(s.log.String(), "CANARY-7Q") {
		t.Errorf("the log has it: %s", s.log)
	}
	if !strings.Contains(s.log.String(), "secret set") {
		t.Errorf("negative control: the log says nothing: %s", s.log)
	}
}
