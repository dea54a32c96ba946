package main

import (
	"skerry/appliance/llm"
)

// Measures that are no share of answers.
const (
	residualError  = "residual-error" // field error with escalation over that without
	escalatedShare = "escalated"      // share of steps
	speedMeasure   = "documents-per-second"
	loadMeasure    = "load-ms"
	sizeMeasure    = "size-mb"
)

// bar is what the starter models are measured against.
type bar struct {
	what           string
	measure, split string
	slice, key     string
	small, larger  float64 // wanted of each; 0 = of this one nothing is
	most           bool    // the figure may not be above it, rather than below
}

// bars of the issue that the starter models answer. They are fixed; a model
// that misses one is reported as missing it.
var bars = []bar{
	{what: "fields exact, clean text", measure: fieldExact, split: "clean", small: 0.97, larger: 0.985},
	{what: "fields exact, noisy text", measure: fieldExact, split: "noisy", small: 0.88, larger: 0.93},
	{what: "fields exact, text from PDF pages", measure: fieldExact, split: "page", small: 0.88, larger: 0.93},
	{what: "fields never seen in training, named in words", measure: fieldExact, split: unseenSplit, slice: "name", key: "unseen", small: 0.85, larger: 0.90},
	{what: "absent fields answered null", measure: absentNull, split: pooled, small: 0.97, larger: 0.97},
	{what: "AUROC of the confidence", measure: rocArea, split: pooled, small: 0.90, larger: 0.90},
	{what: "ECE after calibration", measure: calibration, split: pooled, small: 0.03, larger: 0.03, most: true},
	{what: "field error left by escalation", measure: residualError, split: pooled, small: 1.0 / 3, most: true},
	{what: "steps escalated for that", measure: escalatedShare, split: pooled, small: 0.20, most: true},
	{what: "documents per second, 200 tokens, 6 fields", measure: speedMeasure, small: 8},
	{what: "load, warm", measure: loadMeasure, small: 150, larger: 150, most: true},
	{what: "size of both in the binary", measure: sizeMeasure, small: 40, most: true},
}

// judge compares all figures with the bars. What was not measured is left out.
func (r *report) judge() {
	for _, b := range bars {
		for _, m := range r.Models {
			want := b.small
			if m.Role == larger {
				want = b.larger
			}
			if want == 0 {
				continue
			}
			f, ok := r.figure(m, b)
			if !ok {
				continue
			}
			sign, met := "≥", f.Value >= want
			if b.most {
				sign, met = "≤", f.Value <= want
			}
			r.Bars = append(r.Bars, judgement{m.Role, llm.Bar{What: b.what, Want: sign + " " + llm.Figure{Measure: b.measure}.Number(want), Figure: f, Met: met}})
		}
	}
}

// figure finds what a bar speaks of.
func (r *report) figure(m examined, b bar) (llm.Figure, bool) {
	alone := func(v float64, n int) (llm.Figure, bool) {
		return llm.Figure{Measure: b.measure, Split: b.split, Value: v, Low: v, High: v, N: n}, true
	}
	switch b.measure {
	case residualError, escalatedShare:
		for _, e := range r.Routing {
			if e.Chosen && e.Split == b.split {
				if b.measure == residualError {
					return e.Residual, true
				}
				return e.Share, true
			}
		}
		return llm.Figure{}, false
	case speedMeasure:
		if m.Pace == nil {
			return llm.Figure{}, false
		}
		return alone(m.Pace.DocumentsPerSecond, m.Pace.Documents)
	case loadMeasure:
		if m.Pace == nil {
			return llm.Figure{}, false
		}
		return alone(m.Pace.LoadMillis, 1)
	case sizeMeasure:
		return alone(float64(r.SizeBytes)/1e6, len(r.Models))
	}
	return find(m.Figures, b.measure, b.split, b.slice, b.key)
}
