package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"skerry/appliance/mission"
	"skerry/appliance/policy"
)

// StartRequest asks for a run.
type StartRequest struct {
	Mission string
	Version int // 0 = the latest published
	Input   map[string]mission.InputValue
	By      policy.Principal
	Key     string // idempotency key of the caller; empty = none
}

// Start makes a run and returns its id once it is durable; the engine takes it
// from there. A second Start with the same key, caller and input returns the
// same run.
//
// Errors wrap mission.ErrNotFound (no such mission), mission.ErrForbidden,
// mission.ErrConflict (the key was used for something else) or are
// mission.Problems, one for each input that does not fit.
func (e *Engine) Start(ctx context.Context, r StartRequest) (mission.RunID, error) {
	active := e.Policies.Active()
	if active == nil {
		return "", errors.New("start run: no policy is active; activate one first")
	}
	if err := permit(active, r.By, policy.StartRun, policy.Object{Mission: r.Mission}); err != nil {
		return "", fmt.Errorf("start run: %w", err)
	}
	if r.Key != "" {
		defer e.keys.lock(r.Key)()
		id, err := e.repeated(ctx, r)
		if id != "" || err != nil {
			return id, err
		}
	}
	c := mission.CreatedData{Run: e.ids.next(), Input: r.Input, By: r.By, Key: r.Key}
	run, err := e.create(ctx, r.Mission, r.Version, c)
	if err != nil {
		return "", fmt.Errorf("start run: %w", err)
	}
	e.adopt(run.ID, run.By.ID, run)
	return run.ID, nil
}

// repeated returns the run that an earlier request with the same key made, ""
// if there is none.
func (e *Engine) repeated(ctx context.Context, r StartRequest) (mission.RunID, error) {
	id, err := e.Journal.RunByKey(ctx, r.Key)
	if errors.Is(err, mission.ErrNotFound) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("start run: look up idempotency key: %w", err)
	}
	run, err := e.load(ctx, id)
	if err != nil {
		return "", fmt.Errorf("start run: %w", err)
	}
	differs := ""
	switch {
	case run.By.ID != r.By.ID:
		differs = "by somebody else"
	case run.Mission != r.Mission || r.Version != 0 && run.Version != r.Version:
		differs = "for another mission"
	default:
		for _, name := range slices.Sorted(maps.Keys(run.Input)) {
			if !sameInput(run.Input[name], r.Input[name]) {
				differs = "with another " + name
			}
		}
		if differs == "" && len(run.Input) != len(r.Input) {
			differs = "with other inputs"
		}
	}
	if differs != "" {
		return "", fmt.Errorf("start run: the idempotency key was used before %s; use a new key: %w", differs, mission.ErrConflict)
	}
	return id, nil
}

func sameInput(a, b mission.InputValue) bool {
	if (a.Document == nil) != (b.Document == nil) {
		return false
	}
	if a.Document != nil {
		return a.Document.SHA256 == b.Document.SHA256 && a.Document.Name == b.Document.Name
	}
	return bytes.Equal(compact(a.JSON), compact(b.JSON))
}

func compact(b json.RawMessage) []byte {
	var out bytes.Buffer
	if json.Compact(&out, b) != nil {
		return b
	}
	return out.Bytes()
}

// create checks the input and writes the first observation. c holds the id,
// the input, who and why; the rest is filled in here. Creating a run that
// exists is an error wrapping mission.ErrConflict.
func (e *Engine) create(ctx context.Context, name string, version int, c mission.CreatedData) (*mission.Run, error) {
	active := e.Policies.Active()
	if active == nil {
		return nil, errors.New("no policy is active; activate one first")
	}
	plan, err := e.Library.Plan(ctx, name, version)
	if err != nil {
		return nil, fmt.Errorf("mission %s: %w", name, err)
	}
	m := plan.Mission()
	if c.Input, err = e.checkInput(ctx, m, c.Input); err != nil {
		return nil, err
	}
	class := stricter(active, m.Class.Start, c.Class)
	if active.Rank(class) < 0 {
		return nil, refuse("mission %s starts at class %q, which policy version %d does not know; publish the mission with a class of the policy", name, class, active.Version)
	}
	c.Mission, c.Version, c.MissionDigest = m.Name, m.Version, m.Digest
	c.PolicyVersion, c.PolicyDigest, c.Class = active.Version, active.Digest, class
	run := &mission.Run{}
	o := mission.Observation{Seq: 1, At: e.now(), Kind: mission.KindCreated, Created: &c}
	if err := run.Apply(o); err != nil {
		return nil, err
	}
	if err := e.Journal.Append(ctx, c.Run, 0, run.Summary(), o); err != nil {
		return nil, err
	}
	return run, nil
}

// adopt lets the engine know a run and has it looked at. The fold goes with it
// only if it is taken up at once: runs that wait cost no memory.
func (e *Engine) adopt(id mission.RunID, by string, run *mission.Run) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.state == stopped || e.runs[id] != nil {
		return // it is in the journal, and the next start takes it up
	}
	n := &entry{id: id, by: by, heapAt: -1, run: run}
	e.runs[id] = n
	e.enqueue(n, false)
	e.admit()
	if n.state == queued {
		n.run = nil
	}
}

// permit re-checks what the API has checked already: the engine is asked by
// more than one door.
func permit(p *policy.Policy, who policy.Principal, a policy.Action, o policy.Object) error {
	_, err := permission(p, who, a, o)
	return err
}

func permission(p *policy.Policy, who policy.Principal, a policy.Action, o policy.Object) (policy.Permission, error) {
	ok := p.Can(who, a, o)
	if !ok.Allowed {
		return ok, fmt.Errorf("%w: %s", mission.ErrForbidden, ok.Why)
	}
	return ok, nil
}
