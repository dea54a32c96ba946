package api_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"skerry/appliance/api"
	"skerry/appliance/mission"
	"skerry/appliance/policy"
)

// accounts remembers who asked for what. The ticket "good" is a passkey of bob,
// and the link "invited" is for him.
type accounts struct {
	changes int
	asked   []string
}

func (a *accounts) note(change bool, what ...string) {
	if change {
		a.changes++
	}
	a.asked = append(a.asked, strings.Join(what, " "))
}

func (a *accounts) Ways() api.Ways {
	return api.Ways{Passkeys: true, Site: "skerry.example.org", Directory: true}
}

func (a *accounts) Account(_ context.Context, who policy.Principal, session string) (api.Account, error) {
	return api.Account{Who: who, Kind: "local", HasPassword: true, Possible: true, Sessions: []api.OwnSession{{ID: session, This: true}}}, nil
}

func (a *accounts) EndSession(_ context.Context, who policy.Principal, id string) error {
	a.note(true, "end", who.ID, id)
	return nil
}

func (a *accounts) EndSessions(_ context.Context, login, keep string, by policy.Principal) (int, error) {
	a.note(true, "end all of", login, "but", keep, "by", by.ID)
	return 2, nil
}

func (a *accounts) SetPassword(_ context.Context, who policy.Principal, old, password, keep, _ string) error {
	a.note(true, "password of", who.ID, "keep", keep)
	return nil
}

var anOffer = api.PasskeyOffer{Ticket: "good", Options: json.RawMessage(`{"challenge":"eA"}`)}

func (a *accounts) OfferPasskey(_ context.Context, who policy.Principal, session, _, _ string) (api.PasskeyOffer, error) {
	a.note(false, "offer", who.ID, session)
	return anOffer, nil
}

func (a *accounts) AddPasskey(_ context.Context, who policy.Principal, session string, p api.NewPasskey, _ string) (api.Passkey, error) {
	a.note(true, "add", who.ID, session, p.Ticket)
	return api.Passkey{ID: "k", Name: p.Name}, nil
}

func (a *accounts) RemovePasskey(_ context.Context, who policy.Principal, id, _ string) error {
	a.note(true, "remove", who.ID, id)
	return nil
}

func (a *accounts) OfferEnrolment(_ context.Context, link string) (api.PasskeyOffer, error) {
	if link != "invited" {
		return api.PasskeyOffer{}, mission.ErrNotFound
	}
	return anOffer, nil
}

func (a *accounts) session(now time.Time, d time.Duration) (string, api.SessionInfo, error) {
	return strings.Repeat("p", 43), api.SessionInfo{ID: "7766554433221100", Principal: policy.Principal{ID: "bob", Name: "Bob Fall"}, CreatedAt: now, ExpiresAt: now.Add(d)}, nil
}

func (a *accounts) EnrolPasskey(_ context.Context, link string, p api.NewPasskey, d time.Duration, _ string) (string, api.SessionInfo, error) {
	if link != "invited" || p.Ticket != "good" {
		return "", api.SessionInfo{}, mission.ErrNotFound
	}
	return a.session(time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC), d)
}

func (a *accounts) AskPasskey(context.Context) (api.PasskeyOffer, error) { return anOffer, nil }

func (a *accounts) EnterPasskey(_ context.Context, p api.PasskeyAnswer, d time.Duration, _ string) (string, api.SessionInfo, error) {
	if p.Ticket != "good" {
		return "", api.SessionInfo{}, &api.Error{Status: http.StatusUnauthorized, Code: "passkey-refused", Detail: "This passkey does not sign anybody in here."}
	}
	return a.session(time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC), d)
}

func (a *accounts) TryDirectory(_ context.Context, login string) (api.DirectoryReport, error) {
	a.note(false, "try", login)
	return api.DirectoryReport{Steps: []api.DirectoryStep{{Server: "ldaps://dc1", What: "connect", Found: "dc1:636"}}}, nil
}

// TestSignInWithPasskey: a passkey opens a session as a password does, whatever
// cookie comes along; trying is counted where a challenge is asked for.
func TestSignInWithPasskey(t *testing.T) {
	s := newSite(t)
	old, _ := s.signIn(ada)
	for _, row := range []struct {
		path, body string
		want       int
		cookie     bool
	}{
		{"/passkey-challenge", "", 200, false},
		{"/passkey", `{"ticket":"good","answer":{}}`, 200, true},
		{"/passkey", `{"ticket":"bad","answer":{}}`, 401, false},
		{"/passkey", `{}`, 422, false},
		{"/enrolment-challenge", `{"token":"invited"}`, 200, false},
		{"/enrolment-challenge", `{"token":"other"}`, 401, false},
		{"/enrolment-passkey", `{"token":"invited","ticket":"good","name":"Key","answer":{}}`, 200, true},
		{"/enrolment-passkey", `{"token":"other","ticket":"good","name":"Key","answer":{}}`, 401, false},
	} {
		// Without the token of the session that is there: signing in starts anew.
		w := s.do(ask{method: "POST", path: "/api/v1/session" + row.path, body: row.body, cookie: old})
		if has := strings.Contains(w.Header().Get("Set-Cookie"), "skerry_session="); w.Code != row.want || has != row.cookie {
			t.Errorf("%s %s: %d %s, cookie %t; want %d", row.path, row.body, w.Code, w.Body, has, row.want)
		}
	}
	wantProblem(t, "the session of before", s.do(ask{path: "/api/v1/session", cookie: old}), http.StatusUnauthorized)
	for _, path := range []string{"/passkey-challenge", "/enrolment-challenge", "/enrolment-passkey"} {
		s := newSite(t)
		q := ask{method: "POST", path: "/api/v1/session" + path, body: map[string]string{"/passkey-challenge": "", "/enrolment-challenge": `{"token":"x"}`,
			"/enrolment-passkey": `{"token":"x","ticket":"x","name":"Key","answer":{}}`}[path]}
		for range api.AttemptsPerMinute {
			s.do(q)
		}
		wantProblem(t, path+" once too many", s.do(q), http.StatusTooManyRequests)
	}
}

// TestOwnAccount: everything about one's own account is about the one who asks,
// with the session that they ask with.
func TestOwnAccount(t *testing.T) {
	s := newSite(t)
	cookie, csrf := s.signIn(viewer)
	do := func(method, path, body string, want int) {
		t.Helper()
		q := ask{method: method, path: "/api/v1" + path, body: body, cookie: cookie, header: map[string]string{"X-CSRF-Token": csrf}}
		if w := s.do(q); w.Code != want {
			t.Errorf("%s %s: %d %s", method, path, w.Code, w.Body)
		}
	}
	var mine api.Account
	decode(t, s.do(ask{path: "/api/v1/account", cookie: cookie}), &mine)
	id := mine.Sessions[0].ID
	if mine.Who.ID != "vic" || len(id) != 16 {
		t.Fatalf("%+v", mine)
	}
	do("POST", "/account/password", `{"old":"a","password":"b"}`, 200)
	do("DELETE", "/account/sessions/aa", "", 204)
	do("DELETE", "/account/sessions", "", 200)
	do("POST", "/account/passkey-challenge", `{"password":"a"}`, 200)
	do("POST", "/account/passkeys", `{"ticket":"x","name":"Key","answer":{}}`, 201)
	do("DELETE", "/account/passkeys/k", "", 204)
	do("DELETE", "/people/bob/sessions", "", 403)
	do("DELETE", "/sessions", "", 403)
	do("POST", "/directory/test", `{"login":"bob"}`, 403)
	want := []string{"password of vic keep " + id, "end vic aa", "end all of vic but " + id + " by vic", "offer vic " + id, "add vic " + id + " x", "remove vic k"}
	if got := strings.Join(s.accounts.asked, "\n"); got != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
	// Without the token nothing of it is done.
	wantProblem(t, "a password without the CSRF token", s.do(ask{method: "POST", path: "/api/v1/account/password", body: `{"old":"a","password":"b"}`, cookie: cookie}), http.StatusForbidden)
	for range api.AttemptsPerMinute {
		s.do(ask{method: "POST", path: "/api/v1/account/password", body: `{"old":"a","password":"b"}`, cookie: cookie, header: map[string]string{"X-CSRF-Token": csrf}})
	}
	do("POST", "/account/password", `{"old":"a","password":"b"}`, 429)
	do("POST", "/account/passkey-challenge", `{"password":"a"}`, 429)
}
