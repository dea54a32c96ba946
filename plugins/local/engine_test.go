//go:build cgo && !race

package main

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"skerry/plugins/local/gguf/gguftest"
	"skerry/plugins/local/schedule"
)

// tolerance is how far apart two computations of the same logits may lie,
// relative to their size: the same sums in another order, over keys and values
// that are rounded to sixteen bits or less. Measured: up to 1e-4.
const tolerance = 1e-3

// routed is the tolerance of a mixture of experts: where two experts are nearly
// equal, the order of a sum decides which is asked. Measured: up to 0.011, on
// weights that are random and routers that therefore know no preference.
const routed = 0.03

func tiny(t testing.TB, m gguftest.Model, change func(*engineConfig)) *engine {
	t.Helper()
	c := engineConfig{threads: 1, context: 512, slots: 8, cells: 8 * 512, batch: 64, share: true}
	if change != nil {
		change(&c)
	}
	e, err := loadEngine(tinyFile(t, m), c)
	if err != nil {
		t.Fatalf("%s: %v", m.Arch, err)
	}
	t.Cleanup(e.model.Backend().Close)
	return e
}

// text returns n tokens that differ by seed.
func text(n, seed int) []int32 {
	ids := make([]int32, n)
	for i := range ids {
		ids[i] = int32(3 + (i*i*7+i*seed*13+seed)%90)
	}
	return ids
}

// read computes some of a sequence, in passes of at most batch tokens, and
// returns the logits after the last.
func (e *engine) read(t testing.TB, seq, from int, ids []int32, batch int) []float32 {
	t.Helper()
	var out [][]float32
	for at := from; at < len(ids); at += batch {
		end := min(at+batch, len(ids))
		var b []schedule.Token
		for i := at; i < end; i++ {
			b = append(b, schedule.Token{Seq: seq, Pos: i, Input: schedule.Input{ID: ids[i]}, Logits: i == len(ids)-1})
		}
		var err error
		if out, err = e.Forward(b); err != nil {
			t.Fatal(err)
		}
	}
	return slices.Clone(out[0])
}

// TestBatchesComputeWhatOneSequenceDoes: the logits of a sequence are the same,
// within the tolerance, alone in one pass, alone in many passes, among others,
// and behind a beginning that another sequence computed. Reading a prompt again
// in other cells repeats them to the last bit. Another text is the control.
func TestBatchesComputeWhatOneSequenceDoes(t *testing.T) {
	for _, row := range []struct {
		arch   string
		most   float64
		shares bool
	}{
		{"llama", tolerance, true}, {"qwen3", tolerance, true},
		{"gemma3", tolerance, true}, // sliding windows beside whole layers
		{"gpt-oss", routed, true},   // the same, with sinks and experts
		{"mistral3", tolerance, true},
	} {
		for _, rounded := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/rounded=%v", row.arch, rounded), func(t *testing.T) {
				e := tiny(t, gguftest.TinyOf(row.arch), func(c *engineConfig) { c.rounded = rounded })
				if shares := e.Grain() > 0; shares != row.shares {
					t.Errorf("shares = %v", shares)
				}
				batches(t, e, row.most)
			})
		}
	}
}

// TestRoundedCacheIsNear: keys and values in eight bits give nearly the same
// logits as those in sixteen, and not the very same.
func TestRoundedCacheIsNear(t *testing.T) {
	for _, arch := range []string{"llama", "qwen3", "gemma3"} {
		var out [2][]float32
		for i := range out {
			out[i] = tiny(t, gguftest.TinyOf(arch), func(c *engineConfig) { c.rounded = i > 0 }).read(t, 1, 0, text(150, 1), 64)
		}
		if d := apart(out[0], out[1]); d == 0 || d > 0.02 {
			t.Errorf("%s: %.2g away", arch, d)
		}
	}
}

func batches(t *testing.T, e *engine, most float64) {
	const n, same = 150, 101 // not at the border of a page
	worst := 0.0
	compare := func(what string, want, got []float32) {
		t.Helper()
		d := apart(want, got)
		worst = max(worst, d)
		if !(d <= most) {
			t.Errorf("%s: %.2g away", what, d)
		}
	}
	alone := map[int][]float32{}
	for seq := range 8 {
		ids := slices.Concat(text(same, 0), text(n-same, seq+1))
		alone[seq] = e.read(t, 100+seq, 0, ids, n)
		e.Drop(100 + seq)
	}
	if d := apart(alone[1], alone[2]); d < 5*most {
		t.Fatalf("another text is only %v away", d)
	}
	ids := func(seq int) []int32 { return slices.Concat(text(same, 0), text(n-same, seq+1)) }

	compare("in passes of 16", alone[1], e.read(t, 200, 0, ids(1), 16))
	e.Drop(200)
	fresh := e.read(t, 201, 0, ids(1), 64)
	e.read(t, 202, 0, ids(5), 64)
	if again := e.read(t, 203, 0, ids(1), 64); !slices.Equal(fresh, again) {
		t.Errorf("in other cells: %.2g away", apart(fresh, again))
	}
	if e.Grain() > 0 {
		e.Expect(204, n)
		if err := e.Fork(201, 204, 96); err != nil {
			t.Fatal(err)
		}
		compare("over a shared beginning", fresh, e.read(t, 204, 96, ids(1), 64))
		// Three that share among themselves, with a beginning of their own too.
		for seq, from := range map[int]int{300: 201, 301: 202, 302: 204} {
			if err := e.Fork(from, seq, 100); err != nil {
				t.Fatal(err)
			}
			compare("forked in the middle of a page", alone[3], e.read(t, seq, 100, ids(3), 64))
		}
		e.Drop(201) // what others share must stay
		compare("after the first has gone", alone[2], func() []float32 {
			if err := e.Fork(300, 303, 99); err != nil {
				t.Fatal(err)
			}
			return e.read(t, 303, 99, ids(2), 64)
		}())
	}
	for _, seq := range []int{201, 202, 203, 204, 300, 301, 302, 303} {
		e.Drop(seq)
	}

	// Eight at once, each a token behind the other, with and without a common
	// beginning and with attention divided and not.
	for _, overhead := range []int{-1, 0} {
		if e.a == nil && overhead == 0 {
			continue
		}
		if e.a != nil && (overhead == 0 && e.a.overhead < 0) {
			continue
		}
		if e.a != nil {
			e.a.overhead = overhead
		}
		for _, share := range []bool{false, true} {
			if share && e.Grain() == 0 {
				continue
			}
			at := make([]int, 8)
			if share {
				e.read(t, 400, 0, ids(0)[:96], 64)
				for seq := range 8 {
					if err := e.Fork(400, seq+1, 96-16*(seq%2)); err != nil {
						t.Fatal(err)
					}
					at[seq] = 96 - 16*(seq%2)
				}
			}
			got := map[int][]float32{}
			for len(got) < 8 {
				var b []schedule.Token
				var ask []int
				for seq := range 8 {
					for k := 0; k < 1+seq*2 && at[seq] < n; k++ {
						b = append(b, schedule.Token{Seq: seq + 1, Pos: at[seq], Input: schedule.Input{ID: ids(seq)[at[seq]]}})
						if at[seq]++; at[seq] == n {
							b[len(b)-1].Logits = true
							ask = append(ask, seq)
						}
					}
				}
				out, err := e.Forward(b)
				if err != nil {
					t.Fatal(err)
				}
				for i, seq := range ask {
					got[seq] = slices.Clone(out[i])
				}
			}
			for seq := range 8 {
				compare(fmt.Sprintf("among others, divided=%v, shared=%v", overhead == 0, share), alone[seq], got[seq])
				e.Drop(seq + 1)
			}
			e.Drop(400)
		}
	}
	if math.IsNaN(worst) || e.Free() != e.Total() {
		t.Errorf("worst %v, %d of %d free", worst, e.Free(), e.Total())
	}
	t.Logf("at most %.2g away", worst)
}
