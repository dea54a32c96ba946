// Package llmtest holds what tests of model work need: [Run], the conformance
// suite that every llm.Provider passes; [Fake], a provider with behaviour and
// without a model; and [Recording], which notes what was sent to whom.
package llmtest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"skerry/appliance/llm"
)

// Fake is a provider that answers by rule instead of by model. The same
// request always gets the same response. It follows the whole contract
// (streaming, stop strings, bounds, typed errors, cancellation), so what works
// with it fails only where a model's judgement matters. The zero value serves
// one model named "fake". Set the fields before use; Fake itself is then safe
// for concurrent use, and so must the functions be.
type Fake struct {
	// Name of the provider; "" is "fake".
	Name string

	// Catalogue is what Models returns; nil is one model named "fake" at the
	// embedded boundary.
	Catalogue []llm.Model

	// Answer returns what the model says and the log probability of each of
	// its tokens; nil is [Rules]. An error ends the call: an *llm.Error is
	// passed on, anything else becomes unavailable.
	Answer func(llm.Request) (text string, tokenLogprob float64, err error)

	// Gate, if set, is called before the first output of each call. It may
	// block until ctx ends, which is how a test makes a slow model without
	// sleeping. Its error ends the call like one of Answer.
	Gate func(ctx context.Context, r llm.Request) error

	// Sick, if set, is what Health returns and every other call fails with,
	// unless it returns nil.
	Sick func() error

	// What its entry of the catalogue says it can, a model does: with the
	// capability Tools it calls the tools that the last message names, with
	// Thinking it thinks [Thought] where an effort is asked for.

	// MicrosPerToken is the wall time that usage claims per token, input and
	// output alike; 0 is 100. No clock is read.
	MicrosPerToken int64
}

var (
	_ llm.Provider  = (*Fake)(nil)
	_ llm.Tokenizer = (*Fake)(nil)
)

// Model returns a catalogue entry with plausible values for a fake model:
// embedded, able to do every task, with token probabilities and 4,096 tokens
// of context.
func Model(id llm.ModelID) llm.Model {
	return llm.Model{
		ID: id, Title: "Fake " + string(id), Provider: "fake", Boundary: llm.Embedded,
		Profile: "chatml", ContextTokens: 4096,
		Capabilities: llm.Capabilities{
			Tasks:         []llm.TaskKind{llm.TaskExtract, llm.TaskClassify, llm.TaskGenerate},
			Probabilities: true,
		},
		Lock: llm.Lock{Weights: "fake-" + string(id), Engine: "fake"},
	}
}

// Thought is what a fake thinks that can and is asked to.
const Thought = "Let me see."

// Describe implements llm.Provider.
func (f *Fake) Describe(ctx context.Context) (llm.Description, error) {
	if err := f.ready(ctx); err != nil {
		return llm.Description{}, err
	}
	name := f.Name
	if name == "" {
		name = "fake"
	}
	return llm.Description{Name: name, Version: "1", Engine: "fake"}, nil
}

// Models implements llm.Provider.
func (f *Fake) Models(ctx context.Context) ([]llm.Model, error) {
	if err := f.ready(ctx); err != nil {
		return nil, err
	}
	return slices.Clone(f.catalogue()), nil
}

// Health implements llm.Provider.
func (f *Fake) Health(ctx context.Context) error { return f.ready(ctx) }

// Tokenize implements llm.Tokenizer. The vocabulary is open: the id of a token
// is a hash of its text.
func (f *Fake) Tokenize(ctx context.Context, model llm.ModelID, text string) ([]int32, error) {
	if err := f.ready(ctx); err != nil {
		return nil, err
	}
	if _, err := f.model(model); err != nil {
		return nil, err
	}
	var ids []int32
	for _, p := range pieces(text) {
		h := uint32(2166136261) // FNV-1a
		for i := range len(p) {
			h = (h ^ uint32(p[i])) * 16777619
		}
		ids = append(ids, int32(h&0x7fffffff))
	}
	return ids, nil
}

// Generate implements llm.Provider.
func (f *Fake) Generate(ctx context.Context, r llm.Request, emit func(llm.Delta) error) (llm.Response, error) {
	if err := f.ready(ctx); err != nil {
		return llm.Response{}, err
	}
	m, err := f.model(r.Model)
	if err != nil {
		return llm.Response{}, err
	}
	in := len(pieces(r.Prefill))
	for _, msg := range r.Messages {
		for _, p := range msg.Parts {
			in += len(pieces(p.Text))
		}
	}
	switch {
	case len(r.Messages) == 0:
		return llm.Response{}, &llm.Error{Kind: llm.Invalid, Message: "the request has no messages"}
	case m.ContextTokens > 0 && in >= m.ContextTokens:
		return llm.Response{}, &llm.Error{Kind: llm.ContextOverflow,
			Message: fmt.Sprintf("the prompt has %d tokens, model %s takes %d", in, m.ID, m.ContextTokens)}
	}
	if f.Gate != nil {
		if err := f.Gate(ctx, r); err != nil {
			return llm.Response{}, typed(ctx, err)
		}
	}
	var called []llm.ToolCall
	if m.Capabilities.Tools {
		if called, err = calls(r); err != nil {
			return llm.Response{}, err
		}
	} else if len(r.Tools) > 0 {
		return llm.Response{}, &llm.Error{Kind: llm.Invalid, Message: fmt.Sprintf("the model %q cannot call tools", m.ID)}
	}
	answer := f.Answer
	if answer == nil {
		answer = Rules
	}
	text, logprob, err := answer(r)
	if err != nil {
		return llm.Response{}, typed(ctx, err)
	}
	text = strings.TrimPrefix(text, r.Prefill)

	limit := r.MaxTokens
	if left := m.ContextTokens - in; m.ContextTokens > 0 && (limit == 0 || limit > left) {
		limit = left
	}
	out, finish := cut(text, r.Stop), llm.FinishStop
	tokens := pieces(out)
	if limit > 0 && len(tokens) > limit {
		tokens, finish = tokens[:limit], llm.FinishLength
	}
	if len(called) > 0 {
		tokens, finish = nil, llm.FinishTools
	}
	res := llm.Response{Finish: finish, Calls: called}
	res.Usage.InputTokens, res.Usage.OutputTokens = in, len(tokens)
	if m.Capabilities.Thinking && r.Effort != llm.EffortNone && r.Effort != llm.EffortDefault {
		res.Thinking = Thought
		res.Usage.ThinkingTokens = len(pieces(Thought))
		res.Usage.OutputTokens += res.Usage.ThinkingTokens
	}
	if d := (llm.Delta{Thinking: res.Thinking, Calls: called}); emit != nil && !d.Empty() {
		if err := emit(d); err != nil {
			return llm.Response{}, err
		}
	}
	for _, t := range tokens {
		if err := ctx.Err(); err != nil {
			return llm.Response{}, typed(ctx, err)
		}
		d := llm.Delta{Text: t}
		if r.Logprobs && m.Capabilities.Probabilities {
			d.Tokens = []llm.Token{{Bytes: []byte(t), Logprob: logprob}}
			res.Tokens = append(res.Tokens, d.Tokens...)
		}
		res.Text += t
		if emit != nil {
			if err := emit(d); err != nil {
				return llm.Response{}, err
			}
		}
	}
	if err := ctx.Err(); err != nil {
		return llm.Response{}, typed(ctx, err)
	}
	per := f.MicrosPerToken
	if per == 0 {
		per = 100
	}
	res.Usage.DurationMicros = per * int64(in+res.Usage.OutputTokens)
	return res, nil
}

func (f *Fake) catalogue() []llm.Model {
	if f.Catalogue == nil {
		return []llm.Model{Model("fake")}
	}
	return f.Catalogue
}

func (f *Fake) model(id llm.ModelID) (llm.Model, error) {
	for _, m := range f.catalogue() {
		if m.ID == id {
			return m, nil
		}
	}
	return llm.Model{}, &llm.Error{Kind: llm.Invalid, Message: fmt.Sprintf("no model %q here", id)}
}

func (f *Fake) ready(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return typed(ctx, err)
	}
	if f.Sick != nil {
		if err := f.Sick(); err != nil {
			return typed(ctx, err)
		}
	}
	return nil
}

// typed turns any error into the *llm.Error that the contract promises.
func typed(ctx context.Context, err error) error {
	var e *llm.Error
	if errors.As(err, &e) {
		return e
	}
	kind := llm.KindOf(err)
	if ctx.Err() != nil {
		kind = llm.KindOf(ctx.Err())
	}
	return &llm.Error{Kind: kind, Message: "the fake model gave up", Err: err}
}

// cut returns s up to the first of any stop string.
func cut(s string, stop []string) string {
	end := len(s)
	for _, x := range stop {
		if i := strings.Index(s, x); x != "" && i >= 0 && i < end {
			end = i
		}
	}
	return s[:end]
}

// pieces splits s into the tokens of the fake vocabulary: runs of at most four
// letters or digits with a space before them, and every other character alone.
func pieces(s string) []string {
	var out []string
	for len(s) > 0 {
		i, n := 0, 0
		if s[0] == ' ' {
			i = 1
		}
		for i < len(s) && n < 4 && alnum(s[i]) {
			i++
			n++
		}
		if n == 0 && i < len(s) {
			_, w := utf8.DecodeRuneInString(s[i:])
			i += w
		}
		out = append(out, s[:i])
		s = s[i:]
	}
	return out
}

func alnum(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}
