package llm

import (
	"bytes"
	"encoding/json"
)

// objectSchema returns the JSON Schema of an answer: an object with exactly the
// fields that are asked, in their order, each possibly null. That a value is
// really null where it may not be is for [Adapted.Read] to say: a schema that
// forbade it would make the model invent one.
func objectSchema(fields []asked) json.RawMessage {
	var b bytes.Buffer
	b.WriteString(`{"type":"object","additionalProperties":false,"properties":{`)
	for i, f := range fields {
		if i > 0 {
			b.WriteByte(',')
		}
		b.Write(encode(f.key))
		b.WriteByte(':')
		b.Write(fieldSchema(f.field))
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

func fieldSchema(f Field) []byte {
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
		return []byte(`{"type":["array","null"],"items":` + string(objectSchema(of)) + `}`)
	}
	return []byte(`{"type":["string","null"]}`)
}

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
