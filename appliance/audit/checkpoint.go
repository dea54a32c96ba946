package audit

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"filippo.io/mldsa"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Checkpoint is what is signed about the log: the root over all leaves so far.
// Its text is a C2SP tlog-checkpoint.
type Checkpoint struct {
	Origin string    // "skerry-audit/" and the id of the appliance
	Size   uint64    // leaves
	Root   tlog.Hash // RFC 6962 Merkle tree hash
}

// Text returns the text that is signed.
func (c Checkpoint) Text() string {
	return c.Origin + "\n" + strconv.FormatUint(c.Size, 10) + "\n" + base64.StdEncoding.EncodeToString(c.Root[:]) + "\n"
}

// maxNote bounds a signed note: a checkpoint, two signatures of the appliance
// and those of some witnesses.
const maxNote = 64 << 10

// parseCheckpoint reads the text of a signed note. Further lines are refused:
// nothing here writes any, and a verifier must not pass over what it does not
// know.
func parseCheckpoint(text string) (Checkpoint, error) {
	lines := strings.Split(text, "\n")
	if len(lines) != 4 || lines[3] != "" || lines[0] == "" {
		return Checkpoint{}, errors.New("a checkpoint has three lines: origin, size and root")
	}
	size, err := strconv.ParseUint(lines[1], 10, 63)
	if err != nil || strconv.FormatUint(size, 10) != lines[1] {
		return Checkpoint{}, fmt.Errorf("%q is no tree size", lines[1])
	}
	root, err := base64.StdEncoding.Strict().DecodeString(lines[2])
	if err != nil || len(root) != tlog.HashSize || base64.StdEncoding.EncodeToString(root) != lines[2] {
		return Checkpoint{}, fmt.Errorf("%q is no root", lines[2])
	}
	return Checkpoint{lines[0], size, tlog.Hash(root)}, nil
}

// openCheckpoint returns the checkpoint of a signed note that carries a valid
// signature of every one of keys; other signatures are passed over.
func openCheckpoint(msg []byte, keys []note.Verifier) (Checkpoint, error) {
	if len(msg) > maxNote {
		return Checkpoint{}, fmt.Errorf("a signed checkpoint of %d bytes is too long", len(msg))
	}
	n, err := note.Open(msg, note.VerifierList(keys...))
	if err != nil {
		return Checkpoint{}, fmt.Errorf("signed checkpoint: %w", err)
	}
	if len(n.Sigs) < len(keys) {
		return Checkpoint{}, fmt.Errorf("signed checkpoint: it carries %d of the %d signatures that it needs", len(n.Sigs), len(keys))
	}
	return parseCheckpoint(n.Text)
}

// Types of signatures in signed notes (C2SP signed-note). ML-DSA-44 over a
// whole note has no number of its own, so it takes the open range.
const (
	sigEd25519     = 0x01
	sigCosignature = 0x04
	sigOther       = 0xff
)

// mldsaType follows [sigOther] in the key, and is the context of the signature.
const mldsaType = Format + " ml-dsa-44"

// keyHash is the key id of C2SP signed-note.
func keyHash(name string, encoded []byte) uint32 {
	sum := sha256.Sum256(append([]byte(name+"\n"), encoded...))
	return binary.BigEndian.Uint32(sum[:])
}

func encodeKey(name string, encoded []byte) string {
	return fmt.Sprintf("%s+%08x+%s", name, keyHash(name, encoded), base64.StdEncoding.EncodeToString(encoded))
}

func ed25519Key(pub ed25519.PublicKey) []byte { return append([]byte{sigEd25519}, pub...) }

func mldsaKey(pub *mldsa.PublicKey) []byte {
	return append(append([]byte{sigOther}, mldsaType...), pub.Bytes()...)
}

// signer is a key of the appliance; it implements [note.Signer].
type signer struct {
	name string
	hash uint32
	sign func([]byte) ([]byte, error)
}

func (s *signer) Name() string                    { return s.name }
func (s *signer) KeyHash() uint32                 { return s.hash }
func (s *signer) Sign(msg []byte) ([]byte, error) { return s.sign(msg) }

// verifier implements [note.Verifier].
type verifier struct {
	name   string
	hash   uint32
	verify func(msg, sig []byte) bool
}

func (v *verifier) Name() string                { return v.name }
func (v *verifier) KeyHash() uint32             { return v.hash }
func (v *verifier) Verify(msg, sig []byte) bool { return v.verify(msg, sig) }

// newVerifier reads a verifier key of any type that is known here:
// name+hash+base64.
func newVerifier(vkey string) (note.Verifier, error) {
	name, rest, ok1 := strings.Cut(vkey, "+")
	hash, text, ok2 := strings.Cut(rest, "+")
	encoded, err := base64.StdEncoding.DecodeString(text)
	if !ok1 || !ok2 || err != nil || len(encoded) < 2 || name == "" || strings.ContainsAny(name, " \n") {
		return nil, fmt.Errorf("%q is not a verifier key like name+hash+base64", short(vkey))
	}
	if hash != fmt.Sprintf("%08x", keyHash(name, encoded)) {
		return nil, fmt.Errorf("verifier key %s: its hash does not fit; it was copied wrongly", short(vkey))
	}
	v := &verifier{name: name, hash: keyHash(name, encoded)}
	kind, pub := encoded[0], encoded[1:]
	switch {
	case kind == sigEd25519 && len(pub) == ed25519.PublicKeySize:
		v.verify = func(msg, sig []byte) bool { return ed25519.Verify(pub, msg, sig) }
	case kind == sigCosignature && len(pub) == ed25519.PublicKeySize:
		v.verify = func(msg, sig []byte) bool {
			if len(sig) != 8+ed25519.SignatureSize {
				return false
			}
			return ed25519.Verify(pub, cosignedMessage(binary.BigEndian.Uint64(sig), msg), sig[8:])
		}
	case kind == sigOther && strings.HasPrefix(string(pub), mldsaType):
		key, err := mldsa.NewPublicKey(mldsa.MLDSA44(), pub[len(mldsaType):])
		if err != nil {
			return nil, fmt.Errorf("verifier key %s: %w", short(vkey), err)
		}
		v.verify = func(msg, sig []byte) bool {
			return mldsa.Verify(key, msg, sig, &mldsa.Options{Context: mldsaType}) == nil
		}
	default:
		return nil, fmt.Errorf("verifier key %s: its type is not known here", short(vkey))
	}
	return v, nil
}

// cosignedMessage is what a witness signs (C2SP tlog-cosignature).
func cosignedMessage(unix uint64, text []byte) []byte {
	return fmt.Appendf(nil, "cosignature/v1\ntime %d\n%s", unix, text)
}

func short(s string) string {
	if len(s) > 60 {
		return s[:60] + "…"
	}
	return s
}

// newSigners returns the signers of an appliance and their verifier keys, made
// from a seed of 64 bytes: 32 for Ed25519, 32 for ML-DSA-44.
func newSigners(origin string, seed []byte) ([]note.Signer, []string, error) {
	if len(seed) != signSeedBytes {
		return nil, nil, fmt.Errorf("a signing seed has %d bytes, not %d", len(seed), signSeedBytes)
	}
	ed := ed25519.NewKeyFromSeed(seed[:32])
	pq, err := mldsa.NewPrivateKey(mldsa.MLDSA44(), seed[32:])
	if err != nil {
		return nil, nil, err
	}
	edKey := ed25519Key(ed.Public().(ed25519.PublicKey))
	pqKey := mldsaKey(pq.PublicKey())
	return []note.Signer{
		&signer{origin, keyHash(origin, edKey), func(msg []byte) ([]byte, error) { return ed25519.Sign(ed, msg), nil }},
		&signer{origin, keyHash(origin, pqKey), func(msg []byte) ([]byte, error) {
			return pq.SignDeterministic(msg, &mldsa.Options{Context: mldsaType})
		}},
	}, []string{encodeKey(origin, edKey), encodeKey(origin, pqKey)}, nil
}

const signSeedBytes = 64
