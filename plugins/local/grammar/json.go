package grammar

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// value is a JSON value whose members keep their order.
type value struct {
	kind    byte   // one of { [ " 0 t n
	text    string // of a string; of a number as it is written; true or false
	members []member
	items   []value
}

type member struct {
	name  string
	value value
}

// maxJSONDepth bounds the nesting of the JSON text of a schema: a level of the
// schema takes two or three of it.
const maxJSONDepth = 4 * MaxSchemaDepth

// parse reads one JSON value.
func parse(raw []byte) (value, error) {
	if !utf8.Valid(raw) {
		return value{}, errors.New("it is not valid UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	v, err := next(d, 0)
	if err != nil {
		return value{}, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return value{}, errors.New("there is more after the JSON value")
	}
	return v, nil
}

func next(d *json.Decoder, depth int) (value, error) {
	if depth > maxJSONDepth {
		return value{}, fmt.Errorf("it nests deeper than %d levels", maxJSONDepth)
	}
	t, err := d.Token()
	if err != nil {
		return value{}, fmt.Errorf("it is not valid JSON: %w", err)
	}
	switch t := t.(type) {
	case string:
		return value{kind: '"', text: t}, nil
	case json.Number:
		return value{kind: '0', text: t.String()}, nil
	case bool:
		return value{kind: 't', text: fmt.Sprint(t)}, nil
	case nil:
		return value{kind: 'n', text: "null"}, nil
	case json.Delim:
		v := value{kind: byte(t)}
		seen := map[string]bool{}
		for d.More() {
			var m member
			if t == '{' {
				name, err := next(d, depth+1)
				if err != nil {
					return value{}, err
				}
				if m.name = name.text; seen[m.name] {
					return value{}, fmt.Errorf("the member %q stands there twice", m.name)
				}
				seen[m.name] = true
			}
			if m.value, err = next(d, depth+1); err != nil {
				return value{}, err
			}
			if t == '{' {
				v.members = append(v.members, m)
			} else {
				v.items = append(v.items, m.value)
			}
		}
		_, err := d.Token()
		if err != nil {
			return value{}, fmt.Errorf("it is not valid JSON: %w", err)
		}
		return v, nil
	}
	return value{}, fmt.Errorf("unexpected %v", t)
}

// get returns a member of an object.
func (v value) get(name string) (value, bool) {
	for _, m := range v.members {
		if m.name == name {
			return m.value, true
		}
	}
	return value{}, false
}

// String returns the value as it is written: compact, strings in their
// shortest form.
func (v value) String() string {
	var b strings.Builder
	v.write(&b)
	return b.String()
}

func (v value) write(b *strings.Builder) {
	switch v.kind {
	case '"':
		b.WriteString(quote(v.text))
	case '{':
		b.WriteByte('{')
		for i, m := range v.members {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString(quote(m.name))
			b.WriteByte(':')
			m.value.write(b)
		}
		b.WriteByte('}')
	case '[':
		b.WriteByte('[')
		for i, item := range v.items {
			if i > 0 {
				b.WriteByte(',')
			}
			item.write(b)
		}
		b.WriteByte(']')
	default:
		b.WriteString(v.text)
	}
}

// short are the characters with an escape of two bytes (RFC 8259, section 7).
// The slash needs none.
const short = "\"\\\b\f\n\r\t"
const shortNames = `"\bfnrt`

// quote returns a JSON string in the one form that is written: escapes only
// where they must be, and the short ones first.
func quote(s string) string {
	b := []byte{'"'}
	for _, r := range s {
		switch i := strings.IndexRune(short, r); {
		case i >= 0:
			b = append(b, '\\', shortNames[i])
		case r < 0x20:
			b = fmt.Appendf(b, `\u%04x`, r)
		default:
			b = utf8.AppendRune(b, r)
		}
	}
	return string(append(b, '"'))
}
