// Package exam asks a model the same questions on every host before anybody
// relies on it: whether it ends its turn, writes JSON, reads fields and finds
// things in long texts, calls tools and makes up nothing, how fast it is here and what memory it takes. The
// questions are built in, so nothing of the site is sent. The score says what a
// model can do at the least, not how good it is at the site's own work. Start
// with [Run].
package exam

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"skerry/appliance/llm"
)

// Subject is the model that is examined.
type Subject struct {
	Provider llm.Provider
	Model    llm.Model
	Profile  llm.Profile
	Memory   func() int64     // resident bytes of the process that serves it; nil = not known
	Now      func() time.Time // nil = time.Now
}

// Scorecard is what an exam found. Speeds are those of the model alone on this
// host; another load changes them.
type Scorecard struct {
	Lock             string    `json:"lock"` // digest of the lock that was examined
	At               time.Time `json:"at"`
	Seconds          float64   `json:"seconds"` // that the exam took
	Parts            []Part    `json:"parts"`
	NeedleTokens     int       `json:"needleTokens"`               // longest prompt in which every needle was found; 0 = none, or it writes no text
	PrefillPerSecond float64   `json:"prefillPerSecond,omitempty"` // prompt tokens; absent = not measured
	DecodePerSecond  float64   `json:"decodePerSecond,omitempty"`  // output tokens; absent = not measured
	MemoryBytes      int64     `json:"memoryBytes,omitempty"`      // resident at the end, which is near the most; absent = not known
}

// Part is a group of questions.
type Part struct {
	Name    string   `json:"name"` // one of the names below, in vectors.go and in sight.go
	Passed  int      `json:"passed"`
	Total   int      `json:"total"`
	Unasked int      `json:"unasked,omitempty"` // questions that do not fit into the model's context; no part of Total
	Faults  []string `json:"faults,omitempty"`  // what went wrong, a few
}

// Names of parts.
const (
	Turn    = "turn"    // ends its turn, and writes no marks of a chat template
	JSON    = "json"    // the answer is one JSON object
	Fields  = "fields"  // values that are in the document
	Absent  = "absent"  // values that are not, answered null
	Lists   = "lists"   // rows of a table
	Labels  = "labels"  // classification
	Needles = "needles" // one line in a long text, at several depths

	Language = "language" // fields of documents in a second language, German
	Schemas  = "schemas"  // answers under schemas, also at a high temperature
	Tools    = "tools"    // calls of tools: one, two at once, nested arguments, none
	Refusal  = "refusal"  // makes up nothing; a model that cannot write says so
)

// maxFaults bounds what is told about the faults of one part.
const maxFaults = 4

// Run examines the model until ctx ends. It returns the error of the provider
// if the model does not answer at all; faults in what it answers are the score.
// A question that does not fit into the model's context is not asked, and the
// part says so.
func Run(ctx context.Context, s Subject) (Scorecard, error) {
	if s.Now == nil {
		s.Now = time.Now
	}
	e := &examiner{Subject: s, parts: map[string]*Part{}}
	start := s.Now()
	work := e.writes
	if c := s.Model.Capabilities; c.Embeddings > 0 && len(c.Tasks) == 0 {
		work = e.vectors
	}
	needles, err := work(ctx)
	if err != nil {
		return Scorecard{}, err
	}
	end := s.Now()
	card := Scorecard{Lock: s.Model.Lock.Digest(), At: end.UTC(), Seconds: end.Sub(start).Seconds(), NeedleTokens: needles,
		PrefillPerSecond: rate(e.read, e.reading), DecodePerSecond: rate(e.written, e.writing)}
	for _, name := range []string{Turn, JSON, Fields, Absent, Lists, Labels, Language, Schemas, Tools, Sight, Refusal, Needles, Vectors, Nearness, Limits} {
		if p := e.parts[name]; p != nil {
			card.Parts = append(card.Parts, *p)
		}
	}
	if s.Memory != nil {
		card.MemoryBytes = s.Memory()
	}
	return card, nil
}

// writes examines a model that writes text. It returns the length in tokens of
// the longest text in which every needle was found.
func (e *examiner) writes(ctx context.Context) (needles int, err error) {
	for _, q := range questions(e.Model) {
		if err := e.extract(ctx, q); err != nil {
			return 0, err
		}
	}
	if e.Model.Capabilities.Can(llm.TaskClassify) {
		for _, q := range sorting {
			if err := e.classify(ctx, q); err != nil {
				return 0, err
			}
		}
	}
	if e.Model.Capabilities.JSONSchema {
		if err := e.schemas(ctx); err != nil {
			return 0, err
		}
	}
	if e.Model.Capabilities.Tools {
		if err := e.tools(ctx); err != nil {
			return 0, err
		}
	}
	if e.Model.Capabilities.Vision {
		if err := e.sight(ctx); err != nil {
			return 0, err
		}
	}
	if err := e.refusal(ctx); err != nil {
		return 0, err
	}
	return e.needles(ctx)
}

// rate returns tokens a second, 0 where there were too few to measure.
func rate(tokens int, took time.Duration) float64 {
	if tokens < 8 || took <= 0 {
		return 0
	}
	return float64(int(10*float64(tokens)/took.Seconds())) / 10
}

// examiner asks and counts. It works on one question at a time.
type examiner struct {
	Subject
	parts map[string]*Part

	read, written    int // tokens
	reading, writing time.Duration
}

// grade counts one question of a part.
func (e *examiner) grade(part string, ok bool, fault string, a ...any) {
	p := e.parts[part]
	if p == nil {
		p = &Part{Name: part}
		e.parts[part] = p
	}
	p.Total++
	if ok {
		p.Passed++
	} else if len(p.Faults) < maxFaults {
		p.Faults = append(p.Faults, fmt.Sprintf(fault, a...))
	}
}

// unasked counts n questions of a part that do not fit into the context.
func (e *examiner) unasked(part string, n int) {
	if e.parts[part] == nil {
		e.parts[part] = &Part{Name: part}
	}
	e.parts[part].Unasked += n
}

// marks of chat templates: in an answer they say that the template is not the
// model's own.
var marks = []string{"<|", "[INST]", "[/INST]", "<start_of_turn>", "<end_of_turn>", "<｜"}

// ask puts a prompt to the model as production does, and grades what every
// answer must be. tokens is the length of the longest prompt.
func (e *examiner) ask(ctx context.Context, p llm.Prompt) (answer llm.Answer, tokens int, err error) {
	adapted, err := llm.Adapt(p, e.Model, e.Profile)
	if err != nil {
		return llm.Answer{}, 0, err
	}
	var responses []llm.Response
	for _, r := range adapted.Requests {
		r.Model, r.Logprobs = e.Model.ID, true
		res, err := e.timed(ctx, r)
		if err != nil {
			return llm.Answer{}, tokens, err
		}
		responses = append(responses, res)
		tokens = max(tokens, res.Usage.InputTokens)
		text := r.Prefill + res.Text
		e.grade(Turn, res.Finish == llm.FinishStop && !marked(res.Text), "%s", fault(res))
		if p.Kind == llm.TaskExtract {
			var object map[string]any
			e.grade(JSON, json.Unmarshal([]byte(text), &object) == nil, "wrote %s", short(text))
		}
	}
	return adapted.Read(responses), tokens, nil
}

func marked(s string) bool {
	for _, m := range marks {
		if strings.Contains(s, m) {
			return true
		}
	}
	return false
}

func fault(r llm.Response) string {
	if r.Finish != llm.FinishStop {
		return "did not end its turn: " + short(r.Text)
	}
	return "wrote marks of a chat template: " + short(r.Text)
}

// short quotes the beginning of what a model wrote.
func short(s string) string { return fmt.Sprintf("%q", clipped(s)) }

func clipped(s string) string {
	const most = 60
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}

// timed generates and measures: reading ends with the first token, writing
// with the last.
func (e *examiner) timed(ctx context.Context, r llm.Request) (llm.Response, error) {
	start := e.Now()
	var first, last time.Time
	tokens, before := 0, 0
	res, err := e.Provider.Generate(ctx, r, func(d llm.Delta) error {
		last = e.Now()
		if first.IsZero() {
			first, before = last, len(d.Tokens)
		}
		tokens += len(d.Tokens)
		return nil
	})
	if err != nil || first.IsZero() {
		return res, err
	}
	e.read += max(res.Usage.InputTokens-res.Usage.CachedTokens, 0)
	e.reading += first.Sub(start)
	if tokens > before {
		e.written += tokens - before
		e.writing += last.Sub(first)
	}
	return res, nil
}

func (e *examiner) extract(ctx context.Context, q question) error {
	answer, _, err := e.ask(ctx, llm.Prompt{Kind: llm.TaskExtract, Text: q.text, Fields: q.fields})
	tooLong := overflow(err)
	if err != nil && !tooLong {
		return err
	}
	for _, f := range q.fields {
		want, got := q.want[f.Name], answer.Values[f.Name]
		part := Fields
		switch {
		case q.german:
			part = Language
		case want == "null":
			part = Absent
		case f.Type == llm.TypeList:
			part = Lists
		}
		if tooLong {
			e.unasked(part, 1)
			continue
		}
		e.grade(part, same(got, want), "%s: %s, want %s", f.Name, said(got), want)
	}
	return nil
}

// said is what a model answered, in a few words.
func said(v llm.Value) string {
	if v.Null() && v.Problem != "" {
		return "no usable answer"
	}
	if v.Null() {
		return "null"
	}
	return clipped(string(v.JSON))
}

// same compares JSON values; an unanswered field is not absent.
func same(got llm.Value, want string) bool {
	if len(got.JSON) == 0 || want == "null" && got.Problem != "" {
		return false
	}
	a, okA := folded(got.JSON)
	b, okB := folded([]byte(want))
	x, errX := strconv.ParseFloat(a, 64)
	y, errY := strconv.ParseFloat(b, 64)
	return okA && okB && (a == b || errX == nil && errY == nil && x == y)
}

// folded writes JSON in one way: without space, without regard to case, and
// numbers like texts that say the same.
func folded(text []byte) (string, bool) {
	var v any
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber() // 1615.80 stays 1615.80
	if d.Decode(&v) != nil {
		return "", false
	}
	b, err := json.Marshal(v)
	return strings.ToLower(strings.Map(func(r rune) rune {
		if r == ' ' || r == '"' {
			return -1
		}
		return r
	}, string(b))), err == nil
}

func (e *examiner) classify(ctx context.Context, q sorted) error {
	answer, _, err := e.ask(ctx, llm.Prompt{Kind: llm.TaskClassify, Text: q.text, Instructions: "What kind of document is this?", Labels: kinds})
	if overflow(err) {
		e.unasked(Labels, 1)
		return nil
	}
	if err != nil {
		return err
	}
	got := answer.Values["label"]
	e.grade(Labels, same(got, `"`+q.want+`"`), "%s, want %s", said(got), q.want)
	return nil
}
