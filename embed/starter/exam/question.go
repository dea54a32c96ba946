package main

import (
	"encoding/json"

	"skerry/appliance/llm"
)

// question is a held-out example: what a mission would ask, and what is true.
type question struct {
	Split    string
	Document int // the same number = the same document; the unit of resampling
	Kind     string
	Language string
	Layout   string
	Noise    float64 // share of damaged characters
	Task     string  // classify: what is decided, for example terms

	Prompt llm.Prompt
	Want   map[string]json.RawMessage // by field, or under "label"; null = absent
	About  map[string]fieldNote       // by field
}

// fieldNote is what the generator knows of a field that a question asks for.
type fieldNote struct {
	Canonical string // name of the fact behind it; "" = none, the field is named in words
	Unseen    bool   // the training never saw the name
}

// label is the name under which [llm.Adapted.Read] files a classification.
const label = "label"

// fields returns what the answer to q must hold.
func (q question) fields() []llm.Field {
	if q.Prompt.Kind == llm.TaskClassify {
		return []llm.Field{{Name: label, Type: llm.TypeEnum}}
	}
	return q.Prompt.Fields
}

// noiseLevel names the level of damage, as the card shows it.
func (q question) noiseLevel() string {
	switch {
	case q.Noise <= 0:
		return "none"
	case q.Noise <= 0.05:
		return "up to 5 %"
	}
	return "above 5 %"
}
