//go:build cgo && !race

package main

import (
	"context"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"skerry/appliance/llm"
	"skerry/plugins/local/chat"
	"skerry/plugins/local/decode"
	"skerry/plugins/local/grammar"
	"skerry/plugins/local/schedule"
)

// provider serves one model as an llm.Provider.
type provider struct {
	card    llm.Model
	version string
	build   string // of the engine
	chat    *chat.Chat
	words   *vocabulary
	grammar func() (*grammar.Vocabulary, error) // arranged when it is needed first
	engine  *engine
	eyes    *eyes // nil = it sees no images
	runs    *schedule.Scheduler
}

var (
	_ llm.Provider  = (*provider)(nil)
	_ llm.Tokenizer = (*provider)(nil)
)

func (p *provider) Describe(context.Context) (llm.Description, error) {
	return llm.Description{Name: p.card.Provider, Version: p.version, Engine: p.build}, nil
}

func (p *provider) Models(context.Context) ([]llm.Model, error) { return []llm.Model{p.card}, nil }

// Health does not enter the queue: a busy model is a healthy one, until one
// step of it takes minutes. The kind timeout makes the host start it again.
func (p *provider) Health(context.Context) error {
	if p.engine.stuck() {
		return &llm.Error{Kind: llm.Timeout, Message: "one step of the model takes more than two minutes"}
	}
	return nil
}

func (p *provider) Tokenize(_ context.Context, model llm.ModelID, text string) ([]int32, error) {
	if err := p.mine(model); err != nil {
		return nil, err
	}
	return p.words.text(text)
}

func (p *provider) mine(model llm.ModelID) error {
	if model != p.card.ID {
		return &llm.Error{Kind: llm.Invalid, Message: fmt.Sprintf("this provider serves the model %q, not %q", p.card.ID, model)}
	}
	return nil
}

func (p *provider) Generate(ctx context.Context, r llm.Request, emit func(llm.Delta) error) (llm.Response, error) {
	start := time.Now()
	c, err := p.prepare(r)
	if err != nil {
		return llm.Response{}, typed(err)
	}
	res, cached, err := p.complete(ctx, c, emit)
	if err != nil {
		var own emitted
		if errors.As(err, &own) {
			return llm.Response{}, own.error
		}
		return llm.Response{}, typed(err)
	}
	res.Usage.InputTokens = len(c.prompt)
	res.Usage.CachedTokens = min(cached, len(c.prompt))
	res.Usage.DurationMicros = time.Since(start).Microseconds()
	return res, nil
}

// emitted is an error of the caller's own emit, which comes back to it as it is.
type emitted struct{ error }

// complete runs a prepared call and hands its output over as it comes. cached
// counts the tokens that did not have to be computed.
func (p *provider) complete(ctx context.Context, c *completion, emit func(llm.Delta) error) (res llm.Response, cached int, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	out := newOutbox()
	r := newRun(c, p.words, out)
	done := make(chan struct{})
	go func() {
		defer close(done)
		cached, err = p.runs.Do(ctx, c.prompt, c.limit, r)
	}()
	send := func() error {
		for _, d := range out.take() {
			if emit == nil {
				continue
			}
			if err := emit(d); err != nil {
				return emitted{err}
			}
		}
		return nil
	}
	for {
		select {
		case <-out.ready:
			if err := send(); err != nil {
				cancel()
				<-done
				return llm.Response{}, 0, err
			}
		case <-done:
			if err != nil { // the run may still be in use
				return llm.Response{}, 0, err
			}
			return r.res, cached, send()
		}
	}
}

// completion is one prepared call.
type completion struct {
	prompt []schedule.Input
	limit  int // most output tokens
	sample *decode.Sampler
	turn   *chat.Turn // what the output means, and what holds it
}

// prepare does everything that needs no model: it refuses what cannot work
// before the call takes a place in the queue.
func (p *provider) prepare(r llm.Request) (*completion, error) {
	if err := p.mine(r.Model); err != nil {
		return nil, err
	}
	if r.MaxTokens < 0 {
		return nil, &llm.Error{Kind: llm.Invalid, Message: "maxTokens must not be negative"}
	}
	if !utf8.ValidString(r.Prefill) {
		return nil, &llm.Error{Kind: llm.Invalid, Message: "prefill is not valid UTF-8"}
	}
	c := &completion{}
	var err error
	if c.sample, err = decode.NewSampler(r.Sampling); err != nil {
		return nil, err
	}
	if c.turn, err = p.chat.Turn(r, p.grammar); err != nil {
		return nil, err
	}
	if c.prompt, err = p.encode(c.turn.Spans); err != nil {
		return nil, err
	}
	// One place is kept, so that there is always room for an answer.
	room := p.card.ContextTokens - len(c.prompt)
	if room < 1 {
		return nil, &llm.Error{Kind: llm.ContextOverflow, Message: fmt.Sprintf(
			"the prompt has %d tokens; the model %q takes %d, answer included", len(c.prompt), r.Model, p.card.ContextTokens)}
	}
	c.limit = room
	if r.MaxTokens > 0 {
		c.limit = min(r.MaxTokens, room)
	}
	return c, nil
}

// typed turns any error into the *llm.Error that the contract promises.
func typed(err error) error {
	var e *llm.Error
	switch {
	case errors.As(err, &e):
		return e
	case errors.Is(err, context.DeadlineExceeded):
		return &llm.Error{Kind: llm.Timeout, Message: "the deadline of the call passed", Err: err}
	case errors.Is(err, context.Canceled):
		return &llm.Error{Kind: llm.Cancelled, Message: "the caller gave up", Err: err}
	}
	return &llm.Error{Kind: llm.Unavailable, Message: err.Error()}
}
