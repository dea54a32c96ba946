package api_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"skerry/appliance/api"
	"skerry/appliance/policy"
)

// TestScenarios: what is asked, what comes back, and what must not.
func TestScenarios(t *testing.T) {
	s := newSite(t)
	run := built(1)
	s.put(run)
	whole := built(2).Decided("d-2", "approve").Verdict("approved")
	s.put(whole)
	id := "/api/v1/runs/" + string(run.ID())
	digest := run.Fold.Decisions["d-1"].Digest
	clerk := policy.Principal{ID: "ben", Name: "Ben", Roles: []string{policy.User}}
	for _, row := range []struct {
		name   string
		ask    ask
		status int
		has    []string
		lacks  []string
	}{
		{"health needs no session", ask{path: "/api/v1/health"}, 200, []string{`"status":"ok"`}, []string{"v1.2.3"}},
		{"the version needs one", ask{path: "/api/v1/version"}, 401, []string{"Sign in first"}, []string{"v1.2.3"}},
		{"the version", ask{as: viewer, path: "/api/v1/version"}, 200, []string{"v1.2.3"}, nil},
		{"who am I, in German", ask{as: viewer, path: "/api/v1/session", header: map[string]string{"Accept-Language": "fr, de-AT;q=0.8, en;q=0.5"}}, 200, []string{`"language":"de"`, `"Vic Summer"`, `"currency":"EUR"`}, nil},
		{"an address that is not there", ask{as: ada, path: "/api/v1/nothing"}, 404, []string{"There is nothing at"}, nil},
		{"a method that is not taken", ask{as: ada, method: "PATCH", path: "/api/v1/runs"}, 405, []string{"it takes GET"}, nil},
		{"a limit beyond its bounds", ask{as: ada, path: "/api/v1/runs?limit=1000000"}, 422, []string{"query.limit"}, nil},
		{"a state that is none", ask{as: ada, path: "/api/v1/runs?state=gone"}, 422, []string{"query.state"}, nil},
		{"runs by state", ask{as: ada, path: "/api/v1/runs?state=waiting"}, 200, []string{string(run.ID())}, []string{string(whole.ID())}},
		{"runs by text", ask{as: ada, path: "/api/v1/runs?text=00002"}, 200, []string{string(whole.ID())}, []string{string(run.ID())}},
		{"a page of one", ask{as: ada, path: "/api/v1/runs?limit=1"}, 200, []string{string(whole.ID()), `"next":"`}, []string{string(run.ID())}},
		{"counts", ask{as: ada, path: "/api/v1/runs/counts"}, 200, []string{`"total":2`, `"openDecisions":1`, `"parked":0`, `"approved":1`, `"finance":1`}, []string{"null"}},
		{"a run", ask{as: ada, path: id}, 200, []string{
			`"name":"total","type":"decimal","value":"1404.20"`, `"state":"waiting"`, `"decisions":["d-1"]`, `"attempt":2,"grade":1`, `"used":true`,
			`"title":{"de":"Rechnungsprüfung"`, `"hasText":true`}, []string{"null,\"rail\"", `"cancel":false`}},
		{"a run for a viewer", ask{as: viewer, path: id}, 200, []string{`"cancel":false`}, nil},
		{"a run that is not there", ask{as: ada, path: "/api/v1/runs/01ARZ3NDEKTSV4RRFFQ69G5FAV"}, 404, []string{`There is no run`}, []string{"not found"}},
		{"a run with a name that is none", ask{as: ada, path: "/api/v1/runs/..%2f..%2fetc"}, 404, []string{"There is no"}, []string{"ULID"}},
		{"observations behind a point", ask{as: ada, path: id + "/observations?after=7&limit=1"}, 200, []string{`"seq":8`, `"next":8`}, []string{`"seq":7,`, `"seq":9,`}},
		{"a document", ask{as: ada, path: id + "/documents/document"}, 200, []string{"Nordwind Handels GmbH"}, nil},
		{"a document that is not there", ask{as: ada, path: id + "/documents/other"}, 404, []string{"There is no document"}, nil},
		{"the text of a document", ask{as: ada, path: id + "/documents/document/text"}, 200, []string{"Nordwind"}, nil},
		{"a decision", ask{as: ada, path: "/api/v1/decisions/d-1"}, 200, []string{`"maySettle":true`, `"amendable":true`, `"queueTitle":{"en":"Finance"}`, "Nordwind Handels GmbH"}, nil},
		{"a decision for a clerk", ask{as: clerk, path: "/api/v1/decisions/d-1"}, 200, []string{`"maySettle":false`, `"whyNot":"this needs one of the roles`}, nil},
		{"open decisions", ask{as: ada, path: "/api/v1/decisions"}, 200, []string{`"d-1"`}, []string{`"d-2"`}},
		{"settled decisions", ask{as: ada, path: "/api/v1/decisions?open=false"}, 200, []string{`"d-2"`, "it is settled"}, []string{`"d-1"`}},
		{"decisions of another queue", ask{as: ada, path: "/api/v1/decisions?queue=legal"}, 200, []string{`"decisions":[]`}, nil},
		{"my decisions where I may settle none", ask{as: clerk, path: "/api/v1/decisions?mine=true"}, 200, []string{`"decisions":[]`}, nil},
		{"settling as a clerk", ask{as: clerk, method: "POST", path: "/api/v1/decisions/d-1", body: `{"outcome":"approve","reason":"","digest":"` + digest + `"}`}, 403, []string{"You may not do this", "approver"}, nil},
		{"settling what one did not see", ask{as: ada, method: "POST", path: "/api/v1/decisions/d-1", body: `{"outcome":"approve","reason":"","digest":"other"}`}, 409, []string{"decision-changed", "Load it again"}, nil},
		{"settling with an outcome that is none", ask{as: ada, method: "POST", path: "/api/v1/decisions/d-1", body: `{"outcome":"expire","reason":"","digest":"x"}`}, 422, []string{"body.outcome"}, nil},
		{"rejecting without a reason", ask{as: ada, method: "POST", path: "/api/v1/decisions/d-1", body: `{"outcome":"reject","reason":" ","digest":"` + digest + `"}`}, 422, []string{"body.reason", "say why"}, nil},
		{"settling what is settled", ask{as: ada, method: "POST", path: "/api/v1/decisions/d-2", body: `{"outcome":"approve","reason":"","digest":"` + digest + `"}`}, 409, []string{"decision-settled", "approve by Bo Lind", "Nothing was changed"}, nil},
		{"settling what is not there", ask{as: ada, method: "POST", path: "/api/v1/decisions/d-9", body: `{"outcome":"approve","reason":"","digest":"x"}`}, 404, []string{"There is no decision"}, nil},
		{"settling with more members than there are", ask{as: ada, method: "POST", path: "/api/v1/decisions/d-1", body: `{"outcome":"approve","reason":"","digest":"x","by":"root"}`}, 422, []string{"by"}, nil},
		{"cancelling without a reason", ask{as: ada, method: "POST", path: id + "/cancel", body: `{"reason":""}`}, 422, []string{"body.reason"}, nil},
		{"cancelling what has ended", ask{as: ada, method: "POST", path: "/api/v1/runs/" + string(whole.ID()) + "/cancel", body: `{"reason":"x"}`}, 409, []string{"run-ended", "approved"}, nil},
		{"missions", ask{as: viewer, path: "/api/v1/missions"}, 200, []string{`"version":1`, `"samples":1`, `"accept":["text","pdf"]`}, []string{"null"}},
		{"a mission that is not there", ask{as: ada, path: "/api/v1/missions/other"}, 404, []string{`There is no mission \"other\"`}, nil},
		{"a mission's source", ask{as: ada, path: "/api/v1/missions/invoice/source"}, 200, []string{"mission: invoice"}, nil},
		{"a draft that does not parse", ask{as: ada, method: "PUT", path: "/api/v1/missions/invoice/draft", body: "mission: [\n"}, 422, []string{"mission-invalid", `"line":`, `"column":`}, nil},
		{"what is wrong with a file", ask{as: ada, method: "POST", path: "/api/v1/missions/validate", body: "mission: [\n"}, 200, []string{`"valid":false`, `"line":`}, nil},
		{"publishing without a draft", ask{as: ada, method: "POST", path: "/api/v1/missions/invoice/publish"}, 404, []string{"no-draft", "Save one first"}, nil},
		{"a draft larger than files are", ask{as: ada, method: "PUT", path: "/api/v1/missions/invoice/draft", body: strings.Repeat("#", api.SmallBody+1)}, 413, []string{"too-big", "1 MiB"}, nil},
		{"a sample", ask{as: ada, path: "/api/v1/missions/invoice/samples/routine-01.txt"}, 200, []string{"net 10.00"}, nil},
		{"a sample outside", ask{as: ada, path: "/api/v1/missions/invoice/samples/..%2f..%2fkey"}, 404, []string{"There is no"}, nil},
		{"models", ask{as: viewer, path: "/api/v1/models"}, 200, []string{`"clearance":"internal"`, `"enabled":true`, `"pools":[{"name":"routine"`, `"mayOperate":false`, `"starter":true`}, nil},
		{"the card of a model", ask{as: viewer, path: "/api/v1/models/starter/card"}, 200, []string{`"limits":["it cannot chat"]`, `"measure":"field-exact"`, `"n":900`}, []string{"null"}},
		{"the card of a model that is not there", ask{as: viewer, path: "/api/v1/models/other/card"}, 404, []string{"There is no model"}, nil},
		{"the exam of a model", ask{as: viewer, path: "/api/v1/models"}, 200, []string{`"exam":{"lock":"another"`, `"name":"fields","passed":3,"total":4`, `"outdated":true`}, nil},
		{"stopping a model that is not there", ask{as: ada, method: "POST", path: "/api/v1/models/other/stop"}, 404, []string{"There is no model"}, nil},
		{"stopping a model", ask{as: ada, method: "POST", path: "/api/v1/models/starter/stop"}, 200, []string{`"state":"stopped"`, "stopped by Ada"}, nil},
		{"what can be imported", ask{as: ada, path: "/api/v1/models"}, 200, []string{`"importing":{"maxBytes":1048576,"freeBytes":1073741824,"profile":"generic-json","profiles":["generic-json"],"allowed":true}`, `"source":"starter"`}, nil},
		{"what a viewer can import", ask{as: viewer, path: "/api/v1/models"}, 200, []string{`"allowed":false`}, nil},
		{"importing a model", ask{as: ada, method: "POST", path: "/api/v1/models?file=..%2Ftiny.gguf&id=tiny", body: "GGUF"}, 201, []string{`"id":"starter"`}, nil},
		{"importing it again", ask{as: ada, method: "POST", path: "/api/v1/models?file=tiny.gguf", body: "old"}, 200, []string{`"id":"starter"`}, nil},
		{"importing without a name", ask{as: ada, method: "POST", path: "/api/v1/models", body: "GGUF"}, 422, []string{"query.file"}, nil},
		{"importing more than may be", ask{as: ada, method: "POST", path: "/api/v1/models?file=x", body: strings.Repeat("G", 1<<20+1)}, 413, []string{"too-big", "modelBytes"}, nil},
		{"importing as a viewer", ask{as: viewer, method: "POST", path: "/api/v1/models?file=x", body: "GGUF"}, 403, []string{"You may not do this"}, nil},
		{"a large body elsewhere", ask{as: ada, method: "PUT", path: "/api/v1/missions/invoice/draft", body: strings.Repeat("G", 1<<20+1)}, 413, []string{"too-big"}, nil},
		{"removing a model that is in a pool", ask{as: ada, method: "DELETE", path: "/api/v1/models/starter"}, 409, []string{"model-in-use", "pools routine", "with force"}, nil},
		{"removing a model that is not there", ask{as: ada, method: "DELETE", path: "/api/v1/models/other"}, 404, []string{"There is no model"}, nil},
		{"a policy with faults", ask{as: ada, method: "POST", path: "/api/v1/policy?activate=true", body: "faulty"}, 422, []string{"policy-invalid", `"line":3`, "no data class secret"}, nil},
		{"a policy that a mission cannot live under", ask{as: ada, method: "POST", path: "/api/v1/policy?activate=true", body: "narrow"}, 409, []string{"missions-broken", "no queue finance"}, nil},
		{"only to see what it would change", ask{as: ada, method: "POST", path: "/api/v1/policy?dry=true", body: "narrow"}, 200, []string{`"version":0`, `"active":false`, `"before":3`, "no queue finance"}, nil},
		{"a policy", ask{as: ada, method: "POST", path: "/api/v1/policy?activate=true", body: "classes: []"}, 200, []string{`"version":4`, `"active":true`, "model qwen is enabled, cleared up to public"}, nil},
		{"a policy by a viewer", ask{as: viewer, method: "POST", path: "/api/v1/policy?activate=true", body: "classes: []"}, 403, []string{"You may not do this"}, nil},
		{"the policy", ask{as: ada, path: "/api/v1/policy"}, 200, []string{`"queues":{"finance"`, `"rules":[]`}, nil},
		{"the policy for a viewer", ask{as: viewer, path: "/api/v1/policy"}, 403, []string{"You may not do this"}, []string{"finance"}},
		{"home", ask{as: ada, path: "/api/v1/home"}, 200, []string{`"d-1"`, string(whole.ID()), `"parked":[]`}, []string{`"d-2"`}},
		{"home for who may settle nothing", ask{as: clerk, path: "/api/v1/home"}, 200, []string{`"decisions":[]`}, []string{`"d-1"`}},
		{"a body that is no JSON", ask{as: ada, method: "POST", path: id + "/cancel", body: `{"reason":`}, 400, []string{"does not fit"}, nil},
	} {
		w := s.do(row.ask)
		body := w.Body.String()
		if w.Code != row.status {
			t.Errorf("%s: got %d, want %d: %s", row.name, w.Code, row.status, body)
		}
		for _, want := range row.has {
			if !strings.Contains(body, want) {
				t.Errorf("%s: lacks %s: %s", row.name, want, body)
			}
		}
		for _, never := range append(row.lacks, "skerry/", "goroutine", "/tmp/") {
			if strings.Contains(body, never) {
				t.Errorf("%s: has %s: %s", row.name, never, body)
			}
		}
		if w.Code >= 400 {
			wantProblem(t, row.name, w, row.status)
		}
		wantHeaders(t, row.name, w, true)
	}
}

// TestSettle: a decision is settled once, by what the person saw.
func TestSettle(t *testing.T) {
	s := newSite(t)
	run := built(1)
	s.put(run)
	q := ask{as: ada, method: "POST", path: "/api/v1/decisions/d-1",
		body: `{"outcome":"amend","reason":"a digit was lost","digest":"` + run.Fold.Decisions["d-1"].Digest + `","amendments":[{"step":"extract","field":"total","to":"1404.21"}]}`}
	w := s.do(q)
	var e api.DecisionEntry
	if decode(t, w, &e); w.Code != 200 || e.Settled == nil || e.Settled.By.ID != "ada" || e.Open() {
		t.Fatalf("settle: %d %s", w.Code, w.Body)
	}
	wantProblem(t, "settling again", s.do(q), http.StatusConflict)
	w = s.do(ask{as: ada, path: "/api/v1/runs/" + string(run.ID())})
	for _, want := range []string{`"value":"1404.21","confidence":1,"source":"person"`} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("after the amendment the run lacks %s: %s", want, w.Body)
		}
	}
}

// TestUnknownErrorsStayInside: nobody outside sees the text of an error that
// nobody has looked at; the log has it, under the reference that is told.
func TestUnknownErrorsStayInside(t *testing.T) {
	s := newSite(t)
	s.lib.failure = errors.New("bolt: page 7 of /var/lib/skerry is corrupt, key s3cret")
	w := s.do(ask{as: ada, path: "/api/v1/missions"})
	wantProblem(t, "a broken store", w, 500)
	var p api.Problem
	decode(t, w, &p)
	if strings.Contains(w.Body.String(), "bolt") || strings.Contains(w.Body.String(), "s3cret") || p.Reference == "" {
		t.Errorf("the answer gives too much away or no reference: %s", w.Body)
	}
	if log := s.log.String(); !strings.Contains(log, p.Reference) || !strings.Contains(log, "page 7") || !strings.Contains(log, "who=ada") {
		t.Errorf("the log lacks the error or its reference %s: %s", p.Reference, log)
	}
}

// TestPanicsAreAnswered: a panic is one request's, and says as little.
func TestPanicsAreAnswered(t *testing.T) {
	s := newSite(t, func(c *api.Config) { c.Health = func() string { panic("s3cret") } })
	w := s.do(ask{path: "/api/v1/health"})
	wantProblem(t, "a panic", w, 500)
	if strings.Contains(w.Body.String(), "s3cret") || !strings.Contains(s.log.String(), "s3cret") {
		t.Errorf("answer %s, log %s", w.Body, s.log)
	}
}

// TestDocumentsAreNeverShown: whatever a file says that it is, a browser saves
// it.
func TestDocumentsAreNeverShown(t *testing.T) {
	s := newSite(t)
	run := built(1)
	s.put(run)
	w := s.do(ask{as: ada, path: "/api/v1/runs/" + string(run.ID()) + "/documents/document"})
	if got := w.Header().Get("Content-Disposition"); got != "attachment; filename=invoice-00001.pdf" {
		t.Errorf("disposition %q", got)
	}
	if got := w.Header().Get("Content-Type"); got != "application/pdf" {
		t.Errorf("type %q", got)
	}
	wantHeaders(t, "a document", w, true)
	body := `{"input":{"document":{"document":{"name":"../<b>x</b>.html","data":"PHNjcmlwdD4="}}}}`
	var started struct{ ID string }
	decode(t, s.do(ask{as: ada, method: "POST", path: "/api/v1/missions/invoice/runs", body: body}), &started)
	w = s.do(ask{as: ada, path: "/api/v1/runs/" + started.ID + "/documents/document"})
	if w.Code != 200 || w.Header().Get("Content-Type") != "application/octet-stream" || !strings.HasPrefix(w.Header().Get("Content-Disposition"), "attachment;") || w.Body.String() != "<script>" {
		t.Errorf("a page as a document: %d %v %q", w.Code, w.Header(), w.Body)
	}
	if strings.Contains(w.Header().Get("Content-Disposition"), "..") {
		t.Errorf("the name keeps its folder: %q", w.Header().Get("Content-Disposition"))
	}
}

// TestPages: the start page for every path that is no file, assets for ever,
// nothing listed, nothing outside.
func TestPages(t *testing.T) {
	s := newSite(t)
	for _, row := range []struct {
		name, path string
		status     int
		has, cache string
	}{
		{"the start page", "/", 200, "<title>Skerry", "no-cache"},
		{"a path of the router", "/runs/01ABC", 200, "<title>Skerry", "no-cache"},
		{"an asset", "/assets/app-1a2b.js", 200, "let a", "public, max-age=31536000, immutable"},
		{"an asset of another build", "/assets/app-ffff.js", 404, "no such file", "no-store"},
		{"the folder of assets", "/assets/", 404, "no such file", "no-store"},
		{"a file that is not there", "/favicon.ico", 404, "no such file", "no-store"},
		{"a way out", "/assets/../../etc/passwd", 200, "<title>Skerry", "no-cache"},
	} {
		w := s.do(ask{path: row.path})
		if w.Code != row.status || !strings.Contains(w.Body.String(), row.has) || w.Header().Get("Cache-Control") != row.cache {
			t.Errorf("%s: got %d %q %q, want %d %q %q", row.name, w.Code, w.Header().Get("Cache-Control"), w.Body, row.status, row.cache, row.has)
		}
		wantHeaders(t, row.name, w, false)
	}
	if w := s.do(ask{method: "POST", path: "/"}); w.Code != 405 {
		t.Errorf("posting to a page: %d", w.Code)
	}
}
