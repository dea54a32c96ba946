//go:build cgo && !race

package main

import (
	"context"
	"slices"

	"skerry/appliance/llm"
)

// run is one completion on its way.
type run struct {
	*completion
	p    *provider
	emit func(llm.Delta) error
	res  llm.Response
	done bool
}

// run computes the completion. The caller holds the engine.
//
// Under a schema, what must come is appended without asking the model, and
// goes through it together with the token before, in one pass.
func (c *completion) run(ctx context.Context, p *provider, emit func(llm.Delta) error) (llm.Response, error) {
	r := &run{completion: c, p: p, emit: emit, res: llm.Response{Finish: llm.FinishLength}}
	next, err := r.force(nil)
	if err != nil {
		return r.res, err
	}
	var logits []float32
	if !r.done {
		if logits, err = p.engine.prefill(ctx, slices.Concat(c.prompt, next)); err != nil {
			return r.res, err
		}
	}
	for !r.done {
		if err := ctx.Err(); err != nil {
			return r.res, err
		}
		id, t, err := r.choose(logits)
		if err != nil {
			return r.res, err
		}
		if p.words.isEnd(id) {
			r.res.Finish = llm.FinishStop
			break
		}
		if err := r.write(t, true); err != nil {
			return r.res, err
		}
		if next, err = r.force([]int32{id}); err != nil {
			return r.res, err
		}
		if r.done {
			break
		}
		if logits, err = p.engine.extend(ctx, next); err != nil {
			return r.res, err
		}
	}
	return r.res, r.send(c.out.Finish())
}

// choose asks the model for the next token.
func (r *run) choose(logits []float32) (int32, llm.Token, error) {
	if r.match == nil {
		id, logprob, err := r.sample.Next(logits)
		if err != nil {
			return 0, llm.Token{}, err
		}
		piece, err := r.p.words.bytes(id)
		return id, llm.Token{Bytes: piece, Logprob: logprob}, err
	}
	mask, err := r.match.Mask()
	if err != nil {
		return 0, llm.Token{}, err
	}
	c, err := r.sample.Among(logits, mask)
	if err != nil || r.p.words.isEnd(c.ID) {
		return c.ID, llm.Token{}, err
	}
	if err := r.match.Accept(c.ID); err != nil {
		return 0, llm.Token{}, err
	}
	piece, err := r.p.words.bytes(c.ID)
	return c.ID, llm.Token{Bytes: piece, Logprob: c.Logprob, Mass: c.Mass}, err
}

// force writes what must come after ids, which the model has not seen yet, and
// returns both. It ends the run where nothing can follow.
func (r *run) force(ids []int32) ([]int32, error) {
	if r.match == nil || r.done {
		return ids, nil
	}
	forced, err := r.match.Forced()
	if err != nil {
		return nil, err
	}
	for i, id := range forced {
		piece, err := r.p.words.bytes(id)
		if err != nil {
			return nil, err
		}
		if err := r.write(llm.Token{Bytes: piece, Forced: true}, i == len(forced)-1); err != nil {
			return nil, err
		}
		if r.done {
			return nil, nil
		}
	}
	if r.match.Ended() {
		r.done, r.res.Finish = true, llm.FinishStop
	}
	return append(ids, forced...), nil
}

// write adds a token to the output. It ends the run at a stop string and at
// the bound. latest says that the matcher stands right behind the token: an
// answer that is whole at the bound is not cut.
func (r *run) write(t llm.Token, latest bool) error {
	r.res.Usage.OutputTokens++
	d, stopped := r.out.Add(t)
	if stopped {
		r.done, r.res.Finish = true, llm.FinishStop
	} else if r.res.Usage.OutputTokens == r.limit {
		r.done = true
		if latest && r.match != nil && r.match.Ended() {
			r.res.Finish = llm.FinishStop
		}
	}
	return r.send(d)
}

// emitted is an error of the caller's own emit, which comes back to it as it is.
type emitted struct{ error }

func (r *run) send(d llm.Delta) error {
	r.res.Text += d.Text
	r.res.Tokens = append(r.res.Tokens, d.Tokens...)
	if r.emit == nil || d.Text == "" && len(d.Tokens) == 0 {
		return nil
	}
	if err := r.emit(d); err != nil {
		return emitted{err}
	}
	return nil
}
