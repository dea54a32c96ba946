package appliance

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"mime"
	"path"
	"strings"

	"skerry/appliance/api"
	"skerry/appliance/mission"
	"skerry/embed"
)

// samples are the documents in the binary. All belong to one mission.
type samples struct {
	files fs.FS
	list  []api.Sample
}

// sampleMission is the mission that the embedded samples belong to.
const sampleMission = "invoice"

// sampleEntry is an entry of samples.json.
type sampleEntry struct {
	File     string       `json:"file"`
	Title    mission.Text `json:"title"`
	Story    string       `json:"story"`
	Language string       `json:"language"`
	Expect   struct {
		Verdict string `json:"verdict"`
		Class   string `json:"class"`
		Note    string `json:"note"`
	} `json:"expect"`
}

func newSamples() (samples, error) {
	s := samples{files: embed.Samples()}
	data, err := fs.ReadFile(s.files, "samples.json")
	if err != nil {
		return s, err
	}
	var entries []sampleEntry
	if err := json.Unmarshal(data, &entries); err != nil {
		return s, fmt.Errorf("samples.json: %w", err)
	}
	for _, e := range entries {
		info, err := fs.Stat(s.files, path.Join("documents", e.File))
		if err != nil {
			return s, fmt.Errorf("samples.json: %w", err)
		}
		media := mime.TypeByExtension(path.Ext(e.File))
		if media == "" {
			media = "application/octet-stream"
		}
		var note mission.Text
		if e.Expect.Note != "" {
			note = mission.Text{"en": e.Expect.Note}
		}
		s.list = append(s.list, api.Sample{
			File: e.File, Title: e.Title, Story: e.Story, Language: e.Language, Note: note,
			MediaType: media, SizeBytes: info.Size(), Expect: e.Expect.Verdict,
		})
	}
	return s, nil
}

// Samples implements api.Samples.
func (s samples) Samples(name string) []api.Sample {
	if name != sampleMission {
		return nil
	}
	return s.list
}

// Sample implements api.Samples.
func (s samples) Sample(name, file string) (api.Sample, []byte, error) {
	for _, sample := range s.Samples(name) {
		if sample.File == file && !strings.ContainsAny(file, `/\`) {
			data, err := fs.ReadFile(s.files, path.Join("documents", file))
			return sample, data, err
		}
	}
	return api.Sample{}, nil, fmt.Errorf("sample %q of mission %q: %w", file, name, mission.ErrNotFound)
}
