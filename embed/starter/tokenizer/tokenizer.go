// Package tokenizer is the byte-level BPE of the starter models: 2,048 tokens,
// digits one by one. It gives the tokens that the inference engine gives for
// the same vocabulary, tie for tie, because a model reads well only what is cut
// the way it was cut in training. Start with [Starter].
package tokenizer

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"strings"
)

// ID is the number of a token.
type ID = uint16

// Control tokens of the starter models. They never come out of text.
const (
	EndOfText ID = 0 // <|endoftext|>
	TurnStart ID = 1 // <|im_start|>
	TurnEnd   ID = 2 // <|im_end|>
	Pad       ID = 3 // <|pad|>
)

// controlType is the type of control tokens in GGUF files
// (tokenizer.ggml.token_type).
const controlType = 3

//go:embed tokens.json
var starterVocabulary []byte

// Vocabulary is what a model file says of a tokenizer of the model "gpt2" with
// the pre-tokenizer "qwen2". Tokens and merges are written in the alphabet of
// GPT-2, which has a visible character for every byte.
type Vocabulary struct {
	Tokens []string `json:"tokens"`
	Types  []int32  `json:"types"`  // as in GGUF: 1 = normal, 3 = control
	Merges []string `json:"merges"` // "left right", the first the most urgent
}

// Tokenizer turns text into tokens and back. It keeps the words it has met, so
// it is not safe for concurrent use; [Tokenizer.Clone] is cheap.
type Tokenizer struct {
	vocabulary *Vocabulary
	text       []string       // by token: its bytes, or the name of a control token
	word       map[string]ID  // tokens by their bytes, control tokens left out
	control    map[string]ID  // control tokens by name
	single     [256]ID        // the token of every byte
	merge      map[pair]merge // what two neighbours become

	known map[string][]ID // words met, and their tokens
	heap  heap            // reused between words
	parts []part
}

type pair struct{ left, right ID }

type merge struct {
	rank int32
	id   ID
}

// Starter returns the tokenizer of the starter models.
func Starter() *Tokenizer {
	t, err := Parse(starterVocabulary)
	if err != nil {
		panic("the vocabulary in the package is broken: " + err.Error()) // a test reads it
	}
	return t
}

// Parse reads a [Vocabulary] from JSON.
func Parse(data []byte) (*Tokenizer, error) {
	var v Vocabulary
	if err := json.Unmarshal(data, &v); err != nil {
		return nil, fmt.Errorf("vocabulary: %w", err)
	}
	if len(v.Tokens) != len(v.Types) || len(v.Tokens) > 1<<16 {
		return nil, fmt.Errorf("vocabulary: %d tokens have %d types; they need one each, and at most %d tokens fit", len(v.Tokens), len(v.Types), 1<<16)
	}
	t := &Tokenizer{vocabulary: &v, word: map[string]ID{}, control: map[string]ID{}, merge: map[pair]merge{}, known: map[string][]ID{}}
	for i, s := range v.Tokens {
		if v.Types[i] == controlType {
			t.control[s] = ID(i)
			t.text = append(t.text, s)
			continue
		}
		b, err := toBytes(s)
		if err != nil {
			return nil, fmt.Errorf("vocabulary: token %d: %w", i, err)
		}
		t.word[b] = ID(i)
		t.text = append(t.text, b)
	}
	for b := range 256 {
		id, ok := t.word[string([]byte{byte(b)})]
		if !ok {
			return nil, fmt.Errorf("vocabulary: the byte %#02x has no token, so there is text that cannot be written", b)
		}
		t.single[b] = id
	}
	for rank, s := range v.Merges {
		left, right, ok := strings.Cut(s, " ")
		l, err := toBytes(left)
		r, err2 := toBytes(right)
		if !ok || err != nil || err2 != nil {
			return nil, fmt.Errorf("vocabulary: merge %d, %q, is not two tokens", rank, s)
		}
		a, okA := t.word[l]
		b, okB := t.word[r]
		both, okBoth := t.word[l+r]
		if !okA || !okB || !okBoth {
			return nil, fmt.Errorf("vocabulary: merge %d, %q, is not of tokens that make a token", rank, s)
		}
		t.merge[pair{a, b}] = merge{int32(rank), both}
	}
	return t, nil
}

// Clone returns a tokenizer with the same vocabulary for another goroutine.
func (t *Tokenizer) Clone() *Tokenizer {
	c := *t
	c.known, c.heap, c.parts = map[string][]ID{}, nil, nil
	return &c
}

// Vocabulary returns what a model file has to say of this tokenizer. It must
// not be changed.
func (t *Tokenizer) Vocabulary() *Vocabulary { return t.vocabulary }

// Size returns the number of tokens.
func (t *Tokenizer) Size() int { return len(t.text) }

// Control returns the control token of the given name, for example
// "<|im_end|>".
func (t *Tokenizer) Control(name string) (ID, bool) {
	id, ok := t.control[name]
	return id, ok
}

// Bytes returns the bytes that a token stands for: of a control token its name.
func (t *Tokenizer) Bytes(id ID) string { return t.text[id] }

// Decode returns the text of ids, control tokens by their names.
func (t *Tokenizer) Decode(ids []ID) string {
	var b strings.Builder
	for _, id := range ids {
		b.WriteString(t.text[id])
	}
	return b.String()
}

// Encode returns the tokens of text. Names of control tokens in it are text.
func (t *Tokenizer) Encode(text string) []ID { return t.Append(nil, text) }

// knownLimit bounds the words that a tokenizer keeps, so that endless new
// names do not fill the memory.
const knownLimit = 1 << 18

// Append appends the tokens of text to ids. Bytes that are no UTF-8 become
// U+FFFD first, as they do where models are run.
func (t *Tokenizer) Append(ids []ID, text string) []ID {
	text = strings.ToValidUTF8(text, "\uFFFD")
	for text != "" {
		n := word(text)
		w := text[:n]
		text = text[n:]
		tokens, ok := t.known[w]
		if !ok {
			tokens = t.encodeWord(w)
			if len(t.known) >= knownLimit {
				clear(t.known)
			}
			t.known[strings.Clone(w)] = tokens
		}
		ids = append(ids, tokens...)
	}
	return ids
}

// toBytes reads the alphabet of GPT-2: bytes that are not visible characters of
// Latin-1 stand 0x100 or 0xA2 higher, and the soft hyphen is 0x143.
func toBytes(s string) (string, error) {
	b := make([]byte, 0, len(s))
	for _, r := range s {
		switch {
		case r == 0x143:
			r = 0xad
		case r >= 0x100 && r <= 0x120:
			r -= 0x100
		case r > 0x120 && r < 0x143:
			r -= 0xa2
		}
		if r > 0xff {
			return "", fmt.Errorf("%q holds %q, which stands for no byte", s, r)
		}
		b = append(b, byte(r))
	}
	return string(b), nil
}
