// Package directory asks an LDAP directory, OpenLDAP or Active Directory, who
// somebody is, whether a password is theirs, and which groups they are in. It
// keeps nothing: every answer is the directory's of that moment, over TLS that
// one pinned CA vouches for. What roles somebody gets from it is configuration.
// Start with [Directory.Check].
package directory

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"

	"skerry/appliance/policy"
)

// Person is somebody as the directory knows them now.
type Person struct {
	ID     string   // never given to anybody else
	Login  string   // lower case
	Name   string   // for people
	DN     string   // of the entry
	Groups []string // DNs, of all that were found
	Roles  []string // that the groups give; at least one
}

// What a directory can have against somebody. They are told nothing of it.
var (
	ErrUnknown  = errors.New("the directory has no such person")
	ErrSeveral  = errors.New("more than one person has this login")
	ErrPassword = errors.New("the directory refuses the password")
	ErrRoles    = errors.New("the groups of this person give no role that can be used")
)

// What can be wrong with a directory.
var (
	// ErrUnreachable: no server has answered as it should.
	ErrUnreachable = errors.New("the directory cannot be asked")
	// ErrSetup: a server answers, and not to what is configured.
	ErrSetup = errors.New("the directory does not fit the configuration")
)

// Refused reports whether err says something about the person, so that whoever
// they are, they are not let in; any other error says something about the
// directory.
func Refused(err error) bool {
	return errors.Is(err, ErrUnknown) || errors.Is(err, ErrSeveral) || errors.Is(err, ErrPassword) || errors.Is(err, ErrRoles)
}

// Secret calls use with the password of the bind account.
type Secret func(ctx context.Context, use func(password []byte) error) error

// Directory asks one. It is safe for concurrent use.
type Directory struct {
	config  Config // with its defaults
	servers []server
	roots   *x509.CertPool
	secret  Secret
	people  filter
	groups  filter
	roles   []granted
	slots   chan struct{}
	now     func() time.Time
}

// granted is what membership of a group gives.
type granted struct {
	group *ldap.DN
	roles []string
}

// askedAtOnce bounds the connections to the directory.
const askedAtOnce = 8

// New returns the directory of a valid configuration. It reads the CA, and asks
// nobody.
func New(c Config, secret Secret) (*Directory, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	c = c.full()
	pem, err := os.ReadFile(c.CA)
	if err != nil {
		return nil, fmt.Errorf("directory.ca: %w", err)
	}
	d := &Directory{config: c, roots: x509.NewCertPool(), secret: secret, slots: make(chan struct{}, askedAtOnce), now: time.Now}
	if !d.roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("directory.ca: %s holds no PEM certificate", c.CA)
	}
	for _, s := range c.Servers {
		one, err := parseServer(s)
		if err != nil {
			return nil, err
		}
		d.servers = append(d.servers, one)
	}
	if d.people, err = parseFilter(c.People.Filter, placeLogin); err != nil {
		return nil, err
	}
	if c.Groups.MemberOf == "" {
		if d.groups, err = parseFilter(c.Groups.Filter, placeDN); err != nil {
			return nil, err
		}
	}
	for group, roles := range c.Roles {
		dn, err := ldap.ParseDN(group)
		if err != nil {
			return nil, err
		}
		d.roles = append(d.roles, granted{dn, roles})
	}
	return d, nil
}

// Recheck returns how long an answer counts.
func (d *Directory) Recheck() time.Duration { return d.config.Recheck }

// Find returns who has the login, or an error for which [Refused] holds, or one
// that wraps [ErrUnreachable] or [ErrSetup].
func (d *Directory) Find(ctx context.Context, login string) (Person, error) {
	return d.ask(ctx, login, nil)
}

// Check is [Directory.Find] for somebody who has given a password, which is
// asked of the directory, too. An empty one is refused without asking anybody:
// many servers take a bind without a password for one by nobody, and let it
// succeed (RFC 4513, section 5.1.2).
func (d *Directory) Check(ctx context.Context, login, password string) (Person, error) {
	if password == "" {
		return Person{}, ErrPassword
	}
	return d.ask(ctx, login, &password)
}

// ask asks the servers in turn until one answers. password is nil where none is
// to be checked.
func (d *Directory) ask(ctx context.Context, login string, password *string) (Person, error) {
	if login == "" {
		return Person{}, ErrUnknown
	}
	select {
	case d.slots <- struct{}{}:
		defer func() { <-d.slots }()
	case <-ctx.Done():
		return Person{}, ctx.Err()
	}
	var failed []error
	for _, s := range d.servers {
		p, again, err := d.askOne(ctx, s, login, password)
		if err == nil || Refused(err) {
			return p, err
		}
		failed = append(failed, fmt.Errorf("%s: %w", s.url, err))
		if !again || ctx.Err() != nil {
			break
		}
	}
	return Person{}, errors.Join(failed...)
}

// askOne asks one server. again = another one may be asked: the person's
// password has not been sent, which would count twice.
func (d *Directory) askOne(ctx context.Context, s server, login string, password *string) (_ Person, again bool, err error) {
	l, err := d.open(ctx, s, silent)
	if err != nil {
		return Person{}, true, err
	}
	defer l.close()
	p, err := l.person(login)
	if err != nil {
		return Person{}, true, err
	}
	if p.Groups, err = l.groups(p); err != nil {
		return Person{}, true, err
	}
	if password != nil {
		if err := l.checkPassword(p.DN, *password); err != nil {
			return Person{}, false, err
		}
	}
	if p.Roles, err = d.rolesOf(p.Groups); err != nil {
		return Person{}, false, err
	}
	return p, false, nil
}

// rolesOf returns the roles that groups give, in the order of [policy.Roles].
func (d *Directory) rolesOf(groups []string) ([]string, error) {
	var have []string
	for _, g := range groups {
		dn, err := ldap.ParseDN(g)
		if err != nil {
			continue // a name that nothing can be given to
		}
		for _, r := range d.roles {
			if r.group.EqualFold(dn) {
				have = append(have, r.roles...)
			}
		}
	}
	var roles []string
	for _, r := range policy.Roles() {
		if slices.Contains(have, r) {
			roles = append(roles, r)
		}
	}
	if len(roles) == 0 {
		return nil, ErrRoles
	}
	if err := policy.CheckRoles(roles); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRoles, err)
	}
	return roles, nil
}

// sameLogin reports whether an entry's login is the one that was asked for:
// comparisons of a directory may ignore spaces and more than case.
func sameLogin(entry, asked string) bool { return strings.ToLower(entry) == asked }
