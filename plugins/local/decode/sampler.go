// Package decode holds the parts of text generation that need no model: how a
// token is chosen from logits, and how tokens become text that can be sent.
// It is pure and deterministic. Start with [Sampler] and [Assembler].
package decode

import (
	"cmp"
	"errors"
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
	best := -1
	for i, x := range logits {
		if x != x {
			return 0, 0, ErrLogits
		}
		if best < 0 || x > logits[best] {
			best = i
		}
	}
	if best < 0 || math.IsInf(float64(logits[best]), 0) {
		return 0, 0, ErrLogits
	}
	var sum float64
	top := float64(logits[best])
	for _, x := range logits {
		sum += math.Exp(float64(x) - top)
	}
	chosen := best
	if s.s.Temperature > 0 {
		chosen = s.sample(logits, top)
	}
	return int32(chosen), float64(logits[chosen]) - top - math.Log(sum), nil
}

// sample draws from the distribution after temperature, top-k and top-p, in
// this order.
func (s *Sampler) sample(logits []float32, top float64) int {
	type candidate struct {
		id    int
		logit float32
		p     float64 // not normalised
	}
	cs := make([]candidate, len(logits))
	for i, x := range logits {
		cs[i] = candidate{i, x, math.Exp((float64(x) - top) / s.s.Temperature)}
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
