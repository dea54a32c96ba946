// Package wordpiece turns text into the tokens of BERT and its relatives, as the
// models have learnt them: text is cleaned, lowered and freed of accents where
// the vocabulary is, cut at spaces and punctuation, and each word is spelt with
// the longest pieces from left to right (Devlin et al. 2019, and the tokenizer
// published with it; Wu et al. 2016, section 4.1). No text yields a control
// token. It is pure Go and starts nothing. Start with [New].
//
// The inference engine has a tokenizer of this kind as well, which neither
// lowers text for nomic-bert nor takes accents away and so reads "Müller" as an
// unknown word where the model knows "muller".
package wordpiece

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// begins marks the pieces that begin a word in GGUF files; in the published
// vocabularies the others are marked, with ##.
const begins = "▁"

// maxWord is the length in characters above which a word is unknown, as in
// training.
const maxWord = 100

// Vocabulary is what a model file says about its tokens.
type Vocabulary struct {
	Tokens  []string
	Control func(id int32) bool // reports whether a token is never written as text
	CLS     int32               // what a sequence begins with
	SEP     int32               // what it ends with
	Unknown int32               // what stands for a word that cannot be spelt
}

// Tokenizer is safe for concurrent use.
type Tokenizer struct {
	v       Vocabulary
	pieces  map[string]int32
	longest int  // bytes of the longest piece
	cased   bool // upper case is kept
	accents bool // accents are kept
}

// New arranges a vocabulary. A file does not say whether its model reads upper
// case and accents, but its pieces do: what the training took away is in none.
func New(v Vocabulary) (*Tokenizer, error) {
	for what, id := range map[string]int32{"begins with": v.CLS, "ends with": v.SEP, "holds for unknown words": v.Unknown} {
		if id < 0 || int(id) >= len(v.Tokens) {
			return nil, fmt.Errorf("the token that a sequence %s is number %d of %d", what, id, len(v.Tokens))
		}
	}
	t := &Tokenizer{v: v, pieces: make(map[string]int32, len(v.Tokens))}
	words := 0
	for id, s := range v.Tokens {
		if s == "" || v.Control(int32(id)) || id == int(v.Unknown) || strings.HasPrefix(s, "[") && strings.HasSuffix(s, "]") {
			continue // brackets are words of their own, so no text holds [unused7] either
		}
		if _, twice := t.pieces[s]; !twice {
			t.pieces[s] = int32(id)
		}
		t.longest = max(t.longest, len(s))
		if strings.HasPrefix(s, begins) {
			words++
		}
		t.cased = t.cased || strings.IndexFunc(s, unicode.IsUpper) >= 0
		t.accents = t.accents || bare(s) != norm.NFD.String(s)
	}
	if words == 0 {
		return nil, fmt.Errorf("no token of the vocabulary begins with %q, so there is none to begin a word with", begins)
	}
	return t, nil
}

// Size returns how many tokens there are.
func (t *Tokenizer) Size() int { return len(t.v.Tokens) }

// bare returns s without accents.
func bare(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return r
	}, norm.NFD.String(s))
}

// Text returns the tokens of a text without those around it.
func (t *Tokenizer) Text(text string) []int32 {
	text = clean(text)
	if !t.cased {
		text = strings.ToLower(text)
	}
	if !t.accents {
		text = bare(text)
	}
	var ids []int32
	start := -1 // of the word that is being read
	end := func(at int) {
		if start >= 0 {
			ids = t.word(ids, text[start:at])
			start = -1
		}
	}
	for at, r := range text {
		switch {
		case alone(r):
			end(at)
			ids = t.word(ids, text[at:at+utf8.RuneLen(r)])
		case unicode.IsSpace(r) || unicode.Is(unicode.Zs, r):
			end(at)
		case start < 0:
			start = at
		}
	}
	end(len(text))
	return ids
}

// Sequence returns the tokens of a text as the model wants them: begun and
// ended.
func (t *Tokenizer) Sequence(text string) []int32 {
	return append(append([]int32{t.v.CLS}, t.Text(text)...), t.v.SEP)
}

// clean drops what has no place in text: control characters other than spaces,
// and the marks of what could not be read.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r == utf8.RuneError || unicode.Is(unicode.C, r) && r != '\t' && r != '\n' && r != '\r' {
			return -1
		}
		return r
	}, s)
}

// word appends the pieces of a word, or the token for unknown words.
func (t *Tokenizer) word(ids []int32, w string) []int32 {
	if utf8.RuneCountInString(w) > maxWord {
		return append(ids, t.v.Unknown)
	}
	whole := len(ids)
	rest := begins + w
	for prefix := len(begins); len(rest) > 0; prefix = 0 {
		n := min(len(rest), t.longest)
		for n > prefix {
			if id, ok := t.pieces[rest[:n]]; ok && utf8.RuneStart(next(rest, n)) {
				ids = append(ids, id)
				break
			}
			n--
		}
		if n <= prefix {
			return append(ids[:whole], t.v.Unknown)
		}
		rest = rest[n:]
	}
	return ids
}

// next returns the byte at n, or one that begins a character at the end.
func next(s string, n int) byte {
	if n == len(s) {
		return 'a'
	}
	return s[n]
}

// alone reports whether a character is a word of its own: punctuation, of which
// all marks of ASCII are taken for, and the characters of Chinese, Japanese and
// Korean that are written without spaces.
func alone(r rune) bool {
	return r >= '!' && r <= '/' || r >= ':' && r <= '@' || r >= '[' && r <= '`' || r >= '{' && r <= '~' || unicode.IsPunct(r) ||
		slices.ContainsFunc(ideographs, func(b [2]rune) bool { return r >= b[0] && r <= b[1] })
}

// ideographs are the blocks of CJK ideographs, from the tokenizer of BERT.
var ideographs = [][2]rune{
	{0x4E00, 0x9FFF}, {0x3400, 0x4DBF}, {0x20000, 0x2A6DF}, {0x2A700, 0x2B73F}, {0x2B740, 0x2B81F}, {0x2B820, 0x2CEAF}, {0xF900, 0xFAFF}, {0x2F800, 0x2FA1F},
}
