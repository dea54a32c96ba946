package appliance

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"skerry/appliance/api"
	"skerry/appliance/catalogue"
	"skerry/appliance/llm"
	"skerry/appliance/mission"
	"skerry/appliance/policy"
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
	ContextTokens int            `json:"contextTokens"` // that it is run with
	At            time.Time      `json:"at"`
	By            string         `json:"by"` // id of who imported it
}

// Bounds of an import.
const (
	// defaultProfile is for any chat model that follows instructions.
	defaultProfile = "generic-json"

	// defaultContext is the context that a model is run with where nobody says
	// more. Many files name a context whose cache is larger than the weights.
	defaultContext = 8192

	// minContext is the least context that holds a question and an answer.
	minContext = 128

	// reserveBytes stay free on the disk, for runs and their journals.
	reserveBytes = 512 << 20

	// loadBytesPerSecond is how fast a slow disk gives a model file, which the
	// runner reads twice: once for the digest, once for the weights.
	loadBytesPerSecond = 50 << 20
)

// idForm is what an imported model may be called: its child process has the
// same name.
var idForm = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,40}$`)

// Limits bound the process that inspects a model file. A vocabulary of 250,000
// tokens takes it about 120 MiB and a second.
const (
	inspectMemoryBytes = 1 << 30
	inspectCPU         = 30 * time.Second
)

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

// enlist makes the entry of an imported model, which is not started, and puts
// it into the catalogue, unless something else is there under its id.
func (m *models) enlist(i *imported) (*modelEntry, error) {
	profile := m.profiles[i.Profile] // one that is gone keeps the model from being started
	e := &modelEntry{imported: i, size: i.SizeBytes, started: make(chan struct{}), model: llm.Model{
		ID: i.ID, Title: i.Title, Provider: "embedded", Boundary: llm.Embedded, Profile: i.Profile, ContextTokens: i.ContextTokens,
		Capabilities: llm.Capabilities{Tasks: slices.Sorted(maps.Keys(profile.Tasks)), Lists: lists(profile), Probabilities: true},
		Lock:         llm.Lock{Profile: profile.Digest, Sampling: profile.Sampling},
	}}
	var err error
	weights := plugins.Inherit{Flag: "model", Path: m.kept.Path(i.SHA256)}
	patience := time.Minute + time.Duration(2*i.SizeBytes/loadBytesPerSecond)*time.Second
	if e.child, err = m.runnerFor(e.model, i.Card.Template, weights, m.memoryBound(i), patience); err != nil {
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

// memoryBound returns the memory that the process of a model may write to. A
// file that needs far more than was estimated harms only itself.
func (m *models) memoryBound(i *imported) int64 {
	if m.config.Runner.MemoryBytes > 0 {
		return m.config.Runner.MemoryBytes
	}
	total := i.Card.Estimate(i.ContextTokens).Total()
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
	if _, ok := m.profiles[i.Profile]; !ok {
		return refuse("no-profile", "The model %s is spoken to with the prompt profile %q, which this version of Skerry does not have. Remove it and import it with another profile.", i.ID, i.Profile)
	}
	if e.child.State().Phase == plugins.Ready {
		return nil // it has its memory already
	}
	if need, have, what := m.fit(i); have > 0 && need.Total() > have {
		return refuse("does-not-fit", "The model %s does not fit: it needs about %s (%s), and %s is %s. %s", i.ID,
			catalogue.Bytes(need.Total()), inParts(need), what, catalogue.Bytes(have), howToFit(need))
	}
	return nil
}

// fit returns what a model is estimated to need, what it may have, 0 where
// that is not known, and what bounds it.
func (m *models) fit(i *imported) (need catalogue.Memory, have int64, what string) {
	need, have, what = i.Card.Estimate(i.ContextTokens), catalogue.Available(), "the memory that this host has available now"
	if have > 0 {
		have = max(have-m.promised(i), 1)
	}
	if c := m.config.Runner.MemoryBytes; c > 0 && (have == 0 || c < have) {
		have, what = c, "runner.memoryBytes in config.yaml"
	}
	return need, have, what
}

// promised returns what the imported models that run, or are about to, may
// still come to need beyond what their processes hold already.
func (m *models) promised(but *imported) int64 {
	sum := int64(0)
	for _, e := range m.all() {
		s := e.child.State()
		if e.imported == nil || e.imported.ID == but.ID || s.Phase != plugins.Ready && s.Phase != plugins.Starting {
			continue
		}
		sum += max(0, min(e.imported.Card.Estimate(e.imported.ContextTokens).Total(), 1<<50)-s.MemoryBytes)
	}
	return sum
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
	need, have, _ := m.fit(i)
	return &api.ModelFile{
		Name: i.File, SHA256: i.SHA256, SizeBytes: i.SizeBytes, Architecture: i.Card.Architecture, Parameters: i.Card.Parameters,
		Quantisation: i.Card.Quantisation, Template: i.Card.Template, MadeForTokens: i.Card.ContextTokens,
		ImportedAt: i.At, ImportedBy: i.By, MemoryNeeded: need.Total(), MemoryAvailable: have,
		MemoryWeights: need.Weights, MemoryCache: need.Cache, MemoryWork: need.Work,
	}
}

// Importing implements api.Models.
func (m *models) Importing() api.Importing {
	free, err := m.kept.Free()
	if err != nil {
		m.log.Warn("free space of the model files is not known", "err", err)
	}
	return api.Importing{
		MaxBytes: m.config.ModelBytes, FreeBytes: max(free-reserveBytes, 0), Profile: defaultProfile,
		Profiles: slices.Sorted(maps.Keys(m.profiles)),
	}
}

// ImportModel implements api.Models.
func (m *models) ImportModel(ctx context.Context, r api.ModelImport) (id llm.ModelID, existed bool, err error) {
	select {
	case m.importing <- struct{}{}:
		defer func() { <-m.importing }()
	default:
		return "", false, &api.Error{Status: http.StatusConflict, Code: "import-busy", RetryAfter: time.Minute,
			Detail: "Another model is being imported. Wait until it is there and try again."}
	}
	if err := m.admissible(&r); err != nil {
		return "", false, err
	}
	var card catalogue.Card
	digest, err := m.kept.Keep(ctx, catalogue.Incoming{Body: r.Body, Size: r.Size, Digest: r.SHA256,
		Accept: func(ctx context.Context, f *os.File) (err error) {
			card, err = inspect(ctx, f.Name(), r.Size, r.Template)
			return err
		}})
	if err != nil {
		return "", false, importFault(err)
	}
	id, existed, err = m.adopt(ctx, &r, digest, card)
	if err != nil {
		return "", false, errors.Join(err, m.dropUnused(digest))
	}
	if existed {
		return id, true, nil
	}
	m.log.Info("model imported", "model", id, "file", r.Name, "sha256", digest, "bytes", r.Size, "by", r.By.ID)
	return id, false, nil
}

// admissible checks what can be known before a byte arrives, and fills in
// defaults.
func (m *models) admissible(r *api.ModelImport) error {
	invalid := func(format string, a ...any) error {
		return &api.Error{Status: http.StatusUnprocessableEntity, Code: "import-invalid", Detail: fmt.Sprintf(format, a...)}
	}
	if r.Profile == "" {
		r.Profile = defaultProfile
	}
	free, err := m.kept.Free()
	if err != nil {
		return err
	}
	_, knownProfile := m.profiles[r.Profile]
	switch {
	case r.Size <= 0:
		return &api.Error{Status: http.StatusLengthRequired, Detail: "The size of the file is not known. Send it with a Content-Length, so that the room for it can be checked first."}
	case r.Size > m.config.ModelBytes:
		return &api.Error{Status: http.StatusRequestEntityTooLarge, Code: "too-big",
			Detail: fmt.Sprintf("The file has %s; at most %s are taken in. Raise modelBytes in config.yaml, or import a smaller model.", catalogue.Bytes(r.Size), catalogue.Bytes(m.config.ModelBytes))}
	case r.Size > free-reserveBytes:
		return &api.Error{Status: http.StatusInsufficientStorage, Code: "disk-full",
			Detail: fmt.Sprintf("The file has %s, and the data directory has room for %s beside what runs need. Make room on its disk, or remove a model that is not needed.", catalogue.Bytes(r.Size), catalogue.Bytes(max(free-reserveBytes, 0)))}
	case !knownProfile:
		return invalid("There is no prompt profile %q. Choose one of %s.", r.Profile, strings.Join(slices.Sorted(maps.Keys(m.profiles)), ", "))
	case r.ID != "" && !idForm.MatchString(string(r.ID)):
		return invalid("A model cannot have the id %q: use lower-case letters, digits and dashes, 41 at most.", r.ID)
	case r.ContextTokens != 0 && r.ContextTokens < minContext:
		return invalid("A context of %d tokens holds no question and answer; %d is the least.", r.ContextTokens, minContext)
	case r.SHA256 != "" && !catalogue.IsDigest(r.SHA256):
		return invalid("%q is no SHA-256: give 64 hex digits in lower case.", r.SHA256)
	}
	if e, err := m.entry(r.ID); err == nil && e.imported == nil {
		return idTaken(r.ID)
	}
	return nil
}

func idTaken(id llm.ModelID) error {
	return &api.Error{Status: http.StatusConflict, Code: "id-taken",
		Detail: fmt.Sprintf("There is another model %s in the catalogue. Choose another id (--id), or remove that one first.", id)}
}

// inspect looks at a file in a process of its own.
func inspect(ctx context.Context, path string, size int64, template string) (catalogue.Card, error) {
	f, err := os.Open(path) // read-only, whatever the child does
	if err != nil {
		return catalogue.Card{}, err
	}
	defer f.Close()
	job, err := catalogue.Job(size, template)
	if err != nil {
		return catalogue.Card{}, err
	}
	out, err := plugins.RunIsolated(ctx, plugins.Isolated{
		Args: []string{catalogue.Verb}, Stdin: job, Files: []*os.File{f}, MemoryBytes: inspectMemoryBytes, CPU: inspectCPU,
	})
	var failed *plugins.IsolatedError
	switch {
	case errors.As(err, &failed) && failed.Reason == plugins.IsolatedCancelled:
		return catalogue.Card{}, context.Cause(ctx)
	case err != nil:
		return catalogue.Card{}, fmt.Errorf("inspect the model file: %w", &catalogue.RefusedError{Why: "the process that looked at this file came to its end (" + err.Error() + "), so it is not taken in; get the file from its publisher again"})
	}
	return catalogue.Verdict(out)
}

// importFault turns an error of an import into one that says what to do.
func importFault(err error) error {
	var refused *catalogue.RefusedError
	switch {
	case errors.As(err, &refused):
		return &api.Error{Status: http.StatusUnprocessableEntity, Code: "model-refused", Detail: sentence(refused.Why), Err: err}
	case errors.Is(err, catalogue.ErrOtherDigest):
		return &api.Error{Status: http.StatusUnprocessableEntity, Code: "model-refused", Err: err,
			Detail: sentence(err.Error()) + " It is damaged or another file; get it again."}
	case errors.Is(err, catalogue.ErrIncomplete):
		return &api.Error{Status: http.StatusBadRequest, Code: "incomplete", Err: err, Detail: sentence(err.Error()) + " Nothing was kept; send it again."}
	}
	return err
}

// sentence makes a sentence of an error's text.
func sentence(s string) string {
	if s == "" {
		return "The file was refused."
	}
	return strings.ToUpper(s[:1]) + strings.TrimSuffix(s[1:], ".") + "."
}

// adopt puts a kept file into the catalogue and into the store. A file that
// was imported before is no new model, unless the caller names another id.
func (m *models) adopt(ctx context.Context, r *api.ModelImport, digest string, card catalogue.Card) (id llm.ModelID, existed bool, err error) {
	m.writing.Lock()
	defer m.writing.Unlock()
	list, err := m.importedModels(ctx)
	if err != nil {
		return "", false, err
	}
	for i := range list {
		if list[i].SHA256 == digest && (r.ID == "" || r.ID == list[i].ID) {
			if e, err := m.entry(list[i].ID); err == nil {
				e.refuse("") // its file may have been missing until now
			}
			m.announce()
			return list[i].ID, true, nil
		}
	}
	i := &imported{
		ID: r.ID, Title: r.Title, File: r.Name, SHA256: digest, SizeBytes: r.Size, Card: card, Profile: r.Profile,
		ContextTokens: r.ContextTokens, At: time.Now().UTC(), By: r.By.ID,
	}
	if i.ContextTokens == 0 {
		i.ContextTokens = min(card.ContextTokens, defaultContext)
	}
	if i.ContextTokens > card.ContextTokens {
		return "", false, &api.Error{Status: http.StatusUnprocessableEntity, Code: "import-invalid",
			Detail: fmt.Sprintf("The model was made for %d tokens; with %d it makes things up. Choose a context up to that (--context).", card.ContextTokens, i.ContextTokens)}
	}
	if i.ID == "" {
		i.ID = m.freeID(card.Name, r.Name)
	}
	if i.Title == "" {
		i.Title = string(i.ID)
		if card.Name != "" {
			i.Title = card.Name
		}
	}
	e, err := m.enlist(i)
	if err != nil {
		return "", false, err
	}
	close(e.started) // nobody waits for it
	err = m.stayStopped(ctx, i.ID, true)
	if err == nil {
		err = m.settings.PutSetting(ctx, settingImported, append(list, *i))
	}
	if err != nil {
		return "", false, errors.Join(err, m.delist(e))
	}
	m.follow(e)
	m.announce()
	return i.ID, false, nil
}

// freeID makes an id of the first name that has letters for one.
func (m *models) freeID(names ...string) llm.ModelID {
	base := "model"
	for _, n := range names {
		n = strings.TrimSuffix(strings.ToLower(n), ".gguf")
		words := strings.FieldsFunc(n, func(r rune) bool { return !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9') })
		if len(words) > 0 {
			base = strings.Trim(strings.Join(words, "-")[:min(36, len(strings.Join(words, "-")))], "-")
			break
		}
	}
	id := llm.ModelID(base)
	for n := 2; ; n++ {
		if _, err := m.entry(id); err != nil {
			return id
		}
		id = llm.ModelID(fmt.Sprintf("%s-%d", base, n))
	}
}

// RemoveModel implements api.Models.
func (m *models) RemoveModel(ctx context.Context, id llm.ModelID, force bool, by policy.Principal) error {
	e, err := m.entry(id)
	if err != nil {
		return err
	}
	if e.imported == nil {
		return &api.Error{Status: http.StatusConflict, Code: "starter-model",
			Detail: fmt.Sprintf("The model %s is a starter model, which is part of Skerry and cannot be removed. Stop it, or take it out of the policy.", id)}
	}
	if n := e.inFlight.Load(); n > 0 && !force {
		return &api.Error{Status: http.StatusConflict, Code: "model-in-use", RetryAfter: time.Minute,
			Detail: fmt.Sprintf("The model %s is answering %d calls now. Stop it first and try again, or remove it with force, which ends them.", id, n)}
	}
	m.writing.Lock()
	defer m.writing.Unlock()
	list, err := m.importedModels(ctx)
	if err != nil {
		return err
	}
	list = slices.DeleteFunc(list, func(i imported) bool { return i.ID == id })
	if err := m.settings.PutSetting(ctx, settingImported, list); err != nil {
		return err
	}
	if err := errors.Join(m.stayStopped(ctx, id, false), m.putExam(ctx, id, nil)); err != nil {
		return err
	}
	m.log.Info("model removed", "model", id, "sha256", e.imported.SHA256, "by", by.ID)
	err = m.delist(e)
	if !slices.ContainsFunc(list, func(i imported) bool { return i.SHA256 == e.imported.SHA256 }) {
		err = errors.Join(err, m.kept.Remove(e.imported.SHA256))
	}
	m.announce()
	return err
}

// delist takes an entry out of the catalogue and ends its process.
func (m *models) delist(e *modelEntry) error {
	id := e.current().ID
	m.mu.Lock()
	delete(m.entries, id)
	m.order = slices.DeleteFunc(m.order, func(other llm.ModelID) bool { return other == id })
	m.mu.Unlock()
	err := e.child.Close()
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.unwatch != nil {
		e.unwatch()
	}
	return err
}

// dropUnused removes a kept file that belongs to no model.
func (m *models) dropUnused(digest string) error {
	list, err := m.importedModels(context.Background())
	if err != nil || slices.ContainsFunc(list, func(i imported) bool { return i.SHA256 == digest }) {
		return err
	}
	return m.kept.Remove(digest)
}
