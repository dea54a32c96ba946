package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"skerry/appliance/audit"
	"skerry/appliance/mission"
)

// Versions of a mission that are not numbers.
const (
	Latest = 0  // the latest published version
	Draft  = -1 // what is being written
)

// MissionVersion is a mission as stored. A published version never changes.
type MissionVersion struct {
	Mission mission.Mission `json:"mission"` // Version is 0 in a draft
	Source  []byte          `json:"-"`       // byte for byte as it was put; empty in lists
	SavedAt time.Time       `json:"savedAt"` // when it was put, or published
	SavedBy string          `json:"savedBy"` // id of who did
}

// PutMission saves source as the draft of mission m.Name and replaces the draft
// before. m is what source says; its Digest must be that of source.
func (db *DB) PutMission(ctx context.Context, source []byte, m mission.Mission, by string) error {
	if err := checkMission(source, m); err != nil {
		return fmt.Errorf("put mission %q: %w", m.Name, err)
	}
	m.Version = 0
	v := MissionVersion{Mission: m, SavedAt: db.now().UTC(), SavedBy: by}
	err := db.update(ctx, func(t *tx) error {
		t.record(audit.Record{Action: "mission.drafted", Actor: by, Mission: m.Name, Digest: m.Digest})
		return t.putMission(source, v)
	})
	if err != nil {
		return fmt.Errorf("put mission %s: %w", m.Name, err)
	}
	return nil
}

func checkMission(source []byte, m mission.Mission) error {
	if m.Name == "" {
		return errors.New("it has no name")
	}
	if err := checkName("name", m.Name); err != nil {
		return err
	}
	if sum := sha256.Sum256(source); m.Digest != hex.EncodeToString(sum[:]) {
		return errors.New("its digest is not that of the source")
	}
	return nil
}

func (t *tx) putMission(source []byte, v MissionVersion) error {
	key := versionKey(v.Mission.Name, v.Mission.Version)
	if err := t.put(bucketMissionSources, key, source); err != nil {
		return err
	}
	return t.putJSON(bucketMissions, key, v)
}

// Publish makes the draft of a mission its next version and returns the number.
// digest is that of the draft which was looked at; if the draft has changed
// since, Publish returns an error wrapping [mission.ErrConflict]. Publishing
// what the latest version already says returns that version's number.
func (db *DB) Publish(ctx context.Context, name, digest, by string) (int, error) {
	number := 0
	err := db.update(ctx, func(t *tx) error {
		draft, err := t.mission(name, 0)
		if err != nil {
			return err
		}
		if draft.Mission.Digest != digest {
			return fmt.Errorf("%w: the draft is another one now, look at it again", mission.ErrConflict)
		}
		if number, err = t.latest(name); err != nil {
			return err
		}
		if number > 0 {
			before, err := t.mission(name, number)
			if err != nil {
				return err
			}
			if before.Mission.Digest == digest {
				return nil
			}
		}
		number++
		before := ""
		if number > 1 {
			v, err := t.mission(name, number-1)
			if err != nil {
				return err
			}
			before = v.Mission.Digest
		}
		t.record(audit.Record{Action: "mission.published", Actor: by, Mission: name, Version: number, Before: before, Digest: digest})
		draft.Mission.Version, draft.SavedAt, draft.SavedBy = number, db.now().UTC(), by
		return t.putMission(draft.Source, draft)
	})
	if err != nil {
		return 0, fmt.Errorf("publish mission %s: %w", name, err)
	}
	return number, nil
}

// mission returns a stored version with its source; 0 is the draft.
func (t *tx) mission(name string, version int) (MissionVersion, error) {
	var v MissionVersion
	key := versionKey(name, version)
	ok, err := t.getJSON(bucketMissions, key, &v)
	if err != nil {
		return v, err
	}
	if !ok {
		return v, mission.ErrNotFound
	}
	source, err := t.get(bucketMissionSources, key)
	v.Source = bytes.Clone(source)
	return v, err
}

// latest returns the number of the latest published version, 0 if there is none.
func (t *tx) latest(name string) (int, error) {
	prefix := append([]byte(name), 0)
	c := t.bucket(bucketMissions).Cursor()
	k, _ := c.Seek(append([]byte(name), 1)) // just past its versions
	if k == nil {
		k, _ = c.Last()
	} else {
		k, _ = c.Prev()
	}
	if !bytes.HasPrefix(k, prefix) {
		return 0, nil
	}
	_, version, err := splitVersion(k)
	return version, err
}

// Mission returns a version of a mission with its source; see [Latest] and
// [Draft]. It returns an error wrapping [mission.ErrNotFound] if there is none.
func (db *DB) Mission(ctx context.Context, name string, version int) (MissionVersion, error) {
	var v MissionVersion
	err := db.view(ctx, func(t *tx) (err error) {
		number := version
		switch {
		case checkName("name", name) != nil || version < Draft || version > maxVersion:
			return mission.ErrNotFound
		case version == Draft:
			number = 0
		case version == Latest:
			if number, err = t.latest(name); err != nil {
				return err
			}
			if number == 0 {
				return mission.ErrNotFound
			}
		}
		v, err = t.mission(name, number)
		return err
	})
	if err != nil {
		return MissionVersion{}, fmt.Errorf("mission %s, version %d: %w", name, version, err)
	}
	return v, nil
}

// Missions returns all versions of all missions by name, the draft of each
// first, then the published ones in order, without their sources.
func (db *DB) Missions(ctx context.Context) ([]MissionVersion, error) {
	var all []MissionVersion
	err := db.view(ctx, func(t *tx) error {
		all = nil
		return t.bucket(bucketMissions).ForEach(func(k, _ []byte) error {
			var v MissionVersion
			_, err := t.getJSON(bucketMissions, k, &v)
			all = append(all, v)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("missions: %w", err)
	}
	return all, nil
}

// PolicyVersion is a version of the policy document. It never changes; which
// one is active may.
type PolicyVersion struct {
	Version int       `json:"version"`
	Digest  string    `json:"digest"` // SHA-256 of the source in hex
	Active  bool      `json:"-"`
	Source  []byte    `json:"-"` // byte for byte; empty in lists
	SavedAt time.Time `json:"savedAt"`
	SavedBy string    `json:"savedBy"` // id of who put it
}

// PolicyActivation says who made which version the active one, and when.
type PolicyActivation struct {
	Version int       `json:"version"`
	At      time.Time `json:"at"`
	By      string    `json:"by"` // id of who did
}

var (
	settingActivePolicy      = []byte("policy.active")
	settingPolicyActivations = []byte("policy.activations")
)

// maxActivations bounds the record of activations; the oldest go first.
const maxActivations = 1000

// PutPolicy saves source as the next version of the policy and returns its
// number. It does not activate it. A source that equals the latest version
// returns that version's number.
func (db *DB) PutPolicy(ctx context.Context, source []byte, by string) (int, error) {
	sum := sha256.Sum256(source)
	v := PolicyVersion{Digest: hex.EncodeToString(sum[:]), SavedAt: db.now().UTC(), SavedBy: by}
	err := db.update(ctx, func(t *tx) error {
		v.Version = 1
		if k, _ := t.bucket(bucketPolicies).Cursor().Last(); k != nil {
			var last PolicyVersion
			if _, err := t.getJSON(bucketPolicies, k, &last); err != nil {
				return err
			}
			if last.Digest == v.Digest {
				v.Version = last.Version
				return nil
			}
			v.Version = last.Version + 1
		}
		key := policyKey(v.Version)
		t.record(audit.Record{Action: "policy.stored", Actor: by, Version: v.Version, Digest: v.Digest})
		if err := t.put(bucketPolicySources, key, source); err != nil {
			return err
		}
		return t.putJSON(bucketPolicies, key, v)
	})
	if err != nil {
		return 0, fmt.Errorf("put policy: %w", err)
	}
	return v.Version, nil
}

// ActivatePolicy makes a stored version the active one and records who did it.
// Activating the active version changes and records nothing.
func (db *DB) ActivatePolicy(ctx context.Context, version int, by string) error {
	at := db.now().UTC()
	err := db.update(ctx, func(t *tx) error { return t.activatePolicy(version, by, at) })
	if err != nil {
		return fmt.Errorf("activate policy %d: %w", version, err)
	}
	return nil
}

func (t *tx) activatePolicy(version int, by string, at time.Time) error {
	v, err := t.policy(version)
	if err != nil || v.Active {
		return err
	}
	var done []PolicyActivation
	if _, err := t.getJSON(bucketSettings, settingPolicyActivations, &done); err != nil {
		return err
	}
	before := ""
	if active, err := t.activePolicy(); err != nil {
		return err
	} else if active > 0 {
		old, err := t.policy(active)
		if err != nil {
			return err
		}
		before = old.Digest
	}
	t.record(audit.Record{Action: "policy.activated", Actor: by, Version: version, Before: before, Digest: v.Digest})
	done = append(done, PolicyActivation{version, at, by})
	if err := t.putJSON(bucketSettings, settingPolicyActivations, done[max(0, len(done)-maxActivations):]); err != nil {
		return err
	}
	return t.putJSON(bucketSettings, settingActivePolicy, version)
}

// Policy returns a version of the policy with its source, or an error wrapping
// [mission.ErrNotFound].
func (db *DB) Policy(ctx context.Context, version int) (PolicyVersion, error) {
	var v PolicyVersion
	err := db.view(ctx, func(t *tx) (err error) {
		v, err = t.policy(version)
		return err
	})
	if err != nil {
		return PolicyVersion{}, fmt.Errorf("policy %d: %w", version, err)
	}
	return v, nil
}

// ActivePolicy returns the active version with its source, or an error wrapping
// [mission.ErrNotFound] if none was activated.
func (db *DB) ActivePolicy(ctx context.Context) (PolicyVersion, error) {
	var v PolicyVersion
	err := db.view(ctx, func(t *tx) error {
		active, err := t.activePolicy()
		if err == nil {
			v, err = t.policy(active)
		}
		return err
	})
	if err != nil {
		return PolicyVersion{}, fmt.Errorf("active policy: %w", err)
	}
	return v, nil
}

// Policies returns all versions of the policy in order, without their sources.
func (db *DB) Policies(ctx context.Context) ([]PolicyVersion, error) {
	var all []PolicyVersion
	err := db.view(ctx, func(t *tx) error {
		all = nil
		active, err := t.activePolicy()
		if err != nil {
			return err
		}
		return t.bucket(bucketPolicies).ForEach(func(k, _ []byte) error {
			var v PolicyVersion
			_, err := t.getJSON(bucketPolicies, k, &v)
			v.Active = v.Version == active
			all = append(all, v)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("policies: %w", err)
	}
	return all, nil
}

// PolicyActivations returns who made which version the active one, oldest
// first.
func (db *DB) PolicyActivations(ctx context.Context) ([]PolicyActivation, error) {
	var done []PolicyActivation
	err := db.view(ctx, func(t *tx) error {
		_, err := t.getJSON(bucketSettings, settingPolicyActivations, &done)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("policy activations: %w", err)
	}
	return done, nil
}

// activePolicy returns the number of the active version, 0 if there is none.
func (t *tx) activePolicy() (version int, err error) {
	_, err = t.getJSON(bucketSettings, settingActivePolicy, &version)
	return version, err
}

func (t *tx) policy(version int) (PolicyVersion, error) {
	var v PolicyVersion
	if version < 1 || version > maxVersion {
		return v, mission.ErrNotFound
	}
	ok, err := t.getJSON(bucketPolicies, policyKey(version), &v)
	if err != nil {
		return v, err
	}
	if !ok {
		return v, mission.ErrNotFound
	}
	source, err := t.get(bucketPolicySources, policyKey(version))
	if err != nil {
		return v, err
	}
	v.Source = bytes.Clone(source)
	active, err := t.activePolicy()
	v.Active = active == version
	return v, err
}
