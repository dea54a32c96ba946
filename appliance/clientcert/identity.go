package clientcert

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Identity is what an account is found by. A name that people can choose, as the
// common name is, is none of it.
type Identity struct {
	Fingerprint string // SHA-256 of the certificate, hex; what sessions are bound to
	UPN         string // user principal name, in small letters; empty = none
	Serial      string // of the certificate and who issued it: HEX#DISTINGUISHED NAME
}

// Keys are the identities as accounts keep them, the most exact first.
func (i Identity) Keys() []string {
	keys := []string{SerialKey + i.Serial}
	if i.UPN != "" {
		keys = append(keys, UPNKey+i.UPN)
	}
	return keys
}

// Beginnings of identities as accounts keep them.
const (
	UPNKey    = "upn:"
	SerialKey = "serial:"
)

// Identify reads a certificate. It does not verify it.
func Identify(c *x509.Certificate) (Identity, error) {
	sum := sha256.Sum256(c.Raw)
	upn, err := UPN(c)
	if err != nil {
		return Identity{}, err
	}
	return Identity{hex.EncodeToString(sum[:]), upn, strings.ToUpper(c.SerialNumber.Text(16)) + "#" + c.Issuer.String()}, nil
}

// ParseKey reads an identity as people write it, and returns it as accounts keep
// it.
func ParseKey(s string) (string, error) {
	switch kind, rest, _ := strings.Cut(s, ":"); kind + ":" {
	case UPNKey:
		upn, err := cleanUPN(rest)
		if err != nil {
			return "", err
		}
		return UPNKey + upn, nil
	case SerialKey:
		serial, issuer, _ := strings.Cut(rest, "#")
		serial = strings.TrimLeft(strings.ToUpper(strings.NewReplacer(":", "", " ", "").Replace(serial)), "0")
		if serial == "" || strings.Trim(serial, "0123456789ABCDEF") != "" || len(serial) > 40 || issuer == "" || len(issuer) > 1024 {
			return "", fmt.Errorf("%q is no serial number with its issuer, like 1F2E#CN=Site CA,O=Site", rest)
		}
		return SerialKey + serial + "#" + issuer, nil
	}
	return "", fmt.Errorf("%q begins with neither upn: nor serial: as it must", s)
}

var (
	oidSubjectAltName = asn1.ObjectIdentifier{2, 5, 29, 17}
	// oidUPN is the type of the user principal name (Microsoft, szOID_NT_PRINCIPAL_NAME).
	oidUPN = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 311, 20, 2, 3}
)

// UPN returns the user principal name in the subject alternative names of a
// certificate, or the empty string if it has none. One that has two, or one that
// is not what it must be, is an error: it could be taken for somebody else's.
func UPN(c *x509.Certificate) (string, error) {
	found := ""
	for _, e := range c.Extensions {
		if !e.Id.Equal(oidSubjectAltName) {
			continue
		}
		upns, err := parseUPNs(e.Value)
		if err != nil {
			return "", err
		}
		for _, upn := range upns {
			if found != "" && upn != found {
				return "", errors.New("the certificate has two user principal names, and only one can be right")
			}
			found = upn
		}
	}
	return found, nil
}

// parseUPNs reads the names of the type UPN out of an extension (RFC 5280,
// section 4.2.1.6):
//
//	GeneralNames ::= SEQUENCE OF GeneralName
//	otherName [0] IMPLICIT SEQUENCE { type-id OBJECT IDENTIFIER, value [0] EXPLICIT ANY }
func parseUPNs(der []byte) ([]string, error) {
	var names asn1.RawValue
	rest, err := asn1.Unmarshal(der, &names)
	if err != nil || len(rest) > 0 || names.Class != asn1.ClassUniversal || names.Tag != asn1.TagSequence || !names.IsCompound {
		return nil, errMalformed
	}
	var upns []string
	for rest = names.Bytes; len(rest) > 0; {
		var name asn1.RawValue
		if rest, err = asn1.Unmarshal(rest, &name); err != nil {
			return nil, errMalformed
		}
		if name.Class != asn1.ClassContextSpecific || name.Tag != 0 {
			continue
		}
		upn, ok, err := parseOtherName(name)
		if err != nil {
			return nil, err
		}
		if ok {
			upns = append(upns, upn)
		}
	}
	return upns, nil
}

var errMalformed = errors.New("the subject alternative names of the certificate are malformed")

// parseOtherName returns the name if it is a UPN.
func parseOtherName(name asn1.RawValue) (upn string, ok bool, err error) {
	var kind asn1.ObjectIdentifier
	rest, err := asn1.Unmarshal(name.Bytes, &kind)
	if err != nil || !name.IsCompound {
		return "", false, errMalformed
	}
	if !kind.Equal(oidUPN) {
		return "", false, nil
	}
	var value, text asn1.RawValue
	rest, err = asn1.Unmarshal(rest, &value)
	if err != nil || len(rest) > 0 || value.Class != asn1.ClassContextSpecific || value.Tag != 0 || !value.IsCompound {
		return "", false, errMalformed
	}
	rest, err = asn1.Unmarshal(value.Bytes, &text)
	if err != nil || len(rest) > 0 || text.Class != asn1.ClassUniversal || text.Tag != asn1.TagUTF8String || text.IsCompound {
		return "", false, errMalformed
	}
	upn, err = cleanUPN(string(text.Bytes))
	return upn, err == nil, err
}

// cleanUPN returns a UPN in the form that is compared: a directory does not tell
// capitals from small letters. Letters beyond ASCII are refused, because some
// look like others.
func cleanUPN(s string) (string, error) {
	at := strings.IndexByte(s, '@')
	if at < 1 || at == len(s)-1 || len(s) > 256 || !utf8.ValidString(s) || strings.Count(s, "@") > 1 {
		return "", fmt.Errorf("%.80q is no user principal name, like ada@site.example", s)
	}
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return "", fmt.Errorf("the user principal name %.80q has characters beyond printable ASCII", s)
		}
	}
	return strings.ToLower(s), nil
}
