package grammar

import (
	"strings"
	"unicode/utf16"
)

// Escapes inside JSON strings (RFC 8259, section 7). A string that may hold any
// text may use every one of them: models have habits, and one that is kept from
// writing \u00e9 after the backslash would write something else. A string under
// a pattern, a name and a constant have one form only, the shortest: there the
// bytes that must come matter more.

// escapeBytes are the bytes that may stand in an escape.
const escapeBytes = `"\/bfnrtu0123456789abcdefABCDEF`

// free reports whether the body may hold any text.
func (b *body) free() bool { return b.json && b.dfa == anything }

// isLongEscape reports whether the only escape of r is \u00XX.
func isLongEscape(r rune) bool {
	return r < 0x20 && strings.IndexByte(short, byte(r)) < 0
}

// escapes reports whether a character may come that must be escaped.
func (b *body) escapes(q int32) bool {
	ascii := &b.dfa.states[q].ascii
	return ascii['"'] >= 0 || ascii['\\'] >= 0 || b.dfa.any(q, 0, 0x1F)
}

// long reports whether a character from lo to hi that is written as \u00XX may
// come.
func (b *body) long(q int32, lo, hi rune) bool {
	for r := lo; r <= hi; r++ {
		if isLongEscape(r) && b.dfa.next(q, r) >= 0 {
			return true
		}
	}
	return false
}

// escape follows a byte after a backslash.
func (b *body) escape(c config, x byte) (after config, ok bool) {
	kind, acc := int(c.part>>partKind), c.part&partMask
	part := func(kind int, acc int32) config {
		c.part = int32(kind)<<partKind | acc
		return c
	}
	switch kind {
	case partEscape:
		switch i := strings.IndexByte(shortNames, x); {
		case x == 'u':
			return part(partHex, 0), b.free() || b.long(c.q, 0, 0x1F)
		case x == '/':
			return c.with(c.q), b.free()
		case i >= 0:
			q := b.dfa.next(c.q, rune(short[i]))
			return c.with(q), q >= 0
		}
		return c, false
	case partPair:
		return part(partPair+1, acc), x == '\\'
	case partPair + 1:
		return part(partLow, acc<<12), x == 'u'
	}
	d, ok := digit(x)
	if !ok || !b.free() && x < 'a' && x > '9' {
		return c, false
	}
	if kind >= partLow { // the second half is DC00 to DFFF
		n := kind - partLow
		acc += d << (4 * (3 - n)) & 0xFFF
		switch n {
		case 0:
			return part(kind+1, acc), d == 0xD
		case 1:
			return part(kind+1, acc-0xC00), d >= 0xC
		case 2:
			return part(kind+1, acc), true
		}
		q := b.dfa.next(c.q, utf16.DecodeRune(0xD800+acc>>12, 0xDC00+acc&0x3FF))
		return c.with(q), q >= 0
	}
	n := kind - partHex
	acc = acc<<4 | d
	if !b.free() {
		switch n {
		case 0, 1:
			return part(kind+1, acc), d == 0
		case 2:
			return part(kind+1, acc), b.long(c.q, acc<<4, min(acc<<4+15, 0x1F))
		}
		return c.with(b.dfa.next(c.q, acc)), b.long(c.q, acc, acc)
	}
	switch {
	case n < 3:
		return part(kind+1, acc), n != 1 || acc < 0xDC || acc > 0xDF // no half stands alone
	case acc >= 0xD800 && acc < 0xDC00:
		return part(partPair, acc-0xD800), true
	}
	return c.with(c.q), true
}

// digit returns the value of a hexadecimal digit.
func digit(x byte) (int32, bool) {
	switch {
	case x >= '0' && x <= '9':
		return int32(x - '0'), true
	case x >= 'a' && x <= 'f':
		return int32(x-'a') + 10, true
	case x >= 'A' && x <= 'F':
		return int32(x-'A') + 10, true
	}
	return 0, false
}
