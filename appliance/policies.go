package appliance

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"

	"skerry/appliance/api"
	"skerry/appliance/mission"
	"skerry/appliance/policy"
	"skerry/store"
)

// policies keeps the versions of the policy, parsed. A version never changes,
// so it is parsed once.
type policies struct {
	db     *store.DB
	active atomic.Pointer[policy.Policy]

	log        *slog.Logger
	wake       func()     // tells waiting work that another policy is active; set before anyone is served
	activating sync.Mutex // held while the loaded choice follows the stored one

	mu       sync.Mutex // guards versions
	versions map[int]*policy.Policy
}

func newPolicies(ctx context.Context, db *store.DB) (*policies, error) {
	p := &policies{db: db, log: slog.Default(), wake: func() {}, versions: map[int]*policy.Policy{}}
	v, err := db.ActivePolicy(ctx)
	if err != nil {
		return nil, err
	}
	active, err := p.Version(v.Version)
	if err != nil {
		return nil, err
	}
	p.active.Store(active)
	return p, nil
}

// Active returns the active policy; never nil.
func (p *policies) Active() *policy.Policy { return p.active.Load() }

// Version returns a version of the policy, or an error wrapping
// mission.ErrNotFound.
func (p *policies) Version(n int) (*policy.Policy, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if v, ok := p.versions[n]; ok {
		return v, nil
	}
	stored, err := p.db.Policy(context.Background(), n)
	if err != nil {
		return nil, err
	}
	v, err := policy.Parse(stored.Source)
	if err != nil {
		return nil, fmt.Errorf("policy version %d: %w", n, err)
	}
	v.Version, v.Digest = n, stored.Digest
	p.versions[n] = v
	return v, nil
}

// Put keeps source as the next version. It returns [policy.Problems] for a
// document that has faults.
func (p *policies) Put(ctx context.Context, source []byte, by policy.Principal) (*policy.Policy, error) {
	if _, err := policy.Parse(source); err != nil {
		return nil, err
	}
	number, err := p.db.PutPolicy(ctx, source, by.ID)
	if err != nil {
		return nil, err
	}
	return p.Version(number)
}

// follow makes the version the active one here that is so in the store, and
// wakes waiting work if it is another.
func (p *policies) follow(ctx context.Context) error {
	p.activating.Lock()
	defer p.activating.Unlock()
	stored, err := p.db.ActivePolicy(ctx)
	if err != nil {
		return err
	}
	if stored.Version == p.Active().Version {
		return nil
	}
	v, err := p.Version(stored.Version)
	if err != nil {
		return err
	}
	p.active.Store(v)
	p.log.Info("policy activated", "version", v.Version, "digest", v.Digest)
	p.wake()
	return nil
}

// Source implements api.Policies.
func (p *policies) Source(ctx context.Context, version int) ([]byte, error) {
	v, err := p.db.Policy(ctx, version)
	return v.Source, err
}

// Versions implements api.Policies.
func (p *policies) Versions(ctx context.Context) (api.PolicyVersions, error) {
	all, err := p.db.Policies(ctx)
	if err != nil {
		return api.PolicyVersions{}, err
	}
	done, err := p.db.PolicyActivations(ctx)
	if err != nil {
		return api.PolicyVersions{}, err
	}
	var list api.PolicyVersions
	for _, v := range all {
		list.Versions = append(list.Versions, api.PolicyVersion{Version: v.Version, Digest: v.Digest, Active: v.Active, SavedAt: v.SavedAt, SavedBy: v.SavedBy})
	}
	for _, d := range done {
		list.Activations = append(list.Activations, api.PolicyActivation(d))
	}
	return list, nil
}

// governed is the policy with the missions that live under it.
type governed struct {
	*policies
	library *library
}

var _ api.Policies = governed{}

// Check implements api.Policies.
func (g governed) Check(ctx context.Context, source []byte) (*policy.Policy, []string, error) {
	p, err := policy.Parse(source)
	if err != nil {
		return nil, nil, err
	}
	all, err := g.library.Missions(ctx)
	if err != nil {
		return nil, nil, err
	}
	env := g.library.environmentUnder(ctx, p)
	var broken []string
	for _, info := range all {
		if len(info.Versions) == 0 {
			continue
		}
		stored, err := g.db.Mission(ctx, info.Name, store.Latest)
		if err != nil {
			return nil, nil, err
		}
		m, err := mission.Parse(stored.Source)
		if err == nil {
			_, err = mission.Compile(m, env)
		}
		var problems mission.Problems
		switch {
		case errors.As(err, &problems) && len(problems) > 0:
			broken = append(broken, fmt.Sprintf("mission %s, version %d: %s", info.Name, stored.Mission.Version, problems[0].Message))
		case err != nil:
			return nil, nil, err
		}
	}
	return p, broken, nil
}

// ActiveSource returns the file that the active policy was read from.
func (p *policies) ActiveSource(ctx context.Context) ([]byte, error) {
	v, err := p.db.Policy(ctx, p.Active().Version)
	return v.Source, err
}
