package appliance

import (
	"context"
	"crypto/x509"
	"errors"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"skerry/appliance/api"
	"skerry/appliance/audit"
	"skerry/appliance/people"
	"skerry/appliance/people/directory"
	"skerry/appliance/people/directory/slapdtest"
	"skerry/appliance/policy"
	"skerry/store"
)

// notebook is an audit log that is kept in memory.
type notebook struct {
	mu      sync.Mutex
	records []audit.Record
}

func (n *notebook) Submit(done func(error), records ...audit.Record) {
	n.mu.Lock()
	n.records = append(n.records, records...)
	n.mu.Unlock()
	done(nil)
}

func (n *notebook) record(r audit.Record) error {
	n.Submit(func(error) {}, r)
	return nil
}

// says reports whether something of that action, about that object, is on
// record with words in its reason.
func (n *notebook) says(action, object, words string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.ContainsFunc(n.records, func(r audit.Record) bool {
		return r.Action == action && r.Object == object && strings.Contains(r.Why, words)
	})
}

// branch is accounts over a real store and a real slapd.
type branch struct {
	accounts
	slapd *slapdtest.Server
	log   *notebook
	clock *time.Time
}

func directoryConfig(s *slapdtest.Server) *directory.Config {
	return &directory.Config{Servers: []string{s.LDAPS}, CA: s.CA, BindDN: slapdtest.BindDN, People: directory.People{Base: "ou=people," + slapdtest.Suffix},
		Groups: directory.Groups{Base: "ou=groups," + slapdtest.Suffix}, Timeout: 3 * time.Second, Recheck: 15 * time.Minute,
		Roles: map[string][]string{slapdtest.Group("approvers"): {policy.Approver}, slapdtest.Group("admins"): {policy.Admin}, slapdtest.Group("auditors"): {policy.Auditor}}}
}

func newBranch(t *testing.T) *branch {
	t.Helper()
	b := &branch{slapd: slapdtest.Start(t), log: &notebook{}}
	now := time.Date(2026, 11, 28, 9, 0, 0, 0, time.UTC)
	b.clock = &now
	clock := func() time.Time { return now }
	db, err := store.Open(t.TempDir(), store.Options{Now: clock, NoSync: true, Audit: &store.Audit{Log: "test", Open: func(uint64) (store.Auditor, error) { return b.log, nil }}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	if _, err := db.PutSecret(t.Context(), directory.UsualSecret, "", "test", []byte(slapdtest.BindPass)); err != nil {
		t.Fatal(err)
	}
	b.accounts = accounts{db: db, govern: &governing{db: db, now: clock, log: slog.New(slog.DiscardHandler)}, hasher: people.NewHasher(people.Cost{Time: 1, Memory: 64, Threads: 1}, 2), url: func() string { return "http://x" }, now: clock, log: slog.New(slog.DiscardHandler), record: b.log.record, tries: &tries{now: clock}}
	if b.directory, err = newDirectory(Config{Directory: directoryConfig(b.slapd)}, db); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *branch) enter(t *testing.T, login string) (string, api.SessionInfo) {
	t.Helper()
	token, s, err := b.Enter(t.Context(), login, login+"-secret", time.Hour, "10.0.0.1")
	if err != nil {
		t.Fatalf("%s: %v", login, err)
	}
	return token, s
}

func (b *branch) signedIn(token string) bool {
	_, err := b.db.Session(context.Background(), token)
	return err == nil
}

// TestOutsiders: people of the directory sign in with the roles that their groups
// give, and are shown as what they are.
func TestOutsiders(t *testing.T) {
	b := newBranch(t)
	ctx, by := t.Context(), Administrator()
	_, s := b.enter(t, "ada")
	if s.Principal.ID != "ada" || s.Principal.Name != "Ada Winter" || !slices.Equal(s.Principal.Roles, []string{policy.Approver}) || !s.Recheck.Equal(b.clock.Add(15*time.Minute)) {
		t.Errorf("%+v", s)
	}
	list, err := b.People(ctx)
	if err != nil || len(list) != 1 || !list[0].Directory || !list[0].Enrolled || list[0].SignedInAt == nil {
		t.Fatalf("%+v, %v", list, err)
	}
	if !b.log.says("user.added", "ada", `"roles":["approver"]`) || !b.log.says("secret.used", directory.UsualSecret, "bind to the directory") {
		t.Errorf("on record is %+v", b.log.records)
	}
	// What is the directory's, nobody does here.
	_, err = b.Change(ctx, "ada", api.PersonChange{Roles: []string{policy.Admin}}, by)
	refusal(t, "other roles", err, 409, "their groups give")
	_, err = b.SetCertificates(ctx, "ada", []string{"upn:ada@site.example"}, by)
	refusal(t, "a certificate", err, 409, "would pass by")
	_, err = b.Invite(ctx, "ada", by)
	refusal(t, "a link", err, 409, "password of the directory")
	refusal(t, "a password", b.SetPassword(ctx, s.Principal, "ada-secret", good, s.ID, ""), 409, "changes their password there")
	if _, err := b.confirm(ctx, s.Principal, "ada-secret", ""); err != nil {
		t.Errorf("a step-up: %v", err)
	}
	_, err = b.confirm(ctx, s.Principal, "wrong", "")
	refusal(t, "a step-up with a wrong password", err, 403, "not your password")

	// Whatever is wrong, the answer is the same, and only the log says more.
	var answers []string
	for _, row := range []struct{ login, password, why string }{
		{"ada", "wrong", "wrong password"}, {"zoe", "x", "no such person"}, {"eve", "eve-secret", "give no role"}, {"max", "max-secret", "auditor cannot be"},
		{"twin", "twin-secret", "more than one"}, {"ada", "", ""}, {"*", "ada-secret", ""}, {"admin", "x", ""}, {"bob", "bob-secret", "give no role"},
	} {
		_, _, err := b.Enter(ctx, row.login, row.password, time.Hour, "10.0.0.1")
		refusal(t, row.login, err, 401, "is wrong")
		answers = append(answers, err.Error())
		if row.why != "" && !b.log.says("session.refused", row.login, row.why) {
			t.Errorf("%s: the log does not say %q", row.login, row.why)
		}
	}
	if strings.Count(strings.Join(answers, "\n"), answers[0]) != len(answers) {
		t.Errorf("the answers differ: %q", answers)
	}
	if list, _ := b.People(ctx); len(list) != 1 {
		t.Errorf("whoever was refused has an account: %+v", list)
	}
	for _, r := range b.log.records {
		if strings.Contains(r.Why, "secret") && strings.Contains(r.Why, "-") {
			t.Errorf("a password is on record: %+v", r)
		}
	}
}

// TestLocalLoginsComeFirst: a login of this site is never asked of the
// directory, whatever state its account is in.
func TestLocalLoginsComeFirst(t *testing.T) {
	b := newBranch(t)
	ctx, by := t.Context(), Administrator()
	i, err := b.Add(ctx, api.NewPerson{Login: "ada", Name: "Another Ada", Roles: []string{policy.Viewer}}, by)
	if err != nil {
		t.Fatal(err)
	}
	try := func(what, password string) {
		t.Helper()
		_, _, err := b.Enter(ctx, "ada", password, time.Hour, "")
		refusal(t, what, err, 401, "is wrong")
	}
	try("before there is a password", "ada-secret")
	if _, _, err := b.Enrol(ctx, i.Link.Token, good, time.Hour, ""); err != nil {
		t.Fatal(err)
	}
	try("the directory's password", "ada-secret")
	if _, s, err := b.Enter(ctx, "ada", good, time.Hour, ""); err != nil || s.Principal.Name != "Another Ada" || !s.Recheck.IsZero() {
		t.Errorf("%+v, %v", s, err)
	}
	no := true
	if _, err := b.Change(ctx, "ada", api.PersonChange{Disabled: &no}, by); err != nil {
		t.Fatal(err)
	}
	try("disabled", "ada-secret")
	if _, _, err := b.db.SignInOutside(ctx, store.Outsider{ID: "x", Login: "ada", Name: "A", Roles: []string{policy.Admin}}, time.Minute, time.Hour, ""); !errors.Is(err, store.ErrNoAccount) {
		t.Errorf("past the look: %v", err)
	}
}

// TestOutsidersAreLockedOut: wrong passwords count, for who has been here before
// and for who has not.
func TestOutsidersAreLockedOut(t *testing.T) {
	b := newBranch(t)
	b.enter(t, "ada")
	b.slapd.Change(t, slapdtest.Group("approvers"), func(r *ldap.ModifyRequest) { r.Add("member", []string{slapdtest.Person("bob")}) })
	for _, login := range []string{"ada", "bob"} { // bob has no account yet
		for range 5 {
			_, _, err := b.Enter(t.Context(), login, "wrong", time.Hour, "")
			refusal(t, login, err, 401, "is wrong")
		}
		_, _, err := b.Enter(t.Context(), login, login+"-secret", time.Hour, "")
		refusal(t, login+", locked", err, 401, "is wrong")
	}
	*b.clock = b.clock.Add(time.Minute)
	b.enter(t, "ada")
	b.enter(t, "bob")
	_, _, err := b.Enter(t.Context(), "bob", "wrong", time.Hour, "")
	refusal(t, "one more", err, 401, "is wrong")
	b.enter(t, "bob")
}

// TestOutsidersLeave: what the directory takes away is gone at the next look,
// which is not long after.
func TestOutsidersLeave(t *testing.T) {
	b := newBranch(t)
	ctx := t.Context()
	b.slapd.Change(t, slapdtest.Group("approvers"), func(r *ldap.ModifyRequest) {
		r.Add("member", []string{slapdtest.Person("bob"), slapdtest.Person("eve")})
	})
	ada, _ := b.enter(t, "ada")
	bob, _ := b.enter(t, "bob")
	eve, _ := b.enter(t, "eve")
	look := func(after time.Duration) {
		t.Helper()
		*b.clock = b.clock.Add(after)
		if err := b.recheck(ctx); err != nil {
			t.Fatal(err)
		}
	}
	uses := len(b.log.records)
	if look(time.Minute); len(b.log.records) != uses {
		t.Error("the directory was asked before half of the time was over")
	}
	look(8 * time.Minute)
	look(8 * time.Minute) // beyond the first end, because there was a look between
	for login, token := range map[string]string{"ada": ada, "bob": bob, "eve": eve} {
		if !b.signedIn(token) {
			t.Errorf("%s was signed out for nothing", login)
		}
	}
	// One has other roles, one has none, one is gone.
	b.slapd.Change(t, slapdtest.Group("admins"), func(r *ldap.ModifyRequest) { r.Add("member", []string{slapdtest.Person("ada")}) })
	b.slapd.Change(t, slapdtest.Group("approvers"), func(r *ldap.ModifyRequest) { r.Delete("member", []string{slapdtest.Person("bob")}) })
	b.slapd.Remove(t, slapdtest.Person("eve"))
	look(8 * time.Minute)
	for login, token := range map[string]string{"ada": ada, "bob": bob, "eve": eve} {
		if b.signedIn(token) {
			t.Errorf("%s is still signed in", login)
		}
	}
	if !b.signedOutFor("bob", "give no role") || !b.signedOutFor("eve", "no such person") {
		t.Errorf("on record is %+v", b.log.records[uses:])
	}
	if _, s := b.enter(t, "ada"); !slices.Equal(s.Principal.Roles, []string{policy.Approver, policy.Admin}) {
		t.Errorf("%+v", s)
	}
	// A login that is given to somebody else does not bring the account along.
	b.slapd.Remove(t, slapdtest.Person("ada"))
	b.slapd.Add(t, slapdtest.Person("ada"), "objectClass", "inetOrgPerson", "uid", "ada", "cn", "Ada Another", "sn", "Another", "userPassword", "ada-secret")
	_, _, err := b.Enter(ctx, "ada", "ada-secret", time.Hour, "")
	refusal(t, "another person of the same login", err, 401, "is wrong")
	if !b.log.says("session.refused", "ada", "another entry") {
		t.Error("the log does not say why")
	}
	look(8 * time.Minute)
	if waiting, err := b.db.Outsiders(ctx); err != nil || len(waiting) != 0 {
		t.Errorf("still signed in: %+v, %v", waiting, err)
	}
	if err := b.Remove(ctx, "ada", Administrator()); err != nil {
		t.Fatal(err)
	}
	b.enter(t, "ada") // the new person has an account of their own now
}

func (n *branch) signedOutFor(login, why string) bool {
	return slices.ContainsFunc(n.log.records, func(r audit.Record) bool {
		return r.Action == "session.ended" && r.Actor == login && strings.Contains(r.Why, why)
	})
}

// TestDirectoryDown: nobody of it gets in, those who are in stay for as long as
// its last word counts and no longer, and people of this site go on.
func TestDirectoryDown(t *testing.T) {
	b := newBranch(t)
	ctx := t.Context()
	i, err := b.Add(ctx, api.NewPerson{Login: "lea", Name: "Lea Local"}, Administrator())
	if err != nil {
		t.Fatal(err)
	}
	lea, _, err := b.Enrol(ctx, i.Link.Token, good, 24*time.Hour, "")
	if err != nil {
		t.Fatal(err)
	}
	ada, s := b.enter(t, "ada")
	b.slapd.Stop()
	_, _, err = b.Enter(ctx, "ada", "ada-secret", time.Hour, "")
	refusal(t, "a new sign-in", err, 503, "skerry directory test")
	_, err = b.confirm(ctx, s.Principal, "ada-secret", "")
	refusal(t, "a step-up", err, 503, "cannot be asked")
	*b.clock = b.clock.Add(14 * time.Minute)
	if err := b.recheck(ctx); err == nil || !b.signedIn(ada) {
		t.Errorf("the look says nothing of it (%v), or has ended the session at once: %t", err, b.signedIn(ada))
	}
	*b.clock = b.clock.Add(time.Minute)
	if b.signedIn(ada) || !b.signedIn(lea) {
		t.Errorf("after the time: of the directory %t, of this site %t", b.signedIn(ada), b.signedIn(lea))
	}
	if _, _, err := b.Enter(ctx, "lea", good, time.Hour, ""); err != nil {
		t.Error(err)
	}
	b.slapd.Restart(t)
	if err := b.recheck(ctx); err != nil || b.signedIn(ada) {
		t.Errorf("a session that was over is back: %t, %v", b.signedIn(ada), err)
	}
	b.enter(t, "ada")
}

// TestRefusalsTakeTheirTime: no refusal is faster than the others, where there is
// a directory.
func TestRefusalsTakeTheirTime(t *testing.T) {
	b := newBranch(t)
	b.refusalTime = 300 * time.Millisecond
	for _, login := range []string{"ada", "zoe", "*", "admin"} {
		begun := time.Now()
		_, _, err := b.Enter(t.Context(), login, "wrong", time.Hour, "")
		refusal(t, login, err, 401, "is wrong")
		if took := time.Since(begun); took < b.refusalTime {
			t.Errorf("%s was refused after %v", login, took)
		}
	}
}

// TestNewDirectory: a configuration that cannot work is refused at the start, and
// a password that is missing is said.
func TestNewDirectory(t *testing.T) {
	b := newBranch(t)
	c := directoryConfig(b.slapd)
	c.CA = filepath.Join(t.TempDir(), "none.pem")
	if _, err := newDirectory(Config{Directory: c}, b.db); err == nil || !strings.Contains(err.Error(), "directory.ca") {
		t.Errorf("no CA: %v", err)
	}
	c.CA = filepath.Join(b.slapd.Dir, "server.key")
	if _, err := newDirectory(Config{Directory: c}, b.db); err == nil || !strings.Contains(err.Error(), "no PEM certificate") {
		t.Errorf("a key as CA: %v", err)
	}
	c = directoryConfig(b.slapd)
	c.Secret = "other"
	d, err := newDirectory(Config{Directory: c}, b.db)
	if err != nil {
		t.Fatal(err)
	}
	b.directory = d
	r, err := b.TryDirectory(t.Context(), "ada")
	if last := r.Steps[len(r.Steps)-1]; err != nil || last.What != "bind" || !strings.Contains(last.Error, "skerry secret set other") {
		t.Errorf("%+v, %v", r, err)
	}
	b.directory = nil
	_, err = b.TryDirectory(t.Context(), "ada")
	refusal(t, "no directory", err, 409, "config.yaml")
	_, _, err = b.Enter(t.Context(), "ada", "ada-secret", time.Hour, "")
	refusal(t, "without a directory", err, 401, "is wrong")
	expired := slapdtest.Start(t, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) })
	if b.directory, err = newDirectory(Config{Directory: directoryConfig(expired)}, b.db); err != nil {
		t.Fatal(err)
	}
	_, _, err = b.Enter(t.Context(), "ada", "ada-secret", time.Hour, "")
	refusal(t, "an expired certificate", err, 503, "cannot be asked")
}

// TestTries: what is remembered of logins without an account is bounded.
func TestTries(t *testing.T) {
	now := time.Date(2026, 11, 28, 9, 0, 0, 0, time.UTC)
	tr := &tries{now: func() time.Time { return now }}
	var until []time.Duration
	for range 12 {
		tr.wrong("zoe")
		until = append(until, tr.of["zoe"].until.Sub(now))
	}
	for i, d := range until {
		want := triesRemember
		if i >= 4 {
			want = min(time.Minute<<(i-4), 15*time.Minute)
		}
		if d != want {
			t.Errorf("after %d: %v, want %v", i+1, d, want)
		}
	}
	if !tr.locked("zoe") || tr.locked("yan") {
		t.Error("the wrong one is locked")
	}
	now = now.Add(15 * time.Minute)
	if tr.locked("zoe") {
		t.Error("still locked")
	}
	for i := range 2 * triesAtOnce {
		tr.wrong("x" + time.Duration(i).String())
	}
	if len(tr.of) > triesAtOnce {
		t.Errorf("%d logins are remembered", len(tr.of))
	}
}
