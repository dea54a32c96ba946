package grammar

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// excerptOf is the keyword of a string that is a piece of a given text: it
// begins and ends between words, and white space is one space, or left out, as
// whoever copies a number that is printed in groups does. The name is
// Skerry's own; JSON Schema leaves names that it does not know to its users,
// and a validator that does not know this one accepts more, not less.
const excerptOf = "x-excerptOf"

// MaxExcerptBytes bounds the text that a string may be a piece of.
const MaxExcerptBytes = 64 << 10

// excerpt adds the inside of a JSON string that is a piece of text, and the
// quote behind it: a chain of the text's characters that can be entered before
// every word and left behind every word.
func (c *compiler) excerpt(text, ptr string, next int32) int32 {
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > MaxExcerptBytes {
		return c.fail(ptr, excerptOf, "the text has %d bytes; %d are possible", len(text), MaxExcerptBytes)
	}
	end := c.byte('"', next)
	after := c.node(node{empty: []int32{end}}) // the place behind the character
	var starts []int32
	for i := len(text); i > 0 && c.err == nil; {
		r, size := utf8.DecodeLastRuneInString(text[:i])
		i -= size
		before, _ := utf8.DecodeLastRuneInString(text[:i])
		written := strings.Trim(quote(string(r)), `"`)
		if r == '"' {
			written = `\"`
		}
		n := node{edges: []edge{{written[0], written[0], c.literal(written[1:], after)}}}
		if r == ' ' {
			n.empty = []int32{after}
		}
		if i > 0 && before != ' ' && parted(before, r) {
			n.empty = append(n.empty, end)
		}
		after = c.node(n)
		if r != ' ' && (i == 0 || parted(before, r)) {
			// A place can be left behind a word; the beginning is no such place.
			starts = append(starts, c.node(node{edges: n.edges}))
		}
	}
	if len(starts) == 0 {
		return c.node(node{}) // no string is a piece of nothing
	}
	return c.node(node{empty: starts})
}

// parted reports whether a word may end between two characters.
func parted(a, b rune) bool {
	return !(unicode.IsLetter(a) || unicode.IsDigit(a)) || !(unicode.IsLetter(b) || unicode.IsDigit(b))
}
