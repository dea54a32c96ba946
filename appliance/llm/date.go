package llm

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
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
var months = map[string]int{}

var datePatterns = func() []datePattern {
	var names []string
	for i, list := range []string{
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
		for _, name := range strings.Fields(list) {
			months[name] = i + 1
			names = append(names, regexp.QuoteMeta(name))
		}
	}
	slices.SortFunc(names, func(a, b string) int { return len(b) - len(a) }) // the longest match first
	month := `(` + strings.Join(names, "|") + `)\.?`
	const (
		y4  = `([0-9]{4})`
		yy  = `([0-9]{4}|'?[0-9]{2})`
		nn  = `([0-9]{1,2})`
		day = nn + `(?:\.|st|nd|rd|th|er|º)?`
		gap = `(?:\s*[-/.]\s*|\s+)`
		end = `\b`
	)
	compile := func(order, s string) datePattern {
		return datePattern{regexp.MustCompile(`(?i)\b` + s + end), order}
	}
	return []datePattern{
		compile("ymd", y4+`\s?[-/.]\s?`+nn+`\s?[-/.]\s?`+nn),
		compile("dmy", nn+`\s?\.\s?`+nn+`\s?\.\s?`+yy), // with points it is never month first
		compile("dmy mdy", nn+`\s?[-/]\s?`+nn+`\s?[-/]\s?`+yy),
		compile("ymd", `([0-9]{4})([0-9]{2})([0-9]{2})`),
		compile("dmy", day+gap+`(?:of\s+|de\s+)?`+month+`,?`+gap+yy),
		compile("dmy", nn+month+yy),
		compile("mdy", month+gap+nn+`(?:st|nd|rd|th)?,?`+gap+y4),
		compile("ymd", y4+gap+month+gap+nn),
	}
}()

type datePattern struct {
	re    *regexp.Regexp
	order string // what the three groups are; several readings after spaces
}

// findDates returns every way to read a piece of text as a day, in the
// spellings that are common in English, German and French and in ISO 8601.
// Years of two digits lie between 1969 and 2068, as POSIX has it.
func findDates(text string) []dateAt {
	var all []dateAt
	for _, p := range datePatterns {
		for _, m := range p.re.FindAllStringSubmatchIndex(text, -1) {
			for order := range strings.FieldsSeq(p.order) {
				var d day
				for i, part := range order {
					s := text[m[2*i+2]:m[2*i+3]]
					switch part {
					case 'y':
						d.year = year(s)
					case 'm':
						d.month = monthNumber(s)
					case 'd':
						d.day = small(s)
					}
				}
				if d.exists() {
					all = append(all, dateAt{d, Span{m[0], m[1]}})
				}
			}
		}
	}
	return all
}

func year(s string) int {
	s = strings.TrimPrefix(s, "'")
	n := small(s)
	switch {
	case len(s) == 4:
		return n
	case n < 69:
		return 2000 + n
	}
	return 1900 + n
}

func monthNumber(s string) int {
	if n, ok := months[strings.ToLower(s)]; ok {
		return n
	}
	return small(s)
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
