package engine

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math"
	"slices"

	"skerry/appliance/gateway"
	"skerry/appliance/llm"
	"skerry/appliance/mission"
	"skerry/appliance/policy"
)

// callInFlight is a model call under way.
type callInFlight struct {
	call   mission.Call
	routed mission.RoutedData
	cancel context.CancelFunc
	tokens int   // reserved of the run's budget until the call has ended
	micros int64 // likewise
}

// call routes a step and writes down the intent, to be followed by the call; or
// takes up an intent of an earlier life; or concludes that there is no model.
func (a *actor) call(ctx context.Context, c *mission.Call) (concluded bool, err error) {
	if a.calls[c.Step] != nil {
		return false, nil
	}
	if c.InFlight != nil {
		if a.restart {
			a.restart = false
			if err := a.add(mission.Observation{Kind: mission.KindResumed, Resumed: &mission.ResumedData{Why: "restart"}}); err != nil {
				return false, err
			}
		}
		a.launch(ctx, c, *c.InFlight, c.Prompt.EstimateTokens(), 0)
		return false, nil
	}
	route, model := a.route(c)
	if route.Model == "" {
		return a.stuck(c, route)
	}
	return false, a.intend(ctx, c, route, model)
}

// route asks for a model. What calls in flight may still use counts as spent.
func (a *actor) route(c *mission.Call) (policy.Route, llm.Model) {
	q := policy.Query{
		Mission: a.run.Mission, Step: c.Step, Kind: c.Kind, Class: c.Class, Grade: c.Grade,
		Tokens: c.Prompt.EstimateTokens(), Lists: slices.ContainsFunc(c.Prompt.Fields, func(f llm.Field) bool { return f.Type == llm.TypeList }),
		Spent: a.run.Usage, SpentMicros: a.run.CostMicros, Tried: c.Tried,
	}
	for _, f := range a.calls {
		q.Spent.InputTokens += f.tokens
		q.SpentMicros += f.micros
	}
	return a.e.Models.Route(a.clearance(c.Class), q)
}

// clearance says what a model must be cleared for to see data of the run: the
// class that the step was planned at, and never less than the run's class at
// the moment of asking.
func (a *actor) clearance(class llm.DataClass) gateway.Clearance {
	return gateway.Clearance{
		Pinned: a.pinned, Active: a.e.Policies.Active,
		Class: func() llm.DataClass { return stricter(a.pinned, class, *a.class.Load()) },
	}
}

// intend writes down that the model is about to be called.
func (a *actor) intend(ctx context.Context, c *mission.Call, route policy.Route, m llm.Model) error {
	routed := mission.RoutedData{Route: route, Class: c.Class, Lock: m.Lock.Digest(), Boundary: m.Boundary, Prompt: digest(c.Prompt)}
	if err := a.add(mission.Observation{Kind: mission.KindRouted, Step: c.Step, Attempt: c.Attempt, Routed: &routed}); err != nil {
		return err
	}
	tokens := c.Prompt.EstimateTokens()
	a.launch(ctx, c, routed, tokens, a.pinned.Price(m).CostMicros(llm.Usage{InputTokens: tokens}))
	return nil
}

// launch has the call made once the intent is durable.
func (a *actor) launch(ctx context.Context, c *mission.Call, routed mission.RoutedData, tokens int, micros int64) {
	ctx, cancel := context.WithCancel(ctx)
	f := &callInFlight{call: *c, routed: routed, cancel: cancel, tokens: tokens, micros: micros}
	f.call.Attempt = cmp.Or(a.run.Steps[c.Step].Attempt, c.Attempt)
	a.calls[c.Step] = f
	class := stricter(a.pinned, routed.Class, c.Class)
	call := gateway.Call{
		Model: routed.Route.Model, Pool: routed.Route.Pool, Lock: routed.Lock, Prompt: c.Prompt, Clearance: a.clearance(class),
	}
	a.after = append(a.after, func() {
		a.work.Go(func() {
			result, err := a.e.Models.Generate(ctx, call)
			a.e.post(a.id, &callEnded{of: f, result: result, err: err})
		})
	})
}

// callEnded is the result of a model call.
type callEnded struct {
	of     *callInFlight
	result gateway.Result
	err    error
}

func (*callEnded) isEvent() {}

// callDone writes down what a call gave.
func (a *actor) callDone(ctx context.Context, ev *callEnded) error {
	f := ev.of
	if a.calls[f.call.Step] != f {
		return nil // of an earlier life: the journal has it in flight, and it is repeated
	}
	delete(a.calls, f.call.Step)
	f.cancel()
	if ev.err != nil {
		if ctx.Err() != nil {
			return nil // the engine stops; the intent stands and is repeated
		}
		return a.callFailed(ev)
	}
	confidence, weakest := ev.result.Answer.Least()
	g := mission.GeneratedData{
		Model: ev.result.Model.ID, Lock: f.routed.Lock, Pool: f.routed.Route.Pool, Grade: f.routed.Route.Grade,
		Values: rounded(ev.result.Answer.Values), Usage: ev.result.Usage, CostMicros: ev.result.CostMicros, Calls: ev.result.Calls,
		Confidence: round(confidence), Weakest: weakest, Minimum: f.call.Minimum, Adapted: ev.result.Notes,
	}
	return a.add(mission.Observation{Kind: mission.KindGenerated, Step: f.call.Step, Attempt: f.call.Attempt, Generated: &g})
}

func (a *actor) callFailed(ev *callEnded) error {
	f := ev.of
	var cause *llm.Error
	if !errors.As(ev.err, &cause) {
		cause = &llm.Error{Kind: llm.KindOf(ev.err), Message: ev.err.Error()}
	}
	d := mission.FailedData{
		Model: f.routed.Route.Model, Lock: f.routed.Lock, Error: cause.Kind, Message: cause.Message,
		Usage: ev.result.Usage, CostMicros: ev.result.CostMicros,
	}
	now := a.e.now()
	if errors.Is(ev.err, gateway.ErrReplaced) {
		d.Next, d.RetryAt = gateway.Retry, now
	} else {
		d.Next, d.RetryAt = gateway.After(gateway.Failure{
			Kind: cause.Kind, RetryAfter: cause.RetryAfter, Failures: a.run.Steps[f.call.Step].Failures + 1,
			Others: gateway.Others(f.routed.Route), Last: f.routed.Route.Last, Now: now, Jitter: a.e.Jitter(),
		})
	}
	d.RetryAt = d.RetryAt.Truncate(1000)
	return a.add(mission.Observation{Kind: mission.KindFailed, Step: f.call.Step, Attempt: f.call.Attempt, Failed: &d})
}

// round gives a confidence the precision with which it travels, so that a run
// concludes the same from its memory and from its journal.
func round(c llm.Confidence) llm.Confidence {
	if !c.Known() {
		return c
	}
	return llm.Confidence(math.Round(float64(c)*1e4) / 1e4)
}

func rounded(values map[string]llm.Value) map[string]llm.Value {
	out := make(map[string]llm.Value, len(values))
	for name, v := range values {
		v.Confidence = round(v.Confidence)
		out[name] = v
	}
	return out
}

// digest returns the SHA-256 of the neutral prompt in hex.
func digest(p llm.Prompt) string {
	b, err := json.Marshal(p)
	if err != nil { // a Prompt holds only strings and numbers
		return ""
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
