package appliance

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"skerry/appliance/policy"
	"skerry/store"
)

// policies keeps the versions of the policy, parsed. A version never changes,
// so it is parsed once.
type policies struct {
	db     *store.DB
	active atomic.Pointer[policy.Policy]

	mu       sync.Mutex // guards versions
	versions map[int]*policy.Policy
}

func newPolicies(ctx context.Context, db *store.DB) (*policies, error) {
	p := &policies{db: db, versions: map[int]*policy.Policy{}}
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

// ActiveSource returns the file that the active policy was read from.
func (p *policies) ActiveSource(ctx context.Context) ([]byte, error) {
	v, err := p.db.Policy(ctx, p.Active().Version)
	return v.Source, err
}
