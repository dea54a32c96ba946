// Package decode holds the parts of text generation that need no model: how a
// token is chosen from logits, and how tokens become text that can be sent.
// It is pure and deterministic. Start with [Sampler] and [Assembler].
package decode

import (
	"cmp"
	"errors"
	"iter"
	"math"
	"math/rand/v2"
	"slices"

	"skerry/appliance/llm"
)

// Sampler chooses tokens. One Sampler serves one completion; the same seed and
// the same logits give the same tokens.
type Sampler struct {
	s   llm.Sampling
	rng *rand.Rand
}

// ErrLogits says that the model computed numbers that are no distribution.
var ErrLogits = errors.New("the model computed logits that are not numbers; the weights are probably damaged")

// NewSampler returns a sampler; it returns an *llm.Error of kind invalid for
// settings that mean nothing.
func NewSampler(s llm.Sampling) (*Sampler, error) {
	switch {
	case math.IsNaN(s.Temperature) || s.Temperature < 0 || s.Temperature > 100:
		return nil, &llm.Error{Kind: llm.Invalid, Message: "sampling.temperature must lie between 0 and 100"}
	case s.TopK < 0:
		return nil, &llm.Error{Kind: llm.Invalid, Message: "sampling.topK must not be negative"}
	case math.IsNaN(s.TopP) || s.TopP < 0 || s.TopP > 1:
		return nil, &llm.Error{Kind: llm.Invalid, Message: "sampling.topP must lie between 0 and 1"}
	}
	// The second word of the state is a constant, so that seed 0 is a seed
	// like any other.
	return &Sampler{s: s, rng: rand.New(rand.NewPCG(s.Seed, 0x9e3779b97f4a7c15))}, nil
}

// Next returns the chosen token and its log probability in the distribution
// that the model gave, before temperature and cuts. Of equal logits the lowest
// id counts as the greater, so greedy decoding is a function of the logits.
func (s *Sampler) Next(logits []float32) (int32, float64, error) {
	all, err := measure(logits, nil)
	if err != nil {
		return 0, 0, err
	}
	chosen := all.best
	if s.s.Temperature > 0 {
		chosen = s.sample(logits, nil, all.top)
	}
	return chosen, min(float64(logits[chosen])-all.top-math.Log(all.sum), 0), nil
}

// Allowed is a set of tokens to choose from: not empty, in order, within the
// vocabulary.
type Allowed interface {
	All() iter.Seq[int32]
	Len() int
}

// Choice is a token that was chosen from some of the vocabulary.
type Choice struct {
	ID      int32
	Logprob float64 // natural logarithm of its probability among the allowed tokens, before temperature and cuts
	Mass    float64 // probability that the model gave to all the allowed tokens, in (0, 1]
}

// Among is like [Sampler.Next], but chooses one of the allowed tokens:
// temperature and cuts apply to what is left of the distribution.
func (s *Sampler) Among(logits []float32, allowed Allowed) (Choice, error) {
	if allowed.Len() == 0 {
		return Choice{}, errors.New("there is no token to choose from")
	}
	all, err := measure(logits, nil)
	if err != nil {
		return Choice{}, err
	}
	some, err := measure(logits, allowed)
	if err != nil {
		// The model holds everything that is allowed for impossible: nothing
		// is to be preferred, and the first is as good as any.
		for id := range allowed.All() {
			return Choice{id, -math.Log(float64(allowed.Len())), math.SmallestNonzeroFloat64}, nil
		}
	}
	chosen := some.best
	if s.s.Temperature > 0 {
		chosen = s.sample(logits, allowed, some.top)
	}
	mass := math.Exp(some.top - all.top + math.Log(some.sum) - math.Log(all.sum))
	return Choice{
		chosen, min(float64(logits[chosen])-some.top-math.Log(some.sum), 0),
		min(max(mass, math.SmallestNonzeroFloat64), 1),
	}, nil
}

// distribution is what choosing needs to know of logits.
type distribution struct {
	best int32   // of the greatest logit
	top  float64 // the greatest logit
	sum  float64 // of exp(logit - top)
}

// measure looks at the logits of the allowed tokens; nil = all. It returns
// [ErrLogits] where they are no distribution.
func measure(logits []float32, allowed Allowed) (distribution, error) {
	d := distribution{best: -1}
	for id := range each(logits, allowed) {
		x := logits[id]
		if x != x {
			return d, ErrLogits
		}
		if d.best < 0 || x > logits[d.best] {
			d.best = id
		}
	}
	if d.best < 0 || math.IsInf(float64(logits[d.best]), 0) {
		return d, ErrLogits
	}
	d.top = float64(logits[d.best])
	for id := range each(logits, allowed) {
		d.sum += math.Exp(float64(logits[id]) - d.top)
	}
	return d, nil
}

func each(logits []float32, allowed Allowed) iter.Seq[int32] {
	if allowed != nil {
		return allowed.All()
	}
	return func(yield func(int32) bool) {
		for id := range logits {
			if !yield(int32(id)) {
				return
			}
		}
	}
}

// sample draws from the distribution after temperature, top-k and top-p, in
// this order.
func (s *Sampler) sample(logits []float32, allowed Allowed, top float64) int32 {
	type candidate struct {
		id    int32
		logit float32
		p     float64 // not normalised
	}
	n := len(logits)
	if allowed != nil {
		n = allowed.Len()
	}
	cs := make([]candidate, 0, n)
	for id := range each(logits, allowed) {
		cs = append(cs, candidate{id, logits[id], math.Exp((float64(logits[id]) - top) / s.s.Temperature)})
	}
	slices.SortFunc(cs, func(a, b candidate) int { return cmp.Or(cmp.Compare(b.logit, a.logit), cmp.Compare(a.id, b.id)) })
	if s.s.TopK > 0 && s.s.TopK < len(cs) {
		cs = cs[:s.s.TopK]
	}
	var sum float64
	for _, c := range cs {
		sum += c.p
	}
	if p := s.s.TopP; p > 0 && p < 1 {
		var run float64
		for i, c := range cs {
			run += c.p
			if run >= p*sum {
				cs, sum = cs[:i+1], run
				break
			}
		}
	}
	at := s.rng.Float64() * sum
	for _, c := range cs {
		if at -= c.p; at < 0 {
			return c.id
		}
	}
	return cs[len(cs)-1].id
}
