package appliance

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"skerry/appliance/api"
	"skerry/appliance/people"
	"skerry/appliance/policy"
	"skerry/store"
)

// office is accounts over a real store, with hashes that cost little.
func office(t *testing.T) (accounts, *time.Time) {
	t.Helper()
	now := time.Date(2026, 11, 28, 9, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	db, err := store.Open(t.TempDir(), store.Options{Now: clock, NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := db.BeginWaiver(t.Context(), Administrator(), "a test"); err != nil {
		t.Fatal(err)
	}
	return accounts{db: db, govern: &governing{db: db, now: clock, log: slog.New(slog.DiscardHandler)}, hasher: people.NewHasher(people.Cost{Time: 1, Memory: 64, Threads: 1}, 2), url: func() string { return "http://x" }, now: clock, log: slog.New(slog.DiscardHandler), tries: &tries{now: clock}}, &now
}

const good = "glazed otter hums at noon"

func refusal(t *testing.T, what string, err error, status int, words string) {
	t.Helper()
	var e *api.Error
	if !errors.As(err, &e) || e.Status != status || !strings.Contains(e.Detail, words) {
		t.Errorf("%s: got %v, want %d and %q", what, err, status, words)
	}
}

// TestAccounts: from the invitation to the end of an account, and everything that
// is refused on the way, with what to do.
func TestAccounts(t *testing.T) {
	a, now := office(t)
	ctx, by := t.Context(), Administrator()
	for login, row := range map[string]struct {
		p     api.NewPerson
		words string
	}{
		"no login":      {api.NewPerson{Login: "", Name: "X"}, "small letter"},
		"capitals":      {api.NewPerson{Login: "Ada", Name: "X"}, "small letter"},
		"a path":        {api.NewPerson{Login: "a/../b", Name: "X"}, "small letter"},
		"the operator":  {api.NewPerson{Login: "admin", Name: "X"}, "Skerry's own"},
		"a local user":  {api.NewPerson{Login: "local-0", Name: "X"}, "Skerry's own"},
		"no name":       {api.NewPerson{Login: "ada", Name: "  "}, "needs a name"},
		"unknown role":  {api.NewPerson{Login: "ada", Name: "X", Roles: []string{"root"}}, "no role"},
		"auditor admin": {api.NewPerson{Login: "ada", Name: "X", Roles: []string{policy.Auditor, policy.Admin}}, "auditor cannot be"},
	} {
		_, err := a.Add(ctx, row.p, by)
		refusal(t, login, err, 422, row.words)
	}
	i, err := a.Add(ctx, api.NewPerson{Login: "ada", Name: "Ada Winter", Roles: []string{policy.Approver}}, by)
	if err != nil || i.Person.Enrolled || i.Link.Token == "" || !i.Ends.Equal(now.Add(InvitationLifetime)) {
		t.Fatalf("%+v, %v", i, err)
	}
	_, err = a.Add(ctx, api.NewPerson{Login: "ada", Name: "Another"}, by)
	refusal(t, "the login again", err, 409, "already")

	_, _, err = a.Enrol(ctx, i.Link.Token, "ada winter 99", time.Hour, "")
	refusal(t, "a weak password", err, 422, "anybody would try")
	// A weak password does not use the link up.
	if _, s, err := a.Enrol(ctx, i.Link.Token, good, time.Hour, ""); err != nil || s.Principal.ID != "ada" {
		t.Fatalf("%+v, %v", s, err)
	}
	if _, s, err := a.Enter(ctx, " Ada ", good, time.Hour, "10.0.0.1"); err != nil || s.Principal.Name != "Ada Winter" {
		t.Fatalf("%+v, %v", s, err)
	}
	// Whatever is wrong, the answer is the same.
	var answers []string
	for _, row := range [][2]string{{"ada", good + "."}, {"eve", good}, {"", good}, {"ada", ""}} {
		_, _, err := a.Enter(ctx, row[0], row[1], time.Hour, "")
		refusal(t, row[0]+"/"+row[1], err, 401, "is wrong")
		answers = append(answers, err.Error())
	}
	for range 4 {
		_, _, _ = a.Enter(ctx, "ada", "wrong", time.Hour, "")
	}
	_, _, err = a.Enter(ctx, "ada", good, time.Hour, "")
	refusal(t, "a locked account", err, 401, "is wrong")
	if answers = append(answers, err.Error()); strings.Count(strings.Join(answers, "\n"), answers[0]) != len(answers) {
		t.Errorf("the answers differ: %q", answers)
	}
	list, err := a.People(ctx)
	if err != nil || len(list) != 1 || list[0].LockedUntil == nil {
		t.Fatalf("%+v, %v", list, err)
	}
	*now = now.Add(5 * time.Minute)
	if _, _, err := a.Enter(ctx, "ada", good, time.Hour, ""); err != nil {
		t.Errorf("after the lock: %v", err)
	}

	self := policy.Principal{ID: "ada", Roles: []string{policy.Admin}}
	no := true
	_, err = a.Change(ctx, "ada", api.PersonChange{Roles: []string{policy.Admin}}, self)
	refusal(t, "one's own roles", err, 403, "Nobody changes their own")
	_, err = a.Change(ctx, "ada", api.PersonChange{Disabled: &no}, self)
	refusal(t, "oneself disabled", err, 403, "Nobody changes their own")
	refusal(t, "oneself removed", a.Remove(ctx, "ada", self), 403, "Nobody takes")
	_, err = a.Change(ctx, "eve", api.PersonChange{Disabled: &no}, by)
	refusal(t, "nobody", err, 404, "no account")
	_, err = a.Invite(ctx, "eve", by)
	refusal(t, "nobody invited", err, 404, "no account")

	// A link for somebody who has a password replaces it.
	i, err = a.Invite(ctx, "ada", by)
	if err != nil || !i.Person.Enrolled {
		t.Fatal(i, err)
	}
	if _, _, err := a.Enrol(ctx, i.Link.Token, "purple lamp sings softly", time.Hour, ""); err != nil {
		t.Fatal(err)
	}
	_, _, err = a.Enter(ctx, "ada", good, time.Hour, "")
	refusal(t, "the old password", err, 401, "is wrong")
	p, err := a.Change(ctx, "ada", api.PersonChange{Disabled: &no, Roles: []string{}}, by)
	if err != nil || !p.Disabled || len(p.Roles) != 0 {
		t.Errorf("%+v, %v", p, err)
	}
	_, _, err = a.Enter(ctx, "ada", "purple lamp sings softly", time.Hour, "")
	refusal(t, "a disabled account", err, 401, "is wrong")
	if err := a.Remove(ctx, "ada", by); err != nil {
		t.Error(err)
	}
	refusal(t, "removed again", a.Remove(ctx, "ada", by), 404, "no account")
}

// TestUnknownLoginsTakeAsLong: whether there is an account cannot be told by how
// much work signing in is. It counts hashes, not time.
func TestUnknownLoginsTakeAsLong(t *testing.T) {
	a, _ := office(t)
	slow := people.NewHasher(people.Cost{Time: 1, Memory: 64, Threads: 1}, 0) // nobody ever gets a place
	a.hasher = slow
	short, end := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer end()
	if _, _, err := a.Enter(short, "nobody", "x", time.Hour, ""); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("an unknown login was answered without a hash: %v", err)
	}
}
