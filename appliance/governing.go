package appliance

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"skerry/appliance/api"
	"skerry/appliance/govern"
	"skerry/appliance/mission"
	"skerry/appliance/policy"
	"skerry/store"
	"skerry/store/vault"
)

// governance is who asks for a second person.
type governance interface {
	// ask proposes a change. It returns nil when it was made at once, and an
	// [*api.Waiting] when it has to be approved.
	ask(ctx context.Context, by policy.Principal, c govern.Change, note string) error
}

// governing is the store as the API keeps four eyes, and what follows outside of
// the store from an approval.
type governing struct {
	db       *store.DB
	policies *policies
	keys     keys
	now      func() time.Time
	log      *slog.Logger

	vaulting sync.Mutex // held while the vault is changed by proposals

	mu     sync.Mutex
	waiver *govern.Waiver    // guarded by mu
	broken []govern.Proposal // whose glass was broken; guarded by mu
}

var (
	_ api.Governance = (*governing)(nil)
	_ governance     = (*governing)(nil)
)

// resume carries out what a stop has kept from being done, and looks at what
// everyone has to be told.
func (g *governing) resume(ctx context.Context) error {
	all, err := g.db.Proposals(ctx)
	if err != nil {
		return err
	}
	for _, p := range slices.Backward(all) { // oldest first
		if p.State == govern.Approved {
			if _, err := g.carryOut(ctx, p); err != nil {
				return err
			}
		}
	}
	return g.look(ctx)
}

// look reads what everyone has to be told.
func (g *governing) look(ctx context.Context) error {
	w, err := g.db.Waiver(ctx)
	if err != nil {
		return err
	}
	all, err := g.db.Proposals(ctx)
	if err != nil {
		return err
	}
	var broken []govern.Proposal
	for _, p := range all {
		if p.Alarms(g.now()) {
			broken = append(broken, p)
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.waiver, g.broken = w, broken
	return nil
}

// ask implements governance.
func (g *governing) ask(ctx context.Context, by policy.Principal, c govern.Change, note string) error {
	p, err := g.Propose(ctx, by, c, note)
	if err == nil && p.State == govern.Open {
		err = &api.Waiting{Proposal: p}
	}
	return err
}

// Propose implements api.Governance.
func (g *governing) Propose(ctx context.Context, by policy.Principal, c govern.Change, note string) (govern.Proposal, error) {
	n := store.Proposed{By: by, Change: c, Note: note}
	var err error
	if n.Says, err = g.says(ctx, &c); err != nil {
		return govern.Proposal{}, err
	}
	if c.Vault != nil {
		g.vaulting.Lock()
		defer g.vaulting.Unlock()
		n.Base = g.vaultBase()
	}
	p, err := g.db.Propose(ctx, n)
	if err != nil {
		return p, err
	}
	g.log.Info("change proposed", "proposal", p.ID, "kind", p.Kind, "state", p.State, "by", by.ID)
	return g.carryOut(ctx, p)
}

// Approve implements api.Governance.
func (g *governing) Approve(ctx context.Context, id string, a govern.Approval) (govern.Proposal, error) {
	p, err := g.db.Proposal(ctx, id)
	if err != nil {
		return p, err
	}
	if p.Change.Vault != nil {
		g.vaulting.Lock()
		defer g.vaulting.Unlock()
		a.Base = g.vaultBase()
	}
	if p, err = g.db.Approve(ctx, id, a); err != nil {
		return p, err
	}
	g.log.Info("change approved", "proposal", p.ID, "kind", p.Kind, "how", p.How, "by", a.By.ID)
	return g.carryOut(ctx, p)
}

// carryOut does what follows from a proposal outside of the store. What an error
// keeps from being done is done at the next start.
func (g *governing) carryOut(ctx context.Context, p govern.Proposal) (govern.Proposal, error) {
	if p.State == govern.Approved && p.Change.Vault != nil {
		err := g.keys.carryOut(p.Change.Vault, p.Proposer)
		why := ""
		switch {
		case errors.Is(err, vault.ErrSealed):
			return p, err
		case isIO(err):
			return p, fmt.Errorf("%s is approved, but could not be done: %w", p.ID, err)
		case err != nil:
			why = err.Error()
		}
		if p, err = g.db.ProposalDone(ctx, p.ID, why); err != nil {
			return p, err
		}
		if why != "" {
			return p, unfit(errors.New(why))
		}
	}
	if p.State == govern.Applied && p.Change.Policy != nil {
		if err := g.policies.follow(ctx); err != nil {
			return p, err
		}
	}
	return p, g.look(ctx)
}

// isIO reports whether an error may be gone the next time.
func isIO(err error) bool {
	var path *fs.PathError
	var call syscall.Errno
	return errors.As(err, &path) || errors.As(err, &call) || errors.Is(err, context.Canceled)
}

// Proposals implements api.Governance.
func (g *governing) Proposals(ctx context.Context) ([]govern.Proposal, error) {
	return g.db.Proposals(ctx)
}

// Proposal implements api.Governance.
func (g *governing) Proposal(ctx context.Context, id string) (govern.Proposal, error) {
	return g.db.Proposal(ctx, id)
}

// CheckApprover implements api.Governance.
func (g *governing) CheckApprover(ctx context.Context, p *govern.Proposal, by policy.Principal) error {
	return g.db.CheckApprover(ctx, p, by)
}

// Settle implements api.Governance.
func (g *governing) Settle(ctx context.Context, id string, state govern.State, by policy.Principal, why string) (govern.Proposal, error) {
	return g.db.SettleProposal(ctx, id, state, by, why)
}

// Acknowledge implements api.Governance.
func (g *governing) Acknowledge(ctx context.Context, id string, by policy.Principal) (govern.Proposal, error) {
	p, err := g.db.AcknowledgeProposal(ctx, id, by)
	return p, errors.Join(err, g.look(ctx))
}

// Waiver implements api.Governance.
func (g *governing) Waiver(ctx context.Context) (*govern.Waiver, error) { return g.db.Waiver(ctx) }

// EndWaiver implements api.Governance.
func (g *governing) EndWaiver(ctx context.Context, by policy.Principal) error {
	if err := g.db.EndWaiver(ctx, by); err != nil {
		return err
	}
	g.log.Warn("the waiver has ended; governed changes take two people", "by", by.ID)
	return g.look(ctx)
}

// says tells in words what a change makes different. People see accounts before
// and after beside each other, so of those nothing is said.
func (g *governing) says(ctx context.Context, c *govern.Change) ([]string, error) {
	switch {
	case c.Policy != nil:
		next, err := g.policies.Version(c.Policy.Version)
		if err != nil {
			return nil, err
		}
		return append([]string{}, g.policies.Active().Changes(next)...), nil
	case c.Vault != nil && c.Vault.Remove:
		return []string{c.Vault.Name + " can no longer open the vault; root key and data key become new"}, nil
	case c.Vault != nil:
		with := c.Vault.Recipient
		if c.Vault.Identity != nil {
			with = "a passphrase"
		}
		return []string{c.Vault.Name + " can open the vault and backups, with " + with}, nil
	case c.Waiver != nil:
		return []string{"one person alone makes governed changes from now on: " + c.Waiver.Why}, nil
	}
	return []string{}, nil
}

// two reports whether governed changes take two people on this site.
func (g *governing) two() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.waiver == nil
}

// vaultBase is the digest of who can open the vault.
func (g *governing) vaultBase() string {
	var lines []string
	for _, a := range g.keys.a.vault.Admins() {
		lines = append(lines, a.Name+" "+a.Recipient)
	}
	slices.Sort(lines)
	sum := sha256.Sum256([]byte(strings.Join(lines, "\n")))
	return hex.EncodeToString(sum[:])
}

// notices is what everyone has to know about changes that one person makes.
func (g *governing) notices(ctx context.Context) []api.Notice {
	g.mu.Lock()
	waiver, broken := g.waiver, slices.Clone(g.broken)
	g.mu.Unlock()
	var list []api.Notice
	for _, p := range broken {
		if !p.Alarms(g.now()) {
			continue
		}
		list = append(list, api.Notice{Code: "glass-" + p.ID, Urgent: true, Text: mission.Text{
			"en": fmt.Sprintf("%s has broken the glass and made the change %s alone on %s, without a second person: “%s”", p.By.Name, p.ID, p.At.Format(time.DateOnly), p.Why),
			"de": fmt.Sprintf("%s hat am %s den Notfallzugang benutzt und die Änderung %s allein vorgenommen, ohne zweite Person: „%s“", p.By.Name, p.At.Format("02.01.2006"), p.ID, p.Why),
		}})
	}
	if waiver != nil {
		return append(list, api.Notice{Code: "single-person", Stays: true, Text: mission.Text{
			"en": fmt.Sprintf("One person alone can change policy, administrators and keys on this site. %s has declared so on %s: “%s”", waiver.By.Name, waiver.At.Format(time.DateOnly), waiver.Why),
			"de": fmt.Sprintf("Auf dieser Instanz kann eine Person allein Richtlinie, Administratoren und Schlüssel ändern. %s hat das am %s erklärt: „%s“", waiver.By.Name, waiver.At.Format("02.01.2006"), waiver.Why),
		}})
	}
	switch few, err := g.db.Bootstrap(ctx); {
	case err != nil:
		g.log.Error("who could approve changes", "err", err)
	case few:
		list = append(list, api.Notice{Code: "no-second-person", Stays: true, Text: mission.Text{
			"en": "Nobody can approve governed changes yet: that takes two people with the role admin who have set a password. On the host: skerry user add LOGIN --role admin",
			"de": "Noch kann niemand geregelte Änderungen freigeben: Dazu braucht es zwei Personen mit der Rolle admin, die ein Passwort gesetzt haben. Auf dem Host: skerry user add LOGIN --role admin",
		}})
	}
	return list
}
