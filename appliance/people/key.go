package people

import (
	"crypto/rand"
	"encoding/binary"
	"hash/crc32"
	"math/big"
	"strings"
)

// KeyPrefix begins a service key. Behind it are 43 characters that stand for 256
// random bits, and 6 that stand for the CRC-32 of all before them. Whoever looks for secrets that
// have got where they do not belong finds it by its beginning, and knows by its
// end that it is none that somebody made up:
//
//	skerry_key_[0-9A-Za-z]{49}
//
// Nothing but its SHA-256 is stored. Unlike a password it cannot be guessed, so a
// fast hash is enough.
const KeyPrefix = "skerry_key_"

const (
	secretDigits   = 43 // of 62 kinds: 256.03 bits
	checksumDigits = 6
)

const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// NewKey returns a new service key.
func NewKey() (string, error) {
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 256))
	if err != nil {
		return "", err
	}
	key := KeyPrefix + base62(n, secretDigits)
	return key + checksum(key), nil
}

// IsKey reports whether s has the form and the checksum of a service key. It is
// for those who look for keys; whether it is one of this site only the store
// knows.
func IsKey(s string) bool {
	if len(s) != len(KeyPrefix)+secretDigits+checksumDigits || !strings.HasPrefix(s, KeyPrefix) {
		return false
	}
	end := len(s) - checksumDigits
	return s[end:] == checksum(s[:end])
}

func checksum(s string) string {
	sum := binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE([]byte(s)))
	return base62(new(big.Int).SetBytes(sum), checksumDigits)
}

// base62 writes n with width digits, which must suffice.
func base62(n *big.Int, width int) string {
	text := make([]byte, width)
	base, digit := big.NewInt(int64(len(digits))), new(big.Int)
	n = new(big.Int).Set(n)
	for i := width - 1; i >= 0; i-- {
		n.DivMod(n, base, digit)
		text[i] = digits[digit.Int64()]
	}
	return string(text)
}
