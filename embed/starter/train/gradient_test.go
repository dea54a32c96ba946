package train

import (
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"skerry/embed/starter/train/weights"
)

// named is a run of weights with a name for messages.
type named struct {
	name   string
	values []float32
}

func tensors(m *weights.Model) []named {
	list := []named{{"embedding", m.Embedding}, {"output gain", m.OutputGain}}
	q, k := m.QueryWidth()*m.Width, (m.QueryWidth()+m.KVWidth())*m.Width
	for i, l := range m.Layer {
		p := fmt.Sprintf("layer %d ", i)
		list = append(list,
			named{p + "queries", l.QKV[:q]}, named{p + "keys", l.QKV[q:k]}, named{p + "values", l.QKV[k:]},
			named{p + "attention output", l.Output},
			named{p + "gate", l.GateUp[:m.FFN*m.Width]}, named{p + "up", l.GateUp[m.FFN*m.Width:]},
			named{p + "down", l.Down}, named{p + "query gain", l.QGain}, named{p + "key gain", l.KGain})
	}
	return list
}

// meanLoss is what the trainer minimises.
func meanLoss(m *weights.Model, list []record) float64 {
	sum, n := 0.0, 0
	for _, r := range list {
		sum += m.Loss(r.tokens, r.prompt)
		n += len(r.tokens) - r.prompt
	}
	return sum / float64(n)
}

// slope returns the derivative of the loss along a direction in one tensor, by
// central differences of the float64 reference.
func slope(m *weights.Model, values []float32, direction func(i int) float64, list []record) float64 {
	const step = 2e-3
	old := append([]float32(nil), values...)
	at := func(h float64) float64 {
		for i := range values {
			values[i] = old[i] + float32(h*direction(i))
		}
		return meanLoss(m, list)
	}
	up, down := at(step), at(-step)
	copy(values, old)
	return (up - down) / (2 * step)
}

func length(v []float32) float64 {
	sum := 0.0
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	return math.Sqrt(sum)
}

// miss says how far a gradient is off.
type miss struct {
	along  float64 // slope along the gradient against its length, as a share of that
	single float64 // worst of some single weights, in units of the root mean square
}

// Bounds of a miss: bfloat16 keeps 8 bits. Measured: below 0.007 and 0.04.
var most = miss{along: 0.02, single: 0.12}

func (a miss) passes() bool { return a.along <= most.along && a.single <= most.single }

// misses compares the gradient of a tensor with finite differences, along the
// gradient, which finds a wrong scale, and for single weights, which finds what
// is missing from it.
func misses(m *weights.Model, values, gradient []float32, list []record, singles int) miss {
	size := length(gradient)
	along := slope(m, values, func(i int) float64 { return float64(gradient[i]) / size }, list)
	out := miss{along: math.Abs(along-size) / size}
	r := rand.New(rand.NewPCG(1, 1))
	for range singles {
		k := r.IntN(len(values))
		one := slope(m, values, func(i int) float64 {
			if i == k {
				return 1
			}
			return 0
		}, list)
		out.single = max(out.single, math.Abs(one-float64(gradient[k]))/(size/math.Sqrt(float64(len(values)))))
	}
	return out
}

// TestGradient: the gradient that the C++ kernels compute in bfloat16 is the
// slope of the loss of the plain float64 definition, for every kind of tensor.
func TestGradient(t *testing.T) {
	dir := t.TempDir()
	model, records, out := filepath.Join(dir, "m.ckpt"), filepath.Join(dir, "r.rec"), filepath.Join(dir, "g.ckpt")
	m, list := tiny(t), gradientExamples()
	if err := m.WriteFile(model); err != nil {
		t.Fatal(err)
	}
	write(t, records, list)
	printed := runs(t, "-init", model, "-train", records, "-gradient", out, "-gradient-records", "100")
	var loss float64
	if _, err := fmt.Sscanf(printed, "loss %g", &loss); err != nil {
		t.Fatalf("%v in %q", err, printed)
	}
	if want := meanLoss(m, list); math.Abs(loss-want) > 0.01*want {
		t.Errorf("the trainer's loss is %v, the reference's %v", loss, want)
	}
	g, err := weights.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	ours, theirs := tensors(m), tensors(g)
	for i := range ours {
		got := misses(m, ours[i].values, theirs[i].values, list, 2)
		t.Logf("%-26s off by %.4f, single weights by %.3f", ours[i].name, got.along, got.single)
		if !got.passes() {
			t.Errorf("%s: the gradient is off by %+v, want at most %+v", ours[i].name, got, most)
		}
	}
	// Negative controls: what a mistake in a kernel would look like.
	down := theirs[8].values
	for _, row := range []struct {
		name  string
		spoil func(i int) float32
	}{
		{"a twentieth too long", func(int) float32 { return 1.05 }},
		{"without every third row", func(i int) float32 { return float32(min(1, i/m.FFN%3)) }},
	} {
		spoiled := append([]float32(nil), down...)
		for i := range spoiled {
			spoiled[i] *= row.spoil(i)
		}
		if got := misses(m, ours[8].values, spoiled, list, 8); got.passes() {
			t.Errorf("a gradient %s passes, off by %+v", row.name, got)
		}
	}
}

// gradientExamples returns one record within a block of the attention, and two
// across several that begin alike and are computed together: the reference,
// which computes each by itself, is slow.
func gradientExamples() []record {
	all := examples(6)
	return []record{all[0], all[4], all[5]}
}
