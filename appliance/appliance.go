// Package appliance puts Skerry together: it opens the store, starts the models,
// wires engine and API, and serves them. It holds what belongs to no part alone.
// Start with [Open]; [Init] comes before it, once.
package appliance

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"skerry/appliance/api"
	"skerry/appliance/audit"
	"skerry/appliance/engine"
	"skerry/appliance/gateway"
	"skerry/appliance/llm"
	"skerry/appliance/mission"
	"skerry/appliance/policy"
	"skerry/embed"
	"skerry/store"
	"skerry/store/vault"
)

// Appliance is an open data directory and everything that works on it.
type Appliance struct {
	Config   Config
	Log      *slog.Logger
	audit    *audit.Log // nil = the site has no auditors
	space    *space
	db       *store.DB
	models   *models
	engine   *engine.Engine
	api      *api.API
	vault    *vault.Vault
	govern   *governing
	unlock   func()                 // frees the data directory; nil = somebody else does
	url      atomic.Pointer[string] // of the web UI, once it is served
	accounts accounts
	seal     context.CancelCauseFunc // ends Serve with errSeal; set by it
	renew    chan struct{}           // wakes what seals anew; buffered

	certificate *certificate // that is shown; set by Serve
	renewing    sync.Mutex   // held while a certificate is made
	clients     *clients     // who signs in with one; nil = nobody; set by Serve
}

// storeDir is the folder of the store in the data directory.
const storeDir = "store"

// ErrNotInitialised: the data directory does not exist or is empty.
var ErrNotInitialised = errors.New("there is no Skerry in this data directory")

// Open opens the data directory of c and prepares everything, but drives no run
// and serves nobody: [Appliance.Serve] does. It opens the vault with what this
// host has. It returns an error wrapping [ErrSealed] if it has nothing,
// [ErrNotInitialised] if [Init] was never run there, and [store.ErrInUse] if
// another process has it open.
func Open(ctx context.Context, c Config, log *slog.Logger) (_ *Appliance, err error) {
	// Models are children that live in other directories.
	if c.Data, err = filepath.Abs(c.Data); err != nil {
		return nil, err
	}
	if err := isInitialised(c.Data); err != nil {
		return nil, err
	}
	unlock, err := lockData(c.Data)
	if err != nil {
		return nil, err
	}
	v, err := unsealHere(c)
	if err != nil {
		unlock()
		return nil, err
	}
	a, err := open(ctx, c, log, v, byThisHost)
	if err != nil {
		unlock()
		return nil, err
	}
	a.unlock = unlock
	return a, nil
}

func isInitialised(data string) error {
	if _, err := os.Stat(filepath.Join(data, ConfigFile)); errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%s: %w; make one with: skerry init --data %s", data, ErrNotInitialised, data)
	}
	return nil
}

// byThisHost is the record of a vault that nobody had to open.
var byThisHost = audit.Record{Action: "vault.unsealed", Object: "a key that this host has"}

// open is [Open] with a vault that is open, which it takes over; opened says by
// whom and how. The caller has locked the data directory.
func open(ctx context.Context, c Config, log *slog.Logger, v *vault.Vault, opened audit.Record) (_ *Appliance, err error) {
	a := &Appliance{Config: c, Log: log, vault: v, renew: make(chan struct{}, 1)}
	defer func() {
		if err != nil {
			err = errors.Join(err, a.Close())
		}
	}()
	if err := finishSealing(c.Data); err != nil {
		return nil, err
	}
	// What a crash has left unrecorded is in the audit log when this returns.
	if a.db, a.audit, err = openRecorded(c.Data, store.Options{MustBe: true, Sealer: v}); err != nil {
		return nil, err
	}
	if err := a.record(opened); err != nil {
		return nil, err
	}
	policies, err := newPolicies(ctx, a.db)
	if err != nil {
		return nil, err
	}
	if a.models, err = newModels(c, a.db, log); err != nil {
		return nil, err
	}
	policies.log, policies.wake = log, a.models.announce
	a.space = newSpace(c.Data, a.audit != nil, a.record, a.models.announce, log)
	a.models.paused = a.space.paused
	if err := a.space.look(); err != nil {
		return nil, err
	}
	a.models.inPool = func(id llm.ModelID) bool {
		return slices.ContainsFunc(policies.Active().Pools, func(p policy.Pool) bool { return slices.Contains(p.Models, id) })
	}
	a.models.claimed = func(id llm.ModelID) bool {
		p := policies.Active()
		_, named := p.Models[id]
		return (named || a.models.inPool(id)) && a.govern.two()
	}
	samples, err := newSamples()
	if err != nil {
		return nil, err
	}
	library := newLibrary(a.db, policies)
	gate := gateway.New(gateway.Config{Registry: a.models, AnyModelLimit: c.Runner.Parallel, Log: log})
	a.models.latency = func(id llm.ModelID) int64 {
		for _, o := range gate.Offers() {
			if o.ID == id {
				return o.LatencyMicros
			}
		}
		return 0
	}
	a.engine = engine.New(engine.Config{
		Journal: a.db, Blobs: a.db, Library: library, Policies: policies,
		Reader: newReader(c.DocumentBytes), Models: gate,
		MaxActive: c.Runs, DocumentBytes: max(c.DocumentBytes, maxUploadBytes), Log: log,
	})
	a.govern = &governing{db: a.db, policies: policies, keys: keys{a}, now: time.Now, log: log}
	if err := a.govern.resume(ctx); err != nil {
		return nil, err
	}
	ui, _ := embed.UI()
	address := func() string { return *cmp.Or(a.url.Load(), new(string)) }
	if a.accounts, err = a.newAccounts(address); err != nil {
		return nil, err
	}
	build := BuildVersion()
	a.api = api.New(api.Config{
		Engine: starts{a.engine}, Runs: ledger{a.db}, Decisions: ledger{a.db}, Missions: library, Samples: samples,
		Models: a.models, Policies: governed{policies, library}, Blobs: a.db, Sessions: sessions{a.db},
		Vault: keys{a}, Secrets: secrets{a.db}, Governance: a.govern, Certificates: certificates{a}, ServiceKeys: serviceKeys{a.db}, ClientCertificates: clientCertificates{a},
		Upkeep: upkeep{db: a.db, log: a.audit, url: address},
		People: a.accounts, Accounts: a.accounts,
		UI: ui, Build: api.Version(build),
		Audit: a.event, AuditStatus: a.auditStatus, ReadOnly: a.space.refusal,
		Schema: mission.Schema(), Notices: a.notices, Hosts: c.names(), TLS: c.TLS != nil,
		MaxUploadBytes: maxUploadBytes, Log: log, Health: a.health,
	})
	return a, nil
}

// maxUploadBytes is the largest file that is taken in. A file between
// Config.DocumentBytes and this becomes a run that fails with a reason, which
// people find more easily than a refused upload.
const maxUploadBytes = 32 << 20

// Close releases the data directory. Serve must have returned.
func (a *Appliance) Close() error {
	var errs []error
	if a.models != nil {
		errs = append(errs, a.models.Close())
	}
	if a.db != nil {
		errs = append(errs, a.db.Close())
	}
	if a.audit != nil {
		errs = append(errs, a.audit.Close())
	}
	if a.vault != nil {
		a.vault.Close()
	}
	if a.unlock != nil {
		a.unlock()
	}
	return errors.Join(errs...)
}

// health is "starting" until the engine knows the open runs, then "ok".
func (a *Appliance) health() string {
	select {
	case <-a.engine.Claimed():
		return "ok"
	default:
		return "starting"
	}
}

// notices is what everyone on the site should know.
func (a *Appliance) notices(ctx context.Context) []api.Notice {
	list := slices.Concat(a.space.notices(), a.govern.notices(ctx), a.auditNotices())
	if a.certificate != nil {
		list = append(list, a.certificate.notices()...)
		list = append(list, a.clients.notices()...)
	}
	starters, others := 0, 0
	weights := map[string]bool{}
	for _, o := range a.models.Offers() {
		if o.Starter {
			starters++
			weights[o.Lock.Weights] = true
		} else {
			others++
		}
	}
	if starters > 0 && others == 0 {
		text := mission.Text{
			"en": "Only starter models are installed. They read business documents in English and German and are no general assistants. Import an open-weights model for more.",
			"de": "Nur Startmodelle sind installiert. Sie lesen Geschäftsdokumente auf Englisch und Deutsch und sind keine allgemeinen Assistenten. Importieren Sie ein Modell mit offenen Gewichten, wenn Sie mehr brauchen.",
		}
		if starters > 1 && len(weights) == 1 {
			text["en"] += " All pools rest on the same weights for now; the strong pool asks more carefully."
			text["de"] += " Alle Pools beruhen vorerst auf denselben Gewichten; der starke Pool fragt gründlicher."
		}
		list = append(list, api.Notice{Code: "starter-models", Text: text})
	}
	return list
}

// LinkLifetime is how long a one-time sign-in link can be used.
const LinkLifetime = 15 * time.Minute

// NewLink returns the token of a one-time sign-in link for the administrator.
func (a *Appliance) NewLink(ctx context.Context) (string, error) {
	return a.db.NewLink(ctx, Administrator(), LinkLifetime)
}

// Administrator is the first person of a site: whoever opens the first sign-in
// link.
func Administrator() policy.Principal {
	return policy.Principal{ID: "admin", Name: "Administrator", Roles: []string{"admin", "author", "approver", "user"}}
}

// LocalOperator is whoever may open the local socket.
func LocalOperator(uid int) policy.Principal {
	p := Administrator()
	p.ID, p.Name = fmt.Sprintf("local-%d", uid), fmt.Sprintf("local user %d", uid)
	return p
}
