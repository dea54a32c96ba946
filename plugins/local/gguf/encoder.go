package gguf

import (
	"fmt"
	"slices"
)

// encoders are the architectures that make vectors of texts and write none.
var encoders = []string{"bert", "nomic-bert"}

// Encoder reports whether the file is a model that makes vectors of texts.
func (f *File) Encoder() bool { return slices.Contains(encoders, f.Architecture) }

// Ways to make one vector of those of the tokens (llama.cpp, enum
// llama_pooling_type).
const (
	poolMean = 1
	poolCLS  = 2
	poolLast = 3
)

// encoder checks an embedding model. The engine reads the rows of the learnt
// positions without looking how many there are.
func (f *File) encoder() error {
	a := f.Architecture
	pool, err := f.whole(a + ".pooling_type")
	if err != nil {
		return fmt.Errorf("%w; an embedding model says how it makes one vector of those of its tokens", err)
	}
	if pool != poolMean && pool != poolCLS && pool != poolLast {
		return fmt.Errorf("%s.pooling_type is %d; mean (1), the first token (2) and the last token (3) are supported; a model that ranks pairs of texts is not", a, pool)
	}
	if s := f.Values["tokenizer.ggml.model"].String; s != "bert" {
		return fmt.Errorf("its tokenizer is of the kind %q; of embedding models those with WordPiece (\"bert\") are supported", s)
	}
	if v := f.Values[a+".attention.layer_norm_epsilon"]; v.Type != typeFloat32 || v.Array || v.Number <= 0 || v.Number > 1 {
		return damaged("%s.attention.layer_norm_epsilon is missing or not a small number", a)
	}
	width, _ := f.whole(a + ".embedding_length")
	heads, err := f.whole(a + ".attention.head_count")
	if err != nil {
		return err
	}
	if heads == 0 || width%heads != 0 || width/heads%2 != 0 {
		return damaged("a width of %d cannot be shared evenly by %d attention heads", width, heads)
	}
	for key, want := range map[string]uint64{"attention.head_count_kv": heads, "attention.key_length": width / heads, "attention.value_length": width / heads} {
		if v, ok := f.Values[a+"."+key]; ok && (v.Array || v.Uint != want) {
			return damaged("%s.%s is not %d, which follows from its %d attention heads", a, key, want, heads)
		}
	}
	for name, keys := range map[string][]string{"begins": clsKeys, "ends": sepKeys} {
		if f.token(keys, "") < 0 {
			return damaged("it does not say which token a text %s with", name)
		}
	}
	return f.shapes(f.encoderShapes(width))
}

// Keys of the tokens around a text. One of them is misspelt in most files.
var (
	clsKeys     = []string{"cls", "bos"}
	sepKeys     = []string{"separator", "seperator", "eos"} //nolint:misspell // as files spell it
	unknownKeys = []string{"unknown"}
)

// token returns the first token that the file names under one of keys, else the
// one that is written so, else -1.
func (f *File) token(keys []string, text string) int32 {
	for _, k := range keys {
		if v, ok := f.Values["tokenizer.ggml."+k+"_token_id"]; ok {
			return int32(v.Uint) // below MaxElements, which vocabulary has checked
		}
	}
	return int32(slices.Index(f.Values["tokenizer.ggml.tokens"].Strings, text))
}

// Frame returns the tokens that a text begins and ends with in an embedding
// model, and the one for words that cannot be spelt.
func (f *File) Frame() (cls, sep, unknown int32) {
	return f.token(clsKeys, "[CLS]"), f.token(sepKeys, "[SEP]"), f.token(unknownKeys, "[UNK]")
}

// encoderShapes returns what the tensors must be.
func (f *File) encoderShapes(width uint64) []want {
	a := f.Architecture
	between := f.Values[a+".feed_forward_length"].Uint
	list := append(normed("token_embd_norm", width), want{name: "token_types.weight", shape: []uint64{width, 0}})
	if a == "bert" {
		context, _ := f.whole(a + ".context_length")
		list = append(list, want{name: "position_embd.weight", shape: []uint64{width, context}, more: true})
	}
	blocks, _ := f.whole(a + ".block_count")
	for l := range blocks {
		at := fmt.Sprintf("blk.%d.", l)
		list = append(list, linear(at+"attn_output", width, width)...)
		list = append(list, linear(at+"ffn_up", width, between)...)
		list = append(list, linear(at+"ffn_down", between, width)...)
		list = append(list, normed(at+"attn_output_norm", width)...)
		list = append(list, normed(at+"layer_output_norm", width)...)
		if a == "nomic-bert" {
			list = append(list, linear(at+"attn_qkv", width, 3*width)...)
			list = append(list, linear(at+"ffn_gate", width, between)...)
			continue
		}
		for _, name := range []string{"attn_q", "attn_k", "attn_v"} {
			list = append(list, linear(at+name, width, width)...)
		}
		for _, name := range []string{"attn_q_norm", "attn_k_norm"} {
			list = append(list, optional(normed(at+name, width))...)
		}
	}
	return list
}
