package gateway

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"skerry/appliance/llm"
	"skerry/appliance/policy"
)

// grace is how long a provider may take to return after its context ended,
// before its goroutine is left behind. The contract of llm.Provider says
// 100 ms; a stopped machine deserves a little more.
const grace = 2 * time.Second

// Call is one unit of model work on the model that a route has chosen.
type Call struct {
	Model     llm.ModelID
	Pool      string
	Lock      string // digest of the model lock that the intent names; "" = any
	Prompt    llm.Prompt
	Clearance Clearance
}

// Result is what a call gave. When Generate returns an error as well, Usage,
// CostMicros and Calls say what was used up to it.
type Result struct {
	Answer     llm.Answer
	Model      llm.Model // as it was called
	Usage      llm.Usage
	CostMicros int64
	Calls      int      // requests sent
	Notes      []string // what was changed to suit the model, in words
}

// ErrReplaced is the cause of an error for a model that is no longer the one
// that the intent named: route again.
var ErrReplaced = errors.New("the model was replaced after the step was routed")

// Generate makes the call: one request, or several where the profile asks for
// parts, each behind its own clearance check. It returns an *llm.Error; the
// end of ctx is Cancelled. Nothing is retried here.
func (g *Gateway) Generate(ctx context.Context, c Call) (Result, error) {
	provider, model, ok := g.registry.Provider(c.Model)
	if !ok {
		return Result{}, &llm.Error{Kind: llm.Unavailable, Message: fmt.Sprintf("no provider serves model %s now; start its provider or take the model out of the policy", c.Model)}
	}
	res := Result{Model: model}
	if c.Lock != "" && c.Lock != model.Lock.Digest() {
		return res, &llm.Error{Kind: llm.Unavailable, Message: fmt.Sprintf("model %s is now locked to %s, the step was routed to %s", c.Model, model.Lock.Digest(), c.Lock), Err: ErrReplaced}
	}
	profile, ok := g.registry.Profile(model.Profile)
	if !ok {
		return res, &llm.Error{Kind: llm.Invalid, Message: fmt.Sprintf("model %s speaks prompt profile %q, which is not installed", c.Model, model.Profile)}
	}
	adapted, err := adapt(c.Prompt, model, profile)
	if err != nil {
		return res, err
	}
	res.Notes = adapted.Notes
	price := model.Price
	if c.Clearance.Pinned != nil {
		if p, ok := c.Clearance.Pinned.Prices[c.Model]; ok {
			price = p
		}
	}
	var responses []llm.Response
	for _, r := range adapted.Requests {
		r.Model = model.ID
		response, used, err := g.ask(ctx, c, provider, model, r)
		if used.sent {
			res.Calls++
			res.Usage = res.Usage.Add(used.usage)
			res.CostMicros += price.CostMicros(used.usage)
		}
		if err != nil {
			return res, err
		}
		responses = append(responses, response)
	}
	answer, err := read(adapted, responses)
	if err != nil {
		return res, err
	}
	res.Answer = answer
	return res, nil
}

type used struct {
	sent  bool
	usage llm.Usage
}

// ask sends one request: turn, clearance, call. It is the only place that
// hands bytes to a provider.
func (g *Gateway) ask(ctx context.Context, c Call, p llm.Provider, m llm.Model, r llm.Request) (llm.Response, used, error) {
	release, err := g.turns.acquire(ctx,
		claim{"pool " + c.Pool, poolLimit(c.Clearance.Pinned, c.Pool)},
		claim{"model " + string(c.Model), cmp.Or(g.modelLimit[c.Model], g.anyLimit)})
	if err != nil {
		return llm.Response{}, used{}, stopped(ctx)
	}
	defer release()
	// The check comes after the wait: the class may have risen and the policy
	// may have changed meanwhile.
	if err := g.clear(c.Clearance, m.ID, m.Boundary); err != nil {
		return llm.Response{}, used{}, err
	}
	start := g.now()
	response, err := g.send(ctx, p, r)
	took := g.now().Sub(start)
	if err != nil {
		if ctx.Err() != nil {
			err = stopped(ctx)
		}
		return response, used{sent: true, usage: llm.Usage{DurationMicros: max(took.Microseconds(), 0)}}, typed(err)
	}
	response.Usage = sane(response.Usage, took)
	g.latency.note(m.ID, took-time.Duration(response.Usage.LoadMicros)*time.Microsecond) // loading says nothing about the next call
	return response, used{sent: true, usage: response.Usage}, nil
}

// send calls the provider and contains it: a panic, a hang past its deadline
// or an endless answer is an error of this one request.
func (g *Gateway) send(ctx context.Context, p llm.Provider, r llm.Request) (llm.Response, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, g.timeout, &llm.Error{Kind: llm.Timeout, Message: fmt.Sprintf("model %s gave no answer within %s", r.Model, g.timeout)})
	defer cancel()
	type outcome struct {
		response llm.Response
		err      error
	}
	done := make(chan outcome, 1)
	go func() {
		defer func() {
			if v := recover(); v != nil {
				g.log.Error("provider panicked", "model", r.Model, "panic", v, "stack", string(debug.Stack()))
				done <- outcome{err: &llm.Error{Kind: llm.Unavailable, Message: fmt.Sprintf("the provider of model %s panicked: %v", r.Model, v)}}
			}
		}()
		size := 0
		response, err := p.Generate(ctx, r, func(d llm.Delta) error {
			if size += len(d.Text); size > g.maxOutput {
				return g.tooLong(r.Model)
			}
			return nil
		})
		if err == nil && len(response.Text) > g.maxOutput {
			err = g.tooLong(r.Model)
		}
		done <- outcome{response, err}
	}()
	var o outcome
	select {
	case o = <-done:
	case <-ctx.Done():
		patience := time.NewTimer(grace)
		defer patience.Stop()
		select {
		case o = <-done:
		case <-patience.C:
			g.log.Error("provider did not return after its context ended", "model", r.Model)
			o.err = ctx.Err()
		}
	}
	var timeout *llm.Error
	if o.err != nil && errors.As(context.Cause(ctx), &timeout) {
		o.err = timeout
	}
	return o.response, o.err
}

func (g *Gateway) tooLong(m llm.ModelID) error {
	return &llm.Error{Kind: llm.Invalid, Message: fmt.Sprintf("the answer of model %s is longer than %d bytes", m, g.maxOutput)}
}

// poolLimit returns the limit of the pool, 0 if there is none.
func poolLimit(p *policy.Policy, pool string) int {
	if p == nil {
		return 0
	}
	for i := range p.Pools {
		if p.Pools[i].Name == pool {
			return p.Pools[i].Limit
		}
	}
	return 0
}

func stopped(ctx context.Context) error {
	return &llm.Error{Kind: llm.KindOf(ctx.Err()), Message: "the call was given up", Err: ctx.Err()}
}

// typed makes any error an *llm.Error, the only kind that leaves the gateway.
func typed(err error) error {
	var e *llm.Error
	if errors.As(err, &e) {
		return e
	}
	return &llm.Error{Kind: llm.KindOf(err), Message: err.Error(), Err: err}
}

// sane repairs what a provider claims to have used: counts are not negative,
// and time passed even where none was stated.
func sane(u llm.Usage, took time.Duration) llm.Usage {
	u.InputTokens, u.OutputTokens = max(u.InputTokens, 0), max(u.OutputTokens, 0)
	u.CachedTokens = min(max(u.CachedTokens, 0), u.InputTokens)
	u.LoadMicros = min(max(u.LoadMicros, 0), max(took.Microseconds(), 0))
	if u.DurationMicros <= 0 {
		u.DurationMicros = max(took.Microseconds()-u.LoadMicros, 0)
	}
	return u
}

// adapt and read run code that looks at untrusted text; a bug in it costs the
// attempt, not the process.
func adapt(p llm.Prompt, m llm.Model, prof llm.Profile) (a llm.Adapted, err error) {
	defer contain("adapting the prompt", &err)
	a, err = llm.Adapt(p, m, prof)
	if err != nil {
		return a, typed(err)
	}
	if len(a.Requests) == 0 {
		return a, &llm.Error{Kind: llm.Invalid, Message: fmt.Sprintf("profile %s makes no request of the prompt", prof.Name)}
	}
	return a, nil
}

func read(a llm.Adapted, responses []llm.Response) (answer llm.Answer, err error) {
	defer contain("reading the answer", &err)
	return a.Read(responses), nil
}

func contain(doing string, err *error) {
	if v := recover(); v != nil {
		*err = &llm.Error{Kind: llm.Invalid, Message: fmt.Sprintf("%s panicked: %v", doing, v)}
	}
}
