package directory

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"unicode"
	"unicode/utf8"

	"github.com/go-ldap/ldap/v3"
)

// Bounds of what a server may say.
const (
	maxAnswer   = 4 << 20 // bytes on one connection
	maxGroups   = 500     // of one person
	maxSearches = 100     // for groups of groups
	maxName     = 120     // characters
	maxID       = 128     // characters
)

// step is told of each thing that has been done with a server.
type step func(what, found string, err error)

func silent(string, string, error) {}

// link is a connection that the bind account has opened.
type link struct {
	d    *Directory
	conn *ldap.Conn
	stop func() bool
}

// open connects to a server, proves who it is, and binds. All that is done with
// the link ends when the time for one server is over.
func (d *Directory) open(ctx context.Context, s server, say step) (_ *link, err error) {
	dialing, done := context.WithTimeout(ctx, d.config.Timeout)
	defer done()
	raw, err := (&net.Dialer{}).DialContext(dialing, "tcp", s.address)
	say("connect", s.address, err)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	if err := raw.SetDeadline(d.now().Add(d.config.Timeout)); err != nil {
		return nil, errors.Join(err, raw.Close())
	}
	// The deadline ends what hangs; this ends it when the caller goes away.
	stop := context.AfterFunc(ctx, func() { _ = raw.Close() })
	conn, err := d.secure(dialing, &boundedConn{Conn: raw}, s)
	if err != nil {
		say("certificate", "", err)
		stop()
		_ = raw.Close() // the error of before says more
		return nil, fmt.Errorf("%w: TLS: %w", ErrUnreachable, err)
	}
	l := &link{d: d, conn: conn, stop: stop}
	say("certificate", vouched(conn), nil)
	err = d.secret(ctx, func(password []byte) error {
		if len(password) == 0 {
			return fmt.Errorf("%w: the password of the bind account is empty", ErrSetup)
		}
		return l.conn.Bind(d.config.BindDN, string(password))
	})
	say("bind", d.config.BindDN, err)
	if err != nil {
		defer l.close()
		return nil, fault("bind as "+d.config.BindDN, err)
	}
	return l, nil
}

// secure turns a connection into one that only a server can read which the CA
// vouches for. Nothing is said before that but the wish for it.
func (d *Directory) secure(ctx context.Context, raw net.Conn, s server) (*ldap.Conn, error) {
	with := &tls.Config{RootCAs: d.roots, ServerName: s.host, MinVersion: tls.VersionTLS12}
	if s.startTLS {
		conn := ldap.NewConn(raw, false)
		conn.Start()
		conn.SetTimeout(d.config.Timeout)
		if err := conn.StartTLS(with); err != nil {
			_ = conn.Close() // which ends its goroutines
			return nil, err
		}
		return conn, nil
	}
	secured := tls.Client(raw, with)
	if err := secured.HandshakeContext(ctx); err != nil {
		return nil, err
	}
	conn := ldap.NewConn(secured, true)
	conn.Start()
	conn.SetTimeout(d.config.Timeout)
	return conn, nil
}

func (l *link) close() {
	l.stop()
	_ = l.conn.Close() // nothing was written that has to arrive
}

// vouched says which certificate the server has shown.
func vouched(c *ldap.Conn) string {
	state, ok := c.TLSConnectionState()
	if !ok || len(state.PeerCertificates) == 0 {
		return ""
	}
	cert := state.PeerCertificates[0]
	return fmt.Sprintf("%s, by %s, until %s", subject(cert), cert.Issuer, cert.NotAfter.UTC().Format("2006-01-02"))
}

func subject(c *x509.Certificate) string {
	if len(c.DNSNames) > 0 {
		return strings.Join(c.DNSNames, ", ")
	}
	return c.Subject.String()
}

// fault says what went wrong with a server, not with a person.
func fault(what string, err error) error {
	if errors.Is(err, ErrSetup) {
		return fmt.Errorf("%s: %w", what, err)
	}
	kind := ErrUnreachable
	var said *ldap.Error
	if errors.As(err, &said) && said.ResultCode < ldap.ErrorNetwork && said.ResultCode != ldap.LDAPResultBusy && said.ResultCode != ldap.LDAPResultUnavailable {
		kind = ErrSetup
	}
	if said != nil && said.ResultCode == ldap.LDAPResultReferral {
		err = fmt.Errorf("it refers to another server, which is not followed: %w", err)
	}
	return fmt.Errorf("%w: %s: %w", kind, what, err)
}

// person returns the one entry that has the login; its groups and roles are
// still to be found.
func (l *link) person(login string) (Person, error) {
	c := l.d.config.People
	attributes := []string{c.Login, c.Name, c.ID}
	if m := l.d.config.Groups.MemberOf; m != "" {
		attributes = append(attributes, m)
	}
	// Two would be too many already.
	found, err := l.search(c.Base, 2, l.d.people.fill(login), attributes)
	switch {
	case ldap.IsErrorWithCode(err, ldap.LDAPResultSizeLimitExceeded):
		return Person{}, ErrSeveral
	case err != nil:
		return Person{}, fault("look for the person in "+c.Base, err)
	case len(found) == 0:
		return Person{}, ErrUnknown
	case len(found) > 1:
		return Person{}, ErrSeveral
	}
	e := found[0]
	p := Person{DN: e.DN, ID: plain(e.GetEqualFoldRawAttributeValue(c.ID)), Name: strings.TrimSpace(e.GetEqualFoldAttributeValue(c.Name))}
	if logins := e.GetEqualFoldAttributeValues(c.Login); slices.ContainsFunc(logins, func(s string) bool { return sameLogin(s, login) }) {
		p.Login = login
	}
	switch {
	case p.Login == "" || e.DN == "":
		return Person{}, ErrUnknown
	case p.ID == "" || len(p.ID) > maxID:
		return Person{}, fmt.Errorf("%w: %s has no %s that tells it from all others; set directory.people.id", ErrSetup, e.DN, c.ID)
	}
	if p.Name = readable(p.Name); p.Name == "" {
		p.Name = p.Login
	}
	if m := l.d.config.Groups.MemberOf; m != "" {
		p.Groups = e.GetEqualFoldAttributeValues(m)
	}
	return p, nil
}

// groups returns the groups of a person, and the groups of those if they count.
func (l *link) groups(p Person) ([]string, error) {
	c := l.d.config.Groups
	if c.MemberOf != "" {
		return p.Groups, nil
	}
	var all []string
	seen := map[string]bool{}
	for open, searches := []string{p.DN}, 0; len(open) > 0; searches++ {
		if searches == maxSearches {
			return nil, fmt.Errorf("%w: more than %d groups of groups; give a narrower directory.groups.filter", ErrSetup, maxSearches)
		}
		of := open[0]
		open = open[1:]
		found, err := l.search(c.Base, maxGroups, l.d.groups.fill(of), []string{"1.1"}) // no attributes (RFC 4511, section 4.5.1.8)
		if err != nil {
			return nil, fault("look for groups in "+c.Base, err)
		}
		for _, g := range found {
			key := strings.ToLower(g.DN)
			if seen[key] {
				continue
			}
			seen[key] = true
			all = append(all, g.DN)
			if c.Nested {
				open = append(open, g.DN)
			}
		}
		if len(all) > maxGroups {
			return nil, fmt.Errorf("%w: more than %d groups; give a narrower directory.groups.filter", ErrSetup, maxGroups)
		}
	}
	return all, nil
}

// search looks below base. Aliases and referrals are not followed.
func (l *link) search(base string, most int, filter string, attributes []string) ([]*ldap.Entry, error) {
	r := ldap.NewSearchRequest(base, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, most, int(max(1, l.d.config.Timeout.Seconds())), false, filter, attributes, nil)
	found, err := l.conn.Search(r)
	if err != nil {
		return nil, err
	}
	return found.Entries, nil
}

// checkPassword binds as the person. The link is of no other use afterwards.
// Whatever is neither yes nor trouble with the server means no.
func (l *link) checkPassword(dn, password string) error {
	if dn == "" || password == "" {
		return ErrPassword
	}
	err := l.conn.Bind(dn, password)
	var said *ldap.Error
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &said) || said.ResultCode >= ldap.ErrorNetwork || said.ResultCode == ldap.LDAPResultBusy || said.ResultCode == ldap.LDAPResultUnavailable:
		return fmt.Errorf("%w: while the password was asked: %w", ErrUnreachable, err)
	}
	return ErrPassword
}

// plain returns an identifier as text: as it is if it can be read, else in hex,
// as Active Directory's objectGUID.
func plain(b []byte) string {
	if s := string(b); utf8.ValidString(s) && strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) < 0 {
		return s
	}
	return hex.EncodeToString(b)
}

// readable returns a name that may be shown: one line, not too long.
func readable(s string) string {
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
	if runes := []rune(s); len(runes) > maxName {
		s = string(runes[:maxName])
	}
	return strings.TrimSpace(s)
}

// boundedConn is a connection that reads so much and no more.
type boundedConn struct {
	net.Conn
	read atomic.Int64
}

var errTooMuch = errors.New("the server says more than it is listened to")

func (c *boundedConn) Read(b []byte) (int, error) {
	if c.read.Load() > maxAnswer {
		return 0, errTooMuch
	}
	n, err := c.Conn.Read(b)
	c.read.Add(int64(n))
	return n, err
}
