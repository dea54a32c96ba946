package api

import (
	"context"
	"errors"

	"github.com/danielgtaylor/huma/v2"

	"skerry/appliance/mission"
	"skerry/appliance/policy"
)

type sampleIn struct {
	Name string `path:"name" maxLength:"64"`
	File string `path:"file" maxLength:"255"`
}

func (a *API) bindSamples() {
	bind(a, route[nameIn]{Operation: get("samples", "/missions/{name}/samples", "missions", "Sample documents of a mission"),
		access: asked, action: policy.ReadMissions, object: named(func(in *nameIn) string { return in.Name }), reads: policy.ReadMissions}, a.samples)
	bind(a, route[sampleIn]{Operation: binary(get("sample", "/missions/{name}/samples/{file}", "missions", "The bytes of a sample"), "application/octet-stream", "the file as it is, always as an attachment"),
		access: asked, action: policy.ReadMissions, object: named(func(in *sampleIn) string { return in.Name }), reads: policy.ReadMissions}, a.sample)
}

func (a *API) samples(_ context.Context, in *nameIn) (*body[SampleList], error) {
	return &body[SampleList]{SampleList{a.Samples.Samples(in.Name)}}, nil
}

func (a *API) sample(_ context.Context, in *sampleIn) (*huma.StreamResponse, error) {
	s, data, err := a.readSample(in.Name, in.File)
	if err != nil {
		return nil, err
	}
	return attachment(s.File, s.MediaType, data), nil
}

func (a *API) readSample(name, file string) (Sample, []byte, error) {
	s, data, err := a.Samples.Sample(name, file)
	if errors.Is(err, mission.ErrNotFound) {
		err = notFound("sample", file)
	}
	return s, data, err
}
