// Package tlsca is the certificate authority of a site that has none of its own:
// it makes the CA, which may vouch for the names of this appliance and for
// nothing else, and the certificates that the appliance shows. It keeps nothing
// and reads no clock. Start with [New].
package tlsca

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Lifetimes. Browsers take certificates of up to 398 days from public CAs (CA/B
// Forum, section 6.3.2); the certificate's key lies on the disk in the clear, so
// it lives for less than half of that.
const (
	Lifetime      = 180 * 24 * time.Hour // of a certificate
	RenewBefore   = 60 * 24 * time.Hour  // of its end
	authorityLife = 3652 * 24 * time.Hour
	slack         = 24 * time.Hour // clocks of clients that are behind
)

// Authority is a CA with its key.
type Authority struct {
	Certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

var label = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// Names sorts names of an appliance into host names and addresses, without
// doubles. A name may be in capitals and end with a dot.
func Names(names []string) (hosts []string, ips []net.IP, err error) {
	for _, n := range names {
		n = strings.ToLower(strings.TrimSuffix(n, "."))
		if ip, err := netip.ParseAddr(n); err == nil {
			ip = ip.Unmap()
			switch {
			case ip.Zone() != "":
				return nil, nil, fmt.Errorf("%s has a zone, which means something on one host only; name the address without", n)
			case ip.IsUnspecified():
				return nil, nil, fmt.Errorf("%s is every address of a host and the name of none; name the one that people use", n)
			}
			if !slices.ContainsFunc(ips, func(have net.IP) bool { return have.Equal(ip.AsSlice()) }) {
				ips = append(ips, ip.AsSlice())
			}
			continue
		}
		if len(n) > 253 || slices.ContainsFunc(strings.Split(n, "."), func(l string) bool { return !label.MatchString(l) }) {
			return nil, nil, fmt.Errorf("%q is neither a host name nor an address; write it as in a browser, without https:// and port", n)
		}
		if !slices.Contains(hosts, n) {
			hosts = append(hosts, n)
		}
	}
	return hosts, ips, nil
}

// local are names of every host; the appliance answers to them.
var local = []string{"localhost", "127.0.0.1", "::1"}

// New makes a CA that may vouch for the names, hosts below them, and this host's
// own. Whoever trusts it trusts it for those alone.
func New(names []string, now time.Time) (*Authority, error) {
	if len(names) == 0 {
		return nil, errors.New("a certificate needs a name: say how people call this host")
	}
	hosts, ips, err := Names(slices.Concat(names, local))
	if err != nil {
		return nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	serial, err := newSerial()
	if err != nil {
		return nil, err
	}
	t := &x509.Certificate{
		SerialNumber: serial,
		// The number tells apart what the same names had before.
		Subject:   pkix.Name{Organization: []string{"Skerry"}, CommonName: cut("CA of "+strings.ToLower(names[0]), 48) + " " + hex.EncodeToString(serial.Bytes()[:4])},
		NotBefore: now.Add(-slack), NotAfter: now.Add(authorityLife),
		IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true,
		KeyUsage:    x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		// There is a name and an address of this host in each list, so that neither
		// kind is without a bound (RFC 5280, section 4.2.1.10: a kind that is not
		// listed may be anything).
		PermittedDNSDomainsCritical: true,
		PermittedDNSDomains:         hosts,
	}
	for _, ip := range ips {
		t.PermittedIPRanges = append(t.PermittedIPRanges, &net.IPNet{IP: ip, Mask: net.CIDRMask(len(ip)*8, len(ip)*8)})
	}
	der, err := x509.CreateCertificate(rand.Reader, t, t, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	return &Authority{c, key}, nil
}

// Marshal returns the CA as Parse reads it: its certificate and its key, in PEM.
func (a *Authority) Marshal() ([]byte, error) {
	key, err := x509.MarshalPKCS8PrivateKey(a.key)
	if err != nil {
		return nil, err
	}
	defer clear(key)
	return append(PEM(a.Certificate), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})...), nil
}

// Parse reads a CA that Marshal has written.
func Parse(text []byte) (*Authority, error) {
	pair, err := tls.X509KeyPair(text, text)
	if err != nil {
		return nil, fmt.Errorf("certificate authority: %w", err)
	}
	key, ok := pair.PrivateKey.(*ecdsa.PrivateKey)
	if !ok || !pair.Leaf.IsCA {
		return nil, errors.New("certificate authority: it is none, or of another kind")
	}
	return &Authority{pair.Leaf, key}, nil
}

// ErrNames: the CA may not vouch for a name.
var ErrNames = errors.New("the certificate authority was made for other names")

// Issue makes a certificate with a new key for the names and this host's own. It
// returns an error wrapping [ErrNames] if the CA may not vouch for one of them.
// text is what [Load] reads.
func (a *Authority) Issue(names []string, now time.Time) (text []byte, err error) {
	hosts, ips, err := Names(slices.Concat(names, local))
	if err != nil {
		return nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	serial, err := newSerial()
	if err != nil {
		return nil, err
	}
	t := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{Organization: []string{"Skerry"}, CommonName: cut(strings.ToLower(names[0]), 64)},
		NotBefore: now.Add(-slack), NotAfter: now.Add(Lifetime),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, BasicConstraintsValid: true,
		DNSNames: hosts, IPAddresses: ips,
	}
	if t.NotAfter.After(a.Certificate.NotAfter) {
		t.NotAfter = a.Certificate.NotAfter
	}
	der, err := x509.CreateCertificate(rand.Reader, t, a.Certificate, &key.PublicKey, a.key)
	if err != nil {
		return nil, err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AddCert(a.Certificate)
	if _, err := leaf.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: now}); err != nil {
		var invalid x509.CertificateInvalidError
		if errors.As(err, &invalid) && invalid.Reason == x509.CANotAuthorizedForThisName {
			return nil, fmt.Errorf("%w: %s", ErrNames, invalid.Detail)
		}
		return nil, err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	defer clear(private)
	return slices.Concat(PEM(leaf), PEM(a.Certificate), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})), nil
}

// Load reads a certificate with its chain and its key, which may be in one text
// or in two.
func Load(chain, key []byte) (*tls.Certificate, error) {
	c, err := tls.X509KeyPair(chain, key)
	if err != nil {
		return nil, errors.New(strings.TrimPrefix(err.Error(), "tls: "))
	}
	return &c, nil
}

// Covers reports whether a certificate is for all the names and this host's own.
func Covers(c *x509.Certificate, names []string) bool {
	hosts, ips, err := Names(slices.Concat(names, local))
	if err != nil {
		return false
	}
	for _, ip := range ips {
		hosts = append(hosts, ip.String())
	}
	return !slices.ContainsFunc(hosts, func(n string) bool { return c.VerifyHostname(n) != nil })
}

// PEM returns a certificate as a client takes it in.
func PEM(c *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
}

// Fingerprint returns the SHA-256 of a certificate, as browsers show it.
func Fingerprint(c *x509.Certificate) string {
	sum := sha256.Sum256(c.Raw)
	var b bytes.Buffer
	for i, x := range sum {
		if i > 0 {
			b.WriteByte(':')
		}
		fmt.Fprintf(&b, "%02X", x)
	}
	return b.String()
}

// newSerial returns 127 random bits that begin with a one (RFC 5280, section
// 4.1.2.2: positive, at most 20 octets).
func newSerial() (*big.Int, error) {
	b := make([]byte, 16)
	if _, err := rand.Read(b); err != nil {
		return nil, err
	}
	b[0] = b[0]&0x7f | 0x40
	return new(big.Int).SetBytes(b), nil
}

// cut returns the first n bytes of s, which is ASCII: a common name has 64 at
// most (RFC 5280, appendix A).
func cut(s string, n int) string { return s[:min(n, len(s))] }
