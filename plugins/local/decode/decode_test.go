package decode_test

import (
	"errors"
	"iter"
	"math"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"skerry/appliance/llm"
	"skerry/plugins/local/decode"
)

func sampler(t interface{ Fatal(...any) }, s llm.Sampling) *decode.Sampler {
	x, err := decode.NewSampler(s)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func TestGreedyTakesTheGreatestAndReportsItsProbability(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		logits := rapid.SliceOfN(rapid.Float32Range(-50, 50), 1, 60).Draw(t, "logits")
		id, lp, err := sampler(t, llm.Sampling{}).Next(logits)
		if err != nil {
			t.Fatal(err)
		}
		var sum float64
		for i, x := range logits {
			sum += math.Exp(float64(x))
			if x > logits[id] || x == logits[id] && i < int(id) {
				t.Errorf("chose %d (%v), but %d is %v", id, logits[id], i, x)
			}
		}
		if want := float64(logits[id]) - math.Log(sum); math.Abs(lp-want) > 1e-9 || lp > 0 {
			t.Errorf("log probability %v, want %v", lp, want)
		}
	})
}

// TestSamplingKeepsToItsCuts: what is drawn is within top-k and top-p, its
// probability is that of the whole distribution, and the seed repeats it.
func TestSamplingKeepsToItsCuts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		logits := rapid.SliceOfNDistinct(rapid.Float32Range(-8, 8), 2, 40, rapid.ID).Draw(t, "logits")
		s := llm.Sampling{
			Temperature: rapid.Float64Range(0.05, 5).Draw(t, "temperature"),
			TopK:        rapid.IntRange(0, 5).Draw(t, "top-k"),
			TopP:        rapid.Float64Range(0, 1).Draw(t, "top-p"),
			Seed:        rapid.Uint64().Draw(t, "seed"),
		}
		a, b := sampler(t, s), sampler(t, s)
		for range 5 {
			id, lp, err := a.Next(logits)
			again, _, _ := b.Next(logits)
			if err != nil || id != again {
				t.Fatalf("chose %d, with the same seed %d, %v", id, again, err)
			}
			var all, better, sum float64
			greater := 0
			for _, x := range logits {
				sum += math.Exp(float64(x))
				p := math.Exp(float64(x) / s.Temperature)
				all += p
				if x > logits[id] {
					greater++
					better += p
				}
			}
			if s.TopK > 0 && greater >= s.TopK {
				t.Errorf("chose number %d of the best %d", greater+1, s.TopK)
			}
			if s.TopK == 0 && s.TopP > 0 && s.TopP < 1 && better >= s.TopP*all*(1+1e-9) {
				t.Errorf("chose a token beyond the first %v of the distribution", s.TopP)
			}
			if want := float64(logits[id]) - math.Log(sum); math.Abs(lp-want) > 1e-9 {
				t.Errorf("log probability %v, want %v", lp, want)
			}
		}
	})
}

func TestSamplingFollowsTheDistribution(t *testing.T) {
	s, err := decode.NewSampler(llm.Sampling{Temperature: 1, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	logits := []float32{float32(math.Log(0.7)), float32(math.Log(0.2)), float32(math.Log(0.1))}
	var n [3]float64
	for range 20_000 {
		id, _, _ := s.Next(logits)
		n[id]++
	}
	for i, want := range []float64{0.7, 0.2, 0.1} {
		if got := n[i] / 20_000; math.Abs(got-want) > 0.02 {
			t.Errorf("token %d was drawn %.3f of the time, want %.1f", i, got, want)
		}
	}
}

func TestSamplerRefuses(t *testing.T) {
	for _, s := range []llm.Sampling{{Temperature: -1}, {Temperature: math.NaN()}, {Temperature: math.Inf(1)}, {TopK: -1}, {TopP: 1.1}, {TopP: math.NaN()}, {MinP: -0.1}, {MinP: math.NaN()}, {RepeatPenalty: -1}, {RepeatPenalty: math.Inf(1)}, {RepeatTokens: -1}} {
		if _, err := decode.NewSampler(s); llm.KindOf(err) != llm.Invalid {
			t.Errorf("%+v: %v; want kind invalid", s, err)
		}
	}
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for _, logits := range [][]float32{nil, {1, nan}, {inf, 1}, {-inf, -inf}} {
		s, _ := decode.NewSampler(llm.Sampling{})
		if _, _, err := s.Next(logits); !errors.Is(err, decode.ErrLogits) {
			t.Errorf("%v: %v; want ErrLogits", logits, err)
		}
	}
}

// TestAssembler: however the output is cut into tokens, what is sent is the
// output up to the first stop string, in whole characters, and the tokens that
// go along spell it.
func TestAssembler(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOf(rapid.SampledFrom([]rune("abAB<|>é€😀"))).Draw(t, "text")
		stops := rapid.SliceOfN(rapid.StringOfN(rapid.SampledFrom([]rune("abAB<|>é€😀")), 1, 4, -1), 0, 3).Draw(t, "stops")
		a, err := decode.NewAssembler(stops, true)
		if err != nil {
			t.Fatal(err)
		}
		var sent strings.Builder
		var spelt []byte
		send := func(d llm.Delta) {
			if !utf8.ValidString(d.Text) {
				t.Fatalf("sent %q, which is not whole characters", d.Text)
			}
			sent.WriteString(d.Text)
			for _, k := range d.Tokens {
				spelt = append(spelt, k.Bytes...)
			}
		}
		stopped := false
		for rest := text; rest != "" && !stopped; {
			n := rapid.IntRange(0, min(5, len(rest))).Draw(t, "token")
			var d llm.Delta
			d, stopped = a.Add(llm.Token{Bytes: []byte(rest[:n]), Logprob: -1})
			send(d)
			rest = rest[n:]
		}
		if !stopped {
			send(a.Finish())
		}
		want := text
		for _, s := range stops {
			if i := strings.Index(text, s); i >= 0 && i < len(want) {
				want = text[:i]
			}
		}
		// A stop string that begins earlier but ends later than another loses:
		// the output has ended by then.
		if sent.String() != want && !(stopped && strings.HasPrefix(sent.String(), want)) {
			t.Errorf("sent %q of %q with stops %q, want %q", sent.String(), text, stops, want)
		}
		if stopped != (want != text) && len(want) != len(text) {
			t.Errorf("stopped = %v", stopped)
		}
		if string(spelt) != sent.String() {
			t.Errorf("the tokens spell %q, sent was %q", spelt, sent.String())
		}
	})
}

func TestAssemblerHoldsNothingBackWithoutNeed(t *testing.T) {
	a, _ := decode.NewAssembler([]string{"END"}, false)
	for _, row := range []struct{ add, want string }{
		{"hello", "hello"}, {" E", ""}, {"N", ""}, {"GLISH", " ENGLISH"}, {"\xe2\x82", ""}, {"\xac!", "€!"}, {"\xff", "\uFFFD"}, {"", ""},
	} {
		if d, stopped := a.Add(llm.Token{Bytes: []byte(row.add)}); d.Text != row.want || stopped || d.Tokens != nil {
			t.Errorf("after %q: %+v, %v; want %q", row.add, d, stopped, row.want)
		}
	}
	if d, stopped := a.Add(llm.Token{Bytes: []byte("x END of it")}); d.Text != "x " || !stopped {
		t.Errorf("at the stop: %+v, %v", d, stopped)
	}
}

func TestAssemblerRefusesStops(t *testing.T) {
	for _, stops := range [][]string{{""}, {"\xff"}, {strings.Repeat("x", decode.MaxStopBytes+1)}, make([]string, decode.MaxStops+1)} {
		if _, err := decode.NewAssembler(stops, false); llm.KindOf(err) != llm.Invalid {
			t.Errorf("%.40q: %v; want kind invalid", stops, err)
		}
	}
}

// some is a set of tokens.
type some []int32

func (s some) All() iter.Seq[int32] { return slices.Values(s) }
func (s some) Len() int             { return len(s) }

// TestAmongKeepsToTheAllowed: whatever the sampling, the choice is allowed; its
// probability and the mass are those of the definition; their product is what
// the model itself gave; and the cuts count only what is allowed.
func TestAmongKeepsToTheAllowed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		logits := rapid.SliceOfNDistinct(rapid.Float32Range(-30, 30), 2, 40, rapid.ID).Draw(t, "logits")
		allowed := some(rapid.SliceOfNDistinct(rapid.Int32Range(0, int32(len(logits)-1)), 1, len(logits), rapid.ID).Draw(t, "allowed"))
		slices.Sort(allowed)
		s := llm.Sampling{
			Temperature: rapid.SampledFrom([]float64{0, 0.3, 1, 30}).Draw(t, "temperature"),
			TopK:        rapid.IntRange(0, 3).Draw(t, "top-k"),
			Seed:        rapid.Uint64().Draw(t, "seed"),
		}
		c, err := sampler(t, s).Among(logits, allowed)
		again, _ := sampler(t, s).Among(logits, allowed)
		if err != nil || !slices.Contains(allowed, c.ID) || c != again {
			t.Fatalf("chose %+v, with the same seed %+v, of %v, %v", c, again, allowed, err)
		}
		var all, inside float64
		greater := 0
		for i, x := range logits {
			all += math.Exp(float64(x))
			if slices.Contains(allowed, int32(i)) {
				inside += math.Exp(float64(x))
				if x > logits[c.ID] {
					greater++
				}
			}
		}
		if s.Temperature == 0 && greater > 0 || s.TopK > 0 && greater >= s.TopK {
			t.Errorf("chose number %d of the best", greater+1)
		}
		if want := float64(logits[c.ID]) - math.Log(inside); math.Abs(c.Logprob-want) > 1e-9 || c.Logprob > 0 {
			t.Errorf("log probability %v, want %v", c.Logprob, want)
		}
		if want := inside / all; math.Abs(c.Mass-want) > 1e-9 || c.Mass <= 0 || c.Mass > 1 {
			t.Errorf("mass %v, want %v", c.Mass, want)
		}
		raw := llm.Token{Logprob: c.Logprob, Mass: c.Mass}.Raw()
		if want := float64(logits[c.ID]) - math.Log(all); math.Abs(raw-want) > 1e-6 {
			t.Errorf("raw %v, want %v", raw, want)
		}
	})
}

func TestAmongAtTheEdges(t *testing.T) {
	inf := float32(math.Inf(-1))
	s := sampler(t, llm.Sampling{Temperature: 1})
	if c, err := s.Among([]float32{0, inf, inf}, some{1, 2}); err != nil || c.ID != 1 || c.Mass <= 0 || math.Abs(c.Logprob+math.Ln2) > 1e-12 {
		t.Errorf("all that is allowed is impossible: %+v, %v", c, err)
	}
	if c, err := s.Among([]float32{0, -2000}, some{1}); err != nil || c.ID != 1 || c.Logprob != 0 || c.Mass <= 0 || c.Mass > 1e-300 {
		t.Errorf("all that is allowed is next to impossible: %+v, %v", c, err)
	}
	if _, err := s.Among([]float32{0}, some{}); err == nil {
		t.Error("nothing is allowed, and something was chosen")
	}
	if _, err := s.Among([]float32{0, float32(math.NaN())}, some{0}); !errors.Is(err, decode.ErrLogits) {
		t.Errorf("not a number beside what is allowed: %v", err)
	}
}
