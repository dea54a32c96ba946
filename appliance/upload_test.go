package appliance

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"skerry/appliance/api"
	"skerry/appliance/api/client"
	"skerry/appliance/catalogue"
	"skerry/plugins/local/gguf/gguftest"
)

// large is a model of several chunks.
func large() []byte {
	m := gguftest.Tiny()
	m.Words = 180_000 // 46 MiB of embeddings
	m.Name = "large"
	return m.Bytes()
}

func local(name string, content []byte) client.LocalFile {
	return client.LocalFile{Name: name, Size: int64(len(content)), Content: bytes.NewReader(content)}
}

func localParts(parts [][]byte) []client.LocalFile {
	var list []client.LocalFile
	for n, b := range parts {
		list = append(list, local(fmt.Sprintf("m-%05d-of-%05d.gguf", n+1, len(parts)), b))
	}
	return list
}

// breaking is a file that cannot be read any more after so many bytes.
type breaking struct {
	*bytes.Reader
	after int64
}

func (b breaking) ReadAt(p []byte, at int64) (int, error) {
	if at >= b.after {
		return 0, io.ErrUnexpectedEOF
	}
	return b.Reader.ReadAt(p[:min(int64(len(p)), b.after-at)], at)
}

// TestSplitModelIsJoined: the parts become the file that was split, whatever
// their order; what is wrong with them is named, and nothing of them stays.
func TestSplitModelIsJoined(t *testing.T) {
	s := newSite(t)
	whole := tiny(nil)
	parts := localParts(gguftest.Split(whole, 3, true))
	m, isNew, err := s.SendModel(t.Context(), client.ModelFiles{Files: []client.LocalFile{parts[2], parts[0], parts[1]}, ID: "split", Start: true})
	if err != nil || !isNew || m.State != "running" {
		t.Fatalf("got %+v, %t, %v", m, isNew, err)
	}
	// The same in one piece is the same model.
	if again, isNew, err := s.tryTake(t, "", whole); err != nil || isNew || again.ID != "split" {
		t.Errorf("the whole file is another model than its parts: %+v, %t, %v", again.ID, isNew, err)
	}
	if files := s.modelFiles(t); len(files) != 1 {
		t.Errorf("the folder holds %q", files)
	}
	other := localParts(gguftest.Split(tiny(func(m *gguftest.Model) { m.Layers = 3 }), 3, true))
	renamed := parts[1]
	renamed.Name = "the same again.gguf"
	loose := func(f client.LocalFile, name string) client.LocalFile { f.Name = name; return f }
	for _, row := range []struct {
		name  string
		files []client.LocalFile
		code  string
		words []string
	}{
		{"a part is missing", []client.LocalFile{parts[0], parts[2]}, "import-invalid", []string{"m-00002-of-00003.gguf is missing"}},
		{"a part is there twice", []client.LocalFile{parts[0], parts[1], parts[2], renamed}, "model-refused", []string{"the same again.gguf", "both part 2 of 3"}},
		{"a part of another model", []client.LocalFile{parts[0], parts[1], loose(other[2], parts[2].Name)}, "model-refused", []string{"m-00003-of-00003.gguf is a part of another model"}},
		{"files that are no parts", []client.LocalFile{local("a.gguf", whole), local("b.gguf", whole)}, "model-refused", []string{"a.gguf is no part of a split model"}},
		{"another kind of file", []client.LocalFile{parts[0], local("readme.txt", []byte("hello"))}, "import-invalid", []string{"not one model"}},
		{"a part that is cut off", []client.LocalFile{parts[0], local(parts[1].Name, gguftest.Split(whole, 3, true)[1][:900]), parts[2]}, "model-refused", []string{"m-00002-of-00003.gguf", "damaged"}},
	} {
		_, _, err := s.SendModel(t.Context(), client.ModelFiles{Files: row.files})
		refusedAs(t, row.name, err, row.code, row.words...)
		if files := s.modelFiles(t); len(files) != 1 {
			t.Errorf("%s: left %q", row.name, files)
		}
	}
}

// TestImportIsResumed: an import that breaks off goes on where it was, over a
// restart too; nothing of it can be seen before it is whole.
func TestImportIsResumed(t *testing.T) {
	s := newSite(t)
	whole := large()
	m := client.ModelFiles{Files: []client.LocalFile{{Name: "large.gguf", Size: int64(len(whole)), Content: breaking{bytes.NewReader(whole), 40 << 20}}}, ID: "large"}
	if _, _, err := s.SendModel(t.Context(), m); err == nil {
		t.Fatal("a file that cannot be read was imported")
	}
	if _, ok := s.model(t, "large"); ok {
		t.Error("half a model is in the catalogue")
	}
	list, err := s.Uploads(t.Context())
	if err != nil || len(list) != 1 || list[0].Done != 2*catalogue.ChunkBytes {
		t.Fatalf("got %+v, %v; want two chunks", list, err)
	}
	s.stop()
	// Whoever kills the appliance in the middle of a piece leaves a part of it.
	part := filepath.Join(s.data, modelsDir, ".upload-"+list[0].ID, "0000")
	f, err := os.OpenFile(part, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(whole[2*catalogue.ChunkBytes:][:1<<20]); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	s.serve(t)

	resumed := int64(-1)
	m.Files[0].Content = bytes.NewReader(whole)
	m.Progress = func(_ api.ModelUpload, r int64) { resumed = r }
	entry, isNew, err := s.SendModel(t.Context(), m)
	if err != nil || !isNew || entry.File.SizeBytes != int64(len(whole)) {
		t.Fatalf("got %+v, %t, %v", entry, isNew, err)
	}
	if resumed != 2*catalogue.ChunkBytes {
		t.Errorf("went on at %d, want %d", resumed, 2*catalogue.ChunkBytes)
	}
	if list, err := s.Uploads(t.Context()); err != nil || len(list) != 0 {
		t.Errorf("uploads are left: %+v, %v", list, err)
	}
	if files := s.modelFiles(t); len(files) != 1 || !strings.HasSuffix(files[0], entry.File.SHA256) {
		t.Errorf("the folder holds %q", files)
	}
}

// TestOtherFileIsNotMixedIn: a file of the same name and size as one that broke
// off, and what a damaged disk has kept, are noticed before anything is added.
func TestOtherFileIsNotMixedIn(t *testing.T) {
	s := newSite(t)
	whole := large()
	broken := bytes.Clone(whole)
	broken[1<<20] ^= 1 // in the vocabulary
	f := client.LocalFile{Name: "large.gguf", Size: int64(len(whole)), Content: breaking{bytes.NewReader(broken), 20 << 20}}
	if _, _, err := s.SendModel(t.Context(), client.ModelFiles{Files: []client.LocalFile{f}}); err == nil {
		t.Fatal("a file that cannot be read was imported")
	}
	f.Content = bytes.NewReader(whole)
	entry, _, err := s.SendModel(t.Context(), client.ModelFiles{Files: []client.LocalFile{f}, Progress: func(_ api.ModelUpload, resumed int64) {
		if resumed != 0 {
			t.Errorf("went on at %d with another file", resumed)
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	if want := s.take(t, "", whole); want.ID != entry.ID {
		t.Errorf("the file was mixed: %s is not %s", entry.File.SHA256, want.File.SHA256)
	}
	_, _, err = s.SendModel(t.Context(), client.ModelFiles{Files: []client.LocalFile{local("x.gguf", tiny(nil))}, SHA256: strings.Repeat("0", 64)})
	refusedAs(t, "another digest", err, "model-refused", "not the one that was meant")
	if list, err := s.Uploads(t.Context()); err != nil || len(list) != 0 {
		t.Errorf("a file that was refused is kept: %+v, %v", list, err)
	}
}

// TestCancelledUpload: who goes away finds what was sent; who discards it does
// not.
func TestCancelledUpload(t *testing.T) {
	s := newSite(t)
	whole := large()
	ctx, cancel := context.WithCancel(t.Context())
	m := client.ModelFiles{Files: []client.LocalFile{local("large.gguf", whole)}, Progress: func(u api.ModelUpload, _ int64) {
		if u.Done >= catalogue.ChunkBytes {
			cancel()
		}
	}}
	if _, _, err := s.SendModel(ctx, m); err == nil {
		t.Fatal("a cancelled import was done")
	}
	list, err := s.Uploads(t.Context())
	if err != nil || len(list) != 1 || list[0].Done == 0 {
		t.Fatalf("got %+v, %v", list, err)
	}
	if err := s.DiscardUpload(t.Context(), list[0].ID); err != nil {
		t.Fatal(err)
	}
	if files := s.modelFiles(t); len(files) != 0 {
		t.Errorf("left %q", files)
	}
}
