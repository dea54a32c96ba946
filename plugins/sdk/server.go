package sdk

import (
	"context"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"skerry/appliance/llm"
	"skerry/plugins/sdk/wire"
)

// server is the provider's end of the wire.
type server struct {
	wire.UnimplementedProviderServer
	p llm.Provider
}

func (s *server) Describe(ctx context.Context, _ *wire.DescribeRequest) (*wire.DescribeResponse, error) {
	d, err := s.p.Describe(ctx)
	if err != nil {
		return nil, errorToWire(err)
	}
	return &wire.DescribeResponse{Name: d.Name, Version: d.Version, Engine: d.Engine}, nil
}

func (s *server) Models(ctx context.Context, _ *wire.ModelsRequest) (*wire.ModelsResponse, error) {
	ms, err := s.p.Models(ctx)
	if err != nil {
		return nil, errorToWire(err)
	}
	res := &wire.ModelsResponse{}
	for _, m := range ms {
		res.Models = append(res.Models, modelToWire(m))
	}
	return res, nil
}

func (s *server) Health(ctx context.Context, _ *wire.HealthRequest) (*wire.HealthResponse, error) {
	if err := s.p.Health(ctx); err != nil {
		return nil, errorToWire(err)
	}
	return &wire.HealthResponse{}, nil
}

func (s *server) Tokenize(ctx context.Context, r *wire.TokenizeRequest) (*wire.TokenizeResponse, error) {
	t, ok := s.p.(llm.Tokenizer)
	if !ok {
		return nil, status.Error(codes.Unimplemented, "this provider cannot count tokens")
	}
	ids, err := t.Tokenize(ctx, llm.ModelID(r.GetModel()), r.GetText())
	if err != nil {
		return nil, errorToWire(err)
	}
	return &wire.TokenizeResponse{Ids: ids}, nil
}

func (s *server) Embed(ctx context.Context, r *wire.EmbedRequest) (*wire.EmbedResponse, error) {
	e, ok := s.p.(llm.Embedder)
	if !ok {
		return nil, errorToWire(&llm.Error{Kind: llm.Invalid, Message: "this provider makes no embeddings"})
	}
	res, err := e.Embed(ctx, llm.EmbedRequest{Model: llm.ModelID(r.GetModel()), Texts: r.GetTexts()})
	if err != nil {
		return nil, errorToWire(err)
	}
	out := &wire.EmbedResponse{Usage: usageToWire(res.Usage)}
	for _, v := range res.Vectors {
		out.Vectors = append(out.Vectors, &wire.Vector{Values: v})
	}
	return out, nil
}

func (s *server) Generate(w *wire.GenerateRequest, stream grpc.ServerStreamingServer[wire.GenerateChunk]) error {
	c := newCoalescer(stream.Send)
	res, err := s.p.Generate(stream.Context(), requestFromWire(w), c.add)
	if sendErr := c.close(); err == nil {
		err = sendErr
	}
	if err != nil {
		return errorToWire(err)
	}
	return stream.Send(&wire.GenerateChunk{Done: &wire.Done{Finish: string(res.Finish), Usage: usageToWire(res.Usage)}})
}

// maxPending bounds, in bytes of text, what waits for the wire; the model
// waits when it is reached.
const maxPending = 64 << 10

// pace is the least time between two messages of a stream: a message costs both
// ends some hundred microseconds of processor time, whatever is in it, and
// nobody reads faster.
const pace = 10 * time.Millisecond

// coalescer joins deltas that come faster than the wire takes them, or than
// pace. A delta leaves at once if none left just before: the first one always
// does, and so does each one of a slow model.
type coalescer struct {
	send func(*wire.GenerateChunk) error
	done chan struct{} // closed when the sending goroutine has ended

	mu      sync.Mutex // guards the fields below
	changed sync.Cond
	waiting llm.Delta
	resting bool // a message left less than pace ago
	closed  bool
	err     error // of send; nothing is sent after it
}

func newCoalescer(send func(*wire.GenerateChunk) error) *coalescer {
	c := &coalescer{send: send, done: make(chan struct{})}
	c.changed.L = &c.mu
	go c.run()
	return c
}

// add is the emit function that the provider gets.
func (c *coalescer) add(d llm.Delta) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.waiting.Text)+len(c.waiting.Thinking) > maxPending && c.err == nil {
		c.changed.Wait()
	}
	w := &c.waiting
	w.Text += d.Text
	w.Thinking += d.Thinking
	w.Tokens = append(w.Tokens, d.Tokens...)
	w.Calls = append(w.Calls, d.Calls...)
	c.changed.Broadcast()
	return c.err
}

// full reports whether so much waits that it should not wait any longer.
func full(d llm.Delta) bool {
	return len(d.Text)+len(d.Thinking) > maxPending/4 || len(d.Tokens) > 256
}

// close sends what is left, waits for it and returns the first error of send.
func (c *coalescer) close() error {
	c.mu.Lock()
	c.closed = true
	c.changed.Broadcast()
	c.mu.Unlock()
	<-c.done
	return c.err
}

func (c *coalescer) run() {
	defer close(c.done)
	rest := time.AfterFunc(time.Hour, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.resting = false
		c.changed.Broadcast()
	})
	defer rest.Stop()
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		for (c.waiting.Empty() || c.resting && !full(c.waiting)) && !c.closed && c.err == nil {
			c.changed.Wait()
		}
		if c.err != nil || c.waiting.Empty() {
			return
		}
		w := c.waiting
		chunk := &wire.GenerateChunk{
			Text: strings.ToValidUTF8(w.Text, "\uFFFD"), Thinking: strings.ToValidUTF8(w.Thinking, "\uFFFD"),
			Tokens: tokensToWire(w.Tokens), Calls: callsToWire(w.Calls),
		}
		c.waiting = llm.Delta{}
		if !c.closed {
			c.resting = true
			rest.Reset(pace)
		}
		c.mu.Unlock()
		err := c.send(chunk)
		c.mu.Lock()
		c.err = err
		c.changed.Broadcast()
	}
}
