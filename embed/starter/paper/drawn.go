package paper

import (
	"math/rand/v2"
	"strings"
)

// mark is a way to set a label and its value that is drawn part by part, so
// that no list of layouts limits what a model has seen. One drawing in seven,
// by hash, occurs in test splits only.
type mark struct{ before, open, shut, mid, quote, after string }

var (
	marksBefore = []string{"", "", "", "- ", "* ", "> ", "• ", "| ", "# ", "· ", "-- ", "o ", "1) ", "+ ", "~ ", "  ", "\t"}
	marksAround = []string{"", "", "", "", "[ ]", "( )", "** **", "< >", "« »", "{ }", "_ _", "\" \"", "= =", "/ /", "' '"}
	marksMid    = []string{": ", ": ", ":", " : ", " = ", "=", " -> ", " – ", " - ", "\t", " | ", "  ", "    ", " .. ", " ..... ", " >> ", "; ", ":: ", " ~ ", " => ", ":\t", " / ", "\n", ":\n", "\n  ", "_", " "}
	marksQuote  = []string{"", "", "", "", "", "", "\" \"", "' '", "[ ]", "( )", "« »"}
	marksAfter  = []string{"", "", "", "", "", ";", ".", " |", ",", " *", " /", " <"}
)

func drawMark(r *rand.Rand, held bool) mark {
	for {
		m := mark{pick(r, marksBefore), "", "", pick(r, marksMid), pick(r, marksQuote), pick(r, marksAfter)}
		around := pick(r, marksAround)
		m.open, m.shut, _ = strings.Cut(around, " ")
		if m.mid == " " && around == "" && m.quote == "" { // nothing would part the label from the value
			continue
		}
		if (hash(m.before+"\x00"+around+"\x00"+m.mid+"\x00"+m.quote+"\x00"+m.after)%7 == 0) == held {
			return m
		}
	}
}

// setDrawn sets every entry with one drawn mark, now and then the value first.
func setDrawn(r *rand.Rand, entries []entry, held bool) (out []line) {
	m := drawMark(r, held)
	open, shut, _ := strings.Cut(m.quote, " ")
	swap := chance(r, .08) && !strings.Contains(m.mid, "\n")
	perLine := 1
	if chance(r, .15) && !strings.Contains(m.mid, "\n") {
		perLine = between(r, 2, 3)
	}
	apart := pick(r, []string{"   ", "  ", " | ", "\t", "      ", " · "})
	var l line
	for i, e := range entries {
		if len(l) > 0 {
			l = append(l, value(apart))
		}
		if swap {
			l = append(l, label(m.before), value(open), value(e.value), value(shut), label(m.mid+m.open+e.label+m.shut+m.after))
		} else {
			l = append(l, label(m.before+m.open+e.label+m.shut), value(m.mid), value(open), value(e.value), value(shut), value(m.after))
		}
		if (i+1)%perLine == 0 || i == len(entries)-1 {
			out, l = append(out, l), nil
		}
	}
	return out
}
