package api

import (
	"context"

	"github.com/danielgtaylor/huma/v2"
	"skerry/appliance/policy"
)

type missionIn struct {
	Name    string `path:"name" maxLength:"64"`
	Version int    `query:"version" minimum:"0" doc:"0 or absent = the latest published, or the draft where nothing is published."`
	Draft   bool   `query:"draft" doc:"The draft instead."`
}

type draftIn struct {
	Name    string `path:"name" maxLength:"64"`
	RawBody []byte `contentType:"application/yaml"`
}

type validateIn struct {
	RawBody []byte `contentType:"application/yaml"`
}

type nameIn struct {
	Name string `path:"name" maxLength:"64"`
}

type rawOut struct {
	ContentType string `header:"Content-Type"`
	Body        []byte
}

func (a *API) bindMissions() {
	bind(a, route[struct{}]{Operation: get("missions", "/missions", "missions", "All missions"),
		access: asked, action: policy.ReadMissions}, a.missions)
	bind(a, route[struct{}]{Operation: binary(get("mission-schema", "/missions/schema", "missions", "JSON Schema of the mission file"), "application/schema+json", "the schema"),
		access: asked, action: policy.ReadMissions}, a.missionSchema)
	bind(a, route[validateIn]{Operation: post("validate-mission", "/missions/validate", "missions", "Say what is wrong with a mission file"),
		access: asked, action: policy.WriteMissions}, a.validateMission)
	bind(a, route[missionIn]{Operation: get("mission", "/missions/{name}", "missions", "One version of a mission"),
		access: asked, action: policy.ReadMissions, object: aboutMission}, a.mission)
	bind(a, route[missionIn]{Operation: binary(get("mission-source", "/missions/{name}/source", "missions", "The file that the author wrote"), "application/yaml", "the file"),
		access: asked, action: policy.ReadMissions, object: aboutMission}, a.missionSource)
	bind(a, route[draftIn]{Operation: operation("save-draft", "PUT", "/missions/{name}/draft", "missions", "Save the draft of a mission"),
		access: asked, action: policy.WriteMissions, object: func(_ context.Context, in *draftIn) (policy.Object, error) {
			return policy.Object{Mission: in.Name}, nil
		}}, a.saveDraft)
	bind(a, route[nameIn]{Operation: post("publish-mission", "/missions/{name}/publish", "missions", "Publish the draft as the next version"),
		access: asked, action: policy.PublishMission, object: func(_ context.Context, in *nameIn) (policy.Object, error) {
			return policy.Object{Mission: in.Name}, nil
		}}, a.publish)
}

func aboutMission(_ context.Context, in *missionIn) (policy.Object, error) {
	return policy.Object{Mission: in.Name}, nil
}

func (a *API) missions(ctx context.Context, in *struct{}) (*body[MissionList], error) {
	return nil, errNot
}
func (a *API) missionSchema(ctx context.Context, in *struct{}) (*rawOut, error) { return nil, errNot }
func (a *API) validateMission(ctx context.Context, in *validateIn) (*body[Validation], error) {
	return nil, errNot
}
func (a *API) mission(ctx context.Context, in *missionIn) (*body[MissionDetail], error) {
	return nil, errNot
}
func (a *API) missionSource(ctx context.Context, in *missionIn) (*rawOut, error) { return nil, errNot }
func (a *API) saveDraft(ctx context.Context, in *draftIn) (*body[DraftInfo], error) {
	return nil, errNot
}
func (a *API) publish(ctx context.Context, in *nameIn) (*body[MissionDetail], error) {
	return nil, errNot
}

type sampleIn struct {
	Name string `path:"name" maxLength:"64"`
	File string `path:"file" maxLength:"255"`
}

func (a *API) bindSamples() {
	bind(a, route[nameIn]{Operation: get("samples", "/missions/{name}/samples", "missions", "Sample documents of a mission"),
		access: asked, action: policy.ReadMissions, object: func(_ context.Context, in *nameIn) (policy.Object, error) {
			return policy.Object{Mission: in.Name}, nil
		}}, a.samples)
	bind(a, route[sampleIn]{Operation: binary(get("sample", "/missions/{name}/samples/{file}", "missions", "The bytes of a sample"), "application/octet-stream", "the file as it is"),
		access: asked, action: policy.ReadMissions, object: func(_ context.Context, in *sampleIn) (policy.Object, error) {
			return policy.Object{Mission: in.Name}, nil
		}}, a.sample)
}
func (a *API) samples(ctx context.Context, in *nameIn) (*body[SampleList], error) { return nil, errNot }
func (a *API) sample(ctx context.Context, in *sampleIn) (*huma.StreamResponse, error) {
	return nil, errNot
}
