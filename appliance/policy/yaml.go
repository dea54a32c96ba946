package policy

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// Limits of a document. A policy with a thousand suppliers takes about 100 kB.
const (
	maxDocumentBytes = 8 << 20
	maxDepth         = 64
)

// reader walks a YAML document and collects what is wrong with it.
type reader struct{ problems Problems }

// node is a value of the document. The zero node is an absent value: every
// method takes it and yields the zero result without a problem.
type node struct {
	r    *reader
	n    ast.Node
	path string
}

// readYAML returns the root of the one document in source.
func (r *reader) readYAML(source []byte) (node, bool) {
	fail := func(format string, a ...any) (node, bool) {
		r.problems = append(r.problems, Problem{Message: fmt.Sprintf(format, a...)})
		return node{}, false
	}
	switch {
	case len(source) > maxDocumentBytes:
		return fail("the document has %d bytes; at most %d are read", len(source), maxDocumentBytes)
	case !utf8.Valid(source):
		return fail("the document is not UTF-8; save it as UTF-8")
	case nesting(source) > maxDepth:
		return fail("brackets are nested more than %d deep", maxDepth)
	}
	file, err := parseYAML(source)
	var syntax yaml.Error
	switch {
	case errors.As(err, &syntax):
		p := Problem{Message: syntax.GetMessage()}
		if t := syntax.GetToken(); t != nil && t.Position != nil {
			p.Line, p.Column = t.Position.Line, t.Position.Column
		}
		r.problems = append(r.problems, p)
		return node{}, false
	case err != nil:
		return fail("%v", err)
	}
	var bodies []ast.Node
	for _, d := range file.Docs {
		if _, comment := d.Body.(*ast.CommentGroupNode); d.Body != nil && !comment {
			bodies = append(bodies, d.Body)
		}
	}
	switch len(bodies) {
	case 0:
		return fail("the document is empty")
	case 1:
		return node{r, bodies[0], ""}, true
	}
	return fail("the file holds %d documents; a policy is one", len(bodies))
}

// parseYAML turns a panic of the parser into an error: documents come from
// people, and a fuzzer finds what its authors did not.
func parseYAML(source []byte) (file *ast.File, err error) {
	defer func() {
		if p := recover(); p != nil {
			file, err = nil, fmt.Errorf("the YAML parser gave up: %v", p)
		}
	}()
	return parser.ParseBytes(source, 0)
}

// nesting bounds from above how deep a document is nested, and so how deep the
// parser recurses. Brackets inside texts count too; nobody nests those.
func nesting(source []byte) int {
	flow, deepest := 0, 0
	for line := range bytes.Lines(source) {
		dashes := 0
		for rest := bytes.TrimLeft(line, " "); len(rest) > 1 && (rest[0] == '-' || rest[0] == '?') && rest[1] == ' '; {
			dashes++
			rest = bytes.TrimLeft(rest[2:], " ")
		}
		deepest = max(deepest, flow+dashes)
		for _, c := range line {
			switch c {
			case '[', '{':
				flow++
				deepest = max(deepest, flow+dashes)
			case ']', '}':
				flow = max(0, flow-1)
			}
		}
	}
	return deepest
}

// fail records a problem with the value.
func (v node) fail(format string, a ...any) {
	if v.r == nil {
		return
	}
	p := Problem{Path: v.path, Message: fmt.Sprintf(format, a...)}
	if v.n != nil {
		if t := start(v.n); t != nil && t.Position != nil {
			p.Line, p.Column = t.Position.Line, t.Position.Column
		}
	}
	v.r.problems = append(v.r.problems, p)
}

// start returns the first token of n.
func start(n ast.Node) *token.Token {
	switch n := n.(type) {
	case *ast.MappingNode:
		if !n.IsFlowStyle && len(n.Values) > 0 {
			return n.Values[0].Key.GetToken()
		}
	case *ast.MappingValueNode:
		return n.Key.GetToken()
	}
	return n.GetToken()
}

// absent reports whether there is no value, or null.
func (v node) absent() bool {
	if v.n == nil {
		return true
	}
	_, null := v.n.(*ast.NullNode)
	return null
}

// what names the kind of a value for a message.
func (v node) what() string {
	switch v.n.(type) {
	case *ast.StringNode, *ast.LiteralNode:
		return "a text"
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return "a number"
	case *ast.BoolNode:
		return "true or false"
	case *ast.SequenceNode:
		return "a list"
	case *ast.MappingNode, *ast.MappingValueNode:
		return "a mapping"
	case *ast.AnchorNode, *ast.AliasNode, *ast.MergeKeyNode, *ast.TagNode:
		return "an anchor, alias or tag, which policies do not use"
	case *ast.NullNode:
		return "empty"
	}
	return "something else"
}

// entry is a key and its value.
type entry struct {
	name       string
	key, value node
}

// entries returns the entries of a mapping in order; a key that stands twice is
// a problem.
func (v node) entries() []entry {
	if v.absent() {
		return nil
	}
	m, ok := v.n.(ast.MapNode)
	if _, alias := v.n.(*ast.AliasNode); !ok || alias {
		v.fail("this is %s; it must be a mapping (key: value)", v.what())
		return nil
	}
	var all []entry
	seen := map[string]bool{}
	for it := m.MapRange(); it.Next(); {
		key := node{v.r, it.Key(), v.path}
		s, ok := it.Key().(*ast.StringNode)
		if !ok {
			key.fail("a key must be a plain text; put it in quotes")
			continue
		}
		if seen[s.Value] {
			key.fail("the key %s stands here twice", quote(s.Value))
			continue
		}
		seen[s.Value] = true
		path := s.Value
		if v.path != "" {
			path = v.path + "." + path
		}
		all = append(all, entry{s.Value, node{v.r, it.Key(), path}, node{v.r, it.Value(), path}})
	}
	return all
}

// fields returns the values of a mapping whose keys are known beforehand; any
// other key is a problem.
func (v node) fields(known ...string) map[string]node {
	fields := map[string]node{}
	for _, e := range v.entries() {
		if !slices.Contains(known, e.name) {
			e.key.fail("there is no key %s here; known are %s", quote(e.name), strings.Join(known, ", "))
			continue
		}
		fields[e.name] = e.value
	}
	return fields
}

// items returns the elements of a list.
func (v node) items() []node {
	if v.absent() {
		return nil
	}
	s, ok := v.n.(*ast.SequenceNode)
	if !ok {
		v.fail("this is %s; it must be a list", v.what())
		return nil
	}
	all := make([]node, len(s.Values))
	for i, n := range s.Values {
		all[i] = node{v.r, n, v.path + "[" + strconv.Itoa(i) + "]"}
	}
	return all
}

// text returns a text; a number or a boolean is a problem, because what it
// looks like is not always what it is.
func (v node) text() string {
	if v.absent() {
		return ""
	}
	switch n := v.n.(type) {
	case *ast.StringNode:
		return n.Value
	case *ast.LiteralNode:
		return n.Value.Value
	}
	v.fail("this is %s; it must be a text (put it in quotes)", v.what())
	return ""
}

// count returns a whole number that is not negative.
func (v node) count() int64 {
	if v.absent() {
		return 0
	}
	if n, ok := v.n.(*ast.IntegerNode); ok {
		switch i := n.Value.(type) {
		case int64:
			if i >= 0 {
				return i
			}
		case uint64:
			if i <= math.MaxInt64 {
				return int64(i)
			}
		}
		v.fail("the number must lie between 0 and %d", int64(math.MaxInt64))
		return 0
	}
	v.fail("this is %s; it must be a whole number", v.what())
	return 0
}

// truth returns true or false.
func (v node) truth() bool {
	if v.absent() {
		return false
	}
	if n, ok := v.n.(*ast.BoolNode); ok {
		return n.Value
	}
	v.fail("this is %s; it must be true or false", v.what())
	return false
}

// textOrNothing returns the text that v is, or "" if it is something else.
func (v node) textOrNothing() string {
	if s, ok := v.n.(*ast.StringNode); ok {
		return s.Value
	}
	return ""
}
