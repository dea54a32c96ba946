package clientcert

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var start = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

// party has a certificate and its key.
type party struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// issue makes a certificate by a CA; by itself if by is nil.
func issue(t testing.TB, by *party, change func(*x509.Certificate)) *party {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(2), NotBefore: start.AddDate(-1, 0, 0), NotAfter: start.AddDate(1, 0, 0), BasicConstraintsValid: true,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	change(c)
	if c.IsCA {
		c.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	}
	parent, signer := c, key
	if by != nil {
		parent, signer = by.cert, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &party{cert, key}
}

func ca(name string) func(*x509.Certificate) {
	return func(c *x509.Certificate) {
		c.SerialNumber, c.IsCA, c.Subject = big.NewInt(1), true, pkix.Name{CommonName: name}
	}
}

func person(serial int64) func(*x509.Certificate) {
	return func(c *x509.Certificate) {
		c.SerialNumber, c.Subject = big.NewInt(serial), pkix.Name{CommonName: "Ada Winter"}
	}
}

// crl makes a list by a CA that revokes serials.
func crl(t testing.TB, by *party, from, to time.Time, serials ...int64) []byte {
	t.Helper()
	l := &x509.RevocationList{Number: big.NewInt(from.Unix()), ThisUpdate: from, NextUpdate: to}
	for _, s := range serials {
		l.RevokedCertificateEntries = append(l.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: big.NewInt(s), RevocationTime: from})
	}
	der, err := x509.CreateRevocationList(rand.Reader, l, by.cert, by.key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// site is a verifier over files, and its clock.
type site struct {
	*Verifier
	dir string
	now time.Time
}

func newSite(t *testing.T, roots ...*party) *site {
	t.Helper()
	s := &site{dir: t.TempDir(), now: start}
	var text []byte
	for _, r := range roots {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: r.cert.Raw})...)
	}
	s.put(t, "../ca.pem", text)
	if err := os.Mkdir(filepath.Join(s.dir, "crls"), 0o700); err != nil {
		t.Fatal(err)
	}
	v, err := Open(Options{CA: filepath.Join(s.dir, "ca.pem"), CRLs: []string{filepath.Join(s.dir, "crls")}, Grace: 7 * 24 * time.Hour, Now: func() time.Time { return s.now }})
	if err != nil {
		t.Fatal(err)
	}
	s.Verifier = v
	return s
}

func (s *site) put(t *testing.T, name string, text []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, "crls", name), text, 0o600); err != nil {
		t.Fatal(err)
	}
	if s.Verifier == nil {
		return
	}
	if err := s.Reload(); err != nil {
		t.Fatal(err)
	}
}

func chain(parties ...*party) [][]*x509.Certificate {
	var c []*x509.Certificate
	for _, p := range parties {
		c = append(c, p.cert)
	}
	return [][]*x509.Certificate{c}
}

func want(t *testing.T, what string, err error, text string) {
	t.Helper()
	if (err == nil) != (text == "") || err != nil && !strings.Contains(err.Error(), text) {
		t.Errorf("%s: %v, want %q", what, err, text)
	}
}

// TestCheck: a certificate is let in when a list of its issuer that holds says
// nothing of it, at each place of the chain, and never else.
func TestCheck(t *testing.T) {
	root := issue(t, nil, ca("Root"))
	middle := issue(t, root, func(c *x509.Certificate) { ca("Middle")(c); c.SerialNumber = big.NewInt(7) })
	ada := issue(t, middle, person(42))
	whole := chain(ada, middle, root)
	s := newSite(t, root)
	want(t, "no list", s.Check(whole), "no CRL of CN=Middle")
	want(t, "what people are told then", s.Problem(), "no CRL")
	week := start.AddDate(0, 0, 7)
	s.put(t, "middle.crl", crl(t, middle, start, week, 41, 43))
	want(t, "no list of the root", s.Check(whole), "no CRL of CN=Root")
	s.put(t, "root.crl", crl(t, root, start, week))
	want(t, "all lists", s.Check(whole), "")
	want(t, "what people are told then", s.Problem(), "")
	want(t, "no chain", s.Check(nil), "no verified")
	want(t, "its own CA", s.Check(chain(root)), "its own CA")

	s.now = start.Add(-time.Second)
	want(t, "before its time", s.Check(whole), "to come")
	s.now = week.AddDate(0, 0, 7)
	want(t, "the last day of grace", s.Check(whole), "")
	want(t, "what people are told then", s.Problem(), "should have been replaced")
	s.now = s.now.Add(time.Second)
	want(t, "after the grace", s.Check(whole), "should have been replaced on 2026-12-05")
	s.now = start.AddDate(1, 0, 1)
	want(t, "after the end of the certificate", s.Check(whole), "has expired")
	s.now = start

	// A list that another has signed under that name counts for nothing.
	forger := issue(t, nil, ca("Middle"))
	s.put(t, "forged.crl", crl(t, forger, start.Add(time.Hour), week.AddDate(1, 0, 0)))
	s.now = start.Add(2 * time.Hour)
	want(t, "a forged list beside", s.Check(whole), "")
	if err := os.Remove(filepath.Join(s.dir, "crls", "middle.crl")); err != nil {
		t.Fatal(err)
	}
	if err := s.Reload(); err != nil {
		t.Fatal(err)
	}
	want(t, "a forged list alone", s.Check(whole), "no CRL of CN=Middle")

	// The newest of several decides.
	s.put(t, "a.crl", crl(t, middle, start, week))
	s.put(t, "b.pem", pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: crl(t, middle, start.Add(time.Hour), week, 42)}))
	want(t, "revoked", s.Check(whole), "Ada Winter was revoked by CN=Middle")
	s.now = week.AddDate(0, 0, 60)
	want(t, "revoked, by a list that is old", s.Check(whole), "revoked")
	s.now = start.Add(2 * time.Hour)
	if err := os.Remove(filepath.Join(s.dir, "crls", "b.pem")); err != nil {
		t.Fatal(err)
	}
	s.put(t, "root.crl", crl(t, root, start.Add(time.Hour), week, 7))
	want(t, "the CA between was revoked", s.Check(whole), "CN=Middle was revoked by CN=Root")
}

// TestReload: what cannot be read changes nothing, and is said.
func TestReload(t *testing.T) {
	root := issue(t, nil, ca("Root"))
	ada := issue(t, root, person(42))
	s := newSite(t, root)
	s.put(t, "root.crl", crl(t, root, start, start.AddDate(0, 0, 7)))
	good := chain(ada, root)
	partial := func(id asn1.ObjectIdentifier, entry bool) []byte {
		l := &x509.RevocationList{Number: big.NewInt(9), ThisUpdate: start, NextUpdate: start.AddDate(0, 0, 7)}
		e := pkix.Extension{Id: id, Critical: true, Value: []byte{5, 0}}
		if entry {
			l.RevokedCertificateEntries = []x509.RevocationListEntry{{SerialNumber: big.NewInt(1), RevocationTime: start, ExtraExtensions: []pkix.Extension{e}}}
		} else {
			l.ExtraExtensions = []pkix.Extension{e}
		}
		der, err := x509.CreateRevocationList(rand.Reader, l, root.cert, root.key)
		if err != nil {
			t.Fatal(err)
		}
		return der
	}
	for name, row := range map[string]struct {
		text []byte
		want string
	}{
		"nothing":                 {nil, "no CRL"},
		"another file":            {[]byte("hello"), "no CRL"},
		"a certificate":           {pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root.cert.Raw}), `"CERTIFICATE"`},
		"half a list":             {crl(t, root, start, start.AddDate(0, 0, 7))[:100], "no CRL"},
		"half a PEM":              {[]byte("-----BEGIN X509 CRL-----\nAAAA"), "not PEM to its end"},
		"more behind the PEM":     {append(pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: crl(t, root, start, start.AddDate(0, 0, 7))}), "more"...), "not PEM to its end"},
		"a delta":                 {partial(asn1.ObjectIdentifier{2, 5, 29, 27}, false), "no complete CRL"},
		"a part":                  {partial(asn1.ObjectIdentifier{2, 5, 29, 28}, false), "no complete CRL"},
		"about others":            {partial(asn1.ObjectIdentifier{2, 5, 29, 29}, true), "certificates of others"},
		"no CRL in a PEM of none": {[]byte("-----BEGIN"), "not PEM"},
	} {
		path := filepath.Join(s.dir, "crls", "bad.crl")
		if err := os.WriteFile(path, row.text, 0o600); err != nil {
			t.Fatal(err)
		}
		want(t, name, s.Reload(), row.want)
		want(t, name+": those of before", s.Check(good), "")
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	want(t, "without the bad ones", s.Reload(), "")
	if _, err := Open(Options{CA: filepath.Join(s.dir, "none.pem")}); err == nil {
		t.Error("no CAs pass")
	}
	if err := os.WriteFile(filepath.Join(s.dir, "ca.pem"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Options{CA: filepath.Join(s.dir, "ca.pem")}); err == nil || !strings.Contains(err.Error(), "no certificate in") {
		t.Errorf("a file without CAs: %v", err)
	}
	if _, err := Open(Options{CA: filepath.Join(s.dir, "ca.pem"), CRLs: []string{filepath.Join(s.dir, "none")}}); err == nil {
		t.Error("a folder of CRLs that is not there passes")
	}
}

// san is an extension with names, each of which is DER.
func san(t testing.TB, names ...[]byte) func(*x509.Certificate) {
	t.Helper()
	der, err := asn1.Marshal(asn1.RawValue{Class: asn1.ClassUniversal, Tag: asn1.TagSequence, IsCompound: true, Bytes: bytes.Join(names, nil)})
	if err != nil {
		t.Fatal(err)
	}
	return func(c *x509.Certificate) {
		c.Subject = pkix.Name{CommonName: "root"}
		c.ExtraExtensions = []pkix.Extension{{Id: oidSubjectAltName, Value: der}}
	}
}

// other is an otherName of a kind.
func other(t testing.TB, kind asn1.ObjectIdentifier, tag int, text string) []byte {
	t.Helper()
	id, err := asn1.Marshal(kind)
	if err != nil {
		t.Fatal(err)
	}
	inner, err := asn1.Marshal(asn1.RawValue{Class: asn1.ClassUniversal, Tag: tag, Bytes: []byte(text)})
	if err != nil {
		t.Fatal(err)
	}
	value, err := asn1.Marshal(asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 0, IsCompound: true, Bytes: inner})
	if err != nil {
		t.Fatal(err)
	}
	der, err := asn1.Marshal(asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 0, IsCompound: true, Bytes: append(id, value...)})
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// TestUPN: the name is read where it stands, and nothing that is not quite one
// is taken for it.
func TestUPN(t *testing.T) {
	root := issue(t, nil, ca("Root"))
	email := []byte("\x81\x0aeve@x.test")
	upn := func(s string) []byte { return other(t, oidUPN, asn1.TagUTF8String, s) }
	for _, row := range []struct {
		name  string
		names [][]byte
		want  string
		fails string
	}{
		{"one", [][]byte{upn("Ada@Site.Example")}, "ada@site.example", ""},
		{"none, but a mail address", [][]byte{email}, "", ""},
		{"another kind of name", [][]byte{other(t, asn1.ObjectIdentifier{1, 2, 3}, asn1.TagUTF8String, "eve@x.test")}, "", ""},
		{"among others", [][]byte{email, other(t, asn1.ObjectIdentifier{1, 2, 3}, asn1.TagUTF8String, "x"), upn("ada@x.test")}, "ada@x.test", ""},
		{"twice the same", [][]byte{upn("ada@x.test"), upn("ADA@x.test")}, "ada@x.test", ""},
		{"two", [][]byte{upn("ada@x.test"), upn("eve@x.test")}, "", "two user principal names"},
		{"without a domain", [][]byte{upn("ada")}, "", "no user principal name"},
		{"two signs", [][]byte{upn("ada@x@y")}, "", "no user principal name"},
		{"empty", [][]byte{upn("")}, "", "no user principal name"},
		{"with a zero", [][]byte{upn("ada@x.test\x00.eve")}, "", "printable ASCII"},
		{"with letters that look alike", [][]byte{upn("аda@x.test")}, "", "printable ASCII"},
		{"of another type", [][]byte{other(t, oidUPN, asn1.TagPrintableString, "ada@x.test")}, "", "malformed"},
		{"too long", [][]byte{upn(strings.Repeat("a", 300) + "@x.test")}, "", "no user principal name"},
	} {
		c := issue(t, root, san(t, row.names...))
		got, err := UPN(c.cert)
		if got != row.want {
			t.Errorf("%s: %q, want %q", row.name, got, row.want)
		}
		want(t, row.name, err, row.fails)
	}
}

// TestIdentify: neither the common name nor the mail address is anybody.
func TestIdentify(t *testing.T) {
	root := issue(t, nil, ca("Root"))
	c := issue(t, root, func(c *x509.Certificate) {
		san(t, other(t, oidUPN, asn1.TagUTF8String, "ada@x.test"))(c)
		c.SerialNumber = big.NewInt(0xab01)
	})
	i, err := Identify(c.cert)
	if err != nil || len(i.Fingerprint) != 64 {
		t.Fatal(i, err)
	}
	if got := strings.Join(i.Keys(), " "); got != "serial:AB01#CN=Root upn:ada@x.test" {
		t.Errorf("keys %s", got)
	}
	for _, k := range i.Keys() {
		if again, err := ParseKey(k); err != nil || again != k {
			t.Errorf("%s is read as %s, %v", k, again, err)
		}
	}
	for in, out := range map[string]string{"upn:ADA@X.test": "upn:ada@x.test", "serial:00:ab:01#CN=Root": "serial:AB01#CN=Root"} {
		if got, err := ParseKey(in); err != nil || got != out {
			t.Errorf("%s is read as %s, %v", in, got, err)
		}
	}
	for _, bad := range []string{"", "ada", "cn:ada", "upn:", "upn:ada", "serial:", "serial:#CN=Root", "serial:12", "serial:12#", "serial:xy#CN=Root", "serial:0#CN=Root", "serial:" + strings.Repeat("a", 41) + "#CN=x"} {
		if got, err := ParseKey(bad); err == nil {
			t.Errorf("%q is read as %q", bad, got)
		}
	}
}

// FuzzUPN: whatever is in the extension, what comes out is a clean name.
func FuzzUPN(f *testing.F) {
	name := other(f, oidUPN, asn1.TagUTF8String, "ada@x.test")
	for _, names := range [][][]byte{{}, {name}, {name, name}, {[]byte("\x81\x01a")}, {name[:8]}} {
		var c x509.Certificate
		san(f, names...)(&c)
		f.Add(c.ExtraExtensions[0].Value)
	}
	f.Fuzz(func(t *testing.T, der []byte) {
		upns, err := parseUPNs(der)
		for _, u := range upns {
			if clean, bad := cleanUPN(u); bad != nil || clean != u {
				t.Errorf("%x gives %q, %v", der, u, err)
			}
		}
	})
}

// FuzzCRL: whatever is in the file, reading ends, and what is read is complete.
func FuzzCRL(f *testing.F) {
	root := issue(f, nil, ca("Root"))
	der := crl(f, root, start, start.AddDate(0, 0, 7), 1, 2, 3)
	for _, text := range [][]byte{nil, der, der[:50], pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der}), []byte("-----BEGIN X509 CRL-----")} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		lists, err := ParseCRLs(text)
		if err != nil && lists != nil {
			t.Error("lists and an error")
		}
		for _, l := range lists {
			if l.NextUpdate.IsZero() || len(l.RawTBSRevocationList) == 0 {
				t.Errorf("%x gives a list that has no end", text)
			}
		}
	})
}
