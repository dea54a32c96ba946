package llm

import (
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// raw is a JSON value as a model wrote it, with its place in the answer.
type raw struct {
	kind       rawKind
	start, end int    // bytes of the answer, quotation marks and brackets included
	text       string // string: decoded; number: as written
	items      []raw
	members    []member
	done       bool // it is whole; false = the answer ended or broke inside it
}

type rawKind byte

const (
	rawNull rawKind = iota
	rawString
	rawNumber
	rawTrue
	rawFalse
	rawList
	rawObject
)

type member struct {
	name  string
	value raw
}

// scanner reads what models write for JSON: with prose or a code fence around
// it, commas too many, raw line breaks in strings, and no end. It never fails;
// what it could not read is not done.
type scanner struct {
	s     string
	i     int
	ended bool // the model itself ended the answer, so a number at its end is whole
}

// maxScanDepth bounds nesting. Answers have an object, a list and objects.
const maxScanDepth = 32

// scanObject reads the first object in text, if there is one.
func scanObject(text string, ended bool) (raw, bool) {
	for i := 0; ; i++ {
		j := strings.IndexByte(text[i:], '{')
		if j < 0 {
			return raw{}, false
		}
		i += j
		s := &scanner{s: text, i: i + 1, ended: ended}
		s.space()
		if s.i == len(text) || s.s[s.i] == '"' || s.s[s.i] == '}' {
			s.i = i
			return s.value(0), true
		}
	}
}

func (s *scanner) space() {
	for s.i < len(s.s) && (s.s[s.i] == ' ' || s.s[s.i] == '\t' || s.s[s.i] == '\n' || s.s[s.i] == '\r') {
		s.i++
	}
}

func (s *scanner) value(depth int) raw {
	s.space()
	v := raw{start: s.i, end: s.i}
	if s.i == len(s.s) || depth > maxScanDepth {
		return v
	}
	switch c := s.s[s.i]; {
	case c == '"':
		v.kind = rawString
		v.text, v.done = s.str()
	case c == '-' || '0' <= c && c <= '9':
		s.number(&v)
	case c == '[':
		v.kind = rawList
		s.list(&v, depth)
	case c == '{':
		v.kind = rawObject
		s.object(&v, depth)
	default:
		for kind, word := range map[rawKind]string{rawNull: "null", rawTrue: "true", rawFalse: "false"} {
			if strings.HasPrefix(s.s[s.i:], word) {
				v.kind, v.done = kind, true
				s.i += len(word)
			}
		}
	}
	v.end = s.i
	return v
}

func (s *scanner) number(v *raw) {
	v.kind = rawNumber
	for s.i < len(s.s) && strings.IndexByte("+-.0123456789eE", s.s[s.i]) >= 0 {
		s.i++
	}
	v.text = s.s[v.start:s.i]
	v.done = s.i < len(s.s) || s.ended
}

func (s *scanner) list(v *raw, depth int) {
	s.i++
	for s.more(v, ']') {
		item := s.value(depth + 1)
		v.items = append(v.items, item)
		if !item.done {
			return
		}
	}
}

func (s *scanner) object(v *raw, depth int) {
	s.i++
	for s.more(v, '}') && s.s[s.i] == '"' {
		name, ok := s.str()
		s.space()
		if !ok || s.i == len(s.s) || s.s[s.i] != ':' {
			return
		}
		s.i++
		value := s.value(depth + 1)
		v.members = append(v.members, member{name, value})
		if !value.done {
			return
		}
	}
}

// more passes over commas and stops where the next item begins; false if the
// list or object v ends here, which makes it done, or the text does.
func (s *scanner) more(v *raw, closing byte) bool {
	for s.space(); s.i < len(s.s); s.space() {
		switch s.s[s.i] {
		case closing:
			s.i++
			v.done = true
			return false
		case ',':
			s.i++
		default:
			return true
		}
	}
	return false
}

// str reads a string; false if it has no end.
func (s *scanner) str() (string, bool) {
	s.i++
	begin := s.i
	for s.i < len(s.s) && s.s[s.i] != '"' && s.s[s.i] != '\\' {
		s.i++
	}
	if s.i < len(s.s) && s.s[s.i] == '"' { // nothing to decode
		s.i++
		return s.s[begin : s.i-1], true
	}
	var b strings.Builder
	b.WriteString(s.s[begin:s.i])
	for s.i < len(s.s) {
		switch c := s.s[s.i]; c {
		case '"':
			s.i++
			return b.String(), true
		case '\\':
			s.escape(&b)
		default:
			b.WriteByte(c)
			s.i++
		}
	}
	return b.String(), false
}

// escape reads one escape; of an unknown one it keeps the character.
func (s *scanner) escape(b *strings.Builder) {
	s.i++
	if s.i == len(s.s) {
		return
	}
	c := s.s[s.i]
	s.i++
	switch c {
	case 'n':
		b.WriteByte('\n')
	case 't':
		b.WriteByte('\t')
	case 'r':
		b.WriteByte('\r')
	case 'b', 'f':
		b.WriteByte(' ')
	case 'u':
		r, ok := s.hex()
		if !ok {
			b.WriteRune(utf8.RuneError)
			return
		}
		if utf16.IsSurrogate(r) {
			at := s.i
			low := rune(utf8.RuneError)
			if strings.HasPrefix(s.s[s.i:], `\u`) {
				s.i += 2
				low, _ = s.hex()
			}
			if r = utf16.DecodeRune(r, low); r == utf8.RuneError {
				s.i = at
			}
		}
		b.WriteRune(r)
	default:
		b.WriteByte(c)
	}
}

// hex reads the four digits of a \u escape.
func (s *scanner) hex() (rune, bool) {
	if len(s.s)-s.i < 4 {
		return 0, false
	}
	n, err := strconv.ParseUint(s.s[s.i:s.i+4], 16, 16)
	if err != nil {
		return 0, false
	}
	s.i += 4
	return rune(n), true
}
