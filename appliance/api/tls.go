package api

import (
	"context"
	"time"

	"skerry/appliance/policy"
)

// Certificate is what this host shows who connects over TLS.
type Certificate struct {
	Names       []string              `json:"names" doc:"Host names and addresses that it is for."`
	Issuer      string                `json:"issuer"`
	Fingerprint string                `json:"fingerprint" doc:"SHA-256 of it, in hex with colons."`
	Ends        time.Time             `json:"ends"`
	CA          *CertificateAuthority `json:"ca,omitempty" doc:"The CA of this Skerry, if it has one of its own."`
}

// CertificateAuthority is what clients have to trust.
type CertificateAuthority struct {
	Name        string    `json:"name"`
	Fingerprint string    `json:"fingerprint" doc:"SHA-256 of it, in hex with colons, to be compared before it is trusted."`
	Ends        time.Time `json:"ends"`
	PEM         string    `json:"pem"`
}

// Certificates exchanges the certificate.
type Certificates interface {
	// Renew makes a certificate with a new key; with anewCA by a new CA, which
	// every client has to take in. New connections get it.
	Renew(ctx context.Context, anewCA bool, by policy.Principal) (Certificate, error)
}

func (a *API) bindTLS() {
	renew := post("renew-certificate", "/tls/renew", "appliance", "Make a new TLS certificate")
	renew.Description = "By the CA of this Skerry, which clients know. It is also done without, in time before the end of the one before."
	bind(a, route[struct{}]{Operation: renew, access: asked, action: policy.Administer, leaves: true}, a.renewCertificate)
	replace := post("replace-ca", "/tls/replace", "appliance", "Make a new CA, and a TLS certificate by it")
	replace.Description = "For other names, or after the disk was stolen. Every client has to take the new one in before it can connect."
	bind(a, route[struct{}]{Operation: replace, access: asked, action: policy.Administer, leaves: true, fresh: true}, a.replaceCA)
}

func (a *API) renewCertificate(ctx context.Context, _ *struct{}) (*body[Certificate], error) {
	c, err := a.Certificates.Renew(ctx, false, callerOf(ctx).who)
	return &body[Certificate]{c}, err
}

func (a *API) replaceCA(ctx context.Context, _ *struct{}) (*body[Certificate], error) {
	c, err := a.Certificates.Renew(ctx, true, callerOf(ctx).who)
	return &body[Certificate]{c}, err
}
