package weights

import "math"

// Loss returns the sum over the answer, tokens[prompt:], of −ln p(token), in
// nats, with every token predicted from those before it. It is the plain
// definition of the architecture in float64, as slow as that, and shares
// nothing with the trainer or the engine: it is what their arithmetic is
// checked against. Tokens are below Vocab, prompt is at least 1.
func (m *Model) Loss(tokens []uint16, prompt int) float64 {
	n := len(tokens) - 1 // the last token is only predicted
	x := make([][]float64, n)
	for i := range x {
		x[i] = row(m.Embedding, int(tokens[i]), m.Width)
	}
	for _, l := range m.Layer {
		m.attend(l, x)
		for i := range x {
			m.feedForward(l, x[i])
		}
	}
	sum := 0.0
	for i := prompt - 1; i < n; i++ {
		h := normalised(x[i], m.OutputGain)
		logits := times(m.Embedding, m.Vocab, h)
		sum += logSum(logits) - logits[tokens[i+1]]
	}
	return sum
}

// attend adds a layer's attention to the rows of x.
func (m *Model) attend(l Layer, x [][]float64) {
	q, kv := m.QueryWidth(), m.KVWidth()
	heads := make([][]float64, len(x)) // queries, keys and values of each row
	for i := range x {
		heads[i] = times(l.QKV, q+2*kv, normalised(x[i], nil))
		for h := 0; h < q+kv; h += HeadWidth {
			gain := l.QGain
			if h >= q {
				gain = l.KGain
			}
			copy(heads[i][h:], m.rotated(normalised(heads[i][h:h+HeadWidth], gain), i))
		}
	}
	for i := range x {
		out := make([]float64, q)
		for h := range m.Heads {
			key := q + h/(m.Heads/m.KVHeads)*HeadWidth
			scores := make([]float64, i+1)
			for j := range scores {
				scores[j] = dot(heads[i][h*HeadWidth:(h+1)*HeadWidth], heads[j][key:key+HeadWidth]) / math.Sqrt(HeadWidth)
			}
			all := logSum(scores)
			for j, s := range scores {
				weight := math.Exp(s - all)
				for d := range HeadWidth {
					out[h*HeadWidth+d] += weight * heads[j][key+kv+d]
				}
			}
		}
		addTo(x[i], times(l.Output, m.Width, out))
	}
}

// feedForward adds a layer's gated network to a row.
func (m *Model) feedForward(l Layer, x []float64) {
	h := times(l.GateUp, 2*m.FFN, normalised(x, nil))
	for i := range m.FFN {
		h[i] = h[i] / (1 + math.Exp(-h[i])) * h[m.FFN+i]
	}
	addTo(x, times(l.Down, m.Width, h[:m.FFN]))
}

// rotated turns the pairs (i, i + HeadWidth/2) of a head by the angles of a
// position (rotary embedding, Su et al. 2021, by halves as in GPT-NeoX).
func (m *Model) rotated(h []float64, position int) []float64 {
	out := make([]float64, len(h))
	half := len(h) / 2
	for i := range half {
		sin, cos := math.Sincos(float64(position) * math.Pow(float64(m.RopeBase), -2*float64(i)/float64(len(h))))
		out[i], out[i+half] = h[i]*cos-h[i+half]*sin, h[i]*sin+h[i+half]*cos
	}
	return out
}

// normalised returns x over its root mean square, times the gains if there are
// any.
func normalised(x []float64, gain []float32) []float64 {
	scale := 1 / math.Sqrt(dot(x, x)/float64(len(x))+Epsilon)
	out := make([]float64, len(x))
	for i := range x {
		out[i] = x[i] * scale
		if gain != nil {
			out[i] *= float64(gain[i])
		}
	}
	return out
}

func row(matrix []float32, i, cols int) []float64 {
	out := make([]float64, cols)
	for j, v := range matrix[i*cols : (i+1)*cols] {
		out[j] = float64(v)
	}
	return out
}

// times multiplies a matrix of the given rows by x.
func times(matrix []float32, rows int, x []float64) []float64 {
	out := make([]float64, rows)
	for i := range out {
		for j, v := range matrix[i*len(x) : (i+1)*len(x)] {
			out[i] += float64(v) * x[j]
		}
	}
	return out
}

func dot(a, b []float64) float64 {
	sum := 0.0
	for i := range a {
		sum += a[i] * b[i]
	}
	return sum
}

func addTo(x, y []float64) {
	for i := range x {
		x[i] += y[i]
	}
}

// logSum returns ln Σ e^v.
func logSum(values []float64) float64 {
	top := math.Inf(-1)
	for _, v := range values {
		top = max(top, v)
	}
	sum := 0.0
	for _, v := range values {
		sum += math.Exp(v - top)
	}
	return top + math.Log(sum)
}
