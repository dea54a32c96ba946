//go:build cgo && !race

package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"testing"

	"skerry/plugins/local/gguf"
	"skerry/plugins/local/gguf/gguftest"
)

// reference is a second implementation of the encoders, in double precision and
// plain loops, of BERT (Devlin et al. 2019) and nomic-embed (Nussbaum et al.
// 2024, section 3). It shares nothing with the engine but the file.
type reference struct {
	f       *gguf.File
	data    []byte
	width   int
	heads   int
	layers  int
	pooling uint64
	read    map[string][]float64
}

func newReference(t *testing.T, file []byte) *reference {
	t.Helper()
	f, err := gguf.Check(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	n := func(key string) int { return int(f.Values[f.Architecture+"."+key].Uint) }
	return &reference{f: f, data: file[f.DataStart:], width: n("embedding_length"), heads: n("attention.head_count"), layers: n("block_count"), pooling: uint64(n("pooling_type")), read: map[string][]float64{}}
}

// tensor returns the numbers of a tensor; nil if there is none.
func (r *reference) tensor(name string) []float64 {
	if v, ok := r.read[name]; ok {
		return v
	}
	for _, t := range r.f.Tensors {
		if t.Name == name {
			out := make([]float64, t.Size/4)
			for i := range out {
				out[i] = float64(math.Float32frombits(binary.LittleEndian.Uint32(r.data[t.Offset+uint64(4*i):])))
			}
			r.read[name] = out
			return out
		}
	}
	r.read[name] = nil
	return nil
}

// linear multiplies by a matrix and adds its bias.
func (r *reference) linear(name string, in []float64) []float64 {
	w, b := r.tensor(name+".weight"), r.tensor(name+".bias")
	out := make([]float64, len(w)/len(in))
	for o := range out {
		for i, x := range in {
			out[o] += w[o*len(in)+i] * x
		}
		if b != nil {
			out[o] += b[o]
		}
	}
	return out
}

func (r *reference) norm(name string, in []float64) []float64 {
	w, b := r.tensor(name+".weight"), r.tensor(name+".bias")
	mean, variance := 0.0, 0.0
	for _, x := range in {
		mean += x / float64(len(in))
	}
	for _, x := range in {
		variance += (x - mean) * (x - mean) / float64(len(in))
	}
	out := make([]float64, len(in))
	for i, x := range in {
		out[i] = (x-mean)/math.Sqrt(variance+1e-6)*w[i] + b[i]
	}
	return out
}

func plus(a, b []float64) []float64 {
	out := make([]float64, len(a))
	for i := range a {
		out[i] = a[i] + b[i]
	}
	return out
}

// turned is the rotary position of a vector: the first half of each pair lies in
// the first half of the head.
func turned(v []float64, position int) []float64 {
	out := make([]float64, len(v))
	for i := range len(v) / 2 {
		a := float64(position) / math.Pow(10000, 2*float64(i)/float64(len(v)))
		x, y := v[i], v[i+len(v)/2]
		out[i], out[i+len(v)/2] = x*math.Cos(a)-y*math.Sin(a), x*math.Sin(a)+y*math.Cos(a)
	}
	return out
}

// embed returns the vector of a sequence.
func (r *reference) embed(ids []int32) []float64 {
	nomic := r.f.Architecture == "nomic-bert"
	tokens, types, positions := r.tensor("token_embd.weight"), r.tensor("token_types.weight"), r.tensor("position_embd.weight")
	h := make([][]float64, len(ids))
	for i, id := range ids {
		h[i] = plus(tokens[int(id)*r.width:][:r.width], types[:r.width])
		if !nomic {
			h[i] = plus(h[i], positions[i*r.width:][:r.width])
		}
		h[i] = r.norm("token_embd_norm", h[i])
	}
	for l := range r.layers {
		h = r.layer(fmt.Sprintf("blk.%d.", l), h, nomic)
	}
	out := make([]float64, r.width)
	switch r.pooling {
	case gguftest.PoolCLS:
		out = h[0]
	case gguftest.PoolLast:
		out = h[len(h)-1]
	default:
		for _, x := range h {
			out = plus(out, x)
		}
	}
	length := 0.0
	for _, x := range out {
		length += x * x
	}
	for i := range out {
		out[i] /= math.Sqrt(length)
	}
	return out
}

func (r *reference) layer(at string, h [][]float64, nomic bool) [][]float64 {
	dim := r.width / r.heads
	q, k, v := make([][]float64, len(h)), make([][]float64, len(h)), make([][]float64, len(h))
	for i := range h {
		if nomic {
			all := r.linear(at+"attn_qkv", h[i])
			q[i], k[i], v[i] = all[:r.width], all[r.width:2*r.width], all[2*r.width:]
		} else {
			q[i], k[i], v[i] = r.linear(at+"attn_q", h[i]), r.linear(at+"attn_k", h[i]), r.linear(at+"attn_v", h[i])
		}
	}
	out := make([][]float64, len(h))
	for i := range h {
		mixed := make([]float64, r.width)
		for head := range r.heads {
			part := func(x [][]float64, i int, rotary bool) []float64 {
				p := x[i][head*dim : (head+1)*dim]
				if rotary {
					return turned(p, i)
				}
				return p
			}
			weights, sum := make([]float64, len(h)), 0.0
			for j := range h {
				dot := 0.0
				a, b := part(q, i, nomic), part(k, j, nomic)
				for d := range a {
					dot += a[d] * b[d]
				}
				weights[j] = math.Exp(dot / math.Sqrt(float64(dim)))
				sum += weights[j]
			}
			for j := range h {
				for d, x := range part(v, j, false) {
					mixed[head*dim+d] += weights[j] / sum * x
				}
			}
		}
		x := r.norm(at+"attn_output_norm", plus(r.linear(at+"attn_output", mixed), h[i]))
		up := r.linear(at+"ffn_up", x)
		if nomic {
			for d, g := range r.linear(at+"ffn_gate", x) {
				up[d] *= g / (1 + math.Exp(-g))
			}
		} else {
			for d, u := range up {
				up[d] = u / 2 * (1 + math.Erf(u/math.Sqrt2))
			}
		}
		out[i] = r.norm(at+"layer_output_norm", plus(r.linear(at+"ffn_down", up), x))
	}
	return out
}
