package llm

import (
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strconv"
)

// Prompt is a unit of model work as a mission means it: neutral, typed and
// free of any model's dialect. [Adapt] turns it into requests.
type Prompt struct {
	Kind         TaskKind `json:"kind"`
	Instructions string   `json:"instructions,omitempty"` // the author's own words; for generate, what to write
	Text         string   `json:"text"`                   // the untrusted text that the work is about
	Fields       []Field  `json:"fields,omitempty"`       // extract: what to find, in order
	Labels       []Label  `json:"labels,omitempty"`       // classify: what to choose from
	MaxTokens    int      `json:"maxTokens,omitempty"`    // generate: bound of the output; 0 = the profile's default
}

// FieldType is the type of an extracted value.
type FieldType string

// Field types. A decimal is exact and travels as a string or a JSON number
// with its digits kept; a date is ISO 8601 (YYYY-MM-DD).
const (
	TypeString  FieldType = "string"
	TypeDecimal FieldType = "decimal"
	TypeInteger FieldType = "integer"
	TypeDate    FieldType = "date"
	TypeBoolean FieldType = "boolean"
	TypeEnum    FieldType = "enum"
	TypeIBAN    FieldType = "iban"
	TypeList    FieldType = "list"
)

// Field is a value to extract.
type Field struct {
	Name     string    `json:"name"`
	Type     FieldType `json:"type"`
	About    string    `json:"about,omitempty"`    // what it means, for models that read descriptions
	Values   []string  `json:"values,omitempty"`   // enum: the allowed values
	Of       []Field   `json:"of,omitempty"`       // list: the fields of an element
	Nullable bool      `json:"nullable,omitempty"` // absent is a fine answer
}

// Label is a possible answer of a classification.
type Label struct {
	Name  string `json:"name"`
	About string `json:"about"`
}

// Confidence lies in [0, 1]; NaN if unknown, which escalates. It travels as
// JSON number or null.
type Confidence float64

// Unknown is the confidence of an answer that nothing is known about.
func Unknown() Confidence { return Confidence(math.NaN()) }

// Known reports whether c is a number in [0, 1].
func (c Confidence) Known() bool { return c >= 0 && c <= 1 }

// AtLeast reports whether c is known and not below bound.
func (c Confidence) AtLeast(bound float64) bool { return c.Known() && float64(c) >= bound }

// MarshalJSON writes null for an unknown confidence, and four decimals of any
// other, which is more than it can mean.
func (c Confidence) MarshalJSON() ([]byte, error) {
	if !c.Known() {
		return []byte("null"), nil
	}
	return strconv.AppendFloat(nil, math.Round(float64(c)*1e4)/1e4, 'f', -1, 64), nil
}

// UnmarshalJSON reads a number; null and anything outside [0, 1] is unknown.
func (c *Confidence) UnmarshalJSON(b []byte) error {
	var f *float64
	if err := json.Unmarshal(b, &f); err != nil {
		return err
	}
	*c = Unknown()
	if f != nil && Confidence(*f).Known() {
		*c = Confidence(*f)
	}
	return nil
}

// ConfidenceSource says what a confidence was derived from.
type ConfidenceSource string

// Sources of confidence.
const (
	FromTokens    ConfidenceSource = "token-probability" // least probable token of the value
	FromValidator ConfidenceSource = "validator"         // a check on the value decided
	FromAgreement ConfidenceSource = "agreement"         // several samples agree
	FromPerson    ConfidenceSource = "person"            // someone said so
	FromNothing   ConfidenceSource = "unknown"
)

// Value is one answered field or label.
type Value struct {
	JSON       json.RawMessage  `json:"json"` // the value; null = absent. A decimal is a JSON string with its exact digits
	Confidence Confidence       `json:"confidence"`
	Source     ConfidenceSource `json:"source"`
	Problem    string           `json:"problem,omitempty"` // why a validator distrusts it, in words
	Evidence   *Span            `json:"evidence,omitempty"`
}

// Null reports whether the value is absent.
func (v Value) Null() bool { return len(v.JSON) == 0 || string(v.JSON) == "null" }

// Span is a half-open byte range of the text that the prompt was about.
type Span struct {
	Start int `json:"start"`
	End   int `json:"end"`
}

// Answer is what a model said to a Prompt, typed. For classify it holds one
// value named "label", for generate one named "text".
type Answer struct {
	Values map[string]Value `json:"values"`
	Usage  Usage            `json:"usage"`
}

// Least returns the lowest confidence among the values and the name of the
// field that has it, the first by name where several do. One unknown makes the
// whole unknown; so is an answer without values.
func (a Answer) Least() (Confidence, string) {
	least, at := Unknown(), ""
	for _, name := range slices.Sorted(maps.Keys(a.Values)) {
		c := a.Values[name].Confidence
		if !c.Known() {
			return c, name
		}
		if at == "" || c < least {
			least, at = c, name
		}
	}
	return least, at
}
