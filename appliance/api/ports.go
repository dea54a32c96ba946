package api

import (
	"context"
	"io"
	"iter"
	"time"

	"skerry/appliance/exam"
	"skerry/appliance/llm"
	"skerry/appliance/mission"
	"skerry/appliance/policy"
)

// What the API needs of the rest of the appliance. Package appliance wires the
// engine, the store and the model host to these. Errors that a person can meet
// wrap [mission.ErrNotFound], [mission.ErrConflict] or [mission.ErrForbidden], are [mission.Problems],
// or are an [*Error]; every other error is answered with a reference only.

// Engine starts runs, settles decisions and cancels.
type Engine interface {
	// Start makes a run durable and returns its id. A second start with the
	// same non-empty key and the same input returns the run of the first; with
	// other input it returns an error wrapping [mission.ErrConflict].
	// Input that does not fit gives [mission.Problems].
	Start(ctx context.Context, r StartRequest) (mission.RunID, error)

	// Decide settles an open decision. It returns an error wrapping
	// [mission.ErrConflict] if it is settled already or is about something
	// else than the digest says, and [mission.Problems] if the outcome, the
	// reason or the amendments do not fit.
	Decide(ctx context.Context, r DecideRequest) error

	// Cancel ends a run that has not ended.
	Cancel(ctx context.Context, run mission.RunID, by policy.Principal, reason string) error
}

// StartRequest asks for a run. Documents are in the blob store already.
type StartRequest struct {
	Mission string
	Version int // 0 = latest published
	Input   map[string]mission.InputValue
	By      policy.Principal
	Key     string // idempotency key, unique to the caller; empty = none
}

// DecideRequest settles a decision. From of its amendments is filled in by the
// engine.
type DecideRequest struct {
	Run        mission.RunID
	Decision   string
	Outcome    mission.DecisionOutcome
	Reason     string
	Digest     string
	Amendments []mission.Amendment
	By         policy.Principal
}

// Runs reads runs.
type Runs interface {
	// Runs returns a page of runs, newest first, and the cursor of the next;
	// empty = that was all.
	Runs(ctx context.Context, f RunFilter) (page []mission.Summary, next string, err error)

	// Run returns the index row of a run.
	Run(ctx context.Context, id mission.RunID) (mission.Summary, error)

	// Observations returns up to limit observations behind the sequence number
	// after, in order; limit 0 = all.
	Observations(ctx context.Context, id mission.RunID, after uint64, limit int) ([]mission.Observation, error)

	// Counts says how many runs there are.
	Counts(ctx context.Context) (RunCounts, error)

	// Watch yields every observation behind after, in order and without gaps,
	// as it becomes durable. It ends with the run, with ctx, or with an error.
	Watch(ctx context.Context, id mission.RunID, after uint64) iter.Seq2[mission.Observation, error]

	// WatchAll yields the index row of every run that changes from now on,
	// until ctx ends. It may leave out rows that a later one of the same run
	// replaces.
	WatchAll(ctx context.Context) iter.Seq2[mission.Summary, error]
}

// RunFilter selects runs; empty fields select all.
type RunFilter struct {
	State    mission.State
	Mission  string
	Missions []string // any of them; nil = all
	Class    llm.DataClass
	Verdict  string
	Model    llm.ModelID
	Text     string    // part of the id, the subject or the starter
	From, To time.Time // created at or after From, before To
	Cursor   string
	Limit    int
}

// RunCounts says how many runs there are by each property. Names without any
// are absent.
type RunCounts struct {
	Runs         int
	Observations int
	State        map[mission.State]int
	Mission      map[string]int
	Verdict      map[string]int
	Class        map[llm.DataClass]int
	Model        map[llm.ModelID]int
	Queue        map[string]int // open decisions
}

// Decisions reads decisions.
type Decisions interface {
	// Decisions returns a page of decisions (open: oldest first; settled: newest
	// first) and the cursor of the next; empty = that was all.
	Decisions(ctx context.Context, f DecisionFilter) (page []mission.Decision, next string, err error)

	// Decision returns the decision with the given id.
	Decision(ctx context.Context, id string) (mission.Decision, error)
}

// DecisionFilter selects decisions. The zero value is all that are open.
type DecisionFilter struct {
	Queues  []string // nil = all
	Settled bool     // settled ones, latest first, instead of open ones, oldest first
	Cursor  string
	Limit   int
}

// Missions keeps missions.
type Missions interface {
	// Missions returns all missions by name.
	Missions(ctx context.Context) ([]MissionInfo, error)

	// Mission returns one mission.
	Mission(ctx context.Context, name string) (MissionInfo, error)

	// MissionVersion returns a version; 0 is the draft.
	MissionVersion(ctx context.Context, name string, version int) (mission.Mission, error)

	// MissionSource returns the file of a version; 0 is the draft.
	MissionSource(ctx context.Context, name string, version int) ([]byte, error)

	// Validate returns what keeps source from being published.
	Validate(ctx context.Context, source []byte) ([]mission.Problem, error)

	// SaveDraft keeps source as the draft. It returns [mission.Problems], and
	// keeps nothing, if source does not parse or names another mission; what
	// only keeps it from being published is in the DraftInfo.
	SaveDraft(ctx context.Context, name string, source []byte, by policy.Principal) (DraftInfo, error)

	// Publish makes the draft the next version and returns its number. It
	// returns [mission.Problems] if it cannot be published, an error wrapping
	// [mission.ErrNotFound] if there is no draft, and one wrapping
	// [mission.ErrConflict] if the draft has not the given digest; an empty
	// digest fits any.
	Publish(ctx context.Context, name, digest string, by policy.Principal) (int, error)
}

// MissionInfo is a mission with all its versions. Latest is the draft where
// nothing is published.
type MissionInfo struct {
	Name        string
	Latest      mission.Mission
	Versions    []int // published, latest first
	PublishedAt time.Time
	PublishedBy string
	Draft       *DraftInfo // nil if there is none that differs from Latest
}

// Samples are the documents that come with missions.
type Samples interface {
	// Samples returns the samples of a mission in the order of their stories;
	// none is no error.
	Samples(mission string) []Sample

	// Sample returns the bytes of a sample.
	Sample(mission, file string) (Sample, []byte, error)
}

// Models operates the catalogue.
type Models interface {
	// Models returns the catalogue as it stands now.
	Models(ctx context.Context) ([]ModelStatus, error)

	// Card returns what is known of a model and how well it did. It returns an
	// error wrapping mission.ErrNotFound if there is no such model, or no card.
	Card(ctx context.Context, id llm.ModelID) (llm.Card, error)

	// StopModel and StartModel stop and start a model. Both return when it is
	// done, and do nothing to a model that is there already.
	StopModel(ctx context.Context, id llm.ModelID, by policy.Principal) error
	StartModel(ctx context.Context, id llm.ModelID, by policy.Principal) error

	// ExamineModel asks a running model the questions of the exam and keeps
	// the scorecard. It takes minutes.
	ExamineModel(ctx context.Context, id llm.ModelID, by policy.Principal) error

	// Importing says what can be imported.
	Importing() Importing

	// ImportModel takes a model file in, stopped, and returns its id. existed:
	// the same file was imported before, under that id.
	ImportModel(ctx context.Context, r ModelImport) (id llm.ModelID, existed bool, err error)

	// Uploads returns the uploads that are under way, oldest first.
	Uploads(ctx context.Context) ([]ModelUpload, error)

	// BeginUpload prepares to take in the files of one model, or goes on with
	// an upload of the same files that was broken off.
	BeginUpload(ctx context.Context, files []UploadFile) (ModelUpload, error)

	// Upload returns how far an upload is.
	Upload(ctx context.Context, id string) (ModelUpload, error)

	// SendPiece adds the next piece of a file and returns how far the upload is.
	SendPiece(ctx context.Context, p UploadPiece) (ModelUpload, error)

	// FinishUpload takes in the model of a whole upload, as ImportModel does.
	FinishUpload(ctx context.Context, upload string, r ModelImport) (id llm.ModelID, existed bool, err error)

	// DiscardUpload forgets an upload and what has come of it. One that does
	// not exist is no error.
	DiscardUpload(ctx context.Context, id string) error

	// RemoveModel removes an imported model and, unless another model shares it,
	// its file. Calls in progress keep it from that, unless force ends them.
	RemoveModel(ctx context.Context, id llm.ModelID, force bool, by policy.Principal) error
}

// ModelImport asks for a model file to be taken in.
type ModelImport struct {
	Name          string      // of the file
	ID            llm.ModelID // empty = made from what the file calls itself, or from Name
	Title         string      // for people; empty = what the file calls itself
	Profile       string      // prompt profile; empty = the usual one
	Template      string      // chat template; empty = recognised from the file
	ContextTokens int         // to run it with; 0 = chosen from the file
	SHA256        string      // in hex, that the file must have; empty = any
	Size          int64       // bytes
	Body          io.Reader   // the file; read once
	By            policy.Principal
}

// UploadPiece is a piece of a file of an upload.
type UploadPiece struct {
	Upload   string
	File     int   // from 0, in the order of the upload
	At, Size int64 // bytes
	Body     io.Reader
}

// ModelStatus is a model and how it does.
type ModelStatus struct {
	llm.Model
	State         string          // "running", "idle", "stopped", "failed", "starting"
	LastUse       time.Time       // when the last call ended; zero = there was none
	Pinned        bool            // it stays loaded whatever happens
	Why           string          // why it is not running
	LatencyMicros int64           // recent median of a call; 0 = not measured
	Calls         int64           // since the appliance started
	SizeBytes     int64           // of its file
	MemoryBytes   int64           // resident, of its process; 0 = it does not run
	File          *ModelFile      // nil = it was not imported
	Exam          *exam.Scorecard // nil = it was not examined
}

// Policies reads the active policy.
type Policies interface {
	// Active returns the active policy; never nil.
	Active() *policy.Policy

	// ActiveSource returns the file that it was read from.
	ActiveSource(ctx context.Context) ([]byte, error)

	// Versions returns all versions and who activated which.
	Versions(ctx context.Context) (PolicyVersions, error)

	// Check parses source; its error is [policy.Problems] where it has faults.
	// broken are the published missions that could not run under it, each with
	// the first reason.
	Check(ctx context.Context, source []byte) (p *policy.Policy, broken []string, err error)

	// Put keeps source, which Check has passed, as a version of the policy. To
	// make it the active one is a governed change.
	Put(ctx context.Context, source []byte, by policy.Principal) (*policy.Policy, error)

	// Source returns the file of a version.
	Source(ctx context.Context, version int) ([]byte, error)
}

// Blobs keeps documents by their digest.
type Blobs interface {
	// Put keeps up to maxBytes of r and returns their SHA-256 in hex.
	Put(ctx context.Context, r io.Reader, maxBytes int64) (sha256 string, size int64, err error)

	// Open returns the bytes with the given digest.
	Open(ctx context.Context, sha256 string) (io.ReadCloser, error)
}

// Sessions keeps sign-in links and sessions. It stores only hashes of tokens,
// so that a copy of the store signs nobody in. Unknown, used and expired tokens
// alike give an error wrapping [mission.ErrNotFound].
type Sessions interface {
	// Redeem spends a one-time token and signs in whom it was made for. The
	// token of the session has 256 random bits.
	Redeem(ctx context.Context, link string, lifetime time.Duration, note string) (token string, s SessionInfo, err error)

	// Session returns the session of a token.
	Session(ctx context.Context, token string) (SessionInfo, error)

	// Confirm goes on with the session of a token under a new one: whoever is
	// behind it has proven anew who they are. With a link, that is the proof, and
	// it is used up.
	Confirm(ctx context.Context, token, link string) (next string, s SessionInfo, err error)

	// RevokeSession ends the session with the given id.
	RevokeSession(ctx context.Context, id string) error
}

// SessionInfo is a session that was found by its token.
type SessionInfo struct {
	ID        string // handle; of no use for signing in
	Principal policy.Principal
	CreatedAt time.Time
	ExpiresAt time.Time
	Note      string    // where it is used from
	Recheck   time.Time // it ends then, unless a directory is asked before; zero = there is none

	Certificate string // SHA-256 of the client certificate that it is bound to, hex; empty = none

	ConfirmedAt time.Time // when they have last proven who they are
}
