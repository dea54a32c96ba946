package tlsca

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"
)

var now = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

func made(t *testing.T, names ...string) *Authority {
	t.Helper()
	a, err := New(names, now)
	if err != nil {
		t.Fatal(err)
	}
	text, err := a.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	again, err := Parse(text)
	if err != nil || !again.Certificate.Equal(a.Certificate) {
		t.Fatalf("written and read: %v", err)
	}
	return again
}

// verify asks the verifier of Go, as a client that trusts the CA would.
func verify(a *Authority, leaf *x509.Certificate, name string, at time.Time, between ...*x509.Certificate) error {
	roots, chain := x509.NewCertPool(), x509.NewCertPool()
	roots.AddCert(a.Certificate)
	for _, c := range between {
		chain.AddCert(c)
	}
	_, err := leaf.Verify(x509.VerifyOptions{Roots: roots, Intermediates: chain, DNSName: name, CurrentTime: at})
	return err
}

// TestIssue: what the CA issues holds for its names, and ends in time.
func TestIssue(t *testing.T) {
	a := made(t, "Skerry.Example.", "192.0.2.7", "2001:db8::7")
	text, err := a.Issue([]string{"skerry.example", "192.0.2.7", "2001:db8::7"}, now)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := Load(text, text)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"skerry.example", "192.0.2.7", "2001:db8::7", "localhost", "127.0.0.1", "::1"} {
		if err := verify(a, pair.Leaf, name, now); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, name := range []string{"other.example", "192.0.2.8", "example", "127.0.0.2"} {
		if verify(a, pair.Leaf, name, now) == nil {
			t.Errorf("%s passes", name)
		}
	}
	if life := pair.Leaf.NotAfter.Sub(pair.Leaf.NotBefore); life > 397*24*time.Hour {
		t.Errorf("it lives %s", life)
	}
	if verify(a, pair.Leaf, "localhost", pair.Leaf.NotAfter.Add(time.Second)) == nil {
		t.Error("it passes after its end")
	}
	if pair.Leaf.IsCA || pair.Leaf.KeyUsage&x509.KeyUsageCertSign != 0 {
		t.Error("the certificate may sign others")
	}
	if !Covers(pair.Leaf, []string{"SKERRY.example"}) || Covers(pair.Leaf, []string{"skerry.example", "new.example"}) || Covers(pair.Leaf, []string{"a b"}) {
		t.Error("which names it covers")
	}
	if f := Fingerprint(pair.Leaf); len(f) != 95 || strings.ToUpper(f) != f {
		t.Errorf("fingerprint %s", f)
	}
	last, err := a.Issue([]string{"localhost"}, a.Certificate.NotAfter.Add(-time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	if p, err := Load(last, last); err != nil || p.Leaf.NotAfter.After(a.Certificate.NotAfter) {
		t.Errorf("it outlives its CA: %v", err)
	}
}

// TestNameConstraints: whoever gets hold of the CA's key cannot use it for
// anything but this site, not with a CA between either. The negative control is
// the same with a name of the site.
func TestNameConstraints(t *testing.T) {
	a := made(t, "skerry.example")
	if !a.Certificate.PermittedDNSDomainsCritical || !a.Certificate.MaxPathLenZero {
		t.Error("the constraints are not critical, or it may make other CAs")
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	stolen := func(t *testing.T, change func(*x509.Certificate), by *x509.Certificate, with *ecdsa.PrivateKey) *x509.Certificate {
		t.Helper()
		c := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: now, NotAfter: now.Add(time.Hour), BasicConstraintsValid: true, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
		change(c)
		der, err := x509.CreateCertificate(rand.Reader, c, by, &key.PublicKey, with)
		if err != nil {
			t.Fatal(err)
		}
		leaf, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		return leaf
	}
	named := func(n string) func(*x509.Certificate) { return func(c *x509.Certificate) { c.DNSNames = []string{n} } }
	if err := verify(a, stolen(t, named("skerry.example"), a.Certificate, a.key), "skerry.example", now); err != nil {
		t.Errorf("negative control: %v", err)
	}
	for _, name := range []string{"bank.example", "example", "xskerry.example"} {
		if verify(a, stolen(t, named(name), a.Certificate, a.key), name, now) == nil {
			t.Errorf("a certificate for %s passes", name)
		}
	}
	ip := stolen(t, func(c *x509.Certificate) { c.IPAddresses = []net.IP{{192, 0, 2, 9}} }, a.Certificate, a.key)
	if verify(a, ip, "192.0.2.9", now) == nil {
		t.Error("a certificate for another address passes")
	}
	between := stolen(t, func(c *x509.Certificate) { c.IsCA, c.KeyUsage = true, x509.KeyUsageCertSign }, a.Certificate, a.key)
	if verify(a, stolen(t, named("skerry.example"), between, key), "skerry.example", now, between) == nil {
		t.Error("a CA below the CA passes")
	}
	if _, err := a.Issue([]string{"bank.example"}, now); !errors.Is(err, ErrNames) {
		t.Errorf("issue for another name: %v", err)
	}
}

// TestNames: what is no name is refused in words.
func TestNames(t *testing.T) {
	for name, want := range map[string]string{
		"0.0.0.0": "every address", "::": "every address", "fe80::1%eth0": "zone", "https://a": "neither", "a:8443": "neither", "a b": "neither", "": "neither", "*.a": "neither",
		"-a": "neither", strings.Repeat("a", 64): "neither", strings.Repeat("a.", 130) + "a": "neither", "münchen": "neither",
	} {
		if _, _, err := Names([]string{name}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", name, err, want)
		}
	}
	hosts, ips, err := Names([]string{"A.example", "a.example.", "::ffff:192.0.2.1", "192.0.2.1"})
	if err != nil || len(hosts) != 1 || hosts[0] != "a.example" || len(ips) != 1 {
		t.Errorf("%v %v %v", hosts, ips, err)
	}
	if _, err := New(nil, now); err == nil || !strings.Contains(err.Error(), "needs a name") {
		t.Errorf("without a name: %v", err)
	}
}

// TestParse: what is no CA is none.
func TestParse(t *testing.T) {
	a := made(t, "skerry.example")
	leaf, err := a.Issue([]string{"skerry.example"}, now)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{"nothing": nil, "a certificate that is no CA": leaf, "a CA without its key": PEM(a.Certificate)} {
		if _, err := Parse(text); err == nil {
			t.Errorf("%s passes", name)
		}
	}
	other, err := made(t, "skerry.example").Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Load(leaf, other); err == nil || !strings.Contains(err.Error(), "does not match") {
		t.Errorf("a pair that does not match: %v", err)
	}
}
