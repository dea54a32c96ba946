package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io/fs"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"skerry/appliance/mission"
)

// journalRuns yields every run with its observations, in order. What cannot be
// read is handed to damaged and left out; the fold then misses it and says so.
func (t *tx) journalRuns(damaged func(key []byte, err error)) iter.Seq2[runKey, []mission.Observation] {
	return func(yield func(runKey, []mission.Observation) bool) {
		var run runKey
		var obs []mission.Observation
		begun := false
		c := t.bucket(bucketJournal).Cursor()
		for k, v := c.First(); k != nil; k, v = c.Next() {
			if len(k) < runBytes {
				damaged(k, fmt.Errorf("%w: journal key %x", ErrDamaged, k))
				continue
			}
			if begun && !bytes.Equal(run[:], k[:runBytes]) {
				if !yield(run, obs) {
					return
				}
				obs = nil
			}
			run, begun = runKey(k[:runBytes]), true
			o, err := t.db.decodeObservation(k, v)
			if err != nil {
				damaged(k, err)
				continue
			}
			obs = append(obs, o)
		}
		if begun {
			yield(run, obs)
		}
	}
}

// Rebuild makes all indexes, counters and decisions anew from the journal, in
// one transaction: afterwards they are right, or nothing has changed. Appends
// wait meanwhile, about ten seconds for a million observations. A journal that
// is damaged itself is refused.
func (db *DB) Rebuild(ctx context.Context) error {
	if err := db.update(ctx, (*tx).rebuild); err != nil {
		return fmt.Errorf("rebuild indexes: %w", err)
	}
	return nil
}

func (t *tx) rebuild() error {
	var bad error
	broken := func(_ []byte, err error) {
		if bad == nil {
			bad = err
		}
	}
	t.dirty = true
	for _, b := range derivedBuckets {
		if t.Bucket([]byte(b)) != nil {
			if err := t.DeleteBucket([]byte(b)); err != nil {
				return err
			}
		}
		if _, err := t.CreateBucket([]byte(b)); err != nil {
			return err
		}
	}
	d := derived{entries: map[bucket][]entry{}, counts: map[string]uint64{}}
	for run, obs := range t.journalRuns(broken) {
		if bad != nil {
			return fmt.Errorf("%w; restore a backup", bad)
		}
		fold, err := foldRun(run, obs)
		if err != nil {
			return fmt.Errorf("%w: %w; restore a backup", ErrDamaged, err)
		}
		if err := t.rebuildRun(&d, run, fold); err != nil {
			return err
		}
	}
	if bad != nil {
		return fmt.Errorf("%w; restore a backup", bad)
	}
	return t.putDerived(&d)
}

// derived collects what does not come in the order of its keys. bbolt keeps a
// page whole until the commit, so inserting a million keys out of order into
// one transaction would take minutes.
type derived struct {
	entries map[bucket][]entry
	counts  map[string]uint64 // by counter key
}

type entry struct {
	key, sealed []byte // sealed is nil in index buckets
}

func (d *derived) add(b bucket, key, sealed []byte) {
	d.entries[b] = append(d.entries[b], entry{key, sealed})
}

// rebuildRun does what putRow and putDecision do over the life of a run.
func (t *tx) rebuildRun(d *derived, run runKey, fold *mission.Run) error {
	r := rowOf(fold)
	if err := t.putJSON(bucketRuns, run[:], r); err != nil {
		return err
	}
	if err := t.put(bucketText, run[:], []byte(searchText(&r.Summary))); err != nil {
		return err
	}
	d.counts[string(countKey(countTotal, totalRuns))]++
	d.counts[string(countKey(countTotal, totalObservations))] += fold.Seq
	for _, m := range terms(&r.Summary) {
		d.counts[string(countKey(m.dimension, m.name))]++
		d.add(bucketIndex, indexKey(m.dimension, m.name, run), nil)
	}
	if r.Key != "" {
		key := hashKey(r.Key)
		sealed, err := t.db.seal(bucketKeys, key, run[:])
		if err != nil {
			return err
		}
		d.add(bucketKeys, key, sealed)
	}
	for id, decision := range fold.Decisions {
		payload, err := encodeJSON(decision)
		if err != nil {
			return err
		}
		sealed, err := t.db.seal(bucketDecisions, []byte(id), payload)
		if err != nil {
			return err
		}
		d.add(bucketDecisions, []byte(id), sealed)
		if decision.Open() {
			d.counts[string(countKey(countQueue, decision.Queue))]++
			d.add(bucketDecisionIndex, decisionKey(openDecisions, decision.Queue, decision.OpenedAt, id), nil)
		} else {
			d.add(bucketDecisionIndex, decisionKey(settledDecisions, decision.Queue, decision.SettledAt, id), nil)
		}
	}
	return nil
}

func (t *tx) putDerived(d *derived) error {
	for b, entries := range d.entries {
		slices.SortFunc(entries, func(x, y entry) int { return bytes.Compare(x.key, y.key) })
		for _, e := range entries {
			if err := t.putSealed(b, e.key, e.sealed); err != nil {
				return err
			}
		}
	}
	for key, n := range d.counts {
		if err := t.put(bucketCounts, []byte(key), binary.BigEndian.AppendUint64(nil, n)); err != nil {
			return err
		}
	}
	return nil
}

// blobsOf returns the digests of the blobs that observations name. Whatever
// observation comes to name a blob must be added here, or [DB.Sweep] would
// remove it.
func blobsOf(obs []mission.Observation) []string {
	var all []string
	input := func(in map[string]mission.InputValue) {
		for _, name := range slices.Sorted(maps.Keys(in)) {
			if d := in[name].Document; d != nil && d.SHA256 != "" {
				all = append(all, d.SHA256)
			}
		}
	}
	for i := range obs {
		switch o := &obs[i]; o.Kind {
		case mission.KindCreated:
			input(o.Created.Input)
		case mission.KindStarted:
			input(o.Started.Input)
		case mission.KindRead:
			if o.Read.TextSHA256 != "" {
				all = append(all, o.Read.TextSHA256)
			}
		}
	}
	return all
}

// eachBlob calls fn for every blob file.
func (db *DB) eachBlob(fn func(digest string, info fs.FileInfo) error) error {
	dirs, err := os.ReadDir(filepath.Join(db.dir, blobsName))
	if err != nil {
		return err
	}
	for _, d := range dirs {
		if !d.IsDir() || d.Name() == tempName {
			continue
		}
		files, err := os.ReadDir(filepath.Join(db.dir, blobsName, d.Name()))
		if err != nil {
			return err
		}
		for _, f := range files {
			digest := d.Name() + f.Name()
			if !isDigest(digest) {
				continue
			}
			info, err := f.Info()
			if err != nil {
				continue // removed meanwhile
			}
			if err := fn(digest, info); err != nil {
				return err
			}
		}
	}
	return nil
}

// Sweep removes blobs that no observation names and that were last put longer
// than grace ago, and says how many and how many bytes. grace must cover the
// time between a Put and the observation that names the blob; less than a
// minute is refused. It reads the whole journal.
func (db *DB) Sweep(ctx context.Context, grace time.Duration) (removed int, sizeBytes int64, err error) {
	if grace < time.Minute {
		return 0, 0, fmt.Errorf("sweep blobs: a grace of %v is too short; take at least a minute", grace)
	}
	named := map[string]bool{}
	var bad error
	err = db.view(ctx, func(t *tx) error {
		for _, obs := range t.journalRuns(func(_ []byte, err error) { bad = err }) {
			if err := ctx.Err(); err != nil {
				return err
			}
			for _, digest := range blobsOf(obs) {
				named[digest] = true
			}
		}
		return bad // what a damaged observation names is not known
	})
	if err != nil {
		return 0, 0, fmt.Errorf("sweep blobs: %w", err)
	}
	limit := time.Now().Add(-grace) // file times are of the system's clock
	err = db.eachBlob(func(digest string, info fs.FileInfo) error {
		if named[digest] || info.ModTime().After(limit) {
			return ctx.Err()
		}
		if err := removeIfThere(db.blobPath(digest)); err != nil {
			return err
		}
		removed++
		sizeBytes += info.Size()
		return ctx.Err()
	})
	if err != nil {
		return removed, sizeBytes, fmt.Errorf("sweep blobs: %w", err)
	}
	return removed, sizeBytes, nil
}
