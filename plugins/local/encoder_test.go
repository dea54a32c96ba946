//go:build cgo && !race

package main

import (
	"context"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"skerry/appliance/llm"
	"skerry/plugins/local/gguf/gguftest"
	"skerry/plugins/local/queue"
)

// tinyEncoder loads a tiny embedding model under the id "tiny".
func tinyEncoder(t testing.TB, m gguftest.Model, change ...func(*settings)) *encoder {
	t.Helper()
	s := settings{model: tinyFile(t, m), threads: 1, batch: 128, queue: 8, card: `{"id":"tiny","profile":"generic-json","capabilities":{"tasks":["extract"],"languages":["de"]}}`}
	for _, c := range change {
		c(&s)
	}
	p, err := load(s)
	if err != nil {
		t.Fatal(err)
	}
	e, ok := p.(*encoder)
	if !ok {
		t.Fatalf("a %s file is served as %T", m.Arch, p)
	}
	t.Cleanup(func() {
		e.running.Wait()
		e.model.Backend().Close()
	})
	return e
}

var prose = []string{
	"a", "the rechnung", "Die RECHNUNG, bitte: 17 Stück zu je 4,50!", "[CLS] [SEP] the", "Müller & Söhne", "漢字 ok",
	strings.Repeat("the netto and the gross are in the invoice. ", 10),
}

// TestVectorsAreThoseOfTheModel compares with the second implementation. What
// is between them is single precision and, for bert, the engine's table of the
// activation, which has half precision and the form with tanh.
func TestVectorsAreThoseOfTheModel(t *testing.T) {
	for arch, near := range map[string]float64{"bert": 1e-3, "nomic-bert": 1e-6} {
		for _, pool := range []uint32{gguftest.PoolMean, gguftest.PoolCLS, gguftest.PoolLast} {
			m := gguftest.TinyOf(arch)
			m.Extra = map[string]uint32{arch + ".pooling_type": pool}
			ref, e := newReference(t, m.Bytes()), tinyEncoder(t, m)
			res, err := e.Embed(t.Context(), llm.EmbedRequest{Model: "tiny", Texts: prose})
			if err != nil || len(res.Vectors) != len(prose) {
				t.Fatal(len(res.Vectors), err)
			}
			tokens, most := 0, 0.0
			for i, text := range prose {
				ids := e.words.Sequence(text)
				tokens += len(ids)
				length := 0.0
				for d, want := range ref.embed(ids) {
					got := float64(res.Vectors[i][d])
					length += got * got
					most = max(most, math.Abs(got-want))
				}
				if math.Abs(length-1) > 1e-6 {
					t.Errorf("%s, pooling %d: %q has a vector of the length %v", arch, pool, text, math.Sqrt(length))
				}
			}
			t.Logf("%s, pooling %d: at most %.2g away", arch, pool, most)
			if most > near {
				t.Errorf("%s, pooling %d: a number is %.2g away from the reference", arch, pool, most)
			}
			if res.Usage.InputTokens != tokens || res.Usage.OutputTokens != 0 {
				t.Errorf("usage %+v, want %d tokens", res.Usage, tokens)
			}
			// Controls: the reference sees the order of tokens, and one token.
			ids := e.words.Sequence(prose[2])
			other := slices.Clone(ids)
			other[1], other[2] = other[2], other[1]
			if d := farthest(ref.embed(ids), ref.embed(other)); d < 2*near {
				t.Errorf("%s, pooling %d: two tokens in each other's place move the reference by %.2g", arch, pool, d)
			}
		}
	}
}

func farthest(a, b []float64) float64 {
	most := 0.0
	for i := range a {
		most = max(most, math.Abs(a[i]-b[i]))
	}
	return most
}

// TestVectorsDependOnTheTextAlone: not on what else is in the request, on what
// ran before, or on what others ask at the same time.
func TestVectorsDependOnTheTextAlone(t *testing.T) {
	e := tinyEncoder(t, gguftest.TinyOf("nomic-bert"))
	all, err := e.Embed(t.Context(), llm.EmbedRequest{Model: "tiny", Texts: append(slices.Clone(prose), prose[1])})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(all.Vectors[1], all.Vectors[len(prose)]) || slices.Equal(all.Vectors[1], all.Vectors[0]) {
		t.Error("the same text has two vectors, or two texts have the same")
	}
	var group sync.WaitGroup
	for i, text := range prose {
		group.Go(func() {
			res, err := e.Embed(context.Background(), llm.EmbedRequest{Model: "tiny", Texts: []string{text}})
			if err != nil || !slices.Equal(res.Vectors[0], all.Vectors[i]) {
				t.Errorf("%q alone has another vector, %v", text, err)
			}
		})
	}
	group.Wait()
}

// TestEncoderRefuses: each with a kind and words that a caller can act on.
func TestEncoderRefuses(t *testing.T) {
	m := gguftest.TinyOf("bert")
	m.Context = 16
	e := tinyEncoder(t, m)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	fits := strings.Repeat("a ", 14)
	for _, row := range []struct {
		name string
		ctx  context.Context
		r    llm.EmbedRequest
		kind llm.ErrorKind
		says string
	}{
		{"another model", t.Context(), llm.EmbedRequest{Model: "other", Texts: []string{"a"}}, llm.Invalid, `"other"`},
		{"no texts", t.Context(), llm.EmbedRequest{Model: "tiny"}, llm.Invalid, "0 texts; 1 to 512"},
		{"too many texts", t.Context(), llm.EmbedRequest{Model: "tiny", Texts: make([]string, 513)}, llm.Invalid, "513 texts"},
		{"an empty text", t.Context(), llm.EmbedRequest{Model: "tiny", Texts: []string{"a", " \n"}}, llm.Invalid, "text 2 of 2 is empty"},
		{"a text beyond the context", t.Context(), llm.EmbedRequest{Model: "tiny", Texts: []string{"a", fits + "a"}}, llm.ContextOverflow, "text 2 of 2 has 17 tokens; the model \"tiny\" takes 16"},
		{"a caller who has gone", ended, llm.EmbedRequest{Model: "tiny", Texts: []string{"a"}}, llm.Cancelled, "gave up"},
	} {
		if _, err := e.Embed(row.ctx, row.r); llm.KindOf(err) != row.kind || !strings.Contains(err.Error(), row.says) {
			t.Errorf("%s: %v; want %s with %q", row.name, err, row.kind, row.says)
		}
	}
	if _, err := e.Embed(t.Context(), llm.EmbedRequest{Model: "tiny", Texts: []string{fits}}); err != nil {
		t.Errorf("a text that fills the context: %v", err)
	}
	if _, err := e.Generate(t.Context(), llm.Request{Model: "tiny"}, nil); llm.KindOf(err) != llm.Invalid || !strings.Contains(err.Error(), "makes vectors of texts and writes none") {
		t.Errorf("generating: %v", err)
	}
	if _, err := load(settings{model: tinyFile(t, m), threads: 1, batch: 1, context: 17}); err == nil || !strings.Contains(err.Error(), "places for 16 tokens") {
		t.Errorf("a context beyond the positions: %v", err)
	}
	if _, err := open(settings{model: tinyFile(t, m), threads: 1, batch: 1}); err == nil || !strings.Contains(err.Error(), "makes vectors of texts and writes none") {
		t.Errorf("loaded as a model that generates: %v", err)
	}
}

// TestEncoderSaysWhatItIs: what the catalogue says of tasks is not what it can.
func TestEncoderSaysWhatItIs(t *testing.T) {
	e := tinyEncoder(t, gguftest.TinyOf("bert"), func(s *settings) { s.context = 100 })
	list, err := e.Models(t.Context())
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	if c := list[0].Capabilities; c.Embeddings != 64 || len(c.Tasks) != 0 || c.Probabilities || !slices.Equal(c.Languages, []string{"de"}) {
		t.Errorf("capabilities %+v", c)
	}
	if list[0].ContextTokens != 100 || list[0].Lock.Weights == "" || !strings.Contains(list[0].Lock.Engine, "ollama") || list[0].Title != "tiny" {
		t.Errorf("got %+v", list[0])
	}
	if err := e.Health(t.Context()); err != nil {
		t.Error(err)
	}
	ids, err := e.Tokenize(t.Context(), "tiny", "[CLS] the")
	if err != nil || slices.Contains(ids, 2) || len(ids) == 0 {
		t.Errorf("tokens %v, %v", ids, err)
	}
}

// TestEncoderTurnsAway: a full queue says so at once, and a caller who gives up
// while another is served leaves no trace.
func TestEncoderTurnsAway(t *testing.T) {
	e := tinyEncoder(t, gguftest.TinyOf("bert"), func(s *settings) { s.queue = 1 })
	ask := func(ctx context.Context) error {
		_, err := e.Embed(ctx, llm.EmbedRequest{Model: "tiny", Texts: []string{"a"}})
		return err
	}
	synctest.Test(t, func(t *testing.T) {
		e.queue = queue.New(1)                   // of this bubble
		leave, err := e.queue.Enter(t.Context()) // somebody else's pass
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		gone := make(chan error)
		go func() { gone <- ask(ctx) }()
		synctest.Wait() // until it waits
		if err := ask(t.Context()); llm.KindOf(err) != llm.RateLimited {
			t.Errorf("one too many: %v", err)
		}
		cancel()
		if err := <-gone; llm.KindOf(err) != llm.Cancelled {
			t.Errorf("the caller who gave up: %v", err)
		}
		leave()
	})
	e.queue = queue.New(1)
	if err := ask(t.Context()); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

func TestUnitRefusesNoDirection(t *testing.T) {
	for _, v := range [][]float32{{0, 0}, {float32(math.NaN())}, {float32(math.Inf(1)), 1}} {
		if _, err := unit(v); err == nil {
			t.Errorf("%v was scaled", v)
		}
	}
}
