package catalogue

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Source is a model as somebody has it.
type Source struct {
	Paths  []string // of the GGUF file, of all parts of a split one in their order, or of the files of a Safetensors model
	Name   string   // that people know it by, without its ending
	Digest string   // SHA-256 that the file is said to have; "" = not said
}

// Find returns the model that path means: a GGUF file, a part of a split one (all
// others are found beside it), a directory with one or with a model as
// Safetensors, or a model of an Ollama
// directory, given by its manifest or, where it is
// the only one, by the directory. Errors name what to give instead. Find
// believes nothing of what it reads: the file is checked when it is imported.
func Find(path string) (Source, error) {
	info, err := os.Stat(path)
	if err != nil {
		return Source{}, err
	}
	if path, err = filepath.Abs(path); err != nil {
		return Source{}, err
	}
	if info.IsDir() {
		return inDirectory(path)
	}
	if !info.Mode().IsRegular() {
		return Source{}, fmt.Errorf("%s is no ordinary file", path)
	}
	if slices.Contains(strings.Split(filepath.ToSlash(path), "/"), "manifests") {
		return ofManifest(path)
	}
	if _, ok := partOf(filepath.Base(path)); ok {
		return findParts(path)
	}
	s := Source{Paths: []string{path}, Name: strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))}
	if d, ok := strings.CutPrefix(filepath.Base(path), filePrefix); ok && IsDigest(d) {
		s.Digest, s.Name = d, "" // Ollama's blobs have no name of their own
	}
	return s, nil
}

func inDirectory(dir string) (Source, error) {
	for _, root := range []string{dir, filepath.Join(dir, "models")} {
		if isDir(filepath.Join(root, "manifests")) && isDir(filepath.Join(root, "blobs")) {
			return inOllama(root)
		}
	}
	files, err := filepath.Glob(filepath.Join(escaped(dir), "*.gguf"))
	if err != nil {
		return Source{}, err
	}
	switch len(files) {
	case 1:
		return Find(files[0])
	case 0:
		if s, ok, err := findSafetensors(dir); ok || err != nil {
			return s, err
		}
		return Source{}, fmt.Errorf("%s holds neither a GGUF file nor Safetensors and is no model directory of Ollama", dir)
	}
	if s, ok, err := oneSplit(files); ok {
		return s, err
	}
	return Source{}, fmt.Errorf("%s holds %d GGUF files; name one: %s", dir, len(files), strings.Join(files[:min(len(files), 8)], ", "))
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// escaped keeps a directory's name from being a pattern.
func escaped(dir string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(dir)
}

// inOllama returns the only model of an Ollama directory.
func inOllama(root string) (Source, error) {
	var manifests []string
	err := filepath.WalkDir(filepath.Join(root, "manifests"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && !strings.HasPrefix(d.Name(), ".") {
			manifests = append(manifests, path)
		}
		return err
	})
	switch {
	case err != nil:
		return Source{}, err
	case len(manifests) == 0:
		return Source{}, fmt.Errorf("the Ollama directory %s holds no model", root)
	case len(manifests) > 1:
		return Source{}, fmt.Errorf("the Ollama directory %s holds %d models; name one: %s", root, len(manifests), strings.Join(manifests[:min(len(manifests), 8)], ", "))
	}
	return ofManifest(manifests[0])
}

// manifest is the part of an Ollama manifest that matters here (its layout is
// that of OCI image manifests).
type manifest struct {
	Layers []struct {
		MediaType string `json:"mediaType"`
		Digest    string `json:"digest"`
	} `json:"layers"`
}

const (
	ollamaModel   = "application/vnd.ollama.image.model"
	ollamaAdapter = "application/vnd.ollama.image.adapter"
	ollamaTensor  = "application/vnd.ollama.image.tensor"

	maxManifestBytes = 1 << 20
)

// ofManifest returns the model that an Ollama manifest names. It lies at
// ROOT/manifests/HOST/NAMESPACE/MODEL/TAG, the blobs at ROOT/blobs.
func ofManifest(path string) (Source, error) {
	root := path
	for filepath.Base(root) != "manifests" {
		root = filepath.Dir(root)
	}
	root = filepath.Dir(root)
	info, err := os.Stat(path)
	if err != nil {
		return Source{}, err
	}
	if info.Size() > maxManifestBytes {
		return Source{}, fmt.Errorf("%s is too large for a manifest of Ollama", path)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return Source{}, err
	}
	var m manifest
	if err := json.Unmarshal(data, &m); err != nil {
		return Source{}, fmt.Errorf("%s is no manifest of Ollama: %w", path, err)
	}
	s := Source{Name: filepath.Base(filepath.Dir(path)) + "-" + filepath.Base(path)}
	for _, l := range m.Layers {
		switch l.MediaType {
		case ollamaAdapter:
			return Source{}, fmt.Errorf("%s puts an adapter on top of its model, which would be lost; merge it into the weights and import the result", path)
		case ollamaTensor:
			return Source{}, fmt.Errorf("%s holds its weights as single tensors and not as GGUF; pull a GGUF build of the model", path)
		case ollamaModel:
			if len(s.Paths) > 0 {
				return Source{}, fmt.Errorf("%s names several model files; pull a build of the model that is one file", path)
			}
			algorithm, digest, _ := strings.Cut(l.Digest, ":")
			if algorithm != "sha256" || !IsDigest(digest) {
				return Source{}, fmt.Errorf("%s names its model by %q, which is no SHA-256", path, l.Digest)
			}
			s.Digest, s.Paths = digest, []string{filepath.Join(root, "blobs", filePrefix+digest)}
		}
	}
	if len(s.Paths) == 0 {
		return Source{}, fmt.Errorf("%s names no model file; it may be a model that runs elsewhere", path)
	}
	if _, err := os.Stat(s.Paths[0]); errors.Is(err, fs.ErrNotExist) {
		return Source{}, fmt.Errorf("%s names the model %s, which is not there; pull it again with Ollama", path, s.Paths[0])
	}
	return s, nil
}
