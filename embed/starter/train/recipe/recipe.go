package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
)

// recipe is all that decides what the models become: everything in it is
// reproduced from the seed.
type recipe struct {
	Seed      uint64             `json:"seed"`
	Tokenizer string             `json:"tokenizer"` // path of the vocabulary
	Records   map[string]records `json:"records"`
	Models    []model            `json:"models"` // in the order of training
}

// records is a file of training records, made by embed/starter/corpus/records.
// The ones named "held" are what training is watched on.
type records struct {
	Split    string  `json:"split"`
	Examples int     `json:"examples"`
	From     int     `json:"from"`  // index of the first example
	Short    float64 `json:"short"` // share of short examples, 0 to 1
	Asks     int     `json:"asks"`  // examples about each document, which share its computation; 0 for one
}

// held names the records that are never trained on.
const held = "held"

// model is a model to train, from a GGUF file or grown from another model.
type model struct {
	ID          string  `json:"id"`
	Name        string  `json:"name"`
	Description string  `json:"description"`
	GGUF        string  `json:"gguf"`
	Grow        *growth `json:"grow"`
	Stages      []stage `json:"stages"`
}

type growth struct {
	From   string `json:"from"` // id of the model
	Layers int    `json:"layers"`
	FFN    int    `json:"ffn"` // hidden units
}

// stage is a stretch of training with one mixture and one set of rates. A later
// stage continues the one before, its optimiser included.
type stage struct {
	Mix           map[string]float64 `json:"mix"`    // weight by name of records
	Tokens        float64            `json:"tokens"` // of this model at the end of the stage
	DecayTokens   float64            `json:"decayTokens"`
	DecayShape    string             `json:"decayShape"`
	WarmupTokens  float64            `json:"warmupTokens"`
	BatchTokens   float64            `json:"batchTokens"` // 0 for the trainer's default
	MatrixRate    float64            `json:"matrixRate"`
	EmbeddingRate float64            `json:"embeddingRate"`
	GainRate      float64            `json:"gainRate"`
	WeightDecay   float64            `json:"weightDecay"`
}

// read reads a recipe and rejects one that cannot work, before anything is
// computed.
func read(path string) (*recipe, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	r := &recipe{}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(r); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if err := r.check(); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return r, nil
}

func (r *recipe) check() error {
	if _, ok := r.Records[held]; !ok {
		return fmt.Errorf("there are no records named %q to watch the training on", held)
	}
	seen := map[string]bool{}
	for _, m := range r.Models {
		switch {
		case m.ID == "" || seen[m.ID]:
			return fmt.Errorf("the model id %q is empty or occurs twice", m.ID)
		case (m.GGUF == "") == (m.Grow == nil):
			return fmt.Errorf("model %s: give either gguf or grow", m.ID)
		case m.Grow != nil && !seen[m.Grow.From]:
			return fmt.Errorf("model %s grows from %q, which is not trained before it", m.ID, m.Grow.From)
		case len(m.Stages) == 0:
			return fmt.Errorf("model %s has no stages", m.ID)
		}
		seen[m.ID] = true
		before := 0.0
		for i, s := range m.Stages {
			switch {
			case s.Tokens <= before:
				return fmt.Errorf("model %s, stage %d: tokens count from the first stage and must rise, %.0f after %.0f", m.ID, i, s.Tokens, before)
			case s.DecayTokens > s.Tokens-before:
				return fmt.Errorf("model %s, stage %d: the decay is longer than the stage", m.ID, i)
			case len(s.Mix) == 0:
				return fmt.Errorf("model %s, stage %d: no records in the mix", m.ID, i)
			case s.MatrixRate <= 0 || s.EmbeddingRate <= 0 || s.GainRate <= 0:
				return fmt.Errorf("model %s, stage %d: a learning rate is not above 0", m.ID, i)
			}
			before = s.Tokens
			for name, weight := range s.Mix {
				if _, ok := r.Records[name]; !ok || name == held || weight <= 0 {
					return fmt.Errorf("model %s, stage %d: %q with weight %v is nothing to train on", m.ID, i, name, weight)
				}
			}
		}
	}
	return nil
}
