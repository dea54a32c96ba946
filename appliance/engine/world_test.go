package engine_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"skerry/appliance/engine"
	"skerry/appliance/gateway"
	"skerry/appliance/llm"
	"skerry/appliance/llm/llmtest"
	"skerry/appliance/mission"
	"skerry/appliance/policy"
	"skerry/embed"
	"skerry/store"
)

func TestMain(m *testing.M) {
	if os.Getenv(victimEnv) != "" {
		os.Exit(victim())
	}
	goleak.VerifyTestMain(m)
}

// testPolicy has a small external model that may see internal data, a strong
// one at the site and a safe one on this host that may see everything.
const testPolicy = `
classes:
  - {name: public, title: {en: Public}}
  - {name: internal, title: {en: Internal}}
  - {name: confidential, title: {en: Confidential}}
  - {name: restricted, title: {en: Restricted}}
ceilings: {embedded: restricted, site: confidential, external: internal}
models:
  small: {clearance: internal}
  spare: {clearance: internal}
  strong: {clearance: confidential}
  safe: {clearance: restricted}
pools:
  - {name: routine, title: {en: Routine}, models: [small, spare, safe], limit: 8}
  - {name: strong, title: {en: Strong}, models: [strong, safe], limit: 8}
rules:
  - {name: default, ladder: [routine, strong], objective: order}
queues:
  finance: {title: {en: Finance}, roles: [approver]}
  review: {title: {en: Review}, roles: [approver]}
tables:
`

func parsePolicy(t testing.TB, source string) *policy.Policy {
	t.Helper()
	_, tables, ok := strings.Cut(string(embed.Policy()), "\ntables:\n")
	if !ok {
		t.Fatal("the embedded policy has no tables")
	}
	p, err := policy.Parse([]byte(source + tables))
	if err != nil {
		t.Fatalf("policy: %v", err)
	}
	return p
}

// world is an appliance without its outside: engine, gateway and the real
// store over fake models.
type world struct {
	t       testing.TB
	dir     string
	db      *store.DB
	fleet   *fleet
	rules   *rulebook
	shelf   *shelf
	config  engine.Config
	gateway *gateway.Gateway
	engine  *engine.Engine
	cancel  context.CancelFunc
	done    chan error
	logs    *logs
	audit   *store.Audit
	durable bool // fsync: only where power or speed matters
	began   time.Time
	wrap    func(*gateway.Gateway) engine.Models // nil = the gateway itself
}

// logs keeps what the engine logs, since a test must not log after its end.
type logs struct {
	mu sync.Mutex // guards b
	b  strings.Builder
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// newWorld has four models, all served by one fake with the given behaviour.
func newWorld(t testing.TB, p llm.Provider) *world {
	t.Helper()
	_, benchmark := t.(*testing.B)
	_, killed := t.(jam)
	w := &world{t: t, durable: benchmark || killed, dir: t.TempDir(), fleet: newFleet(), rules: &rulebook{}, shelf: &shelf{plans: map[string]*mission.Plan{}}, logs: &logs{}}
	if p == nil {
		p = fake(nil)
	}
	w.fleet.add("small", llm.External, p)
	w.fleet.add("spare", llm.External, p)
	w.fleet.add("strong", llm.Site, p)
	w.fleet.add("safe", llm.Embedded, p)
	w.rules.activate(parsePolicy(t, testPolicy))
	source, err := fs.ReadFile(embed.Missions(), "invoice.yaml")
	if err != nil {
		t.Fatal(err)
	}
	w.publish(string(source))
	w.open()
	t.Cleanup(func() {
		w.stop()
		w.close()
		if t.Failed() {
			t.Logf("engine log:\n%s", w.logs)
		}
	})
	return w
}

// fake is a provider that serves the four models.
func fake(answer func(llm.Request) (string, float64, error)) *llmtest.Fake {
	f := &llmtest.Fake{Answer: answer}
	for _, id := range []llm.ModelID{"small", "spare", "strong", "safe"} {
		f.Catalogue = append(f.Catalogue, llmtest.Model(id))
	}
	return f
}

func (w *world) publish(source string) {
	w.t.Helper()
	m, err := mission.Parse([]byte(source))
	if err != nil {
		w.t.Fatalf("mission: %v", err)
	}
	m.Version = 1
	p := w.rules.Active()
	plan, err := mission.Compile(m, mission.CompileEnv{
		Classes: classNames(p), Tables: p.Tables, Queues: p.Queues,
		Missions: func(name string) (mission.Mission, bool) {
			plan := w.shelf.plans[name]
			if plan == nil {
				return mission.Mission{}, false
			}
			return plan.Mission(), true
		},
	})
	if err != nil {
		w.t.Fatalf("mission %s: %v", m.Name, err)
	}
	w.shelf.plans[m.Name] = plan
}

func classNames(p *policy.Policy) []llm.DataClass {
	var out []llm.DataClass
	for _, c := range p.Classes {
		out = append(out, c.Name)
	}
	return out
}

func (w *world) open() {
	w.t.Helper()
	db, err := store.Open(w.dir, store.Options{NoSync: !w.durable, Audit: w.audit})
	if err != nil {
		w.t.Fatal(err)
	}
	w.db = db
	w.gateway = gateway.New(gateway.Config{Registry: w.fleet, Log: slog.New(slog.NewTextHandler(w.logs, nil))})
	w.config = engine.Config{
		Journal: db, Blobs: db, Library: w.shelf, Policies: w.rules, Reader: plainReader{}, Models: w.gateway,
		Log: slog.New(slog.NewTextHandler(w.logs, nil)), Jitter: func() float64 { return 0.5 },
	}
	if w.wrap != nil {
		w.config.Models = w.wrap(w.gateway)
	}
}

// start runs an engine over the store.
func (w *world) start() *world {
	w.engine = engine.New(w.config)
	ctx, cancel := context.WithCancel(context.Background())
	w.cancel, w.done = cancel, make(chan error, 1)
	go func(e *engine.Engine, done chan error) { done <- e.Run(ctx) }(w.engine, w.done)
	return w
}

// stop ends the engine and waits for it.
func (w *world) stop() {
	w.t.Helper()
	if w.cancel == nil {
		return
	}
	w.cancel()
	w.cancel = nil
	if err := <-w.done; err != nil {
		w.t.Errorf("engine: %v", err)
	}
}

// close checks the store and closes it.
func (w *world) close() {
	w.t.Helper()
	if w.db == nil {
		return
	}
	checkStore(w.t, w.db)
	if err := w.db.Close(); err != nil {
		w.t.Errorf("close: %v", err)
	}
	w.db = nil
}

// deadline bounds every wait of a test; nothing is expected to take that long.
const deadline = 30 * time.Second

// clara may do everything in these tests, dave is somebody else who may too.
var (
	clara = policy.Principal{ID: "clara", Name: "Clara", Roles: []string{"user", "approver"}}
	dave  = policy.Principal{ID: "dave", Name: "Dave", Roles: []string{"user", "approver"}}
	erin  = policy.Principal{ID: "erin", Name: "Erin", Roles: []string{"viewer"}}
)

func (w *world) upload(name, text string) *mission.DocumentRef {
	w.t.Helper()
	sum, n, err := w.db.Put(context.Background(), strings.NewReader(text), 1<<30)
	if err != nil {
		w.t.Fatal(err)
	}
	return &mission.DocumentRef{Name: name, SHA256: sum, SizeBytes: n}
}

func (w *world) request(text string) engine.StartRequest {
	return engine.StartRequest{Mission: "invoice", By: clara, Input: map[string]mission.InputValue{"document": {Document: w.upload("invoice.txt", text)}}}
}

func (w *world) submit(text string) mission.RunID {
	w.t.Helper()
	id, err := w.engine.Start(context.Background(), w.request(text))
	if err != nil {
		w.t.Fatalf("start: %v", err)
	}
	return id
}

// until waits until an observation of the run satisfies stop, and returns all
// up to it.
func (w *world) until(id mission.RunID, stop func(mission.Observation) bool) []mission.Observation {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	var seen []mission.Observation
	for o, err := range w.db.Watch(ctx, id, 0) {
		if err != nil {
			w.t.Fatalf("run %s: %v after\n%s", id, err, rail(seen))
		}
		seen = append(seen, o)
		if stop(o) {
			return seen
		}
	}
	w.t.Fatalf("run %s ended without it:\n%s", id, rail(seen))
	return nil
}

func kind(k mission.Kind) func(mission.Observation) bool {
	return func(o mission.Observation) bool { return o.Kind == k }
}

// finish waits for the verdict and returns the whole run.
func (w *world) finish(id mission.RunID) (*mission.Run, []mission.Observation) {
	w.t.Helper()
	obs := w.until(id, kind(mission.KindVerdict))
	run, err := mission.Fold(obs)
	if err != nil {
		w.t.Fatalf("fold: %v", err)
	}
	return run, obs
}

func (w *world) verdict(id mission.RunID, want string) (*mission.Run, []mission.Observation) {
	w.t.Helper()
	run, obs := w.finish(id)
	if run.Verdict.Is != want {
		w.t.Fatalf("verdict %s (%s), want %s\n%s", run.Verdict.Is, run.Verdict.Reason, want, rail(obs))
	}
	return run, obs
}

// all returns the observations of all runs.
func (w *world) all() []mission.Observation {
	w.t.Helper()
	runs, _, err := w.db.Runs(context.Background(), storeAll)
	if err != nil {
		w.t.Fatal(err)
	}
	var out []mission.Observation
	for _, r := range runs {
		obs, err := w.db.Load(context.Background(), r.ID)
		if err != nil {
			w.t.Fatal(err)
		}
		out = append(out, obs...)
	}
	return out
}

// rail renders observations for failure messages.
func rail(obs []mission.Observation) string {
	var b strings.Builder
	for _, o := range obs {
		fmt.Fprintf(&b, "%3d %s\n", o.Seq, o.Sentence("en"))
	}
	return b.String()
}

func count(obs []mission.Observation, k mission.Kind) int {
	n := 0
	for _, o := range obs {
		if o.Kind == k {
			n++
		}
	}
	return n
}

// invoice is a document that the fake models can read.
type invoice struct {
	supplier, number, net, shipping, tax, total, terms, extra string
}

func (i invoice) String() string {
	or := func(s, d string) string {
		if s == "" {
			return d
		}
		return s
	}
	var b strings.Builder
	b.WriteString("INVOICE\n")
	line := func(name, v string) {
		if v != "-" {
			fmt.Fprintf(&b, "%s: %s\n", name, v)
		}
	}
	line("Supplier name", or(i.supplier, "Calder Tools Ltd"))
	line("Invoice number", or(i.number, "INV-2026-17"))
	line("Invoice date", "2026-03-01")
	line("Currency", "EUR")
	line("Net amount", or(i.net, "100.00"))
	line("Shipping amount", or(i.shipping, "-"))
	line("Tax amount", or(i.tax, "19.00"))
	line("Total amount", or(i.total, "119.00"))
	line("IBAN", "DE02120300000000202051")
	line("Payment terms", or(i.terms, "Net 30 days"))
	b.WriteString(i.extra)
	return b.String()
}

// unsure answers by rule, but with little confidence where the model is one of
// those named and the text holds the word.
func unsure(word string, models ...llm.ModelID) func(llm.Request) (string, float64, error) {
	return func(r llm.Request) (string, float64, error) {
		text, p, err := llmtest.Rules(r)
		if slices.Contains(models, r.Model) && strings.Contains(llmtest.Text(r), word) {
			p = -0.7 // about one half
		}
		return text, p, err
	}
}

func checkStore(t testing.TB, db *store.DB) {
	t.Helper()
	report, err := db.Check(context.Background(), store.CheckOptions{})
	if err != nil {
		t.Errorf("check: %v", err)
		return
	}
	if !report.OK() {
		t.Errorf("the store is not clean: %+v", report.Findings)
	}
}

// storeAll selects every run.
var storeAll = store.Filter{Limit: 100}

type gateRequest = llm.Request

// gate makes a model that says when it was entered and never answers.
func gate(entered chan<- struct{}) func(context.Context, llm.Request) error {
	return func(ctx context.Context, _ llm.Request) error {
		entered <- struct{}{}
		<-ctx.Done()
		return ctx.Err()
	}
}

func isConflict(err error) bool { return errors.Is(err, mission.ErrConflict) }
