package llm

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
)

// Card says what a model is, what it was made from, what it is for and how well
// it did on documents that it never learnt from, so that whoever chooses it
// knows its limits. Every figure in it was measured on the locked weights.
type Card struct {
	Model        ModelID      `json:"model"`
	Title        string       `json:"title"`
	About        string       `json:"about"`
	IntendedUse  []string     `json:"intendedUse"`
	Limits       []string     `json:"limits"` // what it cannot do
	Languages    []string     `json:"languages"`
	Licence      string       `json:"licence"` // SPDX identifier, of the weights and of what generated the training data
	Architecture Architecture `json:"architecture"`
	Training     Training     `json:"training"`
	Digests      CardDigests  `json:"digests"`
	Exam         Exam         `json:"exam"`
	Bars         []Bar        `json:"bars"`
	Figures      []Figure     `json:"figures"`
}

// Architecture is the shape of a model, as its file states it.
type Architecture struct {
	Family        string `json:"family"`     // for example qwen3
	Parameters    int64  `json:"parameters"` // numbers in all tensors
	Layers        int    `json:"layers"`
	Width         int    `json:"width"`
	Heads         int    `json:"heads"`
	KVHeads       int    `json:"kvHeads"`
	HeadWidth     int    `json:"headWidth"`
	FeedForward   int    `json:"feedForward"`
	Vocabulary    int    `json:"vocabulary"` // tokens
	ContextTokens int    `json:"contextTokens"`
	Quantisation  string `json:"quantisation"` // of the matrices, for example Q8_0
	SizeBytes     int64  `json:"sizeBytes"`
}

// Training is where the weights come from.
type Training struct {
	Data   string   `json:"data"`
	Recipe []string `json:"recipe"` // stages in order
	Seeds  []uint64 `json:"seeds"`
	Tokens int64    `json:"tokens"` // seen in all stages, repetitions included
}

// CardDigests pin what a card speaks of, as SHA-256 in hex.
type CardDigests struct {
	Weights   string `json:"weights"`
	Tokenizer string `json:"tokenizer"`
	Profile   string `json:"profile"`
	Generator string `json:"generator"` // source of what generates documents and questions
}

// Exam says how the figures of a card were measured.
type Exam struct {
	Engine      string  `json:"engine"`
	Seed        uint64  `json:"seed"`
	Documents   int     `json:"documents"` // of each split
	Schema      bool    `json:"schema"`    // answers were held to a JSON Schema
	Calibration string  `json:"calibration"`
	Threshold   float64 `json:"threshold"` // chosen for escalation, on the calibration split; 0 = none
}

// Bar is a figure that was aimed at, whether or not it was reached.
type Bar struct {
	What   string `json:"what"`
	Want   string `json:"want"` // for example "≥ 97 %"
	Figure Figure `json:"figure"`
	Met    bool   `json:"met"`
}

// Figure is one thing measured on N cases, with the bounds of its 95 %
// interval.
type Figure struct {
	Measure string  `json:"measure"`         // for example field-exact
	Split   string  `json:"split,omitempty"` // set of documents
	Slice   string  `json:"slice,omitempty"` // what the set is cut by, for example language; empty = all of it
	Key     string  `json:"key,omitempty"`   // part of the slice, for example de
	Value   float64 `json:"value"`
	Low     float64 `json:"low"`
	High    float64 `json:"high"`
	N       int     `json:"n"`
}

// ParseCard reads a card and refuses one with unknown keys, without limits, or
// with a figure that rests on nothing.
func ParseCard(data []byte) (Card, error) {
	var c Card
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&c); err != nil {
		return Card{}, fmt.Errorf("model card: %w", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return Card{}, fmt.Errorf("model card %s: there is something after the end of the object", c.Model)
	}
	switch {
	case c.Model == "":
		return Card{}, fmt.Errorf("model card: it names no model")
	case len(c.Limits) == 0:
		return Card{}, fmt.Errorf("model card %s: it states no limits; every model has some", c.Model)
	case c.Digests.Weights == "":
		return Card{}, fmt.Errorf("model card %s: it does not pin its weights", c.Model)
	case c.Licence == "":
		return Card{}, fmt.Errorf("model card %s: it names no licence", c.Model)
	}
	for _, f := range c.Figures {
		if f.N <= 0 || !(f.Low <= f.Value && f.Value <= f.High) {
			return Card{}, fmt.Errorf("model card %s: the figure %s of %s %s rests on %d cases with %v in [%v, %v]", c.Model, f.Measure, f.Split, f.Key, f.N, f.Value, f.Low, f.High)
		}
	}
	return c, nil
}

// Number writes a value of the figure as its measure is read: a share in per
// cent, or a number with its unit.
func (f Figure) Number(v float64) string {
	switch f.Measure {
	case "auroc", "ece", "ece-mass", "residual-error":
		return fmt.Sprintf("%.3f", v)
	case "documents-per-second":
		return fmt.Sprintf("%.1f/s", v)
	case "load-ms":
		return fmt.Sprintf("%.0f ms", v)
	case "size-mb":
		return fmt.Sprintf("%.1f MB", v)
	}
	return fmt.Sprintf("%.1f %%", 100*v)
}

// String writes the figure's value.
func (f Figure) String() string { return f.Number(f.Value) }
