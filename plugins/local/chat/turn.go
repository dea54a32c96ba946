package chat

import (
	"errors"
	"fmt"
	"strings"

	"skerry/appliance/llm"
	"skerry/plugins/local/decode"
	"skerry/plugins/local/dialect"
	"skerry/plugins/local/grammar"
)

// Turn is one answer on its way. It is not safe for concurrent use.
type Turn struct {
	// Spans is the conversation, written down.
	Spans []dialect.Span

	c        *Chat
	offered  []llm.Tool
	prefill  string
	logprobs bool

	match *grammar.Matcher                 // nil = the model writes freely
	calls func() (*grammar.Matcher, error) // of calls that the model begins by itself

	phase    phase
	answer   *decode.Assembler
	thought  *decode.Assembler
	lead     bool   // spaces before the answer are not part of it
	fresh    bool   // nothing was thought or answered so far
	pending  string // of calls, or of the head of a message
	made     int    // calls read
	ids      func() string
	thinking int // tokens
}

type phase int

const (
	answering phase = iota
	thinking
	calling
	heading // between a message of harmony and the next
)

// Turn begins the answer to r. words returns the vocabulary, control tokens in
// it as [Bytes]; it is only asked where the answer is held to something. Errors
// are *llm.Error of kind invalid.
func (c *Chat) Turn(r llm.Request, words func() (*grammar.Vocabulary, error)) (*Turn, error) {
	t := &Turn{c: c, offered: tools(r), prefill: r.Prefill, logprobs: r.Logprobs, fresh: r.Prefill == "", ids: callIDs(r.Messages)}
	var err error
	if t.answer, err = decode.NewAssembler(r.Stop, r.Logprobs); err != nil {
		return nil, err
	}
	if t.thought, err = decode.NewAssembler(nil, false); err != nil {
		return nil, err
	}
	var inside bool
	if t.Spans, inside, err = c.render(r); err != nil {
		return nil, err
	}
	thinks := c.thinks(r)
	t.lead = r.Prefill == "" && (thinks || len(t.offered) > 0)
	switch {
	case c.harmony() && r.Prefill == "":
		t.phase = heading
	case inside:
		t.phase = thinking
		c.mark(t.thought, c.d.Think.Close)
	case thinks:
		c.mark(t.answer, c.d.Think.Open)
	}
	if len(t.offered) > 0 && !c.harmony() {
		c.mark(t.answer, c.f.calls.marker())
	}
	if len(r.Schema) == 0 && len(t.offered) == 0 && (!c.harmony() || r.Prefill != "") {
		return t, nil
	}
	return t, t.hold(r, words, inside)
}

// mark has an assembler end at a mark of the dialect, where that is no token.
func (c *Chat) mark(a *decode.Assembler, mark string) {
	if _, ok := c.control(mark); !ok {
		a.Mark(mark)
	}
}

// hold makes the grammars of the answer.
func (t *Turn) hold(r llm.Request, words func() (*grammar.Vocabulary, error), inside bool) error {
	c := t.c
	v, err := words()
	if err != nil {
		return err
	}
	// Each schema by itself first, so that a refusal can say which it is.
	if len(r.Schema) > 0 {
		if _, err := v.Schema(r.Schema); err != nil {
			return invalid("the model cannot be held to the schema of the answer: %v", err)
		}
	}
	for _, tool := range t.offered {
		one := grammar.JSON(parameters(tool))
		if s := c.f.calls.style; s != nil {
			one = grammar.Seq(grammar.Fields(parameters(tool), *s), grammar.Text(")"))
		}
		if _, err := v.Form(one); err != nil {
			return invalid("the model cannot be held to the parameters of the tool %q: %v", tool.Name, err)
		}
	}
	var calls grammar.Form
	if len(t.offered) > 0 {
		calls = c.f.calls.form(t.offered, c.lit)
	}
	answer := grammar.Raw("")
	if len(r.Schema) > 0 {
		answer = grammar.JSON(r.Schema)
	}
	matcher := func(f grammar.Form) (*grammar.Matcher, error) {
		g, err := v.Form(f)
		if err != nil {
			return nil, err
		}
		return g.Matcher(), nil
	}
	switch {
	case c.harmony() && r.Prefill == "":
		t.match, err = matcher(c.turn(r, calls, answer))
	case len(r.Schema) == 0 && !forced(r):
		t.calls = func() (*grammar.Matcher, error) { return matcher(calls) }
	case r.Prefill != "" && len(t.offered) == 0: // the schema is that of both
		if t.match, err = matcher(answer); err == nil {
			if err := t.match.Begin(r.Prefill); err != nil {
				return invalid("prefill: %v", err)
			}
		}
	default:
		if forced(r) {
			answer = calls
		} else if len(t.offered) > 0 {
			answer = grammar.OneOf(answer, calls)
		}
		if think := c.d.Think; inside {
			answer = grammar.Seq(c.raw(think.Close), c.lit(think.Close), grammar.Text(c.f.after), answer)
		} else if c.thinks(r) {
			answer = grammar.Seq(c.lit(think.Open), c.raw(think.Close), c.lit(think.Close), grammar.Text(c.f.after), answer)
		}
		if t.match, err = matcher(answer); err == nil && r.Prefill != "" {
			if err := t.match.Begin(r.Prefill); err != nil {
				return invalid("prefill: %v", err)
			}
		}
	}
	if err != nil {
		return invalid("the model cannot be held to the tools and the schema together: %v", err)
	}
	return nil
}

// callIDs returns ids that no call of the conversation has. They follow from it
// alone: the same conversation gets the same.
func callIDs(messages []llm.Message) func() string {
	used := map[string]bool{}
	for _, m := range messages {
		for _, call := range m.Calls {
			used[call.ID] = true
		}
	}
	n := len(used)
	return func() string {
		for {
			n++
			if id := fmt.Sprintf("call_%d", n); !used[id] {
				used[id] = true
				return id
			}
		}
	}
}

// Matcher returns what holds the next token, or nil where the model writes
// freely. It is another one after [Turn.Add] has met a mark.
func (t *Turn) Matcher() *grammar.Matcher { return t.match }

// ThinkingTokens returns how many tokens were thought, marks included.
func (t *Turn) ThinkingTokens() int { return t.thinking }

// Add takes one token of the output. control is the text of a control token and
// "" for others. One that means nothing to the dialect counts as its Bytes, which
// are empty for those that are no text. stopped reports that a stop
// string was met: the output has ended before it.
func (t *Turn) Add(tok llm.Token, control string) (d llm.Delta, stopped bool, err error) {
	if t.phase == thinking || t.phase == heading {
		t.thinking++
	}
	if control != "" && (len(tok.Bytes) == 0 || t.knows(control)) {
		return t.met(control)
	}
	text := string(tok.Bytes)
	switch t.phase {
	case heading:
		t.pending += text
		return llm.Delta{}, false, nil
	case calling:
		t.pending += text
		d, err = t.read(false)
		return d, false, err
	case thinking:
		d, marked := t.thought.Add(tok)
		d = llm.Delta{Thinking: d.Text}
		if !marked {
			return d, false, nil
		}
		_, rest := t.thought.Met()
		t.close()
		return t.then(d, tok, rest)
	}
	if t.lead {
		trimmed := strings.TrimLeft(text, " \t\r\n")
		if trimmed == "" {
			return llm.Delta{}, false, nil
		}
		t.lead = false
		tok.Bytes = []byte(trimmed)
	}
	d, ended := t.answer.Add(tok)
	if d.Text != "" && t.fresh {
		t.fresh = false
		t.answer.Unmark(t.c.d.Think.Open)
	}
	if !ended {
		return d, false, nil
	}
	mark, rest := t.answer.Met()
	switch {
	case len(t.offered) > 0 && mark == t.c.f.calls.marker():
		if err := t.call(rest); err != nil {
			return d, false, err
		}
		more, err := t.read(false)
		d.Calls = more.Calls
		return d, false, err
	case t.c.Thinking() && mark == t.c.d.Think.Open && t.open():
		t.answer.Unmark(mark)
		return t.then(d, tok, rest)
	}
	return d, true, nil
}

// then goes on with what stands behind a mark in the same token.
func (t *Turn) then(d llm.Delta, tok llm.Token, rest string) (llm.Delta, bool, error) {
	if rest == "" {
		return d, false, nil
	}
	tok.Bytes = []byte(rest)
	more, stopped, err := t.Add(tok, "")
	more.Thinking = d.Thinking + more.Thinking
	more.Text = d.Text + more.Text
	more.Tokens = append(d.Tokens, more.Tokens...)
	return more, stopped, err
}

// knows reports whether a control token means something to the dialect here.
func (t *Turn) knows(control string) bool {
	c := t.c
	return c.harmony() || t.phase == calling || c.Thinking() && (control == c.d.Think.Open || control == c.d.Think.Close) ||
		len(t.offered) > 0 && control == c.f.calls.marker()
}

// met handles a control token.
func (t *Turn) met(control string) (d llm.Delta, stopped bool, err error) {
	c := t.c
	switch {
	case c.harmony():
		return t.channel(control), false, nil
	case t.phase == calling:
		t.pending += control
		d, err = t.read(false)
		return d, false, err
	case t.phase == thinking && control == c.d.Think.Close:
		d.Thinking = t.thought.Finish().Text
		t.close()
	case t.phase == answering && c.Thinking() && control == c.d.Think.Open && t.open():
		t.thinking++
	case t.phase == answering && len(t.offered) > 0 && control == c.f.calls.marker():
		d = t.answer.Finish()
		err = t.call("")
	}
	// Elsewhere it means nothing, and is no text.
	return d, false, err
}

// open begins thinking, if the answer has not begun.
func (t *Turn) open() bool {
	if !t.fresh {
		return false
	}
	t.phase, t.fresh = thinking, false
	t.thought = new(decode.Assembler)
	t.c.mark(t.thought, t.c.d.Think.Close)
	return true
}

// close ends thinking.
func (t *Turn) close() { t.phase, t.lead, t.fresh = answering, true, false }

// ErrCall says that a model began a call that is none of any tool.
var ErrCall = errors.New("the model began to call a tool in a way that fits none that is offered")

// call begins the calls; rest stands behind the mark in the same token.
func (t *Turn) call(rest string) error {
	t.phase = calling
	t.pending = t.c.f.calls.marker() + rest
	if t.match != nil || t.calls == nil {
		return nil
	}
	var err error
	if t.match, err = t.calls(); err != nil {
		return err
	}
	mark := t.c.f.calls.marker()
	if id, ok := t.c.control(mark); ok {
		mark = string(Bytes(id))
	}
	if err := t.match.Begin(mark + rest); err != nil {
		return &llm.Error{Kind: llm.Filtered, Message: "the answer was refused", Err: ErrCall}
	}
	return nil
}

// read returns the calls that are whole. last says that nothing follows.
func (t *Turn) read(last bool) (d llm.Delta, err error) {
	s := t.c.f.calls
	for {
		if s.close != "" && !strings.Contains(t.pending, s.close) || s.close == "" && !last {
			return d, nil
		}
		call, rest, err := s.next(t.pending, t.made, t.offered)
		if errors.Is(err, errUnfinished) {
			return d, nil
		}
		if err != nil {
			return d, err
		}
		t.made++
		call.ID = t.ids()
		d.Calls = append(d.Calls, call)
		t.pending = rest
	}
}

// channel follows the messages of harmony.
func (t *Turn) channel(control string) (d llm.Delta) {
	switch control {
	case "<|channel|>", "<|start|>":
		t.phase, t.pending = heading, control
	case "<|message|>":
		head := t.pending
		t.pending = ""
		switch {
		case strings.HasPrefix(head, "<|channel|>analysis"):
			t.phase = thinking
		case strings.HasPrefix(head, "<|channel|>commentary to="):
			t.phase, t.pending = calling, head+control
		default:
			t.phase = answering
		}
	case "<|end|>":
		if t.phase == thinking {
			d.Thinking = t.thought.Finish().Text
			t.thought = new(decode.Assembler)
		}
		t.phase, t.pending = heading, ""
	default:
		t.pending += control
	}
	return d
}

// End returns what is left when the output has ended for the reason finish, and
// the reason that is to be reported: a turn that is whole and called tools waits
// for their answers.
func (t *Turn) End(finish llm.FinishReason) (d llm.Delta, reason llm.FinishReason, err error) {
	switch t.phase {
	case thinking:
		d.Thinking = t.thought.Finish().Text
	case answering:
		if t.made == 0 {
			d = t.answer.Finish()
		}
	case calling:
		if d, err = t.read(finish == llm.FinishStop); err != nil {
			return d, finish, err
		}
	}
	if finish == llm.FinishStop && t.made > 0 {
		finish = llm.FinishTools
	}
	return d, finish, nil
}
