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

	"skerry/appliance/llm"
)

// Sampler chooses tokens. One Sampler serves one completion; the same seed, the
// same tokens seen and the same logits give the same tokens. It is not safe
// for concurrent use.
//
// What is applied, in this order: the penalty of repetition, temperature,
// top-k, top-p, min-p. Each works on what those before it left. Greedy decoding,
// which is temperature 0, knows only the penalty. The probabilities that are
// reported are the model's own, before all of it.
type Sampler struct {
	s       llm.Sampling
	rng     *rand.Rand
	seen    window
	saved   []saved
	ids     []int32 // scratch, as the next
	scratch []candidate
}

// ErrLogits says that the model computed numbers that are no distribution.
var ErrLogits = errors.New("the model computed logits that are not numbers; the weights are probably damaged")

// Bounds of the penalty of repetition.
const (
	MaxRepeatPenalty    = 10
	DefaultRepeatTokens = 64
	MaxRepeatTokens     = 1 << 20
)

// NewSampler returns a sampler; it returns an *llm.Error of kind invalid for
// settings that mean nothing.
func NewSampler(s llm.Sampling) (*Sampler, error) {
	within := func(x, hi float64) bool { return x >= 0 && x <= hi } // false for NaN
	refuse := func(message string) (*Sampler, error) {
		return nil, &llm.Error{Kind: llm.Invalid, Message: message}
	}
	switch {
	case !within(s.Temperature, 100):
		return refuse("sampling.temperature must lie between 0 and 100")
	case s.TopK < 0:
		return refuse("sampling.topK must not be negative")
	case !within(s.TopP, 1):
		return refuse("sampling.topP must lie between 0 and 1")
	case !within(s.MinP, 1):
		return refuse("sampling.minP must lie between 0 and 1")
	case !within(s.RepeatPenalty, MaxRepeatPenalty):
		return refuse("sampling.repeatPenalty must lie between 0 and 10; 0 and 1 are none")
	case s.RepeatTokens < 0 || s.RepeatTokens > MaxRepeatTokens:
		return refuse("sampling.repeatTokens must lie between 0, which is 64, and 1048576")
	}
	// The second word of the state is a constant, so that seed 0 is a seed
	// like any other.
	x := &Sampler{s: s, rng: rand.New(rand.NewPCG(s.Seed, 0x9e3779b97f4a7c15))}
	if s.RepeatPenalty != 0 && s.RepeatPenalty != 1 {
		x.seen = newWindow(cmp.Or(s.RepeatTokens, DefaultRepeatTokens))
	}
	return x, nil
}

// See tells the sampler which tokens came next in the sequence: those of the
// prompt, and then every token of the output, forced ones included. Without a
// penalty of repetition it does nothing.
func (s *Sampler) See(ids ...int32) { s.seen.add(ids) }

// Next returns the chosen token and its log probability in the distribution
// that the model gave, before penalty, temperature and cuts. Of equal logits
// the lowest id counts as the greater, so greedy decoding is a function of the
// logits. The logits are as before when it returns.
func (s *Sampler) Next(logits []float32) (int32, float64, error) {
	best, err := greatest(logits)
	if err != nil {
		return 0, 0, err
	}
	top := float64(logits[best])
	sum := expSum(logits, top)
	chosen := best
	if s.s.Temperature > 0 || s.seen.ids != nil {
		chosen = s.choose(logits, nil, best)
	}
	return chosen, min(float64(logits[chosen])-top-math.Log(sum), 0), nil
}

// Allowed is a set of tokens to choose from: not empty, in order, within the
// vocabulary.
type Allowed interface {
	All() iter.Seq[int32]
	Len() int
}

// Bits is implemented by sets of tokens that can be read faster: bit i&63 of
// word i>>6 is set for token i. Nil says that [Allowed.All] is to be used.
type Bits interface{ Bits() []uint64 }

// Choice is a token that was chosen from some of the vocabulary.
type Choice struct {
	ID      int32
	Logprob float64 // natural logarithm of its probability among the allowed tokens, before penalty, temperature and cuts
	Mass    float64 // probability that the model gave to all the allowed tokens, in (0, 1]
}

// Among is like [Sampler.Next], but chooses one of the allowed tokens:
// temperature and cuts apply to what is left of the distribution.
func (s *Sampler) Among(logits []float32, allowed Allowed) (Choice, error) {
	if allowed.Len() == 0 {
		return Choice{}, errors.New("there is no token to choose from")
	}
	first, err := greatest(logits)
	if err != nil {
		return Choice{}, err
	}
	top := float64(logits[first])
	var ids []int32 // nil = not listed yet
	var best int32
	var sum, inside float64 // inside is relative to own, so that it is at least 1
	own := math.Inf(-1)
	if b := bitsOf(allowed, len(logits)); b != nil {
		if best, sum, inside = expSums(logits, b, top); best >= 0 {
			own = float64(logits[best])
			inside *= math.Exp(min(top-own, -expFloor))
		}
	} else {
		sum = expSum(logits, top)
	}
	// Beside a far greater logit what is allowed may have lost its digits, or
	// everything.
	if !(own-top > expNear) {
		ids = s.list(allowed)
		best = greatestOf(logits, ids)
		own, inside = float64(logits[best]), 0
		if math.IsInf(own, -1) {
			// The model holds everything that is allowed for impossible: nothing
			// is to be preferred, and the first is as good as any.
			return Choice{best, -math.Log(float64(allowed.Len())), math.SmallestNonzeroFloat64}, nil
		}
		for _, id := range ids {
			inside += exp(float64(logits[id]) - own)
		}
	}
	chosen := best
	if s.s.Temperature > 0 || s.seen.ids != nil {
		if ids == nil {
			ids = s.list(allowed)
		}
		chosen = s.choose(logits, ids, best)
	}
	mass := math.Exp(own - top + math.Log(inside) - math.Log(sum))
	return Choice{
		chosen, min(float64(logits[chosen])-own-math.Log(inside), 0),
		min(max(mass, math.SmallestNonzeroFloat64), 1),
	}, nil
}

// greatest returns the token with the greatest logit, the first of equals. It
// returns [ErrLogits] where the logits are no distribution.
func greatest(logits []float32) (int32, error) {
	if len(logits) == 0 {
		return 0, ErrLogits
	}
	best, top := 0, logits[0]
	for i, x := range logits {
		// Also true where x or top is no number.
		if !(x <= top) {
			if x != x || top != top {
				return 0, ErrLogits
			}
			best, top = i, x
		}
	}
	if math.IsInf(float64(top), 0) || top != top {
		return 0, ErrLogits
	}
	return int32(best), nil
}
