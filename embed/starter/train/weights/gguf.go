package weights

import (
	"fmt"
	"io"
	"slices"

	"skerry/plugins/local/gguf"
)

// architecture is the name under which the engine knows the model.
const architecture = "qwen3"

// tensor is one tensor of the model as a GGUF file holds it.
type tensor struct {
	name   string
	shape  []uint64 // elements per dimension, fastest first
	values []float32
	gain   bool // of a norm that the checkpoint has folded away; ones when written
}

// tensors lists the model's tensors with the values they share memory with.
func (m *Model) tensors() []tensor {
	s := m.Shape
	width, query, kv, ffn := uint64(s.Width), uint64(s.QueryWidth()), uint64(s.KVWidth()), uint64(s.FFN)
	matrix := func(name string, in, out uint64, values []float32) tensor {
		return tensor{name: name, shape: []uint64{in, out}, values: values}
	}
	list := []tensor{
		matrix("token_embd.weight", width, uint64(s.Vocab), m.Embedding),
		{name: "output_norm.weight", shape: []uint64{width}, values: m.OutputGain},
	}
	for i, l := range m.Layer {
		p := fmt.Sprintf("blk.%d.", i)
		q, k := query*width, (query+kv)*width
		list = append(list,
			tensor{name: p + "attn_norm.weight", shape: []uint64{width}, gain: true},
			matrix(p+"attn_q.weight", width, query, l.QKV[:q]),
			matrix(p+"attn_k.weight", width, kv, l.QKV[q:k]),
			matrix(p+"attn_v.weight", width, kv, l.QKV[k:]),
			matrix(p+"attn_output.weight", query, width, l.Output),
			tensor{name: p + "ffn_norm.weight", shape: []uint64{width}, gain: true},
			matrix(p+"ffn_gate.weight", width, ffn, l.GateUp[:ffn*width]),
			matrix(p+"ffn_up.weight", width, ffn, l.GateUp[ffn*width:]),
			matrix(p+"ffn_down.weight", ffn, width, l.Down),
			tensor{name: p + "attn_q_norm.weight", shape: []uint64{HeadWidth}, values: l.QGain},
			tensor{name: p + "attn_k_norm.weight", shape: []uint64{HeadWidth}, values: l.KGain})
	}
	return list
}

// FromGGUF reads a model from a GGUF file of the given size in bytes, whose
// tensors are F32, F16 or Q8_0, and the vocabulary it was trained with.
func FromGGUF(r io.ReaderAt, size int64) (*Model, *Vocabulary, error) {
	f, err := gguf.Check(r, size)
	if err != nil {
		return nil, nil, err
	}
	if f.Architecture != architecture {
		return nil, nil, fmt.Errorf("architecture %s; the trainer knows %s", f.Architecture, architecture)
	}
	whole := func(key string) int { return int(f.Values[architecture+"."+key].Uint) }
	m := New(Shape{
		Vocab: f.Values["tokenizer.ggml.tokens"].Len, Width: whole("embedding_length"), Layers: whole("block_count"),
		Heads: whole("attention.head_count"), KVHeads: whole("attention.head_count_kv"), FFN: whole("feed_forward_length"),
		RopeBase: int(f.Values[architecture+".rope.freq_base"].Number),
	})
	if err := m.Check(); err != nil {
		return nil, nil, err
	}
	if base := f.Values[architecture+".rope.freq_base"].Number; base != float64(m.RopeBase) {
		return nil, nil, fmt.Errorf("%w: rotary base %v; only whole numbers are supported", ErrShape, base)
	}
	if e := f.Values[architecture+".attention.layer_norm_rms_epsilon"].Number; float32(e) != Epsilon {
		return nil, nil, fmt.Errorf("the norms add %v to the mean square; the trainer adds %v", e, Epsilon)
	}
	if k, v := whole("attention.key_length"), whole("attention.value_length"); k != HeadWidth || v != HeadWidth {
		return nil, nil, fmt.Errorf("%w: heads of width %d and %d; only %d is supported", ErrShape, k, v, HeadWidth)
	}
	m.blocks(true)
	want := m.tensors()
	if len(f.Tensors) != len(want) {
		return nil, nil, fmt.Errorf("%d tensors, not the %d of a model with tied embeddings", len(f.Tensors), len(want))
	}
	gains := map[string][]float32{}
	for _, t := range want {
		i := slices.IndexFunc(f.Tensors, func(o gguf.Tensor) bool { return o.Name == t.name })
		if i < 0 {
			return nil, nil, fmt.Errorf("the tensor %s is missing", t.name)
		}
		in := f.Tensors[i]
		if !slices.Equal(in.Shape, t.shape) {
			return nil, nil, fmt.Errorf("%w: the tensor %s is %v, not %v", ErrShape, t.name, in.Shape, t.shape)
		}
		data := make([]byte, in.Size)
		if _, err := r.ReadAt(data, f.DataStart+int64(in.Offset)); err != nil {
			return nil, nil, fmt.Errorf("the tensor %s: %w", t.name, err)
		}
		n := 1
		for _, d := range t.shape {
			n *= int(d)
		}
		values, err := Type(in.Type).decode(data, n)
		if err != nil {
			return nil, nil, fmt.Errorf("the tensor %s: %w", t.name, err)
		}
		if t.gain {
			gains[t.name] = values
		} else {
			copy(t.values, values)
		}
	}
	for i, l := range m.Layer {
		fold(l.QKV, gains[fmt.Sprintf("blk.%d.attn_norm.weight", i)])
		fold(l.GateUp, gains[fmt.Sprintf("blk.%d.ffn_norm.weight", i)])
	}
	return m, vocabularyOf(f), nil
}

// fold multiplies the columns of a matrix by the gains of the norm before it.
func fold(matrix, gains []float32) {
	for i := range matrix {
		matrix[i] *= gains[i%len(gains)]
	}
}

func vocabularyOf(f *gguf.File) *Vocabulary {
	return &Vocabulary{
		Tokens: f.Values["tokenizer.ggml.tokens"].Strings,
		Types:  f.Values["tokenizer.ggml.token_type"].Ints,
		Merges: f.Values["tokenizer.ggml.merges"].Strings,
	}
}
