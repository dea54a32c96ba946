//go:build cgo && !race

package main

import (
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/ollama/ollama/ml"
	"github.com/ollama/ollama/model"
	"github.com/ollama/ollama/model/input"

	"skerry/plugins/local/gguf/gguftest"
)

// tinyFile writes a tiny model to a file and returns its path.
func tinyFile(t testing.TB, m gguftest.Model) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "model.gguf")
	if err := os.WriteFile(path, m.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// passes returns a function that runs the engine itself on a tiny model, without
// any of the runner: one pass over tokens, and what comes out of it.
func passes(t *testing.T, tiny gguftest.Model) func(ids ...int32) []float32 {
	t.Helper()
	m, err := model.New(tinyFile(t, tiny), ml.BackendParams{AllocMemory: true, NumThreads: 1})
	if err != nil {
		t.Fatalf("%s: %v", tiny.Arch, err)
	}
	t.Cleanup(m.Backend().Close)
	if err := m.Backend().Load(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	cache := m.Config().Cache
	if cache != nil {
		cache.Init(m.Backend(), ml.DTypeF16, 1, 512, 64)
	}
	return func(ids ...int32) []float32 {
		if cache != nil {
			if err := cache.Remove(0, 0, math.MaxInt32); err != nil {
				t.Fatal(err)
			}
		}
		ctx := m.Backend().NewContext()
		defer ctx.Close()
		b := input.Batch{
			Inputs: ctx.Input().FromInts(ids, len(ids)), Outputs: ctx.Input().FromInts([]int32{int32(len(ids) - 1)}, 1),
			Positions: make([]int32, len(ids)), Sequences: make([]int, len(ids)),
		}
		for i := range ids {
			b.Positions[i] = int32(i)
		}
		ctx.SetBatchSize(len(ids))
		out, err := model.Forward(ctx, m, b)
		if err != nil {
			t.Fatal(err)
		}
		ctx.Compute(out)
		return out.Floats()
	}
}

// apart returns the distance of two outputs, relative to the size of the first.
func apart(a, b []float32) float64 {
	var d, n float64
	for i := range a {
		d += math.Pow(float64(a[i]-b[i]), 2)
		n += math.Pow(float64(a[i]), 2)
	}
	return math.Sqrt(d / n)
}

// TestTinyModelsRun: every architecture that gguftest writes loads and computes
// finite numbers, which are nearly the same however the weights are stored and
// far from those for another text.
func TestTinyModelsRun(t *testing.T) {
	for _, arch := range gguftest.Architectures() {
		t.Run(arch, func(t *testing.T) {
			exact := gguftest.TinyOf(arch)
			run := passes(t, exact)
			one, other := run(1, 60, 61, 62), run(1, 60, 63, 62)
			for i, v := range one {
				if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
					t.Fatalf("output %d is %v", i, v)
				}
			}
			if d := apart(one, other); d < 0.05 {
				t.Errorf("another text gives an output that is only %.4f away", d)
			}
			for kind, most := range map[gguftest.Type]float64{gguftest.F16: 0.03, gguftest.Q8_0: 0.1} {
				m := exact
				m.Type = kind
				d := apart(one, passes(t, m)(1, 60, 61, 62))
				if d == 0 || d > most {
					t.Errorf("with weights of type %d the output is %.5f away; want 0 to %v", kind, d, most)
				}
			}
		})
	}
}
