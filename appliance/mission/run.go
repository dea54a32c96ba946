package mission

import (
	"encoding/json"
	"maps"
	"slices"
	"time"

	"skerry/appliance/llm"
	"skerry/appliance/policy"
)

// State of a run, derived from its observations.
type State string

// States. A run with an open Decision is waiting even while other steps of it
// go on, because people should see it.
const (
	Running State = "running"
	Waiting State = "waiting" // a Decision is open
	Parked  State = "parked"  // nothing cleared is available
	Ended   State = "ended"
)

// States in the order in which they are listed.
func States() []State { return []State{Running, Waiting, Parked, Ended} }

// Run is one execution of one mission version: the fold of its observations.
// The zero Run is before its first observation.
type Run struct {
	ID            RunID                 `json:"id"`
	Mission       string                `json:"mission"`
	Version       int                   `json:"version"`
	MissionDigest string                `json:"missionDigest"`
	PolicyVersion int                   `json:"policyVersion"`
	By            policy.Principal      `json:"by"`
	Parent        *ParentRef            `json:"parent,omitempty"`
	Key           string                `json:"key,omitempty"`
	Input         map[string]InputValue `json:"input"`

	Seq       uint64        `json:"seq"` // of the last observation
	CreatedAt time.Time     `json:"createdAt"`
	UpdatedAt time.Time     `json:"updatedAt"`
	Class     llm.DataClass `json:"class"`
	Ceiling   llm.DataClass `json:"ceiling,omitempty"` // routed at this class until all class rules are settled; empty = settled

	// Classified says whether the class was looked at since the run was
	// created, and the class rules that were evaluated, by index.
	Classified bool         `json:"classified"`
	ClassRules map[int]bool `json:"classRules,omitempty"`

	Documents map[string]ReadData   `json:"documents"` // by input
	Steps     map[string]*StepState `json:"steps"`     // by path
	Decisions map[string]*Decision  `json:"decisions"` // by id
	Verdict   *VerdictData          `json:"verdict,omitempty"`

	Usage       llm.Usage     `json:"usage"`
	CostMicros  int64         `json:"costMicros"`
	Calls       int           `json:"calls"`
	Escalations int           `json:"escalations"`
	Models      []llm.ModelID `json:"models"` // that answered or failed, in order of first use
}

// StepState is what a run knows about one step.
type StepState struct {
	Path    string `json:"path"`
	Attempt int    `json:"attempt,omitempty"` // of the last routed
	Grade   int    `json:"grade,omitempty"`   // the next or current grade

	Routed    *RoutedData    `json:"routed,omitempty"`    // in flight: intent without result
	Parked    *ParkedData    `json:"parked,omitempty"`    // waits for a model
	Generated *GeneratedData `json:"generated,omitempty"` // last answer
	Answered  int            `json:"answered,omitempty"`  // attempt of the last answer
	AnswerSeq uint64         `json:"answerSeq,omitempty"`
	Escalated bool           `json:"escalated,omitempty"` // since the last answer
	Tried     []llm.ModelID  `json:"tried,omitempty"`     // failed at this grade
	Failures  int            `json:"failures,omitempty"`  // at this grade
	Failed    *FailedData    `json:"failed,omitempty"`    // last failure, until the next answer
	Last      bool           `json:"last,omitempty"`      // the route said that there is no higher grade

	Checked  *CheckedData  `json:"checked,omitempty"`
	CheckSeq uint64        `json:"checkSeq,omitempty"`
	Decision string        `json:"decision,omitempty"` // id, open or settled
	Branched *BranchedData `json:"branched,omitempty"`
	Opened   *OpenedData   `json:"opened,omitempty"`
	Started  *StartedData  `json:"started,omitempty"`
	Returned *ReturnedData `json:"returned,omitempty"`
	Settled  *SettledData  `json:"settled,omitempty"`

	// Values are the fields as they stand: the answer that feeds what follows,
	// with amendments.
	Values map[string]llm.Value `json:"values,omitempty"`
}

// Decision is a point that waits, or waited, for people.
type Decision struct {
	QueuedData
	Run       RunID         `json:"run"`
	Mission   string        `json:"mission"`
	Step      string        `json:"step"`
	Class     llm.DataClass `json:"class"`
	Initiator string        `json:"initiator"` // id of who started the run
	OpenedAt  time.Time     `json:"openedAt"`
	OpenSeq   uint64        `json:"openSeq"`
	Settled   *DecidedData  `json:"settled,omitempty"`
	SettledAt time.Time     `json:"settledAt,omitzero"`
	SettleSeq uint64        `json:"settleSeq,omitempty"`
}

// Open reports whether the decision still waits.
func (d *Decision) Open() bool { return d.Settled == nil }

// State returns the state of the run.
func (r *Run) State() State {
	if r.Verdict != nil {
		return Ended
	}
	for _, d := range r.Decisions {
		if d.Open() {
			return Waiting
		}
	}
	for _, s := range r.Steps {
		if s.Parked != nil {
			return Parked
		}
	}
	return Running
}

// RouteClass returns the class that data of the run is routed at: the ceiling
// while class rules are open, else the class. Sending at anything lower could
// send what cannot be unsent.
func (r *Run) RouteClass() llm.DataClass {
	if r.Ceiling != "" {
		return r.Ceiling
	}
	return r.Class
}

// Output returns the settled output of the step at path, or nil.
func (r *Run) Output(path string) json.RawMessage {
	if s := r.Steps[path]; s != nil && s.Settled != nil {
		return s.Settled.Output
	}
	return nil
}

// Summary is what lists show of a run; the store keeps it as an index row.
type Summary struct {
	ID          RunID          `json:"id"`
	Mission     string         `json:"mission"`
	Version     int            `json:"version"`
	State       State          `json:"state"`
	Class       llm.DataClass  `json:"class"`
	Verdict     string         `json:"verdict,omitempty"`
	Reason      string         `json:"reason,omitempty"`
	Subject     string         `json:"subject"` // what a person knows it by: the name of the first document
	By          string         `json:"by"`      // name of who started it
	Parent      RunID          `json:"parent,omitempty"`
	Seq         uint64         `json:"seq"`
	CreatedAt   time.Time      `json:"createdAt"`
	UpdatedAt   time.Time      `json:"updatedAt"`
	Models      []llm.ModelID  `json:"models"`
	Confidence  llm.Confidence `json:"confidence"`
	Escalations int            `json:"escalations"`
	Decisions   int            `json:"decisions"` // open ones
	Usage       llm.Usage      `json:"usage"`
	CostMicros  int64          `json:"costMicros"`

	// Rests says that after this the run does nothing by itself before Wake
	// (zero = never): it waits for people or a time. The store keeps it beside
	// the row, so that a restart need not look at runs that rest. It is a hint
	// of the engine and not part of the fold.
	Rests bool      `json:"-"`
	Wake  time.Time `json:"-"`
}

// Summary returns the index row of the run.
func (r *Run) Summary() Summary {
	s := Summary{
		ID: r.ID, Mission: r.Mission, Version: r.Version, State: r.State(), Class: r.Class, By: r.By.Name,
		Seq: r.Seq, CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt, Models: slices.Clone(r.Models),
		Confidence: llm.Unknown(), Escalations: r.Escalations, Usage: r.Usage, CostMicros: r.CostMicros,
	}
	for _, name := range slices.Sorted(maps.Keys(r.Input)) {
		if d := r.Input[name].Document; d != nil {
			s.Subject = d.Name
			break
		}
	}
	if r.Parent != nil {
		s.Parent = r.Parent.Run
	}
	if r.Verdict != nil {
		s.Verdict, s.Reason, s.Confidence = r.Verdict.Is, r.Verdict.Reason, r.Verdict.Confidence
	}
	for _, d := range r.Decisions {
		if d.Open() {
			s.Decisions++
		}
	}
	return s
}
