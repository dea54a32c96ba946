//go:build cgo && !race

package main

import (
	"fmt"
	"math"
	"reflect"

	"github.com/ollama/ollama/kvcache"
	"github.com/ollama/ollama/ml"
	"github.com/ollama/ollama/model"
	"github.com/ollama/ollama/model/input"

	"skerry/plugins/local/cells"
)

// arrangement is what the caches of all layers of one model have in common:
// which cell holds what, and what the batch that is computed now looks at.
type arrangement struct {
	table    *cells.Table
	pass     cells.Layout
	overhead int // of one group of a batch, see cells.Table.Layout; negative = attention is not divided
	caches   []*paged
}

// arrange replaces the cache that the model made for itself by paged ones, and
// returns nil where that is not possible: where the model keeps a state that is
// no list of keys and values, or reaches into its cache beside the interface.
//
// The engine's own cache would do, but it looks at everything between the first
// and the last cell of any sequence of a batch, computes masks cell by cell and
// cannot share a beginning without a live sequence that holds it.
func arrange(m model.Model) *arrangement {
	// Most models with images switch the causal order off for them, which only
	// the engine's own cache can. Mistral reads an image in order, like a text.
	config := m.Backend().Config()
	if _, images := m.(model.MultimodalProcessor); images && config.Uint("vision.block_count") > 0 && config.Architecture() != "mistral3" {
		return nil
	}
	own := m.Config().Cache
	a := &arrangement{}
	var c kvcache.Cache
	switch own := own.(type) {
	case *kvcache.Causal:
		c = a.like(reflect.ValueOf(own).Elem())
	case *kvcache.WrapperCache:
		list := reflect.ValueOf(own).Elem().FieldByName("caches")
		var parts []kvcache.Cache
		for i := range list.Len() {
			part := list.Index(i).Elem()
			if part.Type() != reflect.TypeFor[*kvcache.Causal]() {
				return nil
			}
			parts = append(parts, a.like(part.Elem()))
		}
		c = kvcache.NewWrapperCache(parts...)
	default:
		return nil
	}
	// Every model embeds model.Base, which has the field.
	f := reflect.ValueOf(m).Elem().FieldByName("Cache")
	if !f.CanSet() {
		return nil
	}
	f.Set(reflect.ValueOf(c))
	if m.Config().Cache != c {
		return nil
	}
	return a
}

// like returns a paged cache with the settings of one of the engine's, which
// it keeps to itself but which reflection may read.
func (a *arrangement) like(own reflect.Value) *paged {
	c := &paged{a: a, keys: map[int]ml.Tensor{}, values: map[int]ml.Tensor{}}
	if w := own.FieldByName("swaWindowSize").Int(); w > 0 && w < math.MaxInt32 {
		c.reach.Window = int(w)
	}
	c.reach.Chunk = int(own.FieldByName("chunkSize").Int())
	a.caches = append(a.caches, c)
	if set := own.FieldByName("config"); !set.IsNil() {
		c.plain = true // the model computes attention itself, over tensors as they are
		c.transposed = set.Elem().FieldByName("PermutedV").Bool()
		a.overhead = -1
	}
	return c
}

// paged is the cache of the layers of one kind. The engine's attention asks it
// for keys, values and a mask; which cells those are, the arrangement says.
type paged struct {
	a          *arrangement
	reach      cells.Reach
	plain      bool // the model has its own attention
	transposed bool // of values, cells are the innermost dimension
	half       bool // masks are in half precision

	backend      ml.Backend
	dtype        ml.DType
	contexts     []ml.Context // hold the tensors
	keys, values map[int]ml.Tensor
	layer        int

	// Of the pass that is computed now.
	locations, mask ml.Tensor
	buf             []float32
}

var _ kvcache.Cache = (*paged)(nil)

// Init is called once, before the first pass. The numbers of sequences and
// tokens are those of the table, which exists by then.
func (c *paged) Init(b ml.Backend, dtype ml.DType, _, _, _ int) {
	c.backend, c.dtype = b, dtype
	if cc, ok := b.(ml.BackendCacheConfig); ok && !c.plain {
		config := cc.CacheConfig()
		c.transposed, c.half = config.PermutedV, config.MaskDType == ml.DTypeF16
	}
}

// SetConfig is for models that are being made; this one is.
func (c *paged) SetConfig(ml.CacheConfig) {}

func (c *paged) Close() {
	for _, ctx := range c.contexts {
		ctx.Close()
	}
}

func (c *paged) SetLayer(layer int) { c.layer = layer }

// StartForward prepares one pass, which the arrangement has laid out.
func (c *paged) StartForward(ctx ml.Context, _ input.Batch, _ bool) error {
	at := c.a.pass.Cells()
	c.locations = ctx.Input().FromInts(at, len(at))
	c.buf = c.a.pass.Mask(c.buf, c.reach)
	c.mask = ctx.Input().FromFloats(c.buf, c.a.pass.Row(), len(at))
	if c.half {
		c.mask = c.mask.Cast(ctx, ml.DTypeF16)
	}
	return nil
}

// Put stores keys and values of shape (head dimension, heads, tokens).
func (c *paged) Put(ctx ml.Context, key, value ml.Tensor) {
	n := c.a.table.Cells()
	if c.keys[c.layer] == nil {
		store := c.backend.NewContextSize(2)
		c.contexts = append(c.contexts, store)
		on := store.Layer(c.layer)
		c.keys[c.layer] = zeros(on, c.dtype, key.Dim(0), key.Dim(1), n)
		if c.transposed {
			c.values[c.layer] = zeros(on, c.dtype, n, value.Dim(0), value.Dim(1))
		} else {
			c.values[c.layer] = zeros(on, c.dtype, value.Dim(0), value.Dim(1), n)
		}
	}
	put := func(store, rows ml.Tensor, shape ...int) {
		ctx.Forward(store.Reshape(ctx, shape...).SetRows(ctx, rows, c.locations))
	}
	tokens, width := key.Dim(2), key.Dim(0)*key.Dim(1)
	put(c.keys[c.layer], key.Reshape(ctx, width, tokens), width, n)
	width = value.Dim(0) * value.Dim(1)
	if c.transposed {
		// One number is one row: a token's values lie a whole cache apart.
		put(c.values[c.layer], value.Reshape(ctx, width, 1, tokens).Permute(ctx, 2, 0, 1, 3), 1, n, width)
	} else {
		put(c.values[c.layer], value.Reshape(ctx, width, tokens), width, n)
	}
}

// Get returns the cells that the batch looks at, and the mask.
func (c *paged) Get(ctx ml.Context) (key, value, mask ml.Tensor) {
	key, value = c.keys[c.layer], c.values[c.layer]
	l := &c.a.pass
	if l.Shared > 0 || len(l.Groups) > 1 {
		return &groupedKeys{key, l}, &groupedValues{value, l}, c.mask
	}
	at := l.Groups[0].Cell
	key = c.rows(ctx, key, at, l.Width)
	if c.transposed {
		value = c.columns(ctx, value, at, l.Width)
	} else {
		value = c.rows(ctx, value, at, l.Width)
	}
	return key, value, c.mask
}

// rows views n cells of a tensor whose outermost dimension they are.
func (c *paged) rows(ctx ml.Context, t ml.Tensor, at, n int) ml.Tensor {
	return t.View(ctx, at*t.Stride(2), t.Dim(0), t.Stride(1), t.Dim(1), t.Stride(2), n)
}

// columns views n cells of a tensor whose innermost dimension they are.
func (c *paged) columns(ctx ml.Context, t ml.Tensor, at, n int) ml.Tensor {
	return t.View(ctx, at*t.Stride(0), n, t.Stride(1), t.Dim(1), t.Stride(2), t.Dim(2))
}

// copy adds to a computation that some cells are copied to others.
func (c *paged) copy(ctx ml.Context, k cells.Copy) {
	for layer, key := range c.keys {
		ctx.Forward(c.rows(ctx, key, k.From, k.N).Copy(ctx, c.rows(ctx, key, k.To, k.N)))
		view, value := c.rows, c.values[layer]
		if c.transposed {
			view = c.columns
		}
		ctx.Forward(view(ctx, value, k.From, k.N).Copy(ctx, view(ctx, value, k.To, k.N)))
	}
}

// What the interface has for managing sequences is done by the arrangement.

func (c *paged) CopyPrefix(src, dst int, n int32) { panic("sequences are forked by the arrangement") }

func (c *paged) CanResume(seq int, pos int32) bool { return int(pos) <= c.a.table.Len(seq) }

func (c *paged) Remove(seq int, from, to int32) error {
	if from != 0 || to != math.MaxInt32 {
		return fmt.Errorf("remove tokens %d to %d: %w", from, to, kvcache.ErrNotSupported)
	}
	return nil
}
