//go:build cgo && !race

package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ollama/ollama/ml"
	"github.com/ollama/ollama/model"
	"github.com/ollama/ollama/model/input"

	"skerry/appliance/llm"
	"skerry/plugins/local/queue"
	"skerry/plugins/local/wordpiece"
)

// encoder makes vectors of texts, as an llm.Provider that generates nothing.
//
// A pass is one text: every token looks at every other of its pass and the
// pooling takes all of them, and the engine has no mask that would keep two
// texts apart.
type encoder struct {
	card    llm.Model
	build   string // of the engine
	words   *wordpiece.Tokenizer
	model   model.Model
	queue   *queue.Queue
	running sync.WaitGroup // passes that go on although their caller has given up
	busy    atomic.Int64   // when the pass that runs now began, Unix nanoseconds; 0 = none runs
}

var (
	_ llm.Provider  = (*encoder)(nil)
	_ llm.Tokenizer = (*encoder)(nil)
	_ llm.Embedder  = (*encoder)(nil)
)

// maxTexts is what the contract allows in one request.
const maxTexts = 512

// encoder loads a model that makes vectors of texts.
func (f modelFile) encoder(s settings) (e *encoder, err error) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case runtime.Error:
			e, err = nil, fmt.Errorf("the model file lacks a tensor that its architecture needs, or it has another shape (%w)", r)
		default:
			e, err = nil, fmt.Errorf("the inference engine cannot run this model: %v", r)
		}
	}()
	if made := f.head.ContextTokens(); s.context > made {
		return nil, fmt.Errorf("-context %d: this embedding model has places for %d tokens", s.context, made)
	}
	types := f.head.Values["tokenizer.ggml.token_type"].Ints
	cls, sep, unknown := f.head.Frame()
	words, err := wordpiece.New(wordpiece.Vocabulary{
		Tokens: f.head.Values["tokenizer.ggml.tokens"].Strings, CLS: cls, SEP: sep, Unknown: unknown,
		Control: func(id int32) bool { return types[id] == 3 || types[id] == 5 }, // control and unused (llama.cpp, enum llama_token_type)
	})
	if err != nil {
		return nil, fmt.Errorf("the vocabulary of the model: %w", err)
	}
	m, err := model.New(s.model, ml.BackendParams{AllocMemory: true, NumThreads: s.threads, FlashAttention: ml.FlashAttentionDisabled})
	if err != nil {
		return nil, fmt.Errorf("load the model: %w", err)
	}
	hugePages(m)
	if err := m.Backend().Load(context.Background(), nil); err != nil {
		return nil, fmt.Errorf("read the weights: %w", err)
	}
	if _, err := repack(m); err != nil {
		return nil, err
	}
	e = &encoder{card: f.card, build: engineBuild(), words: words, model: m, queue: queue.New(s.queue)}
	e.card.Profile, e.card.Lock.Profile = "", ""
	e.card.Lock.Engine = fmt.Sprintf("%s, threads %d", e.build, s.threads)

	// A first pass finds what is missing before anybody asks.
	v, err := e.pass(words.Sequence("a"))
	if err != nil {
		return nil, err
	}
	e.card.Capabilities = llm.Capabilities{Embeddings: len(v), Languages: e.card.Capabilities.Languages}
	return e, nil
}

func (e *encoder) Describe(context.Context) (llm.Description, error) {
	return llm.Description{Name: e.card.Provider, Version: version, Engine: e.build}, nil
}

func (e *encoder) Models(context.Context) ([]llm.Model, error) { return []llm.Model{e.card}, nil }

// Health does not enter the queue, as that of a model that generates.
func (e *encoder) Health(context.Context) error {
	if began := e.busy.Load(); began != 0 && time.Since(time.Unix(0, began)) > 2*time.Minute {
		return &llm.Error{Kind: llm.Timeout, Message: "one step of the model takes more than two minutes"}
	}
	return nil
}

// Generate returns an error of kind invalid.
func (e *encoder) Generate(_ context.Context, r llm.Request, _ func(llm.Delta) error) (llm.Response, error) {
	if err := e.mine(r.Model); err != nil {
		return llm.Response{}, err
	}
	return llm.Response{}, &llm.Error{Kind: llm.Invalid, Message: fmt.Sprintf("the model %q makes vectors of texts and writes none; ask one that generates", r.Model)}
}

func (e *encoder) mine(m llm.ModelID) error {
	if m != e.card.ID {
		return &llm.Error{Kind: llm.Invalid, Message: fmt.Sprintf("this provider serves the model %q, not %q", e.card.ID, m)}
	}
	return nil
}

func (e *encoder) Tokenize(_ context.Context, m llm.ModelID, text string) ([]int32, error) {
	if err := e.mine(m); err != nil {
		return nil, err
	}
	return e.words.Text(text), nil
}

// Embed returns the vectors of texts. It gives the place to the next call
// between two texts, so that one with many does not keep the others waiting.
func (e *encoder) Embed(ctx context.Context, r llm.EmbedRequest) (llm.EmbedResponse, error) {
	start := time.Now()
	sequences, err := e.sequences(r)
	if err != nil {
		return llm.EmbedResponse{}, err
	}
	var res llm.EmbedResponse
	for _, ids := range sequences {
		v, err := e.turn(ctx, ids)
		if err != nil {
			return llm.EmbedResponse{}, typed(err)
		}
		res.Vectors = append(res.Vectors, v)
		res.Usage.InputTokens += len(ids)
	}
	res.Usage.DurationMicros = time.Since(start).Microseconds()
	return res, nil
}

// sequences returns the tokens of all texts, or why the request cannot work.
func (e *encoder) sequences(r llm.EmbedRequest) ([][]int32, error) {
	if err := e.mine(r.Model); err != nil {
		return nil, err
	}
	if len(r.Texts) == 0 || len(r.Texts) > maxTexts {
		return nil, &llm.Error{Kind: llm.Invalid, Message: fmt.Sprintf("%d texts; 1 to %d are possible in one request", len(r.Texts), maxTexts)}
	}
	var out [][]int32
	for i, text := range r.Texts {
		ids := e.words.Sequence(text)
		switch {
		case len(ids) == 2: // nothing but what is around it
			return nil, &llm.Error{Kind: llm.Invalid, Message: fmt.Sprintf("text %d of %d is empty", i+1, len(r.Texts))}
		case len(ids) > e.card.ContextTokens:
			return nil, &llm.Error{Kind: llm.ContextOverflow, Message: fmt.Sprintf(
				"text %d of %d has %d tokens; the model %q takes %d; divide it", i+1, len(r.Texts), len(ids), r.Model, e.card.ContextTokens)}
		}
		out = append(out, ids)
	}
	return out, nil
}

// turn waits for the model and makes one vector. When ctx ends it returns at
// once; a pass that has begun keeps its place until it is through.
func (e *encoder) turn(ctx context.Context, ids []int32) ([]float32, error) {
	leave, err := e.queue.Enter(ctx)
	if err != nil {
		return nil, err
	}
	type result struct {
		v   []float32
		err error
	}
	done := make(chan result, 1)
	e.running.Go(func() {
		defer leave()
		v, err := e.pass(ids)
		done <- result{v, err}
	})
	select {
	case r := <-done:
		return r.v, r.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// pass computes the vector of one sequence, of unit length. The caller holds the
// model.
func (e *encoder) pass(ids []int32) (v []float32, err error) {
	e.busy.Store(time.Now().UnixNano())
	defer e.busy.Store(0)
	ctx := e.model.Backend().NewContext()
	defer ctx.Close()
	b := input.Batch{
		Inputs: ctx.Input().FromInts(ids, len(ids)), Outputs: ctx.Input().FromInts([]int32{int32(len(ids) - 1)}, 1),
		Positions: make([]int32, len(ids)), Sequences: make([]int, len(ids)),
	}
	for i := range ids {
		b.Positions[i] = int32(i)
	}
	ctx.SetBatchSize(len(ids))
	t, err := model.Forward(ctx, e.model, b)
	if err != nil {
		return nil, err
	}
	ctx.Compute(t)
	return unit(t.Floats())
}

// unit scales a vector to the length of one.
func unit(v []float32) ([]float32, error) {
	sum := 0.0
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	length := math.Sqrt(sum)
	if length == 0 || math.IsNaN(length) || math.IsInf(length, 0) {
		return nil, errors.New("the model computed a vector without a direction; its weights are damaged, or too coarse")
	}
	out := make([]float32, len(v))
	for i, x := range v {
		out[i] = float32(float64(x) / length)
	}
	return out, nil
}
