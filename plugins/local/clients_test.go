//go:build cgo && !race

package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"skerry/appliance/llm"
	"skerry/plugins/local/gguf/gguftest"
)

// TestAThousandClients: a thousand at once get what each would get alone, or are
// told when to come again; those who give up take nothing with them, and
// afterwards all places are free.
func TestAThousandClients(t *testing.T) {
	p, err := open(settings{model: tinyFile(t, gguftest.TinyOf("llama")), threads: 1, batch: 64, queue: 100, parallel: 8, share: true, card: `{"id":"tiny"}`})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.runs.Close()
		p.engine.model.Backend().Close()
	})
	ask := func(ctx context.Context, n int) (string, error) {
		res, err := p.Generate(ctx, llm.Request{Model: "tiny", MaxTokens: 3, Messages: []llm.Message{
			{Role: llm.System, Parts: []llm.Part{{Text: "The same for all of them, long enough to be shared between calls."}}},
			{Role: llm.User, Parts: []llm.Part{{Text: fmt.Sprintf("number %d", n)}}},
		}}, nil)
		return res.Text, err
	}
	const kinds = 10
	var want [kinds]string
	for n := range want {
		if want[n], err = ask(t.Context(), n); err != nil {
			t.Fatal(err)
		}
	}
	if want[0] == want[1] && want[1] == want[2] && want[2] == want[3] {
		t.Fatalf("every question has the same answer, %q: a mix-up would not be seen", want[0])
	}
	before := runtime.NumGoroutine()
	var answered, refused, gone atomic.Int64
	var all sync.WaitGroup
	start := make(chan struct{})
	for client := range 1000 {
		all.Go(func() {
			<-start
			ctx, impatient := t.Context(), client%7 == 3
			if impatient {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, time.Duration(client)*time.Millisecond)
				defer cancel()
			}
			for {
				got, err := ask(ctx, client%kinds)
				var e *llm.Error
				switch {
				case err == nil && got == want[client%kinds]:
					answered.Add(1)
					return
				case err == nil:
					t.Errorf("client %d got %q, alone %q", client, got, want[client%kinds])
					return
				case impatient && ctx.Err() != nil:
					gone.Add(1)
					return
				case errors.As(err, &e) && e.Kind == llm.RateLimited && e.RetryAfter > 0:
					refused.Add(1)
					time.Sleep(time.Millisecond) // sooner than it was told: a rude client
				default:
					t.Errorf("client %d: %v", client, err)
					return
				}
			}
		})
	}
	close(start)
	all.Wait()
	t.Logf("%d answered, %d gave up, %d times told to come again", answered.Load(), gone.Load(), refused.Load())
	if answered.Load()+gone.Load() != 1000 {
		t.Errorf("%d were answered and %d gave up, of 1000", answered.Load(), gone.Load())
	}
	if refused.Load() == 0 {
		t.Error("nobody was told to come again: the queue is not bounded")
	}
	if got, err := ask(t.Context(), 1); err != nil || got != want[1] {
		t.Errorf("afterwards: %q, %v", got, err)
	}
	for deadline := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	if n := runtime.NumGoroutine(); n > before {
		t.Errorf("%d goroutines, %d before", n, before)
	}
}
