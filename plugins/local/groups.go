//go:build cgo && !race

package main

import (
	"github.com/ollama/ollama/ml"

	"skerry/plugins/local/cells"
)

// groupedKeys and groupedValues compute attention group by group. One product
// over all cells that any sequence of the batch looks at would for the most
// part compute what the mask then throws away: with eight documents under one
// set of instructions, three quarters of it. The engine's attention multiplies
// keys with queries, adds the mask, and multiplies values with the result;
// both products are methods of what the cache hands it, so the cache divides
// them: the cells that all have in common once for all tokens (Juravsky et al.
// 2024, Hydragen), and those of each sequence for its own tokens.
type groupedKeys struct {
	ml.Tensor // all cells: (head dimension, heads, cells)
	l         *cells.Layout
}

// Permute is what the attention does first; the products below take care of
// the order themselves.
func (k *groupedKeys) Permute(ml.Context, ...int) ml.Tensor { return k }

// MulmatFullPrec takes the queries (head dimension, tokens, heads) and returns
// the scores (cells, tokens, heads).
func (k *groupedKeys) MulmatFullPrec(ctx ml.Context, query ml.Tensor) ml.Tensor {
	rows := func(cell, n int) ml.Tensor {
		return k.View(ctx, cell*k.Stride(2), k.Dim(0), k.Stride(2), n, k.Stride(1), k.Dim(1))
	}
	own := make([]ml.Tensor, len(k.l.Groups))
	for i, g := range k.l.Groups {
		own[i] = rows(g.Cell, k.l.Width).MulmatFullPrec(ctx, tokens(ctx, query, g, 0, query.Dim(0)))
	}
	scores := join(ctx, own)
	if k.l.Shared > 0 {
		scores = rows(k.l.SharedCell, k.l.Shared).MulmatFullPrec(ctx, query).Concat(ctx, scores, 0)
	}
	return scores
}

type groupedValues struct {
	ml.Tensor // all cells: (cells, head dimension, heads)
	l         *cells.Layout
}

// Mulmat takes the weights (cells, tokens, heads) and returns the sums (head
// dimension, tokens, heads).
func (v *groupedValues) Mulmat(ctx ml.Context, weights ml.Tensor) ml.Tensor {
	columns := func(cell, n int) ml.Tensor {
		return v.View(ctx, cell*v.Stride(0), n, v.Stride(1), v.Dim(1), v.Stride(2), v.Dim(2))
	}
	own := make([]ml.Tensor, len(v.l.Groups))
	for i, g := range v.l.Groups {
		own[i] = columns(g.Cell, v.l.Width).Mulmat(ctx, tokens(ctx, weights, g, v.l.Shared, v.l.Width))
	}
	sums := join(ctx, own)
	if v.l.Shared > 0 {
		all := cells.Group{Tokens: weights.Dim(1)}
		sums = columns(v.l.SharedCell, v.l.Shared).Mulmat(ctx, tokens(ctx, weights, all, 0, v.l.Shared)).Add(ctx, sums)
	}
	return sums
}

// tokens views n numbers, from the given one on, of the tokens of a group.
func tokens(ctx ml.Context, t ml.Tensor, g cells.Group, from, n int) ml.Tensor {
	return t.View(ctx, from*t.Stride(0)+g.First*t.Stride(1), n, t.Stride(1), g.Tokens, t.Stride(2), t.Dim(2))
}

// join puts tensors together along the tokens, by halves: each is copied as
// often as their number can be halved.
func join(ctx ml.Context, parts []ml.Tensor) ml.Tensor {
	for len(parts) > 1 {
		var pairs []ml.Tensor
		for i := 0; i < len(parts); i += 2 {
			if i+1 == len(parts) {
				pairs = append(pairs, parts[i])
				break
			}
			pairs = append(pairs, parts[i].Concat(ctx, parts[i+1], 1))
		}
		parts = pairs
	}
	return parts[0]
}
