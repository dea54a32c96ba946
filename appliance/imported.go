package appliance

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"slices"
	"time"

	"skerry/appliance/api"
	"skerry/appliance/catalogue"
	"skerry/appliance/llm"
	"skerry/appliance/mission"
	"skerry/plugins"
)

// modelsDir is the folder of imported model files in the data directory.
// Backups leave it out: what is in it can be imported again.
const modelsDir = "models"

// settingImported holds the imported models, oldest first.
const settingImported = "models.imported"

// imported is what is stored about a model that somebody imported.
type imported struct {
	ID            llm.ModelID    `json:"id"`
	Title         string         `json:"title"`
	File          string         `json:"file"` // name that the file had
	SHA256        string         `json:"sha256"`
	SizeBytes     int64          `json:"sizeBytes"`
	Card          catalogue.Card `json:"card"`
	Profile       string         `json:"profile"`
	ContextTokens int            `json:"contextTokens"`    // that it is run with
	Engine        string         `json:"engine,omitempty"` // build that loaded it last, part of its lock; "" = none has
	At            time.Time      `json:"at"`
	By            string         `json:"by"` // id of who imported it
}

// loadImported puts the imported models into the catalogue. A model that
// cannot be served any more stays listed and says why.
func (m *models) loadImported(ctx context.Context) error {
	if err := m.loadExams(ctx); err != nil {
		return err
	}
	list, err := m.importedModels(ctx)
	if err != nil {
		return err
	}
	known := map[string]bool{}
	for i := range list {
		known[list[i].SHA256] = true
		if _, err := m.enlist(&list[i]); err != nil {
			return fmt.Errorf("imported model %s: %w", list[i].ID, err)
		}
	}
	digests, err := m.kept.Digests()
	if err != nil {
		return err
	}
	for _, d := range digests {
		if !known[d] {
			m.log.Warn("a model file belongs to no model; import it again or delete it", "file", m.kept.Path(d))
		}
	}
	return nil
}

func (m *models) importedModels(ctx context.Context) ([]imported, error) {
	var list []imported
	err := m.settings.Setting(ctx, settingImported, &list)
	if errors.Is(err, mission.ErrNotFound) {
		return nil, nil
	}
	return list, err
}

// rememberEngine keeps the build of the engine that has loaded an imported model,
// so that its lock is known before it is loaded again.
func (m *models) rememberEngine(ctx context.Context, e *modelEntry, engine string) error {
	if e.imported == nil || e.current().Lock.Engine == engine {
		return nil
	}
	m.writing.Lock()
	defer m.writing.Unlock()
	list, err := m.importedModels(ctx)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(list, func(i imported) bool { return i.ID == e.imported.ID })
	if i < 0 || list[i].Engine == engine {
		return nil
	}
	list[i].Engine = engine
	return m.settings.PutSetting(ctx, settingImported, list)
}

// enlist makes the entry of an imported model, which is not started, and puts
// it into the catalogue, unless something else is there under its id.
func (m *models) enlist(i *imported) (*modelEntry, error) {
	profile := m.profiles[i.Profile] // one that is gone keeps the model from being started
	e := &modelEntry{imported: i, size: i.SizeBytes, started: make(chan struct{}), lastUse: m.now(), model: llm.Model{
		ID: i.ID, Title: i.Title, Provider: "embedded", Boundary: llm.Embedded, Profile: i.Profile, ContextTokens: i.ContextTokens,
		Capabilities: llm.Capabilities{Tasks: slices.Sorted(maps.Keys(profile.Tasks)), Lists: lists(profile), Probabilities: true, Vision: i.Card.Vision},
		Lock:         llm.Lock{Weights: i.SHA256, Profile: profile.Digest, Engine: i.Engine, Sampling: profile.Sampling},
	}}
	if !i.Card.Generates() {
		e.model.Capabilities, e.model.Lock = llm.Capabilities{Tasks: []llm.TaskKind{}, Embeddings: i.Card.Embeddings}, llm.Lock{Weights: i.SHA256, Engine: i.Engine}
	}
	var err error
	weights := plugins.Inherit{Flag: "model", Path: m.kept.Path(i.SHA256)}
	patience := time.Minute + time.Duration(2*i.SizeBytes/loadBytesPerSecond)*time.Second
	if e.child, err = m.runnerFor(e.model, m.cacheTokens(i), i.Card.Template, weights, m.memoryBound(i), patience); err != nil {
		return nil, err
	}
	m.mu.Lock()
	_, taken := m.entries[i.ID]
	if !taken && !m.closed {
		m.entries[i.ID] = e
		m.order = append(m.order, i.ID)
	}
	m.mu.Unlock()
	if taken {
		return nil, errors.Join(idTaken(i.ID), e.child.Close())
	}
	return e, nil
}

// lists reports whether a profile can ask for lists of objects.
func lists(p llm.Profile) bool {
	t := p.Tasks[llm.TaskExtract]
	return t != nil && t.Types[llm.TypeList] != ""
}

// cacheTokens returns how many tokens the key-value cache of a model holds.
func (m *models) cacheTokens(i *imported) int {
	return i.Card.CacheTokens(m.config.Runner.CacheType, i.ContextTokens, max(1, m.config.Runner.Parallel), m.config.Runner.CacheBytes)
}

// needs returns the memory that a model is estimated to need as it is served.
func (m *models) needs(i *imported) catalogue.Memory {
	return i.Card.Estimate(m.config.Runner.CacheType, m.cacheTokens(i))
}

// memoryBound returns the memory that the process of a model may write to. A
// file that needs far more than was estimated harms only itself.
func (m *models) memoryBound(i *imported) int64 {
	if m.config.Runner.MemoryBytes > 0 {
		return m.config.Runner.MemoryBytes
	}
	total := m.needs(i).Total()
	bound := max(total+min(total, 16<<30), total+1<<30)
	if host := catalogue.Installed(); host > 0 {
		bound = min(bound, host/10*9)
	}
	return max(bound, 256<<20)
}

// startable returns why a model is not even tried to start, or nil.
func (m *models) startable(e *modelEntry) error {
	i := e.imported
	if i == nil {
		return nil
	}
	refuse := func(code, format string, a ...any) error {
		return &api.Error{Status: http.StatusConflict, Code: code, Detail: fmt.Sprintf(format, a...)}
	}
	size, err := m.kept.Size(i.SHA256)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return refuse("model-file-missing", "The file of the model %s is not in the data directory; a backup holds no model files. Import it again: its SHA-256 is %s.", i.ID, i.SHA256)
	case err != nil:
		return err
	case size != i.SizeBytes:
		return refuse("model-file-damaged", "The file of the model %s has %d bytes and had %d when it was imported. Import it again.", i.ID, size, i.SizeBytes)
	}
	if _, ok := m.profiles[i.Profile]; !ok && i.Card.Generates() {
		return refuse("no-profile", "The model %s is spoken to with the prompt profile %q, which this version of Skerry does not have. Remove it and import it with another profile.", i.ID, i.Profile)
	}
	return nil
}

func inParts(n catalogue.Memory) string {
	return fmt.Sprintf("weights %s, cache %s, work %s", catalogue.Bytes(n.Weights), catalogue.Bytes(n.Cache), catalogue.Bytes(n.Work))
}

// howToFit says what would help most.
func howToFit(n catalogue.Memory) string {
	if n.Cache+n.Work > n.Weights {
		return "Remove it and import it with a smaller --context, or stop other models first."
	}
	return "Import a smaller model or a lower quantisation of it, or stop other models first."
}

// file describes the file of an imported model.
func (m *models) file(e *modelEntry) *api.ModelFile {
	i := e.imported
	if i == nil {
		return nil
	}
	need, have, _ := m.fit(e)
	if have > 0 {
		_, _, reclaimable := m.victim(e)
		have = add(have, reclaimable)
	}
	return &api.ModelFile{
		Name: i.File, SHA256: i.SHA256, SizeBytes: i.SizeBytes, Architecture: i.Card.Architecture, Parameters: i.Card.Parameters,
		Quantisation: i.Card.Quantisation, Template: i.Card.Template, MadeForTokens: i.Card.ContextTokens,
		ImportedAt: i.At, ImportedBy: i.By, MemoryNeeded: need.Total(), MemoryAvailable: have,
		MemoryWeights: need.Weights, MemoryCache: need.Cache, MemoryWork: need.Work,
	}
}
