package store

import (
	"archive/tar"
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"
)

// A backup is a tar stream: the database, the blobs, what lies beside the store,
// the vault if it is sealed, and last a manifest with the digest of every entry, and the digest of the
// manifest. A stream that was cut off has no manifest and is refused.
const (
	backupFormat   = 3 // 1 had nothing from beside the store, 2 no vault
	besideName     = "beside"
	manifestName   = "MANIFEST.json"
	manifestDigest = "MANIFEST.sha256"
	maxManifest    = 1 << 30
)

// Manifest says what is in a backup.
type Manifest struct {
	Format  int             `json:"format"`
	Schema  int             `json:"schema"`
	Created time.Time       `json:"created"`
	Entries []ManifestEntry `json:"entries"` // in the order of the stream

	SHA256 string `json:"-"` // of the manifest itself as it stands in the stream, hex; set by Restore
}

// ManifestEntry is one file of a backup.
type ManifestEntry struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"` // of the bytes in the stream, hex
}

// Beside is a file that a backup holds beside the store: of the audit log.
type Beside struct {
	Name string // relative, with slashes
	Size int64  // bytes that Open yields
	Open func() (io.ReadCloser, error)
}

// Backup writes a consistent backup of the open store to w, while work goes on.
// The database is copied aside first, so that a slow w holds nobody up; the
// data directory needs room for the copy. What is sealed stays sealed. beside
// says what else is to be in it, and is called when the database is copied, so
// that it knows of nothing less; nil = nothing.
func (db *DB) Backup(ctx context.Context, w io.Writer, beside func(context.Context) ([]Beside, error)) (Manifest, error) {
	m, err := db.backup(ctx, w, beside)
	if err != nil {
		return Manifest{}, fmt.Errorf("back up store: %w", err)
	}
	return m, nil
}

func (db *DB) backup(ctx context.Context, w io.Writer, beside func(context.Context) ([]Beside, error)) (Manifest, error) {
	m := Manifest{Format: backupFormat, Created: db.now().UTC()}
	m.Schema = len(migrations)
	db.copies.RLock()
	defer db.copies.RUnlock()
	copied, remove, err := db.copyAside(ctx)
	if err != nil {
		return m, err
	}
	defer remove()
	var files []Beside
	if beside != nil {
		if files, err = beside(ctx); err != nil {
			return m, err
		}
	}
	out := bufio.NewWriterSize(w, 256<<10)
	b := &backupWriter{ctx: ctx, tar: tar.NewWriter(out), manifest: &m}
	if err := b.file(databaseName, copied); err != nil {
		return m, err
	}
	// Every blob that the copy names was placed before the copy was made.
	err = db.eachBlob(func(digest string, _ fs.FileInfo) error {
		err := b.file(path.Join(blobsName, digest[:2], digest[2:]), db.blobPath(digest))
		if errors.Is(err, fs.ErrNotExist) {
			return nil // swept meanwhile, so nothing names it
		}
		return err
	})
	if err != nil {
		return m, err
	}
	for _, f := range files {
		if err := b.beside(f); err != nil {
			return m, err
		}
	}
	if keeper, ok := db.sealer.(Keeper); ok {
		if err := b.vault(keeper); err != nil {
			return m, err
		}
	}
	if err := b.end(); err != nil {
		return m, err
	}
	return m, out.Flush()
}

// backupWriter adds files to a backup and takes their digests.
type backupWriter struct {
	ctx      context.Context // of the one backup that it writes
	tar      *tar.Writer
	manifest *Manifest
}

func (b *backupWriter) file(name, from string) error {
	if err := b.ctx.Err(); err != nil {
		return err
	}
	f, err := os.Open(from)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	return b.entry(name, info.Size(), f)
}

func (b *backupWriter) beside(f Beside) error {
	r, err := f.Open()
	if err != nil {
		return err
	}
	defer r.Close()
	return b.entry(path.Join(besideName, f.Name), f.Size, r)
}

func (b *backupWriter) entry(name string, size int64, r io.Reader) error {
	if err := b.tar.WriteHeader(header(name, size, b.manifest.Created)); err != nil {
		return err
	}
	sum := sha256.New()
	n, err := io.Copy(io.MultiWriter(b.tar, sum), &contextReader{b.ctx, r})
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	b.manifest.Entries = append(b.manifest.Entries, ManifestEntry{name, n, hex.EncodeToString(sum.Sum(nil))})
	return nil
}

func (b *backupWriter) end() error {
	text, err := json.Marshal(b.manifest)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(text)
	for _, e := range []struct {
		name string
		data []byte
	}{{manifestName, text}, {manifestDigest, []byte(hex.EncodeToString(sum[:]) + "\n")}} {
		if err := b.tar.WriteHeader(header(e.name, int64(len(e.data)), b.manifest.Created)); err != nil {
			return err
		}
		if _, err := b.tar.Write(e.data); err != nil {
			return err
		}
	}
	return b.tar.Close()
}

func header(name string, size int64, at time.Time) *tar.Header {
	return &tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o600, ModTime: at.Truncate(time.Second), Format: tar.FormatPAX}
}

// contextReader ends a long copy when ctx ends.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c *contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}

// Restore writes the backup that r yields into dir, which must be empty or
// absent, verifies every digest and then runs the whole check. Only after that
// does the directory become one that [Open] accepts; if anything is wrong, what
// was written is removed again. place says where a file goes that lay beside the
// store, whose directory is there, and refuses what has no place; what Restore
// wrote there is left to the caller. nil = there are none.
func Restore(ctx context.Context, r io.Reader, dir string, o Options, place func(name string) (string, error)) (Manifest, error) {
	fail := func(err error) (Manifest, error) {
		return Manifest{}, fmt.Errorf("restore into %s: %w", dir, err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fail(err)
	}
	names, err := os.ReadDir(dir)
	if err != nil {
		return fail(err)
	}
	if len(names) > 0 {
		return fail(fmt.Errorf("the directory is not empty (it holds %s); give an empty one", names[0].Name()))
	}
	m, err := restore(ctx, r, dir, o, place)
	if err != nil {
		for _, n := range []string{restoringName, blobsName, VaultDir} {
			err = errors.Join(err, os.RemoveAll(filepath.Join(dir, n)))
		}
		return fail(err)
	}
	return m, nil
}

func restore(ctx context.Context, r io.Reader, dir string, o Options, place func(string) (string, error)) (Manifest, error) {
	var m Manifest
	// The marker is there before anything else is, so that an interrupted
	// restore is never taken for a store.
	marker := filepath.Join(dir, restoringName)
	if err := os.WriteFile(marker, nil, 0o600); err != nil {
		return m, err
	}
	if err := os.MkdirAll(filepath.Join(dir, blobsName, tempName), 0o700); err != nil {
		return m, err
	}
	if err := syncDir(dir); err != nil {
		return m, err
	}
	got, m, err := extract(r, func(r io.Reader, name string) (ManifestEntry, error) {
		to, err := placeOf(dir, name, place)
		if err != nil {
			return ManifestEntry{}, err
		}
		return extractFile(ctx, r, to, name)
	})
	if err != nil {
		return m, err
	}
	if err := compare(got, m); err != nil {
		return m, err
	}
	if err := syncTree(filepath.Join(dir, blobsName)); err != nil {
		return m, err
	}
	if vault := filepath.Join(dir, VaultDir); o.Unseal != nil {
		if err := syncTree(vault); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return m, err
		}
		if o.Sealer, err = o.Unseal(vault); err != nil {
			return m, err
		}
	}
	report, err := checkFile(ctx, marker, dir, o, CheckOptions{})
	if err != nil {
		return m, err
	}
	if !report.OK() {
		f := report.Findings[0]
		return m, fmt.Errorf("%w: the check of the restored store has %d findings, the first: %s: %s; use another backup", ErrDamaged, len(report.Findings)+report.More, f.Where, f.Problem)
	}
	if err := os.Rename(marker, filepath.Join(dir, databaseName)); err != nil {
		return m, err
	}
	return m, syncDir(dir)
}

// extract hands the entries of a backup to file, one by one, and returns what
// that returned and the manifest.
func extract(r io.Reader, file func(r io.Reader, name string) (ManifestEntry, error)) ([]ManifestEntry, Manifest, error) {
	var m Manifest
	var got []ManifestEntry
	var manifest, digest []byte
	seen := map[string]bool{}
	for t := tar.NewReader(bufio.NewReaderSize(r, 256<<10)); ; {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, m, fmt.Errorf("%w: the backup cannot be read: %w", ErrDamaged, err)
		}
		if h.Typeflag != tar.TypeReg || seen[h.Name] || manifest != nil && h.Name != manifestDigest {
			return nil, m, fmt.Errorf("%w: the backup holds %q, which does not belong there", ErrDamaged, h.Name)
		}
		seen[h.Name] = true
		switch h.Name {
		case manifestName:
			manifest, err = io.ReadAll(io.LimitReader(t, maxManifest))
		case manifestDigest:
			digest, err = io.ReadAll(io.LimitReader(t, 1024))
		default:
			var e ManifestEntry
			e, err = file(t, h.Name)
			got = append(got, e)
		}
		if errors.Is(err, io.ErrUnexpectedEOF) {
			err = fmt.Errorf("%w: the backup is cut short in %s", ErrDamaged, h.Name)
		}
		if err != nil {
			return nil, m, err
		}
	}
	if digest == nil {
		return nil, m, fmt.Errorf("%w: the backup is cut short: it has no manifest", ErrDamaged)
	}
	sum := sha256.Sum256(manifest)
	if m.SHA256 = hex.EncodeToString(sum[:]); strings.TrimSpace(string(digest)) != m.SHA256 {
		return nil, m, fmt.Errorf("%w: the manifest of the backup does not match its digest", ErrDamaged)
	}
	if err := json.Unmarshal(manifest, &m); err != nil {
		return nil, m, fmt.Errorf("%w: the manifest of the backup: %w", ErrDamaged, err)
	}
	if m.Format > backupFormat || m.Schema > len(migrations) {
		return nil, m, fmt.Errorf("%w: the backup has format %d and schema %d", ErrNewer, m.Format, m.Schema)
	}
	return got, m, nil
}

// placeOf returns the only place where an entry may lie.
func placeOf(dir, name string, place func(string) (string, error)) (string, error) {
	if name == databaseName {
		return filepath.Join(dir, restoringName), nil
	}
	if vaultForm.MatchString(name) {
		to := filepath.Join(dir, filepath.FromSlash(name))
		return to, os.MkdirAll(filepath.Dir(to), 0o700)
	}
	if rest, ok := strings.CutPrefix(name, besideName+"/"); ok && place != nil {
		to, err := place(rest)
		if err != nil {
			return "", fmt.Errorf("%w: %w", ErrDamaged, err)
		}
		return to, nil
	}
	rest, ok := strings.CutPrefix(name, blobsName+"/")
	digest := strings.Replace(rest, "/", "", 1)
	if !ok || !isDigest(digest) || rest != digest[:2]+"/"+digest[2:] {
		return "", fmt.Errorf("%w: the backup holds %q, which does not belong there", ErrDamaged, name)
	}
	to := filepath.Join(dir, blobsName, digest[:2], digest[2:])
	return to, os.MkdirAll(filepath.Dir(to), 0o700)
}

// extractFile writes one entry.
func extractFile(ctx context.Context, r io.Reader, to, name string) (ManifestEntry, error) {
	f, err := os.OpenFile(to, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return ManifestEntry{}, err
	}
	defer f.Close()
	sum := sha256.New()
	n, err := io.Copy(io.MultiWriter(f, sum), &contextReader{ctx, r})
	if err != nil {
		return ManifestEntry{}, err
	}
	if err := f.Sync(); err != nil {
		return ManifestEntry{}, err
	}
	return ManifestEntry{name, n, hex.EncodeToString(sum.Sum(nil))}, f.Close()
}

// compare makes sure that a backup held what its manifest says.
func compare(got []ManifestEntry, m Manifest) error {
	if len(got) != len(m.Entries) {
		return fmt.Errorf("%w: the backup holds %d files, its manifest names %d", ErrDamaged, len(got), len(m.Entries))
	}
	for i, e := range m.Entries {
		if got[i] != e {
			return fmt.Errorf("%w: %s in the backup is not what its manifest says", ErrDamaged, got[i].Name)
		}
	}
	if len(got) == 0 || got[0].Name != databaseName {
		return fmt.Errorf("%w: the backup holds no database", ErrDamaged)
	}
	return nil
}

// syncTree makes the names in dir and the directories below it durable.
func syncTree(dir string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		return syncDir(path)
	})
}
