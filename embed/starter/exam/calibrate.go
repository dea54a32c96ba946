package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"skerry/appliance/llm"
	"skerry/embed/starter/corpus"
	"skerry/embed/starter/exam/stat"
)

// Names of splits that are treated in their own way.
const (
	calibrationSplit = "calibration"
	classifySplit    = "classify"
	chatSplit        = "chat"
	listsSplit       = "lists"
	unseenSplit      = string(corpus.Unseen)
)

// curveKnots bounds a fitted curve: more would follow the sample, not the model.
const curveKnots = 12

// fitted says how a curve was chosen.
type fitted struct {
	Method  string  `json:"method"`
	N       int     `json:"n"`
	Before  float64 `json:"lossBefore"` // log loss of the raw confidences
	After   float64 `json:"lossAfter"`  // cross-validated
	ECEFrom float64 `json:"eceBefore"`
	ECETo   float64 `json:"eceAfter"` // on what it was fitted on: flattering, for orientation only
}

// calibrate puts the calibration questions, fits curves where that was asked
// for, and keeps the marks, which the threshold is chosen from.
func (x *examination) calibrate(ctx context.Context, e *examinee, c *candidate, found *examined) error {
	n := x.o.n
	if x.o.calibrate {
		n *= calibrationFactor
	}
	questions, err := x.of(calibrationSplit, n)
	if err != nil {
		return err
	}
	replies, err := e.askAll(ctx, 1, questions)
	if err != nil {
		return err
	}
	if x.o.calibrate {
		raw := e.gradeAll(questions, replies, nil)
		found.Fits = map[string]fitted{}
		fit := func(name string, keep func(graded, mark) bool) llm.Curve {
			return fitCurve(found.Fits, name, points(raw, func(g graded, m mark) bool {
				// What a check decided is no estimate of the model's.
				return m.value.Source == llm.FromTokens && keep(g, m)
			}))
		}
		list := func(m mark) bool { return m.field.Type == llm.TypeList }
		c.calibration = &llm.Calibration{
			Extract:  fit("extract", func(g graded, m mark) bool { return g.Prompt.Kind == llm.TaskExtract && !list(m) }),
			List:     fit("list", func(_ graded, m mark) bool { return list(m) }),
			Classify: fit("classify", func(g graded, _ mark) bool { return g.Prompt.Kind == llm.TaskClassify }),
		}
		if err := c.calibration.Check(); err != nil {
			return fmt.Errorf("the fitted calibration is not one: %w", err)
		}
	}
	c.graded[calibrationSplit] = e.gradeAll(questions, replies, c.calibration)
	return nil
}

// leastPoints is the fewest cases that a curve is fitted to, with at least
// leastWrong wrong ones among them: fewer say nothing about its shape.
const (
	leastPoints = 80
	leastWrong  = 5
)

// fitCurve returns the best curve for points, nil where none helps, and notes
// how it was chosen.
func fitCurve(fits map[string]fitted, name string, points []stat.Point) llm.Curve {
	wrong := 0
	for _, p := range points {
		if !p.Right {
			wrong++
		}
	}
	f := fitted{Method: "too few cases", N: len(points)}
	if len(points) < leastPoints || wrong < leastWrong {
		fits[name] = f
		return nil
	}
	var curve stat.Curve
	f.Before, f.ECEFrom = stat.LogLoss(points), stat.ECE(stat.Bins(points, 15))
	curve, f.Method, f.After = stat.Calibrate(points, curveKnots)
	f.ECETo = f.ECEFrom
	var c llm.Curve
	if curve != nil {
		f.ECETo = stat.ECE(stat.Bins(curve.Map(points), 15))
		for _, k := range curve {
			c = append(c, [2]float64{k.Raw, k.Calibrated})
		}
	}
	fits[name] = f
	return c
}

// entry is what the exam needs of an entry of the catalogue.
type entry struct {
	ID            llm.ModelID      `json:"id"`
	Title         string           `json:"title"`
	File          string           `json:"file"`
	Profile       string           `json:"profile"`
	ContextTokens int              `json:"contextTokens"`
	Languages     []string         `json:"languages"`
	Calibration   *llm.Calibration `json:"calibration"`
}

func readCatalogue(path string) ([]entry, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var list []entry
	if err := json.Unmarshal(b, &list); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	for _, e := range list {
		if err := e.Calibration.Check(); err != nil {
			return nil, fmt.Errorf("%s: %s: %w", path, e.ID, err)
		}
	}
	return list, nil
}

// findFile returns the first entry that rests on a file of that name.
func findFile(list []entry, path string) (entry, bool) {
	for _, e := range list {
		if e.File == filepath.Base(path) {
			return e, true
		}
	}
	return entry{}, false
}

// writeCalibration puts the fitted curves into the catalogue and leaves
// everything else in it as it is, order included.
func writeCalibration(path string, models []examined) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var list []json.RawMessage
	if err := json.Unmarshal(b, &list); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	for i, raw := range list {
		var e entry
		if err := json.Unmarshal(raw, &e); err != nil {
			return err
		}
		for _, m := range models {
			if m.Model.ID == e.ID && m.Fits != nil {
				if list[i], err = withCalibration(raw, m.Calibration); err != nil {
					return err
				}
			}
		}
	}
	out, err := marshalCatalogue(list)
	if err != nil {
		return err
	}
	return os.WriteFile(path, out, 0o644) //nolint:gosec // part of the sources
}

// withCalibration replaces the key calibration of an object, or adds it last.
func withCalibration(object json.RawMessage, c *llm.Calibration) (json.RawMessage, error) {
	d := json.NewDecoder(bytes.NewReader(object))
	if _, err := d.Token(); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	b.WriteByte('{')
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, err
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, err
		}
		if key == "calibration" {
			continue
		}
		name, err := json.Marshal(key)
		if err != nil {
			return nil, err
		}
		b.Write(name)
		b.WriteByte(':')
		b.Write(value)
		b.WriteByte(',')
	}
	curves, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	b.WriteString(`"calibration":`)
	b.Write(curves)
	b.WriteByte('}')
	return b.Bytes(), nil
}

// marshalCatalogue indents the catalogue, with each curve on a line of its own.
func marshalCatalogue(list []json.RawMessage) ([]byte, error) {
	objects := make([][]byte, len(list))
	for i, o := range list {
		objects[i] = o
	}
	joined := slices.Concat([]byte("["), bytes.Join(objects, []byte(",")), []byte("]"))
	var b bytes.Buffer
	if err := json.Indent(&b, joined, "", "  "); err != nil {
		return nil, err
	}
	b.WriteByte('\n')
	return flat.ReplaceAllFunc(b.Bytes(), func(array []byte) []byte {
		return []byte("[" + strings.Join(strings.Fields(string(bytes.Trim(array, "[]"))), " ") + "]")
	}), nil
}

// flat finds arrays of numbers or of short strings, which are read better on
// one line.
var flat = regexp.MustCompile(`\[\s+(?:[-0-9.e]+|"[a-z-]*")(?:,\s+(?:[-0-9.e]+|"[a-z-]*"))*\s+\]`)
