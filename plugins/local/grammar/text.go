package grammar

import "unicode/utf8"

// Parts of a character or escape, kept in config.part: the kind above, what
// was written below.
const (
	partNone   = 0
	partKind   = 24 // shift
	partUTF8   = 1  // 1 + bytes still to come + 4 × length
	partEscape = 64 // after the backslash
	partHex    = 65 // 65 + digits written after \u
	partPair   = 70 // the first half of a surrogate pair; 71: and a backslash
	partLow    = 72 // 72 + digits of the second half
	partMask   = 1<<partKind - 1
)

// span returns the characters that can come of a UTF-8 sequence of length
// bytes, of which rest are missing and the others stand for acc.
func span(acc rune, rest, length int) (lo, hi rune) {
	shift := 6 * rest
	lo, hi = acc<<shift, (acc+1)<<shift-1
	return max(lo, [...]rune{0, 0, 0x80, 0x800, 0x10000}[length]), min(hi, utf8.MaxRune)
}

// room reports whether one more character may come.
func room(c config) bool { return c.hi != 0 }

// live adds the bytes that may come at c.
func (b *body) live(c config, live *[4]uint64) {
	set := func(x int) { live[x>>6] |= 1 << (x & 63) }
	kind, acc := int(c.part>>partKind), c.part&partMask
	switch {
	case c.part == partNone:
		if b.json && c.lo == 0 && b.dfa.states[c.q].accept {
			set('"')
		}
		if !room(c) {
			return
		}
		ascii := &b.dfa.states[c.q].ascii
		for r := range ascii {
			if ascii[r] < 0 {
				continue
			}
			switch {
			case !b.json || r >= 0x20 && r != '"' && r != '\\':
				set(r)
			default:
				set('\\')
			}
		}
		for x := 0xC2; x <= 0xF4; x++ {
			if after, ok := b.lead(c.q, byte(x)); ok && after >= 0 {
				set(x)
			}
		}
	case kind < partEscape:
		rest, length := (kind-partUTF8)&3, (kind-partUTF8)>>2
		for x := range rune(64) {
			if lo, hi := span(acc<<6|x, rest-1, length); b.dfa.any(c.q, lo, hi) {
				set(int(0x80 + x))
			}
		}
	default:
		for _, x := range escapeBytes {
			if _, ok := b.escape(c, byte(x)); ok {
				set(int(x))
			}
		}
	}
}

// lead returns the part after the first byte of a UTF-8 sequence.
func (b *body) lead(q int32, x byte) (part int32, ok bool) {
	var length int
	var acc rune
	switch {
	case x >= 0xC2 && x <= 0xDF:
		length, acc = 2, rune(x&0x1F)
	case x >= 0xE0 && x <= 0xEF:
		length, acc = 3, rune(x&0x0F)
	case x >= 0xF0 && x <= 0xF4:
		length, acc = 4, rune(x&0x07)
	default:
		return 0, false
	}
	if lo, hi := span(acc, length-1, length); !b.dfa.any(q, lo, hi) {
		return 0, false
	}
	return int32(partUTF8+(length-1)+4*length)<<partKind | acc, true
}

// with returns the configuration after one whole character.
func (c config) with(q int32) config {
	c.q, c.part = q, partNone
	c.lo = max(c.lo-1, 0)
	if c.hi > 0 {
		c.hi--
	}
	return c
}

// step follows a byte. closed reports that it was the quote at the end.
func (b *body) step(c config, x byte) (after config, closed, ok bool) {
	kind, acc := int(c.part>>partKind), c.part&partMask
	whole := func(r rune) (config, bool, bool) {
		q := b.dfa.next(c.q, r)
		return c.with(q), false, q >= 0
	}
	switch {
	case c.part == partNone && b.json && x == '"':
		return c, true, c.lo == 0 && b.dfa.states[c.q].accept
	case c.part == partNone && !room(c):
		return c, false, false
	case c.part == partNone && b.json && x == '\\':
		c.part = partEscape << partKind
		return c, false, b.escapes(c.q)
	case c.part == partNone && x < utf8.RuneSelf:
		if b.json && x < 0x20 {
			return c, false, false
		}
		return whole(rune(x))
	case c.part == partNone:
		c.part, ok = b.lead(c.q, x)
		return c, false, ok
	case kind < partEscape:
		if x&0xC0 != 0x80 {
			return c, false, false
		}
		rest, length := (kind-partUTF8)&3, (kind-partUTF8)>>2
		acc = acc<<6 | int32(x&0x3F)
		if rest > 1 {
			lo, hi := span(acc, rest-1, length)
			c.part = int32(partUTF8+(rest-1)+4*length)<<partKind | acc
			return c, false, b.dfa.any(c.q, lo, hi)
		}
		return whole(acc)
	}
	after, ok = b.escape(c, x)
	return after, false, ok
}
