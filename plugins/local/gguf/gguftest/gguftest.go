// Package gguftest writes tiny GGUF models with random weights for tests: real
// files that the engine loads and that answer nonsense, and valid files that are
// hostile. Nothing that ships imports it. Start with [Tiny].
package gguftest

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
)

// Model is a qwen3 model to write. The zero value of a field is the default of
// [Tiny].
type Model struct {
	Name     string
	Seed     uint64
	Layers   int
	Context  int // that it claims to be made for
	Words    int // tokens beside the bytes and the control tokens
	Heads    uint32
	Template string            // chat template; "" = ChatML
	Extra    map[string]uint32 // more metadata, or other values for what is there
	Shapes   map[string][]uint64
	Without  string // tensor that is left out
}

// Sizes of the model.
const (
	width   = 64
	heads   = 2
	kvHeads = 1
	headDim = 32
	between = 128
)

// ChatML is the template of the default model, as files carry it.
const ChatML = "{%- for m in messages -%}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor -%}{%- if add_generation_prompt -%}<|im_start|>assistant\n{% endif -%}"

// Tiny is a model of about 100,000 parameters with random weights.
func Tiny() Model { return Model{Name: "tiny", Seed: 1, Layers: 2, Context: 512} }

// Value types and tensor types of the format (GGUF specification).
const (
	uint32Type  uint32 = 4
	int32Type   uint32 = 5
	float32Type uint32 = 6
	boolType    uint32 = 7
	stringType  uint32 = 8
	arrayType   uint32 = 9
)

type writer struct {
	b    bytes.Buffer
	keys uint64
}

func (w *writer) put(vs ...any) {
	for _, v := range vs {
		if s, ok := v.(string); ok {
			w.put(uint64(len(s)))
			w.b.WriteString(s)
			continue
		}
		_ = binary.Write(&w.b, binary.LittleEndian, v) // a buffer takes everything
	}
}

func (w *writer) key(name string, kind uint32, v any) {
	w.keys++
	w.put(name, kind, v)
}

func (w *writer) texts(name string, list []string) {
	w.keys++
	w.put(name, arrayType, stringType, uint64(len(list)))
	for _, s := range list {
		w.put(s)
	}
}

type tensor struct {
	name  string
	shape []uint64
}

// Bytes returns the file.
func (m Model) Bytes() []byte {
	words, types := m.vocabulary()
	numbers := map[string]uint32{
		"general.alignment": 32, "qwen3.block_count": uint32(m.Layers), "qwen3.context_length": uint32(m.Context), "qwen3.embedding_length": width,
		"qwen3.feed_forward_length": between, "qwen3.attention.head_count": heads, "qwen3.attention.head_count_kv": kvHeads,
		"qwen3.attention.key_length": headDim, "qwen3.attention.value_length": headDim, "qwen3.vocab_size": uint32(len(words)),
		"tokenizer.ggml.bos_token_id": 0, "tokenizer.ggml.eos_token_id": 2, "tokenizer.ggml.padding_token_id": 3,
	}
	if m.Heads != 0 {
		numbers["qwen3.attention.head_count"] = m.Heads
	}
	for k, v := range m.Extra {
		numbers[k] = v
	}
	meta := &writer{}
	for _, k := range slices.Sorted(maps.Keys(numbers)) { // the same model, the same bytes
		meta.key(k, uint32Type, numbers[k])
	}
	meta.key("qwen3.attention.layer_norm_rms_epsilon", float32Type, float32(1e-6))
	meta.key("qwen3.rope.freq_base", float32Type, float32(10000))
	meta.key("tokenizer.ggml.add_bos_token", boolType, uint8(0))
	texts := map[string]string{
		"general.architecture": "qwen3", "general.name": m.Name, "general.type": "model",
		"tokenizer.ggml.model": "gpt2", "tokenizer.ggml.pre": "qwen2", "tokenizer.chat_template": m.template(),
	}
	for _, k := range slices.Sorted(maps.Keys(texts)) {
		meta.key(k, stringType, texts[k])
	}
	meta.texts("tokenizer.ggml.tokens", words)
	meta.texts("tokenizer.ggml.merges", []string{"e r"})
	meta.keys++
	meta.put("tokenizer.ggml.token_type", arrayType, int32Type, uint64(len(types)), types)

	tensors := m.tensors(uint64(len(words)))
	table, data := &writer{}, &bytes.Buffer{}
	random := rand.New(rand.NewPCG(m.Seed, 7))
	for _, t := range tensors {
		table.put(t.name, uint32(len(t.shape)), t.shape, uint32(0), uint64(data.Len()))
		n := uint64(1)
		for _, d := range t.shape {
			n *= d
		}
		row := make([]float32, n)
		for i := range row {
			row[i] = float32(random.NormFloat64() / math.Sqrt(width))
		}
		if len(t.shape) == 1 { // gains of normalisations
			for i := range row {
				row[i] = 1
			}
		}
		_ = binary.Write(data, binary.LittleEndian, row)
		pad(data)
	}
	out := &writer{}
	out.b.WriteString("GGUF")
	out.put(uint32(3), uint64(len(tensors)), meta.keys)
	out.b.Write(meta.b.Bytes())
	out.b.Write(table.b.Bytes())
	pad(&out.b)
	out.b.Write(data.Bytes())
	return out.b.Bytes()
}

func pad(b *bytes.Buffer) {
	for b.Len()%32 != 0 {
		b.WriteByte(0)
	}
}

func (m Model) template() string {
	if m.Template != "" {
		return m.Template
	}
	return ChatML
}

// vocabulary returns four control tokens, the 256 bytes as byte-level BPE
// writes them, and as many words as were asked for.
func (m Model) vocabulary() (words []string, types []int32) {
	for _, s := range []string{"<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|pad|>"} {
		words, types = append(words, s), append(types, 3)
	}
	for b, n := 0, rune(256); b < 256; b++ {
		r := rune(b)
		if !(b >= '!' && b <= '~' || b >= 0xa1 && b <= 0xac || b >= 0xae) { // not printable: moved up, in order (GPT-2, bytes_to_unicode)
			r, n = n, n+1
		}
		words, types = append(words, string(r)), append(types, 1)
	}
	words, types = append(words, "er"), append(types, 1)
	for i := range m.Words {
		words, types = append(words, fmt.Sprintf("w%dx", i)), append(types, 1)
	}
	return words, types
}

func (m Model) tensors(vocabulary uint64) []tensor {
	list := []tensor{{"token_embd.weight", []uint64{width, vocabulary}}, {"output_norm.weight", []uint64{width}}}
	for l := range m.Layers {
		for _, t := range []tensor{
			{"attn_norm", []uint64{width}}, {"attn_q", []uint64{width, heads * headDim}}, {"attn_k", []uint64{width, kvHeads * headDim}},
			{"attn_v", []uint64{width, kvHeads * headDim}}, {"attn_q_norm", []uint64{headDim}}, {"attn_k_norm", []uint64{headDim}},
			{"attn_output", []uint64{heads * headDim, width}}, {"ffn_norm", []uint64{width}},
			{"ffn_gate", []uint64{width, between}}, {"ffn_up", []uint64{width, between}}, {"ffn_down", []uint64{between, width}},
		} {
			list = append(list, tensor{fmt.Sprintf("blk.%d.%s.weight", l, t.name), t.shape})
		}
	}
	kept := list[:0]
	for _, t := range list {
		if s, ok := m.Shapes[t.name]; ok {
			t.shape = s
		}
		if m.Without == "" || !strings.Contains(t.name, m.Without) {
			kept = append(kept, t)
		}
	}
	return kept
}
