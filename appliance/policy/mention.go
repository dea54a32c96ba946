package policy

import (
	"cmp"
	"slices"
)

// MentionedIn returns where text names a row of the table, in the order of the
// text. Case, accents, hyphens, line breaks and the amount of space do not
// matter, and an umlaut may be written ü, ue or u; a name must begin and end
// where a word does. Where mentions of one row overlap, the first counts, and
// of those that begin together the longest. Time is linear in the text and
// memory does not grow with it; spans are bytes of text as it was given.
//
// It finds spellings, not disguises: letters of another alphabet that look
// alike, or letters set apart one by one, are not the same name.
func (t Table) MentionedIn(text string) []Mention {
	x := t.index
	if x == nil {
		x = newIndex(t.Rows)
	}
	var all []Mention
	for f, a := range x {
		all = a.search(text, folding(f), all)
	}
	slices.SortFunc(all, func(a, b Mention) int {
		return cmp.Or(cmp.Compare(a.Span.Start, b.Span.Start), cmp.Compare(b.Span.End, a.Span.End),
			cmp.Compare(a.Key, b.Key), cmp.Compare(a.Name, b.Name))
	})
	reach := map[string]int{}
	return slices.DeleteFunc(all, func(m Mention) bool {
		if m.Span.Start < reach[m.Key] {
			return true
		}
		reach[m.Key] = m.Span.End
		return false
	})
}

// index finds the names of a table, one automaton per folding.
type index [2]*automaton

// automaton finds many names in one pass (Aho and Corasick, "Efficient string
// matching", 1975). Node 0 is the root.
type automaton struct {
	next    []map[rune]int32
	fail    []int32 // the longest proper suffix that is a node
	ends    [][]int // names that end at the node itself
	linked  []int32 // the nearest suffix at which a name ends; 0 = none
	names   []name
	longest int // letters of the longest name
}

type name struct {
	key, text string
	gaps      []gap // before each letter
}

func newIndex(rows []Row) *index {
	x := &index{}
	for f := range x {
		a := &automaton{next: []map[rune]int32{{}}, fail: []int32{0}, ends: [][]int{nil}}
		for _, row := range rows {
			for _, n := range row.Names {
				a.add(row.Key, n, folding(f))
			}
		}
		a.link()
		x[f] = a
	}
	return x
}

func (a *automaton) add(key, text string, f folding) {
	n := name{key: key, text: text}
	at := int32(0)
	letters(text, f, func(l letter) {
		to, ok := a.next[at][l.r]
		if !ok {
			to = int32(len(a.next))
			a.next = append(a.next, map[rune]int32{})
			a.fail = append(a.fail, 0)
			a.ends = append(a.ends, nil)
			a.next[at][l.r] = to
		}
		at = to
		n.gaps = append(n.gaps, l.before)
	}, func(int) {})
	if at == 0 { // no letter, no digit: it would be everywhere
		return
	}
	a.ends[at] = append(a.ends[at], len(a.names))
	a.names = append(a.names, n)
	a.longest = max(a.longest, len(n.gaps))
}

// link sets the failure links, breadth first.
func (a *automaton) link() {
	a.linked = make([]int32, len(a.next))
	var queue []int32
	for _, n := range a.next[0] {
		queue = append(queue, n)
	}
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		for r, n := range a.next[at] {
			a.fail[n] = a.step(a.fail[at], r)
			queue = append(queue, n)
		}
		if f := a.fail[at]; len(a.ends[f]) > 0 {
			a.linked[at] = f
		} else {
			a.linked[at] = a.linked[f]
		}
	}
}

func (a *automaton) step(at int32, r rune) int32 {
	for {
		if n, ok := a.next[at][r]; ok {
			return n
		}
		if at == 0 {
			return 0
		}
		at = a.fail[at]
	}
}

// search appends the mentions of names in text to found. It keeps only as many
// letters as the longest name has.
func (a *automaton) search(text string, f folding, found []Mention) []Mention {
	if len(a.names) == 0 {
		return found
	}
	type seen struct {
		letter
		begins bool // a word may begin here
	}
	type hit struct{ name, start int }
	var (
		ring    = make([]seen, a.longest)
		n       = 0 // letters so far
		at      = int32(0)
		pending []hit // end at the last letter, if a word ends there
	)
	confirm := func() {
		for _, h := range pending {
			m := Mention{Key: a.names[h.name].key, Name: a.names[h.name].text}
			m.Span.Start, m.Span.End = h.start, ring[(n-1)%a.longest].end
			found = append(found, m)
		}
	}
	// fits reports whether the last len(gaps) letters are a whole name: it
	// begins a word, and no space stands where the name has none.
	fits := func(gaps []gap) (start int, ok bool) {
		first := ring[(n-len(gaps))%a.longest]
		if !first.begins {
			return 0, false
		}
		for i := 1; i < len(gaps); i++ {
			if gaps[i] == joined && ring[(n-len(gaps)+i)%a.longest].before == apart {
				return 0, false
			}
		}
		return first.start, true
	}
	var last rune
	letters(text, f, func(l letter) {
		begins := n == 0 || l.before != joined || unspaced(l.r) || unspaced(last)
		if begins {
			confirm()
		}
		pending = pending[:0]
		ring[n%a.longest] = seen{l, begins}
		n, last = n+1, l.r
		at = a.step(at, l.r)
		for e := at; e != 0; e = a.linked[e] {
			for _, i := range a.ends[e] {
				if start, ok := fits(a.names[i].gaps); ok {
					pending = append(pending, hit{i, start})
				}
			}
		}
	}, func(end int) {
		if n > 0 {
			ring[(n-1)%a.longest].end = end
		}
	})
	confirm()
	return found
}
