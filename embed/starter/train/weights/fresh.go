package weights

import (
	"math"
	"math/rand/v2"
)

// Scales of fresh weights. They suit Muon and a small vocabulary: tokens are
// far apart from the start, logits are small, and attention is neither flat nor
// sharp.
const (
	embeddingScale = 0.7  // standard deviation
	matrixScale    = 0.7  // standard deviation times the square root of the inputs
	outputGain     = 0.05 // of the last norm
	headGain       = 1.4  // of queries and keys
)

// Fresh returns an untrained model. Projections back into the stream are zero,
// so that every layer starts as the identity. The seed fixes all of it.
func Fresh(s Shape, seed uint64) (*Model, error) {
	if err := s.Check(); err != nil {
		return nil, err
	}
	m := New(s)
	m.blocks(true)
	r := rand.New(rand.NewPCG(seed, 1))
	fill(m.Embedding, embeddingScale, r)
	constant(m.OutputGain, outputGain)
	for _, l := range m.Layer {
		fill(l.QKV, matrixScale/math.Sqrt(float64(s.Width)), r)
		fill(l.GateUp, matrixScale/math.Sqrt(float64(s.Width)), r)
		constant(l.QGain, headGain)
		constant(l.KGain, headGain)
	}
	return m, nil
}

func fill(values []float32, scale float64, r *rand.Rand) {
	for i := range values {
		values[i] = float32(r.NormFloat64() * scale)
	}
}

func constant(values []float32, v float32) {
	for i := range values {
		values[i] = v
	}
}
