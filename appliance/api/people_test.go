package api_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"skerry/appliance/api"
	"skerry/appliance/mission"
	"skerry/appliance/policy"
)

// people keeps one account, bob, whose link is "invited" and whose password is
// "right".
type people struct {
	now     func() time.Time
	changes int
}

func (p *people) bob() api.Person {
	return api.Person{Login: "bob", Name: "Bob Fall", Roles: []string{policy.Viewer}, Enrolled: true, CreatedAt: p.now()}
}

func (p *people) session(d time.Duration) (string, api.SessionInfo, error) {
	b := p.bob()
	return strings.Repeat("t", 43), api.SessionInfo{ID: "0011223344556677", Principal: policy.Principal{ID: b.Login, Name: b.Name, Roles: b.Roles}, CreatedAt: p.now(), ExpiresAt: p.now().Add(d), ConfirmedAt: p.now()}, nil
}

func (p *people) People(context.Context) ([]api.Person, error) { return []api.Person{p.bob()}, nil }

func (p *people) Add(context.Context, api.NewPerson, policy.Principal) (api.Invitation, error) {
	p.changes++
	return api.Invitation{Person: p.bob(), Ends: p.now()}, nil
}

func (p *people) Change(_ context.Context, login string, _ api.PersonChange, _ policy.Principal) (api.Person, error) {
	p.changes++
	return p.bob(), nil
}

func (p *people) Remove(context.Context, string, policy.Principal) error {
	p.changes++
	return nil
}

func (p *people) SetCertificates(context.Context, string, []string, policy.Principal) (api.Person, error) {
	p.changes++
	return p.bob(), nil
}

func (p *people) Invite(context.Context, string, policy.Principal) (api.Invitation, error) {
	p.changes++
	return api.Invitation{Person: p.bob(), Ends: p.now()}, nil
}

func (p *people) Enter(_ context.Context, login, password string, d time.Duration, _ string) (string, api.SessionInfo, error) {
	if login != "bob" || password != "zebra-1" {
		return "", api.SessionInfo{}, &api.Error{Status: http.StatusUnauthorized, Code: "sign-in-refused", Detail: "Login or password is wrong."}
	}
	return p.session(d)
}

func (p *people) Confirm(_ context.Context, login, password, _ string) error {
	if login != "bob" || password != "zebra-1" {
		return api.StepUpRefused()
	}
	return nil
}

func (p *people) Invited(_ context.Context, link string) (api.Person, error) {
	if link != "invited" {
		return api.Person{}, mission.ErrNotFound
	}
	return p.bob(), nil
}

func (p *people) Enrol(ctx context.Context, link, _ string, d time.Duration, _ string) (string, api.SessionInfo, error) {
	if _, err := p.Invited(ctx, link); err != nil {
		return "", api.SessionInfo{}, err
	}
	return p.session(d)
}

// TestSignInWithPassword: a login and its password open a session, and so does
// a link with which a password is set; what is wrong is refused, and guessing is
// slow whichever way it is tried.
func TestSignInWithPassword(t *testing.T) {
	s := newSite(t)
	for _, row := range []struct {
		path, body string
		want       int
	}{
		{"", `{"login":"bob","password":"zebra-1"}`, 200},
		{"/enrolment", `{"token":"invited","password":"zebra-2"}`, 200},
		{"/invitee", `{"token":"invited"}`, 200},
		{"", `{"login":"bob","password":"wrong"}`, 401},
		{"", `{"login":"bob"}`, 422},
		{"", `{}`, 422},
		{"", `{"login":"bob","password":"zebra-1","token":"x"}`, 422},
		{"/enrolment", `{"token":"other","password":"zebra-2"}`, 401},
		{"/invitee", `{"token":"other"}`, 401},
	} {
		w := s.do(ask{method: "POST", path: "/api/v1/session" + row.path, body: row.body})
		if w.Code != row.want {
			t.Errorf("%s %s: %d %s; want %d", row.path, row.body, w.Code, w.Body, row.want)
		}
		if has := strings.Contains(w.Header().Get("Set-Cookie"), "skerry_session="); has != (row.want == 200 && row.path != "/invitee") {
			t.Errorf("%s %s: cookie %q", row.path, row.body, w.Header().Get("Set-Cookie"))
		}
		if strings.Contains(w.Body.String(), "zebra") {
			t.Errorf("the answer repeats the password: %s", w.Body)
		}
	}
	if log := s.log.String(); strings.Contains(log, "zebra") {
		t.Errorf("a password is in the log:\n%s", log)
	}
	for _, path := range []string{"", "/enrolment", "/invitee"} {
		s := newSite(t)
		q := ask{method: "POST", path: "/api/v1/session" + path, body: `{"token":"guess","password":"x"}`}
		if path == "" {
			q.body = `{"login":"bob","password":"guess"}`
		}
		if path == "/invitee" {
			q.body = `{"token":"guess"}`
		}
		for range api.AttemptsPerMinute {
			wantProblem(t, path+" a guess", s.do(q), http.StatusUnauthorized)
		}
		wantProblem(t, path+" one guess too many", s.do(q), http.StatusTooManyRequests)
	}
}

// TestAdministratorsLinkIsLocal: over the network nobody, whatever their roles,
// gets a link to sign in as the administrator; on the host it is made.
func TestAdministratorsLinkIsLocal(t *testing.T) {
	s := newSite(t)
	cookie, csrf := s.signIn(ada)
	q := ask{method: "POST", path: "/api/v1/links", cookie: cookie, header: map[string]string{"X-CSRF-Token": csrf}}
	wantProblem(t, "over the network", s.do(q), http.StatusForbidden)
	if w := s.do(ask{as: ada, method: "POST", path: "/api/v1/links"}); w.Code != http.StatusOK {
		t.Errorf("on the host: %d %s", w.Code, w.Body)
	}
}

// TestRoles walks every operation by every role and compares with the table that
// people have read, testdata/roles.golden: y = the role may, - = it may not. The
// last columns are a service key that is for the mission in question, and one that
// is for another: 0 = it learns nothing of what there is.
// UPDATE=1 writes the table anew, for a person to read.
func TestRoles(t *testing.T) {
	s := newSite(t)
	run := built(1)
	s.put(run)
	ops := operations(s, run)
	slices.SortFunc(ops, func(a, b operation) int { return strings.Compare(a.id, b.id) })
	guards := s.api.Guards()
	var b strings.Builder
	fmt.Fprintf(&b, "%-20s nobody %s key:invoice key:other\n", "", strings.Join(policy.Roles(), " "))
	for _, o := range ops {
		if guards[o.id].Open {
			continue
		}
		fmt.Fprintf(&b, "%-20s", o.id)
		for _, role := range append([]string{"nobody"}, append(policy.Roles(), "key:invoice", "key:other")...) {
			q := ask{method: o.method, path: o.path, body: o.body, header: headerFor(o.id), as: policy.Principal{ID: "x", Name: "X"}}
			if slices.Contains(policy.Roles(), role) {
				q.as.Roles = []string{role}
			} else if only, ok := strings.CutPrefix(role, "key:"); ok {
				q.as.Roles, q.as.Missions = []string{policy.Service, policy.Viewer}, []string{only}
			}
			fmt.Fprintf(&b, " %-*s", len(role), s.asked(q, o.id))
		}
		b.WriteString("\n")
	}
	got := strings.ReplaceAll(b.String(), " \n", "\n")
	for strings.Contains(got, " \n") {
		got = strings.ReplaceAll(got, " \n", "\n")
	}
	path := filepath.Join("testdata", "roles.golden")
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != got {
		t.Errorf("who may do what has changed; read it, and write the table anew with UPDATE=1\n%s", got)
	}
}

// asked sends a request and says whether it was refused for want of a role, or
// its object hidden. Streams are not waited for.
func (s *site) asked(q ask, id string) string {
	r := s.request(q)
	if id == "events" || id == "run-events" {
		wait := time.Duration(0)
		if q.as.Missions != nil {
			wait = 200 * time.Millisecond // for the run to be looked up, whose mission decides
		}
		ended, end := context.WithTimeout(r.Context(), wait)
		defer end()
		r = r.WithContext(ended)
	}
	w := httptest.NewRecorder()
	s.api.ServeHTTP(w, r)
	switch {
	case w.Code == http.StatusForbidden:
		return "-"
	case strings.Contains(w.Body.String(), "urn:skerry:unseen"):
		return "0"
	}
	return "y"
}
