package safetensors_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io/fs"
	"strings"
	"testing"

	"skerry/plugins/local/gguf/gguftest"
	"skerry/plugins/local/safetensors"
)

func given(files map[string][]byte) []safetensors.File {
	var list []safetensors.File
	for name, b := range files {
		list = append(list, safetensors.File{Name: name, Size: int64(len(b)), Content: bytes.NewReader(b)})
	}
	return list
}

func TestCheckAccepts(t *testing.T) {
	for _, kind := range []string{"F32", "F16", "BF16"} {
		files := gguftest.TinyOf("llama").Safetensors(kind)
		for name, files := range map[string]map[string][]byte{"one file": files, "two files": gguftest.SplitSafetensors(files)} {
			m, err := safetensors.Check(given(files))
			if err != nil || m.Architecture != "LlamaForCausalLM" || len(m.Tensors) != 20 {
				t.Errorf("%s, %s: %+v, %v", kind, name, m, err)
			}
		}
	}
}

// head returns a file of weights with the header text, whose first eight bytes
// are right.
func head(text string, data int) []byte {
	return gguftest.SafetensorsFile([]byte(text), make([]byte, data))
}

func TestHeaderRefuses(t *testing.T) {
	const good = `{"a":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]},"b":{"dtype":"U8","shape":[],"data_offsets":[16,17]}}`
	if list, err := safetensors.Header("x", bytes.NewReader(head(good, 17)), int64(len(head(good, 17)))); err != nil || len(list) != 2 || list[0].Elements != 4 || list[1].Elements != 1 {
		t.Fatalf("a correct file: %+v, %v", list, err)
	}
	long := make([]byte, 64)
	binary.LittleEndian.PutUint64(long, 1<<63)
	one := func(entry string) []byte { return head(`{"a":{`+entry+`}}`, 16) }
	for _, row := range []struct {
		name string
		file []byte
		want string
	}{
		{"seven bytes", make([]byte, 7), "no Safetensors file"},
		{"a header of 2^63 bytes", long, "claims 9223372036854775808 bytes"},
		{"a header of no bytes", make([]byte, 64), "claims 0 bytes"},
		{"a header longer than the file", head(good, 0)[:60], "cut off"},
		{"a header that begins with a space", head(" "+good, 17), "does not begin with {"},
		{"a header that is cut off", head(good[:50], 17), "no JSON"},
		{"two headers", head(good+good, 17), "no JSON"},
		{"a list of lists", head(`{"a":`+strings.Repeat("[", 5000)+strings.Repeat("]", 5000)+"}", 0), "nested"},
		{"a tensor that occurs twice", head(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}`, 2), "occurs twice"},
		{"an entry that occurs twice", one(`"dtype":"U8","dtype":"F32","shape":[4],"data_offsets":[0,16]`), "occurs twice"},
		{"an entry in capitals", one(`"dtype":"F32","shape":[4],"data_offsets":[0,16],"Data_Offsets":[0,8]`), "no meaning"},
		{"an unknown type", one(`"dtype":"Q4_0","shape":[4],"data_offsets":[0,16]`), "unknown"},
		{"no shape", one(`"dtype":"F32","data_offsets":[0,16]`), "missing"},
		{"no end", one(`"dtype":"F32","shape":[4],"data_offsets":[0]`), "missing"},
		{"a shape that wraps around", one(`"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]`), "impossible"},
		{"an empty dimension", one(`"dtype":"F32","shape":[0],"data_offsets":[0,0]`), "impossible"},
		{"a negative dimension", one(`"dtype":"F32","shape":[-4],"data_offsets":[0,16]`), "no whole number"},
		{"half a dimension", one(`"dtype":"F32","shape":[4.5],"data_offsets":[0,16]`), "no whole number"},
		{"nine dimensions", one(`"dtype":"F32","shape":[1,1,1,1,1,1,1,1,4],"data_offsets":[0,16]`), "9 numbers"},
		{"an end before its beginning", one(`"dtype":"F32","shape":[4],"data_offsets":[16,0]`), "lies at 16 to 0"},
		{"an end behind the file", one(`"dtype":"F32","shape":[5],"data_offsets":[0,20]`), "lies at 0 to 20 of 16"},
		{"another size than its shape", one(`"dtype":"F32","shape":[3],"data_offsets":[0,16]`), "takes 12 bytes, and it has 16"},
		{"a gap at the beginning", one(`"dtype":"F32","shape":[3],"data_offsets":[4,16]`), "belong to nothing"},
		{"a gap at the end", one(`"dtype":"F32","shape":[3],"data_offsets":[0,12]`), "belong to no tensor"},
		{"an overlap", head(`{"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]},"b":{"dtype":"U8","shape":[3],"data_offsets":[1,4]}}`, 4), "overlaps"},
		{"a name with control characters", head(`{"a\u001b[31m":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, 1), "control characters"},
		{"numbers in its metadata", head(`{"__metadata__":{"x":1}}`, 0), "something else than texts"},
	} {
		_, err := safetensors.Header("x", bytes.NewReader(row.file), int64(len(row.file)))
		if !errors.Is(err, safetensors.ErrDamaged) || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: got %v; want %q", row.name, err, row.want)
		}
	}
}

func TestCheckRefuses(t *testing.T) {
	whole := gguftest.TinyOf("llama").Safetensors("F16")
	parts := gguftest.SplitSafetensors(whole)
	const first, second, index = "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", safetensors.Index
	change := func(files map[string][]byte, name string, f func(string) string) map[string][]byte {
		out := map[string][]byte{}
		for n, b := range files {
			out[n] = b
		}
		if f == nil {
			delete(out, name)
		} else if out[name] = []byte(f(string(out[name]))); bytes.Equal(out[name], files[name]) {
			t.Fatalf("%s is as it was", name)
		}
		return out
	}
	swap := func(old, with string) func(string) string {
		return func(s string) string { return strings.Replace(s, old, with, 1) }
	}
	to := func(s string) func(string) string { return func(string) string { return s } }
	for _, row := range []struct {
		name  string
		files map[string][]byte
		want  string
	}{
		{"a pickle", change(whole, "pytorch_model.bin", to("x")), "leave it out"},
		{"a name with folders", change(whole, "../model.safetensors", to("x")), "leave it out"},
		{"no weights", change(whole, "model.safetensors", nil), "no weights"},
		{"no config", change(whole, "config.json", nil), "config.json is missing"},
		{"no vocabulary", change(whole, "tokenizer.json", nil), "holds the vocabulary"},
		{"a config without a kind", change(whole, "config.json", to("{}")), "architecture"},
		{"a config that is a list", change(whole, "config.json", to("[]")), "no object"},
		{"more tokens than anybody has", change(whole, "config.json", swap(`"vocab_size":`, `"vocab_size":9`+"00000")), "tokens"},
		{"quantised weights", change(whole, "config.json", swap("{", `{"quantization_config":{"quant_method":"gptq"},`)), "gptq"},
		{"a token that has no number", change(whole, "tokenizer.json", swap(`"er":`, `"er":9`)), "none with the number"},
		{"two tokens with one number", change(whole, "tokenizer.json", swap(`"vocab":{`, `"vocab":{"another":0,`)), "same number"},
		{"the same weights twice", change(whole, "model-2.safetensors", to(string(whole["model.safetensors"]))), "too"},
		{"weights of whole numbers", change(whole, "model.safetensors", func(s string) string { return strings.ReplaceAll(s, `"F16"`, `"I16"`) }), "not converted"},
		{"a file that the index looks for", change(parts, second, nil), "not among the files"},
		{"an index that leads elsewhere", change(parts, index, swap(first, "/etc/passwd")), "not among the files"},
		{"an index that leads to the config", change(parts, index, swap(first, "config.json")), "not among the files"},
		{"an index that names the other file", change(parts, index, swap(first, second)), "not in"},
		{"an index of too little", change(parts, index, to(`{"weight_map":{"model.norm.weight":"`+second+`"}}`)), "model"},
		{"an index of nothing", change(parts, index, to(`{"weight_map":{}}`)), "no tensor"},
		{"an index that names a tensor twice", change(parts, index, swap(`"weight_map":{`, `"weight_map":{"model.norm.weight":"x",`)), "occurs twice"},
	} {
		if _, err := safetensors.Check(given(row.files)); err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: got %v; want %q", row.name, err, row.want)
		}
	}
}

// TestFSShowsOnlyWhatIsGiven: the converter would read pickles if it found any.
func TestFSShowsOnlyWhatIsGiven(t *testing.T) {
	files := gguftest.TinyOf("llama").Safetensors("F16")
	dir, err := safetensors.FS(given(files))
	if err != nil {
		t.Fatal(err)
	}
	all, err := fs.Glob(dir, "*")
	if err != nil || len(all) != len(files) {
		t.Errorf("%q, %v", all, err)
	}
	for name, want := range files {
		if got, err := fs.ReadFile(dir, name); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %d of %d bytes, %v", name, len(got), len(want), err)
		}
	}
	if _, err := dir.Open("pytorch_model.bin"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that was not given: %v", err)
	}
}

// FuzzHeader: whatever the bytes are, the reader ends, and what it accepts
// covers the file exactly.
func FuzzHeader(f *testing.F) {
	f.Add(gguftest.TinyOf("llama").Safetensors("F16")["model.safetensors"][:3000])
	f.Add(head(`{"a":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]}}`, 16))
	f.Add(head(`{"__metadata__":{"format":"pt"},"a":{"dtype":"U8","shape":[],"data_offsets":[0,1]}}`, 1))
	f.Fuzz(func(t *testing.T, b []byte) {
		list, err := safetensors.Header("x", bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return
		}
		sum := int64(8 + binary.LittleEndian.Uint64(b))
		for _, x := range list {
			if x.Offset < 8 || x.Offset+x.Size > int64(len(b)) || x.Elements <= 0 {
				t.Errorf("%+v is not in %d bytes", x, len(b))
			}
			sum += x.Size
		}
		if sum != int64(len(b)) {
			t.Errorf("%d of %d bytes are accounted for", sum, len(b))
		}
	})
}
