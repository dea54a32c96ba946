package sdk

import (
	"context"
	"errors"
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
	var text strings.Builder
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
		d := llm.Delta{Text: chunk.GetText(), Tokens: tokensFromWire(chunk.GetTokens())}
		if d.Text != "" || len(d.Tokens) > 0 {
			if text.Len()+len(d.Text) > maxOutputBytes {
				return llm.Response{}, broken("it produced more than 16 MiB of text")
			}
			text.WriteString(d.Text)
			res.Tokens = append(res.Tokens, d.Tokens...)
			if emit != nil {
				if err := emit(d); err != nil {
					return llm.Response{}, err
				}
			}
		}
		if done := chunk.GetDone(); done != nil {
			res.Text, res.Finish, res.Usage = text.String(), llm.FinishReason(done.GetFinish()), usageFromWire(done.GetUsage())
			if res.Finish != llm.FinishStop && res.Finish != llm.FinishLength {
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
