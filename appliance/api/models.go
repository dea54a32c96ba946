package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"skerry/appliance/llm"
	"skerry/appliance/mission"
	"skerry/appliance/policy"
)

type modelIn struct {
	ID llm.ModelID `path:"id" maxLength:"128"`
}

func (a *API) bindModels() {
	bind(a, route[struct{}]{Operation: get("models", "/models", "models", "The catalogue as it stands now"),
		access: asked, action: policy.ReadModels}, a.models)
	bind(a, route[modelIn]{Operation: get("model-card", "/models/{id}/card", "models", "The card of a model: what it is, what it cannot do, how well it did"),
		access: asked, action: policy.ReadModels}, a.modelCard)
	bind(a, route[modelIn]{Operation: post("stop-model", "/models/{id}/stop", "models", "Stop a model; runs that need it park"),
		access: asked, action: policy.OperateModels, leaves: true, always: true}, a.stopModel)
	bind(a, route[modelIn]{Operation: post("start-model", "/models/{id}/start", "models", "Start a model; runs that wait for it go on"),
		access: asked, action: policy.OperateModels, leaves: true}, a.startModel)
	bind(a, route[modelIn]{Operation: post("examine-model", "/models/{id}/exam", "models", "Examine a running model; takes minutes"),
		access: asked, action: policy.OperateModels, leaves: true}, a.examineModel)
	a.bindImport()
}

func (a *API) models(ctx context.Context, _ *struct{}) (*body[ModelList], error) {
	all, err := a.Models.Models(ctx)
	if err != nil {
		return nil, err
	}
	var list ModelList
	for i := range all {
		list.Models = append(list.Models, a.describeModel(ctx, &all[i]))
	}
	list.Importing = a.Models.Importing()
	list.Importing.Allowed = a.mayOperate(ctx)
	return &body[ModelList]{list}, nil
}

func (a *API) mayOperate(ctx context.Context) bool {
	return a.Policies.Active().Can(callerOf(ctx).who, policy.OperateModels, policy.Object{}).Allowed
}

func (a *API) modelCard(ctx context.Context, in *modelIn) (*body[llm.Card], error) {
	if _, err := a.model(ctx, in.ID); err != nil {
		return nil, err
	}
	c, err := a.Models.Card(ctx, in.ID)
	if errors.Is(err, mission.ErrNotFound) {
		return nil, notFound("card of the model", string(in.ID))
	}
	if err != nil {
		return nil, err
	}
	return &body[llm.Card]{c}, nil
}

func (a *API) stopModel(ctx context.Context, in *modelIn) (*body[ModelEntry], error) {
	if _, err := a.model(ctx, in.ID); err != nil {
		return nil, err
	}
	if err := a.Models.StopModel(ctx, in.ID, callerOf(ctx).who); err != nil {
		return nil, err
	}
	return a.model(ctx, in.ID)
}

func (a *API) startModel(ctx context.Context, in *modelIn) (*body[ModelEntry], error) {
	if _, err := a.model(ctx, in.ID); err != nil {
		return nil, err
	}
	if err := a.Models.StartModel(ctx, in.ID, callerOf(ctx).who); err != nil {
		return nil, err
	}
	return a.model(ctx, in.ID)
}

func (a *API) examineModel(ctx context.Context, in *modelIn) (*body[ModelEntry], error) {
	if _, err := a.model(ctx, in.ID); err != nil {
		return nil, err
	}
	c := callerOf(ctx)
	rc := http.NewResponseController(c.writer)
	rc.SetWriteDeadline(time.Time{}) //nolint:errcheck // recorders in tests have none
	err := a.Models.ExamineModel(ctx, in.ID, c.who)
	rc.SetWriteDeadline(time.Now().Add(a.AnswerTime)) //nolint:errcheck // as above
	if err != nil {
		return nil, err
	}
	return a.model(ctx, in.ID)
}

func (a *API) model(ctx context.Context, id llm.ModelID) (*body[ModelEntry], error) {
	all, err := a.Models.Models(ctx)
	if err != nil {
		return nil, err
	}
	for i := range all {
		if all[i].ID == id {
			return &body[ModelEntry]{a.describeModel(ctx, &all[i])}, nil
		}
	}
	return nil, notFound("model", string(id))
}

// describeModel adds to a model what the active policy says about it.
func (a *API) describeModel(ctx context.Context, m *ModelStatus) ModelEntry {
	p := a.Policies.Active()
	rule, named := p.Models[m.ID]
	e := ModelEntry{Model: m.Model, LockDigest: m.Lock.Digest(), State: m.State, Why: m.Why, Enabled: named && !rule.Disabled,
		LatencyMicros: m.LatencyMicros, Calls: m.Calls, Pinned: m.Pinned, MayOperate: a.mayOperate(ctx),
		Source: "starter", SizeBytes: m.SizeBytes, MemoryBytes: m.MemoryBytes, File: m.File}
	if m.File != nil {
		e.Source = "imported"
	}
	if !m.LastUse.IsZero() {
		at := m.LastUse.UTC()
		e.LastUseAt = &at
	}
	if m.Exam != nil {
		e.Exam = &ModelExam{Scorecard: *m.Exam, Outdated: m.Exam.Lock != e.LockDigest}
		if m.File != nil && !e.Exam.Outdated {
			_, e.Exam.Limits = m.Exam.Bound(m.Model)
		}
	}
	e.Price = p.Price(m.Model)    // what a call costs here, whatever the catalogue says
	for _, c := range p.Classes { // lowest first, so the last that is cleared is the highest
		if ok, _ := p.Cleared(m.ID, m.Boundary, c.Name); ok {
			e.Clearance = c.Name
		}
	}
	for _, pool := range p.Pools {
		for i, id := range pool.Models {
			if id == m.ID {
				e.Pools = append(e.Pools, ModelPool{Name: pool.Name, Title: mission.Text(pool.Title), Order: i + 1})
			}
		}
	}
	return e
}
