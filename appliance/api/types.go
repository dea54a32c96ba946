package api

import (
	"encoding/json"
	"time"

	"skerry/appliance/exam"
	"skerry/appliance/llm"
	"skerry/appliance/mission"
	"skerry/appliance/policy"
)

// Session is who the caller is and what a page needs to know at its start.
type Session struct {
	Who      policy.Principal `json:"who"`
	CSRF     string           `json:"csrf" doc:"Send it back as X-CSRF-Token with every request that changes something. Empty on the local socket."`
	Language string           `json:"language" doc:"The better of en and de for this caller."`
	Version  string           `json:"version"`
	Ends     time.Time        `json:"ends,omitzero" doc:"When the session ends at the latest."`
	Classes  []policy.Class   `json:"classes" doc:"Data classes of the site, lowest first."`
	Notices  []Notice         `json:"notices" doc:"What everyone on this site should know."`
	Currency string           `json:"currency" doc:"Code of the currency that costs are in, like EUR."`
	MaxBytes int64            `json:"maxUploadBytes" doc:"Largest document that is taken in."`

	Proof      string     `json:"proof,omitempty" enum:"password,link" doc:"What POST /session/step-up takes; absent = the caller never needs it."`
	FreshUntil *time.Time `json:"freshUntil,omitempty" doc:"Until then nothing more has to be proven."`
}

// Notice is something that everyone on the site should know, for example that
// only starter models are installed.
type Notice struct {
	Code   string       `json:"code" doc:"Name that programs may branch on, like starter-models."`
	Text   mission.Text `json:"text"`
	Urgent bool         `json:"urgent,omitempty" doc:"It stays until it no longer holds; nobody can put it aside."`
	Stays  bool         `json:"stays,omitempty" doc:"Nobody can put it aside, and it is not urgent."`
}

// MissionEntry is a mission in a list: the version that new runs use, and the
// state of its draft.
type MissionEntry struct {
	Name        string               `json:"name"`
	Version     int                  `json:"version" doc:"Latest published version; 0 = never published."`
	Title       mission.Text         `json:"title"`
	Description mission.Text         `json:"description"`
	Input       []mission.InputField `json:"input"`
	PublishedAt time.Time            `json:"publishedAt,omitzero"`
	PublishedBy string               `json:"publishedBy,omitempty"`
	Draft       *DraftInfo           `json:"draft,omitempty" doc:"There if a draft differs from what is published."`
	Samples     int                  `json:"samples" doc:"How many sample documents come with it."`
}

// DraftInfo is the state of a draft.
type DraftInfo struct {
	Digest    string    `json:"digest" doc:"SHA-256 of the source in hex."`
	UpdatedAt time.Time `json:"updatedAt"`
	UpdatedBy string    `json:"updatedBy"`
	Problems  []Finding `json:"problems" doc:"What keeps it from being published; empty = nothing."`
}

// MissionDetail is one version of a mission.
type MissionDetail struct {
	Entry    MissionEntry    `json:"entry"`
	Mission  mission.Mission `json:"mission"`
	Versions []int           `json:"versions" doc:"Published versions, latest first."`
}

// Validation is what is wrong with a mission file, if anything.
type Validation struct {
	Valid    bool      `json:"valid"`
	Problems []Finding `json:"problems"`
}

// Sample is a document that comes with a mission, to try it on.
type Sample struct {
	File      string       `json:"file"`
	Title     mission.Text `json:"title"`
	Story     string       `json:"story" doc:"Which way through the mission it shows, like routine or restricted."`
	Language  string       `json:"language" doc:"Language of the document."`
	Note      mission.Text `json:"note" doc:"What to watch for."`
	MediaType string       `json:"mediaType"`
	SizeBytes int64        `json:"sizeBytes"`
	Expect    string       `json:"expect,omitempty" doc:"Verdict that a correct run ends in."`
}

// StartBody asks for a run.
type StartBody struct {
	Version int                      `json:"version,omitempty" minimum:"0" doc:"Version to run; 0 = the latest published."`
	Input   map[string]StartArgument `json:"input" doc:"Values by the name of the input."`
}

// StartArgument is one input of a run: a value, a document, or a sample.
type StartArgument struct {
	Value    json.RawMessage `json:"value,omitempty" doc:"A scalar. A decimal is a string, so that its digits are kept."`
	Document *DocumentUpload `json:"document,omitempty"`
	Sample   string          `json:"sample,omitempty" doc:"File of a sample of the mission."`
}

// DocumentUpload is a file inside a JSON body.
type DocumentUpload struct {
	Name string `json:"name" minLength:"1" maxLength:"255"`
	Data []byte `json:"data" doc:"The bytes in base64."`
}

// RunPage is a page of runs, newest first.
type RunPage struct {
	Runs []mission.Summary `json:"runs"`
	Next string            `json:"next,omitempty" doc:"Cursor of the next page; absent on the last."`
}

// Counts says how many runs there are and what waits.
type Counts struct {
	Total         int            `json:"total"`
	ByState       map[string]int `json:"byState"`
	ByMission     map[string]int `json:"byMission"`
	ByVerdict     map[string]int `json:"byVerdict"`
	ByClass       map[string]int `json:"byClass"`
	ByModel       map[string]int `json:"byModel"`
	OpenDecisions int            `json:"openDecisions"`
	ByQueue       map[string]int `json:"byQueue" doc:"Open decisions by queue."`
}

// RunDetail is a run with what a page shows beside it.
type RunDetail struct {
	Summary   mission.Summary `json:"summary"`
	Run       mission.Run     `json:"run"`
	Title     mission.Text    `json:"title" doc:"Title of the mission."`
	Fields    []RunField      `json:"fields" doc:"Every value that the run found, where it came from and how sure it is."`
	Steps     []RunStep       `json:"steps" doc:"The steps in the order in which they began, with every attempt."`
	Rail      []RailEntry     `json:"rail" doc:"The Explain rail so far."`
	Documents []RunDocument   `json:"documents"`
	Decisions []string        `json:"decisions" doc:"Ids of the open decisions."`
	Children  []mission.RunID `json:"children" doc:"Runs that this one started."`
	Mine      RunPermissions  `json:"mine" doc:"What the caller may do with it."`
}

// RunPermissions is what the caller may do with a run.
type RunPermissions struct {
	Cancel bool `json:"cancel"`
}

// RunField is one value of a run and where it came from.
type RunField struct {
	Step       string               `json:"step" doc:"Path of the step that found it."`
	Name       string               `json:"name"`
	Type       llm.FieldType        `json:"type"`
	Value      json.RawMessage      `json:"value" doc:"null = absent. A decimal is a string with its exact digits."`
	Confidence llm.Confidence       `json:"confidence"`
	Source     llm.ConfidenceSource `json:"source"`
	Minimum    float64              `json:"minimum" doc:"Confidence that the step asks for; 0 = nothing."`
	Problem    string               `json:"problem,omitempty" doc:"Why a validator distrusts it."`
	Evidence   *Evidence            `json:"evidence,omitempty" doc:"Place in the document that says so."`
	Attempt    int                  `json:"attempt,omitempty" doc:"Attempt of the step that it comes from; absent if a person said so."`
	Model      llm.ModelID          `json:"model,omitempty" doc:"Model that found it; absent if a person said so."`
	Settled    bool                 `json:"settled" doc:"The step is settled: this value feeds what follows."`
}

// Evidence is a place in the text of a document.
type Evidence struct {
	Input string `json:"input" doc:"Input that holds the document."`
	Start int    `json:"start" doc:"First character, counted in UTF-16 code units as JavaScript does."`
	End   int    `json:"end" doc:"Just behind the last, in UTF-16 code units."`
	Quote string `json:"quote"`
}

// RunStep is a step of a run with its attempts.
type RunStep struct {
	Path     string       `json:"path"`
	State    string       `json:"state" enum:"running,parked,waiting,settled,skipped,broken"`
	Why      string       `json:"why,omitempty" doc:"Why it is parked, was skipped or broke."`
	Decision string       `json:"decision,omitempty"`
	Attempts []RunAttempt `json:"attempts" doc:"Calls of models, in order."`
}

// RunAttempt is one call of a model by a step.
type RunAttempt struct {
	Attempt    int                `json:"attempt"`
	Grade      int                `json:"grade"`
	Pool       string             `json:"pool"`
	Model      llm.ModelID        `json:"model"`
	Lock       string             `json:"lock"`
	Boundary   llm.Boundary       `json:"boundary"`
	Class      llm.DataClass      `json:"class" doc:"Class that the data was sent at."`
	Rule       string             `json:"rule" doc:"Rule of the policy that chose the model."`
	Rejected   []policy.Rejection `json:"rejected" doc:"Models that were not chosen and why."`
	State      string             `json:"state" enum:"calling,answered,failed"`
	Confidence llm.Confidence     `json:"confidence"`
	Weakest    string             `json:"weakest,omitempty" doc:"Field with the least confidence."`
	Minimum    float64            `json:"minimum"`
	Usage      llm.Usage          `json:"usage"`
	CostMicros int64              `json:"costMicros"`
	Used       bool               `json:"used" doc:"This attempt feeds what follows."`
	Error      string             `json:"error,omitempty"`
	Adapted    []string           `json:"adapted" doc:"What was changed to suit the model, in words."`
}

// RailEntry is one line of the Explain rail.
type RailEntry struct {
	Seq        uint64       `json:"seq"`
	At         time.Time    `json:"at"`
	Kind       mission.Kind `json:"kind"`
	Step       string       `json:"step,omitempty"`
	Attempt    int          `json:"attempt,omitempty"`
	Sentence   string       `json:"sentence" doc:"What happened, in the language that was asked for."`
	CostMicros int64        `json:"costMicros,omitempty"`
}

// RailEvent is an observation with its sentence: what the event stream of a
// run sends.
type RailEvent struct {
	mission.Observation
	Sentence string `json:"sentence" doc:"What happened, in the language that was asked for."`
}

// ObservationPage is a stretch of the journal of a run.
type ObservationPage struct {
	Observations []RailEvent `json:"observations"`
	Next         uint64      `json:"next,omitempty" doc:"Ask again with after= this; absent when that was all."`
}

// RunDocument is an input document of a run.
type RunDocument struct {
	Input      string `json:"input"`
	Name       string `json:"name"`
	SizeBytes  int64  `json:"sizeBytes"`
	SHA256     string `json:"sha256"`
	MediaType  string `json:"mediaType,omitempty" doc:"Absent until it is read."`
	Pages      int    `json:"pages,omitempty"`
	Characters int    `json:"characters,omitempty"`
	HasText    bool   `json:"hasText" doc:"Its text can be fetched."`
	Problem    string `json:"problem,omitempty" doc:"Why it could not be read."`
}

// CancelBody says why a run is cancelled.
type CancelBody struct {
	Reason string `json:"reason" minLength:"1" maxLength:"2000"`
}

// DecisionPage is a page of decisions: open ones oldest first, settled ones
// newest first.
type DecisionPage struct {
	Decisions []DecisionEntry `json:"decisions"`
	Next      string          `json:"next,omitempty" doc:"Cursor of the next page; absent on the last."`
}

// DecisionEntry is a decision in a list.
type DecisionEntry struct {
	mission.Decision
	Title  mission.Text `json:"title" doc:"Title of the mission."`
	About  string       `json:"about" doc:"What a person knows the run by: the name of its first document."`
	May    bool         `json:"maySettle" doc:"The caller may settle it."`
	WhyNot string       `json:"whyNot,omitempty" doc:"Why the caller may not settle it."`
	Queued mission.Text `json:"queueTitle"`
}

// DecisionDetail is a decision with everything a person needs to settle it.
type DecisionDetail struct {
	Decision  DecisionEntry   `json:"decision"`
	Run       mission.Summary `json:"run"`
	Fields    []DecisionField `json:"fields" doc:"The values that the decision is about."`
	Documents []DecisionText  `json:"documents"`
	Rail      []RailEntry     `json:"rail" doc:"How the run came to this point."`
}

// DecisionField is a value that a decision is about.
type DecisionField struct {
	RunField
	Amendable bool        `json:"amendable"`
	Values    []string    `json:"values,omitempty" doc:"enum: the allowed values."`
	Nullable  bool        `json:"nullable,omitempty" doc:"Absent is a fine answer."`
	Of        []llm.Field `json:"of,omitempty" doc:"list: the fields of an element."`
}

// DecisionText is a document beside a decision.
type DecisionText struct {
	RunDocument
	Text string `json:"text" doc:"Empty if the document has none."`
}

// SettleBody settles a decision.
type SettleBody struct {
	Outcome    mission.DecisionOutcome `json:"outcome" enum:"approve,reject,amend"`
	Reason     string                  `json:"reason" maxLength:"2000" doc:"Why; reject and amend need one."`
	Digest     string                  `json:"digest" doc:"Digest of the subject that was shown, so that nobody settles something that they did not see."`
	Amendments []AmendmentBody         `json:"amendments,omitempty" doc:"amend only: the corrected fields."`
}

// AmendmentBody is a corrected field.
type AmendmentBody struct {
	Step  string          `json:"step"`
	Field string          `json:"field"`
	To    json.RawMessage `json:"to" doc:"The right value. A decimal is a string."`
}

// ModelEntry is a model of the catalogue as it stands now.
type ModelEntry struct {
	llm.Model
	LockDigest    string        `json:"lockDigest" doc:"How observations name the lock."`
	State         string        `json:"state" enum:"running,idle,stopped,failed,starting" doc:"idle = not loaded now; a call that needs it loads it."`
	Why           string        `json:"why,omitempty" doc:"Why it is not running."`
	Enabled       bool          `json:"enabled" doc:"The active policy lets runs use it."`
	Clearance     llm.DataClass `json:"clearance" doc:"Highest class that it may see under the active policy, the ceiling of its boundary included; empty = none."`
	Pools         []ModelPool   `json:"pools"`
	LatencyMicros int64         `json:"latencyMicros,omitempty" doc:"Recent median of a call in microseconds; absent = not measured."`
	Calls         int64         `json:"calls" doc:"Calls since the appliance started."`
	LastUseAt     *time.Time    `json:"lastUseAt,omitempty" doc:"When the last of these calls ended."`
	Pinned        bool          `json:"pinned" doc:"It stays loaded whatever happens: a starter model that the policy has in a pool."`
	MayOperate    bool          `json:"mayOperate" doc:"The caller may stop and start it."`
	Source        string        `json:"source" enum:"starter,imported" doc:"Where it comes from: it is part of Skerry, or somebody imported it."`
	SizeBytes     int64         `json:"sizeBytes,omitempty" doc:"Of its file."`
	MemoryBytes   int64         `json:"memoryBytes,omitempty" doc:"Memory that its process holds now; absent = it does not run."`
	File          *ModelFile    `json:"file,omitempty" doc:"What is known about the file of an imported model."`
	Exam          *ModelExam    `json:"exam,omitempty" doc:"How it did when it was examined on this host; absent = it was not."`
}

// ModelExam is the last scorecard of a model.
type ModelExam struct {
	exam.Scorecard
	Outdated bool     `json:"outdated" doc:"The model is locked to something else now than what was examined."`
	Limits   []string `json:"limits" doc:"What routing does not give it because of this exam, and why."`
}

// ModelFile is the file of an imported model: what it says about itself, as far
// as the validator has checked it, and what running it is estimated to take.
type ModelFile struct {
	Name            string    `json:"name" doc:"That the file had."`
	SHA256          string    `json:"sha256"`
	SizeBytes       int64     `json:"sizeBytes"`
	Architecture    string    `json:"architecture"`
	Parameters      int64     `json:"parameters"`
	Quantisation    string    `json:"quantisation" doc:"How most of the weights are stored, like Q4_K."`
	Template        string    `json:"template" doc:"Chat template that it is spoken to with."`
	MadeForTokens   int       `json:"madeForTokens" doc:"Context that the file says it was made for."`
	ImportedAt      time.Time `json:"importedAt"`
	ImportedBy      string    `json:"importedBy"`
	MemoryNeeded    int64     `json:"memoryNeeded" doc:"Estimate in bytes at its context: weights, cache and work together."`
	MemoryWeights   int64     `json:"memoryWeights"`
	MemoryCache     int64     `json:"memoryCache"`
	MemoryWork      int64     `json:"memoryWork"`
	MemoryAvailable int64     `json:"memoryAvailable,omitempty" doc:"What it could have now; absent = not known."`
}

// Importing says what can be imported now.
type Importing struct {
	MaxBytes  int64    `json:"maxBytes" doc:"Largest file that is taken in."`
	FreeBytes int64    `json:"freeBytes" doc:"Room for model files in the data directory."`
	Profile   string   `json:"profile" doc:"Prompt profile that is used where none is chosen."`
	Profiles  []string `json:"profiles"`
	Allowed   bool     `json:"allowed" doc:"The caller may import and remove models."`
}

// ModelPool is a pool that a model is in.
type ModelPool struct {
	Name  string       `json:"name"`
	Title mission.Text `json:"title"`
	Order int          `json:"order" doc:"Place in the pool, from 1."`
}

// ModelList is the catalogue.
type ModelList struct {
	Models    []ModelEntry `json:"models"`
	Importing Importing    `json:"importing"`
}

// MissionList is all missions.
type MissionList struct {
	Missions []MissionEntry `json:"missions"`
}

// SampleList is the samples of a mission.
type SampleList struct {
	Samples []Sample `json:"samples"`
}

// Home is what waits for the caller and what happened lately.
type Home struct {
	Decisions []DecisionEntry   `json:"decisions" doc:"Open decisions that the caller may settle, oldest first; 10 at most."`
	Parked    []mission.Summary `json:"parked" doc:"Runs that wait for a model; 10 at most."`
	Recent    []mission.Summary `json:"recent" doc:"The latest runs; 10 at most."`
	Counts    Counts            `json:"counts"`
}

// Health says that the appliance answers.
type Health struct {
	Status string `json:"status" enum:"ok,starting,stopping,sealed"`
}

// Version says which build the appliance is.
type Version struct {
	Version string `json:"version"`
	Commit  string `json:"commit"`
	Go      string `json:"go"`
	Target  string `json:"target" doc:"Operating system and architecture."`
}

// LiveCounts is sent on the live stream whenever a number changed.
type LiveCounts struct {
	OpenDecisions int            `json:"openDecisions"`
	ByState       map[string]int `json:"byState"`
	Notices       []string       `json:"notices,omitempty" doc:"Codes of the notices that hold now; their text is in the session."`
}
