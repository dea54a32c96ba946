package api_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"skerry/appliance/api"
	passwords "skerry/appliance/people" // people is taken
	"skerry/appliance/policy"
	"skerry/store"
	"skerry/store/storetest"
)

// serviceKeys is the store, and counts what is changed.
type serviceKeys struct {
	db      *store.DB
	changes *int
}

func (k serviceKeys) ServiceKeys(ctx context.Context) ([]api.ServiceKey, error) {
	all, err := k.db.ServiceKeys(ctx)
	list := []api.ServiceKey{}
	for _, one := range all {
		list = append(list, api.ServiceKey{Name: one.Name, Roles: one.Roles, Missions: one.Missions, Ends: one.ExpiresAt})
	}
	return list, err
}

func (k serviceKeys) AddServiceKey(ctx context.Context, n api.NewServiceKey, by policy.Principal) (api.GivenKey, error) {
	*k.changes++
	key, err := passwords.NewKey()
	if err != nil {
		return api.GivenKey{}, err
	}
	_, err = k.db.AddServiceKey(ctx, key, store.ServiceKey{Name: n.Name, Roles: n.Roles, Missions: n.Missions, ExpiresAt: storetest.Epoch.AddDate(1, 0, 0)}, by)
	return api.GivenKey{ServiceKey: api.ServiceKey{Name: n.Name, Roles: n.Roles}, Key: key}, err
}

func (k serviceKeys) RevokeServiceKey(ctx context.Context, name string, by policy.Principal) error {
	*k.changes++
	return k.db.RevokeServiceKey(ctx, name, by)
}

func (k serviceKeys) UseServiceKey(ctx context.Context, key, source string) (policy.Principal, string, error) {
	one, err := k.db.UseServiceKey(ctx, key, source)
	return one.Principal(), one.ID, err
}

// key makes a service key and returns the header that it is sent in.
func (s *site) key(name string, lifetime time.Duration, missions []string, roles ...string) map[string]string {
	s.t.Helper()
	key, err := passwords.NewKey()
	if err != nil {
		s.t.Fatal(err)
	}
	if _, err := s.db.AddServiceKey(context.Background(), key, store.ServiceKey{Name: name, Roles: roles, Missions: missions, ExpiresAt: s.now.Now().Add(lifetime)}, ada); err != nil {
		s.t.Fatal(err)
	}
	return map[string]string{"Authorization": "Bearer " + key}
}

// TestServiceKey: a key needs neither cookie nor CSRF token, and acts as itself.
func TestServiceKey(t *testing.T) {
	var events []api.Event
	s := newSite(t, func(c *api.Config) {
		c.Audit = func(_ context.Context, e api.Event) error { events = append(events, e); return nil }
	})
	key := s.key("inbox", time.Hour, nil, policy.Service)
	start := ask{method: "POST", path: "/api/v1/missions/invoice/runs", body: bodyFor("start-run", nil), header: key}
	w := s.do(start)
	if w.Code != http.StatusAccepted {
		t.Fatalf("start: %d %s", w.Code, w.Body)
	}
	last := events[len(events)-1]
	if last.Operation != "start-run" || last.Actor != "key:inbox" || last.ActorName != "service key inbox" || len(last.Session) != 16 || last.Source == "" {
		t.Errorf("the record says %+v", last)
	}
	w = s.do(ask{path: "/api/v1/session", header: key})
	if w.Code != 200 || !strings.Contains(w.Body.String(), `"id":"key:inbox"`) || strings.Contains(w.Body.String(), `"csrf":"`) && !strings.Contains(w.Body.String(), `"csrf":""`) {
		t.Errorf("who it is: %d %s", w.Code, w.Body)
	}
	if list, err := s.db.ServiceKeys(t.Context()); err != nil || list[0].LastUsed.IsZero() || list[0].Source != last.Source {
		t.Errorf("its last use: %+v %v", list, err)
	}

	// A cookie of somebody who may more does not help.
	cookie, csrf := s.signIn(ada)
	header := map[string]string{"Authorization": key["Authorization"], "X-CSRF-Token": csrf}
	wantProblem(t, "a key with a cookie", s.do(ask{method: "POST", path: "/api/v1/models/starter/stop", cookie: cookie, header: header}), http.StatusForbidden)
	for scheme, want := range map[string]int{"Bearer ": 200, "bearer ": 200, "BEARER   ": 200} {
		if w := s.do(ask{path: "/api/v1/session", header: map[string]string{"Authorization": scheme + strings.TrimPrefix(key["Authorization"], "Bearer ")}}); w.Code != want {
			t.Errorf("%q: %d", scheme, w.Code)
		}
	}
	if log := s.log.String(); strings.Contains(log, passwords.KeyPrefix) {
		t.Errorf("a key is in the log:\n%s", log)
	}
	for _, e := range events {
		if strings.Contains(fmt.Sprint(e), passwords.KeyPrefix) {
			t.Errorf("a key is on record: %+v", e)
		}
	}
}

// TestBadServiceKeys: whatever is wrong with a key, the answer is the same, byte
// for byte, with a cookie too.
func TestBadServiceKeys(t *testing.T) {
	s := newSite(t)
	good := s.key("good", time.Hour, nil, policy.Service)["Authorization"]
	expired := s.key("expired", time.Minute, nil, policy.Service)["Authorization"]
	revoked := s.key("revoked", time.Hour, nil, policy.Service)["Authorization"]
	if err := s.db.RevokeServiceKey(t.Context(), "revoked", ada); err != nil {
		t.Fatal(err)
	}
	cookie, _ := s.signIn(ada)
	s.now.pass(time.Minute)
	unknown, err := passwords.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	want := ""
	for name, value := range map[string]string{
		"unknown": "Bearer " + unknown, "expired": expired, "revoked": revoked, "truncated": good[:len(good)-1], "longer": good + "0", "doubled": good + " " + good,
		"of another kind": "Basic " + strings.TrimPrefix(good, "Bearer "), "without its kind": strings.TrimPrefix(good, "Bearer "), "empty": "Bearer ", "nothing": "",
		"huge": "Bearer " + strings.Repeat("x", 10_000), "a session's token": "Bearer " + cookie,
	} {
		w := s.do(ask{path: "/api/v1/runs", header: map[string]string{"Authorization": value}, cookie: cookie})
		wantProblem(t, name, w, http.StatusUnauthorized)
		got := fmt.Sprint(w.Header(), w.Body)
		if want == "" {
			want = got
		}
		if got != want || !strings.Contains(got, "urn:skerry:bad-key") {
			t.Errorf("%s: %s\nwant %s", name, got, want)
		}
	}
	r := s.request(ask{path: "/api/v1/session"})
	r.Header["Authorization"] = []string{good, good}
	if w := s.answer(r); w.Code != 401 {
		t.Errorf("two headers: %d", w.Code)
	}
	if w := s.do(ask{path: "/api/v1/session", header: map[string]string{"Authorization": good}}); w.Code != 200 {
		t.Errorf("negative control, a good key: %d %s", w.Code, w.Body)
	}
}

// TestScopedKey: a key that is for a mission sees nothing of others, in no list
// and under no name, and learns not even that it is there.
func TestScopedKey(t *testing.T) {
	s := newSite(t)
	mine, other := built(1), storetest.New(2, storetest.Epoch, "salaries", "")
	other.Read(other.Fold.Input["document"].Document.SHA256)
	s.put(mine)
	s.put(other)
	key := s.key("inbox", time.Hour, []string{"invoice"}, policy.Service, policy.Viewer)
	both := s.key("both", time.Hour, []string{"invoice", "salaries"}, policy.Viewer)
	all := s.key("all", time.Hour, nil, policy.Viewer)
	out := s.key("out", time.Hour, []string{"nothing"}, policy.Viewer)

	for _, row := range []struct {
		name  string
		key   map[string]string
		path  string
		sees  bool // its own
		other bool
	}{
		{"runs", key, "/api/v1/runs", true, false},
		{"runs of two missions", both, "/api/v1/runs", true, true},
		{"runs of all missions", all, "/api/v1/runs", true, true},
		{"runs of no mission that there is", out, "/api/v1/runs", false, false},
		{"runs, asked for by the other mission", key, "/api/v1/runs?mission=salaries", false, false},
		{"runs, by a text", key, "/api/v1/runs?text=" + string(other.ID()), false, false},
		{"runs, one a page", key, "/api/v1/runs?limit=1", true, false},
		{"missions", key, "/api/v1/missions", true, false},
		{"missions of no mission that there is", out, "/api/v1/missions", false, false},
	} {
		w := s.do(ask{path: row.path, header: row.key})
		body := w.Body.String()
		has := strings.Contains(body, string(mine.ID())) || strings.Contains(body, `"name":"invoice"`)
		if w.Code != 200 || has != row.sees || strings.Contains(body, string(other.ID())) != row.other || strings.Contains(body, "draft-only") {
			t.Errorf("%s: %d %s", row.name, w.Code, body)
		}
		if row.name == "runs, one a page" && strings.Contains(body, `"next":"0`) {
			t.Errorf("%s: it says that there is more: %s", row.name, body)
		}
	}

	id := "/api/v1/runs/" + string(other.ID())
	gone := "/api/v1/runs/" + string(storetest.ID(storetest.Epoch, 99))
	for _, q := range []ask{
		{path: ""}, {path: "/observations"}, {path: "/events"}, {path: "/documents/document"}, {path: "/documents/document/text"},
		{path: "/cancel", method: "POST", body: `{"reason":"x"}`},
	} {
		hidden, absent := q, q
		hidden.path, absent.path = id+q.path, gone+q.path
		hidden.header, absent.header = key, key
		h, a := s.do(hidden), s.do(absent)
		if h.Code != 404 || h.Body.String() != a.Body.String() || fmt.Sprint(h.Header()) != fmt.Sprint(a.Header()) {
			t.Errorf("%q of another mission's run: %d %s\nof none: %d %s", q.path, h.Code, h.Body, a.Code, a.Body)
		}
	}
	for _, path := range []string{"/api/v1/missions/draft-only", "/api/v1/missions/draft-only/source", "/api/v1/missions/draft-only/samples"} {
		if w := s.do(ask{path: path, header: key}); w.Code != 404 || !strings.Contains(w.Body.String(), "urn:skerry:unseen") {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
	w := s.do(ask{method: "POST", path: "/api/v1/missions/draft-only/runs", body: bodyFor("start-run", nil), header: key})
	if w.Code != 404 || s.engine.changed() != 0 {
		t.Errorf("starting another mission: %d %s", w.Code, w.Body)
	}
	for _, path := range []string{"/api/v1/runs/counts", "/api/v1/home", "/api/v1/events", "/api/v1/decisions", "/api/v1/decisions/d-1", "/api/v1/models", "/api/v1/policy", "/api/v1/people", "/api/v1/keys"} {
		wantProblem(t, path, s.do(ask{path: path, header: key}), http.StatusForbidden)
	}
	if w := s.do(ask{path: "/api/v1/runs/" + string(mine.ID()), header: key}); w.Code != 200 {
		t.Errorf("negative control, its own run: %d %s", w.Code, w.Body)
	}
}

// TestServiceKeyRate: a key has so many requests a minute; the flood is on record
// once, and other keys go on.
func TestServiceKeyRate(t *testing.T) {
	refused := 0
	s := newSite(t, func(c *api.Config) {
		c.Audit = func(_ context.Context, e api.Event) error {
			if e.Outcome == "refused" {
				refused++
			}
			return nil
		}
	})
	key, other := s.key("inbox", time.Hour, nil, policy.Viewer), s.key("other", time.Hour, nil, policy.Viewer)
	q := ask{path: "/api/v1/version", header: key}
	for i := range api.RequestsPerMinute {
		if w := s.do(q); w.Code != 200 {
			t.Fatalf("request %d: %d %s", i, w.Code, w.Body)
		}
	}
	for range 5 {
		w := s.do(q)
		wantProblem(t, "one too many", w, http.StatusTooManyRequests)
		if w.Header().Get("Retry-After") != "60" {
			t.Errorf("Retry-After %q", w.Header().Get("Retry-After"))
		}
	}
	if refused != 1 {
		t.Errorf("%d refusals are on record, want 1", refused)
	}
	if w := s.do(ask{path: "/api/v1/version", header: other}); w.Code != 200 {
		t.Errorf("another key: %d", w.Code)
	}
	s.now.pass(time.Minute)
	if w := s.do(q); w.Code != 200 {
		t.Errorf("a minute later: %d", w.Code)
	}
}

// FuzzBearer: whatever stands in the header, it is a key or it is refused; what
// is looked up is short.
func FuzzBearer(f *testing.F) {
	for _, s := range []string{"", "Bearer", "Bearer ", "Bearer x", "bearer  skerry_key_0", "Basic eDp5", "Bearer\tx", "Bearer x y", strings.Repeat("B", 300)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, header string) {
		key := api.Bearer([]string{header})
		if len(key) > len(header) || len(key) > 256 || key != "" && !strings.EqualFold(header[:7], "Bearer ") || strings.HasPrefix(key, " ") {
			t.Errorf("%q gives %q", header, key)
		}
	})
}

// FuzzCookie: whatever cookies a browser sends, nobody is signed in who was not,
// and nothing breaks.
func FuzzCookie(f *testing.F) {
	for _, s := range []string{"", "skerry_session=x", "skerry_session=\"x\"; skerry_session=y", "skerry_session", "=", "skerry_session=" + strings.Repeat("a", 5000), "a=b; skerry_session=\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, header string) {
		s := newSite(t)
		r := s.request(ask{path: "/api/v1/session"})
		r.Header.Set("Cookie", header)
		if w := s.answer(r); w.Code != http.StatusUnauthorized {
			t.Errorf("%q: %d %s", header, w.Code, w.Body)
		}
	})
}
