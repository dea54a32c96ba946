package gguftest

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"strings"
)

// hfArchitectures are the kinds that [Model.Safetensors] writes, as config.json
// names them.
var hfArchitectures = map[string]string{"llama": "LlamaForCausalLM"}

// hfNames are the names of the tensors of these kinds in their publishers'
// files.
var hfNames = strings.NewReplacer("token_embd.", "model.embed_tokens.", "output_norm.", "model.norm.", "blk.", "model.layers.",
	"attn_norm.", "input_layernorm.", "attn_q.", "self_attn.q_proj.", "attn_k.", "self_attn.k_proj.", "attn_v.", "self_attn.v_proj.",
	"attn_output.", "self_attn.o_proj.",
	"ffn_norm.", "post_attention_layernorm.", "ffn_gate.", "mlp.gate_proj.", "ffn_up.", "mlp.up_proj.", "ffn_down.", "mlp.down_proj.")

// Safetensors returns the same model, of the kind llama, as the files of a
// directory as its publisher would have it: the weights, which are those that
// [Model.WriteTo] stores, as F32, F16 or BF16.
func (m Model) Safetensors(kind string) map[string][]byte {
	a := m.arch()
	s, words := m.size(a), m.vocabulary(a)
	random := rand.New(rand.NewPCG(m.Seed, 7))
	head := map[string]any{"__metadata__": map[string]string{"format": "pt"}}
	var data []byte
	for _, t := range m.tensors(a, uint64(len(words.texts))) {
		row, from := t.random(random, s), len(data)
		if heads := map[bool]uint64{strings.HasSuffix(t.name, "attn_q.weight"): s.Heads, strings.HasSuffix(t.name, "attn_k.weight"): s.KVHeads}[true]; heads > 0 && a.name == "llama" {
			row = halves(row, int(heads), int(s.HeadDim), int(s.Width))
		}
		for _, v := range row {
			switch kind {
			case "F32":
				data = binary.LittleEndian.AppendUint32(data, math.Float32bits(v))
			case "F16":
				data = binary.LittleEndian.AppendUint16(data, half(v))
			case "BF16":
				data = binary.LittleEndian.AppendUint16(data, uint16(math.Float32bits(v)>>16))
			default:
				panic("gguftest: no type " + kind)
			}
		}
		shape := make([]uint64, len(t.shape)) // slowest first
		for i, d := range t.shape {
			shape[len(shape)-1-i] = d
		}
		head[hfNames.Replace(t.name)] = map[string]any{"dtype": kind, "shape": shape, "data_offsets": []int{from, len(data)}}
	}
	files := m.texts(a, s, words)
	files["model.safetensors"] = SafetensorsFile(marshalled(head), data)
	return files
}

// SafetensorsFile returns a file of weights with this header.
func SafetensorsFile(head, data []byte) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(head)))
	return append(append(b, head...), data...)
}

// halves undoes what GGUF does to the heads of llama: it has the numbers that a
// rotation turns together side by side, the publisher in the two halves of a
// head.
func halves(row []float32, heads, dim, width int) []float32 {
	out := make([]float32, len(row))
	for h := range heads {
		for i := range dim / 2 {
			for j := range 2 {
				from, to := h*dim+2*i+j, h*dim+j*dim/2+i
				copy(out[to*width:][:width], row[from*width:][:width])
			}
		}
	}
	return out
}

// texts are the files beside the weights.
func (m Model) texts(a arch, s Size, words vocabulary) map[string][]byte {
	name, ok := hfArchitectures[a.name]
	if !ok {
		panic("gguftest: no Safetensors of " + a.name)
	}
	type token struct {
		ID      int    `json:"id"`
		Content string `json:"content"`
		Special bool   `json:"special"`
	}
	vocab, added := map[string]int{}, []token{}
	for id, text := range words.texts {
		if words.types[id] == controlToken {
			added = append(added, token{id, text, true})
		} else {
			vocab[text] = id
		}
	}
	numbers, _, texts := m.entries(a, words)
	at := func(key string) string { return words.texts[numbers["tokenizer.ggml."+key+"_token_id"]] }
	config := map[string]any{
		"architectures": []string{name}, "model_type": a.name, "vocab_size": len(words.texts), "hidden_size": s.Width, "num_hidden_layers": m.Layers,
		"intermediate_size": s.Between, "num_attention_heads": s.Heads, "num_key_value_heads": s.KVHeads, "head_dim": s.HeadDim,
		"max_position_embeddings": m.Context, "rope_theta": 10000.0, "rms_norm_eps": 1e-6, "tie_word_embeddings": true,
	}
	return map[string][]byte{
		"config.json": marshalled(config),
		"tokenizer.json": marshalled(map[string]any{
			"added_tokens": added, "model": map[string]any{"type": "BPE", "vocab": vocab, "merges": words.merges},
			"pre_tokenizer": map[string]any{"pretokenizers": []any{}},
		}),
		"tokenizer_config.json": marshalled(map[string]any{
			"bos_token": at("bos"), "eos_token": at("eos"), "pad_token": at("padding"), "add_bos_token": m.AddBOS,
			"chat_template": texts["tokenizer.chat_template"],
		}),
	}
}

func marshalled(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("gguftest: %v", err)) // maps and numbers can be written
	}
	return b
}

// SplitSafetensors returns the same files with the weights in two files and the
// index of them.
func SplitSafetensors(files map[string][]byte) map[string][]byte {
	out := maps.Clone(files)
	whole := out["model.safetensors"]
	delete(out, "model.safetensors")
	n := binary.LittleEndian.Uint64(whole)
	var head map[string]struct {
		Type    string   `json:"dtype"`
		Shape   []uint64 `json:"shape"`
		Offsets [2]int   `json:"data_offsets"`
	}
	var plain map[string]json.RawMessage
	if err := json.Unmarshal(whole[8:8+n], &plain); err != nil {
		panic(err)
	}
	delete(plain, "__metadata__")
	if err := json.Unmarshal(marshalled(plain), &head); err != nil {
		panic(err)
	}
	heads, data, index := [2]map[string]any{{}, {}}, [2][]byte{}, map[string]string{}
	for name, t := range head {
		part := len(name) % 2
		from := len(data[part])
		data[part] = append(data[part], whole[8+n:][t.Offsets[0]:t.Offsets[1]]...)
		heads[part][name] = map[string]any{"dtype": t.Type, "shape": t.Shape, "data_offsets": []int{from, len(data[part])}}
		index[name] = fmt.Sprintf("model-%05d-of-00002.safetensors", part+1)
	}
	for part := range heads {
		out[fmt.Sprintf("model-%05d-of-00002.safetensors", part+1)] = SafetensorsFile(marshalled(heads[part]), data[part])
	}
	out["model.safetensors.index.json"] = marshalled(map[string]any{"metadata": map[string]int{"total_size": len(data[0]) + len(data[1])}, "weight_map": index})
	return out
}
