package audit

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"time"
)

// Record is one thing that happened. What is big or confidential stands in it
// by its SHA-256 only, and a text that is too long is cut. Empty fields are left
// out of its JSON.
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

	Class    string `json:"class,omitempty"`    // data class
	Model    string `json:"model,omitempty"`    //
	Lock     string `json:"lock,omitempty"`     // digest of exactly what answered
	Boundary string `json:"boundary,omitempty"` // where the bytes went
	Sent     string `json:"sent,omitempty"`     // SHA-256 of the prompt
	Received string `json:"received,omitempty"` // SHA-256 of the values that came back, as JSON
	// Documents are the SHA-256 of the files that a run was started with, in the
	// order of their inputs' names.
	Documents  []string `json:"documents,omitempty"`
	TokensIn   int      `json:"tokensIn,omitempty"`
	TokensOut  int      `json:"tokensOut,omitempty"`
	CostMicros int64    `json:"costMicros,omitempty"`

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

// encode returns the padded text of a record, which fits into a frame.
func (r *Record) encode(now func() time.Time) ([]byte, error) {
	if r.Action == "" {
		return nil, fmt.Errorf("audit record: it has no action")
	}
	at := r.At
	if at.IsZero() {
		at = now()
	}
	var text []byte
	for _, limit := range []int{maxText, maxTextShort} { // escapes may make it too long after all
		c := *r
		c.At = at.UTC()
		c.cut(limit)
		var err error
		if text, err = json.Marshal(&c); err != nil {
			return nil, fmt.Errorf("audit record %s: %w", r.Action, err)
		}
		if len(text) <= maxPlaintext-padBytes {
			break
		}
	}
	return padded(text), nil
}

// Bounds of the texts in a record, in bytes. Whatever a caller, a policy or a
// directory of people puts into one, it fits into a frame: what happened is
// never left unrecorded because somebody has a long name.
const (
	maxText      = 1024
	maxTextShort = 128
	maxDocuments = 64
)

// cut shortens every text of the record that is longer than limit. What is cut
// ends with the SHA-256 of the whole.
func (r *Record) cut(limit int) {
	v := reflect.ValueOf(r).Elem()
	for i := range v.NumField() {
		f := v.Field(i)
		if f.Kind() != reflect.String || f.Len() <= limit {
			continue
		}
		whole := f.String()
		sum := sha256.Sum256([]byte(whole))
		f.SetString(strings.ToValidUTF8(whole[:limit], "") + "… sha256:" + hex.EncodeToString(sum[:]))
	}
	r.Documents = r.Documents[:min(len(r.Documents), maxDocuments)]
}

// Entry is a record with its place in the log.
type Entry struct {
	Seq     uint64          `json:"seq"`     // leaf index in the tree
	Segment uint64          `json:"segment"` //
	Record  json.RawMessage `json:"record"`  // valid until the callback returns
}
