package catalogue

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func write(t *testing.T, root, path, content string) string {
	t.Helper()
	full := filepath.Join(root, path)
	if err := os.MkdirAll(filepath.Dir(full), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(full, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return full
}

var blob = strings.Repeat("ab", 32)

func manifestOf(layers ...string) string { return `{"layers":[` + strings.Join(layers, ",") + `]}` }

func layer(kind, digest string) string {
	return `{"mediaType":"application/vnd.ollama.image.` + kind + `","digest":"` + digest + `"}`
}

func TestFind(t *testing.T) {
	dir := t.TempDir()
	plain := write(t, dir, "some/Qwen3-0.6B.Q4_K_M.gguf", "GGUF")
	weights := write(t, dir, "ollama/models/blobs/sha256-"+blob, "GGUF")
	tag := write(t, dir, "ollama/models/manifests/registry.ollama.ai/library/qwen3/0.6b",
		manifestOf(layer("template", "sha256:"+strings.Repeat("c", 64)), layer("model", "sha256:"+blob)))
	var parts []string
	for n := 1; n <= 3; n++ {
		parts = append(parts, write(t, dir, fmt.Sprintf("split/big-%05d-of-00003.gguf", n), "GGUF"))
	}
	for _, row := range []struct {
		name, path string
		want       Source
	}{
		{"a part of a split model", parts[1], Source{Paths: parts, Name: "big"}},
		{"a directory with a split model", filepath.Dir(parts[0]), Source{Paths: parts, Name: "big"}},
		{"a file", plain, Source{Paths: []string{plain}, Name: "Qwen3-0.6B.Q4_K_M"}},
		{"a directory with one", filepath.Dir(plain), Source{Paths: []string{plain}, Name: "Qwen3-0.6B.Q4_K_M"}},
		{"a manifest of Ollama", tag, Source{Paths: []string{weights}, Name: "qwen3-0.6b", Digest: blob}},
		{"the models directory of Ollama", filepath.Join(dir, "ollama/models"), Source{Paths: []string{weights}, Name: "qwen3-0.6b", Digest: blob}},
		{"the directory of Ollama", filepath.Join(dir, "ollama"), Source{Paths: []string{weights}, Name: "qwen3-0.6b", Digest: blob}},
		{"a blob of Ollama", weights, Source{Paths: []string{weights}, Digest: blob}},
	} {
		if got, err := Find(row.path); err != nil || !reflect.DeepEqual(got, row.want) {
			t.Errorf("%s: got %+v, %v; want %+v", row.name, got, err, row.want)
		}
	}
}

func TestFindRefuses(t *testing.T) {
	for _, row := range []struct {
		name  string
		files map[string]string
		path  string
		want  []string
	}{
		{"nothing there", nil, "nothing", []string{"no such file"}},
		{"an empty directory", map[string]string{"x/readme.txt": ""}, "x", []string{"neither a GGUF file nor Safetensors"}},
		{"several files", map[string]string{"x/a.gguf": "", "x/b.gguf": ""}, "x", []string{"2 GGUF files", "a.gguf", "b.gguf"}},
		{"an index of Safetensors that names what is not there", map[string]string{"x/a.safetensors": "", "x/model.safetensors.index.json": `{"weight_map":{"t":"b.safetensors"}}`}, "x", []string{"b.safetensors"}},
		{"an index of Safetensors that leads elsewhere", map[string]string{"x/a.safetensors": "", "x/model.safetensors.index.json": `{"weight_map":{"t":"/etc/passwd"}}`}, "x", []string{"/etc/passwd"}},
		{"a part without the others", map[string]string{"m-00001-of-00003.gguf": ""}, "m-00001-of-00003.gguf", []string{"m-00002-of-00003.gguf, m-00003-of-00003.gguf are missing"}},
		{"most parts", map[string]string{"x/m-00001-of-00003.gguf": "", "x/m-00003-of-00003.gguf": ""}, "x", []string{"m-00002-of-00003.gguf is missing"}},
		{"parts of two models", map[string]string{"x/m-00001-of-00002.gguf": "", "x/n-00002-of-00002.gguf": ""}, "x", []string{"2 GGUF files"}},
		{"several models of Ollama", map[string]string{"o/blobs/x": "", "o/manifests/r/l/a/1": "{}", "o/manifests/r/l/b/1": "{}"}, "o", []string{"2 models", "manifests/r/l/a/1"}},
		{"no model of Ollama", map[string]string{"o/blobs/x": "", "o/manifests/r/.keep": ""}, "o", []string{"no model"}},
		{"a manifest that is none", map[string]string{"o/manifests/r/l/a/1": "hello"}, "o/manifests/r/l/a/1", []string{"no manifest"}},
		{"a manifest without weights", map[string]string{"o/manifests/r/l/a/1": manifestOf()}, "o/manifests/r/l/a/1", []string{"no model file"}},
		{"an adapter", map[string]string{"o/manifests/r/l/a/1": manifestOf(layer("model", "sha256:"+blob), layer("adapter", "sha256:"+blob))}, "o/manifests/r/l/a/1", []string{"adapter"}},
		{"single tensors", map[string]string{"o/manifests/r/l/a/1": manifestOf(layer("tensor", "sha256:"+blob))}, "o/manifests/r/l/a/1", []string{"single tensors"}},
		{"a digest that climbs", map[string]string{"o/manifests/r/l/a/1": manifestOf(layer("model", "sha256:../../../etc/passwd"))}, "o/manifests/r/l/a/1", []string{"no SHA-256"}},
		{"a blob that is gone", map[string]string{"o/manifests/r/l/a/1": manifestOf(layer("model", "sha256:"+blob))}, "o/manifests/r/l/a/1", []string{"is not there", "pull it again"}},
	} {
		dir := t.TempDir()
		for name, content := range row.files {
			write(t, dir, name, content)
		}
		_, err := Find(filepath.Join(dir, row.path))
		for _, want := range row.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: got %v, want %q", row.name, err, want)
			}
		}
	}
}

// TestFindSafetensors: of a directory only what the model is made of is sent, and
// nothing that a link in it leads to outside.
func TestFindSafetensors(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"config.json", "tokenizer.json", "README.md", "pytorch_model.bin", "model-00001-of-00001.safetensors", "consolidated.safetensors"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "model.safetensors.index.json"), []byte(`{"weight_map":{"t":"model-00001-of-00001.safetensors"}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := Find(dir)
	want := []string{"config.json", "model-00001-of-00001.safetensors", "model.safetensors.index.json", "tokenizer.json"}
	var got []string
	for _, p := range s.Paths {
		got = append(got, filepath.Base(p))
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(secret, filepath.Join(dir, "generation_config.json")); err != nil {
		t.Fatal(err)
	}
	if s, err := Find(dir); err == nil || !strings.Contains(err.Error(), "link out of its directory") {
		t.Errorf("a link out: %+v, %v", s, err)
	}
}
