package appliance

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"skerry/appliance/audit"
	"skerry/appliance/mission"
	"skerry/store"
	"skerry/store/vault"
)

// Journal compares the runs of a data directory with the audit log. Its memory
// grows with the number of runs, not with what happened in them.
type Journal struct {
	Compared    int
	Differences []string // at most [audit.MaxFaults]
	More        int

	db   *store.DB
	v    *vault.Vault             // nil = the store was never sealed
	seen map[mission.RunID]uint64 // the last observation of a run that the log has
}

// OpenJournal opens the journal of a data directory that no appliance serves. by
// opens its vault.
func OpenJournal(ctx context.Context, c Config, by Unwrap) (*Journal, error) {
	j := &Journal{seen: map[mission.RunID]uint64{}}
	o := store.Options{MustBe: true}
	v, err := by.unseal(c)
	switch {
	case err == nil:
		j.v, o.Sealer = v, v
	case !errors.Is(err, ErrUnsealed):
		return nil, err
	}
	if j.db, err = store.Open(filepath.Join(c.Data, storeDir), o); err != nil {
		return nil, errors.Join(err, j.Close())
	}
	return j, nil
}

// Close frees the data directory.
func (j *Journal) Close() error {
	var err error
	if j.db != nil {
		err = j.db.Close()
	}
	if j.v != nil {
		j.v.Close()
	}
	return err
}

func (j *Journal) differ(format string, args ...any) {
	if len(j.Differences) == audit.MaxFaults {
		j.More++
		return
	}
	j.Differences = append(j.Differences, fmt.Sprintf(format, args...))
}

// Compare looks up the observation that a record of the log is about.
func (j *Journal) Compare(ctx context.Context, entry uint64, r *audit.Record) error {
	id := mission.RunID(r.Run)
	if id == "" || r.Seq == 0 {
		return nil
	}
	last := j.seen[id]
	if r.Seq > last+1 {
		j.differ("run %s: observations %d to %d are not in the log", id, last+1, r.Seq-1)
	}
	j.seen[id] = max(last, r.Seq)
	obs, err := j.db.Observations(ctx, id, r.Seq-1, 1)
	if err != nil && !errors.Is(err, mission.ErrNotFound) {
		return err
	}
	if len(obs) == 0 {
		j.differ("entry %d: observation %d of run %s is in the log and not in the journal", entry, r.Seq, id)
		return nil
	}
	have, err := store.RecordOf(&mission.Summary{}, &obs[0])
	if err != nil {
		return err
	}
	if have.Digest != r.Digest || have.Action != r.Action {
		j.differ("entry %d: observation %d of run %s was recorded as another one (%s)", entry, r.Seq, id, r.Action)
		return nil
	}
	j.Compared++
	return nil
}

// Rest looks for what the journal has and the log has not.
func (j *Journal) Rest(ctx context.Context) error {
	cursor := ""
	for {
		page, next, err := j.db.Runs(ctx, store.Filter{Limit: 200, Cursor: cursor})
		if err != nil {
			return err
		}
		for _, s := range page {
			if last := j.seen[s.ID]; s.Seq > last {
				j.differ("run %s: observations %d to %d are in the journal and not in the log", s.ID, last+1, s.Seq)
			}
		}
		if next == "" {
			return nil
		}
		cursor = next
	}
}
