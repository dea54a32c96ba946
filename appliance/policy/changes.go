package policy

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Changes says in words what is different in next, one line a change, what
// models may see and where work goes first. It is empty if both mean the same.
func (p *Policy) Changes(next *Policy) []string {
	var c changes
	c.models(p, next)
	c.ceilings(p, next)
	c.pools(p, next)
	whole(&c, "the data classes", p.Classes, next.Classes)
	whole(&c, "the rules", p.Rules, next.Rules)
	whole(&c, "the budget", p.Budget, next.Budget)
	entries(&c, "the price of", p.Prices, next.Prices)
	entries(&c, "the queue", p.Queues, next.Queues)
	entries(&c, "the table", tables(p), tables(next))
	return c
}

type changes []string

func (c *changes) add(format string, a ...any) { *c = append(*c, fmt.Sprintf(format, a...)) }

func (c *changes) models(p, next *Policy) {
	for _, id := range keys(p.Models, next.Models) {
		before, was := p.Models[id]
		after, is := next.Models[id]
		was, is = was && !before.Disabled, is && !after.Disabled
		switch {
		case !was && is:
			c.add("model %s is enabled, cleared up to %s", id, after.Clearance)
		case was && !is:
			c.add("model %s is no longer enabled (it was cleared up to %s)", id, before.Clearance)
		case is && before.Clearance != after.Clearance:
			c.add("model %s is cleared up to %s (was %s)", id, after.Clearance, before.Clearance)
		}
	}
}

func (c *changes) ceilings(p, next *Policy) {
	for _, b := range keys(p.Ceilings, next.Ceilings) {
		if before, after := p.Ceilings[b], next.Ceilings[b]; before != after {
			c.add("up to %s may cross into %s (was %s)", cmp.Or(after, "nothing"), b, cmp.Or(before, "nothing"))
		}
	}
}

func (c *changes) pools(p, next *Policy) {
	named := func(pools []Pool) map[string]Pool {
		m := map[string]Pool{}
		for _, pool := range pools {
			m[pool.Name] = pool
		}
		return m
	}
	before, after := named(p.Pools), named(next.Pools)
	for _, name := range keys(before, after) {
		b, was := before[name]
		a, is := after[name]
		switch {
		case !was:
			c.add("pool %s is new: %s", name, members(a))
		case !is:
			c.add("pool %s is gone (it was %s)", name, members(b))
		default:
			if !slices.Equal(a.Models, b.Models) {
				c.add("pool %s is %s (was %s)", name, members(a), members(b))
			}
			if a.Limit != b.Limit {
				c.add("pool %s takes %s at once (was %s)", name, calls(a.Limit), calls(b.Limit))
			}
		}
	}
}

func members(p Pool) string {
	var ids []string
	for _, id := range p.Models {
		ids = append(ids, string(id))
	}
	return cmp.Or(strings.Join(ids, ", "), "empty")
}

func calls(limit int) string {
	if limit == 0 {
		return "any number of calls"
	}
	return fmt.Sprintf("%d calls", limit)
}

// whole notes that something which has no short form in words is different.
func whole[T any](c *changes, what string, before, after T) {
	if !same(before, after) {
		c.add("%s changed", what)
	}
}

// entries notes which entries of a map are new, gone or different.
func entries[K ~string, V any](c *changes, what string, before, after map[K]V) {
	for _, k := range keys(before, after) {
		b, was := before[k]
		a, is := after[k]
		switch {
		case !was:
			c.add("%s %s is new", what, k)
		case !is:
			c.add("%s %s is gone", what, k)
		case !same(b, a):
			c.add("%s %s changed", what, k)
		}
	}
}

// tables leaves out the index that parsing adds.
func tables(p *Policy) map[string]Table {
	m := map[string]Table{}
	for name, t := range p.Tables {
		t.index = nil
		m[name] = t
	}
	return m
}

// same compares the JSON forms, which are all that a policy document says.
func same(a, b any) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && string(x) == string(y)
}

// keys returns the keys of both maps, sorted.
func keys[K ~string, V any](a, b map[K]V) []K {
	all := map[K]bool{}
	for k := range maps.Keys(a) {
		all[k] = true
	}
	for k := range maps.Keys(b) {
		all[k] = true
	}
	return slices.Sorted(maps.Keys(all))
}
