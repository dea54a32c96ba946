package policy

import (
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// folding says how letters with two dots are spelled without them. People do
// both, so a text is searched both ways.
type folding int

const (
	expanded folding = iota // ü is ue, as German does it
	stripped                // ü is u, as everybody else does it
)

// gap is what stands between a letter and the one before it.
type gap uint8

const (
	joined gap = iota // nothing, or only characters that nobody sees
	joint             // a hyphen, and perhaps the line break after it: the word may go on
	apart             // anything else that is no letter and no digit
)

// letter is a folded letter or digit and where it stands in the source.
type letter struct {
	r          rune
	before     gap
	start, end int // bytes of the source
}

// letters hands the letters and digits of s to yield in order: lower case,
// without accents, compatibility forms (ligatures, wide letters) resolved.
// Marks that follow a letter belong to it: extend tells that the last letter
// handed over reaches further.
func letters(s string, f folding, yield func(letter), extend func(end int)) {
	between := apart
	var last rune
	put := func(r rune, start, end int) {
		yield(letter{r, between, start, end})
		between, last = joined, r
	}
	var buf [32]byte
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			switch {
			case 'a' <= c && c <= 'z', '0' <= c && c <= '9':
				put(rune(c), i, i+1)
			case 'A' <= c && c <= 'Z':
				put(rune(c)+'a'-'A', i, i+1)
			default:
				between = widen(between, rune(c))
			}
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		end := i + size
		if r == utf8.RuneError && size == 1 {
			between = apart
			i = end
			continue
		}
		flat := norm.NFKD.AppendString(buf[:0], s[i:end])
		for _, r := range string(flat) {
			switch {
			case unicode.Is(unicode.Mn, r):
				if between != joined {
					break
				}
				if r == '\u0308' && f == expanded && (last == 'a' || last == 'o' || last == 'u') {
					put('e', i, end)
				} else {
					extend(end)
				}
			case unicode.IsLetter(r), unicode.IsNumber(r):
				for _, p := range spell(unicode.ToLower(r), f) {
					put(p, i, end)
				}
			default:
				between = widen(between, r)
			}
		}
		i = end
	}
}

// spell returns how letters without a canonical decomposition are commonly
// written in plain ones.
func spell(r rune, f folding) string {
	switch r {
	case 'ß':
		return "ss"
	case 'æ':
		return "ae"
	case 'œ':
		return "oe"
	case 'ø':
		if f == expanded {
			return "oe"
		}
		return "o"
	case 'ł':
		return "l"
	case 'đ', 'ð':
		return "d"
	case 'þ':
		return "th"
	case 'ı':
		return "i"
	case 'ς': // final sigma
		return "σ"
	}
	return string(r)
}

// widen returns the gap that g becomes with r, which is no letter.
func widen(g gap, r rune) gap {
	switch {
	case unicode.Is(unicode.Cf, r): // soft hyphen, zero-width space and joiners
		return g
	case r == '-' || r == '\u2010' || r == '\u2011':
		if g == joined {
			return joint
		}
	case unicode.IsSpace(r):
		if g == joint {
			return joint
		}
	}
	return apart
}

// unspaced reports whether r belongs to a script that writes words without
// spaces between them, where every character may begin a word.
func unspaced(r rune) bool {
	return r >= 0x0e00 && unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar)
}
