package appliance

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"skerry/appliance/api"
	"skerry/appliance/mission"
	"skerry/appliance/tlsca"
)

// Files of an appliance with a CA of its own, in the folder tls of the data
// directory. The key of the CA is not among them: it is in the store, sealed. The
// key of the certificate is, in the clear for its owner alone, because the page
// of a sealed appliance is served over TLS too, before there is any other key.
// Whoever steals the disk can pass for this host until that certificate ends,
// and can neither make another nor read what was recorded: keys of sessions are
// made anew for each (TLS 1.3).
const (
	tlsDir   = "tls"
	ownPair  = "server.pem" // certificate, CA and key
	ownCA    = "ca.pem"
	tlsCheck = 10 * time.Second // between looks at the files of the site's certificate
)

// tlsFile returns the path of a file of the CA of a data directory.
func tlsFile(data, name string) string { return filepath.Join(data, tlsDir, name) }

// certificate is what the listener shows. It is exchanged while connections
// stay; new ones get the new one. It may be used concurrently.
type certificate struct {
	config Config
	log    *slog.Logger
	now    func() time.Time

	shown   atomic.Pointer[tls.Certificate]
	problem atomic.Pointer[string] // why the files that are there are not shown; nil = they are
	read    [2][sha256.Size]byte   // what was read last; used by watch alone
}

// newCertificate loads what there is. A site's own files have to be right at the
// start; of an appliance that has a CA of its own the certificate is made once
// the vault is open, and until then handshakes fail.
func newCertificate(c Config, log *slog.Logger) (*certificate, error) {
	s := &certificate{config: c, log: log, now: time.Now}
	if c.TLS == nil {
		return s, nil
	}
	if !c.TLS.Own {
		return s, s.look()
	}
	text, err := os.ReadFile(tlsFile(c.Data, ownPair))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		log.Warn("there is no certificate yet; one is made when the vault is open")
		return s, nil
	case err != nil:
		return nil, fmt.Errorf("tls: %w", err)
	}
	return s, s.show(text, text)
}

// show takes a certificate into use.
func (s *certificate) show(chain, key []byte) error {
	pair, err := tlsca.Load(chain, key)
	if err != nil {
		return err
	}
	s.shown.Store(pair)
	return nil
}

// tls returns what the listener shakes hands with. Browsers and every client of
// the last years speak TLS 1.3; its suites are Go's, all of them with forward
// secrecy.
func (s *certificate) tls() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13, NextProtos: []string{"http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			if c := s.shown.Load(); c != nil {
				return c, nil
			}
			return nil, errors.New("there is no certificate before the vault was opened once; open it on the host, with skerry vault unseal")
		},
	}
}

// look reads the site's files and takes them into use if they have changed.
func (s *certificate) look() error {
	chain, err := os.ReadFile(s.config.TLS.Certificate)
	if err != nil {
		return fmt.Errorf("tls.certificate: %w", err)
	}
	key, err := os.ReadFile(s.config.TLS.Key)
	if err != nil {
		return fmt.Errorf("tls.key: %w", err)
	}
	defer clear(key)
	read := [2][sha256.Size]byte{sha256.Sum256(chain), sha256.Sum256(key)}
	if read == s.read {
		return nil
	}
	if err := s.show(chain, key); err != nil {
		return fmt.Errorf("tls: %s and %s: %w", s.config.TLS.Certificate, s.config.TLS.Key, err)
	}
	if s.read != ([2][sha256.Size]byte{}) {
		leaf := s.shown.Load().Leaf
		s.log.Info("tls: the certificate was exchanged", "fingerprint", tlsca.Fingerprint(leaf), "until", leaf.NotAfter)
	}
	s.read = read
	return nil
}

// watch takes changes of the site's files into use until ctx ends.
func (s *certificate) watch(ctx context.Context, every time.Duration) {
	if s.config.TLS == nil || s.config.TLS.Own {
		return
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	s.follow(ctx, tick.C)
}

// follow looks at the files at each tick. A pair that cannot be used is not: the
// one before stays, and everyone is told. The two files do not change at once,
// so only what stays wrong for two looks is said.
func (s *certificate) follow(ctx context.Context, ticks <-chan time.Time) {
	wrong := 0
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks:
		}
		err := s.look()
		if err == nil {
			wrong = 0
			s.problem.Store(nil)
			continue
		}
		if wrong++; wrong == 2 {
			s.complain(err)
		}
	}
}

// complain tells everyone why the certificate was not exchanged.
func (s *certificate) complain(err error) {
	text := err.Error()
	s.problem.Store(&text)
	s.log.Error("the TLS certificate is not exchanged; the one before stays", "err", err)
}

// certificateWarning is how long before its end everyone is told of it.
const certificateWarning = 30 * 24 * time.Hour

// notices is what everyone should know of the certificate.
func (s *certificate) notices() (list []api.Notice) {
	if problem := s.problem.Load(); problem != nil {
		list = append(list, api.Notice{Code: "certificate-refused", Urgent: true, Text: mission.Text{
			"en": "The TLS certificate of this host could not be exchanged, so the one before is still shown: " + *problem + ". Whoever looks after this host has to mend that.",
			"de": "Das TLS-Zertifikat dieses Rechners konnte nicht ausgetauscht werden, deshalb wird das bisherige gezeigt: " + *problem + ". Wer diesen Rechner betreut, muss das beheben.",
		}})
	}
	c := s.shown.Load()
	if c == nil {
		return list
	}
	ends := c.Leaf.NotAfter
	if left := ends.Sub(s.now()); left < certificateWarning {
		day := ends.UTC().Format(time.DateOnly)
		text := mission.Text{
			"en": "The TLS certificate of this host ends on " + day + ". From then on browsers do not let anybody in. Whoever looks after this host has to replace it.",
			"de": "Das TLS-Zertifikat dieses Rechners endet am " + day + ". Danach lassen Browser niemanden mehr herein. Wer diesen Rechner betreut, muss es ersetzen.",
		}
		if left <= 0 {
			text = mission.Text{
				"en": "The TLS certificate of this host has ended on " + day + ". Browsers do not let anybody in. Whoever looks after this host has to replace it.",
				"de": "Das TLS-Zertifikat dieses Rechners ist am " + day + " abgelaufen. Browser lassen niemanden herein. Wer diesen Rechner betreut, muss es ersetzen.",
			}
		}
		list = append(list, api.Notice{Code: "certificate-ends", Urgent: left < certificateWarning/4, Text: text})
	}
	return list
}
