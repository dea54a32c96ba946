package audit

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"golang.org/x/mod/sumdb/note"
)

// Files of the log's directory, which auditors copy, and of the key directory,
// which never leaves the appliance.
const (
	enrolmentFile = "enrolment.json"
	chainFile     = "chain.json"
	signerFile    = "signer.json"
	segmentExt    = ".seg"
)

// Enrolment says whose log this is: what the auditors take home when it is
// made, and check everything later against. It holds nothing secret.
type Enrolment struct {
	Format     string    `json:"format"`
	Appliance  string    `json:"appliance"` // random id, hex
	At         time.Time `json:"at"`
	Recipients []string  `json:"recipients"` // age recipients of the auditors
	Chain      []Wrapped `json:"chain"`      // K0, for each of them
	Keys       []string  `json:"keys"`       // verifier keys; a checkpoint carries a signature of each

	raw []byte // as it stands in the file
}

// Origin is the first line of the log's checkpoints, and the name of its keys.
func (e *Enrolment) Origin() string { return originPrefix + e.Appliance }

const originPrefix = "skerry-audit/"

// Fingerprint is the SHA-256 of the enrolment's file in hex. Auditors write it
// down when it is made.
func (e *Enrolment) Fingerprint() string {
	sum := sha256.Sum256(e.raw)
	return hex.EncodeToString(sum[:])
}

func (e *Enrolment) verifiers() ([]note.Verifier, error) {
	var list []note.Verifier
	for _, k := range e.Keys {
		v, err := newVerifier(k)
		if err != nil {
			return nil, err
		}
		if v.Name() != e.Origin() {
			return nil, fmt.Errorf("the key %s is of %q, not of %s", short(k), v.Name(), e.Origin())
		}
		list = append(list, v)
	}
	return list, nil
}

// ParseEnrolment reads the file of an enrolment.
func ParseEnrolment(text []byte) (*Enrolment, error) {
	e := &Enrolment{raw: bytes.Clone(text)}
	if err := strictJSON(text, e); err != nil {
		return nil, fmt.Errorf("enrolment: %w", err)
	}
	id, err := hex.DecodeString(e.Appliance)
	switch {
	case e.Format != Format:
		return nil, fmt.Errorf("enrolment: its format is %q; this program knows %q", e.Format, Format)
	case err != nil || len(id) != 16:
		return nil, errors.New("enrolment: the id of the appliance is not 16 bytes in hex")
	case len(e.Keys) != 2:
		return nil, fmt.Errorf("enrolment: it names %d keys, not an Ed25519 and an ML-DSA-44 key", len(e.Keys))
	case len(e.Chain) != len(e.Recipients):
		return nil, errors.New("enrolment: the chain key is not wrapped once for every auditor")
	}
	if _, err := parseRecipients(e.Recipients); err != nil {
		return nil, fmt.Errorf("enrolment: %w", err)
	}
	if _, err := e.verifiers(); err != nil {
		return nil, fmt.Errorf("enrolment: %w", err)
	}
	return e, nil
}

// LoadEnrolment reads the enrolment of the log in dir. It returns an error
// wrapping [fs.ErrNotExist] if there is no log.
func LoadEnrolment(dir string) (*Enrolment, error) {
	text, err := readSmall(filepath.Join(dir, enrolmentFile))
	if err != nil {
		return nil, err
	}
	return ParseEnrolment(text)
}

// chainState is what the appliance keeps of the chain: the key of the next
// segment, never that of an old one, and where the log stood when it was
// written.
type chainState struct {
	Index   uint64 `json:"index"`   // n of K(n)
	Key     []byte `json:"key"`     // K(n)
	Segment uint64 `json:"segment"` // that was opened last, or about to be; 0 = none yet
	Opened  bool   `json:"opened"`  // its header is durable
	Size    uint64 `json:"size"`    // leaves that there were at least
}

type signerState struct {
	Seed []byte `json:"seed"` // 32 bytes for Ed25519, 32 for ML-DSA-44
}

// Enrol makes an empty log in dir that only the holders of recipients' keys can
// read, and the appliance's keys for it in keyDir. It refuses fewer than
// [MinRecipients] recipients, and returns an error wrapping [fs.ErrExist] if
// there is a log already.
func Enrol(dir, keyDir string, recipients []string, now time.Time) (*Enrolment, error) {
	if _, err := os.Lstat(filepath.Join(dir, enrolmentFile)); err == nil {
		return nil, fmt.Errorf("enrol auditors: there is a log in %s already: %w", dir, fs.ErrExist)
	}
	if _, err := parseRecipients(recipients); err != nil {
		return nil, err
	}
	for _, d := range []string{dir, keyDir} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return nil, fmt.Errorf("enrol auditors: %w", err)
		}
		// Segments without an enrolment are the remains of another log.
		if found, err := filepath.Glob(filepath.Join(d, "*"+segmentExt)); err != nil || len(found) > 0 {
			return nil, fmt.Errorf("enrol auditors: %s holds segments of a log already; move them away first", d)
		}
	}
	id := make([]byte, 16)
	rand.Read(id)
	e := &Enrolment{Format: Format, Appliance: hex.EncodeToString(id), At: now.UTC().Truncate(time.Second), Recipients: recipients}
	seed := make([]byte, signSeedBytes)
	rand.Read(seed)
	k0 := newKey()
	var err error
	if _, e.Keys, err = newSigners(e.Origin(), seed); err != nil {
		return nil, err
	}
	if e.Chain, err = wrap(k0, recipients); err != nil {
		return nil, err
	}
	// The enrolment comes last: it says that the keys are there.
	if err := writeJSON(filepath.Join(keyDir, signerFile), signerState{seed}); err != nil {
		return nil, err
	}
	if err := writeJSON(filepath.Join(keyDir, chainFile), chainState{Key: k0[:]}); err != nil {
		return nil, err
	}
	if err := writeJSON(filepath.Join(dir, enrolmentFile), e); err != nil {
		return nil, err
	}
	return LoadEnrolment(dir)
}

// errKeys explains that a missing or unreadable key is never replaced: a log
// that went on with another key would be one that nobody can check.
func errKeys(path string, err error) error {
	return fmt.Errorf("the audit log's key %s cannot be used: %w; restore it from where it was kept. It is never made anew", path, err)
}

// lockKeys makes sure that one process writes.
func lockKeys(keyDir string) (*os.File, error) {
	path := filepath.Join(keyDir, "lock")
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, errKeys(path, err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		if errors.Is(err, syscall.EWOULDBLOCK) {
			err = ErrInUse
		}
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func loadKeys(keyDir string, e *Enrolment) (signers []note.Signer, c chainState, err error) {
	var s signerState
	path := filepath.Join(keyDir, signerFile)
	if err := readJSON(path, &s); err != nil {
		return nil, c, errKeys(path, err)
	}
	signers, keys, err := newSigners(e.Origin(), s.Seed)
	if err != nil {
		return nil, c, errKeys(path, err)
	}
	if !slices.Equal(keys, e.Keys) {
		return nil, c, errKeys(path, errors.New("it is not the one that the auditors know"))
	}
	path = filepath.Join(keyDir, chainFile)
	if err := readJSON(path, &c); err != nil {
		return nil, c, errKeys(path, err)
	}
	if len(c.Key) != keyBytes {
		return nil, c, errKeys(path, fmt.Errorf("it has %d bytes, not %d", len(c.Key), keyBytes))
	}
	return signers, c, nil
}

// maxState bounds the small files beside the segments.
const maxState = 1 << 20

func readSmall(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxState+1))
	if err == nil && len(b) > maxState {
		err = fmt.Errorf("%s is larger than %d bytes", path, maxState)
	}
	return b, err
}

// strictJSON decodes exactly one JSON value whose fields are all known.
func strictJSON(text []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the JSON value")
	}
	return nil
}

func readJSON(path string, v any) error {
	b, err := readSmall(path)
	if err != nil {
		return err
	}
	return strictJSON(b, v)
}

// writeJSON replaces a file whole and makes that durable. The bytes that were
// there before are overwritten, as well as a file system lets one.
func writeJSON(path string, v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	old, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err == nil {
		defer old.Close()
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	_, err = f.Write(append(b, '\n'))
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	if err := syncDir(filepath.Dir(path)); err != nil {
		return err
	}
	if old == nil {
		return nil
	}
	info, err := old.Stat()
	if err != nil {
		return err
	}
	_, err = old.WriteAt(make([]byte, info.Size()), 0)
	return errors.Join(err, old.Sync())
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
