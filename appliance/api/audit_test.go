package api_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"skerry/appliance/api"
	"skerry/appliance/policy"
)

// recorder is an audit log that knows what had been changed when it was told.
type recorder struct {
	changes func() int
	fail    error

	mu     sync.Mutex
	events []api.Event
	at     []int // changes
}

func (r *recorder) record(_ context.Context, e api.Event) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fail != nil {
		return r.fail
	}
	r.events, r.at = append(r.events, e), append(r.at, r.changes())
	return nil
}

// take returns what was recorded since the last call.
func (r *recorder) take() (events []api.Event, at []int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	events, at = r.events, r.at
	r.events, r.at = nil, nil
	return events, at
}

func recordedSite(t *testing.T) (*site, *recorder) {
	r := &recorder{changes: func() int { return 0 }}
	s := newSite(t, func(c *api.Config) { c.Audit = r.record })
	r.changes = s.changes
	return s, r
}

// What is recorded before it is done or shown. Everything else that is a GET
// leaves no record, and everything that is not leaves one when it has ended.
var (
	leaving = []string{"try-directory", "discard-upload", "examine-model", "finish-upload", "import-model", "remove-model", "start-model", "stop-model",
		"seal", "rotate-keys", "add-vault-admin", "remove-vault-admin", "renew-certificate", "replace-ca"}
	revealing = []string{"backup", "decision", "document", "document-text", "observations", "run", "run-events"}
)

// TestEveryOperationIsRecorded walks all that the API offers: nothing that
// changes or reveals something is done without a record, and what cannot be
// taken back has one before.
func TestEveryOperationIsRecorded(t *testing.T) {
	s, log := recordedSite(t)
	run := built(1)
	s.put(run)
	s.api.Close() // streams end at once
	for _, o := range operations(s, run) {
		before := s.changes()
		w := s.do(ask{as: ada, method: o.method, path: o.path, body: o.body, header: headerFor(o.id)})
		events, at := log.take()
		var outcomes []string
		for _, e := range events {
			outcomes = append(outcomes, e.Outcome)
			if e.Operation != o.id || e.Actor != "ada" || e.Source != "local socket" || !strings.HasPrefix(o.path, e.Path) {
				t.Errorf("%s is recorded as %+v", o.id, e)
			}
		}
		ended := "ok"
		if w.Code >= 400 {
			ended = "failed"
		}
		if slices.Contains([]string{"sign-in", "sign-in-certificate", "invitee", "enrol", "sign-in-passkey", "offer-enrolment-passkey", "enrol-passkey"}, o.id) {
			ended = "refused" // the token is none
		}
		var want []string
		switch {
		case slices.Contains(leaving, o.id):
			want = []string{"asked", ended}
		case slices.Contains(revealing, o.id):
			want = []string{"ok"}
		case o.method != http.MethodGet:
			want = []string{ended}
		}
		if !slices.Equal(outcomes, want) {
			t.Errorf("%s (%d): recorded %v, want %v", o.id, w.Code, outcomes, want)
		}
		if len(want) == 2 && at[0] != before {
			t.Errorf("%s was done before it was recorded", o.id)
		}
	}
}

// TestNothingWithoutRecord: where nothing can be recorded, nothing is shown that
// would have been, nothing that cannot be taken back is done, and nobody is told
// that something has succeeded.
func TestNothingWithoutRecord(t *testing.T) {
	s, log := recordedSite(t)
	run := built(1)
	s.put(run)
	s.api.Close()
	log.fail = errors.New("the disk is gone")
	for _, o := range operations(s, run) {
		before := s.changes()
		w := s.do(ask{as: ada, method: o.method, path: o.path, body: o.body, header: headerFor(o.id)})
		if o.method == http.MethodGet && !slices.Contains(revealing, o.id) {
			continue
		}
		wantProblem(t, o.id+" without a record", w, http.StatusInternalServerError)
		if slices.Contains(leaving, o.id) && s.changes() != before {
			t.Errorf("%s was done without a record", o.id)
		}
	}
	w := s.do(ask{as: policy.Principal{ID: "nil"}, path: "/api/v1/runs"})
	wantProblem(t, "a refusal without a record", w, http.StatusInternalServerError)
}

// TestReadOnlyMode: nothing new is taken in, and nothing that keeps the site going
// or makes room is refused. Refusals are on record like any other.
func TestReadOnlyMode(t *testing.T) {
	log := &recorder{changes: func() int { return 0 }}
	s := newSite(t, func(c *api.Config) {
		c.Audit = log.record
		c.ReadOnly = func() error {
			return &api.Error{Status: http.StatusInsufficientStorage, Code: "read-only", Detail: "The disk is nearly full."}
		}
	})
	run := built(1)
	s.put(run)
	s.api.Close()
	goOn := []string{"cancel-run", "check-store", "discard-upload", "new-link", "invite-person", "change-person", "remove-person", "invitee", "enrol", "remove-model", "sign-in", "sign-out", "stop-model", "validate-mission",
		"seal", "remove-vault-admin", "remove-secret", "set-certificates", "revoke-key", "sign-in-certificate",
		"ask-passkey", "sign-in-passkey", "offer-enrolment-passkey", "enrol-passkey", "set-password", "end-own-session", "end-other-sessions", "remove-passkey",
		"end-sessions", "end-all-sessions", "try-directory", "reject-proposal", "withdraw-proposal", "end-waiver", "step-up"}
	for _, o := range operations(s, run) {
		before := s.changes()
		w := s.do(ask{as: ada, method: o.method, path: o.path, body: o.body, header: headerFor(o.id)})
		events, _ := log.take()
		refused := w.Code == http.StatusInsufficientStorage
		if want := o.method != http.MethodGet && !slices.Contains(goOn, o.id); refused != want {
			t.Errorf("%s: %d, refused is %t, want %t", o.id, w.Code, refused, want)
		}
		if refused && (s.changes() != before || len(events) != 1 || events[0].Outcome != "refused") {
			t.Errorf("%s was refused: %d changes, recorded %+v", o.id, s.changes()-before, events)
		}
	}
}

// TestLooks: a page that asks again is one look; after a while, or by somebody
// else, or into something else, it is another.
func TestLooks(t *testing.T) {
	s, log := recordedSite(t)
	run := built(1)
	s.put(run)
	look := func(as policy.Principal, path string) int {
		if w := s.do(ask{as: as, path: path}); w.Code != http.StatusOK {
			t.Fatalf("%s: %d %s", path, w.Code, w.Body)
		}
		events, _ := log.take()
		return len(events)
	}
	path := "/api/v1/runs/" + string(run.ID())
	for _, row := range []struct {
		what string
		as   policy.Principal
		path string
		wait time.Duration
		want int
	}{
		{"first", ada, path, 0, 1},
		{"again", ada, path, 0, 0},
		{"by somebody else", viewer, path, 0, 1},
		{"into something else", ada, path + "/observations", 0, 1},
		{"just before it counts anew", ada, path, 59 * time.Second, 0},
		{"after a minute", ada, path, time.Second, 1},
	} {
		s.now.pass(row.wait)
		if got := look(row.as, row.path); got != row.want {
			t.Errorf("%s: %d records, want %d", row.what, got, row.want)
		}
	}
}

// TestStrangers: refusals of callers that nobody knows are recorded, but cannot
// fill the log, and how many are missing is said.
func TestStrangers(t *testing.T) {
	s, log := recordedSite(t)
	const knocks = 200
	for i := range knocks {
		q := ask{path: "/api/v1/runs"}
		switch i % 3 {
		case 1:
			q.host = "elsewhere.example"
		case 2:
			q.method, q.header = http.MethodPost, map[string]string{"Origin": "https://elsewhere.example", "Sec-Fetch-Site": "cross-site"}
		}
		s.do(q)
	}
	events, _ := log.take()
	operations := map[string]int{}
	for _, e := range events {
		operations[e.Operation]++
		if e.Outcome != "refused" || e.Actor != "" || e.Source == "" || e.Why == "" {
			t.Errorf("recorded %+v", e)
		}
	}
	if want := map[string]int{"runs": 20, "request": 40}; fmt.Sprint(operations) != fmt.Sprint(want) {
		t.Errorf("recorded %v, want %v", operations, want)
	}
	s.now.pass(time.Minute)
	s.do(ask{path: "/api/v1/runs"})
	events, _ = log.take()
	if want := fmt.Sprintf("%d refusals", knocks-60); len(events) != 1 || !strings.Contains(events[0].Why, want) {
		t.Errorf("a minute later: %+v, want it to say %q", events, want)
	}
}
