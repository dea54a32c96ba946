package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	bolt "go.etcd.io/bbolt"
)

// CopySealed writes everything that is in the store in from, which was never
// sealed and which nobody has open, into the directory to, sealed by s, and
// checks the copy. from stays as it is. After an error to is of no use.
//
// Sealing values where they stand would not do: the database would keep what
// was overwritten in its free pages.
func CopySealed(ctx context.Context, from, to string, s Sealer, c CheckOptions) error {
	if err := copySealed(ctx, from, to, s, c); err != nil {
		return fmt.Errorf("seal store %s: %w", from, err)
	}
	return nil
}

func copySealed(ctx context.Context, from, to string, s Sealer, c CheckOptions) (err error) {
	src, err := Open(from, Options{MustBe: true}) // migrates an older schema
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	if err := prepare(to); err != nil {
		return err
	}
	path := filepath.Join(to, databaseName)
	b, err := openBolt(path, Options{}, false)
	if err != nil {
		return err
	}
	dst := newDB(to, b, Options{Sealer: s})
	err = src.view(ctx, func(t *tx) error {
		return t.ForEach(func(name []byte, from *bolt.Bucket) error { return copyBucket(ctx, dst, bucket(name), from) })
	})
	if err == nil {
		err = src.eachBlob(func(digest string, _ fs.FileInfo) error { return copyBlob(ctx, src, dst, digest) })
	}
	if err = errors.Join(err, b.Close()); err != nil {
		return err
	}
	if err := syncTree(to); err != nil {
		return err
	}
	report, err := checkFile(ctx, path, to, Options{Sealer: s}, c)
	if err != nil {
		return err
	}
	if !report.OK() {
		f := report.Findings[0]
		return fmt.Errorf("%w: the check of the copy has %d findings, the first: %s: %s; see: skerry doctor", ErrDamaged, len(report.Findings)+report.More, f.Where, f.Problem)
	}
	return nil
}

// copyGroup bounds the values that one transaction of a copy writes.
const copyGroup = 10_000

// copyBucket seals the values of a bucket into the bucket of the same name.
func copyBucket(ctx context.Context, dst *DB, name bucket, from *bolt.Bucket) error {
	c := from.Cursor()
	for k, v := c.First(); ; {
		if err := ctx.Err(); err != nil {
			return err
		}
		err := dst.bolt.Update(func(b *bolt.Tx) error {
			if _, err := b.CreateBucketIfNotExists([]byte(name)); err != nil {
				return err
			}
			t := &tx{Tx: b, db: dst}
			for n := 0; k != nil && n < copyGroup; n++ {
				if len(v) == 0 { // entries of indexes have no value, and none is sealed
					if err := t.putSealed(name, bytes.Clone(k), nil); err != nil {
						return err
					}
				} else {
					payload, err := unframe(k, v)
					if err != nil {
						return fmt.Errorf("value in %s under %x: %w", name, k, err)
					}
					if err := t.put(name, bytes.Clone(k), payload); err != nil {
						return err
					}
				}
				k, v = c.Next()
			}
			return nil
		})
		if err != nil || k == nil {
			return err
		}
	}
}

func copyBlob(ctx context.Context, src, dst *DB, digest string) error {
	r, err := src.Open(ctx, digest)
	if err != nil {
		return err
	}
	defer r.Close()
	_, _, err = dst.Put(ctx, r, 0)
	return err
}
