package grammar

import (
	"encoding/binary"
	"slices"
	"sort"
	"unicode/utf8"
)

// dfa accepts texts, character by character. Every state can reach an
// accepting one. State 0 is the start.
type dfa struct {
	states []dstate
}

type dstate struct {
	accept bool
	ascii  [utf8.RuneSelf]int32 // next state; -1 = refused
	trans  []rtrans             // in order, not overlapping, all characters
}

type rtrans struct {
	lo, hi rune
	to     int32
}

// anything accepts every text.
var anything = func() *dfa {
	d := &dfa{states: []dstate{{accept: true, trans: []rtrans{{0, 0xD7FF, 0}, {0xE000, utf8.MaxRune, 0}}}}}
	d.index()
	return d
}()

// index fills in the tables for ASCII.
func (d *dfa) index() {
	for i := range d.states {
		s := &d.states[i]
		for r := range s.ascii {
			s.ascii[r] = -1
		}
		for _, t := range s.trans {
			for r := t.lo; r <= t.hi && r < utf8.RuneSelf; r++ {
				s.ascii[r] = t.to
			}
		}
	}
}

// next returns the state after r, or -1.
func (d *dfa) next(q int32, r rune) int32 {
	s := &d.states[q]
	if r < utf8.RuneSelf {
		return s.ascii[r]
	}
	i := sort.Search(len(s.trans), func(i int) bool { return s.trans[i].hi >= r })
	if i < len(s.trans) && s.trans[i].lo <= r {
		return s.trans[i].to
	}
	return -1
}

// any reports whether some character from lo to hi may come.
func (d *dfa) any(q int32, lo, hi rune) bool {
	if lo > hi {
		return false
	}
	s := &d.states[q]
	i := sort.Search(len(s.trans), func(i int) bool { return s.trans[i].hi >= lo })
	return i < len(s.trans) && s.trans[i].lo <= hi
}

// accepts reports whether the DFA accepts s.
func (d *dfa) accepts(s string) bool {
	q := int32(0)
	for _, r := range s {
		if q = d.next(q, r); q < 0 {
			return false
		}
	}
	return d.states[q].accept
}

// machine is what a DFA is built from: states are numbers, found on the way.
type machine interface {
	// start returns the first state.
	start() string
	// step returns where a character of class c leads; "" = nowhere.
	step(state string, c int) string
	accepts(state string) bool
}

// classes cuts the characters into ranges within which no transition changes.
// bounds are the first characters of ranges.
func classes(bounds []rune) []rune {
	bounds = append(bounds, 0, 0xD800, 0xE000)
	slices.Sort(bounds)
	bounds = slices.Compact(bounds)
	for len(bounds) > 0 && bounds[len(bounds)-1] > utf8.MaxRune {
		bounds = bounds[:len(bounds)-1]
	}
	return bounds
}

// patterns makes the DFAs of one schema, each once, and bounds the work and
// the memory for all of them.
type patterns struct {
	made   map[string]*dfa
	work   int
	states int
}

// build makes m explicit and drops the states that lead nowhere. It returns
// nil if nothing is accepted, and false if that takes too much.
//
// alike numbers the classes: those with one number lead to the same states. It
// may be nil.
func (p *patterns) build(m machine, bounds []rune, alike []int) (*dfa, bool) {
	ids := map[string]int32{m.start(): 0}
	list := []string{m.start()}
	var table [][]int32
	for at := 0; at < len(list); at++ {
		if p.states++; p.states > MaxPatternStates || p.work > maxPatternWork {
			return nil, false
		}
		row := make([]int32, len(bounds))
		leads := map[int]int32{} // by number of the class
		for c, lo := range bounds {
			row[c] = -1
			if lo >= 0xD800 && lo < 0xE000 {
				continue // surrogates are no characters
			}
			if alike != nil {
				if to, known := leads[alike[c]]; known {
					row[c] = to
					continue
				}
				leads[alike[c]] = -1
			}
			p.work++
			to := m.step(list[at], c)
			if to == "" {
				continue
			}
			id, met := ids[to]
			if !met {
				id = int32(len(list))
				ids[to] = id
				list = append(list, to)
			}
			row[c] = id
			if alike != nil {
				leads[alike[c]] = id
			}
		}
		p.work += len(bounds) / 8
		table = append(table, row)
	}
	accept := make([]bool, len(list))
	for i, s := range list {
		accept[i] = m.accepts(s)
	}
	return assemble(table, accept, bounds), true
}

// assemble keeps the states that reach an accepting one.
func assemble(table [][]int32, accept []bool, bounds []rune) *dfa {
	back := make([][]int32, len(table))
	for i, row := range table {
		last := int32(-1)
		for _, to := range row {
			if to >= 0 && to != last {
				back[to] = append(back[to], int32(i))
				last = to
			}
		}
	}
	live := make([]bool, len(table))
	var todo []int32
	for i, a := range accept {
		if a {
			live[i] = true
			todo = append(todo, int32(i))
		}
	}
	for len(todo) > 0 {
		i := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for _, j := range back[i] {
			if !live[j] {
				live[j] = true
				todo = append(todo, j)
			}
		}
	}
	if !live[0] {
		return nil
	}
	number := make([]int32, len(table))
	n := int32(0)
	for i := range table {
		number[i] = -1
		if live[i] {
			number[i] = n
			n++
		}
	}
	d := &dfa{}
	for i, row := range table {
		if !live[i] {
			continue
		}
		s := dstate{accept: accept[i]}
		for c, to := range row {
			if to < 0 || number[to] < 0 {
				continue
			}
			hi := rune(utf8.MaxRune)
			if c+1 < len(bounds) {
				hi = bounds[c+1] - 1
			}
			if k := len(s.trans) - 1; k >= 0 && s.trans[k].to == number[to] && s.trans[k].hi+1 == bounds[c] {
				s.trans[k].hi = hi
			} else {
				s.trans = append(s.trans, rtrans{bounds[c], hi, number[to]})
			}
		}
		d.states = append(d.states, s)
	}
	d.index()
	return d
}

// bounds returns the first characters of all ranges of d.
func (d *dfa) bounds() []rune {
	var b []rune
	for i := range d.states {
		for _, t := range d.states[i].trans {
			b = append(b, t.lo, t.hi+1)
		}
	}
	slices.Sort(b)
	return slices.Compact(b)
}

// product runs two DFAs side by side.
type product struct {
	a, b   *dfa
	bounds []rune
}

func pair(a, b int32) string {
	var k [8]byte
	binary.LittleEndian.PutUint32(k[:], uint32(a))
	binary.LittleEndian.PutUint32(k[4:], uint32(b))
	return string(k[:])
}

func unpair(s string) (int32, int32) {
	return int32(binary.LittleEndian.Uint32([]byte(s[:4]))), int32(binary.LittleEndian.Uint32([]byte(s[4:])))
}

func (p product) start() string { return pair(0, 0) }

func (p product) step(s string, c int) string {
	a, b := unpair(s)
	if a = p.a.next(a, p.bounds[c]); a < 0 {
		return ""
	}
	if b = p.b.next(b, p.bounds[c]); b < 0 {
		return ""
	}
	return pair(a, b)
}

func (p product) accepts(s string) bool {
	a, b := unpair(s)
	return p.a.states[a].accept && p.b.states[b].accept
}

// intersect returns what both accept: nil if nothing, false if it is too large.
func (p *patterns) intersect(a, b *dfa) (*dfa, bool) {
	if a == nil || b == nil {
		return nil, true
	}
	bounds := classes(append(a.bounds(), b.bounds()...))
	return p.build(product{a, b, bounds}, bounds, nil)
}

// lengths accepts the texts of low to high characters; high -1 = no bound.
func lengths(low, high int32) *dfa {
	d := &dfa{}
	last := max(low, high)
	if high >= 0 && high < low {
		return nil
	}
	for i := int32(0); i <= last; i++ {
		s := dstate{accept: i >= low}
		to := i + 1
		if i == last {
			to = i
		}
		if i < last || high < 0 {
			s.trans = []rtrans{{0, 0xD7FF, to}, {0xE000, utf8.MaxRune, to}}
		}
		d.states = append(d.states, s)
	}
	d.index()
	return d
}

// except accepts what none of names is: the keys of further members.
func except(names []string) *dfa {
	type branch struct {
		next map[rune]int32
		end  bool
	}
	tree := []branch{{next: map[rune]int32{}}}
	for _, n := range names {
		at := int32(0)
		for _, r := range n {
			to, ok := tree[at].next[r]
			if !ok {
				to = int32(len(tree))
				tree = append(tree, branch{next: map[rune]int32{}})
				tree[at].next[r] = to
			}
			at = to
		}
		tree[at].end = true
	}
	d := &dfa{states: make([]dstate, len(tree)+1)}
	free := int32(len(tree)) // what is different already
	for i, b := range tree {
		d.states[i].accept = !b.end
		var runes []rune
		for r := range b.next {
			runes = append(runes, r)
		}
		slices.Sort(runes)
		d.states[i].trans = around(runes, b.next, free)
	}
	d.states[free] = dstate{accept: true, trans: around(nil, nil, free)}
	d.index()
	return d
}

// around returns the transitions that lead from the given characters to their
// states and from all others to rest.
func around(runes []rune, next map[rune]int32, rest int32) []rtrans {
	var out []rtrans
	at := rune(0)
	fill := func(to rune) { // up to, not including
		for _, gap := range [2][2]rune{{at, min(to-1, 0xD7FF)}, {max(at, 0xE000), to - 1}} {
			if gap[0] <= gap[1] {
				out = append(out, rtrans{gap[0], gap[1], rest})
			}
		}
	}
	for _, r := range runes {
		fill(r)
		out = append(out, rtrans{r, r, next[r]})
		at = r + 1
	}
	fill(utf8.MaxRune + 1)
	return out
}
