package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"skerry/appliance/audit"
	"skerry/appliance/mission"
)

// KeyError says that a run with the same idempotency key exists. It wraps
// [mission.ErrConflict].
type KeyError struct {
	Key string
	Run mission.RunID // that has the key
}

func (e *KeyError) Error() string {
	return fmt.Sprintf("run %s was started with the same idempotency key", e.Run)
}

func (e *KeyError) Unwrap() error { return mission.ErrConflict }

// Append adds observations to a run that stands at sequence expected; 0 creates
// it. Observations, index rows, counters and decisions are written in one
// transaction, and Append returns once they are durable. s is the summary of
// the run after the last of them.
//
// It returns an error wrapping [mission.ErrConflict] if the run stands
// elsewhere (nothing is written: load it and decide again), a [*KeyError] if
// the idempotency key of a new run is taken, and one wrapping
// [mission.ErrNotFound] if there is no such run. When ctx ends before the
// committer takes the write on, nothing is written.
func (db *DB) Append(ctx context.Context, run mission.RunID, expected uint64, s mission.Summary, obs ...mission.Observation) error {
	defer db.flights.takeOff()()
	a, err := db.newAppend(run, expected, s, obs)
	if err != nil {
		return fmt.Errorf("append to run %s: %w", run, err)
	}
	if err := db.update(ctx, a.apply); err != nil {
		return fmt.Errorf("append to run %s: %w", run, err)
	}
	return nil
}

// journalAppend is an append that is checked and encoded; the committer only
// has to put it.
type journalAppend struct {
	run      runKey
	expected uint64
	summary  mission.Summary
	obs      []mission.Observation
	keys     [][]byte
	values   [][]byte
	records  []audit.Record // for the audit log; empty if there is none
}

func (db *DB) newAppend(run mission.RunID, expected uint64, s mission.Summary, obs []mission.Observation) (*journalAppend, error) {
	key, err := parseRun(run)
	if err != nil {
		return nil, err
	}
	a := &journalAppend{run: key, expected: expected, summary: s, obs: obs}
	switch {
	case len(obs) == 0:
		return nil, errors.New("no observations")
	case s.ID != run:
		return nil, fmt.Errorf("the summary is of run %q", s.ID)
	case s.Seq != expected+uint64(len(obs)):
		return nil, fmt.Errorf("the summary is at %d, the last observation is %d", s.Seq, expected+uint64(len(obs)))
	}
	if err := checkSummary(s, obs[len(obs)-1].Kind); err != nil {
		return nil, err
	}
	for i := range obs {
		o := &obs[i]
		if want := expected + uint64(i) + 1; o.Seq != want {
			return nil, fmt.Errorf("observation %d where %d belongs", o.Seq, want)
		}
		if (o.Seq == 1) != (o.Kind == mission.KindCreated) || (o.Seq == 1) != (o.Created != nil) {
			return nil, errors.New("a run begins with created, once")
		}
		if _, offset := o.At.Zone(); o.At.IsZero() || offset != 0 {
			return nil, fmt.Errorf("observation %d is of %v; times are UTC", o.Seq, o.At)
		}
		if c := o.Created; c != nil && c.Run != run {
			return nil, fmt.Errorf("created is of run %q", c.Run)
		}
		if o.Queued != nil {
			if err := checkDecision(o.Queued); err != nil {
				return nil, err
			}
		}
		k := key.observation(o.Seq)
		text, v, err := db.encodeObservation(k, o)
		if err != nil {
			return nil, err
		}
		if db.auditor != nil {
			a.records = append(a.records, recordOf(&s, o, text))
		}
		a.keys, a.values = append(a.keys, k), append(a.values, v)
	}
	return a, nil
}

// apply looks first and writes then: a refused append leaves the transaction as
// it was, so that others can share it.
func (a *journalAppend) apply(t *tx) error {
	old, err := t.row(a.run)
	if err != nil {
		return err
	}
	switch {
	case old == nil && a.expected > 0:
		return mission.ErrNotFound
	case old != nil && old.Seq != a.expected:
		return fmt.Errorf("%w: it is at %d, not %d", mission.ErrConflict, old.Seq, a.expected)
	case old != nil && old.State == mission.Ended:
		return fmt.Errorf("%w: it has its verdict", mission.ErrConflict)
	}
	next := &row{Summary: a.summary, Rest: restOf(&a.summary)}
	if old == nil {
		c := a.obs[0].Created
		next.Initiator, next.Key = c.By.ID, c.Key
		if c.Key != "" {
			taken, err := t.get(bucketKeys, hashKey(c.Key))
			if err != nil {
				return err
			}
			if taken != nil {
				return &KeyError{c.Key, runKey(taken).id()}
			}
		}
	} else {
		next.Initiator, next.Key, next.Open = old.Initiator, old.Key, slices.Clone(old.Open)
	}
	decisions, err := t.decisionChanges(old, next, a.obs)
	if err != nil {
		return err
	}
	for i := range a.obs {
		if err := t.putSealed(bucketJournal, a.keys[i], a.values[i]); err != nil {
			return err
		}
	}
	if err := t.count(countTotal, totalObservations, len(a.obs)); err != nil {
		return err
	}
	if err := t.putRow(a.run, old, next); err != nil {
		return err
	}
	for _, c := range decisions {
		if err := t.putDecision(c); err != nil {
			return err
		}
	}
	t.changed = append(t.changed, a.run)
	t.records = append(t.records, a.records...)
	t.appended = outgoingAppend{a.run.id(), a.expected + 1, a.expected + uint64(len(a.obs))}
	return nil
}

// Load returns all observations of a run in order, or an error wrapping
// [mission.ErrNotFound].
func (db *DB) Load(ctx context.Context, run mission.RunID) ([]mission.Observation, error) {
	obs, err := db.Observations(ctx, run, 0, 0)
	if err != nil {
		return nil, err
	}
	if len(obs) == 0 {
		return nil, fmt.Errorf("run %s: %w", run, mission.ErrNotFound)
	}
	return obs, nil
}

// Observations returns at most limit observations of a run that come after the
// sequence number after; limit 0 = all. It returns none for a run that is not
// there.
func (db *DB) Observations(ctx context.Context, run mission.RunID, after uint64, limit int) ([]mission.Observation, error) {
	key, err := parseRun(run)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", mission.ErrNotFound, err)
	}
	var obs []mission.Observation
	err = db.view(ctx, func(t *tx) error {
		obs, err = t.observations(key, after, limit)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read run %s: %w", run, err)
	}
	return obs, nil
}

func (t *tx) observations(run runKey, after uint64, limit int) ([]mission.Observation, error) {
	var obs []mission.Observation
	if after == ^uint64(0) {
		return nil, nil
	}
	c := t.bucket(bucketJournal).Cursor()
	want := after + 1
	for k, v := c.Seek(run.observation(want)); bytes.HasPrefix(k, run[:]); k, v = c.Next() {
		o, err := t.db.decodeObservation(k, v)
		if err != nil {
			return nil, err
		}
		if o.Seq != want {
			return nil, fmt.Errorf("%w: observation %d of run %s is missing", ErrDamaged, want, run.id())
		}
		obs = append(obs, o)
		want++
		if limit > 0 && len(obs) == limit {
			break
		}
	}
	return obs, nil
}

// Claim returns the ids of all runs that have not ended, oldest first.
func (db *DB) Claim(ctx context.Context) ([]mission.RunID, error) {
	var keys []runKey
	err := db.view(ctx, func(t *tx) error {
		keys = keys[:0]
		for _, s := range mission.States() {
			if s == mission.Ended {
				continue
			}
			prefix := indexPrefix(byState, string(s))
			c := t.bucket(bucketIndex).Cursor()
			for k, _ := c.Seek(prefix); bytes.HasPrefix(k, prefix); k, _ = c.Next() {
				if len(k) != len(prefix)+runBytes {
					return fmt.Errorf("%w: index key %x", ErrDamaged, k)
				}
				keys = append(keys, runKey(k[len(prefix):]))
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("find open runs: %w", err)
	}
	slices.SortFunc(keys, func(a, b runKey) int { return bytes.Compare(a[:], b[:]) })
	ids := make([]mission.RunID, len(keys))
	for i, k := range keys {
		ids[i] = k.id()
	}
	return ids, nil
}

// Resting returns the open runs whose last append said that they do nothing by
// themselves until a time, and that time; zero = ever. A run that is not among
// them has to be looked at.
func (db *DB) Resting(ctx context.Context) (map[mission.RunID]time.Time, error) {
	ids, err := db.Claim(ctx)
	if err != nil {
		return nil, err
	}
	resting := make(map[mission.RunID]time.Time, len(ids))
	err = db.view(ctx, func(t *tx) error {
		for _, id := range ids {
			key, err := parseRun(id)
			if err != nil {
				return err
			}
			var r struct {
				Rest *rest `json:"rest"`
			}
			if ok, err := t.getJSON(bucketRuns, key[:], &r); err != nil {
				return err
			} else if ok && r.Rest != nil {
				resting[id] = r.Rest.Until
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("find resting runs: %w", err)
	}
	return resting, nil
}

// RunByKey returns the run that was started with the idempotency key, or an
// error wrapping [mission.ErrNotFound].
func (db *DB) RunByKey(ctx context.Context, key string) (mission.RunID, error) {
	var id mission.RunID
	err := db.view(ctx, func(t *tx) error {
		v, err := t.get(bucketKeys, hashKey(key))
		switch {
		case err != nil:
			return err
		case v == nil:
			return mission.ErrNotFound
		case len(v) != runBytes:
			return fmt.Errorf("%w: run key of %d bytes", ErrDamaged, len(v))
		}
		id = runKey(v).id()
		return nil
	})
	if err != nil {
		return "", fmt.Errorf("run by idempotency key: %w", err)
	}
	return id, nil
}

// count adds n to a counter and removes it at zero.
func (t *tx) count(d dimension, name string, n int) error {
	key := countKey(d, name)
	have, err := t.counter(d, name)
	if err != nil {
		return err
	}
	left := have + uint64(int64(n))
	if int64(left) < 0 {
		return fmt.Errorf("%w: counter %q would fall below zero; rebuild the indexes", ErrDamaged, key)
	}
	if left == 0 {
		return t.delete(bucketCounts, key)
	}
	return t.put(bucketCounts, key, binary.BigEndian.AppendUint64(nil, left))
}

func (t *tx) counter(d dimension, name string) (uint64, error) {
	v, err := t.get(bucketCounts, countKey(d, name))
	if err != nil || v == nil {
		return 0, err
	}
	if len(v) != 8 {
		return 0, fmt.Errorf("%w: counter of %d bytes", ErrDamaged, len(v))
	}
	return binary.BigEndian.Uint64(v), nil
}
