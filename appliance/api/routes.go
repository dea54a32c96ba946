package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"skerry/appliance/policy"
)

// prefix is the root of everything but the pages.
const prefix = "/api/v1"

// routes binds every resource; each has its file.
func (a *API) routes() {
	a.bindSession()
	a.bindMissions()
	a.bindSamples()
	a.bindRuns()
	a.bindDocuments()
	a.bindEvents()
	a.bindDecisions()
	a.bindModels()
	a.bindPolicy()
	a.bindHome()
	neverNull(a.huma.OpenAPI())
}

// access says who may use an operation.
type access int

const (
	// open: anyone who reaches the listener.
	open access = iota
	// signedIn: anyone with a session.
	signedIn
	// asked: policy.Can is asked for the action.
	asked
)

// route is an operation and its guard. The guard runs before the handler, so
// that no handler can forget it.
type route[I any] struct {
	huma.Operation
	access access
	action policy.Action
	// object says what the action is about; nil = the site as a whole.
	object func(ctx context.Context, in *I) (policy.Object, error)
}

// bind registers the operation with its guard, and turns whatever error the
// handler returns into a Problem.
func bind[I, O any](a *API, r route[I], handle func(context.Context, *I) (*O, error)) {
	op := r.Operation
	op.Path = prefix + op.Path
	if op.MaxBodyBytes == 0 {
		op.MaxBodyBytes = maxSmallBodyBytes
	}
	a.guards[op.OperationID] = guard{r.access, r.action}
	huma.Register(a.huma, op, func(ctx context.Context, in *I) (*O, error) {
		if err := a.admit(ctx, r.access); err != nil {
			return nil, a.problem(ctx, err)
		}
		if r.access == asked {
			var object policy.Object
			if r.object != nil {
				var err error
				if object, err = r.object(ctx, in); err != nil {
					return nil, a.problem(ctx, err)
				}
			}
			if err := a.authorize(ctx, r.action, object); err != nil {
				return nil, a.problem(ctx, err)
			}
		}
		out, err := handle(ctx, in)
		if err != nil {
			return nil, a.problem(ctx, err)
		}
		return out, nil
	})
}

// guard is what was declared for an operation; tests walk them.
type guard struct {
	access access
	action policy.Action
}

// operation describes an operation in the words of the OpenAPI document.
func operation(id, method, path, tag, summary string) huma.Operation {
	return huma.Operation{OperationID: id, Method: method, Path: path, Tags: []string{tag}, Summary: summary}
}

func get(id, path, tag, summary string) huma.Operation {
	return operation(id, http.MethodGet, path, tag, summary)
}

func post(id, path, tag, summary string) huma.Operation {
	return operation(id, http.MethodPost, path, tag, summary)
}

// binary describes a response of bytes.
func binary(op huma.Operation, mediaType, what string) huma.Operation {
	op.Responses = map[string]*huma.Response{"200": {
		Description: what,
		Content:     map[string]*huma.MediaType{mediaType: {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}},
	}}
	return op
}

// body is the usual output: JSON.
type body[T any] struct{ Body T }
