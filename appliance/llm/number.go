package llm

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// numberAt is a way to read a piece of text as a number.
type numberAt struct {
	value string // canonical: no sign, no needless zeros
	digit string // digits after the point as written
	span  Span
}

// group is a run of digits and the separator before it.
type group struct {
	before rune // 0 = the first; otherwise one of . , ' and ' ' for any space
	digits string
	start  int
}

// findNumbers returns every way to read a piece of text as a number: with . or ,
// as the decimal sign, and with . , ' or a space between groups of three
// digits. What is neither (a date, a version) is no number. Every digit of text
// is looked at a bounded number of times.
func findNumbers(text string) []numberAt {
	var all []numberAt
	for i := 0; i < len(text); {
		if text[i] < '0' || text[i] > '9' {
			i++
			continue
		}
		groups, end := digitGroups(text, i)
		for from := 0; from < len(groups); {
			to := from + 1
			for to < len(groups) && groups[to].before != ' ' {
				to++
			}
			all = appendReadings(all, groups[from:to]) // without a space
			all = appendSpaced(all, groups[from:])
			from = to
		}
		i = end
	}
	return all
}

// digitGroups returns the digit groups at i that single separators join.
func digitGroups(text string, i int) ([]group, int) {
	var groups []group
	before := rune(0)
	for {
		start := i
		for i < len(text) && text[i] >= '0' && text[i] <= '9' {
			i++
		}
		groups = append(groups, group{before, text[start:i], start})
		r, size := utf8.DecodeRuneInString(text[i:])
		next := i + size
		if next >= len(text) || text[next] < '0' || text[next] > '9' {
			return groups, i
		}
		switch {
		case r == '.' || r == ',':
			before = r
		case r == '\'' || r == '\u2019':
			before = '\''
		case r == ' ' || r == '\u00a0' || r == '\u2009' || r == '\u202f':
			before = ' '
		default:
			return groups, i
		}
		i = next
	}
}

// maxGroups bounds how many groups one number may have: a sextillion.
const maxGroups = 8

// appendSpaced reads groups as one number with spaces between thousands: 1 234
// 567,89. The number may end before the groups do.
func appendSpaced(all []numberAt, groups []group) []numberAt {
	if len(groups[0].digits) > 3 {
		return all
	}
	for n := 1; n < min(len(groups), maxGroups); n++ {
		if groups[n].before != ' ' || len(groups[n].digits) != 3 {
			break
		}
		after := n + 1
		switch {
		case after == len(groups) || groups[after].before == ' ':
			all = append(all, reading(groups[:after], ""))
		case (groups[after].before == '.' || groups[after].before == ',') && (after+1 == len(groups) || groups[after+1].before == ' '):
			all = append(all, reading(groups[:after+1], groups[after].digits))
		}
	}
	return all
}

// appendReadings reads all groups, none of them after a space, as one number.
func appendReadings(all []numberAt, groups []group) []numberAt {
	last := groups[len(groups)-1]
	if len(groups) == 1 || thousands(groups) {
		all = append(all, reading(groups, ""))
	}
	if len(groups) > 1 && last.before != '\'' && (len(groups) == 2 || thousands(groups[:len(groups)-1]) && groups[1].before != last.before) {
		all = append(all, reading(groups, last.digits))
	}
	return all
}

// thousands reports whether groups are thousands with one separator.
func thousands(groups []group) bool {
	if len(groups) < 2 || len(groups) > maxGroups || len(groups[0].digits) > 3 {
		return false
	}
	for _, g := range groups[1:] {
		if len(g.digits) != 3 || g.before != groups[1].before {
			return false
		}
	}
	return true
}

// reading joins groups into a number whose last group is fraction, if any.
func reading(groups []group, fraction string) numberAt {
	last := groups[len(groups)-1]
	if fraction != "" {
		groups = groups[:len(groups)-1]
	}
	var whole strings.Builder
	for _, g := range groups {
		whole.WriteString(g.digits)
	}
	return numberAt{canonical(whole.String(), fraction), fraction, Span{groups[0].start, last.start + len(last.digits)}}
}

func canonical(whole, fraction string) string {
	whole, fraction = strings.TrimLeft(whole, "0"), strings.TrimRight(fraction, "0")
	if whole == "" {
		whole = "0"
	}
	if fraction == "" {
		return whole
	}
	return whole + "." + fraction
}

// oneNumber reads s as a plain number, if it holds one number that can be read
// in one way, and nothing else but a sign, spaces, a currency sign or a code of
// three letters.
func oneNumber(s string) (string, bool) {
	found := findNumbers(s)
	if len(found) == 0 {
		return "", false
	}
	whole := Span{len(s), 0}
	for _, n := range found {
		whole.Start, whole.End = min(whole.Start, n.span.Start), max(whole.End, n.span.End)
	}
	var full []numberAt
	for _, n := range found {
		if n.span == whole {
			full = append(full, n)
		}
	}
	if len(full) != 1 {
		return "", false
	}
	sign, letters := "", 0
	for _, r := range s[:whole.Start] + s[whole.End:] {
		switch {
		case (r == '-' || r == '\u2212') && sign == "":
			sign = "-"
		case unicode.IsSpace(r) || unicode.Is(unicode.Sc, r):
		case unicode.IsUpper(r) && letters < 3:
			letters++
		default:
			return "", false
		}
	}
	if letters != 0 && letters != 3 {
		return "", false
	}
	// Keep the digits as written, zeros at the end included.
	n := full[0]
	value := sign + n.value
	if point, _, ok := strings.Cut(n.value, "."); ok || n.digit != "" {
		value = sign + point + "." + n.digit
	}
	return value, true
}
