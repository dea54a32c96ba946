package decode_test

import (
	"cmp"
	"fmt"
	"iter"
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"skerry/appliance/llm"
	"skerry/plugins/local/decode"
)

// possible works out by sorting, as the definitions say, which tokens may be
// drawn.
func possible(logits []float32, allowed []int32, s llm.Sampling) []int32 {
	ids := slices.Clone(allowed)
	slices.SortFunc(ids, func(a, b int32) int {
		return cmp.Or(cmp.Compare(logits[b], logits[a]), cmp.Compare(a, b))
	})
	p := func(id int32) float64 { return math.Exp(float64(logits[id]-logits[ids[0]]) / s.Temperature) }
	if s.TopK > 0 {
		ids = ids[:min(s.TopK, len(ids))]
	}
	if s.TopP > 0 && s.TopP < 1 {
		var sum, run float64
		for _, id := range ids {
			sum += p(id)
		}
		for i, id := range ids {
			if run += p(id); run >= s.TopP*sum*(1+1e-9) {
				ids = ids[:i+1]
				break
			}
		}
	}
	return slices.DeleteFunc(ids, func(id int32) bool { return p(id) < s.MinP*(1-1e-9) })
}

// TestCutsAreThoseOfTheDefinition: nothing is drawn that the definitions of the
// cuts exclude, and everything that they leave is drawn at last.
func TestCutsAreThoseOfTheDefinition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		// Few different logits, so that ties are common.
		logits := rapid.SliceOfN(rapid.Map(rapid.IntRange(-6, 6), func(i int) float32 { return float32(i) / 4 }), 2, 12).Draw(t, "logits")
		allowed := some(rapid.SliceOfNDistinct(rapid.Int32Range(0, int32(len(logits)-1)), 1, len(logits), rapid.ID).Draw(t, "allowed"))
		slices.Sort(allowed)
		s := llm.Sampling{
			Temperature: rapid.SampledFrom([]float64{0.5, 1, 3}).Draw(t, "temperature"),
			TopK:        rapid.IntRange(0, 6).Draw(t, "top-k"),
			TopP:        rapid.SampledFrom([]float64{0, 0.31, 0.77, 1}).Draw(t, "top-p"),
			MinP:        rapid.SampledFrom([]float64{0, 0.13, 0.61, 1}).Draw(t, "min-p"),
			Seed:        rapid.Uint64().Draw(t, "seed"),
		}
		want := possible(logits, allowed, s)
		x := sampler(t, s)
		got := map[int32]bool{}
		for range 3000 {
			c, err := x.Among(logits, allowed)
			if err != nil {
				t.Fatal(err)
			}
			got[c.ID] = true
		}
		for id := range got {
			if !slices.Contains(want, id) {
				t.Errorf("%+v of %v, allowed %v: drew %d; possible are %v", s, logits, allowed, id, want)
			}
		}
		if len(got) != len(want) {
			t.Errorf("%+v of %v, allowed %v: drew %v; possible are %v", s, logits, allowed, got, want)
		}
	})
}

// TestPenaltyLowersWhatWasSeen: the last tokens of the sequence, each once, and
// no others; what is reported stays the model's own, and its logits are as
// they were.
func TestPenaltyLowersWhatWasSeen(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		logits := rapid.SliceOfNDistinct(rapid.Float32Range(-8, 8), 2, 12, rapid.ID).Draw(t, "logits")
		seen := rapid.SliceOf(rapid.Int32Range(0, int32(len(logits)-1))).Draw(t, "seen")
		s := llm.Sampling{RepeatPenalty: rapid.Float64Range(1.1, 4).Draw(t, "penalty"), RepeatTokens: rapid.IntRange(0, 5).Draw(t, "window")}
		x := sampler(t, s)
		for rest := seen; len(rest) > 0; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "piece")
			x.See(rest[:n]...)
			rest = rest[n:]
		}
		lowered := slices.Clone(logits)
		for _, id := range seen[max(0, len(seen)-cmp.Or(s.RepeatTokens, decode.DefaultRepeatTokens)):] {
			if lowered[id] = logits[id] / float32(s.RepeatPenalty); logits[id] <= 0 {
				lowered[id] = logits[id] * float32(s.RepeatPenalty)
			}
		}
		before := slices.Clone(logits)
		id, logprob, err := x.Next(logits)
		if want := slices.Index(lowered, slices.Max(lowered)); err != nil || int(id) != want {
			t.Errorf("chose %d, %v; want %d of %v after %v", id, err, want, logits, seen)
		}
		all := make(some, len(logits))
		for i := range all {
			all[i] = int32(i)
		}
		c, err := x.Among(logits, all)
		if err != nil || c.ID != id {
			t.Errorf("of all that is allowed: %+v, %v; want %d", c, err, id)
		}
		_, plain, _ := sampler(t, llm.Sampling{}).Next(logits)
		greedy := slices.Index(logits, slices.Max(logits))
		if want := plain + float64(logits[id]-logits[greedy]); math.Abs(logprob-want) > 1e-5 {
			t.Errorf("log probability %v, without the penalty %v", logprob, want)
		}
		if !slices.Equal(logits, before) {
			t.Errorf("the logits were changed: %v, before %v", logits, before)
		}
	})
}

// TestPenaltyNegativeControl: without one, what was seen changes nothing.
func TestPenaltyNegativeControl(t *testing.T) {
	for _, s := range []llm.Sampling{{}, {RepeatPenalty: 1}, {RepeatTokens: 9}} {
		x := sampler(t, s)
		x.See(1, 1, 1)
		if id, _, err := x.Next([]float32{1, 2}); id != 1 || err != nil {
			t.Errorf("%+v: %d, %v", s, id, err)
		}
	}
}

// TestExp: the sums that probabilities are made of are exact to many digits.
func TestExp(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 1000 {
		logits := make([]float32, 5)
		for i := range logits {
			logits[i] = float32(r.NormFloat64() * 100)
		}
		_, got, err := sampler(t, llm.Sampling{}).Next(logits)
		var sum float64
		top := float64(slices.Max(logits))
		for _, x := range logits {
			sum += math.Exp(float64(x) - top)
		}
		if want := -math.Log(sum); err != nil || math.Abs(got-want) > 1e-11 {
			t.Errorf("%v: %v, want %v, %v", logits, got, want, err)
		}
	}
}

// TestChoosingAllocatesNothing: not for every token.
func TestChoosingAllocatesNothing(t *testing.T) {
	logits, mask := large()
	s := sampler(t, llm.Sampling{Temperature: 0.8, TopK: 40, TopP: 0.9, MinP: 0.05, RepeatPenalty: 1.1})
	s.See(1, 2, 3)
	if n := testing.AllocsPerRun(5, func() { _, _, _ = s.Next(logits) }); n > 0 {
		t.Errorf("Next allocates %v times", n)
	}
	// What is iterated over may cost a few, whatever the size of the vocabulary.
	if n := testing.AllocsPerRun(5, func() { _, _ = s.Among(logits, mask) }); n > 16 {
		t.Errorf("Among allocates %v times", n)
	}
}

// words is a set of tokens that can be read by words.
type words []uint64

func (w words) Bits() []uint64 { return w }

func (w words) Len() (n int) {
	for _, x := range w {
		n += bits.OnesCount64(x)
	}
	return n
}

func (w words) All() iter.Seq[int32] { panic("the faster way is there") }

// large returns logits as a model with 151,936 tokens gives them, and a set of
// nearly all of them.
func large() ([]float32, words) {
	r := rand.New(rand.NewPCG(1, 2))
	logits := make([]float32, 151_936)
	mask := make(words, len(logits)/64)
	for i := range logits {
		logits[i] = float32(r.NormFloat64() * 3)
		if i%50 != 0 {
			mask[i/64] |= 1 << (i % 64)
		}
	}
	return logits, mask
}

func BenchmarkChoose(b *testing.B) {
	logits, mask := large()
	few := make(some, 100)
	for i := range few {
		few[i] = int32(i * 1000)
	}
	for _, s := range []llm.Sampling{
		{}, {Temperature: 0.8}, {Temperature: 0.8, TopK: 40}, {Temperature: 0.8, TopP: 0.9},
		{Temperature: 0.8, TopK: 40, TopP: 0.9, MinP: 0.05, RepeatPenalty: 1.1},
	} {
		name := fmt.Sprintf("t%v-k%d-p%v-m%v-r%v/", s.Temperature, s.TopK, s.TopP, s.MinP, s.RepeatPenalty)
		b.Run(name+"all", func(b *testing.B) {
			x := sampler(b, s)
			b.ReportAllocs()
			for b.Loop() {
				_, _, _ = x.Next(logits)
			}
		})
		b.Run(name+"most", func(b *testing.B) {
			x := sampler(b, s)
			b.ReportAllocs()
			for b.Loop() {
				_, _ = x.Among(logits, mask)
			}
		})
		b.Run(name+"few", func(b *testing.B) {
			x := sampler(b, s)
			b.ReportAllocs()
			for b.Loop() {
				_, _ = x.Among(logits, few)
			}
		})
	}
}
