package api_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"skerry/appliance/api"
	"skerry/appliance/govern"
	"skerry/appliance/mission"
	"skerry/appliance/policy"
)

// governance holds one open proposal, P-1 of cy about a policy, and counts what
// is done. With a waiver it makes changes at once.
type governance struct {
	now     func() time.Time
	changes int
	waits   bool // it has no waiver
	last    govern.Approval
}

func (g *governance) one() govern.Proposal {
	return govern.Proposal{ID: "P-1", Kind: govern.ActivatePolicy, Change: govern.Change{Policy: &govern.Policy{Version: 4, Digest: "d4"}}, Digest: "d", Base: "b",
		Proposer: policy.Principal{ID: "cy", Name: "Cy Dale"}, Eyes: []string{"cy"}, Made: g.now(), Ends: g.now().Add(govern.Lifetime), Says: []string{"model qwen is enabled"}, State: govern.Open}
}

func (g *governance) Propose(_ context.Context, by policy.Principal, c govern.Change, note string) (govern.Proposal, error) {
	g.changes++
	p := g.one()
	p.Change, p.Kind, p.Note, p.Proposer = c, c.Kind(), note, by
	if !g.waits {
		p.State, p.How, p.By, p.At = govern.Applied, govern.ByWaiver, by, g.now()
	}
	return p, nil
}

func (g *governance) Proposals(context.Context) ([]govern.Proposal, error) {
	return []govern.Proposal{g.one()}, nil
}

func (g *governance) Proposal(_ context.Context, id string) (govern.Proposal, error) {
	if id != "P-1" {
		return govern.Proposal{}, mission.ErrNotFound
	}
	return g.one(), nil
}

func (g *governance) Approve(_ context.Context, _ string, a govern.Approval) (govern.Proposal, error) {
	p := g.one()
	if a.Digest != p.Digest {
		return p, &govern.Refusal{Code: govern.CodeDigest, Text: "What you approve is not what P-1 says now. Load it again."}
	}
	g.changes++
	g.last = a
	p.State, p.How, p.By, p.At = govern.Applied, govern.ByTwo, a.By, g.now()
	if a.BreakGlass {
		p.How, p.Why = govern.ByBreakGlass, a.Why
	}
	return p, nil
}

func (g *governance) CheckApprover(_ context.Context, p *govern.Proposal, by policy.Principal) error {
	return p.CheckPerson(govern.Approval{By: by,
		Account:  govern.Account{Known: true, Enabled: true, Enrolled: true, Roles: by.Roles, Vouched: []string{govern.HostMark}},
		Proposer: govern.Account{Known: true, Enabled: true, Enrolled: true, Roles: []string{policy.Admin}, Vouched: []string{govern.HostMark}}})
}

func (g *governance) Settle(_ context.Context, _ string, s govern.State, by policy.Principal, why string) (govern.Proposal, error) {
	g.changes++
	p := g.one()
	p.State, p.By, p.At, p.Why = s, by, g.now(), why
	return p, nil
}

func (g *governance) Acknowledge(context.Context, string, policy.Principal) (govern.Proposal, error) {
	g.changes++
	return g.one(), nil
}

func (g *governance) Waiver(context.Context) (*govern.Waiver, error) {
	if g.waits {
		return nil, nil
	}
	return &govern.Waiver{By: ada, At: g.now(), Why: "one person"}, nil
}

func (g *governance) EndWaiver(context.Context, policy.Principal) error {
	g.changes++
	return nil
}

// TestGovernedChangeIsAccepted: without a waiver a policy is kept and its
// activation proposed, which is said with 202; what is looked at says who may
// do what.
func TestGovernedChangeIsAccepted(t *testing.T) {
	s := newSite(t)
	s.govern.waits = true
	for _, row := range []struct {
		name   string
		ask    ask
		status int
		has    []string
		lacks  []string
	}{
		{"activating", ask{as: ada, method: "POST", path: "/api/v1/policy?activate=true&note=new+model", body: "classes: []"}, 202,
			[]string{`"version":4`, `"active":false`, `"proposal":{"id":"P-1","digest":"d"`, "model qwen is enabled"}, nil},
		{"only keeping", ask{as: ada, method: "POST", path: "/api/v1/policy", body: "classes: []"}, 200, []string{`"version":4`, `"active":false`}, []string{"proposal"}},
		{"what waits", ask{as: ada, path: "/api/v1/proposals?state=open"}, 200, []string{`"id":"P-1"`, `"mayApprove":true`, `"mayBreakGlass":true`, `"mayWithdraw":false`}, []string{"waiver"}},
		{"what was done", ask{as: ada, path: "/api/v1/proposals?state=applied"}, 200, []string{`"proposals":[]`}, nil},
		{"as its proposer", ask{as: policy.Principal{ID: "cy", Name: "Cy", Roles: []string{policy.Admin}}, path: "/api/v1/proposals/P-1"}, 200,
			[]string{`"mayApprove":false`, `"whyNot":"You proposed P-1 yourself`, `"mayWithdraw":true`, `"mayReject":false`}, nil},
		{"as an auditor", ask{as: policy.Principal{ID: "au", Name: "Au", Roles: []string{policy.Auditor}}, path: "/api/v1/proposals/P-1"}, 200,
			[]string{`"mayApprove":false`, `"mayReject":false`, `"mayBreakGlass":false`, `"whyNot":"You may not do this`}, nil},
		{"as whoever works on the host", ask{as: policy.Principal{ID: "local-0", Name: "local", Roles: []string{policy.Admin}}, path: "/api/v1/proposals/P-1"}, 200,
			[]string{`"mayApprove":false`, `"whyNot":"Whoever works on the host is no named person`}, nil},
		{"one that is not there", ask{as: ada, path: "/api/v1/proposals/P-9"}, 404, []string{`There is no proposal \"P-9\"`}, nil},
		{"approving one's own", ask{as: policy.Principal{ID: "cy", Name: "Cy", Roles: []string{policy.Admin}}, method: "POST", path: "/api/v1/proposals/P-1/approve", body: `{"digest":"d"}`}, 403,
			[]string{"it must be somebody else"}, nil},
		{"approving something else", ask{as: ada, method: "POST", path: "/api/v1/proposals/P-1/approve", body: `{"digest":"e"}`}, 409, []string{"proposal-changed", "Load it again"}, nil},
		{"approving", ask{as: ada, method: "POST", path: "/api/v1/proposals/P-1/approve", body: `{"digest":"d"}`}, 200, []string{`"state":"applied"`, `"how":"two-people"`, `"by":{"id":"ada"`}, nil},
		{"alone", ask{as: ada, method: "POST", path: "/api/v1/proposals/P-1/break-glass", body: `{"digest":"d","reason":"the site is down"}`}, 200, []string{`"how":"break-glass"`, `"alarm":true`, "the site is down"}, nil},
		{"rejecting without a reason", ask{as: ada, method: "POST", path: "/api/v1/proposals/P-1/reject", body: `{"reason":""}`}, 422, []string{"body.reason"}, nil},
	} {
		w := s.do(row.ask)
		if w.Code != row.status {
			t.Errorf("%s: got %d, want %d: %s", row.name, w.Code, row.status, w.Body)
		}
		for _, want := range row.has {
			if !strings.Contains(w.Body.String(), want) {
				t.Errorf("%s: lacks %s: %s", row.name, want, w.Body)
			}
		}
		for _, never := range row.lacks {
			if strings.Contains(w.Body.String(), never) {
				t.Errorf("%s: has %s: %s", row.name, never, w.Body)
			}
		}
	}
	if s.govern.last.By.ID != "ada" || !s.govern.last.Fresh {
		t.Errorf("what arrived: %+v", s.govern.last)
	}
}

// TestStepUp: what needs it is refused five minutes after signing in, and goes
// on after a proof; the old cookie and its CSRF token are worth nothing then.
// Operations that do not need it go on meanwhile.
func TestStepUp(t *testing.T) {
	s := newSite(t)
	cookie, csrf := s.signIn(ada)
	change := func(cookie, csrf string) ask {
		return ask{method: "PATCH", path: "/api/v1/people/bob", body: `{"name":"Bob"}`, cookie: cookie, header: map[string]string{"X-CSRF-Token": csrf}}
	}
	if w := s.do(change(cookie, csrf)); w.Code != http.StatusOK {
		t.Fatalf("just signed in: %d %s", w.Code, w.Body)
	}
	s.now.pass(govern.FreshFor)
	w := s.do(change(cookie, csrf))
	if wantProblem(t, "after five minutes", w, http.StatusForbidden); !strings.Contains(w.Body.String(), "urn:skerry:step-up") {
		t.Errorf("after five minutes: %s", w.Body)
	}
	if w := s.do(ask{path: "/api/v1/people", cookie: cookie}); w.Code != http.StatusOK {
		t.Errorf("looking: %d %s", w.Code, w.Body)
	}
	prove := func(body, cookie, csrf string) (int, api.Session, string, string) {
		w := s.do(ask{method: "POST", path: "/api/v1/session/step-up", body: body, cookie: cookie, header: map[string]string{"X-CSRF-Token": csrf}})
		var out api.Session
		if w.Code == http.StatusOK {
			decode(t, w, &out)
		}
		next := ""
		for _, c := range w.Result().Cookies() {
			next = c.Value
		}
		return w.Code, out, next, w.Body.String()
	}
	for what, body := range map[string]string{"a wrong password": `{"password":"zebra-2"}`, "somebody else's": `{"password":"zebra-1"}`} {
		if code, _, next, text := prove(body, cookie, csrf); code != http.StatusForbidden || next != "" || !strings.Contains(text, "step-up-refused") {
			t.Errorf("%s: %d %q %s", what, code, next, text)
		}
	}
	for what, body := range map[string]string{"nothing": `{}`, "both": `{"password":"zebra-1","token":"x"}`, "a link for a person": `{"token":"x"}`} {
		if code, _, _, text := prove(body, cookie, csrf); code != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d %s", what, code, text)
		}
	}
	if code, _, _, text := prove(`{"password":"zebra-1"}`, cookie, "other"); code != http.StatusForbidden || !strings.Contains(text, "csrf") {
		t.Errorf("without its CSRF token: %d %s", code, text)
	}

	// Bob, whose password is zebra-1, proves who he is.
	admin := policy.Principal{ID: "bob", Name: "Bob Fall", Roles: []string{policy.Admin}}
	cookie, csrf = s.signIn(admin)
	s.now.pass(govern.FreshFor + time.Minute)
	wantProblem(t, "bob after five minutes", s.do(change(cookie, csrf)), http.StatusForbidden)
	code, session, next, text := prove(`{"password":"zebra-1"}`, cookie, csrf)
	if code != http.StatusOK || next == "" || next == cookie || session.CSRF == csrf || session.Proof != "password" || session.FreshUntil == nil || !session.FreshUntil.Equal(s.now.Now().Add(govern.FreshFor)) {
		t.Fatalf("%d %+v %q %s", code, session, next, text)
	}
	wantProblem(t, "the old cookie", s.do(change(cookie, csrf)), http.StatusUnauthorized)
	if w := s.do(change(next, session.CSRF)); w.Code != http.StatusOK {
		t.Errorf("after the proof: %d %s", w.Code, w.Body)
	}
	// The session ends when it would have ended.
	s.now.pass(-2 * govern.FreshFor)
	wantProblem(t, "a clock that was set back", s.do(change(next, session.CSRF)), http.StatusForbidden)

	// The Administrator has no password: a new link is the proof, and no other is.
	root := policy.Principal{ID: "admin", Name: "Administrator", Roles: []string{policy.Admin}}
	cookie, csrf = s.signIn(root)
	other, err := s.db.NewLink(t.Context(), ada, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	mine, err := s.db.NewLink(t.Context(), root, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if code, _, _, text := prove(`{"token":"`+other+`"}`, cookie, csrf); code != http.StatusForbidden {
		t.Errorf("a link of another: %d %s", code, text)
	}
	code, session, next, text = prove(`{"token":"`+mine+`"}`, cookie, csrf)
	if code != http.StatusOK || session.Proof != "link" {
		t.Fatalf("a link: %d %s", code, text)
	}
	if code, _, _, _ := prove(`{"token":"`+mine+`"}`, next, session.CSRF); code != http.StatusForbidden {
		t.Errorf("the link again: %d", code)
	}
	if w := s.do(ask{as: root, method: "POST", path: "/api/v1/session/step-up", body: `{"password":"x"}`}); w.Code != http.StatusUnprocessableEntity {
		t.Errorf("at the local socket: %d %s", w.Code, w.Body)
	}
}

// TestStepUpIsSlow: guessing a proof is as slow as guessing at signing in.
func TestStepUpIsSlow(t *testing.T) {
	s := newSite(t)
	cookie, csrf := s.signIn(policy.Principal{ID: "bob", Name: "Bob", Roles: []string{policy.Admin}})
	q := ask{method: "POST", path: "/api/v1/session/step-up", body: `{"password":"guess"}`, cookie: cookie, header: map[string]string{"X-CSRF-Token": csrf}}
	for range api.AttemptsPerMinute - 1 { // signing in was one
		wantProblem(t, "a guess", s.do(q), http.StatusForbidden)
	}
	wantProblem(t, "one guess too many", s.do(q), http.StatusTooManyRequests)
}

// TestFreshOperations: these need a recent proof, and no route loses that
// unnoticed.
func TestFreshOperations(t *testing.T) {
	s := newSite(t)
	run := built(1)
	s.put(run)
	cookie, csrf := s.signIn(policy.Principal{ID: "ada", Name: "Ada", Roles: []string{policy.Admin}})
	s.now.pass(govern.FreshFor)
	want := map[string]bool{"approve-proposal": true, "break-glass": true, "begin-waiver": true, "end-waiver": true,
		"add-person": true, "change-person": true, "invite-person": true, "remove-person": true,
		"add-vault-admin": true, "remove-vault-admin": true, "put-secret": true, "remove-secret": true, "add-key": true, "set-certificates": true, "replace-ca": true}
	for _, o := range operations(s, run) {
		if o.method == "GET" || o.id == "sign-in" || o.id == "sign-out" || o.id == "enrol" || o.id == "invitee" || o.id == "seal" {
			continue
		}
		header := map[string]string{"X-CSRF-Token": csrf}
		for k, v := range headerFor(o.id) {
			header[k] = v
		}
		w := s.do(ask{method: o.method, path: o.path, body: o.body, cookie: cookie, header: header})
		if got := strings.Contains(w.Body.String(), "urn:skerry:step-up\""); got != want[o.id] {
			t.Errorf("%s needs a recent proof: %t, want %t: %d %s", o.id, got, want[o.id], w.Code, w.Body)
		}
	}
	w := s.do(ask{method: "POST", path: "/api/v1/policy?activate=true", body: "classes: []", cookie: cookie, header: map[string]string{"X-CSRF-Token": csrf}})
	if !strings.Contains(w.Body.String(), "urn:skerry:step-up") {
		t.Errorf("activating a policy: %d %s", w.Code, w.Body)
	}
}
