package store

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
	"time"

	bolt "go.etcd.io/bbolt"
)

// VaultDir is the folder in the directory of a store that belongs to its
// [Keeper]. What lies there travels with backups.
const VaultDir = "vault"

// Keeper is a Sealer with keys of its own that change.
type Keeper interface {
	Sealer

	// Renew returns stale, which tells the values that were sealed with older
	// keys than the one that seals now, and retire, which drops those older
	// keys and says how many. Both mean the same keys however long they are
	// kept.
	Renew() (stale func(sealed []byte) bool, retire func() (int, error))

	// Files returns what opens all that is sealed now, given what people keep,
	// by name in [VaultDir].
	Files() (map[string][]byte, error)
}

// Resealed says what [DB.Reseal] has done.
type Resealed struct {
	Values int `json:"values"` // sealed anew
	Blobs  int `json:"blobs"`  // written anew
	Keys   int `json:"keys"`   // dropped
}

// Reseal seals anew what was sealed with keys that seal no more, while work
// goes on, and has them dropped when nothing needs them. It may be interrupted
// and called again. A store without a [Keeper] has nothing to do.
func (db *DB) Reseal(ctx context.Context) (Resealed, error) {
	done, err := db.reseal(ctx)
	if err != nil {
		return done, fmt.Errorf("seal anew: %w", err)
	}
	return done, nil
}

func (db *DB) reseal(ctx context.Context) (Resealed, error) {
	var done Resealed
	keeper, ok := db.sealer.(Keeper)
	if !ok {
		return done, nil
	}
	db.resealing.Lock()
	defer db.resealing.Unlock()
	stale, retire := keeper.Renew()
	// Whatever was sealed before this moment is stored when the flights have
	// landed; whatever takes off later has the new key.
	if err := db.flights.land(ctx); err != nil {
		return done, err
	}
	var buckets []bucket
	err := db.view(ctx, func(t *tx) error {
		return t.ForEach(func(name []byte, _ *bolt.Bucket) error {
			buckets = append(buckets, bucket(name))
			return nil
		})
	})
	if err != nil {
		return done, err
	}
	for _, b := range buckets {
		for after, more := []byte(nil), true; more; {
			var n int
			if n, after, more, err = db.resealSome(ctx, stale, b, after); err != nil {
				return done, fmt.Errorf("bucket %s: %w", b, err)
			}
			done.Values += n
		}
	}
	err = db.eachBlob(func(digest string, _ fs.FileInfo) error {
		n, err := db.resealBlob(ctx, stale, digest)
		done.Blobs += n
		return err
	})
	if err != nil {
		return done, err
	}
	// A backup that is being written may hold values of the old keys, and
	// takes the keyring along last. Whoever reads it may be slow, and ctx may end
	// meanwhile, which a lock would not notice.
	for !db.copies.TryLock() {
		select {
		case <-ctx.Done():
			return done, ctx.Err()
		case <-time.After(copyPoll):
		}
	}
	defer db.copies.Unlock()
	done.Keys, err = retire()
	return done, err
}

// copyPoll is how often Reseal looks whether a backup is through.
const copyPoll = 100 * time.Millisecond

// Bounds of one transaction of Reseal, so that appends wait for milliseconds.
const (
	resealValues = 128
	resealVisits = 8192
)

// resealSome seals anew some of the values that come behind the key after.
func (db *DB) resealSome(ctx context.Context, isStale func([]byte) bool, b bucket, after []byte) (n int, last []byte, more bool, err error) {
	var stale [][]byte
	err = db.view(ctx, func(t *tx) error {
		stale, last, more = nil, nil, false
		c := t.bucket(b).Cursor()
		key, v := c.Seek(after)
		if after != nil && bytes.Equal(key, after) {
			key, v = c.Next()
		}
		for visited := 0; key != nil; key, v = c.Next() {
			if visited++; visited > resealVisits || len(stale) == resealValues {
				more = true
				return nil
			}
			last = bytes.Clone(key)
			if isStale(v) {
				stale = append(stale, last)
			}
		}
		return nil
	})
	if err != nil || len(stale) == 0 {
		return 0, last, more, err
	}
	err = db.update(ctx, func(t *tx) error {
		n = 0
		for _, key := range stale {
			sealed := t.bucket(b).Get(key)
			if sealed == nil || !isStale(sealed) {
				continue // changed or deleted meanwhile
			}
			payload, err := db.open(b, key, sealed)
			if err != nil {
				return err
			}
			if err := t.put(b, key, bytes.Clone(payload)); err != nil {
				return err
			}
			n++
		}
		return nil
	})
	return n, last, more, err
}

// resealBlob writes a blob anew if any chunk of it needs that.
func (db *DB) resealBlob(ctx context.Context, isStale func([]byte) bool, digest string) (n int, err error) {
	stale := false
	err = db.eachChunk(digest, func(sealed []byte) bool {
		stale = isStale(sealed)
		return !stale
	})
	if errors.Is(err, fs.ErrNotExist) || err == nil && !stale {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	r, err := db.Open(ctx, digest)
	if err != nil {
		return 0, err
	}
	defer r.Close()
	if _, _, err := db.Put(ctx, r, 0); err != nil {
		return 0, err
	}
	return 1, nil
}

// eachChunk calls fn with the sealed chunks of a blob until it returns false.
func (db *DB) eachChunk(digest string, fn func(sealed []byte) bool) error {
	f, err := os.Open(db.blobPath(digest))
	if err != nil {
		return err
	}
	defer f.Close()
	b := &blobReader{db: db, in: bufio.NewReaderSize(f, 64<<10), digest: digest}
	if _, err := b.in.Discard(len(blobMagic) + blobSalt); err != nil {
		return b.damaged("it is cut short")
	}
	for {
		head := make([]byte, 5)
		if _, err := io.ReadFull(b.in, head); err != nil {
			return b.damaged("it is cut short")
		}
		size := binary.BigEndian.Uint32(head[1:])
		if head[0] > 1 || size > maxSealed {
			return b.damaged("a chunk makes no sense")
		}
		sealed := make([]byte, size)
		if _, err := io.ReadFull(b.in, sealed); err != nil {
			return b.damaged("it is cut short")
		}
		if !fn(sealed) || head[0] == 1 {
			return nil
		}
	}
}

// flights counts what is sealed and not stored yet. The zero value has none.
type flights struct {
	mu  sync.Mutex
	now *sync.WaitGroup // of those that took off since the last land; guarded by mu
}

// takeOff comes before something is sealed; what it returns is called when that
// is stored, or never will be.
func (f *flights) takeOff() (landed func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.now == nil {
		f.now = &sync.WaitGroup{}
	}
	f.now.Add(1)
	return f.now.Done
}

// land waits for all that took off before. It holds up nobody else.
func (f *flights) land(ctx context.Context) error {
	f.mu.Lock()
	before := f.now
	f.now = nil
	f.mu.Unlock()
	if before == nil {
		return nil
	}
	down := make(chan struct{})
	go func() { before.Wait(); close(down) }()
	select {
	case <-down:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
