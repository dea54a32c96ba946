package appliance

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"skerry/appliance/api"
	"skerry/appliance/audit"
	"skerry/appliance/mission"
	"skerry/appliance/policy"
	"skerry/appliance/tlsca"
	"skerry/store"
)

// authority is the CA of an appliance as it is stored, sealed.
type authority struct {
	PEM []byte `json:"pem"` // certificate and key
}

const settingCA = "tls.ca"

// ownAuthority returns the CA of a site, and makes it if there is none or anew
// asks for another.
func ownAuthority(ctx context.Context, db *store.DB, c Config, anew bool, by audit.Record) (*tlsca.Authority, error) {
	var kept authority
	err := db.Setting(ctx, settingCA, &kept)
	switch {
	case err == nil && !anew:
		defer clear(kept.PEM)
		return tlsca.Parse(kept.PEM)
	case err != nil && !errors.Is(err, mission.ErrNotFound):
		return nil, err
	}
	ca, err := tlsca.New(c.names(), time.Now())
	if err != nil {
		return nil, err
	}
	text, err := ca.Marshal()
	if err != nil {
		return nil, err
	}
	defer clear(text)
	by.Action, by.Object = "tls.ca.made", tlsca.Fingerprint(ca.Certificate)
	return ca, db.PutSetting(ctx, settingCA, authority{text}, by)
}

// issue makes a certificate of a CA, which is on record before it is shown.
func issue(ca *tlsca.Authority, c Config, now time.Time, by audit.Record, record func(audit.Record) error) (*tls.Certificate, error) {
	text, err := ca.Issue(c.names(), now)
	if errors.Is(err, tlsca.ErrNames) {
		return nil, fmt.Errorf("%w; make a new one, which every client has to take in, with: skerry tls replace", err)
	}
	if err != nil {
		return nil, err
	}
	defer clear(text)
	pair, err := tlsca.Load(text, text)
	if err != nil {
		return nil, err
	}
	by.Action, by.Object = "tls.certificate.made", tlsca.Fingerprint(pair.Leaf)
	by.Why = fmt.Sprintf("for %s, until %s", strings.Join(c.names(), ", "), pair.Leaf.NotAfter.UTC().Format(time.DateOnly))
	if err := record(by); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Join(c.Data, tlsDir), 0o700); err != nil {
		return nil, err
	}
	if err := writeFile(tlsFile(c.Data, ownCA), tlsca.PEM(ca.Certificate)); err != nil {
		return nil, err
	}
	return pair, writeFile(tlsFile(c.Data, ownPair), text)
}

// initTLS makes the CA and the first certificate of a new site, and returns the
// fingerprint of the CA; empty if it has none of its own.
func initTLS(ctx context.Context, db *store.DB, c Config, record func(audit.Record) error) (string, error) {
	if c.TLS == nil || !c.TLS.Own {
		return "", nil
	}
	ca, err := ownAuthority(ctx, db, c, false, audit.Record{})
	if err != nil {
		return "", err
	}
	_, err = issue(ca, c, time.Now(), audit.Record{}, record)
	return tlsca.Fingerprint(ca.Certificate), err
}

// renewOwn makes a certificate if there is none, if the one that is shown ends
// soon, is of another CA or for other names, or if that is asked for: anew, or
// with a CA that is made anew.
func (a *Appliance) renewOwn(ctx context.Context, anew, anewCA bool, by audit.Record) error {
	a.renewing.Lock()
	defer a.renewing.Unlock()
	ca, err := ownAuthority(ctx, a.db, a.Config, anewCA, by)
	if err != nil {
		return err
	}
	now := a.certificate.now()
	if c := a.certificate.shown.Load(); c != nil && !anew && !anewCA && now.Before(c.Leaf.NotAfter.Add(-tlsca.RenewBefore)) &&
		c.Leaf.CheckSignatureFrom(ca.Certificate) == nil && tlsca.Covers(c.Leaf, a.Config.names()) {
		return nil
	}
	pair, err := issue(ca, a.Config, now, by, a.record)
	if err != nil {
		return err
	}
	a.certificate.shown.Store(pair)
	a.certificate.problem.Store(nil)
	a.Log.Info("tls: a certificate was made", "names", a.Config.names(), "until", pair.Leaf.NotAfter.UTC().Format(time.DateOnly))
	return nil
}

// renewPause is how often it is looked whether the certificate ends soon.
const renewPause = 12 * time.Hour

// keepOwn renews the certificate of the CA of this appliance until ctx ends. At
// the start of serving it was looked at already.
func (a *Appliance) keepOwn(ctx context.Context) {
	tick := time.NewTicker(renewPause)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			a.tryRenewal(ctx)
		}
	}
}

// tryRenewal looks whether the certificate has to be renewed. That it cannot be
// keeps nobody from working while the one before is good, nor from mending it.
func (a *Appliance) tryRenewal(ctx context.Context) {
	if a.Config.TLS == nil || !a.Config.TLS.Own {
		return
	}
	if err := a.renewOwn(ctx, false, false, audit.Record{}); err != nil && ctx.Err() == nil {
		a.certificate.complain(err)
	}
}

// certificates is what the API offers of the certificate.
type certificates struct{ a *Appliance }

var _ api.Certificates = certificates{}

// Renew implements api.Certificates.
func (c certificates) Renew(ctx context.Context, anewCA bool, by policy.Principal) (api.Certificate, error) {
	if t := c.a.Config.TLS; t == nil || !t.Own {
		return api.Certificate{}, &api.Error{Status: http.StatusConflict, Code: "no-own-ca",
			Detail: "This Skerry has no CA of its own. Replace the files that tls names in config.yaml, which are taken into use by themselves; or set tls.own."}
	}
	if err := c.a.renewOwn(ctx, true, anewCA, audit.Record{Actor: by.ID, ActorName: by.Name}); errors.Is(err, tlsca.ErrNames) {
		return api.Certificate{}, &api.Error{Status: http.StatusConflict, Code: "other-names", Err: err, Detail: sentence(err.Error())}
	} else if err != nil {
		return api.Certificate{}, err
	}
	return InspectTLS(c.a.Config)
}

// InspectTLS says which certificate a data directory has; no key is needed for
// that.
func InspectTLS(c Config) (api.Certificate, error) {
	var out api.Certificate
	switch {
	case c.TLS == nil:
		return out, fmt.Errorf("there is no certificate: this Skerry serves plain HTTP on %s, for this host alone", c.Listen)
	case c.TLS.Own:
		ca, err := readCertificate(tlsFile(c.Data, ownCA))
		if errors.Is(err, fs.ErrNotExist) {
			return out, errors.New("there is no CA yet: it is made at the next start, with: skerry serve")
		}
		if err != nil {
			return out, err
		}
		out.CA = &api.CertificateAuthority{Name: ca.Subject.CommonName, Fingerprint: tlsca.Fingerprint(ca), Ends: ca.NotAfter.UTC(), PEM: string(tlsca.PEM(ca))}
	}
	path := tlsFile(c.Data, ownPair)
	if !c.TLS.Own {
		path = c.TLS.Certificate
	}
	leaf, err := readCertificate(path)
	if err != nil {
		return out, err
	}
	out.Names, out.Issuer, out.Fingerprint, out.Ends = leaf.DNSNames, leaf.Issuer.String(), tlsca.Fingerprint(leaf), leaf.NotAfter.UTC()
	for _, ip := range leaf.IPAddresses {
		out.Names = append(out.Names, ip.String())
	}
	return out, nil
}

// readCertificate reads the first certificate of a PEM file.
func readCertificate(path string) (*x509.Certificate, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	defer clear(text) // there may be a key behind it
	block, _ := pem.Decode(text)
	if block == nil || block.Type != "CERTIFICATE" {
		return nil, fmt.Errorf("%s does not begin with a certificate in PEM", path)
	}
	return x509.ParseCertificate(block.Bytes)
}
