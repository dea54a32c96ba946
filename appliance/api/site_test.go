package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"skerry/appliance/api"
	"skerry/appliance/exam"
	"skerry/appliance/llm"
	"skerry/appliance/mission"
	"skerry/appliance/policy"
	"skerry/store"
	"skerry/store/storetest"
)

// site is an API over a real store and an engine that does what it is told.
type site struct {
	t        *testing.T
	api      *api.API
	db       *store.DB
	engine   *engine
	models   *models
	people   *people
	accounts *accounts
	puts     int // versions of the policy
	keys     int // changes of the vault, of certificates and of service keys
	govern   *governance
	lib      *library
	log      *bytes.Buffer
	now      *clock
}

type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

var (
	ada    = policy.Principal{ID: "ada", Name: "Ada Winter", Roles: []string{policy.Admin, policy.Approver}}
	viewer = policy.Principal{ID: "vic", Name: "Vic Summer", Roles: []string{policy.Viewer}}
	nobody = policy.Principal{ID: "nil", Name: "No Roles"}
)

func newSite(t *testing.T, change ...func(*api.Config)) *site {
	t.Helper()
	now := &clock{t: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)}
	db, err := store.Open(t.TempDir(), store.Options{Now: now.Now, NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	s := &site{t: t, db: db, log: &bytes.Buffer{}, now: now, lib: newLibrary(), models: &models{}, people: &people{now: now.Now}, accounts: &accounts{}, govern: &governance{now: now.Now}}
	s.engine = &engine{db: db, n: 100}
	c := api.Config{
		Engine: s.engine, Runs: runs{db}, Decisions: decisions{db}, Missions: s.lib, Samples: samples{}, Models: s.models, Policies: policies{&s.puts},
		Blobs: db, Sessions: sessions{db}, Upkeep: upkeep{db}, People: s.people, Accounts: s.accounts, Vault: keys{&s.keys}, Secrets: secrets{&s.keys}, Certificates: shown{&s.keys}, ServiceKeys: serviceKeys{db, &s.keys}, Governance: s.govern,
		Now: now.Now, Log: slog.New(slog.NewTextHandler(&locked{w: s.log}, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Build: api.Version{Version: "v1.2.3", Commit: "abc", Go: "go", Target: "linux/amd64"}, Schema: []byte(`{"$schema":"x"}`),
		UI:             fstest.MapFS{"index.html": {Data: []byte("<!doctype html><title>Skerry</title>")}, "assets/app-1a2b.js": {Data: []byte("let a")}},
		MaxUploadBytes: 64 << 10,
	}
	for _, f := range change {
		f(&c)
	}
	s.api = api.New(c)
	t.Cleanup(s.api.Close)
	return s
}

type locked struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *locked) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(b)
}

// ask is a request and who makes it.
type ask struct {
	as     policy.Principal // zero = nobody
	method string           // empty = GET
	path   string
	body   string
	header map[string]string
	host   string // empty = 127.0.0.1:8080
	cookie string // of a session; with as it is left out
}

func (s *site) do(q ask) *httptest.ResponseRecorder {
	s.t.Helper()
	return s.answer(s.request(q))
}

func (s *site) answer(r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	s.api.ServeHTTP(w, r)
	return w
}

func (s *site) request(q ask) *http.Request {
	if q.method == "" {
		q.method = http.MethodGet
	}
	if q.host == "" {
		q.host = "127.0.0.1:8080"
	}
	r := httptest.NewRequest(q.method, "http://"+q.host+q.path, strings.NewReader(q.body))
	if q.body != "" && strings.HasPrefix(strings.TrimSpace(q.body), "{") {
		r.Header.Set("Content-Type", "application/json")
	}
	if q.as.ID != "" {
		r = r.WithContext(api.WithPrincipal(r.Context(), q.as))
	}
	if q.cookie != "" {
		r.AddCookie(&http.Cookie{Name: s.api.CookieName(), Value: q.cookie})
		if _, says := q.header["Origin"]; !says {
			r.Header.Set("Sec-Fetch-Site", "same-origin") // as browsers do
		}
	}
	for k, v := range q.header {
		r.Header.Set(k, v)
	}
	return r
}

// signIn returns the cookie and the CSRF token of a new session.
func (s *site) signIn(who policy.Principal) (cookie, csrf string) {
	s.t.Helper()
	link, err := s.db.NewLink(context.Background(), who, time.Hour)
	if err != nil {
		s.t.Fatal(err)
	}
	w := s.do(ask{method: "POST", path: "/api/v1/session", body: fmt.Sprintf(`{"token":%q}`, link)})
	if w.Code != 200 {
		s.t.Fatalf("sign in: %d %s", w.Code, w.Body)
	}
	var out api.Session
	decode(s.t, w, &out)
	for _, c := range w.Result().Cookies() {
		if c.Name == s.api.CookieName() {
			return c.Value, out.CSRF
		}
	}
	s.t.Fatalf("sign in: no cookie in %v", w.Header())
	return "", ""
}

func decode(t *testing.T, w *httptest.ResponseRecorder, v any) {
	t.Helper()
	if err := json.Unmarshal(w.Body.Bytes(), v); err != nil {
		t.Fatalf("decode %s: %v", w.Body, err)
	}
}

// put writes what a built run has not written yet.
func (s *site) put(r *storetest.Run) {
	s.t.Helper()
	ctx := context.Background()
	if _, _, err := s.db.Put(ctx, bytes.NewReader(r.Doc), 0); err != nil {
		s.t.Fatal(err)
	}
	id, expected, sum, obs := r.Take()
	if err := s.db.Append(ctx, id, expected, sum, obs...); err != nil {
		s.t.Fatal(err)
	}
}

// built returns a run of the invoice mission that has got as far as an open
// decision; n tells runs apart.
func built(n uint64) *storetest.Run {
	r := storetest.New(n, storetest.Epoch, "invoice", "")
	r.Read(r.Fold.Input["document"].Document.SHA256).Classified("internal")
	r.Routed("extract", "starter").Generated("extract", "starter", 0.41).Escalated("extract")
	return r.Routed("extract", "strong").Generated("extract", "strong", 0.93).Settled("extract").Queued("pay", fmt.Sprintf("d-%d", n), "finance")
}

// The store behind the ports of the API.

type runs struct{ *store.DB }

func (r runs) Runs(ctx context.Context, f api.RunFilter) ([]mission.Summary, string, error) {
	return r.DB.Runs(ctx, store.Filter(f))
}

func (r runs) Counts(ctx context.Context) (api.RunCounts, error) {
	c, err := r.DB.Counts(ctx)
	return api.RunCounts(c), err
}

type decisions struct{ *store.DB }

func (d decisions) Decisions(ctx context.Context, f api.DecisionFilter) ([]mission.Decision, string, error) {
	return d.DB.Decisions(ctx, store.DecisionFilter(f))
}

type sessions struct{ *store.DB }

func (s sessions) Redeem(ctx context.Context, link string, lifetime time.Duration, note string) (string, api.SessionInfo, error) {
	token, info, err := s.DB.Redeem(ctx, link, lifetime, note)
	return token, api.SessionInfo(info), err
}

func (s sessions) Confirm(ctx context.Context, token, link string) (string, api.SessionInfo, error) {
	next, info, err := s.DB.Confirm(ctx, token, link)
	return next, api.SessionInfo(info), err
}

func (s sessions) Session(ctx context.Context, token string) (api.SessionInfo, error) {
	info, err := s.DB.Session(ctx, token)
	return api.SessionInfo(info), err
}

// engine appends what it is asked for to the journal, and no more.
type engine struct {
	db *store.DB

	mu      sync.Mutex
	n       uint64
	changes int // guarded by mu
}

func (e *engine) changed() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.changes
}

func (e *engine) Start(ctx context.Context, r api.StartRequest) (mission.RunID, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.changes++
	if r.Key != "" {
		if id, err := e.db.RunByKey(ctx, r.Key); err == nil {
			first, err := e.db.Observations(ctx, id, 0, 1)
			if err != nil || fmt.Sprint(first[0].Created.Input["document"].Document) != fmt.Sprint(r.Input["document"].Document) {
				return "", errors.Join(err, mission.ErrConflict)
			}
			return id, nil
		}
	}
	e.n++
	id := storetest.ID(storetest.Epoch, e.n)
	return id, e.add(ctx, id, mission.Observation{Kind: mission.KindCreated, Created: &mission.CreatedData{Run: id, Mission: r.Mission, Version: 1,
		Class: "internal", Input: r.Input, By: r.By, Key: r.Key}})
}

func (e *engine) add(ctx context.Context, id mission.RunID, o mission.Observation) error {
	all, err := e.db.Observations(ctx, id, 0, 0)
	if err != nil {
		return err
	}
	run, err := mission.Fold(all)
	if err != nil {
		return err
	}
	o.Seq, o.At = run.Seq+1, storetest.Epoch
	if err := run.Apply(o); err != nil {
		return fmt.Errorf("%w: %w", mission.ErrConflict, err)
	}
	return e.db.Append(ctx, id, o.Seq-1, run.Summary(), o)
}

func (e *engine) Decide(ctx context.Context, r api.DecideRequest) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.changes++
	if r.Outcome != mission.Approve && r.Reason == "" {
		return mission.Problems{{Path: "reason", Message: "say why it is rejected"}}
	}
	return e.add(ctx, r.Run, mission.Observation{Kind: mission.KindDecided, Step: "pay", Decided: &mission.DecidedData{Decision: r.Decision,
		Outcome: r.Outcome, By: r.By, Reason: r.Reason, Digest: r.Digest, Amendments: r.Amendments}})
}

func (e *engine) Cancel(ctx context.Context, id mission.RunID, by policy.Principal, reason string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.changes++
	return e.add(ctx, id, mission.Observation{Kind: mission.KindVerdict, Verdict: &mission.VerdictData{Is: mission.CancelledVerdict, Reason: reason, By: &by, Confidence: llm.Unknown()}})
}

// library holds one published mission.
type library struct {
	mu      sync.Mutex
	changes int
	draft   []byte
	failure error // of every call, if set
}

func newLibrary() *library { return &library{} }

var invoice = mission.Mission{
	Name: "invoice", Version: 1, Title: mission.Text{"en": "Invoice processing", "de": "Rechnungsprüfung"},
	Input: []mission.InputField{
		{Name: "document", Type: mission.InputDocument, Accept: []string{"text", "pdf"}},
		{Name: "limit", Type: "decimal", Optional: true},
		{Name: "kind", Type: "enum", Values: []string{"a", "b"}, Optional: true},
	},
	Steps: []mission.Step{
		{ID: "extract", Extract: &mission.Extract{From: "input.document", Fields: []llm.Field{
			{Name: "supplier", Type: llm.TypeString}, {Name: "number", Type: llm.TypeString}, {Name: "total", Type: llm.TypeDecimal}}}},
		{ID: "pay", Decide: &mission.Decide{Queue: "finance"}},
	},
}

func (l *library) info() api.MissionInfo {
	return api.MissionInfo{Name: "invoice", Latest: invoice, Versions: []int{1}, PublishedAt: storetest.Epoch, PublishedBy: "ada"}
}

func (l *library) Missions(context.Context) ([]api.MissionInfo, error) {
	return []api.MissionInfo{l.info(), {Name: "draft-only", Latest: mission.Mission{Name: "draft-only"}, Draft: &api.DraftInfo{Digest: "d"}}}, l.failure
}

func (l *library) Mission(ctx context.Context, name string) (api.MissionInfo, error) {
	all, err := l.Missions(ctx)
	for _, m := range all {
		if m.Name == name && err == nil {
			return m, nil
		}
	}
	return api.MissionInfo{}, errors.Join(err, fmt.Errorf("mission %q: %w", name, mission.ErrNotFound))
}

func (l *library) MissionVersion(_ context.Context, name string, version int) (mission.Mission, error) {
	if name == "invoice" && version <= 1 {
		return invoice, nil
	}
	return mission.Mission{}, mission.ErrNotFound
}

func (l *library) MissionSource(_ context.Context, name string, version int) ([]byte, error) {
	return []byte("mission: " + name + "\n"), nil
}

func (l *library) Validate(_ context.Context, source []byte) ([]mission.Problem, error) {
	_, err := mission.Parse(source)
	var problems mission.Problems
	if errors.As(err, &problems) {
		return problems, nil
	}
	return nil, err
}

func (l *library) SaveDraft(_ context.Context, name string, source []byte, by policy.Principal) (api.DraftInfo, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.changes++
	if _, err := mission.Parse(source); err != nil {
		return api.DraftInfo{}, err
	}
	l.draft = source
	return api.DraftInfo{Digest: "abc", UpdatedAt: storetest.Epoch, UpdatedBy: by.ID}, nil
}

func (l *library) Publish(_ context.Context, name, digest string, _ policy.Principal) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.changes++
	if l.draft == nil {
		return 0, mission.ErrNotFound
	}
	return 1, nil
}

type samples struct{}

func (samples) Samples(name string) []api.Sample {
	if name != "invoice" {
		return nil
	}
	return []api.Sample{{File: "routine-01.txt", Title: mission.Text{"en": "A routine invoice"}, Story: "routine", Language: "en", MediaType: "text/plain", SizeBytes: 9}}
}

func (s samples) Sample(name, file string) (api.Sample, []byte, error) {
	for _, one := range s.Samples(name) {
		if one.File == file {
			return one, []byte("net 10.00"), nil
		}
	}
	return api.Sample{}, nil, mission.ErrNotFound
}

type models struct {
	mu      sync.Mutex
	changes int
	stopped bool
	last    api.ModelImport // taken in
}

func (m *models) Models(context.Context) ([]api.ModelStatus, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := api.ModelStatus{Model: llm.Model{ID: "starter", Title: "Starter", Boundary: llm.Embedded, Starter: true, Note: "small"}, State: "running", Calls: 3,
		Exam: &exam.Scorecard{Lock: "another", Parts: []exam.Part{{Name: exam.Fields, Passed: 3, Total: 4}}}}
	if m.stopped {
		s.State, s.Why = "stopped", "stopped by Ada Winter"
	}
	return []api.ModelStatus{s}, nil
}

func (m *models) Card(_ context.Context, id llm.ModelID) (llm.Card, error) {
	return llm.Card{Model: id, Limits: []string{"it cannot chat"}, Figures: []llm.Figure{{Measure: "field-exact", Split: "clean", Value: 0.97, Low: 0.96, High: 0.98, N: 900}}}, nil
}

func (m *models) set(stopped bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.changes++
	m.stopped = stopped
	return nil
}

func (m *models) StopModel(context.Context, llm.ModelID, policy.Principal) error { return m.set(true) }
func (m *models) StartModel(context.Context, llm.ModelID, policy.Principal) error {
	return m.set(false)
}

func (m *models) ExamineModel(context.Context, llm.ModelID, policy.Principal) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.changes++
	return nil
}

func (m *models) Importing() api.Importing {
	return api.Importing{MaxBytes: 1 << 20, FreeBytes: 1 << 30, Profile: "generic-json", Profiles: []string{"generic-json"}}
}

// ImportModel reads the file as the real catalogue does; one that begins with
// "old" was imported before.
func (m *models) ImportModel(_ context.Context, r api.ModelImport) (llm.ModelID, bool, error) {
	data, err := io.ReadAll(r.Body)
	if err != nil {
		return "", false, err
	}
	if int64(len(data)) != r.Size {
		return "", false, &api.Error{Status: http.StatusBadRequest, Code: "incomplete", Detail: "The file ended early. Nothing was kept; send it again."}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.changes++
	m.last = r
	return "starter", strings.HasPrefix(string(data), "old"), nil
}

// upload is the one that is always under way.
var upload = api.ModelUpload{ID: strings.Repeat("a", 32), ChunkBytes: 4, Stage: "receiving", Total: 4, Files: []api.UploadedFile{{Name: "tiny.gguf", Size: 4}}}

func (m *models) Uploads(context.Context) ([]api.ModelUpload, error) {
	return []api.ModelUpload{upload}, nil
}

func (m *models) Upload(context.Context, string) (api.ModelUpload, error) { return upload, nil }

func (m *models) BeginUpload(context.Context, []api.UploadFile) (api.ModelUpload, error) {
	return upload, m.set(false)
}

func (m *models) SendPiece(_ context.Context, p api.UploadPiece) (api.ModelUpload, error) {
	data, err := io.ReadAll(p.Body)
	if err == nil && (p.Upload != upload.ID || p.At != 0 || p.Size != int64(len(data))) {
		err = &api.Error{Status: http.StatusConflict, Code: "other-offset", Detail: "The piece does not follow what has come."}
	}
	return upload, errors.Join(err, m.set(false))
}

func (m *models) FinishUpload(_ context.Context, _ string, r api.ModelImport) (llm.ModelID, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.changes++
	m.last = r
	return "starter", false, nil
}

func (m *models) DiscardUpload(context.Context, string) error { return m.set(false) }

func (m *models) RemoveModel(_ context.Context, id llm.ModelID, force bool, _ policy.Principal) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.changes++
	return nil
}

type policies struct{ put *int }

var active = &policy.Policy{
	Version:  3,
	Classes:  []policy.Class{{Name: "public"}, {Name: "internal"}, {Name: "restricted"}},
	Ceilings: map[llm.Boundary]llm.DataClass{llm.Embedded: "restricted"},
	Models:   map[llm.ModelID]policy.ModelRule{"starter": {Clearance: "internal"}},
	Pools:    []policy.Pool{{Name: "routine", Models: []llm.ModelID{"starter"}}},
	Queues:   map[string]policy.Queue{"finance": {Title: map[string]string{"en": "Finance"}, Roles: []string{policy.Approver}}},
}

func (policies) Active() *policy.Policy { return active }

func (policies) ActiveSource(context.Context) ([]byte, error) { return []byte("classes: []\n"), nil }

// Check takes "faulty" for a faulty document, and "narrow" for one that a
// mission cannot live under.
func (policies) Check(_ context.Context, source []byte) (*policy.Policy, []string, error) {
	switch {
	case strings.Contains(string(source), "faulty"):
		return nil, nil, policy.Problems{{Line: 3, Column: 7, Message: "there is no data class secret"}}
	case strings.Contains(string(source), "narrow"):
		return &policy.Policy{}, []string{"mission invoice, version 2: there is no queue finance"}, nil
	}
	next := *active
	next.Models = map[llm.ModelID]policy.ModelRule{"starter": {Clearance: "internal"}, "qwen": {Clearance: "public"}}
	return &next, nil, nil
}

func (policies) Versions(context.Context) (api.PolicyVersions, error) {
	return api.PolicyVersions{Versions: []api.PolicyVersion{{Version: 3, Active: true, SavedBy: "ada"}}}, nil
}

func (p policies) Put(context.Context, []byte, policy.Principal) (*policy.Policy, error) {
	*p.put++
	return &policy.Policy{Version: 4, Digest: "d4"}, nil
}

func (policies) Source(_ context.Context, version int) ([]byte, error) {
	return []byte(fmt.Sprintf("# %d\nclasses: []\n", version)), nil
}

type upkeep struct{ *store.DB }

func (u upkeep) NewLink(ctx context.Context) (api.Link, error) {
	token, err := u.DB.NewLink(ctx, ada, time.Hour)
	return api.Link{URL: "http://127.0.0.1:8080/#" + token, Token: token}, err
}

func (u upkeep) Check(ctx context.Context) (api.StoreReport, error) {
	c, err := u.Counts(ctx)
	return api.StoreReport{Runs: c.Runs, Observations: c.Observations}, err
}

func (u upkeep) Backup(_ context.Context, w io.Writer) error {
	_, err := io.WriteString(w, "skerry backup")
	return err
}
