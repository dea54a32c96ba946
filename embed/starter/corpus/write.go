package corpus

import (
	"bytes"
	"encoding/json"
	"strings"

	"skerry/embed/starter/paper"
)

// row is one element of a list: its cells by column.
type row map[string]paper.Fact

// writer writes an answer and notes where its values stand.
type writer struct {
	b       strings.Builder
	targets []Target
}

func (w *writer) text(s string) { w.b.WriteString(s) }

func (w *writer) value(t Target) {
	t.Start = w.b.Len()
	w.text(t.JSON)
	t.End = w.b.Len()
	w.targets = append(w.targets, t)
}

// rows writes a list of objects; every cell is a target.
func (w *writer) rows(q question) {
	w.text("[")
	for i, cells := range q.cells {
		if i > 0 {
			w.text(",")
		}
		w.text("{")
		for k, of := range q.field.Of {
			if k > 0 {
				w.text(",")
			}
			w.text(quote(of.Name) + ":")
			t := Target{Name: q.field.Name + "." + of.Name, Type: of.Type, JSON: "null", Row: i + 1, Seen: q.target.Seen, Described: of.About != ""}
			column := q.columns[k]
			t.Canonical = "items." + column
			if fact, ok := cells[column]; ok {
				t.JSON = fact.JSON
			} else {
				t.Absent = true
			}
			w.value(t)
		}
		w.text("}")
	}
	w.text("]")
}

// quote writes s as a JSON string, HTML as it is.
func quote(s string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		panic(err) // a string always encodes
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// unquote returns the text of a JSON string, or what is no string as it is.
func unquote(literal string) string {
	var s string
	if json.Unmarshal([]byte(literal), &s) != nil {
		return literal
	}
	return s
}
