// Package clientcert decides whether a client certificate, as smart cards hold
// them (PIV, CAC), may be relied on, and whom it is of. crypto/tls verifies the
// chain to a CA of the site; whether anything in it was revoked nobody does but
// this package, by CRLs that are brought to the host as files. It opens no
// connection. What it cannot tell it refuses: a certificate whose issuer has no
// CRL here, or an old one, is not let in. Start with [Open].
package clientcert

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"
)

// Options say where the certificates and CRLs are.
type Options struct {
	CA    string           // PEM file of the CAs, those between included
	CRLs  []string         // files and folders
	Grace time.Duration    // for which a CRL is relied on beyond its next update
	Now   func() time.Time // nil = time.Now
}

// Verifier knows the CAs and CRLs of a site. It may be used concurrently.
type Verifier struct {
	o    Options
	pool *x509.CertPool

	mu    sync.RWMutex
	lists map[string][]*list // by the issuer's name; guarded by mu
	seen  string             // stamp of the files; guarded by mu
}

// Open reads everything, and fails if there is anything in it that cannot be
// read.
func Open(o Options) (*Verifier, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	text, err := os.ReadFile(o.CA)
	if err != nil {
		return nil, fmt.Errorf("CAs of client certificates: %w", err)
	}
	v := &Verifier{o: o, pool: x509.NewCertPool()}
	if !v.pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("CAs of client certificates: there is no certificate in %s", o.CA)
	}
	return v, v.Reload()
}

// Reload reads the CRLs if they have changed. When one cannot be read all stay
// as they are, which the end of each bounds.
func (v *Verifier) Reload() error {
	now, err := stamp(v.o.CRLs)
	if err != nil {
		return fmt.Errorf("CRLs: %w", err)
	}
	v.mu.RLock()
	same := now == v.seen
	v.mu.RUnlock()
	if same {
		return nil
	}
	all, err := readCRLs(v.o.CRLs)
	if err != nil {
		return fmt.Errorf("CRLs: %w", err)
	}
	lists := map[string][]*list{}
	for _, l := range all {
		name := string(l.crl.RawIssuer)
		lists[name] = append(lists[name], l)
	}
	for _, of := range lists { // the newest first
		slices.SortStableFunc(of, func(a, b *list) int { return b.crl.ThisUpdate.Compare(a.crl.ThisUpdate) })
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.lists, v.seen = lists, now
	return nil
}

// Config makes a configuration for TLS one that asks for client certificates.
// TLS 1.2 is spoken too, for the middleware of cards, with suites that have
// forward secrecy and authenticated encryption. Nothing is resumed, so that each
// connection has seen the card.
func (v *Verifier) Config(c *tls.Config) *tls.Config {
	c.MinVersion = tls.VersionTLS12
	c.CipherSuites = []uint16{
		tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
		tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
	}
	c.ClientAuth, c.ClientCAs, c.SessionTicketsDisabled = tls.RequireAndVerifyClientCert, v.pool, true
	c.VerifyConnection = func(s tls.ConnectionState) error { return v.Check(s.VerifiedChains) }
	return c
}

// Check reports whether there is a chain in which nothing was revoked, as far as
// is known now, or says why not.
func (v *Verifier) Check(chains [][]*x509.Certificate) error {
	if len(chains) == 0 {
		return errors.New("there is no verified client certificate")
	}
	var errs []error
	for _, chain := range chains {
		err := v.checkChain(chain)
		if err == nil {
			return nil
		}
		errs = append(errs, err)
	}
	return errs[0]
}

// checkChain looks every certificate but the root up in the CRL of its issuer.
// The root is in the site's own file: it is taken out there.
func (v *Verifier) checkChain(chain []*x509.Certificate) error {
	if len(chain) < 2 {
		return errors.New("the client certificate is its own CA")
	}
	now := v.o.Now()
	v.mu.RLock()
	defer v.mu.RUnlock()
	for i, c := range chain[:len(chain)-1] {
		if now.After(c.NotAfter) { // since the handshake
			return fmt.Errorf("the certificate of %s has expired", c.Subject)
		}
		if err := v.checkOne(c, chain[i+1], now); err != nil {
			return err
		}
	}
	return nil
}

func (v *Verifier) checkOne(c, issuer *x509.Certificate, now time.Time) error {
	err := fmt.Errorf("there is no CRL of %s, which issued the certificate of %s", issuer.Subject, c.Subject)
	for _, l := range v.lists[string(issuer.RawSubject)] {
		if !l.signedBy(issuer) { // of another CA of that name, or forged
			continue
		}
		// What was revoked once stays so, whatever else is said of that list.
		if _, revoked := l.revoked[string(c.SerialNumber.Bytes())]; revoked {
			return fmt.Errorf("the certificate of %s was revoked by %s", c.Subject, issuer.Subject)
		}
		return l.stale(now, v.o.Grace)
	}
	return err
}

// Problem says what is wrong with the CRLs as they are now, for people who look
// after the host; nil = nothing.
func (v *Verifier) Problem() error {
	now := v.o.Now()
	v.mu.RLock()
	defer v.mu.RUnlock()
	if len(v.lists) == 0 {
		return errors.New("there is no CRL, so nobody gets in with a certificate")
	}
	for _, of := range v.lists {
		if err := of[0].stale(now, 0); err != nil {
			return err
		}
	}
	return nil
}
