// Package people knows what a password is worth and how it is kept: hashed with
// argon2id (RFC 9106), in the string format of the Password Hashing Competition.
// Start with [Hasher].
package people

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/trustelem/zxcvbn"
	"golang.org/x/crypto/argon2"
)

// Cost is what one hash takes. Memory is in KiB.
type Cost struct {
	Time    uint32
	Memory  uint32
	Threads uint8
}

// Usual is the cost of new hashes: 64 MiB, some 130 ms on one core.
var Usual = Cost{Time: 3, Memory: 64 << 10, Threads: 4}

// Bounds of a password, in characters. The upper one keeps the judgement of
// strength fast.
const (
	MinLength = 12
	MaxLength = 128

	// minScore of 0 to 4 by zxcvbn: at least 10⁸ guesses.
	minScore = 3

	// minRest is how many characters there must be beside the person's names.
	minRest = 8

	saltBytes, keyBytes = 16, 32
)

// Hasher makes and compares hashes, a few at a time: each takes the memory that
// its cost says. It is safe for concurrent use.
type Hasher struct {
	cost  Cost
	slots chan struct{}
	decoy string // of no password; compared where there is no account
}

// NewHasher returns a hasher that does at most atOnce hashes at the same time.
func NewHasher(c Cost, atOnce int) *Hasher {
	h := &Hasher{cost: c, slots: make(chan struct{}, atOnce)}
	h.decoy = c.hash(rand.Text())
	return h
}

// Hash returns the hash of a password with a new salt. It waits for its turn
// until ctx ends.
func (h *Hasher) Hash(ctx context.Context, password string) (string, error) {
	var out string
	err := h.do(ctx, func() { out = h.cost.hash(password) })
	return out, err
}

// Compare reports whether the password has the hash. An empty hash, which is
// that of no account, takes as long as any other and fits nothing. The error is
// that of ctx, or says that the hash is none.
func (h *Hasher) Compare(ctx context.Context, hash, password string) (bool, error) {
	known := hash != ""
	if !known {
		hash = h.decoy
	}
	c, salt, key, err := parse(hash)
	if err != nil {
		return false, err
	}
	same := false
	err = h.do(ctx, func() {
		got := argon2.IDKey([]byte(password), salt, c.Time, c.Memory, c.Threads, uint32(len(key)))
		same = subtle.ConstantTimeCompare(got, key) == 1
	})
	return same && known, err
}

func (h *Hasher) do(ctx context.Context, work func()) error {
	select {
	case h.slots <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-h.slots }()
	work()
	return nil
}

func (c Cost) hash(password string) string {
	salt := make([]byte, saltBytes)
	_, _ = rand.Read(salt) // never fails, as its documentation says
	key := argon2.IDKey([]byte(password), salt, c.Time, c.Memory, c.Threads, keyBytes)
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, c.Memory, c.Time, c.Threads, b64.EncodeToString(salt), b64.EncodeToString(key))
}

var errHash = errors.New("what is stored is no argon2id hash")

// parse takes a hash apart. It refuses costs that would hold the host up.
func parse(hash string) (c Cost, salt, key []byte, err error) {
	parts := strings.Split(hash, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return c, nil, nil, errHash
	}
	if n, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &c.Memory, &c.Time, &c.Threads); err != nil || n != 3 {
		return c, nil, nil, errHash
	}
	salt, saltErr := base64.RawStdEncoding.Strict().DecodeString(parts[4])
	key, keyErr := base64.RawStdEncoding.Strict().DecodeString(parts[5])
	if saltErr != nil || keyErr != nil || len(salt) < 8 || len(key) < 16 || c.Memory == 0 || c.Time == 0 || c.Threads == 0 || c.Memory > 1<<20 || c.Time > 64 {
		return c, nil, nil, errHash
	}
	return c, salt, key, nil
}

// Weak says why a password is refused, in words that follow "The password"; ""
// if it is not. about are words that anybody would try first: the person's name
// and login. There are no rules of composition: length and what a guesser would
// need (zxcvbn) decide.
func Weak(password string, about ...string) string {
	switch n := utf8.RuneCountInString(password); {
	case !utf8.ValidString(password):
		return "is not valid text."
	case n < MinLength:
		return fmt.Sprintf("has %d characters; at least %d are needed. Four unrelated words make a good one.", n, MinLength)
	case n > MaxLength:
		return fmt.Sprintf("has %d characters; at most %d are possible.", n, MaxLength)
	}
	words := []string{"skerry"}
	for _, a := range about {
		words = append(words, strings.Fields(strings.ToLower(a))...)
	}
	rest := strings.ToLower(password)
	for _, w := range words {
		if len(w) > 2 {
			rest = strings.ReplaceAll(rest, w, "")
		}
	}
	if utf8.RuneCountInString(rest) < minRest {
		return "is little more than a name that anybody would try. Four unrelated words make a good one."
	}
	if r := zxcvbn.PasswordStrength(password, words); r.Score < minScore {
		return "is easy to guess: it is made of common words, names, dates or patterns. Four unrelated words make a good one."
	}
	return ""
}
