package appliance

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"sync/atomic"
	"time"

	"skerry/appliance/api"
	"skerry/appliance/clientcert"
	"skerry/appliance/conn"
	"skerry/appliance/mission"
	"skerry/appliance/policy"
	"skerry/store"
)

// ClientCertificates say where people sign in with a certificate, as smart cards
// hold them, and which are believed.
type ClientCertificates struct {
	Listen string         `yaml:"listen"`          // a port of its own
	CA     string         `yaml:"ca"`              // PEM file of the CAs
	CRLs   []string       `yaml:"crls"`            // files and folders of CRLs
	Grace  *time.Duration `yaml:"grace,omitempty"` // for which a CRL is relied on beyond its next update; nil = 7 days
}

// usualGrace is how long a CRL is relied on that should have been replaced: time
// for somebody to bring a new one to an isolated host.
const usualGrace = 7 * 24 * time.Hour

func (c ClientCertificates) grace() time.Duration {
	if c.Grace == nil {
		return usualGrace
	}
	return *c.Grace
}

func (c ClientCertificates) validate(secure bool) (problems []error) {
	if _, err := isLoopback(c.Listen); err != nil {
		problems = append(problems, fmt.Errorf("clientCertificates.listen: %w", err))
	}
	if !secure {
		problems = append(problems, errors.New("clientCertificates: needs tls, for this host has to show a certificate first"))
	}
	for _, path := range append([]string{c.CA}, c.CRLs...) {
		if !filepath.IsAbs(path) {
			problems = append(problems, fmt.Errorf("clientCertificates: %q is no absolute path; ca names a file, and crls files or folders", path))
		}
	}
	if len(c.CRLs) == 0 {
		problems = append(problems, errors.New("clientCertificates.crls: name the files or folders of CRLs; without them nobody can tell a lost card from one that is not"))
	}
	if g := c.grace(); g < 0 || g > 90*24*time.Hour {
		problems = append(problems, fmt.Errorf("clientCertificates.grace: is %s, may be 0s to 2160h", g))
	}
	return problems
}

// clients knows which client certificates are believed now.
type clients struct {
	verifier *clientcert.Verifier
	log      *slog.Logger
	problem  atomic.Pointer[string] // why the CRLs that are there are not read; nil = they are
}

func newClients(c ClientCertificates, log *slog.Logger) (*clients, error) {
	v, err := clientcert.Open(clientcert.Options{CA: c.CA, CRLs: c.CRLs, Grace: c.grace()})
	if err != nil {
		return nil, err
	}
	return &clients{verifier: v, log: log}, nil
}

// watch reads CRLs that have changed, until ctx ends.
func (c *clients) watch(ctx context.Context, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			c.look()
		}
	}
}

func (c *clients) look() {
	err := c.verifier.Reload()
	if err == nil {
		c.problem.Store(nil)
		return
	}
	text := err.Error()
	if before := c.problem.Swap(&text); before == nil || *before != text {
		c.log.Error("CRLs cannot be read; those of before stay, until they are too old", "err", err)
	}
}

// notices is what everyone should know of the CRLs.
func (c *clients) notices() []api.Notice {
	if c == nil {
		return nil
	}
	text := ""
	if p := c.problem.Load(); p != nil {
		text = *p
	} else if err := c.verifier.Problem(); err != nil {
		text = err.Error()
	}
	if text == "" {
		return nil
	}
	return []api.Notice{{Code: "crl", Text: mission.Text{
		"en": "Something is wrong with the lists of revoked certificates: " + text + ". When one is too old, nobody gets in with a certificate of that issuer.",
		"de": "Mit den Listen gesperrter Zertifikate stimmt etwas nicht: " + text + ". Ist eine zu alt, kommt niemand mehr mit einem Zertifikat dieses Ausstellers herein.",
	}}}
}

// clientCertificates is what the API offers of client certificates.
type clientCertificates struct{ a *Appliance }

var _ api.ClientCertificates = clientCertificates{}

// ClientCertificate implements api.ClientCertificates.
func (c clientCertificates) ClientCertificate(ctx context.Context, s *tls.ConnectionState) (api.ClientCertificate, error) {
	refuse := func(err error) error {
		return &api.Error{Status: http.StatusUnauthorized, Code: "certificate-refused", Err: err, Detail: "This client certificate is not accepted: " + err.Error() + ". Ask whoever administers this site."}
	}
	if c.a.clients == nil {
		return api.ClientCertificate{}, refuse(errors.New("nobody signs in with certificates here"))
	}
	if err := c.a.clients.verifier.Check(s.VerifiedChains); err != nil {
		return api.ClientCertificate{}, refuse(err)
	}
	leaf := s.PeerCertificates[0]
	i, err := clientcert.Identify(leaf)
	if err != nil {
		return api.ClientCertificate{}, refuse(err)
	}
	return api.ClientCertificate{Name: leaf.Subject.CommonName, Fingerprint: i.Fingerprint, Keys: i.Keys(), At: conn.Began(ctx)}, nil
}

// EnterWithCertificate implements api.ClientCertificates.
func (c clientCertificates) EnterWithCertificate(ctx context.Context, certificate api.ClientCertificate, lifetime time.Duration, note string) (string, api.SessionInfo, error) {
	token, s, err := c.a.db.SignInCertificate(ctx, certificate.Keys, certificate.Fingerprint, lifetime, note)
	if errors.Is(err, store.ErrNoAccount) || errors.Is(err, mission.ErrConflict) {
		return "", api.SessionInfo{}, &api.Error{Status: http.StatusUnauthorized, Code: "sign-in-refused", Err: err,
			Detail: fmt.Sprintf("No account may be signed in to with this certificate, or it is disabled. An administrator gives it to one with: skerry user cert LOGIN --issuer-serial '%s'", certificate.Keys[0][len(clientcert.SerialKey):])}
	}
	return token, api.SessionInfo(s), err
}

// SetCertificates implements api.People.
func (a accounts) SetCertificates(ctx context.Context, login string, certificates []string, by policy.Principal) (api.Person, error) {
	if login == by.ID {
		return api.Person{}, &api.Error{Status: http.StatusForbidden, Code: "own-roles", Detail: "Nobody gives certificates to themselves. Ask another administrator."}
	}
	keys := make([]string, 0, len(certificates))
	for _, c := range certificates {
		key, err := clientcert.ParseKey(c)
		if err != nil {
			return api.Person{}, unprocessable("body.certificates", "%s", sentence(err.Error()))
		}
		keys = append(keys, key)
	}
	if u, err := a.db.User(ctx, login); err == nil && u.Outside != "" && len(keys) > 0 {
		return api.Person{}, ofDirectory("signs in with their password of the directory, which a certificate would pass by")
	}
	u, err := a.db.SetCertificates(ctx, login, keys, by)
	if errors.Is(err, mission.ErrConflict) {
		return api.Person{}, &api.Error{Status: http.StatusConflict, Code: "certificate-taken", Err: err, Detail: "Another account has one of these certificates already. Take it from that one first."}
	}
	if err != nil {
		return api.Person{}, noPerson(login, err)
	}
	return shown(u, a.now()), nil
}
