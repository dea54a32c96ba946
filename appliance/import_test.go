package appliance

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"skerry/appliance/api"
	"skerry/appliance/api/client"
	"skerry/appliance/catalogue"
	"skerry/appliance/llm"
	"skerry/embed"
	"skerry/plugins/local/gguf/gguftest"
)

// take imports a file, and fails the test if that does not work.
func (s *site) take(t *testing.T, id llm.ModelID, content []byte, change ...func(*client.ModelUpload)) api.ModelEntry {
	t.Helper()
	m, _, err := s.tryTake(t, id, content, change...)
	if err != nil {
		t.Fatalf("import %s: %v", id, err)
	}
	return m
}

func (s *site) tryTake(t *testing.T, id llm.ModelID, content []byte, change ...func(*client.ModelUpload)) (api.ModelEntry, bool, error) {
	t.Helper()
	u := client.ModelUpload{Name: "a file.gguf", ID: id, Content: bytes.NewReader(content), Size: int64(len(content))}
	for _, f := range change {
		f(&u)
	}
	return s.ImportModel(t.Context(), u)
}

func (s *site) model(t *testing.T, id llm.ModelID) (api.ModelEntry, bool) {
	t.Helper()
	list, err := s.Models(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(list, func(m api.ModelEntry) bool { return m.ID == id })
	if i < 0 {
		return api.ModelEntry{}, false
	}
	return list[i], true
}

// refusedAs fails the test unless err is a problem of that type which says
// every one of words.
func refusedAs(t *testing.T, what string, err error, code string, words ...string) {
	t.Helper()
	var p *api.Problem
	if !errors.As(err, &p) || p.Type != "urn:skerry:"+code {
		t.Errorf("%s: got %v; want the problem %s", what, err, code)
		return
	}
	for _, w := range words {
		if !strings.Contains(p.Detail, w) {
			t.Errorf("%s: %q does not say %q", what, p.Detail, w)
		}
	}
}

// modelFiles lists what lies in the folder of model files.
func (s *site) modelFiles(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(s.data, modelsDir))
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}

func tiny(change func(*gguftest.Model)) []byte {
	m := gguftest.Tiny()
	if change != nil {
		change(&m)
	}
	return m.Bytes()
}

// TestImportedModelsSurvive: an imported model is there after a restart as it
// was, started or not, and its file is verified each time that it is loaded.
func TestImportedModelsSurvive(t *testing.T) {
	s := newSite(t)
	first := s.take(t, "", tiny(func(m *gguftest.Model) { m.Name = "Tiny Model / v1.5 (test)" }))
	if first.ID != "tiny-model-v1-5-test" || first.State != "stopped" || first.Source != "imported" || first.Clearance != "" || first.Enabled || len(first.Pools) != 0 {
		t.Errorf("a new model is cleared for nothing, in no pool and stopped; got %+v", first)
	}
	second := s.take(t, "second", tiny(func(m *gguftest.Model) { m.Seed = 2 }), func(u *client.ModelUpload) { u.Start, u.Title, u.ContextTokens = true, "Second", 256 })
	if second.State != "running" || second.Title != "Second" || second.ContextTokens != 256 || second.Lock.Weights != second.File.SHA256 {
		t.Errorf("got %+v, file %+v", second, second.File)
	}
	s.stop()
	s.serve(t)
	for _, want := range []api.ModelEntry{first, second} {
		var got api.ModelEntry
		for range 100 { // it may still be starting
			if got, _ = s.model(t, want.ID); got.State != "starting" {
				break
			}
			time.Sleep(50 * time.Millisecond)
		}
		if got.State != want.State || got.Title != want.Title || got.LockDigest != want.LockDigest || got.ContextTokens != want.ContextTokens ||
			got.File == nil || got.File.SHA256 != want.File.SHA256 || !got.File.ImportedAt.Equal(want.File.ImportedAt) || !strings.HasPrefix(got.File.ImportedBy, "local-") {
			t.Errorf("after a restart: got %+v (%+v), want %+v", got, got.File, want)
		}
	}

	// Somebody changes a byte of a weight on the disk.
	path := filepath.Join(s.data, modelsDir, "sha256-"+second.File.SHA256)
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	content[len(content)-40] ^= 0x10
	if err := errors.Join(os.Chmod(path, 0o600), os.WriteFile(path, content, 0o600)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.StopModel(t.Context(), "second"); err != nil {
		t.Fatal(err)
	}
	_, err = s.StartModel(t.Context(), "second")
	refusedAs(t, "a changed file", err, "model-failed", "not what was imported")
	if got, _ := s.model(t, "second"); got.State != "failed" || !strings.Contains(got.Why, "not what was imported") {
		t.Errorf("a changed file is served: %s, %q", got.State, got.Why)
	}
	// Importing the right file again heals it.
	if m, isNew, err := s.tryTake(t, "", tiny(func(m *gguftest.Model) { m.Seed = 2 })); err != nil || isNew || m.ID != "second" {
		t.Errorf("the same file again: %+v, %t, %v", m, isNew, err)
	}
	if m, err := s.StartModel(t.Context(), "second"); err != nil || m.State != "running" {
		t.Errorf("after healing: %+v, %v", m, err)
	}
	// A restored backup holds no model files.
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	s.stop()
	s.serve(t)
	if got, _ := s.model(t, "second"); got.State != "failed" || !strings.Contains(got.Why, "Import it again") {
		t.Errorf("without its file: %s, %q", got.State, got.Why)
	}
}

// TestImportRefuses: what is refused leaves nothing behind, and says what to do.
func TestImportRefuses(t *testing.T) {
	s := newSite(t)
	whole := tiny(nil)
	for _, row := range []struct {
		name    string
		content []byte
		change  func(*client.ModelUpload)
		code    string
		words   []string
	}{
		{"no model", []byte("%PDF-1.7"), nil, "model-refused", []string{"not a GGUF file"}},
		{"a file that is cut off", whole[:len(whole)/2], nil, "model-refused", []string{"cut off", "get the file again"}},
		{"another digest", whole, func(u *client.ModelUpload) { u.SHA256 = strings.Repeat("0", 64) }, "model-refused", []string{"not the one that was meant"}},
		{"a digest that is none", whole, func(u *client.ModelUpload) { u.SHA256 = "abc" }, "import-invalid", []string{"64 hex digits"}},
		{"an id with capitals", whole, func(u *client.ModelUpload) { u.ID = "Tiny" }, "import-invalid", []string{"lower-case letters"}},
		{"the id of a starter", whole, func(u *client.ModelUpload) { u.ID = "starter" }, "id-taken", []string{"--id"}},
		{"an unknown profile", whole, func(u *client.ModelUpload) { u.Profile = "poetry" }, "import-invalid", []string{"generic-json"}},
		{"an unknown template", whole, func(u *client.ModelUpload) { u.Template = "vicuna" }, "model-refused", []string{"chatml"}},
		{"more context than it was made for", whole, func(u *client.ModelUpload) { u.ContextTokens = 513 }, "import-invalid", []string{"made for 512"}},
		{"hardly any context", whole, func(u *client.ModelUpload) { u.ContextTokens = 5 }, "import-invalid", []string{"128"}},
		{"more than may be imported", nil, func(u *client.ModelUpload) { u.Size, u.Content = 65<<30, strings.NewReader("GGUF") }, "too-big", []string{"65.0 GiB", "modelBytes"}},
	} {
		change := []func(*client.ModelUpload){}
		if row.change != nil {
			change = append(change, row.change)
		}
		_, _, err := s.tryTake(t, "", row.content, change...)
		refusedAs(t, row.name, err, row.code, row.words...)
		if files := s.modelFiles(t); len(files) != 0 {
			t.Errorf("%s: left %q", row.name, files)
		}
	}
	if list, err := s.Models(t.Context()); err != nil || len(list) != len(starterIDs(t)) {
		t.Errorf("the catalogue has %d models, %v", len(list), err)
	}
}

func starterIDs(t *testing.T) []string {
	t.Helper()
	data, err := embedded("models.json")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(data, `"id"`)[1:]
}

func embedded(name string) (string, error) {
	f, err := embed.Starter().Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	return string(b), err
}

// TestImportThatBreaksOff: a caller who goes away in the middle leaves nothing,
// and the next import works.
func TestImportThatBreaksOff(t *testing.T) {
	s := newSite(t)
	whole := tiny(nil)
	ctx, cancel := context.WithCancel(t.Context())
	r, w := io.Pipe()
	done := make(chan error, 1)
	go func() {
		_, _, err := s.ImportModel(ctx, client.ModelUpload{Name: "x.gguf", ID: "x", Content: r, Size: int64(len(whole))})
		done <- err
	}()
	if _, err := w.Write(whole[:200<<10]); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.tryTake(t, "second", whole); err == nil {
		t.Error("two imports at once")
	} else {
		refusedAs(t, "a second import meanwhile", err, "import-busy", "Wait")
	}
	cancel()
	_ = w.CloseWithError(context.Canceled) // a pipe's writer never fails to close
	if err := <-done; err == nil {
		t.Error("half a file was imported")
	}
	for range 100 {
		if len(s.modelFiles(t)) == 0 {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	if files := s.modelFiles(t); len(files) != 0 {
		t.Errorf("left %q", files)
	}
	s.take(t, "x", whole)
}

// TestHostileModelsHarmOnlyThemselves: files that the validator must let pass,
// because nothing in them is damaged, and that no engine can run. Each costs its
// own process; the catalogue, the starter models and runs go on.
func TestHostileModelsHarmOnlyThemselves(t *testing.T) {
	s := newSite(t)
	numbers := func(key string, n uint32) func(*gguftest.Model) {
		return func(m *gguftest.Model) { m.Extra = map[string]uint32{key: n} }
	}
	for _, row := range []struct {
		id   llm.ModelID
		with func(*gguftest.Model)
		code string // "" = it may even run
	}{
		{"shape", func(m *gguftest.Model) { m.Shapes = map[string][]uint64{"blk.0.attn_q.weight": {64, 63}} }, "model-failed"},
		{"shape-of-norm", func(m *gguftest.Model) { m.Shapes = map[string][]uint64{"output_norm.weight": {63}} }, "model-failed"},
		{"dimensions", func(m *gguftest.Model) { m.Shapes = map[string][]uint64{"blk.1.ffn_up.weight": {8, 8, 8, 16}} }, "model-failed"},
		{"missing", func(m *gguftest.Model) { m.Without = "ffn_gate" }, "model-failed"},
		{"layers", numbers("qwen3.block_count", 1024), "model-failed"},
		{"no-heads", numbers("qwen3.attention.head_count", 0), "model-failed"},
		{"many-heads", numbers("qwen3.attention.head_count", math.MaxUint32), "does-not-fit"},
		{"many-kv-heads", numbers("qwen3.attention.head_count_kv", 1<<30), "does-not-fit"},
		{"no-kv-heads", numbers("qwen3.attention.head_count_kv", 0), "model-failed"},
		{"key-length", numbers("qwen3.attention.key_length", 1<<31), "does-not-fit"},
		{"context", func(m *gguftest.Model) { m.Context = 1 << 28 }, ""},
	} {
		s.take(t, row.id, tiny(row.with))
		_, err := s.StartModel(t.Context(), row.id)
		if row.code != "" {
			refusedAs(t, string(row.id), err, row.code)
		} else if err != nil {
			t.Errorf("%s: %v", row.id, err)
		}
		if m, ok := s.model(t, row.id); !ok || row.code == "model-failed" && (m.State != "failed" && m.State != "starting" || m.Why == "") {
			t.Errorf("%s: %s, %q; want failed and why", row.id, m.State, m.Why)
		}
	}
	// The whole of an absurd context does not fit, and the numbers say so.
	s.take(t, "whole-context", tiny(func(m *gguftest.Model) { m.Context, m.Seed = 1<<28, 9 }), func(u *client.ModelUpload) { u.ContextTokens = 1 << 28 })
	_, err := s.StartModel(t.Context(), "whole-context")
	refusedAs(t, "the whole of an absurd context", err, "does-not-fit", "cache 64.0 GiB", "smaller --context")

	if m, ok := s.model(t, "starter"); !ok || m.State != "running" {
		t.Errorf("the starter model is %s", m.State)
	}
	if d := s.settled(t, s.sample(t, "routine-calder-tools.txt")); outcome(d.Summary) != "approved" {
		t.Errorf("a run meanwhile: %s", outcome(d.Summary))
	}
}

// TestRemovedModels: removal frees the disk unless another model shares the
// file, and the id can be used again.
func TestRemovedModels(t *testing.T) {
	s := newSite(t)
	s.take(t, "one", tiny(nil), func(u *client.ModelUpload) { u.Start = true })
	s.take(t, "two", tiny(nil)) // the same file, asked otherwise
	if files := s.modelFiles(t); len(files) != 1 {
		t.Errorf("two models share one file; the folder holds %q", files)
	}
	if err := s.RemoveModel(t.Context(), "one", false); err != nil {
		t.Fatal(err)
	}
	if m, err := s.StartModel(t.Context(), "two"); err != nil || m.State != "running" {
		t.Errorf("the other model: %+v, %v", m, err)
	}
	if err := s.RemoveModel(t.Context(), "two", false); err != nil {
		t.Fatal(err)
	}
	if files := s.modelFiles(t); len(files) != 0 {
		t.Errorf("left %q", files)
	}
	if _, ok := s.model(t, "two"); ok {
		t.Error("it is still in the catalogue")
	}
	refusedAs(t, "a starter model", s.RemoveModel(t.Context(), "starter", true), "starter-model", "cannot be removed")
	s.take(t, "one", tiny(func(m *gguftest.Model) { m.Seed = 3 }))
}

// TestActivatedPolicyWakes: what the active policy withdraws, a run that began
// before does not get; when it gives it back, the run goes on by itself.
func TestActivatedPolicyWakes(t *testing.T) {
	s := newSite(t)
	source, err := s.PolicySource(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	strict := string(source)
	operate := func(do func(context.Context, llm.ModelID) (api.ModelEntry, error)) {
		for _, part := range starterIDs(t) {
			if _, err := do(t.Context(), llm.ModelID(strings.Split(part, `"`)[1])); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, part := range starterIDs(t) {
		strict = strings.ReplaceAll(strict, "  "+strings.Split(part, `"`)[1]+": {clearance: restricted}\n", "  "+strings.Split(part, `"`)[1]+": {clearance: restricted, disabled: true}\n")
	}
	change, err := s.PutPolicy(t.Context(), []byte(strict), false, false)
	if err != nil || change.Active || change.Version != 2 || len(change.Changes) == 0 {
		t.Fatalf("got %+v, %v", change, err)
	}
	if d := s.settled(t, s.sample(t, "routine-calder-tools.txt")); outcome(d.Summary) != "approved" {
		t.Errorf("a policy that is only kept works already: %s", outcome(d.Summary))
	}

	operate(s.StopModel)
	run := s.sample(t, "routine-calder-tools.txt") // under version 1
	if d := s.settled(t, run); outcome(d.Summary) != "parked" {
		t.Fatalf("without a model: %s", outcome(d.Summary))
	}
	if _, err := s.PutPolicy(t.Context(), []byte(strict), true, false); err != nil {
		t.Fatal(err)
	}
	operate(s.StartModel)
	if d := s.settled(t, s.sample(t, "routine-lindenau-verpackung.txt")); outcome(d.Summary) != "parked" {
		t.Fatalf("a new run without a cleared model: %s", outcome(d.Summary))
	}
	if d, err := s.Run(t.Context(), run); err != nil || outcome(d.Summary) != "parked" {
		t.Fatalf("with its clearance withdrawn: %s, %v", outcome(d.Summary), err)
	}
	if change, err = s.PutPolicy(t.Context(), source, true, false); err != nil || !change.Active || change.Version != 3 || change.Before != 2 {
		t.Fatalf("got %+v, %v", change, err)
	}
	if d := s.finished(t, run); outcome(d.Summary) != "approved" {
		t.Errorf("with its clearance back: %s", outcome(d.Summary))
	}
	s.stop()
	s.serve(t)
	p, err := s.Policy(t.Context())
	if err != nil || p.Version != 3 {
		t.Errorf("after a restart version %d is active, %v", p.Version, err)
	}
}

func TestFitSaysWhatBounds(t *testing.T) {
	m := &models{config: Config{Runner: Runner{MemoryBytes: 256 << 20}}, entries: map[llm.ModelID]*modelEntry{}, now: time.Now}
	i := &imported{ContextTokens: 512, Card: catalogue.Card{Shape: catalogue.Shape{WeightBytes: 1 << 30}}}
	e := &modelEntry{imported: i}
	if need, have, what := m.fit(e); have != 256<<20 || !strings.Contains(what, "runner.memoryBytes") || need.Total() <= have {
		t.Errorf("got %d of %d, %s", need.Total(), have, what)
	}
	if got := m.memoryBound(i); got != 256<<20 {
		t.Errorf("bound %d, want what the configuration says", got)
	}
	m.config.Runner.MemoryBytes, m.config.Runner.BudgetBytes = 0, 300<<20
	if need, have, what := m.fit(e); have != 300<<20 || !strings.Contains(what, "runner.budgetBytes") || need.Total() <= have || m.tooLarge(e) == "" {
		t.Errorf("got %d of %d, %s", need.Total(), have, what)
	}
	m.config.Runner.BudgetBytes = 0
	if got, need := m.memoryBound(i), i.Card.Estimate(catalogue.CacheF16, 512).Total(); got < need+need/2 && got < catalogue.Installed()/10*9 {
		t.Errorf("bound %d for a model that needs %d", got, need)
	}
}
