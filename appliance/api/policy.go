package api

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"skerry/appliance/govern"
	"skerry/appliance/llm"
	"skerry/appliance/policy"
)

func (a *API) bindPolicy() {
	bind(a, route[struct{}]{Operation: get("policy", "/policy", "policy", "The active policy"),
		access: asked, action: policy.ReadPolicy}, a.policy)
	bind(a, route[struct{}]{Operation: binary(get("policy-source", "/policy/source", "policy", "The file of the active policy"), "application/yaml", "the file"),
		access: asked, action: policy.ReadPolicy}, a.policySource)
	bind(a, route[struct{}]{Operation: get("policy-versions", "/policy/versions", "policy", "Every version of the policy, and who activated which"),
		access: asked, action: policy.ReadPolicy}, a.policyVersions)
	put := post("put-policy", "/policy", "policy", "Keep a version of the policy, and activate it if asked to")
	put.Description = "To activate it takes two people: the answer is 202 then, and has a proposal that another administrator has to approve."
	bind(a, route[policyIn]{Operation: put, access: asked, action: policy.WritePolicy}, a.putPolicy)
	mayWait[PolicyChange](a, "/policy", http.MethodPost)
}

type policyIn struct {
	Activate bool   `query:"activate" doc:"Make it the active policy."`
	Dry      bool   `query:"dry" doc:"Only say what would change; keep nothing."`
	Note     string `query:"note" maxLength:"500" doc:"For whoever has to approve it."`
	RawBody  []byte `contentType:"application/yaml"`
}

// PolicyChange says what a new version of the policy is and does.
type PolicyChange struct {
	Version int      `json:"version" doc:"Number of the version; 0 = it was not kept."`
	Digest  string   `json:"digest" doc:"SHA-256 of the document in hex."`
	Active  bool     `json:"active" doc:"It is the active policy now."`
	Before  int      `json:"before" doc:"Number of the version that was active."`
	Changes []string `json:"changes" doc:"What is different from the active policy, in words; empty = nothing."`
	Broken  []string `json:"broken" doc:"Published missions that could not run under it, each with the first reason; with any it cannot be activated."`

	Unexamined []string `json:"unexamined" doc:"Imported models that it puts into a pool and that were not examined as they are now, each with what to do; with any it cannot be activated."`

	Proposal *ProposalRef `json:"proposal,omitempty" doc:"It is not active yet: another administrator has to approve it."`
}

// PolicyVersions is every version of the policy and the record of what was
// active.
type PolicyVersions struct {
	Versions    []PolicyVersion    `json:"versions" doc:"Oldest first."`
	Activations []PolicyActivation `json:"activations" doc:"Oldest first; the last is the active one."`
}

// PolicyVersion is one version of the policy. It never changes.
type PolicyVersion struct {
	Version int       `json:"version"`
	Digest  string    `json:"digest" doc:"SHA-256 of the document in hex."`
	Active  bool      `json:"active"`
	SavedAt time.Time `json:"savedAt"`
	SavedBy string    `json:"savedBy"`
}

// PolicyActivation says who made which version the active one, and when.
type PolicyActivation struct {
	Version int       `json:"version"`
	At      time.Time `json:"at"`
	By      string    `json:"by"`
}

func (a *API) policyVersions(ctx context.Context, _ *struct{}) (*body[PolicyVersions], error) {
	list, err := a.Policies.Versions(ctx)
	if err != nil {
		return nil, err
	}
	return &body[PolicyVersions]{list}, nil
}

type policyOut struct {
	Status int
	Body   PolicyChange
}

func (a *API) putPolicy(ctx context.Context, in *policyIn) (*policyOut, error) {
	if in.Activate && !in.Dry {
		if err := a.needFresh(ctx); err != nil {
			return nil, err
		}
	}
	c, err := a.fits(ctx, in.RawBody, in.Activate && !in.Dry)
	if err != nil || in.Dry {
		return &policyOut{http.StatusOK, c}, err
	}
	me := callerOf(ctx).who
	kept, err := a.Policies.Put(ctx, in.RawBody, me)
	if err != nil {
		return nil, err
	}
	c.Version, c.Active = kept.Version, kept.Version == c.Before
	if in.Activate && !c.Active {
		p, err := a.Governance.Propose(ctx, me, govern.Change{Policy: &govern.Policy{Version: kept.Version, Digest: kept.Digest}}, in.Note)
		if err != nil {
			return nil, err
		}
		if c.Active = p.State == govern.Applied; !c.Active {
			c.Proposal, _ = waiting(&Waiting{p})
		}
	}
	return &policyOut{outcome(c.Proposal, http.StatusOK), c}, nil
}

// fits says what a document changes, and refuses to have it activated where
// something keeps it from that.
func (a *API) fits(ctx context.Context, source []byte, activate bool) (PolicyChange, error) {
	p, broken, err := a.Policies.Check(ctx, source)
	var problems policy.Problems
	if errors.As(err, &problems) {
		return PolicyChange{}, &Error{Status: http.StatusUnprocessableEntity, Code: "policy-invalid", Findings: Findings(problems),
			Detail: "The policy has faults. Correct the lines that are named and send it again."}
	}
	if err != nil {
		return PolicyChange{}, err
	}
	before := a.Policies.Active()
	c := PolicyChange{Digest: p.Digest, Before: before.Version, Changes: before.Changes(p), Broken: broken}
	if c.Unexamined, err = a.unexamined(ctx, before, p); err != nil {
		return c, err
	}
	if activate && len(broken) > 0 {
		e := &Error{Status: http.StatusConflict, Code: "missions-broken",
			Detail: "Under this policy some published missions could not run. Publish versions that fit it first, or keep what they need: " + strings.Join(broken, "; ") + "."}
		for _, b := range broken {
			e.Findings = append(e.Findings, Finding{Message: b})
		}
		return c, e
	}
	if activate && len(c.Unexamined) > 0 {
		e := &Error{Status: http.StatusConflict, Code: "models-unexamined",
			Detail: "This policy puts models into pools that were not examined on this host as they are now. " + strings.Join(c.Unexamined, "; ") + ". Activate it again after that."}
		for _, u := range c.Unexamined {
			e.Findings = append(e.Findings, Finding{Message: u})
		}
		return c, e
	}
	return c, nil
}

// unexamined names the imported models that p puts into a pool, where before had
// them in none of that name, without a scorecard for what they are now. Starter
// models are examined when they are made.
func (a *API) unexamined(ctx context.Context, before, p *policy.Policy) ([]string, error) {
	all, err := a.Models.Models(ctx)
	if err != nil {
		return nil, err
	}
	var list []string
	for i := range all {
		m := &all[i]
		if m.File == nil || m.Exam != nil && m.Exam.Lock == m.Lock.Digest() || !newlyPooled(before, p, m.ID) {
			continue
		}
		why := "was never examined"
		if m.Exam != nil {
			why = "was examined as " + m.Exam.Lock + " and is now " + m.Lock.Digest()
		}
		start := ""
		if m.State == "stopped" || m.State == "failed" {
			start = "skerry model start " + string(m.ID) + " && "
		}
		list = append(list, string(m.ID)+" "+why+": "+start+"skerry model exam "+string(m.ID))
	}
	return list, nil
}

func newlyPooled(before, p *policy.Policy, id llm.ModelID) bool {
	for _, pool := range p.Pools {
		if slices.Contains(pool.Models, id) && !slices.ContainsFunc(before.Pools, func(b policy.Pool) bool {
			return b.Name == pool.Name && slices.Contains(b.Models, id)
		}) {
			return true
		}
	}
	return false
}

func (a *API) policy(context.Context, *struct{}) (*body[*policy.Policy], error) {
	return &body[*policy.Policy]{a.Policies.Active()}, nil
}

func (a *API) policySource(ctx context.Context, _ *struct{}) (*file, error) {
	source, err := a.Policies.ActiveSource(ctx)
	if err != nil {
		return nil, err
	}
	return &file{"application/yaml", source}, nil
}
