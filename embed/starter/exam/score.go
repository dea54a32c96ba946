package main

import (
	"skerry/appliance/llm"
	"skerry/embed/starter/exam/stat"
)

// graded is an answer with its marks.
type graded struct {
	question
	fields []mark
	right  bool           // every field
	least  llm.Confidence // of the fields; what escalation looks at
	failed error          // why there was no answer
}

// mark is the verdict on one field.
type mark struct {
	field      llm.Field
	note       fieldNote
	value      llm.Value
	right      bool
	wantAbsent bool
	given      bool // there was an answer that can be used, perhaps null
	gotAbsent  bool
	list       listResult // lists only
}

// grade compares an answer with what is true. A field that the answer lacks is
// wrong.
func grade(q question, r reply, a llm.Answer) graded {
	g := graded{question: q, right: true, failed: r.err, least: llm.Unknown()}
	for _, f := range q.fields() {
		m := mark{field: f, note: q.About[f.Name], value: llm.Value{Confidence: llm.Unknown()}, wantAbsent: absent(q.Want[f.Name])}
		if v, ok := a.Values[f.Name]; ok {
			m.value, m.gotAbsent = v, absent(v.JSON)
			// A null with a problem is what was read of an answer that cannot be
			// used, and no answer that there is nothing.
			m.given = !m.gotAbsent || v.Problem == ""
			m.right = m.given && same(f, v.JSON, q.Want[f.Name])
		}
		if f.Type == llm.TypeList {
			m.list = compareLists(f, m.value.JSON, q.Want[f.Name])
		}
		g.right = g.right && m.right
		g.fields = append(g.fields, m)
	}
	if len(a.Values) > 0 {
		g.least, _ = a.Least()
	}
	return g
}

// gradeAll reads and grades all replies with one calibration.
func (e *examinee) gradeAll(questions []question, replies []reply, c *llm.Calibration) []graded {
	all := make([]graded, len(questions))
	for i, q := range questions {
		all[i] = grade(q, replies[i], e.read(q, replies[i], c))
	}
	return all
}

// points returns the confidences of the fields that keep chooses, for
// statistics. An unknown confidence counts as none at all.
func points(all []graded, keep func(graded, mark) bool) []stat.Point {
	var list []stat.Point
	for i, g := range all {
		for _, m := range g.fields {
			if !keep(g, m) {
				continue
			}
			p := stat.Point{Right: m.right, Cluster: i}
			if m.value.Confidence.Known() {
				p.Score = float64(m.value.Confidence)
			}
			list = append(list, p)
		}
	}
	return list
}

// escalation is what a larger model does for a smaller one: a question whose
// least confidence is below the threshold is put to it, and its answer taken.
type escalation struct {
	Threshold   float64 `json:"threshold"`
	Steps       int     `json:"steps"`
	Escalated   int     `json:"escalated"`
	Fields      int     `json:"fields"`
	WrongAlone  int     `json:"wrongAlone"`  // fields, small model alone
	WrongRouted int     `json:"wrongRouted"` // fields, with escalation
}

// Share returns the share of steps that are escalated.
func (e escalation) share() float64 { return float64(e.Escalated) / float64(e.Steps) }

// Residual returns the field error with escalation over that without.
func (e escalation) residual() float64 { return float64(e.WrongRouted) / float64(e.WrongAlone) }

// escalate routes every question: small and large hold the same questions in
// the same order. times says how often each counts; nil = once.
func escalate(small, large []graded, threshold float64, times []int) escalation {
	e := escalation{Threshold: threshold}
	for i := range small {
		n := 1
		if times != nil {
			n = times[i]
		}
		taken := small[i]
		if !small[i].least.AtLeast(threshold) {
			taken = large[i]
			e.Escalated += n
		}
		e.Steps += n
		for k := range taken.fields {
			e.Fields += n
			if !small[i].fields[k].right {
				e.WrongAlone += n
			}
			if !taken.fields[k].right {
				e.WrongRouted += n
			}
		}
	}
	return e
}

// chooseThreshold returns the highest threshold at which no more than the
// given share of the steps is escalated.
func chooseThreshold(small []graded, share float64) float64 {
	best := 0.0
	for i := range 1000 {
		t := float64(i+1) / 1000
		n := 0
		for _, g := range small {
			if !g.least.AtLeast(t) {
				n++
			}
		}
		if float64(n) > share*float64(len(small)) {
			break
		}
		best = t
	}
	return best
}
