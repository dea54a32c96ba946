package appliance

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"skerry/appliance/audit"
	"skerry/store"
	"skerry/store/vault"
)

// Errors of data directories that cannot be opened as they are.
var (
	// ErrSealed: no key on this host opens the vault; an admin has to.
	ErrSealed = errors.New("it is sealed, and no key on this host opens it")
	// ErrUnsealed: the data directory was made before there was a vault.
	ErrUnsealed = errors.New("it is not sealed")
)

// VaultDir returns the directory of the vault of a data directory.
func VaultDir(data string) string { return filepath.Join(data, storeDir, store.VaultDir) }

// unsealHere opens the vault with what the host has: the systemd credential,
// else the key file. It returns an error wrapping [ErrSealed] if it has
// neither. A key that is there and does not fit is an error of its own:
// somebody believes that it works.
func unsealHere(c Config) (*vault.Vault, error) {
	info, err := inspectVault(c.Data)
	if err != nil {
		return nil, err
	}
	var root *vault.Root
	if path := credentialFile(); path != "" {
		root, err = vault.UnwrapCredential(info, path)
	} else {
		if err := outside(c.KeyFile, c.Data); err != nil {
			return nil, err
		}
		root, err = vault.UnwrapKeyFile(info, c.keyFile())
		if errors.Is(err, fs.ErrNotExist) && c.KeyFile == "" {
			return nil, fmt.Errorf("%s: %w; start it with skerry serve, then: skerry vault unseal --data %s", c.Data, ErrSealed, c.Data)
		}
	}
	if err != nil {
		return nil, err
	}
	defer root.Close()
	return vault.Open(VaultDir(c.Data), root, vault.Options{})
}

// inspectVault looks at the vault of a data directory. One without is refused:
// it would be served in the clear.
func inspectVault(data string) (vault.Info, error) {
	info, err := vault.Inspect(VaultDir(data))
	if errors.Is(err, vault.ErrNone) {
		return vault.Info{}, fmt.Errorf("%s: %w: it was made before Skerry sealed what it stores; seal it, which takes room for a second copy, with: skerry vault init --data %s", data, ErrUnsealed, data)
	}
	return info, err
}

// outside refuses a key file that a copy of the data directory would hold too.
func outside(keyFile, data string) error {
	if keyFile == "" {
		return nil
	}
	rel, err := filepath.Rel(data, keyFile)
	if err == nil && filepath.IsLocal(rel) {
		return fmt.Errorf("keyFile: %s lies in the data directory, whose copies would open themselves; move it elsewhere", keyFile)
	}
	return nil
}

// Admins are who can open a new vault.
type Admins struct {
	List       []string // as [vault.ParseAdmin] reads them
	Passphrase string   // of one more; empty = none
	KeyFile    bool     // and a key file of this host; always if there is nobody else

	// Single is why governed changes take one person on this site; empty = they
	// take two.
	Single string
}

// newAdmins turns a into what the vault takes, and makes the key file if there
// is to be one. keyFile is empty where there is none.
func (c Config) newAdmins(a Admins) (list []vault.NewAdmin, keyFile string, err error) {
	for i, s := range a.List {
		n, err := vault.ParseAdmin(s, fmt.Sprintf("admin-%d", i+1))
		if err != nil {
			return nil, "", err
		}
		list = append(list, n)
	}
	if a.Passphrase != "" {
		list = append(list, vault.NewAdmin{Name: "passphrase", Passphrase: a.Passphrase})
	}
	if len(list) > 0 && !a.KeyFile {
		return list, "", nil
	}
	keyFile = c.keyFile()
	if err := outside(c.KeyFile, c.Data); err != nil {
		return nil, "", err
	}
	recipient, err := vault.KeyFile(keyFile)
	if err != nil {
		return nil, "", err
	}
	return append(list, vault.NewAdmin{Name: "key-file", Recipient: recipient, KeyFile: true}), keyFile, nil
}

// makeVault makes the vault of a new store, or opens the one that an
// interrupted attempt has left.
func makeVault(c Config, a Admins) (_ *vault.Vault, keyFile string, err error) {
	dir := VaultDir(c.Data)
	if _, err := vault.Inspect(dir); err == nil {
		v, err := unsealHere(c)
		if errors.Is(err, ErrSealed) {
			return nil, "", fmt.Errorf("%s holds a vault already, but no %s; if it is left from an attempt that broke off, remove %s and repeat", c.Data, ConfigFile, filepath.Dir(dir))
		}
		return v, c.keyFile(), err
	}
	if _, err := os.Stat(filepath.Join(c.Data, storeDir, "skerry.db")); err == nil {
		return nil, "", fmt.Errorf("%s holds a store that is not sealed, but no %s; if it is left from an attempt that broke off, remove %s and repeat", c.Data, ConfigFile, filepath.Dir(dir))
	}
	list, keyFile, err := c.newAdmins(a)
	if err != nil {
		return nil, "", err
	}
	v, err := vault.Create(dir, list, vault.Options{})
	return v, keyFile, err
}

// Names that sealing in place uses beside the store.
const sealingDir = "store.sealing"

// SealInPlace seals a data directory that was made before there was a vault. It
// copies everything into a sealed store, checks that, and exchanges both in one
// step; then it removes the original. When it is interrupted before that step,
// nothing has changed, and it can be repeated; after it, the next start removes
// what is left. It returns the key file, if there is one.
func SealInPlace(ctx context.Context, c Config, a Admins) (keyFile string, err error) {
	unlock, err := lockData(c.Data)
	if err != nil {
		return "", err
	}
	defer unlock()
	if _, err := inspectVault(c.Data); !errors.Is(err, ErrUnsealed) {
		return "", errors.Join(err, finishSealing(c.Data), fmt.Errorf("%s has a vault already; see: skerry vault status", c.Data))
	}
	next := filepath.Join(c.Data, sealingDir)
	if err := os.RemoveAll(next); err != nil {
		return "", err
	}
	list, keyFile, err := c.newAdmins(a)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(next, 0o700); err != nil {
		return "", err
	}
	v, err := vault.Create(filepath.Join(next, store.VaultDir), list, vault.Options{})
	if err != nil {
		return "", err
	}
	defer v.Close()
	if err := recordSealing(ctx, c.Data, v.ID()); err != nil {
		return "", err
	}
	old := filepath.Join(c.Data, storeDir)
	if err := store.CopySealed(ctx, old, next, v, store.CheckOptions{PagesIn: pagesInChild}); err != nil {
		return "", err
	}
	if err := syncFolder(c.Data); err != nil {
		return "", err
	}
	if err := unix.Renameat2(unix.AT_FDCWD, next, unix.AT_FDCWD, old, unix.RENAME_EXCHANGE); err != nil {
		return "", fmt.Errorf("put the sealed store in place: %w; nothing has changed", err)
	}
	if err := syncFolder(c.Data); err != nil {
		return "", err
	}
	return keyFile, finishSealing(c.Data)
}

// recordSealing opens the store in the clear with its audit log, which hears of
// it before it happens; what a crash has left to be recorded is recorded then,
// too. The copy remembers the same log as the original.
func recordSealing(ctx context.Context, data, id string) error {
	db, log, err := openRecorded(data, store.Options{MustBe: true})
	if err != nil {
		return err
	}
	if log != nil {
		err = log.Append(ctx, audit.Record{Action: "vault.made", Object: id})
	}
	err = errors.Join(err, db.Close())
	if log != nil {
		err = errors.Join(err, log.Close())
	}
	return err
}

// finishSealing removes the store in the clear that [SealInPlace] has replaced.
// While the store in place has no vault, what lies there is a copy that is not
// finished, which the next attempt removes.
func finishSealing(data string) error {
	left := filepath.Join(data, sealingDir)
	if _, err := os.Lstat(left); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err := os.RemoveAll(left); err != nil {
		return fmt.Errorf("remove what was there before it was sealed: %w", err)
	}
	return syncFolder(data)
}

// lockData makes sure that one process serves or changes a data directory,
// sealed or not. It returns an error wrapping [store.ErrInUse].
func lockData(data string) (unlock func(), err error) {
	f, err := os.OpenFile(filepath.Join(data, "skerry.lock"), os.O_RDWR|os.O_CREATE|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("%s: %w; stop it first, or talk to it instead", data, store.ErrInUse)
	}
	return func() { _ = f.Close() }, nil // which frees the lock
}

// syncFolder makes the names in a directory durable.
func syncFolder(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Harden keeps the memory of this process, keys and documents, out of core
// dumps, and the process out of the reach of other programs of its user.
// Children inherit the first.
func Harden() error {
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return fmt.Errorf("core dumps cannot be turned off: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("core dumps cannot be turned off: %w", err)
	}
	return nil
}
