package weights

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

// Grow returns a larger model that computes the same as m, so that training
// goes on from what m knows. Hidden units are added with random input rows and
// zero output columns. Added layers follow the ones they are copied from and
// start with zero attention output and zero down projections: they read the
// stream as their neighbour does and add nothing to it until training moves
// those (growth that preserves the function: Chen, Goodfellow and Shlens 2016, Net2Net; zero projections: Zhang, Dauphin and Ma 2019, Fixup). m
// stays as it is; the result shares no memory with it. The seed fixes the
// random rows.
func Grow(m *Model, layers, ffn int, seed uint64) (*Model, error) {
	if layers < m.Layers || ffn < m.FFN {
		return nil, fmt.Errorf("%w: %d layers with %d hidden units; %d and %d cannot be grown into fewer", ErrShape, layers, ffn, m.Layers, m.FFN)
	}
	s := m.Shape
	s.Layers, s.FFN = layers, ffn
	if err := s.Check(); err != nil {
		return nil, err
	}
	g := New(s)
	g.Embedding, g.OutputGain = slices.Clone(m.Embedding), slices.Clone(m.OutputGain)
	r := rand.New(rand.NewPCG(seed, 0))
	from := -1 // the layer of m last placed
	for i := range g.Layer {
		// Layer k of m stands at ⌊k·layers/m.Layers⌋: evenly spread, the first first.
		added := from+1 >= m.Layers || (from+1)*layers/m.Layers != i
		if !added {
			from++
		}
		g.Layer[i] = m.widened(m.Layer[from], ffn, r)
		if added {
			clear(g.Layer[i].Output)
			clear(g.Layer[i].Down)
		}
	}
	return g, nil
}

// widened returns a copy of a layer with ffn hidden units.
func (m *Model) widened(l Layer, ffn int, r *rand.Rand) Layer {
	fresh := make([]float32, (ffn-m.FFN)*m.Width)
	random := func() []float32 {
		fill(fresh, matrixScale/math.Sqrt(float64(m.Width)), r)
		return fresh
	}
	old := m.FFN * m.Width
	gateUp := make([]float32, 0, 2*ffn*m.Width)
	gateUp = append(append(gateUp, l.GateUp[:old]...), random()...)
	gateUp = append(append(gateUp, l.GateUp[old:]...), random()...)
	down := make([]float32, m.Width*ffn)
	for row := range m.Width {
		copy(down[row*ffn:], l.Down[row*m.FFN:(row+1)*m.FFN])
	}
	return Layer{
		QKV: slices.Clone(l.QKV), Output: slices.Clone(l.Output), GateUp: gateUp, Down: down,
		QGain: slices.Clone(l.QGain), KGain: slices.Clone(l.KGain),
	}
}
