//go:build cgo && !race

package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/ollama/ollama/kvcache"
	"github.com/ollama/ollama/ml"
	"github.com/ollama/ollama/model"
	"github.com/ollama/ollama/model/input"
	_ "github.com/ollama/ollama/model/models" // every architecture that the engine knows
)

// engine runs one sequence at a time through the model. It is not safe for
// concurrent use: the runner hands it from call to call.
//
// One sequence, always at the beginning of an empty cache and in batches of a
// fixed size, makes the logits a function of the tokens alone. Running several
// together changes the order of floating-point sums, and with it near ties.
type engine struct {
	model   model.Model
	cache   kvcache.Cache
	batch   int // most tokens in one forward pass
	context int // most tokens in the sequence
	vocab   int // logits per position
	at      int // tokens in the cache

	rearranged int // weights that lie otherwise than in the file, see repack

	busy atomic.Int64 // when the forward pass that runs now began, Unix nanoseconds; 0 = none runs
}

// loadEngine reads the weights. path has passed gguf.Check.
func loadEngine(path string, threads, contextTokens, batch int) (e *engine, err error) {
	defer func() {
		// The engine panics where a file lacks what the architecture needs and
		// where memory runs out.
		switch r := recover().(type) {
		case nil:
		case runtime.Error: // it looked into a tensor that is not there
			e, err = nil, fmt.Errorf("the model file lacks a tensor that its architecture needs, or it has another shape (%w)", r)
		default:
			e, err = nil, fmt.Errorf("the inference engine cannot run this model: %v", r)
		}
	}()
	m, err := model.New(path, ml.BackendParams{AllocMemory: true, NumThreads: threads, FlashAttention: ml.FlashAttentionDisabled})
	if err != nil {
		return nil, fmt.Errorf("load the model: %w", err)
	}
	hugePages(m)
	if err := m.Backend().Load(context.Background(), nil); err != nil {
		return nil, fmt.Errorf("read the weights: %w", err)
	}
	if p, ok := m.(model.PostLoader); ok {
		if err := p.PostLoad(); err != nil {
			return nil, fmt.Errorf("prepare the weights: %w", err)
		}
	}
	rearranged, err := repack(m)
	if err != nil {
		return nil, err
	}
	e = &engine{rearranged: rearranged, model: m, cache: m.Config().Cache, batch: batch, context: contextTokens}
	if e.cache == nil {
		return nil, errors.New("this model has no cache for generating text; it is probably an embedding model")
	}
	e.cache.Init(m.Backend(), ml.DTypeF16, 1, contextTokens, batch)

	// A first pass finds what is missing before anybody asks.
	logits, err := e.prefill(context.Background(), []int32{0, 0})
	if err != nil {
		return nil, err
	}
	e.vocab = len(logits)
	return e, nil
}

// reset empties the sequence.
func (e *engine) reset() error {
	e.at = 0
	return e.cache.Remove(0, 0, math.MaxInt32)
}

// prefill starts a sequence with ids and returns the logits after the last.
// It looks at ctx between batches.
func (e *engine) prefill(ctx context.Context, ids []int32) ([]float32, error) {
	if err := e.reset(); err != nil {
		return nil, err
	}
	return e.extend(ctx, ids)
}

// extend appends ids to the sequence, however many they are, and returns the
// logits after the last. It looks at ctx between batches.
func (e *engine) extend(ctx context.Context, ids []int32) ([]float32, error) {
	var logits []float32
	for len(ids) > 0 {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		n := min(e.batch, len(ids))
		var err error
		if logits, err = e.forward(ids[:n]); err != nil {
			return nil, err
		}
		ids = ids[n:]
	}
	return logits, nil
}

// stuck reports whether one forward pass has taken longer than any should:
// the engine hangs, or the machine is far too small for the model.
func (e *engine) stuck() bool {
	began := e.busy.Load()
	return began != 0 && time.Since(time.Unix(0, began)) > 2*time.Minute
}

// forward appends ids to the sequence and returns the logits after the last.
func (e *engine) forward(ids []int32) ([]float32, error) {
	if e.at+len(ids) > e.context {
		return nil, fmt.Errorf("the sequence of %d tokens does not fit into %d", e.at+len(ids), e.context)
	}
	ctx := e.model.Backend().NewContext()
	defer ctx.Close()
	e.busy.Store(time.Now().UnixNano())
	defer e.busy.Store(0)
	b := input.Batch{
		Inputs:    ctx.Input().FromInts(ids, len(ids)),
		Outputs:   ctx.Input().FromInts([]int32{int32(len(ids) - 1)}, 1),
		Positions: make([]int32, len(ids)),
		Sequences: make([]int, len(ids)),
	}
	for i := range ids {
		b.Positions[i] = int32(e.at + i)
	}
	ctx.SetBatchSize(len(ids))
	t, err := model.Forward(ctx, e.model, b)
	if err != nil {
		return nil, err
	}
	ctx.Compute(t)
	e.at += len(ids)
	return t.Floats(), nil
}
