package api

import (
	"context"
	"errors"
	"net/http"

	"skerry/appliance/mission"
	"skerry/appliance/policy"
)

type missionIn struct {
	Name    string `path:"name" maxLength:"64"`
	Version int    `query:"version" minimum:"0" doc:"0 or absent = the latest published, or the draft where nothing is published."`
	Draft   bool   `query:"draft" doc:"The draft instead."`
}

type nameIn struct {
	Name string `path:"name" maxLength:"64"`
}

type publishIn struct {
	Name   string `path:"name" maxLength:"64"`
	Digest string `query:"digest" maxLength:"64" doc:"Digest of the draft that was looked at; another one is not published."`
}

type draftIn struct {
	Name    string `path:"name" maxLength:"64"`
	RawBody []byte `contentType:"application/yaml"`
}

type validateIn struct {
	RawBody []byte `contentType:"application/yaml"`
}

// named makes an object function of a mission's name.
func named[I any](name func(*I) string) func(context.Context, *I) (policy.Object, error) {
	return func(_ context.Context, in *I) (policy.Object, error) { return policy.Object{Mission: name(in)}, nil }
}

func (a *API) bindMissions() {
	one := named(func(in *missionIn) string { return in.Name })
	bind(a, route[struct{}]{Operation: get("missions", "/missions", "missions", "All missions"),
		access: asked, action: policy.ReadMissions, some: true}, a.missions)
	bind(a, route[struct{}]{Operation: binary(get("mission-schema", "/missions/schema", "missions", "JSON Schema of the mission file"), "application/schema+json", "the schema"),
		access: asked, action: policy.ReadMissions}, a.missionSchema)
	bind(a, route[validateIn]{Operation: post("validate-mission", "/missions/validate", "missions", "Say what is wrong with a mission file"),
		access: asked, action: policy.WriteMissions, always: true}, a.validateMission)
	bind(a, route[missionIn]{Operation: get("mission", "/missions/{name}", "missions", "One version of a mission"),
		access: asked, action: policy.ReadMissions, object: one, reads: policy.ReadMissions}, a.mission)
	bind(a, route[missionIn]{Operation: binary(get("mission-source", "/missions/{name}/source", "missions", "The file that the author wrote"), "application/yaml", "the file"),
		access: asked, action: policy.ReadMissions, object: one, reads: policy.ReadMissions}, a.missionSource)
	bind(a, route[draftIn]{Operation: operation("save-draft", http.MethodPut, "/missions/{name}/draft", "missions", "Save the draft of a mission"),
		access: asked, action: policy.WriteMissions, object: named(func(in *draftIn) string { return in.Name }), reads: policy.ReadMissions}, a.saveDraft)
	bind(a, route[publishIn]{Operation: post("publish-mission", "/missions/{name}/publish", "missions", "Publish the draft as the next version"),
		access: asked, action: policy.PublishMission, object: named(func(in *publishIn) string { return in.Name }), reads: policy.ReadMissions}, a.publish)
}

func (a *API) missions(ctx context.Context, _ *struct{}) (*body[MissionList], error) {
	all, err := a.Missions.Missions(ctx)
	if err != nil {
		return nil, err
	}
	var list MissionList
	for i := range all {
		if a.authorize(ctx, policy.ReadMissions, policy.Object{Mission: all[i].Name}) != nil {
			continue
		}
		list.Missions = append(list.Missions, a.entry(&all[i]))
	}
	return &body[MissionList]{list}, nil
}

// entry returns what lists show of a mission.
func (a *API) entry(m *MissionInfo) MissionEntry {
	e := MissionEntry{Name: m.Name, Title: m.Latest.Title, Description: m.Latest.Description, Input: m.Latest.Input,
		PublishedAt: m.PublishedAt, PublishedBy: m.PublishedBy, Draft: m.Draft, Samples: len(a.Samples.Samples(m.Name))}
	if len(m.Versions) > 0 {
		e.Version = m.Versions[0]
	}
	return e
}

func (a *API) missionSchema(context.Context, *struct{}) (*file, error) {
	return &file{"application/schema+json", a.Schema}, nil
}

func (a *API) validateMission(ctx context.Context, in *validateIn) (*body[Validation], error) {
	problems, err := a.Missions.Validate(ctx, in.RawBody)
	if err != nil {
		return nil, err
	}
	return &body[Validation]{Validation{Valid: len(problems) == 0, Problems: Findings(problems)}}, nil
}

// version returns the mission and the number of the version that in means; 0
// is the draft.
func (a *API) missionVersion(ctx context.Context, in *missionIn) (MissionInfo, int, error) {
	info, err := a.Missions.Mission(ctx, in.Name)
	if errors.Is(err, mission.ErrNotFound) {
		err = notFound("mission", in.Name)
	}
	if err != nil {
		return MissionInfo{}, 0, err
	}
	version := in.Version
	if version == 0 && len(info.Versions) > 0 {
		version = info.Versions[0]
	}
	if in.Draft {
		version = 0
	}
	return info, version, nil
}

func (a *API) mission(ctx context.Context, in *missionIn) (*body[MissionDetail], error) {
	info, version, err := a.missionVersion(ctx, in)
	if err != nil {
		return nil, err
	}
	m, err := a.Missions.MissionVersion(ctx, in.Name, version)
	if err != nil {
		return nil, err
	}
	return &body[MissionDetail]{MissionDetail{Entry: a.entry(&info), Mission: m, Versions: info.Versions}}, nil
}

func (a *API) missionSource(ctx context.Context, in *missionIn) (*file, error) {
	_, version, err := a.missionVersion(ctx, in)
	if err != nil {
		return nil, err
	}
	source, err := a.Missions.MissionSource(ctx, in.Name, version)
	if err != nil {
		return nil, err
	}
	return &file{"application/yaml", source}, nil
}

func (a *API) saveDraft(ctx context.Context, in *draftIn) (*body[DraftInfo], error) {
	d, err := a.Missions.SaveDraft(ctx, in.Name, in.RawBody, callerOf(ctx).who)
	if err != nil {
		return nil, err
	}
	return &body[DraftInfo]{d}, nil
}

func (a *API) publish(ctx context.Context, in *publishIn) (*body[MissionDetail], error) {
	version, err := a.Missions.Publish(ctx, in.Name, in.Digest, callerOf(ctx).who)
	if errors.Is(err, mission.ErrNotFound) {
		err = &Error{Status: http.StatusNotFound, Code: "no-draft", Detail: "The mission " + in.Name + " has no draft that could be published. Save one first."}
	}
	if err != nil {
		return nil, err
	}
	return a.mission(ctx, &missionIn{Name: in.Name, Version: version})
}
