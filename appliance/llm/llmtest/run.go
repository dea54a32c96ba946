package llmtest

import (
	"bytes"
	"context"
	"errors"
	"math"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"skerry/appliance/llm"
)

// Options adapt the conformance suite to a provider.
type Options struct {
	// Model is asked; "" is the first of the catalogue.
	Model llm.ModelID

	// Request returns a request that the model answers with at least eight
	// tokens under greedy decoding, and then ends by itself. nil is
	// [ExtractRequest]. The suite sets Model.
	Request func() llm.Request

	// Unseeded says that the provider cannot repeat a sampled answer.
	Unseeded bool

	// CancelWithin bounds how long Generate may take to return after its
	// context has ended, at best of three; 0 is the 100 ms of the contract.
	CancelWithin time.Duration
}

// ExtractRequest is a small extraction in the dialect of the starter model,
// which [Rules] understands too.
func ExtractRequest() llm.Request {
	return llm.Request{Messages: []llm.Message{
		{Role: llm.System, Parts: []llm.Part{{Text: "Extract the fields as JSON. Use null when absent."}}},
		{Role: llm.User, Parts: []llm.Part{
			{Text: "INVOICE\nNordwind GmbH\nInvoice number: BILL-39923\nInvoice date: 2026-04-06\nNet amount: 13263.48\nTotal amount: 14987.73\n", Untrusted: true},
			{Text: "\n\nFields:\ninvoice_number: string\ninvoice_date: date\nnet_amount: number\ntotal_amount: number"},
		}},
	}}
}

// row is one test of the suite.
type row struct {
	name string
	test func(*testing.T)
}

// suite is one run of the conformance suite.
type suite struct {
	Options
	p     llm.Provider
	model llm.Model
	whole llm.Response // what the request is answered with
}

// Run states what every llm.Provider must do, against the provider that open
// returns; open is called once and cleans up through t.
func Run(t *testing.T, open func(t *testing.T) llm.Provider, o Options) {
	t.Helper()
	if o.Request == nil {
		o.Request = ExtractRequest
	}
	if o.CancelWithin == 0 {
		o.CancelWithin = 100 * time.Millisecond
	}
	s := &suite{Options: o, p: open(t)}
	s.catalogue(t)
	var err error
	if s.whole, err = s.p.Generate(t.Context(), s.request(nil), nil); err != nil {
		t.Fatalf("Generate: %v", err)
	}
	if s.whole.Usage.OutputTokens < 8 || s.whole.Finish != llm.FinishStop {
		t.Fatalf("the request of the suite must be answered with 8 tokens or more and a stop; got %+v", s.whole)
	}
	rows := []row{
		{"the response repeats what was streamed", s.streams},
		{"greedy decoding is a function of the request", s.repeats},
		{"token probabilities belong to the output", s.logprobs},
		{"the output ends at the bound", s.bounded},
		{"the output ends before a stop string, wherever its tokens end", s.stops},
		{"a prefilled answer goes on after the prefill", s.prefill},
		{"a seed repeats a sampled answer", s.seeds},
		{"control tokens in untrusted text are text", s.untrusted},
		{"what cannot work is refused with its kind", s.refuses},
		{"a prompt that is too long is refused as such", s.overflows},
		{"a context that ends, ends the call", s.cancels},
		{"an error of emit ends the call and comes back", s.emitFails},
		{"calls at the same time do not disturb each other", s.together},
	}
	if s.model.Capabilities.Tools {
		rows = append(rows, s.toolRows()...)
	}
	if s.model.Capabilities.Thinking {
		rows = append(rows, s.thinkRows()...)
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			row.test(t)
			if got, err := s.p.Generate(t.Context(), s.request(nil), nil); err != nil || got.Text != s.whole.Text {
				t.Errorf("afterwards the provider answers %q, %v; want %q as before", got.Text, err, s.whole.Text)
			}
		})
	}
}

func (s *suite) request(change func(*llm.Request)) llm.Request {
	r := s.Request()
	r.Model = s.model.ID
	if change != nil {
		change(&r)
	}
	return r
}

func (s *suite) catalogue(t *testing.T) {
	t.Helper()
	d, err := s.p.Describe(t.Context())
	if err != nil || d.Name == "" || d.Version == "" {
		t.Errorf("Describe = %+v, %v; want a name and a version", d, err)
	}
	if err := s.p.Health(t.Context()); err != nil {
		t.Errorf("Health: %v", err)
	}
	ms, err := s.p.Models(t.Context())
	if err != nil || len(ms) == 0 {
		t.Fatalf("Models = %d models, %v", len(ms), err)
	}
	seen := map[llm.ModelID]bool{}
	for _, m := range ms {
		if m.ID == "" || seen[m.ID] || m.Provider == "" || m.Profile == "" || m.Lock.Weights == "" || m.Lock.Engine == "" || m.ContextTokens <= 0 {
			t.Errorf("model lacks an own id, a provider, a profile, a lock or a context: %+v", m)
		}
		if m.Boundary != llm.Embedded && m.Boundary != llm.Site && m.Boundary != llm.External {
			t.Errorf("model %s has the boundary %q", m.ID, m.Boundary)
		}
		seen[m.ID] = true
		if s.model.ID == "" && (s.Model == "" || s.Model == m.ID) {
			s.model = m
		}
	}
	if s.model.ID == "" {
		t.Fatalf("no model %q among %d", s.Model, len(ms))
	}
}

func (s *suite) streams(t *testing.T) {
	var text strings.Builder
	res, err := s.p.Generate(t.Context(), s.request(nil), func(d llm.Delta) error {
		if !utf8.ValidString(d.Text) {
			t.Errorf("delta %q is not whole characters", d.Text)
		}
		if len(d.Tokens) > 0 {
			t.Errorf("delta has tokens that nobody wanted")
		}
		text.WriteString(d.Text)
		return nil
	})
	if err != nil || res.Text != text.String() || res.Text != s.whole.Text {
		t.Errorf("streamed %q, response %q, without emit %q, %v; want all the same", text.String(), res.Text, s.whole.Text, err)
	}
	if u := res.Usage; u.InputTokens <= 0 || u.OutputTokens <= 0 || u.DurationMicros <= 0 || u.CachedTokens > u.InputTokens {
		t.Errorf("usage = %+v; want all of it counted", u)
	}
}

func (s *suite) repeats(t *testing.T) {
	for range 3 {
		res, err := s.p.Generate(t.Context(), s.request(nil), nil)
		if err != nil || res.Text != s.whole.Text || res.Usage.OutputTokens != s.whole.Usage.OutputTokens {
			t.Errorf("got %q (%+v), %v; want %q again", res.Text, res.Usage, err, s.whole.Text)
		}
	}
}

func (s *suite) logprobs(t *testing.T) {
	var streamed []llm.Token
	res, err := s.p.Generate(t.Context(), s.request(func(r *llm.Request) { r.Logprobs = true }), func(d llm.Delta) error {
		streamed = append(streamed, d.Tokens...)
		return nil
	})
	if err != nil || res.Text != s.whole.Text {
		t.Fatalf("got %q, %v; want %q whether probabilities are wanted or not", res.Text, err, s.whole.Text)
	}
	if !s.model.Capabilities.Probabilities {
		if len(res.Tokens) > 0 {
			t.Errorf("%d tokens from a model that does not say it gives probabilities", len(res.Tokens))
		}
		return
	}
	var joined []byte
	for _, k := range res.Tokens {
		joined = append(joined, k.Bytes...)
		if math.IsNaN(k.Logprob) || k.Logprob > 0 {
			t.Errorf("token %q has the log probability %v", k.Bytes, k.Logprob)
		}
	}
	if string(joined) != res.Text || len(res.Tokens) != res.Usage.OutputTokens {
		t.Errorf("%d tokens spell %q; want the %d of %q", len(res.Tokens), joined, res.Usage.OutputTokens, res.Text)
	}
	if len(streamed) != len(res.Tokens) {
		t.Fatalf("%d tokens streamed, %d in the response", len(streamed), len(res.Tokens))
	}
	for i := range streamed {
		if !bytes.Equal(streamed[i].Bytes, res.Tokens[i].Bytes) || streamed[i].Logprob != res.Tokens[i].Logprob {
			t.Errorf("token %d: streamed %+v, in the response %+v", i, streamed[i], res.Tokens[i])
		}
	}
}

func (s *suite) bounded(t *testing.T) {
	for _, n := range []int{1, 3, 7} {
		res, err := s.p.Generate(t.Context(), s.request(func(r *llm.Request) { r.MaxTokens = n }), nil)
		if err != nil || res.Finish != llm.FinishLength || res.Usage.OutputTokens != n || !strings.HasPrefix(s.whole.Text, strings.TrimRight(res.Text, "\uFFFD")) {
			t.Errorf("with a bound of %d: %+v, %v; want that many tokens of %q, finish length", n, res, err, s.whole.Text)
		}
	}
}

func (s *suite) stops(t *testing.T) {
	whole := s.whole.Text
	for at := 1; at < len(whole)-4; at += 1 + len(whole)/9 {
		for _, n := range []int{1, 4} {
			stop := whole[at : at+n]
			if !utf8.ValidString(stop) {
				continue
			}
			want := whole[:strings.Index(whole, stop)]
			res, err := s.p.Generate(t.Context(), s.request(func(r *llm.Request) { r.Stop, r.Logprobs = []string{"\x01 never", stop}, true }), nil)
			if err != nil || res.Text != want || res.Finish != llm.FinishStop {
				t.Errorf("stop at %q: got %q (%s), %v; want %q", stop, res.Text, res.Finish, err, want)
			}
			var joined []byte
			for _, k := range res.Tokens {
				joined = append(joined, k.Bytes...)
			}
			if s.model.Capabilities.Probabilities && string(joined) != want {
				t.Errorf("stop at %q: the tokens spell %q, the text is %q", stop, joined, want)
			}
		}
	}
}

func (s *suite) prefill(t *testing.T) {
	prefill := s.whole.Text[:len(s.whole.Text)/3]
	for !utf8.ValidString(prefill) {
		prefill = prefill[:len(prefill)-1]
	}
	res, err := s.p.Generate(t.Context(), s.request(func(r *llm.Request) { r.Prefill = prefill }), nil)
	if err != nil || res.Text == "" || strings.HasPrefix(res.Text, prefill) {
		t.Errorf("prefill %q: got %q, %v; want what comes after it", prefill, res.Text, err)
	}
}

func (s *suite) seeds(t *testing.T) {
	if s.Unseeded {
		t.Skip("this provider cannot repeat a sampled answer")
	}
	ask := func(seed uint64) string {
		res, err := s.p.Generate(t.Context(), s.request(func(r *llm.Request) {
			r.Sampling = llm.Sampling{Temperature: 1.3, TopK: 40, TopP: 0.95, Seed: seed}
			r.MaxTokens = 40
		}), nil)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		return res.Text
	}
	for seed := range uint64(3) {
		if a, b := ask(seed), ask(seed); a != b {
			t.Errorf("seed %d gave %q and then %q", seed, a, b)
		}
	}
}

// untrusted: were the string read as a control token, the prompt would grow by
// one token.
func (s *suite) untrusted(t *testing.T) {
	base := s.whole.Usage.InputTokens
	for _, control := range []string{"<|im_end|>", "<|im_start|>", "<|endoftext|>", "<|eot_id|>", "</s>", "<end_of_turn>", "[INST]"} {
		res, err := s.p.Generate(t.Context(), s.request(func(r *llm.Request) {
			last := &r.Messages[len(r.Messages)-1]
			last.Parts = append([]llm.Part{{Text: "A" + control + "B", Untrusted: true}}, last.Parts...)
			r.MaxTokens = 1
		}), nil)
		if err != nil || res.Usage.InputTokens < base+4 {
			t.Errorf("%s in untrusted text made %d tokens more, %v; want at least 4", control, res.Usage.InputTokens-base, err)
		}
		if k, ok := s.p.(llm.Tokenizer); ok {
			ids, err := k.Tokenize(t.Context(), s.model.ID, control)
			if llm.KindOf(err) != llm.Invalid && (err != nil || len(ids) < 2) {
				t.Errorf("Tokenize(%q) = %v, %v; want several tokens of text", control, ids, err)
			}
		}
	}
}

func (s *suite) refuses(t *testing.T) {
	for _, row := range []struct {
		name   string
		change func(*llm.Request)
	}{
		{"an unknown model", func(r *llm.Request) { r.Model = "no-such-model" }},
		{"a request without messages", func(r *llm.Request) { r.Messages = nil }},
	} {
		if _, err := s.p.Generate(t.Context(), s.request(row.change), nil); !is(err, llm.Invalid) {
			t.Errorf("%s: %v; want an *llm.Error of kind invalid", row.name, err)
		}
	}
}

func (s *suite) overflows(t *testing.T) {
	long := strings.Repeat("word 17 ", s.model.ContextTokens+1)
	_, err := s.p.Generate(t.Context(), s.request(func(r *llm.Request) {
		r.Messages[len(r.Messages)-1].Parts[0].Text = long
	}), nil)
	if !is(err, llm.ContextOverflow) {
		t.Errorf("got %v; want an *llm.Error of kind context-overflow", err)
	}
}

func (s *suite) cancels(t *testing.T) {
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.p.Generate(gone, s.request(nil), nil); !is(err, llm.Cancelled) {
		t.Errorf("a context that had ended: %v; want kind cancelled", err)
	}
	late, cancel := context.WithDeadline(t.Context(), time.Unix(0, 0))
	defer cancel()
	if _, err := s.p.Generate(late, s.request(nil), nil); !is(err, llm.Timeout) {
		t.Errorf("a deadline in the past: %v; want kind timeout", err)
	}
	best := time.Duration(math.MaxInt64)
	for range 3 {
		ctx, cancel := context.WithCancel(t.Context())
		var ended time.Time
		_, err := s.p.Generate(ctx, s.request(nil), func(llm.Delta) error {
			if ended.IsZero() {
				ended = time.Now()
				cancel()
			}
			return nil
		})
		best = min(best, time.Since(ended))
		cancel()
		if !is(err, llm.Cancelled) {
			t.Errorf("cancelled after the first delta: %v; want kind cancelled", err)
		}
	}
	if best > s.CancelWithin {
		t.Errorf("it took %v to return after the context ended, at best of three; want %v", best, s.CancelWithin)
	}
}

func (s *suite) emitFails(t *testing.T) {
	enough := errors.New("enough")
	n := 0
	_, err := s.p.Generate(t.Context(), s.request(nil), func(llm.Delta) error { n++; return enough })
	if !errors.Is(err, enough) || n != 1 {
		t.Errorf("got %v after %d calls of emit; want its error after one", err, n)
	}
}

func (s *suite) together(t *testing.T) {
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			res, err := s.p.Generate(t.Context(), s.request(nil), nil)
			if err != nil || res.Text != s.whole.Text {
				t.Errorf("got %q, %v; want %q as alone", res.Text, err, s.whole.Text)
			}
		})
	}
	wg.Wait()
}

func is(err error, kind llm.ErrorKind) bool {
	var e *llm.Error
	return errors.As(err, &e) && e.Kind == kind
}
