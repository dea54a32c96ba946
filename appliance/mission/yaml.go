package mission

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// Bounds of a mission file. They are far above what a person writes and keep
// one bad file from costing memory or stack.
const (
	maxSourceBytes = 256 << 10
	maxNesting     = 48
	maxTextBytes   = 16 << 10 // of one scalar
	maxEntries     = 500      // of one list or mapping
)

// reader walks the YAML tree and gathers problems instead of stopping at the
// first.
type reader struct {
	problems  Problems
	positions map[string]position // by path, for the compiler's messages
}

// entry is one key of a mapping, in the order of the file.
type entry struct {
	key  string
	at   ast.Node // the key, where messages about it point
	node ast.Node
}

// open parses the source into its one document.
func (r *reader) open(source []byte) ast.Node {
	switch {
	case len(source) > maxSourceBytes:
		r.add(position{}, "", "the file has %d bytes; at most %d are read", len(source), maxSourceBytes)
		return nil
	case !utf8.Valid(source):
		r.add(position{}, "", "the file is not UTF-8 text; save it as UTF-8")
		return nil
	case nesting(source) > maxNesting:
		r.add(position{}, "", "the file is nested deeper than %d levels", maxNesting)
		return nil
	}
	file, err := parseYAML(source)
	if err != nil {
		var syntax yaml.Error
		if errors.As(err, &syntax) && syntax.GetToken() != nil && syntax.GetToken().Position != nil {
			p := syntax.GetToken().Position
			r.add(position{p.Line, p.Column}, "", "not YAML: %s", syntax.GetMessage())
		} else {
			r.add(position{}, "", "not YAML: %v", err)
		}
		return nil
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
			r.addAt(d.Body, "", "a file holds one mission; split it at the ---")
			return nil
		}
		body = d.Body
	}
	if body == nil {
		r.add(position{1, 1}, "", "the file is empty; a mission begins with `mission: name`")
	}
	return body
}

// parseYAML turns a panic of the parser into an error: the text is somebody
// else's, and a fuzzer finds what its authors did not.
func parseYAML(source []byte) (file *ast.File, err error) {
	defer func() {
		if p := recover(); p != nil {
			file, err = nil, fmt.Errorf("the YAML parser gave up: %v", p)
		}
	}()
	return parser.ParseBytes(source, 0)
}

// nesting bounds from above how deep a YAML text is nested, without parsing it.
func nesting(source []byte) int {
	deepest, flow := 0, 0
	for line := range strings.Lines(string(source)) {
		dashes := 0
		for rest := strings.TrimLeft(line, " "); strings.HasPrefix(rest, "- ") || strings.HasPrefix(rest, "? "); {
			dashes++
			rest = strings.TrimLeft(rest[2:], " ")
		}
		for _, c := range line {
			switch c {
			case '[', '{':
				flow++
			case ']', '}':
				flow = max(0, flow-1)
			}
			deepest = max(deepest, flow+dashes)
		}
	}
	return deepest
}

func (r *reader) add(at position, path, format string, args ...any) {
	r.problems = append(r.problems, Problem{Line: at.line, Column: at.column, Path: path, Message: fmt.Sprintf(format, args...)})
}

func (r *reader) addAt(n ast.Node, path, format string, args ...any) {
	r.add(place(n), path, format, args...)
}

// place returns where a node begins. A mapping or list begins at its first
// token, not at the colon that the parser reports for it.
func place(n ast.Node) position {
	switch m := n.(type) {
	case *ast.MappingNode:
		if !m.IsFlowStyle && len(m.Values) > 0 {
			return place(m.Values[0].Key)
		}
	case *ast.MappingValueNode:
		return place(m.Key)
	}
	if n == nil || n.GetToken() == nil || n.GetToken().Position == nil {
		return position{}
	}
	return position{n.GetToken().Position.Line, n.GetToken().Position.Column}
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// mapping returns the entries of a mapping; with known keys, others are
// refused. It returns nil and reports where n is none.
func (r *reader) mapping(n ast.Node, path, what string, known ...string) []entry {
	var values []*ast.MappingValueNode
	switch m := n.(type) {
	case *ast.MappingNode:
		values = m.Values
	case *ast.MappingValueNode:
		values = []*ast.MappingValueNode{m}
	default:
		r.wrong(n, path, what)
		return nil
	}
	if len(values) > maxEntries {
		r.addAt(n, path, "has %d entries; at most %d are read", len(values), maxEntries)
		return nil
	}
	var out []entry
	seen := map[string]bool{}
	for _, v := range values {
		key, ok := scalar(v.Key)
		if !ok {
			r.addAt(v, path, "keys are plain words here; anchors and merges are not read")
			continue
		}
		allowed := len(known) == 0
		for _, k := range known {
			allowed = allowed || k == key
		}
		switch {
		case !allowed:
			r.addAt(v.Key, join(path, key), "unknown key %q%s", key, suggest(key, known))
		case seen[key]:
			r.addAt(v.Key, join(path, key), "%q is there twice", key)
		default:
			seen[key] = true
			out = append(out, entry{key, v.Key, v.Value})
		}
	}
	return out
}

// list returns the elements of a list, or nil and reports.
func (r *reader) list(n ast.Node, path, what string) []ast.Node {
	s, ok := n.(*ast.SequenceNode)
	if !ok {
		r.wrong(n, path, what)
		return nil
	}
	if len(s.Values) > maxEntries {
		r.addAt(n, path, "has %d entries; at most %d are read", len(s.Values), maxEntries)
		return nil
	}
	return s.Values
}

func (r *reader) wrong(n ast.Node, path, what string) {
	switch n.(type) {
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode, *ast.MergeKeyNode:
		r.addAt(n, path, "anchors, aliases and tags are not read; write it out")
	case *ast.NullNode, nil:
		r.addAt(n, path, "is empty; it must be %s", what)
	default:
		r.addAt(n, path, "must be %s", what)
	}
}

// scalar returns the text of a scalar as the author wrote it.
func scalar(n ast.Node) (string, bool) {
	switch s := n.(type) {
	case *ast.StringNode:
		return s.Value, true
	case *ast.LiteralNode:
		return strings.TrimSpace(s.Value.Value), true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return n.GetToken().Value, true
	}
	return "", false
}

// text returns a scalar, bounded, or reports.
func (r *reader) text(n ast.Node, path, what string) string {
	s, ok := scalar(n)
	switch {
	case !ok:
		r.wrong(n, path, what)
	case len(s) > maxTextBytes:
		r.addAt(n, path, "has %d bytes; at most %d are read", len(s), maxTextBytes)
	case strings.TrimSpace(s) == "":
		r.addAt(n, path, "is empty; it must be %s", what)
	default:
		at := place(n)
		switch n.GetToken().Type {
		case token.SingleQuoteType, token.DoubleQuoteType:
			at.column++ // what is said begins after the quote
		case token.LiteralType, token.FoldedType:
			at = position{n.GetToken().Position.Line + 1, 1}
		}
		r.positions[path] = at
		return s
	}
	return ""
}

// expr returns a CEL expression; it is type-checked by [Compile].
func (r *reader) expr(n ast.Node, path string) Expr {
	return Expr(r.text(n, path, "a CEL expression"))
}

// languageTag is what a text is marked with: a BCP 47 language, region optional.
var languageTag = regexp.MustCompile(`^[a-z]{2}(-[A-Z]{2})?$`)

// words returns a text for people: a plain string, or one per language.
func (r *reader) words(n ast.Node, path string) Text {
	if _, ok := scalar(n); ok {
		if t := r.text(n, path, "a text"); t != "" {
			return Text{"": t}
		}
		return nil
	}
	t := Text{}
	for _, e := range r.mapping(n, path, "a text, or one by language such as {en: …, de: …}") {
		if !languageTag.MatchString(e.key) {
			r.addAt(e.at, join(path, e.key), "%q is no language; write en, de …", e.key)
			continue
		}
		if s := r.text(e.node, join(path, e.key), "a text"); s != "" {
			t[e.key] = s
		}
	}
	if len(t) == 0 {
		return nil
	}
	return t
}

func (r *reader) oneOf(n ast.Node, path string, allowed ...string) string {
	s := r.text(n, path, "one of "+strings.Join(allowed, ", "))
	if s == "" {
		return ""
	}
	for _, a := range allowed {
		if a == s {
			return s
		}
	}
	r.addAt(n, path, "%q is not one of %s", s, strings.Join(allowed, ", "))
	return ""
}

func (r *reader) boolean(n ast.Node, path string) bool {
	b, ok := n.(*ast.BoolNode)
	if !ok {
		r.wrong(n, path, "true or false")
		return false
	}
	return b.Value
}

func (r *reader) number(n ast.Node, path string, lowest, highest float64) float64 {
	switch n.(type) {
	case *ast.IntegerNode, *ast.FloatNode:
		f, err := strconv.ParseFloat(n.GetToken().Value, 64)
		if err == nil && f >= lowest && f <= highest {
			return f
		}
	}
	r.wrong(n, path, fmt.Sprintf("a number from %v to %v", lowest, highest))
	return 0
}

// maxDuration bounds waits: a decision that is open for a year is forgotten.
const maxDuration = 366 * 24 * time.Hour

// durationForm is the grammar of durations: 90m, 72h, 1h30m, 3d.
var durationForm = regexp.MustCompile(`^([0-9]{1,4}d)?([0-9]{1,5}h)?([0-9]{1,6}m)?([0-9]{1,7}s)?$`)

func (r *reader) duration(n ast.Node, path string) time.Duration {
	s := r.text(n, path, "a duration such as 90m, 72h or 3d")
	if s == "" {
		return 0
	}
	var d time.Duration
	rest := s
	if days, after, ok := strings.Cut(s, "d"); ok && durationForm.MatchString(s) {
		k, _ := strconv.Atoi(days)
		d, rest = time.Duration(k)*24*time.Hour, after
	}
	if rest != "" {
		more, err := time.ParseDuration(rest)
		if err != nil || !durationForm.MatchString(s) {
			r.addAt(n, path, "%q is no duration; write 90m, 72h or 3d", s)
			return 0
		}
		d += more
	}
	if d < time.Second || d > maxDuration {
		r.addAt(n, path, "%q is not between 1s and 366d", s)
		return 0
	}
	return d
}

func (r *reader) strings(n ast.Node, path, what string) []string {
	var out []string
	seen := map[string]bool{}
	for i, e := range r.list(n, path, "a list of "+what) {
		p := fmt.Sprintf("%s[%d]", path, i)
		s := r.text(e, p, "a plain word")
		if seen[s] && s != "" {
			r.addAt(e, p, "%q is there twice", s)
			continue
		}
		if s != "" {
			seen[s] = true
			out = append(out, s)
		}
	}
	return out
}
