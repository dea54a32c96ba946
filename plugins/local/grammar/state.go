package grammar

import (
	"cmp"
	"encoding/binary"
	"math/bits"
	"slices"
)

// frame is what a reference returns to. Equal stacks are one.
type frame struct {
	ret    int32
	depth  int32
	id     uint32
	parent *frame
}

type frameKey struct {
	ret    int32
	parent *frame
}

func (f *frame) level() int32 {
	if f == nil {
		return 0
	}
	return f.depth
}

// config is one way in which the output so far can be read.
type config struct {
	node   int32
	q      int32 // state of the DFA of a body; -1 = not in a body
	part   int32 // what of a character or escape has been written, see text.go
	lo, hi int32 // characters that a body still needs, and may have; hi -1 = any number
	stack  *frame
}

// state is the set of all ways in which the output so far can be read. Within
// a grammar, equal sets are one state. Its first four fields never change.
type state struct {
	configs []config
	live    [4]uint64 // bytes that may come
	below   [4]int32  // live bytes in the words before
	accept  bool      // the output may end here

	next   []*state // by rank of the live byte; nil = not met yet
	capped *state   // the same with counters that no token can tell apart
	run    *run     // what must come; nil = not known yet
}

func (s *state) can(b byte) bool { return s.live[b>>6]&(1<<(b&63)) != 0 }

// rank returns how many live bytes there are before b.
func (s *state) rank(b byte) int {
	return int(s.below[b>>6]) + bits.OnesCount64(s.live[b>>6]&(1<<(b&63)-1))
}

// only returns the one byte that may come, if it is one.
func (s *state) only() (byte, bool) {
	n, at := 0, 0
	for i, w := range s.live {
		if w != 0 {
			n += bits.OnesCount64(w)
			at = i*64 + bits.TrailingZeros64(w)
		}
	}
	return byte(at), n == 1
}

// ended reports that the output is whole and nothing more may come.
func (s *state) ended() bool { return s.accept && s.live == [4]uint64{} }

// push returns the stack with one more frame. The caller holds g.mu.
func (g *Grammar) push(ret int32, parent *frame) *frame {
	k := frameKey{ret, parent}
	f, ok := g.frames[k]
	if !ok {
		g.lastID++
		f = &frame{ret, parent.level() + 1, g.lastID, parent}
		g.frames[k] = f
	}
	return f
}

// settle follows everything that takes no byte and returns the state of what
// is found. The caller holds g.mu.
func (g *Grammar) settle(todo []config) *state {
	var out []config
	var seen map[config]bool // of the nodes that can lead in a circle
	for len(todo) > 0 {
		c := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		n := &g.nodes[c.node]
		if c.q < 0 {
			// What would have to nest too deeply cannot be ended.
			if c.stack.level()+n.height > MaxDepth {
				continue
			}
			if len(n.empty) > 0 || n.call >= 0 {
				if seen[c] {
					continue
				}
				if seen == nil {
					seen = map[config]bool{}
				}
				seen[c] = true
			}
		}
		switch {
		case n.accept && c.stack != nil:
			todo = append(todo, config{node: c.stack.ret, q: -1, stack: c.stack.parent})
			continue
		case n.accept:
			out = append(out, c)
			continue
		case n.call >= 0:
			if c.stack.level()+1+g.rules[n.call].height <= MaxDepth {
				todo = append(todo, config{node: g.rules[n.call].start, q: -1, stack: g.push(n.next, c.stack)})
			}
			continue
		case n.body >= 0:
			b := &g.bodies[n.body]
			if c.q < 0 {
				c.q, c.part, c.lo, c.hi = 0, 0, b.min, b.max
			}
			if !b.json && c.part == 0 && b.dfa.states[c.q].accept {
				todo = append(todo, config{node: n.next, q: -1, stack: c.stack})
			}
			out = append(out, c)
			continue
		}
		for _, to := range n.empty {
			todo = append(todo, config{node: to, q: -1, stack: c.stack})
		}
		if len(n.edges) > 0 {
			out = append(out, c)
		}
	}
	return g.intern(out)
}

func compareConfigs(a, b config) int {
	var x, y uint32
	if a.stack != nil {
		x = a.stack.id
	}
	if b.stack != nil {
		y = b.stack.id
	}
	return cmp.Or(cmp.Compare(a.node, b.node), cmp.Compare(x, y), cmp.Compare(a.q, b.q),
		cmp.Compare(a.part, b.part), cmp.Compare(a.lo, b.lo), cmp.Compare(a.hi, b.hi))
}

// intern returns the one state of a set of configurations. The caller holds
// g.mu and gives set away.
func (g *Grammar) intern(set []config) *state {
	if len(set) > 1 {
		slices.SortFunc(set, compareConfigs)
		set = slices.Compact(set)
	}
	k := g.key[:0]
	for _, c := range set {
		id := uint32(0)
		if c.stack != nil {
			id = c.stack.id
		}
		for _, x := range [...]uint32{uint32(c.node), id, uint32(c.q), uint32(c.part), uint32(c.lo), uint32(c.hi)} {
			k = binary.LittleEndian.AppendUint32(k, x)
		}
	}
	g.key = k
	if s, ok := g.states[string(k)]; ok {
		return s
	}
	if g.bytes += 256 + 64*len(set); g.bytes > maxStateBytes {
		g.forget()
	}
	s := &state{configs: set}
	for _, c := range set {
		n := &g.nodes[c.node]
		switch {
		case n.accept:
			s.accept = true
		case n.body >= 0:
			g.bodies[n.body].live(c, &s.live)
		default:
			for _, e := range n.edges {
				if c.stack.level()+g.nodes[e.to].height <= MaxDepth {
					setRange(&s.live, int(e.lo), int(e.hi))
				}
			}
		}
	}
	for i := 1; i < 4; i++ {
		s.below[i] = s.below[i-1] + int32(bits.OnesCount64(s.live[i-1]))
	}
	g.states[string(k)] = s
	return s
}

// forget drops all states. Positions that are held keep theirs; only sharing
// is lost. The caller holds g.mu.
func (g *Grammar) forget() {
	clear(g.states)
	clear(g.frames)
	clear(g.known)
	g.bytes = 0
	if g.v != nil {
		g.v.forget(g)
	}
}

func setRange(live *[4]uint64, lo, hi int) {
	for b := lo; b <= hi; b++ {
		live[b>>6] |= 1 << (b & 63)
	}
}

// step returns the state after a live byte. The caller holds g.mu.
func (g *Grammar) step(s *state, b byte) *state {
	if s.next == nil {
		n := int(s.below[3]) + bits.OnesCount64(s.live[3])
		s.next = make([]*state, n)
		g.bytes += 8 * n
	}
	r := s.rank(b)
	if s.next[r] == nil {
		s.next[r] = g.follow(s, b)
	}
	return s.next[r]
}

func (g *Grammar) follow(s *state, b byte) *state {
	var to []config
	for _, c := range s.configs {
		n := &g.nodes[c.node]
		if n.body >= 0 {
			if after, closed, ok := g.bodies[n.body].step(c, b); !ok {
				continue
			} else if closed {
				to = append(to, config{node: n.next, q: -1, stack: c.stack})
			} else {
				to = append(to, after)
			}
			continue
		}
		for _, e := range n.edges {
			if e.lo <= b && b <= e.hi {
				to = append(to, config{node: e.to, q: -1, stack: c.stack})
			}
		}
	}
	return g.settle(to)
}

// cap returns the state whose counters go no further than longest: what lies
// beyond the reach of one token cannot change which tokens are possible. The
// caller holds g.mu.
func (g *Grammar) cap(s *state, longest int32) *state {
	if s.capped != nil {
		return s.capped
	}
	set := s.configs
	for i, c := range set {
		if c.lo > longest || c.hi > longest {
			if &set[0] == &s.configs[0] {
				set = slices.Clone(set)
			}
			set[i].lo, set[i].hi = min(c.lo, longest), min(c.hi, longest)
		}
	}
	s.capped = s
	if len(set) > 0 && &set[0] != &s.configs[0] {
		s.capped = g.intern(set)
	}
	return s.capped
}
