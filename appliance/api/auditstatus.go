package api

import (
	"context"
	"time"

	"skerry/appliance/policy"
)

// AuditStatus says how the audit log stands. What was recorded is not in it: the
// appliance cannot read that back.
type AuditStatus struct {
	Kept  bool  `json:"kept" doc:"False where the site was made without auditors: nothing is recorded then."`
	Space Space `json:"space"`

	Log         string        `json:"log,omitempty" doc:"Name of the log, which its checkpoints carry."`
	Since       time.Time     `json:"since,omitzero"`
	Fingerprint string        `json:"fingerprint,omitempty" doc:"SHA-256 of enrolment.json, hex. Auditors compare it with what they wrote down."`
	Auditors    []AuditorInfo `json:"auditors" doc:"Whom everything is sealed to."`
	Segment     uint64        `json:"segment,omitempty" doc:"Number of the segment that is being written."`
	Entries     uint64        `json:"entries,omitempty" doc:"Leaves of the log's tree: records, checkpoints, beginnings and ends of segments."`
	Records     uint64        `json:"records,omitempty" doc:"Records since the start of the appliance."`
	Written     time.Time     `json:"written,omitzero" doc:"Of the last entry."`

	Signed    uint64    `json:"signed,omitempty" doc:"Entries that the last signed checkpoint covers."`
	SignedAt  time.Time `json:"signedAt,omitzero"`
	Witnessed uint64    `json:"witnessed,omitempty" doc:"Entries that a witness has countersigned."`
	// WitnessedAt is when that was put back, absent if it never was.
	WitnessedAt time.Time `json:"witnessedAt,omitzero"`
	Unwitnessed uint64    `json:"unwitnessed,omitempty" doc:"Entries since then. Whoever owns the host could cut them off unnoticed, unless somebody has kept a later checkpoint."`
	Overdue     bool      `json:"overdue,omitempty" doc:"No witness has signed for a week."`
}

// AuditorInfo is a recipient of the log.
type AuditorInfo struct {
	Fingerprint string `json:"fingerprint" doc:"SHA-256 of the recipient's text, hex."`
	Kind        string `json:"kind" doc:"Of the key." enum:"hybrid,x25519,other"`
}

// SpaceMode says what the room on the disk allows.
type SpaceMode string

// Modes of room.
const (
	SpaceEnough   SpaceMode = "enough"
	SpaceLow      SpaceMode = "low"
	SpaceReadOnly SpaceMode = "read-only" // nothing new is taken in
)

// Space is the room on the disk of the data directory.
type Space struct {
	Mode       SpaceMode `json:"mode" enum:"enough,low,read-only" doc:"In read-only, nothing new is taken in and no model is called, until there is more room."`
	FreeBytes  int64     `json:"freeBytes"`
	TotalBytes int64     `json:"totalBytes"`
}

func (a *API) bindAudit() {
	bind(a, route[struct{}]{Operation: get("audit-status", "/audit", "audit", "How the audit log stands"),
		access: asked, action: policy.ReadAudit}, a.auditStatus)
}

func (a *API) auditStatus(ctx context.Context, _ *struct{}) (*body[AuditStatus], error) {
	s, err := a.AuditStatus(ctx)
	if err != nil {
		return nil, err
	}
	return &body[AuditStatus]{s}, nil
}
