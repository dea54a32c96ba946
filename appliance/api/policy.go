package api

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"skerry/appliance/policy"
)

func (a *API) bindPolicy() {
	bind(a, route[struct{}]{Operation: get("policy", "/policy", "policy", "The active policy"),
		access: asked, action: policy.ReadPolicy}, a.policy)
	bind(a, route[struct{}]{Operation: binary(get("policy-source", "/policy/source", "policy", "The file of the active policy"), "application/yaml", "the file"),
		access: asked, action: policy.ReadPolicy}, a.policySource)
	bind(a, route[struct{}]{Operation: get("policy-versions", "/policy/versions", "policy", "Every version of the policy, and who activated which"),
		access: asked, action: policy.ReadPolicy}, a.policyVersions)
	bind(a, route[policyIn]{Operation: post("put-policy", "/policy", "policy", "Keep a version of the policy, and activate it if asked to"),
		access: asked, action: policy.WritePolicy}, a.putPolicy)
}

type policyIn struct {
	Activate bool   `query:"activate" doc:"Make it the active policy."`
	Dry      bool   `query:"dry" doc:"Only say what would change; keep nothing."`
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

func (a *API) putPolicy(ctx context.Context, in *policyIn) (*body[PolicyChange], error) {
	p, broken, err := a.Policies.Check(ctx, in.RawBody)
	var problems policy.Problems
	if errors.As(err, &problems) {
		return nil, &Error{Status: http.StatusUnprocessableEntity, Code: "policy-invalid", Findings: Findings(problems),
			Detail: "The policy has faults. Correct the lines that are named and send it again."}
	}
	if err != nil {
		return nil, err
	}
	before := a.Policies.Active()
	c := PolicyChange{Digest: p.Digest, Before: before.Version, Changes: before.Changes(p), Broken: broken}
	if in.Dry {
		return &body[PolicyChange]{c}, nil
	}
	if in.Activate && len(broken) > 0 {
		e := &Error{Status: http.StatusConflict, Code: "missions-broken",
			Detail: "Under this policy some published missions could not run. Publish versions that fit it first, or keep what they need: " + strings.Join(broken, "; ") + "."}
		for _, b := range broken {
			e.Findings = append(e.Findings, Finding{Message: b})
		}
		return nil, e
	}
	kept, err := a.Policies.Put(ctx, in.RawBody, in.Activate, callerOf(ctx).who)
	if err != nil {
		return nil, err
	}
	c.Version, c.Active = kept.Version, in.Activate || kept.Version == before.Version
	return &body[PolicyChange]{c}, nil
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
