package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"skerry/appliance/llm"
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
		access: asked, action: policy.ReadDecisions}, a.decision)
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

func (a *API) settle(ctx context.Context, in *settleIn) (*body[DecisionEntry], error) {
	d, err := a.findDecision(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	b := &in.Body
	if err := checkSettle(&d, b); err != nil {
		return nil, err
	}
	r := DecideRequest{Run: d.Run, Decision: d.Decision, Outcome: b.Outcome, Reason: strings.TrimSpace(b.Reason), Digest: b.Digest, By: callerOf(ctx).who}
	r.Role = a.Policies.Active().Can(r.By, policy.Settle, aboutDecision(&d)).Role
	if len(b.Amendments) > 0 {
		v, err := a.view(ctx, d.Run)
		if err != nil {
			return nil, err
		}
		if r.Amendments, err = v.amendments(&d, b.Amendments); err != nil {
			return nil, err
		}
	}
	if err := a.Engine.Decide(ctx, r); err != nil {
		if errors.Is(err, mission.ErrConflict) {
			if now, again := a.Decisions.Decision(ctx, in.ID); again == nil {
				if settled := checkSettle(&now, b); settled != nil {
					return nil, settled
				}
			}
		}
		return nil, err
	}
	if d, err = a.findDecision(ctx, in.ID); err != nil {
		return nil, err
	}
	entries, err := a.entries(ctx, []mission.Decision{d})
	if err != nil {
		return nil, err
	}
	return &body[DecisionEntry]{entries[0]}, nil
}

// checkSettle says why b cannot settle d, or nil.
func checkSettle(d *mission.Decision, b *SettleBody) error {
	switch {
	case !d.Open():
		who := d.Settled.By.Name
		if who == "" {
			who = "nobody in time"
		}
		return &Error{Status: http.StatusConflict, Code: "decision-settled",
			Detail: fmt.Sprintf("This decision is settled already: %s by %s at %s. Nothing was changed.", d.Settled.Outcome, who, d.SettledAt.UTC().Format("2006-01-02 15:04 UTC"))}
	case b.Digest != d.Digest:
		return &Error{Status: http.StatusConflict, Code: "decision-changed",
			Detail: "What you were shown is not what this decision is about now. Load it again, look at it, and settle it then."}
	case b.Outcome != mission.Approve && strings.TrimSpace(b.Reason) == "":
		return invalid("body.reason", "say why: to %s needs a reason", b.Outcome)
	case b.Outcome == mission.Amend && len(b.Amendments) == 0:
		return invalid("body.amendments", "to amend needs at least one corrected field; to take the values as they are, approve")
	case b.Outcome != mission.Amend && len(b.Amendments) > 0:
		return invalid("body.amendments", "only amend takes corrections; to %s leaves the values as they are", b.Outcome)
	}
	return nil
}

// amendments checks corrections against what may be corrected, and brings them
// into the form in which values are kept.
func (v *view) amendments(d *mission.Decision, list []AmendmentBody) ([]mission.Amendment, error) {
	seen := map[string]bool{}
	var out []mission.Amendment
	for i, am := range list {
		at := fmt.Sprintf("body.amendments[%d]", i)
		if !slices.Contains(d.Amend, am.Step) {
			return nil, invalid(at+".step", "step %q may not be corrected in this decision; %s", am.Step, mayAmend(d.Amend))
		}
		fields := v.stepFields(am.Step)
		specs := specs(v.step(am.Step))
		s := slices.IndexFunc(specs, func(s spec) bool { return s.Name == am.Field })
		f := slices.IndexFunc(fields, func(f RunField) bool { return f.Name == am.Field })
		if s < 0 {
			return nil, invalid(at+".field", "step %s has no field %q", am.Step, am.Field)
		}
		if seen[am.Step+"\x00"+am.Field] {
			return nil, invalid(at, "field %s of step %s is corrected twice", am.Field, am.Step)
		}
		seen[am.Step+"\x00"+am.Field] = true
		to, err := amended(specs[s].Field, am.To, at+".to")
		if err != nil {
			return nil, err
		}
		from := json.RawMessage("null")
		if f >= 0 && len(fields[f].Value) > 0 {
			from = fields[f].Value
		}
		out = append(out, mission.Amendment{Step: am.Step, Field: am.Field, From: from, To: to})
	}
	return out, nil
}

func mayAmend(steps []string) string {
	if len(steps) == 0 {
		return "nothing may"
	}
	return "what may is " + strings.Join(steps, ", ")
}

// amended checks that v is a value of field f.
func amended(f llm.Field, v json.RawMessage, location string) (json.RawMessage, error) {
	if len(v) == 0 || string(v) == "null" {
		if !f.Nullable {
			return nil, invalid(location, "field %s must have a value", f.Name)
		}
		return json.RawMessage("null"), nil
	}
	if f.Type != llm.TypeList {
		return typedJSON(f.Type, f.Values, v, location)
	}
	var rows []map[string]json.RawMessage
	if err := json.Unmarshal(v, &rows); err != nil {
		return nil, invalid(location, "field %s is a list of objects", f.Name)
	}
	for i, row := range rows {
		for _, name := range slices.Sorted(maps.Keys(row)) {
			at := slices.IndexFunc(f.Of, func(o llm.Field) bool { return o.Name == name })
			if at < 0 {
				return nil, invalid(fmt.Sprintf("%s[%d]", location, i), "rows of %s have no field %q", f.Name, name)
			}
			cell, err := amended(f.Of[at], row[name], fmt.Sprintf("%s[%d].%s", location, i, name))
			if err != nil {
				return nil, err
			}
			row[name] = cell
		}
		for _, o := range f.Of {
			if _, ok := row[o.Name]; !ok && !o.Nullable {
				return nil, invalid(fmt.Sprintf("%s[%d]", location, i), "field %s is missing", o.Name)
			}
		}
	}
	return json.Marshal(rows)
}
