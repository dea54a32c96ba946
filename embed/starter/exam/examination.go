package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"skerry/appliance/llm"
	"skerry/embed/starter/corpus"
	"skerry/embed/starter/exam/stat"
)

// examination is one run over all models and splits.
type examination struct {
	o          options
	candidates []*candidate
	questions  map[string][]question // by split; made when first needed
}

// candidate is a model to be examined, and its marks.
type candidate struct {
	id          llm.ModelID
	role        string
	path        string
	setup       setup
	calibration *llm.Calibration
	graded      map[string][]graded // by split
}

// newExamination finds out what is to be examined and how it is spoken to.
func newExamination(o options) (*examination, error) {
	entries, err := readCatalogue(o.catalogue)
	if err != nil {
		return nil, err
	}
	x := &examination{o: o, questions: map[string][]question{}}
	paths := []string{o.model, o.large}
	if o.model == "" {
		if len(entries) == 0 {
			return nil, fmt.Errorf("%s lists no model; name one with -model", o.catalogue)
		}
		var files []string
		for _, e := range entries {
			if !slices.Contains(files, e.File) { // one file may be in the catalogue with two profiles
				files = append(files, e.File)
			}
		}
		for i := range paths[:min(2, len(files))] {
			paths[i] = filepath.Join(filepath.Dir(o.catalogue), files[i])
		}
	}
	for i, path := range paths {
		if path == "" {
			continue
		}
		c := &candidate{id: idOf(path), role: []string{small, larger}[i], path: path, setup: o.setup, graded: map[string][]graded{}}
		if e, ok := findFile(entries, path); ok {
			c.id = e.ID
			c.setup.profile = cmp.Or(c.setup.profile, e.Profile)
			c.setup.context = cmp.Or(c.setup.context, e.ContextTokens)
			if !o.fresh && !o.calibrate {
				c.calibration = e.Calibration
			}
		}
		c.setup.profile = cmp.Or(c.setup.profile, corpus.ProfileName)
		x.candidates = append(x.candidates, c)
	}
	return x, nil
}

// of returns the questions of a split.
func (x *examination) of(split string, n int) ([]question, error) {
	if q, ok := x.questions[split]; ok {
		return q, nil
	}
	q, err := held(x.o.seed, split, n)
	if err != nil {
		return nil, fmt.Errorf("questions of %s: %w", split, err)
	}
	x.questions[split] = q
	return q, nil
}

// calibrationFactor is how many calibration questions there are for one of a
// reported split: curves need more cases than shares do.
const calibrationFactor = 4

// examine puts all questions to one candidate.
func (x *examination) examine(ctx context.Context, c *candidate) (found examined, err error) {
	weights, err := os.ReadFile(c.path)
	if err != nil {
		return found, err
	}
	e, err := start(ctx, c.setup, c.id, weights)
	if err != nil {
		return found, err
	}
	defer func() { err = errors.Join(err, e.close()) }()
	found = examined{Role: c.role, Model: e.model, SizeBytes: e.bytes}

	// The calibration split comes first: its curves and its threshold are fixed
	// before any reported question is put.
	if x.o.calibrate || len(x.candidates) > 1 {
		if err := x.calibrate(ctx, e, c, &found); err != nil {
			return found, err
		}
	}
	found.Calibration = c.calibration
	var all, labels []graded
	for _, split := range x.o.splits {
		if split == chatSplit {
			f, err := e.chat(ctx, x.o.seed)
			if err != nil {
				return found, err
			}
			found.Figures = append(found.Figures, f)
			continue
		}
		questions, err := x.of(split, x.o.n)
		if err != nil {
			return found, err
		}
		replies, err := e.askAll(ctx, 1, questions)
		if err != nil {
			return found, err
		}
		g := e.gradeAll(questions, replies, c.calibration)
		c.graded[split] = g
		found.Figures = append(found.Figures, figures(split, g)...)
		if split == classifySplit {
			labels = append(labels, g...)
		} else {
			all = append(all, g...)
		}
	}
	if len(all) > 0 {
		found.Figures = append(found.Figures, figures(pooled, all)...)
		found.Reliability = stat.Bins(points(all, func(graded, mark) bool { return true }), 10)
	}
	c.graded[pooled] = slices.Concat(all, labels)
	if x.o.pace > 0 {
		p, err := e.pace(ctx, x.o.seed, x.o.pace)
		if err != nil {
			return found, err
		}
		found.Pace = &p
	}
	return found, nil
}

// thresholdShare is the share of steps that the chosen threshold may escalate
// on the calibration split.
const thresholdShare = 0.20

// route measures escalation from the small model to the larger one, with the
// threshold from the calibration split and with the one missions start with.
func (x *examination) route() []routing {
	if len(x.candidates) < 2 {
		return nil
	}
	a, b := x.candidates[0], x.candidates[1]
	chosen := chooseThreshold(a.graded[calibrationSplit], thresholdShare)
	var list []routing
	for _, split := range append(slices.Clone(x.o.splits), pooled) {
		if len(a.graded[split]) == 0 {
			continue
		}
		for _, t := range []float64{chosen, 0.9} {
			list = append(list, measureRouting(split, a.graded[split], b.graded[split], t, t == chosen))
		}
	}
	slices.SortStableFunc(list, func(p, q routing) int {
		return cmp.Compare(btoi(q.Chosen), btoi(p.Chosen))
	})
	return list
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

func measureRouting(split string, a, b []graded, threshold float64, chosen bool) routing {
	r := routing{Split: split, Chosen: chosen, escalation: escalate(a, b, threshold, nil)}
	r.Share = llm.Figure{Measure: escalatedShare, Split: split, Value: r.share(), N: r.Steps}
	r.Share.Low, r.Share.High = stat.Interval(len(a), draws, bootstrapSeed, func(times []int) float64 {
		return escalate(a, b, threshold, times).share()
	})
	r.Residual = llm.Figure{Measure: residualError, Split: split, Value: r.residual(), N: r.Fields}
	r.Residual.Low, r.Residual.High = stat.Interval(len(a), draws, bootstrapSeed, func(times []int) float64 {
		return escalate(a, b, threshold, times).residual()
	})
	if r.Residual.Value != r.Residual.Value { // the small model made no error; JSON knows no NaN
		r.Residual.Value, r.Residual.Low, r.Residual.High = 0, 0, 0
	}
	return r
}
