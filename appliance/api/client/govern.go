package client

import (
	"context"
	"net/http"

	"skerry/appliance/api"
)

// Proposals returns changes that were proposed, latest first; an empty state
// selects all.
func (c *Client) Proposals(ctx context.Context, state string) (api.ProposalList, error) {
	return get[api.ProposalList](ctx, c, query("/proposals", "state", state))
}

// Proposal returns one.
func (c *Client) Proposal(ctx context.Context, id string) (api.ProposalEntry, error) {
	return get[api.ProposalEntry](ctx, c, path("proposals", id))
}

// ApproveProposal approves what has the given digest.
func (c *Client) ApproveProposal(ctx context.Context, id, digest string) (api.ProposalEntry, error) {
	return send[api.ProposalEntry](ctx, c, http.MethodPost, path("proposals", id, "approve"), map[string]string{"digest": digest})
}

// BreakGlass makes a proposed change alone.
func (c *Client) BreakGlass(ctx context.Context, id, digest, reason string) (api.ProposalEntry, error) {
	return send[api.ProposalEntry](ctx, c, http.MethodPost, path("proposals", id, "break-glass"), map[string]string{"digest": digest, "reason": reason})
}

// RejectProposal rejects a proposal.
func (c *Client) RejectProposal(ctx context.Context, id, reason string) (api.ProposalEntry, error) {
	return send[api.ProposalEntry](ctx, c, http.MethodPost, path("proposals", id, "reject"), map[string]string{"reason": reason})
}

// WithdrawProposal takes back what the caller has proposed.
func (c *Client) WithdrawProposal(ctx context.Context, id string) (api.ProposalEntry, error) {
	return send[api.ProposalEntry](ctx, c, http.MethodPost, path("proposals", id, "withdraw"), nil)
}

// BeginWaiver proposes to do without a second person.
func (c *Client) BeginWaiver(ctx context.Context, why string) (api.ProposalEntry, error) {
	return send[api.ProposalEntry](ctx, c, http.MethodPost, "/waiver", map[string]string{"why": why})
}

// EndWaiver takes two people from now on.
func (c *Client) EndWaiver(ctx context.Context) error {
	resp, err := c.call(ctx, http.MethodDelete, "/waiver", nil, nil)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}
