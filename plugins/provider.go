package plugins

import (
	"context"
	"errors"
	"time"

	"skerry/appliance/llm"
)

// current returns the instance that answers, or why there is none.
func (c *Child) current() (*instance, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.inst == nil {
		return nil, c.unavailableLocked()
	}
	return c.inst, nil
}

func (c *Child) unavailable() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.unavailableLocked()
}

func (c *Child) unavailableLocked() error {
	e := &llm.Error{Kind: llm.Unavailable, Message: "provider " + c.spec.Name + " is " + string(c.state.Phase)}
	if c.state.Reason != "" {
		e.Err = errors.New(c.state.Reason)
	}
	if wait := time.Until(c.retryAt); c.state.Phase == Starting && wait > 0 {
		e.RetryAfter = wait
	}
	return e
}

// explain gives an error of a call the reason that only the supervisor knows:
// gRPC says that a connection broke, not that the process behind it crashed.
func (c *Child) explain(i *instance, err error) error {
	var e *llm.Error
	if !errors.As(err, &e) || e.Kind != llm.Unavailable {
		return err
	}
	select {
	case <-i.process.exited:
	case <-time.After(50 * time.Millisecond): // a broken connection comes a moment before the end that broke it
		return err
	}
	how, _, _ := i.process.how()
	return &llm.Error{
		Kind: llm.Unavailable, RetryAfter: c.spec.BackoffMin, Err: err,
		Message: "the process of provider " + c.spec.Name + " ended during the call (" + how + ")",
	}
}

// Describe implements llm.Provider.
func (c *Child) Describe(ctx context.Context) (llm.Description, error) {
	i, err := c.current()
	if err != nil {
		return llm.Description{}, err
	}
	d, err := i.Describe(ctx)
	return d, c.explain(i, err)
}

// Models implements llm.Provider. The provider's name is the one in the
// specification, whatever the child calls itself.
func (c *Child) Models(ctx context.Context) ([]llm.Model, error) {
	i, err := c.current()
	if err != nil {
		return nil, err
	}
	ms, err := i.Models(ctx)
	for k := range ms {
		ms[k].Provider = c.spec.Name
	}
	return ms, c.explain(i, err)
}

// Generate implements llm.Provider.
func (c *Child) Generate(ctx context.Context, r llm.Request, emit func(llm.Delta) error) (llm.Response, error) {
	i, err := c.current()
	if err != nil {
		return llm.Response{}, err
	}
	res, err := i.Generate(ctx, r, emit)
	return res, c.explain(i, err)
}

// Tokenize implements llm.Tokenizer.
func (c *Child) Tokenize(ctx context.Context, model llm.ModelID, text string) ([]int32, error) {
	i, err := c.current()
	if err != nil {
		return nil, err
	}
	ids, err := i.Tokenize(ctx, model, text)
	return ids, c.explain(i, err)
}

// Embed implements llm.Embedder.
func (c *Child) Embed(ctx context.Context, r llm.EmbedRequest) (llm.EmbedResponse, error) {
	i, err := c.current()
	if err != nil {
		return llm.EmbedResponse{}, err
	}
	res, err := i.Embed(ctx, r)
	return res, c.explain(i, err)
}

// Health implements llm.Provider.
func (c *Child) Health(ctx context.Context) error {
	i, err := c.current()
	if err != nil {
		return err
	}
	return c.explain(i, i.Health(ctx))
}
