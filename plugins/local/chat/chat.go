// Package chat talks to a model in its own dialect: it writes a conversation
// down, says which grammar holds the answer at every token, and reads thinking,
// calls of tools and the answer out of what the model writes.
//
// Families of models are known by name. Their forms come from the renderers of
// the inference engine, which are code of this program; a template inside a
// model file is only compared with what is known (package dialect) and never
// run. Texts of people, documents, tools and models are data in all of it: they
// cannot become control tokens, wherever they stand.
//
// A call is held to the tools that are offered and to the JSON Schema of their
// arguments from the first byte after the mark that opens it, so that what is
// read always parses and validates.
//
// Everything here is pure. Start with [For], [Chat.Turn] and [Turn.Add].
package chat

import (
	"regexp"
	"strings"

	"skerry/appliance/llm"
	"skerry/plugins/local/dialect"
	"skerry/plugins/local/grammar"
)

// Bounds of one request.
const (
	MaxTools    = 128
	MaxMessages = 10_000
	MaxImages   = 16
)

var toolName = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,64}$`)

// Control returns the id of the control token with the given text, if the
// vocabulary of the model has it.
type Control func(text string) (id int32, ok bool)

// Chat is the dialect of one model. It is safe for concurrent use.
type Chat struct {
	d       dialect.Dialect
	control Control
	f       family
	sees    bool // the model can be shown images
}

// family is what is to be known of a dialect to write and read it.
type family struct {
	renderer string // of the inference engine; "" = forms of turns, or harmony
	calls    *syntax
	idle     bool   // by itself it does not think
	off      string // what is put before an answer without thinking, where the renderer does not
	after    string // what stands between thinking and answer
	trims    bool   // the published template takes spaces off both ends of a text
}

var families = map[string]family{
	"qwen3":             {renderer: "qwen3-vl-thinking", calls: objects, off: "<think>\n\n</think>\n\n", after: "\n\n"},
	"qwen3-thinking":    {renderer: "qwen3-vl-thinking", calls: objects, after: "\n\n"},
	"qwen3-instruct":    {renderer: "qwen3-vl-instruct", calls: objects},
	"qwen3-vl-thinking": {renderer: "qwen3-vl-thinking", calls: objects, after: "\n\n"},
	"qwen3-vl-instruct": {renderer: "qwen3-vl-instruct", calls: objects},
	"qwen3-coder":       {renderer: "qwen3-coder", calls: markup},
	"qwen3.5":           {renderer: "qwen3.5", calls: markup, after: "\n\n", trims: true},
	"nemotron-3-nano":   {renderer: "nemotron-3-nano", calls: markup, after: "\n", trims: true},
	"olmo3":             {renderer: "olmo3", calls: lines},
	"olmo3-think":       {renderer: "olmo3-think"},
	"lfm2":              {renderer: "lfm2", calls: python},
	"lfm2-thinking":     {renderer: "lfm2-thinking", calls: python, after: "\n"},
	"glm-4.7":           {renderer: "glm-4.7", calls: pairs},
	"deepseek3.1":       {renderer: "deepseek3.1", calls: deep, idle: true},
	"cogito":            {renderer: "cogito", calls: fenced, idle: true, after: "\n\n"},
	"deepseek-r1":       {off: "<think>\n\n</think>\n\n", after: "\n\n"},
	"harmony":           {calls: channels},
}

// For returns the chat of a model with dialect d.
func For(d dialect.Dialect, control Control) *Chat {
	return &Chat{d: d, control: control, f: families[d.Name]}
}

// See says that the model behind the chat sees images, and reports whether they
// can be shown to it: only forms of turns say where they stand. It must be
// called before the chat is used.
func (c *Chat) See() bool {
	c.sees = !c.d.Complex()
	return c.sees
}

// Name returns the name of the dialect.
func (c *Chat) Name() string { return c.d.Name }

// Tools reports whether the model can be offered tools.
func (c *Chat) Tools() bool { return c.d.Tools && c.f.calls != nil }

// Thinking reports whether the model thinks before it answers.
func (c *Chat) Thinking() bool { return c.d.Think.Open != "" }

// OwnEnds reports whether nothing but the dialect's own tokens ends a turn,
// whatever the file says: it has a token for the end of a message within one.
func (c *Chat) OwnEnds() bool { return c.d.Name == "harmony" }

func (c *Chat) harmony() bool { return c.d.Name == "harmony" }

// thinks reports whether the model is to think. A schema or the beginning of an
// answer asks for that answer: unless something else is said, a model that can
// be kept from thinking then is.
func (c *Chat) thinks(r llm.Request) bool {
	switch {
	case !c.Thinking():
		return false
	case c.d.Think.Always:
		return r.Prefill == ""
	case r.Prefill != "" || r.Effort == llm.EffortNone:
		return false
	case r.Effort == llm.EffortDefault:
		return !c.f.idle && len(r.Schema) == 0
	}
	return true
}

// tools returns those that may be called now.
func tools(r llm.Request) []llm.Tool {
	switch r.Choice {
	case llm.ToolsNone:
		return nil
	case llm.ToolsAuto, llm.ToolsRequired:
		return r.Tools
	}
	for _, t := range r.Tools {
		if t.Name == string(r.Choice) {
			return []llm.Tool{t}
		}
	}
	return nil
}

// forced reports whether a call must come.
func forced(r llm.Request) bool { return r.Choice != llm.ToolsAuto && r.Choice != llm.ToolsNone }

// lit turns fixed text of the dialect into a form: control tokens stand there as
// what the vocabulary of the grammar has for them, see [Bytes].
func (c *Chat) lit(s string) grammar.Form {
	var b strings.Builder
	for s != "" {
		n := 0
		for i := 1; i <= len(s) && i <= maxControlBytes; i++ {
			if _, ok := c.control(s[:i]); ok {
				n = i
			}
		}
		if n == 0 {
			b.WriteByte(s[0])
			s = s[1:]
			continue
		}
		id, _ := c.control(s[:n])
		b.Write(Bytes(id))
		s = s[n:]
	}
	return grammar.Text(b.String())
}

// maxControlBytes is longer than any control token of a dialect.
const maxControlBytes = 64

// raw is any text up to where mark follows.
func (c *Chat) raw(mark string) grammar.Form {
	if _, ok := c.control(mark); ok {
		return grammar.Raw("")
	}
	return grammar.Raw(mark[:2])
}
