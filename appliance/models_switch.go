package appliance

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"skerry/appliance/api"
	"skerry/appliance/audit"
	"skerry/appliance/llm"
	"skerry/appliance/mission"
	"skerry/appliance/policy"
	"skerry/plugins"
)

// Models implements api.Models.
func (m *models) Models(context.Context) ([]api.ModelStatus, error) {
	all := m.all()
	list := make([]api.ModelStatus, 0, len(all))
	for _, e := range all {
		state, model := e.child.State(), e.current()
		s := api.ModelStatus{
			Model: model, State: "running", Why: state.Reason, Calls: e.calls.Load(), LatencyMicros: m.latency(model.ID),
			LastUse: m.lastUse(e), Pinned: m.pinned(e), SizeBytes: e.size, MemoryBytes: state.MemoryBytes, File: m.file(e), Exam: m.scorecard(model.ID),
		}
		refused, idle := e.refusal(), m.idle(e)
		switch {
		case state.Phase == plugins.Ready:
			s.Why = ""
		case state.Phase == plugins.Stopped && refused != "":
			s.State, s.Why = "failed", refused
		case state.Phase == plugins.Stopped && idle != "":
			s.State, s.Why = "idle", idle
			if why := m.tooLarge(e); why != "" {
				s.State, s.Why = "failed", why
			}
		case state.Phase == plugins.Stopped && e.imported != nil && state.Reason == "":
			s.State, s.Why = "stopped", "nobody has started it"
		case state.Phase == plugins.Stopped:
			s.State, s.Why = "stopped", "an administrator stopped it"
		default:
			s.State = string(state.Phase)
		}
		list = append(list, s)
	}
	return list, nil
}

// StopModel implements api.Models. The model stays stopped across restarts.
func (m *models) StopModel(ctx context.Context, id llm.ModelID, by policy.Principal) error {
	e, err := m.entry(id)
	if err != nil {
		return err
	}
	if err := m.remember(ctx, id, true, by); err != nil {
		return err
	}
	m.log.Info("model stopped", "model", id, "by", by.ID)
	e.refuse("")
	m.rest(e, "")
	return e.child.Stop(ctx)
}

// modelStartTimeout bounds how long an administrator waits for a model; the
// child goes on starting after that.
const modelStartTimeout = 30 * time.Second

// StartModel implements api.Models.
func (m *models) StartModel(ctx context.Context, id llm.ModelID, by policy.Principal) error {
	e, err := m.entry(id)
	if err != nil {
		return err
	}
	if err := m.startable(e); err != nil {
		return err
	}
	e.refuse("")
	waiting, cancel := context.WithTimeout(ctx, modelStartTimeout)
	defer cancel()
	err = m.load(waiting, e, false)
	var shown *api.Error
	if errors.As(err, &shown) {
		return err // it was not tried
	}
	if err := m.remember(ctx, id, false, by); err != nil {
		return err
	}
	m.log.Info("model started", "model", id, "by", by.ID)
	switch s := e.child.State(); {
	case e.refusal() != "":
		return &api.Error{Status: http.StatusConflict, Code: "model-failed", Detail: fmt.Sprintf("The model %s does not start: %s.", id, e.refusal())}
	case err == nil || e.imported == nil:
		return err
	case waiting.Err() != nil && ctx.Err() == nil && s.Phase == plugins.Starting:
		return nil // a large file takes its time; the catalogue says "starting"
	case s.Reason != "":
		return &api.Error{Status: http.StatusConflict, Code: "model-failed", Err: err,
			Detail: fmt.Sprintf("The model %s does not start: %s", id, s.Reason)}
	}
	return err
}

// lastUse returns when the last call of a model ended; zero = there was none.
func (m *models) lastUse(e *modelEntry) time.Time {
	m.room.Lock()
	defer m.room.Unlock()
	if e.calls.Load() == 0 {
		return time.Time{}
	}
	return e.lastUse
}

// stopped returns the models that stay stopped.
func (m *models) stopped(ctx context.Context) ([]llm.ModelID, error) {
	var list []llm.ModelID
	err := m.settings.Setting(ctx, settingStopped, &list)
	if errors.Is(err, mission.ErrNotFound) {
		return nil, nil
	}
	return list, err
}

// remember makes a model stay stopped, or not.
func (m *models) remember(ctx context.Context, id llm.ModelID, stop bool, by policy.Principal) error {
	m.writing.Lock()
	defer m.writing.Unlock()
	r := audit.Record{Action: "model.started", Actor: by.ID, ActorName: by.Name, Model: string(id)}
	if stop {
		r.Action = "model.stopped"
	}
	return m.stayStopped(ctx, id, stop, r)
}

// stayStopped is remember for callers that hold writing.
func (m *models) stayStopped(ctx context.Context, id llm.ModelID, stop bool, records ...audit.Record) error {
	list, err := m.stopped(ctx)
	if err != nil {
		return err
	}
	list = slices.DeleteFunc(list, func(other llm.ModelID) bool { return other == id })
	if stop {
		list = append(list, id)
	}
	return m.settings.PutSetting(ctx, settingStopped, list, records...)
}
