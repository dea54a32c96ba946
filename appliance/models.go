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

	"github.com/klauspost/compress/zstd"

	"skerry/appliance/api"
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
	settings *store.DB
	profiles map[string]llm.Profile
	runner   *plugins.Image
	files    map[string]*plugins.Image // weights by file name
	order    []llm.ModelID
	entries  map[llm.ModelID]*modelEntry
	latency  func(llm.ModelID) int64 // recent median in microseconds; set when the gateway exists

	stop    context.CancelFunc // ends the watchers
	watches sync.WaitGroup

	mu      sync.Mutex    // guards changed
	changed chan struct{} // closed when health changes
}

// modelEntry is one model of the catalogue.
type modelEntry struct {
	child   *plugins.Child
	calls   atomic.Int64
	started chan struct{} // closed when the first start has come to something, or was not tried

	mu    sync.Mutex // guards model: its lock is complete once the child has answered
	model llm.Model
}

// starter is an entry of models.json beside the starter models.
type starter struct {
	ID            llm.ModelID `json:"id"`
	Title         string      `json:"title"`
	File          string      `json:"file"`
	Profile       string      `json:"profile"`
	ContextTokens int         `json:"contextTokens"`
	Lists         bool        `json:"lists"`
	Languages     []string    `json:"languages"`
	Note          string      `json:"note"`
}

// settingStopped names the models that an administrator stopped, which they
// stay across restarts.
const settingStopped = "models.stopped"

// newModels reads the catalogue and prepares, but does not start, a child for
// every model.
func newModels(c Config, settings *store.DB, log *slog.Logger) (*models, error) {
	m := &models{
		log: log, settings: settings, entries: map[llm.ModelID]*modelEntry{}, changed: make(chan struct{}),
		files:   map[string]*plugins.Image{},
		latency: func(llm.ModelID) int64 { return 0 },
	}
	var err error
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
		if err := m.add(c, s); err != nil {
			return nil, errors.Join(fmt.Errorf("starter model %s: %w", s.ID, err), m.Close())
		}
	}
	return m, nil
}

// runnerImage unpacks the local runner.
func runnerImage() (*plugins.Image, error) {
	packed, err := embed.Runner()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errors.New("this binary was built without the local runner; build it with: make build")
	}
	if err != nil {
		return nil, err
	}
	defer packed.Close()
	z, err := zstd.NewReader(packed, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true))
	if err != nil {
		return nil, err
	}
	defer z.Close()
	return plugins.NewImage("skerry-runner", z)
}

// weights returns the image of a file of weights; models may share one.
func (m *models) weights(name string) (*plugins.Image, error) {
	if i, ok := m.files[name]; ok {
		return i, nil
	}
	f, err := embed.Starter().Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	i, err := plugins.NewImage(name, f)
	if err == nil {
		m.files[name] = i
	}
	return i, err
}

func (m *models) add(c Config, s starter) error {
	profile, ok := m.profiles[s.Profile]
	if !ok {
		return fmt.Errorf("there is no prompt profile %q", s.Profile)
	}
	weights, err := m.weights(s.File)
	if err != nil {
		return err
	}
	model := llm.Model{
		ID: s.ID, Title: s.Title, Provider: "embedded", Boundary: llm.Embedded, Profile: s.Profile,
		ContextTokens: s.ContextTokens, Starter: true, Note: s.Note,
		Capabilities: llm.Capabilities{Tasks: slices.Sorted(maps.Keys(profile.Tasks)), Lists: s.Lists, Languages: s.Languages, Probabilities: true},
		Lock:         llm.Lock{Profile: profile.Digest, Sampling: profile.Sampling},
	}
	card, err := json.Marshal(model)
	if err != nil {
		return err
	}
	child, err := plugins.New(plugins.Spec{
		Name:  string(s.ID),
		Image: m.runner,
		Args: []string{
			"-card", string(card), "-template", profile.Template,
			"-threads", fmt.Sprint(c.Runner.Threads), "-context", fmt.Sprint(s.ContextTokens),
		},
		Files:       []plugins.Inherit{{Flag: "model", Image: weights}},
		Dir:         filepath.Join(c.Data, "run"),
		Log:         m.log,
		MemoryBytes: c.Runner.MemoryBytes,
	})
	if err != nil {
		return err
	}
	m.entries[s.ID] = &modelEntry{child: child, model: model, started: make(chan struct{})}
	m.order = append(m.order, s.ID)
	return nil
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
	for _, id := range m.order {
		e := m.entries[id]
		m.watches.Go(func() { m.watch(life, e) })
		if slices.Contains(stopped, id) {
			close(e.started)
			continue
		}
		m.watches.Go(func() {
			defer close(e.started)
			if err := e.child.Start(life); err != nil && life.Err() == nil {
				m.log.Error("model does not start", "model", id, "err", err)
				return
			}
			m.complete(life, e)
		})
	}
	return nil
}

// Settle waits until every model has started, or could not, but no longer than
// ctx: work that begins a moment later finds its models there.
func (m *models) Settle(ctx context.Context) {
	for _, id := range m.order {
		select {
		case <-m.entries[id].started:
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
	if err != nil && e.child.State().Phase != plugins.Ready {
		return // it went away meanwhile, and is asked again when it is back
	}
	if err != nil || len(served) != 1 {
		m.log.Warn("a model does not say what it is", "model", e.model.ID, "models", len(served), "err", err)
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.model.Lock.Weights, e.model.Lock.Engine = served[0].Lock.Weights, served[0].Lock.Engine
	e.model.ContextTokens = served[0].ContextTokens
}

// limits bounds the calls that every model works on at once.
func (m *models) limits(parallel int) map[llm.ModelID]int {
	limits := map[llm.ModelID]int{}
	for _, id := range m.order {
		limits[id] = parallel
	}
	return limits
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
	var errs []error
	for _, e := range m.entries {
		errs = append(errs, e.child.Close())
	}
	m.watches.Wait()
	if m.runner != nil {
		errs = append(errs, m.runner.Close())
	}
	for _, f := range m.files {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}

// Offers implements gateway.Registry.
func (m *models) Offers() []policy.Offer {
	offers := make([]policy.Offer, 0, len(m.order))
	for _, id := range m.order {
		e := m.entries[id]
		o := policy.Offer{Model: e.current()}
		switch s := e.child.State(); {
		case s.Phase == plugins.Ready && o.Lock.Weights == "":
			o.Down = "it is starting"
		case s.Phase == plugins.Ready:
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

// Provider implements gateway.Registry.
func (m *models) Provider(id llm.ModelID) (llm.Provider, llm.Model, bool) {
	e, ok := m.entries[id]
	if !ok {
		return nil, llm.Model{}, false
	}
	return counted{e.child, &e.calls}, e.current(), true
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

// counted is a provider that counts its calls.
type counted struct {
	llm.Provider
	calls *atomic.Int64
}

func (c counted) Generate(ctx context.Context, r llm.Request, emit func(llm.Delta) error) (llm.Response, error) {
	c.calls.Add(1)
	return c.Provider.Generate(ctx, r, emit)
}

// Models implements api.Models.
func (m *models) Models(context.Context) ([]api.ModelStatus, error) {
	list := make([]api.ModelStatus, 0, len(m.order))
	for _, id := range m.order {
		e := m.entries[id]
		state := e.child.State()
		s := api.ModelStatus{
			Model: e.current(), State: "running", Why: state.Reason, Calls: e.calls.Load(), LatencyMicros: m.latency(id),
		}
		switch state.Phase {
		case plugins.Ready:
			s.Why = ""
		case plugins.Stopped:
			s.State, s.Why = "stopped", "an administrator stopped it"
		default:
			s.State = string(state.Phase)
		}
		list = append(list, s)
	}
	return list, nil
}

// StopModel implements api.Models. The model stays stopped across restarts.
func (m *models) StopModel(ctx context.Context, id llm.ModelID, by policy.Principal) error {
	e, ok := m.entries[id]
	if !ok {
		return fmt.Errorf("model %s: %w", id, mission.ErrNotFound)
	}
	if err := m.remember(ctx, id, true); err != nil {
		return err
	}
	m.log.Info("model stopped", "model", id, "by", by.ID)
	return e.child.Stop(ctx)
}

// modelStartTimeout bounds how long an administrator waits for a model; the
// child goes on starting after that.
const modelStartTimeout = 30 * time.Second

// StartModel implements api.Models.
func (m *models) StartModel(ctx context.Context, id llm.ModelID, by policy.Principal) error {
	e, ok := m.entries[id]
	if !ok {
		return fmt.Errorf("model %s: %w", id, mission.ErrNotFound)
	}
	if err := m.remember(ctx, id, false); err != nil {
		return err
	}
	m.log.Info("model started", "model", id, "by", by.ID)
	ctx, cancel := context.WithTimeout(ctx, modelStartTimeout)
	defer cancel()
	return e.child.Start(ctx)
}

// stopped returns the models that stay stopped.
func (m *models) stopped(ctx context.Context) ([]llm.ModelID, error) {
	var list []llm.ModelID
	err := m.settings.Setting(ctx, settingStopped, &list)
	if errors.Is(err, mission.ErrNotFound) {
		return nil, nil
	}
	return list, err
}

func (m *models) remember(ctx context.Context, id llm.ModelID, stop bool) error {
	list, err := m.stopped(ctx)
	if err != nil {
		return err
	}
	list = slices.DeleteFunc(list, func(other llm.ModelID) bool { return other == id })
	if stop {
		list = append(list, id)
	}
	return m.settings.PutSetting(ctx, settingStopped, list)
}
