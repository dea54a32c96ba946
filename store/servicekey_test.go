package store

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"skerry/appliance/mission"
	"skerry/appliance/policy"
)

// TestServiceKeys: a key works until it ends or is revoked, its name is its own,
// and it is nowhere in the files.
func TestServiceKeys(t *testing.T) {
	now := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	dir := t.TempDir()
	db := openStore(t, dir, Options{Now: func() time.Time { return now }})
	ctx, by := t.Context(), policy.Principal{ID: "ada"}
	const key, other = "skerry_key_first", "skerry_key_second"
	k, err := db.AddServiceKey(ctx, key, ServiceKey{Name: "inbox", Roles: []string{"service"}, Missions: []string{"invoice"}, ExpiresAt: now.Add(time.Hour)}, by)
	if err != nil || len(k.ID) != 16 || k.CreatedBy != "ada" {
		t.Fatalf("%+v %v", k, err)
	}
	if _, err := db.AddServiceKey(ctx, other, ServiceKey{Name: "inbox"}, by); !errors.Is(err, mission.ErrConflict) {
		t.Errorf("the same name again: %v", err)
	}
	use := func(key string) error {
		t.Helper()
		_, err := db.UseServiceKey(ctx, key, "192.0.2.1")
		return err
	}
	if p, err := db.UseServiceKey(ctx, key, "192.0.2.1"); err != nil || p.Principal().ID != "key:inbox" || len(p.Principal().Missions) != 1 {
		t.Errorf("%+v %v", p, err)
	}
	for _, bad := range []string{"", other, key[:len(key)-1], "key:inbox", k.ID} {
		if !errors.Is(use(bad), mission.ErrNotFound) {
			t.Errorf("%q passes", bad)
		}
	}
	now = now.Add(30 * time.Second)
	if list, err := db.ServiceKeys(ctx); use(key) != nil || err != nil || len(list) != 1 || !list[0].LastUsed.Equal(now.Add(-30*time.Second)) || list[0].Source != "192.0.2.1" {
		t.Errorf("the last use is noted once a minute: %+v %v", list, err)
	}
	now = now.Add(time.Hour)
	if !errors.Is(use(key), mission.ErrNotFound) {
		t.Error("it works after its end")
	}
	if list, err := db.ServiceKeys(ctx); err != nil || len(list) != 1 {
		t.Errorf("an expired key is not listed: %+v %v", list, err)
	}
	now = now.Add(-time.Hour)
	if err := db.RevokeServiceKey(ctx, "inbox", by); err != nil {
		t.Error(err)
	}
	if !errors.Is(use(key), mission.ErrNotFound) || !errors.Is(db.RevokeServiceKey(ctx, "inbox", by), mission.ErrNotFound) {
		t.Error("it works after it was revoked, or is revoked twice")
	}
	if _, err := db.AddServiceKey(ctx, other, ServiceKey{Name: "inbox", ExpiresAt: now.Add(time.Hour)}, by); err != nil || use(other) != nil {
		t.Errorf("a new key of that name: %v", err)
	}
	text, err := os.ReadFile(filepath.Join(dir, databaseName))
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(text, []byte(other)) || bytes.Contains(text, []byte(key)) {
		t.Error("a key is in the file")
	}
	if !bytes.Contains(text, []byte("key:")) && !bytes.Contains(text, []byte("192.0.2.1")) {
		t.Error("negative control: the file does not hold what it must")
	}
}
