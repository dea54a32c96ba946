// Package govern decides whose word it takes for a change that one person alone
// must not make: four eyes. Such a change is a [Proposal], which never changes
// after it was made: whoever wants something else makes another that takes its
// place, and an approval of the first is worth nothing for the second. Somebody
// else approves it by its digest. The package performs no I/O and reads no clock.
// Start with [Proposal.Check]; [Proposal.Sum] says what is approved.
//
// # Digest
//
// The digest of a proposal is the SHA-256, in hex, of these fields in order, each
// with its length in bytes as 8 bytes big-endian before it:
//
//	domain     "skerry proposal v1"
//	id         "P-" and a number
//	kind       as in [Kind]
//	change     [Change] as JSON: members in the order of the type, empty ones left
//	           out, no space between tokens, <, > and & as they are
//	base       SHA-256 in hex of what the change rests on, or empty
//	proposer   id of the principal
//	note       what the proposer says about it
//	made       time as RFC 3339 with up to nine decimals, in UTC
//	ends       the same, of its end
//
// A test vector: P-7, proposed by ada with the note "new model",
// {"policy":{"version":3,"digest":"aa"}} on the base "bb", made at
// 2026-11-28T12:00:00Z and ending at 2026-12-05T12:00:00Z, has the digest
// 8d84c843732ba876f56e27a3073aae497c19e4c28608ccb4503acf9af27f5413.
package govern

import (
	"slices"
	"strings"
	"time"

	"skerry/appliance/policy"
)

// Lifetime is how long a proposal waits before it expires.
const Lifetime = 7 * 24 * time.Hour

// FreshFor is how long a person counts as having just proven who they are.
const FreshFor = 5 * time.Minute

// AlarmFor is how long everyone is told of a broken glass, unless another
// administrator acknowledges it before.
const AlarmFor = 7 * 24 * time.Hour

// Kind says what a change is about.
type Kind string

// Kinds of governed changes.
const (
	ActivatePolicy   Kind = "policy.activate" // pools, clearances, queues and model enablement among it
	AddPerson        Kind = "person.add"
	ChangePerson     Kind = "person.change"
	RemovePerson     Kind = "person.remove"
	AddVaultAdmin    Kind = "vault.admin.add" // of who can open what is stored, and backups
	RemoveVaultAdmin Kind = "vault.admin.remove"
	BeginWaiver      Kind = "waiver.begin" // of four eyes themselves
)

// State says how far a proposal is.
type State string

// States. All but Open and Approved are final.
const (
	Open      State = "open"
	Approved  State = "approved" // and what it says is being done
	Applied   State = "applied"
	Rejected  State = "rejected"
	Withdrawn State = "withdrawn"
	Expired   State = "expired"
	Void      State = "void" // another took its place, or what it rests on has changed
)

// How says on whose word a change was made.
type How string

// Ways in which a change comes to be made.
const (
	ByTwo        How = "two-people"
	ByWaiver     How = "waiver"      // the site has one person, and says so
	ByBootstrap  How = "bootstrap"   // there are not two who could approve yet
	ByBreakGlass How = "break-glass" // one person, in an emergency
)

// Change is a governed change; exactly one member is set.
type Change struct {
	Policy *Policy `json:"policy,omitempty"`
	Person *Person `json:"person,omitempty"`
	Vault  *Vault  `json:"vault,omitempty"`
	Waiver *Terms  `json:"waiver,omitempty"`
}

// Policy makes a stored version of the policy the active one.
type Policy struct {
	Version int    `json:"version"`
	Digest  string `json:"digest"` // SHA-256 of the document, hex
}

// Person makes, changes or removes an account. Of a change, what is absent
// stays.
type Person struct {
	Login    string   `json:"login"`
	Add      bool     `json:"add,omitempty"`
	Remove   bool     `json:"remove,omitempty"`
	Name     string   `json:"name,omitempty"`
	Roles    []string `json:"roles,omitzero"` // all that they have afterwards; nil = they stay
	Disabled *bool    `json:"disabled,omitempty"`
}

// Vault lets somebody open the vault, or no longer.
type Vault struct {
	Name      string `json:"name"`
	Recipient string `json:"recipient,omitempty"`
	Identity  []byte `json:"identity,omitempty"` // age file of an identity that a passphrase opens
	Remove    bool   `json:"remove,omitempty"`
}

// Terms are why a site does without four eyes.
type Terms struct {
	Why string `json:"why"`
}

// Kind returns what the change is about, empty if it is about nothing, or about
// several things.
func (c *Change) Kind() Kind {
	pick := func(yes bool, a, b Kind) Kind {
		if yes {
			return a
		}
		return b
	}
	var kinds []Kind
	if c.Policy != nil {
		kinds = append(kinds, ActivatePolicy)
	}
	if p := c.Person; p != nil && !(p.Add && p.Remove) {
		kinds = append(kinds, pick(p.Add, AddPerson, pick(p.Remove, RemovePerson, ChangePerson)))
	}
	if c.Vault != nil {
		kinds = append(kinds, pick(c.Vault.Remove, RemoveVaultAdmin, AddVaultAdmin))
	}
	if c.Waiver != nil {
		kinds = append(kinds, BeginWaiver)
	}
	if len(kinds) != 1 {
		return ""
	}
	return kinds[0]
}

// Object names what the change is about: two changes of one kind about the same
// are not both wanted.
func (c *Change) Object() string {
	switch {
	case c.Person != nil:
		return c.Person.Login
	case c.Vault != nil:
		return c.Vault.Name
	}
	return ""
}

// Proposal is a change that was proposed, and what has become of it.
type Proposal struct {
	ID       string           `json:"id"`
	Kind     Kind             `json:"kind"`
	Change   Change           `json:"change"`
	Base     string           `json:"base,omitempty"` // digest of what it rests on: of the active policy, of the account …
	Proposer policy.Principal `json:"proposer"`
	Eyes     []string         `json:"eyes"` // whom the proposer counts as; see [Account.Eyes]
	Note     string           `json:"note,omitempty"`
	Made     time.Time        `json:"made"`
	Ends     time.Time        `json:"ends"`
	Digest   string           `json:"digest"`

	Before   *Person  `json:"before,omitempty"`   // the account as it was
	Says     []string `json:"says,omitempty"`     // what is going to be different, in words
	Replaces string   `json:"replaces,omitempty"` // id of the one that it took the place of

	State   State            `json:"state"`
	How     How              `json:"how,omitempty"`
	By      policy.Principal `json:"by,omitzero"`       // who settled it
	At      time.Time        `json:"at,omitzero"`       // when
	Why     string           `json:"why,omitempty"`     // of a rejection, a broken glass, or of becoming void
	Breaker []string         `json:"breaker,omitempty"` // whom the one who broke the glass counts as
	Acked   *Acknowledgement `json:"acked,omitempty"`   // of a broken glass
	Done    time.Time        `json:"done,omitzero"`     // when what it says was done
}

// Acknowledgement says that another administrator knows of a broken glass.
type Acknowledgement struct {
	By policy.Principal `json:"by"`
	At time.Time        `json:"at"`
}

// Waiver is the word of a site that has one person: what takes two elsewhere is
// done at once here.
type Waiver struct {
	By  policy.Principal `json:"by"`
	At  time.Time        `json:"at"`
	Why string           `json:"why"`
}

// StateAt returns the state at a time: an open proposal expires by itself.
func (p *Proposal) StateAt(now time.Time) State {
	if p.State == Open && !now.Before(p.Ends) {
		return Expired
	}
	return p.State
}

// Alarms reports whether everyone has to be told at a time that one person alone
// has made this change.
func (p *Proposal) Alarms(now time.Time) bool {
	return p.How == ByBreakGlass && p.Acked == nil && now.Before(p.At.Add(AlarmFor))
}

// Subject returns the login of the person that the change is about, if there is
// one.
func (p *Proposal) Subject() string {
	if p.Change.Person == nil {
		return ""
	}
	return p.Change.Person.Login
}

// governedRoles are those that nobody gets or loses by the word of one person.
var governedRoles = []string{policy.Admin, policy.Approver, policy.Auditor}

// governed returns the governed ones among roles, sorted.
func governed(roles []string) []string {
	var list []string
	for _, r := range governedRoles {
		if slices.Contains(roles, r) {
			list = append(list, r)
		}
	}
	return list
}

// Concerns reports whether a change of an account takes two. before is the
// account as it is, nil if there is none. Disabling takes one: whoever must not
// get in any more cannot wait for a second person.
func Concerns(before *Person, c *Person) bool {
	switch {
	case before == nil:
		return len(governed(c.Roles)) > 0
	case c.Remove:
		return len(governed(before.Roles)) > 0
	case c.Roles != nil && !slices.Equal(governed(c.Roles), governed(before.Roles)):
		return true
	}
	wasDisabled := before.Disabled != nil && *before.Disabled
	return c.Disabled != nil && !*c.Disabled && wasDisabled && len(governed(before.Roles)) > 0
}

// Marks in [Account.Vouched] that name no person.
const (
	// HostMark: a link made on the host, through the local socket.
	HostMark = "@host"
	// DirectoryMark: the directory of the site says who it is.
	DirectoryMark = "@directory"
)

// IsHost reports whether a principal is whoever works on the host: the local
// socket, or the Administrator, who signs in with a link that is made there. They
// are one, and no named person.
func IsHost(id string) bool { return id == "admin" || strings.HasPrefix(id, "local-") }
