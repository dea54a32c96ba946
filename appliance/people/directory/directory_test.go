package directory_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"skerry/appliance/people/directory"
	"skerry/appliance/people/directory/slapdtest"
	"skerry/appliance/policy"
)

// bindSecret is the password of the bind account.
func bindSecret(_ context.Context, use func([]byte) error) error {
	return use([]byte(slapdtest.BindPass))
}

func configFor(s *slapdtest.Server) directory.Config {
	return directory.Config{Servers: []string{s.LDAPS}, CA: s.CA, BindDN: slapdtest.BindDN,
		People: directory.People{Base: "ou=people," + slapdtest.Suffix, Filter: "(&(objectClass=inetOrgPerson)(uid={login})(!(employeeType=former)))"},
		Groups: directory.Groups{Base: "ou=groups," + slapdtest.Suffix},
		Roles: map[string][]string{slapdtest.Group("approvers"): {policy.Approver, policy.User}, slapdtest.Group("admins"): {policy.Admin},
			slapdtest.Group("auditors"): {policy.Auditor}, slapdtest.Group("division"): {policy.Viewer}, slapdtest.Group("former"): {policy.Admin}},
		Timeout: 3 * time.Second}
}

func opened(t *testing.T, c directory.Config) *directory.Directory {
	t.Helper()
	d, err := directory.New(c, bindSecret)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestCheck: who is let in by a real slapd, over TLS from the start and by
// StartTLS, and who is not.
func TestCheck(t *testing.T) {
	s := slapdtest.Start(t)
	for _, url := range []string{s.LDAPS, s.LDAP} {
		c := configFor(s)
		c.Servers = []string{url}
		d := opened(t, c)
		p, err := d.Check(t.Context(), "ada", "ada-secret")
		if err != nil || p.Login != "ada" || p.Name != "Ada Winter" || p.DN != slapdtest.Person("ada") || len(p.ID) != 36 || !slices.Equal(p.Roles, []string{policy.User, policy.Approver}) {
			t.Fatalf("%s: %+v, %v", url, p, err)
		}
		if p, err := d.Check(t.Context(), "ann", "ann-secret"); err != nil || p.Name != `Ann (O'Hara) * \ Smith, Jr.` || len(p.Groups) != 1 {
			t.Errorf("a name that needs an escape: %+v, %v", p, err)
		}
		for name, row := range map[string]struct {
			login, password string
			want            error
		}{
			"a wrong password":        {"ada", "ada-secret.", directory.ErrPassword},
			"another's password":      {"ada", "bob-secret", directory.ErrPassword},
			"an empty password":       {"ada", "", directory.ErrPassword},
			"a password of a NUL":     {"ada", "\x00", directory.ErrPassword},
			"no password there":       {"nopass", "x", directory.ErrPassword},
			"nobody":                  {"zoe", "x", directory.ErrUnknown},
			"everybody":               {"*", "ada-secret", directory.ErrUnknown},
			"a way out of the filter": {"ada)(uid=*", "ada-secret", directory.ErrUnknown},
			"half of a filter":        {"*)(|(uid=*", "ada-secret", directory.ErrUnknown},
			"an escape":               {`\2a`, "ada-secret", directory.ErrUnknown},
			"spaces around":           {" ada ", "ada-secret", directory.ErrUnknown},
			"two of one login":        {"twin", "twin-secret", directory.ErrSeveral},
			"somebody who has left":   {"fay", "fay-secret", directory.ErrUnknown},
			"somebody in no group":    {"eve", "eve-secret", directory.ErrRoles},
			"auditor and admin":       {"max", "max-secret", directory.ErrRoles},
			"a group of a group":      {"bob", "bob-secret", directory.ErrRoles},
		} {
			p, err := d.Check(t.Context(), row.login, row.password)
			if !errors.Is(err, row.want) || !directory.Refused(err) || p.Login != "" {
				t.Errorf("%s, %s: %+v, %v; want %v", url, name, p, err, row.want)
			}
		}
	}
}

// TestUnauthenticatedBind is the control for the empty password: this server
// lets a bind without one succeed, as many do.
func TestUnauthenticatedBind(t *testing.T) {
	s := slapdtest.Start(t)
	pem, err := os.ReadFile(s.CA)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	c, err := ldap.DialURL(s.LDAPS, ldap.DialWithTLSConfig(&tls.Config{RootCAs: pool}))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.UnauthenticatedBind(slapdtest.Person("ada")); err != nil {
		t.Errorf("the control shows nothing, the server refuses: %v", err)
	}
}

// TestGroups: groups of groups count where they are to, circles end, and the
// attribute of a person works as well.
func TestGroups(t *testing.T) {
	s := slapdtest.Start(t)
	c := configFor(s)
	c.Groups.Nested = true
	p, err := opened(t, c).Find(t.Context(), "bob")
	if err != nil || !slices.Equal(p.Roles, []string{policy.Viewer}) || len(p.Groups) != 2 {
		t.Errorf("groups of groups: %+v, %v", p, err)
	}
	// The rule of Active Directory is one that this server does not know: nothing
	// is found, and nobody is let in.
	c.Groups = directory.Groups{Base: "ou=groups," + slapdtest.Suffix, Filter: "(member:1.2.840.113556.1.4.1941:={dn})"}
	if p, err := opened(t, c).Find(t.Context(), "ada"); !errors.Is(err, directory.ErrRoles) {
		t.Errorf("a rule that the server does not know: %+v, %v", p, err)
	}
	s.Add(t, slapdtest.Group("new"), "objectClass", "groupOfNames", "cn", "new", "member", slapdtest.Person("eve"))
	c.Groups = directory.Groups{MemberOf: "memberOf"}
	c.Roles = map[string][]string{strings.ToUpper(slapdtest.Group("new")): {policy.Author}}
	if p, err := opened(t, c).Find(t.Context(), "eve"); err != nil || !slices.Equal(p.Roles, []string{policy.Author}) {
		t.Errorf("an attribute of the person: %+v, %v", p, err)
	}
	c.Roles = map[string][]string{"cn=other,dc=example,dc=org": {policy.Author}}
	if p, err := opened(t, c).Find(t.Context(), "eve"); !errors.Is(err, directory.ErrRoles) {
		t.Errorf("groups without a role: %+v, %v", p, err)
	}
}

// TestServers: what vouches for a server is the pinned CA and nothing else, and
// of several servers the first that answers counts.
func TestServers(t *testing.T) {
	s := slapdtest.Start(t)
	other := slapdtest.Certificates(t)
	expired := slapdtest.Start(t, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Hour) })
	elsewhere := slapdtest.Start(t, func(c *x509.Certificate) { c.DNSNames, c.IPAddresses = []string{"dc1.example.org"}, nil })
	for name, row := range map[string]struct {
		change func(*directory.Config)
		want   error
		words  string
	}{
		"another CA":          {func(c *directory.Config) { c.CA = other + "/ca.pem" }, directory.ErrUnreachable, "unknown authority"},
		"another CA, 389":     {func(c *directory.Config) { c.CA, c.Servers = other+"/ca.pem", []string{s.LDAP} }, directory.ErrUnreachable, "unknown authority"},
		"expired":             {func(c *directory.Config) { c.CA, c.Servers = expired.CA, []string{expired.LDAPS} }, directory.ErrUnreachable, "expired"},
		"another name":        {func(c *directory.Config) { c.CA, c.Servers = elsewhere.CA, []string{elsewhere.LDAPS} }, directory.ErrUnreachable, "127.0.0.1"},
		"nobody listens":      {func(c *directory.Config) { c.Servers = []string{"ldaps://127.0.0.1:1"} }, directory.ErrUnreachable, "refused"},
		"no such bind":        {func(c *directory.Config) { c.BindDN = slapdtest.Person("ada") }, directory.ErrSetup, "bind as uid=ada"},
		"no such base":        {func(c *directory.Config) { c.People.Base = "ou=none," + slapdtest.Suffix }, directory.ErrSetup, "No Such Object"},
		"no such group base":  {func(c *directory.Config) { c.Groups.Base = "ou=none," + slapdtest.Suffix }, directory.ErrSetup, "look for groups"},
		"a referral, as base": {func(c *directory.Config) { c.People.Base = "ou=elsewhere,ou=people," + slapdtest.Suffix }, directory.ErrSetup, "not followed"},
		"no lasting id":       {func(c *directory.Config) { c.People.ID = "description" }, directory.ErrSetup, "directory.people.id"},
	} {
		c := configFor(s)
		row.change(&c)
		if p, err := opened(t, c).Check(t.Context(), "ada", "ada-secret"); !errors.Is(err, row.want) || directory.Refused(err) || !strings.Contains(err.Error(), row.words) {
			t.Errorf("%s: %+v, %v; want %q", name, p, err, row.words)
		}
	}
	c := configFor(s)
	c.Servers = []string{"ldaps://127.0.0.1:1", expired.LDAPS, s.LDAP}
	if p, err := opened(t, c).Check(t.Context(), "ada", "ada-secret"); err != nil || p.Login != "ada" {
		t.Errorf("the third server: %+v, %v", p, err)
	}
	s.Stop()
	if _, err := opened(t, c).Check(t.Context(), "ada", "ada-secret"); !errors.Is(err, directory.ErrUnreachable) {
		t.Errorf("all are down: %v", err)
	}
	s.Restart(t)
	if _, err := opened(t, c).Check(t.Context(), "ada", "ada-secret"); err != nil {
		t.Errorf("it is back: %v", err)
	}
	none := func(context.Context, func([]byte) error) error { return errors.New("sealed") }
	d, err := directory.New(configFor(s), none)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Find(t.Context(), "ada"); err == nil || directory.Refused(err) || !strings.Contains(err.Error(), "sealed") {
		t.Errorf("without the password of the bind account: %v", err)
	}
	empty, err := directory.New(configFor(s), func(_ context.Context, use func([]byte) error) error { return use(nil) })
	if err != nil {
		t.Fatal(err)
	}
	if _, err := empty.Find(t.Context(), "ada"); !errors.Is(err, directory.ErrSetup) {
		t.Errorf("an empty password of the bind account: %v", err)
	}
}

// TestTry: each step is said, and the first that does not work with its cause.
func TestTry(t *testing.T) {
	s := slapdtest.Start(t)
	c := configFor(s)
	c.Servers = []string{"ldaps://127.0.0.1:1", s.LDAP}
	steps, err := opened(t, c).Try(t.Context(), "ada")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range steps {
		mark := " ok"
		if s.Err != nil {
			mark = " " + s.Err.Error()
		}
		got = append(got, s.What+mark)
	}
	want := []string{"connect dial tcp 127.0.0.1:1: connect: connection refused", "connect ok", "certificate ok", "bind ok", "person ok", "attributes ok", "groups ok", "roles ok"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	if last := steps[len(steps)-1]; last.Found != "user, approver" {
		t.Errorf("%+v", last)
	}
	for login, want := range map[string]string{"eve": "roles", "zoe": "person", "twin": "person"} {
		steps, err := opened(t, configFor(s)).Try(t.Context(), login)
		if last := steps[len(steps)-1]; err != nil || last.What != want || last.Err == nil {
			t.Errorf("%s: %+v, %v", login, last, err)
		}
	}
}
