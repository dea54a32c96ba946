package api

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"skerry/appliance/llm"
	"skerry/appliance/mission"
	"skerry/appliance/policy"
)

type runsIn struct {
	State   mission.State `query:"state" enum:"running,waiting,parked,ended"`
	Mission string        `query:"mission" maxLength:"64"`
	Class   llm.DataClass `query:"class" maxLength:"64"`
	Verdict string        `query:"verdict" maxLength:"64"`
	Model   llm.ModelID   `query:"model" maxLength:"128"`
	Text    string        `query:"text" maxLength:"200" doc:"Part of the id, the subject, or the name of who started it."`
	From    time.Time     `query:"from" doc:"Created at or after."`
	To      time.Time     `query:"to" doc:"Created before."`
	Cursor  string        `query:"cursor" maxLength:"500"`
	Limit   int           `query:"limit" minimum:"1" maximum:"200" default:"50"`
}

type runIn struct {
	Locale
	ID mission.RunID `path:"id" maxLength:"64"`
}

type observationsIn struct {
	Locale
	ID    mission.RunID `path:"id" maxLength:"64"`
	After uint64        `query:"after" doc:"Sequence number of the last one that is known."`
	Limit int           `query:"limit" minimum:"1" maximum:"1000" default:"500"`
}

type cancelIn struct {
	ID   mission.RunID `path:"id" maxLength:"64"`
	Body CancelBody
}

func (a *API) bindRuns() {
	bind(a, route[runsIn]{Operation: get("runs", "/runs", "runs", "Runs, newest first"), access: asked, action: policy.ReadRuns, some: true}, a.runs)
	bind(a, route[struct{}]{Operation: get("run-counts", "/runs/counts", "runs", "How many runs there are and what waits"), access: asked, action: policy.ReadRuns}, a.counts)
	bind(a, route[runIn]{Operation: get("run", "/runs/{id}", "runs", "A run with its fields, attempts and rail"), access: asked, action: policy.ReadRuns,
		object: aboutRun(a, func(in *runIn) mission.RunID { return in.ID }), reads: policy.ReadRuns, reveals: looks}, a.run)
	bind(a, route[observationsIn]{Operation: get("observations", "/runs/{id}/observations", "runs", "The journal of a run"), access: asked, action: policy.ReadRuns,
		object: aboutRun(a, func(in *observationsIn) mission.RunID { return in.ID }), reads: policy.ReadRuns, reveals: looks}, a.observations)
	bind(a, route[cancelIn]{Operation: post("cancel-run", "/runs/{id}/cancel", "runs", "Cancel a run"), access: asked, action: policy.CancelRun,
		object: aboutRun(a, func(in *cancelIn) mission.RunID { return in.ID }), reads: policy.ReadRuns, always: true}, a.cancel)
}

// aboutRun makes an object function of a run's id; it also says that a run is
// not there.
func aboutRun[I any](a *API, id func(*I) mission.RunID) func(context.Context, *I) (policy.Object, error) {
	return func(ctx context.Context, in *I) (policy.Object, error) {
		s, err := a.summary(ctx, id(in))
		return policy.Object{Mission: s.Mission, Class: s.Class}, err
	}
}

func (a *API) summary(ctx context.Context, id mission.RunID) (mission.Summary, error) {
	s, err := a.Runs.Run(ctx, id)
	if errors.Is(err, mission.ErrNotFound) {
		err = notFound("run", string(id))
	}
	return s, err
}

func (a *API) runs(ctx context.Context, in *runsIn) (*body[RunPage], error) {
	page, next, err := a.Runs.Runs(ctx, RunFilter{State: in.State, Mission: in.Mission, Missions: callerOf(ctx).who.Missions, Class: in.Class, Verdict: in.Verdict, Model: in.Model,
		Text: in.Text, From: in.From, To: in.To, Cursor: in.Cursor, Limit: in.Limit})
	if err != nil {
		return nil, err
	}
	return &body[RunPage]{RunPage{page, next}}, nil
}

func (a *API) counts(ctx context.Context, _ *struct{}) (*body[Counts], error) {
	c, err := a.countAll(ctx)
	return &body[Counts]{c}, err
}

func (a *API) countAll(ctx context.Context) (Counts, error) {
	n, err := a.Runs.Counts(ctx)
	if err != nil {
		return Counts{}, err
	}
	c := Counts{Total: n.Runs, ByState: plain(n.State), ByMission: n.Mission, ByVerdict: n.Verdict, ByClass: plain(n.Class), ByModel: plain(n.Model), ByQueue: n.Queue}
	for _, state := range mission.States() { // a state without runs is 0, not absent
		c.ByState[string(state)] += 0
	}
	for _, waiting := range n.Queue {
		c.OpenDecisions += waiting
	}
	return c, nil
}

func plain[K ~string](m map[K]int) map[string]int {
	out := make(map[string]int, len(m))
	for k, n := range m {
		out[string(k)] = n
	}
	return out
}

func (a *API) run(ctx context.Context, in *runIn) (*body[RunDetail], error) {
	v, err := a.view(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	d := RunDetail{Summary: v.run.Summary(), Run: *v.run, Title: v.mission.Title, Fields: v.fields(), Steps: v.steps(),
		Rail: v.rail(in.language()), Documents: v.documents(), Children: a.seenRuns(ctx, v.children())}
	for _, id := range slices.Sorted(maps.Keys(v.run.Decisions)) {
		if v.run.Decisions[id].Open() {
			d.Decisions = append(d.Decisions, id)
		}
	}
	d.Mine.Cancel = v.run.Verdict == nil &&
		a.authorize(ctx, policy.CancelRun, policy.Object{Mission: v.run.Mission, Class: v.run.Class}) == nil
	return &body[RunDetail]{d}, nil
}

// seenRuns returns those of some runs that the caller may see.
func (a *API) seenRuns(ctx context.Context, ids []mission.RunID) []mission.RunID {
	if callerOf(ctx).who.Missions == nil {
		return ids
	}
	return slices.DeleteFunc(ids, func(id mission.RunID) bool {
		s, err := a.Runs.Run(ctx, id)
		return err != nil || a.authorize(ctx, policy.ReadRuns, policy.Object{Mission: s.Mission, Class: s.Class}) != nil
	})
}

func (a *API) observations(ctx context.Context, in *observationsIn) (*body[ObservationPage], error) {
	list, err := a.Runs.Observations(ctx, in.ID, in.After, in.Limit)
	if err != nil {
		return nil, err
	}
	var page ObservationPage
	for i := range list {
		page.Observations = append(page.Observations, railEvent(list[i], in.language()))
	}
	if len(list) == in.Limit {
		page.Next = list[len(list)-1].Seq
	}
	return &body[ObservationPage]{page}, nil
}

func (a *API) cancel(ctx context.Context, in *cancelIn) (*body[mission.Summary], error) {
	s, err := a.summary(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if s.State == mission.Ended {
		return nil, &Error{Status: 409, Code: "run-ended", Detail: "The run has ended already (" + s.Verdict + "), so there is nothing to cancel."}
	}
	if err := a.Engine.Cancel(ctx, in.ID, callerOf(ctx).who, in.Body.Reason); err != nil {
		return nil, err
	}
	s, err = a.summary(ctx, in.ID)
	return &body[mission.Summary]{s}, err
}
