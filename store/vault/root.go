package vault

import (
	"crypto/subtle"
	"errors"
	"fmt"
)

// Errors that callers branch on.
var (
	// ErrNone: there is no vault in this directory.
	ErrNone = errors.New("there is no vault")
	// ErrExists: there is a vault in this directory already.
	ErrExists = errors.New("there is a vault already")
	// ErrSealed: the vault was closed; nothing can be read or written.
	ErrSealed = errors.New("the vault is sealed")
	// ErrWrongKey: the key does not belong to this vault.
	ErrWrongKey = errors.New("the key does not open this vault")
	// ErrDamaged: the bytes are not what the vault has written there.
	ErrDamaged = errors.New("sealed data is damaged, or was moved from elsewhere")
	// ErrNoAdmin: there is no admin with this name.
	ErrNoAdmin = errors.New("there is no admin with this name")
)

const (
	vaultBytes = 16
	rootBytes  = 8
	rootMagic  = "skerry root key 1\n"

	// RootSize is the size of what [Root.Append] writes.
	RootSize = len(rootMagic) + vaultBytes + rootBytes + keyBytes
)

// Root is a root key in locked memory. Close it when it is not needed any more.
type Root struct {
	page  *page // slot 0
	vault [vaultBytes]byte
	id    [rootBytes]byte
}

// ParseRoot reads what [Root.Append] wrote and clears b.
func ParseRoot(b []byte) (*Root, error) {
	defer clear(b)
	if len(b) != RootSize || string(b[:len(rootMagic)]) != rootMagic {
		return nil, fmt.Errorf("%w: these %d bytes are no root key of Skerry", ErrWrongKey, len(b))
	}
	p, err := newPage()
	if err != nil {
		return nil, err
	}
	r := &Root{page: p}
	rest := b[len(rootMagic):]
	copy(r.vault[:], rest)
	copy(r.id[:], rest[vaultBytes:])
	copy(p.slot(0), rest[vaultBytes+rootBytes:])
	return r, nil
}

// Append adds the root key in its layout to b. Whoever has the bytes can open
// the vault: hand them on and clear them.
func (r *Root) Append(b []byte) []byte {
	b = append(b, rootMagic...)
	b = append(b, r.vault[:]...)
	b = append(b, r.id[:]...)
	return append(b, r.page.slot(0)...)
}

// Close clears the key. Calling it again does nothing.
func (r *Root) Close() {
	if r.page != nil {
		r.page.free()
		r.page = nil
	}
}

// belongs reports whether r claims to be the root key of the keyring.
func (r *Root) belongs(k *header) bool {
	return subtle.ConstantTimeCompare(r.vault[:], k.vault[:]) == 1 && subtle.ConstantTimeCompare(r.id[:], k.root[:]) == 1
}
