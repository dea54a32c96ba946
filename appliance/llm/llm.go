// Package llm is the model-neutral contract between Skerry and whatever serves
// models: what a model is, what may be asked of it, what it answers and how it
// fails. It performs no I/O, holds no policy and imports only the standard
// library. Start with [Provider]; [Adapt] turns a neutral [Prompt] into the
// [Request] that one model understands.
package llm

import "context"

// Provider serves one or more models. Implementations must be safe for
// concurrent use. The conformance suite in llmtest says what they must do.
type Provider interface {
	// Describe returns the identity of the provider. It needs no model.
	Describe(ctx context.Context) (Description, error)

	// Models returns the models that can be asked now.
	Models(ctx context.Context) ([]Model, error)

	// Generate runs one completion. Every piece of output is handed to emit in
	// order as it is produced; emit may be nil. The response repeats the whole
	// output. When ctx ends, Generate frees what it holds and returns an
	// *Error of kind [Cancelled] or [Timeout] within 100 ms.
	// An error from emit ends the generation and is returned.
	Generate(ctx context.Context, r Request, emit func(Delta) error) (Response, error)

	// Health returns nil if the provider can serve, and an *Error otherwise.
	Health(ctx context.Context) error
}

// Tokenizer is implemented by providers that can count without generating.
type Tokenizer interface {
	// Tokenize returns the token ids of text in the vocabulary of model.
	// Special-token strings inside text are treated as plain text.
	Tokenize(ctx context.Context, model ModelID, text string) ([]int32, error)
}

// Embedder is implemented by providers with models that turn text into vectors.
type Embedder interface {
	// Embed returns the embeddings of texts. A text that does not fit into the
	// context is an *Error of kind [ContextOverflow]; nothing is cut in silence.
	Embed(ctx context.Context, r EmbedRequest) (EmbedResponse, error)
}

// Description says what a provider is.
type Description struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Engine  string `json:"engine,omitempty"` // build of the inference engine, part of every model lock
}
