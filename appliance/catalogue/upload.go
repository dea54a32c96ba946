package catalogue

import (
	"context"
	"crypto/sha256"
	"encoding"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// ChunkBytes is the piece in which files arrive: what came of a piece that was
// broken off is sent again, whole pieces never are.
const ChunkBytes = 16 << 20

// Bounds of uploads.
const (
	MaxUploads     = 16                 // at once
	MaxUploadFiles = 600                // of one
	UploadLifetime = 7 * 24 * time.Hour // after the last byte, until it is swept
)

const (
	uploadPrefix = ".upload-" // and the id
	uploadMeta   = "upload.json"
)

// Arrival is a file that is on its way in, or wanted.
type Arrival struct {
	Name string `json:"name"`
	Size int64  `json:"size"` // bytes, of the whole file
	Kept int64  `json:"kept"` // bytes that are here: whole chunks, or all

	// Digest is the SHA-256 over the SHA-256s of the chunks that are here. Who
	// goes on with an upload compares it with that of the file first.
	Digest string `json:"digest"`
}

// Upload is a model that is on its way in, in one file or several. Nothing of
// it can be used before it is whole and was checked.
type Upload struct {
	ID    string    `json:"id"`
	Files []Arrival `json:"files"`
	Began time.Time `json:"began"`

	dir  string
	work sync.Mutex // held while something is done to it

	mu   sync.Mutex // guards what follows, and Files
	sums []sums     // by file; nil until they are needed
}

// sums are the running digests of a file.
type sums struct {
	whole  hash.Hash // of all bytes
	chunks hash.Hash // of the digests of the chunks
}

// Errors of uploads that callers branch on.
var (
	ErrNoUpload   = errors.New("there is no such upload")
	ErrUploadBusy = errors.New("somebody else sends to this upload now")
	ErrTooMany    = errors.New("too many uploads are under way")
	// ErrOffset: the piece does not follow what is here.
	ErrOffset = errors.New("the piece does not follow what has come")
)

// UploadID names an upload by what is to be sent, so that whoever sends the same
// files again goes on with it.
func UploadID(files []Arrival) string {
	h := sha256.New()
	for _, f := range files {
		fmt.Fprintf(h, "%q %d\n", f.Name, f.Size)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

var uploadID = regexp.MustCompile(`^[0-9a-f]{32}$`)

// Begin returns the upload of these files, a new one or one that was broken
// off. What it keeps is read once, to know its digest.
func (f *Files) Begin(ctx context.Context, files []Arrival, now time.Time) (*Upload, error) {
	id := UploadID(files)
	u, err := f.Upload(ctx, id)
	if !errors.Is(err, ErrNoUpload) {
		return u, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.uploads) >= MaxUploads {
		return nil, ErrTooMany
	}
	u = &Upload{ID: id, Began: now.UTC(), dir: filepath.Join(f.dir, uploadPrefix+id)}
	for _, a := range files {
		u.Files = append(u.Files, Arrival{Name: a.Name, Size: a.Size})
	}
	if err := u.create(); err != nil {
		return nil, errors.Join(fmt.Errorf("begin upload: %w", err), os.RemoveAll(u.dir))
	}
	f.uploads[id] = u
	return u, u.tally(ctx)
}

// create makes the directory, complete or not at all.
func (u *Upload) create() error {
	if err := os.RemoveAll(u.dir); err != nil {
		return err
	}
	if err := os.Mkdir(u.dir, 0o700); err != nil {
		return err
	}
	meta, err := json.Marshal(u)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(u.dir, uploadMeta), meta, 0o600)
}

// openUploads finds the uploads that were broken off. What cannot be read is
// removed.
func (f *Files) openUploads() error {
	dirs, err := filepath.Glob(filepath.Join(escaped(f.dir), uploadPrefix+"*"))
	if err != nil {
		return err
	}
	for _, dir := range dirs {
		id := strings.TrimPrefix(filepath.Base(dir), uploadPrefix)
		u := &Upload{}
		meta, err := os.ReadFile(filepath.Join(dir, uploadMeta))
		if err != nil || json.Unmarshal(meta, u) != nil || !uploadID.MatchString(id) || UploadID(u.Files) != id {
			if err := os.RemoveAll(dir); err != nil {
				return err
			}
			continue
		}
		u.ID, u.dir = id, dir
		f.uploads[id] = u
	}
	return nil
}

// Upload returns an upload that was begun, with what has come of it.
func (f *Files) Upload(ctx context.Context, id string) (*Upload, error) {
	f.mu.Lock()
	u := f.uploads[id]
	f.mu.Unlock()
	if u == nil {
		return nil, ErrNoUpload
	}
	return u, u.tally(ctx)
}

// Discard forgets an upload and what has come of it.
func (f *Files) Discard(id string) error {
	f.mu.Lock()
	u := f.uploads[id]
	delete(f.uploads, id)
	f.mu.Unlock()
	if u == nil {
		return nil
	}
	return os.RemoveAll(u.dir)
}

// Arriving returns how many bytes the uploads that are under way still expect.
func (f *Files) Arriving() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := int64(0)
	for _, u := range f.uploads {
		for i := range u.Files {
			n = add(n, u.Files[i].Size)
			if info, err := os.Stat(u.path(i)); err == nil {
				n -= min(info.Size(), u.Files[i].Size)
			}
		}
	}
	return n
}

// Sweep removes the uploads to which nothing was sent for [UploadLifetime] and
// returns how many.
func (f *Files) Sweep(now time.Time) (int, error) {
	f.mu.Lock()
	var old []string
	for id, u := range f.uploads {
		if now.Sub(u.touched()) > UploadLifetime && u.work.TryLock() {
			u.work.Unlock()
			old = append(old, id)
		}
	}
	f.mu.Unlock()
	var errs []error
	for _, id := range old {
		errs = append(errs, f.Discard(id))
	}
	return len(old), errors.Join(errs...)
}

// touched returns when something was last sent.
func (u *Upload) touched() time.Time {
	last := u.Began
	for i := range u.Files {
		if info, err := os.Stat(u.path(i)); err == nil && info.ModTime().After(last) {
			last = info.ModTime()
		}
	}
	return last
}

func (u *Upload) path(n int) string { return filepath.Join(u.dir, fmt.Sprintf("%04d", n)) }

// Whole reports whether every byte has come.
func (u *Upload) Whole() bool {
	for _, f := range u.Arrivals() {
		if f.Kept < f.Size {
			return false
		}
	}
	return true
}

// Arrivals returns the files as they stand now.
func (u *Upload) Arrivals() []Arrival {
	u.mu.Lock()
	defer u.mu.Unlock()
	return append([]Arrival(nil), u.Files...)
}

// tally reads what is kept, once.
func (u *Upload) tally(ctx context.Context) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.sums != nil {
		return nil
	}
	list := make([]sums, len(u.Files))
	for i := range u.Files {
		list[i] = sums{sha256.New(), sha256.New()}
		if err := u.tallyFile(ctx, i, list[i]); err != nil {
			return fmt.Errorf("what has come of %s: %w", u.Files[i].Name, err)
		}
	}
	u.sums = list
	return nil
}

func (u *Upload) tallyFile(ctx context.Context, n int, s sums) error {
	a := &u.Files[n]
	a.Kept = 0
	a.Digest = hex.EncodeToString(s.chunks.Sum(nil))
	file, err := os.OpenFile(u.path(n), os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	for size := min(info.Size(), a.Size); a.Kept < size && (size-a.Kept >= ChunkBytes || size == a.Size); {
		chunk := sha256.New()
		k, err := io.CopyN(&writer{ctx: ctx, w: io.MultiWriter(s.whole, chunk)}, file, min(ChunkBytes, size-a.Kept))
		if err != nil {
			return err
		}
		s.chunks.Write(chunk.Sum(nil))
		a.Kept += k
	}
	a.Digest = hex.EncodeToString(s.chunks.Sum(nil))
	return file.Truncate(a.Kept)
}

// Append adds the next piece of a file, at offset at: a whole chunk, or all that
// is left. Of a piece that breaks off nothing is kept.
func (f *Files) Append(ctx context.Context, id string, n int, at, size int64, body io.Reader) error {
	u, err := f.Upload(ctx, id)
	if err != nil {
		return err
	}
	if !u.work.TryLock() {
		return ErrUploadBusy
	}
	defer u.work.Unlock()
	if n < 0 || n >= len(u.Files) {
		return fmt.Errorf("%w: there are %d files", ErrOffset, len(u.Files))
	}
	a := u.Arrivals()[n]
	if at != a.Kept || size != min(ChunkBytes, a.Size-at) || size <= 0 {
		return fmt.Errorf("%w: %d bytes of %s are here, and pieces have %d bytes, the last what is left", ErrOffset, a.Kept, a.Name, ChunkBytes)
	}
	return u.append(ctx, n, at, size, body)
}

// append writes a piece and adds it to the running digests. The caller holds
// work.
func (u *Upload) append(ctx context.Context, n int, at, size int64, body io.Reader) (err error) {
	s := u.sums[n]
	before, err := s.whole.(encoding.BinaryMarshaler).MarshalBinary()
	if err != nil {
		return err
	}
	file, err := os.OpenFile(u.path(n), os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("keep a piece: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, file.Truncate(at), s.whole.(encoding.BinaryUnmarshaler).UnmarshalBinary(before))
		}
		err = errors.Join(err, file.Close())
	}()
	chunk := sha256.New()
	w := &writer{ctx: ctx, w: io.MultiWriter(io.NewOffsetWriter(file, at), s.whole, chunk)}
	if _, err := io.CopyN(w, body, size); errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: %d of %d bytes of the piece came", ErrIncomplete, w.n, size)
	} else if err != nil {
		return fmt.Errorf("keep a piece: %w", err)
	}
	s.chunks.Write(chunk.Sum(nil))
	u.mu.Lock()
	defer u.mu.Unlock()
	u.Files[n].Kept = at + size
	u.Files[n].Digest = hex.EncodeToString(s.chunks.Sum(nil))
	return nil
}

// Take lends a whole upload to use, which nobody else touches meanwhile. If use
// returns true the upload is discarded afterwards.
func (f *Files) Take(ctx context.Context, id string, use func(*Upload) (done bool, err error)) error {
	u, err := f.Upload(ctx, id)
	if err != nil {
		return err
	}
	if !u.work.TryLock() {
		return ErrUploadBusy
	}
	defer u.work.Unlock()
	for _, a := range u.Arrivals() {
		if a.Kept < a.Size {
			return fmt.Errorf("%w: %d of %d bytes of %s have come", ErrIncomplete, a.Kept, a.Size, a.Name)
		}
	}
	done, err := use(u)
	if done {
		err = errors.Join(err, f.Discard(id))
	}
	return err
}

// SHA256 returns the digest of a whole file.
func (u *Upload) SHA256(n int) string { return hex.EncodeToString(u.sums[n].whole.Sum(nil)) }

// Open opens a whole file for reading.
func (u *Upload) Open(n int) (*os.File, error) { return os.Open(u.path(n)) }

// Adopt keeps the only file of an upload, without a copy, once accept has looked
// at it.
func (f *Files) Adopt(ctx context.Context, u *Upload, digest string, accept func(context.Context, *os.File) error) (string, error) {
	file, err := os.OpenFile(u.path(0), os.O_RDWR, 0)
	if err != nil {
		return "", fmt.Errorf("keep model file: %w", err)
	}
	defer file.Close()
	if err := accept(ctx, file); err != nil {
		return "", err
	}
	got := u.SHA256(0)
	if digest != "" && got != digest {
		return "", otherDigest(got, digest)
	}
	return got, f.settle(file, got)
}

// Made keeps a file that make writes, such as one joined of parts. limit bounds
// its size in bytes.
func (f *Files) Made(ctx context.Context, digest string, write func(*os.File) error, accept func(context.Context, *os.File) error) (string, error) {
	tmp, err := os.CreateTemp(f.dir, tempPrefix+"*")
	if err != nil {
		return "", fmt.Errorf("keep model file: %w", err)
	}
	defer func() {
		_ = tmp.Close()
		_ = os.Remove(tmp.Name()) // gone already after the rename
	}()
	if err := write(tmp); err != nil {
		return "", err
	}
	if err := accept(ctx, tmp); err != nil {
		return "", err
	}
	sum := sha256.New()
	if _, err := tmp.Seek(0, io.SeekStart); err != nil {
		return "", err
	}
	if _, err := io.Copy(&writer{ctx: ctx, w: sum}, tmp); err != nil {
		return "", fmt.Errorf("read the model file: %w", err)
	}
	got := hex.EncodeToString(sum.Sum(nil))
	if digest != "" && got != digest {
		return "", otherDigest(got, digest)
	}
	return got, f.settle(tmp, got)
}

func otherDigest(got, want string) error {
	return fmt.Errorf("%w: its SHA-256 is %s, not %s", ErrOtherDigest, got, want)
}

// settle makes an open file durable, read-only and known by its digest.
func (f *Files) settle(file *os.File, digest string) error {
	if err := errors.Join(file.Chmod(0o400), file.Sync()); err != nil {
		return fmt.Errorf("keep model file: %w", err)
	}
	if err := os.Rename(file.Name(), f.Path(digest)); err != nil {
		return fmt.Errorf("keep model file: %w", err)
	}
	return syncDir(f.dir)
}

// Uploads returns the uploads that are under way.
func (f *Files) Uploads(ctx context.Context) ([]*Upload, error) {
	f.mu.Lock()
	list := slices.Collect(maps.Values(f.uploads))
	f.mu.Unlock()
	for _, u := range list {
		if err := u.tally(ctx); err != nil {
			return nil, err
		}
	}
	return list, nil
}
