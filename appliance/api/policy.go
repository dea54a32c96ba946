package api

import (
	"context"

	"skerry/appliance/policy"
)

func (a *API) bindPolicy() {
	bind(a, route[struct{}]{Operation: get("policy", "/policy", "policy", "The active policy"), access: asked, action: policy.ReadPolicy}, a.policy)
	bind(a, route[struct{}]{Operation: binary(get("policy-source", "/policy/source", "policy", "The file of the active policy"), "application/yaml", "the file"), access: asked, action: policy.ReadPolicy}, a.policySource)
}
func (a *API) policy(ctx context.Context, in *struct{}) (*body[policy.Policy], error) {
	return nil, errNot
}
func (a *API) policySource(ctx context.Context, in *struct{}) (*rawOut, error) { return nil, errNot }
