package api

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"skerry/appliance/llm"
	"skerry/appliance/mission"
)

// view is a run beside what is needed to show it.
type view struct {
	run     *mission.Run
	journal []mission.Observation
	mission mission.Mission
	texts   map[string]string // of documents, by input; only those that can be shown
}

// fold returns the run with the given id.
func (a *API) fold(ctx context.Context, id mission.RunID) (*mission.Run, error) {
	run, _, err := a.journal(ctx, id)
	return run, err
}

func (a *API) journal(ctx context.Context, id mission.RunID) (*mission.Run, []mission.Observation, error) {
	journal, err := a.Runs.Observations(ctx, id, 0, 0)
	if err == nil && len(journal) == 0 {
		err = notFound("run", string(id))
	}
	if err != nil {
		return nil, nil, err
	}
	run, err := mission.Fold(journal)
	if err != nil {
		return nil, nil, fmt.Errorf("journal of run %s: %w", id, opaque(err))
	}
	return run, journal, nil
}

func (a *API) view(ctx context.Context, id mission.RunID) (*view, error) {
	run, journal, err := a.journal(ctx, id)
	if err != nil {
		return nil, err
	}
	v := &view{run: run, journal: journal, texts: map[string]string{}}
	// A run outlives no version of its mission, but it must be readable even
	// if one were lost: then fields have no types.
	if v.mission, err = a.Missions.MissionVersion(ctx, run.Mission, run.Version); err != nil && !errors.Is(err, mission.ErrNotFound) {
		return nil, err
	}
	for input, read := range run.Documents {
		if v.texts[input], err = a.readText(ctx, read); err != nil {
			return nil, err
		}
	}
	return v, nil
}

// index matches the element number in the path of a step.
var index = regexp.MustCompile(`\[[0-9]+\]`)

// step returns what the mission says about the step at path: the last element
// of the path is its id.
func (v *view) step(path string) *mission.Step {
	id := index.ReplaceAllString(path, "")
	id = id[strings.LastIndexByte(id, '.')+1:]
	return findStep(v.mission.Steps, id)
}

func findStep(steps []mission.Step, id string) *mission.Step {
	for i := range steps {
		s := &steps[i]
		if s.ID == id {
			return s
		}
		if s.Each != nil {
			if found := findStep(s.Each.Steps, id); found != nil {
				return found
			}
		}
		if s.Branch != nil {
			for j := range s.Branch.Arms {
				if found := findStep(s.Branch.Arms[j].Steps, id); found != nil {
					return found
				}
			}
		}
	}
	return nil
}

// spec is what a mission says about one value of a step.
type spec struct {
	llm.Field
	from mission.Expr
}

// specs returns the values of a step in the order in which the author wrote
// them.
func specs(s *mission.Step) []spec {
	switch {
	case s == nil:
	case s.Extract != nil:
		list := make([]spec, len(s.Extract.Fields))
		for i, f := range s.Extract.Fields {
			list[i] = spec{f, s.Extract.From}
		}
		return list
	case s.Classify != nil:
		label := llm.Field{Name: "label", Type: llm.TypeEnum}
		for _, l := range s.Classify.Into {
			label.Values = append(label.Values, l.Name)
		}
		return []spec{{label, s.Classify.From}}
	case s.Generate != nil:
		return []spec{{llm.Field{Name: "text", Type: llm.TypeString}, s.Generate.From}}
	}
	return nil
}

// paths returns the paths of the steps in the order in which they began.
func (v *view) paths() []string {
	var paths []string
	for i := range v.journal {
		if p := v.journal[i].Step; p != "" && !slices.Contains(paths, p) {
			paths = append(paths, p)
		}
	}
	return paths
}

// fields returns every value that the run found, as it stands now.
func (v *view) fields() []RunField {
	var fields []RunField
	for _, p := range v.paths() {
		fields = append(fields, v.stepFields(p)...)
	}
	return fields
}

// stepFields returns the values of one step: those that the mission names in
// its order, then any other by name.
func (v *view) stepFields(path string) []RunField {
	s := v.run.Steps[path]
	if s == nil {
		return nil
	}
	values := s.Values
	if values == nil && s.Generated != nil {
		values = s.Generated.Values
	}
	list := specs(v.step(path))
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if !slices.ContainsFunc(list, func(f spec) bool { return f.Name == name }) {
			list = append(list, spec{Field: llm.Field{Name: name, Type: llm.TypeString}})
		}
	}
	var fields []RunField
	for _, f := range list {
		value, ok := values[f.Name]
		if !ok {
			continue
		}
		field := RunField{Step: path, Name: f.Name, Type: f.Type, Value: value.JSON, Confidence: value.Confidence, Source: value.Source,
			Problem: value.Problem, Evidence: v.evidence(f.from, value.Evidence), Settled: s.Settled != nil && !s.Settled.Broken}
		if g := s.Generated; g != nil {
			field.Minimum = g.Minimum
			if value.Source != llm.FromPerson {
				field.Attempt, field.Model = s.Answered, g.Model
			}
		}
		fields = append(fields, field)
	}
	return fields
}

// document matches an expression that is a document, or its text.
var document = regexp.MustCompile(`^\s*input\.([A-Za-z_][A-Za-z0-9_]*)(\.text)?\s*$`)

// evidence returns where in a document a value was found, or nil where the
// step did not read a document as it is, or its text cannot be shown.
func (v *view) evidence(from mission.Expr, span *llm.Span) *Evidence {
	m := document.FindStringSubmatch(string(from))
	if span == nil || m == nil {
		return nil
	}
	text := v.texts[m[1]]
	if span.Start < 0 || span.End <= span.Start || span.End > len(text) {
		return nil
	}
	start := units(text[:span.Start])
	quote := text[span.Start:span.End]
	return &Evidence{Input: m[1], Start: start, End: start + units(quote), Quote: quote}
}

// units returns the length of s in UTF-16 code units, which browsers count in.
func units(s string) int {
	n := 0
	for _, r := range s {
		if w := utf16.RuneLen(r); w > 0 {
			n += w
		} else {
			n++ // half a character becomes U+FFFD
		}
	}
	return n
}

// steps returns the steps with their attempts.
func (v *view) steps() []RunStep {
	byPath := map[string]*RunStep{}
	var order []string
	for i := range v.journal {
		o := &v.journal[i]
		if o.Step == "" {
			continue
		}
		s := byPath[o.Step]
		if s == nil {
			s = &RunStep{Path: o.Step}
			byPath[o.Step] = s
			order = append(order, o.Step)
		}
		s.observe(o)
	}
	var steps []RunStep
	for _, p := range order {
		s := byPath[p]
		s.State, s.Why, s.Decision = v.stepState(v.run.Steps[p])
		steps = append(steps, *s)
	}
	return steps
}

// observe takes the attempts of the step one observation further.
func (s *RunStep) observe(o *mission.Observation) {
	switch o.Kind {
	case mission.KindRouted:
		r := o.Routed
		s.Attempts = append(s.Attempts, RunAttempt{Attempt: o.Attempt, Grade: r.Route.Grade, Pool: r.Route.Pool, Model: r.Route.Model, Lock: r.Lock,
			Boundary: r.Boundary, Class: r.Class, Rule: r.Route.Rule, Rejected: r.Route.Rejected, State: "calling", Confidence: llm.Unknown()})
	case mission.KindGenerated:
		if t := s.attempt(o.Attempt); t != nil {
			g := o.Generated
			t.State, t.Confidence, t.Weakest, t.Minimum = "answered", g.Confidence, g.Weakest, g.Minimum
			t.Usage, t.CostMicros, t.Adapted = g.Usage, g.CostMicros, g.Adapted
		}
	case mission.KindFailed:
		if t := s.attempt(o.Attempt); t != nil {
			f := o.Failed
			t.State, t.Error, t.Usage, t.CostMicros = "failed", string(f.Error)+": "+f.Message, f.Usage, f.CostMicros
		}
	case mission.KindSettled:
		if t := s.attempt(o.Settled.Attempt); t != nil {
			t.Used = true
		}
	}
}

func (s *RunStep) attempt(n int) *RunAttempt {
	for i := range s.Attempts {
		if s.Attempts[i].Attempt == n {
			return &s.Attempts[i]
		}
	}
	return nil
}

func (v *view) stepState(s *mission.StepState) (state, why, decision string) {
	if s == nil {
		return "running", "", ""
	}
	switch {
	case s.Settled != nil && s.Settled.Skipped:
		return "skipped", s.Settled.Why, s.Decision
	case s.Settled != nil && s.Settled.Broken:
		return "broken", s.Settled.Why, s.Decision
	case s.Settled != nil:
		return "settled", "", s.Decision
	case s.Parked != nil:
		return "parked", s.Parked.Why, s.Decision
	}
	if d := v.run.Decisions[s.Decision]; d != nil && d.Open() {
		return "waiting", d.Why, s.Decision
	}
	return "running", "", s.Decision
}

// rail returns the Explain rail so far.
func (v *view) rail(lang string) []RailEntry {
	rail := make([]RailEntry, len(v.journal))
	for i, o := range v.journal {
		rail[i] = RailEntry{Seq: o.Seq, At: o.At, Kind: o.Kind, Step: o.Step, Attempt: o.Attempt, Sentence: o.Sentence(lang)}
		switch o.Kind {
		case mission.KindGenerated:
			rail[i].CostMicros = o.Generated.CostMicros
		case mission.KindFailed:
			rail[i].CostMicros = o.Failed.CostMicros
		}
	}
	return rail
}

func railEvent(o mission.Observation, lang string) RailEvent {
	return RailEvent{o, o.Sentence(lang)}
}

// documents returns the input documents in the order of the mission's input.
func (v *view) documents() []RunDocument {
	var list []RunDocument
	for _, input := range v.inputs() {
		ref := v.run.Input[input].Document
		if ref == nil {
			continue
		}
		read := v.run.Documents[input]
		list = append(list, RunDocument{Input: input, Name: ref.Name, SizeBytes: ref.SizeBytes, SHA256: ref.SHA256, MediaType: read.MediaType,
			Pages: read.Pages, Characters: read.Characters, HasText: read.TextSHA256 != "", Problem: read.Problem})
	}
	return list
}

// inputs returns the names of the inputs, those that the mission names first.
func (v *view) inputs() []string {
	var names []string
	for _, f := range v.mission.Input {
		names = append(names, f.Name)
	}
	for _, n := range slices.Sorted(maps.Keys(v.run.Input)) {
		if !slices.Contains(names, n) {
			names = append(names, n)
		}
	}
	return names
}

// children returns the runs that this one started.
func (v *view) children() []mission.RunID {
	var ids []mission.RunID
	for i := range v.journal {
		if s := v.journal[i].Started; s != nil {
			ids = append(ids, s.Child)
		}
	}
	return ids
}

// valid returns s without what is not UTF-8, so that positions in it mean the
// same to everybody.
func valid(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}
