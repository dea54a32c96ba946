//go:build cgo && !race

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"skerry/appliance/llm"
	"skerry/appliance/llm/llmtest"
	"skerry/plugins/local/schedule"
)

// TestAnswersDoNotDependOnTheCompany: documents under one set of instructions
// get the same answers together as one after the other without sharing, and
// the tokens that were shared are counted.
func TestAnswersDoNotDependOnTheCompany(t *testing.T) {
	alone := starterWith(t, func(s *settings) { s.share, s.parallel = false, 1 })
	together := starter(t)
	all := samples(t, 8)
	want := map[string]llm.Response{}
	for name, r := range all {
		res, err := alone.Generate(t.Context(), r, nil)
		if err != nil || res.Usage.CachedTokens != 0 {
			t.Fatalf("%s: %+v, %v", name, res.Usage, err)
		}
		want[name] = res
	}
	shared := 0
	for round := range 2 {
		var mu sync.Mutex
		var wg sync.WaitGroup
		for name, r := range all {
			wg.Go(func() {
				res, err := together.Generate(t.Context(), r, nil)
				if err != nil {
					t.Errorf("%s: %v", name, err)
					return
				}
				if res.Text != want[name].Text || res.Usage.InputTokens != want[name].Usage.InputTokens || res.Usage.OutputTokens != want[name].Usage.OutputTokens {
					t.Errorf("%s: together %s %+v\nalone %s %+v", name, res.Text, res.Usage, want[name].Text, want[name].Usage)
				}
				// A prompt that was read before is computed again from the last
				// whole grain on, and at least its last two tokens.
				n := len(together.tokensOf(t, r))
				if round == 1 && (res.Usage.CachedTokens > n || res.Usage.CachedTokens < n-together.engine.Grain()-2) {
					t.Errorf("%s: %d of %d tokens were shared", name, res.Usage.CachedTokens, n)
				}
				mu.Lock()
				shared += res.Usage.CachedTokens
				mu.Unlock()
			})
		}
		wg.Wait()
		if shared == 0 {
			t.Error("nothing was shared")
		}
	}
}

func (p *provider) tokensOf(t *testing.T, r llm.Request) []schedule.Input {
	t.Helper()
	c, err := p.prepare(r)
	if err != nil {
		t.Fatal(err)
	}
	return c.prompt
}

// TestDeterminism: one call after the other, sharing off, gives the same
// probabilities to the last bit, whatever ran in between; the same holds for
// sampled answers of one seed.
func TestDeterminism(t *testing.T) {
	p := starterWith(t, func(s *settings) { s.share = false })
	for _, temperature := range []float64{0, 1.5} {
		r := held()
		r.Sampling = llm.Sampling{Temperature: temperature, Seed: 3}
		first, err := p.Generate(t.Context(), r, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, other := range samples(t, 2) {
			if _, err := p.Generate(t.Context(), other, nil); err != nil {
				t.Fatal(err)
			}
		}
		again, err := p.Generate(t.Context(), r, nil)
		if err != nil || again.Text != first.Text || !slices.EqualFunc(first.Tokens, again.Tokens, func(a, b llm.Token) bool { return a.Logprob == b.Logprob && a.Mass == b.Mass }) {
			t.Errorf("%s\n%s, %v", first.Text, again.Text, err)
		}
	}
}

// TestGivingUpInMidPrompt: a call that is cancelled while its prompt is read
// returns at once, and what it has read serves the next one.
func TestGivingUpInMidPrompt(t *testing.T) {
	p := starterWith(t, func(s *settings) { s.parallel, s.batch = 1, 16 })
	r := llmtest.ExtractRequest()
	r.Model, r.MaxTokens = "starter", 1
	r.Messages[1].Parts[0].Text = strings.Repeat("Pos 1 Schrauben M4 12,50 EUR\n", 40)
	n := len(p.tokensOf(t, r))
	if n < 400 {
		t.Fatalf("the prompt has only %d tokens", n)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		_, err := p.Generate(ctx, r, nil)
		done <- err
	}()
	for p.runs.Stats().Passes < 3 { // it is in the middle
		time.Sleep(100 * time.Microsecond)
	}
	cancel()
	if err := <-done; llm.KindOf(err) != llm.Cancelled {
		t.Errorf("got %v", err)
	}
	res, err := p.Generate(t.Context(), r, nil)
	if err != nil || res.Usage.CachedTokens < 16 || res.Usage.CachedTokens >= n-2 {
		t.Errorf("afterwards %+v of %d, %v", res.Usage, n, err)
	}
}

// TestContextIsFilledToItsEnd: an answer that meets the end of the context is
// cut there and says so; a prompt that leaves no room is refused.
func TestContextIsFilledToItsEnd(t *testing.T) {
	p := starterWith(t, func(s *settings) { s.context, s.parallel = 256, 3 })
	r := llmtest.ExtractRequest()
	r.Model = "starter"
	r.Schema = json.RawMessage(`{"type":"array","items":{"type":"string","minLength":20},"minItems":90}`)
	n := len(p.tokensOf(t, r))
	var wg sync.WaitGroup
	for range 5 {
		wg.Go(func() {
			res, err := p.Generate(t.Context(), r, nil)
			if err != nil || res.Finish != llm.FinishLength || res.Usage.InputTokens+res.Usage.OutputTokens != 256 {
				t.Errorf("%d tokens of prompt: %+v (%s), %v", n, res.Usage, res.Finish, err)
			}
		})
	}
	wg.Wait()
	r.Messages[1].Parts[0].Text = strings.Repeat("12,50 ", 200)
	if _, err := p.Generate(t.Context(), r, nil); llm.KindOf(err) != llm.ContextOverflow {
		t.Errorf("got %v", err)
	}
}

// TestSmallCacheServesAll: where the cache holds little more than one context,
// calls wait for each other, beginnings are forgotten, and all get the answers
// that they get with plenty of room. With values in eight bits they are valid.
//
// One engine after the other: all that a process has share the engine's one
// buffer for intermediate results, so two must not compute at the same time.
func TestSmallCacheServesAll(t *testing.T) {
	large := starter(t)
	all := samples(t, 4)
	want := map[string]string{}
	for name, r := range all {
		res, err := large.Generate(t.Context(), r, nil)
		if err != nil {
			t.Fatal(err)
		}
		want[name] = res.Text
	}
	for _, kind := range []string{"f16", "q8_0"} {
		small := starterWith(t, func(s *settings) { s.cache, s.kind = 1, kind })
		if got := small.engine.Total(); got*2 > large.engine.Total() {
			t.Fatalf("%d pages are not few", got)
		}
		var wg sync.WaitGroup
		for name, r := range all {
			wg.Go(func() {
				res, err := small.Generate(t.Context(), r, nil)
				if err != nil || valid(t, r.Schema, res.Text) != nil || kind == "f16" && res.Text != want[name] {
					t.Errorf("%s, %s: %s, %v; want %s", name, kind, res.Text, err, want[name])
				}
			})
		}
		wg.Wait()
	}
}

// BenchmarkDocuments extracts from documents under one set of instructions,
// so many at once, and says how much of the time passes outside the engine's
// own code.
func BenchmarkDocuments(b *testing.B) {
	for _, row := range []struct {
		parallel int
		share    bool
	}{{1, false}, {1, true}, {4, true}, {8, true}} {
		b.Run(fmt.Sprintf("parallel=%d/share=%v", row.parallel, row.share), func(b *testing.B) {
			p := starterWith(b, func(s *settings) { s.parallel, s.share = row.parallel, row.share })
			all := slices.Collect(maps.Values(samples(b, 24)))
			var mu sync.Mutex
			out, docs := 0, 0
			used := processor(b)
			for b.Loop() {
				var wg sync.WaitGroup
				for w := range row.parallel {
					wg.Go(func() {
						for i := w; i < len(all); i += row.parallel {
							res, err := p.Generate(b.Context(), all[i], nil)
							if err != nil {
								b.Error(err)
							}
							mu.Lock()
							out += res.Usage.OutputTokens
							docs++
							mu.Unlock()
						}
					})
				}
				wg.Wait()
			}
			st := p.runs.Stats()
			b.ReportMetric(float64((processor(b)-used).Milliseconds())/float64(docs), "CPU-ms/document")
			b.ReportMetric(float64(docs)/b.Elapsed().Minutes(), "documents/min")
			b.ReportMetric(float64(out)/b.Elapsed().Seconds(), "output-tokens/s")
			b.ReportMetric(float64(st.Tokens)/float64(st.Passes), "tokens/pass")
			b.ReportMetric(float64((st.Busy-p.engine.compute).Microseconds())/float64(st.Passes), "outside-µs/pass")
			b.ReportMetric(float64(p.engine.compute.Microseconds())/float64(st.Passes), "ggml-µs/pass")
		})
	}
}

// processor returns the processor time of this process so far. On a machine
// that does other things too it says more than the clock.
func processor(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
