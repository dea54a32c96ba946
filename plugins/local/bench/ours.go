package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"

	"skerry/appliance/llm"
	"skerry/plugins"
)

// runner is the local runner as the appliance starts it: a child process behind
// the protocol of providers.
type runner struct {
	*plugins.Child
	random *rand.Rand

	loadMillis float64 // from launch to ready
}

// knows reports whether the runner has a flag.
func knows(executable, flag string) bool {
	text, _ := exec.Command(executable, "-h").CombinedOutput() // it ends with a status of its own
	return strings.Contains(string(text), "\n  -"+flag+" ")
}

func startRunner(ctx context.Context, o options, model string, sequences, contextTokens int) (*runner, error) {
	args := []string{
		"-card", `{"id":"bench","title":"Bench","profile":"generic-json","capabilities":{"tasks":["extract"],"jsonSchema":true}}`,
		"-template", "chatml", "-threads", strconv.Itoa(o.threads), "-context", strconv.Itoa(contextTokens),
	}
	if knows(o.runner, "parallel") {
		args = append(args, "-parallel", strconv.Itoa(sequences))
	}
	began := time.Now()
	c, err := plugins.Start(ctx, plugins.Spec{
		Name: "bench", Path: o.runner, Args: args, MaxFailures: 1, StartTimeout: 5 * time.Minute, Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
		Files: []plugins.Inherit{{Flag: "model", Path: model}},
	})
	if err != nil {
		return nil, err
	}
	return &runner{Child: c, random: rand.New(rand.NewPCG(1, 2)), loadMillis: float64(time.Since(began).Microseconds()) / 1e3}, nil
}

// text returns so many bytes that no earlier call had: the model of the
// benchmark has a token for each.
func (r *runner) text(bytes int) string {
	const letters = "abcdfghijklmnopqstuvwxyz \n0123456789,.:-"
	var b strings.Builder
	for range bytes {
		b.WriteByte(letters[r.random.IntN(len(letters))])
	}
	return b.String()
}

func request(text string, most int) llm.Request {
	return llm.Request{Model: "bench", MaxTokens: most, Messages: []llm.Message{{Role: llm.User, Parts: []llm.Part{{Text: text, Untrusted: true}}}}}
}

// fit returns a text with which a prompt has so many tokens.
func (r *runner) fit(ctx context.Context, prompt int) (string, error) {
	text := r.text(prompt)
	for range 20 {
		res, err := r.Generate(ctx, request(text[:1], 1), nil)
		if err != nil {
			return "", err
		}
		frame := res.Usage.InputTokens - 1
		ids, err := r.Tokenize(ctx, "bench", text)
		if err != nil {
			return "", err
		}
		switch n := frame + len(ids); {
		case n == prompt:
			return text, nil
		case n > prompt:
			text = text[:max(1, len(text)-(n-prompt))]
		default:
			text += r.text(prompt - n)
		}
	}
	return "", fmt.Errorf("no text was found with which a prompt has %d tokens", prompt)
}

// pass reads a prompt of so many tokens and then writes some: the time of the
// prompt is that of a call for one token, and writing is what more of them take.
func (r *runner) pass(ctx context.Context, prompt, tokens int) (pass, error) {
	text, err := r.fit(ctx, prompt)
	if err != nil {
		return pass{}, err
	}
	q := request(text, 1+tokens)
	var first time.Duration
	began := time.Now()
	res, err := r.Generate(ctx, q, func(llm.Delta) error {
		if first == 0 {
			first = time.Since(began)
		}
		return nil
	})
	took := time.Since(began)
	switch {
	case err != nil:
		return pass{}, err
	case res.Usage.InputTokens != prompt || res.Usage.OutputTokens != 1+tokens:
		return pass{}, fmt.Errorf("the runner read %d tokens and wrote %d, not %d and %d", res.Usage.InputTokens, res.Usage.OutputTokens, prompt, 1+tokens)
	case res.Usage.CachedTokens > prompt/8:
		return pass{}, fmt.Errorf("the runner had %d of %d tokens in its cache", res.Usage.CachedTokens, prompt)
	case first == 0:
		return pass{}, errors.New("the runner streamed nothing")
	}
	return pass{prefillMillis: millis(first), decodeMillis: millis(took - first)}, nil
}

// documents answers all of w, so many at once as the runner was started for.
func (r *runner) documents(ctx context.Context, w work, sequences int) (batch, error) {
	schema, err := json.Marshal(w.schema)
	if err != nil {
		return batch{}, err
	}
	var (
		wg    sync.WaitGroup
		mu    sync.Mutex // guards what follows
		out   batch
		first error
		next  int
	)
	began := time.Now()
	for range sequences {
		wg.Go(func() {
			for {
				mu.Lock()
				i := next
				next++
				mu.Unlock()
				if i >= len(w.documents) {
					return
				}
				res, err := r.Generate(ctx, llm.Request{
					Model: "bench", MaxTokens: w.maxTokens, Schema: schema,
					Messages: []llm.Message{{Role: llm.System, Parts: []llm.Part{{Text: w.prefix}}}, {Role: llm.User, Parts: []llm.Part{{Text: w.documents[i], Untrusted: true}}}},
				}, nil)
				mu.Lock()
				out.tokens += res.Usage.OutputTokens
				out.cached += res.Usage.CachedTokens
				if !json.Valid([]byte(res.Text)) {
					out.bad++
				}
				first = errors.Join(first, err)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	out.millis = millis(time.Since(began))
	return out, first
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1e3 }
