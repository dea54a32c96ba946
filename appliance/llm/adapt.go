package llm

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Adapted is a prompt in the dialect of one model: the requests to make, in any
// order, and what is needed to read the responses. It is a value; Read may be
// called more than once.
type Adapted struct {
	Requests []Request
	Notes    []string // what was changed to suit the model, in words

	prompt      Prompt
	asks        [][]asked // by request: the fields that it asks for
	calibration *Calibration
}

// asked is a field, the name under which a model is asked for it, and the key
// under which it is to answer.
type asked struct {
	field Field
	name  string
	key   string
}

// Adapt puts p into the dialect prof of model m. Everything that does not come
// from the profile is untrusted in the requests, since documents come from
// strangers and words from people; braces in it mean nothing.
//
// It returns an *Error of kind [Invalid] if the profile cannot express the task
// or the prompt is incomplete, and of kind [ContextOverflow] if the question
// alone is estimated to fill the model's context: nothing is ever cut to fit.
// The provider counts exactly and has the last word.
func Adapt(p Prompt, m Model, prof Profile) (Adapted, error) {
	a := Adapted{prompt: p, calibration: m.Calibration}
	t := prof.Tasks[p.Kind]
	if t == nil {
		return Adapted{}, invalid("the profile %s has no words for %s; choose a model whose profile has", prof.Name, p.Kind)
	}
	b := builder{a: &a, m: m, prof: prof, t: t}
	var err error
	switch p.Kind {
	case TaskExtract:
		err = b.extract()
	case TaskClassify:
		err = b.classify()
	case TaskGenerate:
		err = b.generate()
	default:
		err = invalid("there is no work of the kind %q", p.Kind)
	}
	if err != nil {
		return Adapted{}, err
	}
	return a, nil
}

func invalid(format string, a ...any) error {
	return &Error{Kind: Invalid, Message: fmt.Sprintf(format, a...)}
}

type builder struct {
	a    *Adapted
	m    Model
	prof Profile
	t    *TaskProfile
}

func (b *builder) extract() error {
	p := &b.a.prompt
	if len(p.Fields) == 0 {
		return invalid("nothing is to be extracted: the prompt names no field")
	}
	all, err := b.name(p.Fields)
	if err != nil {
		return err
	}
	per := len(all)
	if b.t.PerAsk > 0 {
		per = b.t.PerAsk
	}
	for chunk := range slices.Chunk(all, per) {
		var lines []string
		for _, f := range chunk {
			line, err := b.line(f)
			if err != nil {
				return err
			}
			lines = append(lines, line)
		}
		var schema json.RawMessage
		if b.m.Capabilities.JSONSchema {
			var found *source
			if b.t.Grounded {
				found = newSource(p.Text)
			}
			schema = answerSchema(chunk, found)
		}
		b.a.asks = append(b.a.asks, chunk)
		if err := b.request("fields", strings.Join(lines, "\n"), b.t.MaxTokens, schema); err != nil {
			return err
		}
	}
	if n := len(b.a.Requests); n > 1 {
		b.note("asked in %d requests of at most %d fields each", n, per)
	}
	var other []string
	for _, f := range all {
		if f.name != f.field.Name {
			other = append(other, f.field.Name+" as "+f.name)
		}
	}
	if len(other) > 0 {
		b.note("asked in the model's own words: %s", strings.Join(other, ", "))
	}
	return nil
}

// name gives every field its name in the dialect. A field that already bears
// the name keeps it; one that would need the same name then keeps its own.
func (b *builder) name(fields []Field) ([]asked, error) {
	taken := map[string]bool{}
	for _, f := range fields {
		if f.Name == "" || taken[f.Name] {
			return nil, invalid("the field name %q is empty or there twice", f.Name)
		}
		taken[f.Name] = true
	}
	all := make([]asked, len(fields))
	keys := map[string]bool{}
	for i, f := range fields {
		name := f.Name
		if word, ok := b.t.Names[f.Name]; ok && !taken[word] {
			taken[word] = true
			name = word
		}
		key := b.t.AnswerKey(name, f.About)
		if keys[key] || key != name && taken[key] {
			key = name
		}
		keys[key] = true
		all[i] = asked{f, name, key}
	}
	return all, nil
}

// maxKeyAbout bounds, in bytes, how much of a description a key repeats.
const maxKeyAbout = 120

// AnswerKey returns the key under which a model answers for a field of that
// name and description. A small model that reads the description right before
// the value need not look it up behind a name that may say nothing. A long
// description is cut after a word.
func (t *TaskProfile) AnswerKey(name, about string) string {
	if t.Key == "" {
		return name
	}
	about = oneLine(about)
	if len(about) > maxKeyAbout {
		about = about[:max(strings.LastIndexByte(about[:maxKeyAbout+1], ' '), 0)]
	}
	var s strings.Builder
	for _, seg := range segments(t.Key) {
		switch seg.name {
		case "name":
			s.WriteString(name)
		case "about":
			s.WriteString(about)
		default:
			s.WriteString(seg.literal)
		}
	}
	return strings.TrimSpace(s.String())
}

// line renders the question for one field.
func (b *builder) line(f asked) (string, error) {
	word, ok := b.t.Types[f.field.Type]
	if !ok {
		return "", invalid("the profile %s cannot ask for a %s (field %s); choose a model whose profile can", b.prof.Name, f.field.Type, f.field.Name)
	}
	about := strings.TrimSpace(f.field.About)
	switch f.field.Type {
	case TypeEnum:
		about = strings.TrimSpace(about + " Allowed values: " + strings.Join(f.field.Values, ", ") + ".")
	case TypeList:
		if !strings.Contains(b.t.Field, "{about}") || len(f.field.Of) == 0 {
			return "", invalid("the profile %s cannot say what the elements of %s hold", b.prof.Name, f.field.Name)
		}
		var keys []string
		for _, of := range f.field.Of {
			if of.Type == TypeList {
				return "", invalid("the field %s is a list inside a list; no profile can ask for that", f.field.Name)
			}
			key, err := b.line(asked{of, of.Name, of.Name})
			if err != nil {
				return "", err
			}
			keys = append(keys, key)
		}
		about = strings.TrimSpace(about + " Each object has exactly these keys: " + strings.Join(keys, "; "))
	}
	var s strings.Builder
	for _, seg := range segments(b.t.Field) {
		switch seg.name {
		case "name":
			s.WriteString(f.name)
		case "type":
			s.WriteString(word)
		case "about":
			s.WriteString(oneLine(about))
		default:
			s.WriteString(seg.literal)
		}
	}
	return strings.TrimRight(s.String(), " "), nil
}

// oneLine keeps what is a line of the dialect a line.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

func (b *builder) classify() error {
	p := &b.a.prompt
	if len(p.Labels) == 0 {
		return invalid("there is nothing to choose from: the prompt names no label")
	}
	var lines []string
	names := make([]string, len(p.Labels))
	for i, l := range p.Labels {
		names[i] = l.Name
		var s strings.Builder
		for _, seg := range segments(b.t.Label) {
			switch seg.name {
			case "name":
				s.WriteString(l.Name)
			case "about":
				s.WriteString(oneLine(l.About))
			default:
				s.WriteString(seg.literal)
			}
		}
		lines = append(lines, strings.TrimRight(s.String(), " :"))
	}
	var schema json.RawMessage
	if b.m.Capabilities.JSONSchema {
		schema = objectSchema([]asked{{Field{Name: "label", Type: TypeEnum, Values: names}, "label", "label"}}, nil, nil, []byte(anyText))
	}
	return b.request("labels", strings.Join(lines, "\n"), b.t.MaxTokens, schema)
}

func (b *builder) generate() error {
	p := &b.a.prompt
	if strings.TrimSpace(p.Instructions) == "" {
		return invalid("it is not said what to write: the prompt has no instructions")
	}
	bound := b.t.MaxTokens
	if p.MaxTokens > 0 {
		bound = p.MaxTokens
	}
	return b.request("", "", bound, nil)
}

// request adds one request: the task with list in the place of listName.
func (b *builder) request(listName, list string, maxTokens int, schema json.RawMessage) error {
	p := &b.a.prompt
	values := map[string]string{
		// Space around a document says nothing, and dialects have their own.
		"document":     strings.TrimSpace(b.t.View.show(p.Text)),
		"instructions": strings.TrimSpace(p.Instructions),
	}
	if listName != "" {
		values[listName] = list
	}
	r := Request{
		Model: b.m.ID, Prefill: b.t.Prefill, Schema: schema, Sampling: b.prof.Sampling, MaxTokens: maxTokens,
		Stop: slices.Clone(b.prof.Stop), Logprobs: b.m.Capabilities.Probabilities,
	}
	if schema != nil {
		r.Prefill = "" // the schema describes the whole answer, not what is left of it
		if len(b.a.Requests) == 0 {
			b.note("the answer is held to a JSON Schema")
		}
	}
	if b.t.System != "" {
		r.Messages = append(r.Messages, Message{Role: System, Parts: fill(b.t.System, values)})
	}
	r.Messages = append(r.Messages, Message{Role: User, Parts: fill(b.t.User, values)})

	need := EstimateTokens(r.Prefill)
	for _, m := range r.Messages {
		for _, part := range m.Parts {
			need += EstimateTokens(part.Text)
		}
	}
	if b.m.ContextTokens > 0 && need >= b.m.ContextTokens {
		return &Error{Kind: ContextOverflow, Message: fmt.Sprintf(
			"the question has about %d tokens and the context of %s holds %d, answer included; give it a shorter document or choose a model with a longer context", need, b.m.ID, b.m.ContextTokens)}
	}
	b.a.Requests = append(b.a.Requests, r)
	return nil
}

func (b *builder) note(format string, a ...any) {
	b.a.Notes = append(b.a.Notes, fmt.Sprintf(format, a...))
}

// fill puts values in the place of placeholders. Each becomes an untrusted part
// of its own. An empty value takes the blank line before it along.
func fill(text string, values map[string]string) []Part {
	var parts []Part
	literal := func(s string) {
		if n := len(parts); n > 0 && !parts[n-1].Untrusted {
			parts[n-1].Text += s
		} else if s != "" {
			parts = append(parts, Part{Text: s})
		}
	}
	for _, seg := range segments(text) {
		v := values[seg.name]
		switch {
		case seg.name == "":
			literal(seg.literal)
		case v != "":
			parts = append(parts, Part{Text: v, Untrusted: true})
		default:
			if n := len(parts); n > 0 && !parts[n-1].Untrusted {
				parts[n-1].Text = strings.TrimSuffix(parts[n-1].Text, "\n\n")
			}
		}
	}
	return parts
}
