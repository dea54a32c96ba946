package store

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	bolt "go.etcd.io/bbolt"
)

// migration takes the schema one version further in one transaction.
type migration struct {
	about string
	apply func(*tx) error
}

// migrations in order: the first makes schema 1 from nothing. Never change one
// that was released; add the next.
var migrations = []migration{
	{"journal, indexes, decisions, missions, policies, settings, sessions", func(t *tx) error {
		for _, b := range append(append([]bucket{}, primaryBuckets...), derivedBuckets...) {
			if _, err := t.CreateBucketIfNotExists([]byte(b)); err != nil {
				return err
			}
		}
		return nil
	}},
	{"users", func(t *tx) error {
		_, err := t.CreateBucketIfNotExists([]byte(bucketUsers))
		return err
	}},
	{"secrets", func(t *tx) error {
		_, err := t.CreateBucketIfNotExists([]byte(bucketSecrets))
		return err
	}},
	{"service keys, passkeys, accounts of a directory, and proposals", func(t *tx) error {
		var err error
		for _, b := range []bucket{bucketServiceKeys, bucketPasskeys, bucketProposals} {
			_, failed := t.CreateBucketIfNotExists([]byte(b))
			err = errors.Join(err, failed)
		}
		return err
	}},
}

var keySchema = []byte("schema")

// schema returns the version of the stored schema, 0 for an empty database.
func (t *tx) schema() (int, error) {
	if t.Bucket([]byte(bucketMeta)) == nil {
		return 0, nil
	}
	v, err := t.get(bucketMeta, keySchema)
	switch {
	case err != nil:
		return 0, err
	case len(v) != 4:
		return 0, fmt.Errorf("%w: schema version of %d bytes", ErrDamaged, len(v))
	}
	return int(binary.BigEndian.Uint32(v)), nil
}

// migrate brings the database to the schema of this binary. It runs before the
// committer does.
func (db *DB) migrate(steps []migration) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = damaged(p)
		}
	}()
	have := 0
	err = db.bolt.View(func(b *bolt.Tx) error {
		have, err = (&tx{Tx: b, db: db}).schema()
		return err
	})
	if err != nil {
		return fmt.Errorf("open store %s: %w", db.dir, err)
	}
	switch {
	case have > len(steps):
		return fmt.Errorf("open store %s: %w: its schema is %d, this version knows %d; use the newer version, or restore a backup made with this one", db.dir, ErrNewer, have, len(steps))
	case have == len(steps):
		return nil
	case have > 0:
		if err := db.snapshot(have); err != nil {
			return fmt.Errorf("snapshot before migration of %s: %w", db.dir, err)
		}
	}
	for i := have; i < len(steps); i++ {
		err := db.bolt.Update(func(b *bolt.Tx) error {
			t := &tx{Tx: b, db: db}
			if err := steps[i].apply(t); err != nil {
				return err
			}
			return t.put(bucketMeta, keySchema, binary.BigEndian.AppendUint32(nil, uint32(i+1)))
		})
		if err != nil {
			return fmt.Errorf("migrate store %s to schema %d (%s): %w", db.dir, i+1, steps[i].about, err)
		}
	}
	return nil
}

// snapshot copies the database aside and verifies the copy. One that exists was
// made by an attempt that failed before it changed anything; it is replaced.
func (db *DB) snapshot(schema int) error {
	dir := filepath.Join(db.dir, snapshotsName)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	path := filepath.Join(dir, fmt.Sprintf("schema-%d.db", schema))
	err := db.bolt.View(func(b *bolt.Tx) error { return writeCopy(b, path+".part") })
	if err != nil {
		return err
	}
	problems, err := checkPages(path+".part", Options{})
	if err != nil {
		return err
	}
	if len(problems) > 0 {
		return fmt.Errorf("%w: the copy has problems: %w", ErrDamaged, errors.Join(problems...))
	}
	if err := os.Rename(path+".part", path); err != nil {
		return err
	}
	return errors.Join(syncDir(dir), syncDir(db.dir))
}

// copyAside makes a consistent copy of the open database that remove deletes.
// Writes go on meanwhile. A copy that a crash leaves behind is deleted by Open.
func (db *DB) copyAside(ctx context.Context) (path string, remove func(), err error) {
	f, err := os.CreateTemp(filepath.Join(db.dir, blobsName, tempName), "copy-*.db")
	if err != nil {
		return "", nil, err
	}
	f.Close()
	remove = func() { _ = removeIfThere(f.Name()) }
	if err := db.view(ctx, func(t *tx) error { return writeCopy(t.Tx, f.Name()) }); err != nil {
		remove()
		return "", nil, err
	}
	return f.Name(), remove, nil
}

// writeCopy writes the database as the transaction sees it and syncs the copy.
func writeCopy(b *bolt.Tx, path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := b.WriteTo(f); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	return f.Close()
}

// checkPages runs bbolt's own check over a database file that nobody writes.
func checkPages(path string, o Options) (problems []error, err error) {
	b, err := openBolt(path, o, true)
	if err != nil {
		return nil, err
	}
	defer func() { _ = b.Close() }() // nothing was written
	err = b.View(func(t *bolt.Tx) error {
		for p := range t.Check() {
			problems = append(problems, p)
		}
		return nil
	})
	return problems, err
}
