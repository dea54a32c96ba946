package paper

import (
	"math/rand/v2"
	"slices"
	"strings"
	"unicode/utf8"
)

// layouts are the ways to set labelled values. What stands more than once is
// more frequent.
var layouts = strings.Fields("colon colon colon colon padded padded above columns pairs leader sentence bullets bullets bullets grid grid right tabs after markdown form paragraph drawn drawn drawn drawn drawn drawn drawn")

// newLayouts occur in test splits only.
var newLayouts = strings.Fields("brackets markdown-table angle drawn-new drawn-new")

func chooseLayout(r *rand.Rand, share float64) string {
	if chance(r, share) {
		return pick(r, newLayouts)
	}
	return pick(r, layouts)
}

func pad(s string, width int) string {
	if n := utf8.RuneCountInString(s); n < width {
		return s + strings.Repeat(" ", width-n)
	}
	return s + "  "
}

func padLeft(s string, width int) string {
	if n := utf8.RuneCountInString(s); n < width {
		return strings.Repeat(" ", width-n) + s
	}
	return "  " + s
}

func value(s string) segment { return segment{text: s, keep: true} }
func label(s string) segment { return segment{text: s} }

// setEntries sets labelled values as the layout says.
func setEntries(r *rand.Rand, entries []entry, layout, between string) (out []line) {
	switch layout {
	case "padded", "tabs", "right", "form":
		return setAligned(r, entries, layout)
	case "columns", "pairs", "grid", "sentence", "paragraph":
		return setTogether(r, entries, layout, between)
	case "bullets":
		return setMarked(r, entries)
	case "drawn", "drawn-new":
		return setDrawn(r, entries, layout == "drawn-new")
	}
	dots := strings.Repeat(".", 1+r.IntN(12))
	under := chance(r, .5)
	for _, e := range entries {
		switch layout {
		case "above":
			out = append(out, line{label(e.label)}, line{value(e.value)})
		case "leader":
			out = append(out, line{label(e.label + " .." + dots + strings.Repeat(".", r.IntN(6)) + " "), value(e.value)})
		case "after":
			if under {
				out = append(out, line{value(e.value), label("  (" + e.label + ")")})
			} else {
				out = append(out, line{value(e.value), label("  <- " + e.label)})
			}
		case "markdown":
			if under {
				out = append(out, line{label("**" + e.label + ":** "), value(e.value)})
			} else {
				out = append(out, line{label("- **" + e.label + "**: "), value(e.value)})
			}
		case "markdown-table":
			out = append(out, line{label("| " + e.label + " | "), value(e.value), value(" |")})
		case "brackets":
			out = append(out, line{label("[" + e.label + "] "), value(e.value)})
		case "angle":
			out = append(out, line{label(e.label + " <<"), value(e.value), value(">>")})
		default:
			out = append(out, line{label(e.label + between), value(e.value)})
		}
	}
	return out
}

// setAligned sets labels and values in two columns.
func setAligned(r *rand.Rand, entries []entry, layout string) (out []line) {
	width, wide := between(r, 14, 26), 0
	for _, e := range entries {
		wide = max(wide, utf8.RuneCountInString(e.label)+utf8.RuneCountInString(e.value))
	}
	wide += between(r, 2, 12)
	for _, e := range entries {
		switch layout {
		case "tabs":
			out = append(out, line{label(e.label), value("\t"), value(e.value)})
		case "right":
			gap := wide - utf8.RuneCountInString(e.label) - utf8.RuneCountInString(e.value)
			out = append(out, line{label(e.label), value(strings.Repeat(" ", gap)), value(e.value)})
		case "form":
			out = append(out, line{label(e.label + " "), value(strings.Repeat("_", 1+r.IntN(4)) + " "), value(e.value), value(" " + strings.Repeat("_", 2+r.IntN(6)))})
		default:
			out = append(out, line{label(pad(e.label, width)), value(e.value)})
		}
	}
	return out
}

// setTogether sets several values on one line.
func setTogether(r *rand.Rand, entries []entry, layout, sep string) (out []line) {
	apart := pick(r, map[string][]string{
		"columns": {"  ", " | ", "\t", "   "}, "pairs": {"   ", "  ", ", ", " / "}, "paragraph": {", ", "; ", " · ", " | ", "   "}, "grid": {"    ", "      ", "          "}, "sentence": {", ", ", ", "; "},
	}[layout])
	for rest := entries; len(rest) > 0; {
		n := min(len(rest), 2)
		if layout == "columns" || layout == "sentence" {
			n = min(len(rest), between(r, 2, 4))
		}
		if layout == "paragraph" {
			n = len(rest)
		}
		var names, l line
		for i, e := range rest[:n] {
			if i > 0 {
				names, l = append(names, value(apart)), append(l, value(apart))
			}
			switch layout {
			case "columns":
				names, l = append(names, label(e.label)), append(l, value(e.value))
			case "sentence":
				l = append(l, label(e.label+" "), value(e.value))
			default:
				l = append(l, label(e.label+sep), value(e.value))
			}
		}
		if layout == "columns" {
			out = append(out, names)
		}
		out = append(out, l)
		rest = rest[n:]
	}
	return out
}

// setMarked sets every value behind the same odd marks.
func setMarked(r *rand.Rand, entries []entry) (out []line) {
	before := pick(r, []string{"", "- ", "* ", "> ", "# ", "· ", "(", "~ ", "+ ", "; ", "<", "{"})
	mid := pick(r, []string{" = ", "=", " -> ", "->", " :: ", " ~ ", ">> ", "\t", " | ", "; ", ") ", "> ", "} ", " / ", " -- ", "... "})
	after := pick(r, []string{"", "", "", ";", " ;", " *", " <"})
	for _, e := range entries {
		out = append(out, line{label(before + e.label + mid), value(e.value), value(after)})
	}
	return out
}

// capitals sets all labels in upper or lower case now and then.
func capitals(r *rand.Rand, entries []entry) {
	change := func(s string) string { return s }
	switch r.IntN(8) {
	case 0:
		change = strings.ToUpper
	case 1:
		change = strings.ToLower
	}
	for i := range entries {
		entries[i].label = change(entries[i].label)
	}
}

// beside sets two blocks next to each other, as a page with two columns reads
// when its lines are taken from left to right.
func beside(r *rand.Rand, left, right *block) *block {
	b := &block{alone: left.alone && right.alone, unclear: slices.Concat(left.unclear, right.unclear), extras: slices.Concat(left.extras, right.extras)}
	for _, from := range []*block{left, right} {
		for name, f := range from.facts {
			b.state(name, f)
		}
	}
	width := 0
	for _, l := range left.lines {
		width = max(width, l.width())
	}
	width += between(r, 3, 14)
	for i := range max(len(left.lines), len(right.lines)) {
		var l line
		if i < len(left.lines) {
			l = append(l, left.lines[i]...)
		}
		if i < len(right.lines) {
			l = append(l, value(strings.Repeat(" ", width-l.width())))
			l = append(l, right.lines[i]...)
		}
		b.add(l)
	}
	return b
}

func (l line) width() (n int) {
	for _, s := range l {
		n += utf8.RuneCountInString(s.text)
	}
	return n
}
