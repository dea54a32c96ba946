package exam

import (
	"fmt"
	"slices"

	"skerry/appliance/llm"
)

// shares is the least share of a part that a model has to pass to be given the
// work that the part is about. They are meant to keep out what cannot do the
// work at all, well above what guessing gives; how good a model is at the
// site's own work is for rehearsals to find out.
var shares = map[string]float64{
	JSON: 0.9, Fields: 0.5, Lists: 0.5, Labels: 0.6, Language: 0.5, Schemas: 0.9, Tools: 0.6, Vectors: 0.9,
}

// provenTokens is the context of a model that found no needle: the questions of
// the exam itself are about that long.
const provenTokens = 512

// Bound returns m with what the exam has borne out and no more, and the reasons
// for what it took away. A part that the exam does not ask of such a model takes
// nothing; one that did not fit into its context bears out nothing.
func (s Scorecard) Bound(m llm.Model) (llm.Model, []string) {
	var reasons []string
	fails := func(part string) bool {
		i := slices.IndexFunc(s.Parts, func(p Part) bool { return p.Name == part })
		if i < 0 {
			return false
		}
		p := s.Parts[i]
		if p.Total == 0 {
			return p.Unasked > 0
		}
		return float64(p.Passed) < shares[part]*float64(p.Total)
	}
	takes := func(part, what string, had bool, take func()) {
		if had && fails(part) {
			take()
			p := s.Parts[slices.IndexFunc(s.Parts, func(p Part) bool { return p.Name == part })]
			if p.Total == 0 {
				reasons = append(reasons, fmt.Sprintf("%s: no question of the part %q fits into its context of %d tokens; import it with a longer one", what, part, m.ContextTokens))
				return
			}
			reasons = append(reasons, fmt.Sprintf("%s: it passed %d of %d in the part %q, and %.0f %% are needed", what, p.Passed, p.Total, part, 100*shares[part]))
		}
	}
	c := &m.Capabilities
	without := func(t llm.TaskKind) func() {
		return func() {
			c.Tasks = slices.DeleteFunc(slices.Clone(c.Tasks), func(other llm.TaskKind) bool { return other == t })
		}
	}
	for _, part := range []string{JSON, Fields} {
		takes(part, "no extraction", c.Can(llm.TaskExtract), without(llm.TaskExtract))
	}
	takes(Labels, "no classification", c.Can(llm.TaskClassify), without(llm.TaskClassify))
	takes(Lists, "no lists", c.Lists, func() { c.Lists = false })
	takes(Tools, "no tools", c.Tools, func() { c.Tools = false })
	takes(Schemas, "no schemas", c.JSONSchema, func() { c.JSONSchema = false })
	takes(Vectors, "no embeddings", c.Embeddings > 0, func() { c.Embeddings = 0 })
	takes(Language, "no German", slices.Contains(c.Languages, "de"), func() {
		c.Languages = slices.DeleteFunc(slices.Clone(c.Languages), func(l string) bool { return l == "de" })
	})
	if s.needled() && s.NeedleTokens < int(0.9*needleLengths[len(needleLengths)-1]*float64(m.ContextTokens)) {
		proven := min(max(s.NeedleTokens, provenTokens), m.ContextTokens)
		if proven < m.ContextTokens {
			reasons = append(reasons, fmt.Sprintf("a context of %d tokens: in longer texts it did not find every line that it was asked for", proven))
			m.ContextTokens = proven
		}
	}
	return m, reasons
}

// needled reports whether the exam asked for anything in long texts.
func (s Scorecard) needled() bool {
	return slices.ContainsFunc(s.Parts, func(p Part) bool { return p.Name == Needles && p.Total > 0 })
}
