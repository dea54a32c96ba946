package api

import (
	"context"

	"skerry/appliance/mission"
	"skerry/appliance/policy"
)

// homeRows is how many of everything the start page shows.
const homeRows = 10

func (a *API) bindHome() {
	bind(a, route[struct{}]{Operation: get("home", "/home", "home", "What waits for me"),
		access: asked, action: policy.ReadRuns}, a.home)
	bind(a, route[struct{}]{Operation: get("health", "/health", "site", "Does the appliance answer"), access: open}, a.health)
	bind(a, route[struct{}]{Operation: get("version", "/version", "site", "What is installed"), access: signedIn}, a.version)
	bind(a, route[struct{}]{Operation: binary(get("openapi", "/openapi.json", "site", "This description of the API"), openAPIType, "OpenAPI 3.1"), access: signedIn}, a.describe)
}

func (a *API) home(ctx context.Context, _ *struct{}) (*body[Home], error) {
	var h Home
	var err error
	if h.Counts, err = a.countAll(ctx); err != nil {
		return nil, err
	}
	if a.authorize(ctx, policy.ReadDecisions, policy.Object{}) == nil {
		waiting, _, err := a.Decisions.Decisions(ctx, DecisionFilter{Queues: a.queuesOf(ctx), Limit: homeRows})
		if err != nil {
			return nil, err
		}
		if h.Decisions, err = a.entries(ctx, waiting); err != nil {
			return nil, err
		}
	}
	if h.Parked, _, err = a.Runs.Runs(ctx, RunFilter{State: mission.Parked, Limit: homeRows}); err != nil {
		return nil, err
	}
	if h.Recent, _, err = a.Runs.Runs(ctx, RunFilter{Limit: homeRows}); err != nil {
		return nil, err
	}
	return &body[Home]{h}, nil
}

// queuesOf returns the queues that the caller may settle in, sorted; never nil,
// which would mean all.
func (a *API) queuesOf(ctx context.Context) []string {
	p := a.Policies.Active()
	queues := []string{}
	for _, q := range sortedKeys(p.Queues) {
		if p.Can(callerOf(ctx).who, policy.Settle, policy.Object{Queue: q}).Allowed {
			queues = append(queues, q)
		}
	}
	return queues
}

func (a *API) health(context.Context, *struct{}) (*body[Health], error) {
	return &body[Health]{Health{a.Health()}}, nil
}

func (a *API) version(context.Context, *struct{}) (*body[Version], error) {
	return &body[Version]{a.Build}, nil
}

const openAPIType = "application/vnd.oai.openapi+json"

func (a *API) describe(context.Context, *struct{}) (*file, error) {
	doc, err := a.OpenAPI()
	if err != nil {
		return nil, err
	}
	return &file{openAPIType, doc}, nil
}
