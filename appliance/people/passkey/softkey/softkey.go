// Package softkey is an authenticator in software for tests: it answers WebAuthn
// challenges as a browser and a security key together do, with ES256 and no
// attestation, and as badly as a test wants.
package softkey

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
)

// Device keeps one passkey. What it answers with can be changed between calls.
type Device struct {
	Origin string // that the browser claims
	RPID   string // that the answer is made for
	Silent bool   // it does not verify the user
	Absent bool   // nor ask for their presence
	Count  uint32 // of the last signature; 0 stays 0 with Fixed
	Fixed  bool   // the counter does not go on
	Handle []byte // of the user, from the options

	ID  []byte
	key *ecdsa.PrivateKey
}

// New returns a device with a new key, in a browser on a page of origin.
func New(origin, rpID string) *Device {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err) // never happens
	}
	return &Device{Origin: origin, RPID: rpID, ID: []byte(rand.Text()), key: key}
}

// Copy returns a device with the same key and counter.
func (d *Device) Copy() *Device {
	c := *d
	return &c
}

var b64 = base64.RawURLEncoding

type options struct {
	Challenge string `json:"challenge"`
	User      struct {
		ID string `json:"id"`
	} `json:"user"`
}

// Flags of authenticator data (WebAuthn, section 6.1).
const (
	present  = 1 << 0
	verified = 1 << 2
	attested = 1 << 6
)

func (d *Device) data(flags byte, more []byte) []byte {
	if !d.Absent {
		flags |= present
	}
	if !d.Silent {
		flags |= verified
	}
	if !d.Fixed {
		d.Count++
	}
	hash := sha256.Sum256([]byte(d.RPID))
	out := append(hash[:], flags)
	return append(binary.BigEndian.AppendUint32(out, d.Count), more...)
}

func (d *Device) client(kind, challenge string) []byte {
	return text(map[string]any{"type": kind, "challenge": challenge, "origin": d.Origin, "crossOrigin": false})
}

func text(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // maps of strings
	}
	return b
}

func read(raw []byte) options {
	var o options
	if err := json.Unmarshal(raw, &o); err != nil {
		panic(err) // the test has given something else
	}
	return o
}

// Create answers options for a new passkey.
func (d *Device) Create(raw []byte) []byte {
	o := read(raw)
	d.Handle, _ = b64.DecodeString(o.User.ID)
	point, err := d.key.PublicKey.Bytes()
	if err != nil {
		panic(err) // it is a key of P-256
	}
	// A COSE key (RFC 9053, section 7.1): kty EC2, alg ES256, crv P-256, x, y.
	cose := append([]byte{0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20}, point[1:33]...)
	cose = append(append(cose, 0x22, 0x58, 0x20), point[33:]...)
	more := binary.BigEndian.AppendUint16(make([]byte, 16), uint16(len(d.ID))) // behind an AAGUID of zeros
	auth := d.data(attested, append(append(more, d.ID...), cose...))
	// {"fmt": "none", "attStmt": {}, "authData": auth}
	object := append([]byte{0xa3, 0x63}, "fmt"...)
	object = append(append(object, 0x64), "none"...)
	object = append(append(object, 0x67), "attStmt"...)
	object = append(append(object, 0xa0, 0x68), "authData"...)
	object = append(binary.BigEndian.AppendUint16(append(object, 0x59), uint16(len(auth))), auth...)
	return d.answer(map[string]any{"clientDataJSON": b64.EncodeToString(d.client("webauthn.create", o.Challenge)), "attestationObject": b64.EncodeToString(object)})
}

// Get answers options for signing in.
func (d *Device) Get(raw []byte) []byte {
	o := read(raw)
	auth, client := d.data(0, nil), d.client("webauthn.get", o.Challenge)
	hash := sha256.Sum256(client)
	digest := sha256.Sum256(append(append([]byte{}, auth...), hash[:]...))
	signature, err := ecdsa.SignASN1(rand.Reader, d.key, digest[:])
	if err != nil {
		panic(err) // never happens
	}
	return d.answer(map[string]any{"clientDataJSON": b64.EncodeToString(client), "authenticatorData": b64.EncodeToString(auth),
		"signature": b64.EncodeToString(signature), "userHandle": b64.EncodeToString(d.Handle)})
}

func (d *Device) answer(response map[string]any) []byte {
	id := b64.EncodeToString(d.ID)
	return text(map[string]any{"id": id, "rawId": id, "type": "public-key", "clientExtensionResults": map[string]any{}, "response": response})
}
