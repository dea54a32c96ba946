package chat

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"skerry/plugins/local/dialect"
)

// The renderers of the inference engine return one string, in which the
// special-token strings of a document could not be told from those of the
// dialect. So they never see a document: every text that is not the dialect's
// own is handed to them as a placeholder, and put into what they return as a
// span that can hold no control token.
//
// A placeholder is
//
//	U+E000 " < digits U+E001
//
// What is rendered holds nothing else that a person or a model wrote, so nothing
// can imitate one. The quotation mark and the angle bracket show whether a
// renderer has put the text into a JSON string, and of which kind: the text is
// then escaped likewise. A placeholder in any other shape is an error.
const (
	opening = "\uE000"
	closing = "\uE001"
)

// hidden is a text behind a placeholder.
type hidden struct {
	text    string
	trusted bool
	must    bool // a renderer that leaves it out is not to be used
	found   bool
}

// texts are the texts of one conversation.
type texts struct{ all []hidden }

// hide returns a placeholder; an empty text is its own, because renderers look
// whether there is any.
func (t *texts) hide(text string, trusted, must bool) string {
	if text == "" {
		return ""
	}
	t.all = append(t.all, hidden{text: text, trusted: trusted, must: must})
	return fmt.Sprintf(opening+`"<%06d`+closing, len(t.all)-1)
}

// same is hide for a text that has to be equal wherever it occurs, such as the
// name of a parameter.
func (t *texts) same(text string) string {
	for i, h := range t.all {
		if h.text == text && !h.trusted && !h.must {
			return fmt.Sprintf(opening+`"<%06d`+closing, i)
		}
	}
	return t.hide(text, false, false)
}

// errShape says that a renderer did something to a placeholder that is not
// foreseen. It is a fault of ours, found by tests.
var errShape = errors.New("the conversation cannot be written in the model's dialect without a doubt about where its texts begin and end")

// spans puts the texts into what was rendered.
func (t *texts) spans(rendered string) ([]dialect.Span, error) {
	var out []dialect.Span
	for rendered != "" {
		own, rest, found := strings.Cut(rendered, opening)
		if strings.Contains(own, closing) {
			return nil, errShape
		}
		if own != "" {
			out = append(out, dialect.Span{Text: own, Trusted: true})
		}
		if !found {
			break
		}
		shape, after, closed := strings.Cut(rest, closing)
		if !closed || len(shape) < 6 {
			return nil, errShape
		}
		digits := shape[len(shape)-6:]
		i, err := strconv.Atoi(digits)
		if err != nil || i < 0 || i >= len(t.all) {
			return nil, errShape
		}
		h := &t.all[i]
		text := h.text
		switch shape[:len(shape)-6] {
		case `"<`:
		case `\"<`:
			text, err = escaped(text, false)
		case `\"\u003c`:
			text, err = escaped(text, true)
		default:
			return nil, errShape
		}
		if err != nil {
			return nil, err
		}
		h.found = true
		out = append(out, dialect.Span{Text: text, Trusted: h.trusted})
		rendered = after
	}
	for _, h := range t.all {
		if h.must && !h.found {
			return nil, errShape
		}
	}
	return out, nil
}

// escaped returns text as the inside of a JSON string.
func escaped(text string, html bool) (string, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(html)
	if err := e.Encode(text); err != nil {
		return "", err
	}
	s := strings.TrimSuffix(b.String(), "\n")
	return s[1 : len(s)-1], nil
}

// What a JSON value is, for rewriting it.
const (
	aSchema = iota // a JSON Schema: its keywords stay
	aMap           // an object of schemas, by names of people
	aList          // a list of schemas
	aWord          // the argument of type
	aDatum         // anything: strings and keys are texts
)

// rewrite returns a JSON value with all strings that people chose as
// placeholders. Members keep their order.
func (t *texts) rewrite(raw []byte, what int) ([]byte, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var out bytes.Buffer
	if err := t.value(d, &out, what, 0); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// within says what the argument of a keyword is.
func within(keyword string) int {
	switch keyword {
	case "properties", "$defs", "definitions":
		return aMap
	case "anyOf", "oneOf", "allOf", "prefixItems":
		return aList
	case "items", "additionalProperties":
		return aSchema
	case "type":
		return aWord
	}
	return aDatum
}

func (t *texts) value(d *json.Decoder, out *bytes.Buffer, what, depth int) error {
	tok, err := d.Token()
	if err != nil {
		return err
	}
	if depth > 256 {
		return errors.New("it nests too deeply")
	}
	put := func(v any) error {
		b, err := json.Marshal(v)
		out.Write(b)
		return err
	}
	switch v := tok.(type) {
	case string:
		if what != aWord {
			v = t.same(v)
		}
		return put(v)
	case json.Delim:
		out.WriteByte(byte(v))
		for n := 0; d.More(); n++ {
			if n > 0 {
				out.WriteByte(',')
			}
			next := what
			if v == '{' {
				key, err := d.Token()
				if err != nil {
					return err
				}
				name, _ := key.(string)
				switch what {
				case aSchema:
					next = within(name)
				case aMap:
					name, next = t.same(name), aSchema
				default:
					name, next = t.same(name), aDatum
				}
				if err := put(name); err != nil {
					return err
				}
				out.WriteByte(':')
			} else if what == aList {
				next = aSchema
			}
			if err := t.value(d, out, next, depth+1); err != nil {
				return err
			}
		}
		end, err := d.Token()
		if err != nil {
			return err
		}
		if delim, ok := end.(json.Delim); ok {
			out.WriteByte(byte(delim))
		}
		return nil
	}
	return put(tok)
}
