package gguf_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"os"
	"strings"
	"testing"

	"skerry/plugins/local/gguf"
	"skerry/plugins/local/gguf/gguftest"
)

// builder writes GGUF files, damaged ones as well.
type builder struct{ b bytes.Buffer }

func (w *builder) put(vs ...any) *builder {
	for _, v := range vs {
		switch v := v.(type) {
		case string:
			w.put(uint64(len(v)))
			w.b.WriteString(v)
		case []byte:
			w.b.Write(v)
		default:
			_ = binary.Write(&w.b, binary.LittleEndian, v)
		}
	}
	return w
}

// file is a small correct file with places to damage.
type file struct {
	version      uint32
	tensors      uint64
	keys         uint64
	architecture string
	alignment    uint32
	extra        []byte // after the metadata, before the tensor table
	vocabulary   []string
	types        uint64
	eos          uint32
	name         string
	shape        []uint64
	kind         uint32
	offset       uint64
	data         int
}

func correct() file {
	return file{version: 3, tensors: 1, keys: 9, architecture: "llama", alignment: 32, vocabulary: []string{"a", "b", "</s>"}, types: 3, eos: 2,
		name: "token_embd.weight", shape: []uint64{32, 3}, kind: 0, data: 32 * 3 * 4}
}

func (f file) bytes() []byte {
	w := &builder{}
	w.put([]byte("GGUF"), f.version, f.tensors, f.keys)
	w.put("general.architecture", uint32(8), f.architecture)
	w.put("general.alignment", uint32(4), f.alignment)
	w.put("general.name", uint32(8), "test")
	w.put(f.architecture+".block_count", uint32(4), uint32(2))
	w.put(f.architecture+".embedding_length", uint32(4), uint32(32))
	w.put(f.architecture+".context_length", uint32(4), uint32(128))
	w.put("tokenizer.ggml.tokens", uint32(9), uint32(8), uint64(len(f.vocabulary)))
	for _, s := range f.vocabulary {
		w.put(s)
	}
	w.put("tokenizer.ggml.token_type", uint32(9), uint32(5), f.types)
	for range f.types {
		w.put(int32(1))
	}
	w.put("tokenizer.ggml.eos_token_id", uint32(4), f.eos)
	w.put(f.extra)
	w.put(f.name, uint32(len(f.shape)), f.shape, f.kind, f.offset)
	for w.b.Len()%int(max(f.alignment, 1)) != 0 {
		w.b.WriteByte(0)
	}
	w.b.Write(make([]byte, f.data))
	return w.b.Bytes()
}

func check(b []byte) (*gguf.File, error) { return gguf.Check(bytes.NewReader(b), int64(len(b))) }

func TestCheckAcceptsACorrectFile(t *testing.T) {
	f, err := check(correct().bytes())
	if err != nil {
		t.Fatal(err)
	}
	if f.Architecture != "llama" || f.ContextTokens() != 128 || f.Name() != "test" || len(f.Tensors) != 1 || f.Tensors[0].Size != 384 || f.DataStart%32 != 0 {
		t.Errorf("got %+v", f)
	}
}

func TestCheckAcceptsTheStarterModel(t *testing.T) {
	file, err := os.Open("../../../embed/starter/starter.q8_0.gguf")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	st, _ := file.Stat()
	f, err := gguf.Check(file, st.Size())
	if err != nil || f.Architecture != "qwen3" || !strings.Contains(f.Template(), "<|im_start|>") || f.ContextTokens() != 2048 {
		t.Errorf("got %q with a context of %d, %v", f.Architecture, f.ContextTokens(), err)
	}
}

// TestCheckAcceptsEveryTinyModel: what the tests of the runner load is what a
// person could import.
func TestCheckAcceptsEveryTinyModel(t *testing.T) {
	for _, arch := range gguftest.Architectures() {
		for _, kind := range []gguftest.Type{gguftest.F32, gguftest.F16, gguftest.Q8_0} {
			m := gguftest.TinyOf(arch)
			m.Type = kind
			b := m.Bytes()
			f, err := check(b)
			if err != nil || f.Architecture != arch || f.ContextTokens() != 512 {
				t.Errorf("%s of type %d: %+v, %v", arch, kind, f, err)
				continue
			}
			last := f.Tensors[len(f.Tensors)-1]
			if end := uint64(f.DataStart) + last.Offset + last.Size; (end+31)/32*32 != uint64(len(b)) {
				t.Errorf("%s of type %d: the weights end at %d of %d bytes", arch, kind, end, len(b))
			}
		}
	}
}

func TestCheckRefuses(t *testing.T) {
	pair := func(key string, rest ...any) []byte { return (&builder{}).put(key).put(rest...).b.Bytes() }
	for _, row := range []struct {
		name   string
		damage func(*file)
		want   string
	}{
		{"version 1", func(f *file) { f.version = 1 }, "version 1"},
		{"big-endian numbers", func(f *file) { f.version = 3 << 24 }, "version"},
		{"more keys than bytes", func(f *file) { f.keys = 1 << 60 }, "metadata entries"},
		{"no tensors", func(f *file) { f.tensors = 0 }, "0 tensors"},
		{"more tensors than anybody has", func(f *file) { f.tensors = 1 << 40 }, "tensors"},
		{"alignment zero", func(f *file) { f.alignment = 0 }, "alignment"},
		{"alignment no power of two", func(f *file) { f.alignment = 48 }, "alignment"},
		{"an unknown architecture", func(f *file) { f.architecture = "gpt9" }, `architecture "gpt9" is not supported`},
		{"a key that occurs twice", func(f *file) {
			f.keys++
			f.extra = pair("general.name", uint32(8), "again")
		}, "occurs twice"},
		{"a text of 2^63 bytes", func(f *file) {
			f.keys++
			f.extra = pair("x", uint32(8), uint64(1)<<63)
		}, "a text of"},
		{"a list of 2^63 elements", func(f *file) {
			f.keys++
			f.extra = pair("x", uint32(9), uint32(4), uint64(1)<<63)
		}, "a list of"},
		{"a list of 2^40 texts", func(f *file) {
			f.keys++
			f.extra = pair("x", uint32(9), uint32(8), uint64(1)<<40)
		}, "a list of"},
		{"a list of lists", func(f *file) {
			f.keys++
			f.extra = pair("x", uint32(9), uint32(9), uint64(1))
		}, "value type 9"},
		{"an unknown value type", func(f *file) {
			f.keys++
			f.extra = pair("x", uint32(77))
		}, "value type 77"},
		{"a number that is none", func(f *file) {
			f.keys++
			f.extra = pair("x", uint32(6), float32(math.NaN()))
		}, "not finite"},
		{"a truth value of 2", func(f *file) {
			f.keys++
			f.extra = pair("x", uint32(7), uint8(2))
		}, "truth value"},
		{"a key with control characters", func(f *file) {
			f.keys++
			f.extra = pair("x\n\x1b[31m", uint32(0), uint8(1))
		}, "characters"},
		{"types for another vocabulary", func(f *file) { f.types = 2 }, "token types"},
		{"an end token outside of the vocabulary", func(f *file) { f.eos = 3 }, "not in its vocabulary"},
		{"no dimensions", func(f *file) { f.shape = nil }, "dimensions"},
		{"nine dimensions", func(f *file) { f.shape = make([]uint64, 9) }, "dimensions"},
		{"an empty dimension", func(f *file) { f.shape = []uint64{32, 0} }, "impossible shape"},
		{"a shape that wraps around to zero", func(f *file) { f.shape = []uint64{1 << 33, 1 << 31} }, "impossible shape"},
		{"rows that are no whole blocks", func(f *file) { f.kind, f.shape = 8, []uint64{31, 3} }, "whole blocks"},
		{"an unknown tensor type", func(f *file) { f.kind = 9999 }, "unsupported type 9999"},
		{"an offset that wraps around", func(f *file) { f.offset = math.MaxUint64 - 31 }, "beyond the end"},
		{"an offset that is not aligned", func(f *file) { f.offset, f.data = 4, 1000 }, "not aligned"},
		{"weights that are cut off", func(f *file) { f.data-- }, "beyond the end"},
		{"embeddings for another vocabulary", func(f *file) { f.shape, f.data = []uint64{32, 4}, 1000 }, "32 × 4"},
		{"a layer that does not exist", func(f *file) { f.name = "blk.2.attn_q.weight" }, "belongs to no layer"},
		{"no embeddings", func(f *file) { f.name = "other.weight" }, "token_embd.weight is missing"},
	} {
		f := correct()
		row.damage(&f)
		if _, err := check(f.bytes()); err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: got %v; want %q", row.name, err, row.want)
		}
	}
}

// TestCheckRefusesEncoders: what the engine would take at its word, or what it
// would read otherwise than the model was trained with.
func TestCheckRefusesEncoders(t *testing.T) {
	shape := func(name string, dims ...uint64) func(*gguftest.Model) {
		return func(m *gguftest.Model) { m.Shapes = map[string][]uint64{name: dims} }
	}
	number := func(key string, n uint32) func(*gguftest.Model) {
		return func(m *gguftest.Model) { m.Extra = map[string]uint32{key: n} }
	}
	for _, row := range []struct {
		name, arch string
		damage     func(*gguftest.Model)
		want       string
	}{
		{"fewer positions than the context", "bert", shape("position_embd.weight", 64, 511), "position_embd.weight has the shape [64 511]"},
		{"no positions", "bert", func(m *gguftest.Model) { m.Without = "position_embd" }, "position_embd.weight is missing"},
		{"attention of another width", "bert", shape("blk.1.attn_q.weight", 64, 63), "blk.1.attn_q.weight has the shape [64 63]"},
		{"a bias of another width", "bert", shape("blk.0.ffn_up.bias", 127), "blk.0.ffn_up.bias has the shape [127]"},
		{"a matrix with three dimensions", "bert", shape("blk.0.ffn_up.weight", 64, 16, 8), "ffn_up.weight has the shape [64 16 8]"},
		{"a norm of another width", "nomic-bert", shape("token_embd_norm.weight", 32), "token_embd_norm.weight"},
		{"attention without values", "nomic-bert", shape("blk.0.attn_qkv.weight", 64, 128), "blk.0.attn_qkv.weight"},
		{"no types", "nomic-bert", func(m *gguftest.Model) { m.Without = "token_types" }, "token_types.weight is missing"},
		{"more layers than there are", "nomic-bert", number("nomic-bert.block_count", 3), "blk.2."},
		{"heads that share unevenly", "bert", number("bert.attention.head_count", 3), "3 attention heads"},
		{"no heads", "bert", number("bert.attention.head_count", 0), "0 attention heads"},
		{"other heads for keys", "bert", number("bert.attention.head_count_kv", 1), "head_count_kv is not 2"},
		{"a ranker", "bert", number("bert.pooling_type", 4), "ranks pairs of texts"},
		{"no pooling", "nomic-bert", number("nomic-bert.pooling_type", 0), "pooling_type is 0"},
		{"another tokenizer", "bert", func(m *gguftest.Model) { m.Texts = map[string]string{"tokenizer.ggml.model": "t5"} }, `of the kind "t5"`},
		{"an epsilon of nothing", "bert", func(m *gguftest.Model) { m.Floats = map[string]float32{"bert.attention.layer_norm_epsilon": 0} }, "layer_norm_epsilon"},
		{"a token beyond the vocabulary", "bert", number("tokenizer.ggml.cls_token_id", 1000), "not in its vocabulary"},
		{"an embedding model of a generating kind", "qwen3", number("qwen3.pooling_type", 3), "of embedding models bert and nomic-bert"},
	} {
		m := gguftest.TinyOf(row.arch)
		row.damage(&m)
		if _, err := check(m.Bytes()); err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: got %v; want %q", row.name, err, row.want)
		}
	}
	longer := gguftest.TinyOf("bert")
	longer.Shapes = map[string][]uint64{"position_embd.weight": {64, 514}}
	f, err := check(longer.Bytes())
	if err != nil {
		t.Fatalf("more positions than the context: %v", err)
	}
	if cls, sep, unknown := f.Frame(); cls != 2 || sep != 3 || unknown != 1 {
		t.Errorf("the frame is %d, %d, %d", cls, sep, unknown)
	}
}

func TestCheckRefusesEveryTruncation(t *testing.T) {
	whole := correct().bytes()
	for n := range whole {
		if _, err := check(whole[:n]); !errors.Is(err, gguf.ErrDamaged) {
			t.Errorf("cut to %d of %d bytes: %v; want damaged", n, len(whole), err)
		}
	}
}

// FuzzCheck: whatever the bytes, Check ends, and what it accepts keeps its
// promises.
func FuzzCheck(f *testing.F) {
	whole := correct().bytes()
	f.Add(whole)
	f.Add(whole[:len(whole)/2])
	f.Add([]byte("GGUF"))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := check(b)
		if err != nil {
			return
		}
		end := uint64(got.DataStart)
		for _, x := range got.Tensors {
			if uint64(got.DataStart)+x.Offset < end || uint64(got.DataStart)+x.Offset+x.Size > uint64(len(b)) {
				t.Errorf("the tensor %q lies at %d+%d of %d bytes", x.Name, x.Offset, x.Size, len(b))
			}
			end = uint64(got.DataStart) + x.Offset + x.Size
		}
		if len(got.Values["tokenizer.ggml.tokens"].Strings) != got.Values["tokenizer.ggml.token_type"].Len {
			t.Error("tokens and their types differ in number")
		}
	})
}
