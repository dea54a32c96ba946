package appliance

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"time"

	"skerry/appliance/audit"
	"skerry/store"
	"skerry/store/vault"
)

// beside returns what a backup holds beside the store: the audit log as it
// stands now, and the appliance's keys for it. The database was copied before, so
// the log has everything that is in the copy.
func (u upkeep) beside(ctx context.Context) ([]store.Beside, error) {
	if u.log == nil {
		return nil, nil
	}
	pieces, err := u.log.Copy(ctx)
	if err != nil {
		return nil, err
	}
	list := make([]store.Beside, len(pieces))
	for i := range pieces {
		p := &pieces[i]
		dir := AuditDir
		if p.Key {
			dir = auditKeyDir
		}
		list[i] = store.Beside{Name: path.Join(dir, p.Name), Size: p.Size, Open: p.Open}
	}
	return list, nil
}

// Restored says what [Restore] has made of a backup.
type Restored struct {
	Files int
	Made  time.Time // when the backup was made
	Audit bool      // the site has an audit log, which goes on
	// Sealed: it has a vault. One that has none is of before there was one, and is
	// not served before it is sealed.
	Sealed bool
}

// Restore makes a data directory from a backup. The configuration is the one
// given: a backup holds none, because it may be restored on another host. The
// audit log goes on where the backup left it, and the first thing that is
// recorded is that, and from which backup. by opens the vault in the backup. What
// is written after the restore has a data key of its own, so that nothing of the
// original that goes on elsewhere, or of a later backup, passes for it.
func Restore(ctx context.Context, c Config, backup io.Reader, by Unwrap) (done Restored, err error) {
	if _, err := os.Stat(filepath.Join(c.Data, ConfigFile)); err == nil {
		return done, fmt.Errorf("%s: %w; restore into a new directory with --data", c.Data, ErrInitialised)
	}
	dirs := []string{filepath.Join(c.Data, AuditDir), filepath.Join(c.Data, auditKeyDir)}
	for _, d := range dirs {
		if entries, err := os.ReadDir(d); err == nil && len(entries) > 0 {
			return done, fmt.Errorf("%s holds an audit log already; restore into a new directory with --data", d)
		}
		if err := os.MkdirAll(d, 0o700); err != nil {
			return done, err
		}
	}
	var v *vault.Vault
	defer func() {
		if v != nil {
			v.Close()
		}
	}()
	unseal := func(string) (store.Sealer, error) {
		var err error
		v, err = by.unseal(c)
		switch {
		case errors.Is(err, ErrUnsealed):
			return store.Plain, nil
		case errors.Is(err, ErrSealed):
			return nil, errors.New("the backup is sealed; name the file of an age identity of one of its admins with --identity")
		case err != nil:
			return nil, err
		}
		return v, nil
	}
	m, err := store.Restore(ctx, backup, filepath.Join(c.Data, storeDir), store.Options{Unseal: unseal}, func(name string) (string, error) {
		dir, file := path.Split(name)
		if dir = path.Clean(dir); dir != AuditDir && dir != auditKeyDir || !audit.IsPiece(file, dir == auditKeyDir) {
			return "", fmt.Errorf("the backup holds %q, which does not belong there", name)
		}
		return filepath.Join(c.Data, dir, file), nil
	})
	if err != nil {
		for _, d := range dirs {
			err = errors.Join(err, os.RemoveAll(d))
		}
		return done, err
	}
	done.Files, done.Made = len(m.Entries), m.Created
	for _, d := range append(dirs, c.Data) {
		if err := syncFolder(d); err != nil {
			return done, err
		}
	}
	o := store.Options{MustBe: true}
	if v != nil {
		if _, err := v.Rotate(); err != nil {
			return done, err
		}
		o.Sealer, done.Sealed = v, true
	}
	if done.Audit, err = recordRestore(ctx, c.Data, m, o); err != nil {
		return done, err
	}
	text, err := c.Marshal()
	if err != nil {
		return done, err
	}
	return done, writeFile(filepath.Join(c.Data, ConfigFile), text)
}

// recordRestore goes on with the audit log of a restored directory, and reports
// whether there is one.
func recordRestore(ctx context.Context, data string, m store.Manifest, o store.Options) (bool, error) {
	db, log, err := openRecorded(data, o)
	if err != nil {
		return false, err
	}
	if log != nil {
		by := LocalOperator(os.Getuid())
		err = log.Append(ctx, audit.Record{Action: "store.restored", Actor: by.ID, ActorName: by.Name, Source: "command line",
			Object: "backup of " + m.Created.Format(time.RFC3339), Digest: m.SHA256})
	}
	err = errors.Join(err, db.Close())
	if log != nil {
		err = errors.Join(err, log.Close())
	}
	return log != nil, err
}
