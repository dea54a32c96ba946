package appliance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"skerry/appliance/catalogue"
	"skerry/appliance/exam"
	"skerry/appliance/llm"
	"skerry/appliance/mission"
	"skerry/appliance/policy"
	"skerry/embed"
	"skerry/plugins"
	"skerry/store"
)

// models is the catalogue: what can be called, who serves it and how it does.
// Every model runs in a child process of its own. It is the gateway's registry.
type models struct {
	log      *slog.Logger
	config   Config
	settings *store.DB
	profiles map[string]llm.Profile
	runner   *plugins.Image
	images   map[string]*plugins.Image // weights of the starter models by file name
	kept     *catalogue.Files          // weights that were imported
	latency  func(llm.ModelID) int64   // recent median in microseconds; set when the gateway exists

	inPool func(llm.ModelID) bool // of the active policy; set when the policies exist
	// claimed: nothing is imported under that id, which two people have put into
	// the policy for another file; set as inPool is.
	claimed func(llm.ModelID) bool
	paused  func() string // why no model is called; "" = they are
	now     func() time.Time

	importing chan struct{} // holds a token while an import is under way
	examining chan struct{} // the same for exams
	loading   chan struct{} // the same for loading and unloading

	stop    context.CancelFunc // ends the watchers
	watches sync.WaitGroup

	mu      sync.Mutex // guards the fields below
	order   []llm.ModelID
	exams   map[llm.ModelID]exam.Scorecard
	entries map[llm.ModelID]*modelEntry
	making  map[string]progressOf // uploads that are being checked and assembled, by id
	life    context.Context       // of the watchers; nil before Start
	closed  bool
	changed chan struct{} // closed when health or the catalogue changes

	room  sync.Mutex    // guards users, lastUse and idle of every entry, and freed
	freed chan struct{} // closed when a call ends

	writing sync.Mutex // held while settings are read and written again
}

// modelEntry is one model of the catalogue.
type modelEntry struct {
	child    *plugins.Child
	imported *imported     // nil = a starter model
	size     int64         // of its file in bytes
	calls    atomic.Int64  // since the start
	inFlight atomic.Int64  // calls now
	started  chan struct{} // closed when the first start has come to something, or was not tried

	mu      sync.Mutex // guards the fields below
	model   llm.Model  // its lock is complete once the child has answered
	refused string     // why it is not even tried to start; "" = it is
	known   bool       // the process that runs now has said what it is, and may be asked
	unwatch context.CancelFunc

	// Guarded by models.room.
	users   int       // calls that hold it, or wait for it to be loaded
	lastUse time.Time // when the last call ended, or it was loaded
	idle    string    // why it was unloaded until a call needs it; "" = it was not
}

// starter is an entry of models.json beside the starter models.
type starter struct {
	ID            llm.ModelID `json:"id"`
	Title         string      `json:"title"`
	File          string      `json:"file"`
	Profile       string      `json:"profile"`
	ContextTokens int         `json:"contextTokens"`
	Lists         bool        `json:"lists"`
	Schema        bool        `json:"schema"` // its answers are held to a JSON Schema; a model that has learnt its own form needs none
	Languages     []string    `json:"languages"`
	Note          string      `json:"note"`

	Calibration *llm.Calibration `json:"calibration"` // written by the exam
}

// settingStopped names the models that an administrator stopped, which they
// stay across restarts.
const settingStopped = "models.stopped"

// newModels reads the catalogue and prepares, but does not start, a child for
// every model.
func newModels(c Config, settings *store.DB, log *slog.Logger) (*models, error) {
	m := &models{
		log: log, config: c, settings: settings, entries: map[llm.ModelID]*modelEntry{}, changed: make(chan struct{}),
		images: map[string]*plugins.Image{}, making: map[string]progressOf{}, importing: make(chan struct{}, 1), examining: make(chan struct{}, 1),
		latency: func(llm.ModelID) int64 { return 0 }, inPool: func(llm.ModelID) bool { return true }, claimed: func(llm.ModelID) bool { return false }, paused: func() string { return "" }, now: time.Now,
		loading: make(chan struct{}, 1), freed: make(chan struct{}),
	}
	var err error
	if m.kept, err = catalogue.OpenFiles(filepath.Join(c.Data, modelsDir)); err != nil {
		return nil, err
	}
	if m.profiles, err = loadProfiles(embed.Profiles()); err != nil {
		return nil, err
	}
	if m.runner, err = runnerImage(); err != nil {
		return nil, err
	}
	list, err := fs.ReadFile(embed.Starter(), "models.json")
	if err != nil {
		return nil, err
	}
	var starters []starter
	if err := json.Unmarshal(list, &starters); err != nil {
		return nil, fmt.Errorf("starter models: %w", err)
	}
	for _, s := range starters {
		if err := m.add(s); err != nil {
			return nil, errors.Join(fmt.Errorf("starter model %s: %w", s.ID, err), m.Close())
		}
	}
	if err := m.loadImported(context.Background()); err != nil {
		return nil, errors.Join(err, m.Close())
	}
	return m, nil
}

// weights returns the image of a file of weights; models may share one.
func (m *models) weights(name string) (*plugins.Image, error) {
	if i, ok := m.images[name]; ok {
		return i, nil
	}
	f, err := embed.Starter().Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	i, err := plugins.NewImage(name, f)
	if err == nil {
		m.images[name] = i
	}
	return i, err
}

func (m *models) add(s starter) error {
	profile, ok := m.profiles[s.Profile]
	if !ok {
		return fmt.Errorf("there is no prompt profile %q", s.Profile)
	}
	weights, err := m.weights(s.File)
	if err != nil {
		return err
	}
	info, err := fs.Stat(embed.Starter(), s.File)
	if err != nil {
		return err
	}
	if err := s.Calibration.Check(); err != nil {
		return err
	}
	e := &modelEntry{size: info.Size(), started: make(chan struct{}), lastUse: m.now(), model: llm.Model{
		ID: s.ID, Title: s.Title, Provider: "embedded", Boundary: llm.Embedded, Profile: s.Profile,
		ContextTokens: s.ContextTokens, Starter: true, Note: s.Note,
		Capabilities: llm.Capabilities{Tasks: slices.Sorted(maps.Keys(profile.Tasks)), Lists: s.Lists, JSONSchema: s.Schema, Languages: s.Languages, Probabilities: true},
		Calibration:  s.Calibration,
		Lock:         llm.Lock{Profile: profile.Digest, Calibration: s.Calibration.Digest(), Sampling: profile.Sampling},
	}}
	if e.child, err = m.runnerFor(e.model, 0, profile.Template, plugins.Inherit{Flag: "model", Image: weights}, m.config.Runner.MemoryBytes, 0); err != nil {
		return err
	}
	m.entries[s.ID] = e
	m.order = append(m.order, s.ID)
	return nil
}

// runnerFor prepares a child that serves the model from a file of weights, with
// a key-value cache of so many tokens; 0 = a whole context for each call.
func (m *models) runnerFor(model llm.Model, cacheTokens int, template string, weights plugins.Inherit, memoryBytes int64, patience time.Duration) (*plugins.Child, error) {
	model.Calibration = nil // answers are read here; the child only gives them
	card, err := json.Marshal(model)
	if err != nil {
		return nil, err
	}
	kind := m.config.Runner.CacheType
	if cacheTokens == 0 { // starter models, which were examined with it and are small
		kind = catalogue.CacheF16
	}
	return plugins.New(plugins.Spec{
		Name:  string(model.ID),
		Image: m.runner,
		Args: []string{
			"-card", string(card), "-template", template,
			"-threads", fmt.Sprint(m.config.Runner.Threads), "-parallel", fmt.Sprint(m.config.Runner.Parallel), "-context", fmt.Sprint(model.ContextTokens),
			"-cache", fmt.Sprint(cacheTokens), "-cache-type", kind, fmt.Sprintf("-share=%t", m.config.Runner.Share),
		},
		Files:        []plugins.Inherit{weights},
		Dir:          filepath.Join(m.config.Data, "run"),
		Log:          m.log,
		MemoryBytes:  memoryBytes,
		StartTimeout: patience,
	})
}

func loadProfiles(files fs.FS) (map[string]llm.Profile, error) {
	names, err := fs.Glob(files, "*.json")
	if err != nil {
		return nil, err
	}
	profiles := map[string]llm.Profile{}
	for _, name := range names {
		data, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		p, err := llm.ParseProfile(data)
		if err != nil {
			return nil, fmt.Errorf("prompt profile %s: %w", name, err)
		}
		profiles[p.Name] = p
	}
	return profiles, nil
}

// Start launches every model that no administrator has stopped, and watches
// all of them until Close.
func (m *models) Start(ctx context.Context) error {
	stopped, err := m.stopped(ctx)
	if err != nil {
		return err
	}
	life, stop := context.WithCancel(context.Background())
	m.stop = stop
	m.mu.Lock()
	m.life = life
	m.mu.Unlock()
	var first []*modelEntry
	for _, e := range m.all() {
		m.follow(e)
		if slices.Contains(stopped, e.current().ID) {
			close(e.started)
			continue
		}
		if err := m.startable(e); err != nil {
			m.log.Error("model does not start", "model", e.current().ID, "err", err)
			e.refuse(err.Error())
			close(e.started)
			continue
		}
		if e.imported != nil {
			m.rest(e, "no call has needed it yet")
			first = append(first, e)
			continue
		}
		m.watches.Go(func() {
			defer close(e.started)
			if err := e.child.Start(life); err != nil && life.Err() == nil {
				m.log.Error("model does not start", "model", e.current().ID, "err", err)
				return
			}
			m.complete(life, e)
		})
	}
	m.watches.Go(func() { m.loadFirst(life, first) })
	m.watches.Go(func() { m.keepHouse(life) })
	return nil
}

// loadFirst loads, one after the other, the imported models that are started. Those
// for which there is no room are idle: what runs is not unloaded for what nobody
// has asked for yet.
func (m *models) loadFirst(ctx context.Context, list []*modelEntry) {
	for _, e := range list {
		if need, have, _ := m.fit(e); have > 0 && need.Total() > have {
			m.announce()
		} else if err := m.load(ctx, e, false); err != nil && ctx.Err() == nil {
			m.log.Error("model does not start", "model", e.current().ID, "err", err)
		}
		close(e.started)
	}
}

// follow watches an entry for as long as it is in the catalogue. Before Start
// it does nothing, since Start follows them all.
func (m *models) follow(e *modelEntry) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.life == nil || m.closed {
		return
	}
	life, unwatch := context.WithCancel(m.life)
	e.mu.Lock()
	e.unwatch = unwatch
	e.mu.Unlock()
	m.watches.Go(func() { m.watch(life, e) })
}

// all returns the entries in the order of the catalogue.
func (m *models) all() []*modelEntry {
	m.mu.Lock()
	defer m.mu.Unlock()
	list := make([]*modelEntry, 0, len(m.order))
	for _, id := range m.order {
		list = append(list, m.entries[id])
	}
	return list
}

// entry returns one entry, or an error wrapping mission.ErrNotFound.
func (m *models) entry(id llm.ModelID) (*modelEntry, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if e, ok := m.entries[id]; ok {
		return e, nil
	}
	return nil, fmt.Errorf("model %s: %w", id, mission.ErrNotFound)
}

// Settle waits until every model has started, or could not, but no longer than
// ctx: work that begins a moment later finds its models there.
func (m *models) Settle(ctx context.Context) {
	for _, e := range m.all() {
		select {
		case <-e.started:
		case <-ctx.Done():
			return
		}
	}
}

// watch completes the lock of a model when its child answers, and passes on
// every change of its health.
func (m *models) watch(ctx context.Context, e *modelEntry) {
	for {
		next := e.child.Changed()
		if e.child.State().Phase == plugins.Ready {
			m.complete(ctx, e)
		} else {
			e.forget()
		}
		m.announce()
		select {
		case <-next:
		case <-ctx.Done():
			return
		}
	}
}

func (m *models) complete(ctx context.Context, e *modelEntry) {
	served, err := e.child.Models(ctx)
	if err != nil && (ctx.Err() != nil || e.child.State().Phase != plugins.Ready) {
		return // it went away meanwhile, and is asked again when it is back
	}
	if err != nil || len(served) != 1 {
		m.log.Warn("a model does not say what it is", "model", e.model.ID, "models", len(served), "err", err)
		return
	}
	if i := e.imported; i != nil && served[0].Lock.Weights != i.SHA256 {
		// The file was changed behind our back: nothing may be asked of it.
		m.log.Error("a model file is not what was imported", "model", i.ID, "file", m.kept.Path(i.SHA256), "sha256", served[0].Lock.Weights)
		e.refuse(fmt.Sprintf("its file is not what was imported (SHA-256 %s, not %s); import it again", served[0].Lock.Weights, i.SHA256))
		_ = e.child.Stop(ctx) // never fails
		return
	}
	if err := m.rememberEngine(ctx, e, served[0].Lock.Engine); err != nil {
		m.log.Warn("the engine that loaded a model is not remembered", "model", e.current().ID, "err", err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.known = true
	e.model.Lock.Weights, e.model.Lock.Engine = served[0].Lock.Weights, served[0].Lock.Engine
	e.model.ContextTokens = served[0].ContextTokens
	e.model.Capabilities.JSONSchema = served[0].Capabilities.JSONSchema
	e.model.Capabilities.Embeddings, e.model.Capabilities.Vision = served[0].Capabilities.Embeddings, served[0].Capabilities.Vision
}

func (m *models) announce() {
	m.mu.Lock()
	defer m.mu.Unlock()
	close(m.changed)
	m.changed = make(chan struct{})
}

// Close stops all children and waits for them.
func (m *models) Close() error {
	if m.stop != nil {
		m.stop()
	}
	m.mu.Lock()
	m.closed = true
	m.mu.Unlock()
	var errs []error
	for _, e := range m.all() {
		errs = append(errs, e.child.Close())
	}
	m.watches.Wait()
	if m.runner != nil {
		errs = append(errs, m.runner.Close())
	}
	for _, f := range m.images {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}

// Offers implements gateway.Registry.
func (m *models) Offers() []policy.Offer {
	all := m.all()
	offers := make([]policy.Offer, 0, len(all))
	for _, e := range all {
		o := policy.Offer{Model: m.proven(e)}
		refused, idle := e.refusal(), m.idle(e)
		switch s := e.child.State(); {
		case m.paused() != "":
			o.Down = m.paused()
		case s.Phase == plugins.Ready && !e.answers():
			o.Down = "it is starting"
		case s.Phase == plugins.Ready:
		case s.Phase == plugins.Stopped && refused != "":
			o.Down = "it cannot be started: " + refused
		case s.Phase == plugins.Stopped && idle != "":
			if why := m.tooLarge(e); why != "" {
				o.Down = "it cannot be loaded: " + why
			}
		case s.Phase == plugins.Stopped:
			o.Down = "it was stopped"
		case s.Phase == plugins.Starting:
			o.Down = "it is starting"
		default:
			o.Down = "it failed: " + s.Reason
		}
		offers = append(offers, o)
	}
	return offers
}

func (e *modelEntry) current() llm.Model {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.model
}

// proven is a model as routing may rely on it: an imported one has no more
// powers than its exam has borne out.
func (m *models) proven(e *modelEntry) llm.Model {
	model := e.current()
	if card := m.scorecard(model.ID); e.imported != nil && card != nil && card.Lock == model.Lock.Digest() {
		model, _ = card.Bound(model)
	}
	return model
}

// idle returns why a model is unloaded until a call needs it; "" = it is not.
func (m *models) idle(e *modelEntry) string {
	m.room.Lock()
	defer m.room.Unlock()
	return e.idle
}

// answers reports whether the process that runs has said what it is.
func (e *modelEntry) answers() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.known
}

// forget notes that no process runs that has said what it is.
func (e *modelEntry) forget() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.known = false
}

// refuse says why the model is not started; "" = it may be.
func (e *modelEntry) refuse(why string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.refused = why
}

func (e *modelEntry) refusal() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.refused
}

// Provider implements gateway.Registry.
func (m *models) Provider(id llm.ModelID) (llm.Provider, llm.Model, bool) {
	e, err := m.entry(id)
	if err != nil {
		return nil, llm.Model{}, false
	}
	return counted{e.child, e, m}, e.current(), true
}

// Profile implements gateway.Registry.
func (m *models) Profile(name string) (llm.Profile, bool) {
	p, ok := m.profiles[name]
	return p, ok
}

// Changed implements gateway.Registry.
func (m *models) Changed() <-chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.changed
}

// counted is a provider that counts its calls, and loads its model where that is
// idle.
type counted struct {
	llm.Provider
	e *modelEntry
	m *models
}

// Embed implements llm.Embedder.
func (c counted) Embed(ctx context.Context, r llm.EmbedRequest) (llm.EmbedResponse, error) {
	p, ok := c.Provider.(llm.Embedder)
	if !ok {
		return llm.EmbedResponse{}, &llm.Error{Kind: llm.Invalid, Message: "this provider makes no embeddings"}
	}
	c.e.calls.Add(1)
	release, waited, err := c.m.use(ctx, c.e)
	if err != nil {
		return llm.EmbedResponse{}, err
	}
	defer release()
	c.e.inFlight.Add(1)
	defer c.e.inFlight.Add(-1)
	res, err := p.Embed(ctx, r)
	res.Usage.LoadMicros = waited.Microseconds()
	return res, err
}

func (c counted) Generate(ctx context.Context, r llm.Request, emit func(llm.Delta) error) (llm.Response, error) {
	c.e.calls.Add(1)
	release, waited, err := c.m.use(ctx, c.e)
	if err != nil {
		return llm.Response{}, err
	}
	defer release()
	c.e.inFlight.Add(1)
	defer c.e.inFlight.Add(-1)
	res, err := c.Provider.Generate(ctx, r, emit)
	res.Usage.LoadMicros = waited.Microseconds()
	return res, err
}
