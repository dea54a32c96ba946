//go:build cgo && !race

// The engine is cgo. Under the race detector its C++ would be compiled once
// more, for minutes, and the detector does not see into it; what has
// goroutines here lives in the packages below this one and in plugins/sdk, which
// are tested with it. Without cgo there is no engine.

// Command local is Skerry's embedded runner: a provider that serves one GGUF
// model on this host's processors. Skerry starts one process per model, gives
// it the model file as an open file descriptor and talks to it through
// plugins/sdk. It opens no network connection and no other file.
//
// A damaged or unsupported file ends it at once with a message that says what
// is wrong.
package main

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime/debug"
	"strings"
	"sync"

	"skerry/appliance/llm"
	"skerry/plugins/local/chat"
	"skerry/plugins/local/dialect"
	"skerry/plugins/local/gguf"
	"skerry/plugins/local/schedule"
	"skerry/plugins/sdk"
)

// engineFlags are the compiler flags of the engine, stamped by the build
// (build.sh), because the same code compiled otherwise adds up differently.
var engineFlags = "unknown flags"

// version of the runner, stamped by the build.
var version = "dev"

// settings are what the command line says.
type settings struct {
	model    string // path of the model file
	card     string // JSON of an llm.Model: what the catalogue says about it
	template string
	threads  int
	context  int
	batch    int
	queue    int
	parallel int
	cache    int    // tokens
	kind     string // of numbers in the cache
	share    bool
}

func main() {
	var s settings
	flag.StringVar(&s.model, "model", "", "GGUF model `file`; /proc/self/fd/N for one that is already open")
	flag.StringVar(&s.card, "card", "", "`JSON` of the catalogue entry: id, title, profile, price, capabilities.tasks, note …")
	flag.StringVar(&s.template, "template", "auto", "chat template: auto, "+strings.Join(dialect.Names(), ", "))
	flag.IntVar(&s.threads, "threads", 1, "`threads` for one forward pass; more than one helps only models above some 100 M parameters")
	flag.IntVar(&s.context, "context", 0, "context in `tokens`; 0 = what the file says")
	flag.IntVar(&s.batch, "batch", 0, "most `tokens` in one forward pass; a cancelled call frees its place between two; 0 = by the size of the model")
	flag.IntVar(&s.queue, "queue", 64, "calls that may wait")
	flag.IntVar(&s.parallel, "parallel", 4, "`calls` at once")
	flag.IntVar(&s.cache, "cache", 0, "`tokens` in the key-value cache, of all calls together; 0 = a whole context for each call")
	flag.StringVar(&s.kind, "cache-type", "f16", "numbers in the key-value cache: f16, or q8_0, which takes half the memory")
	flag.BoolVar(&s.share, "share", true, "calls with the same beginning share what is computed of it")
	flag.Parse()
	slog.SetDefault(slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})))

	// Where the engine's C code gives up, it would call a debugger on itself.
	if err := os.Setenv("GGML_NO_BACKTRACE", "1"); err != nil {
		sdk.Unusable("%v", err)
	}
	p, err := load(s)
	if err != nil {
		sdk.Unusable("%v", err)
	}
	sdk.Serve(p)
}

// load checks the file and serves it as what it is. Every error is one that
// starting again does not cure.
func load(s settings) (llm.Provider, error) {
	f, err := readModel(s)
	switch {
	case err != nil:
		return nil, err
	case f.head.Encoder():
		return f.encoder(s)
	}
	return f.generator(s)
}

// open loads a model that writes text.
func open(s settings) (*provider, error) {
	f, err := readModel(s)
	if err != nil {
		return nil, err
	}
	return f.generator(s)
}

// modelFile is a checked file and what is known about it so far.
type modelFile struct {
	card llm.Model
	head *gguf.File
	size int64 // of the file in bytes
}

// readModel checks the settings and the file.
func readModel(s settings) (modelFile, error) {
	card := llm.Model{ID: "local", Provider: "embedded", Profile: "chatml"}
	if s.card != "" {
		d := json.NewDecoder(strings.NewReader(s.card))
		d.DisallowUnknownFields()
		if err := d.Decode(&card); err != nil {
			return modelFile{}, fmt.Errorf("-card: %w", err)
		}
	}
	if s.threads < 1 || s.threads > 512 || s.batch < 0 || s.batch > 4096 || s.queue < 0 || s.context < 0 || s.parallel < 0 || s.parallel > 64 || s.cache < 0 {
		return modelFile{}, fmt.Errorf("-threads must be 1 to 512, -batch up to 4096, -parallel up to 64, -queue, -context and -cache not negative")
	}
	if s.kind != "" && s.kind != "f16" && s.kind != "q8_0" {
		return modelFile{}, fmt.Errorf("-cache-type must be f16 or q8_0")
	}
	f, err := os.Open(s.model)
	if err != nil {
		return modelFile{}, fmt.Errorf("open the model file: %w", err)
	}
	defer func() { _ = f.Close() }()
	st, err := f.Stat()
	if err != nil {
		return modelFile{}, fmt.Errorf("open the model file: %w", err)
	}
	head, err := gguf.Check(f, st.Size())
	if err != nil {
		return modelFile{}, err
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, io.NewSectionReader(f, 0, st.Size())); err != nil {
		return modelFile{}, fmt.Errorf("read the model file: %w", err)
	}
	card.ContextTokens = head.ContextTokens()
	if s.context > 0 {
		// A small model may have been trained further than its file says; far
		// beyond that it only makes things up.
		if s.context > 2*card.ContextTokens {
			return modelFile{}, fmt.Errorf("-context %d: the model was made for %d tokens; at most twice as many are possible", s.context, card.ContextTokens)
		}
		card.ContextTokens = s.context
	}
	if card.Title == "" {
		card.Title = head.Name()
	}
	if card.Provider == "" {
		card.Provider = "embedded"
	}
	card.Boundary = llm.Embedded
	card.Lock.Weights = hex.EncodeToString(sum.Sum(nil))
	return modelFile{card: card, head: head, size: st.Size()}, nil
}

// generator loads a model that writes text.
func (f modelFile) generator(s settings) (*provider, error) {
	if f.head.Encoder() {
		return nil, fmt.Errorf("a model of the architecture %s makes vectors of texts and writes none", f.head.Architecture)
	}
	card := f.card
	s.parallel, s.kind = cmp.Or(s.parallel, 1), cmp.Or(s.kind, "f16")
	if s.batch == 0 {
		s.batch = passTokens(f.size, s.threads)
	}
	if s.cache == 0 {
		s.cache = s.parallel * card.ContextTokens
	}
	e, err := loadEngine(s.model, engineConfig{
		threads: s.threads, context: card.ContextTokens, slots: s.parallel, cells: max(s.cache, card.ContextTokens),
		batch: max(s.batch, s.parallel, f.rowTokens()+s.parallel), rounded: s.kind == "q8_0", share: s.share,
	})
	if err != nil {
		return nil, err
	}
	words, err := loadVocabulary(s.model, e.model)
	if err != nil {
		return nil, err
	}
	if e.vocab != len(words.words.Values) {
		return nil, fmt.Errorf("the model computes %d logits for a vocabulary of %d tokens", e.vocab, len(words.words.Values))
	}
	d, err := dialect.For(s.template, f.head.Template(), words.isControl)
	if err != nil {
		return nil, err
	}
	talk := chat.For(d, words.control)
	sight := f.eyes(e.model, e.vocab)
	if sight != nil && !talk.See() {
		sight = nil
	}
	words.use(d, talk.OwnEnds())

	build := engineBuild()
	card.Capabilities.Probabilities = true
	// JSONSchema is what the card says: every model here can be held to one.
	card.Capabilities.Vision = sight != nil
	card.Capabilities.Tools, card.Capabilities.Thinking = talk.Tools(), talk.Thinking()
	card.Lock.Engine = fmt.Sprintf("%s, template %s, batch %d, threads %d, parallel %d, cache %s", build, d.Name, s.batch, s.threads, s.parallel, s.kind)
	if !s.share { // then it computes alike whatever was read before
		card.Lock.Engine += ", nothing shared"
	}
	if e.rearranged > 0 { // it adds up in another order
		card.Lock.Engine += ", weights rearranged"
	}
	return &provider{card: card, version: version, build: build, chat: talk, words: words, grammar: sync.OnceValues(words.grammar), engine: e, eyes: sight, runs: schedule.New(e, schedule.Config{Slots: s.parallel, Batch: e.c.batch, Queue: s.queue})}, nil
}

// rowTokens returns how many tokens of an image must be read in one pass; 0 if
// the model sees none.
func (f modelFile) rowTokens() int {
	if v, ok := f.head.Vision(); ok {
		return v.RowTokens()
	}
	return 0
}

// passTokens returns how many tokens one forward pass takes at most: fewer for
// larger models, because nothing else happens while it runs, and so many that
// the weights are not read more often than they need be.
func passTokens(sizeBytes int64, threads int) int {
	const most, least = 128, 32
	n := most
	for n > least && int64(n)*sizeBytes > int64(threads)<<34 {
		n /= 2
	}
	return n
}

// engineBuild names the engine: its module, its version and how it was
// compiled.
func engineBuild() string {
	const module = "github.com/ollama/ollama"
	v := "unknown version"
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, d := range info.Deps {
			if d.Path == module {
				v = d.Version
			}
		}
	}
	return fmt.Sprintf("%s %s (%s)", module, v, engineFlags)
}
