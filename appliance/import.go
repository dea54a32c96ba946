package appliance

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"skerry/appliance/api"
	"skerry/appliance/audit"
	"skerry/appliance/catalogue"
	"skerry/appliance/llm"
	"skerry/plugins"
)

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
	release, err := m.takeImport()
	if err != nil {
		return "", false, err
	}
	defer release()
	if err := m.admissible(&r); err != nil {
		return "", false, err
	}
	if err := m.roomFor(nil, r.Size); err != nil {
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

// takeImport lets one import at a time check and assemble.
func (m *models) takeImport() (release func(), err error) {
	select {
	case m.importing <- struct{}{}:
		return func() { <-m.importing }, nil
	default:
		return nil, &api.Error{Status: http.StatusConflict, Code: "import-busy", RetryAfter: time.Minute,
			Detail: "Another model is being imported. Wait until it is there and try again."}
	}
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
	_, knownProfile := m.profiles[r.Profile]
	switch {
	case r.Size <= 0:
		return &api.Error{Status: http.StatusLengthRequired, Detail: "The size of the file is not known. Send it with a Content-Length, so that the room for it can be checked first."}
	case r.Size > m.config.ModelBytes:
		return m.tooBig(r.Size)
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

// sentence makes a sentence of an error's text. The name of a file at its
// beginning stays as it is.
func sentence(s string) string {
	if s == "" {
		return "The file was refused."
	}
	if first, _, _ := strings.Cut(s, " "); strings.ContainsFunc(strings.TrimRight(first, ":,"), func(r rune) bool { return !unicode.IsLetter(r) }) {
		return strings.TrimSuffix(s, ".") + "."
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
	if !card.Generates() {
		i.Profile = "" // nobody speaks to it
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
	if m.claimed(i.ID) {
		return "", false, &api.Error{Status: http.StatusConflict, Code: "id-governed", Detail: fmt.Sprintf(
			"The active policy names a model %s, which two people have approved, and this is another file. Choose another id (--id), and put that into the policy.", i.ID)}
	}
	e, err := m.enlist(i)
	if err != nil {
		return "", false, err
	}
	close(e.started) // nobody waits for it
	err = m.stayStopped(ctx, i.ID, true)
	if err == nil {
		err = m.settings.PutSetting(ctx, settingImported, append(list, *i),
			audit.Record{Action: "model.imported", Actor: r.By.ID, ActorName: r.By.Name, Model: string(i.ID), Object: i.File, Digest: digest})
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
