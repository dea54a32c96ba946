package appliance

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"skerry/appliance/api"
	"skerry/appliance/mission"
	"skerry/appliance/people/directory/slapdtest"
	"skerry/appliance/people/passkey/softkey"
	"skerry/appliance/policy"
	"skerry/store"
)

const (
	siteName   = "skerry.example.org"
	siteOrigin = "https://skerry.example.org:8443"
)

// withPasskeys gives an office a name.
func withPasskeys(t *testing.T, a *accounts) {
	t.Helper()
	p, err := newPasskeys(Config{Site: siteName, Listen: "127.0.0.1:8443"}, a.now)
	if err != nil {
		t.Fatal(err)
	}
	a.passkeys = p
}

// enterWith signs in with a device.
func enterWith(t *testing.T, a accounts, d *softkey.Device) (string, api.SessionInfo, error) {
	t.Helper()
	o, err := a.AskPasskey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return a.EnterPasskey(t.Context(), api.PasskeyAnswer{Ticket: o.Ticket, Answer: d.Get(o.Options)}, time.Hour, "10.0.0.1")
}

// addKey gives who another passkey.
func addKey(t *testing.T, a accounts, who policy.Principal, session, password string) (*softkey.Device, api.Passkey, error) {
	t.Helper()
	d := softkey.New(siteOrigin, siteName)
	o, err := a.OfferPasskey(t.Context(), who, session, password, "")
	if err != nil {
		return nil, api.Passkey{}, err
	}
	p, err := a.AddPasskey(t.Context(), who, session, api.NewPasskey{Ticket: o.Ticket, Name: " my \n key ", Answer: d.Create(o.Options)}, "10.0.0.1")
	return d, p, err
}

// TestPasskeyLife: a person is enrolled with a passkey alone, adds another, and
// signs in with both until each is removed.
func TestPasskeyLife(t *testing.T) {
	a, now := office(t)
	withPasskeys(t, &a)
	ctx := t.Context()
	i, err := a.Add(ctx, api.NewPerson{Login: "ada", Name: "Ada Winter", Roles: []string{policy.User}}, Administrator())
	if err != nil {
		t.Fatal(err)
	}
	first := softkey.New(siteOrigin, siteName)
	o, err := a.OfferEnrolment(ctx, i.Link.Token)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.OfferEnrolment(ctx, "no link"); !errors.Is(err, mission.ErrNotFound) {
		t.Errorf("no link: %v", err)
	}
	made := first.Create(o.Options)
	for what, p := range map[string]api.NewPasskey{"another ticket": {Ticket: "x", Name: "k", Answer: made}} {
		_, _, err := a.EnrolPasskey(ctx, i.Link.Token, p, time.Hour, "")
		refusal(t, what, err, 409, "Begin again")
	}
	_, s, err := a.EnrolPasskey(ctx, i.Link.Token, api.NewPasskey{Ticket: o.Ticket, Name: "first", Answer: made}, time.Hour, "")
	if err != nil || s.Principal.ID != "ada" {
		t.Fatalf("%+v, %v", s, err)
	}
	if _, _, err := a.EnrolPasskey(ctx, i.Link.Token, api.NewPasskey{Ticket: o.Ticket, Name: "first", Answer: made}, time.Hour, ""); !errors.Is(err, mission.ErrNotFound) {
		t.Errorf("the link again: %v", err)
	}
	_, _, err = a.Enter(ctx, "ada", "", time.Hour, "")
	refusal(t, "no password", err, 401, "is wrong")
	refusal(t, "another password where there is none", a.SetPassword(ctx, s.Principal, "", good, s.ID, ""), 409, "no password")
	if _, s, err := enterWith(t, a, first); err != nil || s.Principal.Name != "Ada Winter" || len(s.Principal.Roles) != 1 {
		t.Fatalf("%+v, %v", s, err)
	}
	refusal(t, "the last one removed", a.RemovePasskey(ctx, s.Principal, firstKey(t, a, "ada").ID, ""), 409, "Add another")

	second, p, err := addKey(t, a, s.Principal, s.ID, "")
	if err != nil || p.Name != "my key" {
		t.Fatalf("%+v, %v", p, err)
	}
	*now = now.Add(time.Minute)
	if _, _, err := enterWith(t, a, second); err != nil {
		t.Error(err)
	}
	mine, err := a.Account(ctx, s.Principal, s.ID)
	if err != nil || len(mine.Passkeys) != 2 || mine.Passkeys[1].UsedAt == nil || mine.HasPassword || mine.Kind != "local" || len(mine.Sessions) != 3 {
		t.Errorf("%+v, %v", mine, err)
	}
	if list, err := a.People(ctx); err != nil || list[0].Passkeys != 2 || !list[0].Enrolled {
		t.Errorf("%+v, %v", list, err)
	}
	if err := a.RemovePasskey(ctx, policy.Principal{ID: "eve"}, p.ID, ""); !errors.Is(err, mission.ErrNotFound) {
		t.Errorf("removed by somebody else: %v", err)
	}
	if err := a.RemovePasskey(ctx, s.Principal, p.ID, ""); err != nil {
		t.Error(err)
	}
	_, _, err = enterWith(t, a, second)
	refusal(t, "a removed passkey", err, 401, "This passkey does not sign")

	// A new link starts anew: what was signed in with before is void.
	i, err = a.Invite(ctx, "ada", Administrator())
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := a.Enrol(ctx, i.Link.Token, good, time.Hour, ""); err != nil {
		t.Fatal(err)
	}
	_, _, err = enterWith(t, a, first)
	refusal(t, "a passkey of before the link", err, 401, "This passkey does not sign")
	if list, _ := a.People(ctx); list[0].Passkeys != 0 {
		t.Errorf("%+v", list)
	}
}

func firstKey(t *testing.T, a accounts, login string) store.Passkey {
	t.Helper()
	keys, err := a.db.Passkeys(t.Context(), login)
	if err != nil || len(keys) == 0 {
		t.Fatal(keys, err)
	}
	return keys[0]
}

// enrolled returns a person with a password.
func enrolled(t *testing.T, a accounts, login string) api.SessionInfo {
	t.Helper()
	i, err := a.Add(t.Context(), api.NewPerson{Login: login, Name: login + " x", Roles: []string{policy.User}}, Administrator())
	if err != nil {
		t.Fatal(err)
	}
	_, s, err := a.Enrol(t.Context(), i.Link.Token, good, time.Hour, "")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestPasskeysAreGuarded: who adds one gives their password, keys of others open
// nothing, and what a person may do is what their account says now.
func TestPasskeysAreGuarded(t *testing.T) {
	a, _ := office(t)
	ctx := t.Context()
	s := enrolled(t, a, "ada")
	_, _, err := addKey(t, a, s.Principal, s.ID, good)
	refusal(t, "a site without a name", err, 409, "under site in config.yaml")
	_, err = a.AskPasskey(ctx)
	refusal(t, "a site without a name", err, 409, "under site in config.yaml")
	_, err = a.OfferEnrolment(ctx, "x")
	refusal(t, "a site without a name", err, 409, "under site in config.yaml")
	withPasskeys(t, &a)
	_, _, err = addKey(t, a, s.Principal, s.ID, "wrong")
	refusal(t, "a wrong password", err, 403, "not your password")
	_, _, err = addKey(t, a, Administrator(), "", "")
	refusal(t, "the administrator of the host", err, 409, "no account of your own")
	d, _, err := addKey(t, a, s.Principal, s.ID, good)
	if err != nil {
		t.Fatal(err)
	}
	// One that was begun in another session does not end in this.
	o, err := a.OfferPasskey(ctx, s.Principal, "another", good, "")
	if err != nil {
		t.Fatal(err)
	}
	_, err = a.AddPasskey(ctx, s.Principal, s.ID, api.NewPasskey{Ticket: o.Ticket, Name: "k", Answer: softkey.New(siteOrigin, siteName).Create(o.Options)}, "")
	refusal(t, "in another session", err, 409, "Begin again")
	// Nor the same one twice.
	o, _ = a.OfferPasskey(ctx, s.Principal, s.ID, good, "")
	_, err = a.AddPasskey(ctx, s.Principal, s.ID, api.NewPasskey{Ticket: o.Ticket, Name: "k", Answer: d.Create(o.Options)}, "")
	refusal(t, "the same one", err, 409, "known already")
	for i := 1; i < store.MaxPasskeys; i++ {
		if _, _, err := addKey(t, a, s.Principal, s.ID, good); err != nil {
			t.Fatal(err)
		}
	}
	_, _, err = addKey(t, a, s.Principal, s.ID, good)
	refusal(t, "too many", err, 409, "as many passkeys")

	bob := enrolled(t, a, "bob")
	other, _, err := addKey(t, a, bob.Principal, bob.ID, good)
	if err != nil {
		t.Fatal(err)
	}
	mixed := other.Copy()
	mixed.Handle = d.Handle
	_, _, err = enterWith(t, a, mixed)
	refusal(t, "a key of bob for ada", err, 401, "does not sign")
	mixed = d.Copy()
	mixed.ID = other.ID
	_, _, err = enterWith(t, a, mixed)
	refusal(t, "the name of another key", err, 401, "does not sign")

	no := true
	if _, err := a.Change(ctx, "ada", api.PersonChange{Disabled: &no}, Administrator()); err != nil {
		t.Fatal(err)
	}
	_, _, err = enterWith(t, a, d)
	refusal(t, "a disabled account", err, 401, "does not sign")
	no = false
	if _, err := a.Change(ctx, "ada", api.PersonChange{Disabled: &no, Roles: []string{policy.Viewer}}, Administrator()); err != nil {
		t.Fatal(err)
	}
	if _, s, err := enterWith(t, a, d); err != nil || s.Principal.Roles[0] != policy.Viewer {
		t.Errorf("%+v, %v", s, err)
	}
	if err := a.Remove(ctx, "ada", Administrator()); err != nil {
		t.Fatal(err)
	}
	_, _, err = enterWith(t, a, d)
	refusal(t, "an account that is gone", err, 401, "does not sign")
	// A new account of the same login knows nothing of the keys of the old.
	enrolled(t, a, "ada")
	_, _, err = enterWith(t, a, d)
	refusal(t, "an account of the same login", err, 401, "does not sign")
}

// TestClonedPasskey: a copy is found when both have been used, and then neither
// opens anything; it is on record.
func TestClonedPasskey(t *testing.T) {
	b := newBranch(t)
	b.directory = nil
	withPasskeys(t, &b.accounts)
	s := enrolled(t, b.accounts, "lea")
	d, _, err := addKey(t, b.accounts, s.Principal, s.ID, good)
	if err != nil {
		t.Fatal(err)
	}
	clone := d.Copy()
	if _, _, err := enterWith(t, b.accounts, clone); err != nil {
		t.Fatalf("the first to be used cannot be told from the other: %v", err)
	}
	_, _, err = enterWith(t, b.accounts, d)
	refusal(t, "the other", err, 401, "does not sign")
	_, _, err = enterWith(t, b.accounts, clone)
	refusal(t, "the first again", err, 401, "does not sign")
	if !b.log.says("passkey.suspected", "lea", "counter did not go on") || !b.log.says("session.refused", "lea", "copy") {
		t.Errorf("on record is %+v", b.log.records)
	}
	if mine, err := b.Account(t.Context(), s.Principal, s.ID); err != nil || !mine.Passkeys[0].Suspect {
		t.Errorf("%+v, %v", mine, err)
	}
	for _, r := range b.log.records {
		if strings.Contains(r.Why, string(d.ID)) {
			t.Errorf("%+v", r)
		}
	}
}

// TestOutsidersPasskey: a passkey says who somebody of the directory is, and the
// directory what they may do.
func TestOutsidersPasskey(t *testing.T) {
	b := newBranch(t)
	withPasskeys(t, &b.accounts)
	_, s := b.enter(t, "ada")
	_, _, err := addKey(t, b.accounts, s.Principal, s.ID, "wrong")
	refusal(t, "a wrong password", err, 403, "not your password")
	d, _, err := addKey(t, b.accounts, s.Principal, s.ID, "ada-secret")
	if err != nil {
		t.Fatal(err)
	}
	if _, s, err := enterWith(t, b.accounts, d); err != nil || s.Recheck.IsZero() || s.Principal.Roles[0] != policy.Approver {
		t.Errorf("%+v, %v", s, err)
	}
	b.slapd.Change(t, slapdtest.Group("approvers"), func(r *ldap.ModifyRequest) { r.Delete("member", []string{slapdtest.Person("ada")}) })
	_, _, err = enterWith(t, b.accounts, d)
	refusal(t, "without a role", err, 401, "does not sign")
	b.slapd.Stop()
	_, _, err = enterWith(t, b.accounts, d)
	refusal(t, "the directory is down", err, 503, "cannot be asked")
	b.directory = nil
	_, _, err = enterWith(t, b.accounts, d)
	refusal(t, "no directory any more", err, 401, "does not sign")
}

// TestOwnSessions: people see and end their own sessions, and no others.
func TestOwnSessions(t *testing.T) {
	a, _ := office(t)
	ctx := t.Context()
	s := enrolled(t, a, "ada")
	other := enrolled(t, a, "bob")
	for range 2 {
		if _, _, err := a.Enter(ctx, "ada", good, time.Hour, "10.0.0.9"); err != nil {
			t.Fatal(err)
		}
	}
	mine, err := a.Account(ctx, s.Principal, s.ID)
	if err != nil || len(mine.Sessions) != 3 || mine.Possible || !mine.HasPassword {
		t.Fatalf("%+v, %v", mine, err)
	}
	if err := a.EndSession(ctx, s.Principal, other.ID); !errors.Is(err, mission.ErrNotFound) {
		t.Errorf("somebody else's session: %v", err)
	}
	for _, one := range mine.Sessions {
		if one.This != (one.ID == s.ID) || !one.This && one.From != "10.0.0.9" {
			t.Errorf("%+v", one)
		}
	}
	another := mine.Sessions[slices.IndexFunc(mine.Sessions, func(o api.OwnSession) bool { return !o.This })]
	if err := a.EndSession(ctx, s.Principal, another.ID); err != nil {
		t.Error(err)
	}
	if n, err := a.EndSessions(ctx, "ada", s.ID, s.Principal); err != nil || n != 1 {
		t.Errorf("%d, %v", n, err)
	}
	refusal(t, "a wrong password", a.SetPassword(ctx, s.Principal, "wrong", "purple lamp sings softly", s.ID, ""), 403, "not your password")
	refusal(t, "a weak one", a.SetPassword(ctx, s.Principal, good, "ada x ada x", s.ID, ""), 422, "The password")
	refusal(t, "the host's administrator", a.SetPassword(ctx, Administrator(), good, good, "", ""), 409, "no account of your own")
	if _, _, err := a.Enter(ctx, "ada", good, time.Hour, ""); err != nil {
		t.Fatal(err)
	}
	if err := a.SetPassword(ctx, s.Principal, good, "purple lamp sings softly", s.ID, ""); err != nil {
		t.Fatal(err)
	}
	mine, _ = a.Account(ctx, s.Principal, s.ID)
	if len(mine.Sessions) != 1 || !mine.Sessions[0].This {
		t.Errorf("after another password: %+v", mine.Sessions)
	}
	_, _, err = a.Enter(ctx, "ada", good, time.Hour, "")
	refusal(t, "the old password", err, 401, "is wrong")
	if _, _, err := a.Enter(ctx, "ada", "purple lamp sings softly", time.Hour, ""); err != nil {
		t.Error(err)
	}
	if n, err := a.EndSessions(ctx, "", "", Administrator()); err != nil || n != 3 {
		t.Errorf("all: %d, %v", n, err)
	}
}

func TestOrigins(t *testing.T) {
	for listen, want := range map[string]string{"127.0.0.1:8443": "https://s.example https://s.example:8443", ":443": "https://s.example", "": "https://s.example"} {
		if got := strings.Join((Config{Site: "s.example", Listen: listen}).origins(), " "); got != want {
			t.Errorf("%q: %s, want %s", listen, got, want)
		}
	}
	c := DefaultConfig("/x")
	c.Site = "skerry"
	if err := c.Validate(); err == nil || !strings.Contains(err.Error(), "site: ") || !strings.Contains(err.Error(), "passkeys need TLS") {
		t.Error(err)
	}
}
