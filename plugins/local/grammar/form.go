package grammar

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Form is a text made of fixed text and of values under schemas: what a model
// writes when it calls a tool. Make one with [Text], [JSON], [Fields], [Raw], [Seq],
// [OneOf] and [Some].
type Form struct {
	kind  byte // t, j, f, w, s, o or r
	text  string
	style Style
	parts []Form
}

// Text is exactly s. It may hold bytes that occur in no UTF-8 text, which
// stand for control tokens if the vocabulary has them so: no value ever has.
func Text(s string) Form { return Form{kind: 't', text: s} }

// JSON is a value under a JSON Schema, written as [Vocabulary.Schema] has it.
func JSON(schema []byte) Form { return Form{kind: 'j', text: string(schema)} }

// Fields are the properties of an object under a JSON Schema, written one after
// the other in another style than JSON. [Style.Read] reads them back.
func Fields(schema []byte, s Style) Form { return Form{kind: 'f', text: string(schema), style: s} }

// Raw is any text, also none, in which the two different ASCII characters of end
// do not stand one after the other; an end of "" is no bound.
func Raw(end string) Form { return Form{kind: 'w', text: end} }

// Seq is one part after the other.
func Seq(parts ...Form) Form { return Form{kind: 's', parts: parts} }

// OneOf is any one of its parts.
func OneOf(parts ...Form) Form { return Form{kind: 'o', parts: parts} }

// Some is part once or more, with sep between. One of both must not be empty.
func Some(part, sep Form) Form { return Form{kind: 'r', parts: []Form{part, sep}} }

// Style is how the members of an object are written: Open, name, Colon, value,
// Close, with Comma between members. Values are JSON; where Raw is true, those
// that can only be strings are written as they are, without quotation marks
// or escapes, and never with the text End in them.
type Style struct {
	Open, Colon, Close, Comma string
	Raw                       bool
	End                       string // two different characters of ASCII; Close has them
}

func (f Form) write(b *strings.Builder) {
	fmt.Fprintf(b, "%c%q%q(", f.kind, f.text, f.style.Open+"\x00"+f.style.Colon+"\x00"+f.style.Close+"\x00"+f.style.Comma+"\x00"+f.style.End+fmt.Sprint(f.style.Raw))
	for _, p := range f.parts {
		p.write(b)
	}
	b.WriteByte(')')
}

// Form returns the grammar of a form, compiled or from memory. An error about a
// schema in it is a [*Refusal].
func (v *Vocabulary) Form(f Form) (*Grammar, error) {
	var b strings.Builder
	f.write(&b)
	return v.compiled("form\x00"+b.String(), func() (*Grammar, error) { return compileForm(f) })
}

func compileForm(f Form) (*Grammar, error) {
	c := &compiler{g: newGrammar(), refs: map[string]int32{}, any: -1}
	r := c.rule()
	start := c.form(f, c.node(node{accept: true}))
	c.g.rules[r].start = start
	c.rest()
	if c.err != nil {
		return nil, c.err
	}
	return c.g, c.g.finish()
}

func (c *compiler) form(f Form, next int32) int32 {
	if c.err != nil {
		return 0
	}
	switch f.kind {
	case 't':
		return c.literal(f.text, next)
	case 'j', 'f':
		if len(f.text) > MaxSchemaBytes {
			return c.fail("", "", "it has %d bytes; %d are possible", len(f.text), MaxSchemaBytes)
		}
		root, err := parse([]byte(f.text))
		if err != nil {
			return c.fail("", "", "%v", err)
		}
		c.root, c.scope = root, fmt.Sprintf("%d#", len(c.g.nodes))
		if f.kind == 'f' {
			return c.fields(root, f.style, next)
		}
		return c.schema(root, "", next, 0)
	case 'w':
		d := anything
		if f.text != "" {
			var err error
			if d, err = c.never(f.text); err != nil {
				return c.fail("", "", "%v", err)
			}
		}
		return c.text(d, false, 0, -1, next)
	case 's':
		for i := len(f.parts) - 1; i >= 0; i-- {
			next = c.form(f.parts[i], next)
		}
		return next
	case 'o':
		var ways []int32
		for _, p := range f.parts {
			ways = append(ways, c.form(p, next))
		}
		return c.oneOf(ways...)
	}
	after := c.node(node{})
	part := c.form(f.parts[0], after)
	again := c.form(f.parts[1], part)
	if c.err == nil {
		c.g.nodes[after].empty = []int32{next, again}
	}
	return part
}

// fields adds the members of an object in a style, in the order of properties.
func (c *compiler) fields(v value, s Style, next int32) int32 {
	props, required, err := members(v)
	if err != nil {
		return c.fail("", "", "%v", err)
	}
	first, then := next, next // the places before and after the first member
	for i := len(props) - 1; i >= 0 && c.err == nil; i-- {
		p := props[i]
		ptr := "/properties" + token(p.name)
		if strings.Contains(p.name, s.Colon) || s.End != "" && strings.Contains(p.name, s.End) {
			return c.fail(ptr, "", "this model cannot write the name %q", p.name)
		}
		var member int32
		end := c.literal(s.Close, then)
		if s.raw(p.value) {
			member = c.rawText(p.value, ptr, s.End, end)
		} else {
			member = c.schema(p.value, ptr, end, 1)
		}
		member = c.literal(s.Open+p.name+s.Colon, member)
		comma := c.literal(s.Comma, member)
		if slices.Contains(required, p.name) {
			first, then = member, comma
		} else {
			first, then = c.oneOf(member, first), c.oneOf(comma, then)
		}
	}
	return first
}

// members returns the properties of an object schema, and which are required.
func members(v value) (props []member, required []string, err error) {
	for _, m := range v.members {
		switch {
		case m.name == "type":
			if m.value.text != "object" {
				return nil, nil, errors.New("the arguments must be an object")
			}
		case m.name == "properties" && m.value.kind == '{':
			props = m.value.members
		case m.name == "required" && m.value.kind == '[':
			for _, r := range m.value.items {
				required = append(required, r.text)
			}
		case m.name == "additionalProperties" && m.value.text == "false" && m.value.kind == 't', slices.Contains(annotations, m.name):
		default:
			return nil, nil, fmt.Errorf("this model writes the members of an object one by one, and %q beside them is not supported", m.name)
		}
	}
	for _, r := range required {
		if !slices.ContainsFunc(props, func(m member) bool { return m.name == r }) {
			return nil, nil, fmt.Errorf("%q is required and not among the properties", r)
		}
	}
	return props, required, nil
}

// raw reports whether values under v are written raw: they can only be strings.
func (s Style) raw(v value) bool {
	if !s.Raw {
		return false
	}
	if c, ok := v.get("const"); ok {
		return c.kind == '"'
	}
	if e, ok := v.get("enum"); ok {
		return e.kind == '[' && len(e.items) > 0 && !slices.ContainsFunc(e.items, func(v value) bool { return v.kind != '"' })
	}
	t, ok := v.get("type")
	return ok && t.kind == '"' && t.text == "string"
}

// rawText adds a string without quotation marks in which end does not occur.
func (c *compiler) rawText(v value, ptr, end string, next int32) int32 {
	var texts []string
	if k, ok := v.get("const"); ok {
		texts = []string{k.text}
	}
	if e, ok := v.get("enum"); ok {
		for _, item := range e.items {
			texts = append(texts, item.text)
		}
	}
	if texts != nil {
		for _, t := range texts {
			if strings.Contains(t, end) {
				return c.fail(ptr, "", "this model cannot write the value %q", t)
			}
		}
		slices.Sort(texts)
		return c.tree(slices.Compact(texts), 0, next)
	}
	for _, m := range v.members {
		if m.name == excerptOf || m.name != "type" && !slices.Contains(annotations, m.name) && !slices.Contains(byType["string"], m.name) {
			return c.fail(ptr, m.name, "the keyword is not supported")
		}
	}
	d, low, high := c.characters(v, ptr)
	if c.err != nil {
		return 0
	}
	never, err := c.never(end)
	if err != nil {
		return c.fail(ptr, "", "%v", err)
	}
	ok := true
	if low > 0 || high >= 0 {
		d, ok = c.patterns.intersect(d, lengths(low, high))
	}
	if ok && d != nil {
		d, ok = c.patterns.intersect(d, never)
	}
	switch {
	case !ok:
		return c.fail(ptr, "maxLength", "it needs too many states")
	case d == nil:
		return c.fail(ptr, "", "no string is possible under it that this model can write")
	}
	return c.text(d, false, 0, -1, next)
}

// never returns the texts without the two characters of end.
func (c *compiler) never(end string) (*dfa, error) {
	a, b := regexp.QuoteMeta(end[:1]), regexp.QuoteMeta(end[1:])
	return c.patterns.pattern(fmt.Sprintf(`([^%[1]s]|%[1]s+[^%[1]s%[2]s])*%[1]s*`, a, b), true)
}

// Read returns the object that text spells, which was written under
// [Fields], and what follows it in text. It returns an error for text that was not.
func (s Style) Read(schema []byte, text string) (object json.RawMessage, rest string, err error) {
	root, err := parse(schema)
	if err != nil {
		return nil, "", err
	}
	props, _, err := members(root)
	if err != nil {
		return nil, "", err
	}
	out := []byte("{")
	for {
		after := text
		ok := true
		if len(out) > 1 {
			after, ok = strings.CutPrefix(after, s.Comma)
		}
		if ok {
			after, ok = strings.CutPrefix(after, s.Open)
		}
		name, value, found := strings.Cut(after, s.Colon)
		i := slices.IndexFunc(props, func(m member) bool { return m.name == name })
		if !ok || !found || i < 0 {
			return append(out, '}'), text, nil
		}
		schema := props[i].value
		props = slices.Delete(slices.Clone(props), i, i+1)
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(append(out, quote(name)...), ':')
		if s.raw(schema) {
			raw, _, closed := strings.Cut(value, s.Close)
			if !closed {
				return nil, "", fmt.Errorf("the value of %q does not end", name)
			}
			out = append(out, quote(raw)...)
			text = value[len(raw):]
		} else {
			d := json.NewDecoder(strings.NewReader(value))
			var raw json.RawMessage
			if err := d.Decode(&raw); err != nil {
				return nil, "", fmt.Errorf("the value of %q: %w", name, err)
			}
			out = append(out, bytes.TrimSpace(raw)...)
			text = value[d.InputOffset():]
		}
		if text, ok = strings.CutPrefix(text, s.Close); !ok {
			return nil, "", fmt.Errorf("the value of %q does not end with %q", name, s.Close)
		}
	}
}
