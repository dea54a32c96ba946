package sdk

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"
	"pgregory.net/rapid"

	"skerry/appliance/llm"
	"skerry/appliance/llm/llmtest"
	"skerry/plugins/sdk/wire"
)

// connected returns a client of p over a connection in memory.
func connected(t *testing.T, p llm.Provider) *Client {
	t.Helper()
	l := bufconn.Listen(1 << 20)
	s := grpc.NewServer()
	wire.RegisterProviderServer(s, &server{p: p})
	go func() { _ = s.Serve(l) }()
	conn, err := grpc.NewClient("passthrough:///memory", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return l.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(); s.Stop() })
	return NewClient(conn)
}

func TestBothEndsConform(t *testing.T) {
	llmtest.Run(t, func(t *testing.T) llm.Provider { return connected(t, &llmtest.Fake{}) }, llmtest.Options{})
}

// TestNothingIsLostOnTheWire: a request, tokens and a model arrive as they were
// sent.
func TestNothingIsLostOnTheWire(t *testing.T) {
	request := llm.Request{
		Model: "m", Prefill: "{", Schema: []byte(`{"type":"object"}`), MaxTokens: 7, Stop: []string{"a", "b"}, Logprobs: true,
		Sampling: llm.Sampling{Temperature: 0.5, TopK: 3, TopP: 0.25, Seed: 1<<64 - 1, MinP: 0.125, RepeatPenalty: 1.5, RepeatTokens: 9},
		Messages: []llm.Message{{Role: llm.System, Parts: []llm.Part{{Text: "s"}}}, {Role: llm.User, Parts: []llm.Part{{Text: "é", Untrusted: true}, {Text: ""}, {Image: []byte("\x89PNG")}}},
			{Role: llm.Assistant, Thinking: "hm", Calls: []llm.ToolCall{{ID: "1", Name: "f", Arguments: []byte(`{}`)}}}, {Role: llm.ToolRole, CallID: "1"}},
		Tools:  []llm.Tool{{Name: "f", Description: "d", Parameters: []byte(`{"type":"object"}`)}},
		Choice: llm.ToolsRequired, Effort: llm.EffortLow,
	}
	if got := requestFromWire(requestToWire(request)); !equal(got, request) {
		t.Errorf("\n got %+v\nwant %+v", got, request)
	}
	tokens := []llm.Token{{Bytes: []byte("a\xff"), Logprob: -0.5, Mass: 0.25}, {Bytes: []byte("b"), Forced: true}, {}}
	if got := tokensFromWire(tokensToWire(tokens)); !equal(got, tokens) {
		t.Errorf("\n got %+v\nwant %+v", got, tokens)
	}
	model := llm.Model{
		ID: "m", Title: "M", Provider: "p", Boundary: llm.Site, Profile: "chatml", ContextTokens: 9, Starter: true, Note: "n",
		Capabilities: llm.Capabilities{Tasks: []llm.TaskKind{llm.TaskExtract}, Lists: true, Tools: true, JSONSchema: true, Probabilities: true, Languages: []string{"en"}, Thinking: true, Vision: true, Embeddings: 7},
		Price:        llm.Price{InputMicrosPerMillion: 1, OutputMicrosPerMillion: 2, MicrosPerSecond: 3},
		Lock:         llm.Lock{Weights: "w", Profile: "p", Engine: "e", Sampling: llm.Sampling{Temperature: 1, TopK: 2, TopP: 0.5, Seed: 4}},
	}
	if got := modelFromWire(modelToWire(model)); !equal(got, model) {
		t.Errorf("\n got %+v\nwant %+v", got, model)
	}
}

// TestErrorsCrossWhole: every kind arrives with its words, its cause and its
// time to try again.
func TestErrorsCrossWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		kinds := []llm.ErrorKind{llm.RateLimited, llm.Unavailable, llm.Invalid, llm.Unauthorised, llm.Filtered, llm.ContextOverflow, llm.Timeout, llm.Cancelled}
		want := &llm.Error{
			Kind:       rapid.SampledFrom(kinds).Draw(t, "kind"),
			Message:    rapid.StringN(0, 50, 200).Draw(t, "message"),
			RetryAfter: time.Duration(rapid.Int64Range(0, int64(time.Hour/time.Microsecond)).Draw(t, "retry after")) * time.Microsecond,
		}
		if cause := rapid.StringN(0, 50, 200).Draw(t, "cause"); cause != "" {
			want.Err = errors.New(cause)
		}
		var got *llm.Error
		if !errors.As(errorFromWire(t.Context(), errorToWire(want)), &got) || !equal(*got, *want) {
			t.Errorf("got %#v, want %#v", got, want)
		}
	})
	long := errorFromWire(t.Context(), errorToWire(&llm.Error{Kind: llm.Invalid, Message: strings.Repeat("x", 1<<20)}))
	if len(long.Error()) > 2*maxErrorText {
		t.Errorf("an error of %d bytes", len(long.Error()))
	}
}

// TestDeltasAreJoinedOnlyWhileTheWireIsBusy.
func TestDeltasAreJoinedOnlyWhileTheWireIsBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sent []string
		c := newCoalescer(func(w *wire.GenerateChunk) error {
			time.Sleep(time.Second) // of the bubble's clock
			sent = append(sent, w.GetText())
			return nil
		})
		for _, s := range []string{"a", "b", "c"} {
			if err := c.add(llm.Delta{Text: s}); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		if err := c.close(); err != nil || !equal(sent, []string{"a", "bc"}) {
			t.Errorf("sent %q, %v; want the first at once and the rest together", sent, err)
		}
	})
}

func TestASlowReaderSlowsTheModel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan struct{})
		c := newCoalescer(func(*wire.GenerateChunk) error { <-gate; return nil })
		added := 0
		go func() {
			for range 100 {
				_ = c.add(llm.Delta{Text: strings.Repeat("x", 10<<10)})
				added++
			}
		}()
		synctest.Wait()
		// What the wire holds and what waits for it are each bounded by
		// maxPending and the delta that reaches it; how many deltas the first
		// chunk joins depends on which goroutine runs first.
		const size = 10 << 10
		if most := 2 * (maxPending/size + 1); added > most {
			t.Errorf("%d deltas of 10 KiB were taken while nobody reads; want at most %d", added, most)
		}
		close(gate)
		synctest.Wait()
		if err := c.close(); err != nil || added != 100 {
			t.Errorf("in the end %d were taken, %v", added, err)
		}
	})
}

func TestAWireThatBreaksEndsTheModel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("broken")
		c := newCoalescer(func(*wire.GenerateChunk) error { return broken })
		_ = c.add(llm.Delta{Text: "a"})
		synctest.Wait()
		if err := c.add(llm.Delta{Text: "b"}); !errors.Is(err, broken) {
			t.Errorf("add after the break: %v", err)
		}
		if err := c.close(); !errors.Is(err, broken) {
			t.Errorf("close: %v", err)
		}
	})
}
