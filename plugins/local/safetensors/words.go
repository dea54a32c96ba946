package safetensors

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// words checks the files beside the weights.
func (m *Model) words(files map[string]File) error {
	if _, ok := files[Config]; !ok {
		return fmt.Errorf("%s is missing; it says what kind of model this is", Config)
	}
	if files[Tokenizer].Content == nil && files[Pieces].Content == nil {
		return fmt.Errorf("%s is missing, and so is %s; one of them holds the vocabulary", Tokenizer, Pieces)
	}
	for name, f := range files {
		if !strings.HasSuffix(name, ".json") || name == Index {
			continue
		}
		b, err := f.read()
		if err != nil {
			return err
		}
		if name == Config {
			b = finite(b)
		}
		if err := wellFormed(b); err != nil {
			return damaged(name, "%v", err)
		}
		if b = bytes.TrimSpace(b); len(b) == 0 || b[0] != '{' {
			return damaged(name, "it is no object")
		}
		switch name {
		case Config:
			err = m.config(b)
		case Tokenizer:
			err = vocabulary(b)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (f File) read() ([]byte, error) {
	b := make([]byte, f.Size)
	if n, err := f.Content.ReadAt(b, 0); n < len(b) {
		return nil, fmt.Errorf("%s: %w", f.Name, err)
	}
	return b, nil
}

// finite replaces the numbers that Python writes and JSON does not have. They
// stand where a key's value stands; in texts they do no harm here, for the result
// is only looked at.
func finite(b []byte) []byte {
	for _, s := range []string{"-Infinity", "Infinity", "NaN"} {
		b = bytes.ReplaceAll(b, []byte(": "+s), []byte(": 0"))
	}
	return b
}

// config reads what config.json says of the whole model.
func (m *Model) config(b []byte) error {
	var c struct {
		Architectures []string `json:"architectures"`
		VocabSize     uint64   `json:"vocab_size"`
		Quantisation  struct {
			Method string `json:"quant_method"`
		} `json:"quantization_config"`
	}
	if err := json.Unmarshal(b, &c); err != nil {
		return damaged(Config, "%v", err)
	}
	switch {
	case len(c.Architectures) != 1 || c.Architectures[0] == "" || !printable(c.Architectures[0]) || len(c.Architectures[0]) > MaxNameBytes:
		return damaged(Config, "it does not name one architecture")
	case c.VocabSize > MaxTokens:
		return damaged(Config, "it claims %d tokens; %d are possible", c.VocabSize, MaxTokens)
	}
	switch c.Quantisation.Method {
	case "", "fp8", "compressed-tensors", "mxfp4":
	default:
		return fmt.Errorf("the weights are quantised with %.40q, which is not converted; bring the model in BF16, F16 or F32", c.Quantisation.Method)
	}
	m.Architecture = c.Architectures[0]
	return nil
}

// vocabulary checks that the tokens of tokenizer.json are numbered without gaps:
// the converter counts them in their order, and behind a gap each would get the
// number of another.
func vocabulary(b []byte) error {
	var t struct {
		Added []struct {
			ID      int64  `json:"id"`
			Content string `json:"content"`
		} `json:"added_tokens"`
		Model struct {
			Vocab json.RawMessage `json:"vocab"`
		} `json:"model"`
	}
	if err := json.Unmarshal(b, &t); err != nil {
		return damaged(Tokenizer, "%v", err)
	}
	var vocab map[string]int64
	if err := json.Unmarshal(t.Model.Vocab, &vocab); err != nil {
		return fmt.Errorf("%s: its vocabulary is of a kind that is not converted (%w); a tokenizer with byte pairs is", Tokenizer, errors.Unwrap(err))
	}
	if len(vocab)+len(t.Added) == 0 || len(vocab)+len(t.Added) > MaxTokens {
		return damaged(Tokenizer, "it has %d tokens; 1 to %d are possible", len(vocab)+len(t.Added), MaxTokens)
	}
	ids := make(map[int64]string, len(vocab)+len(t.Added))
	for s, id := range vocab {
		if other, twice := ids[id]; twice {
			return damaged(Tokenizer, "the tokens %.40q and %.40q have the same number", min(s, other), max(s, other))
		}
		ids[id] = s
	}
	for _, a := range t.Added {
		if s, twice := ids[a.ID]; twice && s != a.Content {
			return damaged(Tokenizer, "the tokens %.40q and %.40q have the same number", s, a.Content)
		}
		ids[a.ID] = a.Content
	}
	for n := range int64(len(ids)) {
		if _, ok := ids[n]; !ok {
			return damaged(Tokenizer, "it has %d tokens and none with the number %d", len(ids), n)
		}
	}
	return nil
}

// readIndex returns which file holds which tensor.
func readIndex(f File) (map[string]string, error) {
	b, err := f.read()
	if err != nil {
		return nil, err
	}
	if err := wellFormed(b); err != nil {
		return nil, damaged(Index, "%v", err)
	}
	index := map[string]string{}
	err = object(b, func(key string, value json.RawMessage) error {
		if key != "weight_map" {
			return nil
		}
		return object(value, func(name string, v json.RawMessage) error {
			var file string
			if err := json.Unmarshal(v, &file); err != nil {
				return fmt.Errorf("the tensor %.80q is in no file", name)
			}
			index[name] = file
			return nil
		})
	})
	if err != nil {
		return nil, damaged(Index, "%v", err)
	}
	if len(index) == 0 {
		return nil, damaged(Index, "it names no tensor")
	}
	return index, nil
}

// Weights returns which of the files of a directory hold the weights that belong
// together: those that the index names, or model.safetensors, or all there are.
// It believes what it reads; [Check] does not.
func Weights(names []string, index []byte) ([]string, error) {
	var all []string
	for _, n := range names {
		if isWeights(n) {
			all = append(all, n)
		}
		if n == "model"+Ending && index == nil {
			return []string{n}, nil
		}
	}
	if index == nil {
		return all, nil
	}
	files, err := readIndex(File{Name: Index, Size: int64(len(index)), Content: bytes.NewReader(index)})
	if err != nil {
		return nil, err
	}
	var list []string
	seen := map[string]bool{}
	for _, f := range files {
		if !seen[f] {
			seen[f] = true
			list = append(list, f)
		}
	}
	return list, nil
}
