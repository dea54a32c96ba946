package appliance

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"skerry/appliance/api"
	"skerry/appliance/audit"
	"skerry/appliance/govern"
	"skerry/appliance/mission"
	"skerry/appliance/policy"
	"skerry/store/vault"
)

// errSeal ends serving because somebody has sealed the vault.
var errSeal = errors.New("the vault was sealed")

// Run serves the data directory of c until ctx ends, through all that happens to
// its vault: while that is sealed, it shows who can open it and waits; when it
// is sealed again, all work stops, children included, and the keys are dropped.
// ready is called each time that it begins to answer: with nil while it is
// sealed.
func Run(ctx context.Context, c Config, log *slog.Logger, ready func(*Appliance, Address)) (err error) {
	if c.Data, err = filepath.Abs(c.Data); err != nil {
		return err
	}
	if err := isInitialised(c.Data); err != nil {
		return err
	}
	unlock, err := lockData(c.Data)
	if err != nil {
		return err
	}
	defer unlock()
	v, err := unsealHere(c)
	if err != nil && !errors.Is(err, ErrSealed) {
		return err
	}
	var a *Appliance
	if v != nil {
		// Before the listeners, so that what is wrong is said and no page shows.
		if a, err = open(ctx, c, log, v, byThisHost); err != nil {
			return err
		}
	}
	e, err := newEntrance(c, log)
	if err != nil {
		if a != nil {
			err = errors.Join(err, a.Close())
		}
		return err
	}
	defer func() { err = errors.Join(err, e.close(ctx)) }()
	for {
		opened := func() {}
		if a == nil {
			d := &door{config: c, log: log, opened: make(chan *Appliance), serving: make(chan struct{})}
			if a, err = d.wait(ctx, e, ready); a == nil {
				return err
			}
			opened = sync.OnceFunc(func() { close(d.serving) })
		}
		err = a.serve(ctx, e, func(at Address) {
			opened()
			ready(a, at)
		})
		opened()
		sealed := errors.Is(err, errSeal)
		closed := a.Close() // of the audit log too: one that cannot be closed is not gone on with
		err = errors.Join(err, closed)
		a = nil
		if !sealed || closed != nil || ctx.Err() != nil {
			return err
		}
		log.Warn("sealed: no work is done until an admin unseals")
	}
}

// door is where a sealed appliance is opened.
type door struct {
	config  Config
	log     *slog.Logger
	opened  chan *Appliance // to the one who waits
	serving chan struct{}   // closed when that appliance answers

	mu      sync.Mutex // held while somebody opens
	refused int        // keys and passphrases that did not open; guarded by mu
}

var _ api.SealedVault = (*door)(nil)

// wait shows the door and returns the appliance once somebody has opened it. It
// returns nil, and no error, when ctx ends before.
func (d *door) wait(ctx context.Context, e *entrance, ready func(*Appliance, Address)) (*Appliance, error) {
	e.show(api.NewSealed(api.SealedConfig{Vault: d, Hosts: d.config.names(), TLS: d.config.TLS != nil, Log: d.log}))
	ready(nil, e.address)
	select {
	case a := <-d.opened:
		return a, nil
	case err := <-e.failed:
		return nil, err
	case <-ctx.Done():
		return nil, nil
	}
}

// Status implements api.SealedVault. Whoever could change the files could show
// other names; nothing is proven before the vault is open.
func (d *door) Status() api.VaultStatus {
	s := api.VaultStatus{Sealed: true, Admins: []api.VaultAdmin{}}
	info, err := vault.Inspect(VaultDir(d.config.Data))
	if err != nil {
		d.log.Error("vault", "err", err)
		return s
	}
	s.ID = info.ID
	for _, w := range info.Admins {
		a := api.VaultAdmin{Name: w.Name, With: api.WithIdentity, Wrapped: w.File}
		if w.Identity != nil {
			// Their identity would let anybody try passphrases elsewhere; it stays here.
			a.With, a.Wrapped = api.WithPassphrase, nil
		}
		s.Admins = append(s.Admins, a)
	}
	return s
}

// Unseal implements api.SealedVault.
func (d *door) Unseal(ctx context.Context, by api.Opener, key []byte) error {
	return d.open(ctx, by, "root key", func(vault.Info) (*vault.Root, error) { return vault.ParseRoot(key) })
}

// UnsealPassphrase implements api.SealedVault.
func (d *door) UnsealPassphrase(ctx context.Context, by api.Opener, passphrase string) error {
	return d.open(ctx, by, "passphrase", func(i vault.Info) (*vault.Root, error) { return vault.UnwrapPassphrase(i, passphrase) })
}

// open opens the vault and the store, hands both on, and returns when they
// serve. Nothing can be recorded before: the appliance's keys for the audit log
// are there, but the store that it belongs to is not open. So the record of who
// opened says how many were refused since the last start or seal.
func (d *door) open(ctx context.Context, by api.Opener, with string, unwrap func(vault.Info) (*vault.Root, error)) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	select {
	case <-d.serving:
		return &api.Error{Status: http.StatusConflict, Code: "open", Detail: "Somebody else was faster: the vault is open already."}
	default:
	}
	r := audit.Record{Action: "vault.unsealed", Object: with, Actor: by.Who.ID, ActorName: by.Who.Name, Source: by.Source}
	if d.refused > 0 {
		r.Why = fmt.Sprintf("before it, %d keys or passphrases were refused", d.refused)
	}
	a, err := d.enter(ctx, r, unwrap)
	if errors.Is(err, vault.ErrWrongKey) {
		d.refused++
		return &api.Error{Status: http.StatusForbidden, Code: "wrong-key", Err: err,
			Detail: "This key or passphrase does not open the vault. Use the one of an admin who is named here."}
	}
	if err != nil {
		return err
	}
	select {
	case d.opened <- a:
	case <-ctx.Done():
		return errors.Join(ctx.Err(), a.Close())
	}
	<-d.serving
	return nil
}

func (d *door) enter(ctx context.Context, r audit.Record, unwrap func(vault.Info) (*vault.Root, error)) (*Appliance, error) {
	info, err := inspectVault(d.config.Data)
	if err != nil {
		return nil, err
	}
	root, err := unwrap(info)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	v, err := vault.Open(VaultDir(d.config.Data), root, vault.Options{})
	if err != nil {
		return nil, err
	}
	return open(context.WithoutCancel(ctx), d.config, d.log, v, r)
}

// keys is what the API offers of an open vault.
type keys struct{ a *Appliance }

var _ api.Vault = keys{}

// Status implements api.Vault.
func (k keys) Status() api.VaultStatus {
	current, made, count := k.a.vault.Keys()
	s := api.VaultStatus{ID: k.a.vault.ID(), Key: int(current), Since: &made, Keys: count, Admins: []api.VaultAdmin{}}
	for _, a := range k.a.vault.Admins() {
		with := map[vault.Kind]string{vault.ByRecipient: api.WithIdentity, vault.ByPassphrase: api.WithPassphrase, vault.ByKeyFile: api.WithKeyFile}[a.Kind]
		s.Admins = append(s.Admins, api.VaultAdmin{Name: a.Name, With: with, Recipient: a.Recipient, Added: &a.Added})
	}
	return s
}

// Seal implements api.Vault.
func (k keys) Seal() { k.a.seal(errSeal) }

// Rotate implements api.Vault.
func (k keys) Rotate(_ context.Context, by policy.Principal) error {
	defer k.a.wakeRenewal()
	if _, err := k.a.vault.Rotate(); err != nil {
		return err
	}
	return k.record("vault.rotated", "", "", by)
}

// record notes what has become of the vault. That it was asked for is on record
// from before, in case that a crash comes between.
func (k keys) record(action, object, why string, by policy.Principal) error {
	return k.a.record(audit.Record{Action: action, Object: object, Why: why, Actor: by.ID, ActorName: by.Name})
}

// AddAdmin implements api.Vault. The passphrase is not in what is proposed: an
// identity that it opens is.
func (k keys) AddAdmin(ctx context.Context, by policy.Principal, name, recipient, passphrase string) error {
	if (recipient == "") == (passphrase == "") {
		return unfit(errors.New("give either a recipient or a passphrase"))
	}
	if k.has(name) {
		return unfit(fmt.Errorf("admin %s: there is one with this name already", name))
	}
	n, err := k.a.vault.Prepare(vault.NewAdmin{Name: name, Recipient: recipient, Passphrase: passphrase})
	if err != nil {
		return unfit(err)
	}
	return k.a.govern.ask(ctx, by, govern.Change{Vault: &govern.Vault{Name: name, Recipient: n.Recipient, Identity: n.Identity}}, "")
}

// RemoveAdmin implements api.Vault.
func (k keys) RemoveAdmin(ctx context.Context, by policy.Principal, name string) error {
	if !k.has(name) {
		return fmt.Errorf("%w: %w", mission.ErrNotFound, vault.ErrNoAdmin)
	}
	return k.a.govern.ask(ctx, by, govern.Change{Vault: &govern.Vault{Name: name, Remove: true}}, "")
}

func (k keys) has(name string) bool {
	return slices.ContainsFunc(k.a.vault.Admins(), func(a vault.Admin) bool { return a.Name == name })
}

// carryOut does what an approved proposal says about the vault. It may have been
// done already, when a stop came before that was noted.
func (k keys) carryOut(c *govern.Vault, by policy.Principal) error {
	if c.Remove {
		defer k.a.wakeRenewal()
		if err := k.a.vault.RemoveAdmin(c.Name); err != nil && !errors.Is(err, vault.ErrNoAdmin) {
			return err
		}
		return k.record("vault.admin.removed", c.Name, "", by)
	}
	for _, a := range k.a.vault.Admins() {
		if a.Name == c.Name && a.Recipient == c.Recipient {
			return nil
		}
	}
	if err := k.a.vault.AddAdmin(vault.NewAdmin{Name: c.Name, Recipient: c.Recipient, Identity: c.Identity}); err != nil {
		return err
	}
	with := c.Recipient
	if c.Identity != nil {
		with = "passphrase"
	}
	return k.record("vault.admin.added", c.Name, with, by)
}

// unfit says that a change of the vault cannot be made as it was asked for.
func unfit(err error) error {
	if err == nil {
		return nil
	}
	return &api.Error{Status: http.StatusUnprocessableEntity, Code: "vault", Detail: "The vault stays as it is: " + err.Error() + ".", Err: err}
}

func (a *Appliance) wakeRenewal() {
	select {
	case a.renew <- struct{}{}:
	default:
	}
}

// renewalPause is how long after the start what is stale is looked for: the
// look reads the whole store, and the start has better things to do.
const renewalPause = time.Minute

// sealAnew seals anew what older data keys have sealed, until ctx ends: after
// each change of the keys, and once after the start, for what a stop has
// interrupted and for keys that have changed by themselves.
func (a *Appliance) sealAnew(ctx context.Context) {
	timer := time.NewTimer(renewalPause)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-a.renew:
		case <-timer.C:
			timer.Reset(24 * time.Hour)
			if _, _, count := a.vault.Keys(); count == 1 {
				continue
			}
		}
		if err := a.space.refusal(); err != nil {
			a.Log.Warn("what older keys have sealed is not sealed anew; it is tried again within a day", "err", err)
			continue
		}
		done, err := a.db.Reseal(ctx)
		if err == nil && done.Keys > 0 {
			err = a.record(audit.Record{Action: "vault.resealed", Why: fmt.Sprintf("%d values, %d documents, %d keys dropped", done.Values, done.Blobs, done.Keys)})
		}
		switch {
		case err != nil && ctx.Err() == nil:
			a.Log.Error("what older keys have sealed is not sealed anew; it is tried again within a day", "err", err)
		case err == nil && done.Keys > 0:
			a.Log.Info("sealed anew", "values", done.Values, "documents", done.Blobs, "keys dropped", done.Keys)
		}
	}
}
