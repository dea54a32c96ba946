package paper

import (
	"math/rand/v2"
	"strings"
	"unicode"
	"unicode/utf8"
)

// confusions are what recognition software makes of a character.
var confusions = map[rune][]string{
	'o': {"0", "c"}, '0': {"O"}, 'l': {"1", "I"}, 'i': {"l", "1"}, 'I': {"l", "1"}, 'e': {"c"}, 'm': {"rn", "nn"}, 'S': {"5"}, 'B': {"8"},
	'a': {"o"}, 'u': {"v"}, 'h': {"b"}, 't': {"f"}, ':': {";", "."}, '.': {","}, ' ': {"  ", ""}, 'ü': {"u", "ii"}, 'ä': {"a"}, 'ö': {"o"}, 'ß': {"B"},
	'r': {"n"}, 'n': {"ri"}, 'c': {"e"}, 'd': {"cl"}, 'w': {"vv"}, 'g': {"q"}, 'D': {"O"}, 'E': {"F"}, 'Z': {"2"},
}

// damage returns s as poor recognition would read it: of its characters about
// the given share is confused, dropped, torn apart or joined by a stray mark.
func damage(r *rand.Rand, s string, share float64) string {
	if share == 0 || utf8.RuneCountInString(strings.TrimSpace(s)) < 2 {
		return s
	}
	var b strings.Builder
	in := []rune(s)
	for i, c := range in {
		// Numbers in labels are values too: "VAT 19 %".
		number := unicode.IsDigit(c) || i > 0 && i+1 < len(in) && unicode.IsDigit(in[i-1]) && unicode.IsDigit(in[i+1])
		if number || !chance(r, share) || c == '\n' {
			b.WriteRune(c)
			continue
		}
		other, known := confusions[c]
		switch k := r.IntN(10); {
		case known && k < 7:
			b.WriteString(pick(r, other))
		case k == 7 && c != ' ': // dropped
		case k == 8 && c != ' ':
			b.WriteRune(c)
			b.WriteByte(' ')
		case k == 9 && c != ' ':
			b.WriteRune(c)
			b.WriteString(pick(r, []string{"'", "`", ".", "~", "|"}))
		default:
			b.WriteRune(c)
		}
	}
	return b.String()
}
