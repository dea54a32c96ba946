package document

import "strconv"

// The operands and operators of a content stream or a CMap (ISO 32000-1,
// 7.8.2). An operand is a float64, a pdfString, a pdfName, a []any of these or
// nil for what text extraction does not need.
type (
	pdfString string // raw bytes
	pdfName   string
	operator  string
)

// scanner splits a content stream into operands and operators. It accepts
// anything: what it does not understand becomes nil or an unknown operator,
// so that it never fails and always comes to an end.
type scanner struct {
	b     []byte
	pos   int
	depth int
}

// maxNesting bounds arrays and dictionaries inside each other.
const maxNesting = 64

// maxOperands bounds the operands kept for one operator. Text operators have at
// most six; a section of a CMap has 100 entries of three.
const maxOperands = 300

// next returns the next operator and the operands before it; ok is false at
// the end.
func (s *scanner) next() (op operator, args []any, ok bool) {
	for {
		s.space()
		if s.pos >= len(s.b) {
			return "", nil, false
		}
		v := s.object()
		if op, is := v.(operator); is {
			if op == "ID" {
				s.skipInlineImage()
			}
			return op, args, true
		}
		if len(args) < maxOperands {
			args = append(args, v)
		}
	}
}

// object reads one object at a position that is not white space.
func (s *scanner) object() any {
	switch c := s.b[s.pos]; {
	case c == '(':
		return s.literal()
	case c == '<' && s.peek(1) == '<':
		s.pos += 2
		s.until(func() bool {
			if s.b[s.pos] == '>' && s.peek(1) == '>' {
				s.pos += 2
				return true
			}
			return false
		})
		return nil
	case c == '<':
		return s.hex()
	case c == '[':
		s.pos++
		var list []any
		s.until(func() bool {
			if s.b[s.pos] == ']' {
				s.pos++
				return true
			}
			return false
		}, &list)
		return list
	case c == '/':
		return s.name()
	case c == ']' || c == '>' || c == ')' || c == '{' || c == '}':
		s.pos++
		return nil
	}
	return s.word()
}

// until reads objects until end says so or the stream ends, and appends them
// to the list if there is one.
func (s *scanner) until(end func() bool, list ...*[]any) {
	s.depth++
	defer func() { s.depth-- }()
	for {
		s.space()
		if s.pos >= len(s.b) || end() {
			return
		}
		if s.depth > maxNesting {
			s.pos++
			continue
		}
		v := s.object()
		if len(list) > 0 {
			*list[0] = append(*list[0], v)
		}
	}
}

func (s *scanner) peek(n int) byte {
	if s.pos+n < len(s.b) {
		return s.b[s.pos+n]
	}
	return 0
}

func isSpace(c byte) bool {
	return c == ' ' || c == '\n' || c == '\r' || c == '\t' || c == '\f' || c == 0
}

func isDelimiter(c byte) bool {
	switch c {
	case '(', ')', '<', '>', '[', ']', '{', '}', '/', '%':
		return true
	}
	return false
}

// space skips white space and comments.
func (s *scanner) space() {
	for s.pos < len(s.b) {
		switch c := s.b[s.pos]; {
		case isSpace(c):
			s.pos++
		case c == '%':
			for s.pos < len(s.b) && s.b[s.pos] != '\n' && s.b[s.pos] != '\r' {
				s.pos++
			}
		default:
			return
		}
	}
}

// word reads a number or an operator.
func (s *scanner) word() any {
	start := s.pos
	for s.pos < len(s.b) && !isSpace(s.b[s.pos]) && !isDelimiter(s.b[s.pos]) {
		s.pos++
	}
	w := string(s.b[start:s.pos])
	if f, err := strconv.ParseFloat(w, 64); err == nil && w[0] != 'i' && w[0] != 'I' && w[0] != 'n' && w[0] != 'N' {
		return f
	}
	switch w {
	case "true", "false", "null":
		return nil
	}
	return operator(w)
}

func (s *scanner) name() pdfName {
	s.pos++
	var b []byte
	for s.pos < len(s.b) && !isSpace(s.b[s.pos]) && !isDelimiter(s.b[s.pos]) {
		c := s.b[s.pos]
		if hi, ok := nibble(s.peek(1)); c == '#' && ok {
			if lo, ok := nibble(s.peek(2)); ok {
				c = hi<<4 | lo
				s.pos += 2
			}
		}
		b = append(b, c)
		s.pos++
	}
	return pdfName(b)
}

func nibble(c byte) (byte, bool) {
	switch {
	case c >= '0' && c <= '9':
		return c - '0', true
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10, true
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}

func (s *scanner) hex() pdfString {
	s.pos++
	var b []byte
	odd := false
	for ; s.pos < len(s.b); s.pos++ {
		c := s.b[s.pos]
		if c == '>' {
			s.pos++
			break
		}
		n, ok := nibble(c)
		if !ok {
			continue
		}
		if odd {
			b[len(b)-1] |= n
		} else {
			b = append(b, n<<4)
		}
		odd = !odd
	}
	return pdfString(b)
}

// escapes inside a literal string (ISO 32000-1, table 3).
var escapes = map[byte]byte{'n': '\n', 'r': '\r', 't': '\t', 'b': '\b', 'f': '\f'}

func (s *scanner) literal() pdfString {
	s.pos++
	var b []byte
	depth := 1
	for s.pos < len(s.b) {
		c := s.b[s.pos]
		s.pos++
		switch c {
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				return pdfString(b)
			}
		case '\\':
			if s.pos >= len(s.b) {
				return pdfString(b)
			}
			if c, ok := s.escape(); ok {
				b = append(b, c)
			}
			continue
		}
		b = append(b, c)
	}
	return pdfString(b)
}

// escape reads what follows a backslash; ok is false for a continued line.
func (s *scanner) escape() (c byte, ok bool) {
	c = s.b[s.pos]
	s.pos++
	if e, known := escapes[c]; known {
		return e, true
	}
	switch {
	case c == '\r':
		if s.peek(0) == '\n' {
			s.pos++
		}
		return 0, false
	case c == '\n':
		return 0, false
	case c >= '0' && c <= '7':
		n := int(c - '0')
		for range 2 {
			d := s.peek(0)
			if d < '0' || d > '7' {
				break
			}
			n = n<<3 | int(d-'0')
			s.pos++
		}
		return byte(n), true
	}
	return c, true
}

// skipInlineImage moves behind the EI that ends the binary data of an inline
// image: an EI that stands alone between white space.
func (s *scanner) skipInlineImage() {
	for s.pos++; s.pos+1 < len(s.b); s.pos++ {
		if s.b[s.pos] == 'E' && s.b[s.pos+1] == 'I' && isSpace(s.b[s.pos-1]) && (s.pos+2 >= len(s.b) || isSpace(s.b[s.pos+2])) {
			s.pos += 2
			return
		}
	}
	s.pos = len(s.b)
}
