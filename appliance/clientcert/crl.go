package clientcert

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// maxCRL is the largest CRL that is read. Those of large authorities have some
// megabytes.
const maxCRL = 64 << 20

// list is a CRL whose issuer is not known yet.
type list struct {
	crl     *x509.RevocationList // without its entries
	revoked map[string]struct{}  // serial numbers, as bytes

	// by says of issuers, by the SHA-256 of their certificates, whether they have
	// signed it: a list can be large, and is asked at every request.
	by sync.Map
}

// signedBy reports whether issuer has signed the list, and may.
func (l *list) signedBy(issuer *x509.Certificate) bool {
	sum := sha256.Sum256(issuer.Raw)
	if known, ok := l.by.Load(sum); ok {
		return known == true
	}
	signed := l.crl.CheckSignatureFrom(issuer) == nil
	l.by.Store(sum, signed)
	return signed
}

// ParseCRLs reads what a file holds: a CRL in DER, or any number in PEM.
func ParseCRLs(text []byte) ([]*x509.RevocationList, error) {
	if !bytes.Contains(text, []byte("-----BEGIN")) {
		crl, err := parseCRL(text)
		if err != nil {
			return nil, err
		}
		return []*x509.RevocationList{crl}, nil
	}
	var all []*x509.RevocationList
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			break
		}
		if block.Type != "X509 CRL" {
			return nil, fmt.Errorf("there is a %q in it, and no CRL", block.Type)
		}
		crl, err := parseCRL(block.Bytes)
		if err != nil {
			return nil, err
		}
		all = append(all, crl)
	}
	if len(all) == 0 || len(bytes.TrimSpace(text)) > 0 {
		return nil, errors.New("it is not PEM to its end")
	}
	return all, nil
}

// parseCRL reads a CRL that says everything about its issuer's certificates.
// One that says that it does not (RFC 5280, sections 5.2.4 and 5.2.5: it is a
// delta, for some reasons only, or about certificates of others) has a critical
// extension, as its entries do then; it is refused, because what is not in it
// may be revoked all the same.
func parseCRL(der []byte) (*x509.RevocationList, error) {
	crl, err := x509.ParseRevocationList(der)
	if err != nil {
		return nil, errors.New("it is no CRL: " + strings.TrimPrefix(err.Error(), "x509: "))
	}
	for _, e := range crl.Extensions {
		if e.Critical {
			return nil, fmt.Errorf("it is no complete CRL: it has the critical extension %s", e.Id)
		}
	}
	if crl.NextUpdate.IsZero() {
		return nil, errors.New("it does not say when the next one comes, so nobody knows how long it holds")
	}
	for i := range crl.RevokedCertificateEntries {
		for _, e := range crl.RevokedCertificateEntries[i].Extensions {
			if e.Critical {
				return nil, fmt.Errorf("it is about certificates of others: an entry has the critical extension %s", e.Id)
			}
		}
	}
	return crl, nil
}

// readCRLs reads files, and the files in folders, that end in .crl, .pem or
// .der.
func readCRLs(paths []string) (all []*list, err error) {
	for _, p := range paths {
		files := []string{p}
		info, err := os.Stat(p)
		if err != nil {
			return nil, err
		}
		if info.IsDir() {
			files = nil
			entries, err := os.ReadDir(p)
			if err != nil {
				return nil, err
			}
			for _, e := range entries {
				switch strings.ToLower(filepath.Ext(e.Name())) {
				case ".crl", ".pem", ".der":
					files = append(files, filepath.Join(p, e.Name()))
				}
			}
		}
		for _, f := range files {
			lists, err := readCRL(f)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", f, err)
			}
			all = append(all, lists...)
		}
	}
	return all, nil
}

func readCRL(path string) ([]*list, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxCRL+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxCRL {
		return nil, fmt.Errorf("it is larger than %d MiB", maxCRL>>20)
	}
	crls, err := ParseCRLs(text)
	if err != nil {
		return nil, err
	}
	var lists []*list
	for _, crl := range crls {
		l := &list{crl: crl, revoked: make(map[string]struct{}, len(crl.RevokedCertificateEntries))}
		for i := range crl.RevokedCertificateEntries {
			l.revoked[string(crl.RevokedCertificateEntries[i].SerialNumber.Bytes())] = struct{}{}
		}
		crl.RevokedCertificateEntries = nil // the map has them
		lists = append(lists, l)
	}
	return lists, nil
}

// stamp is what tells that files have changed.
func stamp(paths []string) (string, error) {
	var b strings.Builder
	note := func(path string, info fs.FileInfo) {
		fmt.Fprintf(&b, "%s %d %d\n", path, info.Size(), info.ModTime().UnixNano())
	}
	for _, p := range paths {
		info, err := os.Stat(p)
		if err != nil {
			return "", err
		}
		note(p, info)
		if !info.IsDir() {
			continue
		}
		entries, err := os.ReadDir(p)
		if err != nil {
			return "", err
		}
		for _, e := range entries {
			info, err := os.Stat(filepath.Join(p, e.Name())) // follows links
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				return "", err
			}
			note(e.Name(), info)
		}
	}
	return b.String(), nil
}

// stale says why a CRL cannot be relied on at a time, or nil.
func (l *list) stale(now time.Time, grace time.Duration) error {
	switch {
	case now.Before(l.crl.ThisUpdate):
		return fmt.Errorf("the CRL of %s is of %s, which is to come: is the clock of this host right?", l.crl.Issuer, l.crl.ThisUpdate.UTC().Format(time.RFC3339))
	case now.After(l.crl.NextUpdate.Add(grace)):
		return fmt.Errorf("the CRL of %s should have been replaced on %s; bring a newer one", l.crl.Issuer, l.crl.NextUpdate.UTC().Format(time.DateOnly))
	}
	return nil
}
