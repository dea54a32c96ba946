package govern

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"skerry/appliance/policy"
)

// domain keeps the digest of a proposal from being that of anything else.
const domain = "skerry proposal v1"

// Sum returns the digest of what is proposed; the package comment has its
// layout.
func (p *Proposal) Sum() (string, error) {
	change, err := p.Change.canonical()
	if err != nil {
		return "", fmt.Errorf("digest of %s: %w", p.ID, err)
	}
	h := sha256.New()
	for _, field := range []string{
		domain, p.ID, string(p.Kind), string(change), p.Base, p.Proposer.ID, p.Note,
		p.Made.UTC().Format(time.RFC3339Nano), p.Ends.UTC().Format(time.RFC3339Nano),
	} {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(field))))
		h.Write([]byte(field))
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

func (c *Change) canonical() ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(c); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// Refusal says why something was not done to a proposal.
type Refusal struct {
	Code string // names the reason for programs
	Text string // a sentence for people: what happened and what to do
}

// Error returns the text.
func (r *Refusal) Error() string { return r.Text }

// Codes of refusals.
const (
	CodeClosed   = "proposal-closed"
	CodeDigest   = "proposal-changed"
	CodeStale    = "proposal-stale"
	CodeStepUp   = "step-up"
	CodeSame     = "four-eyes"
	CodeNot      = "not-allowed"
	CodeReason   = "reason-missing"
	CodeConflict = "conflict"
)

func refuse(code, format string, a ...any) error {
	return &Refusal{Code: code, Text: fmt.Sprintf(format, a...)}
}

// Account is what is known of an account at the moment. The zero Account is that
// of nobody.
type Account struct {
	Known    bool
	Enabled  bool
	Enrolled bool // they have something to sign in with
	Roles    []string

	// Vouched names whoever could be behind this account: who made the link with
	// which its password was set or named its certificates, and who could be behind
	// them. A mark stands for
	// what is no person. Empty = not known.
	Vouched []string
}

// Eyes returns whom a principal counts as. Whoever makes the link with which an
// account gets its password may be who sets it, so both count as one person,
// until somebody else has made another. All that come from the host are one.
func (a Account) Eyes(id string) []string {
	if IsHost(id) {
		return []string{HostMark}
	}
	eyes := []string{id}
	for _, v := range a.Vouched {
		if !strings.HasPrefix(v, "@") && !slices.Contains(eyes, v) {
			eyes = append(eyes, v)
		}
	}
	return eyes
}

// VouchedBy returns what [Account.Vouched] becomes by a link that a principal,
// whose account is a, has made.
func (a Account) VouchedBy(id string) []string { return a.Eyes(id) }

// capable reports whether the account could approve anything.
func (a Account) capable() bool {
	return a.Known && a.Enabled && a.Enrolled && len(a.Vouched) > 0 && slices.Contains(a.Roles, policy.Admin)
}

// Bootstrap reports whether there are not yet two administrators, by login, who
// could approve what the other proposes.
func Bootstrap(accounts map[string]Account) bool {
	for a, x := range accounts {
		for b, y := range accounts {
			if a != b && x.capable() && y.capable() && !overlap(x.Eyes(a), y.Eyes(b)) {
				return false
			}
		}
	}
	return true
}

func overlap(a, b []string) bool {
	return slices.ContainsFunc(a, func(s string) bool { return slices.Contains(b, s) })
}

// AtOnce returns on whose word a change is made without waiting, empty if it
// waits for a second person. Until there are two who could approve, whoever works
// on the host makes them.
func AtOnce(by policy.Principal, c *Change, w *Waiver, bootstrap bool) How {
	switch p := c.Person; {
	case w != nil:
		return ByWaiver
	case bootstrap && IsHost(by.ID) && p != nil && !p.Remove && (slices.Contains(p.Roles, policy.Admin) || p.Roles == nil && p.Disabled != nil && !*p.Disabled):
		return ByBootstrap
	}
	return ""
}

// Approval is somebody's word for a proposal.
type Approval struct {
	By       policy.Principal
	Account  Account // of By, at the moment
	Proposer Account // of the proposer, at the moment
	Digest   string  // of what they have seen
	Base     string  // what the change would rest on now
	Fresh    bool    // they have proven who they are within [FreshFor]

	BreakGlass bool   // one person alone, in an emergency
	Why        string // of that
}

// minReason is the least length of the reason for breaking the glass.
const minReason = 10

// Check says why the approval is not good for the proposal, as a [*Refusal], or
// nil. Whatever is not known means no.
func (p *Proposal) Check(a Approval, now time.Time) error {
	sum, err := p.Sum()
	if err != nil {
		return err
	}
	switch state := p.StateAt(now); {
	case state != Open:
		return refuse(CodeClosed, "%s is %s and cannot be approved any more. If the change is still wanted, propose it again.", p.ID, state)
	case a.Digest == "" || a.Digest != p.Digest || sum != p.Digest:
		return refuse(CodeDigest, "What you approve is not what %s says now. Load it again, look at it, and approve it if it is right.", p.ID)
	case a.Base != p.Base:
		return refuse(CodeStale, "What %s rests on has changed since it was proposed, so it would do something else than what it says. It is void; propose the change again.", p.ID)
	case !a.Fresh:
		return refuse(CodeStepUp, "This needs proof that you are still you. Give your password again and repeat.")
	case p.Subject() != "" && p.Subject() == a.By.ID:
		return refuse(CodeSame, "%s is about your own account. Somebody else has to approve it.", p.ID)
	case a.BreakGlass:
		return p.checkGlass(a)
	}
	return p.CheckPerson(a)
}

// checkGlass is [Proposal.Check] for one person alone.
func (p *Proposal) checkGlass(a Approval) error {
	switch {
	case !IsHost(a.By.ID) && !(a.Account.Known && a.Account.Enabled && slices.Contains(a.Account.Roles, policy.Admin)):
		return refuse(CodeNot, "Only an administrator whose account is enabled can break the glass.")
	case len([]rune(strings.TrimSpace(a.Why))) < minReason:
		return refuse(CodeReason, "Say in a sentence why this cannot wait for a second person; everyone on the site will read it.")
	}
	return nil
}

// CheckPerson says why a person is none who can approve this proposal, whatever
// state it is in, or nil.
func (p *Proposal) CheckPerson(a Approval) error {
	switch {
	case IsHost(a.By.ID):
		return refuse(CodeSame, "Whoever works on the host is no named person and approves nothing. Sign in with an account that has the role admin; in an emergency, break the glass.")
	case !a.Account.Known || !a.Account.Enabled || !a.Account.Enrolled || !slices.Contains(a.Account.Roles, policy.Admin):
		return refuse(CodeNot, "Only a person with an enabled account and the role admin approves changes.")
	case a.By.ID == p.Proposer.ID:
		return refuse(CodeSame, "You proposed %s yourself. Another administrator has to approve it.", p.ID)
	case p.Subject() != "" && p.Subject() == a.By.ID:
		return refuse(CodeSame, "%s is about your own account. Somebody else has to approve it.", p.ID)
	case !IsHost(p.Proposer.ID) && !(a.Proposer.Known && a.Proposer.Enabled && slices.Contains(a.Proposer.Roles, policy.Admin)):
		return refuse(CodeSame, "%s, who proposed %s, is no administrator any more. Propose it yourself; another administrator then approves it.", p.Proposer.Name, p.ID)
	case len(a.Account.Vouched) == 0:
		return refuse(CodeSame, "It is not known who made the link with which your password was set, so you might be the one who proposed this. Get a new link, made on the host with: skerry user link %s", a.By.ID)
	case !IsHost(p.Proposer.ID) && len(a.Proposer.Vouched) == 0:
		return refuse(CodeSame, "It is not known who made the link with which %s set a password, so they might be you. They need a new link, made on the host with: skerry user link %s", p.Proposer.Name, p.Proposer.ID)
	}
	mine := a.Account.Eyes(a.By.ID)
	if overlap(mine, p.Eyes) || !IsHost(p.Proposer.ID) && overlap(mine, a.Proposer.Eyes(p.Proposer.ID)) {
		return refuse(CodeSame, "The link with which a password was set came from the other one of you, or from the same administrator, so you and %s count as one person. A new link, made on the host with skerry user link %s, ends that; or another administrator approves.", p.Proposer.Name, a.By.ID)
	}
	return nil
}

// CheckAcknowledge says why somebody is not the one to acknowledge a broken
// glass, or nil.
func (p *Proposal) CheckAcknowledge(by policy.Principal, account Account) error {
	switch {
	case p.How != ByBreakGlass || p.Acked != nil:
		return refuse(CodeClosed, "%s is not waiting for anybody to acknowledge it.", p.ID)
	case IsHost(by.ID), !account.capable():
		return refuse(CodeNot, "A person with an enabled account and the role admin acknowledges this.")
	case by.ID == p.By.ID, overlap(account.Eyes(by.ID), p.Breaker):
		return refuse(CodeSame, "You broke the glass yourself. Another administrator has to acknowledge it; otherwise everyone is told for a week.")
	}
	return nil
}
