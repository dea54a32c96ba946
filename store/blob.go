package store

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"skerry/appliance/mission"
)

// A blob file is blobs/ab/cdef…, named by the SHA-256 of its content. It is a
// sequence of chunks that are sealed one by one, so that a blob of any size
// passes the seal without being held in memory:
//
//	file  = magic salt:16 chunk…
//	chunk = last:1 size:4 sealed value
//
// A chunk is sealed under the key salt, number:8, last:1, so that chunks cannot
// be exchanged, reordered or cut off at the end.
const (
	blobMagic  = "skerry blob 1\n"
	blobChunk  = 256 << 10
	blobSalt   = 16
	maxSealed  = blobChunk + 4096 // room for what a sealer adds
	tempName   = "tmp"
	bucketBlob = bucket("blobs") // not a bucket of the database; what sealers are told
)

// Put stores what r yields and returns its SHA-256 in hex and its size. The
// blob is durable when Put returns. More than maxBytes is refused with an error
// wrapping [ErrTooBig]; 0 = no bound. Putting the same content again replaces
// the file, which also heals a damaged one.
func (db *DB) Put(ctx context.Context, r io.Reader, maxBytes int64) (digest string, size int64, err error) {
	defer db.flights.takeOff()()
	f, err := os.CreateTemp(filepath.Join(db.dir, blobsName, tempName), "put-*")
	if err != nil {
		return "", 0, fmt.Errorf("put blob: %w", err)
	}
	defer func() { _ = os.Remove(f.Name()) }() // gone already after the rename
	defer f.Close()
	digest, size, err = db.writeBlob(ctx, f, r, maxBytes)
	if err != nil {
		return "", 0, fmt.Errorf("put blob: %w", err)
	}
	if err := f.Sync(); err != nil {
		return "", 0, fmt.Errorf("put blob: %w", err)
	}
	if err := f.Close(); err != nil {
		return "", 0, fmt.Errorf("put blob: %w", err)
	}
	if err := db.placeBlob(f.Name(), digest); err != nil {
		return "", 0, fmt.Errorf("put blob: %w", err)
	}
	return digest, size, nil
}

func (db *DB) writeBlob(ctx context.Context, f io.Writer, r io.Reader, maxBytes int64) (string, int64, error) {
	w := bufio.NewWriterSize(f, 64<<10)
	salt := make([]byte, blobSalt)
	if _, err := io.ReadFull(db.random, salt); err != nil {
		return "", 0, err
	}
	_, _ = w.WriteString(blobMagic) // bufio keeps the first error for Flush
	_, _ = w.Write(salt)
	sum := sha256.New()
	var size int64
	in := bufio.NewReaderSize(r, 64<<10)
	chunk := bytes.NewBuffer(make([]byte, 0, blobChunk+bytes.MinRead))
	for n := uint64(0); ; n++ {
		if err := ctx.Err(); err != nil {
			return "", 0, err
		}
		chunk.Reset()
		got, err := io.CopyN(chunk, in, blobChunk)
		last := err == io.EOF //nolint:errorlint // an error that wraps io.EOF is no end
		if err != nil && !last {
			return "", 0, err
		}
		size += got
		if maxBytes > 0 && size > maxBytes {
			return "", 0, fmt.Errorf("%w: at most %d bytes are allowed", ErrTooBig, maxBytes)
		}
		if !last { // a full chunk may still be the last
			_, err := in.Peek(1)
			if last = err == io.EOF; err != nil && !last {
				return "", 0, err
			}
		}
		sum.Write(chunk.Bytes())
		key := blobKey(salt, n, last)
		sealed, err := db.seal(bucketBlob, key, chunk.Bytes())
		if err != nil {
			return "", 0, err
		}
		if len(sealed) > maxSealed {
			return "", 0, fmt.Errorf("the sealer added %d bytes to a chunk", len(sealed)-chunk.Len())
		}
		_ = w.WriteByte(key[len(key)-1])
		_, _ = w.Write(binary.BigEndian.AppendUint32(nil, uint32(len(sealed))))
		_, _ = w.Write(sealed)
		if last {
			return hex.EncodeToString(sum.Sum(nil)), size, w.Flush()
		}
	}
}

func blobKey(salt []byte, n uint64, last bool) []byte {
	key := binary.BigEndian.AppendUint64(append([]byte{}, salt...), n)
	if last {
		return append(key, 1)
	}
	return append(key, 0)
}

// placeBlob gives a finished file its name and makes the name durable.
func (db *DB) placeBlob(temp, digest string) error {
	path := db.blobPath(digest)
	dir := filepath.Dir(path)
	switch err := os.Mkdir(dir, 0o700); {
	case err == nil:
		if err := syncDir(filepath.Dir(dir)); err != nil {
			return err
		}
	case !errors.Is(err, fs.ErrExist):
		return err
	}
	if err := os.Rename(temp, path); err != nil {
		return err
	}
	return syncDir(dir)
}

func (db *DB) blobPath(digest string) string {
	return filepath.Join(db.dir, blobsName, digest[:2], digest[2:])
}

// isDigest reports whether s is a SHA-256 in lower-case hex.
func isDigest(s string) bool {
	if len(s) != 2*sha256.Size {
		return false
	}
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// Open returns the content of a blob. Every chunk is verified before it is
// handed out, and the last Read returns an error wrapping [ErrDamaged] instead
// of io.EOF if the whole does not have the digest that it is named by. Open
// returns an error wrapping [mission.ErrNotFound] if there is no such blob.
func (db *DB) Open(ctx context.Context, digest string) (io.ReadCloser, error) {
	if !isDigest(digest) {
		return nil, fmt.Errorf("blob %q: %w: a blob is named by its SHA-256 in hex", digest, mission.ErrNotFound)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	f, err := os.Open(db.blobPath(digest))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("blob %s: %w", digest, mission.ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("blob %s: %w", digest, err)
	}
	b := &blobReader{db: db, file: f, in: bufio.NewReaderSize(f, 64<<10), digest: digest, sum: sha256.New()}
	head := make([]byte, len(blobMagic)+blobSalt)
	if _, err := io.ReadFull(b.in, head); err != nil || string(head[:len(blobMagic)]) != blobMagic {
		f.Close()
		return nil, b.damaged("it does not begin as one")
	}
	b.salt = head[len(blobMagic):]
	return b, nil
}

// blobReader yields the content of a blob chunk by chunk.
type blobReader struct {
	db     *DB
	file   *os.File
	in     *bufio.Reader
	digest string
	salt   []byte
	n      uint64 // next chunk
	left   []byte // of the current chunk
	sum    hash.Hash
	done   error // io.EOF or what is wrong
}

func (b *blobReader) Read(p []byte) (int, error) {
	for len(b.left) == 0 {
		if b.done != nil {
			return 0, b.done
		}
		b.next()
	}
	n := copy(p, b.left)
	b.left = b.left[n:]
	return n, nil
}

// next reads one chunk into left, or sets done.
func (b *blobReader) next() {
	head := make([]byte, 5)
	if _, err := io.ReadFull(b.in, head); err != nil {
		b.done = b.damaged("it is cut short")
		return
	}
	size := binary.BigEndian.Uint32(head[1:])
	if head[0] > 1 || size > maxSealed {
		b.done = b.damaged("a chunk makes no sense")
		return
	}
	sealed := make([]byte, size)
	if _, err := io.ReadFull(b.in, sealed); err != nil {
		b.done = b.damaged("it is cut short")
		return
	}
	last := head[0] == 1
	plain, err := b.db.open(bucketBlob, blobKey(b.salt, b.n, last), sealed)
	if err != nil {
		b.done = fmt.Errorf("blob %s: %w", b.digest, err)
		return
	}
	b.n++
	b.sum.Write(plain)
	b.left = plain
	if !last {
		return
	}
	b.done = io.EOF
	if _, err := b.in.Peek(1); err != io.EOF {
		b.done = b.damaged("something follows its end")
	} else if got := hex.EncodeToString(b.sum.Sum(nil)); got != b.digest {
		b.done = b.damaged("its content has the digest " + got)
	}
}

func (b *blobReader) damaged(why string) error {
	return fmt.Errorf("blob %s: %w: %s; put the document again or restore a backup", b.digest, ErrDamaged, why)
}

func (b *blobReader) Close() error { return b.file.Close() }

// clearTemp removes what an interrupted Put left behind.
func (db *DB) clearTemp() error {
	dir := filepath.Join(db.dir, blobsName, tempName)
	names, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("open store: %w", err)
	}
	for _, n := range names {
		if err := removeIfThere(filepath.Join(dir, n.Name())); err != nil {
			return fmt.Errorf("open store: %w", err)
		}
	}
	return nil
}
