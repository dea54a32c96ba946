package corpus

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"slices"
	"strings"
	"sync"

	"skerry/appliance/llm"
	"skerry/embed"
	"skerry/embed/starter/paper"
	"skerry/embed/starter/tokenizer"
	"skerry/plugins/local/dialect"
)

// ContextTokens is the context of the starter models: question and answer.
const ContextTokens = 2048

// ProfileName is the prompt profile of the starter models.
const ProfileName = "starter"

// ErrTooLong is the error for an example that is longer than the context.
var ErrTooLong = errors.New("the example is longer than the context")

// Model is what the appliance knows of a starter model when it puts a prompt
// into its dialect.
func Model() llm.Model {
	return llm.Model{ID: "starter", Profile: ProfileName, ContextTokens: ContextTokens, Capabilities: llm.Capabilities{
		Tasks: []llm.TaskKind{llm.TaskExtract, llm.TaskClassify}, Lists: true, JSONSchema: true, Probabilities: true, Languages: []string{"en", "de"},
	}}
}

// Profile reads the prompt profile of the starter models.
func Profile() (llm.Profile, error) {
	data, err := fs.ReadFile(embed.Profiles(), ProfileName+".json")
	if err != nil {
		return llm.Profile{}, fmt.Errorf("prompt profile: %w", err)
	}
	return llm.ParseProfile(data)
}

// extractDialect says how the starter models are asked for fields. The profile
// is embedded: it cannot be missing.
var extractDialect = sync.OnceValue(func() *llm.TaskProfile {
	p, err := Profile()
	if err != nil {
		panic(err)
	}
	return p.Tasks[llm.TaskExtract]
})

// Encoder writes examples as tokens, the way the appliance asks and the runner
// encodes. It is not safe for concurrent use.
type Encoder struct {
	words   *tokenizer.Tokenizer
	profile llm.Profile
	model   llm.Model
	chat    dialect.Dialect
}

// NewEncoder returns an encoder in the dialect of the starter models.
func NewEncoder() (*Encoder, error) {
	prof, err := Profile()
	if err != nil {
		return nil, err
	}
	words := tokenizer.Starter()
	d, err := dialect.For(prof.Template, "", func(s string) bool { _, ok := words.Control(s); return ok })
	if err != nil {
		return nil, err
	}
	m := Model()
	m.ContextTokens = 0 // tokens are counted, not estimated
	return &Encoder{words, prof, m, d}, nil
}

// Tokenizer is the encoder's own.
func (e *Encoder) Tokenizer() *tokenizer.Tokenizer { return e.words }

// Adapt returns the request that the appliance makes for an example.
func (e *Encoder) Adapt(x Example) (llm.Adapted, error) {
	return llm.Adapt(x.Prompt, e.model, e.profile)
}

// Messages returns the conversation that an example is.
func (e *Encoder) Messages(x Example) ([]llm.Message, error) {
	if x.Group == Chat {
		return x.Messages, nil
	}
	a, err := e.Adapt(x)
	if err != nil {
		return nil, err
	}
	if len(a.Requests) != 1 {
		return nil, fmt.Errorf("the profile %s makes %d requests of a prompt; records hold one", e.profile.Name, len(a.Requests))
	}
	return a.Requests[0].Messages, nil
}

// ErrUnreadable is the error for an example whose right answer the appliance
// would refuse, mostly because a value was damaged beside its label.
var ErrUnreadable = errors.New("the right answer would be refused")

// Check returns an error that wraps [ErrUnreadable] if the appliance's reader
// finds a problem with the right answer. In lists it is enough that all words
// of a text stand in the document: tables break texts over lines, which the
// reader does not put together.
func (e *Encoder) Check(x Example) error {
	if x.Group == Chat {
		return nil
	}
	a, err := e.Adapt(x)
	if err != nil {
		return err
	}
	got := a.Read([]llm.Response{{Text: x.Answer, Finish: llm.FinishStop}})
	for _, t := range x.Targets {
		if t.Row > 0 && t.Type == llm.TypeString && !t.Absent {
			for w := range strings.FieldsSeq(unquote(t.JSON)) {
				if !strings.Contains(x.Prompt.Text, w) {
					return fmt.Errorf("%w: %s, row %d: %q is not in the document", ErrUnreadable, t.Name, t.Row, w)
				}
			}
		}
		if v := got.Values[t.Name]; t.Row == 0 && v.Problem != "" {
			return fmt.Errorf("%w: %s: %s", ErrUnreadable, t.Name, v.Problem)
		}
	}
	return nil
}

// Prompt returns the tokens of a conversation up to the model's turn. Text
// between control tokens is encoded as one, as the runner does it.
func (e *Encoder) Prompt(messages []llm.Message) ([]tokenizer.ID, error) {
	spans, err := e.chat.Render(messages, "")
	if err != nil {
		return nil, err
	}
	var ids []tokenizer.ID
	var run strings.Builder
	for _, s := range spans {
		if !s.Control {
			run.WriteString(s.Text)
			continue
		}
		id, ok := e.words.Control(s.Text)
		if !ok {
			return nil, fmt.Errorf("the vocabulary has no control token %s", s.Text)
		}
		ids = append(e.words.Append(ids, run.String()), id)
		run.Reset()
	}
	return e.words.Append(ids, run.String()), nil
}

// Span is where a value stands in a record.
type Span struct {
	Field      uint16 // index in FieldNames
	Start, End uint16 // tokens [Start, End) of the record overlap the value
}

// Record is an example as the trainer reads it.
type Record struct {
	Tokens []tokenizer.ID
	Prompt int // how many of them are the question
	Group  Group
	Spans  []Span // in the order of the answer
}

// Encode returns the record of an example. Its error wraps [ErrTooLong] if it
// does not fit the context.
func (e *Encoder) Encode(x Example) (Record, error) {
	messages, err := e.Messages(x)
	if err != nil {
		return Record{}, err
	}
	ids, err := e.Prompt(messages)
	if err != nil {
		return Record{}, err
	}
	rec := Record{Prompt: len(ids), Group: x.Group}
	ids = e.words.Append(ids, x.Answer)
	starts := make([]int, 0, len(ids)-rec.Prompt+1)
	at := 0
	for _, id := range ids[rec.Prompt:] {
		starts = append(starts, at)
		at += len(e.words.Bytes(id))
	}
	rec.Tokens = append(ids, tokenizer.TurnEnd)
	if len(rec.Tokens) > ContextTokens {
		return Record{}, fmt.Errorf("%w: %d tokens of %d", ErrTooLong, len(rec.Tokens), ContextTokens)
	}
	for _, t := range x.Targets {
		first, found := slices.BinarySearch(starts, t.Start)
		if !found {
			first-- // the token that the value begins in
		}
		end, _ := slices.BinarySearch(starts, t.End)
		rec.Spans = append(rec.Spans, Span{fieldIndex(t.Canonical), uint16(rec.Prompt + first), uint16(rec.Prompt + end)})
	}
	return rec, nil
}

// AppendBinary appends the record in the format of the trainer, numbers of 16
// bits, the low byte first: how many tokens, how many of them are the question,
// the group, how many spans, for every span field, start and end, and the
// tokens.
func (r Record) AppendBinary(b []byte) ([]byte, error) {
	if len(r.Tokens) > math.MaxUint16 || len(r.Spans) > math.MaxUint16 {
		return b, fmt.Errorf("a record of %d tokens and %d spans does not fit its format", len(r.Tokens), len(r.Spans))
	}
	put := func(n int) { b = binary.LittleEndian.AppendUint16(b, uint16(n)) }
	put(len(r.Tokens))
	put(r.Prompt)
	put(int(r.Group))
	put(len(r.Spans))
	for _, s := range r.Spans {
		put(int(s.Field))
		put(int(s.Start))
		put(int(s.End))
	}
	for _, id := range r.Tokens {
		put(int(id))
	}
	return b, nil
}

// FieldNames are what the spans of records are of. Their order never changes;
// the last is for all that is not named.
var FieldNames = func() []string {
	names := make([]string, 0, len(paper.Names)+len(allColumns)+16)
	for name := range paper.Names {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, column := range allColumns {
		names = append(names, "items."+column)
	}
	var clauses []string
	for topic := range topics {
		clauses = append(clauses, topic)
	}
	slices.Sort(clauses)
	names = append(names, clauses...)
	return append(names, "items", "extra", "kind", "language", "line_count", "label", "chat", "other")
}()

var fieldNumbers = func() map[string]uint16 {
	m := map[string]uint16{}
	for i, name := range FieldNames {
		m[name] = uint16(i)
	}
	return m
}()

func fieldIndex(canonical string) uint16 {
	if i, ok := fieldNumbers[canonical]; ok {
		return i
	}
	return uint16(len(FieldNames) - 1)
}
