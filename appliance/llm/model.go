package llm

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
)

// ModelID names a model in the catalogue, for example "starter".
type ModelID string

// DataClass names a data class of the site, for example "internal". The order
// of classes is a matter of policy; the zero value is no class at all and is
// never cleared for anything.
type DataClass string

// Boundary says where bytes go when a model is called.
type Boundary string

// Boundaries, from nearest to farthest.
const (
	Embedded Boundary = "embedded" // this host
	Site     Boundary = "site"     // this network
	External Boundary = "external" // outside the site
)

// TaskKind is a kind of work that a model can be asked to do.
type TaskKind string

// Task kinds that a [Prompt] can hold.
const (
	TaskExtract  TaskKind = "extract"
	TaskClassify TaskKind = "classify"
	TaskGenerate TaskKind = "generate"
)

// Capabilities says what a model can do as measured or declared. A capability
// that is absent is never assumed.
type Capabilities struct {
	Tasks         []TaskKind `json:"tasks"`                   // task kinds that its profile can express
	Lists         bool       `json:"lists,omitempty"`         // extract fields that are lists of objects
	Tools         bool       `json:"tools,omitempty"`         // native tool calls
	JSONSchema    bool       `json:"jsonSchema,omitempty"`    // native schema-constrained output
	Probabilities bool       `json:"probabilities,omitempty"` // log probability of every output token
	Thinking      bool       `json:"thinking,omitempty"`      // thinks before it answers, and says what apart from the answer
	Vision        bool       `json:"vision,omitempty"`        // sees images
	Embeddings    int        `json:"embeddings,omitempty"`    // length of its vectors; 0 = it makes none
	Languages     []string   `json:"languages,omitempty"`     // BCP 47; empty = not stated
}

// Can reports whether the model can do tasks of kind k.
func (c Capabilities) Can(k TaskKind) bool {
	for _, t := range c.Tasks {
		if t == k {
			return true
		}
	}
	return false
}

// Price of a model in micro-units of the site's currency. Local models are
// priced by CPU time, served ones by tokens. The zero Price is free.
type Price struct {
	InputMicrosPerMillion  int64 `json:"inputMicrosPerMillion,omitempty"`  // per 1,000,000 prompt tokens
	OutputMicrosPerMillion int64 `json:"outputMicrosPerMillion,omitempty"` // per 1,000,000 completion tokens
	MicrosPerSecond        int64 `json:"microsPerSecond,omitempty"`        // per second of wall time of the call
}

// CostMicros returns the cost of a call with usage u, rounded up so that no
// call that has a price is ever free.
func (p Price) CostMicros(u Usage) int64 {
	const million = 1_000_000
	tokens := int64(u.InputTokens)*p.InputMicrosPerMillion + int64(u.OutputTokens)*p.OutputMicrosPerMillion
	cpu := u.DurationMicros * p.MicrosPerSecond
	return ceilDiv(tokens, million) + ceilDiv(cpu, million)
}

func ceilDiv(a, b int64) int64 {
	if a <= 0 {
		return 0
	}
	return (a + b - 1) / b
}

// Model is an entry of the catalogue: what can be asked, and the lock of
// exactly what answers.
type Model struct {
	ID            ModelID      `json:"id"`
	Title         string       `json:"title"`
	Provider      string       `json:"provider"`
	Boundary      Boundary     `json:"boundary"`
	Profile       string       `json:"profile"` // name of the prompt profile it is spoken to with
	ContextTokens int          `json:"contextTokens"`
	Capabilities  Capabilities `json:"capabilities"`
	Price         Price        `json:"price"`
	Starter       bool         `json:"starter,omitempty"`     // a starter model of Skerry, with the limits that its card states
	Note          string       `json:"note,omitempty"`        // what a person choosing it should know
	Calibration   *Calibration `json:"calibration,omitempty"` // of its confidences; nil = they are taken as they come
	Lock          Lock         `json:"lock"`
}

// Lock pins everything that decides what a model answers. Two calls with equal
// locks, requests and seeds are meant to give equal answers.
type Lock struct {
	Weights     string   `json:"weights"`               // SHA-256 of the weights file in hex, or the provider's version id
	Profile     string   `json:"profile"`               // SHA-256 of the prompt profile in hex
	Calibration string   `json:"calibration,omitempty"` // SHA-256 of the calibration in hex; absent = none
	Engine      string   `json:"engine"`                // build of the engine or adapter
	Sampling    Sampling `json:"sampling"`              // how tokens are chosen
}

// Digest returns the first 16 hex digits of the SHA-256 of the lock's JSON,
// which is how observations name it.
func (l Lock) Digest() string {
	b, err := json.Marshal(l)
	if err != nil { // a Lock holds only strings and numbers; NaN sampling is refused at load
		return ""
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:8])
}
