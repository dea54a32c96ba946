package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"skerry/appliance/api"
	"skerry/appliance/llm"
	"skerry/store/storetest"
)

// operation is one line of the walk over all that the API offers.
type operation struct {
	id, method, path string // path with its parameters filled in
	template         string
	body             string
	op               *huma.Operation
}

// operations fills in parameters so that every operation meets something that
// is there.
func operations(s *site, run *storetest.Run) []operation {
	var list []operation
	for template, item := range s.api.Document().Paths {
		for method, op := range map[string]*huma.Operation{"GET": item.Get, "PUT": item.Put, "POST": item.Post, "DELETE": item.Delete, "PATCH": item.Patch} {
			if op == nil {
				continue
			}
			id := string(run.ID())
			switch {
			case strings.Contains(template, "/decisions/"):
				id = "d-1"
			case strings.Contains(template, "/models/"):
				id = "starter"
			case strings.Contains(template, "/proposals/"):
				id = "P-1"
			}
			path := strings.NewReplacer("{login}", "bob", "{name}", "invoice", "{id}", id, "{input}", "document", "{file}", "routine-01.txt", "{upload}", strings.Repeat("a", 32), "{number}", "0").Replace(template)
			path += map[string]string{"import-model": "?file=tiny.gguf", "remove-model": "?force=true"}[op.OperationID]
			list = append(list, operation{op.OperationID, method, path, template, bodyFor(op.OperationID, run), op})
		}
	}
	return list
}

func bodyFor(id string, run *storetest.Run) string {
	switch id {
	case "sign-in", "invitee":
		return `{"token":"x"}`
	case "enrol":
		return `{"token":"x","password":"x"}`
	case "add-key":
		return `{"name":"inbox","roles":["service"],"missions":["invoice"],"days":90}`
	case "set-certificates":
		return `{"certificates":["upn:bob@site.example"]}`
	case "add-person":
		return `{"login":"eve","name":"Eve","roles":[]}`
	case "change-person":
		return `{"disabled":true}`
	case "start-run":
		return `{"input":{"document":{"sample":"routine-01.txt"}}}`
	case "cancel-run":
		return `{"reason":"no longer wanted"}`
	case "settle-decision":
		return fmt.Sprintf(`{"outcome":"approve","reason":"","digest":%q}`, run.Fold.Decisions["d-1"].Digest)
	case "import-model", "send-piece":
		return "GGUF"
	case "begin-upload":
		return `{"files":[{"name":"tiny.gguf","size":4}]}`
	case "finish-upload":
		return `{"file":"tiny.gguf"}`
	case "approve-proposal":
		return `{"digest":"d"}`
	case "break-glass":
		return `{"digest":"d","reason":"the site is down"}`
	case "reject-proposal":
		return `{"reason":"not now"}`
	case "begin-waiver":
		return `{"why":"one person"}`
	case "step-up":
		return `{"password":"x"}`
	case "put-secret":
		return `{"value":"x"}`
	case "offer-enrolment-passkey":
		return `{"token":"x"}`
	case "enrol-passkey":
		return `{"token":"x","ticket":"x","name":"Key","answer":{}}`
	case "sign-in-passkey":
		return `{"ticket":"x","answer":{}}`
	case "set-password":
		return `{"old":"x","password":"y"}`
	case "offer-passkey":
		return `{"password":"x"}`
	case "add-passkey":
		return `{"ticket":"x","name":"Key","answer":{}}`
	case "try-directory":
		return `{"login":"bob"}`
	case "add-vault-admin":
		return `{"name":"bob","recipient":"age1x"}`
	case "put-policy":
		return "classes: []\n"
	case "save-draft", "validate-mission":
		return "mission: invoice\n"
	}
	return ""
}

// headerFor is what a request needs beside its body.
func headerFor(id string) map[string]string {
	if id == "send-piece" {
		return map[string]string{"Content-Range": "bytes 0-3/4"}
	}
	return nil
}

func (s *site) changes() int {
	return s.engine.changed() + s.lib.changes + s.models.changes + s.puts + s.people.changes + s.accounts.changes + s.keys + s.govern.changes
}

// TestEveryOperationIsGuarded: whoever is not signed in gets 401, whoever has
// no role gets 403, nothing changes meanwhile, and what changes something asks
// the policy.
func TestEveryOperationIsGuarded(t *testing.T) {
	s := newSite(t)
	run := built(1)
	s.put(run)
	public := map[string]bool{"sign-in": true, "invitee": true, "enrol": true, "health": true, "client-certificate": true, "sign-in-certificate": true,
		"sign-in-ways": true, "ask-passkey": true, "sign-in-passkey": true, "offer-enrolment-passkey": true, "enrol-passkey": true}
	self := map[string]bool{"session": true, "sign-out": true, "step-up": true, "version": true, "openapi": true, // about the caller, or about nothing
		"account": true, "set-password": true, "end-own-session": true, "end-other-sessions": true, "offer-passkey": true, "add-passkey": true, "remove-passkey": true}
	guards := s.api.Guards()
	ops := operations(s, run)
	for _, o := range ops {
		g, known := guards[o.id]
		switch {
		case !known:
			t.Errorf("%s has no guard", o.id)
		case g.Open != public[o.id]:
			t.Errorf("%s: open to everybody is %t, want %t", o.id, g.Open, public[o.id])
		case !g.Asked && !public[o.id] && !self[o.id]:
			t.Errorf("%s does not ask the policy", o.id)
		}
		if public[o.id] {
			continue
		}
		q := ask{method: o.method, path: o.path, body: o.body, header: headerFor(o.id)}
		wantProblem(t, o.id+" by nobody", s.do(q), http.StatusUnauthorized)
		if self[o.id] {
			continue
		}
		q.as = nobody
		wantProblem(t, o.id+" without a role", s.do(q), http.StatusForbidden)
		if q.as = viewer; o.method != "GET" {
			wantProblem(t, o.id+" by a viewer", s.do(q), http.StatusForbidden)
		}
	}
	if n := s.changes(); n != 0 {
		t.Errorf("%d changes got through", n)
	}
	if len(ops) != len(guards) || len(ops) < 30 {
		t.Errorf("walked %d operations of %d", len(ops), len(guards))
	}
	for _, r := range s.api.Routes() {
		template := strings.NewReplacer(":login", "{login}", ":name", "{name}", ":id", "{id}", ":input", "{input}", ":file", "{file}", ":upload", "{upload}", ":number", "{number}").Replace(r.Path)
		if s.api.Document().Paths[template] == nil {
			t.Errorf("%s %s is routed but not described", r.Method, r.Path)
		}
	}
}

// TestGuardsLetThrough is the negative control of the walk above: with the
// right role the same requests arrive, and change something.
func TestGuardsLetThrough(t *testing.T) {
	mutates := map[string]bool{"start-run": true, "cancel-run": true, "settle-decision": true, "save-draft": true, "publish-mission": true, "stop-model": true, "start-model": true,
		"import-model": true, "begin-upload": true, "send-piece": true, "finish-upload": true, "discard-upload": true, "examine-model": true, "remove-model": true, "put-policy": true,
		"add-person": true, "change-person": true, "invite-person": true, "remove-person": true,
		"approve-proposal": true, "break-glass": true, "reject-proposal": true, "withdraw-proposal": true, "acknowledge-proposal": true, "begin-waiver": true, "end-waiver": true,
		"set-password": true, "end-own-session": true, "end-other-sessions": true, "add-passkey": true, "remove-passkey": true, "end-sessions": true, "end-all-sessions": true,
		"seal": true, "rotate-keys": true, "add-vault-admin": true, "remove-vault-admin": true, "put-secret": true, "remove-secret": true,
		"renew-certificate": true, "replace-ca": true, "add-key": true, "revoke-key": true, "set-certificates": true}
	for id := range mutates {
		s := newSite(t)
		run := built(1)
		s.put(run)
		for _, o := range operations(s, run) {
			if o.id != id {
				continue
			}
			if w := s.do(ask{as: ada, method: o.method, path: o.path, body: o.body, header: headerFor(o.id)}); w.Code == 401 || w.Code == 403 {
				t.Errorf("%s by an administrator: %d %s", id, w.Code, w.Body)
			}
			if s.changes() != 1 {
				t.Errorf("%s by an administrator: %d changes, want 1", id, s.changes())
			}
		}
	}
}

func wantProblem(t *testing.T, what string, w *httptest.ResponseRecorder, status int) {
	t.Helper()
	var p api.Problem
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
		t.Errorf("%s: %d, body is no problem: %q", what, w.Code, w.Body)
		return
	}
	if w.Code != status || p.Status != status || w.Header().Get("Content-Type") != "application/problem+json" || p.Type == "" || p.Title == "" || len(p.Detail) < 20 {
		t.Errorf("%s: got %d %s %+v, want %d and a problem with a detail", what, w.Code, w.Header().Get("Content-Type"), p, status)
	}
	wantHeaders(t, what, w, true)
}

// TestAnswersFitTheDocument: every answer of every operation is what
// openapi.json says: no member more, none missing, no list null. The second
// site is empty, where nil slices would show.
func TestAnswersFitTheDocument(t *testing.T) {
	for _, empty := range []bool{false, true} {
		s := newSite(t)
		run := built(1)
		if !empty {
			s.put(run)
		}
		schemas := compiled(t, s)
		for _, o := range operations(s, run) {
			if o.id == "run-events" || o.id == "events" || empty && strings.Contains(o.template, "{id}") || o.method == "DELETE" {
				continue
			}
			w := s.do(ask{as: ada, method: o.method, path: o.path, body: o.body, header: headerFor(o.id)})
			wantHeaders(t, o.id, w, true)
			if w.Code >= 500 {
				t.Errorf("%s: %d %s", o.id, w.Code, w.Body)
			}
			pointer := "/paths/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(o.template) + "/" + strings.ToLower(o.method) + "/responses/"
			kind := "application/json"
			if w.Code >= 400 {
				pointer += "default/content/application~1problem+json/schema"
				kind = "application/problem+json"
			} else {
				pointer += fmt.Sprint(w.Code) + "/content/application~1json/schema"
			}
			if got := w.Header().Get("Content-Type"); got != kind {
				if content := o.op.Responses["200"].Content; content[strings.Split(got, ";")[0]] == nil && content["application/octet-stream"] == nil {
					t.Errorf("%s answers %d with %s, which is not described", o.id, w.Code, got)
				}
				continue
			}
			schema, err := schemas(pointer)
			if err != nil {
				t.Errorf("%s: %d has no schema: %v", o.id, w.Code, err)
				continue
			}
			body, err := jsonschema.UnmarshalJSON(strings.NewReader(w.Body.String()))
			if err != nil {
				t.Errorf("%s: %v", o.id, err)
				continue
			}
			if err := schema.Validate(body); err != nil {
				t.Errorf("%s: %v\n%s", o.id, err, w.Body)
			}
		}
	}
}

// compiled returns schemas of the OpenAPI document by JSON pointer.
func compiled(t *testing.T, s *site) func(pointer string) (*jsonschema.Schema, error) {
	t.Helper()
	raw, err := s.api.OpenAPI()
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(string(raw)))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("openapi.json", doc); err != nil {
		t.Fatal(err)
	}
	return func(pointer string) (*jsonschema.Schema, error) { return c.Compile("openapi.json#" + pointer) }
}

// TestSchemaNegativeControl: the validation above refuses what it is there to
// refuse.
func TestSchemaNegativeControl(t *testing.T) {
	schema, err := compiled(t, newSite(t))("/components/schemas/RunPage")
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{`{"runs":null}`, `{}`, `{"runs":[],"more":1}`, `{"runs":[{}]}`} {
		body, err := jsonschema.UnmarshalJSON(strings.NewReader(bad))
		if err != nil {
			t.Fatal(err)
		}
		if schema.Validate(body) == nil {
			t.Errorf("%s passes for a RunPage", bad)
		}
	}
}

// TestWriteJSONLeavesItsInputAlone: what is written may be shared.
func TestWriteJSONLeavesItsInputAlone(t *testing.T) {
	type inner struct {
		List []string       `json:"list"`
		Map  map[string]int `json:"map"`
	}
	v := struct {
		A *inner           `json:"a"`
		B []inner          `json:"b"`
		C map[string]inner `json:"c"`
		D llm.Confidence   `json:"d"`
		E json.RawMessage  `json:"e"`
		F any              `json:"f"`
		G []byte           `json:"g,omitempty"`
	}{A: &inner{}, B: []inner{{}}, C: map[string]inner{"x": {}}, D: llm.Unknown(), F: inner{}}
	var b strings.Builder
	if err := api.WriteJSON(&b, v); err != nil {
		t.Fatal(err)
	}
	const i = `{"list":[],"map":{}}`
	if want := `{"a":` + i + `,"b":[` + i + `],"c":{"x":` + i + `},"d":null,"e":null,"f":` + i + "}\n"; b.String() != want {
		t.Errorf("got  %swant %s", b.String(), want)
	}
	if v.A.List != nil || v.B[0].Map != nil || v.E != nil {
		t.Errorf("the input was changed: %+v", v)
	}
}
