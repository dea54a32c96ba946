package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"skerry/appliance/mission"
)

// TestPasskeys: a passkey belongs to one person, opens a session only as it was
// read, and goes with its account.
func TestPasskeys(t *testing.T) {
	db := newStore(t)
	for _, login := range []string{"ada", "bob"} {
		if _, err := db.AddUser(ctx, User{Login: login, Name: login}, root); err != nil {
			t.Fatal(err)
		}
	}
	handle, err := db.UserHandle(ctx, "ada")
	if err != nil || len(handle) != 32 {
		t.Fatalf("%x, %v", handle, err)
	}
	if again, err := db.UserHandle(ctx, "ada"); err != nil || !bytes.Equal(again, handle) {
		t.Errorf("%x, %v", again, err)
	}
	if other, err := db.UserHandle(ctx, "bob"); err != nil || bytes.Equal(other, handle) {
		t.Errorf("%x, %v", other, err)
	}
	if _, err := db.UserHandle(ctx, "eve"); !errors.Is(err, mission.ErrNotFound) {
		t.Error(err)
	}
	id, one, two := []byte("credential"), json.RawMessage(`{"n":1}`), json.RawMessage(`{"n":2}`)
	p, err := db.AddPasskey(ctx, "ada", "key", id, one, "")
	if err != nil || len(p.ID) != 16 {
		t.Fatalf("%+v, %v", p, err)
	}
	for _, login := range []string{"ada", "bob"} {
		if _, err := db.AddPasskey(ctx, login, "key", id, one, ""); !errors.Is(err, mission.ErrConflict) {
			t.Errorf("again for %s: %v", login, err)
		}
	}
	if u, _ := db.User(ctx, "ada"); u.Passkeys != 1 {
		t.Errorf("%+v", u)
	}
	if k, u, err := db.Passkey(ctx, id); err != nil || u.Login != "ada" || !bytes.Equal(k.Data, one) {
		t.Errorf("%+v, %+v, %v", k, u, err)
	}
	if _, _, err := db.Passkey(ctx, []byte("other")); !errors.Is(err, mission.ErrNotFound) {
		t.Error(err)
	}
	used := UsedPasskey{Credential: id, Before: one, After: two}
	if _, _, err := db.SignInPasskey(ctx, "bob", used, time.Hour, ""); !errors.Is(err, ErrNoAccount) {
		t.Errorf("for somebody else: %v", err)
	}
	if _, s, err := db.SignInPasskey(ctx, "ada", used, time.Hour, ""); err != nil || s.Principal.ID != "ada" {
		t.Fatalf("%+v, %v", s, err)
	}
	if _, _, err := db.SignInPasskey(ctx, "ada", used, time.Hour, ""); !errors.Is(err, ErrStalePasskey) {
		t.Errorf("as it was read before: %v", err)
	}
	if err := db.UsePasskey(ctx, "ada", UsedPasskey{id, two, one}); err != nil {
		t.Error(err)
	}
	if err := db.SuspectPasskey(ctx, id, ""); err != nil {
		t.Fatal(err)
	}
	if _, _, err := db.SignInPasskey(ctx, "ada", UsedPasskey{id, one, two}, time.Hour, ""); !errors.Is(err, ErrNoAccount) {
		t.Errorf("a suspect one: %v", err)
	}
	if err := db.RemovePasskey(ctx, "bob", p.ID, ""); !errors.Is(err, mission.ErrNotFound) {
		t.Errorf("by somebody else: %v", err)
	}
	if err := db.RemovePasskey(ctx, "ada", p.ID, ""); err != nil {
		t.Error(err)
	}
	if u, _ := db.User(ctx, "ada"); u.Passkeys != 0 {
		t.Errorf("%+v", u)
	}
	for i := range MaxPasskeys + 1 {
		_, err := db.AddPasskey(ctx, "ada", "key", []byte{byte(i)}, one, "")
		if over := i == MaxPasskeys; over != errors.Is(err, ErrManyPasskeys) {
			t.Errorf("number %d: %v", i+1, err)
		}
	}
	if _, err := db.AddPasskey(ctx, "ada", "key", nil, one, ""); err == nil {
		t.Error("an empty one")
	}
	if err := db.RemoveUser(ctx, "ada", root, nil); err != nil {
		t.Fatal(err)
	}
	if list, err := db.Passkeys(ctx, "ada"); err != nil || len(list) != 0 {
		t.Errorf("%+v, %v", list, err)
	}
}
