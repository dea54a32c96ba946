package appliance

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"

	"skerry/appliance/api"
	"skerry/appliance/api/client"
	"skerry/appliance/catalogue"
	"skerry/plugins/local/gguf/gguftest"
)

func localAll(files map[string][]byte) []client.LocalFile {
	var list []client.LocalFile
	for name, b := range files {
		list = append(list, local(name, b))
	}
	return list
}

// TestSafetensorsAreConverted: the files of a directory become a model that
// runs, the same each time; what is wrong with them is named, leaves nothing,
// and harms nobody.
func TestSafetensorsAreConverted(t *testing.T) {
	s := newSite(t)
	tiny := gguftest.TinyOf("llama")
	whole := tiny.Safetensors("F16")
	dir := filepath.Join(t.TempDir(), "a-llama")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, b := range whole {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "README.md"), []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	source, err := catalogue.Find(dir)
	if err != nil || source.Name != "a-llama" || len(source.Paths) != len(whole) {
		t.Fatalf("found %+v, %v", source, err)
	}
	m, isNew, err := s.SendModel(t.Context(), client.ModelFiles{Files: localAll(whole), Name: source.Name + ".gguf", Start: true})
	if err != nil || !isNew || m.State != "running" || m.ID != "a-llama" || m.File.Architecture != "llama" || m.File.Quantisation != "F16" {
		t.Fatalf("got %+v (%+v), %t, %v", m, m.File, isNew, err)
	}
	// The same weights in two files are the same model.
	if again, isNew, err := s.SendModel(t.Context(), client.ModelFiles{Files: localAll(gguftest.SplitSafetensors(whole))}); err != nil || isNew || again.ID != m.ID {
		t.Errorf("in two files: %s, %t, %v", again.ID, isNew, err)
	}
	with := func(name string, b []byte) map[string][]byte {
		files := tiny.Safetensors("F16")
		if files[name] = b; b == nil {
			delete(files, name)
		}
		return files
	}
	for _, row := range []struct {
		name  string
		files map[string][]byte
		code  string
		words []string
	}{
		{"a pickle", with("pytorch_model.bin", []byte("\x80\x02")), "import-invalid", []string{"pytorch_model.bin", "program"}},
		{"another file", with("run.py", []byte("print()")), "import-invalid", []string{"run.py"}},
		{"no config", with("config.json", nil), "import-invalid", []string{"config.json is missing"}},
		{"no vocabulary", with("tokenizer.json", nil), "model-refused", []string{"tokenizer.json is missing"}},
		{"weights that are cut off", with("model.safetensors", whole["model.safetensors"][:5000]), "model-refused", []string{"damaged"}},
		{"an unknown kind", with("config.json", bytes.Replace(whole["config.json"], []byte("LlamaFor"), []byte("Gpt9For"), 1)), "model-refused", []string{"Gpt9ForCausalLM"}},
		{"a kind that the converter panics on", with("config.json", bytes.Replace(whole["config.json"], []byte(`"LlamaForCausalLM"]`), []byte(`"Qwen2ForCausalLM"],"rope_scaling":{"type":"magic"}`), 1)),
			"model-refused", []string{"unknown rope scaling type"}},
		{"a tower of layers that there are not", with("config.json", bytes.Replace(whole["config.json"], []byte(`"num_hidden_layers":2`), []byte(`"num_hidden_layers":1`), 1)), "model-refused", []string{"belongs to no layer"}},
	} {
		_, _, err := s.SendModel(t.Context(), client.ModelFiles{Files: localAll(row.files), Name: "x.gguf"})
		refusedAs(t, row.name, err, row.code, row.words...)
		if files := s.modelFiles(t); len(files) != 1 {
			t.Errorf("%s: left %q", row.name, files)
		}
	}
	if m, ok := s.model(t, m.ID); !ok || m.State != "running" {
		t.Errorf("the model is %s", m.State)
	}
}

// TestConversionIsCancelled: who goes away while weights are converted leaves
// what was sent, and no result.
func TestConversionIsCancelled(t *testing.T) {
	s := newSite(t)
	m := gguftest.TinyOf("llama")
	ctx, cancel := context.WithCancel(t.Context())
	files := localAll(m.Safetensors("F32"))
	_, _, err := s.SendModel(ctx, client.ModelFiles{Files: files, Progress: func(u api.ModelUpload, _ int64) {
		if u.Done == u.Total { // all has been sent; the conversion is next
			cancel()
		}
	}})
	if err == nil {
		t.Fatal("a cancelled import was done")
	}
	if list, err := s.Uploads(t.Context()); err != nil || len(list) != 1 || list[0].Done != list[0].Total {
		t.Errorf("what was sent is not kept: %+v, %v", list, err)
	}
	if _, _, err := s.SendModel(t.Context(), client.ModelFiles{Files: files, Name: "x.gguf"}); err != nil {
		t.Errorf("again: %v", err)
	}
}
