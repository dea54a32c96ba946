package store

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"skerry/appliance/govern"
	"skerry/appliance/mission"
	"skerry/appliance/policy"
)

var host = policy.Principal{ID: "local-0", Name: "local user 0", Roles: []string{policy.Admin}}

func person(login string) policy.Principal {
	return policy.Principal{ID: login, Name: login, Roles: []string{policy.Admin}}
}

// enrolled makes an account whose link was made by somebody.
func enrolled(t interface{ Fatal(...any) }, db *DB, login string, by policy.Principal, roles ...string) {
	if _, err := db.AddUser(ctx, User{Login: login, Name: login, Roles: roles}, root); err != nil {
		t.Fatal(err)
	}
	enrol(t, db, login, by)
}

func enrol(t interface{ Fatal(...any) }, db *DB, login string, by policy.Principal) {
	link, err := db.NewUserLink(ctx, login, time.Hour, by)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := db.Enrol(ctx, link, "hash of "+login, time.Hour, ""); err != nil {
		t.Fatal(err)
	}
}

// twoPolicies keeps two versions, of which the first is active, and returns the
// change to the second.
func twoPolicies(t interface{ Fatal(...any) }, db *DB) govern.Change {
	for _, source := range []string{"one", "two"} {
		if _, err := db.PutPolicy(ctx, []byte(source), "u-1"); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.ActivatePolicy(ctx, 1, "u-1"); err != nil {
		t.Fatal(err)
	}
	v, err := db.Policy(ctx, 2)
	if err != nil {
		t.Fatal(err)
	}
	return govern.Change{Policy: &govern.Policy{Version: 2, Digest: v.Digest}}
}

func active(t interface{ Fatal(...any) }, db *DB) int {
	v, err := db.ActivePolicy(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return v.Version
}

func refusedWith(t *testing.T, what string, err error, code string) {
	t.Helper()
	var r *govern.Refusal
	if !errors.As(err, &r) || r.Code != code {
		t.Errorf("%s: got %v, want %s", what, err, code)
	}
}

// TestTwoPeople: a change is proposed by one, approved by another, and made with
// the approval; everything else leaves things as they are.
func TestTwoPeople(t *testing.T) {
	now := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	db := openStore(t, t.TempDir(), Options{Now: func() time.Time { return now }})
	change := twoPolicies(t, db)
	for _, login := range []string{"ann", "bob", "cy"} {
		enrolled(t, db, login, host, policy.Admin)
	}
	good := func(p govern.Proposal, by string) govern.Approval {
		return govern.Approval{By: person(by), Digest: p.Digest, Fresh: true}
	}
	p, err := db.Propose(ctx, Proposed{By: person("ann"), Change: change, Note: "better", Says: []string{"x"}})
	if err != nil || p.ID != "P-1" || p.State != govern.Open || p.Base == "" || !slices.Equal(p.Eyes, []string{"ann"}) || !p.Ends.Equal(now.Add(govern.Lifetime)) {
		t.Fatalf("%+v, %v", p, err)
	}
	if _, err := db.Approve(ctx, "P-2", good(p, "bob")); !errors.Is(err, mission.ErrNotFound) {
		t.Errorf("one that is not there: %v", err)
	}
	_, err = db.Approve(ctx, "P-1", good(p, "ann"))
	refusedWith(t, "by its proposer", err, govern.CodeSame)
	if active(t, db) != 1 {
		t.Fatal("the policy is another already")
	}

	// Who proposes the same anew takes the place of the first; its approval is
	// worth nothing then.
	q, err := db.Propose(ctx, Proposed{By: person("ann"), Change: change, Note: "much better"})
	if err != nil || q.ID != "P-2" || q.Replaces != "P-1" || q.Digest == p.Digest {
		t.Fatalf("%+v, %v", q, err)
	}
	_, err = db.Approve(ctx, "P-1", good(p, "bob"))
	refusedWith(t, "the one of before", err, govern.CodeClosed)
	_, err = db.Approve(ctx, "P-2", good(p, "bob"))
	refusedWith(t, "with the digest of before", err, govern.CodeDigest)
	// Somebody else's stands beside it.
	r, err := db.Propose(ctx, Proposed{By: person("cy"), Change: change})
	if err != nil || r.Replaces != "" {
		t.Fatalf("%+v, %v", r, err)
	}

	done, err := db.Approve(ctx, "P-2", good(q, "bob"))
	if err != nil || done.State != govern.Applied || done.How != govern.ByTwo || done.By.ID != "bob" || active(t, db) != 2 {
		t.Fatalf("%+v, %v", done, err)
	}
	_, err = db.Approve(ctx, "P-2", good(q, "cy"))
	refusedWith(t, "again", err, govern.CodeClosed)
	acts, err := db.PolicyActivations(ctx)
	if err != nil || acts[len(acts)-1].By != "ann" {
		t.Errorf("%+v, %v", acts, err)
	}
	// What cy's rests on is gone.
	_, err = db.Approve(ctx, r.ID, good(r, "bob"))
	refusedWith(t, "on another policy", err, govern.CodeStale)
	if got, err := db.Proposal(ctx, r.ID); err != nil || got.State != govern.Void || got.Why == "" {
		t.Errorf("%+v, %v", got, err)
	}

	// A week later nobody approves it, nor when the clock is set back.
	p, err = db.Propose(ctx, Proposed{By: person("ann"), Change: govern.Change{Person: &govern.Person{Login: "di", Add: true, Name: "Di", Roles: []string{policy.Admin}}}})
	if err != nil {
		t.Fatal(err)
	}
	now = now.Add(govern.Lifetime)
	_, err = db.Approve(ctx, p.ID, good(p, "bob"))
	refusedWith(t, "a week later", err, govern.CodeClosed)
	if _, err := db.Propose(ctx, Proposed{By: person("bob"), Change: govern.Change{Waiver: &govern.Terms{Why: "x"}}}); err != nil {
		t.Fatal(err)
	}
	now = now.Add(-govern.Lifetime)
	_, err = db.Approve(ctx, p.ID, good(p, "bob"))
	refusedWith(t, "after the clock was set back", err, govern.CodeClosed)

	// Rejected and withdrawn.
	p, err = db.Propose(ctx, Proposed{By: person("ann"), Change: govern.Change{Person: &govern.Person{Login: "bob", Remove: true}}})
	if err != nil || p.Before == nil || p.Before.Roles[0] != policy.Admin {
		t.Fatalf("%+v, %v", p, err)
	}
	_, err = db.Approve(ctx, p.ID, good(p, "bob"))
	refusedWith(t, "about oneself", err, govern.CodeSame)
	_, err = db.SettleProposal(ctx, p.ID, govern.Withdrawn, person("bob"), "")
	refusedWith(t, "withdrawn by another", err, govern.CodeNot)
	if got, err := db.SettleProposal(ctx, p.ID, govern.Rejected, person("bob"), "I stay"); err != nil || got.State != govern.Rejected || got.Why != "I stay" {
		t.Errorf("%+v, %v", got, err)
	}
	_, err = db.Approve(ctx, p.ID, good(p, "cy"))
	refusedWith(t, "what was rejected", err, govern.CodeClosed)
	_, err = db.SettleProposal(ctx, p.ID, govern.Withdrawn, person("ann"), "")
	refusedWith(t, "withdrawn after that", err, govern.CodeClosed)

	// An account that has changed meanwhile is another base.
	yes := true
	p, err = db.Propose(ctx, Proposed{By: person("ann"), Change: govern.Change{Person: &govern.Person{Login: "cy", Roles: []string{policy.Admin, policy.Approver}}}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.ChangeUser(ctx, "cy", root, func(u *User) error { u.Disabled = yes; return nil }); err != nil {
		t.Fatal(err)
	}
	_, err = db.Approve(ctx, p.ID, good(p, "bob"))
	refusedWith(t, "an account that changed", err, govern.CodeStale)

	for name, c := range map[string]govern.Change{
		"nobody's account":      {Person: &govern.Person{Login: "eve", Remove: true}},
		"an account that is":    {Person: &govern.Person{Login: "bob", Add: true}},
		"no version":            {Policy: &govern.Policy{Version: 9}},
		"another document":      {Policy: &govern.Policy{Version: 1, Digest: "x"}},
		"nothing":               {},
		"several things at one": {Policy: change.Policy, Waiver: &govern.Terms{}},
	} {
		if p, err := db.Propose(ctx, Proposed{By: person("ann"), Change: c}); err == nil {
			t.Errorf("%s: %+v", name, p)
		}
	}
	all, err := db.Proposals(ctx)
	if err != nil || len(all) < 6 || all[0].Made.Before(all[len(all)-1].Made) {
		t.Errorf("%+v, %v", all, err)
	}
}

// TestWaiverAndBootstrap: with a waiver one person is enough, and it is on
// record; before there are two administrators, whoever works on the host makes
// them, and nothing else.
func TestWaiverAndBootstrap(t *testing.T) {
	db := newStore(t)
	change := twoPolicies(t, db)
	add := func(login string, roles ...string) govern.Change {
		return govern.Change{Person: &govern.Person{Login: login, Add: true, Name: login, Roles: roles}}
	}
	propose := func(by policy.Principal, c govern.Change) govern.Proposal {
		t.Helper()
		p, err := db.Propose(ctx, Proposed{By: by, Change: c})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	if p := propose(host, change); p.State != govern.Open || active(t, db) != 1 {
		t.Errorf("a policy on the host: %+v", p)
	}
	for _, login := range []string{"ann", "bob"} {
		if p := propose(host, add(login, policy.Admin)); p.State != govern.Applied || p.How != govern.ByBootstrap {
			t.Fatalf("%s: %+v", login, p)
		}
		if few, err := db.Bootstrap(ctx); err != nil || !few {
			t.Errorf("before %s has a password: %t, %v", login, few, err)
		}
	}
	enrol(t, db, "ann", host)
	enrol(t, db, "bob", host)
	if p := propose(host, add("cy", policy.Admin)); p.State != govern.Open {
		t.Errorf("a third: %+v", p)
	}
	if _, err := db.User(ctx, "cy"); !errors.Is(err, mission.ErrNotFound) {
		t.Errorf("the third is there: %v", err)
	}

	w, err := db.Propose(ctx, Proposed{By: person("ann"), Change: govern.Change{Waiver: &govern.Terms{Why: "bob leaves"}}})
	if err != nil || w.State != govern.Open {
		t.Fatalf("%+v, %v", w, err)
	}
	if _, err := db.Approve(ctx, w.ID, govern.Approval{By: person("bob"), Digest: w.Digest, Fresh: true}); err != nil {
		t.Fatal(err)
	}
	if got, err := db.Waiver(ctx); err != nil || got == nil || got.Why != "bob leaves" || got.By.ID != "ann" {
		t.Fatalf("%+v, %v", got, err)
	}
	if p := propose(person("ann"), change); p.State != govern.Applied || p.How != govern.ByWaiver || active(t, db) != 2 {
		t.Errorf("with a waiver: %+v", p)
	}
	if _, err := db.Propose(ctx, Proposed{By: person("ann"), Change: govern.Change{Waiver: &govern.Terms{Why: "again"}}}); !errors.Is(err, mission.ErrConflict) {
		t.Errorf("a second waiver: %v", err)
	}
	if err := db.EndWaiver(ctx, person("ann")); err != nil {
		t.Fatal(err)
	}
	if err := db.EndWaiver(ctx, person("ann")); !errors.Is(err, mission.ErrNotFound) {
		t.Errorf("ended twice: %v", err)
	}
	if p := propose(person("ann"), govern.Change{Policy: &govern.Policy{Version: 1, Digest: mustPolicy(t, db, 1)}}); p.State != govern.Open || active(t, db) != 2 {
		t.Errorf("after the waiver: %+v", p)
	}
	for _, name := range []string{"govern.waiver", "policy.active"} {
		if err := db.PutSetting(ctx, name, 1); err == nil {
			t.Errorf("%s can be set beside it", name)
		}
	}
}

func mustPolicy(t *testing.T, db *DB, n int) string {
	t.Helper()
	v, err := db.Policy(ctx, n)
	if err != nil {
		t.Fatal(err)
	}
	return v.Digest
}

// TestBreakGlass: one person alone, with a reason, and another takes note.
func TestBreakGlass(t *testing.T) {
	db := newStore(t)
	change := twoPolicies(t, db)
	enrolled(t, db, "ann", host, policy.Admin)
	enrolled(t, db, "bob", host, policy.Admin)
	p, err := db.Propose(ctx, Proposed{By: person("ann"), Change: change})
	if err != nil {
		t.Fatal(err)
	}
	a := govern.Approval{By: person("ann"), Digest: p.Digest, Fresh: true, BreakGlass: true}
	_, err = db.Approve(ctx, p.ID, a)
	refusedWith(t, "without a reason", err, govern.CodeReason)
	a.Why = "bob cannot be reached"
	got, err := db.Approve(ctx, p.ID, a)
	if err != nil || got.How != govern.ByBreakGlass || got.State != govern.Applied || active(t, db) != 2 || !got.Alarms(got.At) {
		t.Fatalf("%+v, %v", got, err)
	}
	_, err = db.AcknowledgeProposal(ctx, p.ID, person("ann"))
	refusedWith(t, "acknowledged by oneself", err, govern.CodeSame)
	got, err = db.AcknowledgeProposal(ctx, p.ID, person("bob"))
	if err != nil || got.Alarms(got.At) || got.Acked.By.ID != "bob" {
		t.Errorf("%+v, %v", got, err)
	}
}

// TestOutside: a change that is none of the store is to be made after its
// approval, until somebody says that it was; or it becomes void.
func TestOutside(t *testing.T) {
	db := newStore(t)
	enrolled(t, db, "ann", host, policy.Admin)
	enrolled(t, db, "bob", host, policy.Admin)
	for _, row := range []struct {
		why  string
		want govern.State
	}{{"", govern.Applied}, {"that is no recipient", govern.Void}} {
		p, err := db.Propose(ctx, Proposed{By: person("ann"), Base: "b", Change: govern.Change{Vault: &govern.Vault{Name: "cy", Recipient: "age1x"}}})
		if err != nil {
			t.Fatal(err)
		}
		a := govern.Approval{By: person("bob"), Digest: p.Digest, Base: "other", Fresh: true}
		if row.why == "" {
			a.Base = "b"
		} else if _, err = db.Approve(ctx, p.ID, a); err == nil {
			t.Error("approved on another base")
		} else {
			p, err = db.Propose(ctx, Proposed{By: person("ann"), Base: "b", Change: p.Change})
			if err != nil {
				t.Fatal(err)
			}
			a.Digest, a.Base = p.Digest, "b"
		}
		if _, err := db.ProposalDone(ctx, p.ID, ""); !errors.Is(err, mission.ErrConflict) {
			t.Errorf("done before it is approved: %v", err)
		}
		if p, err = db.Approve(ctx, p.ID, a); err != nil || p.State != govern.Approved {
			t.Fatalf("%+v, %v", p, err)
		}
		if p, err = db.ProposalDone(ctx, p.ID, row.why); err != nil || p.State != row.want || p.Why != row.why {
			t.Errorf("%+v, %v", p, err)
		}
	}
}

// TestOnePersonChangesNothing: whatever one administrator does, in whatever
// order, with all the accounts that they make or take over, no governed change
// is made. The same walk with a second person who helps finds that some are.
func TestOnePersonChangesNothing(t *testing.T) {
	t.Run("alone", func(t *testing.T) { rapid.Check(t, func(rt *rapid.T) { walk(rt, t, false) }) })
	t.Run("negative control: helped", func(t *testing.T) {
		made := 0
		rapid.Check(t, func(rt *rapid.T) { made += walk(rt, t, true) })
		if made == 0 {
			t.Error("two people together made no change either: the walk finds nothing")
		}
	})
}

// walk lets eve try, and returns how many governed changes were made. ann is
// another administrator: she does nothing, or approves whatever there is.
func walk(rt *rapid.T, t *testing.T, helped bool) (made int) {
	now := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	db, err := Open(t.TempDir(), Options{NoSync: true, Now: func() time.Time { return now }})
	if err != nil {
		rt.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	change := twoPolicies(rt, db)
	for _, login := range []string{"ann", "eve", "cy"} {
		enrolled(rt, db, login, host, policy.Admin)
	}
	enrolled(rt, db, "user", host, policy.User)
	hers := map[string]bool{"eve": true} // accounts that she holds
	n := 0
	who := func() policy.Principal {
		var list []string
		for l := range hers {
			list = append(list, l)
		}
		slices.Sort(list)
		return person(rapid.SampledFrom(list).Draw(rt, "who"))
	}
	admin := func(by policy.Principal) bool { // what the policy lets her do now
		u, err := db.User(ctx, by.ID)
		return err == nil && !u.Disabled && slices.Contains(u.Roles, policy.Admin)
	}
	someone := func() string {
		all, err := db.Users(ctx)
		if err != nil {
			rt.Fatal(err)
		}
		return rapid.SampledFrom(all).Draw(rt, "someone").Login
	}
	roles := rapid.SampledFrom([][]string{nil, {}, {policy.User}, {policy.Admin}, {policy.Admin, policy.Approver}, {policy.Auditor}})
	flag := rapid.SampledFrom([]*bool{nil, new(bool), ptr(true)})
	wanted := func(add bool) govern.Person {
		if add {
			n++
			return govern.Person{Login: fmt.Sprintf("new%d", n), Name: "N", Add: true, Roles: roles.Draw(rt, "roles")}
		}
		return govern.Person{Login: someone(), Roles: roles.Draw(rt, "roles"), Disabled: flag.Draw(rt, "disabled"), Remove: rapid.Bool().Draw(rt, "remove")}
	}
	rt.Repeat(map[string]func(*rapid.T){
		"propose": func(rt *rapid.T) {
			by := who()
			if !admin(by) {
				return
			}
			c := change
			switch rapid.IntRange(0, 3).Draw(rt, "kind") {
			case 1:
				p := wanted(rapid.Bool().Draw(rt, "add"))
				if p.Login == by.ID {
					return
				}
				c = govern.Change{Person: &p}
			case 2:
				c = govern.Change{Waiver: &govern.Terms{Why: "why not"}}
			case 3:
				c = govern.Change{Vault: &govern.Vault{Name: "eve", Recipient: "age1x"}}
			}
			_, _ = db.Propose(ctx, Proposed{By: by, Change: c})
		},
		"approve": func(rt *rapid.T) {
			by := who()
			if helped && rapid.Bool().Draw(rt, "ann helps") {
				by = person("ann")
			}
			all, err := db.Proposals(ctx)
			if err != nil || len(all) == 0 || !admin(by) {
				return
			}
			p := rapid.SampledFrom(all).Draw(rt, "proposal")
			_, _ = db.Approve(ctx, p.ID, govern.Approval{By: by, Digest: p.Digest, Base: p.Base, Fresh: true})
		},
		"settle": func(rt *rapid.T) {
			all, err := db.Proposals(ctx)
			if err != nil || len(all) == 0 {
				return
			}
			state := rapid.SampledFrom([]govern.State{govern.Rejected, govern.Withdrawn}).Draw(rt, "state")
			_, _ = db.SettleProposal(ctx, rapid.SampledFrom(all).Draw(rt, "proposal").ID, state, who(), "")
		},
		"people": func(rt *rapid.T) { // what takes one, as accounts let her
			by := who()
			if !admin(by) {
				return
			}
			if rapid.Bool().Draw(rt, "add") {
				if p := wanted(true); !govern.Concerns(nil, &p) {
					_, _ = db.AddUser(ctx, User{Login: p.Login, Name: p.Name, Roles: p.Roles}, by)
				}
				return
			}
			p := wanted(false)
			if p.Login == by.ID {
				return
			}
			errTwo := errors.New("two")
			if p.Remove {
				if db.RemoveUser(ctx, p.Login, by, func(u *User) error {
					if govern.Concerns(u.Governed(), &p) {
						return errTwo
					}
					return nil
				}) == nil {
					delete(hers, p.Login)
				}
				return
			}
			_, _ = db.ChangeUser(ctx, p.Login, by, func(u *User) error {
				if govern.Concerns(u.Governed(), &p) {
					return errTwo
				}
				if p.Roles != nil {
					u.Roles = p.Roles
				}
				if p.Disabled != nil {
					u.Disabled = *p.Disabled
				}
				return nil
			})
		},
		"take over": func(rt *rapid.T) { // a link for anybody, which she opens herself
			by, login := who(), someone()
			if !admin(by) || helped && login == "ann" {
				return
			}
			link, err := db.NewUserLink(ctx, login, time.Hour, by)
			if err != nil {
				return
			}
			if _, _, err := db.Enrol(ctx, link, "hers", time.Hour, ""); err == nil {
				hers[login] = true
			}
		},
		"name a certificate": func(rt *rapid.T) { // for anybody, and hold it herself
			by, login := who(), someone()
			if !admin(by) || helped && login == "ann" {
				return
			}
			n++
			key := fmt.Sprintf("serial:%d#CN=Site CA", n)
			if _, err := db.SetCertificates(ctx, login, []string{key}, by); err != nil {
				return
			}
			if _, _, err := db.SignInCertificate(ctx, []string{key}, "fingerprint", time.Hour, ""); err == nil {
				hers[login] = true
			}
		},
		"wait": func(rt *rapid.T) {
			now = now.Add(time.Duration(rapid.IntRange(-10, 200).Draw(rt, "hours")) * time.Hour)
		},
		"": func(rt *rapid.T) {
			made = 0
			all, err := db.Proposals(ctx)
			if err != nil {
				rt.Fatal(err)
			}
			for _, p := range all {
				if p.State == govern.Applied || p.State == govern.Approved {
					made++
				}
			}
			if w, err := db.Waiver(ctx); err != nil || (w != nil || active(rt, db) != 1) && made == 0 {
				rt.Fatalf("a change without a proposal: %+v, %v", w, err)
			}
			if made > 0 && !helped {
				var b strings.Builder
				for _, p := range all {
					fmt.Fprintf(&b, "%s %s %s by %s %v: %s %s\n", p.ID, p.Kind, p.Change.Object(), p.Proposer.ID, p.Eyes, p.State, p.By.ID)
				}
				rt.Fatalf("eve alone, as %v, has made a governed change:\n%s", hers, b.String())
			}
		},
	})
	return made
}

func ptr(b bool) *bool { return &b }
