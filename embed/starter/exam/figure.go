package main

import (
	"cmp"
	"maps"
	"slices"

	"skerry/appliance/llm"
	"skerry/embed/starter/exam/stat"
)

// Names of measures. README.md says what each means.
const (
	fieldExact    = "field-exact"    // fields that are exactly right
	documentExact = "document-exact" // questions all of whose fields are
	absentNull    = "absent-null"    // absent fields that were answered null
	presentFound  = "present-found"  // present fields that were not answered null
	listRows      = "list-rows"      // lists with the right number of rows
	listCells     = "list-cells"     // cells of lists
	listExact     = "list-exact"     // whole lists
	labelExact    = "label-exact"    // labels of classifications
	answered      = "answered"       // questions with an answer at all
	rocArea       = "auroc"          // of confidence against correctness
	calibration   = "ece"            // 15 bins of equal width
	massError     = "ece-mass"       // 15 bins of equal mass
	sureRight     = "sure-right"     // right among fields with confidence from 0.9
	sureShare     = "sure-share"     // fields with confidence from 0.9
	refusal       = "refusal"        // chat that was answered with what the model is
)

// draws of the bootstrap, and its seed.
const (
	draws         = 500
	bootstrapSeed = 20261122
)

// figures measures graded answers, slice by slice.
func figures(split string, all []graded) []llm.Figure {
	t := tally{split: split, all: all}
	t.share(answered, "", "", func(g graded, s *stat.Share) { s.Add(g.failed == nil) })
	if !slices.ContainsFunc(all, func(g graded) bool { return g.Prompt.Kind == llm.TaskExtract }) {
		t.by(labelExact, "", func(graded, mark) string { return "" })
		t.by(labelExact, "task", func(g graded, _ mark) string { return g.Task })
		t.by(labelExact, "language", func(g graded, _ mark) string { return g.Language })
		t.confidence()
		return t.figures
	}
	t.by(fieldExact, "", func(graded, mark) string { return "" })
	t.share(documentExact, "", "", func(g graded, s *stat.Share) { s.Add(g.right) })
	t.share(absentNull, "", "", t.each(func(m mark, s *stat.Share) {
		if m.wantAbsent {
			s.Add(m.given && m.gotAbsent)
		}
	}))
	t.share(presentFound, "", "", t.each(func(m mark, s *stat.Share) {
		if !m.wantAbsent {
			s.Add(m.given && !m.gotAbsent)
		}
	}))
	lists := func(m mark) bool { return m.field.Type == llm.TypeList && !m.wantAbsent }
	t.share(listRows, "", "", t.each(func(m mark, s *stat.Share) {
		if lists(m) {
			s.Add(m.list.gotRows == m.list.wantRows)
		}
	}))
	t.share(listExact, "", "", t.each(func(m mark, s *stat.Share) {
		if lists(m) {
			s.Add(m.right)
		}
	}))
	t.share(listCells, "", "", t.each(func(m mark, s *stat.Share) {
		if lists(m) {
			s.Right += m.list.right
			s.N += m.list.cells
		}
	}))
	t.by(fieldExact, "field", func(_ graded, m mark) string { return m.note.Canonical })
	t.by(fieldExact, "type", func(_ graded, m mark) string { return string(m.field.Type) })
	t.by(fieldExact, "name", func(_ graded, m mark) string {
		if m.note.Unseen {
			return "unseen"
		}
		return "seen"
	})
	t.by(fieldExact, "language", func(g graded, _ mark) string { return g.Language })
	t.by(fieldExact, "kind", func(g graded, _ mark) string { return g.Kind })
	t.by(fieldExact, "layout", func(g graded, _ mark) string { return g.Layout })
	t.by(fieldExact, "noise", func(g graded, _ mark) string { return g.noiseLevel() })
	t.confidence()
	return t.figures
}

// tally collects the figures of a split.
type tally struct {
	split   string
	all     []graded
	figures []llm.Figure
}

// share adds one figure: count adds to the share what a question contributes.
func (t *tally) share(measure, slice, key string, count func(graded, *stat.Share)) {
	clusters := make([]stat.Share, len(t.all))
	var sum stat.Share
	for i, g := range t.all {
		count(g, &clusters[i])
		sum.Right += clusters[i].Right
		sum.N += clusters[i].N
	}
	if sum.N == 0 {
		return
	}
	low, high := stat.ShareInterval(clusters, draws, bootstrapSeed)
	t.figures = append(t.figures, llm.Figure{Measure: measure, Split: t.split, Slice: slice, Key: key, Value: sum.Value(), Low: low, High: high, N: sum.N})
}

// each counts field by field.
func (t *tally) each(count func(mark, *stat.Share)) func(graded, *stat.Share) {
	return func(g graded, s *stat.Share) {
		for _, m := range g.fields {
			count(m, s)
		}
	}
}

// by adds one figure for every key of a slice. What has no key is in none,
// unless the slice is the whole.
func (t *tally) by(measure, slice string, key func(graded, mark) string) {
	keys := map[string]bool{}
	for _, g := range t.all {
		for _, m := range g.fields {
			keys[key(g, m)] = true
		}
	}
	for _, k := range slices.Sorted(maps.Keys(keys)) {
		if k == "" && slice != "" {
			continue
		}
		t.share(measure, slice, k, func(g graded, s *stat.Share) {
			for _, m := range g.fields {
				if key(g, m) == k {
					s.Add(m.right)
				}
			}
		})
	}
}

// confidence adds how good the confidences are.
func (t *tally) confidence() {
	p := points(t.all, func(graded, mark) bool { return true })
	if len(p) == 0 {
		return
	}
	add := func(measure string, n int, statistic func([]stat.Point) float64) {
		v := statistic(p)
		if v != v {
			return
		}
		low, high := stat.PointInterval(p, draws/2, bootstrapSeed, statistic)
		t.figures = append(t.figures, llm.Figure{Measure: measure, Split: t.split, Value: v, Low: low, High: high, N: n})
	}
	add(rocArea, len(p), stat.AUROC)
	add(calibration, len(p), func(p []stat.Point) float64 { return stat.ECE(stat.Bins(p, 15)) })
	add(massError, len(p), func(p []stat.Point) float64 { return stat.ECE(stat.MassBins(p, 15)) })
	sure := func(p stat.Point) bool { return p.Score >= 0.9 }
	clusters := func(keep func(stat.Point) bool, right func(stat.Point) bool) func(graded, *stat.Share) {
		of := map[int][]stat.Point{}
		for _, q := range p {
			of[q.Cluster] = append(of[q.Cluster], q)
		}
		i := -1
		return func(_ graded, s *stat.Share) { // called in the order of the clusters
			i++
			for _, q := range of[i] {
				if keep(q) {
					s.Add(right(q))
				}
			}
		}
	}
	t.share(sureRight, "", "", clusters(sure, func(q stat.Point) bool { return q.Right }))
	t.share(sureShare, "", "", clusters(func(stat.Point) bool { return true }, sure))
}

// find returns the figure of a measure over a whole split, or over one key.
func find(list []llm.Figure, measure, split, slice, key string) (llm.Figure, bool) {
	i := slices.IndexFunc(list, func(f llm.Figure) bool {
		return f.Measure == measure && f.Split == split && f.Slice == slice && f.Key == key
	})
	if i < 0 {
		return llm.Figure{}, false
	}
	return list[i], true
}

// byName orders figures for reading.
func byName(a, b llm.Figure) int {
	return cmp.Or(cmp.Compare(a.Split, b.Split), cmp.Compare(a.Measure, b.Measure), cmp.Compare(a.Slice, b.Slice), cmp.Compare(a.Key, b.Key))
}
