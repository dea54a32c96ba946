package gguftest

import (
	"fmt"
	"slices"
	"strings"
)

// Types of tokens (llama.cpp, enum llama_token_type).
const (
	normalToken  int32 = 1
	unknownToken int32 = 2
	controlToken int32 = 3
	byteToken    int32 = 6
)

type vocabulary struct {
	texts  []string
	types  []int32
	merges []string  // byte pair encoding
	scores []float32 // SentencePiece
}

func (v *vocabulary) add(kind int32, texts ...string) {
	for _, s := range texts {
		if !slices.Contains(v.texts, s) {
			v.texts, v.types = append(v.texts, s), append(v.types, kind)
		}
	}
}

func (v vocabulary) id(text string) uint32 {
	if i := slices.Index(v.texts, text); i >= 0 {
		return uint32(i)
	}
	panic(fmt.Sprintf("gguftest: there is no token %q", text))
}

// chatmlControls are the control tokens of the default template.
var chatmlControls = []string{"<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|pad|>"}

// vocabulary returns the control tokens, then what every text can be written
// with, then as many words as were asked for.
func (m Model) vocabulary(a arch) vocabulary {
	var v vocabulary
	v.add(controlToken, a.controls...)
	if m.Controls != nil {
		v.add(controlToken, m.Controls...)
	} else if !a.encoder {
		v.add(controlToken, chatmlControls...)
	}
	switch a.tokenizer {
	case "llama": // SentencePiece: a byte is a token of its own kind
		for b := range 256 {
			v.add(byteToken, fmt.Sprintf("<0x%02X>", b))
		}
		v.add(normalToken, "▁")
		for b := '!'; b <= '~'; b++ {
			v.add(normalToken, string(b))
		}
		v.add(normalToken, "er")
	case "bert": // WordPiece: what begins a word is marked
		for b := '!'; b <= '~'; b++ {
			if b < 'A' || b > 'Z' {
				v.add(normalToken, "▁"+string(b), string(b))
			}
		}
		v.add(normalToken, "▁the", "ing", "▁rechnung")
	default: // byte-level byte pair encoding
		for b, n := 0, rune(256); b < 256; b++ {
			r := rune(b)
			if !(b >= '!' && b <= '~' || b >= 0xa1 && b <= 0xac || b >= 0xae) { // not printable: moved up, in order (GPT-2, bytes_to_unicode)
				r, n = n, n+1
			}
			v.add(normalToken, string(r))
		}
		v.add(normalToken, "er")
		v.merges = []string{"e r"}
	}
	for i := range m.Words {
		v.texts, v.types = append(v.texts, fmt.Sprintf("w%dx", i)), append(v.types, normalToken)
	}
	for i, s := range v.texts {
		if s == "<unk>" || s == "[UNK]" {
			v.types[i] = unknownToken
		}
	}
	if a.tokenizer == "llama" {
		v.scores = make([]float32, len(v.texts))
		for i := range v.scores {
			v.scores[i] = -float32(i)
		}
	}
	return v
}

// control returns the wanted control token, else the first of the usual ones
// that there is.
func (v vocabulary) control(wanted string, usual ...string) uint32 {
	if wanted != "" {
		return v.id(wanted)
	}
	for _, s := range usual {
		if i := slices.Index(v.texts, s); i >= 0 {
			return uint32(i)
		}
	}
	panic("gguftest: there is none of the tokens " + strings.Join(usual, ", "))
}
