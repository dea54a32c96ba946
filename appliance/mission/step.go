package mission

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
)

// maxItems bounds how often an each runs.
const maxItems = 500

// nothing is the output of a step that did nothing. A decide step that asked
// nobody says so; everything else is null.
func (n *node) nothing() json.RawMessage {
	if n.Decide != nil {
		return decideOutput(nil, "")
	}
	return json.RawMessage("{}")
}

// check evaluates the assertions of a check step and fixes its output. What
// was checked before a crash is not checked twice.
func (s *scheduler) check(n *node, st *StepState, env *scope) {
	c := st.Checked
	if c == nil {
		c = &CheckedData{Held: true, Results: []CheckResult{}}
		for i, a := range n.Check.That {
			res := CheckResult{Because: a.Because}
			var err error
			if res.Held, err = env.truth(n.that[i]); err != nil {
				res.Held, res.Detail = false, err.Error()
			} else if !res.Held {
				res.Detail = env.detail(n.that[i])
			}
			c.Held = c.Held && res.Held
			c.Results = append(c.Results, res)
		}
		s.conclude(Observation{Kind: KindChecked, Step: st.Path, Checked: c})
	}
	out := map[string]any{"held": c.Held, "reason": c.reason("en")}
	s.settle(st, SettledData{Output: jsonOf(out)})
}

// reason says in one language what does not hold; "" if everything does.
func (c *CheckedData) reason(lang string) string {
	var out []string
	for _, r := range c.Results {
		if r.Held {
			continue
		}
		s := tell(lang, "not so: ", "nicht so: ") + r.Because.In(lang)
		if r.Detail != "" {
			s += " (" + r.Detail + ")"
		}
		out = append(out, s)
	}
	return strings.Join(out, "; ")
}

// branch takes the first arm whose condition holds.
func (s *scheduler) branch(n *node, st *StepState, env *scope) {
	if st.Branched != nil { // before a crash
		s.settle(st, SettledData{Output: takenOutput(st.Branched.Taken)})
		return
	}
	taken := ""
	for i, x := range n.armWhen {
		held := x == nil
		if x != nil {
			var err error
			if held, err = env.truth(x); err != nil {
				s.broken(n, st, "the condition of %s cannot be evaluated: %v", n.Branch.Arms[i].Name, err)
				return
			}
		}
		if held {
			taken = n.Branch.Arms[i].Name
			break
		}
	}
	s.conclude(Observation{Kind: KindBranched, Step: st.Path, Branched: &BranchedData{Taken: taken}})
	s.settle(st, SettledData{Output: takenOutput(taken)})
}

func takenOutput(arm string) json.RawMessage {
	if arm == "" {
		return jsonOf(map[string]any{"taken": nil})
	}
	return jsonOf(map[string]any{"taken": arm})
}

// open fixes the elements of an each step.
func (s *scheduler) open(n *node, st *StepState, env *scope) {
	if st.Opened != nil {
		return
	}
	v, err := env.eval(n.in)
	if err != nil {
		s.broken(n, st, "its list cannot be evaluated: %v", err)
		return
	}
	l, ok := v.(traits.Lister)
	if !ok {
		s.broken(n, st, "its list is absent")
		return
	}
	if size, _ := l.Size().(types.Int); size > maxItems {
		s.broken(n, st, "its list has %d elements; at most %d are gone through", size, maxItems)
		return
	}
	items := []json.RawMessage{}
	for it := l.Iterator(); it.HasNext() == types.True; {
		items = append(items, encode(it.Next()))
	}
	s.conclude(Observation{Kind: KindOpened, Step: st.Path, Opened: &OpenedData{Items: items}})
}

// each lets the steps inside an each do what they can, and settles it when all
// have.
func (s *scheduler) each(n *node, idx []int, st *StepState) {
	done := true
	for i := range st.Opened.Items {
		done = s.walk(n.inner, append(slices.Clone(idx), i)) && done
	}
	if !done {
		return
	}
	items := []map[string]json.RawMessage{}
	for i := range st.Opened.Items {
		item := map[string]json.RawMessage{}
		for _, in := range stepsIn(n.Each.Steps, false) {
			if d := s.state(s.plan.nodes[in.ID], append(slices.Clone(idx), i)).Settled; d != nil {
				item[in.ID] = withFlags(d)
			}
		}
		items = append(items, item)
	}
	s.settle(st, SettledData{Output: jsonOf(map[string]any{"items": items})})
}

// child starts another mission, waits for it and takes its verdict.
func (s *scheduler) child(n *node, st *StepState, env *scope) {
	switch {
	case st.Returned != nil:
		b := st.Returned
		if b.Is == Failed || b.Is == CancelledVerdict {
			s.broken(n, st, "run %s of mission %s ended %s: %s", b.Child, n.Mission.Name, b.Is, b.Reason)
			return
		}
		fields := b.Fields
		if len(fields) == 0 {
			fields = json.RawMessage("{}")
		}
		s.settle(st, SettledData{Output: jsonOf(map[string]any{"verdict": b.Is, "reason": b.Reason, "run": b.Child, "fields": fields})})
	case st.Started != nil:
		// the engine appends returned when it has ended
	default:
		d := StartedData{Mission: n.Mission.Name, Input: map[string]InputValue{}, Step: st.Path}
		for name, x := range n.input {
			if x.ast.GetType(x.ast.Expr().ID()).TypeName() == "document" {
				in := s.run.Input[strings.TrimPrefix(x.chains[0], "input.")]
				if in.Document == nil {
					s.broken(n, st, "the document %s is absent", x.chains[0])
					return
				}
				d.Input[name] = in
				continue
			}
			v, err := env.eval(x)
			if err != nil {
				s.broken(n, st, "the input %s cannot be evaluated: %v", name, err)
				return
			}
			if v != ref.Val(types.NullValue) {
				d.Input[name] = InputValue{JSON: encode(v)}
			}
		}
		s.next.Children = append(s.next.Children, d)
	}
}

// Outputs returns the outputs of the steps that have settled, by id: what a
// parent sees of this run. Steps inside an each are seen through its items.
func (r *Run) Outputs() json.RawMessage {
	out := map[string]json.RawMessage{}
	for path, st := range r.Steps {
		if st.Settled != nil && !strings.ContainsRune(path, '.') {
			out[path] = withFlags(st.Settled)
		}
	}
	return jsonOf(out)
}

func number(c float64) string { return fmt.Sprintf("%.2f", c) }
