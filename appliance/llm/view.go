package llm

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// View names a way to show a document to a model.
type View string

// Views. The zero View shows the document as it is.
const (
	// ViewLines straightens layout: what reads as a label and its value, in a
	// table row, behind dots, in brackets or in columns, becomes a line
	// "label: value", and rules, bullets and marks around a label or a value go.
	// No word is added, changed or moved, so what a model copies from it still
	// stands in the document.
	ViewLines View = "lines"
)

// show returns text in the view.
func (v View) show(text string) string {
	if v != ViewLines {
		return text
	}
	var out []string
	for _, l := range strings.Split(text, "\n") {
		l = strings.TrimSpace(l)
		if l != "" && strings.Trim(l, "-=*_~+| ") == "" {
			continue // a rule
		}
		for _, part := range columns(unbulleted(l)) {
			out = append(out, labelled(unbulleted(part)))
		}
	}
	return strings.Join(out, "\n")
}

// bullets are what stands before the entries of a list.
var bullets = []string{"- ", "* ", "> ", "# ", "· ", "~ ", "+ ", "; ", "• ", "-- "}

// unbulleted takes a bullet off a line.
func unbulleted(l string) string {
	for _, bullet := range bullets {
		if rest, ok := strings.CutPrefix(l, bullet); ok {
			return strings.TrimSpace(rest)
		}
	}
	if strings.HasPrefix(l, "| ") && strings.Count(l, "|") == 1 {
		return strings.TrimSpace(l[2:])
	}
	return l
}

// labelSigns stand between a label and its value where nothing else can be
// meant.
var labelSigns = []string{"->", "=>", "::", ">>", "<<", "=", "~"}

// columns cuts a line that holds several labels with their values, or a
// label with its value beside something else, into its parts.
func columns(l string) []string {
	cells := gapped(l)
	if n := len(cells); n >= 2 && n <= maxPairs {
		last := cells[n-1]
		switch {
		case !slices.ContainsFunc(cells, func(c string) bool { return !paired(c) }):
			return cells
		case n == 2 && paired(last) && !strings.HasSuffix(cells[0], ":"):
			return cells // an address, say, beside a label and its value
		}
	}
	for _, sign := range []string{" / ", " | ", " · ", "; "} {
		parts := strings.Split(strings.Trim(l, "| "), sign)
		if len(parts) >= 2 && len(parts) <= maxPairs && !slices.ContainsFunc(parts, func(c string) bool { return !paired(c) }) {
			return parts
		}
	}
	return []string{l}
}

// maxPairs is the most labels with values that one line is taken to hold.
const maxPairs = 12

// paired reports whether s is a label and its value, with a sign between.
func paired(s string) bool {
	for _, sign := range append([]string{":"}, labelSigns...) {
		if label, value, ok := strings.Cut(s, sign); ok {
			return strings.TrimSpace(label) != "" && strings.TrimSpace(value) != "" && len(label) <= maxLabel
		}
	}
	return false
}

// gapped cuts a line at tabs and at gaps of two spaces and more.
func gapped(l string) []string {
	var cells []string
	for _, c := range strings.Split(strings.ReplaceAll(l, "\t", "  "), "  ") {
		if c = strings.TrimSpace(c); c != "" {
			cells = append(cells, c)
		}
	}
	return cells
}

// labelled writes a line that is a label and a value as "label: value".
func labelled(l string) string {
	var label, value string
	switch {
	case strings.HasPrefix(l, "|") && strings.HasSuffix(l, "|") && strings.Count(l, "|") == 3:
		cells := strings.Split(l, "|")
		label, value = cells[1], cells[2]
	case l != "" && strings.ContainsRune("[({<", rune(l[0])) && !strings.HasPrefix(l, "<<"):
		closing := map[byte]string{'[': "]", '(': ")", '{': "}", '<': ">"}[l[0]]
		label, value, _ = strings.Cut(l[1:], closing)
		value = strings.TrimLeft(value, " \t:=->~.–,;*|")
	case strings.Contains(l, "..."):
		i := strings.Index(l, "...")
		label, value = l[:i], strings.TrimLeft(l[i:], ".")
	default:
		label, value = cut(l)
	}
	label, value = bare(label), bare(value)
	if label == "" || value == "" {
		return l
	}
	return strings.TrimSuffix(label, ":") + ": " + value
}

// cut splits a line at the sign or the gap that stands between a label and its
// value, if there is exactly one.
func cut(l string) (label, value string) {
	for _, sign := range labelSigns {
		label, value, _ := strings.Cut(l, sign)
		if value = strings.TrimRight(value, " ;*<>"); value != "" && len(label) <= maxLabel && !strings.ContainsAny(label, ":|") {
			return label, value
		}
	}
	if label, value, ok := strings.Cut(l, ":"); ok && len(label) <= maxLabel && (strings.HasPrefix(value, " ") || marked(label) || marked(value)) && !strings.Contains(label, "|") {
		return label, value
	}
	if label, rest, ok := strings.Cut(l, " _"); ok && len(label) <= maxLabel && strings.HasPrefix(strings.TrimLeft(rest, "_"), " ") {
		return label, strings.Trim(rest, "_ ") // a form
	}
	if strings.Count(l, "|") == 1 {
		label, value, _ := strings.Cut(l, " | ")
		return label, value
	}
	if strings.Contains(l, "|") {
		return "", "" // a row of a table
	}
	cells := gapped(l)
	if len(cells) == 2 && (!strings.Contains(cells[0], ":") || strings.HasSuffix(cells[0], ":")) {
		return cells[0], cells[1]
	}
	return "", ""
}

// marked reports whether there are marks around s that [bare] takes off.
func marked(s string) bool { return bare(s) != strings.TrimSpace(s) }

// maxLabel is the longest text in bytes that passes for a label.
const maxLabel = 40

// wrappers are marks that stand around a label or a value.
var wrappers = map[rune]rune{'[': ']', '{': '}', '<': '>', '«': '»', '"': '"', '\'': '\'', '*': '*', '_': '_', '=': '=', '~': '~', '`': '`', '(': ')'}

// bare takes off what only decorates a label or a value. Parentheses stay
// around digits, where they may mean a minus, and where they do not hold all.
func bare(s string) string {
	for {
		s = strings.TrimSpace(s)
		first, size := utf8.DecodeRuneInString(s)
		last, width := utf8.DecodeLastRuneInString(s)
		var within string
		if shut, ok := wrappers[first]; ok && last == shut && len(s) > size+width {
			within = s[size : len(s)-width]
			if first != shut && strings.ContainsRune(within, first) || first == '(' && strings.ContainsAny(within, "0123456789") {
				return s
			}
		} else {
			within = strings.TrimLeft(strings.TrimRight(s, ";|*< "), "*|")
		}
		if within == s {
			return s
		}
		s = within
	}
}
