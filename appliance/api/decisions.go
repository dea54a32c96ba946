package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"skerry/appliance/mission"
	"skerry/appliance/policy"
)

type decisionsIn struct {
	Open   string `query:"open" enum:"true,false" default:"true" doc:"Open ones, oldest first, or settled ones, newest first."`
	Queue  string `query:"queue" maxLength:"64"`
	Mine   bool   `query:"mine" doc:"Only queues that the caller may settle in."`
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
		access: asked, action: policy.ReadDecisions, reveals: looks}, a.decision)
	bind(a, route[settleIn]{Operation: post("settle-decision", "/decisions/{id}", "decisions", "Settle a decision"),
		access: asked, action: policy.Settle, reads: policy.ReadDecisions,
		object: func(ctx context.Context, in *settleIn) (policy.Object, error) {
			d, err := a.findDecision(ctx, in.ID)
			return aboutDecision(&d), err
		}}, a.settle)
}

func aboutDecision(d *mission.Decision) policy.Object {
	return policy.Object{Mission: d.Mission, Queue: d.Queue, NotBy: d.NotBy, Class: d.Class}
}

func (a *API) findDecision(ctx context.Context, id string) (mission.Decision, error) {
	d, err := a.Decisions.Decision(ctx, id)
	if errors.Is(err, mission.ErrNotFound) {
		err = notFound("decision", id)
	}
	return d, err
}

func (a *API) decisions(ctx context.Context, in *decisionsIn) (*body[DecisionPage], error) {
	f := DecisionFilter{Settled: in.Open == "false", Cursor: in.Cursor, Limit: in.Limit}
	if in.Mine {
		f.Queues = a.queuesOf(ctx)
	}
	if in.Queue != "" {
		if in.Mine && !slices.Contains(f.Queues, in.Queue) {
			return &body[DecisionPage]{}, nil
		}
		f.Queues = []string{in.Queue}
	}
	list, next, err := a.Decisions.Decisions(ctx, f)
	if err != nil {
		return nil, err
	}
	entries, err := a.entries(ctx, list)
	return &body[DecisionPage]{DecisionPage{entries, next}}, err
}

func (a *API) entries(ctx context.Context, list []mission.Decision) ([]DecisionEntry, error) {
	titles := map[string]mission.Text{}
	entries := make([]DecisionEntry, 0, len(list))
	for i := range list {
		d := &list[i]
		s, err := a.Runs.Run(ctx, d.Run)
		if err != nil && !errors.Is(err, mission.ErrNotFound) {
			return nil, err
		}
		if _, known := titles[d.Mission]; !known {
			info, err := a.Missions.Mission(ctx, d.Mission)
			if err != nil && !errors.Is(err, mission.ErrNotFound) {
				return nil, err
			}
			titles[d.Mission] = info.Latest.Title
		}
		entries = append(entries, a.decisionEntry(ctx, d, s.Subject, titles[d.Mission]))
	}
	return entries, nil
}

func (a *API) decisionEntry(ctx context.Context, d *mission.Decision, about string, title mission.Text) DecisionEntry {
	p := a.Policies.Active()
	e := DecisionEntry{Decision: *d, Title: title, About: about, Queued: mission.Text(p.Queues[d.Queue].Title)}
	if !d.Open() {
		e.WhyNot = "it is settled"
		return e
	}
	may := p.Can(callerOf(ctx).who, policy.Settle, aboutDecision(d))
	if e.May = may.Allowed; !may.Allowed {
		e.WhyNot = may.Why
	}
	return e
}

func (a *API) decision(ctx context.Context, in *decisionIn) (*body[DecisionDetail], error) {
	d, err := a.findDecision(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	v, err := a.view(ctx, d.Run)
	if err != nil {
		return nil, err
	}
	s := v.run.Summary()
	out := DecisionDetail{Decision: a.decisionEntry(ctx, &d, s.Subject, v.mission.Title), Run: s, Fields: v.decisionFields(&d), Rail: v.rail(in.language())}
	for _, doc := range v.documents() {
		out.Documents = append(out.Documents, DecisionText{doc, valid(v.texts[doc.Input])})
	}
	return &body[DecisionDetail]{out}, nil
}

// decisionFields returns the values of the steps that the decision is about:
// those in its subject, those that may be amended, and its own step.
func (v *view) decisionFields(d *mission.Decision) []DecisionField {
	var subject map[string]json.RawMessage
	if err := json.Unmarshal(d.Subject, &subject); err != nil {
		subject = nil // a subject that is no object names no steps
	}
	var fields []DecisionField
	for _, path := range v.paths() {
		_, shown := subject[path]
		amendable := slices.Contains(d.Amend, path)
		if !shown && !amendable && path != d.Step {
			continue
		}
		list := specs(v.step(path))
		for _, f := range v.stepFields(path) {
			field := DecisionField{RunField: f, Amendable: amendable && d.Open()}
			if i := slices.IndexFunc(list, func(s spec) bool { return s.Name == f.Name }); i >= 0 {
				field.Values, field.Nullable, field.Of = list[i].Values, list[i].Nullable, list[i].Of
			}
			fields = append(fields, field)
		}
	}
	return fields
}

// settle hands the decision to the engine, which checks it against the run as
// it stands. What a person can do about a conflict is told here.
func (a *API) settle(ctx context.Context, in *settleIn) (*body[DecisionEntry], error) {
	d, err := a.findDecision(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if err := stale(&d, in.Body.Digest); err != nil {
		return nil, err
	}
	r := DecideRequest{Run: d.Run, Decision: d.Decision, Outcome: in.Body.Outcome, Reason: strings.TrimSpace(in.Body.Reason), Digest: in.Body.Digest, By: callerOf(ctx).who}
	for _, am := range in.Body.Amendments {
		r.Amendments = append(r.Amendments, mission.Amendment{Step: am.Step, Field: am.Field, To: am.To})
	}
	decided := a.Engine.Decide(ctx, r)
	if decided != nil && !errors.Is(decided, mission.ErrConflict) {
		return nil, misfit(decided, "body.", "This decision cannot be settled like that.")
	}
	if d, err = a.findDecision(ctx, in.ID); err != nil {
		return nil, err
	}
	if decided != nil {
		if why := stale(&d, in.Body.Digest); why != nil {
			return nil, why
		}
		return nil, decided
	}
	entries, err := a.entries(ctx, []mission.Decision{d})
	if err != nil {
		return nil, err
	}
	return &body[DecisionEntry]{entries[0]}, nil
}

// stale says why nobody who saw digest can settle d any more, or nil.
func stale(d *mission.Decision, digest string) error {
	switch {
	case !d.Open():
		who := d.Settled.By.Name
		if who == "" {
			who = "nobody in time"
		}
		return &Error{Status: http.StatusConflict, Code: "decision-settled",
			Detail: fmt.Sprintf("This decision is settled already: %s by %s on %s. Nothing was changed.", d.Settled.Outcome, who, d.SettledAt.UTC().Format("2006-01-02 15:04 UTC"))}
	case digest != d.Digest:
		return &Error{Status: http.StatusConflict, Code: "decision-changed",
			Detail: "What you were shown is not what this decision is about now. Load it again, look at it, and settle it then."}
	}
	return nil
}
