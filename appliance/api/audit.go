package api

import (
	"context"
	"errors"
	"net/http"

	"skerry/appliance/mission"
)

// Event is something that the audit log has to know of and that leaves no trace
// in the store, or none that says who asked from where.
type Event struct {
	Operation string // id, as in the OpenAPI document
	Path      string
	Outcome   string // "ok", "refused", "failed"
	Why       string
	Actor     string // id of the principal; empty = nobody who is known
	ActorName string
	Session   string // handle
	Source    string // address, or "local socket"
}

// note records that an operation was done, is about to be done, or was tried.
func (a *API) note(ctx context.Context, operation string, err error) error {
	c := callerOf(ctx)
	e := Event{
		Operation: operation, Path: c.path, Outcome: "ok", Actor: c.who.ID, ActorName: c.who.Name, Session: c.session.ID, Source: c.remote,
	}
	if c.local {
		e.Source = "local socket"
	}
	var problem *Error
	switch {
	case err == nil:
	case errors.As(err, &problem) && problem.Status == http.StatusTooManyRequests && !c.signedIn():
		return nil // see refused
	case errors.As(err, &problem) && (problem.Status == http.StatusForbidden || problem.Status == http.StatusUnauthorized), errors.Is(err, mission.ErrForbidden):
		e.Outcome, e.Why = "refused", err.Error()
	default:
		e.Outcome, e.Why = "failed", err.Error()
	}
	if len(e.Why) > maxWhy {
		e.Why = e.Why[:maxWhy]
	}
	return a.Audit(context.WithoutCancel(ctx), e)
}

// maxWhy bounds what an error says in the audit log, in bytes.
const maxWhy = 1000

// refused records that a caller who is known was refused, and returns what to
// answer. Nobody's refusals are not recorded one by one: anyone who reaches the
// listener could fill the log with them.
func (a *API) refused(ctx context.Context, operation string, err error) error {
	if !callerOf(ctx).signedIn() {
		return err
	}
	if unrecorded := a.note(ctx, operation, err); unrecorded != nil {
		return unrecorded
	}
	return err
}
