package vault

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	maxUses     = 1 << 31              // of a data key; then the next begins
	maxAge      = 365 * 24 * time.Hour // as above
	hardUses    = 1 << 32              // cipher.NewGCMWithRandomNonce: never more
	reservation = 1 << 20              // uses that are written down in advance, so that a crash forgets none
)

// Options of a vault. The zero value is fit for use.
type Options struct {
	Now        func() time.Time // nil = time.Now
	WorkFactor int              // log2 of the scrypt cost of new passphrases; 0 = age's own, about a second

	beforeWrite func(path string) error // tests: fails as a disk may
}

// Vault is an open vault. All methods may be called concurrently.
type Vault struct {
	dir     string
	options Options

	current atomic.Uint32 // number of the data key that seals
	left    atomic.Int64  // uses of it that are reserved
	closed  atomic.Bool
	lanes   sync.Map // lane to cipher.AEAD; entered under mu

	mu   sync.Mutex
	page *page // keys; nil = closed; guarded by mu
	ring *ring // guarded by mu
}

// Create makes a vault in dir for the given admins and returns it open. It
// returns an error wrapping [ErrExists], and changes nothing, if there is one.
func Create(dir string, admins []NewAdmin, o Options) (*Vault, error) {
	v, err := create(dir, admins, o)
	if err != nil {
		return nil, fmt.Errorf("make vault: %w", err)
	}
	return v, nil
}

func create(dir string, admins []NewAdmin, o Options) (_ *Vault, err error) {
	if _, err := os.Lstat(filepath.Join(dir, keyringName)); err == nil {
		return nil, fmt.Errorf("%s: %w", dir, ErrExists)
	}
	if err := os.MkdirAll(filepath.Join(dir, adminsName), 0o700); err != nil {
		return nil, err
	}
	v := &Vault{dir: dir, options: o, ring: &ring{}}
	rand.Read(v.ring.vault[:]) // never fails
	rand.Read(v.ring.root[:])
	if v.page, err = newPage(); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			v.page.free()
		}
	}()
	rand.Read(v.page.slot(0))
	if len(admins) == 0 {
		return nil, errors.New("a vault needs at least one admin who can open it")
	}
	for _, a := range admins {
		if err := v.enrol(v.ring, a); err != nil {
			return nil, err
		}
	}
	if err := v.begin(v.ring); err != nil {
		return nil, err
	}
	if err := v.write(v.ring, v.page); err != nil {
		return nil, err
	}
	if err := errors.Join(syncDir(filepath.Dir(dir)), v.tidy()); err != nil {
		return nil, err
	}
	v.current.Store(v.ring.last().number)
	return v, nil
}

// Open opens the vault in dir with its root key, which stays the caller's. It
// returns an error wrapping [ErrWrongKey] if that is another one's, and
// [ErrNone] if there is no vault.
func Open(dir string, root *Root, o Options) (*Vault, error) {
	v := &Vault{dir: dir, options: o}
	if err := v.open(root); err != nil {
		return nil, fmt.Errorf("open vault: %w", err)
	}
	return v, nil
}

func (v *Vault) open(root *Root) (err error) {
	file, err := readKeyring(v.dir)
	if err != nil {
		return err
	}
	h, err := parseHeader(file)
	if err != nil {
		return err
	}
	if root.page == nil || !root.belongs(&h) {
		return ErrWrongKey
	}
	if v.page, err = newPage(); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			v.page.free()
		}
	}()
	copy(v.page.slot(0), root.page.slot(0))
	if v.ring, err = decodeRing(file, v.page); err != nil {
		return err
	}
	v.current.Store(v.ring.last().number)
	return v.tidy()
}

// Close drops all keys. What is called later returns [ErrSealed].
func (v *Vault) Close() {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.page == nil {
		return
	}
	v.closed.Store(true)
	v.page.free()
	v.page = nil
	v.lanes.Clear()
	// What is left of keys in the heap goes with the next collections.
	runtime.GC()
	debug.FreeOSMemory()
}

// ID names the vault; it is no secret.
func (v *Vault) ID() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return fmt.Sprintf("%x", v.ring.vault)
}

// Root returns a copy of the root key, to wrap or to hand on.
func (v *Vault) Root() (*Root, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.page == nil {
		return nil, ErrSealed
	}
	return v.ring.rootIn(v.page)
}

func (r *ring) rootIn(p *page) (*Root, error) {
	copied, err := newPage()
	if err != nil {
		return nil, err
	}
	copy(copied.slot(0), p.slot(0))
	return &Root{page: copied, vault: r.vault, id: r.root}, nil
}

// Keys says how many data keys are in the ring and which seals.
func (v *Vault) Keys() (current uint32, made time.Time, count int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	last := v.ring.last()
	return last.number, last.made, len(v.ring.versions)
}

// Rotate begins a new data key, which seals from then on, and returns its
// number. Older values open as before.
func (v *Vault) Rotate() (uint32, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.page == nil {
		return 0, ErrSealed
	}
	if err := v.rotate(); err != nil {
		return 0, fmt.Errorf("rotate data keys: %w", err)
	}
	return v.ring.last().number, nil
}

// rotate wants mu.
func (v *Vault) rotate() error {
	next := v.ring.clone()
	if err := v.begin(next); err != nil {
		return err
	}
	if err := v.write(next, v.page); err != nil {
		return err
	}
	v.ring = next
	v.current.Store(next.last().number)
	v.left.Store(0)
	return nil
}

// Renew returns stale, which tells values that were sealed with older data keys
// than the one that seals now, and retire, which drops those data keys, once
// nothing that stale reports is left, and returns how many.
func (v *Vault) Renew() (stale func(sealed []byte) bool, retire func() (int, error)) {
	number := v.current.Load()
	stale = func(sealed []byte) bool {
		n, err := versionOf(sealed)
		return err == nil && n < number
	}
	return stale, func() (int, error) { return v.retire(number) }
}

// retire drops the data keys before number.
func (v *Vault) retire(number uint32) (int, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.page == nil {
		return 0, ErrSealed
	}
	n := slices.IndexFunc(v.ring.versions, func(have version) bool { return have.number >= number })
	if n <= 0 {
		return 0, nil
	}
	next := v.ring.clone()
	next.versions = next.versions[n:]
	if err := v.write(next, v.page); err != nil {
		return 0, fmt.Errorf("drop old data keys: %w", err)
	}
	for _, old := range v.ring.versions[:n] {
		clear(v.page.slot(old.slot))
	}
	v.ring = next
	v.lanes.Range(func(l, _ any) bool {
		if l.(lane).version < number { //nolint:forcetypeassert // nothing else is stored
			v.lanes.Delete(l)
		}
		return true
	})
	return n, nil
}

// take counts one use of the data key that seals and returns its number.
func (v *Vault) take() (uint32, error) {
	for {
		if v.closed.Load() {
			return 0, ErrSealed
		}
		number := v.current.Load()
		if v.left.Add(-1) >= 0 {
			return number, nil
		}
		if err := v.reserve(); err != nil {
			return 0, err
		}
	}
}

// reserve writes down that more values will be sealed, before they are. A data
// key that is worn out or old is followed by the next.
func (v *Vault) reserve() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.page == nil {
		return ErrSealed
	}
	if v.left.Load() > 0 { // somebody else was faster
		return nil
	}
	last := v.ring.last()
	if last.used >= maxUses || v.now().Sub(last.made) >= maxAge {
		if err := v.rotate(); err != nil && last.used+reservation > hardUses {
			return fmt.Errorf("the data key is used up and no new one can begin: %w", err)
		}
	}
	next := v.ring.clone()
	next.last().used += reservation
	if err := v.write(next, v.page); err != nil {
		return fmt.Errorf("reserve uses of the data key: %w", err)
	}
	v.ring = next
	v.left.Store(reservation)
	return nil
}

// begin adds a data key to a ring that is not in use yet.
func (v *Vault) begin(r *ring) error {
	slot, ok := r.freeSlot()
	if !ok {
		return fmt.Errorf("the ring holds %d data keys already; wait until everything is sealed anew with the latest", len(r.versions))
	}
	number := uint32(1)
	if len(r.versions) > 0 {
		number = r.last().number + 1
	}
	rand.Read(v.page.slot(slot))
	r.versions = append(r.versions, version{number: number, made: v.now().UTC(), slot: slot})
	return nil
}

// write makes r the keyring, sealed with the root key in p.
func (v *Vault) write(r *ring, p *page) error {
	r.serial++
	file, err := r.encode(p)
	if err != nil {
		return err
	}
	return v.writeFile(filepath.Join(v.dir, keyringName), file)
}

func (v *Vault) now() time.Time {
	if v.options.Now != nil {
		return v.options.Now()
	}
	return time.Now()
}

// clone returns a ring that can be changed while the other is in use.
func (r *ring) clone() *ring {
	next := *r
	next.versions = slices.Clone(r.versions)
	next.admins = slices.Clone(r.admins)
	return &next
}
