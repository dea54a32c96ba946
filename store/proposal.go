package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"skerry/appliance/govern"
	"skerry/appliance/mission"
	"skerry/appliance/policy"
)

// settingWaiver holds the [govern.Waiver] of a site, if it has one.
var settingWaiver = []byte("govern.waiver")

// Proposed is a change to be proposed, and what is known of it.
type Proposed struct {
	By     policy.Principal
	Change govern.Change
	Note   string
	Says   []string // what is going to be different, in words
	Base   string   // of a change that the store does not know: digest of what it rests on
}

// Propose keeps a proposal. One that the same person has made about the same, and
// that is still open, becomes void: this one takes its place. Where the site has a waiver, or nobody could approve
// it yet, the change is made in the same transaction. It returns an error
// wrapping [mission.ErrNotFound] if what it is about is not there.
func (db *DB) Propose(ctx context.Context, n Proposed) (govern.Proposal, error) {
	var p govern.Proposal
	err := db.update(ctx, func(t *tx) error {
		now := db.now().UTC()
		if err := t.expireProposals(now); err != nil {
			return err
		}
		proposer, err := t.account(n.By.ID)
		if err != nil {
			return err
		}
		p = govern.Proposal{
			ID: proposalID(t.lastProposal() + 1), Kind: n.Change.Kind(), Change: n.Change, Base: n.Base,
			Proposer: policy.Principal{ID: n.By.ID, Name: n.By.Name}, Eyes: proposer.Eyes(n.By.ID),
			Note: strings.ToValidUTF8(n.Note, "\uFFFD"), Made: now, Ends: now.Add(govern.Lifetime), Says: n.Says, State: govern.Open,
		}
		if p.Kind == "" {
			return errors.New("a proposal has to be about one change")
		}
		if base, known, err := t.baseOf(&p); err != nil {
			return err
		} else if known {
			p.Base = base
		}
		if p.Digest, err = p.Sum(); err != nil {
			return err
		}
		if err := t.replace(&p, now); err != nil {
			return err
		}
		r := proposalRecord("proposal.made", &p, p.Proposer)
		r.Why = strings.Join(append([]string{p.Note}, p.Says...), "; ")
		t.record(r)
		waiver, err := t.waiver()
		if err != nil {
			return err
		}
		bootstrap, err := t.bootstrap()
		if err != nil {
			return err
		}
		if how := govern.AtOnce(n.By, &p.Change, waiver, bootstrap); how != "" {
			return t.approved(&p, how, p.Proposer, now)
		}
		return t.putProposal(&p)
	})
	if err != nil {
		return govern.Proposal{}, fmt.Errorf("propose: %w", err)
	}
	return p, nil
}

// Approve gives somebody's word for a proposal. If it is good, the change is made
// in the same transaction, or, where it is not one of the store, is to be made
// next: [DB.ProposalDone] says when it was. If not, it returns a
// [*govern.Refusal] and nothing changes, but that a proposal which rests on what
// is no longer there becomes void. a needs neither Account nor Proposer, and Base
// only where the store does not know it.
func (db *DB) Approve(ctx context.Context, id string, a govern.Approval) (govern.Proposal, error) {
	var p govern.Proposal
	var refused error
	err := db.update(ctx, func(t *tx) error {
		now := db.now().UTC()
		refused = nil
		if err := t.expireProposals(now); err != nil {
			return err
		}
		found, err := t.proposal(id)
		if err != nil {
			return err
		}
		p = *found
		a, err := t.weigh(&p, a) // the write may be tried again: the parameter stays
		if err != nil {
			return err
		}
		var r *govern.Refusal
		switch err := p.Check(a, now); {
		case errors.As(err, &r) && r.Code == govern.CodeStale:
			refused = err
			return t.settle(&p, govern.Void, a.By, "what it rests on has changed", now)
		case err != nil:
			return err
		}
		how := govern.ByTwo
		if a.BreakGlass {
			how, p.Why, p.Breaker = govern.ByBreakGlass, strings.TrimSpace(a.Why), a.Account.Eyes(a.By.ID)
		}
		return t.approved(&p, how, a.By, now)
	})
	if err == nil {
		err = refused
	}
	if err != nil {
		return govern.Proposal{}, fmt.Errorf("approve %s: %w", id, err)
	}
	return p, nil
}

// CheckApprover says why a person is none who can approve a proposal, as a
// [*govern.Refusal], or returns nil.
func (db *DB) CheckApprover(ctx context.Context, p *govern.Proposal, by policy.Principal) error {
	var a govern.Approval
	err := db.view(ctx, func(t *tx) (err error) {
		a, err = t.weigh(p, govern.Approval{By: by})
		return err
	})
	if err != nil {
		return fmt.Errorf("approver of %s: %w", p.ID, err)
	}
	return p.CheckPerson(a)
}

// weigh adds to an approval what the store knows of who gives it, of who
// proposed, and of what the change rests on.
func (t *tx) weigh(p *govern.Proposal, a govern.Approval) (_ govern.Approval, err error) {
	if a.Account, err = t.account(a.By.ID); err != nil {
		return a, err
	}
	if a.Proposer, err = t.account(p.Proposer.ID); err != nil {
		return a, err
	}
	base, known, err := t.baseOf(p)
	if errors.Is(err, mission.ErrNotFound) || errors.Is(err, mission.ErrConflict) {
		base, known, err = "gone", true, nil // which is no digest
	}
	if known {
		a.Base = base
	}
	return a, err
}

// SettleProposal ends an open proposal without a change: its proposer withdraws
// it, another administrator rejects it.
func (db *DB) SettleProposal(ctx context.Context, id string, state govern.State, by policy.Principal, why string) (govern.Proposal, error) {
	var p govern.Proposal
	err := db.update(ctx, func(t *tx) error {
		now := db.now().UTC()
		if err := t.expireProposals(now); err != nil {
			return err
		}
		found, err := t.proposal(id)
		if err != nil {
			return err
		}
		p = *found
		if p.State != govern.Open {
			return &govern.Refusal{Code: govern.CodeClosed, Text: fmt.Sprintf("%s is %s already.", p.ID, p.State)}
		}
		own := by.ID == p.Proposer.ID || govern.IsHost(by.ID) && govern.IsHost(p.Proposer.ID)
		if state == govern.Withdrawn && !own {
			return &govern.Refusal{Code: govern.CodeNot, Text: fmt.Sprintf("Only %s, who proposed %s, can withdraw it. You can reject it.", p.Proposer.Name, p.ID)}
		}
		return t.settle(&p, state, by, why, now)
	})
	if err != nil {
		return govern.Proposal{}, fmt.Errorf("settle %s: %w", id, err)
	}
	return p, nil
}

// ProposalDone notes that what an approved proposal says was done outside of the
// store; with a reason why not, it becomes void.
func (db *DB) ProposalDone(ctx context.Context, id, whyNot string) (govern.Proposal, error) {
	var p govern.Proposal
	err := db.update(ctx, func(t *tx) error {
		found, err := t.proposal(id)
		if err != nil {
			return err
		}
		p = *found
		switch {
		case p.State == govern.Applied:
			return nil
		case p.State != govern.Approved:
			return fmt.Errorf("it is %s: %w", p.State, mission.ErrConflict)
		case whyNot != "":
			return t.settle(&p, govern.Void, p.By, whyNot, db.now().UTC())
		}
		p.State, p.Done = govern.Applied, db.now().UTC()
		t.record(proposalRecord("proposal.applied", &p, p.By))
		return t.putProposal(&p)
	})
	if err != nil {
		return govern.Proposal{}, fmt.Errorf("end of %s: %w", id, err)
	}
	return p, nil
}

// AcknowledgeProposal notes that another administrator knows of a broken glass.
func (db *DB) AcknowledgeProposal(ctx context.Context, id string, by policy.Principal) (govern.Proposal, error) {
	var p govern.Proposal
	err := db.update(ctx, func(t *tx) error {
		found, err := t.proposal(id)
		if err != nil {
			return err
		}
		p = *found
		account, err := t.account(by.ID)
		if err != nil {
			return err
		}
		if err := p.CheckAcknowledge(by, account); err != nil {
			return err
		}
		p.Acked = &govern.Acknowledgement{By: policy.Principal{ID: by.ID, Name: by.Name}, At: db.now().UTC()}
		t.record(proposalRecord("proposal.acknowledged", &p, by))
		return t.putProposal(&p)
	})
	if err != nil {
		return govern.Proposal{}, fmt.Errorf("acknowledge %s: %w", id, err)
	}
	return p, nil
}

// approved makes the change of a proposal, or has it made.
func (t *tx) approved(p *govern.Proposal, how govern.How, by policy.Principal, now time.Time) error {
	p.How, p.By, p.At = how, policy.Principal{ID: by.ID, Name: by.Name}, now
	r := proposalRecord("proposal.approved", p, by)
	r.Outcome, r.Why = string(how), p.Why
	if how == govern.ByBreakGlass {
		r.Action = "glass.broken"
	}
	t.record(r)
	outside, err := t.makeChange(p, now)
	if err != nil {
		return err
	}
	p.State = govern.Approved
	if !outside {
		p.State, p.Done = govern.Applied, now
		t.record(proposalRecord("proposal.applied", p, by))
	}
	return t.putProposal(p)
}

// makeChange does what a proposal says; outside: it is none of the store.
func (t *tx) makeChange(p *govern.Proposal, now time.Time) (outside bool, err error) {
	switch c := &p.Change; p.Kind {
	case govern.ActivatePolicy:
		return false, t.activatePolicy(c.Policy.Version, p.Proposer.ID, now)
	case govern.AddPerson:
		return false, t.addUser(User{Login: c.Person.Login, Name: c.Person.Name, Roles: c.Person.Roles, CreatedAt: now}, p.Proposer)
	case govern.ChangePerson:
		_, err := t.changeUser(c.Person.Login, p.Proposer, func(u *User) error {
			if c.Person.Name != "" {
				u.Name = c.Person.Name
			}
			if c.Person.Roles != nil {
				u.Roles = c.Person.Roles
			}
			if c.Person.Disabled != nil {
				u.Disabled = *c.Person.Disabled
			}
			return nil
		})
		return false, err
	case govern.RemovePerson:
		return false, t.removeUser(c.Person.Login, p.Proposer, nil)
	case govern.BeginWaiver:
		return false, t.beginWaiver(govern.Waiver{By: p.Proposer, At: now, Why: c.Waiver.Why})
	case govern.AddVaultAdmin, govern.RemoveVaultAdmin:
		return true, nil
	}
	return false, fmt.Errorf("a proposal of the kind %q, which this version does not know", p.Kind)
}

// baseOf returns the digest of what a change rests on; known is false where the
// store does not know it. What cannot be changed like that is refused.
func (t *tx) baseOf(p *govern.Proposal) (base string, known bool, err error) {
	switch c := &p.Change; p.Kind {
	case govern.ActivatePolicy:
		v, err := t.policy(c.Policy.Version)
		if err == nil && v.Digest != c.Policy.Digest {
			err = fmt.Errorf("%w: policy version %d is another document", mission.ErrConflict, c.Policy.Version)
		}
		if err != nil {
			return "", true, err
		}
		active, err := t.activePolicy()
		if err != nil || active == 0 {
			return "", true, err
		}
		v, err = t.policy(active)
		return v.Digest, true, err
	case govern.AddPerson, govern.ChangePerson, govern.RemovePerson:
		u, err := t.user(c.Person.Login)
		switch {
		case err != nil:
			return "", true, err
		case u == nil && !c.Person.Add:
			return "", true, mission.ErrNotFound
		case u != nil && c.Person.Add:
			return "", true, fmt.Errorf("there is an account %s already: %w", u.Login, mission.ErrConflict)
		case u == nil:
			return "", true, nil
		}
		before := u.Governed()
		if p.Digest == "" { // it is being made
			p.Before = before
		}
		text, err := encodeJSON(before)
		return digest(text), true, err
	case govern.BeginWaiver:
		w, err := t.waiver()
		if err == nil && w != nil {
			err = fmt.Errorf("%w: the site has a waiver already", mission.ErrConflict)
		}
		return "", true, err
	}
	return "", false, nil
}

// Governed returns what is governed of an account.
func (u *User) Governed() *govern.Person {
	roles := u.Roles
	if roles == nil {
		roles = []string{}
	}
	return &govern.Person{Login: u.Login, Name: u.Name, Roles: roles, Disabled: &u.Disabled}
}

// account returns what approvals go by.
func (t *tx) account(login string) (govern.Account, error) {
	if govern.IsHost(login) {
		return govern.Account{}, nil
	}
	u, err := t.user(login)
	if err != nil || u == nil {
		return govern.Account{}, err
	}
	return u.account(), nil
}

func (u *User) account() govern.Account {
	return govern.Account{Known: true, Enabled: !u.Disabled, Enrolled: u.Hash != "" || u.Passkeys > 0 || u.Outside != "" || len(u.Certificates) > 0, Roles: u.Roles, Vouched: u.Vouched}
}

// bootstrap reports whether there are not two yet who could approve.
func (t *tx) bootstrap() (bool, error) {
	all := map[string]govern.Account{}
	err := t.bucket(bucketUsers).ForEach(func(k, _ []byte) error {
		u, err := t.user(string(k))
		if err == nil {
			all[u.Login] = u.account()
		}
		return err
	})
	return govern.Bootstrap(all), err
}

// Bootstrap reports whether there are not two administrators yet who could
// approve what the other proposes.
func (db *DB) Bootstrap(ctx context.Context) (yes bool, err error) {
	err = db.view(ctx, func(t *tx) (err error) {
		yes, err = t.bootstrap()
		return err
	})
	return yes, err
}

// expireProposals ends those that nobody has approved in time, so that no clock
// that is set back revives them.
func (t *tx) expireProposals(now time.Time) error {
	c := t.bucket(bucketProposals).Cursor()
	var ended []*govern.Proposal
	for k, _ := c.First(); k != nil; k, _ = c.Next() {
		var p govern.Proposal
		if _, err := t.getJSON(bucketProposals, k, &p); err != nil {
			return err
		}
		if p.State == govern.Open && p.StateAt(now) == govern.Expired {
			ended = append(ended, &p)
		}
	}
	for _, p := range ended {
		if err := t.settle(p, govern.Expired, policy.Principal{}, "", now); err != nil {
			return err
		}
	}
	return nil
}

// replace makes the open proposals void that p takes the place of.
func (t *tx) replace(p *govern.Proposal, now time.Time) error {
	c := t.bucket(bucketProposals).Cursor()
	var old []*govern.Proposal
	for k, _ := c.First(); k != nil; k, _ = c.Next() {
		var o govern.Proposal
		if _, err := t.getJSON(bucketProposals, k, &o); err != nil {
			return err
		}
		if o.State == govern.Open && o.Proposer.ID == p.Proposer.ID && o.Kind == p.Kind && o.Change.Object() == p.Change.Object() {
			old = append(old, &o)
		}
	}
	for _, o := range old {
		p.Replaces = o.ID
		if err := t.settle(o, govern.Void, p.Proposer, p.ID+" took its place", now); err != nil {
			return err
		}
	}
	return nil
}

// settle ends a proposal without a change.
func (t *tx) settle(p *govern.Proposal, s govern.State, by policy.Principal, why string, now time.Time) error {
	p.State, p.By, p.At, p.Why = s, policy.Principal{ID: by.ID, Name: by.Name}, now, strings.ToValidUTF8(why, "\uFFFD")
	r := proposalRecord("proposal."+string(s), p, by)
	r.Why = p.Why
	t.record(r)
	return t.putProposal(p)
}
