package mission

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"skerry/appliance/llm"
)

// objection is a reason why a run cannot just be approved: a step that could
// not be done, or a person who said no.
type objection struct {
	id, path string
	what     string // "broken", "rejected", "referred"
	why      string
}

func (s *scheduler) objections() []objection {
	var out []objection
	for _, path := range slices.Sorted(maps.Keys(s.run.Steps)) {
		st := s.run.Steps[path]
		if st.Settled == nil {
			continue
		}
		if st.Settled.Broken && !st.Settled.Skipped {
			out = append(out, objection{idOf(path), path, "broken", st.Settled.Why})
		}
		d := s.run.Decisions[st.Decision]
		if d == nil || d.Settled == nil || d.Kind != Gate {
			continue
		}
		switch {
		case d.Settled.Outcome == Reject, d.Settled.Outcome == Expire && d.Settled.Then == "reject":
			out = append(out, objection{idOf(path), path, "rejected", d.Settled.Reason})
		case d.Settled.Outcome == Expire:
			out = append(out, objection{idOf(path), path, "referred", d.Settled.Reason})
		}
	}
	return out
}

// careful reports whether a verdict lets nothing through.
func careful(is string) bool {
	return is == Rejected || is == Referred || is == Abstained || is == Failed
}

// verdict ends the run with the first outcome that applies. What was written
// for the good case never overrules an objection: an outcome that lets
// something through counts only if its condition names the objection, such as
// `when: invoice.broken`, or there is none.
func (s *scheduler) verdict() {
	env := s.scope(nil, nil)
	objections := s.objections()
	for i, o := range s.plan.mission.Verdict {
		if x := s.plan.when[i]; x != nil {
			held, err := env.truth(x)
			if err != nil {
				if len(objections) == 0 {
					s.end(VerdictData{Is: Referred, Code: "undecidable", Reason: fmt.Sprintf("whether it is %s cannot be told: %v", o.Is, err)})
					return
				}
				continue
			}
			if !held {
				continue
			}
		}
		if !careful(o.Is) {
			if left := unnamed(objections, s.plan.when[i]); len(left) > 0 {
				s.object(left)
				return
			}
		}
		v := VerdictData{Is: o.Is, Reason: o.Text.In("en"), Because: o.Text}
		if x := s.plan.because[i]; x != nil {
			if v.Because, v.Reason = s.inLanguages(x), env.words(x); v.Reason == "" {
				v.Reason = "no reason was given"
			}
		}
		s.end(v)
		return
	}
	if len(objections) > 0 {
		s.object(objections)
		return
	}
	s.end(VerdictData{Is: Referred, Code: "no-outcome", Reason: "none of the outcomes that the mission names applies"})
}

// inLanguages returns the reason of a check in every language that the
// platform speaks, where x is that reason and nothing else; nil otherwise,
// because what a person wrote is in one language.
func (s *scheduler) inLanguages(x *expression) Text {
	id, ok := strings.CutSuffix(x.source, ".reason")
	n := s.plan.nodes[id]
	if !ok || n == nil || n.Check == nil {
		return nil
	}
	c := s.state(n, nil).Checked
	if c == nil {
		return nil
	}
	return Text{"en": c.reason("en"), "de": c.reason("de")}
}

// unnamed returns the objections that the condition of an outcome does not
// look at.
func unnamed(all []objection, x *expression) []objection {
	return slices.DeleteFunc(slices.Clone(all), func(o objection) bool {
		return x != nil && (slices.Contains(x.chains, o.id+"."+o.what) || o.what != "broken" && slices.Contains(x.chains, o.id+".expired"))
	})
}

// object ends the run as the objections demand.
func (s *scheduler) object(objections []objection) {
	is, code := Rejected, "rejected"
	var reasons []string
	for _, o := range objections {
		if o.what != "rejected" {
			is, code = Referred, "broken-step"
			if o.what == "referred" {
				code = "expired"
			}
		}
		reasons = append(reasons, o.path+": "+o.why)
	}
	s.end(VerdictData{Is: is, Code: code, Reason: strings.Join(reasons, "; ")})
}

// end concludes the verdict, with the least confidence of the answers that
// count and everything that it rests on.
func (s *scheduler) end(v VerdictData) {
	least, known := llm.Unknown(), false
	cites := map[uint64]bool{}
	for _, path := range slices.Sorted(maps.Keys(s.run.Steps)) {
		st := s.run.Steps[path]
		if d := s.run.Decisions[st.Decision]; d != nil && d.Settled != nil {
			cites[d.SettleSeq] = true
		}
		if st.Checked != nil {
			cites[st.CheckSeq] = true
		}
		if st.Settled == nil || st.Settled.Skipped || st.Generated == nil {
			continue
		}
		cites[st.AnswerSeq] = true
		c := st.Generated.Confidence
		if st.Values != nil && !st.Settled.Broken {
			c, _ = llm.Answer{Values: st.Values}.Least()
		}
		if !known || !c.Known() || least.Known() && c < least {
			least = c
		}
		known = true
	}
	v.Confidence, v.Cites = least, slices.Sorted(maps.Keys(cites))
	if v.Cites == nil {
		v.Cites = []uint64{}
	}
	s.conclude(Observation{Kind: KindVerdict, Verdict: &v})
}
