package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"runtime/debug"
	"slices"
	"time"

	bolt "go.etcd.io/bbolt"

	"skerry/appliance/mission"
)

// checkFile verifies the database file at path, which nobody writes, and the
// blobs in dir.
func checkFile(ctx context.Context, path, dir string, o Options, c CheckOptions) (Report, error) {
	begun := time.Now()
	r := Report{Findings: []Finding{}}
	b, err := openBolt(path, o, true)
	switch {
	case errors.Is(err, ErrDamaged):
		r.find("database", hintRestore, "%v", err)
		return r, nil
	case err != nil:
		return r, fmt.Errorf("check store: %w", err)
	}
	defer func() { _ = b.Close() }() // nothing was written
	k := &checker{ctx: ctx, db: newDB(dir, b, o), report: &r, options: c,
		counts: map[string]uint64{}, blobs: map[string]mission.RunID{}, keys: map[string]mission.RunID{}}
	k.stage("database pages", k.pages)
	k.stage("schema", k.schema)
	k.stage("journal", k.journal)
	k.stage("indexes", k.indexes)
	k.stage("library", k.library)
	k.stage("blobs", k.blobFiles)
	r.Took = time.Since(begun)
	if err := ctx.Err(); err != nil {
		return r, fmt.Errorf("check store: %w", err)
	}
	return r, nil
}

// checker compares a store with what its journal says.
type checker struct {
	ctx     context.Context // of the one check that it is made for
	db      *DB
	report  *Report
	options CheckOptions
	broken  bool // something basic is missing; later stages make no sense

	// What the journal says there should be.
	counts    map[string]uint64 // by counter key
	entries   int               // in index
	decisions int
	keys      map[string]mission.RunID // by stored key
	blobs     map[string]mission.RunID // by digest: a run that names it
}

// stage runs one part of the check. Panics over damaged pages become findings.
func (k *checker) stage(name string, part func(*tx) error) {
	if k.broken || k.ctx.Err() != nil {
		return
	}
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			k.report.find(name, hintRestore, "pages cannot be read: %v", p)
		}
	}()
	err := k.db.bolt.View(func(b *bolt.Tx) error { return part(&tx{Tx: b, db: k.db}) })
	if err != nil && k.ctx.Err() == nil {
		k.report.find(name, hintRestore, "%v", err)
	}
}

func (k *checker) pages(t *tx) error {
	if k.options.PagesIn != nil {
		r, err := CheckInChild(k.options.PagesIn(t.db.bolt.Path()))
		for _, f := range r.Findings {
			k.report.find(f.Where, f.Hint, "%s", f.Problem)
		}
		k.report.More += r.More
		return err
	}
	for p := range t.Check() {
		k.report.find("database pages", hintRestore, "%v", p)
	}
	return nil
}

func (k *checker) schema(t *tx) error {
	have, err := t.schema()
	k.report.Schema = have
	switch {
	case err != nil || have > len(migrations):
		k.broken = true
		return errors.Join(err, fmt.Errorf("schema is %d, this version knows %d; check with the version that wrote it", have, len(migrations)))
	case have < len(migrations):
		k.broken = true
		k.report.Note = fmt.Sprintf("only pages were checked: the schema is %d and becomes %d when the store is opened", have, len(migrations))
		return nil
	}
	for _, b := range slices.Concat(primaryBuckets, derivedBuckets) {
		if t.Bucket([]byte(b)) != nil {
			continue
		}
		k.broken = true
		hint := hintRestore
		if slices.Contains(derivedBuckets, b) {
			hint = hintRebuild
		}
		k.report.find("schema", hint, "bucket %s is missing", b)
	}
	return nil
}

// journal folds every run and compares what is derived from it.
func (k *checker) journal(t *tx) error {
	for run, obs := range t.journalRuns(func(key []byte, err error) {
		k.report.find("journal", hintRestore, "%v", err)
	}) {
		if k.ctx.Err() != nil {
			return nil
		}
		k.report.Runs++
		k.report.Observations += len(obs)
		fold, err := foldRun(run, obs)
		if err != nil {
			k.report.find("run "+string(run.id()), hintRestore, "the journal does not fold: %v", err)
			continue
		}
		k.run(t, run, fold)
		for _, digest := range blobsOf(obs) {
			k.blobs[digest] = run.id()
		}
	}
	return nil
}

// foldRun folds the journal of run and makes sure that it is that run's.
func foldRun(run runKey, obs []mission.Observation) (*mission.Run, error) {
	fold, err := mission.Fold(obs)
	if err == nil && fold.ID != run.id() {
		err = fmt.Errorf("it is the journal of run %s", fold.ID)
	}
	return fold, err
}

// run compares everything derived of one run with its fold.
func (k *checker) run(t *tx, run runKey, fold *mission.Run) {
	where := "run " + string(run.id())
	want := rowOf(fold)
	if got, err := t.row(run); err == nil && got != nil {
		want.Rest = got.Rest // not of the journal
	}
	k.same(t, where+", index row", bucketRuns, run[:], want)
	if text, err := t.get(bucketText, run[:]); err != nil || string(text) != searchText(&want.Summary) {
		k.report.find(where+", search text", hintRebuild, "is %q, want %q (%v)", text, searchText(&want.Summary), err)
	}
	k.counts[string(countKey(countTotal, totalRuns))]++
	k.counts[string(countKey(countTotal, totalObservations))] += fold.Seq
	all := terms(&want.Summary)
	for _, m := range all {
		k.counts[string(countKey(m.dimension, m.name))]++
		k.entries++
		if !has(t.bucket(bucketIndex), indexKey(m.dimension, m.name, run)) {
			k.report.find(where+", index", hintRebuild, "is not found by %c %q", m.dimension, m.name)
		}
	}
	if want.Key != "" {
		key := hashKey(want.Key)
		k.keys[string(key)] = run.id()
		if v, err := t.get(bucketKeys, key); err != nil || !bytes.Equal(v, run[:]) {
			k.report.find(where+", idempotency key", hintRebuild, "leads to %x (%v)", v, err)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(fold.Decisions)) {
		d := fold.Decisions[id]
		k.decisions++
		k.report.Decisions++
		k.same(t, "decision "+id, bucketDecisions, []byte(id), d)
		key := decisionKey(settledDecisions, d.Queue, d.SettledAt, id)
		if d.Open() {
			key = decisionKey(openDecisions, d.Queue, d.OpenedAt, id)
			k.counts[string(countKey(countQueue, d.Queue))]++
		}
		if !has(t.bucket(bucketDecisionIndex), key) {
			k.report.find("decision "+id, hintRebuild, "is not listed in queue %s", d.Queue)
		}
	}
}

// has reports whether an index has an entry.
func has(b *bolt.Bucket, key []byte) bool {
	k, _ := b.Cursor().Seek(key)
	return bytes.Equal(k, key)
}

// same compares a stored JSON value with what it should be.
func (k *checker) same(t *tx, where string, b bucket, key []byte, want any) {
	got, err := t.get(b, key)
	if err != nil {
		k.report.find(where, hintRebuild, "%v", err)
		return
	}
	wanted, err := encodeJSON(want)
	switch {
	case err != nil:
		k.report.find(where, hintRestore, "%v", err)
	case got == nil:
		k.report.find(where, hintRebuild, "is missing")
	case !bytes.Equal(got, wanted):
		k.report.find(where, hintRebuild, "does not say what the journal says: %s", difference(got, wanted))
	}
}

// difference shows where two texts begin to differ.
func difference(got, want []byte) string {
	i := 0
	for i < len(got) && i < len(want) && got[i] == want[i] {
		i++
	}
	from := max(0, i-40)
	return fmt.Sprintf("…%s… instead of …%s…", got[from:min(len(got), i+40)], want[from:min(len(want), i+40)])
}

// indexes looks for what should not be there, and compares the counters.
func (k *checker) indexes(t *tx) error {
	for _, b := range []struct {
		bucket bucket
		want   int
	}{
		{bucketRuns, k.report.Runs}, {bucketText, k.report.Runs}, {bucketIndex, k.entries},
		{bucketKeys, len(k.keys)}, {bucketDecisions, k.decisions}, {bucketDecisionIndex, k.decisions},
	} {
		if got := entriesIn(t.bucket(b.bucket)); got != b.want {
			k.report.find("bucket "+string(b.bucket), hintRebuild, "holds %d entries, the journal makes it %d", got, b.want)
		}
	}
	seen := 0
	c := t.bucket(bucketCounts).Cursor()
	for key, _ := c.First(); key != nil; key, _ = c.Next() {
		seen++
		got, err := t.counter(dimension(key[0]), string(key[1:]))
		if want := k.counts[string(key)]; err != nil || got != want {
			k.report.find(fmt.Sprintf("counter %q", key), hintRebuild, "is %d, the journal makes it %d (%v)", got, want, err)
		}
	}
	if seen != len(k.counts) {
		k.report.find("counters", hintRebuild, "there are %d, the journal makes it %d", seen, len(k.counts))
	}
	return nil
}

func entriesIn(b *bolt.Bucket) int {
	n := 0
	c := b.Cursor()
	for k, _ := c.First(); k != nil; k, _ = c.Next() {
		n++
	}
	return n
}

// library reads every mission, policy, setting, session and link.
func (k *checker) library(t *tx) error {
	for _, b := range []bucket{bucketMissions, bucketPolicies, bucketSettings, bucketSessions, bucketLinks} {
		c := t.bucket(b).Cursor()
		for key, _ := c.First(); key != nil; key, _ = c.Next() {
			where := fmt.Sprintf("%s, %q", b, key)
			var v struct {
				Mission struct{ Digest string } `json:"mission"`
				Digest  string                  `json:"digest"`
			}
			payload, err := t.get(b, key)
			if err != nil {
				k.report.find(where, hintRestore, "%v", err)
				continue
			}
			sources := map[bucket]bucket{bucketMissions: bucketMissionSources, bucketPolicies: bucketPolicySources}[b]
			if sources == "" {
				continue
			}
			if err := json.Unmarshal(payload, &v); err != nil {
				k.report.find(where, hintRestore, "%v", err)
				continue
			}
			source, err := t.get(sources, key)
			sum := sha256.Sum256(source)
			if got := hex.EncodeToString(sum[:]); err != nil || got != v.Digest+v.Mission.Digest {
				k.report.find(where, hintRestore, "the source has the digest %s, want %s (%v)", got, v.Digest+v.Mission.Digest, err)
			}
		}
	}
	active, err := t.activePolicy()
	if err != nil || active == 0 {
		return err
	}
	if _, err := t.policy(active); err != nil {
		k.report.find("policies", hintRestore, "the active version %d: %v", active, err)
	}
	return nil
}

// blobFiles verifies all blobs that observations name.
func (k *checker) blobFiles(*tx) error {
	for _, digest := range slices.Sorted(maps.Keys(k.blobs)) {
		if k.ctx.Err() != nil {
			return nil
		}
		where := fmt.Sprintf("blob %s, named by run %s", digest, k.blobs[digest])
		r, err := k.db.Open(k.ctx, digest)
		if err != nil {
			k.report.find(where, hintBlob, "%v", err)
			continue
		}
		if !k.options.Quick {
			_, err = io.Copy(io.Discard, r)
		}
		r.Close()
		if err != nil {
			k.report.find(where, hintBlob, "%v", err)
			continue
		}
		k.report.Blobs++
	}
	return k.db.eachBlob(func(digest string, _ fs.FileInfo) error {
		if _, named := k.blobs[digest]; !named {
			k.report.Orphans++
		}
		return k.ctx.Err()
	})
}
