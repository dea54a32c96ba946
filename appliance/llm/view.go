package llm

import "strings"

// View names a way to show a document to a model.
type View string

// Views. The zero View shows the document as it is.
const (
	// ViewLines straightens layout: what reads as a label and its value, in a
	// table row, behind dots, in brackets or in two columns, becomes a line
	// "label: value", and rules and bullets go. No word is added or changed, so
	// what a model copies from it still stands in the document.
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
		out = append(out, labelled(unbulleted(l)))
	}
	return strings.Join(out, "\n")
}

// unbulleted takes a bullet off a line.
func unbulleted(l string) string {
	for _, bullet := range []string{"- ", "* ", "> ", "# ", "· ", "~ ", "+ ", "; ", "• "} {
		if rest, ok := strings.CutPrefix(l, bullet); ok {
			return strings.TrimSpace(rest)
		}
	}
	return l
}

// labelled writes a line that is a label and a value as "label: value".
func labelled(l string) string {
	var label, value string
	switch {
	case strings.HasPrefix(l, "|") && strings.HasSuffix(l, "|") && strings.Count(l, "|") == 3:
		cells := strings.Split(l, "|")
		label, value = cells[1], cells[2]
	case l != "" && strings.ContainsRune("[({<", rune(l[0])):
		closing := map[byte]string{'[': "] ", '(': ") ", '{': "} ", '<': "> "}[l[0]]
		label, value, _ = strings.Cut(l[1:], closing)
	case strings.Contains(l, "..."):
		i := strings.Index(l, "...")
		label, value = l[:i], strings.TrimLeft(l[i:], ".")
	default:
		label, value = cut(l)
	}
	label, value = strings.TrimSpace(label), strings.TrimSpace(value)
	if label == "" || value == "" {
		return l
	}
	return strings.TrimSuffix(label, ":") + ": " + value
}

// cut splits a line at the sign or the gap that stands between a label and its
// value, if there is exactly one.
func cut(l string) (label, value string) {
	for _, sign := range []string{"->", "::", ">>", "=", "~"} {
		if label, value, ok := strings.Cut(l, sign); ok && len(label) <= maxLabel && !strings.ContainsAny(label, ":|") {
			return label, strings.TrimRight(value, " ;*")
		}
	}
	var cells []string
	for _, c := range strings.Split(strings.ReplaceAll(l, "\t", "  "), "  ") {
		if c = strings.TrimSpace(c); c != "" {
			cells = append(cells, c)
		}
	}
	if len(cells) == 2 && (!strings.Contains(cells[0], ":") || strings.HasSuffix(cells[0], ":")) {
		return cells[0], cells[1]
	}
	return "", ""
}

// maxLabel is the longest text in bytes that passes for a label.
const maxLabel = 40
