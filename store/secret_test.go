package store

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"skerry/appliance/mission"
)

// TestSecrets: a secret is set, replaced, listed without its value, used on
// record, and removed.
func TestSecrets(t *testing.T) {
	db := newStore(t)
	for i, value := range []string{"first", "second"} {
		s, err := db.PutSecret(ctx, "provider.key", "for the site's provider", "ann", []byte(value))
		if err != nil || s.Version != i+1 {
			t.Fatalf("%+v, %v", s, err)
		}
	}
	all, err := db.Secrets(ctx)
	if err != nil || len(all) != 1 || all[0].SetBy != "ann" || !all[0].LastUsed.IsZero() {
		t.Errorf("%+v, %v", all, err)
	}
	if text, err := json.Marshal(all); err != nil || strings.Contains(string(text), "second") || strings.Contains(string(text), "value") {
		t.Errorf("the list has the value: %s, %v", text, err)
	}
	var kept []byte
	err = db.UseSecret(ctx, "provider.key", "test", func(v []byte) error {
		if kept = v; string(v) != "second" {
			t.Errorf("used %q", v)
		}
		if all, err := db.Secrets(ctx); err != nil || all[0].LastUsed.IsZero() || all[0].UsedFor != "test" {
			t.Errorf("during the use: %+v, %v", all, err)
		}
		return mission.ErrConflict
	})
	if !errors.Is(err, mission.ErrConflict) || strings.Trim(string(kept), "\x00") != "" {
		t.Errorf("afterwards: %q, %v", kept, err)
	}
	if err := db.UseSecret(ctx, "other", "test", func([]byte) error { return nil }); !errors.Is(err, mission.ErrNotFound) {
		t.Errorf("one that there is not: %v", err)
	}
	if err := errors.Join(db.DeleteSecret(ctx, "provider.key", "u-1")); err != nil {
		t.Error(err)
	}
	if err := db.DeleteSecret(ctx, "provider.key", "u-1"); !errors.Is(err, mission.ErrNotFound) {
		t.Errorf("removed twice: %v", err)
	}
	for name, value := range map[string]string{"": "hunter2", "Upper": "hunter2", "../x": "hunter2", "empty": "", "big": strings.Repeat("hunter2", maxSecret)} {
		if _, err := db.PutSecret(ctx, name, "", "ann", []byte(value)); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: got %v, want an error without the value", name, err)
		}
	}
}
