package catalogue

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestUploadsAreSwept: what nobody goes on with is gone after a week, not
// before; what cannot be an upload is gone at the next start.
func TestUploadsAreSwept(t *testing.T) {
	f := files(t)
	began := time.Now()
	u, err := f.Begin(t.Context(), []Arrival{{Name: "a.gguf", Size: 3}}, began)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Append(t.Context(), u.ID, 0, 0, 3, strings.NewReader("abc")); err != nil {
		t.Fatal(err)
	}
	if n, err := f.Sweep(began.Add(UploadLifetime - time.Minute)); n != 0 || err != nil {
		t.Errorf("swept %d too early, %v", n, err)
	}
	if err := os.Mkdir(filepath.Join(f.dir, uploadPrefix+"junk"), 0o700); err != nil {
		t.Fatal(err)
	}
	if f, err = OpenFiles(f.dir); err != nil {
		t.Fatal(err)
	}
	if list := names(t, f); len(list) != 1 {
		t.Errorf("the directory holds %q", list)
	}
	if got, err := f.Upload(t.Context(), u.ID); err != nil || got.Files[0].Kept != 3 || !got.Whole() {
		t.Errorf("after a start: %+v, %v", got, err)
	}
	if n, err := f.Sweep(time.Now().Add(UploadLifetime + time.Minute)); n != 1 || err != nil {
		t.Errorf("swept %d, %v; want 1", n, err)
	}
	if list := names(t, f); len(list) != 0 {
		t.Errorf("left %q", list)
	}
}

// TestAppendRefuses: a piece that does not follow changes nothing, and of one
// that breaks off nothing is kept.
func TestAppendRefuses(t *testing.T) {
	f := files(t)
	content := bytes.Repeat([]byte("skerry"), 3*ChunkBytes/6)
	u, err := f.Begin(t.Context(), []Arrival{{Name: "a.gguf", Size: int64(len(content))}}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	add := func(at, size int64, b []byte) error {
		return f.Append(t.Context(), u.ID, 0, at, size, bytes.NewReader(b))
	}
	if err := add(0, ChunkBytes, content); err != nil {
		t.Fatal(err)
	}
	before := u.Arrivals()[0]
	for _, row := range []struct {
		name     string
		at, size int64
		b        []byte
		want     error
	}{
		{"the same again", 0, ChunkBytes, content, ErrOffset},
		{"one too far", 2 * ChunkBytes, ChunkBytes, content, ErrOffset},
		{"half a chunk", ChunkBytes, ChunkBytes / 2, content, ErrOffset},
		{"more than there is", ChunkBytes, 3 * ChunkBytes, content, ErrOffset},
		{"one that breaks off", ChunkBytes, ChunkBytes, content[:1000], ErrIncomplete},
	} {
		if err := add(row.at, row.size, row.b); !errors.Is(err, row.want) {
			t.Errorf("%s: got %v, want %v", row.name, err, row.want)
		}
		if got := u.Arrivals()[0]; got != before {
			t.Errorf("%s: changed to %+v", row.name, got)
		}
	}
	for at := int64(ChunkBytes); at < int64(len(content)); at += ChunkBytes {
		size := min(ChunkBytes, int64(len(content))-at)
		if err := add(at, size, content[at:at+size]); err != nil {
			t.Fatal(err)
		}
	}
	digest, err := f.Adopt(t.Context(), u, "", anything)
	if err != nil {
		t.Fatal(err)
	}
	kept, err := os.ReadFile(f.Path(digest))
	if err != nil || !bytes.Equal(kept, content) {
		t.Errorf("what was kept is not what was sent: %d bytes, %v", len(kept), err)
	}
	again, err := f.Keep(t.Context(), Incoming{Body: bytes.NewReader(content), Size: int64(len(content)), Accept: anything})
	if err != nil || again != digest {
		t.Errorf("the digest is %s in one piece and %s in several, %v", again, digest, err)
	}
}

// TestUploadsAreBounded: nobody fills the disk with beginnings.
func TestUploadsAreBounded(t *testing.T) {
	f := files(t)
	for n := range MaxUploads + 1 {
		_, err := f.Begin(t.Context(), []Arrival{{Name: "a.gguf", Size: int64(n + 1)}}, time.Now())
		if want := n == MaxUploads; errors.Is(err, ErrTooMany) != want {
			t.Errorf("upload %d: %v", n+1, err)
		}
	}
}
