package vault

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

const (
	keyringName  = "keyring"
	keyringMagic = "skerry keyring 1\n"
	headerBytes  = len(keyringMagic) + vaultBytes + rootBytes + 8
	maxVersions  = 64 // data keys in a ring; they and the root key fit into one page
	maxAdmins    = 64
	maxRecipient = 4096 // bytes of an age recipient; a hybrid one has about 2,000
	maxKeyring   = 1 << 20

	nonceBytes = 12
	tagBytes   = 16
)

// header is the part of a keyring that anybody can read.
type header struct {
	vault  [vaultBytes]byte
	root   [rootBytes]byte
	serial uint64
}

func (h *header) bytes() []byte {
	b := append(make([]byte, 0, headerBytes), keyringMagic...)
	b = append(b, h.vault[:]...)
	b = append(b, h.root[:]...)
	return binary.BigEndian.AppendUint64(b, h.serial)
}

func parseHeader(b []byte) (header, error) {
	var h header
	if len(b) < headerBytes+nonceBytes+tagBytes || string(b[:len(keyringMagic)]) != keyringMagic {
		return h, fmt.Errorf("%w: the keyring does not begin as one", ErrDamaged)
	}
	rest := b[len(keyringMagic):]
	copy(h.vault[:], rest)
	copy(h.root[:], rest[vaultBytes:])
	h.serial = binary.BigEndian.Uint64(rest[vaultBytes+rootBytes:])
	return h, nil
}

// rootID is how file names tell root keys apart.
func (h *header) rootID() string { return hex.EncodeToString(h.root[:]) }

// version is a data key but for its bytes, which lie in the page.
type version struct {
	number uint32
	made   time.Time
	used   uint64 // upper bound of the values sealed with it
	slot   int    // in the page
}

// ring is the content of a keyring.
type ring struct {
	header
	versions []version // ascending; the last seals
	admins   []Admin
}

func (r *ring) last() *version { return &r.versions[len(r.versions)-1] }

// freeSlot returns a place in the page for one more data key; ok is false if
// there is none.
func (r *ring) freeSlot() (slot int, ok bool) {
	taken := [maxVersions + 1]bool{}
	for _, v := range r.versions {
		taken[v.slot] = true
	}
	for i := 1; i < len(taken); i++ {
		if !taken[i] {
			return i, true
		}
	}
	return 0, false
}

// derive is the only key derivation of the package.
func derive(key, salt []byte, info string) ([]byte, error) {
	return hkdf.Key(sha256.New, key, salt, info, keyBytes)
}

// cipherFor returns AES-256-GCM under a derived key.
func cipherFor(key, salt []byte, info string) (cipher.AEAD, error) {
	derived, err := derive(key, salt, info)
	if err != nil {
		return nil, err
	}
	defer clear(derived)
	block, err := aes.NewCipher(derived)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// encode returns the file of the ring, sealed by the root key in the page.
func (r *ring) encode(p *page) ([]byte, error) {
	body := binary.BigEndian.AppendUint16(nil, uint16(len(r.versions)))
	// The keys pass through ordinary memory, which is cleared below: room for
	// them first, so that no append leaves a copy behind.
	body = append(make([]byte, 0, 2+len(r.versions)*(20+keyBytes)+2+len(r.admins)*(16+32+maxRecipient)), body...)
	for _, v := range r.versions {
		body = binary.BigEndian.AppendUint32(body, v.number)
		body = binary.BigEndian.AppendUint64(body, uint64(v.made.Unix()))
		body = binary.BigEndian.AppendUint64(body, v.used)
		body = append(body, p.slot(v.slot)...)
	}
	body = binary.BigEndian.AppendUint16(body, uint16(len(r.admins)))
	for _, a := range r.admins {
		body = append(body, byte(a.Kind))
		body = binary.BigEndian.AppendUint64(body, uint64(a.Added.Unix()))
		body = append(append(body, byte(len(a.Name))), a.Name...)
		body = binary.BigEndian.AppendUint16(body, uint16(len(a.Recipient)))
		body = append(body, a.Recipient...)
	}
	defer clear(body)
	aead, err := cipherFor(p.slot(0), r.vault[:], "skerry keyring")
	if err != nil {
		return nil, err
	}
	head := r.bytes()
	return aead.Seal(head, nil, body, head), nil
}

// decodeRing opens a keyring with the root key in the page and puts the data
// keys there.
func decodeRing(file []byte, p *page) (*ring, error) {
	h, err := parseHeader(file)
	if err != nil {
		return nil, err
	}
	aead, err := cipherFor(p.slot(0), h.vault[:], "skerry keyring")
	if err != nil {
		return nil, err
	}
	body, err := aead.Open(nil, nil, file[headerBytes:], file[:headerBytes])
	if err != nil {
		return nil, fmt.Errorf("%w, or its keyring is damaged", ErrWrongKey)
	}
	defer clear(body)
	r := &ring{header: h}
	in := reader{b: body}
	for i := range in.count(maxVersions) {
		v := version{number: in.uint32(), made: in.time(), used: in.uint64(), slot: i + 1}
		copy(p.slot(v.slot), in.take(keyBytes))
		if i > 0 && v.number <= r.versions[i-1].number || v.number == 0 {
			in.bad = true
		}
		r.versions = append(r.versions, v)
		if in.bad {
			break
		}
	}
	for range in.count(maxAdmins) {
		a := Admin{Kind: Kind(in.byte()), Added: in.time()}
		a.Name = string(in.take(int(in.byte())))
		a.Recipient = string(in.take(int(in.uint16())))
		r.admins = append(r.admins, a)
		if in.bad {
			break
		}
	}
	if in.bad || len(in.b) > 0 {
		return nil, fmt.Errorf("%w: the content of the keyring makes no sense", ErrDamaged)
	}
	return r, nil
}

// reader takes a body apart. After bad everything it returns is zero.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) take(n int) []byte {
	if r.bad || n > len(r.b) {
		r.bad = true
		return make([]byte, n)
	}
	b := r.b[:n]
	r.b = r.b[n:]
	return b
}

func (r *reader) byte() byte     { return r.take(1)[0] }
func (r *reader) uint16() uint16 { return binary.BigEndian.Uint16(r.take(2)) }
func (r *reader) uint32() uint32 { return binary.BigEndian.Uint32(r.take(4)) }
func (r *reader) uint64() uint64 { return binary.BigEndian.Uint64(r.take(8)) }

func (r *reader) time() time.Time { return time.Unix(int64(r.uint64()), 0).UTC() }

// count reads the length of a list of 1 to most entries.
func (r *reader) count(most int) int {
	n := int(r.uint16())
	if n < 1 || n > most {
		r.bad = true
		return 0
	}
	return n
}

// readKeyring reads the file of a keyring, or returns an error wrapping
// [ErrNone].
func readKeyring(dir string) ([]byte, error) {
	f, err := os.Open(filepath.Join(dir, keyringName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w", dir, ErrNone)
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.Size() > maxKeyring || !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%w: the keyring is no file of at most %d bytes", ErrDamaged, maxKeyring)
	}
	return os.ReadFile(f.Name())
}

// writeFile replaces a file by one that is there whole and durable.
func (v *Vault) writeFile(path string, data []byte) error {
	if v.options.beforeWrite != nil {
		if err := v.options.beforeWrite(path); err != nil {
			return err
		}
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return syncDir(filepath.Dir(path))
}

func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
