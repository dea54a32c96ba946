package appliance

import (
	"context"
	"errors"
	"net/http"
	"time"

	"skerry/appliance/api"
	"skerry/appliance/engine"
	"skerry/appliance/mission"
	"skerry/appliance/policy"
	"skerry/store"
)

// The API declares what it needs in its own words; these adapters say the same
// in the words of the store and the engine.

// ledger is the store as the API reads runs and decisions.
type ledger struct{ *store.DB }

var (
	_ api.Runs      = ledger{}
	_ api.Decisions = ledger{}
	_ api.Sessions  = sessions{}
	_ api.Engine    = starts{}
)

// Runs implements api.Runs.
func (l ledger) Runs(ctx context.Context, f api.RunFilter) ([]mission.Summary, string, error) {
	page, next, err := l.DB.Runs(ctx, store.Filter{
		State: f.State, Mission: f.Mission, Missions: f.Missions, Class: f.Class, Verdict: f.Verdict, Model: f.Model, Text: f.Text,
		From: f.From, To: f.To, Cursor: f.Cursor, Limit: f.Limit,
	})
	return page, next, cursorFault(err)
}

// cursorFault tells whoever sent a cursor that no list gave out to start over.
func cursorFault(err error) error {
	if errors.Is(err, store.ErrCursor) {
		return &api.Error{Status: http.StatusUnprocessableEntity, Code: "bad-cursor", Err: err,
			Detail: "This page cursor is not one that the list gave out. Start from the first page."}
	}
	return err
}

// Counts implements api.Runs.
func (l ledger) Counts(ctx context.Context) (api.RunCounts, error) {
	c, err := l.DB.Counts(ctx)
	return api.RunCounts(c), err
}

// Decisions implements api.Decisions.
func (l ledger) Decisions(ctx context.Context, f api.DecisionFilter) ([]mission.Decision, string, error) {
	page, next, err := l.DB.Decisions(ctx, store.DecisionFilter(f))
	return page, next, cursorFault(err)
}

// sessions is the store as the API keeps sessions.
type sessions struct{ *store.DB }

// Redeem implements api.Sessions.
func (s sessions) Redeem(ctx context.Context, link string, lifetime time.Duration, note string) (string, api.SessionInfo, error) {
	token, session, err := s.DB.Redeem(ctx, link, lifetime, note)
	return token, api.SessionInfo(session), err
}

// Session implements api.Sessions.
func (s sessions) Session(ctx context.Context, token string) (api.SessionInfo, error) {
	session, err := s.DB.Session(ctx, token)
	return api.SessionInfo(session), err
}

// Confirm implements api.Sessions.
func (s sessions) Confirm(ctx context.Context, token, link string) (string, api.SessionInfo, error) {
	next, session, err := s.DB.Confirm(ctx, token, link)
	return next, api.SessionInfo(session), err
}

// starts is the engine as the API uses it.
type starts struct{ *engine.Engine }

// Start implements api.Engine.
func (s starts) Start(ctx context.Context, r api.StartRequest) (mission.RunID, error) {
	id, err := s.Engine.Start(ctx, engine.StartRequest(r))
	return id, stopping(err)
}

// Decide implements api.Engine.
func (s starts) Decide(ctx context.Context, r api.DecideRequest) error {
	return stopping(s.Engine.Decide(ctx, engine.DecideRequest{
		Run: r.Run, Decision: r.Decision, Outcome: r.Outcome, Reason: r.Reason, Digest: r.Digest,
		Amendments: r.Amendments, By: r.By,
	}))
}

// Cancel implements api.Engine.
func (s starts) Cancel(ctx context.Context, run mission.RunID, by policy.Principal, reason string) error {
	return stopping(s.Engine.Cancel(ctx, run, by, reason))
}

// stopping tells whoever asks during a shutdown to ask again.
func stopping(err error) error {
	if errors.Is(err, engine.ErrStopped) {
		return &api.Error{Status: http.StatusServiceUnavailable, Code: "stopping", RetryAfter: 5 * time.Second, Err: err,
			Detail: "Skerry is being stopped or restarted. Nothing is lost; try again in a moment."}
	}
	return err
}
