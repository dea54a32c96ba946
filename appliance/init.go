package appliance

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"skerry/appliance/audit"
	"skerry/appliance/mission"
	"skerry/appliance/policy"
	"skerry/embed"
	"skerry/store"
)

// Initialised says what [Init] put into a data directory.
type Initialised struct {
	Data     string
	Policy   int // version
	Missions []string
	Audit    *audit.Enrolment // nil = the site has no auditors
	KeyFile  string           // that opens the vault at every start; empty = an admin does
	CA       string           // fingerprint of the CA that was made; empty = none
	Waiver   string           // why governed changes take one person here; empty = they take two
}

// ErrInitialised: the data directory holds a Skerry already.
var ErrInitialised = errors.New("there is a Skerry in this data directory already")

// Init makes a data directory with the default policy and the sample missions.
// It changes nothing, and returns an error wrapping [ErrInitialised], if there
// is one already. A directory that an interrupted Init left half-made is
// completed. What is stored is sealed for admins; if there are none, for a key
// file beside the data directory.
//
// With auditors, at least [audit.MinRecipients] age recipients, everything is
// recorded from the first policy on.
func Init(ctx context.Context, c Config, admins Admins, auditors ...string) (_ Initialised, err error) {
	done := Initialised{Data: c.Data, Waiver: strings.TrimSpace(admins.Single)}
	if err := c.Validate(); err != nil {
		return done, err
	}
	if _, err := os.Stat(filepath.Join(c.Data, ConfigFile)); err == nil {
		return done, fmt.Errorf("%s: %w", c.Data, ErrInitialised)
	}
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return done, err
	}
	if err := os.Chmod(c.Data, 0o700); err != nil {
		return done, err
	}
	unlock, err := lockData(c.Data)
	if err != nil {
		return done, err
	}
	defer unlock()
	if done.Audit, err = enrol(c.Data, auditors); err != nil {
		return done, err
	}
	v, keyFile, err := makeVault(c, admins)
	if err != nil {
		return done, err
	}
	defer v.Close()
	done.KeyFile = keyFile
	db, log, err := openRecorded(c.Data, store.Options{Sealer: v})
	if err != nil {
		return done, err
	}
	if log != nil {
		defer func() { err = errors.Join(err, log.Close()) }()
		if err := log.Append(ctx, audit.Record{Action: "vault.made", Object: v.ID()}); err != nil {
			return done, errors.Join(err, db.Close())
		}
	}
	record := func(r audit.Record) error {
		if log == nil {
			return nil
		}
		return log.Append(ctx, r)
	}
	if err := seed(ctx, db, &done); err != nil {
		return done, errors.Join(err, db.Close())
	}
	if done.CA, err = initTLS(ctx, db, c, record); err != nil {
		return done, errors.Join(err, db.Close())
	}
	if done.Waiver != "" {
		if err := db.BeginWaiver(ctx, LocalOperator(os.Getuid()), done.Waiver); err != nil {
			return done, errors.Join(err, db.Close())
		}
	}
	if err := db.Close(); err != nil {
		return done, err
	}
	// The configuration comes last: it says that the rest is complete.
	text, err := c.Marshal()
	if err != nil {
		return done, err
	}
	return done, writeFile(filepath.Join(c.Data, ConfigFile), text)
}

// writeFile writes a file that is there whole or not at all.
func writeFile(path string, data []byte) error {
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
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// seed puts the default policy and the sample missions into an empty store.
func seed(ctx context.Context, db *store.DB, done *Initialised) error {
	by := policy.Principal{ID: "skerry", Name: "Skerry"}
	if _, err := policy.Parse(embed.Policy()); err != nil {
		return fmt.Errorf("default policy: %w", err)
	}
	version, err := db.PutPolicy(ctx, embed.Policy(), by.ID)
	if err != nil {
		return err
	}
	if err := db.ActivatePolicy(ctx, version, by.ID); err != nil {
		return err
	}
	done.Policy = version
	p, err := newPolicies(ctx, db)
	if err != nil {
		return err
	}
	l := newLibrary(db, p)
	names, err := fs.Glob(embed.Missions(), "*.yaml")
	if err != nil {
		return err
	}
	for _, name := range names {
		source, err := fs.ReadFile(embed.Missions(), name)
		if err != nil {
			return err
		}
		m, err := mission.Parse(source)
		if err != nil {
			return fmt.Errorf("sample mission %s: %w", name, err)
		}
		draft, err := l.SaveDraft(ctx, m.Name, source, by)
		if err != nil {
			return fmt.Errorf("sample mission %s: %w", name, err)
		}
		if _, err := l.Publish(ctx, m.Name, draft.Digest, by); err != nil {
			return fmt.Errorf("sample mission %s: %w", name, err)
		}
		done.Missions = append(done.Missions, m.Name)
	}
	return nil
}
