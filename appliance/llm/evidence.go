package llm

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// source is the text that a prompt is about, made ready for finding values in
// it. What a search needs is made when it is first needed.
type source struct {
	text    string
	flat    *flat
	unbound *flat // as flat, with words that a hyphen breaks over lines put together
	numbers map[string][]numberAt
	dates   map[day][]Span
}

func newSource(text string) *source { return &source{text: text} }

// evidence returns where text, the typed value of f, stands, and whether a
// value of that type must stand somewhere.
func (s *source) evidence(f Field, text string) (span Span, found, must bool) {
	switch f.Type {
	case TypeString, TypeIBAN:
		span, found = s.findText(text, wholeWord)
		return span, found, true
	case TypeDecimal:
		span, found = s.findNumber(text)
		return span, found, true
	case TypeInteger:
		span, found = s.findNumber(text)
	case TypeDate:
		span, found = s.findDate(text)
		return span, found, true
	case TypeEnum:
		if span, found = s.findText(text, sameKind); found {
			return span, true, false
		}
		for sign, code := range currencySigns {
			if !strings.EqualFold(code, text) {
				continue
			}
			if at, ok := s.findText(sign, sameKind); ok && (!found || at.Start < span.Start) {
				span, found = at, true
			}
		}
	}
	return span, found, false
}

// border says what may not stand beside a value.
type border int

const (
	wholeWord border = iota // neither letter nor digit beside one
	sameKind                // no letter beside a letter, no digit beside a digit: EUR in EUR12
)

// findText returns the first place where the text says value, regardless of
// case and white space, between borders.
func (s *source) findText(value string, b border) (Span, bool) {
	needle := flatten(value, false).text
	if needle == "" {
		return Span{}, false
	}
	if s.flat == nil {
		s.flat = flatten(s.text, false)
	}
	if span, ok := s.flat.find(needle, s.text, b); ok {
		return span, true
	}
	if s.unbound == nil {
		s.unbound = flatten(s.text, true)
	}
	return s.unbound.find(needle, s.text, b)
}

// flat is a text in lower case, without white space and invisible characters,
// and with one form of quotation marks and dashes.
type flat struct {
	text  string
	start []int // by byte of text: where its character begins in the original
	end   []int // and where it ends
}

func flatten(text string, unbind bool) *flat {
	f := &flat{}
	var b strings.Builder
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		if unbind && r == '-' {
			if n := lineBreak(text[i+1:]); n > 0 {
				i += 1 + n
				continue
			}
		}
		if p := plainRune(r); p >= 0 {
			before := b.Len()
			b.WriteRune(p)
			for range b.Len() - before {
				f.start = append(f.start, i)
				f.end = append(f.end, i+size)
			}
		}
		i += size
	}
	f.text = b.String()
	return f
}

// lineBreak returns the length of white space with a line break in it at the
// beginning of s, or 0.
func lineBreak(s string) int {
	rest := strings.TrimLeft(s, " \t\r")
	if !strings.HasPrefix(rest, "\n") {
		return 0
	}
	return len(s) - len(strings.TrimLeft(rest, " \t\r\n"))
}

func plainRune(r rune) rune {
	switch {
	case unicode.IsSpace(r) || unicode.Is(unicode.Cf, r):
		return -1
	case r >= '\u2010' && r <= '\u2015' || r == '\u2212':
		return '-'
	case r >= '\u2018' && r <= '\u201b' || r == '`' || r == '\u00b4':
		return '\''
	case r >= '\u201c' && r <= '\u201f':
		return '"'
	}
	return unicode.ToLower(r)
}

// find returns the first place of needle between borders, in the original.
func (f *flat) find(needle, original string, b border) (Span, bool) {
	for from := 0; ; {
		i := strings.Index(f.text[from:], needle)
		if i < 0 {
			return Span{}, false
		}
		i += from
		span := Span{f.start[i], f.end[i+len(needle)-1]}
		if bordered(original, span, b) {
			return span, true
		}
		_, size := utf8.DecodeRuneInString(f.text[i:])
		from = i + size
	}
}

// bordered reports whether the value at span does not go on beyond it.
func bordered(text string, s Span, b border) bool {
	before, _ := utf8.DecodeLastRuneInString(text[:s.Start])
	first, _ := utf8.DecodeRuneInString(text[s.Start:])
	last, _ := utf8.DecodeLastRuneInString(text[:s.End])
	after, _ := utf8.DecodeRuneInString(text[s.End:])
	return !goesOn(before, first, b) && !goesOn(last, after, b)
}

func goesOn(a, b rune, how border) bool {
	if how == sameKind {
		return unicode.IsLetter(a) && unicode.IsLetter(b) || unicode.IsDigit(a) && unicode.IsDigit(b)
	}
	return (unicode.IsLetter(a) || unicode.IsDigit(a)) && (unicode.IsLetter(b) || unicode.IsDigit(b))
}

// findNumber returns where the text has the number: the first place that shows
// as many digits after the point, else the first. A negative number must have
// its minus sign, or stand in parentheses as in accounts.
func (s *source) findNumber(value string) (Span, bool) {
	if s.numbers == nil {
		s.numbers = map[string][]numberAt{}
		for _, n := range findNumbers(s.text) {
			s.numbers[n.value] = append(s.numbers[n.value], n)
		}
	}
	digits := strings.TrimPrefix(value, "-")
	whole, fraction, _ := strings.Cut(digits, ".")
	negative := digits != value && strings.Trim(digits, "0.") != ""
	var first *Span
	for _, n := range s.numbers[canonical(whole, fraction)] {
		if negative && !s.negative(n.span) {
			continue
		}
		if len(n.digit) == len(fraction) {
			return n.span, true
		}
		if first == nil {
			first = &n.span
		}
	}
	if first == nil {
		return Span{}, false
	}
	return *first, true
}

// negative reports whether a minus stands before the number, a currency perhaps
// between, or right after it, or it stands in parentheses.
func (s *source) negative(n Span) bool {
	for i, seen := n.Start, 0; i > 0 && seen < 6; seen++ {
		r, size := utf8.DecodeLastRuneInString(s.text[:i])
		switch {
		case plainRune(r) == '-' || r == '(':
			return true
		case !unicode.IsLetter(r) && !unicode.IsSpace(r) && !unicode.Is(unicode.Sc, r):
			seen = 6
		}
		i -= size
	}
	r, _ := utf8.DecodeRuneInString(s.text[n.End:])
	return plainRune(r) == '-'
}

// findDate returns where the text first has the day, in whatever spelling.
func (s *source) findDate(iso string) (Span, bool) {
	if s.dates == nil {
		s.dates = map[day][]Span{}
		for _, d := range findDates(s.text) {
			s.dates[d.day] = append(s.dates[d.day], d.span)
		}
	}
	d := day{small(iso[:4]), small(iso[5:7]), small(iso[8:])}
	var first Span
	for i, span := range s.dates[d] {
		if i == 0 || span.Start < first.Start {
			first = span
		}
	}
	return first, len(s.dates[d]) > 0
}
