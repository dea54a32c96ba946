package llm

import (
	"encoding/json"
	"fmt"
	"math"
	"sort"
	"strings"
)

// Read turns the responses, one to each request in their order, into one typed
// answer. It never fails: a field that a response lacks, because it is cut,
// broken or missing altogether, has a Problem and unknown confidence, and what
// was whole before is kept.
//
// The confidence of a value is the probability of the least probable token that
// overlaps its JSON, from the colon before it, which vocabularies merge with a
// quotation mark, so that it holds the choice between a value and null; and of a
// number to the character after it, which holds the choice to end it. Under a
// schema it is the probability that the model itself gave the token (see
// [Token.Raw]), not that among the tokens allowed: what the model had to be bent
// to is nothing that it was sure of. Where the model has a [Calibration], its curve is applied to
// that, before any check. Of a generated text it is the geometric mean of the token
// probabilities, that is, one over the perplexity: it says how natural the text
// is to the model, not how true. Without token probabilities, or where they do
// not belong to the text, confidence is unknown.
//
// A value is null or of its field's type, whatever the model wrote. A value
// that fails a check has a Problem, confidence 0 and source [FromValidator]:
// null where that is no answer, what is not of the type, an IBAN with a wrong
// check sum, and a string, decimal, date or IBAN that stands nowhere in the
// document. The last is 0 and not merely low, because extraction copies: what
// cannot be copied from anywhere was made up or misread, however sure the model
// was. The check sum of an IBAN works both ways: see [copied].
//
// A boolean, integer or enum may be concluded and is not looked for, but gets
// evidence where it is found. Usage is the sum.
func (a Adapted) Read(responses []Response) Answer {
	answer := Answer{Values: map[string]Value{}}
	for _, r := range responses {
		answer.Usage = answer.Usage.Add(r.Usage)
	}
	doc := newSource(a.prompt.Text)
	for i := range a.Requests {
		out := output{}
		if i < len(responses) {
			out = newOutput(a.Requests[i].Prefill, responses[i])
		}
		out.curve = a.calibration.of(a.prompt.Kind)
		switch a.prompt.Kind {
		case TaskExtract:
			for name, v := range a.readFields(a.asks[i], out, doc) {
				answer.Values[name] = v
			}
		case TaskClassify:
			answer.Values["label"] = a.readLabel(out)
		case TaskGenerate:
			answer.Values["text"] = readText(out)
		}
	}
	return answer
}

// output is what a model said, with the prefill put back before it.
type output struct {
	text   string
	ended  bool // the model ended it; false = it was cut
	given  bool // there was a response
	starts []int
	tokens []Token // token i begins at byte starts[i] of text; nil = no probabilities
	curve  Curve   // calibrates
}

func newOutput(prefill string, r Response) output {
	said := r.Text
	var joined strings.Builder
	for _, t := range r.Tokens {
		joined.Write(t.Bytes)
	}
	usable := len(r.Tokens) > 0
	switch all := joined.String(); {
	case !usable, strings.HasPrefix(all, said): // a stop string may have cut the text shorter
	case strings.ToValidUTF8(all, "\uFFFD") == said:
		said = all // the same, before broken characters were replaced
	default:
		usable = false
	}
	o := output{text: prefill + said, ended: r.Finish == FinishStop, given: true}
	if usable {
		o.tokens = r.Tokens
		at := len(prefill)
		for _, t := range r.Tokens {
			o.starts = append(o.starts, at)
			at += len(t.Bytes)
		}
	}
	return o
}

// of returns the confidence in a whole value: see [Adapted.Read].
func (o output) of(v raw) (Confidence, ConfidenceSource) {
	start, end := v.start, v.end
	if before := strings.TrimRight(o.text[:start], " \t\r\n"); strings.HasSuffix(before, ":") {
		start = len(before) - 1
	}
	if v.kind == rawNumber && end < len(o.text) {
		end++
	}
	return o.confidence(start, end)
}

// confidence returns the probability of the least probable token that overlaps
// bytes start to end of the text, calibrated.
func (o output) confidence(start, end int) (Confidence, ConfidenceSource) {
	least, found := 0.0, false
	first := sort.SearchInts(o.starts, start+1) - 1
	for i := max(first, 0); i < len(o.tokens) && o.starts[i] < end; i++ {
		if len(o.tokens[i].Bytes) == 0 {
			continue // it says nothing about any byte
		}
		l := o.tokens[i].Raw()
		if math.IsNaN(l) {
			return Unknown(), FromNothing
		}
		least, found = min(least, l), true
	}
	if !found {
		return Unknown(), FromNothing
	}
	return o.curve.at(Confidence(math.Exp(least))), FromTokens
}

// readFields reads the fields that one request asked for.
func (a Adapted) readFields(fields []asked, o output, doc *source) map[string]Value {
	object, found := scanObject(o.text, o.ended)
	values := map[string]Value{}
	for _, f := range fields {
		v, n := object.find(f.key, f.name, f.field.Name)
		switch {
		case n == 0:
			values[f.field.Name] = unanswered(o, found, found && object.done)
		case !v.done:
			values[f.field.Name] = f.field.cut(v, o, doc)
		default:
			value := a.readField(f.field, v, o, doc)
			if n > 1 && value.Problem == "" {
				value.Problem, value.Confidence, value.Source = "the model answered this twice, differently", 0, FromValidator
			}
			values[f.field.Name] = value
		}
	}
	return values
}

// readField reads one whole value. A list has a curve of its own, which speaks
// of the least of its raw confidences: that many values are all right is
// another question than whether one is.
func (a Adapted) readField(f Field, v raw, o output, doc *source) Value {
	if f.Type != TypeList {
		return f.read(v, o, doc)
	}
	o.curve = nil
	value := f.readList(v, o, doc)
	if value.Source == FromTokens {
		value.Confidence = a.calibration.list().at(value.Confidence)
	}
	return value
}

// find returns the first value under one of names, and how many different ones
// there are. Names match regardless of case.
func (r raw) find(names ...string) (v raw, n int) {
	for _, name := range names {
		for _, m := range r.members {
			if !strings.EqualFold(strings.TrimSpace(m.name), name) {
				continue
			}
			if n == 0 {
				v, n = m.value, 1
			} else if m.value.text != v.text || m.value.kind != v.kind {
				n++
			}
		}
		if n > 0 {
			return v, n
		}
	}
	return raw{}, 0
}

// unanswered is the value of a field about which the response says nothing.
func unanswered(o output, object, whole bool) Value {
	problem := "the model did not answer this field"
	switch {
	case !o.given:
		problem = "there was no response to this question"
	case !object:
		problem = "the answer holds no JSON object"
	case !whole && o.ended:
		problem = "the answer breaks off before this field"
	case !whole:
		problem = "the answer was cut before this field"
	}
	return unknown(problem)
}

func unknown(problem string) Value {
	return Value{JSON: json.RawMessage("null"), Confidence: Unknown(), Source: FromNothing, Problem: problem}
}

// refuse is a value that a check has failed.
func refuse(value json.RawMessage, format string, a ...any) Value {
	if value == nil {
		value = json.RawMessage("null")
	}
	return Value{JSON: value, Source: FromValidator, Problem: fmt.Sprintf(format, a...)}
}

// missing is the problem of a null that may not be.
const missing = "missing"

// notFound is the problem of a value that stands nowhere.
const notFound = "not found in the document"

// read turns one whole raw value into a typed one.
func (f Field) read(v raw, o output, doc *source) Value {
	if f.Type == TypeList {
		return f.readList(v, o, doc)
	}
	confidence, from := o.of(v)
	value, text, problem := f.typed(v)
	switch {
	case problem != "":
		return refuse(value, "%s", problem)
	case value == nil && !f.Nullable:
		return refuse(nil, missing)
	case value == nil:
		return Value{JSON: json.RawMessage("null"), Confidence: confidence, Source: from}
	}
	span, found, must := doc.evidence(f, text)
	switch {
	case !found && must:
		return refuse(value, notFound)
	case found && f.Type == TypeIBAN && confidence.Known() && onlyIBAN(doc.text, text):
		return Value{JSON: value, Confidence: copied(confidence), Source: FromValidator, Evidence: &span}
	case found:
		return Value{JSON: value, Confidence: confidence, Source: from, Evidence: &span}
	}
	return Value{JSON: value, Confidence: confidence, Source: from}
}

// cut is the value of a field whose answer is not whole: nothing, or of a list
// what was whole before.
func (f Field) cut(v raw, o output, doc *source) Value {
	if f.Type != TypeList || v.kind != rawList {
		return unknown("the answer breaks off inside this value")
	}
	if n := len(v.items); n > 0 && !v.items[n-1].done {
		v.items = v.items[:n-1]
	}
	value := f.readList(v, o, doc)
	value.Confidence, value.Source = Unknown(), FromNothing
	value.Problem = fmt.Sprintf("the answer breaks off inside this list, after %d elements", len(v.items))
	return value
}

// readList reads a list of objects. Its confidence is the least of its values
// and of the tokens between them, which decide whether one more follows.
func (f Field) readList(v raw, o output, doc *source) Value {
	switch {
	case v.kind == rawNull && !f.Nullable:
		return refuse(nil, missing)
	case v.kind != rawList && v.kind != rawNull:
		return refuse(nil, "%s is no list", v.said())
	}
	confidence, from := o.of(v)
	if v.kind == rawNull {
		return Value{JSON: json.RawMessage("null"), Confidence: confidence, Source: from}
	}
	var problems []string
	elements := make([]string, len(v.items))
	for i, item := range v.items {
		if item.kind != rawObject {
			problems = append(problems, fmt.Sprintf("element %d is no object", i+1))
			elements[i] = f.emptyElement()
			continue
		}
		parts := make([]string, len(f.Of))
		for k, of := range f.Of {
			value := unknown("the model did not answer this field")
			if r, n := item.find(of.Name); n == 1 && r.done {
				value = of.read(r, o, doc)
			} else if n > 1 {
				value = refuse(nil, "the model answered this twice, differently")
			}
			if value.Problem != "" {
				problems = append(problems, fmt.Sprintf("element %d, %s: %s", i+1, of.Name, value.Problem))
			}
			if !value.Confidence.Known() {
				confidence, from = Unknown(), FromNothing
			} else if confidence.Known() && value.Confidence < confidence {
				confidence = value.Confidence
			}
			parts[k] = string(encode(of.Name)) + ":" + string(value.JSON)
		}
		elements[i] = "{" + strings.Join(parts, ",") + "}"
	}
	list := Value{JSON: json.RawMessage("[" + strings.Join(elements, ",") + "]"), Confidence: confidence, Source: from}
	if len(problems) > 0 {
		list.Confidence, list.Source = 0, FromValidator
		list.Problem = strings.Join(problems[:min(len(problems), 3)], "; ")
		if n := len(problems) - 3; n > 0 {
			list.Problem += fmt.Sprintf("; and %d more", n)
		}
	}
	return list
}

// emptyElement is the element of a list that holds nothing.
func (f Field) emptyElement() string {
	parts := make([]string, len(f.Of))
	for i, of := range f.Of {
		parts[i] = string(encode(of.Name)) + ":null"
	}
	return "{" + strings.Join(parts, ",") + "}"
}

// readLabel reads a classification: {"label": …}, or nothing but the label.
func (a Adapted) readLabel(o output) Value {
	if !o.given {
		return unknown("there was no response to this question")
	}
	var text string
	var start, end int
	object, found := scanObject(o.text, o.ended)
	v, n := object.find("label")
	switch {
	case found && n == 0:
		return unanswered(o, true, object.done)
	case found && (v.kind != rawString || !v.done && !o.ended):
		return unknown("the answer breaks off inside the label")
	case found:
		text, start, end = v.text, v.start, v.end
	default:
		start = len(o.text) - len(strings.TrimLeft(o.text, " \t\r\n"))
		text = strings.TrimSpace(o.text)
		end = start + len(text)
	}
	text = strings.TrimSpace(text)
	for _, l := range a.prompt.Labels {
		if strings.EqualFold(strings.Trim(text, `".`), l.Name) {
			confidence, from := o.confidence(start, end)
			return Value{JSON: encode(l.Name), Confidence: confidence, Source: from}
		}
	}
	if text == "" {
		return refuse(nil, missing)
	}
	return refuse(nil, "%s is none of the labels", quoteShort(text))
}

// readText reads what was generated.
func readText(o output) Value {
	text := strings.TrimSpace(o.text)
	switch {
	case !o.given:
		return unknown("there was no response to this question")
	case text == "":
		return refuse(nil, missing)
	}
	v := Value{JSON: encode(text), Confidence: Unknown(), Source: FromNothing}
	if !o.ended {
		v.Problem = "the text is cut: it reached the bound of its length"
		return v
	}
	if len(o.tokens) > 0 {
		sum := 0.0
		for _, t := range o.tokens {
			sum += min(t.Logprob, 0)
		}
		if c := Confidence(math.Exp(sum / float64(len(o.tokens)))); c.Known() {
			v.Confidence, v.Source = c, FromTokens
		}
	}
	return v
}
