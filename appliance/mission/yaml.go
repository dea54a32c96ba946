package mission

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"

	"skerry/appliance/source"
)

var form = source.Form{Kind: "mission", Begins: "mission: name", MaxBytes: 256 << 10, MaxNesting: 48}

// Bounds within a mission file.
const (
	maxTextBytes = 16 << 10 // of one scalar
	maxEntries   = 500      // of one list or mapping
)

// reader walks the YAML tree and gathers problems instead of stopping at the
// first.
type reader struct {
	problems  Problems
	positions map[string]source.Position // by path, for the compiler's messages
}

// entry is one key of a mapping, in the order of the file.
type entry struct {
	key  string
	at   ast.Node // the key, where messages about it point
	node ast.Node
}

func (r *reader) addAt(n ast.Node, path, format string, args ...any) {
	r.problems = append(r.problems, source.Place(n).Problem(path, format, args...))
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
		at := source.Place(n)
		switch n.GetToken().Type {
		case token.SingleQuoteType, token.DoubleQuoteType:
			at.Column++ // what is said begins after the quote
		case token.LiteralType, token.FoldedType:
			at = source.Position{Line: n.GetToken().Position.Line + 1, Column: 1}
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
