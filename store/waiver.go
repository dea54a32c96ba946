package store

import (
	"context"
	"fmt"

	"skerry/appliance/audit"
	"skerry/appliance/govern"
	"skerry/appliance/mission"
	"skerry/appliance/policy"
)

// BeginWaiver notes that a new site has one person. Later it takes a proposal.
func (db *DB) BeginWaiver(ctx context.Context, by policy.Principal, why string) error {
	err := db.update(ctx, func(t *tx) error {
		return t.beginWaiver(govern.Waiver{By: policy.Principal{ID: by.ID, Name: by.Name}, At: db.now().UTC(), Why: why})
	})
	if err != nil {
		return fmt.Errorf("begin the waiver: %w", err)
	}
	return nil
}

func (t *tx) beginWaiver(w govern.Waiver) error {
	if old, err := t.waiver(); err != nil || old != nil {
		return err
	}
	t.record(audit.Record{Action: "waiver.begun", Actor: w.By.ID, ActorName: w.By.Name, Why: w.Why})
	return t.putJSON(bucketSettings, settingWaiver, w)
}

// EndWaiver ends the waiver; from then on it takes two. It returns an error
// wrapping [mission.ErrNotFound] if there is none.
func (db *DB) EndWaiver(ctx context.Context, by policy.Principal) error {
	err := db.update(ctx, func(t *tx) error {
		w, err := t.waiver()
		if err == nil && w == nil {
			err = mission.ErrNotFound
		}
		if err != nil {
			return err
		}
		t.record(audit.Record{Action: "waiver.ended", Actor: by.ID, ActorName: by.Name})
		return t.delete(bucketSettings, settingWaiver)
	})
	if err != nil {
		return fmt.Errorf("end the waiver: %w", err)
	}
	return nil
}

// Waiver returns the waiver of the site, nil if it has none.
func (db *DB) Waiver(ctx context.Context) (w *govern.Waiver, err error) {
	err = db.view(ctx, func(t *tx) (err error) {
		w, err = t.waiver()
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("waiver: %w", err)
	}
	return w, nil
}

func (t *tx) waiver() (*govern.Waiver, error) {
	var w govern.Waiver
	ok, err := t.getJSON(bucketSettings, settingWaiver, &w)
	if err != nil || !ok {
		return nil, err
	}
	return &w, nil
}
