package audit

import (
	"encoding/json"
	"fmt"
	"time"
)

// Record is one thing that happened. What is big or confidential stands in it
// by its SHA-256 only. Empty fields are left out of its JSON.
type Record struct {
	At      time.Time `json:"at"`                // UTC; the writer sets it where it is zero
	Action  string    `json:"action"`            // what was done: "run.routed", "session.opened", "appliance.started" …
	Outcome string    `json:"outcome,omitempty"` // "ok", "refused", "failed"; of a decision its answer
	Why     string    `json:"why,omitempty"`     // of a refusal or a failure

	Actor     string `json:"actor,omitempty"`     // id of the principal; empty = the appliance
	ActorName string `json:"actorName,omitempty"` //
	Role      string `json:"role,omitempty"`      // that permitted it
	Session   string `json:"session,omitempty"`   // handle, not the token
	Source    string `json:"source,omitempty"`    // address, "local socket" …

	Object  string `json:"object,omitempty"`  // what it was done to, where nothing below names it
	Before  string `json:"before,omitempty"`  // SHA-256 of what was there before, hex
	Digest  string `json:"digest,omitempty"`  // SHA-256 of what is there now: of an observation, a policy, a mission
	Run     string `json:"run,omitempty"`     //
	Seq     uint64 `json:"seq,omitempty"`     // of the observation in its run
	Step    string `json:"step,omitempty"`    //
	Mission string `json:"mission,omitempty"` //
	Version int    `json:"version,omitempty"` // of the mission or of the policy
	Policy  int    `json:"policy,omitempty"`  // version that the run is pinned to
	Rule    string `json:"rule,omitempty"`    // of the policy, that chose the model

	Class      string `json:"class,omitempty"`    // data class
	Model      string `json:"model,omitempty"`    //
	Lock       string `json:"lock,omitempty"`     // digest of exactly what answered
	Boundary   string `json:"boundary,omitempty"` // where the bytes went
	Sent       string `json:"sent,omitempty"`     // SHA-256 of the prompt
	Received   string `json:"received,omitempty"` // SHA-256 of the values that came back, as JSON
	TokensIn   int    `json:"tokensIn,omitempty"`
	TokensOut  int    `json:"tokensOut,omitempty"`
	CostMicros int64  `json:"costMicros,omitempty"`

	Decision string `json:"decision,omitempty"` // id
	Queue    string `json:"queue,omitempty"`

	// Recovered: it was found in the journal after a crash. The log may hold
	// it already, without this mark.
	Recovered bool `json:"recovered,omitempty"`

	// Log is set in what the log says about itself.
	Log *LogEvent `json:"log,omitempty"`
}

// LogEvent is what the log says about itself.
type LogEvent struct {
	Segment uint64 `json:"segment"`
	// Of a segment that was not closed: its last whole frame, and what follows it.
	LastSeq   uint64 `json:"lastSeq,omitempty"`
	TornBytes int64  `json:"tornBytes,omitempty"`
	TornTail  string `json:"tornTail,omitempty"` // SHA-256, hex
	// Of a jump of the clock, in nanoseconds.
	Jump time.Duration `json:"jump,omitempty"`
}

// encode returns the padded text of a record.
func (r *Record) encode(now func() time.Time) ([]byte, error) {
	if r.Action == "" {
		return nil, fmt.Errorf("audit record: it has no action")
	}
	c := *r
	if c.At.IsZero() {
		c.At = now()
	}
	c.At = c.At.UTC()
	text, err := json.Marshal(&c)
	if err != nil {
		return nil, fmt.Errorf("audit record %s: %w", r.Action, err)
	}
	if text = padded(text); len(text) > maxPlaintext {
		return nil, fmt.Errorf("audit record %s: it has %d bytes; big things are recorded by digest", r.Action, len(text))
	}
	return text, nil
}

// Entry is a record with its place in the log.
type Entry struct {
	Seq     uint64          `json:"seq"`     // leaf index in the tree
	Segment uint64          `json:"segment"` //
	Record  json.RawMessage `json:"record"`  // valid until the callback returns
}
