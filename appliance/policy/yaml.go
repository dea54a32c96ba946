package policy

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"skerry/appliance/source"
)

// A policy with a thousand suppliers takes about 100 kB.
var form = source.Form{Kind: "policy", Begins: "classes:", MaxBytes: 8 << 20, MaxNesting: 64}

// reader walks a YAML document and collects what is wrong with it.
type reader struct{ problems Problems }

// node is a value of the document. The zero node is an absent value: every
// method takes it and yields the zero result without a problem.
type node struct {
	r    *reader
	n    ast.Node
	path string
}

// fail records a problem with the value.
func (v node) fail(format string, a ...any) {
	if v.r == nil {
		return
	}
	v.r.problems = append(v.r.problems, source.Place(v.n).Problem(v.path, format, a...))
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
