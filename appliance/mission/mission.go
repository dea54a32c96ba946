// Package mission is the domain: what work is (Mission, Step), what happened to
// it (Run, Observation, Decision) and how it ended (Verdict). A run is the fold
// of its observations; [Run.Apply] is that fold and the only place that changes
// a run. The package reads no clock, starts no goroutine and does no I/O.
// Start with [Run.Apply], then [Plan.Next], which says what a run can do now.
package mission

import (
	"errors"
	"time"

	"skerry/appliance/llm"
	"skerry/appliance/source"
)

// Errors that callers branch on.
var (
	ErrNotFound = errors.New("not found")
	// ErrConflict: somebody else appended to the run first. Load it again.
	ErrConflict = errors.New("the run has changed meanwhile")
	// ErrForbidden: policy does not let this person do it. The text says why.
	ErrForbidden = errors.New("not permitted")
)

// Text is what people read, by language; the key "" holds a text that was
// given without a language.
type Text map[string]string

// In returns the text in language lang, else the unmarked one, else English,
// else the first by language, else "".
func (t Text) In(lang string) string {
	for _, l := range []string{lang, "", "en"} {
		if s, ok := t[l]; ok {
			return s
		}
	}
	first := ""
	for l := range t {
		if first == "" || l < first {
			first = l
		}
	}
	return t[first]
}

// Expr is a CEL expression, type-checked when the mission is published.
type Expr string

// Mission is one version of the definition of a unit of work. It names no
// vendor, endpoint or prompt dialect. A published version never changes.
type Mission struct {
	Name        string       `json:"name"`
	Version     int          `json:"version"` // 0 = draft
	Digest      string       `json:"digest"`  // SHA-256 of the source in hex
	Title       Text         `json:"title"`
	Description Text         `json:"description"`
	Input       []InputField `json:"input"`
	Class       ClassSpec    `json:"class"`
	Steps       []Step       `json:"steps"`
	Verdict     []Outcome    `json:"verdict"` // first match wins

	positions map[string]source.Position // where the source says what, by path; nil unless parsed
}

// InputField is a value that a run needs to start.
type InputField struct {
	Name     string    `json:"name"`
	Type     InputType `json:"type"`
	Title    Text      `json:"title"`
	About    Text      `json:"about,omitempty"`
	Accept   []string  `json:"accept,omitempty"` // document: "text", "pdf"
	Values   []string  `json:"values,omitempty"` // enum
	Optional bool      `json:"optional,omitempty"`
}

// InputType is the type of an input field: a document, or one of the scalar
// field types of package llm.
type InputType string

// InputDocument is a file that is read to text before any step runs.
const InputDocument InputType = "document"

// ClassSpec says how the data class of a run is found. A class only rises.
type ClassSpec struct {
	Start llm.DataClass `json:"start"`
	Rules []ClassRule   `json:"rules"`
}

// ClassRule raises the class of a run.
type ClassRule struct {
	When    Expr          `json:"when"`
	Raise   llm.DataClass `json:"raise"`
	Because Text          `json:"because"`
}

// Step is one unit of a mission. Exactly one of the kinds is set.
type Step struct {
	ID         string          `json:"id"`
	Title      Text            `json:"title,omitempty"`
	When       Expr            `json:"when,omitempty"`       // false = the step is skipped
	Confidence *ConfidenceRule `json:"confidence,omitempty"` // model steps only
	Escalate   *EscalateRule   `json:"escalate,omitempty"`   // model steps only

	Extract  *Extract    `json:"extract,omitempty"`
	Classify *Classify   `json:"classify,omitempty"`
	Generate *Generate   `json:"generate,omitempty"`
	Check    *Check      `json:"check,omitempty"`
	Decide   *Decide     `json:"decide,omitempty"`
	Branch   *Branch     `json:"branch,omitempty"`
	Each     *Each       `json:"each,omitempty"`
	Mission  *SubMission `json:"mission,omitempty"`
}

// Kind returns the name of the kind that is set: "extract", "classify" …
func (s *Step) Kind() string {
	switch {
	case s.Extract != nil:
		return "extract"
	case s.Classify != nil:
		return "classify"
	case s.Generate != nil:
		return "generate"
	case s.Check != nil:
		return "check"
	case s.Decide != nil:
		return "decide"
	case s.Branch != nil:
		return "branch"
	case s.Each != nil:
		return "each"
	case s.Mission != nil:
		return "mission"
	}
	return ""
}

// ConfidenceRule is the least confidence with which a model's answer is taken.
// An answer below it goes one grade up, and at the last grade to a person.
type ConfidenceRule struct {
	Min     float64 `json:"min"`               // in [0, 1]
	Below   string  `json:"below,omitempty"`   // at the last grade: "ask" a person (the default) or "refer" the run
	Missing string  `json:"missing,omitempty"` // the same where a field that is not nullable was not found; empty = as Below
	Floor   float64 `json:"floor,omitempty"`   // in [0, Min]; below it a value of such a field is a guess and counts as not found
	Queue   string  `json:"queue,omitempty"`   // whom to ask; empty = the queue of the first decide step, else the site's first
}

// EscalateRule sends a step to the next grade although its confidence suffices.
// When may use the step's own output under its id.
type EscalateRule struct {
	When    Expr `json:"when"`
	Because Text `json:"because"`
}

// Extract finds typed fields in a text. Its output is an object of the fields.
type Extract struct {
	From         Expr        `json:"from"` // a string or a document
	Instructions string      `json:"instructions,omitempty"`
	Fields       []llm.Field `json:"fields"`
}

// Classify puts a text under one label. Its output is {label}.
type Classify struct {
	From         Expr        `json:"from"`
	Instructions string      `json:"instructions,omitempty"`
	Into         []llm.Label `json:"into"`
}

// Generate writes a text. Its output is {text}.
type Generate struct {
	From         Expr   `json:"from"`
	Instructions string `json:"instructions"`
	MaxTokens    int    `json:"maxTokens,omitempty"`
}

// Check holds assertions against what is known. Its output is {held, reason};
// an assertion over an absent value does not hold.
type Check struct {
	That []Assertion `json:"that"`
}

// Assertion is one sentence that ought to be true.
type Assertion struct {
	That    Expr `json:"that"`
	Because Text `json:"because"`
}

// Decide waits for people if When is true. Its output is {asked, approved,
// rejected, amended, expired, reason, by}.
type Decide struct {
	When    Expr     `json:"when"`
	Queue   string   `json:"queue"`
	Ask     Text     `json:"ask"`
	NotBy   []string `json:"notBy,omitempty"` // "initiator"
	Amend   []string `json:"amend,omitempty"` // ids of steps whose fields may be corrected
	Expires *Expiry  `json:"expires,omitempty"`
}

// Expiry ends a wait.
type Expiry struct {
	After time.Duration `json:"after"` // nanoseconds in JSON
	Then  string        `json:"then"`  // "approve" is not possible: "reject" or "refer"
}

// Branch runs the steps of the first arm whose condition holds. Its output is
// {taken}, the name of the arm; the steps of other arms are skipped.
type Branch struct {
	Arms []Arm `json:"arms"`
}

// Arm is one way of a branch; an empty When is the else arm and comes last.
type Arm struct {
	Name  string `json:"name"`
	When  Expr   `json:"when,omitempty"`
	Steps []Step `json:"steps"`
}

// Each runs its steps once for every element of a list. Its output is
// {items}: one object per element that holds the outputs of the steps by id.
type Each struct {
	In    Expr   `json:"in"`
	As    string `json:"as"` // variable that holds the element
	Steps []Step `json:"steps"`
}

// SubMission starts another mission and waits for its verdict. Its output is
// {verdict, reason, run, fields}. The child starts at the parent's class, and
// the parent rises to the child's.
type SubMission struct {
	Name  string          `json:"name"`
	Input map[string]Expr `json:"input"`
}

// Outcome is a possible end of a run.
type Outcome struct {
	Is      string `json:"is"`
	When    Expr   `json:"when,omitempty"`    // empty = always
	Because Expr   `json:"because,omitempty"` // CEL that yields a string, or null
	Text    Text   `json:"text,omitempty"`    // plain words, where Because is empty
}

// Verdicts that the platform itself gives. A mission may name others.
const (
	Approved         = "approved"
	Rejected         = "rejected"
	Referred         = "referred"
	Abstained        = "abstained"
	Failed           = "failed"
	CancelledVerdict = "cancelled"
)
