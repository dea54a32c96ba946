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
	ToolRole  Role = "tool" // what a tool answered; always untrusted
)

// Message is one turn of a conversation.
type Message struct {
	Role  Role   `json:"role"`
	Parts []Part `json:"parts"`

	Thinking string     `json:"thinking,omitempty"` // assistant: what it thought before it answered
	Calls    []ToolCall `json:"calls,omitempty"`    // assistant: the tools that it called
	CallID   string     `json:"callId,omitempty"`   // tool: the call that this answers
}

// Part is a piece of a message: text, or an image if Image is not empty.
// Untrusted parts come from documents or people: special-token strings inside
// them must never become control tokens.
type Part struct {
	Text      string `json:"text"`
	Untrusted bool   `json:"untrusted,omitempty"`
	Image     []byte `json:"image,omitempty"` // an encoded PNG or JPEG; only where the model has the capability
}

// Tool is something that a model may ask to be called. Skerry runs no tool
// because a model says so: a call is output like any other.
type Tool struct {
	Name        string          `json:"name"` // 1 to 64 of a-z, A-Z, 0-9, _ and -
	Description string          `json:"description,omitempty"`
	Parameters  json.RawMessage `json:"parameters"` // JSON Schema of the arguments, an object
}

// ToolCall is one call that a model asks for.
type ToolCall struct {
	ID        string          `json:"id"` // unique in the conversation
	Name      string          `json:"name"`
	Arguments json.RawMessage `json:"arguments"` // a JSON object that fits the parameters of the tool
}

// ToolChoice says whether a model calls tools: one of the constants, or the
// name of the one tool that it must call.
type ToolChoice string

// Tool choices. The zero value is ToolsAuto.
const (
	ToolsAuto     ToolChoice = ""         // as the model sees fit
	ToolsNone     ToolChoice = "none"     // it answers itself
	ToolsRequired ToolChoice = "required" // at least one call
)

// Effort says how much a model thinks before it answers.
type Effort string

// Efforts. A model that does not think ignores all but [EffortDefault], and a
// model that always thinks cannot be kept from it.
const (
	EffortDefault Effort = "" // as the model does by itself
	EffortNone    Effort = "none"
	EffortLow     Effort = "low"
	EffortMedium  Effort = "medium"
	EffortHigh    Effort = "high"
)

// Sampling says how tokens are chosen. The zero value is greedy decoding.
type Sampling struct {
	Temperature float64 `json:"temperature"` // 0 = greedy
	TopK        int     `json:"topK"`        // 0 = all
	TopP        float64 `json:"topP"`        // 0 or 1 = all
	Seed        uint64  `json:"seed"`

	// MinP drops tokens less probable than so much of the most probable one;
	// 0 = none.
	MinP float64 `json:"minP,omitempty"`
	// RepeatPenalty lowers the logits of the last RepeatTokens tokens of the
	// sequence, prompt included (Keskar et al. 2019, CTRL, section 4.1);
	// 0 or 1 = none.
	RepeatPenalty float64 `json:"repeatPenalty,omitempty"`
	RepeatTokens  int     `json:"repeatTokens,omitempty"` // 0 = 64
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

	Tools  []Tool     `json:"tools,omitempty"`      // what it may call; only where the model has the capability
	Choice ToolChoice `json:"toolChoice,omitempty"` // whether it must
	Effort Effort     `json:"effort,omitempty"`     // how much it thinks first
}

// Delta is a piece of streamed output: whole UTF-8 characters only.
type Delta struct {
	Text   string  `json:"text,omitempty"`
	Tokens []Token `json:"tokens,omitempty"` // tokens behind Text, if log probabilities were wanted

	Thinking string     `json:"thinking,omitempty"` // thought, not part of the answer
	Calls    []ToolCall `json:"calls,omitempty"`    // whole calls only
}

// Empty reports whether the delta says nothing.
func (d Delta) Empty() bool {
	return d.Text == "" && d.Thinking == "" && len(d.Tokens) == 0 && len(d.Calls) == 0
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
	FinishTools  FinishReason = "tools"  // the model waits for the answers of the tools that it called
)

// Usage counts what a call consumed.
type Usage struct {
	InputTokens    int   `json:"inputTokens"`
	CachedTokens   int   `json:"cachedTokens,omitempty"` // part of InputTokens served from a cache
	OutputTokens   int   `json:"outputTokens"`
	ThinkingTokens int   `json:"thinkingTokens,omitempty"` // part of OutputTokens that is thought
	DurationMicros int64 `json:"durationMicros"`           // wall time of the call in microseconds
	LoadMicros     int64 `json:"loadMicros,omitempty"`     // before that, waiting for the model to be loaded
}

// Add returns the sum of both usages.
func (u Usage) Add(v Usage) Usage {
	return Usage{
		InputTokens: u.InputTokens + v.InputTokens, CachedTokens: u.CachedTokens + v.CachedTokens,
		OutputTokens: u.OutputTokens + v.OutputTokens, ThinkingTokens: u.ThinkingTokens + v.ThinkingTokens,
		DurationMicros: u.DurationMicros + v.DurationMicros, LoadMicros: u.LoadMicros + v.LoadMicros,
	}
}

// Response is a whole completion.
type Response struct {
	Text   string       `json:"text"`
	Tokens []Token      `json:"tokens,omitempty"` // empty unless wanted and supported
	Finish FinishReason `json:"finish"`
	Usage  Usage        `json:"usage"`

	Thinking string     `json:"thinking,omitempty"` // what the model thought, apart from Text
	Calls    []ToolCall `json:"calls,omitempty"`
}

// EmbedRequest asks for the embeddings of texts.
type EmbedRequest struct {
	Model ModelID  `json:"model"`
	Texts []string `json:"texts"` // 1 to 512, none empty
}

// EmbedResponse holds one vector of unit length for each text, in their order.
type EmbedResponse struct {
	Vectors [][]float32 `json:"vectors"`
	Usage   Usage       `json:"usage"`
}
