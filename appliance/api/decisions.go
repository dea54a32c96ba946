package api

import (
	"context"

	"skerry/appliance/policy"
)

type decisionsIn struct {
	Open   string `query:"open" enum:"true,false" default:"true" doc:"Open ones, oldest first, or settled ones, newest first."`
	Queue  string `query:"queue" maxLength:"64"`
	Run    string `query:"run" maxLength:"64"`
	Cursor string `query:"cursor" maxLength:"500"`
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50"`
}

type decisionIn struct {
	Locale
	ID string `path:"id" maxLength:"128"`
}

type settleIn struct {
	ID   string `path:"id" maxLength:"128"`
	Body SettleBody
}

func (a *API) bindDecisions() {
	bind(a, route[decisionsIn]{Operation: get("decisions", "/decisions", "decisions", "What waits, or waited, for people"),
		access: asked, action: policy.ReadDecisions}, a.decisions)
	bind(a, route[decisionIn]{Operation: get("decision", "/decisions/{id}", "decisions", "A decision with what it is about"),
		access: asked, action: policy.ReadDecisions}, a.decision)
	bind(a, route[settleIn]{Operation: post("settle-decision", "/decisions/{id}", "decisions", "Settle a decision"),
		access: asked, action: policy.Settle, object: a.aboutDecision}, a.settle)
}
func (a *API) aboutDecision(ctx context.Context, in *settleIn) (policy.Object, error) {
	return policy.Object{}, errNot
}
func (a *API) decisions(ctx context.Context, in *decisionsIn) (*body[DecisionPage], error) {
	return nil, errNot
}
func (a *API) decision(ctx context.Context, in *decisionIn) (*body[DecisionDetail], error) {
	return nil, errNot
}
func (a *API) settle(ctx context.Context, in *settleIn) (*body[DecisionEntry], error) {
	return nil, errNot
}
