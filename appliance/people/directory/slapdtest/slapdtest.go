// Package slapdtest starts a real slapd (Debian: slapd) on loopback for tests,
// with a CA, certificates and entries of its own, and stops it with the test.
package slapdtest

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"
)

// What every server starts with; see entries.ldif.
const (
	Suffix   = "dc=example,dc=org"
	BindDN   = "cn=skerry,ou=services," + Suffix
	BindPass = "bind-secret"
	rootDN   = "cn=root," + Suffix
	rootPass = "root-secret"
)

// Server is a slapd that listens on loopback.
type Server struct {
	LDAPS, LDAP string // URLs; the second takes StartTLS
	CA          string // file of the CA that has signed its certificate
	Dir         string // with everything of it

	child *exec.Cmd
	done  chan struct{}
}

// T is the part of a test that is needed.
type T interface {
	Helper()
	TempDir() string
	Fatal(...any)
	Cleanup(func())
}

// Start starts a server with the usual entries. change may alter its
// certificate.
func Start(t T, change ...func(*x509.Certificate)) *Server {
	t.Helper()
	s, err := Run(t.TempDir(), change...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return s
}

// Run is [Start] for what is no test; it leaves its files in dir.
func Run(dir string, change ...func(*x509.Certificate)) (*Server, error) {
	slapd, err := find("slapd")
	if err != nil {
		return nil, err
	}
	slapadd, err := find("slapadd")
	if err != nil {
		return nil, err
	}
	s := &Server{Dir: dir, CA: filepath.Join(dir, "ca.pem")}
	if err := makeCertificates(dir, change...); err != nil {
		return nil, err
	}
	if err := os.Mkdir(filepath.Join(dir, "db"), 0o700); err != nil {
		return nil, err
	}
	conf := filepath.Join(dir, "slapd.conf")
	entriesFile := filepath.Join(dir, "entries.ldif")
	if err := errors.Join(os.WriteFile(conf, []byte(strings.ReplaceAll(config, "DIR", dir)), 0o600), os.WriteFile(entriesFile, []byte(entries), 0o600)); err != nil {
		return nil, err
	}
	if out, err := exec.Command(slapadd, "-f", conf, "-l", entriesFile).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("slapadd: %w\n%s", err, out)
	}
	// Between finding a port and taking it somebody else may.
	for range 5 {
		if err = s.listen(slapd, conf); err == nil {
			return s, nil
		}
	}
	return nil, err
}

// find looks where Debian puts it, too, which need not be on the PATH.
func find(name string) (string, error) {
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	path := "/usr/sbin/" + name
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("there is no %s: these tests run against a real one; install it with: make needs (Debian: apt-get install slapd)", name)
	}
	return path, nil
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

func (s *Server) listen(slapd, conf string) error {
	plain, err := freePort()
	if err != nil {
		return err
	}
	secured, err := freePort()
	if err != nil {
		return err
	}
	s.LDAP, s.LDAPS = fmt.Sprintf("ldap://127.0.0.1:%d", plain), fmt.Sprintf("ldaps://127.0.0.1:%d", secured)
	return s.run(slapd, conf)
}

func (s *Server) run(slapd, conf string) error {
	var out strings.Builder
	s.child = exec.Command(slapd, "-d", "0", "-f", conf, "-h", s.LDAP+" "+s.LDAPS)
	s.child.Stdout, s.child.Stderr = &out, &out
	if err := s.child.Start(); err != nil {
		return err
	}
	s.done = make(chan struct{})
	go func() { _ = s.child.Wait(); close(s.done) }()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); {
		select {
		case <-s.done:
			return fmt.Errorf("slapd has ended: %s", out.String())
		case <-time.After(20 * time.Millisecond):
		}
		c, err := s.root()
		if err == nil {
			return c.Close()
		}
	}
	s.Stop()
	return errors.New("slapd does not answer")
}

// Stop ends the server.
func (s *Server) Stop() {
	_ = s.child.Process.Kill() // it may have ended
	<-s.done
}

// Restart starts a server that was stopped where it was, with what it had.
func (s *Server) Restart(t T) {
	t.Helper()
	slapd, err := find("slapd")
	if err == nil {
		err = s.run(slapd, filepath.Join(s.Dir, "slapd.conf"))
	}
	if err != nil {
		t.Fatal(err)
	}
}

func (s *Server) root() (*ldap.Conn, error) {
	pem, err := os.ReadFile(s.CA)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	// Whatever is the matter with the certificate is the subject of tests.
	c, err := ldap.DialURL(s.LDAPS, ldap.DialWithTLSConfig(&tls.Config{RootCAs: pool, InsecureSkipVerify: true}))
	if err != nil {
		return nil, err
	}
	if err := c.Bind(rootDN, rootPass); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// Change changes an entry as its administrator would.
func (s *Server) Change(t T, dn string, change func(*ldap.ModifyRequest)) {
	t.Helper()
	c, err := s.root()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }() // nothing is left to arrive
	r := ldap.NewModifyRequest(dn, nil)
	change(r)
	if err := c.Modify(r); err != nil {
		t.Fatal(err)
	}
}

// Remove removes an entry.
func (s *Server) Remove(t T, dn string) {
	t.Helper()
	c, err := s.root()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }() // nothing is left to arrive
	if err := c.Del(ldap.NewDelRequest(dn, nil)); err != nil {
		t.Fatal(err)
	}
}

// Add adds an entry; attributes are name, value, name, value.
func (s *Server) Add(t T, dn string, attributes ...string) {
	t.Helper()
	c, err := s.root()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }() // nothing is left to arrive
	r := ldap.NewAddRequest(dn, nil)
	for i := 0; i+1 < len(attributes); i += 2 {
		r.Attribute(attributes[i], []string{attributes[i+1]})
	}
	if err := c.Add(r); err != nil {
		t.Fatal(err)
	}
}

// Person and Group return DNs of the usual entries.
func Person(login string) string { return "uid=" + login + ",ou=people," + Suffix }

// Group returns the DN of a group.
func Group(name string) string { return "cn=" + name + ",ou=groups," + Suffix }
