package appliance

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"skerry/appliance/api"
	"skerry/appliance/audit"
	"skerry/appliance/tlsca"
	"skerry/store"
)

// own is a data directory with a CA of its own and an entrance to it, behind
// which nothing but one sentence is.
type own struct {
	Config
	e     *entrance
	addr  string
	roots *x509.CertPool
}

func newOwn(t *testing.T, change ...func(*Config)) own {
	t.Helper()
	dir, err := os.MkdirTemp("", "skerry") // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	o := own{Config: NewConfig(dir, "127.0.0.1:0", []string{"Skerry.test"}), roots: x509.NewCertPool()}
	for _, f := range change {
		f(&o.Config)
	}
	if o.TLS.Own {
		db, err := store.Open(filepath.Join(dir, storeDir), store.Options{})
		if err != nil {
			t.Fatal(err)
		}
		said, err := initTLS(t.Context(), db, o.Config, func(audit.Record) error { return nil })
		if err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		info, err := InspectTLS(o.Config)
		if err != nil || info.CA.Fingerprint != said || !o.roots.AppendCertsFromPEM([]byte(info.CA.PEM)) {
			t.Fatalf("%+v %s %v", info, said, err)
		}
	}
	o.e, err = newEntrance(o.Config, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = o.e.close(context.Background()) })
	_, port, _ := strings.Cut(strings.TrimPrefix(o.e.address.URL, "https://"), ":")
	o.addr = "127.0.0.1:" + port
	o.e.show(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintf(w, "%s over %t", r.Host, r.TLS != nil)
	}))
	return o
}

// client is one as people write them: it trusts what was exported.
func (o own) client(change func(*tls.Config)) *http.Client {
	c := &tls.Config{RootCAs: o.roots}
	if change != nil {
		change(c)
	}
	return &http.Client{Transport: &http.Transport{TLSClientConfig: c, DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "tcp", o.addr)
		}}}
}

// TestOwnCA: a client that trusts the exported CA gets in, under the names of the
// site, over TLS 1.3; nobody else does.
func TestOwnCA(t *testing.T) {
	o := newOwn(t)
	if !strings.HasPrefix(o.e.address.URL, "https://skerry.test:") {
		t.Errorf("people are told %s", o.e.address.URL)
	}
	for _, row := range []struct {
		name, url, fails string
		change           func(*tls.Config)
	}{
		{"its name", "https://skerry.test/", "", nil},
		{"this host", "https://localhost/", "", nil},
		{"its address", "https://127.0.0.1/", "", nil},
		{"another name", "https://other.test/", "not other.test", nil},
		{"a client that does not trust the CA", "https://skerry.test/", "unknown authority", func(c *tls.Config) { c.RootCAs = x509.NewCertPool() }},
		{"an old version", "https://skerry.test/", "protocol version", func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }},
		{"after its end", "https://skerry.test/", "expired", func(c *tls.Config) { c.Time = func() time.Time { return time.Now().Add(tlsca.Lifetime + time.Hour) } }},
		{"another protocol", "https://skerry.test/", "no application protocol", func(c *tls.Config) { c.NextProtos = []string{"h2"} }},
	} {
		resp, err := o.client(row.change).Get(row.url)
		switch {
		case err == nil && row.fails != "":
			t.Errorf("%s: passes", row.name)
		case err != nil && (row.fails == "" || !strings.Contains(err.Error(), row.fails)):
			t.Errorf("%s: %v, want %q", row.name, err, row.fails)
		}
		if err == nil {
			b, _ := io.ReadAll(resp.Body)
			if !strings.HasSuffix(string(b), "over true") {
				t.Errorf("%s: %s", row.name, b)
			}
			_ = resp.Body.Close()
		}
	}
	if mode := stat(t, tlsFile(o.Data, ownPair)).Mode().Perm(); mode != 0o600 {
		t.Errorf("the key's file has the mode %o", mode)
	}
}

func stat(t *testing.T, path string) os.FileInfo {
	t.Helper()
	s, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// raw sends text as it is and returns the answer, over TLS if the client is set.
func (o own) raw(t *testing.T, secure bool, text string) (*http.Response, string) {
	t.Helper()
	var c net.Conn
	var err error
	if secure {
		c, err = tls.Dial("tcp", o.addr, &tls.Config{RootCAs: o.roots, ServerName: "skerry.test"})
	} else {
		c, err = net.Dial("tcp", o.addr)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(b)
}

// TestBeforeTheHandlers: what no handler answers has form and headers all the
// same: plain HTTP where TLS is spoken, what cannot be read, and everything
// while there is nothing behind the entrance.
func TestBeforeTheHandlers(t *testing.T) {
	o := newOwn(t)
	starting := newOwn(t)
	starting.e.show(api.Unavailable("Skerry is starting.", true))
	for _, row := range []struct {
		name   string
		at     own
		secure bool
		text   string
		status int
		has    string
	}{
		{"plain HTTP", o, false, "GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", 400, "Open " + o.e.address.URL + " instead"},
		{"too large", o, true, "GET / HTTP/1.1\r\nHost: skerry.test\r\nX: " + strings.Repeat("x", 64<<10) + "\r\n\r\n", 431, "32 KiB"},
		{"no request", o, true, "x\r\n\r\n", 400, "no request that Skerry can read"},
		{"all options", o, true, "OPTIONS * HTTP/1.1\r\nHost: skerry.test\r\n\r\n", 200, "over true"},
		{"while it starts", starting, true, "GET / HTTP/1.1\r\nHost: skerry.test\r\n\r\n", 503, "is starting"},
	} {
		resp, body := row.at.raw(t, row.secure, row.text)
		if resp.StatusCode != row.status || !strings.Contains(body, row.has) || strings.Contains(body, "evil") {
			t.Errorf("%s: %d %s, want %d %s", row.name, resp.StatusCode, body, row.status, row.has)
		}
		var p api.Problem
		if row.status < 400 {
			continue
		}
		if err := json.Unmarshal([]byte(body), &p); err != nil || p.Status != row.status {
			t.Errorf("%s: %v %s", row.name, err, body)
		}
		if h := resp.Header; h.Get("Content-Security-Policy") == "" || h.Get("X-Content-Type-Options") != "nosniff" || (h.Get("Strict-Transport-Security") != "") != row.secure {
			t.Errorf("%s: headers %v", row.name, h)
		}
	}
}

// TestRenewal: the certificate is exchanged before its end while a connection
// stays, clients need nothing for it, and the CA stays the same; a new CA is
// another one.
func TestRenewal(t *testing.T) {
	o := newOwn(t)
	db, err := store.Open(filepath.Join(o.Data, storeDir), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	a := &Appliance{Config: o.Config, Log: slog.New(slog.DiscardHandler), db: db, certificate: o.e.certificate}
	now := time.Now()
	a.certificate.now = func() time.Time { return now }
	before := a.certificate.shown.Load()
	c, err := tls.Dial("tcp", o.addr, &tls.Config{RootCAs: o.roots, ServerName: "skerry.test"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()

	a.tryRenewal(t.Context())
	if a.certificate.shown.Load() != before || len(a.certificate.notices()) != 0 {
		t.Error("it was renewed long before its end, or people are warned")
	}
	now = before.Leaf.NotAfter.Add(-tlsca.RenewBefore + time.Minute)
	a.tryRenewal(t.Context())
	after := a.certificate.shown.Load()
	if after == before || !after.Leaf.NotAfter.After(before.Leaf.NotAfter) {
		t.Fatal("it was not renewed")
	}
	if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: skerry.test\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if resp, err := http.ReadResponse(bufio.NewReader(c), nil); err != nil || resp.StatusCode != http.StatusOK {
		t.Errorf("the connection of before: %v", err)
	}
	later := func(c *tls.Config) { c.Time = func() time.Time { return now } }
	resp, err := o.client(later).Get("https://skerry.test/")
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if !resp.TLS.PeerCertificates[0].Equal(after.Leaf) {
		t.Error("a new connection is shown the certificate of before")
	}
	again, err := newCertificate(o.Config, a.Log)
	if err != nil || !again.shown.Load().Leaf.Equal(after.Leaf) {
		t.Errorf("after a restart: %v", err)
	}

	// Another name needs another CA, and people are told how.
	a.Config.Hosts = []string{"new.test"}
	a.tryRenewal(t.Context())
	if n := a.certificate.notices(); len(n) != 1 || n[0].Code != "certificate-refused" || !strings.Contains(n[0].Text["en"], "skerry tls replace") || n[0].Text["de"] == "" {
		t.Errorf("notices %+v", n)
	}
	if a.certificate.shown.Load() != after {
		t.Error("what cannot be renewed is gone")
	}
	if err := a.renewOwn(t.Context(), false, true, audit.Record{}); err != nil {
		t.Fatal(err)
	}
	if len(a.certificate.notices()) != 0 {
		t.Errorf("notices %+v", a.certificate.notices())
	}
	if _, err := o.client(later).Get("https://new.test/"); err == nil || !strings.Contains(err.Error(), "unknown authority") {
		t.Errorf("a client that trusts the CA of before: %v", err)
	}
}

// TestEndIsSaid: everyone is told a month before the end.
func TestEndIsSaid(t *testing.T) {
	o := newOwn(t)
	s := o.e.certificate
	for _, row := range []struct {
		left   time.Duration
		has    string
		urgent bool
	}{{31 * 24 * time.Hour, "", false}, {29 * 24 * time.Hour, "ends on", false}, {6 * 24 * time.Hour, "ends on", true}, {-time.Hour, "has ended on", true}} {
		s.now = func() time.Time { return s.shown.Load().Leaf.NotAfter.Add(-row.left) }
		n := s.notices()
		if row.has == "" {
			if len(n) != 0 {
				t.Errorf("%s before: %+v", row.left, n)
			}
			continue
		}
		if len(n) != 1 || !strings.Contains(n[0].Text["en"], row.has) || n[0].Urgent != row.urgent || n[0].Text["de"] == "" {
			t.Errorf("%s before: %+v", row.left, n)
		}
	}
}

// TestSiteCertificate: the site's own files are taken into use when they change;
// a pair that does not match is not, and everyone is told.
func TestSiteCertificate(t *testing.T) {
	dir := t.TempDir()
	chain, key := filepath.Join(dir, "chain.pem"), filepath.Join(dir, "key.pem")
	put := func(path string, text []byte) {
		t.Helper()
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ca, err := tlsca.New([]string{"skerry.test"}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	made := func() []byte {
		t.Helper()
		text, err := ca.Issue([]string{"skerry.test"}, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	first, second := made(), made()
	put(chain, first)
	put(key, second)
	c := NewConfig(t.TempDir(), "127.0.0.1:0", []string{"skerry.test"})
	c.TLS = &TLS{Certificate: chain, Key: key}
	if _, err := newCertificate(c, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "does not match") {
		t.Errorf("a start with a pair that does not match: %v", err)
	}
	put(key, first)
	o := newOwn(t, func(c *Config) { c.TLS = &TLS{Certificate: chain, Key: key} })
	o.roots.AddCert(ca.Certificate)
	serial := func() string {
		t.Helper()
		resp, err := o.client(nil).Get("https://skerry.test/")
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		return tlsca.Fingerprint(resp.TLS.PeerCertificates[0])
	}
	s, before := o.e.certificate, serial()
	look := make(chan time.Time)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { s.follow(ctx, look); close(ended) }()
	twice := func() { // the second look has begun when the first has ended
		look <- time.Time{}
		look <- time.Time{}
		look <- time.Time{}
	}
	put(chain, second)
	twice()
	if n := s.notices(); len(n) != 1 || !strings.Contains(n[0].Text["en"], "does not match") || serial() != before {
		t.Errorf("half an exchange: %+v", n)
	}
	put(key, second)
	twice()
	if n := s.notices(); len(n) != 0 || serial() == before {
		t.Errorf("a whole exchange: %+v", n)
	}
	cancel()
	<-ended
	if info, err := InspectTLS(o.Config); err != nil || info.CA != nil || info.Fingerprint != serial() {
		t.Errorf("%+v %v", info, err)
	}
}

// TestTLSConfig: what a configuration cannot mean is refused in words.
func TestTLSConfig(t *testing.T) {
	for _, row := range []struct {
		name   string
		change func(*Config)
		want   string
	}{
		{"the network without TLS", func(c *Config) { c.Listen = "0.0.0.0:8443" }, "needs TLS"},
		{"a CA without a name", func(c *Config) { c.Listen, c.TLS = "0.0.0.0:8443", &TLS{Own: true} }, "needs a name"},
		{"a CA and the site's certificate", func(c *Config) { c.TLS = &TLS{Own: true, Key: "k"} }, "either own"},
		{"half of the site's certificate", func(c *Config) { c.TLS = &TLS{Key: "k"} }, "both certificate and key"},
		{"a name that is none", func(c *Config) { c.Hosts = []string{"https://a"} }, "neither a host name"},
		{"too few connections", func(c *Config) { c.Connections = 1 }, "connections"},
		{"the network, by its address", func(c *Config) { c.Listen, c.TLS = "192.0.2.7:8443", &TLS{Own: true} }, ""},
	} {
		c := DefaultConfig(t.TempDir())
		row.change(&c)
		if err := c.Validate(); (err == nil) != (row.want == "") || err != nil && !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: %v, want %q", row.name, err, row.want)
		}
	}
}
