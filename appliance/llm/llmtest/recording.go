package llmtest

import (
	"context"
	"slices"
	"sync"

	"skerry/appliance/llm"
)

// Call is one request that reached a provider.
type Call struct {
	Model    llm.ModelID
	Request  llm.Request
	Response llm.Response // zero until the call has ended well
	Err      error        // how the call ended; nil while it runs
}

// Recording passes everything on to a provider and remembers every Generate,
// noted before the provider sees it, so that a test can state what a model was
// never shown. It is safe for concurrent use.
type Recording struct {
	llm.Provider

	mu    sync.Mutex // guards calls
	calls []*Call
}

// Record wraps p.
func Record(p llm.Provider) *Recording { return &Recording{Provider: p} }

// Generate implements llm.Provider.
func (r *Recording) Generate(ctx context.Context, req llm.Request, emit func(llm.Delta) error) (llm.Response, error) {
	c := &Call{Model: req.Model, Request: req}
	r.mu.Lock()
	r.calls = append(r.calls, c)
	r.mu.Unlock()
	res, err := r.Provider.Generate(ctx, req, emit)
	r.mu.Lock()
	c.Response, c.Err = res, err
	r.mu.Unlock()
	return res, err
}

// Calls returns a copy of all calls so far, in the order in which they began.
func (r *Recording) Calls() []Call {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []Call
	for _, c := range r.calls {
		out = append(out, *c)
	}
	return out
}

// Asked returns the ids of the models that were asked anything, sorted and
// without repetition.
func (r *Recording) Asked() []llm.ModelID {
	var ids []llm.ModelID
	for _, c := range r.Calls() {
		ids = append(ids, c.Model)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// Forget drops all calls.
func (r *Recording) Forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls = nil
}
