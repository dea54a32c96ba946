package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"regexp"
	"time"

	"skerry/appliance/audit"
	"skerry/appliance/mission"
)

// Secret is what people may know of a credential that was entrusted to the
// appliance: everything but its value.
type Secret struct {
	Name     string    `json:"name"`
	About    string    `json:"about,omitempty"` // what it is for, in people's words
	Version  int       `json:"version"`         // one more each time it is replaced, from 1
	SetBy    string    `json:"setBy"`           // id of who set it last
	SetAt    time.Time `json:"setAt"`
	LastUsed time.Time `json:"lastUsed,omitzero"` // zero = never, since it was set
	UsedFor  string    `json:"usedFor,omitempty"` // the last time
}

// secretRow is the value of a secret as it is stored.
type secretRow struct {
	Secret
	Value []byte `json:"value"`
}

// maxSecret is the largest value of a secret, in bytes.
const maxSecret = 64 << 10

var secretForm = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{0,63}$`)

// PutSecret sets a secret, or replaces it. Nothing returns its value again but
// [DB.UseSecret].
func (db *DB) PutSecret(ctx context.Context, name, about, by string, value []byte) (Secret, error) {
	var kept Secret
	err := checkSecret(name, value)
	if err == nil {
		err = db.update(ctx, func(t *tx) error {
			var row secretRow
			if _, err := t.getJSON(bucketSecrets, []byte(name), &row); err != nil {
				return err
			}
			defer clear(row.Value)
			kept = Secret{Name: name, About: about, Version: row.Version + 1, SetBy: by, SetAt: db.now().UTC()}
			t.record(audit.Record{Action: "secret.put", Object: name, Actor: by}) // no digest: a short value could be guessed from it
			return t.putJSON(bucketSecrets, []byte(name), secretRow{kept, value})
		})
	}
	if err != nil {
		return Secret{}, fmt.Errorf("set secret %q: %w", name, err)
	}
	return kept, nil
}

// errUnfit: a secret cannot be set like this.
var errUnfit = errors.New("it cannot be kept as it is")

// IsUnfit reports whether an error says that a secret cannot be set as it was
// given; its text may be shown.
func IsUnfit(err error) bool { return errors.Is(err, errUnfit) }

func checkSecret(name string, value []byte) error {
	switch {
	case !secretForm.MatchString(name):
		return fmt.Errorf("%w: the name takes 1 to 64 lower-case letters, digits, dots and dashes", errUnfit)
	case len(value) == 0:
		return fmt.Errorf("%w: the value is empty", errUnfit)
	case len(value) > maxSecret:
		return fmt.Errorf("%w: the value has %d bytes; at most %d are kept", errUnfit, len(value), maxSecret)
	}
	return nil
}

// Secrets returns what may be known of all secrets, by name.
func (db *DB) Secrets(ctx context.Context) ([]Secret, error) {
	all := []Secret{}
	err := db.view(ctx, func(t *tx) error {
		all = all[:0]
		return t.bucket(bucketSecrets).ForEach(func(k, _ []byte) error {
			var s Secret // without the value
			if _, err := t.getJSON(bucketSecrets, k, &s); err != nil {
				return err
			}
			all = append(all, s)
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("secrets: %w", err)
	}
	return all, nil
}

// DeleteSecret removes a secret, or returns an error wrapping
// [mission.ErrNotFound].
func (db *DB) DeleteSecret(ctx context.Context, name, by string) error {
	err := db.update(ctx, func(t *tx) error {
		if t.bucket(bucketSecrets).Get([]byte(name)) == nil {
			return mission.ErrNotFound
		}
		t.record(audit.Record{Action: "secret.removed", Object: name, Actor: by})
		return t.delete(bucketSecrets, []byte(name))
	})
	if err != nil {
		return fmt.Errorf("delete secret %q: %w", name, err)
	}
	return nil
}

// UseSecret calls use with the value of a secret, which is cleared afterwards,
// for whatever sends it where it belongs; purpose says what that is. The use is
// on record before it happens. It returns an error wrapping
// [mission.ErrNotFound] if there is no such secret.
func (db *DB) UseSecret(ctx context.Context, name, purpose string, use func(value []byte) error) error {
	var value []byte
	err := db.update(ctx, func(t *tx) error {
		var row secretRow
		ok, err := t.getJSON(bucketSecrets, []byte(name), &row)
		if err == nil && !ok {
			err = mission.ErrNotFound
		}
		if err != nil {
			return err
		}
		value = bytes.Clone(row.Value)
		row.LastUsed, row.UsedFor = db.now().UTC(), purpose
		t.record(audit.Record{Action: "secret.used", Object: name, Why: purpose})
		return t.putJSON(bucketSecrets, []byte(name), row)
	})
	if err != nil {
		return fmt.Errorf("use secret %q: %w", name, err)
	}
	defer clear(value)
	return use(value)
}
