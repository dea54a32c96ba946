//go:build cgo && !race

package main

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
	"slices"
	"sync"
	"testing"

	"github.com/ollama/ollama/ml"
	"github.com/ollama/ollama/model"
	"github.com/ollama/ollama/model/input"

	"skerry/appliance/llm"
	"skerry/plugins/local/gguf/gguftest"
	"skerry/plugins/local/schedule"
)

// drawing is a PNG of w × h pixels with a pattern that differs by seed.
func drawing(t testing.TB, w, h, seed int) []byte {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			img.SetRGBA(x, y, color.RGBA{uint8(x * 8 * seed), uint8(y*8 + 90*seed), uint8((x ^ y) * 9), 255})
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func seeing(t testing.TB, change func(*gguftest.Model, *settings)) *provider {
	t.Helper()
	m := gguftest.TinyOf("mistral3")
	s := settings{threads: 1, batch: 64, queue: 16, parallel: 4, share: true, card: `{"id":"tiny"}`}
	if change != nil {
		change(&m, &s)
	}
	s.model = tinyFile(t, m)
	p, err := open(s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.runs.Close()
		p.engine.model.Backend().Close()
	})
	return p
}

// showing is a request with images between texts.
func showing(after string, images ...[]byte) llm.Request {
	parts := []llm.Part{{Text: "look: "}}
	for _, b := range images {
		parts = append(parts, llm.Part{Image: b})
	}
	parts = append(parts, llm.Part{Text: after, Untrusted: true})
	return llm.Request{Model: "tiny", MaxTokens: 6, Logprobs: true, Messages: []llm.Message{{Role: llm.User, Parts: parts}}}
}

// batch is a whole sequence from one place on.
func batchOf(seq, from int, in []schedule.Input) []schedule.Token {
	var b []schedule.Token
	for i := from; i < len(in); i++ {
		b = append(b, schedule.Token{Seq: seq, Pos: i, Input: in[i], Logits: i == len(in)-1})
	}
	return b
}

func (p *provider) lastLogits(t *testing.T, batch []schedule.Token) [][]float32 {
	t.Helper()
	out, err := p.engine.Forward(batch)
	if err != nil {
		t.Fatal(err)
	}
	for i := range out {
		out[i] = slices.Clone(out[i])
	}
	return out
}

// TestImagesAreSeen: what the model computes behind an image is what the engine
// computes by itself, without any of the runner, over its own cache; the same
// image gives the same to the last bit, and another image another. So it is row
// by row, beside texts, and behind a beginning with the image in it that another
// sequence computed.
func TestImagesAreSeen(t *testing.T) {
	for _, rounded := range []string{"f16", "q8_0"} {
		t.Run(rounded, func(t *testing.T) {
			p := seeing(t, func(_ *gguftest.Model, s *settings) { s.kind = rounded })
			if !p.card.Capabilities.Vision {
				t.Fatal("the model does not say that it sees")
			}
			one, other := drawing(t, 32, 24, 1), drawing(t, 32, 24, 2)
			of := func(r llm.Request) []schedule.Input { return p.tokensOf(t, r) }
			want := p.lastLogits(t, batchOf(1, 0, of(showing("what is it?", one))))[0]
			if rounded == "f16" {
				if d := apart(byEngine(t, of(showing("what is it?", one)), one), want); !(d <= tolerance) {
					t.Errorf("the engine by itself: %.2g away", d)
				}
			}
			if again := p.lastLogits(t, batchOf(2, 0, of(showing("what is it?", one))))[0]; !slices.Equal(want, again) {
				t.Errorf("the same image again: %.2g away", apart(want, again))
			}
			if d := apart(want, p.lastLogits(t, batchOf(3, 0, of(showing("what is it?", other))))[0]); d < 5*tolerance {
				t.Errorf("another image is only %.2g away", d)
			}
			near := func(what string, got []float32) {
				t.Helper()
				if d := apart(want, got); !(d <= tolerance) {
					t.Errorf("%s: %.2g away", what, d)
				}
			}
			rows := batchOf(4, 0, of(showing("what is it?", one)))
			passes := 0
			for len(rows) > 0 {
				n := min(1+rows[0].Input.Run, len(rows))
				out := p.lastLogits(t, rows[:n])
				if rows = rows[n:]; len(rows) == 0 {
					near("a row or a token at a time", out[0])
				}
				passes++
			}
			if whole := len(of(showing("what is it?", one))); passes >= whole {
				t.Errorf("%d passes over %d tokens: no row was kept together", passes, whole)
			}
			var text [2][]schedule.Input
			for i := range text {
				text[i] = of(showing(fmt.Sprintf("nothing but words, number %d", i)))
			}
			alone := p.lastLogits(t, batchOf(5, 0, text[0]))[0]
			mixed := p.lastLogits(t, slices.Concat(batchOf(6, 0, text[0]), batchOf(7, 0, of(showing("what is it?", one))), batchOf(8, 0, text[1])))
			near("beside texts", mixed[1])
			if d := apart(alone, mixed[0]); !(d <= tolerance) {
				t.Errorf("a text beside an image: %.2g away", d)
			}
			in := of(showing("what is it?", one))
			n := len(in) - 8
			if err := p.engine.Fork(1, 9, n); err != nil {
				t.Fatal(err)
			}
			near("over a shared beginning", p.lastLogits(t, batchOf(9, n, in))[0])
		})
	}
}

// byEngine runs the engine itself over its own cache: one pass.
func byEngine(t *testing.T, in []schedule.Input, file []byte) []float32 {
	t.Helper()
	tiny := gguftest.TinyOf("mistral3")
	m, err := model.New(tinyFile(t, tiny), ml.BackendParams{AllocMemory: true, NumThreads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Backend().Close()
	if err := m.Backend().Load(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	m.Config().Cache.Init(m.Backend(), ml.DTypeF16, 1, 512, 128)
	ctx := m.Backend().NewContext()
	defer ctx.Close()
	mm := m.(model.MultimodalProcessor)
	parts, err := mm.EncodeMultimodal(ctx, file)
	if err != nil {
		t.Fatal(err)
	}
	b := input.Batch{Outputs: ctx.Input().FromInts([]int32{int32(len(in) - 1)}, 1), Sequences: make([]int, len(in))}
	var ids []int32
	for i, x := range in {
		ids, b.Positions = append(ids, x.ID), append(b.Positions, int32(i))
		if x.Media != nil {
			b.Multimodal = append(b.Multimodal, input.MultimodalIndex{Index: i, Multimodal: parts[len(b.Multimodal) : len(b.Multimodal)+1]})
		}
	}
	b.Inputs = ctx.Input().FromInts(ids, len(ids))
	ctx.SetBatchSize(len(ids))
	out, err := model.Forward(ctx, m, b)
	if err != nil {
		t.Fatal(err)
	}
	ctx.Compute(out)
	return out.Floats()
}

// TestCallsWithImagesDoNotDependOnTheCompany: through the scheduler, in small
// passes, each call gets the probabilities that it gets alone. What is read of
// an image is shared with calls that show the same one, and with no other.
func TestCallsWithImagesDoNotDependOnTheCompany(t *testing.T) {
	alone := seeing(t, func(_ *gguftest.Model, s *settings) { s.share, s.parallel = false, 1 })
	together := seeing(t, func(_ *gguftest.Model, s *settings) { s.batch = 1 }) // as few as a row needs
	var calls []llm.Request
	for i := range 4 {
		calls = append(calls, showing(fmt.Sprintf("question %d", i), drawing(t, 32, 32, i+1)), showing(fmt.Sprintf("only text %d", i)),
			showing("two", drawing(t, 32, 16, 1), drawing(t, 8, 32, i+5)))
	}
	var want []llm.Response
	for _, r := range calls {
		res, err := alone.Generate(t.Context(), r, nil)
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, res)
	}
	var wg sync.WaitGroup
	for i, r := range calls {
		wg.Go(func() {
			res, err := together.Generate(t.Context(), r, nil)
			if err != nil || res.Usage.InputTokens != want[i].Usage.InputTokens || len(res.Tokens) == 0 {
				t.Errorf("call %d: %+v, %v; want %+v", i, res.Usage, err, want[i].Usage)
				return
			}
			if a, b := res.Tokens[0], want[i].Tokens[0]; !bytes.Equal(a.Bytes, b.Bytes) || math.Abs(a.Logprob-b.Logprob) > 0.01 {
				t.Errorf("call %d begins with %q at %.4f; alone with %q at %.4f", i, a.Bytes, a.Logprob, b.Bytes, b.Logprob)
			}
		})
	}
	wg.Wait()

	p := seeing(t, nil)
	cached := func(seed int) int {
		res, err := p.Generate(t.Context(), showing("and now?", drawing(t, 32, 32, seed)), nil)
		if err != nil {
			t.Fatal(err)
		}
		return res.Usage.CachedTokens
	}
	n := len(p.tokensOf(t, showing("and now?", drawing(t, 32, 32, 1))))
	before := slices.IndexFunc(p.tokensOf(t, showing("and now?", drawing(t, 32, 32, 1))), func(in schedule.Input) bool { return in.Hash != 0 })
	if first, same, other := cached(1), cached(1), cached(2); first != 0 || same < n-p.engine.Grain()-8 || other > before {
		t.Errorf("%d, %d and %d of %d tokens were shared; the image begins at %d", first, same, other, n, before)
	}
}

// TestImagesThatCannotBeShown: a hostile image costs its call and nothing else,
// and a model without eyes refuses every image.
func TestImagesThatCannotBeShown(t *testing.T) {
	p := seeing(t, nil)
	good := drawing(t, 32, 32, 1)
	refused := func(p *provider, r llm.Request) {
		t.Helper()
		if _, err := p.Generate(t.Context(), r, nil); err == nil || llm.KindOf(err) != llm.Invalid {
			t.Errorf("%v", err)
		}
	}
	refused(p, showing("x", good[:len(good)-30]))
	refused(p, showing("x", []byte("BM this is something else")))
	refused(p, showing("x", drawing(t, 7, 7, 1)))
	refused(p, showing("x", drawing(t, 900, 9, 1)))
	both := showing("x", good)
	both.Messages[0].Parts[1].Text = "a text as well"
	refused(p, both)
	many := make([][]byte, 17)
	for i := range many {
		many[i] = good
	}
	refused(p, showing("x", many...))
	if _, err := p.Generate(t.Context(), showing("x", good), nil); err != nil {
		t.Errorf("a good one afterwards: %v", err)
	}
	blind := seeing(t, func(m *gguftest.Model, _ *settings) { m.Extra = map[string]uint32{"mistral3.vision.longest_edge": 64} }) // more than it has positions for
	if blind.card.Capabilities.Vision {
		t.Error("a model with a table that is too small says that it sees")
	}
	refused(blind, showing("x", good))
	text := showing("x", good)
	text.Model = "starter"
	refused(starter(t), text)
}
