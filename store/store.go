// Package store keeps everything that Skerry must not forget in one directory:
// a bbolt database (journal, indexes, decisions, missions, policies, settings,
// sessions) and content-addressed blobs beside it. It writes the index rows of
// a run in the same transaction as the observations, returns from a write only
// after fsync, and can check every index against the journal, which is the one
// truth. It decides nothing: what may follow in a run is [mission.Run.Apply]'s
// business, who may ask is policy's.
//
// keys.go is the schema. Start with [Open], then [DB.Append] and [DB.Runs].
package store

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

// Errors that callers branch on, beside [mission.ErrNotFound] and
// [mission.ErrConflict].
var (
	// ErrClosed: the store was closed while or before the call was made.
	ErrClosed = errors.New("the store is closed")
	// ErrInUse: another process has the data directory open.
	ErrInUse = errors.New("the data directory is in use by another process")
	// ErrPoisoned: a write could not be made durable, so nothing more is
	// written until the store is opened again.
	ErrPoisoned = errors.New("the store refuses writes since one could not be made durable")
	// ErrDamaged: stored bytes are not what was written.
	ErrDamaged = errors.New("stored data is damaged")
	// ErrNewer: the directory was written by a newer version of Skerry.
	ErrNewer = errors.New("the data directory was written by a newer version of Skerry")
	// ErrTooBig: a blob is larger than the caller allows.
	ErrTooBig = errors.New("too big")
)

// Names inside the data directory.
const (
	databaseName  = "skerry.db"
	restoringName = "skerry.db.restoring" // a restore that has not finished
	blobsName     = "blobs"
	snapshotsName = "snapshots"
)

// Options of a store. The zero value is fit for use.
type Options struct {
	Sealer   Sealer           // nil = Plain
	Now      func() time.Time // nil = time.Now; stamps drafts, sessions and links, never observations
	Random   io.Reader        // nil = crypto/rand; source of tokens
	MapBytes int64            // address space reserved for the database file; 0 = 4 GiB. Growth beyond it waits for readers
	MustBe   bool             // true = the store was made before: a missing or empty database file is damage, not a reason to make one
	Audit    *Audit           // nil = whoever opens the store only looks, so nothing is recorded
	// Unseal, unless nil, opens the [Keeper] whose files a backup has put into
	// dir, if it had any, for [Restore] to check what it wrote.
	Unseal func(dir string) (Sealer, error)

	NoSync bool // true = writes are not durable. Only for filling a store that can be thrown away
}

// DB is an open store. All methods may be called concurrently.
type DB struct {
	dir    string
	bolt   *bolt.DB
	sealer Sealer
	now    func() time.Time
	random io.Reader
	hub    hub

	auditor Auditor // nil = there is no audit log
	barrier barrier

	queue   chan *write   // to the committer
	quit    chan struct{} // closed by Close
	stopped chan struct{} // closed by the committer when it has answered its last write
	closing sync.Once

	// commit makes a transaction durable; tests replace it to fail.
	commit func(*bolt.Tx) error
	// poison is why writes are refused; set once by the committer.
	poison atomic.Pointer[error]

	flights   flights      // what is sealed and not stored yet
	resealing sync.Mutex   // held by the one Reseal
	copies    sync.RWMutex // read: a copy of the database is in use; write: keys are dropped

	appends, groups atomic.Uint64
}

// Open opens the store in dir and creates it if dir is empty or absent. It
// returns an error wrapping [ErrInUse] at once if another process has it open,
// and one wrapping [ErrNewer] if this binary is too old for it. An older schema
// is migrated after a verified snapshot. With [Options.MustBe] nothing is made.
func Open(dir string, o Options) (*DB, error) { return open(dir, o, migrations) }

func open(dir string, o Options, steps []migration) (*DB, error) {
	if o.MustBe {
		if err := isThere(filepath.Join(dir, databaseName)); err != nil {
			return nil, err
		}
	}
	if err := prepare(dir); err != nil {
		return nil, err
	}
	b, err := openBolt(filepath.Join(dir, databaseName), o, false)
	if err != nil {
		return nil, err
	}
	db := newDB(dir, b, o)
	if err := db.migrate(steps); err != nil {
		_ = b.Close()
		return nil, err
	}
	if err := errors.Join(db.clearTemp(), db.openAudit(o.Audit), db.openOutbox()); err != nil {
		_ = b.Close()
		return nil, err
	}
	go db.commitLoop()
	return db, nil
}

func newDB(dir string, b *bolt.DB, o Options) *DB {
	db := &DB{
		dir: dir, bolt: b, sealer: o.Sealer, now: o.Now, random: o.Random,
		queue: make(chan *write, maxGroup), quit: make(chan struct{}), stopped: make(chan struct{}),
		commit: (*bolt.Tx).Commit,
	}
	if db.sealer == nil {
		db.sealer = Plain
	}
	if db.now == nil {
		db.now = time.Now
	}
	if db.random == nil {
		db.random = rand.Reader
	}
	return db
}

// prepare makes the directories and refuses one that a restore left half done.
func prepare(dir string) error {
	if _, err := os.Lstat(filepath.Join(dir, restoringName)); err == nil {
		return fmt.Errorf("open store %s: a restore into it did not finish; empty the directory and restore again", dir)
	}
	for _, d := range []string{dir, filepath.Join(dir, blobsName), filepath.Join(dir, blobsName, tempName)} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return fmt.Errorf("open store: %w", err)
		}
	}
	return syncDir(dir)
}

// isThere refuses a database file that is missing or empty, of which bbolt would
// make an empty database without a word.
func isThere(path string) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("open %s: %w: the file is gone; restore a backup into an empty directory", path, ErrDamaged)
	case err != nil:
		return fmt.Errorf("open %s: %w", path, err)
	case info.Mode().IsRegular() && info.Size() == 0:
		return fmt.Errorf("open %s: %w: the file is empty; restore a backup into an empty directory", path, ErrDamaged)
	}
	return nil
}

// openBolt opens the database file. The lock is tried once: a second process
// should hear at once that it is one too many.
func openBolt(path string, o Options, readOnly bool) (b *bolt.DB, err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			b, err = nil, fmt.Errorf("open %s: %w: %v; restore a backup", path, ErrDamaged, p)
		}
	}()
	mapBytes := o.MapBytes
	if mapBytes == 0 {
		mapBytes = 4 << 30
	}
	b, err = bolt.Open(path, 0o600, &bolt.Options{
		Timeout:         time.Millisecond,
		ReadOnly:        readOnly,
		PreLoadFreelist: readOnly,
		FreelistType:    bolt.FreelistMapType,
		InitialMmapSize: int(mapBytes),
		NoSync:          o.NoSync,
	})
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return nil, fmt.Errorf("open %s: %w; stop it first, or talk to it instead", path, ErrInUse)
	case errors.Is(err, bolterrors.ErrInvalid), errors.Is(err, bolterrors.ErrChecksum), errors.Is(err, bolterrors.ErrVersionMismatch):
		return nil, fmt.Errorf("open %s: %w: %w; restore a backup into an empty directory", path, ErrDamaged, err)
	case err != nil:
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	return b, nil
}

// Close waits for the writes under way, ends all watches and frees the
// directory. Calls made later return [ErrClosed].
func (db *DB) Close() error {
	var err error
	db.closing.Do(func() {
		close(db.quit)
		<-db.stopped
		err = errors.Join(db.settle(), db.bolt.Close())
	})
	return err
}

// view runs fn in a read transaction. A panic of bbolt over a damaged page
// becomes an error.
func (db *DB) view(ctx context.Context, fn func(*tx) error) (err error) {
	if err := ctx.Err(); err != nil {
		return err
	}
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true)) // a wrong page number leads outside the map
	defer func() {
		if p := recover(); p != nil {
			err = damaged(p)
		}
	}()
	seen := 0
	err = db.bolt.View(func(b *bolt.Tx) error {
		seen = b.ID()
		return fn(&tx{Tx: b, db: db})
	})
	if errors.Is(err, bolterrors.ErrDatabaseNotOpen) {
		return ErrClosed
	}
	if err == nil {
		err = db.recorded(ctx, seen)
	}
	return err
}

// recorded returns when everything up to a transaction is in the audit log, so
// that nobody learns of what is not.
func (db *DB) recorded(ctx context.Context, id int) error {
	for {
		changed := db.barrier.wait(id)
		if changed == nil {
			if p := db.poisoned(); errors.Is(p, errUnrecorded) {
				return p
			}
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func damaged(p any) error {
	return fmt.Errorf("%w: a database page cannot be read (%v); run the check and restore a backup", ErrDamaged, p)
}

// syncDir makes names that were created, renamed or removed in dir durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// removeIfThere removes a file and does not mind its absence.
func removeIfThere(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
