package api

import (
	"context"

	"skerry/appliance/llm"
	"skerry/appliance/policy"
)

type modelIn struct {
	ID llm.ModelID `path:"id" maxLength:"128"`
}

func (a *API) bindModels() {
	bind(a, route[struct{}]{Operation: get("models", "/models", "models", "The catalogue as it stands now"), access: asked, action: policy.ReadModels}, a.models)
	bind(a, route[modelIn]{Operation: post("stop-model", "/models/{id}/stop", "models", "Stop a model; runs that need it park"), access: asked, action: policy.OperateModels}, a.stopModel)
	bind(a, route[modelIn]{Operation: post("start-model", "/models/{id}/start", "models", "Start a model; runs that wait for it go on"), access: asked, action: policy.OperateModels}, a.startModel)
}
func (a *API) models(ctx context.Context, in *struct{}) (*body[ModelList], error) { return nil, errNot }
func (a *API) stopModel(ctx context.Context, in *modelIn) (*body[ModelEntry], error) {
	return nil, errNot
}
func (a *API) startModel(ctx context.Context, in *modelIn) (*body[ModelEntry], error) {
	return nil, errNot
}
