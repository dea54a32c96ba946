package gguf

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// architectures that the engine has a text generator or an encoder for (the
// registrations in its model/models packages).
var architectures = []string{
	"bert", "deepseek2", "gemma2", "gemma3", "gemma3n", "gemma4", "glm4moelite", "gpt-oss", "gptoss", "laguna", "lfm2", "lfm2moe",
	"llama", "llama4", "mistral3", "nemotron_h", "nemotron_h_moe", "nomic-bert", "olmo3", "qwen2", "qwen25vl", "qwen3", "qwen35", "qwen35moe",
	"qwen3moe", "qwen3next", "qwen3vl", "qwen3vlmoe",
}

// consistent checks what the entries must mean together.
func (f *File) consistent() error {
	a, ok := f.Values["general.architecture"]
	if !ok || a.Type != typeString || a.Array {
		return damaged("it does not say its architecture")
	}
	f.Architecture = a.String
	if !slices.Contains(architectures, f.Architecture) {
		return fmt.Errorf("the architecture %q is not supported by this engine; supported are %s",
			f.Architecture, strings.Join(architectures, ", "))
	}
	for key, most := range map[string]uint64{
		"block_count": MaxBlocks, "embedding_length": 1 << 20, "context_length": 1 << 28,
	} {
		v, err := f.whole(f.Architecture + "." + key)
		if err != nil {
			return err
		}
		if v == 0 || v > most {
			return damaged("%s.%s is %d; 1 to %d are possible", f.Architecture, key, v, most)
		}
	}
	blocks, _ := f.whole(f.Architecture + ".block_count")
	for _, t := range f.Tensors {
		if rest, ok := strings.CutPrefix(t.Name, "blk."); ok {
			digits, _, _ := strings.Cut(rest, ".")
			if n, err := strconv.ParseUint(digits, 10, 32); err != nil || n >= blocks {
				return damaged("the tensor %q belongs to no layer; there are %d", t.Name, blocks)
			}
		}
	}
	if err := f.vocabulary(); err != nil {
		return err
	}
	if f.Encoder() {
		return f.encoder()
	}
	if v := f.Values[f.Architecture+".pooling_type"]; v.Uint != 0 {
		return fmt.Errorf("it is an embedding model of the architecture %s; of embedding models %s are supported", f.Architecture, strings.Join(encoders, " and "))
	}
	return nil
}

// vocabulary checks the tokenizer, whose numbers index memory later.
func (f *File) vocabulary() error {
	tokens, ok := f.Values["tokenizer.ggml.tokens"]
	if !ok || !tokens.Array || tokens.Type != typeString || tokens.Len == 0 {
		return damaged("it has no vocabulary")
	}
	types, ok := f.Values["tokenizer.ggml.token_type"]
	if !ok || !types.Array || types.Type != typeInt32 || types.Len != tokens.Len {
		return damaged("its token types do not match its %d tokens", tokens.Len)
	}
	if s, ok := f.Values["tokenizer.ggml.scores"]; ok && (!s.Array || s.Type != typeFloat32 || s.Len != tokens.Len) {
		return damaged("its token scores do not match its %d tokens", tokens.Len)
	}
	for key, v := range f.Values {
		if !strings.HasPrefix(key, "tokenizer.ggml.") || !strings.HasSuffix(key, "_token_id") {
			continue
		}
		if v.Array || v.Uint >= uint64(tokens.Len) || v.Number < 0 {
			return damaged("%s is not in its vocabulary of %d", key, tokens.Len)
		}
	}
	for _, id := range f.Values["tokenizer.ggml.eos_token_ids"].Ints {
		if id < 0 || int(id) >= tokens.Len {
			return damaged("an end-of-text token is not in its vocabulary of %d", tokens.Len)
		}
	}
	embd, err := f.matrix("token_embd.weight")
	if err != nil {
		return err
	}
	width, _ := f.whole(f.Architecture + ".embedding_length")
	if embd.Shape[0] != width || embd.Shape[1] != uint64(tokens.Len) {
		return damaged("token_embd.weight is %d × %d; its metadata says %d × %d", embd.Shape[0], embd.Shape[1], width, tokens.Len)
	}
	return nil
}

func (f *File) matrix(name string) (Tensor, error) {
	for _, t := range f.Tensors {
		if t.Name == name {
			if len(t.Shape) != 2 {
				return t, damaged("%s has %d dimensions, not 2", name, len(t.Shape))
			}
			return t, nil
		}
	}
	return Tensor{}, damaged("the tensor %s is missing", name)
}

// whole returns a required whole number.
func (f *File) whole(key string) (uint64, error) {
	v, ok := f.Values[key]
	if !ok {
		return 0, damaged("%s is missing", key)
	}
	if v.Array || v.Type != typeUint32 {
		return 0, damaged("%s is not a 32-bit whole number", key)
	}
	return v.Uint, nil
}

// ContextTokens returns how many tokens of context the file says the model was
// made for.
func (f *File) ContextTokens() int {
	n, _ := f.whole(f.Architecture + ".context_length")
	return int(n)
}

// Template returns the chat template in the file, "" if there is none. It is
// text to compare, never to run.
func (f *File) Template() string { return f.Values["tokenizer.chat_template"].String }

// Name returns general.name, "" if there is none.
func (f *File) Name() string { return f.Values["general.name"].String }
