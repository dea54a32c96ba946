package decode_test

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"skerry/appliance/llm"
)

// both is a set of tokens that can be read either way.
type both struct {
	some
	words []uint64
}

func (b both) Bits() []uint64 { return b.words }

// TestSetsOfBitsGiveTheSame: a set that is read word by word yields what the
// same set yields token by token, also where what is allowed lies so far below
// the rest that one sum cannot hold both, and where nothing is possible.
func TestSetsOfBitsGiveTheSame(t *testing.T) {
	near := func(a, b float64) bool {
		return a == b || math.Abs(a-b) <= 1e-9*max(1, math.Abs(a))
	}
	rapid.Check(t, func(t *rapid.T) {
		logits := make([]float32, rapid.IntRange(1, 200).Draw(t, "tokens"))
		one := rapid.OneOf(rapid.Float32Range(-9, 9), rapid.SampledFrom([]float32{-3e38, -900, -709, -354, -353, 0, 300, float32(math.Inf(-1))}))
		for i := range logits {
			logits[i] = one.Draw(t, "logit")
		}
		logits[rapid.IntRange(0, len(logits)-1).Draw(t, "finite")] = 1 // else it is no distribution
		set := both{words: make([]uint64, (len(logits)+63)/64)}
		full := rapid.Bool().Draw(t, "full words")
		for i := range logits {
			if full && i/64%2 == 1 || rapid.Bool().Draw(t, "in") {
				set.some = append(set.some, int32(i))
				set.words[i/64] |= 1 << (i % 64)
			}
		}
		if len(set.some) == 0 {
			return
		}
		a, err := sampler(t, llm.Sampling{}).Among(logits, set)
		if err != nil {
			t.Fatal(err)
		}
		b, err := sampler(t, llm.Sampling{}).Among(logits, set.some)
		if err != nil {
			t.Fatal(err)
		}
		if a.ID != b.ID || !slices.Contains(set.some, a.ID) || !near(a.Logprob, b.Logprob) || !near(math.Log(a.Mass), math.Log(b.Mass)) {
			t.Errorf("by words %+v, by tokens %+v", a, b)
		}
	})
}
