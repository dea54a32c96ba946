package api

import (
	"context"
	"crypto/tls"
	"net/http"
	"time"

	"skerry/appliance/policy"
)

// ClientCertificate is the client certificate of a connection, which was verified: its chain,
// and that nothing in it was revoked.
type ClientCertificate struct {
	Name        string   // for people; nobody is known by it
	Fingerprint string   // SHA-256 of it, hex; sessions are bound to it
	Keys        []string // that an account is found by

	// At is when the handshake ended, in which the card proved that it has the key;
	// nothing is resumed. Whatever wants a fresh proof of who is there may take it
	// for one for as long as it takes others.
	At time.Time
}

// ClientCertificates are the client certificates that people sign in with.
type ClientCertificates interface {
	// ClientCertificate reads the certificate of a connection, which crypto/tls has verified,
	// and looks whether it was revoked since. Its errors are an [*Error].
	ClientCertificate(ctx context.Context, s *tls.ConnectionState) (ClientCertificate, error)

	// EnterWithCertificate signs in whose certificate it is. The session is bound to it.
	EnterWithCertificate(ctx context.Context, c ClientCertificate, lifetime time.Duration, note string) (token string, s SessionInfo, err error)
}

// CertificateOffer says whether somebody can sign in with a certificate here.
type CertificateOffer struct {
	Shown bool   `json:"shown" doc:"The connection has shown a client certificate that is valid."`
	Name  string `json:"name" doc:"What stands on it, for its holder to recognise."`
}

// CertificateList is what a person may sign in with.
type CertificateList struct {
	Certificates []string `json:"certificates" nullable:"false" maxItems:"20" doc:"upn:NAME, or serial:HEX#ISSUER; all that they have afterwards."`
}

type certificatesIn struct {
	Login string `path:"login" maxLength:"64"`
	Body  CertificateList
}

func (a *API) bindClientCertificates() {
	bind(a, route[struct{}]{Operation: get("client-certificate", "/session/certificate", "session", "Which client certificate this connection has shown"), access: open}, a.certificateOffer)
	in := post("sign-in-certificate", "/session/certificate", "session", "Sign in with the client certificate")
	in.Description = "On the port for client certificates. The session is of use with that certificate alone."
	bind(a, route[Locale]{Operation: in, access: open, always: true}, a.signInCertificate)
	bind(a, route[certificatesIn]{Operation: operation("set-certificates", http.MethodPut, "/people/{login}/certificates", "people", "Say which client certificates a person may sign in with"),
		access: asked, action: policy.WritePeople, always: true, fresh: true}, a.setCertificates)
}

// errOtherCertificate: sessions are of use with the certificate that they began with,
// or without any if they began so.
var errOtherCertificate = &Error{Status: http.StatusUnauthorized, Code: "other-certificate",
	Detail: "This session belongs to another client certificate, or to none. Sign in again here."}

// seeCertificate finds out which certificate the connection has shown. One that was
// revoked since the handshake is not let in any more.
func (a *API) seeCertificate(c *caller, r *http.Request) error {
	if r.TLS == nil || len(r.TLS.VerifiedChains) == 0 {
		return nil
	}
	certificate, err := a.ClientCertificates.ClientCertificate(r.Context(), r.TLS)
	if err != nil {
		return err
	}
	c.certificate = certificate
	return nil
}

func (a *API) certificateOffer(ctx context.Context, _ *struct{}) (*body[CertificateOffer], error) {
	c := callerOf(ctx).certificate
	return &body[CertificateOffer]{CertificateOffer{c.Fingerprint != "", c.Name}}, nil
}

func (a *API) signInCertificate(ctx context.Context, in *Locale) (*sessionOut, error) {
	c := callerOf(ctx)
	if err := a.attempt(c); err != nil {
		return nil, err
	}
	if c.certificate.Fingerprint == "" {
		return nil, &Error{Status: http.StatusUnauthorized, Code: "no-certificate",
			Detail: "This connection has shown no client certificate. Open the address for client certificates, which skerry serve prints, with the card in its reader."}
	}
	token, s, err := a.ClientCertificates.EnterWithCertificate(ctx, c.certificate, a.SessionEnd, c.remote)
	if err != nil {
		return nil, err
	}
	return a.opened(ctx, token, s, *in)
}

func (a *API) setCertificates(ctx context.Context, in *certificatesIn) (*body[Person], error) {
	p, err := a.People.SetCertificates(ctx, in.Login, in.Body.Certificates, callerOf(ctx).who)
	return &body[Person]{p}, err
}
