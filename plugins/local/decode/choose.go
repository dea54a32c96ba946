package decode

import (
	"math"
	"math/bits"
)

// candidate is a token that may be drawn.
type candidate struct {
	logit float32
	id    int32
	p     float64 // not normalised
}

// before is the order of the cuts: by logit, of equals the lower id first.
func (c candidate) before(d candidate) bool {
	return c.logit > d.logit || c.logit == d.logit && c.id < d.id
}

// choose takes a token under penalty, temperature and cuts. ids are the
// allowed ones, nil = all;
// best is the one with the greatest logit of them. It changes logits and puts
// them right again.
func (s *Sampler) choose(logits []float32, ids []int32, best int32) int32 {
	defer s.restore(logits)
	if s.penalise(logits) {
		best = greatestOf(logits, ids)
	}
	top := float64(logits[best])
	if s.s.Temperature == 0 || math.IsInf(top, -1) {
		return best
	}
	var cs []candidate
	if s.s.TopK > 0 {
		cs = s.gatherTop(logits, ids, top, s.s.TopK)
	} else {
		cs = s.gather(logits, ids, top)
	}
	if p := s.s.TopP; p > 0 && p < 1 {
		cs = nucleus(cs, p*total(cs))
	}
	if s.s.MinP > 0 {
		n := 0
		for _, c := range cs {
			if c.p >= s.s.MinP { // that of the best is 1
				cs[n] = c
				n++
			}
		}
		cs = cs[:n]
	}
	at := s.rng.Float64() * total(cs)
	for _, c := range cs {
		if at -= c.p; at < 0 {
			return c.id
		}
	}
	return best // all that was left went into rounding
}

// gather returns the allowed tokens as candidates, in the order of their ids.
// Those that temperature leaves without any probability are not among them.
func (s *Sampler) gather(logits []float32, ids []int32, top float64) []candidate {
	cs := s.scratch[:0]
	if cap(cs) < len(logits) {
		cs = make([]candidate, 0, len(logits))
	}
	cold := 1 / s.s.Temperature
	if ids == nil {
		for i, x := range logits {
			if p := exp((float64(x) - top) * cold); p > 0 {
				cs = append(cs, candidate{x, int32(i), p})
			}
		}
	} else {
		for _, id := range ids {
			if p := exp((float64(logits[id]) - top) * cold); p > 0 {
				cs = append(cs, candidate{logits[id], id, p})
			}
		}
	}
	s.scratch = cs[:0]
	return cs
}

func total(cs []candidate) float64 {
	var sum float64
	for _, c := range cs {
		sum += c.p
	}
	return sum
}

// gatherTop returns the first k candidates of the allowed tokens. It looks at the
// logits alone, in one pass, and keeps the best so far in a heap with the worst
// of them on top.
func (s *Sampler) gatherTop(logits []float32, ids []int32, top float64, k int) []candidate {
	n := len(logits)
	if ids != nil {
		n = len(ids)
	}
	cs := s.scratch[:0]
	for i := range n {
		id := int32(i)
		if ids != nil {
			id = ids[i]
		}
		switch {
		case len(cs) < k:
			if cs = append(cs, candidate{logits[id], id, 0}); len(cs) == k || i == n-1 {
				for root := len(cs)/2 - 1; root >= 0; root-- {
					sink(cs, root)
				}
			}
		case logits[id] > cs[0].logit: // of equals the lower id is there already
			cs[0] = candidate{logits[id], id, 0}
			sink(cs, 0)
		}
	}
	s.scratch = cs[:0]
	cold := 1 / s.s.Temperature
	for i := range cs {
		cs[i].p = exp((float64(cs[i].logit) - top) * cold)
	}
	return cs
}

// sink restores the heap below root.
func sink(cs []candidate, root int) {
	for {
		worst := root
		for child := 2*root + 1; child <= 2*root+2 && child < len(cs); child++ {
			if cs[worst].before(cs[child]) {
				worst = child
			}
		}
		if worst == root {
			return
		}
		cs[root], cs[worst] = cs[worst], cs[root]
		root = worst
	}
}

// nucleus returns the shortest beginning of cs, were it in order, whose mass
// reaches goal. It is a selection, which looks on only where the end lies: its
// work is linear in len(cs) on average, and it sorts nothing.
func nucleus(cs []candidate, goal float64) []candidate {
	lo, hi := 0, len(cs) // all before lo belongs to it, nothing from hi on
	mass := 0.0          // of cs[:lo]
	for hi-lo > 1 {
		at := partition(cs, lo, hi)
		sum := mass
		for _, c := range cs[lo:at] {
			sum += c.p
		}
		switch with := sum + cs[at].p; {
		case at > lo && sum >= goal:
			hi = at
		case with >= goal:
			return cs[:at+1]
		default:
			lo, mass = at+1, with
		}
	}
	return cs[:hi]
}

// partition takes the middle one of three candidates of cs[lo:hi], puts those
// before it to its left and the others to its right, and returns where it is.
func partition(cs []candidate, lo, hi int) int {
	a, b, c := lo, lo+(hi-lo)/2, hi-1
	if cs[b].before(cs[a]) {
		a, b = b, a
	}
	if cs[c].before(cs[b]) {
		if b = c; cs[b].before(cs[a]) {
			b = a
		}
	}
	pivot := cs[b]
	cs[b] = cs[hi-1]
	at := lo
	for i := lo; i < hi-1; i++ {
		if cs[i].before(pivot) {
			cs[at], cs[i] = cs[i], cs[at]
			at++
		}
	}
	cs[hi-1] = cs[at]
	cs[at] = pivot
	return at
}

// list returns the tokens of a set, in order. What it returns holds until it is
// called again.
func (s *Sampler) list(allowed Allowed) []int32 {
	ids := s.ids[:0]
	if b, ok := allowed.(Bits); ok {
		for i, w := range b.Bits() {
			for ; w != 0; w &= w - 1 {
				ids = append(ids, int32(i*64+bits.TrailingZeros64(w)))
			}
		}
	}
	if len(ids) == 0 {
		for id := range allowed.All() {
			ids = append(ids, id)
		}
	}
	s.ids = ids
	return ids
}

// greatestOf returns the token of ids with the greatest logit, the first of
// equals; nil = of all.
func greatestOf(logits []float32, ids []int32) int32 {
	if ids == nil {
		best := 0
		for i, x := range logits {
			if x > logits[best] {
				best = i
			}
		}
		return int32(best)
	}
	best := ids[0]
	for _, id := range ids {
		if logits[id] > logits[best] {
			best = id
		}
	}
	return best
}
