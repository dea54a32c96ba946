// Package source opens the YAML documents that people write, missions and
// policies, and names what is wrong with them and where. It knows no key of
// either, and it keeps what a hostile text could do to the parser away from the
// caller: size, nesting and panics. Start with [Open].
package source

import (
	"bytes"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// Form says what a kind of document is called and how large it may be. Bounds
// are far above what a person writes and keep one bad file from costing memory
// or stack.
type Form struct {
	Kind       string // for messages, for example "mission"
	Begins     string // what such a document begins with, for an author whose file is empty
	MaxBytes   int
	MaxNesting int // of lists and mappings; every bracket in a text counts as one, too
}

// Open returns the root of the one document in text. If there is none, or more
// than one, the error is [Problems].
func Open(text []byte, f Form) (ast.Node, error) {
	refuse := func(at Position, format string, args ...any) (ast.Node, error) {
		return nil, Problems{at.Problem("", format, args...)}
	}
	switch {
	case len(text) > f.MaxBytes:
		return refuse(Position{}, "the file has %d bytes; at most %d are read", len(text), f.MaxBytes)
	case !utf8.Valid(text):
		return refuse(Position{}, "the file is not UTF-8 text; save it as UTF-8")
	case nesting(text) > f.MaxNesting:
		return refuse(Position{}, "the file is nested deeper than %d levels", f.MaxNesting)
	}
	file, err := parse(text)
	if err != nil {
		var syntax yaml.Error
		if errors.As(err, &syntax) && syntax.GetToken() != nil && syntax.GetToken().Position != nil {
			p := syntax.GetToken().Position
			return refuse(Position{p.Line, p.Column}, "not YAML: %s", syntax.GetMessage())
		}
		return refuse(Position{}, "not YAML: %v", err)
	}
	var body ast.Node
	for _, d := range file.Docs {
		if d == nil || d.Body == nil {
			continue
		}
		if _, comment := d.Body.(*ast.CommentGroupNode); comment {
			continue
		}
		if body != nil {
			return refuse(Place(d.Body), "a file holds one %s; split it at the ---", f.Kind)
		}
		body = d.Body
	}
	if body == nil {
		return refuse(Position{1, 1}, "the file is empty; a %s begins with `%s`", f.Kind, f.Begins)
	}
	return body, nil
}

// parse turns a panic of the parser into an error: the text is somebody else's,
// and a fuzzer finds what its authors did not.
func parse(text []byte) (file *ast.File, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the parser gave up on it: %v", p)
		}
	}()
	return parser.ParseBytes(text, 0)
}

// nesting bounds from above how deep a YAML text is nested, and so how deep the
// parser recurses, without parsing it: open brackets, and marks of lists, keys,
// tags and anchors one after the other. Nesting by indentation costs an author a
// longer line at every level and is bounded by the size.
func nesting(text []byte) int {
	deepest, flow, marks := 0, 0, 0
	for word := range bytes.FieldsSeq(text) {
		if c := word[0]; c == '!' || c == '&' || len(word) == 1 && (c == '-' || c == '?') {
			marks++
		} else {
			marks = 0
		}
		deepest = max(deepest, flow+marks)
		for _, c := range word {
			switch c {
			case '[', '{':
				flow++
			case ']', '}':
				flow = max(0, flow-1)
			}
			deepest = max(deepest, flow+marks)
		}
	}
	return deepest
}

// Place returns where a node begins. A mapping or list begins at its first
// token, not at the colon that the parser reports for it.
func Place(n ast.Node) Position {
	switch m := n.(type) {
	case *ast.MappingNode:
		if !m.IsFlowStyle && len(m.Values) > 0 {
			return Place(m.Values[0].Key)
		}
	case *ast.MappingValueNode:
		return Place(m.Key)
	}
	if n == nil || n.GetToken() == nil || n.GetToken().Position == nil {
		return Position{}
	}
	return Position{n.GetToken().Position.Line, n.GetToken().Position.Column}
}
