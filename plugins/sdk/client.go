package sdk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"google.golang.org/grpc"

	"skerry/appliance/llm"
	"skerry/plugins/sdk/wire"
)

// maxOutputBytes bounds the text of one completion: a provider that never
// stops is cut off here.
const maxOutputBytes = 16 << 20

// Client is the host's end of the wire: a provider in another process as an
// llm.Provider. It trusts nothing it receives further than the types go.
type Client struct{ c wire.ProviderClient }

var (
	_ llm.Provider  = (*Client)(nil)
	_ llm.Tokenizer = (*Client)(nil)
	_ llm.Embedder  = (*Client)(nil)
)

// NewClient returns a client on a connection, which stays the caller's.
func NewClient(c grpc.ClientConnInterface) *Client { return &Client{wire.NewProviderClient(c)} }

// Describe implements llm.Provider.
func (c *Client) Describe(ctx context.Context) (llm.Description, error) {
	d, err := c.c.Describe(ctx, &wire.DescribeRequest{})
	if err != nil {
		return llm.Description{}, errorFromWire(ctx, err)
	}
	return llm.Description{Name: d.GetName(), Version: d.GetVersion(), Engine: d.GetEngine()}, nil
}

// Models implements llm.Provider.
func (c *Client) Models(ctx context.Context) ([]llm.Model, error) {
	r, err := c.c.Models(ctx, &wire.ModelsRequest{})
	if err != nil {
		return nil, errorFromWire(ctx, err)
	}
	var out []llm.Model
	for _, m := range r.GetModels() {
		out = append(out, modelFromWire(m))
	}
	return out, nil
}

// Health implements llm.Provider.
func (c *Client) Health(ctx context.Context) error {
	_, err := c.c.Health(ctx, &wire.HealthRequest{})
	return errorFromWire(ctx, err)
}

// Tokenize implements llm.Tokenizer. It returns an *llm.Error of kind invalid
// if the provider has no tokenizer.
func (c *Client) Tokenize(ctx context.Context, model llm.ModelID, text string) ([]int32, error) {
	if !utf8.ValidString(text) {
		return nil, notText
	}
	r, err := c.c.Tokenize(ctx, &wire.TokenizeRequest{Model: string(model), Text: text})
	if err != nil {
		return nil, errorFromWire(ctx, err)
	}
	return r.GetIds(), nil
}

// Embed implements llm.Embedder. It returns an *llm.Error of kind invalid if
// the provider makes no embeddings.
func (c *Client) Embed(ctx context.Context, r llm.EmbedRequest) (llm.EmbedResponse, error) {
	for _, t := range r.Texts {
		if !utf8.ValidString(t) {
			return llm.EmbedResponse{}, notText
		}
	}
	res, err := c.c.Embed(ctx, &wire.EmbedRequest{Model: string(r.Model), Texts: r.Texts})
	if err != nil {
		return llm.EmbedResponse{}, errorFromWire(ctx, err)
	}
	out := llm.EmbedResponse{Usage: usageFromWire(res.GetUsage())}
	for _, v := range res.GetVectors() {
		out.Vectors = append(out.Vectors, v.GetValues())
	}
	if len(out.Vectors) != len(r.Texts) {
		return llm.EmbedResponse{}, broken(fmt.Sprintf("it gave %d vectors for %d texts", len(out.Vectors), len(r.Texts)))
	}
	return out, nil
}

var notText = &llm.Error{Kind: llm.Invalid, Message: "the text is not valid UTF-8; convert it first"}

// Generate implements llm.Provider.
func (c *Client) Generate(ctx context.Context, r llm.Request, emit func(llm.Delta) error) (llm.Response, error) {
	for _, m := range r.Messages {
		for _, p := range m.Parts {
			if !utf8.ValidString(p.Text) {
				return llm.Response{}, notText
			}
		}
	}
	call, cancel := context.WithCancel(ctx) // ends the stream on every way out
	defer cancel()
	stream, err := c.c.Generate(call, requestToWire(r))
	if err != nil {
		return llm.Response{}, errorFromWire(ctx, err)
	}
	var text, thinking strings.Builder
	var res llm.Response
	for {
		chunk, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return llm.Response{}, broken("it ended the completion without saying why")
		}
		if err != nil {
			return llm.Response{}, errorFromWire(ctx, err)
		}
		if ctx.Err() != nil { // what had arrived already comes too late
			return llm.Response{}, ended(ctx)
		}
		d := llm.Delta{
			Text: chunk.GetText(), Thinking: chunk.GetThinking(),
			Tokens: tokensFromWire(chunk.GetTokens()), Calls: callsFromWire(chunk.GetCalls()),
		}
		if !d.Empty() {
			if text.Len()+len(d.Text)+thinking.Len()+len(d.Thinking) > maxOutputBytes {
				return llm.Response{}, broken("it produced more than 16 MiB of text")
			}
			for _, call := range d.Calls {
				if !json.Valid(call.Arguments) || call.Name == "" {
					return llm.Response{}, broken("it called the tool " + clip(call.Name) + " with arguments that are not JSON")
				}
			}
			text.WriteString(d.Text)
			thinking.WriteString(d.Thinking)
			res.Tokens = append(res.Tokens, d.Tokens...)
			res.Calls = append(res.Calls, d.Calls...)
			if emit != nil {
				if err := emit(d); err != nil {
					return llm.Response{}, err
				}
			}
		}
		if done := chunk.GetDone(); done != nil {
			res.Text, res.Thinking = text.String(), thinking.String()
			res.Finish, res.Usage = llm.FinishReason(done.GetFinish()), usageFromWire(done.GetUsage())
			if res.Finish != llm.FinishStop && res.Finish != llm.FinishLength && res.Finish != llm.FinishTools {
				return llm.Response{}, broken("it gave the unknown finish reason " + clip(done.GetFinish()))
			}
			return res, nil
		}
	}
}

// broken is the error of a provider that does not keep to the protocol.
func broken(what string) error {
	return &llm.Error{Kind: llm.Unavailable, Message: "the provider broke the protocol: " + what}
}
