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

	"skerry/plugins/local/cells"
	"skerry/plugins/local/schedule"
)

// engine computes the passes that the scheduler plans. It is not safe for
// concurrent use: the goroutine of the scheduler has it, except for stuck.
type engine struct {
	model model.Model
	cache kvcache.Cache
	c     engineConfig
	vocab int // logits per token

	rearranged int // weights that lie otherwise than in the file, see repack

	a *arrangement // of the cells; nil = the model manages its own cache, and …
	// … each of its sequences takes one slot.
	live map[int]bool
	// alone says that its cache takes one sequence at a time.
	alone bool

	busy    atomic.Int64  // when the forward pass that runs now began, Unix nanoseconds; 0 = none runs
	compute time.Duration // spent in ggml
}

var _ schedule.Engine = (*engine)(nil)

// engineConfig says how a model is loaded.
type engineConfig struct {
	threads int
	context int  // most tokens of one sequence
	slots   int  // most sequences at once
	cells   int  // tokens in the key-value cache; at least context
	batch   int  // most tokens in one pass
	rounded bool // keys and values in eight bits (q8_0) instead of sixteen
	share   bool // sequences share beginnings
}

// loadEngine reads the weights. path has passed gguf.Check.
func loadEngine(path string, c engineConfig) (e *engine, err error) {
	defer func() {
		// The engine panics where a file lacks what the architecture needs and
		// where memory runs out.
		if e2 := recovered(recover()); e2 != nil {
			e, err = nil, e2
		}
	}()
	params := ml.BackendParams{AllocMemory: true, NumThreads: c.threads, FlashAttention: ml.FlashAttentionDisabled}
	dtype := ml.DTypeF16
	if c.rounded {
		// Values can only be read back from eight bits by the fused attention.
		params.FlashAttention, dtype = ml.FlashAttentionEnabled, ml.DTypeQ80
	}
	m, err := model.New(path, params)
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
	if m.Config().Cache == nil {
		return nil, errors.New("this model has no cache for generating text; it is probably an embedding model")
	}
	e = &engine{model: m, rearranged: rearranged, c: c, live: map[int]bool{}}
	if e.a = arrange(m); e.a != nil {
		e.a.table = cells.New(c.cells)
		if e.a.overhead == 0 {
			e.a.overhead = groupCost / max(1, int(m.Backend().Config().Uint("embedding_length")))
		}
		if c.rounded {
			e.a.overhead = -1 // the fused attention skips what the mask hides
		}
	}
	e.cache = m.Config().Cache
	_, causal := e.cache.(*kvcache.Causal)
	_, wrapper := e.cache.(*kvcache.WrapperCache)
	e.alone = e.a == nil && !causal && !wrapper
	e.cache.Init(m.Backend(), dtype, c.slots, c.context, c.batch)

	// A first pass finds what is missing before anybody asks.
	logits, err := e.Forward([]schedule.Token{{}, {Pos: 1, Logits: true}})
	if err != nil {
		return nil, err
	}
	e.Drop(0)
	e.vocab = len(logits[0])
	return e, nil
}

// groupCost is what a further group of attention costs in one layer, about
// eight small operations of 2 to 3 µs, in multiplications of which a processor
// does 10 in a nanosecond: two for each pair of a token and a cell, and each
// number of the width of the model.
const groupCost = 100_000

// recovered turns a panic of the engine into an error.
func recovered(r any) error {
	switch r := r.(type) {
	case nil:
		return nil
	case runtime.Error: // it looked into a tensor that is not there
		return fmt.Errorf("the model file lacks a tensor that its architecture needs, or it has another shape (%w)", r)
	default:
		return fmt.Errorf("the inference engine cannot run this model: %v", r)
	}
}

// stuck reports whether one forward pass has taken longer than any should:
// the engine hangs, or the machine is far too small for the model.
func (e *engine) stuck() bool {
	began := e.busy.Load()
	return began != 0 && time.Since(time.Unix(0, began)) > 2*time.Minute
}

// Forward computes one pass.
func (e *engine) Forward(batch []schedule.Token) (logits [][]float32, err error) {
	e.busy.Store(time.Now().UnixNano())
	defer e.busy.Store(0)
	defer func() {
		if r := recovered(recover()); r != nil {
			logits, err = nil, r
		}
	}()
	if e.alone {
		for len(batch) > 0 {
			n := 1
			for n < len(batch) && batch[n].Seq == batch[0].Seq {
				n++
			}
			some, err := e.forward(batch[:n])
			if err != nil {
				return nil, err
			}
			logits, batch = append(logits, some...), batch[n:]
		}
		return logits, nil
	}
	return e.forward(batch)
}

func (e *engine) forward(batch []schedule.Token) ([][]float32, error) {
	var ids, outputs []int32
	b := input.Batch{Positions: make([]int32, len(batch)), Sequences: make([]int, len(batch))}
	for i, t := range batch {
		ids = append(ids, t.Input.ID)
		b.Positions[i], b.Sequences[i] = int32(t.Pos), t.Seq
		if t.Logits {
			outputs = append(outputs, int32(i))
		}
		e.live[t.Seq] = true
	}
	if err := e.place(batch); err != nil {
		return nil, err
	}
	ctx := e.model.Backend().NewContext()
	defer ctx.Close()
	b.Inputs = ctx.Input().FromInts(ids, len(ids))
	b.Outputs = ctx.Input().FromInts(outputs, len(outputs))
	for i, t := range batch {
		if p, ok := t.Input.Media.(piece); ok {
			row, err := e.see(ctx, p)
			if err != nil {
				return nil, err
			}
			b.Multimodal = append(b.Multimodal, input.MultimodalIndex{Index: i, Multimodal: []input.Multimodal{{Tensor: row}}})
		}
	}
	ctx.SetBatchSize(len(batch))
	t, err := model.Forward(ctx, e.model, b)
	if err != nil {
		return nil, err
	}
	start := time.Now()
	ctx.Compute(t)
	flat := t.Floats()
	e.compute += time.Since(start)
	var logits [][]float32
	for i := range outputs {
		n := len(flat) / len(outputs)
		logits = append(logits, flat[i*n:(i+1)*n:(i+1)*n])
	}
	return logits, nil
}

// place finds cells for a batch and lays out what it looks at.
func (e *engine) place(batch []schedule.Token) error {
	if e.a == nil {
		return nil
	}
	tokens := make([]cells.Token, len(batch))
	for i, t := range batch {
		if e.a.table.Len(t.Seq) != t.Pos {
			return fmt.Errorf("token %d of sequence %d, which has %d", t.Pos, t.Seq, e.a.table.Len(t.Seq))
		}
		if err := e.a.table.Append(t.Seq, 1); err != nil {
			return err
		}
		tokens[i] = cells.Token{Seq: t.Seq, Pos: t.Pos}
	}
	e.a.pass = e.a.table.Layout(tokens, e.a.overhead)
	return nil
}

// Expect says that a sequence will have about so many tokens in the end.
func (e *engine) Expect(seq, tokens int) {
	if e.a != nil {
		e.a.table.Expect(seq, tokens)
	}
}

// Together reports whether so many tokens would find neighbouring pages.
func (e *engine) Together(tokens int) bool { return e.a == nil || e.a.table.Together(tokens) }

// Fork makes the new sequence dst begin with the first n tokens of src.
func (e *engine) Fork(src, dst, n int) (err error) {
	if e.a == nil {
		return kvcache.ErrNotSupported
	}
	k, err := e.a.table.Fork(src, dst, n)
	if err != nil || k.N == 0 {
		return err
	}
	defer func() {
		if r := recovered(recover()); r != nil {
			err = r
			e.a.table.Drop(dst)
		}
	}()
	ctx := e.model.Backend().NewContext()
	defer ctx.Close()
	for _, c := range e.a.caches {
		c.copy(ctx, k)
	}
	ctx.Compute()
	return nil
}

// Drop forgets a sequence.
func (e *engine) Drop(seq int) {
	if e.a != nil {
		e.a.table.Drop(seq)
	} else if e.live[seq] {
		// To remove all of a sequence is what every cache can.
		_ = e.cache.Remove(seq, 0, math.MaxInt32)
	}
	delete(e.live, seq)
}

// Pages, Free and Total count pages of the table, or slots where there is none.
func (e *engine) Pages(tokens int) int {
	if e.a != nil {
		return cells.Pages(tokens)
	}
	return min(tokens, 1)
}

func (e *engine) Free() int {
	if e.a != nil {
		return e.a.table.Free()
	}
	return e.c.slots - len(e.live)
}

func (e *engine) Total() int {
	if e.a != nil {
		return e.a.table.Total()
	}
	return e.c.slots
}

// Grain is the unit in which beginnings are shared. Kernels take rows by fours
// and, where there is but one, another way: a multiple of sixteen mostly keeps
// each token of a prompt with the kernel that it would have without sharing.
// Shared logits still differ in the last bits (TestBatchesComputeWhatOneSequenceDoes).
func (e *engine) Grain() int {
	if e.a == nil || !e.c.share {
		return 0
	}
	return 16
}
