package llm

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// day is a day of the calendar.
type day struct{ year, month, day int }

func (d day) String() string { return fmt.Sprintf("%04d-%02d-%02d", d.year, d.month, d.day) }

// exists reports whether the Gregorian calendar has the day.
func (d day) exists() bool {
	days := [...]int{31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}
	if d.month < 1 || d.month > 12 || d.day < 1 || d.year < 1 || d.year > 9999 {
		return false
	}
	last := days[d.month-1]
	if d.month == 2 && d.year%4 == 0 && (d.year%100 != 0 || d.year%400 == 0) {
		last = 29
	}
	return d.day <= last
}

// dateAt is a way to read a piece of text as a day.
type dateAt struct {
	day  day
	span Span
}

// months are the names of months in English, German and French, as written and
// as abbreviated.
var months = func() map[string]int {
	m := map[string]int{}
	for i, names := range []string{
		"january januar jänner jaenner janvier janv jan",
		"february februar feber février fevrier févr fevr fév feb",
		"march märz maerz mars mär mrz mar",
		"april avril apr avr",
		"may mai",
		"june juni juin jun",
		"july juli juillet juil jul",
		"august août aout aug",
		"september septembre sept sep",
		"october oktober octobre oct okt",
		"november novembre nov",
		"december dezember décembre decembre déc dec dez",
	} {
		for _, name := range strings.Fields(names) {
			m[name] = i + 1
		}
	}
	return m
}()

// findDates returns every way to read a piece of text as a day, in the
// spellings that are common in English, German and French and in ISO 8601.
// Years of two digits lie between 1969 and 2068, as POSIX has it. A date with
// points is never month first. Time is linear in the text.
func findDates(text string) []dateAt {
	f := dateFinder{text: text}
	var window [5]atom // a date has at most three numbers and names, an ordinal and "of"
	rest := 0
	n := 0
	for {
		for n < len(window) {
			a, ok := nextAtom(text, &rest)
			if !ok {
				break
			}
			window[n] = a
			n++
		}
		if n == 0 {
			return f.found
		}
		f.numeric(window[:n])
		f.named(window[:n])
		copy(window[:], window[1:n])
		n--
	}
}

// atom is a run of digits or of letters.
type atom struct {
	number     bool
	start, end int
}

// nextAtom returns the next atom at or after *i, of what can be part of a date
// or stand for a border: anything else between is a gap.
func nextAtom(text string, i *int) (atom, bool) {
	for *i < len(text) {
		r, size := utf8.DecodeRuneInString(text[*i:])
		digit := r >= '0' && r <= '9'
		if !digit && !unicode.IsLetter(r) {
			*i += size
			continue
		}
		a := atom{number: digit, start: *i}
		for *i < len(text) {
			r, size := utf8.DecodeRuneInString(text[*i:])
			if digit != (r >= '0' && r <= '9') || !digit && !unicode.IsLetter(r) {
				break
			}
			*i += size
		}
		a.end = *i
		return a, true
	}
	return atom{}, false
}

type dateFinder struct {
	text  string
	found []dateAt
}

func (f *dateFinder) add(y, m, d, start, end int) {
	if d := (day{y, m, d}); d.exists() {
		f.found = append(f.found, dateAt{d, Span{start, end}})
	}
}

func (f *dateFinder) of(a atom) string { return f.text[a.start:a.end] }

// number returns the value of a number of least to most digits that stands in
// no longer word, or -1.
func (f *dateFinder) number(a atom, least, most int) int {
	if n := a.end - a.start; !a.number || n < least || n > most {
		return -1
	}
	return small(f.of(a))
}

// free reports whether neither letter nor digit stands beside the span.
func (f *dateFinder) free(start, end int) bool {
	return bordered(f.text, Span{start, end}, wholeWord)
}

// numeric reads three numbers, or eight digits.
func (f *dateFinder) numeric(w []atom) {
	if first := w[0]; first.end-first.start == 8 && first.number && f.free(first.start, first.end) {
		s := f.of(first)
		f.add(small(s[:4]), small(s[4:6]), small(s[6:]), first.start, first.end)
	}
	if len(w) < 3 {
		return
	}
	start, end := w[0].start, w[2].end
	sep := f.separator(w[0], w[1])
	if sep == 0 || f.separator(w[1], w[2]) != sep || !f.free(start, end) {
		return
	}
	second := f.number(w[1], 1, 2)
	if y := f.number(w[0], 4, 4); y >= 0 {
		f.add(y, second, f.number(w[2], 1, 2), start, end)
		return
	}
	first, y := f.number(w[0], 1, 2), f.year(w[2])
	f.add(y, second, first, start, end)
	if sep != '.' && first != second {
		f.add(y, first, second, start, end)
	}
}

// separator returns the sign between two numbers of a date, with a space beside
// it perhaps, or 0.
func (f *dateFinder) separator(a, b atom) byte {
	gap := f.text[a.end:b.start]
	if len(gap) > 3 {
		return 0
	}
	if gap = strings.TrimSpace(gap); len(gap) == 1 && strings.Contains("-/.", gap) {
		return gap[0]
	}
	return 0
}

// named reads a day, the name of a month and a year, in three orders.
func (f *dateFinder) named(w []atom) {
	if len(w) < 3 {
		return
	}
	month := func(i int) int {
		if i >= len(w) || w[i].number {
			return -1
		}
		if m, ok := months[strings.ToLower(f.of(w[i]))]; ok {
			return m
		}
		return -1
	}
	// 1 September 2026, 1st of September 2026, 1er septembre 2026, 01SEP26
	if d := f.number(w[0], 1, 2); d >= 0 {
		i := 1
		if f.word(w, i, "st nd rd th er") && w[i].start == w[i-1].end {
			i++
		}
		if f.word(w, i, "of de") {
			i++
		}
		if m := month(i); m > 0 && i+1 < len(w) && f.near(w[:i+2]) {
			f.addFree(f.year(w[i+1]), m, d, w[0].start, w[i+1].end)
		}
	}
	// September 1, 2026 and September 1st, 2026
	if m := month(0); m > 0 {
		d, i := f.number(w[1], 1, 2), 2
		if f.word(w, i, "st nd rd th") && w[i].start == w[i-1].end {
			i++
		}
		if i < len(w) && f.near(w[:i+1]) && w[1].start > w[0].end && w[i].start > w[i-1].end {
			f.addFree(f.number(w[i], 4, 4), m, d, w[0].start, w[i].end)
		}
	}
	// 2026-Sep-01
	if y := f.number(w[0], 4, 4); y >= 0 && month(1) > 0 && f.near(w[:3]) {
		f.addFree(y, month(1), f.number(w[2], 1, 2), w[0].start, w[2].end)
	}
}

func (f *dateFinder) addFree(y, m, d, start, end int) {
	if f.free(start, end) {
		f.add(y, m, d, start, end)
	}
}

// word reports whether the atom i of w is one of the words.
func (f *dateFinder) word(w []atom, i int, words string) bool {
	return i < len(w) && !w[i].number && slices.Contains(strings.Fields(words), strings.ToLower(f.of(w[i])))
}

// near reports whether nothing but a few signs and spaces stands between the
// atoms.
func (f *dateFinder) near(w []atom) bool {
	for i := 1; i < len(w); i++ {
		gap := f.text[w[i-1].end:w[i].start]
		if len(gap) > 8 || len(strings.Trim(gap, " \t\r\n\u00a0")) > 2 || strings.Trim(gap, " \t\r\n\u00a0.,-/'º") != "" {
			return false
		}
	}
	return true
}

// year returns the year that a number of two or four digits stands for, or -1.
func (f *dateFinder) year(a atom) int {
	if n := a.end - a.start; n != 2 && n != 4 {
		return -1
	}
	n := f.number(a, 2, 4)
	switch {
	case n < 0 || a.end-a.start == 4:
		return n
	case n < 69:
		return 2000 + n
	}
	return 1900 + n
}

// small returns the number that up to four digits are.
func small(s string) int {
	n := 0
	for _, c := range s {
		if c < '0' || c > '9' {
			return 0
		}
		n = n*10 + int(c-'0')
	}
	return n
}
