package weights

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
)

// Vocabulary is a byte-level BPE tokenizer with qwen2's pre-tokenizer. Its
// JSON is the file that the tokenizer's training writes.
type Vocabulary struct {
	Tokens []string `json:"tokens"`
	Types  []int32  `json:"types"` // 1 normal, 3 control (enum llama_token_type)
	Merges []string `json:"merges"`
}

// Special tokens, which the training records use by number.
const (
	endOfText = 0 // <|endoftext|>
	endOfTurn = 2 // <|im_end|>
	padding   = 3 // <|pad|>
)

// About is what a GGUF file says about its model.
type About struct {
	Name          string
	Description   string
	Languages     []string // BCP 47
	ContextTokens int
}

// chatTemplate is ChatML, the dialect that the models are trained on.
const chatTemplate = `{%- for m in messages -%}<|im_start|>{{ m.role }}
{{ m.content }}<|im_end|>
{% endfor -%}{%- if add_generation_prompt -%}<|im_start|>assistant
{% endif -%}`

// alignment of the tensors in bytes (general.alignment).
const alignment = 32

// WriteGGUF writes the model for the engine: matrices in the given type, the
// gains of norms as F32, which the engine expects. The result passes
// gguf.Check.
func (m *Model) WriteGGUF(w io.Writer, t Type, v *Vocabulary, a About) error {
	if len(v.Tokens) != m.Vocab || len(v.Types) != m.Vocab {
		return fmt.Errorf("%w: %d tokens with %d types for a vocabulary of %d; use the tokenizer that the records were made with", ErrShape, len(v.Tokens), len(v.Types), m.Vocab)
	}
	list := m.tensors()
	data := make([][]byte, len(list))
	parameters := 0
	for i, tn := range list {
		kind := t
		if len(tn.shape) == 1 {
			kind = F32
		}
		if tn.gain {
			tn.values = slices.Repeat([]float32{1}, int(tn.shape[0]))
		}
		parameters += len(tn.values)
		data[i] = kind.encode(tn.values)
	}
	var head bytes.Buffer
	e := encoder{&head}
	head.WriteString("GGUF")
	meta := m.metadata(t, v, a, parameters)
	e.number(uint32(3)) // version
	e.number(uint64(len(list)))
	e.number(uint64(len(meta)))
	for _, key := range slices.Sorted(maps.Keys(meta)) {
		e.text(key)
		e.value(meta[key])
	}
	offset := uint64(0)
	for i, tn := range list {
		e.text(tn.name)
		e.number(uint32(len(tn.shape)))
		for _, d := range tn.shape {
			e.number(d)
		}
		if len(tn.shape) == 1 {
			e.number(uint32(F32))
		} else {
			e.number(uint32(t))
		}
		e.number(offset)
		offset += padded(len(data[i]))
	}
	out := bufio.NewWriterSize(w, 1<<16)
	for _, part := range append([][]byte{head.Bytes()}, data...) {
		for _, b := range [][]byte{part, make([]byte, padded(len(part))-uint64(len(part)))} {
			if _, err := out.Write(b); err != nil {
				return err
			}
		}
	}
	return out.Flush()
}

// WriteGGUFFile writes a GGUF file like [Model.WriteGGUF]; a crash leaves
// either the old file or the whole new one.
func (m *Model) WriteGGUFFile(path string, t Type, v *Vocabulary, a About) error {
	return atomically(path, func(w io.Writer) error { return m.WriteGGUF(w, t, v, a) })
}

func padded(n int) uint64 { return uint64(n+alignment-1) / alignment * alignment }

// metadata returns the keys that the engine reads and those that say where the
// weights come from (GGUF specification, general metadata).
func (m *Model) metadata(t Type, v *Vocabulary, a About, parameters int) map[string]any {
	return map[string]any{
		"general.architecture":         architecture,
		"general.type":                 "model",
		"general.name":                 a.Name,
		"general.author":               "Skerry",
		"general.license":              "apache-2.0",
		"general.description":          a.Description,
		"general.languages":            a.Languages,
		"general.size_label":           fmt.Sprintf("%.0fM", float64(parameters)/1e6),
		"general.file_type":            t.fileType(),
		"general.parameter_count":      uint64(parameters),
		"general.alignment":            uint32(alignment),
		"general.quantization_version": uint32(2),

		architecture + ".block_count":                      uint32(m.Layers),
		architecture + ".context_length":                   uint32(a.ContextTokens),
		architecture + ".embedding_length":                 uint32(m.Width),
		architecture + ".feed_forward_length":              uint32(m.FFN),
		architecture + ".attention.head_count":             uint32(m.Heads),
		architecture + ".attention.head_count_kv":          uint32(m.KVHeads),
		architecture + ".attention.key_length":             uint32(HeadWidth),
		architecture + ".attention.value_length":           uint32(HeadWidth),
		architecture + ".attention.layer_norm_rms_epsilon": float32(Epsilon),
		architecture + ".rope.freq_base":                   float32(m.RopeBase),
		architecture + ".vocab_size":                       uint32(m.Vocab),

		"tokenizer.ggml.model":            "gpt2",
		"tokenizer.ggml.pre":              "qwen2",
		"tokenizer.ggml.tokens":           v.Tokens,
		"tokenizer.ggml.token_type":       v.Types,
		"tokenizer.ggml.merges":           v.Merges,
		"tokenizer.ggml.bos_token_id":     uint32(endOfText),
		"tokenizer.ggml.eos_token_id":     uint32(endOfTurn),
		"tokenizer.ggml.padding_token_id": uint32(padding),
		"tokenizer.ggml.add_bos_token":    false,
		"tokenizer.ggml.add_eos_token":    false,
		"tokenizer.chat_template":         chatTemplate,
	}
}

// encoder writes the primitive values of a GGUF file.
type encoder struct{ w *bytes.Buffer }

func (e encoder) number(n any) { _ = binary.Write(e.w, binary.LittleEndian, n) } // a bytes.Buffer takes all

func (e encoder) text(s string) {
	e.number(uint64(len(s)))
	e.w.WriteString(s)
}

// value writes a value after its type (gguf_metadata_value_type).
func (e encoder) value(v any) {
	const typeU32, typeI32, typeF32, typeBool, typeString, typeArray, typeU64 = 4, 5, 6, 7, 8, 9, 10
	switch v := v.(type) {
	case uint32:
		e.number(uint32(typeU32))
		e.number(v)
	case uint64:
		e.number(uint32(typeU64))
		e.number(v)
	case float32:
		e.number(uint32(typeF32))
		e.number(math.Float32bits(v))
	case bool:
		e.number(uint32(typeBool))
		e.number(v)
	case string:
		e.number(uint32(typeString))
		e.text(v)
	case []string:
		e.number([]uint32{typeArray, typeString})
		e.number(uint64(len(v)))
		for _, s := range v {
			e.text(s)
		}
	case []int32:
		e.number([]uint32{typeArray, typeI32})
		e.number(uint64(len(v)))
		e.number(v)
	default:
		panic(fmt.Sprintf("weights: metadata of type %T", v)) // a mistake in metadata
	}
}
