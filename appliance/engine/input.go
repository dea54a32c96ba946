package engine

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"skerry/appliance/llm"
	"skerry/appliance/mission"
)

// checkInput checks the input of a run against what its mission asks for and
// returns it in normal form. Everything that is wrong is reported at once.
func (e *Engine) checkInput(ctx context.Context, m mission.Mission, input map[string]mission.InputValue) (map[string]mission.InputValue, error) {
	var problems mission.Problems
	report := func(name, format string, args ...any) {
		problems = append(problems, mission.Problem{Path: "input." + name, Message: fmt.Sprintf(format, args...)})
	}
	out := make(map[string]mission.InputValue, len(input))
	known := map[string]bool{}
	for i := range m.Input {
		f := &m.Input[i]
		known[f.Name] = true
		v, given := input[f.Name]
		if given && v.Document == nil && null(v.JSON) {
			given = false
		}
		switch {
		case !given && f.Optional:
		case !given:
			report(f.Name, "mission %s needs %s", m.Name, describe(f))
		case f.Type == mission.InputDocument:
			if why := e.documentProblem(ctx, v); why != "" {
				report(f.Name, "%s", why)
				continue
			}
			out[f.Name] = mission.InputValue{Document: v.Document}
		case v.Document != nil:
			report(f.Name, "is a document; mission %s needs %s", m.Name, describe(f))
		default:
			field := llm.Field{Name: f.Name, Type: llm.FieldType(f.Type), Values: f.Values}
			normal, why := normalise(field, v.JSON)
			if why != "" {
				report(f.Name, "%s", why)
				continue
			}
			out[f.Name] = mission.InputValue{JSON: normal}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(input)) {
		if !known[name] {
			report(name, "mission %s has no such input; it has %s", m.Name, inputNames(m))
		}
	}
	if len(problems) > 0 {
		return nil, problems
	}
	return out, nil
}

// documentProblem says why v is no document that can be opened, "" if it is.
func (e *Engine) documentProblem(ctx context.Context, v mission.InputValue) string {
	if v.Document == nil {
		return "needs a document: upload a file and name it here"
	}
	r, err := e.Blobs.Open(ctx, v.Document.SHA256)
	if err != nil {
		return fmt.Sprintf("the file %q is not in the store (%v); upload it again", v.Document.Name, err)
	}
	if err := r.Close(); err != nil {
		return fmt.Sprintf("the file %q cannot be read back (%v); upload it again", v.Document.Name, err)
	}
	return ""
}

func describe(f *mission.InputField) string {
	switch {
	case f.Type == mission.InputDocument:
		return "a document here"
	case len(f.Values) > 0:
		return fmt.Sprintf("one of %q here", f.Values)
	}
	return fmt.Sprintf("a value of type %s here", f.Type)
}

func inputNames(m mission.Mission) string {
	if len(m.Input) == 0 {
		return "none"
	}
	s := ""
	for i := range m.Input {
		if i > 0 {
			s += ", "
		}
		s += m.Input[i].Name
	}
	return s
}
