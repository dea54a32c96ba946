package store

import (
	"context"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"skerry/appliance/audit"
	"skerry/appliance/govern"
	"skerry/appliance/mission"
	"skerry/appliance/policy"
)

// Proposal returns a proposal, or an error wrapping [mission.ErrNotFound].
func (db *DB) Proposal(ctx context.Context, id string) (govern.Proposal, error) {
	var p *govern.Proposal
	err := db.view(ctx, func(t *tx) (err error) {
		p, err = t.proposal(id)
		return err
	})
	if err != nil {
		return govern.Proposal{}, fmt.Errorf("proposal %s: %w", id, err)
	}
	p.State = p.StateAt(db.now())
	return *p, nil
}

// Proposals returns all proposals, latest first.
func (db *DB) Proposals(ctx context.Context) ([]govern.Proposal, error) {
	all := []govern.Proposal{}
	err := db.view(ctx, func(t *tx) error {
		all = all[:0]
		c := t.bucket(bucketProposals).Cursor()
		for k, _ := c.Last(); k != nil; k, _ = c.Prev() {
			var p govern.Proposal
			if _, err := t.getJSON(bucketProposals, k, &p); err != nil {
				return err
			}
			p.State = p.StateAt(db.now())
			all = append(all, p)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("proposals: %w", err)
	}
	return all, nil
}

func proposalRecord(action string, p *govern.Proposal, by policy.Principal) audit.Record {
	about := strings.TrimSpace(string(p.Kind) + " " + p.Change.Object())
	return audit.Record{
		Action: action, Decision: p.ID, Object: about + " proposed by " + p.Proposer.ID,
		Actor: by.ID, ActorName: by.Name, Before: p.Base, Digest: p.Digest,
	}
}

func proposalID(n uint64) string { return "P-" + strconv.FormatUint(n, 10) }

func proposalKey(id string) ([]byte, bool) {
	digits, ok := strings.CutPrefix(id, "P-")
	n, err := strconv.ParseUint(digits, 10, 64)
	if !ok || err != nil || proposalID(n) != id {
		return nil, false
	}
	return binary.BigEndian.AppendUint64(nil, n), true
}

func (t *tx) lastProposal() uint64 {
	k, _ := t.bucket(bucketProposals).Cursor().Last()
	if len(k) != 8 {
		return 0
	}
	return binary.BigEndian.Uint64(k)
}

// proposal returns a proposal, or [mission.ErrNotFound].
func (t *tx) proposal(id string) (*govern.Proposal, error) {
	key, ok := proposalKey(id)
	if !ok {
		return nil, mission.ErrNotFound
	}
	var p govern.Proposal
	ok, err := t.getJSON(bucketProposals, key, &p)
	if err == nil && !ok {
		err = mission.ErrNotFound
	}
	return &p, err
}

func (t *tx) putProposal(p *govern.Proposal) error {
	key, ok := proposalKey(p.ID)
	if !ok {
		return fmt.Errorf("%q is no id of a proposal", p.ID)
	}
	return t.putJSON(bucketProposals, key, p)
}
