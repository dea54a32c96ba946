package grammar

import (
	"strconv"
	"strings"
)

// bound returns a count that is the argument of keyword, or other if there is
// none.
func (c *compiler) bound(v value, ptr, keyword string, other int32) int32 {
	arg, ok := v.get(keyword)
	if !ok {
		return other
	}
	n, err := strconv.ParseUint(strings.TrimSuffix(arg.text, ".0"), 10, 31)
	if arg.kind != '0' || err != nil || n > MaxRepeat {
		return c.fail(ptr, keyword, "it must be a whole number from 0 to %d", MaxRepeat)
	}
	return int32(n)
}

// str adds a string.
func (c *compiler) str(v value, ptr string, next int32) int32 {
	if text, ok := v.get(excerptOf); ok {
		for _, keyword := range byType["string"] {
			if _, has := v.get(keyword); has && keyword != excerptOf {
				return c.fail(ptr, keyword, "next to %q it is not supported", excerptOf)
			}
		}
		if text.kind != '"' {
			return c.fail(ptr, excerptOf, "it must be a string")
		}
		return c.byte('"', c.excerpt(text.text, ptr, next))
	}
	d, low, high := c.characters(v, ptr)
	if c.err != nil {
		return 0
	}
	return c.byte('"', c.text(d, true, low, high, next))
}

// characters returns what a string may consist of. low and high are not 0 and -1
// only where d accepts everything.
func (c *compiler) characters(v value, ptr string) (d *dfa, low, high int32) {
	refuse := func(keyword, format string, a ...any) (*dfa, int32, int32) {
		c.fail(ptr, keyword, format, a...)
		return nil, 0, -1
	}
	low, high = c.bound(v, ptr, "minLength", 0), c.bound(v, ptr, "maxLength", -1)
	if high >= 0 && low > high {
		return refuse("minLength", "it is greater than maxLength")
	}
	for _, keyword := range []string{"pattern", "format"} {
		arg, ok := v.get(keyword)
		if !ok {
			continue
		}
		if arg.kind != '"' {
			return refuse(keyword, "it must be a string")
		}
		expr := arg.text
		if keyword == "format" {
			if expr, ok = formats[arg.text]; !ok {
				return refuse(keyword, "%q is not supported; what is: %s", arg.text, formatNames())
			}
		}
		p, err := c.patterns.pattern(expr, keyword == "format")
		if err != nil {
			return refuse(keyword, "%v", err)
		}
		if d, ok = c.both(d, p); !ok {
			return refuse(keyword, "with the pattern it needs too many states")
		}
		if d == nil {
			return refuse(keyword, "no string is possible under it")
		}
	}
	if d != nil && (low > 0 || high >= 0) {
		var ok bool
		if d, ok = c.patterns.intersect(d, lengths(low, high)); !ok {
			return refuse("maxLength", "with the pattern or format it needs too many states; bound the length within the pattern")
		}
		if d == nil {
			return refuse("pattern", "no string of that length is possible under it")
		}
		low, high = 0, -1
	}
	if d == nil {
		d = anything
	}
	return d, low, high
}

func (c *compiler) both(a, b *dfa) (*dfa, bool) {
	if a == nil {
		return b, true
	}
	return c.patterns.intersect(a, b)
}

// num adds a number.
func (c *compiler) num(v value, ptr string, integer bool, next int32) int32 {
	n := numeric{integer: integer, fraction: maxFraction}
	for _, keyword := range byType["number"] {
		arg, ok := v.get(keyword)
		if !ok {
			continue
		}
		if arg.kind != '0' {
			return c.fail(ptr, keyword, "it must be a number")
		}
		d, err := parseDecimal(arg.text)
		if err != nil {
			return c.fail(ptr, keyword, "%v", err)
		}
		switch keyword {
		case "minimum":
			n.lower(d, false)
		case "exclusiveMinimum":
			n.lower(d, true)
		case "maximum":
			n.upper(d, false)
		case "exclusiveMaximum":
			n.upper(d, true)
		case "multipleOf":
			switch {
			case d.whole == "1" && d.frac == "" && !d.negative:
				n.integer = true
			case d.whole == "0" && strings.Trim(d.frac, "0") == "1" && !d.negative:
				n.fraction = len(d.frac)
			default:
				return c.fail(ptr, keyword, "only 1, 0.1, 0.01 and so on are supported")
			}
		}
	}
	d, err := n.compile(&c.patterns)
	if err != nil {
		return c.fail(ptr, "", "its numbers: %v", err)
	}
	if d == nil {
		return c.fail(ptr, "minimum", "no number is possible under the bounds")
	}
	return c.text(d, false, 0, -1, next)
}

// lower makes d a lower bound, if it is a closer one.
func (n *numeric) lower(d *decimal, open bool) {
	if n.min == nil || n.min.less(*d) || open && !d.less(*n.min) {
		n.min, n.minOpen = d, open
	}
}

// upper makes d an upper bound, if it is a closer one.
func (n *numeric) upper(d *decimal, open bool) {
	if n.max == nil || d.less(*n.max) || open && !n.max.less(*d) {
		n.max, n.maxOpen = d, open
	}
}

func (d decimal) less(e decimal) bool {
	if d.negative != e.negative {
		return d.negative
	}
	if d.negative {
		d, e = e, d
	}
	if len(d.whole) != len(e.whole) {
		return len(d.whole) < len(e.whole)
	}
	return d.whole < e.whole || d.whole == e.whole && d.frac < e.frac
}

// array adds a list.
func (c *compiler) array(v value, ptr string, next int32, depth int) int32 {
	low, high := c.bound(v, ptr, "minItems", 0), c.bound(v, ptr, "maxItems", -1)
	if u, ok := v.get("uniqueItems"); ok && (u.kind != 't' || u.text == "true") {
		return c.fail(ptr, "uniqueItems", "it cannot be kept while items are written; leave it out and check afterwards")
	}
	prefix, hasPrefix := v.get("prefixItems")
	if hasPrefix && (prefix.kind != '[' || len(prefix.items) > MaxRepeat) {
		return c.fail(ptr, "prefixItems", "it must be a list of at most %d schemas", MaxRepeat)
	}
	items, hasItems := v.get("items")
	if items.kind == '[' {
		return c.fail(ptr, "items", "a list of schemas is the dialect of older drafts; use prefixItems")
	}
	if !hasItems {
		items = value{kind: 't', text: "true"}
	}
	k := int32(len(prefix.items))
	if hasPrefix && !hasItems || items.kind == 't' && items.text == "false" {
		// Further items would be allowed without items, but nobody asks for them.
		if high < 0 || high > k {
			high = k
		}
	}
	if high >= 0 && low > high {
		return c.fail(ptr, "minItems", "no list can have so many items")
	}
	memo := map[int32]int32{} // the items are one part of the automaton, where that is possible
	rule := int32(-1)
	item := func(i, next int32) int32 { // the item with index i
		if i < k {
			return c.schema(prefix.items[i], ptr+"/prefixItems/"+strconv.Itoa(int(i)), next, depth+1)
		}
		if at, ok := memo[next]; ok {
			return at
		}
		var at int32
		if high < 0 && low <= k+1 {
			at = c.schema(items, ptr+"/items", next, depth+1)
		} else {
			if rule < 0 {
				rule = c.rule()
				c.later(rule, ptr+"/items", items, depth+1)
			}
			at = c.call(rule, next)
		}
		memo[next] = at
		return at
	}
	end := c.literal("]", next)
	top := high
	if high < 0 {
		top = max(low, k, 1)
	}
	// after is the place behind n items.
	var after int32
	for n := top; n >= 1 && c.err == nil; n-- {
		here := c.node(node{})
		var ways []int32
		if n >= low {
			ways = append(ways, end)
		}
		switch {
		case n < top:
			ways = append(ways, c.byte(',', item(n, after)))
		case high < 0:
			ways = append(ways, c.byte(',', item(max(n, k), here)))
		}
		if c.err != nil {
			return 0
		}
		c.g.nodes[here].empty = ways
		after = here
	}
	var ways []int32
	if low == 0 {
		ways = append(ways, end)
	}
	if top >= 1 {
		ways = append(ways, item(0, after))
	}
	return c.byte('[', c.oneOf(ways...))
}

// object adds an object with its members in the order of properties, then
// others.
func (c *compiler) object(v value, ptr string, next int32, depth int) int32 {
	props, hasProps := v.get("properties")
	if hasProps && props.kind != '{' {
		return c.fail(ptr, "properties", "it must be an object")
	}
	required, ok := v.get("required")
	if ok && required.kind != '[' {
		return c.fail(ptr, "required", "it must be a list of names")
	}
	var names []string
	optional := map[string]bool{}
	for _, m := range props.members {
		names = append(names, m.name)
		optional[m.name] = true
	}
	for _, r := range required.items {
		if _, is := optional[r.text]; r.kind != '"' || !is {
			return c.fail(ptr, "required", "%s is not among the properties", r)
		}
		optional[r.text] = false
	}
	n := 0
	for _, o := range optional {
		if o {
			n++
		}
	}
	if n > MaxChoices {
		return c.fail(ptr, "properties", "%d of them are optional; %d may be", n, MaxChoices)
	}
	more, ok := v.get("additionalProperties")
	if !ok {
		// With properties, others would be allowed, but nobody asks for them.
		more = value{kind: 't', text: strconv.FormatBool(!hasProps)}
	}
	end := c.literal("}", next)
	first, then := end, end // the places before and after the first member
	if more.kind != 't' || more.text == "true" {
		loop := c.node(node{})
		member := c.literal(":", c.schema(more, ptr+"/additionalProperties", loop, depth+1))
		free := except(names)
		key := c.byte('"', c.text(free, true, 0, -1, member))
		comma := c.byte(',', key)
		if c.err != nil {
			return 0
		}
		c.g.nodes[loop].empty = []int32{end, comma}
		first, then = c.oneOf(end, key), loop
	}
	for i := len(props.members) - 1; i >= 0 && c.err == nil; i-- {
		m := props.members[i]
		member := c.literal(quote(m.name)+":", c.schema(m.value, ptr+"/properties"+token(m.name), then, depth+1))
		comma := c.byte(',', member)
		if !optional[m.name] {
			first, then = member, comma
		} else {
			first, then = c.oneOf(member, first), c.oneOf(comma, then)
		}
	}
	return c.byte('{', first)
}

// anyRule returns the rule of any JSON value.
func (c *compiler) anyRule() int32 {
	if c.any < 0 {
		c.any = c.rule()
		c.later(c.any, "", value{kind: '{'}, 0)
	}
	return c.any
}
