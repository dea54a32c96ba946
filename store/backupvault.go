package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"path"
	"regexp"
	"slices"
)

// vault adds what opens the rest. It comes last, so that no key is missing.
func (b *backupWriter) vault(k Keeper) error {
	files, err := k.Files()
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		full := path.Join(VaultDir, name)
		if !vaultForm.MatchString(full) {
			return fmt.Errorf("%s has no place in a backup", full)
		}
		if err := b.entry(full, int64(len(files[name])), bytes.NewReader(files[name])); err != nil {
			return err
		}
	}
	return nil
}

// vaultForm is what names of files of a vault look like in a backup.
var vaultForm = regexp.MustCompile(`^vault(/[a-z0-9][a-z0-9.-]{0,100}){1,2}$`)

// VerifyBackup reads a backup to its end and makes sure that it holds what its
// manifest says. It keeps nothing and needs no key.
func VerifyBackup(ctx context.Context, r io.Reader) (Manifest, error) {
	got, m, err := extract(r, func(r io.Reader, name string) (ManifestEntry, error) {
		sum := sha256.New()
		n, err := io.Copy(sum, &contextReader{ctx, r})
		return ManifestEntry{name, n, hex.EncodeToString(sum.Sum(nil))}, err
	})
	if err == nil {
		err = compare(got, m)
	}
	if err != nil {
		return Manifest{}, fmt.Errorf("verify backup: %w", err)
	}
	return m, nil
}
