package api

import (
	"context"

	"skerry/appliance/policy"
)

func (a *API) bindHome() {
	bind(a, route[struct{}]{Operation: get("home", "/home", "home", "What waits for me"), access: asked, action: policy.ReadRuns}, a.home)
	bind(a, route[struct{}]{Operation: get("health", "/health", "site", "Does the appliance answer"), access: open}, a.health)
	bind(a, route[struct{}]{Operation: get("version", "/version", "site", "What is installed"), access: signedIn}, a.version)
}
func (a *API) home(ctx context.Context, in *struct{}) (*body[Home], error)       { return nil, errNot }
func (a *API) health(ctx context.Context, in *struct{}) (*body[Health], error)   { return nil, errNot }
func (a *API) version(ctx context.Context, in *struct{}) (*body[Version], error) { return nil, errNot }
