package audit

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"

	"filippo.io/age"
	"golang.org/x/mod/sumdb/tlog"
)

// Labels that keep the uses of a key apart.
const (
	labelSegment = Format + " segment"
	labelChain   = Format + " chain"
	labelCommit  = Format + " commit"
)

const keyBytes = 32

type key [keyBytes]byte

// newKey returns a random key. Its reader never fails (crypto/rand).
func newKey() (k key) {
	rand.Read(k[:])
	return k
}

func derive(secret []byte, label string) (k key) {
	b, err := hkdf.Key(sha256.New, secret, nil, label, keyBytes)
	if err != nil {
		panic(err) // only for a length that HKDF cannot give
	}
	copy(k[:], b)
	return k
}

// nextChain returns K(n+1) of K(n). There is no way back.
func nextChain(k key) key { return derive(k[:], labelChain) }

// ratchet yields the key of one record after the other. What was before cannot
// be had from it.
type ratchet struct{ ck key }

func newRatchet(fresh, chain key) *ratchet {
	return &ratchet{derive(append(fresh[:], chain[:]...), labelSegment)}
}

// commitment binds the header to the key: AES-GCM alone would open one
// ciphertext under several keys.
func (r *ratchet) commitment() []byte { return mac(r.ck, []byte(labelCommit)) }

var stepMessage, stepChain = []byte{1}, []byte{2}

// next returns the key of the next record and forgets where it came from.
func (r *ratchet) next() (mk key) {
	copy(mk[:], mac(r.ck, stepMessage))
	copy(r.ck[:], mac(r.ck, stepChain))
	return mk
}

func mac(k key, message []byte) []byte {
	m := hmac.New(sha256.New, k[:])
	m.Write(message)
	return m.Sum(nil)
}

// sealOverhead is what sealing adds to a record: the tag of AES-GCM.
const sealOverhead = 16

// zeroNonce is safe because a message key seals one record, ever: a segment is
// never gone on with, and the next has a fresh key.
var zeroNonce = make([]byte, 12)

func gcm(k key) cipher.AEAD {
	block, err := aes.NewCipher(k[:])
	if err != nil {
		panic(err) // only for a wrong length
	}
	a, err := cipher.NewGCM(block)
	if err != nil {
		panic(err)
	}
	return a
}

func sealRecord(dst []byte, mk key, plain, head []byte, previous tlog.Hash) []byte {
	var aad [frameHead + tlog.HashSize]byte
	copy(aad[copy(aad[:], head):], previous[:])
	return gcm(mk).Seal(dst, zeroNonce, plain, aad[:])
}

func openRecord(dst []byte, mk key, f *frame, previous tlog.Hash) ([]byte, error) {
	var aad [frameHead + tlog.HashSize]byte
	copy(aad[copy(aad[:], f.raw[:frameHead]):], previous[:])
	plain, err := gcm(mk).Open(dst, zeroNonce, f.payload(), aad[:])
	if err != nil {
		return nil, errors.New("it was not sealed with the key of this place")
	}
	return bytes.TrimRight(plain, "\x00"), nil
}

// padded returns the text of a record, filled with zeros, which JSON never ends
// in, to a multiple of padBytes.
func padded(text []byte) []byte {
	n := (len(text) + padBytes - 1) / padBytes * padBytes
	return append(text, make([]byte, n-len(text))...)
}

// Wrapped is a key that one recipient can unwrap.
type Wrapped struct {
	Recipient string `json:"recipient"` // fingerprint: SHA-256 of the recipient's text, hex
	Age       []byte `json:"age"`       // an age file that holds the key
}

// RecipientFingerprint names a recipient without giving its text, which is long.
func RecipientFingerprint(recipient string) string {
	sum := sha256.Sum256([]byte(recipient))
	return hex.EncodeToString(sum[:])
}

// parseRecipients parses what auditors are known by. Every one is an age
// recipient that needs no program of somebody else's: age1pq1… (hybrid
// post-quantum) or age1… (X25519).
func parseRecipients(texts []string) ([]age.Recipient, error) {
	if len(texts) < MinRecipients {
		return nil, fmt.Errorf("the audit log needs at least %d auditors, so that one lost key is no lost log; there are %d. Make a key with: age-keygen -pq, or: skerry audit keygen", MinRecipients, len(texts))
	}
	var list []age.Recipient
	seen := map[string]bool{}
	for _, text := range texts {
		r, err := age.ParseRecipients(strings.NewReader(text))
		if err != nil || len(r) != 1 || strings.TrimSpace(text) != text {
			return nil, fmt.Errorf("%q is not an age recipient like age1pq1… or age1…", text)
		}
		if seen[text] {
			return nil, fmt.Errorf("the auditor %q is named twice; each needs a key of their own", text)
		}
		seen[text] = true
		list = append(list, r[0])
	}
	return list, nil
}

// wrap makes one age file for each recipient: kinds of recipients cannot be
// mixed in one.
func wrap(k key, texts []string) ([]Wrapped, error) {
	recipients, err := parseRecipients(texts)
	if err != nil {
		return nil, err
	}
	var list []Wrapped
	for i, r := range recipients {
		var b bytes.Buffer
		w, err := age.Encrypt(&b, r)
		if err != nil {
			return nil, fmt.Errorf("wrap to %s: %w", texts[i], err)
		}
		if _, err := w.Write(k[:]); err != nil {
			return nil, fmt.Errorf("wrap to %s: %w", texts[i], err)
		}
		if err := w.Close(); err != nil {
			return nil, fmt.Errorf("wrap to %s: %w", texts[i], err)
		}
		list = append(list, Wrapped{RecipientFingerprint(texts[i]), b.Bytes()})
	}
	return list, nil
}

// unwrap tries every file with every identity.
func unwrap(list []Wrapped, identities []age.Identity) (k key, err error) {
	err = errors.New("there is nothing to unwrap")
	for _, w := range list {
		var r io.Reader
		if r, err = age.Decrypt(bytes.NewReader(w.Age), identities...); err != nil {
			continue
		}
		var b []byte
		if b, err = io.ReadAll(io.LimitReader(r, keyBytes+1)); err != nil {
			continue
		}
		if len(b) != keyBytes {
			err = fmt.Errorf("a wrapped key has %d bytes, not %d", len(b), keyBytes)
			continue
		}
		copy(k[:], b)
		return k, nil
	}
	return k, fmt.Errorf("no auditor's key given here opens it: %w", err)
}
