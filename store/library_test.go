package store

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"skerry/appliance/mission"
	"skerry/appliance/policy"
	"skerry/store/storetest"
)

func TestAPublishedMissionNeverChangesAndKeepsItsSource(t *testing.T) {
	dir := t.TempDir()
	db := openStore(t, dir, Options{})
	source := "name: invoice # a comment\r\n\ttabs <&> and all \x00"
	m := putDraft(t, db, "invoice", source)
	if _, err := db.Mission(ctx, "invoice", Latest); !errors.Is(err, mission.ErrNotFound) {
		t.Errorf("latest of a mission that was not published: %v", err)
	}
	if _, err := db.Publish(ctx, "invoice", "another digest", "u-2"); !errors.Is(err, mission.ErrConflict) {
		t.Errorf("a draft that changed since it was looked at: %v", err)
	}
	for range 2 { // publishing the same again makes no new version
		if v, err := db.Publish(ctx, "invoice", m.Digest, "u-2"); err != nil || v != 1 {
			t.Fatalf("published %d, %v; want 1", v, err)
		}
	}
	changed := putDraft(t, db, "invoice", "name: invoice\nsteps: []")
	putDraft(t, db, "invoices", "name: invoices") // a name that begins alike
	if v, err := db.Publish(ctx, "invoice", changed.Digest, "u-3"); err != nil || v != 2 {
		t.Fatalf("published %d, %v; want 2", v, err)
	}
	db.Close()
	db = openStore(t, dir, Options{})
	for version, want := range map[int]string{1: source, 2: "name: invoice\nsteps: []", Latest: "name: invoice\nsteps: []", Draft: "name: invoice\nsteps: []"} {
		v, err := db.Mission(ctx, "invoice", version)
		if err != nil || string(v.Source) != want {
			t.Errorf("version %d: %q, %v; want %q", version, v.Source, err, want)
		}
		if number := max(version, 0); version > 0 && v.Mission.Version != number {
			t.Errorf("version %d says it is %d", version, v.Mission.Version)
		}
	}
	for _, version := range []int{3, -2, 1 << 40} {
		if _, err := db.Mission(ctx, "invoice", version); !errors.Is(err, mission.ErrNotFound) {
			t.Errorf("version %d: %v", version, err)
		}
	}
	all, err := db.Missions(ctx)
	if err != nil || len(all) != 4 || all[0].Mission.Version != 0 || all[2].Mission.Version != 2 || all[3].Mission.Name != "invoices" {
		t.Errorf("missions %+v, %v", all, err)
	}
	if err := db.PutMission(ctx, []byte("x"), mission.Mission{Name: "x", Digest: m.Digest}, "u"); err == nil {
		t.Error("a digest of another source was accepted")
	}
}

func TestManyWhoPublishGetOneVersionEach(t *testing.T) {
	db := newStore(t)
	m := putDraft(t, db, "invoice", "name: invoice")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if v, err := db.Publish(ctx, "invoice", m.Digest, "u"); err != nil || v != 1 {
				t.Errorf("published %d, %v; want 1", v, err)
			}
		})
	}
	wg.Wait()
}

func TestPoliciesHaveVersionsAndOneIsActive(t *testing.T) {
	db := newStore(t)
	if _, err := db.ActivePolicy(ctx); !errors.Is(err, mission.ErrNotFound) {
		t.Errorf("active policy of an empty store: %v", err)
	}
	for i, source := range []string{"a", "b", "b", "a"} {
		v, err := db.PutPolicy(ctx, []byte(source), "u-1")
		if want := []int{1, 2, 2, 3}[i]; err != nil || v != want {
			t.Errorf("put %q: version %d, %v; want %d", source, v, err, want)
		}
	}
	if err := db.ActivatePolicy(ctx, 4, "u-1"); !errors.Is(err, mission.ErrNotFound) {
		t.Errorf("activating what is not there: %v", err)
	}
	for _, v := range []int{3, 2, 2} { // forward, back again, and nowhere
		if err := db.ActivatePolicy(ctx, v, "u-2"); err != nil {
			t.Fatal(err)
		}
	}
	p, err := db.ActivePolicy(ctx)
	if err != nil || p.Version != 2 || string(p.Source) != "b" || !p.Active {
		t.Errorf("active %+v, %v; want 2", p, err)
	}
	done, err := db.PolicyActivations(ctx)
	if err != nil || len(done) != 2 || done[0].Version != 3 || done[1].Version != 2 || done[1].By != "u-2" || done[1].At.IsZero() {
		t.Errorf("activations %+v, %v; want 3 and then 2 by u-2", done, err)
	}
	all, err := db.Policies(ctx)
	if err != nil || len(all) != 3 || !all[1].Active || all[2].Active {
		t.Errorf("policies %+v, %v", all, err)
	}
}

func TestALinkSignsInOnceAndASessionEnds(t *testing.T) {
	var clock atomic.Int64 // seconds since the epoch of the tests
	db := openStore(t, t.TempDir(), Options{Now: func() time.Time { return storetest.Epoch.Add(time.Duration(clock.Load()) * time.Second) }})
	ada := policy.Principal{ID: "u-1", Name: "Ada", Roles: []string{"admin"}}
	link, err := db.NewLink(ctx, ada, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	var tokens sync.Map
	for range 8 {
		wg.Go(func() {
			if token, _, err := db.Redeem(ctx, link, time.Hour, "browser"); err == nil {
				tokens.Store(token, true)
			} else if !errors.Is(err, mission.ErrNotFound) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	var token string
	n := 0
	tokens.Range(func(k, _ any) bool { token = k.(string); n++; return true })
	if n != 1 {
		t.Fatalf("the link was redeemed %d times, want once", n)
	}
	s, err := db.Session(ctx, token)
	if err != nil || s.Principal.ID != "u-1" || !slices.Contains(s.Principal.Roles, "admin") {
		t.Errorf("session %+v, %v", s, err)
	}
	for _, other := range []string{"", link, s.ID, token + "x"} {
		if _, err := db.Session(ctx, other); !errors.Is(err, mission.ErrNotFound) {
			t.Errorf("token %q: %v", other, err)
		}
	}
	late, err := db.NewLink(ctx, ada, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	clock.Store(60)
	if _, _, err := db.Redeem(ctx, late, time.Hour, ""); !errors.Is(err, mission.ErrNotFound) {
		t.Errorf("an expired link: %v", err)
	}
	clock.Store(3600)
	if _, err := db.Session(ctx, token); !errors.Is(err, mission.ErrNotFound) {
		t.Errorf("an expired session: %v", err)
	}
}

func TestSessionsAreListedRevokedAndStoredOnlyAsDigests(t *testing.T) {
	dir := t.TempDir()
	db := openStore(t, dir, Options{})
	var tokens []string
	for _, who := range []string{"u-1", "u-1", "u-2"} {
		token, _, err := db.NewSession(ctx, policy.Principal{ID: who}, time.Hour, "")
		if err != nil {
			t.Fatal(err)
		}
		tokens = append(tokens, token)
	}
	first, err := db.Session(ctx, tokens[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := db.RevokeSession(ctx, first.ID); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{first.ID, "", "zz", "00"} {
		if err := db.RevokeSession(ctx, id); !errors.Is(err, mission.ErrNotFound) {
			t.Errorf("revoking %q: %v", id, err)
		}
	}
	if all, err := db.Sessions(ctx); err != nil || len(all) != 2 {
		t.Errorf("%d sessions, %v; want 2", len(all), err)
	}
	if n, err := db.EndSessions(ctx, "u-1", "", root); err != nil || n != 1 {
		t.Errorf("revoked %d, %v; want 1", n, err)
	}
	for i, want := range []bool{false, false, true} {
		if _, err := db.Session(ctx, tokens[i]); (err == nil) != want {
			t.Errorf("session %d: %v, want it there: %v", i, err, want)
		}
	}
	link, err := db.NewLink(ctx, policy.Principal{ID: "u-3"}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	db.Close()
	b, err := os.ReadFile(filepath.Join(dir, databaseName))
	if err != nil {
		t.Fatal(err)
	}
	for _, token := range append(tokens, link) {
		if bytes.Contains(b, []byte(token)) {
			t.Error("a token is in the database")
		}
	}
}

func TestSettingsKeepJSON(t *testing.T) {
	db := newStore(t)
	type site struct{ Name string }
	if err := db.PutSetting(ctx, "site", site{"Werk <1>"}); err != nil {
		t.Fatal(err)
	}
	var got site
	if err := db.Setting(ctx, "site", &got); err != nil || got.Name != "Werk <1>" {
		t.Errorf("%+v, %v", got, err)
	}
	if err := db.Setting(ctx, "other", &got); !errors.Is(err, mission.ErrNotFound) {
		t.Errorf("a setting that is not there: %v", err)
	}
	if err := db.PutSetting(ctx, string(settingActivePolicy), 9); err == nil || !strings.Contains(err.Error(), "store's own") {
		t.Errorf("the active policy was set past the store: %v", err)
	}
}
