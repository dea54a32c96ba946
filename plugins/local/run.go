//go:build cgo && !race

package main

import (
	"skerry/appliance/llm"
	"skerry/plugins/local/grammar"
	"skerry/plugins/local/schedule"
)

// run is one completion on its way: what is chosen, forced, written and ended.
// The scheduler asks it, one question at a time, and computes what it answers.
//
// Under a schema, what must come is appended without asking the model, and
// goes through it together with the token before, in one pass.
type run struct {
	*completion
	words *vocabulary
	out   *outbox
	res   llm.Response
	done  bool

	mask    *grammar.Mask // of what comes next; nil = not computed yet
	maskErr error
}

var _ schedule.Job = (*run)(nil)

func newRun(c *completion, words *vocabulary, out *outbox) *run {
	return &run{completion: c, words: words, out: out, res: llm.Response{Finish: llm.FinishLength}}
}

// Begin returns what must come first. none says that this is all.
func (r *run) Begin() (more []schedule.Input, none bool, err error) {
	for _, in := range r.prompt {
		if in.Hash == 0 { // what stands for an image is no word
			r.sample.See(in.ID)
		}
	}
	ids, err := r.force(nil)
	if err != nil {
		return nil, false, err
	}
	if r.done {
		err = r.end()
	}
	return r.inputs(ids), r.done, err
}

// Ahead computes which tokens the schema allows next.
func (r *run) Ahead() {
	if match := r.turn.Matcher(); match != nil {
		r.mask, r.maskErr = match.Mask()
	}
}

// Next takes the logits after the last token and goes on by one, and by
// what must follow it.
func (r *run) Next(logits []float32) ([]schedule.Input, error) {
	id, t, err := r.choose(logits)
	if err != nil {
		return nil, err
	}
	var ids []int32
	if r.words.isEnd(id) {
		r.done, r.res.Finish = true, llm.FinishStop
	} else {
		if err := r.write(id, t, true); err != nil {
			return nil, err
		}
		if ids, err = r.force([]int32{id}); err != nil {
			return nil, err
		}
	}
	if r.done {
		return nil, r.end()
	}
	return r.inputs(ids), nil
}

// inputs turns tokens that follow into elements of the sequence.
func (r *run) inputs(ids []int32) []schedule.Input {
	r.sample.See(ids...)
	return inputs(ids)
}

func inputs(ids []int32) []schedule.Input {
	in := make([]schedule.Input, len(ids))
	for i, id := range ids {
		in[i].ID = id
	}
	return in
}

// choose asks the model for the next token.
func (r *run) choose(logits []float32) (int32, llm.Token, error) {
	match := r.turn.Matcher()
	if match == nil {
		id, logprob, err := r.sample.Next(logits)
		if err != nil {
			return 0, llm.Token{}, err
		}
		piece, err := r.words.bytes(id)
		return id, llm.Token{Bytes: piece, Logprob: logprob}, err
	}
	if r.maskErr != nil {
		return 0, llm.Token{}, r.maskErr
	}
	c, err := r.sample.Among(logits, r.mask)
	if err != nil || r.words.isEnd(c.ID) {
		return c.ID, llm.Token{}, err
	}
	if err := match.Accept(c.ID); err != nil {
		return 0, llm.Token{}, err
	}
	piece, err := r.words.bytes(c.ID)
	return c.ID, llm.Token{Bytes: piece, Logprob: c.Logprob, Mass: c.Mass}, err
}

// force writes what must come after ids, which the model has not seen yet, and
// returns both. It ends the run where nothing can follow.
func (r *run) force(ids []int32) ([]int32, error) {
	match := r.turn.Matcher()
	if match == nil || r.done {
		return ids, nil
	}
	forced, err := match.Forced()
	if err != nil {
		return nil, err
	}
	for i, id := range forced {
		piece, err := r.words.bytes(id)
		if err != nil {
			return nil, err
		}
		if err := r.write(id, llm.Token{Bytes: piece, Forced: true}, i == len(forced)-1); err != nil {
			return nil, err
		}
		if r.done {
			return nil, nil
		}
	}
	if match.Ended() {
		r.done, r.res.Finish = true, llm.FinishStop
	}
	return append(ids, forced...), nil
}

// write adds a token to the output. It ends the run at a stop string and at
// the bound. latest says that the matcher stands right behind the token: an
// answer that is whole at the bound is not cut.
func (r *run) write(id int32, t llm.Token, latest bool) error {
	r.res.Usage.OutputTokens++
	d, stopped, err := r.turn.Add(t, r.words.mark(id))
	if err != nil {
		return err
	}
	if stopped {
		r.done, r.res.Finish = true, llm.FinishStop
	} else if r.res.Usage.OutputTokens == r.limit {
		r.done = true
		if match := r.turn.Matcher(); latest && match != nil && match.Ended() {
			r.res.Finish = llm.FinishStop
		}
	}
	r.send(d)
	return nil
}

// end sends what is left and says why the output has ended.
func (r *run) end() error {
	d, finish, err := r.turn.End(r.res.Finish)
	r.res.Finish, r.res.Usage.ThinkingTokens = finish, r.turn.ThinkingTokens()
	r.send(d)
	return err
}

func (r *run) send(d llm.Delta) {
	r.res.Text += d.Text
	r.res.Tokens = append(r.res.Tokens, d.Tokens...)
	r.res.Thinking += d.Thinking
	r.res.Calls = append(r.res.Calls, d.Calls...)
	r.out.put(d)
}
