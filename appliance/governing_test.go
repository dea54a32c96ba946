package appliance

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"skerry/appliance/api"
	"skerry/appliance/govern"
	"skerry/appliance/policy"
	"skerry/store"
)

// twoAdmins makes ann and bob, who could approve for each other, with links of
// the host.
func twoAdmins(t *testing.T, a *Appliance) {
	t.Helper()
	for _, login := range []string{"ann", "bob"} {
		p, err := a.govern.Propose(t.Context(), LocalOperator(0), govern.Change{Person: &govern.Person{Login: login, Add: true, Name: login, Roles: []string{policy.Admin}}}, "")
		if err != nil || p.How != govern.ByBootstrap {
			t.Fatalf("%+v, %v", p, err)
		}
		link, err := a.db.NewUserLink(t.Context(), login, time.Hour, LocalOperator(0))
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := a.db.Enrol(t.Context(), link, "hash", time.Hour, ""); err != nil {
			t.Fatal(err)
		}
	}
}

func codes(list []api.Notice) string {
	var c []string
	for _, n := range list {
		c = append(c, n.Code)
	}
	return strings.Join(c, " ")
}

// TestApprovedIsCarriedOut: when the appliance ends between the approval and what
// follows from it outside of the store, the next start does it, once.
func TestApprovedIsCarriedOut(t *testing.T) {
	data := t.TempDir() + "/data"
	c := DefaultConfig(data)
	c.Listen = ""
	if _, err := Init(t.Context(), c, Admins{}); err != nil {
		t.Fatal(err)
	}
	start := func() *Appliance {
		t.Helper()
		v, err := unsealHere(c)
		if err != nil {
			t.Fatal(err)
		}
		db, _, err := openRecorded(data, store.Options{MustBe: true, Sealer: v})
		if err != nil {
			t.Fatal(err)
		}
		a := &Appliance{Config: c, Log: slog.New(slog.DiscardHandler), db: db, vault: v, renew: make(chan struct{}, 1)}
		p, err := newPolicies(t.Context(), db)
		if err != nil {
			t.Fatal(err)
		}
		a.govern = &governing{db: db, policies: p, keys: keys{a}, now: time.Now, log: a.Log}
		if err := a.govern.resume(t.Context()); err != nil {
			t.Fatal(err)
		}
		return a
	}
	has := func(a *Appliance, name string) int {
		n := 0
		for _, v := range a.vault.Admins() {
			if v.Name == name {
				n++
			}
		}
		return n
	}
	end := func(a *Appliance) {
		t.Helper()
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
	}
	a := start()
	twoAdmins(t, a)
	ann, bob := policy.Principal{ID: "ann", Name: "ann"}, policy.Principal{ID: "bob", Name: "bob"}
	var waits *api.Waiting
	err := keys{a}.AddAdmin(t.Context(), ann, "cy", "", "correct horse battery staple")
	if !errors.As(err, &waits) || has(a, "cy") != 0 {
		t.Fatalf("got %v, want a proposal and no admin", err)
	}
	if p := waits.Proposal; p.Change.Vault.Identity == nil || strings.Contains(string(p.Change.Vault.Identity), "correct horse") {
		t.Errorf("the proposal holds the passphrase, or nothing that it opens: %+v", p.Change.Vault)
	}
	approval := func(id string) govern.Approval {
		p, err := a.db.Proposal(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		return govern.Approval{By: bob, Digest: p.Digest, Base: p.Base, Fresh: true}
	}
	id := waits.Proposal.ID
	if p, err := a.db.Approve(t.Context(), id, approval(id)); err != nil || p.State != govern.Approved {
		t.Fatalf("%+v, %v", p, err)
	}
	end(a) // before it was carried out

	a = start()
	if p, err := a.db.Proposal(t.Context(), id); err != nil || p.State != govern.Applied || has(a, "cy") != 1 {
		t.Fatalf("after the start: %+v, %v, %d", p, err, has(a, "cy"))
	}

	// It ends after it was carried out, and before that is noted.
	err = keys{a}.AddAdmin(t.Context(), ann, "di", "age1e9qy86dhf537ut0d83hefvqn96d07zwh07xmclnyj0wns334mvmsc0cavl", "")
	if !errors.As(err, &waits) {
		t.Fatal(err)
	}
	id = waits.Proposal.ID
	p, err := a.db.Approve(t.Context(), id, approval(id))
	if err != nil {
		t.Fatal(err)
	}
	if err := a.govern.keys.carryOut(p.Change.Vault, p.Proposer); err != nil {
		t.Fatal(err)
	}
	end(a)
	a = start()
	if p, err := a.db.Proposal(t.Context(), id); err != nil || p.State != govern.Applied || has(a, "di") != 1 {
		t.Errorf("noted at the start: %+v, %v, %d", p, err, has(a, "di"))
	}
	refusal(t, "a recipient that is none", keys{a}.AddAdmin(t.Context(), ann, "eve", "age1nonsense", ""), 422, "recipient")
	refusal(t, "a name that is taken", keys{a}.AddAdmin(t.Context(), ann, "cy", "", "correct horse battery staple"), 422, "already")
	end(a)
}

// TestGovernNotices: everyone is told what one person alone may do or has done,
// until it no longer holds.
func TestGovernNotices(t *testing.T) {
	a, now := office(t)
	g, ok := a.govern.(*governing)
	if !ok {
		t.Fatal("no governing")
	}
	ctx := t.Context()
	look := func() string {
		t.Helper()
		if err := g.look(ctx); err != nil {
			t.Fatal(err)
		}
		return codes(g.notices(ctx))
	}
	if got := look(); got != "single-person" {
		t.Errorf("with a waiver: %s", got)
	}
	if err := g.EndWaiver(ctx, Administrator()); err != nil {
		t.Fatal(err)
	}
	if got := look(); got != "no-second-person" {
		t.Errorf("without anybody: %s", got)
	}
	twoAdmins(t, &Appliance{db: a.db, govern: g})
	if got := look(); got != "" {
		t.Errorf("with two: %s", got)
	}
	var waits *api.Waiting
	_, err := a.Add(ctx, api.NewPerson{Login: "cy", Name: "Cy", Roles: []string{policy.Approver}, Note: "new"}, policy.Principal{ID: "ann", Name: "Ann"})
	if !errors.As(err, &waits) || waits.Proposal.Note != "new" || !strings.Contains(waits.Error(), waits.Proposal.ID) {
		t.Fatalf("got %v, want a proposal", err)
	}
	p, err := g.Approve(ctx, waits.Proposal.ID, govern.Approval{By: policy.Principal{ID: "ann", Name: "Ann"}, Digest: waits.Proposal.Digest, Fresh: true, BreakGlass: true, Why: "bob is on a ship"})
	if err != nil {
		t.Fatal(err)
	}
	list := g.notices(ctx)
	if codes(list) != "glass-"+p.ID || !list[0].Urgent || !strings.Contains(list[0].Text["de"], "bob is on a ship") {
		t.Errorf("%+v", list)
	}
	*now = now.Add(govern.AlarmFor)
	if got := codes(g.notices(ctx)); got != "" {
		t.Errorf("a week later: %s", got)
	}
}

// TestAccountsTakeTwo: what takes one person is done, and what takes two is
// proposed, with the account as it stands.
func TestAccountsTakeTwo(t *testing.T) {
	a, _ := office(t)
	ctx := context.Background()
	if err := a.db.EndWaiver(ctx, Administrator()); err != nil {
		t.Fatal(err)
	}
	g, _ := a.govern.(*governing)
	twoAdmins(t, &Appliance{db: a.db, govern: g})
	ann := policy.Principal{ID: "ann", Name: "Ann", Roles: []string{policy.Admin}}
	if _, err := a.Add(ctx, api.NewPerson{Login: "cy", Name: "Cy", Roles: []string{policy.User}}, ann); err != nil {
		t.Fatal(err)
	}
	no, yes := false, true
	var waits *api.Waiting
	for _, row := range []struct {
		name  string
		login string
		c     api.PersonChange
		waits bool
	}{
		{"an author", "cy", api.PersonChange{Roles: []string{policy.Author}}, false},
		{"an approver", "cy", api.PersonChange{Roles: []string{policy.Approver}}, true},
		{"an administrator is kept out", "bob", api.PersonChange{Disabled: &yes}, false},
		{"and let in again", "bob", api.PersonChange{Disabled: &no}, true},
	} {
		p, err := a.Change(ctx, row.login, row.c, ann)
		if errors.As(err, &waits) != row.waits || !row.waits && err != nil || p.Login != row.login {
			t.Errorf("%s: %+v, %v", row.name, p, err)
		}
		if row.waits && row.c.Roles != nil && slices.Equal(p.Roles, row.c.Roles) {
			t.Errorf("%s: it was done", row.name)
		}
	}
	if err := a.Remove(ctx, "bob", ann); !errors.As(err, &waits) {
		t.Errorf("removing an administrator: %v", err)
	}
	if err := a.Remove(ctx, "cy", ann); err != nil {
		t.Errorf("removing a user: %v", err)
	}
	refusal(t, "nobody", a.Remove(ctx, "eve", ann), 404, "no account")
}

// TestConfirm: a password proves who is there, and wrong ones count as at
// signing in.
func TestConfirm(t *testing.T) {
	a, now := office(t)
	ctx := t.Context()
	i, err := a.Add(ctx, api.NewPerson{Login: "ada", Name: "Ada"}, Administrator())
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := a.Enrol(ctx, i.Link.Token, good, time.Hour, ""); err != nil {
		t.Fatal(err)
	}
	if err := a.Confirm(ctx, "ada", good, ""); err != nil {
		t.Fatal(err)
	}
	refusal(t, "nobody", a.Confirm(ctx, "eve", good, ""), 403, "password is wrong")
	for range 5 {
		refusal(t, "wrong", a.Confirm(ctx, "ada", "x", ""), 403, "password is wrong")
	}
	refusal(t, "locked", a.Confirm(ctx, "ada", good, ""), 403, "password is wrong")
	_, _, err = a.Enter(ctx, "ada", good, time.Hour, "")
	refusal(t, "signing in meanwhile", err, 401, "is wrong")
	*now = now.Add(time.Hour)
	if err := a.Confirm(ctx, "ada", good, ""); err != nil {
		t.Errorf("later: %v", err)
	}
	for range 4 {
		_ = a.Confirm(ctx, "ada", "x", "")
	}
	if err := a.Confirm(ctx, "ada", good, ""); err != nil {
		t.Errorf("after four wrong ones: %v", err)
	}
}
