package grammar

import (
	"iter"
	"math/bits"
	"slices"
)

// bitset is a set of tokens.
type bitset struct{ words []uint64 }

func newBitset(n int) *bitset { return &bitset{make([]uint64, (n+63)/64)} }

func (b *bitset) set(id int32) { b.words[id>>6] |= 1 << (id & 63) }

func (b *bitset) has(id int32) bool { return b.words[id>>6]&(1<<(id&63)) != 0 }

func (b *bitset) or(c *bitset) {
	for i, w := range c.words {
		b.words[i] |= w
	}
}

func (b *bitset) count() int {
	n := 0
	for _, w := range b.words {
		n += bits.OnesCount64(w)
	}
	return n
}

// Mask is the set of the tokens that may come next. It does not change.
type Mask struct {
	set *bitset // nil = few
	few []int32 // in order
	n   int
}

// newMask takes over set.
func newMask(set *bitset) *Mask {
	m := &Mask{set: set, n: set.count()}
	if m.n*4 >= len(set.words)*8 {
		return m
	}
	m.few = make([]int32, 0, m.n)
	for id := range m.All() {
		m.few = append(m.few, id)
	}
	m.set = nil
	return m
}

// Len returns the number of tokens.
func (m *Mask) Len() int { return m.n }

// Has reports whether the token may come. The id must be in the vocabulary.
func (m *Mask) Has(id int32) bool {
	if m.set != nil {
		return m.set.has(id)
	}
	_, ok := slices.BinarySearch(m.few, id)
	return ok
}

// All returns the tokens in order.
func (m *Mask) All() iter.Seq[int32] {
	return func(yield func(int32) bool) {
		for _, id := range m.few {
			if !yield(id) {
				return
			}
		}
		if m.set == nil {
			return
		}
		for i, w := range m.set.words {
			for ; w != 0; w &= w - 1 {
				if !yield(int32(i*64 + bits.TrailingZeros64(w))) {
					return
				}
			}
		}
	}
}

// Bits returns the tokens as a set of bits, bit i&63 of word i>>6 for token i,
// or nil where they are so few that [Mask.All] is as fast. It must not be
// changed.
func (m *Mask) Bits() []uint64 {
	if m.set == nil {
		return nil
	}
	return m.set.words
}

func (m *Mask) sizeBytes() int {
	if m.set != nil {
		return 8*len(m.set.words) + 96
	}
	return 4*len(m.few) + 96
}

// mask returns the tokens that may come at s, from memory or computed.
func (v *Vocabulary) mask(g *Grammar, s *state) *Mask {
	g.mu.Lock()
	s = g.cap(s, v.longest+1)
	g.mu.Unlock()
	v.mu.Lock()
	if e, ok := v.masks[s]; ok {
		v.recent.MoveToFront(e)
		v.mu.Unlock()
		return e.Value.(*cached).mask
	}
	v.mu.Unlock()
	m := v.compute(g, s)
	v.mu.Lock()
	defer v.mu.Unlock()
	if _, ok := v.masks[s]; ok {
		return m // another call was faster
	}
	v.masks[s] = v.recent.PushFront(&cached{s, g, m})
	v.bytes += m.sizeBytes()
	for v.bytes > v.maxBytes && v.recent.Len() > 1 {
		e := v.recent.Back()
		c := v.recent.Remove(e).(*cached)
		delete(v.masks, c.at)
		v.bytes -= c.mask.sizeBytes()
	}
	return m
}

// forget drops the masks of a grammar: each would keep all its states.
func (v *Vocabulary) forget(g *Grammar) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.drop(g)
}

// drop is forget; the caller holds v.mu.
func (v *Vocabulary) drop(g *Grammar) {
	for e := v.recent.Front(); e != nil; {
		next := e.Next()
		if c := e.Value.(*cached); c.g == g {
			v.recent.Remove(e)
			delete(v.masks, c.at)
			v.bytes -= c.mask.sizeBytes()
		}
		e = next
	}
}

// compute finds the tokens that may come at s.
//
// Inside a string that may hold any text nearly every token is possible, and
// which ones are does not depend on the schema: those are taken over as one
// set. Only what follows the end of the string has to be tried, once for all
// tokens that have it in common.
func (v *Vocabulary) compute(g *Grammar, s *state) *Mask {
	g.mu.Lock()
	defer g.mu.Unlock()
	set := newBitset(v.size)
	var rest []config
	for _, c := range s.configs {
		class, free := v.class(g, c)
		if !free {
			rest = append(rest, c)
			continue
		}
		set.or(v.inside[class])
		end := c
		end.lo, end.hi = 0, -1
		v.walk(g, g.intern([]config{end}), &v.closing, func(id int32) {
			if n := int32(v.lead[id]); n >= c.lo && (c.hi < 0 || n <= c.hi) {
				set.set(id)
			}
		})
	}
	if len(rest) > 0 {
		v.walk(g, g.intern(rest), &v.all, set.set)
	}
	if s.accept {
		for _, id := range v.ends {
			set.set(id)
		}
	}
	return newMask(set)
}

// class returns which tokens go on with the string at c, if c stands between
// two characters of a string that may hold any text.
func (v *Vocabulary) class(g *Grammar, c config) (class int32, free bool) {
	n := &g.nodes[c.node]
	if n.body < 0 || c.part != partNone || !g.bodies[n.body].json || g.bodies[n.body].dfa != anything {
		return 0, false
	}
	switch {
	case c.hi < 0, c.hi >= v.longest:
		return maxInside, true
	case c.hi < maxInside:
		return c.hi, true
	}
	return 0, false // some tokens of the last class are too long
}

// walk finds the tokens of t that may come at s. The caller holds g.mu.
func (v *Vocabulary) walk(g *Grammar, s *state, t *trie, found func(id int32)) {
	path := make([]*state, v.longest+1) // by depth
	path[0] = s
	for i := int32(0); i < int32(len(t.nodes)); {
		n := &t.nodes[i]
		at := path[n.depth-1]
		if !at.can(n.b) {
			i = n.skip
			continue
		}
		path[n.depth] = g.step(at, n.b)
		for _, id := range t.ids[n.first:n.last] {
			found(id)
		}
		i++
	}
}
