package convert

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"skerry/plugins/local/gguf"
	"skerry/plugins/local/gguf/gguftest"
	"skerry/plugins/local/safetensors"
)

// given are files as the converter gets them.
func given(files map[string][]byte) []safetensors.File {
	var list []safetensors.File
	for name, b := range files {
		list = append(list, safetensors.File{Name: name, Size: int64(len(b)), Content: bytes.NewReader(b)})
	}
	slices.SortFunc(list, func(a, b safetensors.File) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// toGGUF converts files and returns where the result is.
func toGGUF(t *testing.T, files map[string][]byte) (path string, refused error) {
	t.Helper()
	out, err := os.Create(filepath.Join(t.TempDir(), "converted.gguf"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	n, refused, fault := Files(given(files), out)
	if fault != nil {
		t.Fatal(fault)
	}
	if info, err := out.Stat(); err != nil || refused == nil && info.Size() != n {
		t.Errorf("%d bytes are said, %d written, %v", n, info.Size(), err)
	}
	return out.Name(), refused
}

func content(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestConvertRefuses: what the converter does not know, or gives up on with a
// panic, is a reason and no crash.
func TestConvertRefuses(t *testing.T) {
	replaced := func(name, old, with string) map[string][]byte {
		files := gguftest.TinyOf("llama").Safetensors("F16")
		if !bytes.Contains(files[name], []byte(old)) {
			t.Fatalf("%s does not hold %s", name, old)
		}
		files[name] = bytes.Replace(files[name], []byte(old), []byte(with), 1)
		return files
	}
	for _, row := range []struct {
		name  string
		files map[string][]byte
		want  string
	}{
		{"another kind of model", replaced("config.json", "LlamaForCausalLM", "Gpt9ForCausalLM"), `unsupported architecture "Gpt9ForCausalLM"`},
		{"a scaling that the converter does not know", replaced("config.json", `"LlamaForCausalLM"]`, `"Qwen2ForCausalLM"],"rope_scaling":{"type":"magic"}`), "unknown rope scaling type"},
		{"no config", func() map[string][]byte {
			f := gguftest.TinyOf("llama").Safetensors("F16")
			delete(f, "config.json")
			return f
		}(), "config.json is missing"},
	} {
		if _, err := toGGUF(t, row.files); err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: got %v; want %q", row.name, err, row.want)
		}
	}
	// A template in a file of its own is found.
	files := gguftest.TinyOf("llama").Safetensors("F16")
	files["tokenizer_config.json"] = bytes.Replace(files["tokenizer_config.json"], []byte(`"chat_template"`), []byte(`"was_template"`), 1)
	files["chat_template.jinja"] = []byte("{{ of its own }}")
	path, err := toGGUF(t, files)
	if err != nil {
		t.Fatal(err)
	}
	b := content(t, path)
	head, err := gguf.Check(bytes.NewReader(b), int64(len(b)))
	if err != nil || head.Template() != "{{ of its own }}" {
		t.Error(fmt.Sprint(head.Template(), err))
	}
}
