package mission

import (
	"encoding/json"
	"time"

	"skerry/appliance/llm"
	"skerry/appliance/policy"
)

// RunID identifies a run: a ULID, so that ids sort by the time of creation.
type RunID string

// Kind names what an observation is about.
type Kind string

// Kinds of observations. The road of a run is in DESIGN.md, section 5.
const (
	KindCreated    Kind = "created"    // the run exists, with its input
	KindRead       Kind = "read"       // a document became text, or could not be read
	KindClassified Kind = "classified" // the class of the run is settled or rose
	KindRouted     Kind = "routed"     // intent: this model is about to be called
	KindParked     Kind = "parked"     // nothing cleared is available; waits
	KindResumed    Kind = "resumed"    // goes on after a park or a restart
	KindGenerated  Kind = "generated"  // a model answered
	KindFailed     Kind = "failed"     // a model call failed; says what comes next
	KindChecked    Kind = "checked"    // assertions were evaluated
	KindEscalated  Kind = "escalated"  // the step goes one grade up
	KindQueued     Kind = "queued"     // a Decision appeared
	KindDecided    Kind = "decided"    // a Decision was settled
	KindBranched   Kind = "branched"   // an arm was taken
	KindOpened     Kind = "opened"     // an each step knows its elements
	KindStarted    Kind = "started"    // intent: a child run is about to be created
	KindReturned   Kind = "returned"   // a child run has ended
	KindSettled    Kind = "settled"    // the output of a step is fixed
	KindVerdict    Kind = "verdict"    // the run has ended
)

// Observation is one append-only record of something that the run did or
// concluded. Exactly the payload that Kind names is set.
type Observation struct {
	Seq     uint64    `json:"seq"` // 1, 2, 3 … within the run
	At      time.Time `json:"at"`  // UTC
	Kind    Kind      `json:"kind"`
	Step    string    `json:"step,omitempty"`    // path of the step, for example "lines[2].total"
	Attempt int       `json:"attempt,omitempty"` // 1, 2, 3 … within the step; model steps only

	Created    *CreatedData    `json:"created,omitempty"`
	Read       *ReadData       `json:"read,omitempty"`
	Classified *ClassifiedData `json:"classified,omitempty"`
	Routed     *RoutedData     `json:"routed,omitempty"`
	Parked     *ParkedData     `json:"parked,omitempty"`
	Resumed    *ResumedData    `json:"resumed,omitempty"`
	Generated  *GeneratedData  `json:"generated,omitempty"`
	Failed     *FailedData     `json:"failed,omitempty"`
	Checked    *CheckedData    `json:"checked,omitempty"`
	Escalated  *EscalatedData  `json:"escalated,omitempty"`
	Queued     *QueuedData     `json:"queued,omitempty"`
	Decided    *DecidedData    `json:"decided,omitempty"`
	Branched   *BranchedData   `json:"branched,omitempty"`
	Opened     *OpenedData     `json:"opened,omitempty"`
	Started    *StartedData    `json:"started,omitempty"`
	Returned   *ReturnedData   `json:"returned,omitempty"`
	Settled    *SettledData    `json:"settled,omitempty"`
	Verdict    *VerdictData    `json:"verdict,omitempty"`
}

// CreatedData pins what the run is made of.
type CreatedData struct {
	Run           RunID                 `json:"run"`
	Mission       string                `json:"mission"`
	Version       int                   `json:"version"`
	MissionDigest string                `json:"missionDigest"`
	PolicyVersion int                   `json:"policyVersion"`
	PolicyDigest  string                `json:"policyDigest"`
	Class         llm.DataClass         `json:"class"` // start class; a parent's class where that is higher
	Input         map[string]InputValue `json:"input"`
	By            policy.Principal      `json:"by"`
	Parent        *ParentRef            `json:"parent,omitempty"`
	Key           string                `json:"key,omitempty"` // idempotency key of the caller
}

// InputValue is one input of a run: a scalar, or a document by digest.
type InputValue struct {
	JSON     json.RawMessage `json:"json,omitempty"`
	Document *DocumentRef    `json:"document,omitempty"`
}

// DocumentRef names a file in the blob store.
type DocumentRef struct {
	Name      string `json:"name"`
	SHA256    string `json:"sha256"` // of the bytes as uploaded, hex
	SizeBytes int64  `json:"sizeBytes"`
}

// ParentRef names the step that started a child run.
type ParentRef struct {
	Run  RunID  `json:"run"`
	Step string `json:"step"`
}

// ReadData is the result of reading one input document. Problem is set if it
// could not be read; it says what is wrong and what to do.
type ReadData struct {
	Input      string `json:"input"`
	MediaType  string `json:"mediaType,omitempty"`
	Encoding   string `json:"encoding,omitempty"`
	Pages      int    `json:"pages,omitempty"`
	Characters int    `json:"characters,omitempty"`
	TextSHA256 string `json:"textSha256,omitempty"` // blob that holds the text
	Problem    string `json:"problem,omitempty"`
	Code       string `json:"code,omitempty"` // "empty", "too-big", "encrypted", "binary" …
}

// ClassifiedData is the class of the run and what it rests on.
type ClassifiedData struct {
	From     llm.DataClass   `json:"from"`
	Class    llm.DataClass   `json:"class"`
	Evidence []ClassEvidence `json:"evidence"`
	// Open names the rules that cannot be evaluated yet, and Ceiling the class
	// that every step is routed at until they are.
	Open    int           `json:"open,omitempty"`
	Ceiling llm.DataClass `json:"ceiling,omitempty"`
}

// ClassEvidence is a class rule that was evaluated.
type ClassEvidence struct {
	Rule     int              `json:"rule"` // index in the mission's class rules
	Held     bool             `json:"held"`
	Raise    llm.DataClass    `json:"raise"`
	Because  Text             `json:"because"`
	Mentions []policy.Mention `json:"mentions,omitempty"`
	Problem  string           `json:"problem,omitempty"` // the rule could not be evaluated, which counts as held
}

// RoutedData is the intent to call a model, durable before the call.
type RoutedData struct {
	Route    policy.Route  `json:"route"`
	Class    llm.DataClass `json:"class"` // class of the data that will be sent, ceiling included
	Lock     string        `json:"lock"`  // digest of the model lock
	Boundary llm.Boundary  `json:"boundary"`
	Prompt   string        `json:"prompt"` // SHA-256 of the neutral prompt
}

// ParkedData says why a step waits.
type ParkedData struct {
	Why      string             `json:"why"`
	Rejected []policy.Rejection `json:"rejected"`
}

// ResumedData says why a run goes on.
type ResumedData struct {
	Why string `json:"why"` // "a cleared model is available again", "restart"
}

// GeneratedData is what a model answered.
type GeneratedData struct {
	Model      llm.ModelID          `json:"model"`
	Lock       string               `json:"lock"`
	Pool       string               `json:"pool"`
	Grade      int                  `json:"grade"`
	Values     map[string]llm.Value `json:"values"`
	Usage      llm.Usage            `json:"usage"`
	CostMicros int64                `json:"costMicros"`
	Calls      int                  `json:"calls"` // requests that the profile needed
	Confidence llm.Confidence       `json:"confidence"`
	Weakest    string               `json:"weakest,omitempty"` // field with the least confidence
	Minimum    float64              `json:"minimum"`           // what the step asks for; 0 = nothing
	Adapted    []string             `json:"adapted,omitempty"` // what was changed to suit the model, in words
}

// FailedData is a model call that gave no answer.
type FailedData struct {
	Model      llm.ModelID   `json:"model"`
	Lock       string        `json:"lock"`
	Error      llm.ErrorKind `json:"error"`
	Message    string        `json:"message"`
	Usage      llm.Usage     `json:"usage"`
	CostMicros int64         `json:"costMicros"`
	Next       string        `json:"next"` // "retry", "failover", "escalate", "give-up"
	RetryAt    time.Time     `json:"retryAt,omitzero"`
}

// CheckedData is the outcome of a check step.
type CheckedData struct {
	Results []CheckResult `json:"results"`
	Held    bool          `json:"held"`
}

// CheckResult is one assertion that was evaluated.
type CheckResult struct {
	Because Text   `json:"because"`
	Held    bool   `json:"held"`
	Detail  string `json:"detail,omitempty"` // the numbers: "100.00 + 19.00 = 119.00, not 120.00"
}

// EscalatedData sends a step one grade up.
type EscalatedData struct {
	From    int    `json:"from"` // grade
	To      int    `json:"to"`
	Why     string `json:"why"` // "low-confidence", "rule", "error"
	Because Text   `json:"because"`
}

// DecisionKind says what people are asked for.
type DecisionKind string

// Kinds of decisions.
const (
	Gate      DecisionKind = "gate"      // a decide step: may this go on?
	Uncertain DecisionKind = "uncertain" // a model step was not sure enough: are these values right?
)

// QueuedData opens a Decision.
type QueuedData struct {
	Decision string          `json:"decision"` // id
	Kind     DecisionKind    `json:"kind"`
	Queue    string          `json:"queue"`
	Ask      Text            `json:"ask"`
	Why      string          `json:"why"`
	Subject  json.RawMessage `json:"subject"` // exactly what the person is shown: outputs by step
	Digest   string          `json:"digest"`  // SHA-256 of the subject in hex
	Amend    []string        `json:"amend,omitempty"`
	NotBy    []string        `json:"notBy,omitempty"` // ids of principals
	Expires  time.Time       `json:"expires,omitzero"`
	Then     string          `json:"then,omitempty"`
}

// DecisionOutcome is the answer to a Decision.
type DecisionOutcome string

// Outcomes of decisions. Amend approves with corrections.
const (
	Approve DecisionOutcome = "approve"
	Reject  DecisionOutcome = "reject"
	Amend   DecisionOutcome = "amend"
	Expire  DecisionOutcome = "expire"
)

// DecidedData settles a Decision.
type DecidedData struct {
	Decision   string           `json:"decision"`
	Outcome    DecisionOutcome  `json:"outcome"`
	Then       string           `json:"then,omitempty"` // expire only: what the mission declared
	By         policy.Principal `json:"by"`
	Role       string           `json:"role"` // role that permitted it
	Reason     string           `json:"reason"`
	Digest     string           `json:"digest"` // of the subject that the person saw
	Amendments []Amendment      `json:"amendments,omitempty"`
	Recheck    []string         `json:"recheck,omitempty"` // paths of check steps that amendments make stale
}

// Amendment is a corrected field: a label for calibration.
type Amendment struct {
	Step  string          `json:"step"`
	Field string          `json:"field"`
	From  json.RawMessage `json:"from"`
	To    json.RawMessage `json:"to"`
}

// BranchedData is the arm that was taken; empty if none.
type BranchedData struct {
	Taken string `json:"taken"`
}

// OpenedData fixes the elements of an each step.
type OpenedData struct {
	Items []json.RawMessage `json:"items"`
}

// StartedData is the intent to start a child run; the id is chosen here, so
// that creating it twice is found out.
type StartedData struct {
	Child   RunID                 `json:"child"`
	Mission string                `json:"mission"`
	Version int                   `json:"version"`
	Input   map[string]InputValue `json:"input"`
	Step    string                `json:"-"` // path of the step that starts it, in [Next] only; the observation names it itself
}

// ReturnedData is the end of a child run.
type ReturnedData struct {
	Child  RunID           `json:"child"`
	Is     string          `json:"is"`
	Reason string          `json:"reason"`
	Class  llm.DataClass   `json:"class"`
	Fields json.RawMessage `json:"fields"` // outputs of the child by step
}

// SettledData fixes the output of a step.
type SettledData struct {
	Skipped bool            `json:"skipped,omitempty"`
	Why     string          `json:"why,omitempty"`     // why it was skipped or failed
	Broken  bool            `json:"broken,omitempty"`  // the step could not be done; dependants are skipped and the run is referred
	Attempt int             `json:"attempt,omitempty"` // model steps: the attempt that feeds what follows
	Output  json.RawMessage `json:"output,omitempty"`  // object; what expressions see under the step's id
}

// VerdictData ends the run.
type VerdictData struct {
	Is         string            `json:"is"`
	Reason     string            `json:"reason"`
	Because    Text              `json:"because,omitempty"` // the reason by language, where the mission gives it so
	Code       string            `json:"code,omitempty"`    // platform verdicts: "unreadable", "cancelled", "broken-step" …
	Confidence llm.Confidence    `json:"confidence"`        // least among the attempts that count
	Cites      []uint64          `json:"cites"`             // observations that it rests on
	By         *policy.Principal `json:"by,omitempty"`      // who cancelled
}

// known reports whether the kind is one of the journal's.
func (o *Observation) known() bool {
	switch o.Kind {
	case KindCreated, KindRead, KindClassified, KindRouted, KindParked, KindResumed, KindGenerated, KindFailed, KindChecked, KindEscalated,
		KindQueued, KindDecided, KindBranched, KindOpened, KindStarted, KindReturned, KindSettled, KindVerdict:
		return true
	}
	return false
}
