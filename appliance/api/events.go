package api

import (
	"context"

	"github.com/danielgtaylor/huma/v2"
	"skerry/appliance/mission"
	"skerry/appliance/policy"
)

type runEventsIn struct {
	Locale
	ID   mission.RunID `path:"id" maxLength:"64"`
	Last string        `header:"Last-Event-ID" doc:"Go on behind this sequence number."`
	From uint64        `query:"after" doc:"The same, for clients that cannot set the header."`
}

func (a *API) bindEvents() {
	bind(a, route[runEventsIn]{Operation: a.stream(get("run-events", "/runs/{id}/events", "runs", "The Explain rail of a run, live"),
		"Server-sent events. `observation`: id is the sequence number, data a RailEvent. `end`: the run has ended and nothing follows; close the source. A stream that breaks goes on where it was with Last-Event-ID; 204 says that there is nothing more.",
		map[string]any{"observation": RailEvent{}, "end": StreamEnd{}}),
		access: asked, action: policy.ReadRuns}, a.runEvents)
	bind(a, route[struct{}]{Operation: a.stream(get("events", "/events", "runs", "Changes of runs and decisions, live"),
		"Server-sent events for lists. `run`: data is the Summary of a run that changed. `counts`: data is LiveCounts. `reload`: too much changed at once; fetch the lists again, as after every (re)connect.",
		map[string]any{"run": mission.Summary{}, "counts": LiveCounts{}, "reload": StreamEnd{}}),
		access: asked, action: policy.ReadRuns}, a.liveEvents)
}

// StreamEnd says why an event stream ends or must be read anew.
type StreamEnd struct {
	Why string `json:"why"`
}

// stream describes a response of server-sent events whose data are of the
// given types.
func (a *API) stream(op huma.Operation, about string, events map[string]any) huma.Operation {
	op.Description = about
	var data []*huma.Schema
	for _, name := range sortedKeys(events) {
		s := a.huma.OpenAPI().Components.Schemas.Schema(valueType(events[name]), true, name)
		data = append(data, &huma.Schema{Title: name, Type: huma.TypeObject, Required: []string{"event", "data"}, Properties: map[string]*huma.Schema{
			"id":    {Type: huma.TypeString},
			"event": {Type: huma.TypeString, Enum: []any{name}},
			"data":  s,
		}})
	}
	op.Responses = map[string]*huma.Response{"200": {
		Description: "the stream",
		Content:     map[string]*huma.MediaType{"text/event-stream": {Schema: &huma.Schema{Type: huma.TypeArray, Items: &huma.Schema{OneOf: data}}}},
	}}
	return op
}

func (a *API) runEvents(ctx context.Context, in *runEventsIn) (*huma.StreamResponse, error) {
	return nil, errNot
}
func (a *API) liveEvents(ctx context.Context, in *struct{}) (*huma.StreamResponse, error) {
	return nil, errNot
}
