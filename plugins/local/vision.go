//go:build cgo && !race

package main

import (
	"errors"
	"fmt"
	"sync"

	"github.com/ollama/ollama/ml"
	"github.com/ollama/ollama/model"
	"github.com/ollama/ollama/model/input"

	"skerry/appliance/llm"
	"skerry/plugins/local/dialect"
	"skerry/plugins/local/gguf"
	"skerry/plugins/local/picture"
	"skerry/plugins/local/schedule"
)

// eyes turn images into what stands for them in a prompt. They are safe for
// concurrent use.
type eyes struct {
	look  model.MultimodalProcessor
	on    ml.Backend
	way   gguf.Vision
	words int // of the vocabulary

	mu sync.Mutex // guards the memory: one image is decoded at a time
}

// shown is an image of one call. Only the goroutine of the scheduler looks
// into features.
type shown struct {
	picture.Picture
	features [][]float32 // of each piece; nil = the tower has not seen it yet
	shapes   [][]int
}

// piece is what stands in a sequence instead of tokens: a row of an image.
type piece struct {
	of *shown
	at int
}

// eyes returns the eyes of a model, or nil if it has none that are known.
func (f modelFile) eyes(m model.Model, words int) *eyes {
	way, ok := f.head.Vision()
	look, can := m.(model.MultimodalProcessor)
	if !ok || !can {
		return nil
	}
	return &eyes{look: look, on: m.Backend(), way: way, words: words}
}

// read returns what stands for one image. The engine draws up the whole
// computation, because only that says how many tokens there are, and it is
// thrown away: nothing is computed before the call has its turn.
func (e *eyes) read(file []byte) (in []schedule.Input, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	p, err := picture.Load(file, e.way)
	if err != nil {
		return nil, err
	}
	defer func() {
		if r := recovered(recover()); r != nil {
			in, err = nil, r
		}
	}()
	ctx := e.on.NewContext()
	defer ctx.Close()
	parts, err := e.look.EncodeMultimodal(ctx, p.PNG)
	if err != nil {
		return nil, fmt.Errorf("look at an image: %w", err)
	}
	all, err := e.look.PostTokenize([]*input.Input{{Multimodal: parts, MultimodalHash: p.Hash}})
	if err != nil {
		return nil, fmt.Errorf("put an image into the prompt: %w", err)
	}
	s := &shown{Picture: p}
	n := 0
	for _, x := range all {
		// The token alone does not say which image it stands for, so all of them
		// have the hash: sequences share it only where that is the same.
		one := schedule.Input{ID: x.Token, Hash: p.Hash, Run: x.SameBatch}
		if len(x.Multimodal) > 1 || x.Token < 0 || int(x.Token) >= e.words {
			return nil, errors.New("the engine places this image in a way that is not known")
		}
		if len(x.Multimodal) == 1 {
			one.Media = piece{s, n}
			n++
		}
		in = append(in, one)
	}
	if n != len(parts) || n == 0 {
		return nil, fmt.Errorf("the engine places %d of the %d rows of an image", n, len(parts))
	}
	return in, nil
}

// encode returns the elements of a conversation, images among them.
func (p *provider) encode(spans []dialect.Span) ([]schedule.Input, error) {
	ids, err := p.words.encode(spans)
	if err != nil {
		return nil, err
	}
	var images [][]byte
	for _, s := range spans {
		if len(s.Image) > 0 {
			images = append(images, s.Image)
		}
	}
	if len(images) == 0 {
		return inputs(ids), nil
	}
	if p.eyes == nil { // package chat has refused it
		return nil, &llm.Error{Kind: llm.Invalid, Message: "this model sees no images"}
	}
	var in []schedule.Input
	for _, id := range ids {
		if id >= 0 {
			in = append(in, schedule.Input{ID: id})
			continue
		}
		more, err := p.eyes.read(images[-1-id])
		if err != nil {
			return nil, err
		}
		in = append(in, more...)
	}
	return in, nil
}

// see puts a row of an image into a pass. The tower looks at the whole image
// when its first row is needed.
func (e *engine) see(ctx ml.Context, p piece) (ml.Tensor, error) {
	s := p.of
	if s.features == nil {
		if err := e.look(s); err != nil {
			return nil, err
		}
	}
	return ctx.Input().FromFloats(s.features[p.at], s.shapes[p.at]...), nil
}

func (e *engine) look(s *shown) error {
	m, ok := e.model.(model.MultimodalProcessor)
	if !ok {
		return errors.New("this model sees no images")
	}
	ctx := e.model.Backend().NewContext()
	defer ctx.Close()
	parts, err := m.EncodeMultimodal(ctx, s.PNG)
	if err != nil {
		return fmt.Errorf("look at an image: %w", err)
	}
	rows := make([]ml.Tensor, len(parts))
	for i, part := range parts {
		// A row is a view into the whole, which alone cannot be read back.
		rows[i] = part.Tensor.Contiguous(ctx)
	}
	ctx.Forward(rows...)
	ctx.SetBatchSize(gguf.MaxPatches)
	ctx.Compute(rows...)
	for _, row := range rows {
		s.features, s.shapes = append(s.features, row.Floats()), append(s.shapes, row.Shape())
	}
	return nil
}
