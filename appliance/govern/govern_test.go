package govern

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"skerry/appliance/policy"
)

var noon = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

// TestVector: the digest of the package comment, which others can compute.
func TestVector(t *testing.T) {
	p := Proposal{ID: "P-7", Kind: ActivatePolicy, Change: Change{Policy: &Policy{Version: 3, Digest: "aa"}}, Base: "bb",
		Proposer: policy.Principal{ID: "ada"}, Note: "new model", Made: noon, Ends: noon.Add(Lifetime)}
	got, err := p.Sum()
	if err != nil || got != "8d84c843732ba876f56e27a3073aae497c19e4c28608ccb4503acf9af27f5413" {
		t.Errorf("got %s, %v", got, err)
	}
}

// TestSumCoversEverything: whatever is different in what is approved, the digest
// is another; what is noted about it later leaves it as it is.
func TestSumCoversEverything(t *testing.T) {
	no := false
	one := func() Proposal {
		return Proposal{ID: "P-1", Kind: ChangePerson, Change: Change{Person: &Person{Login: "bob", Roles: []string{policy.Admin}, Disabled: &no}}, Base: "b",
			Proposer: policy.Principal{ID: "ada", Name: "Ada"}, Note: "n", Made: noon, Ends: noon.Add(time.Hour)}
	}
	p := one()
	want, err := p.Sum()
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Proposal){
		"id":         func(p *Proposal) { p.ID = "P-2" },
		"kind":       func(p *Proposal) { p.Kind = RemovePerson },
		"login":      func(p *Proposal) { p.Change.Person.Login = "eve" },
		"roles":      func(p *Proposal) { p.Change.Person.Roles = []string{} },
		"roles gone": func(p *Proposal) { p.Change.Person.Roles = nil },
		"disabled":   func(p *Proposal) { p.Change.Person.Disabled = nil },
		"base":       func(p *Proposal) { p.Base = "c" },
		"proposer":   func(p *Proposal) { p.Proposer.ID = "eve" },
		"note":       func(p *Proposal) { p.Note = "" },
		"shifted":    func(p *Proposal) { p.Base, p.Proposer.ID = "ba", "da" },
		"made":       func(p *Proposal) { p.Made = p.Made.Add(1) },
		"ends":       func(p *Proposal) { p.Ends = p.Ends.Add(1) },
	} {
		p := one()
		change(&p)
		if got, err := p.Sum(); err != nil || got == want {
			t.Errorf("%s: the digest is the same, or %v", name, err)
		}
	}
	p = one()
	p.State, p.By, p.Why, p.Says = Applied, policy.Principal{ID: "bob"}, "x", []string{"y"}
	text, err := json.Marshal(&p)
	if err != nil {
		t.Fatal(err)
	}
	var back Proposal
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	if got, err := back.Sum(); err != nil || got != want {
		t.Errorf("after it was stored and settled: %s, %v, want %s", got, err, want)
	}
}

// open returns a proposal of ada, and an approval by bob that is good for it.
func open() (Proposal, Approval) {
	p := Proposal{ID: "P-1", Kind: ActivatePolicy, Change: Change{Policy: &Policy{Version: 2, Digest: "d"}}, Base: "b",
		Proposer: policy.Principal{ID: "ada", Name: "Ada"}, Eyes: []string{"ada"}, Made: noon, Ends: noon.Add(Lifetime), State: Open}
	p.Digest, _ = p.Sum()
	admin := Account{Known: true, Enabled: true, Enrolled: true, Roles: []string{policy.Admin}, Vouched: []string{HostMark}}
	return p, Approval{By: policy.Principal{ID: "bob", Name: "Bob", Roles: []string{policy.Admin}}, Account: admin, Proposer: admin, Digest: p.Digest, Base: "b", Fresh: true}
}

// TestCheck: what an approval needs, one thing taken away at a time.
func TestCheck(t *testing.T) {
	for _, row := range []struct {
		name   string
		change func(*Proposal, *Approval)
		code   string // empty = it is good
		words  string
	}{
		{"another administrator", func(*Proposal, *Approval) {}, "", ""},
		{"the proposer", func(_ *Proposal, a *Approval) { a.By.ID = "ada" }, CodeSame, "yourself"},
		{"nobody", func(_ *Proposal, a *Approval) { a.By, a.Account = policy.Principal{}, Account{} }, CodeNot, "enabled account"},
		{"an account that is gone", func(_ *Proposal, a *Approval) { a.Account = Account{} }, CodeNot, "enabled account"},
		{"disabled", func(_ *Proposal, a *Approval) { a.Account.Enabled = false }, CodeNot, "enabled account"},
		{"never enrolled", func(_ *Proposal, a *Approval) { a.Account.Enrolled = false }, CodeNot, "enabled account"},
		{"demoted since they signed in", func(_ *Proposal, a *Approval) { a.Account.Roles = []string{policy.Approver} }, CodeNot, "role admin"},
		{"signed in long ago", func(_ *Proposal, a *Approval) { a.Fresh = false }, CodeStepUp, "password"},
		{"the local socket", func(_ *Proposal, a *Approval) { a.By.ID = "local-0" }, CodeSame, "break the glass"},
		{"the Administrator", func(_ *Proposal, a *Approval) { a.By.ID = "admin" }, CodeSame, "no named person"},
		{"another digest", func(_ *Proposal, a *Approval) { a.Digest = strings.Repeat("0", 64) }, CodeDigest, "Load it again"},
		{"no digest", func(p *Proposal, a *Approval) { a.Digest, p.Digest = "", "" }, CodeDigest, ""},
		{"changed in the store", func(p *Proposal, _ *Approval) { p.Change.Policy.Version = 3 }, CodeDigest, ""},
		{"another base", func(_ *Proposal, a *Approval) { a.Base = "c" }, CodeStale, "void"},
		{"too late", func(p *Proposal, _ *Approval) { p.Ends = noon; p.Digest, _ = p.Sum() }, CodeClosed, "expired"},
		{"rejected", func(p *Proposal, _ *Approval) { p.State = Rejected }, CodeClosed, "rejected"},
		{"done", func(p *Proposal, _ *Approval) { p.State = Applied }, CodeClosed, "applied"},
		{"about oneself", func(p *Proposal, a *Approval) {
			p.Change, p.Kind = Change{Person: &Person{Login: "bob"}}, ChangePerson
			p.Digest, _ = p.Sum()
			a.Digest = p.Digest
		}, CodeSame, "your own account"},
		{"the proposer is gone", func(_ *Proposal, a *Approval) { a.Proposer = Account{} }, CodeSame, "no administrator any more"},
		{"the proposer is disabled", func(_ *Proposal, a *Approval) { a.Proposer.Enabled = false }, CodeSame, "no administrator any more"},
		{"a link of the proposer", func(_ *Proposal, a *Approval) { a.Account.Vouched = []string{"ada"} }, CodeSame, "count as one person"},
		{"the proposer has a link of theirs", func(_ *Proposal, a *Approval) { a.Proposer.Vouched = []string{"bob"} }, CodeSame, "count as one person"},
		{"the proposer had one then", func(p *Proposal, _ *Approval) { p.Eyes = []string{"ada", "bob"} }, CodeSame, "count as one person"},
		{"both have links of a third", func(_ *Proposal, a *Approval) { a.Account.Vouched, a.Proposer.Vouched = []string{"cy"}, []string{"cy"} }, CodeSame, "count as one person"},
		{"each has a link of another", func(_ *Proposal, a *Approval) { a.Account.Vouched, a.Proposer.Vouched = []string{"cy"}, []string{"di"} }, "", ""},
		{"nobody knows who made the link", func(_ *Proposal, a *Approval) { a.Account.Vouched = nil }, CodeSame, "skerry user link bob"},
		{"nor that of the proposer", func(_ *Proposal, a *Approval) { a.Proposer.Vouched = nil }, CodeSame, "skerry user link ada"},
		{"proposed on the host", func(p *Proposal, a *Approval) {
			p.Proposer, p.Eyes, a.Proposer = policy.Principal{ID: "local-0"}, []string{HostMark}, Account{}
			p.Digest, _ = p.Sum()
			a.Digest = p.Digest
		}, "", ""},
		{"alone, with a reason", func(_ *Proposal, a *Approval) { a.By.ID, a.BreakGlass, a.Why = "ada", true, "the site is down" }, "", ""},
		{"alone, on the host", func(_ *Proposal, a *Approval) {
			a.By.ID, a.Account, a.BreakGlass, a.Why = "local-0", Account{}, true, "the site is down"
		}, "", ""},
		{"alone, without a reason", func(_ *Proposal, a *Approval) { a.BreakGlass, a.Why = true, "  x  " }, CodeReason, "why this cannot wait"},
		{"alone, disabled", func(_ *Proposal, a *Approval) {
			a.BreakGlass, a.Why, a.Account.Enabled = true, "the site is down", false
		}, CodeNot, "enabled"},
		{"alone, without the role", func(_ *Proposal, a *Approval) { a.BreakGlass, a.Why, a.Account.Roles = true, "the site is down", nil }, CodeNot, "administrator"},
		{"alone, signed in long ago", func(_ *Proposal, a *Approval) { a.BreakGlass, a.Why, a.Fresh = true, "the site is down", false }, CodeStepUp, ""},
		{"alone, another digest", func(_ *Proposal, a *Approval) { a.BreakGlass, a.Why, a.Digest = true, "the site is down", "x" }, CodeDigest, ""},
		{"alone, about oneself", func(p *Proposal, a *Approval) {
			p.Change, p.Kind = Change{Person: &Person{Login: "bob"}}, ChangePerson
			p.Digest, _ = p.Sum()
			a.Digest, a.BreakGlass, a.Why = p.Digest, true, "the site is down"
		}, CodeSame, "your own account"},
	} {
		p, a := open()
		row.change(&p, &a)
		err := p.Check(a, noon.Add(time.Hour))
		var r *Refusal
		switch {
		case row.code == "" && err != nil, row.code != "" && (!errors.As(err, &r) || r.Code != row.code || !strings.Contains(r.Text, row.words) || len(r.Text) < 30):
			t.Errorf("%s: got %v, want %q %q", row.name, err, row.code, row.words)
		}
	}
}

// TestConcerns: which changes of accounts take two.
func TestConcerns(t *testing.T) {
	no, yes := false, true
	account := func(disabled bool, roles ...string) *Person {
		return &Person{Login: "x", Roles: roles, Disabled: &disabled}
	}
	for _, row := range []struct {
		name   string
		before *Person
		change Person
		want   bool
	}{
		{"a new user", nil, Person{Add: true, Roles: []string{policy.User, policy.Author}}, false},
		{"a new administrator", nil, Person{Add: true, Roles: []string{policy.Admin}}, true},
		{"a new approver", nil, Person{Add: true, Roles: []string{policy.User, policy.Approver}}, true},
		{"a new auditor", nil, Person{Add: true, Roles: []string{policy.Auditor}}, true},
		{"user to author", account(false, policy.User), Person{Roles: []string{policy.Author}}, false},
		{"user to administrator", account(false, policy.User), Person{Roles: []string{policy.User, policy.Admin}}, true},
		{"administrator no longer", account(false, policy.Admin), Person{Roles: []string{}}, true},
		{"administrator, and author too", account(false, policy.Admin), Person{Roles: []string{policy.Author, policy.Admin}}, false},
		{"administrator to auditor", account(false, policy.Admin), Person{Roles: []string{policy.Auditor}}, true},
		{"another name", account(false, policy.Admin), Person{Name: "Y"}, false},
		{"an administrator is disabled", account(false, policy.Admin), Person{Disabled: &yes}, false},
		{"an administrator is enabled", account(true, policy.Admin), Person{Disabled: &no}, true},
		{"an administrator who is enabled is", account(false, policy.Admin), Person{Disabled: &no}, false},
		{"a user is enabled", account(true, policy.User), Person{Disabled: &no}, false},
		{"a user is removed", account(false, policy.User), Person{Remove: true}, false},
		{"an auditor is removed", account(true, policy.Auditor), Person{Remove: true}, true},
	} {
		if got := Concerns(row.before, &row.change); got != row.want {
			t.Errorf("%s: got %t, want %t", row.name, got, row.want)
		}
	}
}

// TestAtOnce: what is done without waiting, and for whom.
func TestAtOnce(t *testing.T) {
	no, yes := false, true
	host, ada := policy.Principal{ID: "local-0"}, policy.Principal{ID: "ada"}
	admin := Change{Person: &Person{Login: "x", Add: true, Roles: []string{policy.Admin}}}
	for _, row := range []struct {
		name      string
		by        policy.Principal
		c         Change
		w         *Waiver
		bootstrap bool
		want      How
	}{
		{"with a waiver", ada, Change{Policy: &Policy{}}, &Waiver{}, false, ByWaiver},
		{"without", ada, Change{Policy: &Policy{}}, nil, false, ""},
		{"without, on the host", host, Change{Policy: &Policy{}}, nil, false, ""},
		{"the first administrators", host, admin, nil, true, ByBootstrap},
		{"by an administrator", ada, admin, nil, true, ""},
		{"when there are two", host, admin, nil, false, ""},
		{"a policy, before there are two", host, Change{Policy: &Policy{}}, nil, true, ""},
		{"an approver, before there are two", host, Change{Person: &Person{Add: true, Roles: []string{policy.Approver}}}, nil, true, ""},
		{"an administrator is let in again", host, Change{Person: &Person{Disabled: &no}}, nil, true, ByBootstrap},
		{"an administrator is taken away", host, Change{Person: &Person{Remove: true}}, nil, true, ""},
		{"an administrator who is kept out is granted", host, Change{Person: &Person{Roles: []string{policy.User}, Disabled: &yes}}, nil, true, ""},
	} {
		if got := AtOnce(row.by, &row.c, row.w, row.bootstrap); got != row.want {
			t.Errorf("%s: got %q, want %q", row.name, got, row.want)
		}
	}
}

// TestNobodyApprovesForTwo: whoever could be behind two accounts, by any chain of
// links, never is the second person of the first.
func TestNobodyApprovesForTwo(t *testing.T) {
	logins := []string{"a", "b", "c", "d", "e"}
	rapid.Check(t, func(t *rapid.T) {
		accounts := map[string]Account{}
		owner := map[string]string{} // the person who in fact holds the account
		for _, l := range logins[:2] {
			accounts[l] = Account{Known: true, Enabled: true, Enrolled: true, Roles: []string{policy.Admin}, Vouched: []string{HostMark}}
			owner[l] = l
		}
		for range rapid.IntRange(0, 12).Draw(t, "links") {
			maker := rapid.SampledFrom(logins).Draw(t, "maker")
			of := rapid.SampledFrom(logins).Draw(t, "of")
			m, ok := accounts[maker]
			if !ok || owner[maker] != "a" { // only one person is up to no good
				continue
			}
			accounts[of] = Account{Known: true, Enabled: true, Enrolled: true, Roles: []string{policy.Admin}, Vouched: m.VouchedBy(maker)}
			owner[of] = "a"
		}
		for by, x := range accounts {
			for from, y := range accounts {
				p, a := open()
				p.Proposer, p.Eyes = policy.Principal{ID: from, Name: from}, y.Eyes(from)
				a.By, a.Account, a.Proposer = policy.Principal{ID: by}, x, y
				if err := p.CheckPerson(a); err == nil && owner[by] == owner[from] {
					t.Fatalf("%s approves what %s proposed, and both are %s: %+v", by, from, owner[by], accounts)
				}
			}
		}
	})
}

// TestBootstrap: it ends when two can approve for each other, not before.
func TestBootstrap(t *testing.T) {
	admin := Account{Known: true, Enabled: true, Enrolled: true, Roles: []string{policy.Admin}, Vouched: []string{HostMark}}
	changed := func(f func(*Account)) Account { a := admin; f(&a); return a }
	for _, row := range []struct {
		name string
		bob  Account
		want bool
	}{
		{"two", admin, false},
		{"one of them is disabled", changed(func(a *Account) { a.Enabled = false }), true},
		{"one has no password", changed(func(a *Account) { a.Enrolled = false }), true},
		{"one has a link of the other", changed(func(a *Account) { a.Vouched = []string{"ada"} }), true},
		{"one has a link of nobody knows whom", changed(func(a *Account) { a.Vouched = nil }), true},
		{"one is none", changed(func(a *Account) { a.Roles = []string{policy.User} }), true},
	} {
		if got := Bootstrap(map[string]Account{"ada": admin, "bob": row.bob}); got != row.want {
			t.Errorf("%s: got %t, want %t", row.name, got, row.want)
		}
	}
}

// TestAlarm: everyone is told for a week, or until somebody else knows.
func TestAlarm(t *testing.T) {
	bob := Account{Known: true, Enabled: true, Enrolled: true, Roles: []string{policy.Admin}, Vouched: []string{HostMark}}
	p := Proposal{ID: "P-1", How: ByBreakGlass, At: noon, By: policy.Principal{ID: "ada"}, Breaker: []string{"ada"}}
	if !p.Alarms(noon.Add(AlarmFor-1)) || p.Alarms(noon.Add(AlarmFor)) {
		t.Error("it is not told for a week")
	}
	for name, row := range map[string]struct {
		by      string
		account Account
		good    bool
	}{
		"another":          {"bob", bob, true},
		"the same":         {"ada", bob, false},
		"the host":         {"local-0", Account{}, false},
		"a link of theirs": {"bob", Account{Known: true, Enabled: true, Enrolled: true, Roles: []string{policy.Admin}, Vouched: []string{"ada"}}, false},
		"no administrator": {"bob", Account{Known: true, Enabled: true, Enrolled: true, Vouched: []string{HostMark}}, false},
	} {
		if err := p.CheckAcknowledge(policy.Principal{ID: row.by}, row.account); (err == nil) != row.good {
			t.Errorf("%s: %v", name, err)
		}
	}
	p.Acked = &Acknowledgement{}
	if p.Alarms(noon) {
		t.Error("it is told although somebody knows")
	}
}

// TestChangeIsOne: a proposal is about one thing.
func TestChangeIsOne(t *testing.T) {
	for _, c := range []Change{{}, {Policy: &Policy{}, Waiver: &Terms{}}, {Person: &Person{Add: true, Remove: true}}} {
		if k := c.Kind(); k != "" {
			t.Errorf("%+v is %s", c, k)
		}
	}
	for want, c := range map[Kind]Change{
		ActivatePolicy: {Policy: &Policy{}}, AddPerson: {Person: &Person{Add: true}}, ChangePerson: {Person: &Person{}}, RemovePerson: {Person: &Person{Remove: true}},
		AddVaultAdmin: {Vault: &Vault{}}, RemoveVaultAdmin: {Vault: &Vault{Remove: true}}, BeginWaiver: {Waiver: &Terms{}},
	} {
		if got := c.Kind(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
