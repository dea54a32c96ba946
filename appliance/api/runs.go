package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"skerry/appliance/llm"
	"skerry/appliance/mission"
	"skerry/appliance/policy"
)

type startIn struct {
	Name string `path:"name" maxLength:"64"`
	Key  string `header:"Idempotency-Key" maxLength:"200" doc:"The same key starts at most one run; a repeat answers with that run."`
	Wait string `query:"wait" pattern:"^[0-9]{1,3}s$" example:"30s" doc:"Answer when the run has ended or waits for a decision, or after this time, 120s at most."`
}

type startOut struct {
	Status   int
	Location string `header:"Location"`
	Body     mission.Summary
}

type runsIn struct {
	State   mission.State `query:"state" enum:"running,waiting,parked,ended"`
	Mission string        `query:"mission" maxLength:"64"`
	Class   llm.DataClass `query:"class" maxLength:"64"`
	Verdict string        `query:"verdict" maxLength:"64"`
	Model   llm.ModelID   `query:"model" maxLength:"128"`
	From    time.Time     `query:"from" doc:"Created at or after."`
	To      time.Time     `query:"to" doc:"Created before."`
	Cursor  string        `query:"cursor" maxLength:"500"`
	Limit   int           `query:"limit" minimum:"1" maximum:"200" default:"50"`
}

type runIn struct {
	Locale
	ID mission.RunID `path:"id" maxLength:"64"`
}

type observationsIn struct {
	Locale
	ID    mission.RunID `path:"id" maxLength:"64"`
	After uint64        `query:"after" doc:"Sequence number of the last one that is known."`
	Limit int           `query:"limit" minimum:"1" maximum:"1000" default:"500"`
}

type cancelIn struct {
	ID   mission.RunID `path:"id" maxLength:"64"`
	Body CancelBody
}

func (a *API) bindRuns() {
	start := post("start-run", "/missions/{name}/runs", "runs", "Start a run")
	start.Description = "Send a form with a part input.<name> for every input (a file or a value), or JSON. The run is durable when the answer comes: 202 while it goes on, 200 where wait saw it end or wait for a decision."
	start.DefaultStatus = http.StatusAccepted
	bind(a, route[startIn]{Operation: start, access: asked, action: policy.StartRun, object: func(_ context.Context, in *startIn) (policy.Object, error) {
		return policy.Object{Mission: in.Name}, nil
	}}, a.start)
	documentStart(a.huma.OpenAPI())

	bind(a, route[runsIn]{Operation: get("runs", "/runs", "runs", "Runs, newest first"), access: asked, action: policy.ReadRuns}, a.runs)
	bind(a, route[struct{}]{Operation: get("run-counts", "/runs/counts", "runs", "How many runs there are and what waits"), access: asked, action: policy.ReadRuns}, a.counts)
	bind(a, route[runIn]{Operation: get("run", "/runs/{id}", "runs", "A run with its fields, attempts and rail"), access: asked, action: policy.ReadRuns}, a.run)
	bind(a, route[observationsIn]{Operation: get("observations", "/runs/{id}/observations", "runs", "The journal of a run"), access: asked, action: policy.ReadRuns}, a.observations)
	bind(a, route[cancelIn]{Operation: post("cancel-run", "/runs/{id}/cancel", "runs", "Cancel a run"), access: asked, action: policy.CancelRun}, a.cancel)
}

// documentStart describes the body of a start, which is read by hand because it
// comes in two shapes and may be large.
func documentStart(doc *huma.OpenAPI) {
	op := doc.Paths[prefix+"/missions/{name}/runs"].Post
	op.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{
		"application/json": {Schema: doc.Components.Schemas.Schema(typeOf[StartBody](), true, "StartBody")},
		"multipart/form-data": {Schema: &huma.Schema{
			Type:        huma.TypeObject,
			Description: "A part input.<name> for every input, as a file or as a value; version as a value.",
			Properties: map[string]*huma.Schema{
				"version": {Type: huma.TypeInteger, Description: "Version to run; absent = the latest published."},
			},
			AdditionalProperties: &huma.Schema{Type: huma.TypeString, Format: "binary"},
		}},
	}}
	summary := doc.Components.Schemas.Schema(typeOf[mission.Summary](), true, "Summary")
	op.Responses["200"] = &huma.Response{Description: "The run has ended or waits for a decision",
		Content: map[string]*huma.MediaType{"application/json": {Schema: summary}}}
}

func (a *API) start(ctx context.Context, in *startIn) (*startOut, error)       { return nil, errNot }
func (a *API) runs(ctx context.Context, in *runsIn) (*body[RunPage], error)    { return nil, errNot }
func (a *API) counts(ctx context.Context, in *struct{}) (*body[Counts], error) { return nil, errNot }
func (a *API) run(ctx context.Context, in *runIn) (*body[RunDetail], error)    { return nil, errNot }
func (a *API) observations(ctx context.Context, in *observationsIn) (*body[ObservationPage], error) {
	return nil, errNot
}
func (a *API) cancel(ctx context.Context, in *cancelIn) (*body[mission.Summary], error) {
	return nil, errNot
}

type documentIn struct {
	ID    mission.RunID `path:"id" maxLength:"64"`
	Input string        `path:"input" maxLength:"64"`
}

func (a *API) bindDocuments() {
	bind(a, route[documentIn]{Operation: binary(get("document", "/runs/{id}/documents/{input}", "runs", "A document as it was uploaded"), "application/octet-stream", "the file as it is, always as an attachment"),
		access: asked, action: policy.ReadRuns}, a.document)
	bind(a, route[documentIn]{Operation: binary(get("document-text", "/runs/{id}/documents/{input}/text", "runs", "The text that was read from a document"), "text/plain; charset=utf-8", "the text"),
		access: asked, action: policy.ReadRuns}, a.documentText)
}
func (a *API) document(ctx context.Context, in *documentIn) (*huma.StreamResponse, error) {
	return nil, errNot
}
func (a *API) documentText(ctx context.Context, in *documentIn) (*huma.StreamResponse, error) {
	return nil, errNot
}
