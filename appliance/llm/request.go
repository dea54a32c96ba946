package llm

import (
	"encoding/json"
	"math"
)

// Role of a message.
type Role string

// Roles of messages.
const (
	System    Role = "system"
	User      Role = "user"
	Assistant Role = "assistant"
)

// Message is one turn of a conversation.
type Message struct {
	Role  Role   `json:"role"`
	Parts []Part `json:"parts"`
}

// Part is a piece of a message. Untrusted parts come from documents or people:
// special-token strings inside them must never become control tokens.
type Part struct {
	Text      string `json:"text"`
	Untrusted bool   `json:"untrusted,omitempty"`
}

// Sampling says how tokens are chosen. The zero value is greedy decoding.
type Sampling struct {
	Temperature float64 `json:"temperature"` // 0 = greedy
	TopK        int     `json:"topK"`        // 0 = all
	TopP        float64 `json:"topP"`        // 0 or 1 = all
	Seed        uint64  `json:"seed"`
}

// Request asks a model for one completion.
type Request struct {
	Model     ModelID         `json:"model"`
	Messages  []Message       `json:"messages"`
	Prefill   string          `json:"prefill,omitempty"` // beginning of the answer, put into the model's mouth; the response starts after it
	Schema    json.RawMessage `json:"schema,omitempty"`  // JSON Schema of the whole answer, prefill included; only where the model has the capability
	Sampling  Sampling        `json:"sampling"`
	MaxTokens int             `json:"maxTokens"`      // upper bound of output tokens; 0 = what the context leaves
	Stop      []string        `json:"stop,omitempty"` // output ends before the first of these
	Logprobs  bool            `json:"logprobs"`       // want the log probability of every output token
}

// Delta is a piece of streamed output: whole UTF-8 characters only.
type Delta struct {
	Text   string  `json:"text,omitempty"`
	Tokens []Token `json:"tokens,omitempty"` // tokens behind Text, if log probabilities were wanted
}

// Token is one output token. The concatenation of all Bytes is the output,
// the end-of-turn token excluded.
type Token struct {
	Bytes []byte `json:"bytes"`

	// Logprob is the natural logarithm of the token's probability in the
	// distribution before temperature and cuts. Under a schema it is that among
	// the tokens which the schema allowed at this place.
	Logprob float64 `json:"logprob"`

	// Mass is the probability that the model gave to all the tokens which the
	// schema allowed, in (0, 1]; 0 without a schema, which means 1. Where it is
	// small, the model wanted to write something else.
	Mass float64 `json:"mass,omitempty"`

	// Forced says that the schema left no choice and the model was not asked.
	// The token says nothing about the model: its Logprob is 0.
	Forced bool `json:"forced,omitempty"`
}

// Raw returns the natural logarithm of the probability that the model itself
// gave the token, whatever a schema allowed.
func (t Token) Raw() float64 {
	if t.Mass > 0 && t.Mass < 1 {
		return t.Logprob + math.Log(t.Mass)
	}
	return t.Logprob
}

// FinishReason says why a completion ended.
type FinishReason string

// Finish reasons.
const (
	FinishStop   FinishReason = "stop"   // the model ended its turn, or a stop string was met
	FinishLength FinishReason = "length" // MaxTokens or the context was used up; the output is cut
)

// Usage counts what a call consumed.
type Usage struct {
	InputTokens    int   `json:"inputTokens"`
	CachedTokens   int   `json:"cachedTokens,omitempty"` // part of InputTokens served from a cache
	OutputTokens   int   `json:"outputTokens"`
	DurationMicros int64 `json:"durationMicros"` // wall time of the call in microseconds
}

// Add returns the sum of both usages.
func (u Usage) Add(v Usage) Usage {
	return Usage{u.InputTokens + v.InputTokens, u.CachedTokens + v.CachedTokens, u.OutputTokens + v.OutputTokens, u.DurationMicros + v.DurationMicros}
}

// Response is a whole completion.
type Response struct {
	Text   string       `json:"text"`
	Tokens []Token      `json:"tokens,omitempty"` // empty unless wanted and supported
	Finish FinishReason `json:"finish"`
	Usage  Usage        `json:"usage"`
}
