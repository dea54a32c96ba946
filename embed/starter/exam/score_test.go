package main

import (
	"encoding/json"
	"errors"
	"math"
	"testing"

	"skerry/appliance/llm"
)

func asked(document int, want map[string]string) question {
	q := question{Split: "clean", Document: document, Kind: "invoice", Language: "en", Layout: "plain", Prompt: llm.Prompt{Kind: llm.TaskExtract},
		Want: map[string]json.RawMessage{}, About: map[string]fieldNote{"a": {Canonical: "alpha"}, "b": {Canonical: "beta", Unseen: true}}}
	for _, name := range []string{"a", "b"} {
		q.Prompt.Fields = append(q.Prompt.Fields, llm.Field{Name: name, Type: llm.TypeString, Nullable: true})
		q.Want[name] = json.RawMessage(want[name])
	}
	return q
}

func said(values map[string]string, confidence ...llm.Confidence) llm.Answer {
	a := llm.Answer{Values: map[string]llm.Value{}}
	for i, name := range []string{"a", "b"} {
		if v, ok := values[name]; ok {
			a.Values[name] = llm.Value{JSON: json.RawMessage(v), Confidence: confidence[i], Source: llm.FromTokens}
		}
	}
	return a
}

// TestFigures: every kind of mistake lands in the figure that speaks of it.
func TestFigures(t *testing.T) {
	truth := map[string]string{"a": `"x"`, "b": `null`}
	all := []graded{
		grade(asked(0, truth), reply{}, said(map[string]string{"a": `"x"`, "b": `null`}, 0.99, 0.95)),
		grade(asked(1, truth), reply{}, said(map[string]string{"a": `null`, "b": `null`}, 0.3, 0.95)),    // lost
		grade(asked(2, truth), reply{}, said(map[string]string{"a": `"y"`, "b": `"made up"`}, 0.4, 0.5)), // wrong, and made up
		grade(asked(3, truth), reply{}, said(map[string]string{"a": `"x"`}, 0.99)),                       // no answer to b
		grade(asked(4, truth), reply{err: errors.New("the model went away")}, llm.Answer{}),              // no answer at all
		grade(asked(5, map[string]string{"a": `"x"`, "b": `"z"`}), reply{}, said(map[string]string{"a": `"x"`, "b": `"z"`}, 0.99, 0.2)),
	}
	got := figures("clean", all)
	for _, row := range []struct {
		measure, slice, key string
		right, n            int
	}{
		{fieldExact, "", "", 6, 12},
		{documentExact, "", "", 2, 6},
		{absentNull, "", "", 2, 5},
		{presentFound, "", "", 5, 7},
		{answered, "", "", 5, 6},
		{fieldExact, "field", "alpha", 3, 6},
		{fieldExact, "name", "unseen", 3, 6},
		{fieldExact, "noise", "none", 6, 12},
		{sureRight, "", "", 5, 5},
		{sureShare, "", "", 5, 12},
	} {
		f, ok := find(got, row.measure, "clean", row.slice, row.key)
		if want := float64(row.right) / float64(row.n); !ok || f.N != row.n || math.Abs(f.Value-want) > 1e-12 || f.Low > f.Value || f.High < f.Value {
			t.Errorf("%s %s %s: got %+v, want %d of %d", row.measure, row.slice, row.key, f, row.right, row.n)
		}
	}
	if f, _ := find(got, rocArea, "clean", "", ""); f.Value < 0.7 {
		t.Errorf("AUROC %+v", f)
	}
}

func TestEscalate(t *testing.T) {
	truth := map[string]string{"a": `"x"`, "b": `"z"`}
	g := func(a, b string, confidence llm.Confidence) graded {
		return grade(asked(0, truth), reply{}, said(map[string]string{"a": a, "b": b}, 0.99, confidence))
	}
	small := []graded{
		g(`"x"`, `"z"`, 0.95), // right and sure
		g(`"x"`, `"q"`, 0.40), // wrong and unsure: repaired
		g(`"x"`, `"q"`, 0.96), // wrong and sure: kept
		g(`"x"`, `"z"`, 0.50), // right and unsure: spoilt
		g(`"q"`, `"q"`, llm.Unknown()),
	}
	large := []graded{g(`"q"`, `"q"`, 1), g(`"x"`, `"z"`, 1), g(`"x"`, `"z"`, 1), g(`"q"`, `"z"`, 1), g(`"x"`, `"q"`, 1)}
	e := escalate(small, large, 0.9, nil)
	if want := (escalation{Threshold: 0.9, Steps: 5, Escalated: 3, Fields: 10, WrongAlone: 4, WrongRouted: 3}); e != want {
		t.Errorf("got %+v, want %+v", e, want)
	}
	if e.residual() != 0.75 || e.share() != 0.6 {
		t.Errorf("residual %v, share %v, want 0.75 and 0.6", e.residual(), e.share())
	}
	if e := escalate(small, large, 0, nil); e.Escalated != 1 {
		t.Errorf("at threshold 0 %d steps are escalated, want the one that is unknown", e.Escalated)
	}
	if e := escalate(small, large, 0.9, []int{0, 2, 0, 0, 1}); e.Steps != 3 || e.Escalated != 3 || e.WrongAlone != 4 || e.WrongRouted != 1 {
		t.Errorf("weighted: %+v", e)
	}
	for _, row := range []struct{ share, least, most float64 }{{0.2, 0.39, 0.41}, {0.4, 0.49, 0.51}, {0.6, 0.94, 0.96}, {0.1, 0, 0}, {1, 1, 1}} {
		if got := chooseThreshold(small, row.share); got < row.least || got > row.most {
			t.Errorf("threshold for %.0f %% of the steps is %v, want %v to %v", 100*row.share, got, row.least, row.most)
		}
	}
}

// TestBarsFail: a figure below its bar, or above where less is better, is not
// met.
func TestBarsFail(t *testing.T) {
	r := report{SizeBytes: 50e6, Models: []examined{{Role: small, Figures: []llm.Figure{
		{Measure: fieldExact, Split: "clean", Value: 0.9699, N: 100}, {Measure: fieldExact, Split: "noisy", Value: 0.88, N: 100},
		{Measure: calibration, Split: pooled, Value: 0.031, N: 100},
	}}}}
	r.judge()
	met := map[string]bool{}
	for _, j := range r.Bars {
		met[j.What] = j.Met
	}
	for what, want := range map[string]bool{"fields exact, clean text": false, "fields exact, noisy text": true, "ECE after calibration": false, "size of both in the binary": false} {
		if got, ok := met[what]; !ok || got != want {
			t.Errorf("%s: met = %v (judged: %v), want %v", what, got, ok, want)
		}
	}
	if _, ok := met["documents per second, 200 tokens, 6 fields"]; ok {
		t.Error("what was not measured is judged")
	}
}

func TestWithCalibration(t *testing.T) {
	c := &llm.Calibration{Extract: llm.Curve{{0, 0.1}, {1, 0.9}}}
	for _, before := range []string{
		`{"id":"a","file":"f","languages":["en","de"],"calibration":{"extract":[[0,0],[1,1]]},"note":"<&>"}`,
		`{"id":"a","file":"f","languages":["en","de"],"note":"<&>"}`,
	} {
		one, err := withCalibration(json.RawMessage(before), c)
		if err != nil {
			t.Fatal(err)
		}
		b, err := marshalCatalogue([]json.RawMessage{one})
		if err != nil {
			t.Fatal(err)
		}
		const want = `[
  {
    "id": "a",
    "file": "f",
    "languages": ["en", "de"],
    "note": "<&>",
    "calibration": {
      "extract": [
        [0, 0.1],
        [1, 0.9]
      ]
    }
  }
]
`
		if string(b) != want {
			t.Errorf("%s became\n%s want\n%s", before, b, want)
		}
	}
}

// TestHeldMixesCalibration: curves for lists and labels get the cases that they
// need, and no question is there twice.
func TestHeldMixesCalibration(t *testing.T) {
	questions, err := held(1, calibrationSplit, 24)
	if err != nil {
		t.Fatal(err)
	}
	kinds, seen := map[string]int{}, map[int]bool{}
	for _, q := range questions {
		kind := string(q.Prompt.Kind)
		for _, f := range q.Prompt.Fields {
			if f.Type == llm.TypeList {
				kind = listsSplit
			}
		}
		kinds[kind]++
		if seen[q.Document] {
			t.Errorf("document %d is asked about twice", q.Document)
		}
		seen[q.Document] = true
	}
	if kinds["extract"] != 16 || kinds[listsSplit] != 4 || kinds["classify"] != 4 {
		t.Errorf("of 24 questions: %v, want 16, 4 and 4", kinds)
	}
	if _, err := held(1, "train", 1); err == nil {
		t.Error("the training split can be examined")
	}
}
