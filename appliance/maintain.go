package appliance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"

	"skerry/appliance/api"
	"skerry/appliance/audit"
	"skerry/store"
	"skerry/store/vault"
)

// Unwrap returns the root key of a vault, from whatever an admin has. Where
// there is none, what the host has opens the vault.
type Unwrap func(vault.Info) (*vault.Root, error)

// unseal opens the vault of a data directory.
func (u Unwrap) unseal(c Config) (*vault.Vault, error) {
	if u == nil {
		return unsealHere(c)
	}
	info, err := inspectVault(c.Data)
	if err != nil {
		return nil, err
	}
	root, err := u(info)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	return vault.Open(VaultDir(c.Data), root, vault.Options{})
}

// Check verifies the store of a data directory that no appliance serves, after
// making its indexes anew from the journal if rebuild is set. One that was never
// sealed is checked as it is.
func Check(ctx context.Context, c Config, rebuild bool, by Unwrap) (_ api.StoreReport, err error) {
	data := c.Data
	dir := filepath.Join(data, storeDir)
	if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
		return api.StoreReport{}, fmt.Errorf("%s: %w; make one with: skerry init --data %s", data, ErrNotInitialised, data)
	}
	_, err = os.Stat(filepath.Join(data, ConfigFile))
	o := store.Options{MustBe: err == nil} // the configuration is written last
	v, err := by.unseal(c)
	switch {
	case err == nil:
		defer v.Close()
		o.Sealer = v
	case !errors.Is(err, ErrUnsealed):
		return api.StoreReport{}, err
	}
	if rebuild {
		if err := rebuildStore(ctx, data, o); err != nil {
			return api.StoreReport{}, err
		}
	}
	db, err := store.Open(dir, o)
	if err != nil {
		return api.StoreReport{}, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	return upkeep{db: db}.Check(ctx)
}

// rebuildStore makes the indexes anew, which the audit log hears of before it
// happens.
func rebuildStore(ctx context.Context, data string, o store.Options) (err error) {
	db, log, err := openRecorded(data, o)
	if err != nil {
		return err
	}
	if log != nil {
		defer func() { err = errors.Join(err, log.Close()) }()
		err = log.Append(ctx, audit.Record{Action: "store.rebuilt"})
	}
	if err == nil {
		err = db.Rebuild(ctx)
	}
	return errors.Join(err, db.Close())
}

// PagesVerb is the hidden command of this binary that checks the pages of a
// database file, in a process that may die over them.
const PagesVerb = "store-pages"

func pagesInChild(file string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe", PagesVerb, file)
	cmd.Env = []string{}
	return cmd
}

// CheckPages checks the pages of a database file and writes the report as JSON.
func CheckPages(file string, out io.Writer) error {
	r, err := store.CheckPages(file)
	if err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(r)
}

// upkeep is what the API offers to administrators.
type upkeep struct {
	db  *store.DB
	log *audit.Log    // nil = the site has none
	url func() string // of the web UI; empty = none is served
}

var _ api.Upkeep = upkeep{}

// Backup implements api.Upkeep.
func (u upkeep) Backup(ctx context.Context, w io.Writer) error {
	_, err := u.db.Backup(ctx, w, u.beside)
	return err
}

// Check implements api.Upkeep.
func (u upkeep) Check(ctx context.Context) (api.StoreReport, error) {
	r, err := u.db.Check(ctx, store.CheckOptions{PagesIn: pagesInChild})
	if err != nil {
		return api.StoreReport{}, err
	}
	out := api.StoreReport{Runs: r.Runs, Observations: r.Observations, Decisions: r.Decisions, Documents: r.Blobs, More: r.More, Findings: []api.StoreFinding{}}
	for _, f := range r.Findings {
		out.Findings = append(out.Findings, api.StoreFinding(f))
	}
	return out, nil
}

// NewLink implements api.Upkeep.
func (u upkeep) NewLink(ctx context.Context) (api.Link, error) {
	token, err := u.db.NewLink(ctx, Administrator(), LinkLifetime)
	return api.Link{URL: u.url(), Token: token}, err
}
