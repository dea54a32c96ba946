package tokenizer

import (
	"unicode"
	"unicode/utf8"
)

// word returns the length in bytes of the first word of s, which is not empty:
// what the first match is of the expression that the pre-tokenizer "qwen2" is,
//
//	(?i:'s|'t|'re|'ve|'m|'ll|'d) | [^\r\n\p{L}\p{N}]?\p{L}+ | \p{N} | ␣?[^\s\p{L}\p{N}]+[\r\n]* | \s*[\r\n]+ | \s+(?!\S) | \s+
//
// without the spaces around the bars, ␣ being a space and \s what it is in RE2:
// tab, line feed, form feed, carriage return and space. Words cover every text.
func word(s string) int {
	first, size := utf8.DecodeRuneInString(s)
	if first == '\'' {
		if n := contraction(s); n > 0 {
			return n
		}
	}
	rest := s[size:]
	next, _ := utf8.DecodeRuneInString(rest) // at the end U+FFFD, which is neither letter nor space
	switch {
	case unicode.IsLetter(first):
		return size + letters(rest)
	case unicode.IsNumber(first):
		return size
	case first != '\r' && first != '\n' && rest != "" && unicode.IsLetter(next):
		return size + letters(rest)
	case first == ' ' && rest != "" && isSign(next):
		return size + signs(rest)
	case isSign(first):
		return signs(s)
	}
	return spaces(s)
}

// contraction returns the length of an English contraction at the beginning of
// s, such as 's or 'Ll, or 0.
func contraction(s string) int {
	lower := func(i int) byte {
		if i >= len(s) {
			return 0
		}
		return s[i] | 0x20
	}
	switch lower(1) {
	case 's', 't', 'm', 'd':
		return 2
	case 'r', 'v':
		if lower(2) == 'e' {
			return 3
		}
	case 'l':
		if lower(2) == 'l' {
			return 3
		}
	}
	return 0
}

func letters(s string) int {
	for i, r := range s {
		if !unicode.IsLetter(r) {
			return i
		}
	}
	return len(s)
}

// signs returns the length of the signs at the beginning of s and of the line
// ends behind them.
func signs(s string) int {
	n := len(s)
	for i, r := range s {
		if !isSign(r) {
			n = i
			break
		}
	}
	for n < len(s) && (s[n] == '\r' || s[n] == '\n') {
		n++
	}
	return n
}

// spaces returns the length of the word at the beginning of s, which is white
// space: up to the last line end, or else all but the last space, which goes
// with the word behind it.
func spaces(s string) int {
	end, line := 0, 0
	for end < len(s) && isSpace(rune(s[end])) {
		if s[end] == '\r' || s[end] == '\n' {
			line = end + 1
		}
		end++
	}
	switch {
	case line > 0:
		return line
	case end == len(s) || end == 1:
		return end
	}
	return end - 1
}

func isSpace(r rune) bool { return r == ' ' || r == '\t' || r == '\n' || r == '\r' || r == '\f' }

func isSign(r rune) bool { return !isSpace(r) && !unicode.IsLetter(r) && !unicode.IsNumber(r) }
