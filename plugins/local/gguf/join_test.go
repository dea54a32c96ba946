package gguf_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"skerry/plugins/local/gguf"
	"skerry/plugins/local/gguf/gguftest"
)

func parts(t testing.TB, files [][]byte) []*gguf.Part {
	t.Helper()
	var list []*gguf.Part
	for n, b := range files {
		p, err := gguf.CheckPart(fmt.Sprintf("m-%05d-of-%05d.gguf", n+1, len(files)), bytes.NewReader(b), int64(len(b)))
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, p)
	}
	return list
}

// TestJoin: whatever the cut and the order of the parts, the whole has the
// tensors, weights and metadata that there were before.
func TestJoin(t *testing.T) {
	whole := gguftest.Tiny().Bytes()
	want, err := check(whole)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		parts int
		bare  bool
	}{{2, false}, {3, false}, {7, true}, {2, true}} {
		list := parts(t, gguftest.Split(whole, row.parts, row.bare))
		rand.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
		w, err := gguf.Join(list)
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		n, err := w.WriteTo(&out)
		if err != nil || n != w.Size() || n != int64(out.Len()) {
			t.Fatalf("wrote %d of %d bytes, said %d, %v", out.Len(), w.Size(), n, err)
		}
		if !bytes.Equal(out.Bytes(), whole) {
			got, err := check(out.Bytes())
			t.Errorf("%+v: the joined file differs: %v, %d tensors of %d, metadata %d of %d", row, err, len(got.Tensors), len(want.Tensors), len(got.Values), len(want.Values))
		}
	}
}

func TestJoinRefuses(t *testing.T) {
	files := gguftest.Split(gguftest.Tiny().Bytes(), 3, false)
	larger := gguftest.Tiny()
	larger.Layers = 3
	foreign := parts(t, gguftest.Split(larger.Bytes(), 3, false))
	p := parts(t, files)
	renamed := *p[1]
	renamed.Name = "copy of part two.gguf"
	same := *p[1]
	same.No, same.Name = 2, "another.gguf"
	for _, row := range []struct {
		name  string
		parts []*gguf.Part
		want  []string
	}{
		{"nothing", nil, []string{"no parts"}},
		{"a part is missing", []*gguf.Part{p[0], p[2]}, []string{"part 2 of 3 is missing"}},
		{"two are missing", p[1:2], []string{"the parts 1, 3 of 3 are missing"}},
		{"a part is there twice", []*gguf.Part{p[0], p[1], &renamed, p[2]}, []string{"copy of part two.gguf", "m-00002-of-00003.gguf", "both part 2"}},
		{"a part of another split", []*gguf.Part{p[0], p[1], foreign[2]}, []string{"m-00003-of-00003.gguf is a part of another model"}},
		{"a part under another number", []*gguf.Part{p[0], p[1], &same}, []string{"another.gguf", "both have the tensor"}},
	} {
		_, err := gguf.Join(row.parts)
		for _, want := range row.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: got %v, want %q", row.name, err, want)
			}
		}
	}
	for _, row := range []struct {
		name string
		file []byte
		want string
	}{
		{"a whole file", gguftest.Tiny().Bytes(), "is no part of a split model"},
		{"a part that is cut off", files[1][:len(files[1])-50], "beyond the end"},
		{"a number of parts that cannot be", bytes.Replace(files[1], []byte("split.count\x02\x00\x00\x00\x03\x00"), []byte("split.count\x02\x00\x00\x00\xff\xff"), 1), "parts are possible"},
		{"a number behind the last", bytes.Replace(files[1], []byte("split.no\x02\x00\x00\x00\x01\x00"), []byte("split.no\x02\x00\x00\x00\x03\x00"), 1), "part 4 of 3"},
	} {
		if _, err := gguf.CheckPart("x.gguf", bytes.NewReader(row.file), int64(len(row.file))); err == nil || !strings.Contains(err.Error(), row.want) || !strings.Contains(err.Error(), "x.gguf") {
			t.Errorf("%s: got %v, want %q", row.name, err, row.want)
		}
	}
}

// FuzzJoin: whatever two files hold, joining them ends; what it writes is of the
// size that it says and has every tensor where its table says, inside the file.
func FuzzJoin(f *testing.F) {
	files := gguftest.Split(correct().bytes(), 2, true)
	f.Add(files[0], files[1])
	f.Add(files[0], files[0])
	f.Fuzz(func(t *testing.T, a, b []byte) {
		var list []*gguf.Part
		for _, x := range [][]byte{a, b} {
			p, err := gguf.CheckPart("x", bytes.NewReader(x), int64(len(x)))
			if err != nil {
				return
			}
			list = append(list, p)
		}
		w, err := gguf.Join(list)
		if err != nil {
			return
		}
		var out bytes.Buffer
		if n, err := w.WriteTo(&out); err != nil || n != w.Size() || n != int64(out.Len()) {
			t.Fatalf("wrote %d of %d bytes, %v", out.Len(), w.Size(), err)
		}
		// It need not be a model, but it must be a sound file.
		if _, err := check(out.Bytes()); err != nil && (strings.Contains(err.Error(), "beyond the end") || strings.Contains(err.Error(), "overlaps") || strings.Contains(err.Error(), "not aligned") || strings.Contains(err.Error(), "occurs twice")) {
			t.Errorf("the joined file is unsound: %v", err)
		}
	})
}
