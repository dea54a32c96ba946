package store

import (
	"context"
	"fmt"
	"strings"

	"skerry/appliance/audit"
	"skerry/appliance/mission"
)

// PutSetting saves v as JSON under name. Names that begin with "policy." or
// "govern." are the store's own. The audit log gets the digests of before and after, and
// records, which say what is behind the change.
func (db *DB) PutSetting(ctx context.Context, name string, v any, records ...audit.Record) error {
	if name == "" || strings.HasPrefix(name, "policy.") || strings.HasPrefix(name, "govern.") {
		return fmt.Errorf("put setting %q: the name is empty or the store's own", name)
	}
	text, err := encodeJSON(v)
	if err != nil {
		return fmt.Errorf("put setting %s: %w", name, err)
	}
	err = db.update(ctx, func(t *tx) error {
		r := audit.Record{Action: "setting.changed", Object: name, Digest: digest(text)}
		if before, err := t.get(bucketSettings, []byte(name)); err != nil {
			return err
		} else if before != nil {
			r.Before = digest(before)
		}
		t.record(append(records, r)...)
		return t.put(bucketSettings, []byte(name), text)
	})
	if err != nil {
		return fmt.Errorf("put setting %s: %w", name, err)
	}
	return nil
}

// Setting reads the setting name into v, or returns an error wrapping
// [mission.ErrNotFound].
func (db *DB) Setting(ctx context.Context, name string, v any) error {
	err := db.view(ctx, func(t *tx) error {
		ok, err := t.getJSON(bucketSettings, []byte(name), v)
		if err == nil && !ok {
			err = mission.ErrNotFound
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("setting %s: %w", name, err)
	}
	return nil
}

// Stats says how big the store is and how it works.
type Stats struct {
	FileBytes    int64  `json:"fileBytes"`    // of the database
	FreeBytes    int64  `json:"freeBytes"`    // of the database, to be used again
	Runs         int    `json:"runs"`         //
	Observations int    `json:"observations"` //
	Writes       uint64 `json:"writes"`       // since the store was opened
	Groups       uint64 `json:"groups"`       // transactions that they shared
	Schema       int    `json:"schema"`
}

// Stats returns figures for people who look after the appliance.
func (db *DB) Stats(ctx context.Context) (Stats, error) {
	s := Stats{Writes: db.appends.Load(), Groups: db.groups.Load()}
	err := db.view(ctx, func(t *tx) error {
		runs, err := t.counter(countTotal, totalRuns)
		if err != nil {
			return err
		}
		obs, err := t.counter(countTotal, totalObservations)
		if err != nil {
			return err
		}
		s.FileBytes, s.Runs, s.Observations = t.Size(), int(runs), int(obs)
		s.Schema, err = t.schema()
		return err
	})
	if err != nil {
		return Stats{}, fmt.Errorf("store figures: %w", err)
	}
	b := db.bolt.Stats()
	s.FreeBytes = int64(b.FreePageN+b.PendingPageN) * int64(db.bolt.Info().PageSize)
	return s, nil
}
