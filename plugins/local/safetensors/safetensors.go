// Package safetensors checks the files of a model in the Safetensors format
// strictly before anything else reads them: the converter that makes GGUF of
// them takes their numbers at their word. It reads headers and the small JSON
// files beside them, never a weight. It is pure Go and starts nothing. Start
// with [Check].
package safetensors

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Bounds of what files may claim: far above any known model, and low enough
// that a hostile one costs little.
const (
	MaxHeaderBytes = 32 << 20  // of a file of weights; the format itself stops at 100 MB
	MaxTextBytes   = 128 << 20 // of a tokenizer or the index
	MaxConfigBytes = 4 << 20   // of the other JSON files
	MaxTensors     = 65536     // of a model
	MaxNameBytes   = 256       // of a tensor
	MaxTokens      = 1 << 21   // of a vocabulary
	maxDims        = 8
	maxDepth       = 32 // of JSON
)

// Names of the files with a meaning of their own.
const (
	Config       = "config.json"
	Index        = "model.safetensors.index.json"
	Tokenizer    = "tokenizer.json"
	ChatTemplate = "chat_template.jinja" // newer than the converter, which looks into TokenizerConfig
	Pieces       = "tokenizer.model"     // SentencePiece

	TokenizerConfig = "tokenizer_config.json"
	Ending          = ".safetensors"
)

// texts are the files beside the weights and how many bytes each may have.
var texts = map[string]int64{
	Config: MaxConfigBytes, "generation_config.json": MaxConfigBytes, TokenizerConfig: MaxConfigBytes, "special_tokens_map.json": MaxConfigBytes,
	"added_tokens.json": MaxConfigBytes, ChatTemplate: 1 << 20, Tokenizer: MaxTextBytes, Pieces: MaxTextBytes, Index: MaxTextBytes,
}

// ErrDamaged is wrapped by every error of [Check] that says that a file is cut
// off, inconsistent or not of the format at all.
var ErrDamaged = errors.New("the model is damaged")

func damaged(file, format string, a ...any) error {
	return fmt.Errorf("%s: %w: %s", file, ErrDamaged, fmt.Sprintf(format, a...))
}

// File is one file of a model.
type File struct {
	Name    string // without folders
	Size    int64  // bytes
	Content io.ReaderAt
}

// Model is what checked files say of themselves.
type Model struct {
	Architecture string   // as config.json names it, such as Qwen3ForCausalLM
	Tensors      []Tensor // of all files
}

// Bytes returns the size of all weights in bytes.
func (m *Model) Bytes() int64 {
	n := int64(0)
	for _, t := range m.Tensors {
		n += t.Size
	}
	return n
}

// Largest returns the number of elements of the largest tensor.
func (m *Model) Largest() int64 {
	n := int64(0)
	for _, t := range m.Tensors {
		n = max(n, t.Elements)
	}
	return n
}

// Tensor is where a tensor lies in its file.
type Tensor struct {
	Name     string
	File     string
	Type     string // such as BF16
	Shape    []uint64
	Elements int64
	Offset   int64 // from the beginning of the file, in bytes
	Size     int64 // bytes
}

// Useful reports whether a file of this name is part of a model: weights, or one
// of the texts that say how to read them. Pickles of PyTorch, which are
// programs, and everything else are not.
func Useful(name string) bool {
	_, text := texts[name]
	return text || isWeights(name)
}

func isWeights(name string) bool {
	return strings.HasSuffix(name, Ending) && len(name) > len(Ending) && !strings.HasPrefix(name, ".") && !strings.ContainsAny(name, "/\\\x00*?[")
}

// Check reads everything but the weights. Any error names the file and what is
// wrong with it, or what is missing; those about damage wrap [ErrDamaged].
func Check(files []File) (*Model, error) {
	byName := map[string]File{}
	for _, f := range files {
		limit, text := texts[f.Name]
		switch {
		case !Useful(f.Name):
			return nil, fmt.Errorf("%q is no part of a Safetensors model; leave it out", f.Name)
		case byName[f.Name].Content != nil:
			return nil, fmt.Errorf("%s is there twice", f.Name)
		case text && f.Size > limit:
			return nil, damaged(f.Name, "it has %d bytes; %d are possible", f.Size, limit)
		}
		byName[f.Name] = f
	}
	m := &Model{}
	if err := m.words(byName); err != nil {
		return nil, err
	}
	for _, f := range files {
		if !isWeights(f.Name) {
			continue
		}
		list, err := Header(f.Name, f.Content, f.Size)
		if err != nil {
			return nil, err
		}
		m.Tensors = append(m.Tensors, list...)
		if len(m.Tensors) > MaxTensors {
			return nil, damaged(f.Name, "the model has more than %d tensors", MaxTensors)
		}
	}
	if len(m.Tensors) == 0 {
		return nil, errors.New("there are no weights: give the .safetensors files too")
	}
	return m, m.whole(byName)
}

// convertible are the types that the converter reads.
var convertible = []string{"F32", "F16", "BF16", "F8_E4M3", "U8"}

// whole checks the tensors of all files together, and with the index.
func (m *Model) whole(files map[string]File) error {
	where := map[string]string{}
	for _, t := range m.Tensors {
		if other, twice := where[t.Name]; twice {
			return damaged(t.File, "the tensor %q is in %s too", t.Name, other)
		}
		where[t.Name] = t.File
		if !slices.Contains(convertible, t.Type) && !strings.HasSuffix(t.Name, "position_ids") {
			return fmt.Errorf("%s: the tensor %q is stored as %s, which is not converted; bring the model in BF16, F16 or F32, not quantised with GPTQ, AWQ or bitsandbytes", t.File, t.Name, t.Type)
		}
	}
	f, ok := files[Index]
	if !ok {
		return nil
	}
	index, err := readIndex(f)
	if err != nil {
		return err
	}
	for name, file := range index {
		switch got, ok := where[name]; {
		case files[file].Content == nil || !isWeights(file):
			return damaged(Index, "it looks for the tensor %q in %q, which is not among the files", name, file)
		case !ok:
			return damaged(Index, "the tensor %q is in no file", name)
		case got != file:
			return damaged(Index, "the tensor %q is in %s, not in %s", name, got, file)
		}
	}
	for _, t := range m.Tensors {
		if _, ok := index[t.Name]; !ok {
			return damaged(t.File, "the index does not name its tensor %q", t.Name)
		}
	}
	return nil
}
