package mission

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"

	"github.com/goccy/go-yaml/ast"

	"skerry/appliance/llm"
	"skerry/appliance/source"
)

// Parse reads a mission file. It checks the form: keys, types, names, bounds.
// What expressions mean is checked by [Compile]. On failure the error is
// [Problems], with everything that is wrong and where. The version of the
// mission is 0: whoever publishes it gives it one.
func Parse(text []byte) (Mission, error) {
	body, err := source.Open(text, form)
	if err != nil {
		return Mission{}, err
	}
	r := &reader{positions: map[string]source.Position{}}
	m := r.mission(body)
	if err := r.problems.Err(); err != nil {
		return Mission{}, err
	}
	sum := sha256.Sum256(text)
	m.Digest, m.positions = hex.EncodeToString(sum[:]), r.positions
	return m, nil
}

// nameForm is what missions, inputs, steps and fields may be called: a CEL
// identifier in lower case.
var nameForm = regexp.MustCompile(`^[a-z][a-z0-9_]{0,62}$`)

// missionForm is what a mission may be called: it is part of addresses.
var missionForm = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,62}$`)

// takenNames are words that expressions need for themselves.
var takenNames = []string{
	"input", "tables", "run", "as", "break", "const", "continue", "else", "false", "for", "function", "if", "import",
	"in", "let", "loop", "namespace", "null", "package", "return", "true", "var", "void", "while", "bool", "bytes", "date",
	"decimal", "double", "duration", "dyn", "int", "list", "map", "null_type", "string", "timestamp", "type", "uint",
}

// outcomeFields are what every step says about itself, beside its output.
var outcomeFields = []string{"skipped", "broken"}

func (r *reader) name(n ast.Node, s, path, what string) string {
	switch {
	case s == "":
	case !nameForm.MatchString(s):
		r.addAt(n, path, "%q cannot name %s; use a–z, digits and _, a letter first, at most 63", s, what)
	case slices.Contains(takenNames, s):
		r.addAt(n, path, "%q means something in expressions; name %s otherwise", s, what)
	}
	return s
}

func (r *reader) mission(n ast.Node) Mission {
	m := Mission{Input: []InputField{}, Steps: []Step{}, Verdict: []Outcome{}, Class: ClassSpec{Rules: []ClassRule{}}}
	entries := r.mapping(n, "", "a mission: mission, title, input, class, steps, verdict",
		"mission", "title", "description", "input", "class", "steps", "verdict")
	for _, e := range entries {
		switch e.key {
		case "mission":
			m.Name = r.text(e.node, "mission", "the name of the mission")
			if m.Name != "" && !missionForm.MatchString(m.Name) {
				r.addAt(e.node, "mission", "%q cannot name a mission; use a–z, digits, - and _, a letter first, at most 63", m.Name)
			}
		case "title":
			m.Title = r.words(e.node, "title")
		case "description":
			m.Description = r.words(e.node, "description")
		case "input":
			m.Input = r.inputs(e.node)
		case "class":
			m.Class = r.class(e.node)
		case "steps":
			m.Steps = r.steps(e.node, "steps")
		case "verdict":
			m.Verdict = r.outcomes(e.node)
		}
	}
	if entries != nil {
		r.require(n, "", entries, "mission", "input", "class", "steps", "verdict")
	}
	if m.Title == nil {
		m.Title = Text{"": m.Name}
	}
	return m
}

// require reports the keys that are missing from the entries of n.
func (r *reader) require(n ast.Node, path string, entries []entry, keys ...string) {
	for _, k := range keys {
		if !slices.ContainsFunc(entries, func(e entry) bool { return e.key == k }) {
			r.addAt(n, path, "%q is missing", k)
		}
	}
}

func (r *reader) inputs(n ast.Node) []InputField {
	out := []InputField{}
	for _, e := range r.mapping(n, "input", "the inputs by name") {
		path := join("input", e.key)
		f := InputField{Name: r.name(e.at, e.key, path, "an input"), Accept: nil}
		entries := r.mapping(e.node, path, "an input such as {type: document}", "type", "title", "about", "accept", "values", "optional")
		for _, k := range entries {
			p := join(path, k.key)
			switch k.key {
			case "type":
				f.Type = InputType(r.oneOf(k.node, p, "document", "string", "decimal", "integer", "date", "boolean", "enum", "iban"))
			case "title":
				f.Title = r.words(k.node, p)
			case "about":
				f.About = r.words(k.node, p)
			case "accept":
				for i, a := range r.list(k.node, p, "a list such as [text, pdf]") {
					if s := r.oneOf(a, fmt.Sprintf("%s[%d]", p, i), "text", "pdf"); s != "" {
						f.Accept = append(f.Accept, s)
					}
				}
			case "values":
				f.Values = r.strings(k.node, p, "values")
			case "optional":
				f.Optional = r.boolean(k.node, p)
			}
		}
		if entries != nil {
			r.require(e.at, path, entries, "type")
		}
		r.only(e.at, path, "accept", f.Accept != nil, "document", string(f.Type))
		r.only(e.at, path, "values", f.Values != nil, "enum", string(f.Type))
		if f.Type == "enum" && len(f.Values) == 0 {
			r.addAt(e.at, path, `an enum needs "values"`)
		}
		if f.Type == InputDocument && f.Accept == nil {
			f.Accept = []string{"text", "pdf"}
		}
		if f.Title == nil {
			f.Title = Text{"": e.key}
		}
		out = append(out, f)
	}
	return out
}

// only reports a key that has a meaning for one type alone.
func (r *reader) only(n ast.Node, path, key string, set bool, wants, is string) {
	if set && is != wants && is != "" {
		r.addAt(n, join(path, key), "only %s has %q", wants, key)
	}
}

func (r *reader) class(n ast.Node) ClassSpec {
	c := ClassSpec{Rules: []ClassRule{}}
	entries := r.mapping(n, "class", "{start: …, rules: […]}", "start", "rules")
	for _, e := range entries {
		switch e.key {
		case "start":
			c.Start = llm.DataClass(r.text(e.node, "class.start", "a data class"))
		case "rules":
			for i, rule := range r.list(e.node, "class.rules", "a list of rules") {
				path := fmt.Sprintf("class.rules[%d]", i)
				var cr ClassRule
				keys := r.mapping(rule, path, "{when: …, raise: …, because: …}", "when", "raise", "because")
				for _, k := range keys {
					p := join(path, k.key)
					switch k.key {
					case "when":
						cr.When = r.expr(k.node, p)
					case "raise":
						cr.Raise = llm.DataClass(r.text(k.node, p, "a data class"))
					case "because":
						cr.Because = r.words(k.node, p)
					}
				}
				if keys != nil {
					r.require(rule, path, keys, "when", "raise", "because")
				}
				c.Rules = append(c.Rules, cr)
			}
		}
	}
	if entries != nil {
		r.require(n, "class", entries, "start")
	}
	return c
}

// reference is what a plain `because` of an outcome must look like to be read
// as an expression: one reference such as release.reason.
var reference = regexp.MustCompile(`^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+$`)

func (r *reader) outcomes(n ast.Node) []Outcome {
	out := []Outcome{}
	list := r.list(n, "verdict", "a list of outcomes; the first that applies is the verdict")
	for i, o := range list {
		path := fmt.Sprintf("verdict[%d]", i)
		var oc Outcome
		entries := r.mapping(o, path, "{is: …, when: …, because: …}", "is", "when", "because")
		for _, e := range entries {
			p := join(path, e.key)
			switch e.key {
			case "is":
				oc.Is = r.name(e.node, r.text(e.node, p, "a verdict"), p, "a verdict")
				if oc.Is == CancelledVerdict {
					r.addAt(e.node, p, "%q is what the platform says of a run that somebody stopped", oc.Is)
				}
			case "when":
				oc.When = r.expr(e.node, p)
			case "because":
				oc.Because, oc.Text = r.because(e.node, p)
			}
		}
		if entries != nil {
			r.require(o, path, entries, "is", "because")
		}
		out = append(out, oc)
	}
	if list != nil && len(list) == 0 {
		r.addAt(n, "verdict", "a mission has at least one outcome")
	}
	return out
}

// because reads the reason of an outcome. A plain text is words, unless it is
// nothing but one reference such as release.reason; {cel: …} is always an
// expression, and {en: …, de: …} always words.
func (r *reader) because(n ast.Node, path string) (Expr, Text) {
	if s, ok := scalar(n); ok {
		if reference.MatchString(s) {
			return r.expr(n, path), nil
		}
		return "", r.words(n, path)
	}
	if m, ok := n.(*ast.MappingNode); ok && len(m.Values) > 0 {
		if k, _ := scalar(m.Values[0].Key); k == "cel" {
			for _, e := range r.mapping(n, path, "{cel: expression}", "cel") {
				return r.expr(e.node, path), nil
			}
		}
	}
	return "", r.words(n, path)
}
