package catalogue

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// Files keeps model files in one directory, each once, named by the SHA-256 of
// its content and never changed, and uploads until they are whole. It may be
// used concurrently.
type Files struct {
	dir string

	mu      sync.Mutex // guards uploads
	uploads map[string]*Upload
}

const (
	filePrefix = "sha256-" // and the digest in hex
	tempPrefix = ".new-"
)

var digestForm = regexp.MustCompile(`^[0-9a-f]{64}$`)

// IsDigest reports whether s is a SHA-256 in hex.
func IsDigest(s string) bool { return digestForm.MatchString(s) }

// OpenFiles opens the directory, makes it if needed, finds the uploads that were
// broken off and removes whatever else interrupted imports have left. Nobody else may use it meanwhile, which the
// lock of the store sees to.
func OpenFiles(dir string) (*Files, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("model files: %w", err)
	}
	old, err := filepath.Glob(filepath.Join(dir, tempPrefix+"*"))
	if err != nil {
		return nil, fmt.Errorf("model files: %w", err)
	}
	for _, name := range old {
		if err := os.Remove(name); err != nil {
			return nil, fmt.Errorf("model files: %w", err)
		}
	}
	f := &Files{dir: dir, uploads: map[string]*Upload{}}
	if err := f.openUploads(); err != nil {
		return nil, fmt.Errorf("model files: %w", err)
	}
	return f, nil
}

// Path returns where the file with the digest is, if it is there.
func (f *Files) Path(digest string) string { return filepath.Join(f.dir, filePrefix+digest) }

// Size returns the size of the file with the digest, or an error wrapping
// [fs.ErrNotExist].
func (f *Files) Size(digest string) (int64, error) {
	info, err := os.Lstat(f.Path(digest))
	if err != nil {
		return 0, err
	}
	if !info.Mode().IsRegular() {
		return 0, fmt.Errorf("%s is no ordinary file", f.Path(digest))
	}
	return info.Size(), nil
}

// Digests returns the digests of all files.
func (f *Files) Digests() ([]string, error) {
	entries, err := os.ReadDir(f.dir)
	if err != nil {
		return nil, fmt.Errorf("model files: %w", err)
	}
	var list []string
	for _, e := range entries {
		if d, ok := strings.CutPrefix(e.Name(), filePrefix); ok && IsDigest(d) {
			list = append(list, d)
		}
	}
	return list, nil
}

// Remove removes the file with the digest. Processes that have it open keep
// it. A file that is gone already is no error.
func (f *Files) Remove(digest string) error {
	if err := os.Remove(f.Path(digest)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove model file: %w", err)
	}
	return syncDir(f.dir)
}

// Free returns how many bytes the file system of the directory has free for
// this process.
func (f *Files) Free() (int64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(f.dir, &st); err != nil {
		return 0, fmt.Errorf("free space of %s: %w", f.dir, err)
	}
	return multiply(int64(min(st.Bavail, 1<<62)), st.Bsize), nil
}

// Errors of [Files.Keep] that callers branch on.
var (
	// ErrIncomplete: the source ended before its announced size.
	ErrIncomplete = errors.New("the file ended early")
	// ErrOtherDigest: the content is not what the caller expects.
	ErrOtherDigest = errors.New("the file is not the one that was meant")
)

// headBytes is how much of a file [Files.Keep] takes before it asks for the
// first time whether to go on: all that a valid file has before its weights.
const headBytes = 256 << 20

// Incoming is a file on its way in.
type Incoming struct {
	Body   io.Reader // its content; exactly Size bytes are read
	Size   int64     // bytes
	Digest string    // SHA-256 in hex that it must have; "" = any

	// Accept looks at the file before it is kept: first when its head has
	// arrived, if it is much larger than that, and again when it is whole. An
	// error refuses it.
	Accept func(ctx context.Context, f *os.File) error
}

// Keep stores a file and returns its digest. The file is durable and read-only
// when Keep returns; on error nothing of it is left. A file that is there
// already is replaced by the same content, which heals a damaged one.
func (f *Files) Keep(ctx context.Context, in Incoming) (digest string, err error) {
	tmp, err := os.CreateTemp(f.dir, tempPrefix+"*")
	if err != nil {
		return "", fmt.Errorf("keep model file: %w", err)
	}
	defer func() {
		_ = tmp.Close()
		_ = os.Remove(tmp.Name()) // gone already after the rename
	}()
	sum := sha256.New()
	w := &writer{ctx: ctx, w: io.MultiWriter(tmp, sum)}
	for _, part := range parts(in.Size) {
		n, err := io.CopyN(w, in.Body, part)
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return "", fmt.Errorf("%w: %d of %d bytes came", ErrIncomplete, w.n, in.Size)
		case err != nil:
			return "", fmt.Errorf("keep model file after %d bytes: %w", w.n-n, err)
		}
		if err := in.Accept(ctx, tmp); err != nil {
			return "", err
		}
	}
	digest = hex.EncodeToString(sum.Sum(nil))
	if in.Digest != "" && digest != in.Digest {
		return "", otherDigest(digest, in.Digest)
	}
	return digest, f.settle(tmp, digest)
}

// parts cuts a size at the places where the file is looked at.
func parts(size int64) []int64 {
	if size <= 2*headBytes {
		return []int64{size}
	}
	return []int64{headBytes, size - headBytes}
}

// writer stops when its context ends.
type writer struct {
	ctx context.Context
	w   io.Writer
	n   int64
}

func (w *writer) Write(b []byte) (int, error) {
	if err := w.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := w.w.Write(b)
	w.n += int64(n)
	return n, err
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
