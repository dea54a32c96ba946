package directory

import (
	"strings"
	"testing"
	"time"

	"skerry/appliance/policy"
)

func valid() Config {
	return Config{Servers: []string{"ldaps://dc1.example.org"}, CA: "/etc/skerry/ca.pem", BindDN: "cn=skerry,dc=example,dc=org",
		People: People{Base: "dc=example,dc=org"}, Groups: Groups{Base: "dc=example,dc=org"},
		Roles: map[string][]string{"cn=a,dc=example,dc=org": {policy.User}}}
}

func TestValidate(t *testing.T) {
	if err := valid().Validate(); err != nil {
		t.Fatal(err)
	}
	for name, row := range map[string]struct {
		change func(*Config)
		words  string
	}{
		"no server":            {func(c *Config) { c.Servers = nil }, "servers: there are 0"},
		"many servers":         {func(c *Config) { c.Servers = make([]string, 9) }, "may be 1 to 8"},
		"plain http":           {func(c *Config) { c.Servers = []string{"http://dc1"} }, "may begin with ldaps://"},
		"a path":               {func(c *Config) { c.Servers = []string{"ldaps://dc1/dc=x"} }, "is not like"},
		"a user":               {func(c *Config) { c.Servers = []string{"ldaps://a:b@dc1"} }, "is not like"},
		"no host":              {func(c *Config) { c.Servers = []string{"ldaps://"} }, "is not like"},
		"a socket":             {func(c *Config) { c.Servers = []string{"ldapi:///"} }, "is not like"},
		"no CA":                {func(c *Config) { c.CA = "" }, "no absolute path"},
		"no bind account":      {func(c *Config) { c.BindDN = "" }, "bindDN"},
		"a bind name":          {func(c *Config) { c.BindDN = "skerry" }, "bindDN"},
		"no base":              {func(c *Config) { c.People.Base = "" }, "people.base"},
		"two places":           {func(c *Config) { c.People.Filter = "(|(uid={login})(cn={login}))" }, "2 times"},
		"an attribute's name":  {func(c *Config) { c.People.Login = "uid)(x" }, "no name of an attribute"},
		"no groups":            {func(c *Config) { c.Groups = Groups{} }, "groups: needs base"},
		"both kinds of groups": {func(c *Config) { c.Groups.MemberOf = "memberOf" }, "stands alone"},
		"a group filter":       {func(c *Config) { c.Groups.Filter = "(member=x)" }, "0 times"},
		"no roles":             {func(c *Config) { c.Roles = nil }, "nobody could sign in"},
		"a group's name":       {func(c *Config) { c.Roles = map[string][]string{"admins": {policy.User}} }, "no distinguished name of a group"},
		"an unknown role":      {func(c *Config) { c.Roles = map[string][]string{"cn=a": {"root"}} }, "no role"},
		"no role of a group":   {func(c *Config) { c.Roles = map[string][]string{"cn=a": {}} }, "has none"},
		"auditor and admin":    {func(c *Config) { c.Roles = map[string][]string{"cn=a": {policy.Auditor, policy.Admin}} }, "cannot be"},
		"a service":            {func(c *Config) { c.Roles = map[string][]string{"cn=a": {policy.Service}} }, "no services"},
		"no time":              {func(c *Config) { c.Timeout = time.Millisecond }, "timeout"},
		"a day of trust":       {func(c *Config) { c.Recheck = 24 * time.Hour }, "recheck"},
	} {
		c := valid()
		row.change(&c)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), row.words) || !strings.Contains(err.Error(), "directory.") {
			t.Errorf("%s: got %v, want %q", name, err, row.words)
		}
	}
}

func TestParseServer(t *testing.T) {
	for text, want := range map[string]server{
		"ldaps://dc1.example.org":   {host: "dc1.example.org", address: "dc1.example.org:636"},
		"ldap://dc1.example.org/":   {host: "dc1.example.org", address: "dc1.example.org:389", startTLS: true},
		"ldaps://[2001:db8::1]:636": {host: "2001:db8::1", address: "[2001:db8::1]:636"},
		"ldap://127.0.0.1:1389":     {host: "127.0.0.1", address: "127.0.0.1:1389", startTLS: true},
	} {
		want.url = text
		if got, err := parseServer(text); err != nil || got != want {
			t.Errorf("%s: %+v, %v; want %+v", text, got, err, want)
		}
	}
}
