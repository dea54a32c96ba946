package audit

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
)

// Witness is an auditor's key that countersigns checkpoints (C2SP
// tlog-cosignature, version 1). It lives on the auditor's laptop.
type Witness struct {
	Name string `json:"name"`
	Seed []byte `json:"seed"` // Ed25519
}

// NewWitness makes a witness. Its name has neither spaces nor plus signs.
func NewWitness(name string) (*Witness, error) {
	w := &Witness{Name: name, Seed: make([]byte, ed25519.SeedSize)}
	rand.Read(w.Seed)
	return w, w.valid()
}

// ParseWitness reads the file of a witness.
func ParseWitness(text []byte) (*Witness, error) {
	var w Witness
	if err := strictJSON(text, &w); err != nil {
		return nil, fmt.Errorf("witness: %w", err)
	}
	return &w, w.valid()
}

func (w *Witness) valid() error {
	if w.Name == "" || strings.ContainsAny(w.Name, " +\n\t") {
		return fmt.Errorf("witness: %q is no name; it has neither spaces nor plus signs", w.Name)
	}
	if len(w.Seed) != ed25519.SeedSize {
		return fmt.Errorf("witness: its seed has %d bytes, not %d", len(w.Seed), ed25519.SeedSize)
	}
	return nil
}

func (w *Witness) encoded() []byte {
	pub := ed25519.NewKeyFromSeed(w.Seed).Public().(ed25519.PublicKey)
	return append([]byte{sigCosignature}, pub...)
}

// Key returns the verifier key.
func (w *Witness) Key() string { return encodeKey(w.Name, w.encoded()) }

// Cosign adds the witness's signature to the signed note of a report that has
// no faults.
func (w *Witness) Cosign(r *Report, now time.Time) ([]byte, error) {
	if !r.OK() {
		return nil, errors.New("a log with faults is not cosigned")
	}
	keys, err := r.Enrolment.verifiers()
	if err != nil {
		return nil, err
	}
	n, err := note.Open(r.Note, note.VerifierList(keys...))
	if err != nil {
		return nil, err
	}
	unix := uint64(now.Unix())
	return note.Sign(n, &signer{w.Name, keyHash(w.Name, w.encoded()), func(msg []byte) ([]byte, error) {
		sig := ed25519.Sign(ed25519.NewKeyFromSeed(w.Seed), cosignedMessage(unix, msg))
		return append(binary.BigEndian.AppendUint64(nil, unix), sig...), nil
	}})
}

// ParseSeen reads a signed checkpoint that was kept: it must carry the
// appliance's signatures, and those of the witnesses that are named by their
// verifier keys.
func ParseSeen(text []byte, e *Enrolment, witnesses ...string) (Checkpoint, error) {
	keys, err := e.verifiers()
	if err != nil {
		return Checkpoint{}, err
	}
	for _, vkey := range witnesses {
		v, err := newVerifier(vkey)
		if err != nil {
			return Checkpoint{}, err
		}
		keys = append(keys, v)
	}
	return openCheckpoint(text, keys)
}

// PutWitnessed puts a cosigned checkpoint beside the log in dir, where Verify
// checks the log against it. It must be of this log.
func PutWitnessed(dir string, text []byte) (Checkpoint, error) {
	e, err := LoadEnrolment(dir)
	if err != nil {
		return Checkpoint{}, err
	}
	c, err := ParseSeen(text, e)
	if err != nil {
		return Checkpoint{}, err
	}
	if old, _, err := Witnessed(dir); err == nil && old.Size > c.Size {
		return Checkpoint{}, fmt.Errorf("a later checkpoint, of %d entries, was put here already; this one has %d", old.Size, c.Size)
	}
	path := filepath.Join(dir, witnessFile)
	f, err := os.CreateTemp(dir, ".new-*")
	if err != nil {
		return Checkpoint{}, err
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return Checkpoint{}, errors.Join(err, os.Remove(f.Name()))
	}
	return c, syncDir(dir)
}

// Witnessed returns the last checkpoint that was put back, and when; an error
// wrapping [os.ErrNotExist] if there is none.
func Witnessed(dir string) (Checkpoint, time.Time, error) {
	path := filepath.Join(dir, witnessFile)
	info, err := os.Stat(path)
	if err != nil {
		return Checkpoint{}, time.Time{}, err
	}
	e, err := LoadEnrolment(dir)
	if err != nil {
		return Checkpoint{}, time.Time{}, err
	}
	b, err := readSmall(path)
	if err != nil {
		return Checkpoint{}, time.Time{}, err
	}
	c, err := ParseSeen(b, e)
	return c, info.ModTime(), err
}
