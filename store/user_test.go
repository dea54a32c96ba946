package store

import (
	"errors"
	"testing"
	"time"

	"skerry/appliance/mission"
	"skerry/appliance/policy"
)

var root = policy.Principal{ID: "admin", Name: "Administrator", Roles: []string{policy.Admin}}

// TestUserLife: an account is made, enrolled once by its link, signed in to,
// changed and taken away; each change ends what was possible before.
func TestUserLife(t *testing.T) {
	now := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	db := openStore(t, t.TempDir(), Options{Now: func() time.Time { return now }})
	made, err := db.AddUser(ctx, User{Login: "ada", Name: "Ada Winter", Roles: []string{policy.Approver}}, root)
	if err != nil || !made.CreatedAt.Equal(now) {
		t.Fatalf("%+v, %v", made, err)
	}
	if _, err := db.AddUser(ctx, User{Login: "ada"}, root); !errors.Is(err, mission.ErrConflict) {
		t.Errorf("the same login again: %v", err)
	}
	if _, _, err := db.SignIn(ctx, "ada", "", time.Hour, ""); !errors.Is(err, ErrNoAccount) {
		t.Errorf("signed in without a password: %v", err)
	}
	if _, err := db.NewUserLink(ctx, "bob", time.Hour, root); !errors.Is(err, mission.ErrNotFound) {
		t.Errorf("a link for nobody: %v", err)
	}
	link, err := db.NewUserLink(ctx, "ada", time.Hour, root)
	if err != nil {
		t.Fatal(err)
	}
	second, err := db.NewUserLink(ctx, "ada", time.Hour, root)
	if err != nil {
		t.Fatal(err)
	}
	if u, ok, err := db.Invited(ctx, link); err != nil || !ok || u.Login != "ada" {
		t.Errorf("%+v, %t, %v", u, ok, err)
	}
	if _, _, err := db.Redeem(ctx, link, time.Hour, ""); !errors.Is(err, mission.ErrNotFound) {
		t.Errorf("the link signs in without a password: %v", err)
	}
	if _, _, err := db.Enrol(ctx, link, "", time.Hour, ""); !errors.Is(err, mission.ErrNotFound) {
		t.Errorf("enrolled without a password: %v", err)
	}
	token, s, err := db.Enrol(ctx, link, "hash one", time.Hour, "10.0.0.1")
	if err != nil || s.Principal.ID != "ada" || len(s.Principal.Roles) != 1 {
		t.Fatalf("%+v, %v", s, err)
	}
	for name, l := range map[string]string{"the link again": link, "an older link": second, "none": "x"} {
		if _, _, err := db.Enrol(ctx, l, "hash two", time.Hour, ""); !errors.Is(err, mission.ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
	in := func(login, hash string) string {
		t.Helper()
		token, _, err := db.SignIn(ctx, login, hash, time.Hour, "")
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	gone := func(what, token string) {
		t.Helper()
		if _, err := db.Session(ctx, token); !errors.Is(err, mission.ErrNotFound) {
			t.Errorf("%s: the session goes on: %v", what, err)
		}
	}
	if _, err := db.Session(ctx, token); err != nil {
		t.Error(err)
	}
	// A new name changes nothing about what they may do.
	if _, err := db.ChangeUser(ctx, "ada", root, func(u *User) error { u.Name = "Ada Summer"; return nil }); err != nil {
		t.Error(err)
	}
	if _, err := db.Session(ctx, token); err != nil {
		t.Errorf("a new name ends the session: %v", err)
	}
	for what, change := range map[string]func(*User){
		"other roles":    func(u *User) { u.Roles = append(u.Roles, policy.Author) },
		"a new password": func(u *User) { u.Hash += "." },
	} {
		u, _ := db.User(ctx, "ada")
		token := in("ada", u.Hash)
		link, _ := db.NewUserLink(ctx, "ada", time.Hour, root)
		if _, err := db.ChangeUser(ctx, "ada", root, func(u *User) error { change(u); return nil }); err != nil {
			t.Fatal(err)
		}
		gone(what, token)
		if _, _, err := db.Invited(ctx, link); !errors.Is(err, mission.ErrNotFound) {
			t.Errorf("%s: a link is still good: %v", what, err)
		}
	}
	refused := errors.New("no")
	if _, err := db.ChangeUser(ctx, "ada", root, func(u *User) error { u.Disabled = true; return refused }); !errors.Is(err, refused) {
		t.Error(err)
	}
	u, err := db.User(ctx, "ada")
	if err != nil || u.Disabled || u.Name != "Ada Summer" || !u.SignedIn.Equal(now) {
		t.Errorf("%+v, %v", u, err)
	}
	token = in("ada", u.Hash)
	if _, err := db.ChangeUser(ctx, "ada", root, func(u *User) error { u.Disabled = true; return nil }); err != nil {
		t.Fatal(err)
	}
	gone("a disabled account", token)
	if _, _, err := db.SignIn(ctx, "ada", u.Hash, time.Hour, ""); !errors.Is(err, ErrNoAccount) {
		t.Errorf("a disabled account: %v", err)
	}
	link, err = db.NewUserLink(ctx, "ada", time.Hour, root)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := db.Enrol(ctx, link, "hash", time.Hour, ""); !errors.Is(err, mission.ErrNotFound) {
		t.Errorf("a disabled account was enrolled: %v", err)
	}
	if err := db.RemoveUser(ctx, "ada", root, nil); err != nil {
		t.Fatal(err)
	}
	if err := db.RemoveUser(ctx, "ada", root, nil); !errors.Is(err, mission.ErrNotFound) {
		t.Error(err)
	}
	if all, err := db.Users(ctx); err != nil || len(all) != 0 {
		t.Errorf("%+v, %v", all, err)
	}
}

// TestLockout: wrong passwords lock an account for ever longer, a right one or
// time opens it, and nobody else's account is touched.
func TestLockout(t *testing.T) {
	now := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	db := openStore(t, t.TempDir(), Options{Now: func() time.Time { return now }})
	for _, login := range []string{"ada", "bob"} {
		if _, err := db.AddUser(ctx, User{Login: login, Hash: "h"}, root); err != nil {
			t.Fatal(err)
		}
	}
	var locked []time.Duration
	for range 12 {
		until, err := db.WrongPassword(ctx, "ada", "10.0.0.1")
		if err != nil {
			t.Fatal(err)
		}
		locked = append(locked, max(until.Sub(now), 0))
	}
	for i, d := range locked {
		want := time.Duration(0)
		if i >= 4 {
			want = min(time.Minute<<(i-4), 15*time.Minute)
		}
		if d != want {
			t.Errorf("after %d wrong passwords: %v, want %v", i+1, d, want)
		}
	}
	if u, _ := db.User(ctx, "bob"); u.Failures != 0 || !u.Locked.IsZero() {
		t.Errorf("%+v", u)
	}
	if _, _, err := db.SignIn(ctx, "ada", "h", time.Hour, ""); err != nil {
		t.Fatal(err)
	}
	if u, _ := db.User(ctx, "ada"); u.Failures != 0 || !u.Locked.IsZero() {
		t.Errorf("%+v", u)
	}
	if _, err := db.WrongPassword(ctx, "nobody", ""); !errors.Is(err, mission.ErrNotFound) {
		t.Error(err)
	}
}
