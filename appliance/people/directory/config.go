package directory

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"

	"skerry/appliance/policy"
)

// Config says where a directory is and what of it counts. Whoever may change it
// gives roles, so it is part of the host's configuration and not of the API.
type Config struct {
	// Servers are tried in this order: ldaps://HOST[:PORT], or ldap://HOST[:PORT],
	// which is asked for StartTLS before anything else is said.
	Servers []string `yaml:"servers"`

	// CA is a file of PEM certificates. Nothing else vouches for a server.
	CA string `yaml:"ca"`

	// BindDN looks people up; Secret names its password in the vault, empty =
	// [UsualSecret].
	BindDN string `yaml:"bindDN"`
	Secret string `yaml:"secret,omitempty"`

	People People `yaml:"people"`
	Groups Groups `yaml:"groups"`

	// Roles gives the members of a group, by its DN, roles.
	Roles map[string][]string `yaml:"roles"`

	// Timeout bounds all that is done with one server for one person; 0 = 5 s.
	Timeout time.Duration `yaml:"timeout,omitempty"`

	// Recheck is how long the word of the directory counts for somebody who is
	// signed in; 0 = 15 min.
	Recheck time.Duration `yaml:"recheck,omitempty"`
}

// People says how a person is found.
type People struct {
	Base   string `yaml:"base"`
	Filter string `yaml:"filter,omitempty"` // has {login} once; empty = (&(objectClass=person)(LOGIN={login})), LOGIN as the next says
	Login  string `yaml:"login,omitempty"`  // attribute; empty = uid
	Name   string `yaml:"name,omitempty"`   // attribute; empty = cn
	ID     string `yaml:"id,omitempty"`     // attribute that is never given to anybody else; empty = entryUUID
}

// Groups says how the groups of a person are found: in an attribute of theirs, or
// by a search.
type Groups struct {
	MemberOf string `yaml:"memberOf,omitempty"` // attribute of the person; empty = Base is searched
	Base     string `yaml:"base,omitempty"`
	Filter   string `yaml:"filter,omitempty"` // has {dn} once; empty = (&(objectClass=groupOfNames)(member={dn}))
	Nested   bool   `yaml:"nested,omitempty"` // groups of groups count, too: the same search for each group
}

// UsualSecret is the name of the bind account's password in the vault.
const UsualSecret = "directory.bind"

const (
	usualTimeout = 5 * time.Second
	usualRecheck = 15 * time.Minute
	maxServers   = 8
)

// full returns c with its defaults filled in.
func (c Config) full() Config {
	or := func(s *string, usual string) {
		if *s == "" {
			*s = usual
		}
	}
	or(&c.Secret, UsualSecret)
	or(&c.People.Login, "uid")
	or(&c.People.Name, "cn")
	or(&c.People.ID, "entryUUID")
	or(&c.People.Filter, "(&(objectClass=person)("+c.People.Login+"={login}))")
	or(&c.Groups.Filter, "(&(objectClass=groupOfNames)(member={dn}))")
	if c.Timeout == 0 {
		c.Timeout = usualTimeout
	}
	if c.Recheck == 0 {
		c.Recheck = usualRecheck
	}
	return c
}

// SecretName returns the name of the bind account's password in the vault.
func (c Config) SecretName() string { return c.full().Secret }

// Validate says everything that is wrong, or nil.
func (c Config) Validate() error {
	var problems []error
	wrong := func(format string, a ...any) { problems = append(problems, fmt.Errorf("directory."+format, a...)) }
	if len(c.Servers) == 0 || len(c.Servers) > maxServers {
		wrong("servers: there are %d, may be 1 to %d, like ldaps://dc1.example.org", len(c.Servers), maxServers)
	}
	for _, s := range c.Servers {
		if _, err := parseServer(s); err != nil {
			wrong("servers: %w", err)
		}
	}
	if !filepath.IsAbs(c.CA) {
		wrong("ca: %q is no absolute path of a PEM file; it is the only thing that vouches for a server", c.CA)
	}
	for key, dn := range map[string]string{"bindDN": c.BindDN, "people.base": c.People.Base} {
		if _, err := ldap.ParseDN(dn); err != nil || dn == "" {
			wrong("%s: %q is no distinguished name", key, dn)
		}
	}
	c.checkFilters(wrong)
	if len(c.Roles) == 0 {
		wrong("roles: no group gives a role, so nobody could sign in")
	}
	for _, group := range slices.Sorted(maps.Keys(c.Roles)) {
		if _, err := ldap.ParseDN(group); err != nil || group == "" {
			wrong("roles: %q is no distinguished name of a group", group)
		}
		if len(c.Roles[group]) == 0 {
			wrong("roles: %s has none", group)
		}
		if err := policy.CheckRoles(c.Roles[group]); err != nil {
			wrong("roles: %s: %w", group, err)
		}
		if slices.Contains(c.Roles[group], policy.Service) {
			wrong("roles: %s: people are no services", group)
		}
	}
	if t := c.Timeout; t != 0 && (t < 100*time.Millisecond || t > 30*time.Second) {
		wrong("timeout: is %s, may be 100ms to 30s", t)
	}
	if t := c.Recheck; t != 0 && (t < time.Minute || t > 12*time.Hour) {
		wrong("recheck: is %s, may be 1m to 12h", t)
	}
	return errors.Join(problems...)
}

func (c Config) checkFilters(wrong func(string, ...any)) {
	f := c.full()
	for key, a := range map[string]string{"people.login": f.People.Login, "people.name": f.People.Name, "people.id": f.People.ID} {
		if !isAttribute(a) {
			wrong("%s: %q is no name of an attribute", key, a)
		}
	}
	if _, err := parseFilter(f.People.Filter, placeLogin); err != nil {
		wrong("people.filter: %w", err)
	}
	switch g := c.Groups; {
	case g.MemberOf == "" && g.Base == "":
		wrong("groups: needs base, where groups are searched, or memberOf, the attribute of a person that names them")
	case g.MemberOf != "" && (g.Base != "" || g.Filter != "" || g.Nested):
		wrong("groups: memberOf stands alone; groups of groups need base and nested")
	case g.MemberOf != "" && !isAttribute(g.MemberOf):
		wrong("groups.memberOf: %q is no name of an attribute", g.MemberOf)
	case g.MemberOf == "":
		if _, err := ldap.ParseDN(g.Base); err != nil {
			wrong("groups.base: %q is no distinguished name", g.Base)
		}
		if _, err := parseFilter(f.Groups.Filter, placeDN); err != nil {
			wrong("groups.filter: %w", err)
		}
	}
}

// isAttribute reports whether s is the name of an attribute (RFC 4512, section
// 1.4), without options.
func isAttribute(s string) bool {
	for i, r := range s {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		if !letter && (i == 0 || r != '-' && (r < '0' || r > '9')) {
			return false
		}
	}
	return s != ""
}

// server is where a directory listens.
type server struct {
	url, host, address string
	startTLS           bool
}

func parseServer(s string) (server, error) {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.Hostname() == "" || strings.TrimSuffix(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return server{}, fmt.Errorf("%q is not like ldaps://dc1.example.org:636", s)
	}
	out := server{url: s, host: u.Hostname()}
	port := u.Port()
	switch u.Scheme {
	case "ldaps":
		if port == "" {
			port = "636"
		}
	case "ldap":
		out.startTLS = true
		if port == "" {
			port = "389"
		}
	default:
		return server{}, fmt.Errorf("%q: may begin with ldaps:// or, for StartTLS, ldap://", s)
	}
	out.address = net.JoinHostPort(out.host, port)
	return out, nil
}
