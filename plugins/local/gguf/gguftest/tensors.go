package gguftest

import (
	"maps"
	"slices"
)

func named(name string, shape ...uint64) part { return part{tensor: tensor{name: name, shape: shape}} }

// weights names tensors of a layer, sorted.
func weights(l int, shapes map[string][]uint64) []part {
	var out []part
	for _, name := range slices.Sorted(maps.Keys(shapes)) {
		out = append(out, named(layer(l, name)+".weight", shapes[name]...))
	}
	return out
}

// both names a matrix and its bias.
func both(name string, in, out uint64) []part {
	return []part{named(name+".weight", in, out), named(name+".bias", out)}
}

// decoder returns the tensors of a usual decoder whose embeddings serve for the
// output as well.
func decoder(qkNorm bool, more func(l int, s Size) []part) func(Model, Size, uint64) []part {
	return func(m Model, s Size, vocabulary uint64) []part {
		list := []part{named("token_embd.weight", s.Width, vocabulary), named("output_norm.weight", s.Width)}
		for l := range m.Layers {
			shapes := map[string][]uint64{
				"attn_norm": {s.Width}, "attn_q": {s.Width, s.Heads * s.HeadDim}, "attn_k": {s.Width, s.KVHeads * s.HeadDim},
				"attn_v": {s.Width, s.KVHeads * s.HeadDim}, "attn_output": {s.Heads * s.HeadDim, s.Width}, "ffn_norm": {s.Width},
				"ffn_gate": {s.Width, s.Between}, "ffn_up": {s.Width, s.Between}, "ffn_down": {s.Between, s.Width},
			}
			if qkNorm {
				shapes["attn_q_norm"], shapes["attn_k_norm"] = []uint64{s.HeadDim}, []uint64{s.HeadDim}
			}
			list = append(list, weights(l, shapes)...)
			if more != nil {
				list = append(list, more(l, s)...)
			}
		}
		return list
	}
}

// harmonyTensors are those of gpt-oss: experts with biases, attention sinks and
// an output of its own.
func harmonyTensors(m Model, s Size, vocabulary uint64) []part {
	list := []part{named("token_embd.weight", s.Width, vocabulary), named("output_norm.weight", s.Width), named("output.weight", s.Width, vocabulary)}
	for l := range m.Layers {
		list = append(list, weights(l, map[string][]uint64{"attn_norm": {s.Width}, "post_attention_norm": {s.Width}})...)
		list = append(list, named(layer(l, "attn_sinks.weight"), s.Heads))
		list = append(list, both(layer(l, "attn_q"), s.Width, s.Heads*s.HeadDim)...)
		list = append(list, both(layer(l, "attn_k"), s.Width, s.KVHeads*s.HeadDim)...)
		list = append(list, both(layer(l, "attn_v"), s.Width, s.KVHeads*s.HeadDim)...)
		list = append(list, both(layer(l, "attn_output"), s.Heads*s.HeadDim, s.Width)...)
		list = append(list, both(layer(l, "ffn_gate_inp"), s.Width, experts)...)
		for _, x := range []struct {
			name    string
			in, out uint64
		}{{"ffn_gate_exps", s.Width, s.Between}, {"ffn_up_exps", s.Width, s.Between}, {"ffn_down_exps", s.Between, s.Width}} {
			w := named(layer(l, x.name+".weight"), x.in, x.out, experts)
			w.experts = true
			list = append(list, w, named(layer(l, x.name+".bias"), x.out, experts))
		}
	}
	return list
}

// visionTensors are those of mistral3: a decoder, a vision tower and what
// brings the one into the other.
func visionTensors(m Model, s Size, vocabulary uint64) []part {
	list := append(decoder(false, nil)(m, s, vocabulary),
		named("v.patch_conv.weight", patchSize, patchSize, 3, visionWidth), named("v.encoder_norm.weight", visionWidth),
		named("mm.norm.weight", visionWidth), named("mm.patch_merger.merging_layer.weight", visionWidth*merge*merge, visionWidth),
		named("mm.linear_1.weight", visionWidth, s.Width), named("mm.linear_2.weight", s.Width, s.Width))
	const heads = visionHeads * visionHeadDim
	for _, w := range weights(0, map[string][]uint64{
		"attn_norm": {visionWidth}, "attn_q": {visionWidth, heads}, "attn_k": {visionWidth, heads}, "attn_v": {visionWidth, heads},
		"attn_output": {heads, visionWidth}, "ffn_norm": {visionWidth},
		"ffn_gate": {visionWidth, visionBetween}, "ffn_up": {visionWidth, visionBetween}, "ffn_down": {visionBetween, visionWidth},
	}) {
		w.name = "v." + w.name
		list = append(list, w)
	}
	return list
}

// bertTensors are those of an encoder with learnt positions.
func bertTensors(m Model, s Size, vocabulary uint64) []part {
	list := append(embeddings(s, vocabulary), named("position_embd.weight", s.Width, uint64(m.Context)))
	for l := range m.Layers {
		for _, name := range []string{"attn_q", "attn_k", "attn_v", "attn_output"} {
			list = append(list, both(layer(l, name), s.Width, s.Width)...)
		}
		list = append(list, both(layer(l, "ffn_up"), s.Width, s.Between)...)
		list = append(list, both(layer(l, "ffn_down"), s.Between, s.Width)...)
		list = append(list, norms(l, s)...)
	}
	return list
}

// nomicTensors are those of an encoder with rotary positions and a gated middle.
func nomicTensors(m Model, s Size, vocabulary uint64) []part {
	list := embeddings(s, vocabulary)
	for l := range m.Layers {
		list = append(list, weights(l, map[string][]uint64{
			"attn_qkv": {s.Width, 3 * s.Width}, "attn_output": {s.Width, s.Width},
			"ffn_gate": {s.Width, s.Between}, "ffn_up": {s.Width, s.Between}, "ffn_down": {s.Between, s.Width},
		})...)
		list = append(list, norms(l, s)...)
	}
	return list
}

func embeddings(s Size, vocabulary uint64) []part {
	return []part{
		named("token_embd.weight", s.Width, vocabulary), named("token_types.weight", s.Width, 2),
		named("token_embd_norm.weight", s.Width), named("token_embd_norm.bias", s.Width),
	}
}

func norms(l int, s Size) []part {
	var out []part
	for _, name := range []string{"attn_output_norm", "layer_output_norm"} {
		out = append(out, named(layer(l, name)+".weight", s.Width), named(layer(l, name)+".bias", s.Width))
	}
	return out
}
