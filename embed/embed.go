// Package embed holds the bytes that travel inside the binary: the web UI, the
// local runner, the starter models, the sample missions and documents, the
// default policy, the prompt profiles and the licences of everything inside.
// It imports only the standard library and interprets nothing.
package embed

import (
	"embed"
	"io/fs"
)

//go:embed all:build
var build embed.FS

//go:embed starter/*.json starter/*.gguf starter/cards
var starter embed.FS

//go:embed mission/*.yaml
var missions embed.FS

//go:embed policy/policy.yaml
var policy []byte

//go:embed profile/*.json
var profiles embed.FS

//go:embed sample/samples.json sample/documents
var samples embed.FS

// UI returns the built web UI with index.html at its root, and whether it was
// built into this binary.
func UI() (fs.FS, bool) {
	ui, err := fs.Sub(build, "build/webui")
	if err != nil {
		return nil, false
	}
	_, err = fs.Stat(ui, "index.html")
	return ui, err == nil
}

// Licences returns the licence texts of everything that is in the binary, or a
// line that says they were not built in.
func Licences() []byte {
	b, err := build.ReadFile("build/licences.txt")
	if err != nil {
		return []byte("This binary was built without the licence texts of its parts; `make build` adds them.\n")
	}
	return b
}

// Starter returns the folder of the starter models: models.json, which says
// what they are, the GGUF files that it names, and the folder cards with what
// the exam found out about each.
func Starter() fs.FS { return sub(starter, "starter") }

// Missions returns the sample missions, one YAML file each.
func Missions() fs.FS { return sub(missions, "mission") }

// Policy returns the default policy document in YAML.
func Policy() []byte { return policy }

// Profiles returns the prompt profiles, one JSON file each.
func Profiles() fs.FS { return sub(profiles, "profile") }

// Samples returns samples.json, which describes the sample documents, and the
// folder documents that holds them.
func Samples() fs.FS { return sub(samples, "sample") }

// sub panics only if the embed directives above do not name dir.
func sub(f embed.FS, dir string) fs.FS {
	s, err := fs.Sub(f, dir)
	if err != nil {
		panic(err)
	}
	return s
}
