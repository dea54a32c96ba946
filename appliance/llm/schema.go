package llm

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// answerSchema returns the JSON Schema of an answer: an object with exactly the
// fields that are asked, in their order, each possibly null. That a value is
// really null where it may not be is for [Adapted.Read] to say: a schema that
// forbade it would make the model invent one.
//
// If found is not nil, dates and decimals are those that stand in it, and
// strings are pieces of it: a model that copies cannot misread them. Strings in
// lists are free, because tables break texts over lines.
func answerSchema(fields []asked, found *source) json.RawMessage {
	var defs []byte
	text := []byte(anyText)
	if found != nil && len(found.text) <= maxExcerptText && slices.ContainsFunc(fields, func(f asked) bool { return f.field.Type == TypeString }) {
		defs = fmt.Appendf(nil, `"$defs":{"text":{"type":"string","x-excerptOf":%s}},`, encode(found.text))
		text = []byte(`{"anyOf":[{"$ref":"#/$defs/text"},{"type":"null"}]}`)
	}
	return objectSchema(fields, found, defs, text)
}

// maxExcerptText is the longest text in bytes that strings are held to.
const maxExcerptText = 32 << 10

// objectSchema returns the schema of an object; text is that of its strings.
func objectSchema(fields []asked, found *source, defs, text []byte) json.RawMessage {
	var b bytes.Buffer
	b.WriteByte('{')
	b.Write(defs)
	b.WriteString(`"type":"object","additionalProperties":false,"properties":{`)
	for i, f := range fields {
		if i > 0 {
			b.WriteByte(',')
		}
		b.Write(encode(f.key))
		b.WriteByte(':')
		if f.field.Type == TypeString {
			b.Write(text)
		} else {
			b.Write(fieldSchema(f.field, found))
		}
	}
	b.WriteString(`},"required":[`)
	for i, f := range fields {
		if i > 0 {
			b.WriteByte(',')
		}
		b.Write(encode(f.key))
	}
	b.WriteString(`]}`)
	return b.Bytes()
}

func fieldSchema(f Field, found *source) []byte {
	if literals, ok := found.literals(f.Type); ok {
		return []byte(`{"enum":[` + strings.Join(append(literals, "null"), ",") + `]}`)
	}
	switch f.Type {
	case TypeDecimal:
		return []byte(`{"type":["number","null"]}`)
	case TypeInteger:
		return []byte(`{"type":["integer","null"]}`)
	case TypeBoolean:
		return []byte(`{"type":["boolean","null"]}`)
	case TypeDate:
		return []byte(`{"type":["string","null"],"pattern":"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"}`)
	case TypeEnum:
		values := make([]any, 0, len(f.Values)+1)
		for _, v := range f.Values {
			values = append(values, v)
		}
		return []byte(`{"enum":` + string(encode(append(values, nil))) + `}`)
	case TypeList:
		of := make([]asked, len(f.Of))
		for i := range f.Of {
			of[i] = asked{f.Of[i], f.Of[i].Name, f.Of[i].Name}
		}
		return []byte(`{"type":["array","null"],"items":` + string(objectSchema(of, found, nil, []byte(anyText))) + `}`)
	}
	return []byte(anyText)
}

// anyText is the schema of a string that may be null.
const anyText = `{"type":["string","null"]}`

// encode returns the JSON of a string, or of a list or map of strings. Invalid
// UTF-8 becomes U+FFFD; HTML is left as it is.
func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil { // strings always encode
		return []byte("null")
	}
	return bytes.TrimRight(b.Bytes(), "\n")
}

// maxLiterals bounds how many values a schema lists. A document with more
// numbers is a table of figures; there the type alone holds the model.
const maxLiterals = 400

// literals returns the JSON of every value of a type that stands in the text,
// sorted, and whether the type has such values and they are few enough to list.
// A nil source has none. Numbers keep the digits after the point as written; one
// that may be negative is there both ways.
func (s *source) literals(t FieldType) ([]string, bool) {
	if s == nil {
		return nil, false
	}
	var all []string
	switch t {
	case TypeDate:
		for _, d := range findDates(s.text) {
			all = append(all, `"`+d.day.String()+`"`)
		}
	case TypeDecimal:
		for _, n := range findNumbers(s.text) {
			whole, _, _ := strings.Cut(n.value, ".")
			literal := whole
			if n.digit != "" {
				literal += "." + n.digit
			}
			all = append(all, literal)
			if s.negative(n.span) && strings.Trim(literal, "0.") != "" {
				all = append(all, "-"+literal)
			}
		}
	default:
		return nil, false
	}
	slices.Sort(all)
	all = slices.Compact(all)
	return all, len(all) <= maxLiterals
}
