package grammar

import (
	"math/big"
	"slices"
	"strings"
)

// values adds one of the given values, of those that fit the type beside them.
func (c *compiler) values(v value, ptr, keyword string, list []value, next int32) int32 {
	var allowed []string
	if _, typed := v.get("type"); typed {
		var ok bool
		if allowed, ok = c.types(v, ptr); !ok {
			return 0
		}
	}
	var texts []string
	for _, item := range list {
		if allowed == nil || fits(item, allowed) {
			texts = append(texts, item.String())
		}
	}
	if len(texts) == 0 {
		return c.fail(ptr, keyword, "no value is of the type beside it")
	}
	slices.Sort(texts)
	return c.tree(slices.Compact(texts), 0, next)
}

// tree adds one of the texts, which are sorted and share their first at bytes.
func (c *compiler) tree(texts []string, at int, next int32) int32 {
	if c.err != nil {
		return 0
	}
	if len(texts) == 1 {
		return c.literal(texts[0][at:], next)
	}
	if common := shared(texts[0], texts[len(texts)-1], at); common > at {
		return c.literal(texts[0][at:common], c.tree(texts, common, next))
	}
	n := node{}
	if len(texts[0]) == at {
		n.empty = []int32{next}
		texts = texts[1:]
	}
	for len(texts) > 0 {
		b := texts[0][at]
		end := slices.IndexFunc(texts, func(s string) bool { return s[at] != b })
		if end < 0 {
			end = len(texts)
		}
		n.edges = append(n.edges, edge{b, b, c.tree(texts[:end], at+1, next)})
		texts = texts[end:]
	}
	return c.node(n)
}

func shared(a, b string, at int) int {
	for at < len(a) && at < len(b) && a[at] == b[at] {
		at++
	}
	return at
}

// kindOf returns the type of a value.
func kindOf(v value) string {
	switch v.kind {
	case '{':
		return "object"
	case '[':
		return "array"
	case '"':
		return "string"
	case 't':
		return "boolean"
	case 'n':
		return "null"
	}
	return "number"
}

func fits(v value, allowed []string) bool {
	kind := kindOf(v)
	if slices.Contains(allowed, kind) {
		return true
	}
	if kind != "number" || !slices.Contains(allowed, "integer") {
		return false
	}
	d, err := parseDecimal(v.text)
	return err == nil && d.frac == ""
}

// disjoint reports whether it is certain that no value fits both schemas.
func (c *compiler) disjoint(a, b value) bool {
	a, okA := c.follow(a)
	b, okB := c.follow(b)
	if !okA || !okB {
		return false
	}
	if !overlap(c.kinds(a, 0), c.kinds(b, 0)) {
		return true
	}
	if x, y := constants(a), constants(b); x != nil && y != nil {
		return !slices.ContainsFunc(x, func(v value) bool { return slices.ContainsFunc(y, v.equal) })
	}
	if k := c.kinds(a, 0); len(k) != 1 || k[0] != "object" {
		return false
	}
	if k := c.kinds(b, 0); len(k) != 1 || k[0] != "object" {
		return false
	}
	// Both are objects. A property that both require and that has different
	// constants tells them apart.
	left, _ := a.get("properties")
	right, _ := b.get("properties")
	for _, m := range left.members {
		other, ok := right.get(m.name)
		if !ok || !requires(a, m.name) || !requires(b, m.name) {
			continue
		}
		x, okX := c.follow(m.value)
		y, okY := c.follow(other)
		if okX && okY && constants(x) != nil && constants(y) != nil && c.disjoint(x, y) {
			return true
		}
	}
	return false
}

// follow goes through references.
func (c *compiler) follow(v value) (value, bool) {
	for range 32 {
		ref, ok := v.get("$ref")
		if !ok {
			return v, v.kind == '{'
		}
		pointer, ok := strings.CutPrefix(ref.text, "#")
		if !ok || pointer != "" && pointer[0] != '/' {
			return v, false
		}
		var err error
		if v, err = c.resolve(pointer); err != nil {
			return v, false
		}
	}
	return v, false
}

func constants(v value) []value {
	if k, ok := v.get("const"); ok {
		return []value{k}
	}
	e, _ := v.get("enum")
	return e.items
}

func requires(v value, name string) bool {
	r, _ := v.get("required")
	return slices.ContainsFunc(r.items, func(x value) bool { return x.kind == '"' && x.text == name })
}

// kinds returns the types that values of a schema may have, as far as it is
// easily known.
func (c *compiler) kinds(v value, depth int) []string {
	all := []string{"object", "array", "string", "number", "boolean", "null"}
	if depth > 8 {
		return all
	}
	v, ok := c.follow(v)
	if !ok {
		return all
	}
	if list := constants(v); list != nil {
		var out []string
		for _, item := range list {
			out = append(out, kindOf(item))
		}
		return out
	}
	for _, keyword := range []string{"anyOf", "oneOf", "allOf"} {
		if list, ok := v.get(keyword); ok {
			var out []string
			for _, s := range list.items {
				out = append(out, c.kinds(s, depth+1)...)
			}
			return out
		}
	}
	silent := &compiler{}
	out, ok := silent.types(v, "")
	if !ok {
		return all
	}
	for i, t := range out {
		if t == "integer" {
			out[i] = "number"
		}
	}
	return out
}

func overlap(a, b []string) bool {
	return slices.ContainsFunc(a, func(s string) bool { return slices.Contains(b, s) })
}

// equal reports whether both are the same JSON value.
func (v value) equal(w value) bool {
	if v.kind != w.kind {
		return false
	}
	switch v.kind {
	case '0':
		// Exponents that would fill the memory are compared by their text.
		x, okX := new(big.Rat).SetString(v.text)
		y, okY := new(big.Rat).SetString(w.text)
		if len(v.text) > 40 || len(w.text) > 40 || strings.ContainsAny(v.text+w.text, "eE") || !okX || !okY {
			return true // not certainly different
		}
		return x.Cmp(y) == 0
	case '[':
		return len(v.items) == len(w.items) && slices.EqualFunc(v.items, w.items, value.equal)
	case '{':
		if len(v.members) != len(w.members) {
			return false
		}
		for _, m := range v.members {
			other, ok := w.get(m.name)
			if !ok || !m.value.equal(other) {
				return false
			}
		}
		return true
	}
	return v.text == w.text
}
