package api

import (
	"context"
	"maps"
	"net/http"
	"reflect"
	"slices"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"

	"skerry/appliance/policy"
)

// prefix is the root of everything but the pages.
const prefix = "/api/v1"

// routes binds every resource; each has its file.
func (a *API) routes() {
	a.bindSession()
	a.bindMissions()
	a.bindSamples()
	a.bindStart()
	a.bindRuns()
	a.bindDocuments()
	a.bindEvents()
	a.bindDecisions()
	a.bindModels()
	a.bindPolicy()
	a.bindHome()
	a.bindUpkeep()
	a.bindAudit()
	a.bindPeople()
	a.bindAccount()
	a.bindVault()
	a.bindSecrets()
	a.bindTLS()
	a.bindServiceKeys()
	a.bindGovern()
	a.bindStepUp()
	neverNull(a.huma.OpenAPI())
}

// access says who may use an operation.
type access int

const (
	open     access = iota // anyone who reaches the listener
	signedIn               // anyone who is signed in
	asked                  // whoever the policy lets
)

// route is an operation and its guard. The guard runs before the handler, so
// that no handler can forget it.
type route[I any] struct {
	huma.Operation
	access access
	action policy.Action // asked: what the caller wants to do

	// object says what the action is about; nil = the site as a whole. It is
	// looked up only for callers that may do reads, so that nobody learns
	// from a 404 what exists.
	object func(ctx context.Context, in *I) (policy.Object, error)
	reads  policy.Action

	// some: it shows what the caller may see one by one, and leaves out the rest.
	some bool

	// The audit log knows of every operation that changes something, and of
	// what else is said here.
	reveals reveals
	// leaves: what it does is not only written into the store, whose changes are
	// recorded before anything comes of them: a model's file, a process. That
	// it is asked for is recorded before it is done.
	leaves bool
	// always: it is done in read-only mode too, because it keeps nothing or
	// makes room, or because it cannot wait: who must not get in any more. Whatever
	// else changes something is refused there.
	always bool
	// fresh: whoever asks has proven within [govern.FreshFor] who they are.
	fresh bool
}

// reveals says whether an operation that changes nothing shows what is
// recorded for having been shown.
type reveals int

const (
	nothing reveals = iota // lists, settings, what is not about a single run
	looks                  // into a run or a decision; looking again within [lookAgain] is the same look
	copies                 // of documents, or of everything
)

// guard is what was declared for an operation; tests walk them.
type guard struct {
	access access
	action policy.Action
}

const maxSmallBodyBytes = 1 << 20

// bind registers the operation with its guard, and turns whatever error the
// handler returns into a [Problem].
func bind[I, O any](a *API, r route[I], handle func(context.Context, *I) (*O, error)) {
	op := r.Operation
	op.Path = prefix + op.Path
	op.MaxBodyBytes, op.BodyReadTimeout = maxSmallBodyBytes, a.BodyTime
	a.guards[op.OperationID] = guard{r.access, r.action}
	// The guard is a middleware of the operation: who may not, learns nothing
	// from what is wrong with the request.
	op.Middlewares = append(op.Middlewares, func(ctx huma.Context, next func(huma.Context)) {
		err := a.admit(ctx.Context(), r.access)
		if err == nil && r.access == asked && r.object == nil {
			err = a.authorize(ctx.Context(), r.action, policy.Object{Some: r.some})
		}
		if err == nil && r.reads != "" {
			err = a.authorize(ctx.Context(), r.reads, policy.Object{Some: true})
		}
		if err == nil && unsafe(op.Method) && !r.always {
			err = a.ReadOnly()
		}
		if err == nil && r.fresh {
			err = a.needFresh(ctx.Context())
		}
		if err != nil {
			g := humagin.Unwrap(ctx)
			a.refuse(g.Writer, g.Request, a.refused(ctx.Context(), op.OperationID, err))
			return
		}
		next(ctx)
	})
	huma.Register(a.huma, op, func(ctx context.Context, in *I) (*O, error) {
		if r.object != nil {
			object, err := r.object(ctx, in)
			if err == nil {
				err = a.authorize(ctx, r.action, object)
			}
			if err != nil {
				return nil, a.problem(ctx, a.refused(ctx, op.OperationID, unseen(ctx, err)))
			}
		}
		if err := a.before(ctx, op.OperationID, r.reveals, r.leaves); err != nil {
			return nil, a.problem(ctx, err)
		}
		out, err := handle(ctx, in)
		if unsafe(op.Method) {
			// Whoever asked learns of it, good or bad, when it is recorded.
			if unrecorded := a.note(ctx, op.OperationID, err); unrecorded != nil {
				return nil, a.problem(ctx, unrecorded)
			}
		}
		if err != nil {
			return nil, a.problem(ctx, err)
		}
		return out, nil
	})
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

// schemaOf returns a reference to the schema of T.
func schemaOf[T any](doc *huma.OpenAPI) *huma.Schema {
	return doc.Components.Schemas.Schema(reflect.TypeFor[T](), true, "")
}

// body is the usual output: JSON.
type body[T any] struct{ Body T }

// file is an output of bytes that is small enough to be held.
type file struct {
	ContentType string `header:"Content-Type"`
	Body        []byte
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
