//go:build cgo && !race

package main

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"unsafe"

	"github.com/ollama/ollama/ml"
	"github.com/ollama/ollama/model"
	"github.com/ollama/ollama/model/input"
	"golang.org/x/sys/cpu"

	"skerry/plugins/local/gguf/gguftest"
)

// quantised is a model small enough for a test, of shapes that have whole
// blocks of every type. In a single layer, no position sees how others were
// rounded.
func quantised(arch string, kind gguftest.Type, seed uint64) gguftest.Model {
	m := gguftest.TinyOf(arch)
	m.Type, m.Seed, m.Words, m.Layers = kind, seed, 19, 1 // a vocabulary of 280
	m.Size = gguftest.Size{Width: 256, Heads: 8, KVHeads: 2, HeadDim: 32, Between: 512}
	return m
}

// logitsOf reads 9 tokens in one pass and one more alone, and returns what the
// model computes after each, and how many weights were rearranged.
func logitsOf(t *testing.T, m gguftest.Model, rearrange bool) (logits [][]float32, rearranged int) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "model.gguf")
	if err := os.WriteFile(path, m.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	x, err := model.New(path, ml.BackendParams{AllocMemory: true, NumThreads: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer x.Backend().Close()
	hugePages(x)
	if err := x.Backend().Load(context.Background(), nil); err != nil {
		t.Fatal(err)
	}
	if rearrange {
		if rearranged, err = repack(x); err != nil {
			t.Fatal(err)
		}
	}
	cache := x.Config().Cache
	cache.Init(x.Backend(), ml.DTypeF16, 1, 64, 16)
	defer cache.Close()
	at := int32(0)
	for _, ids := range [][]int32{{5, 9, 40, 7, 100, 101, 33, 60, 61}, {62}} {
		ctx := x.Backend().NewContext()
		b := input.Batch{Inputs: ctx.Input().FromInts(ids, len(ids)), Sequences: make([]int, len(ids))}
		var outputs []int32
		for i := range ids {
			outputs = append(outputs, int32(i))
			b.Positions = append(b.Positions, at)
			at++
		}
		b.Outputs = ctx.Input().FromInts(outputs, len(outputs))
		out, err := model.Forward(ctx, x, b)
		if err != nil {
			t.Fatal(err)
		}
		ctx.Compute(out)
		logits = append(logits, out.Floats())
		ctx.Close()
	}
	return logits, rearranged
}

// differences is how far logits are apart at each position: the greatest difference,
// in parts of their spread; sorted.
func differences(a, b [][]float32) []float64 {
	var out []float64
	n := len(a[len(a)-1]) // the last pass has one position
	for i := range a {
		for at := 0; at < len(a[i]); at += n {
			var most, square float64
			for j := at; j < at+n; j++ {
				most = max(most, math.Abs(float64(a[i][j]-b[i][j])))
				square += float64(a[i][j]) * float64(a[i][j])
			}
			out = append(out, most/math.Sqrt(square/float64(n)))
		}
	}
	slices.Sort(out)
	return out
}

// What is allowed between weights as they are and rearranged. The same products
// are added up in another order, which makes a difference in the last bits:
// rounding is what remains at most positions. Now and then such a bit decides
// to which of 255 steps an activation is rounded for the next product, which
// shows in the logits of a model this small.
const (
	rounding = 1e-5
	step     = 0.1
)

// TestRepackedWeightsComputeTheSame: with weights rearranged, many tokens at
// once and single ones give the logits that they gave before. The negative
// control is another model of the same shape.
func TestRepackedWeightsComputeTheSame(t *testing.T) {
	for _, row := range []struct {
		name     string
		arch     string
		kind     gguftest.Type
		repacked int // by processors that have the kernels
	}{
		{"qwen3 q4_0, its output too", "qwen3", gguftest.Q4_0, 7 + 1},
		{"qwen3 q4_k", "qwen3", gguftest.Q4_K, 7 + 1},
		{"llama q4_0", "llama", gguftest.Q4_0, 7 + 1},
		{"gemma3 q4_k, whose vocabulary is no multiple of eight", "gemma3", gguftest.Q4_K, 7},
		{"gpt-oss q4_0, but for its experts", "gpt-oss", gguftest.Q4_0, 4 + 1},
		{"mistral3 q4_0, but for its tower", "mistral3", gguftest.Q4_0, 7},
		{"q8_0 has no arrangement", "qwen3", gguftest.Q8_0, 0},
		{"f16 has no arrangement", "qwen3", gguftest.F16, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			before, _ := logitsOf(t, quantised(row.arch, row.kind, 1), false)
			after, n := logitsOf(t, quantised(row.arch, row.kind, 1), true)
			if runtime.GOARCH == "amd64" && cpu.X86.HasAVX2 && n != row.repacked {
				t.Errorf("%d weights were rearranged, want %d", n, row.repacked)
			}
			d := differences(before, after)
			if !(d[len(d)/10] <= rounding && d[len(d)-1] <= step) {
				t.Errorf("logits are %.2g apart, at least a tenth of the positions at most %v and all at most %v is allowed", d, rounding, step)
			}
			other, _ := logitsOf(t, quantised(row.arch, row.kind, 2), true)
			if d := differences(before, other); !(d[0] > 10*step) {
				t.Errorf("another model is only %.2g apart: the comparison sees nothing", d)
			}
		})
	}
}

// TestRepackStaysInPlace: the rearranged weights lie where they lay, in the same
// shape and other bytes, and a second call changes nothing.
func TestRepackStaysInPlace(t *testing.T) {
	path := filepath.Join(t.TempDir(), "model.gguf")
	if err := os.WriteFile(path, quantised("qwen3", gguftest.Q4_0, 1).Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	x, err := model.New(path, ml.BackendParams{AllocMemory: true, NumThreads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer x.Backend().Close()
	if err := x.Backend().Load(context.Background(), nil); err != nil {
		t.Fatal(err)
	}
	type seen struct {
		at    unsafe.Pointer
		rows  int64
		bytes string
	}
	look := func() (out []seen) {
		for _, w := range linearWeights(x) {
			at := w.value.FieldByName("data").UnsafePointer()
			out = append(out, seen{at, w.value.FieldByName("ne").Index(1).Int(), string(unsafe.Slice((*byte)(at), w.rowBytes*uintptr(w.rows)))})
		}
		return out
	}
	before := look()
	n, err := repack(x)
	if err != nil || n != len(before) {
		t.Fatalf("%d of %d weights were rearranged, %v", n, len(before), err)
	}
	after := look()
	for i, b := range before {
		a := after[i]
		if a.at != b.at || a.rows != b.rows || a.bytes == b.bytes {
			t.Errorf("weight %d: at %v with %d rows, before at %v with %d; the same bytes: %v", i, a.at, a.rows, b.at, b.rows, a.bytes == b.bytes)
		}
	}
	if n, err := repack(x); err != nil || n != len(before) {
		t.Errorf("again: %d, %v", n, err)
	}
	for i, a := range look() {
		if a != after[i] {
			t.Errorf("weight %d was rearranged twice", i)
		}
	}
}
