package grammar

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// compiler turns a schema into nodes. It works from the end to the beginning:
// every method adds what comes before the node next and returns where that
// begins.
type compiler struct {
	g     *Grammar
	root  value            // the schema that is worked on
	scope string           // tells its references from those of others
	refs  map[string]int32 // rules of references, by scope and pointer
	todo  []reference
	any   int32 // rule of any JSON value; -1 = not needed so far

	patterns patterns
	err      error // the first refusal
}

type reference struct {
	rule    int32
	pointer string
	value   value
	depth   int
	root    value // the schema that it stands in
	scope   string
}

// later has the rule filled in at the end.
func (c *compiler) later(rule int32, pointer string, v value, depth int) {
	c.todo = append(c.todo, reference{rule, pointer, v, depth, c.root, c.scope})
}

// rest fills in the rules that are left.
func (c *compiler) rest() {
	for len(c.todo) > 0 && c.err == nil {
		r := c.todo[0]
		c.todo = c.todo[1:]
		c.root, c.scope = r.root, r.scope
		end := c.node(node{accept: true})
		c.g.rules[r.rule].start = c.schema(r.value, r.pointer, end, r.depth)
	}
}

func newGrammar() *Grammar {
	return &Grammar{states: map[string]*state{}, frames: map[frameKey]*frame{}, known: map[runKey][]int32{}}
}

// compileSchema returns the grammar of a JSON Schema.
func compileSchema(raw []byte) (*Grammar, error) {
	if len(raw) > MaxSchemaBytes {
		return nil, refuse("", "", "it has %d bytes; %d are possible", len(raw), MaxSchemaBytes)
	}
	root, err := parse(raw)
	if err != nil {
		return nil, refuse("", "", "%v", err)
	}
	c := &compiler{g: newGrammar(), root: root, refs: map[string]int32{}, any: -1}
	c.later(c.rule(), "", root, 0)
	c.refs[""] = 0
	c.rest()
	if c.err != nil {
		return nil, c.err
	}
	return c.g, c.g.finish()
}

// compilePattern returns the grammar of the texts that a regular expression
// matches as a whole.
func compilePattern(expr string) (*Grammar, error) {
	c := &compiler{g: newGrammar()}
	d, err := c.patterns.pattern(expr, true)
	if err != nil {
		return nil, refuse("", "", "%v", err)
	}
	c.g.rules = make([]rule, 1)
	c.g.rules[0].start = c.text(d, false, 0, -1, c.node(node{accept: true}))
	return c.g, c.g.finish()
}

// fail keeps the first refusal.
func (c *compiler) fail(pointer, keyword, format string, a ...any) int32 {
	if c.err == nil {
		c.err = refuse(pointer, keyword, format, a...)
	}
	return 0
}

func (c *compiler) rule() int32 {
	c.g.rules = append(c.g.rules, rule{})
	return int32(len(c.g.rules) - 1)
}

// node adds a node that calls nothing. After a refusal it adds nothing.
func (c *compiler) node(n node) int32 {
	if c.err != nil {
		return 0
	}
	if len(c.g.nodes) >= MaxNodes {
		return c.fail("", "", "it needs more than %d nodes; use fewer or shorter names and values, and smaller bounds", MaxNodes)
	}
	n.call, n.body = -1, -1
	c.g.nodes = append(c.g.nodes, n)
	return int32(len(c.g.nodes) - 1)
}

func (c *compiler) byte(b byte, next int32) int32 {
	return c.node(node{edges: []edge{{b, b, next}}})
}

func (c *compiler) literal(s string, next int32) int32 {
	for i := len(s) - 1; i >= 0 && c.err == nil; i-- {
		next = c.byte(s[i], next)
	}
	return next
}

func (c *compiler) oneOf(nodes ...int32) int32 {
	if len(nodes) == 1 {
		return nodes[0]
	}
	return c.node(node{empty: nodes})
}

func (c *compiler) call(r, next int32) int32 {
	id := c.node(node{next: next})
	if c.err == nil {
		c.g.nodes[id].call = r
	}
	return id
}

// text adds a text that d accepts; a nil d accepts nothing.
func (c *compiler) text(d *dfa, json bool, low, high, next int32) int32 {
	if d == nil {
		return c.node(node{})
	}
	c.g.bodies = append(c.g.bodies, body{d, json, low, high})
	id := c.node(node{next: next})
	if c.err == nil {
		c.g.nodes[id].body = int32(len(c.g.bodies) - 1)
	}
	return id
}

// Keywords by the types that they say something about. Those that only
// describe a value allow every value.
var (
	annotations = []string{"title", "description", "default", "example", "examples", "$comment", "$schema", "$id", "$defs", "definitions", "deprecated", "readOnly", "writeOnly"}
	byType      = map[string][]string{
		"string": {"minLength", "maxLength", "pattern", "format", excerptOf},
		"number": {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"},
		"array":  {"items", "prefixItems", "minItems", "maxItems", "uniqueItems"},
		"object": {"properties", "required", "additionalProperties"},
	}
	combining = []string{"enum", "const", "anyOf", "oneOf", "allOf", "$ref"}
	types     = []string{"object", "array", "string", "number", "integer", "boolean", "null"}
)

// schema adds a value of the schema v.
func (c *compiler) schema(v value, ptr string, next int32, depth int) int32 {
	switch {
	case c.err != nil:
		return 0
	case depth > MaxSchemaDepth:
		return c.fail(ptr, "", "the schema nests deeper than %d levels", MaxSchemaDepth)
	case v.kind == 't' && v.text == "true":
		return c.call(c.anyRule(), next)
	case v.kind == 't':
		return c.node(node{}) // nothing is possible
	case v.kind != '{':
		return c.fail(ptr, "", "a schema is an object, true or false")
	}
	combined := ""
	var asserting []string
	for _, m := range v.members {
		switch {
		case slices.Contains(annotations, m.name):
			if m.name == "$id" && ptr != "" {
				return c.fail(ptr, m.name, "a name for a part of a schema is not supported; name only the whole")
			}
		case slices.Contains(combining, m.name):
			combined = m.name
			asserting = append(asserting, m.name)
		case m.name == "type", known(m.name):
			asserting = append(asserting, m.name)
		default:
			return c.fail(ptr, m.name, "the keyword is not supported")
		}
	}
	if combined != "" {
		for _, name := range asserting {
			if name != combined && (name != "type" || combined != "enum" && combined != "const") {
				return c.fail(ptr, name, "next to %q it is not supported; write both into one schema", combined)
			}
		}
		return c.combined(v, ptr, combined, next, depth)
	}
	kinds, ok := c.types(v, ptr)
	if !ok {
		return 0
	}
	var alternatives []int32
	for _, t := range kinds {
		var start int32
		switch t {
		case "null":
			start = c.literal("null", next)
		case "boolean":
			start = c.oneOf(c.literal("true", next), c.literal("false", next))
		case "string":
			start = c.str(v, ptr, next)
		case "number", "integer":
			start = c.num(v, ptr, t == "integer", next)
		case "array":
			start = c.array(v, ptr, next, depth)
		case "object":
			start = c.object(v, ptr, next, depth)
		}
		alternatives = append(alternatives, start)
	}
	return c.oneOf(alternatives...)
}

func known(name string) bool {
	for _, names := range byType {
		if slices.Contains(names, name) {
			return true
		}
	}
	return false
}

// types returns the types that v names. A schema without them means those that
// its keywords are about, and any if there are none: a part of what JSON Schema
// allows.
func (c *compiler) types(v value, ptr string) ([]string, bool) {
	t, ok := v.get("type")
	if !ok {
		var out []string
		for _, name := range types {
			if slices.ContainsFunc(byType[name], func(k string) bool { _, has := v.get(k); return has }) {
				out = append(out, name)
			}
		}
		if out == nil {
			out = []string{"object", "array", "string", "number", "boolean", "null"}
		}
		return out, true
	}
	list := t.items
	if t.kind == '"' {
		list = []value{t}
	}
	var out []string
	for _, item := range list {
		if item.kind != '"' || !slices.Contains(types, item.text) {
			c.fail(ptr, "type", "%s is no type", item)
			return nil, false
		}
		out = append(out, item.text)
	}
	if slices.Contains(out, "number") {
		out = slices.DeleteFunc(out, func(s string) bool { return s == "integer" })
	}
	slices.Sort(out)
	if out = slices.Compact(out); len(out) == 0 {
		c.fail(ptr, "type", "it names no type")
		return nil, false
	}
	return out, true
}

// combined adds a value of a schema that consists of others, or of values.
func (c *compiler) combined(v value, ptr, keyword string, next int32, depth int) int32 {
	arg, _ := v.get(keyword)
	at := ptr + token(keyword)
	switch keyword {
	case "const":
		return c.values(v, ptr, keyword, []value{arg}, next)
	case "enum":
		if arg.kind != '[' {
			return c.fail(ptr, keyword, "it must be a list of values")
		}
		return c.values(v, ptr, keyword, arg.items, next)
	case "$ref":
		if arg.kind != '"' {
			return c.fail(ptr, keyword, "it must be a string")
		}
		r, err := c.reference(arg.text, depth)
		if err != nil {
			return c.fail(ptr, keyword, "%v", err)
		}
		return c.call(r, next)
	}
	if arg.kind != '[' || len(arg.items) == 0 {
		return c.fail(ptr, keyword, "it must be a list of at least one schema")
	}
	if len(arg.items) > MaxChoices {
		return c.fail(ptr, keyword, "it has %d schemas; %d are possible", len(arg.items), MaxChoices)
	}
	if keyword == "allOf" && len(arg.items) > 1 {
		return c.fail(ptr, keyword, "only one schema is supported; write them into one")
	}
	if keyword == "oneOf" {
		for i := range arg.items {
			for k := range i {
				if !c.disjoint(arg.items[k], arg.items[i]) {
					return c.fail(at, "", "values of %d and %d may be the same, which %q forbids; use anyOf, or give both a required property with different constants", k, i, keyword)
				}
			}
		}
	}
	var alternatives []int32
	for i, s := range arg.items {
		alternatives = append(alternatives, c.schema(s, at+"/"+strconv.Itoa(i), next, depth+1))
	}
	return c.oneOf(alternatives...)
}

// reference returns the rule of what $ref names.
func (c *compiler) reference(ref string, depth int) (int32, error) {
	pointer, ok := strings.CutPrefix(ref, "#")
	if !ok || pointer != "" && pointer[0] != '/' {
		return 0, fmt.Errorf("%q does not lie in this schema; only references such as #/$defs/name are supported", ref)
	}
	if r, ok := c.refs[c.scope+pointer]; ok {
		return r, nil
	}
	v, err := c.resolve(pointer)
	if err != nil {
		return 0, err
	}
	r := c.rule()
	c.refs[c.scope+pointer] = r
	c.later(r, pointer, v, 0)
	return r, nil
}

// resolve returns what a JSON pointer leads to.
func (c *compiler) resolve(pointer string) (value, error) {
	v := c.root
	if pointer == "" {
		return v, nil
	}
	for _, part := range strings.Split(pointer[1:], "/") {
		if strings.Contains(part, "%") {
			return v, fmt.Errorf("%q has a percent sign, which is not supported", pointer)
		}
		name := strings.NewReplacer("~1", "/", "~0", "~").Replace(part)
		ok := false
		switch v.kind {
		case '{':
			v, ok = v.get(name)
		case '[':
			if i, err := strconv.Atoi(name); err == nil && i >= 0 && i < len(v.items) {
				v, ok = v.items[i], true
			}
		}
		if !ok {
			return v, fmt.Errorf("#%s leads nowhere in this schema", pointer)
		}
	}
	return v, nil
}

// errEmpty says that the whole schema allows nothing.
var errEmpty = errors.New("no value is possible under it that nests at most " + strconv.Itoa(MaxDepth) + " references deep")
