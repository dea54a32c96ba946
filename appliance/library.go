package appliance

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"skerry/appliance/api"
	"skerry/appliance/mission"
	"skerry/appliance/policy"
	"skerry/store"
)

// library keeps missions: sources and versions in the store, compiled plans in
// memory. It serves both the engine and the API.
type library struct {
	db       *store.DB
	policies *policies

	mu    sync.Mutex // guards plans
	plans map[planKey]*mission.Plan
}

type planKey struct {
	name    string
	version int
}

func newLibrary(db *store.DB, p *policies) *library {
	return &library{db: db, policies: p, plans: map[planKey]*mission.Plan{}}
}

// environment is what a mission is compiled against: the active policy's names
// and the missions that are published.
func (l *library) environment(ctx context.Context) mission.CompileEnv {
	return l.environmentUnder(ctx, l.policies.Active())
}

// environmentUnder is the environment that p would make.
func (l *library) environmentUnder(ctx context.Context, p *policy.Policy) mission.CompileEnv {
	env := mission.CompileEnv{Tables: p.Tables, Queues: p.Queues}
	for _, c := range p.Classes {
		env.Classes = append(env.Classes, c.Name)
	}
	env.Missions = func(name string) (mission.Mission, bool) {
		v, err := l.db.Mission(ctx, name, store.Latest)
		return v.Mission, err == nil
	}
	return env
}

// Plan implements engine.Library. A published version never changes, so its
// plan is kept; only the question which one is the latest needs the store.
func (l *library) Plan(ctx context.Context, name string, version int) (*mission.Plan, error) {
	if plan := l.kept(name, version); plan != nil {
		return plan, nil
	}
	v, err := l.db.Mission(ctx, name, version)
	if err != nil {
		return nil, err
	}
	if plan := l.kept(name, v.Mission.Version); plan != nil {
		return plan, nil
	}
	m, err := mission.Parse(v.Source)
	if err != nil {
		return nil, fmt.Errorf("mission %s, version %d: %w", name, v.Mission.Version, err)
	}
	m.Version = v.Mission.Version
	plan, err := mission.Compile(m, l.environment(ctx))
	if err != nil {
		return nil, fmt.Errorf("mission %s, version %d: %w", name, v.Mission.Version, err)
	}
	l.mu.Lock()
	l.plans[planKey{name, v.Mission.Version}] = plan
	l.mu.Unlock()
	return plan, nil
}

// kept returns the plan of a version, or nil; there is none for store.Latest.
func (l *library) kept(name string, version int) *mission.Plan {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.plans[planKey{name, version}]
}

// Missions implements api.Missions.
func (l *library) Missions(ctx context.Context) ([]api.MissionInfo, error) {
	all, err := l.db.Missions(ctx)
	if err != nil {
		return nil, err
	}
	byName := map[string][]store.MissionVersion{}
	var names []string
	for _, v := range all {
		if byName[v.Mission.Name] == nil {
			names = append(names, v.Mission.Name)
		}
		byName[v.Mission.Name] = append(byName[v.Mission.Name], v)
	}
	infos := make([]api.MissionInfo, 0, len(names))
	for _, name := range names {
		infos = append(infos, l.info(ctx, name, byName[name]))
	}
	return infos, nil
}

// Mission implements api.Missions.
func (l *library) Mission(ctx context.Context, name string) (api.MissionInfo, error) {
	infos, err := l.Missions(ctx)
	if err != nil {
		return api.MissionInfo{}, err
	}
	for _, i := range infos {
		if i.Name == name {
			return i, nil
		}
	}
	return api.MissionInfo{}, fmt.Errorf("mission %q: %w", name, mission.ErrNotFound)
}

// info gathers the versions of one mission.
func (l *library) info(ctx context.Context, name string, versions []store.MissionVersion) api.MissionInfo {
	i := api.MissionInfo{Name: name}
	var draft *store.MissionVersion
	for _, v := range versions {
		if v.Mission.Version == 0 {
			draft = &v
			continue
		}
		i.Versions = append(i.Versions, v.Mission.Version)
		if v.Mission.Version > i.Latest.Version {
			i.Latest, i.PublishedAt, i.PublishedBy = v.Mission, v.SavedAt, v.SavedBy
		}
	}
	slices.Sort(i.Versions)
	slices.Reverse(i.Versions)
	if draft == nil || draft.Mission.Digest == i.Latest.Digest {
		return i
	}
	if i.Latest.Version == 0 {
		i.Latest = draft.Mission
	}
	if stored, err := l.db.Mission(ctx, name, store.Draft); err == nil {
		d := l.draft(ctx, stored)
		i.Draft = &d
	}
	return i
}

func (l *library) draft(ctx context.Context, v store.MissionVersion) api.DraftInfo {
	problems, err := l.Validate(ctx, v.Source)
	if err != nil {
		problems = []mission.Problem{{Message: err.Error()}}
	}
	return api.DraftInfo{Digest: v.Mission.Digest, UpdatedAt: v.SavedAt, UpdatedBy: v.SavedBy, Problems: api.Findings(problems)}
}

// MissionVersion implements api.Missions.
func (l *library) MissionVersion(ctx context.Context, name string, version int) (mission.Mission, error) {
	v, err := l.stored(ctx, name, version)
	return v.Mission, err
}

// MissionSource implements api.Missions.
func (l *library) MissionSource(ctx context.Context, name string, version int) ([]byte, error) {
	v, err := l.stored(ctx, name, version)
	return v.Source, err
}

// stored reads a version as the API counts them: 0 is the draft.
func (l *library) stored(ctx context.Context, name string, version int) (store.MissionVersion, error) {
	if version == 0 {
		version = store.Draft
	}
	return l.db.Mission(ctx, name, version)
}

// Validate implements api.Missions.
func (l *library) Validate(ctx context.Context, source []byte) ([]mission.Problem, error) {
	m, err := mission.Parse(source)
	if err == nil {
		_, err = mission.Compile(m, l.environment(ctx))
	}
	var problems mission.Problems
	if errors.As(err, &problems) {
		return problems, nil
	}
	return nil, err
}

// SaveDraft implements api.Missions.
func (l *library) SaveDraft(ctx context.Context, name string, source []byte, by policy.Principal) (api.DraftInfo, error) {
	m, err := mission.Parse(source)
	if err != nil {
		return api.DraftInfo{}, err
	}
	if m.Name != name {
		return api.DraftInfo{}, mission.Problems{{Line: 1, Column: 1, Path: "mission", Message: fmt.Sprintf("this file is about mission %q, not %q", m.Name, name)}}
	}
	if err := l.db.PutMission(ctx, source, m, by.ID); err != nil {
		return api.DraftInfo{}, err
	}
	v, err := l.db.Mission(ctx, name, store.Draft)
	if err != nil {
		return api.DraftInfo{}, err
	}
	return l.draft(ctx, v), nil
}

// Publish implements api.Missions.
func (l *library) Publish(ctx context.Context, name, digest string, by policy.Principal) (int, error) {
	v, err := l.db.Mission(ctx, name, store.Draft)
	if err != nil {
		return 0, err
	}
	if digest != "" && digest != v.Mission.Digest {
		return 0, fmt.Errorf("publish mission %s: %w: the draft is another one now, look at it again", name, mission.ErrConflict)
	}
	problems, err := l.Validate(ctx, v.Source)
	if err != nil {
		return 0, err
	}
	if len(problems) > 0 {
		return 0, mission.Problems(problems)
	}
	return l.db.Publish(ctx, name, v.Mission.Digest, by.ID)
}
