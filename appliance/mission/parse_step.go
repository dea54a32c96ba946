package mission

import (
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"skerry/appliance/llm"
)

// stepKinds are the keys of which a step has exactly one.
var stepKinds = []string{"extract", "classify", "generate", "check", "decide", "branch", "each", "mission"}

// stepKeys are all keys of a step.
var stepKeys = append([]string{"id", "title", "when", "confidence", "escalate"}, stepKinds...)

func (r *reader) steps(n ast.Node, path string) []Step {
	out := []Step{}
	list := r.list(n, path, "a list of steps")
	for i, s := range list {
		out = append(out, r.step(s, fmt.Sprintf("%s[%d]", path, i)))
	}
	if list != nil && len(list) == 0 {
		r.addAt(n, path, "at least one step is needed here")
	}
	return out
}

func (r *reader) step(n ast.Node, path string) Step {
	var s Step
	var kinds []string
	entries := r.mapping(n, path, "a step: an id and one of "+strings.Join(stepKinds, ", "), stepKeys...)
	for _, e := range entries {
		p := join(path, e.key)
		if slices.Contains(stepKinds, e.key) {
			kinds = append(kinds, e.key)
		}
		switch e.key {
		case "id":
			s.ID = r.name(e.node, r.text(e.node, p, "the id of the step"), p, "a step")
		case "title":
			s.Title = r.words(e.node, p)
		case "when":
			s.When = r.expr(e.node, p)
		case "confidence":
			s.Confidence = r.confidence(e.node, p)
		case "escalate":
			s.Escalate = &EscalateRule{}
			keys := r.mapping(e.node, p, "{when: …, because: …}", "when", "because")
			for _, k := range keys {
				if k.key == "when" {
					s.Escalate.When = r.expr(k.node, join(p, k.key))
				} else {
					s.Escalate.Because = r.words(k.node, join(p, k.key))
				}
			}
			if keys != nil {
				r.require(e.node, p, keys, "when", "because")
			}
		case "extract":
			s.Extract = r.extract(e.node, p)
		case "classify":
			s.Classify = r.classify(e.node, p)
		case "generate":
			s.Generate = r.generate(e.node, p)
		case "check":
			s.Check = r.check(e.node, p)
		case "decide":
			s.Decide = r.decide(e.node, p)
		case "branch":
			s.Branch = r.branch(e.node, p)
		case "each":
			s.Each = r.each(e.node, p)
		case "mission":
			s.Mission = r.subMission(e.node, p)
		}
	}
	if entries == nil {
		return s
	}
	r.require(n, path, entries, "id")
	switch {
	case len(kinds) == 0:
		r.addAt(n, path, "the step says not what to do; add one of %s", strings.Join(stepKinds, ", "))
	case len(kinds) > 1:
		r.addAt(n, path, "a step does one thing; this one has %s", strings.Join(kinds, " and "))
	default:
		if k := kinds[0]; k != "extract" && k != "classify" && k != "generate" {
			for _, e := range entries {
				if e.key == "confidence" || e.key == "escalate" {
					r.addAt(e.at, join(path, e.key), "only steps that ask a model (extract, classify, generate) have %q", e.key)
				}
			}
		}
	}
	return s
}

func (r *reader) confidence(n ast.Node, path string) *ConfidenceRule {
	c := &ConfidenceRule{}
	entries := r.mapping(n, path, "{min: 0.9}", "min", "below", "missing", "floor", "queue")
	for _, e := range entries {
		p := join(path, e.key)
		switch e.key {
		case "min":
			c.Min = r.number(e.node, p, 0, 1)
		case "below":
			c.Below = r.oneOf(e.node, p, "ask", "refer")
		case "missing":
			c.Missing = r.oneOf(e.node, p, "ask", "refer")
		case "floor":
			c.Floor = r.number(e.node, p, 0, 1)
		case "queue":
			c.Queue = r.text(e.node, p, "the name of a queue")
		}
	}
	if c.Floor > c.Min {
		r.addAt(n, join(path, "floor"), "%v is above min, %v: nothing could be uncertain", c.Floor, c.Min)
	}
	if entries != nil {
		r.require(n, path, entries, "min")
	}
	return c
}

func (r *reader) extract(n ast.Node, path string) *Extract {
	x := &Extract{}
	entries := r.mapping(n, path, "{from: …, fields: …}", "from", "instructions", "fields")
	for _, e := range entries {
		p := join(path, e.key)
		switch e.key {
		case "from":
			x.From = r.expr(e.node, p)
		case "instructions":
			x.Instructions = r.text(e.node, p, "a text")
		case "fields":
			x.Fields = r.fields(e.node, p, true)
		}
	}
	if entries != nil {
		r.require(n, path, entries, "from", "fields")
	}
	return x
}

// fieldTypes are the types that a field of an extract step may have.
var fieldTypes = []string{"string", "decimal", "integer", "date", "boolean", "enum", "iban", "list"}

func (r *reader) fields(n ast.Node, path string, lists bool) []llm.Field {
	out := []llm.Field{}
	entries := r.mapping(n, path, "the fields by name")
	for _, e := range entries {
		out = append(out, r.field(e, join(path, e.key), lists))
	}
	if entries != nil && len(entries) == 0 {
		r.addAt(n, path, "at least one field is needed")
	}
	return out
}

func (r *reader) field(e entry, path string, lists bool) llm.Field {
	f := llm.Field{Name: r.name(e.at, e.key, path, "a field")}
	if slices.Contains(outcomeFields, e.key) {
		r.addAt(e.at, path, "%q is what every step says of itself; name the field otherwise", e.key)
	}
	allowed := fieldTypes
	if !lists {
		allowed = fieldTypes[:len(fieldTypes)-1]
	}
	if _, plain := scalar(e.node); plain { // number: string
		f.Type = llm.FieldType(r.oneOf(e.node, path, allowed...))
	} else {
		entries := r.mapping(e.node, path, "a field such as {type: string}", "type", "about", "values", "of", "nullable")
		for _, k := range entries {
			p := join(path, k.key)
			switch k.key {
			case "type":
				f.Type = llm.FieldType(r.oneOf(k.node, p, allowed...))
			case "about":
				f.About = r.text(k.node, p, "a text")
			case "values":
				f.Values = r.strings(k.node, p, "values")
			case "of":
				f.Of = r.fields(k.node, p, false)
			case "nullable":
				f.Nullable = r.boolean(k.node, p)
			}
		}
		if entries != nil {
			r.require(e.at, path, entries, "type")
		}
	}
	r.only(e.at, path, "values", f.Values != nil, "enum", string(f.Type))
	r.only(e.at, path, "of", f.Of != nil, "list", string(f.Type))
	if f.Type == llm.TypeEnum && len(f.Values) == 0 {
		r.addAt(e.at, path, `an enum needs "values"`)
	}
	if f.Type == llm.TypeList && len(f.Of) == 0 {
		r.addAt(e.at, path, `a list needs "of", the fields of one element`)
	}
	return f
}

func (r *reader) classify(n ast.Node, path string) *Classify {
	c := &Classify{}
	entries := r.mapping(n, path, "{from: …, into: …}", "from", "instructions", "into")
	for _, e := range entries {
		p := join(path, e.key)
		switch e.key {
		case "from":
			c.From = r.expr(e.node, p)
		case "instructions":
			c.Instructions = r.text(e.node, p, "a text")
		case "into":
			labels := r.mapping(e.node, p, "the labels, each with what it means")
			for _, l := range labels {
				q := join(p, l.key)
				c.Into = append(c.Into, llm.Label{Name: r.name(l.at, l.key, q, "a label"), About: r.text(l.node, q, "what the label means")})
			}
			if labels != nil && len(labels) < 2 {
				r.addAt(e.node, p, "a choice needs at least two labels")
			}
		}
	}
	if entries != nil {
		r.require(n, path, entries, "from", "into")
	}
	return c
}

func (r *reader) generate(n ast.Node, path string) *Generate {
	g := &Generate{}
	entries := r.mapping(n, path, "{from: …, instructions: …}", "from", "instructions", "max_tokens")
	for _, e := range entries {
		p := join(path, e.key)
		switch e.key {
		case "from":
			g.From = r.expr(e.node, p)
		case "instructions":
			g.Instructions = r.text(e.node, p, "a text")
		case "max_tokens":
			f := r.number(e.node, p, 1, 100_000)
			if g.MaxTokens = int(f); float64(g.MaxTokens) != f {
				r.addAt(e.node, p, "must be a whole number")
			}
		}
	}
	if entries != nil {
		r.require(n, path, entries, "from", "instructions")
	}
	return g
}

func (r *reader) check(n ast.Node, path string) *Check {
	c := &Check{}
	list := r.list(n, path, "a list of {that: …, because: …}")
	for i, a := range list {
		p := fmt.Sprintf("%s[%d]", path, i)
		var as Assertion
		entries := r.mapping(a, p, "{that: …, because: …}", "that", "because")
		for _, e := range entries {
			if e.key == "that" {
				as.That = r.expr(e.node, join(p, e.key))
			} else {
				as.Because = r.words(e.node, join(p, e.key))
			}
		}
		if entries != nil {
			r.require(a, p, entries, "that", "because")
		}
		c.That = append(c.That, as)
	}
	if list != nil && len(list) == 0 {
		r.addAt(n, path, "at least one assertion is needed")
	}
	return c
}

func (r *reader) decide(n ast.Node, path string) *Decide {
	d := &Decide{}
	entries := r.mapping(n, path, "{when: …, queue: …, ask: …}", "when", "queue", "ask", "not_by", "amend", "expires")
	for _, e := range entries {
		p := join(path, e.key)
		switch e.key {
		case "when":
			d.When = r.expr(e.node, p)
		case "queue":
			d.Queue = r.text(e.node, p, "the name of a queue")
		case "ask":
			d.Ask = r.words(e.node, p)
		case "not_by":
			for i, who := range r.list(e.node, p, "a list such as [initiator]") {
				if s := r.oneOf(who, fmt.Sprintf("%s[%d]", p, i), "initiator"); s != "" {
					d.NotBy = append(d.NotBy, s)
				}
			}
		case "amend":
			d.Amend = r.strings(e.node, p, "ids of steps")
		case "expires":
			d.Expires = &Expiry{}
			keys := r.mapping(e.node, p, "{after: 72h, then: reject}", "after", "then")
			for _, k := range keys {
				if k.key == "after" {
					d.Expires.After = r.duration(k.node, join(p, k.key))
				} else {
					d.Expires.Then = r.oneOf(k.node, join(p, k.key), "reject", "refer")
				}
			}
			if keys != nil {
				r.require(e.node, p, keys, "after", "then")
			}
		}
	}
	if entries != nil {
		r.require(n, path, entries, "queue", "ask")
	}
	return d
}

func (r *reader) branch(n ast.Node, path string) *Branch {
	b := &Branch{}
	list := r.list(n, path, "a list of arms: {when: …, steps: […]}, and {else: […]} last")
	for i, a := range list {
		p := fmt.Sprintf("%s[%d]", path, i)
		arm := Arm{Name: fmt.Sprintf("arm %d", i+1)}
		entries := r.mapping(a, p, "{when: …, steps: […]} or {else: […]}", "name", "when", "steps", "else")
		has := map[string]bool{}
		for _, e := range entries {
			has[e.key] = true
			q := join(p, e.key)
			switch e.key {
			case "name":
				arm.Name = r.text(e.node, q, "a name")
			case "when":
				arm.When = r.expr(e.node, q)
			case "steps", "else":
				arm.Steps = r.steps(e.node, q)
			}
		}
		switch {
		case entries == nil:
		case has["else"] && (has["when"] || has["steps"]):
			r.addAt(a, p, `"else" stands alone, without "when" and "steps"`)
		case has["else"]:
			if !has["name"] {
				arm.Name = "else"
			}
			if i != len(list)-1 {
				r.addAt(a, p, `"else" comes last: the arms after it are never reached`)
			}
		default:
			r.require(a, p, entries, "when", "steps")
		}
		if slices.ContainsFunc(b.Arms, func(o Arm) bool { return o.Name == arm.Name }) {
			r.addAt(a, p, "an arm named %q is there already", arm.Name)
		}
		b.Arms = append(b.Arms, arm)
	}
	if list != nil && len(list) == 0 {
		r.addAt(n, path, "at least one arm is needed")
	}
	return b
}

func (r *reader) each(n ast.Node, path string) *Each {
	e := &Each{}
	entries := r.mapping(n, path, "{in: …, as: …, steps: […]}", "in", "as", "steps")
	for _, k := range entries {
		p := join(path, k.key)
		switch k.key {
		case "in":
			e.In = r.expr(k.node, p)
		case "as":
			e.As = r.name(k.node, r.text(k.node, p, "the name of an element"), p, "an element")
		case "steps":
			e.Steps = r.steps(k.node, p)
		}
	}
	if entries != nil {
		r.require(n, path, entries, "in", "as", "steps")
	}
	return e
}

func (r *reader) subMission(n ast.Node, path string) *SubMission {
	s := &SubMission{Input: map[string]Expr{}}
	entries := r.mapping(n, path, "{name: …, input: …}", "name", "input")
	for _, e := range entries {
		p := join(path, e.key)
		switch e.key {
		case "name":
			s.Name = r.text(e.node, p, "the name of a mission")
		case "input":
			for _, i := range r.mapping(e.node, p, "an expression by input") {
				s.Input[i.key] = r.expr(i.node, join(p, i.key))
			}
		}
	}
	if entries != nil {
		r.require(n, path, entries, "name", "input")
	}
	return s
}
