package api

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"skerry/appliance/govern"
	"skerry/appliance/mission"
	"skerry/appliance/policy"
)

// Governance is the word of two people for changes that one alone must not make.
// Refusals are a [*govern.Refusal].
type Governance interface {
	// Propose keeps a proposal, and makes the change at once where the site's
	// waiver lets it, or where nobody could approve it yet.
	Propose(ctx context.Context, by policy.Principal, c govern.Change, note string) (govern.Proposal, error)

	// Proposals returns all proposals, latest first.
	Proposals(ctx context.Context) ([]govern.Proposal, error)

	// Proposal returns one, or an error wrapping [mission.ErrNotFound].
	Proposal(ctx context.Context, id string) (govern.Proposal, error)

	// Approve gives somebody's word for a proposal, and makes the change.
	Approve(ctx context.Context, id string, a govern.Approval) (govern.Proposal, error)

	// CheckApprover says why a person is none who can approve a proposal, or nil.
	CheckApprover(ctx context.Context, p *govern.Proposal, by policy.Principal) error

	// Settle rejects or withdraws an open proposal.
	Settle(ctx context.Context, id string, state govern.State, by policy.Principal, why string) (govern.Proposal, error)

	// Acknowledge notes that another administrator knows of a broken glass.
	Acknowledge(ctx context.Context, id string, by policy.Principal) (govern.Proposal, error)

	// Waiver returns the waiver of the site, nil if it has none.
	Waiver(ctx context.Context) (*govern.Waiver, error)

	// EndWaiver ends it, or returns an error wrapping [mission.ErrNotFound].
	EndWaiver(ctx context.Context, by policy.Principal) error
}

// Waiting is what becomes of a governed change that one person has asked for: it
// was proposed, and nothing has changed yet. It is an error to those who need the
// change, and no failure to whoever asked.
type Waiting struct{ Proposal govern.Proposal }

// Error says who has to do what.
func (w *Waiting) Error() string {
	return "proposed as " + w.Proposal.ID + "; another administrator has to approve it"
}

// ProposalRef is a proposal that something waits for.
type ProposalRef struct {
	ID     string    `json:"id"`
	Digest string    `json:"digest" doc:"SHA-256 of what is proposed, in hex; approvals name it."`
	Ends   time.Time `json:"ends" doc:"It expires then."`
}

// waiting takes the proposal out of an error that is no failure.
func waiting(err error) (*ProposalRef, error) {
	var w *Waiting
	if !errors.As(err, &w) {
		return nil, err
	}
	return &ProposalRef{w.Proposal.ID, w.Proposal.Digest, w.Proposal.Ends}, nil
}

// outcome is the status of an answer about a governed change.
func outcome(ref *ProposalRef, done int) int {
	if ref != nil {
		return http.StatusAccepted
	}
	return done
}

// Refused says in a problem what a refusal of package govern means.
func refusal(r *govern.Refusal) *Error {
	status := http.StatusConflict
	switch r.Code {
	case govern.CodeStepUp, govern.CodeSame, govern.CodeNot:
		status = http.StatusForbidden
	case govern.CodeReason:
		status = http.StatusUnprocessableEntity
	}
	return &Error{Status: status, Code: r.Code, Detail: r.Text}
}

// Who is a person, or whoever works on the host.
type Who struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// ProposalEntry is a proposal as a person looks at it.
type ProposalEntry struct {
	ID       string          `json:"id"`
	Kind     string          `json:"kind" enum:"policy.activate,person.add,person.change,person.remove,vault.admin.add,vault.admin.remove,waiver.begin"`
	State    string          `json:"state" enum:"open,approved,applied,rejected,withdrawn,expired,void"`
	Digest   string          `json:"digest" doc:"SHA-256 of what is proposed, in hex; an approval names it."`
	Base     string          `json:"base,omitempty" doc:"SHA-256 of what it rests on: the active policy, the account, who can open the vault. If that changes, it becomes void."`
	Proposer Who             `json:"proposer"`
	Made     time.Time       `json:"made"`
	Ends     time.Time       `json:"ends" doc:"Nobody can approve it any more from then on."`
	Note     string          `json:"note,omitempty" doc:"By its proposer."`
	Says     []string        `json:"says" doc:"What is going to be different, in words."`
	Policy   *ProposedPolicy `json:"policy,omitempty"`
	Person   *ProposedPerson `json:"person,omitempty"`
	Replaces string          `json:"replaces,omitempty" doc:"Id of the proposal that it took the place of."`

	How   string     `json:"how,omitempty" enum:"two-people,waiver,bootstrap,break-glass" doc:"On whose word it was done."`
	By    *Who       `json:"by,omitempty" doc:"Who approved, rejected or withdrew it."`
	At    *time.Time `json:"at,omitempty"`
	Why   string     `json:"why,omitempty"`
	Acked *Who       `json:"acknowledgedBy,omitempty" doc:"Who knows that the glass was broken."`
	Alarm bool       `json:"alarm" doc:"Everyone is told that one person alone has done this."`

	MayApprove     bool   `json:"mayApprove"`
	WhyNot         string `json:"whyNot,omitempty" doc:"Why you cannot approve it, and what to do."`
	MayWithdraw    bool   `json:"mayWithdraw" doc:"You have proposed it."`
	MayReject      bool   `json:"mayReject"`
	MayBreakGlass  bool   `json:"mayBreakGlass"`
	MayAcknowledge bool   `json:"mayAcknowledge"`
}

// ProposedPolicy is a version of the policy that is to be the active one.
type ProposedPolicy struct {
	Version int    `json:"version"`
	Digest  string `json:"digest"`
}

// ProposedPerson is an account before and after.
type ProposedPerson struct {
	Login  string        `json:"login"`
	Before *PersonFields `json:"before,omitempty" doc:"Absent: the account is to be made."`
	After  *PersonFields `json:"after,omitempty" doc:"Absent: it is to be taken away."`
}

// PersonFields is what is governed of an account.
type PersonFields struct {
	Name     string   `json:"name"`
	Roles    []string `json:"roles"`
	Disabled bool     `json:"disabled"`
}

// ProposalList is proposals, latest first.
type ProposalList struct {
	Proposals []ProposalEntry `json:"proposals"`
	Waiver    *WaiverInfo     `json:"waiver,omitempty" doc:"The site does without a second person."`
}

// WaiverInfo is the word of a site that has one person.
type WaiverInfo struct {
	By  Who       `json:"by"`
	At  time.Time `json:"at"`
	Why string    `json:"why"`
}

type proposalsIn struct {
	State string `query:"state" enum:"open,approved,applied,rejected,withdrawn,expired,void" doc:"Absent = all."`
}

type proposalIn struct {
	ID string `path:"id" maxLength:"24"`
}

type approveIn struct {
	ID   string `path:"id" maxLength:"24"`
	Body struct {
		Digest string `json:"digest" minLength:"1" maxLength:"64" doc:"Of what you have seen."`
	}
}

type breakGlassIn struct {
	ID   string `path:"id" maxLength:"24"`
	Body struct {
		Digest string `json:"digest" minLength:"1" maxLength:"64" doc:"Of what you have seen."`
		Reason string `json:"reason" maxLength:"1000" doc:"Why this cannot wait for a second person. Everyone on the site will read it."`
	}
}

type rejectIn struct {
	ID   string `path:"id" maxLength:"24"`
	Body struct {
		Reason string `json:"reason" minLength:"1" maxLength:"1000"`
	}
}

type waiverIn struct {
	Body struct {
		Why string `json:"why" minLength:"1" maxLength:"1000" doc:"Why this site does without a second person."`
	}
}

func (a *API) bindGovern() {
	const path, one = "/proposals", "/proposals/{id}"
	bind(a, route[proposalsIn]{Operation: get("proposals", path, "govern", "Changes that were proposed, latest first"),
		access: asked, action: policy.ReadProposals}, a.proposals)
	bind(a, route[proposalIn]{Operation: get("proposal", one, "govern", "A change that was proposed"),
		access: asked, action: policy.ReadProposals}, a.proposal)
	approve := post("approve-proposal", one+"/approve", "govern", "Approve a change that somebody else has proposed")
	approve.Description = "The change is made then. Needs proof within the last five minutes that you are you (POST /session/step-up)."
	bind(a, route[approveIn]{Operation: approve, access: asked, action: policy.ApproveChanges, reads: policy.ReadProposals, fresh: true,
		object: func(ctx context.Context, in *approveIn) (policy.Object, error) {
			p, err := a.Governance.Proposal(ctx, in.ID)
			if govern.IsHost(p.Proposer.ID) {
				return policy.Object{}, err // whoever works on the host is told why they approve nothing
			}
			return policy.Object{NotBy: []string{p.Proposer.ID}}, err
		}}, a.approveProposal)
	glass := post("break-glass", one+"/break-glass", "govern", "Make a proposed change alone, in an emergency")
	glass.Description = "Everyone on the site is told, with the reason, for seven days or until another administrator acknowledges it."
	bind(a, route[breakGlassIn]{Operation: glass, access: asked, action: policy.BreakGlass, fresh: true}, a.breakGlass)
	bind(a, route[rejectIn]{Operation: post("reject-proposal", one+"/reject", "govern", "Reject a proposed change"),
		access: asked, action: policy.ApproveChanges, always: true}, a.rejectProposal)
	bind(a, route[proposalIn]{Operation: post("withdraw-proposal", one+"/withdraw", "govern", "Withdraw a change that you have proposed"),
		access: asked, action: policy.ProposeChanges, always: true}, a.withdrawProposal)
	bind(a, route[proposalIn]{Operation: post("acknowledge-proposal", one+"/acknowledge", "govern", "Say that you know of a broken glass; everyone is told no longer"),
		access: asked, action: policy.ApproveChanges}, a.acknowledgeProposal)
	bind(a, route[waiverIn]{Operation: post("begin-waiver", "/waiver", "govern", "Propose to do without a second person from now on"),
		access: asked, action: policy.ProposeChanges, fresh: true}, a.beginWaiver)
	bind(a, route[struct{}]{Operation: operation("end-waiver", http.MethodDelete, "/waiver", "govern", "Take two people for governed changes from now on"),
		access: asked, action: policy.ProposeChanges, fresh: true, always: true}, a.endWaiver)
}

func (a *API) proposals(ctx context.Context, in *proposalsIn) (*body[ProposalList], error) {
	all, err := a.Governance.Proposals(ctx)
	if err != nil {
		return nil, err
	}
	w, err := a.Governance.Waiver(ctx)
	if err != nil {
		return nil, err
	}
	list := ProposalList{Proposals: []ProposalEntry{}}
	if w != nil {
		list.Waiver = &WaiverInfo{who(w.By), w.At, w.Why}
	}
	for i := range all {
		if in.State != "" && in.State != string(all[i].State) {
			continue
		}
		e, err := a.describeProposal(ctx, &all[i])
		if err != nil {
			return nil, err
		}
		list.Proposals = append(list.Proposals, e)
	}
	return &body[ProposalList]{list}, nil
}

func (a *API) proposal(ctx context.Context, in *proposalIn) (*body[ProposalEntry], error) {
	p, err := a.Governance.Proposal(ctx, in.ID)
	return a.proposalAnswer(ctx, &p, err, in.ID)
}

func (a *API) proposalAnswer(ctx context.Context, p *govern.Proposal, err error, id string) (*body[ProposalEntry], error) {
	if errors.Is(err, mission.ErrNotFound) {
		return nil, notFound("proposal", id)
	}
	if err != nil {
		return nil, err
	}
	e, err := a.describeProposal(ctx, p)
	return &body[ProposalEntry]{e}, err
}

func (a *API) approveProposal(ctx context.Context, in *approveIn) (*body[ProposalEntry], error) {
	return a.approve(ctx, in.ID, govern.Approval{Digest: in.Body.Digest})
}

func (a *API) breakGlass(ctx context.Context, in *breakGlassIn) (*body[ProposalEntry], error) {
	return a.approve(ctx, in.ID, govern.Approval{Digest: in.Body.Digest, BreakGlass: true, Why: in.Body.Reason})
}

// approve makes a change by somebody's word. What keeps a policy from being
// activated may have come since it was proposed.
func (a *API) approve(ctx context.Context, id string, w govern.Approval) (*body[ProposalEntry], error) {
	p, err := a.Governance.Proposal(ctx, id)
	if err != nil {
		return a.proposalAnswer(ctx, nil, err, id)
	}
	if c := p.Change.Policy; c != nil && p.State == govern.Open {
		source, err := a.Policies.Source(ctx, c.Version)
		if err != nil {
			return nil, err
		}
		if _, err := a.fits(ctx, source, true); err != nil {
			return nil, err
		}
	}
	w.By, w.Fresh = callerOf(ctx).who, a.isFresh(callerOf(ctx))
	p, err = a.Governance.Approve(ctx, id, w)
	if err == nil && w.BreakGlass {
		a.Log.WarnContext(ctx, "the glass was broken", "proposal", id, "by", w.By.ID, "why", w.Why)
	}
	return a.proposalAnswer(ctx, &p, err, id)
}

func (a *API) rejectProposal(ctx context.Context, in *rejectIn) (*body[ProposalEntry], error) {
	p, err := a.Governance.Settle(ctx, in.ID, govern.Rejected, callerOf(ctx).who, in.Body.Reason)
	return a.proposalAnswer(ctx, &p, err, in.ID)
}

func (a *API) withdrawProposal(ctx context.Context, in *proposalIn) (*body[ProposalEntry], error) {
	p, err := a.Governance.Settle(ctx, in.ID, govern.Withdrawn, callerOf(ctx).who, "")
	return a.proposalAnswer(ctx, &p, err, in.ID)
}

func (a *API) acknowledgeProposal(ctx context.Context, in *proposalIn) (*body[ProposalEntry], error) {
	p, err := a.Governance.Acknowledge(ctx, in.ID, callerOf(ctx).who)
	return a.proposalAnswer(ctx, &p, err, in.ID)
}

func (a *API) beginWaiver(ctx context.Context, in *waiverIn) (*body[ProposalEntry], error) {
	p, err := a.Governance.Propose(ctx, callerOf(ctx).who, govern.Change{Waiver: &govern.Terms{Why: in.Body.Why}}, "")
	if errors.Is(err, mission.ErrConflict) {
		return nil, &Error{Status: http.StatusConflict, Code: "waiver", Detail: "This site does without a second person already. To end that: skerry waiver end", Err: err}
	}
	return a.proposalAnswer(ctx, &p, err, "")
}

func (a *API) endWaiver(ctx context.Context, _ *struct{}) (*struct{}, error) {
	err := a.Governance.EndWaiver(ctx, callerOf(ctx).who)
	if errors.Is(err, mission.ErrNotFound) {
		return nil, &Error{Status: http.StatusNotFound, Code: "waiver", Detail: "This site has no waiver: governed changes take two people already.", Err: err}
	}
	return nil, err
}

func who(p policy.Principal) Who { return Who{p.ID, p.Name} }

// describeProposal says what the caller gets to see of a proposal, and may do
// with it.
func (a *API) describeProposal(ctx context.Context, p *govern.Proposal) (ProposalEntry, error) {
	e := ProposalEntry{
		ID: p.ID, Kind: string(p.Kind), State: string(p.State), Digest: p.Digest, Base: p.Base, Proposer: who(p.Proposer),
		Made: p.Made, Ends: p.Ends, Note: p.Note, Says: slices.Clone(p.Says), Replaces: p.Replaces,
		How: string(p.How), Why: p.Why, Alarm: p.Alarms(a.Now()),
	}
	if p.By.ID != "" {
		by := who(p.By)
		e.By = &by
	}
	if !p.At.IsZero() {
		e.At = &p.At
	}
	if p.Acked != nil {
		by := who(p.Acked.By)
		e.Acked = &by
	}
	if c := p.Change.Policy; c != nil {
		e.Policy = &ProposedPolicy{c.Version, c.Digest}
	}
	if p.Change.Person != nil {
		e.Person = proposedPerson(p.Before, p.Change.Person)
	}
	me, can := callerOf(ctx).who, a.Policies.Active().Can
	admin := can(me, policy.ApproveChanges, policy.Object{}).Allowed
	open := p.State == govern.Open
	own := me.ID == p.Proposer.ID || govern.IsHost(me.ID) && govern.IsHost(p.Proposer.ID)
	e.MayWithdraw, e.MayReject = open && admin && own, open && admin && !own
	e.MayBreakGlass = open && can(me, policy.BreakGlass, policy.Object{}).Allowed && p.Subject() != me.ID
	e.MayAcknowledge = e.Alarm && admin && me.ID != p.By.ID && !govern.IsHost(me.ID)
	if !open {
		return e, nil
	}
	if perm := can(me, policy.ApproveChanges, policy.Object{}); !perm.Allowed {
		e.WhyNot = "You may not do this: " + perm.Why + "."
		return e, nil
	}
	var r *govern.Refusal
	switch err := a.Governance.CheckApprover(ctx, p, me); {
	case errors.As(err, &r):
		e.WhyNot = r.Text
	case err != nil:
		return e, err
	default:
		e.MayApprove = true
	}
	return e, nil
}

func proposedPerson(before, c *govern.Person) *ProposedPerson {
	out := &ProposedPerson{Login: c.Login}
	after := PersonFields{Name: c.Name, Roles: append([]string{}, c.Roles...)}
	if before != nil {
		b := PersonFields{before.Name, append([]string{}, before.Roles...), before.Disabled != nil && *before.Disabled}
		out.Before = &b
		if c.Name == "" {
			after.Name = b.Name
		}
		if c.Roles == nil {
			after.Roles = b.Roles
		}
		after.Disabled = b.Disabled
	}
	if c.Disabled != nil {
		after.Disabled = *c.Disabled
	}
	if !c.Remove {
		out.After = &after
	}
	return out
}
