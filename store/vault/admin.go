package vault

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"filippo.io/age"
	"filippo.io/age/tag"
)

// Kind says what an admin opens the vault with.
type Kind byte

// Kinds of admins.
const (
	ByRecipient  Kind = 1 // an age identity that somebody keeps
	ByPassphrase Kind = 2
	ByKeyFile    Kind = 3 // an age identity in a file of this host
)

// String returns the kind in words.
func (k Kind) String() string {
	switch k {
	case ByRecipient:
		return "age identity"
	case ByPassphrase:
		return "passphrase"
	case ByKeyFile:
		return "key file on the host"
	}
	return "unknown"
}

// Admin is somebody who can open the vault.
type Admin struct {
	Name      string // 1 to 32 lower-case letters, digits and dashes
	Kind      Kind
	Recipient string // of age: age1pq1…, age1…, age1tag1…, age1tagpq1…
	Added     time.Time
}

// NewAdmin is somebody who is to be able to open the vault: with the age
// identity that belongs to Recipient, or with Passphrase.
type NewAdmin struct {
	Name       string
	Recipient  string
	KeyFile    bool   // the identity lies in a file of this host
	Passphrase string // instead of Recipient

	// Identity is the age file of the identity that Recipient belongs to, which a
	// passphrase opens; [Vault.Prepare] makes it.
	Identity []byte
}

const (
	adminsName     = "recipients"
	wrapSuffix     = ".age"
	identitySuffix = ".identity.age"
	maxWrap        = 64 << 10
)

var adminForm = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,31}$`)

// ParseRecipient reads one age recipient: hybrid post-quantum, X25519, or that
// of a hardware key (tag).
func ParseRecipient(s string) (age.Recipient, error) {
	if strings.HasPrefix(s, "age1tag") {
		return tag.ParseRecipient(s)
	}
	list, err := age.ParseRecipients(strings.NewReader(s))
	if err != nil {
		return nil, err
	}
	if len(list) != 1 || len(s) > maxRecipient {
		return nil, errors.New("that is not one age recipient")
	}
	return list[0], nil
}

// enrol adds an admin to a ring that is not in use yet and wraps the root key
// in the page to them.
func (v *Vault) enrol(r *ring, n NewAdmin) error {
	switch {
	case !adminForm.MatchString(n.Name):
		return fmt.Errorf("admin %q: use 1 to 32 lower-case letters, digits and dashes for the name", n.Name)
	case slices.ContainsFunc(r.admins, func(a Admin) bool { return a.Name == n.Name }):
		return fmt.Errorf("admin %s: there is one with this name already", n.Name)
	case len(r.admins) == maxAdmins:
		return fmt.Errorf("there are %d admins already; remove one first", maxAdmins)
	}
	a := Admin{Name: n.Name, Kind: ByRecipient, Recipient: n.Recipient, Added: v.now().UTC().Truncate(time.Second)}
	if n.KeyFile {
		a.Kind = ByKeyFile
	}
	if n.Passphrase != "" {
		var err error
		if n, err = v.Prepare(n); err != nil {
			return err
		}
	}
	if n.Identity != nil {
		a.Kind, a.Recipient = ByPassphrase, n.Recipient
		if err := v.writeFile(filepath.Join(v.dir, adminsName, n.Name+identitySuffix), n.Identity); err != nil {
			return fmt.Errorf("admin %s: %w", n.Name, err)
		}
	}
	if err := v.wrap(r, a, v.page); err != nil {
		return err
	}
	r.admins = append(r.admins, a)
	return nil
}

// Prepare checks what can be known of an admin before they are added. It makes an
// age identity for one who has a passphrase, and encrypts it to that: the root
// key is wrapped to the identity, so that it can be wrapped anew when it changes,
// without the passphrase, which is not in what it returns.
func (v *Vault) Prepare(n NewAdmin) (NewAdmin, error) {
	fail := func(err error) (NewAdmin, error) { return NewAdmin{}, fmt.Errorf("admin %s: %w", n.Name, err) }
	switch {
	case !adminForm.MatchString(n.Name):
		return NewAdmin{}, fmt.Errorf("admin %q: use 1 to 32 lower-case letters, digits and dashes for the name", n.Name)
	case n.Passphrase == "":
		if _, err := ParseRecipient(n.Recipient); err != nil {
			return fail(fmt.Errorf("recipient: %w", err))
		}
		return n, nil
	case n.Recipient != "" || n.KeyFile || n.Identity != nil:
		return fail(errors.New("give either a recipient or a passphrase"))
	case len(n.Passphrase) < MinPassphrase:
		return fail(fmt.Errorf("the passphrase has %d characters; whoever has the disk can try as many as they like, so it needs %d at least", len(n.Passphrase), MinPassphrase))
	}
	identity, err := age.GenerateHybridIdentity()
	if err != nil {
		return fail(err)
	}
	lock, err := age.NewScryptRecipient(n.Passphrase)
	if err != nil {
		return fail(err)
	}
	if v.options.WorkFactor != 0 {
		lock.SetWorkFactor(v.options.WorkFactor)
	}
	file, err := encrypt([]byte(identity.String()+"\n"), lock)
	if err != nil {
		return fail(err)
	}
	return NewAdmin{Name: n.Name, Recipient: identity.Recipient().String(), Identity: file}, nil
}

// MinPassphrase is the least length of a passphrase, in bytes.
const MinPassphrase = 16

// wrap writes the root key in p for one admin.
func (v *Vault) wrap(r *ring, a Admin, p *page) error {
	recipient, err := ParseRecipient(a.Recipient)
	if err != nil {
		return fmt.Errorf("admin %s: recipient: %w", a.Name, err)
	}
	root := &Root{page: p, vault: r.vault, id: r.root}
	plain := root.Append(make([]byte, 0, RootSize))
	defer clear(plain)
	file, err := encrypt(plain, recipient)
	if err != nil {
		return fmt.Errorf("admin %s: %w", a.Name, err)
	}
	return v.writeFile(filepath.Join(v.dir, adminsName, a.Name+"."+r.rootID()+wrapSuffix), file)
}

func encrypt(plain []byte, to age.Recipient) ([]byte, error) {
	var b bytes.Buffer
	w, err := age.Encrypt(&b, to)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(plain); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// Admins returns who can open the vault, in the order in which they were added.
func (v *Vault) Admins() []Admin {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Clone(v.ring.admins)
}

// AddAdmin lets one more admin open the vault.
func (v *Vault) AddAdmin(n NewAdmin) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.page == nil {
		return ErrSealed
	}
	next := v.ring.clone()
	if err := v.enrol(next, n); err != nil {
		return err
	}
	if err := v.write(next, v.page); err != nil {
		return fmt.Errorf("add admin %s: %w", n.Name, err)
	}
	v.ring = next
	return nil
}

// RemoveAdmin takes an admin away. Because they may have kept the root key and
// the data keys, both are new from then on: what is written later they cannot
// read, and what was written before not after it was sealed anew and the old
// data keys were dropped. It returns an error wrapping [ErrNoAdmin].
func (v *Vault) RemoveAdmin(name string) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.page == nil {
		return ErrSealed
	}
	if err := v.remove(name); err != nil {
		return fmt.Errorf("remove admin %s: %w", name, err)
	}
	return v.tidy()
}

func (v *Vault) remove(name string) error {
	next := v.ring.clone()
	i := slices.IndexFunc(next.admins, func(a Admin) bool { return a.Name == name })
	switch {
	case i < 0:
		return ErrNoAdmin
	case len(next.admins) == 1:
		return errors.New("nobody else can open the vault; add another admin first")
	}
	next.admins = slices.Delete(next.admins, i, i+1)
	if err := v.begin(next); err != nil {
		return err
	}
	// The new root key lies in a page of its own until the keyring is written.
	p, err := newPage()
	if err != nil {
		return err
	}
	copy(p.b, v.page.b)
	rand.Read(p.slot(0))
	rand.Read(next.root[:])
	for _, a := range next.admins {
		if err := v.wrap(next, a, p); err != nil {
			p.free()
			return err
		}
	}
	if err := v.write(next, p); err != nil {
		p.free()
		return err
	}
	v.page.free()
	v.page, v.ring = p, next
	v.current.Store(next.last().number)
	v.left.Store(0)
	return nil
}

// tidy removes what an interrupted change has left: it has not happened, or
// was complete before these files became useless.
func (v *Vault) tidy() error {
	keep := map[string]bool{}
	for _, a := range v.ring.admins {
		keep[a.Name+"."+v.ring.rootID()+wrapSuffix] = true
		if a.Kind == ByPassphrase {
			keep[a.Name+identitySuffix] = true
		}
	}
	dir := filepath.Join(v.dir, adminsName)
	names, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, n := range names {
		if !keep[n.Name()] {
			if err := os.Remove(filepath.Join(dir, n.Name())); err != nil {
				return err
			}
		}
	}
	left, err := filepath.Glob(filepath.Join(v.dir, ".new-*"))
	if err != nil {
		return err
	}
	for _, path := range left {
		if err := os.Remove(path); err != nil {
			return err
		}
	}
	return syncDir(dir)
}

// Info is what can be known of a vault without its root key. Nothing in it is
// proven to be right before the vault is open.
type Info struct {
	ID     string // of the vault, hex
	Serial uint64 // of the keyring
	Admins []Wrap
}

// Wrap is the root key as one admin can open it.
type Wrap struct {
	Name     string
	File     []byte // age file of the root key
	Identity []byte // age file of the identity, to a passphrase; nil = none
}

// Inspect reads what can be known of the vault in dir, or returns an error
// wrapping [ErrNone].
func Inspect(dir string) (Info, error) {
	i, err := inspect(dir)
	if err != nil {
		return Info{}, fmt.Errorf("look at vault: %w", err)
	}
	return i, nil
}

func inspect(dir string) (Info, error) {
	file, err := readKeyring(dir)
	if err != nil {
		return Info{}, err
	}
	h, err := parseHeader(file)
	if err != nil {
		return Info{}, err
	}
	i := Info{ID: hex.EncodeToString(h.vault[:]), Serial: h.serial}
	names, err := os.ReadDir(filepath.Join(dir, adminsName))
	if err != nil {
		return Info{}, err
	}
	for _, n := range names {
		name, ok := strings.CutSuffix(n.Name(), "."+h.rootID()+wrapSuffix)
		if !ok || !adminForm.MatchString(name) || len(i.Admins) == maxAdmins {
			continue
		}
		w := Wrap{Name: name}
		if w.File, err = readSmall(filepath.Join(dir, adminsName, n.Name())); err != nil {
			return Info{}, err
		}
		w.Identity, err = readSmall(filepath.Join(dir, adminsName, name+identitySuffix))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return Info{}, err
		}
		i.Admins = append(i.Admins, w)
	}
	return i, nil
}

func readSmall(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxWrap))
}

// Unwrap returns the root key that one of the identities opens. It returns an
// error wrapping [ErrWrongKey] if none does.
func Unwrap(i Info, identities ...age.Identity) (*Root, error) {
	var problems []error
	for _, w := range i.Admins {
		r, err := age.Decrypt(bytes.NewReader(w.File), identities...)
		if err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", w.Name, err))
			continue
		}
		plain := make([]byte, RootSize+1)
		n, err := io.ReadFull(r, plain)
		if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
			problems = append(problems, fmt.Errorf("%s: %w", w.Name, err))
			continue
		}
		root, err := ParseRoot(plain[:n])
		if err == nil && hex.EncodeToString(root.vault[:]) == i.ID {
			return root, nil
		}
		if err == nil {
			root.Close()
			err = errors.New("it holds the root key of another vault")
		}
		problems = append(problems, fmt.Errorf("%s: %w", w.Name, err))
	}
	return nil, fmt.Errorf("%w: %w", ErrWrongKey, errors.Join(append(problems, errors.New("it fits no admin of this vault"))...))
}

// UnwrapPassphrase returns the root key that a passphrase opens. It takes about
// a second for every admin with one, and 256 MiB of memory.
func UnwrapPassphrase(i Info, passphrase string) (*Root, error) {
	lock, err := age.NewScryptIdentity(passphrase)
	if err != nil {
		return nil, fmt.Errorf("%w: the passphrase is empty", ErrWrongKey)
	}
	// The cost stands in the file, which somebody may have exchanged.
	lock.SetMaxWorkFactor(20)
	for _, w := range i.Admins {
		if w.Identity == nil {
			continue
		}
		r, err := age.Decrypt(bytes.NewReader(w.Identity), lock)
		if err != nil {
			continue
		}
		identities, err := age.ParseIdentities(io.LimitReader(r, maxWrap))
		if err != nil {
			return nil, fmt.Errorf("%w: the identity of %s: %w", ErrDamaged, w.Name, err)
		}
		return Unwrap(i, identities...)
	}
	return nil, fmt.Errorf("%w: no admin has this passphrase", ErrWrongKey)
}

// Files returns the files of the vault, by their path in its directory, as they
// belong together. What is secret in them is sealed.
func (v *Vault) Files() (map[string][]byte, error) {
	v.mu.Lock() // no change is half done
	defer v.mu.Unlock()
	if v.page == nil {
		return nil, ErrSealed
	}
	files := map[string][]byte{}
	var err error
	if files[keyringName], err = readKeyring(v.dir); err != nil {
		return nil, err
	}
	for _, a := range v.ring.admins {
		names := []string{a.Name + "." + v.ring.rootID() + wrapSuffix}
		if a.Kind == ByPassphrase {
			names = append(names, a.Name+identitySuffix)
		}
		for _, n := range names {
			if files[adminsName+"/"+n], err = readSmall(filepath.Join(v.dir, adminsName, n)); err != nil {
				return nil, err
			}
		}
	}
	return files, nil
}
