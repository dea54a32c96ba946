// Package catalogue takes model files in: it finds them where people have them,
// keeps them by their digest, lets nothing look into one before the strict
// validator has, and estimates the memory that one will need. It starts no model
// and knows no policy. Start with [Files.Keep] and [Inspect]; [Find] serves the
// side that reads the file.
package catalogue

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"skerry/plugins/local/dialect"
	"skerry/plugins/local/gguf"
)

// Card is what a checked model file says about itself, in bounds that the
// validator has made sure of. Texts in it come from the file.
type Card struct {
	Name          string `json:"name,omitempty"` // general.name, shortened
	Architecture  string `json:"architecture"`
	Parameters    int64  `json:"parameters"`           // numbers in all tensors together
	Quantisation  string `json:"quantisation"`         // type of most of the weights, like Q4_K
	Template      string `json:"template"`             // chat template that it is spoken to with, by Skerry's name; "" = it generates nothing
	ContextTokens int    `json:"contextTokens"`        // what it was made for
	Vocabulary    int    `json:"vocabulary"`           // tokens
	Embeddings    int    `json:"embeddings,omitempty"` // length of the vectors that it makes of texts; 0 = it makes none
	Vision        bool   `json:"vision,omitempty"`     // it sees images
	Shape         Shape  `json:"shape"`
}

// Generates reports whether the model writes text.
func (c Card) Generates() bool { return c.Template != "" }

// Shape is what the memory estimate is made of.
type Shape struct {
	WeightBytes int64 `json:"weightBytes"` // as held in memory
	Layers      int64 `json:"layers"`
	Width       int64 `json:"width"`       // of the hidden state
	FeedForward int64 `json:"feedForward"` // width between; 0 = not stated
	Heads       int64 `json:"heads"`
	CacheWidth  int64 `json:"cacheWidth"` // numbers kept per token over all layers, keys and values

	VisionHeads   int64 `json:"visionHeads,omitempty"`   // of the tower that looks at images
	VisionPatches int64 `json:"visionPatches,omitempty"` // of one image, at most
}

// maxNameRunes bounds what a file may say its name is.
const maxNameRunes = 120

// Inspect checks a model file of size bytes and returns its card. template
// names a chat template; "" or "auto" = the one that the file's own is
// recognised as. Errors say what is wrong and what to do. It reads the head of
// the file, never a weight.
func Inspect(r io.ReaderAt, size int64, template string) (Card, error) {
	if err := known(r, size); err != nil {
		return Card{}, err
	}
	f, err := gguf.Check(r, size)
	if errors.Is(err, gguf.ErrDamaged) {
		return Card{}, fmt.Errorf("%w; get the file again and compare its digest with the publisher's", err)
	}
	if err != nil {
		return Card{}, err
	}
	if n := f.Values["split.count"]; n.Uint > 1 {
		return Card{}, fmt.Errorf("this file is part %d of a model in %d parts; import all parts together", f.Values["split.no"].Uint+1, n.Uint)
	}
	c := Card{
		Name: shortened(f.Name()), Architecture: f.Architecture, Quantisation: quantisation(f),
		ContextTokens: f.ContextTokens(), Vocabulary: f.Values["tokenizer.ggml.tokens"].Len, Shape: shape(f),
	}
	if f.Encoder() {
		if template != "" && template != "auto" {
			return Card{}, fmt.Errorf("this model makes vectors of texts and holds no conversation, so it has no chat template; leave it out (--template)")
		}
		c.Embeddings = int(c.Shape.Width)
	} else {
		d, err := dialect.For(template, f.Template(), controls(f))
		if err != nil {
			return Card{}, fmt.Errorf("%w (--template)", err)
		}
		c.Template = d.Name
		// Only forms of turns say where an image stands.
		if v, ok := f.Vision(); ok && !d.Complex() {
			c.Vision, c.Shape.VisionHeads, c.Shape.VisionPatches = true, int64(v.Heads), int64(v.Patches())
		}
	}
	for _, t := range f.Tensors {
		c.Parameters = add(c.Parameters, elements(t))
	}
	return c, nil
}

// known refuses other formats by their name.
func known(r io.ReaderAt, size int64) error {
	var head [16]byte
	n, err := r.ReadAt(head[:min(size, int64(len(head)))], 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	h := string(head[:n])
	const convert = "convert it to GGUF with llama.cpp's convert_hf_to_gguf.py and import that"
	switch {
	case strings.HasPrefix(h, "GGUF"):
		return nil
	case n == len(head) && h[8] == '{' && h[4:8] == "\x00\x00\x00\x00": // a length in 8 bytes, then JSON
		return errors.New("this is a Safetensors file; " + convert)
	case strings.HasPrefix(h, "PK\x03\x04"), strings.HasPrefix(h, "\x80\x02"):
		return errors.New("this is a PyTorch checkpoint, which is a program and is never opened; take the model as GGUF")
	case strings.HasPrefix(h, "lmgg"), strings.HasPrefix(h, "fmgg"), strings.HasPrefix(h, "tjgg"), strings.HasPrefix(h, "algg"):
		return errors.New("this is a model in an old format from before GGUF; take it as GGUF")
	case strings.HasPrefix(h, "version https:"): // of Git LFS
		return errors.New("this is a pointer of Git LFS and not the model; fetch the file itself with: git lfs pull")
	case strings.HasPrefix(h, "<!") || strings.HasPrefix(h, "<html"):
		return errors.New("this is a web page and not a model; the download has gone wrong")
	}
	return errors.New("this is not a GGUF file; models are imported as GGUF")
}

// Types of tokens in tokenizer.ggml.token_type that the runner takes for
// control tokens (llama.cpp, enum llama_token_type).
const (
	tokenControl     = 3
	tokenUserDefined = 4
)

// controls returns whether a string is a control token of the file.
func controls(f *gguf.File) func(string) bool {
	set := map[string]bool{}
	types := f.Values["tokenizer.ggml.token_type"].Ints
	for i, s := range f.Values["tokenizer.ggml.tokens"].Strings {
		if types[i] == tokenControl || types[i] == tokenUserDefined {
			set[s] = true
		}
	}
	return func(s string) bool { return set[s] }
}

// typeNames are the names of tensor types (enum ggml_type).
var typeNames = map[uint32]string{
	0: "F32", 1: "F16", 30: "BF16", 2: "Q4_0", 3: "Q4_1", 6: "Q5_0", 7: "Q5_1", 8: "Q8_0",
	10: "Q2_K", 11: "Q3_K", 12: "Q4_K", 13: "Q5_K", 14: "Q6_K", 20: "IQ4_NL", 23: "IQ4_XS", 4: "MXFP4", 39: "MXFP4", 26: "I32",
}

// quantisation names the type that holds most of the parameters.
func quantisation(f *gguf.File) string {
	held := map[uint32]int64{}
	most := f.Tensors[0].Type
	for _, t := range f.Tensors {
		held[t.Type] = add(held[t.Type], elements(t))
		if held[t.Type] > held[most] {
			most = t.Type
		}
	}
	return typeNames[most]
}

// elements returns how many numbers a tensor holds; the validator bounds it to
// 2^50.
func elements(t gguf.Tensor) int64 {
	n := int64(1)
	for _, d := range t.Shape {
		n = multiply(n, int64(d))
	}
	return n
}

// shortened makes text from a file fit for one line.
func shortened(s string) string {
	s = strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f || r == ' ' }), " ")
	if r := []rune(s); len(r) > maxNameRunes {
		return string(r[:maxNameRunes]) + "…"
	}
	return s
}
