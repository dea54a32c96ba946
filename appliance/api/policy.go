package api

import (
	"context"

	"skerry/appliance/policy"
)

func (a *API) bindPolicy() {
	bind(a, route[struct{}]{Operation: get("policy", "/policy", "policy", "The active policy"),
		access: asked, action: policy.ReadPolicy}, a.policy)
	bind(a, route[struct{}]{Operation: binary(get("policy-source", "/policy/source", "policy", "The file of the active policy"), "application/yaml", "the file"),
		access: asked, action: policy.ReadPolicy}, a.policySource)
}

func (a *API) policy(context.Context, *struct{}) (*body[*policy.Policy], error) {
	return &body[*policy.Policy]{a.Policies.Active()}, nil
}

func (a *API) policySource(ctx context.Context, _ *struct{}) (*file, error) {
	source, err := a.Policies.ActiveSource(ctx)
	if err != nil {
		return nil, err
	}
	return &file{"application/yaml", source}, nil
}
