package vault

import (
	"crypto/cipher"
	"encoding/binary"
	"fmt"
	"math"
)

const (
	valueFormat  = 2
	valueHeader  = 1 + 4
	valueMinimum = valueHeader + nonceBytes + tagBytes

	// Overhead is how many bytes a sealed value is longer than the plain one.
	Overhead = valueMinimum
)

// lane names the key that seals the values of one bucket.
type lane struct {
	version uint32
	bucket  string
}

// Seal implements the store's Sealer. It returns an error wrapping [ErrSealed]
// after Close.
func (v *Vault) Seal(bucket, key string, plain []byte) ([]byte, error) {
	number, err := v.take()
	if err != nil {
		return nil, err
	}
	aead, err := v.aead(lane{number, bucket})
	if err != nil {
		return nil, err
	}
	out := make([]byte, valueHeader, valueMinimum+len(plain))
	out[0] = valueFormat
	binary.BigEndian.PutUint32(out[1:], number)
	return aead.Seal(out, nil, plain, additional(out[:valueHeader], bucket, key)), nil
}

// Open implements the store's Sealer. It returns an error wrapping [ErrDamaged]
// for anything that Seal has not returned for this bucket and key, and for
// values of a data key that was dropped.
func (v *Vault) Open(bucket, key string, sealed []byte) ([]byte, error) {
	number, err := versionOf(sealed)
	if err != nil {
		return nil, err
	}
	aead, err := v.aead(lane{number, bucket})
	if err != nil {
		return nil, err
	}
	plain, err := aead.Open(nil, nil, sealed[valueHeader:], additional(sealed[:valueHeader], bucket, key))
	if err != nil {
		return nil, fmt.Errorf("%w: it does not open at this place", ErrDamaged)
	}
	return plain, nil
}

// IsSealed reports whether b has the form of a sealed value. What the store
// writes unsealed has not.
func IsSealed(b []byte) bool {
	_, err := versionOf(b)
	return err == nil
}

// versionOf reads the header of a value.
func versionOf(sealed []byte) (uint32, error) {
	switch {
	case len(sealed) < valueMinimum:
		return 0, fmt.Errorf("%w: %d bytes are less than a sealed value has", ErrDamaged, len(sealed))
	case sealed[0] != valueFormat:
		return 0, fmt.Errorf("%w: the value has format %d, sealed ones have %d", ErrDamaged, sealed[0], valueFormat)
	}
	return binary.BigEndian.Uint32(sealed[1:]), nil
}

// additional returns what a value is bound to. Bucket names are the store's own
// and short; the key is what remains, so that no two places give the same bytes.
func additional(header []byte, bucket, key string) []byte {
	b := make([]byte, 0, 96) // stays on the stack for keys of usual length
	b = append(b, header...)
	b = append(b, byte(len(bucket)))
	b = append(b, bucket...)
	return append(b, key...)
}

// aead returns the cipher of a lane, which is derived once.
func (v *Vault) aead(l lane) (cipher.AEAD, error) {
	if v.closed.Load() {
		return nil, ErrSealed
	}
	if a, ok := v.lanes.Load(l); ok {
		return a.(cipher.AEAD), nil //nolint:forcetypeassert // nothing else is stored
	}
	if len(l.bucket) > math.MaxUint8 {
		return nil, fmt.Errorf("bucket name of %d bytes: at most %d can be sealed", len(l.bucket), math.MaxUint8)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.page == nil {
		return nil, ErrSealed
	}
	for i := range v.ring.versions {
		if have := &v.ring.versions[i]; have.number == l.version {
			a, err := cipherFor(v.page.slot(have.slot), v.ring.vault[:], "skerry bucket "+l.bucket)
			if err != nil {
				return nil, fmt.Errorf("key of bucket %s: %w", l.bucket, err)
			}
			v.lanes.Store(l, a)
			return a, nil
		}
	}
	return nil, fmt.Errorf("%w: there is no data key %d in the keyring", ErrDamaged, l.version)
}
