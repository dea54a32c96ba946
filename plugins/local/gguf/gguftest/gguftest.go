// Package gguftest writes tiny GGUF models with random weights for tests: real
// files that the engine loads and that answer nonsense, and valid files that are
// hostile. Nothing that ships imports it. Start with [Tiny] and [TinyOf].
package gguftest

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
)

// Model is a model to write. The zero value of a field is the default of [Tiny].
type Model struct {
	Arch     string // one of [Architectures]; "" = qwen3
	Type     Type   // of the weights that are matrices, except those of experts; the zero value is F32
	Size     Size
	Name     string
	Seed     uint64
	Layers   int
	Context  int      // that it claims to be made for
	Words    int      // tokens beside the bytes and the control tokens
	Controls []string // control tokens beside those that the engine looks for; nil = those of ChatML
	BOS, EOS string   // control tokens; "" = the usual ones of the architecture
	AddBOS   bool     // the file says that a prompt begins with BOS
	Heads    uint32
	Template string             // chat template; "" = ChatML
	Extra    map[string]uint32  // more metadata, or other values for what is there
	Floats   map[string]float32 // the same for numbers with a fraction
	Texts    map[string]string  // the same for texts
	Shapes   map[string][]uint64
	Without  string // tensors that are left out: all whose name contains it
}

// Size is the shape of the transformer. Zero fields are tiny: 64 wide, two
// heads of 32 that share one pair of keys and values (bert: two pairs), 128
// between.
type Size struct{ Width, Heads, KVHeads, HeadDim, Between uint64 }

// ChatML is the template of the default model, as files carry it.
const ChatML = "{%- for m in messages -%}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor -%}{%- if add_generation_prompt -%}<|im_start|>assistant\n{% endif -%}"

// Tiny is a qwen3 model of about 100,000 parameters with random weights.
func Tiny() Model { return TinyOf("qwen3") }

// TinyOf is a model of an architecture of about 100,000 parameters with random
// weights. It has as many layers as it takes for every kind of layer that the
// architecture has: a gemma3 model sees the whole sequence in every sixth.
func TinyOf(arch string) Model {
	m := Model{Arch: arch, Name: "tiny", Seed: 1, Layers: 2, Context: 512}
	if arch == "gemma3" {
		m.Layers = 6
	}
	return m
}

// Value types of the format (GGUF specification).
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

func (w *writer) list(name string, kind uint32, n int, vs ...any) {
	w.keys++
	w.put(name, arrayType, kind, uint64(n))
	w.put(vs...)
}

// Bytes returns the file.
func (m Model) Bytes() []byte {
	var b bytes.Buffer
	if _, err := m.WriteTo(&b); err != nil {
		panic(err) // a buffer takes everything
	}
	return b.Bytes()
}

// WriteTo writes the file a tensor at a time. The same model gives the same
// bytes. Errors are those of w.
func (m Model) WriteTo(w io.Writer) (int64, error) {
	a := m.arch()
	words := m.vocabulary(a)
	tensors := m.tensors(a, uint64(len(words.texts)))
	head := &writer{}
	meta := m.metadata(a, words)
	head.b.WriteString("GGUF")
	head.put(uint32(3), uint64(len(tensors)), meta.keys)
	head.b.Write(meta.b.Bytes())
	offset := uint64(0)
	for _, t := range tensors {
		head.put(t.name, uint32(len(t.shape)), t.shape, uint32(t.kind), offset)
		offset += (t.kind.size(t.elements()) + alignment - 1) / alignment * alignment
	}
	written := int64(0)
	write := func(b []byte) error {
		b = append(b, make([]byte, (alignment-len(b)%alignment)%alignment)...)
		n, err := w.Write(b)
		written += int64(n)
		return err
	}
	if err := write(head.b.Bytes()); err != nil {
		return written, err
	}
	random := rand.New(rand.NewPCG(m.Seed, 7))
	for _, t := range tensors {
		if err := write(t.kind.encode(t.random(random, m.size(a)))); err != nil {
			return written, err
		}
	}
	return written, nil
}

const alignment = 32

// metadata writes all entries, in a fixed order.
func (m Model) metadata(a arch, words vocabulary) *writer {
	numbers, floats, texts := m.entries(a, words)
	maps.Copy(numbers, m.Extra)
	maps.Copy(floats, m.Floats)
	maps.Copy(texts, m.Texts)
	w := &writer{}
	for _, k := range slices.Sorted(maps.Keys(numbers)) {
		w.key(k, uint32Type, numbers[k])
	}
	for _, k := range slices.Sorted(maps.Keys(floats)) {
		w.key(k, float32Type, floats[k])
	}
	for _, k := range slices.Sorted(maps.Keys(texts)) {
		w.key(k, stringType, texts[k])
	}
	add := uint8(0)
	if m.AddBOS || a.encoder {
		add = 1
	}
	w.key("tokenizer.ggml.add_bos_token", boolType, add)
	w.list("tokenizer.ggml.tokens", stringType, len(words.texts))
	for _, s := range words.texts {
		w.put(s)
	}
	w.list("tokenizer.ggml.token_type", int32Type, len(words.types), words.types)
	if words.merges != nil {
		w.list("tokenizer.ggml.merges", stringType, len(words.merges))
		for _, s := range words.merges {
			w.put(s)
		}
	}
	if words.scores != nil {
		w.list("tokenizer.ggml.scores", float32Type, len(words.scores), words.scores)
	}
	return w
}

type tensor struct {
	name  string
	shape []uint64
	kind  Type
}

func (t tensor) elements() uint64 {
	n := uint64(1)
	for _, d := range t.shape {
		n *= d
	}
	return n
}

// random returns the weights: gains of normalisations around one, everything
// else around zero.
func (t tensor) random(r *rand.Rand, s Size) []float32 {
	scale, middle := 1/math.Sqrt(float64(s.Width)), 0.0
	switch {
	case strings.HasSuffix(t.name, "norm.weight"):
		scale, middle = 0.1, 1
	case strings.HasSuffix(t.name, ".bias"):
		scale = 0.1
	case strings.Contains(t.name, "sinks"):
		scale = 1
	}
	row := make([]float32, t.elements())
	for i := range row {
		row[i] = float32(middle + scale*r.NormFloat64())
	}
	return row
}

// tensors returns the table: matrices in the type of the model, where the rows
// are whole blocks of it, and everything else in F32, as usual.
func (m Model) tensors(a arch, vocabulary uint64) []tensor {
	var out []tensor
	for _, t := range a.tensors(m, m.size(a), vocabulary) {
		if s, ok := m.Shapes[t.name]; ok {
			t.shape = s
		}
		if m.Without != "" && strings.Contains(t.name, m.Without) {
			continue
		}
		if len(t.shape) > 1 && strings.HasSuffix(t.name, ".weight") && !slices.Contains(plain, t.name) && t.shape[0]%m.Type.block().elements == 0 {
			t.kind = m.Type
		}
		if t.experts {
			t.kind = MXFP4 // as every published file of the architecture
		}
		out = append(out, t.tensor)
	}
	return out
}

// plain names matrices that files keep in F32.
var plain = []string{"token_types.weight", "position_embd.weight", "v.patch_conv.weight"}

// layer names a tensor of a layer.
func layer(l int, name string) string { return fmt.Sprintf("blk.%d.%s", l, name) }
