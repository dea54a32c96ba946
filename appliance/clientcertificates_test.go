package appliance

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"io"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"skerry/appliance/api"
)

// clientCA issues client certificates and CRLs, as a site's PKI does.
type clientCA struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	dir  string
}

func newClientCA(t *testing.T) *clientCA {
	t.Helper()
	c := &clientCA{dir: t.TempDir()}
	c.cert, c.key = c.sign(t, &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Site CA"}, IsCA: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign})
	c.put(t, "ca.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.cert.Raw}))
	c.revoke(t)
	return c
}

func (c *clientCA) put(t *testing.T, name string, text []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(c.dir, name), text, 0o600); err != nil {
		t.Fatal(err)
	}
}

func (c *clientCA) sign(t *testing.T, template *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template.NotBefore, template.NotAfter, template.BasicConstraintsValid = time.Now().Add(-time.Hour), time.Now().Add(time.Hour), true
	parent, signer := template, key
	if c.cert != nil {
		parent, signer = c.cert, c.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert, key
}

// card returns what a person's smart card holds.
func (c *clientCA) card(t *testing.T, serial int64, name, upn string) tls.Certificate {
	t.Helper()
	must := func(v any) []byte {
		der, err := asn1.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return der
	}
	inner := must(asn1.RawValue{Tag: asn1.TagUTF8String, Bytes: []byte(upn)})
	other := append(must(asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 311, 20, 2, 3}), must(asn1.RawValue{Class: 2, IsCompound: true, Bytes: inner})...)
	san := must(asn1.RawValue{Tag: asn1.TagSequence, IsCompound: true, Bytes: must(asn1.RawValue{Class: 2, IsCompound: true, Bytes: other})})
	cert, key := c.sign(t, &x509.Certificate{SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: name}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, ExtraExtensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 17}, Value: san}}})
	return tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key}
}

// revoke writes a new CRL.
func (c *clientCA) revoke(t *testing.T, serials ...int64) {
	t.Helper()
	l := &x509.RevocationList{Number: big.NewInt(time.Now().UnixNano()), ThisUpdate: time.Now().Add(-time.Minute), NextUpdate: time.Now().Add(time.Hour)}
	for _, s := range serials {
		l.RevokedCertificateEntries = append(l.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: big.NewInt(s), RevocationTime: time.Now()})
	}
	der, err := x509.CreateRevocationList(rand.Reader, l, c.cert, c.key)
	if err != nil {
		t.Fatal(err)
	}
	c.put(t, "site.crl", der)
}

// visitor is a browser with a card, or without.
type visitor struct {
	t      *testing.T
	client *http.Client
	cookie string
	csrf   string
}

func (v *visitor) ask(method, url string, header ...string) (int, string) {
	v.t.Helper()
	r, err := http.NewRequestWithContext(v.t.Context(), method, url, nil)
	if err != nil {
		v.t.Fatal(err)
	}
	if v.cookie != "" {
		r.AddCookie(&http.Cookie{Name: "__Host-skerry_session", Value: v.cookie})
		r.Header.Set("X-CSRF-Token", v.csrf)
	}
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := v.client.Do(r)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	for _, c := range resp.Cookies() {
		v.cookie = c.Value
		_, rest, _ := strings.Cut(string(b), `"csrf":"`)
		v.csrf, _, _ = strings.Cut(rest, `"`)
	}
	return resp.StatusCode, string(b)
}

// TestClientCertificates: who has a card whose certificate is given to an account
// signs in with it; the session is of use with that card alone, until the card
// is revoked.
func TestClientCertificates(t *testing.T) {
	ca := newClientCA(t)
	s := newSite(t, func(s *site) {
		s.config = func(c *Config) {
			c.Listen, c.Hosts, c.TLS = "127.0.0.1:0", []string{"localhost"}, &TLS{Own: true}
			c.ClientCertificates = &ClientCertificates{Listen: "127.0.0.1:0", CA: filepath.Join(ca.dir, "ca.pem"), CRLs: []string{filepath.Join(ca.dir, "site.crl")}}
			if err := c.Validate(); err != nil {
				t.Fatal(err)
			}
		}
	})
	info, err := InspectTLS(s.app.Config)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(info.CA.PEM))
	with := func(max uint16, cards ...tls.Certificate) *visitor {
		c := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: cards, MinVersion: tls.VersionTLS10, MaxVersion: max}}}
		t.Cleanup(c.CloseIdleConnections)
		return &visitor{t: t, client: c}
	}
	check := func(what string, status int, body string, want int, has string) {
		t.Helper()
		if status != want || !strings.Contains(body, has) {
			t.Errorf("%s: %d %s, want %d %s", what, status, body, want, has)
		}
	}
	at := s.at.Certificates + "/api/v1/session"
	ada := with(0, ca.card(t, 0x42, "Ada Winter", "Ada@Site.Example"))
	eve := with(0, ca.card(t, 0x43, "ada", "eve@site.example"))
	another := newClientCA(t)

	_, body := with(0).ask("GET", at+"/certificate")
	check("no card", 0, body, 0, "certificate required")
	_, body = with(0, another.card(t, 0x42, "Ada Winter", "ada@site.example")).ask("GET", at+"/certificate")
	check("a card of another CA", 0, body, 0, "remote error: tls")
	status, body := ada.ask("GET", at+"/certificate")
	check("a card", status, body, 200, `"shown":true,"name":"Ada Winter"`)
	status, body = ada.ask("POST", at+"/certificate")
	check("a card that nobody was given", status, body, 401, "skerry user cert LOGIN --issuer-serial '42#CN=Site CA'")

	for _, login := range []string{"ada", "bob"} {
		if _, err := s.AddPerson(t.Context(), api.NewPerson{Login: login, Name: login, Roles: []string{"viewer"}}); err != nil {
			t.Fatal(err)
		}
	}
	p, err := s.SetCertificates(t.Context(), "ada", []string{"upn:ADA@site.example"})
	if err != nil || len(p.Certificates) != 1 || p.Certificates[0] != "upn:ada@site.example" {
		t.Fatalf("%+v %v", p, err)
	}
	if _, err := s.SetCertificates(t.Context(), "bob", []string{"upn:ada@site.example"}); err == nil || !strings.Contains(err.Error(), "Another account") {
		t.Errorf("one certificate for two: %v", err)
	}
	if _, err := s.SetCertificates(t.Context(), "bob", []string{"cn:bob"}); err == nil || !strings.Contains(err.Error(), "begins with neither upn") {
		t.Errorf("a common name: %v", err)
	}
	status, body = eve.ask("POST", at+"/certificate")
	check("a card on which a login stands", status, body, 401, "sign-in-refused")
	status, body = ada.ask("POST", at+"/certificate")
	check("her card", status, body, 200, `"id":"ada"`)
	status, body = ada.ask("GET", at)
	check("her session", status, body, 200, `"id":"ada"`)
	status, body = ada.ask("DELETE", at, "Sec-Fetch-Site", "", "Origin", "")
	check("a change that does not say where it comes from", status, body, 403, "no-origin")

	eve.cookie, eve.csrf = ada.cookie, ada.csrf
	status, body = eve.ask("GET", at)
	check("her session with another card", status, body, 401, "other-certificate")
	plain := with(0)
	plain.cookie, plain.csrf = ada.cookie, ada.csrf
	status, body = plain.ask("GET", s.at.URL+"/api/v1/session")
	check("her session without a card", status, body, 401, "other-certificate")
	status, body = plain.ask("POST", s.at.URL+"/api/v1/session/certificate")
	check("signing in where no card is asked for", status, body, 401, "no-certificate")

	// Another card of hers, which the account is found by in another way.
	if _, err := s.SetCertificates(t.Context(), "ada", []string{"serial:44#CN=Site CA", "upn:ada@site.example"}); err != nil {
		t.Fatal(err)
	}
	status, body = ada.ask("GET", at)
	check("after the account was changed", status, body, 401, "signed-out")
	old := with(tls.VersionTLS12, ca.card(t, 0x44, "x", "x@site.example"))
	status, body = old.ask("POST", at+"/certificate")
	check("by serial number, over TLS 1.2", status, body, 200, `"id":"ada"`)
	_, body = with(tls.VersionTLS11, ca.card(t, 0x44, "x", "x@site.example")).ask("GET", at)
	check("TLS 1.1", 0, body, 0, "protocol version")
	_, body = with(tls.VersionTLS12).ask("GET", s.at.URL+"/")
	check("TLS 1.2 at the other port", 0, body, 0, "protocol version")

	status, body = ada.ask("POST", at+"/certificate")
	check("signing in again", status, body, 200, `"id":"ada"`)
	ca.revoke(t, 0x42)
	s.app.clients.look()
	status, body = ada.ask("GET", at)
	check("her session, on the connection of before, when the card is revoked", status, body, 401, "was revoked by CN=Site CA")
	ada.client.CloseIdleConnections()
	_, body = ada.ask("GET", at)
	check("a new connection then", 0, body, 0, "remote error: tls")
	status, body = old.ask("GET", at)
	check("another card then", status, body, 200, `"id":"ada"`)

	ca.put(t, "site.crl", []byte("broken"))
	s.app.clients.look()
	if n := s.app.clients.notices(); len(n) != 1 || !strings.Contains(n[0].Text["en"], "no CRL") || n[0].Text["de"] == "" {
		t.Errorf("what everyone is told of a broken CRL: %+v", n)
	}
	status, body = old.ask("GET", at)
	check("with the CRL of before", status, body, 200, `"id":"ada"`)
	for what, c := range map[string]ClientCertificates{
		"no absolute path": {Listen: "127.0.0.1:0", CA: "ca.pem", CRLs: []string{"/x"}}, "name the files": {Listen: "127.0.0.1:0", CA: "/ca.pem"},
		"clientCertificates.listen": {CA: "/ca.pem", CRLs: []string{"/x"}},
	} {
		config := s.app.Config
		config.ClientCertificates = &c
		if err := config.Validate(); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("a configuration: %v, want %s", err, what)
		}
	}
	config := s.app.Config
	config.TLS = nil
	if err := config.Validate(); err == nil || !strings.Contains(err.Error(), "needs tls") {
		t.Errorf("without TLS: %v", err)
	}
}
