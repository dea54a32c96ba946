package store

import (
	"errors"
	"slices"
	"testing"
	"time"

	"skerry/appliance/mission"
	"skerry/appliance/policy"
)

// TestOutsiders: an account of a directory is made and kept up to date by what
// the directory says, and its sessions last no longer than that counts.
func TestOutsiders(t *testing.T) {
	now := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	db := openStore(t, t.TempDir(), Options{Now: func() time.Time { return now }})
	ada := Outsider{ID: "id-1", Login: "ada", Name: "Ada", Roles: []string{policy.User}}
	in := func(o Outsider) (string, error) {
		token, _, err := db.SignInOutside(ctx, o, 15*time.Minute, time.Hour, "")
		return token, err
	}
	there := func(token string) bool {
		_, err := db.Session(ctx, token)
		return err == nil
	}
	token, err := in(ada)
	if err != nil || !there(token) {
		t.Fatal(err)
	}
	for what, o := range map[string]Outsider{
		"no entry":             {Login: "eve", Name: "E", Roles: []string{policy.User}},
		"no role":              {ID: "id-2", Login: "eve", Name: "E"},
		"a login of this site": {ID: "id-2", Login: "bob", Name: "B", Roles: []string{policy.User}},
	} {
		if o.Login == "bob" {
			if _, err := db.AddUser(ctx, User{Login: "bob", Hash: "h"}, root); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := in(o); !errors.Is(err, ErrNoAccount) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := in(Outsider{ID: "id-9", Login: "ada", Name: "Ada", Roles: ada.Roles}); !errors.Is(err, ErrOtherPerson) {
		t.Errorf("another entry: %v", err)
	}
	if _, _, err := db.SignIn(ctx, "ada", "", time.Hour, ""); !errors.Is(err, ErrNoAccount) {
		t.Errorf("without the directory: %v", err)
	}
	if _, err := db.SetCertificates(ctx, "ada", []string{"upn:ada@site.example"}, root); err != nil {
		t.Fatal(err)
	}
	if _, _, err := db.SignInCertificate(ctx, []string{"upn:ada@site.example"}, "fingerprint", time.Hour, ""); !errors.Is(err, ErrNoAccount) {
		t.Errorf("with a certificate, and without the directory: %v", err)
	}
	if token, err = in(ada); err != nil {
		t.Fatal(err)
	}
	link, err := db.NewUserLink(ctx, "ada", time.Hour, root)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := db.Enrol(ctx, link, "hash", time.Hour, ""); !errors.Is(err, mission.ErrNotFound) {
		t.Errorf("a password for one of the directory: %v", err)
	}

	// Half of the time is over: the directory says the same, and all is well.
	now = now.Add(10 * time.Minute)
	if err := db.Recheck(ctx, ada, 15*time.Minute); err != nil {
		t.Fatal(err)
	}
	now = now.Add(14 * time.Minute)
	if !there(token) {
		t.Error("the session ended although it was asked for")
	}
	now = now.Add(time.Minute)
	if there(token) {
		t.Error("the session goes on although nobody asked")
	}
	if err := db.Recheck(ctx, ada, 15*time.Minute); err != nil || there(token) {
		t.Errorf("a session that was over goes on: %v", err)
	}
	if list, err := db.Sessions(ctx); err != nil || len(list) != 0 {
		t.Errorf("%+v, %v", list, err)
	}

	// Other roles end all sessions; another name ends none.
	token, _ = in(ada)
	ada.Name = "Ada Winter"
	if err := db.Recheck(ctx, ada, 15*time.Minute); err != nil || !there(token) {
		t.Errorf("another name: %v", err)
	}
	ada.Roles = []string{policy.Author}
	if err := db.Recheck(ctx, ada, 15*time.Minute); err != nil || there(token) {
		t.Errorf("other roles: %v", err)
	}
	if u, err := db.User(ctx, "ada"); err != nil || u.Name != "Ada Winter" || !slices.Equal(u.Roles, ada.Roles) || u.Outside != "id-1" {
		t.Errorf("%+v, %v", u, err)
	}
	token, _ = in(ada)
	if list, err := db.Outsiders(ctx); err != nil || len(list) != 1 || list[0].Login != "ada" || !list[0].Recheck.Equal(now.Add(15*time.Minute)) {
		t.Errorf("%+v, %v", list, err)
	}
	if err := db.Expel(ctx, "ada", "gone"); err != nil || there(token) {
		t.Errorf("expelled: %v", err)
	}
	token, _ = in(ada)
	if err := db.Recheck(ctx, Outsider{ID: "id-9", Login: "ada", Name: "Ada", Roles: ada.Roles}, time.Hour); err != nil || there(token) {
		t.Errorf("another entry at the look: %v", err)
	}
	token, _ = in(ada)
	if _, err := db.ChangeUser(ctx, "ada", root, func(u *User) error { u.Disabled = true; return nil }); err != nil || there(token) {
		t.Errorf("disabled: %v", err)
	}
	if _, err := in(ada); !errors.Is(err, ErrNoAccount) {
		t.Errorf("disabled: %v", err)
	}
	if err := db.RemoveUser(ctx, "ada", root, nil); err != nil {
		t.Fatal(err)
	}
	// A look that comes late does not bring the account back; signing in does.
	if err := db.Recheck(ctx, ada, time.Hour); err != nil {
		t.Error(err)
	}
	if _, err := db.User(ctx, "ada"); !errors.Is(err, mission.ErrNotFound) {
		t.Errorf("the account is back: %v", err)
	}
	if _, err := in(ada); err != nil {
		t.Error(err)
	}
}

// TestChangePassword: a new password ends the other sessions and voids links, and
// is only put in the place of the one that was checked.
func TestChangePassword(t *testing.T) {
	db := newStore(t)
	if _, err := db.AddUser(ctx, User{Login: "ada", Hash: "one"}, root); err != nil {
		t.Fatal(err)
	}
	link, _ := db.NewUserLink(ctx, "ada", time.Hour, root)
	mine, s, err := db.SignIn(ctx, "ada", "one", time.Hour, "")
	if err != nil {
		t.Fatal(err)
	}
	other, _, _ := db.SignIn(ctx, "ada", "one", time.Hour, "")
	for _, row := range [][3]string{{"ada", "zero", "two"}, {"ada", "", "two"}, {"ada", "one", ""}, {"bob", "one", "two"}} {
		if err := db.ChangePassword(ctx, row[0], row[1], row[2], s.ID, ""); !errors.Is(err, ErrNoAccount) {
			t.Errorf("%q: %v", row, err)
		}
	}
	if err := db.ChangePassword(ctx, "ada", "one", "two", s.ID, ""); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Session(ctx, mine); err != nil {
		t.Errorf("the session that asked: %v", err)
	}
	if _, err := db.Session(ctx, other); !errors.Is(err, mission.ErrNotFound) {
		t.Errorf("another session: %v", err)
	}
	if _, _, err := db.Invited(ctx, link); !errors.Is(err, mission.ErrNotFound) {
		t.Errorf("a link: %v", err)
	}
	if _, _, err := db.SignIn(ctx, "ada", "one", time.Hour, ""); !errors.Is(err, ErrNoAccount) {
		t.Errorf("the old password: %v", err)
	}
}
