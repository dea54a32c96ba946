// Package policy decides which model may see which data and who may do what.
// It performs no I/O and reads no clock: the same Policy, Query and models
// always give the same answer, with every rejection and its reason. Start with
// [Policy.Decide]; [Policy.Classify] comes before it and [Policy.Can] guards
// every mutation.
package policy

import "skerry/appliance/llm"

// Policy is one immutable version of the site's policy document.
type Policy struct {
	Version int    `json:"version"`
	Digest  string `json:"digest"` // SHA-256 of the document in hex

	Classes  []Class                        `json:"classes"`  // lowest first
	Ceilings map[llm.Boundary]llm.DataClass `json:"ceilings"` // highest class that may cross into a boundary; absent = none
	Models   map[llm.ModelID]ModelRule      `json:"models"`   // a model that is not named here is not enabled
	Pools    []Pool                         `json:"pools"`
	Rules    []Rule                         `json:"rules"`  // first match wins
	Tables   map[string]Table               `json:"tables"` // lookup tables that missions may consult
	Prices   map[llm.ModelID]llm.Price      `json:"prices"` // absent = the catalogue's price
	Budget   Budget                         `json:"budget"`
	Queues   map[string]Queue               `json:"queues"`

	program *program // compiled by Parse; nil = compiled at every question
}

// Class is a data class of the site with its meaning for people.
type Class struct {
	Name  llm.DataClass     `json:"name"`
	Title map[string]string `json:"title"` // language → text
}

// ModelRule enables a model and says what it may see.
type ModelRule struct {
	Clearance llm.DataClass `json:"clearance"` // highest class that it may see
	Disabled  bool          `json:"disabled,omitempty"`
}

// Pool is a named set of models in order of preference. Missions never name one.
type Pool struct {
	Name   string            `json:"name"`
	Title  map[string]string `json:"title"`
	Models []llm.ModelID     `json:"models"`
	Limit  int               `json:"limit,omitempty"` // concurrent calls; 0 = no limit
}

// Objective orders the candidates that are left.
type Objective string

// Objectives.
const (
	ByOrder   Objective = "order"   // the order of the pool
	ByCost    Objective = "cost"    // cheapest first
	ByQuality Objective = "quality" // last in the pool first: pools list the best model last
	ByLatency Objective = "latency" // fastest measured first
)

// Rule routes the queries that it matches up a ladder of pools.
type Rule struct {
	Name      string    `json:"name"`
	When      string    `json:"when,omitempty"` // CEL over the query; empty = always
	Ladder    []string  `json:"ladder"`         // pools by grade: the first attempt uses the first
	Objective Objective `json:"objective"`
}

// Budget bounds what one run may spend.
type Budget struct {
	RunMicros int64 `json:"runMicros,omitempty"` // 0 = unbounded
	RunTokens int64 `json:"runTokens,omitempty"` // 0 = unbounded
}

// Queue is a Decision Queue and who may settle what waits in it.
type Queue struct {
	Title map[string]string `json:"title"`
	Roles []string          `json:"roles"`
}

// Query is one question to the router: a step that wants a model.
type Query struct {
	Mission     string        `json:"mission"`
	Step        string        `json:"step"`
	Kind        llm.TaskKind  `json:"kind"`
	Class       llm.DataClass `json:"class"`            // class of the data, ceilings of unsettled rules included
	Grade       int           `json:"grade"`            // 0 = first pool of the ladder, 1 = after one escalation …
	Caller      string        `json:"caller,omitempty"` // id of the principal on whose behalf the run goes
	Tokens      int           `json:"tokens"`           // upper estimate of prompt and completion together
	Lists       bool          `json:"lists"`            // the work needs lists of objects
	Images      bool          `json:"images,omitempty"` // the model will be shown images
	Embed       bool          `json:"embed,omitempty"`  // the work is to make vectors of texts; Kind is then empty
	Spent       llm.Usage     `json:"spent"`            // what the run has used so far
	SpentMicros int64         `json:"spentMicros"`
	Tried       []llm.ModelID `json:"tried"` // models that already failed this attempt; they come last, never first
}

// Offer is a model as it stands now: its catalogue entry and its health.
type Offer struct {
	llm.Model
	Down          string `json:"down,omitempty"`          // why it cannot be called now; empty = it can
	LatencyMicros int64  `json:"latencyMicros,omitempty"` // recent median of a call; 0 = not measured
}

// Route is the answer to a Query: the choice and every rejection.
type Route struct {
	Model    llm.ModelID `json:"model,omitempty"` // empty = nothing is available and cleared
	Pool     string      `json:"pool"`
	Grade    int         `json:"grade"`
	Last     bool        `json:"last"` // there is no higher grade to escalate to
	Rule     string      `json:"rule"`
	Rejected []Rejection `json:"rejected"`
	Waitable bool        `json:"waitable,omitempty"` // no choice now, but a cleared model exists and is only down: park and wait
}

// Reason says why a candidate was not chosen.
type Reason string

// Reasons of rejection, in the order in which they are looked at.
const (
	NotEnabled     Reason = "not-enabled"
	BelowClass     Reason = "clearance-below-class"
	BoundaryClosed Reason = "boundary-closed"
	NotCapable     Reason = "not-capable"
	TooLong        Reason = "context-too-long"
	OverBudget     Reason = "over-budget"
	Down           Reason = "down"
	AlreadyTried   Reason = "already-tried"
	NotInPool      Reason = "not-in-pool"
	NotPreferred   Reason = "not-preferred" // it could have been chosen; another came first
)

// Rejection is a model that was not chosen and why, in words a person reads.
type Rejection struct {
	Model  llm.ModelID `json:"model"`
	Reason Reason      `json:"reason"`
	Detail string      `json:"detail"`
}

// Table is a lookup table: phrases to look for, each with what it stands for.
type Table struct {
	Title map[string]string `json:"title"`
	Rows  []Row             `json:"rows"`

	index *index // made by Parse; nil = made at every search
}

// Row is an entry of a table. Any of its names is a mention.
type Row struct {
	Key   string   `json:"key"`
	Names []string `json:"names"`
	Note  string   `json:"note,omitempty"`
}

// Mention is a place in a text where a row of a table is named.
type Mention struct {
	Key  string   `json:"key"`
	Name string   `json:"name"`
	Span llm.Span `json:"span"` // in bytes of the text
}

// Principal is who asks. The zero Principal may do nothing.
type Principal struct {
	ID    string   `json:"id"`
	Name  string   `json:"name"`
	Roles []string `json:"roles"`

	// Missions are all that a service key is for: nothing about another mission is
	// there for it. nil = it is not limited, as people are.
	Missions []string `json:"missions,omitempty"`
}

// Action is something that a principal wants to do.
type Action string

// Actions, asked at every route.
const (
	ReadRuns       Action = "runs:read"
	StartRun       Action = "runs:start"
	CancelRun      Action = "runs:cancel"
	ReadDecisions  Action = "decisions:read"
	Settle         Action = "decisions:settle"
	ReadMissions   Action = "missions:read"
	WriteMissions  Action = "missions:write"
	PublishMission Action = "missions:publish"
	ReadModels     Action = "models:read"
	OperateModels  Action = "models:operate"
	ReadPolicy     Action = "policy:read"
	ReadAudit      Action = "audit:read" // how the log stands; what it says is for auditors, elsewhere
	WritePolicy    Action = "policy:write"
	Backup         Action = "store:backup"
	ReadPeople     Action = "people:read"
	WritePeople    Action = "people:write"
	Administer     Action = "site:administer"
	ReadProposals  Action = "changes:read"
	ProposeChanges Action = "changes:propose"
	ApproveChanges Action = "changes:approve" // of others; package govern says whose
	BreakGlass     Action = "changes:alone"
)

// Object is what an action is about; unused fields stay empty.
type Object struct {
	Mission string        `json:"mission,omitempty"`
	Queue   string        `json:"queue,omitempty"`
	NotBy   []string      `json:"notBy,omitempty"` // principals that a decision must not be settled by
	Class   llm.DataClass `json:"class,omitempty"`

	// Some: it is about those objects of a kind that who asks may see, like a list
	// that leaves out all others, and not about each that there is.
	Some bool `json:"some,omitempty"`
}

// Permission is the answer of [Policy.Can].
type Permission struct {
	Allowed bool   `json:"allowed"`
	Role    string `json:"role,omitempty"` // role that allowed it
	Why     string `json:"why"`            // in words, also when refused

	// Hidden: who asks is not to learn that the object exists.
	Hidden bool `json:"hidden,omitempty"`
}
