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
	"skerry/appliance/policy"
)

// RemoveModel implements api.Models.
func (m *models) RemoveModel(ctx context.Context, id llm.ModelID, force bool, by policy.Principal) error {
	e, err := m.entry(id)
	if err != nil {
		return err
	}
	if e.imported == nil {
		return &api.Error{Status: http.StatusConflict, Code: "starter-model",
			Detail: fmt.Sprintf("The model %s is a starter model, which is part of Skerry and cannot be removed. Stop it, or take it out of the policy.", id)}
	}
	if n := e.inFlight.Load(); n > 0 && !force {
		return &api.Error{Status: http.StatusConflict, Code: "model-in-use", RetryAfter: time.Minute,
			Detail: fmt.Sprintf("The model %s is answering %d calls now. Stop it first and try again, or remove it with force, which ends them.", id, n)}
	}
	m.writing.Lock()
	defer m.writing.Unlock()
	list, err := m.importedModels(ctx)
	if err != nil {
		return err
	}
	list = slices.DeleteFunc(list, func(i imported) bool { return i.ID == id })
	err = m.settings.PutSetting(ctx, settingImported, list,
		audit.Record{Action: "model.removed", Actor: by.ID, ActorName: by.Name, Model: string(id), Object: e.imported.File, Before: e.imported.SHA256})
	if err != nil {
		return err
	}
	if err := errors.Join(m.stayStopped(ctx, id, false), m.putExam(ctx, id, nil)); err != nil {
		return err
	}
	m.log.Info("model removed", "model", id, "sha256", e.imported.SHA256, "by", by.ID)
	err = m.delist(e)
	if !slices.ContainsFunc(list, func(i imported) bool { return i.SHA256 == e.imported.SHA256 }) {
		err = errors.Join(err, m.kept.Remove(e.imported.SHA256))
	}
	m.announce()
	return err
}

// delist takes an entry out of the catalogue and ends its process.
func (m *models) delist(e *modelEntry) error {
	id := e.current().ID
	m.mu.Lock()
	delete(m.entries, id)
	m.order = slices.DeleteFunc(m.order, func(other llm.ModelID) bool { return other == id })
	m.mu.Unlock()
	err := e.child.Close()
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.unwatch != nil {
		e.unwatch()
	}
	return err
}

// dropUnused removes a kept file that belongs to no model.
func (m *models) dropUnused(digest string) error {
	list, err := m.importedModels(context.Background())
	if err != nil || slices.ContainsFunc(list, func(i imported) bool { return i.SHA256 == digest }) {
		return err
	}
	return m.kept.Remove(digest)
}
