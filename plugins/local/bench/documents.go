package main

import (
	"context"
	"errors"
	"fmt"
	"io"
)

// work is a set of documents that are asked the same question.
type work struct {
	prefix    string
	documents []string
	schema    map[string]any
	maxTokens int
}

// batch is how long work took and what came of it.
type batch struct {
	millis              float64
	tokens, cached, bad int
}

// Sizes of the work: eight at a time, sharing 600 tokens, 200 of their own.
const (
	concurrent = 8
	shared     = 600
	own        = 200
	rounds     = 2 // of eight documents
)

// extraction is an answer such as missions ask for: choices, a truth value and
// texts. The texts have a fixed length, so that a model with random weights
// writes about as much for both engines.
func extraction() map[string]any {
	text := func(n int) any { return map[string]any{"type": "string", "minLength": n, "maxLength": n} }
	return map[string]any{"type": "object", "additionalProperties": false,
		"properties": map[string]any{
			"document_type":  map[string]any{"enum": []string{"invoice", "credit_note", "order", "reminder"}},
			"currency":       map[string]any{"enum": []string{"EUR", "USD", "GBP", "CHF"}},
			"supplier_name":  text(24),
			"invoice_number": text(12),
			"reverse_charge": map[string]any{"type": "boolean"},
		},
		"required": []string{"document_type", "currency", "supplier_name", "invoice_number", "reverse_charge"}}
}

// documents compares eight extractions at once. Both have a warm-up of one round,
// after which a prefix that the engine keeps is kept.
func documents(ctx context.Context, o options, out io.Writer) (err error) {
	path, err := file(o.files, kinds[0])
	if err != nil {
		return err
	}
	// All sequences of llama.cpp and of ours together must have room.
	const contextTokens = 1280
	ours, err := startRunner(ctx, o, path, concurrent, contextTokens)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, ours.Close()) }()
	theirs, err := startPeer(ctx, o, path, concurrent, contextTokens)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, theirs.close()) }()
	prefix := ours.text(shared)
	next := func(n int) work {
		w := work{prefix: prefix, schema: extraction(), maxTokens: 200}
		for range n {
			w.documents = append(w.documents, ours.text(own))
		}
		return w
	}
	var a, b batch
	for i, n := range []int{1, rounds * concurrent} {
		w := next(n)
		if a, err = ours.documents(ctx, w, concurrent); err != nil {
			return err
		}
		if b, err = theirs.documents(w); err != nil {
			return err
		}
		if i == 1 && a.bad+b.bad > 0 {
			return fmt.Errorf("%d of our answers and %d of llama.cpp's are no JSON", a.bad, b.bad)
		}
	}
	n := float64(rounds * concurrent)
	x, y := n*60_000/a.millis, n*60_000/b.millis
	row(out, fmt.Sprintf("extraction, 8 at once, a prefix of 600 tokens, documents of 200, under a JSON schema, documents/minute (0.6B-shaped Q4_0; ours wrote %.0f tokens each and had %.0f from its cache, llama.cpp wrote %.0f)",
		float64(a.tokens)/n, float64(a.cached)/n, float64(b.tokens)/n), number(x), number(y), ratio(x, y), "≥ 2.00×")
	return nil
}
