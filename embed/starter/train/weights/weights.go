// Package weights holds the weights of a starter model between training and
// the engine: it reads and writes the trainer's checkpoints, reads and writes
// GGUF files, and grows a model without changing what it computes. It trains
// nothing and decodes nothing. Start with [Read] and [FromGGUF].
//
// The architecture is qwen3 as the engine runs it: root-mean-square norms,
// grouped-query attention with normalised queries and keys, rotary positions
// by halves, a gated feed-forward network and tied embeddings. The gains of
// the two norms of a layer are folded into the matrices that follow them, so a
// checkpoint has none; a GGUF file shows them as ones.
package weights

import (
	"errors"
	"fmt"
)

// HeadWidth is the width of an attention head, which the trainer's kernels fix.
const HeadWidth = 64

// Epsilon is added to the mean square in every norm.
const Epsilon = 1e-6

// Shape says how large a model is. All counts are positive; every width of a
// matrix is a multiple of 64 (a panel of the trainer's kernels).
type Shape struct {
	Vocab    int // tokens
	Width    int // of the residual stream
	Layers   int
	Heads    int // of the queries
	KVHeads  int // of keys and values; divides Heads
	FFN      int // hidden units of the feed-forward network
	RopeBase int // base of the rotary frequencies
}

// ErrShape is wrapped by errors about a shape that the trainer cannot run.
var ErrShape = errors.New("impossible shape")

// Check returns an error wrapping [ErrShape] unless the trainer can run s.
func (s Shape) Check() error {
	for _, row := range []struct {
		name  string
		value int
		step  int
		most  int
	}{
		{"vocabulary", s.Vocab, 64, 1 << 16},
		{"width", s.Width, 64, 1 << 13},
		{"layers", s.Layers, 1, 1 << 10},
		{"heads", s.Heads, 1, 1 << 7},
		{"key and value heads", s.KVHeads, 1, 1 << 7},
		{"hidden units", s.FFN, 64, 1 << 15},
		{"rotary base", s.RopeBase, 1, 1 << 30},
	} {
		if row.value < row.step || row.value > row.most || row.value%row.step != 0 {
			return fmt.Errorf("%w: %s %d; multiples of %d up to %d are possible", ErrShape, row.name, row.value, row.step, row.most)
		}
	}
	if s.Heads%s.KVHeads != 0 {
		return fmt.Errorf("%w: %d heads cannot share %d key and value heads", ErrShape, s.Heads, s.KVHeads)
	}
	return nil
}

// QueryWidth returns the width of all queries of a token together.
func (s Shape) QueryWidth() int { return s.Heads * HeadWidth }

// KVWidth returns the width of all keys, or of all values, of a token together.
func (s Shape) KVWidth() int { return s.KVHeads * HeadWidth }

// Parameters returns how many numbers a checkpoint of this shape holds.
func (s Shape) Parameters() int {
	n := 0
	for _, w := range New(s).blocks(false) {
		n += w.size
	}
	return n
}

// Model is a model's weights. Matrices are stored row by row, a row per
// output.
type Model struct {
	Shape
	Step   int64 // optimiser steps so far
	Tokens int64 // tokens trained on so far

	Embedding  []float32 // Vocab × Width; also the output matrix
	OutputGain []float32 // Width; of the last norm
	Layer      []Layer
}

// Layer is one layer of a [Model].
type Layer struct {
	QKV    []float32 // queries, keys and values: (QueryWidth + 2 KVWidth) × Width
	Output []float32 // of the attention: Width × QueryWidth
	GateUp []float32 // gate rows, then up rows: 2 FFN × Width
	Down   []float32 // Width × FFN
	QGain  []float32 // HeadWidth; of the norm of the queries
	KGain  []float32 // HeadWidth; of the norm of the keys
}

// New returns a model of the shape without any weights: its slices are nil.
func New(s Shape) *Model { return &Model{Shape: s, Layer: make([]Layer, s.Layers)} }

// block is a run of weights in a checkpoint.
type block struct {
	values *[]float32
	size   int
}

// blocks lists the weights in the order of a checkpoint; with allocate, slices
// that are nil are made.
func (m *Model) blocks(allocate bool) []block {
	s := m.Shape
	out := []block{{&m.Embedding, s.Vocab * s.Width}, {&m.OutputGain, s.Width}}
	for i := range m.Layer {
		l := &m.Layer[i]
		out = append(out,
			block{&l.QKV, (s.QueryWidth() + 2*s.KVWidth()) * s.Width},
			block{&l.Output, s.Width * s.QueryWidth()},
			block{&l.GateUp, 2 * s.FFN * s.Width},
			block{&l.Down, s.Width * s.FFN},
			block{&l.QGain, HeadWidth},
			block{&l.KGain, HeadWidth})
	}
	if allocate {
		for _, b := range out {
			if *b.values == nil {
				*b.values = make([]float32, b.size)
			}
		}
	}
	return out
}
