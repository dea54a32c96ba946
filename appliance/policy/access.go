package policy

import (
	"fmt"
	"slices"
	"strings"
)

// Roles that a principal may have. A role that is not listed grants nothing.
const (
	Viewer   = "viewer"   // looks
	User     = "user"     // runs missions
	Approver = "approver" // settles decisions
	Author   = "author"   // writes missions
	Admin    = "admin"    // operates the appliance
	Auditor  = "auditor"  // reviews, changes nothing
	Service  = "service"  // a program that starts runs and reads their results
)

// Roles lists every role.
func Roles() []string {
	return []string{Viewer, User, Approver, Author, Admin, Auditor, Service}
}

// CheckRoles says why nobody may have these roles together, or nil: a role that
// there is not, one twice, or an auditor's with any that changes something, since
// an auditor would then look into what they did themselves.
func CheckRoles(roles []string) error {
	seen := map[string]bool{}
	for _, r := range roles {
		switch {
		case !slices.Contains(Roles(), r):
			return fmt.Errorf("there is no role %s; there are %s", quote(r), strings.Join(Roles(), ", "))
		case seen[r]:
			return fmt.Errorf("the role %s is there twice", r)
		}
		seen[r] = true
	}
	if seen[Auditor] {
		for _, r := range roles {
			if r != Auditor && r != Viewer {
				return fmt.Errorf("an auditor cannot be %s too: they would look into what they did themselves", r)
			}
		}
	}
	return nil
}

// grants says which roles may do what. What is not here nobody may do. Settling
// also needs a role of the queue.
var grants = map[Action][]string{
	ReadRuns:       {Viewer, User, Approver, Author, Admin, Auditor, Service},
	StartRun:       {User, Approver, Author, Admin, Service},
	CancelRun:      {User, Approver, Admin, Service},
	ReadDecisions:  {Viewer, User, Approver, Author, Admin, Auditor},
	Settle:         settlers,
	ReadMissions:   {Viewer, User, Approver, Author, Admin, Auditor, Service},
	WriteMissions:  {Author, Admin},
	PublishMission: {Author, Admin},
	ReadModels:     {Viewer, User, Approver, Author, Admin, Auditor, Service},
	OperateModels:  {Admin},
	ReadPolicy:     {Approver, Author, Admin, Auditor},
	ReadAudit:      {Viewer, User, Approver, Author, Admin, Auditor},
	WritePolicy:    {Admin},
	Backup:         {Admin},
	ReadPeople:     {Admin, Auditor},
	WritePeople:    {Admin},
	Administer:     {Admin},
	ReadProposals:  {Admin, Auditor},
	ProposeChanges: {Admin},
	ApproveChanges: {Admin},
	BreakGlass:     {Admin},
}

// settlers are the roles that a queue may give its decisions to: people who act.
// A decision is a person's word, so a service has none, and an auditor who
// settled would audit themselves.
var settlers = []string{User, Approver, Author, Admin}

// Can answers whether who may do a to o. It denies by default: an unknown
// action, role or queue, and anybody without an id, gets no. Nobody in o.NotBy
// gets yes, whatever their roles. Why is always set.
func (p *Policy) Can(who Principal, a Action, o Object) Permission {
	roles, ok := grants[a]
	switch {
	case who.ID == "":
		return Permission{Why: "nobody is signed in"}
	case !ok:
		return Permission{Why: "there is no action " + quote(string(a))}
	case slices.Contains(o.NotBy, who.ID):
		return Permission{Why: "it must be somebody else: " + who.ID + " took part in what is to be decided"}
	}
	if p, ok := inScope(who, a, o); !ok {
		return p
	}
	if a == Settle {
		queue, ok := p.Queues[o.Queue]
		if !ok {
			return Permission{Why: "the policy has no queue " + quote(o.Queue)}
		}
		var both []string
		for _, r := range queue.Roles {
			if slices.Contains(roles, r) {
				both = append(both, r)
			}
		}
		if roles = both; len(roles) == 0 {
			return Permission{Why: "the policy names no role that may settle what waits in " + quote(o.Queue)}
		}
	}
	for _, r := range roles {
		if slices.Contains(who.Roles, r) {
			return Permission{Allowed: true, Role: r, Why: "the role " + r + " may do this"}
		}
	}
	return Permission{Why: "this needs one of the roles " + strings.Join(roles, ", ") + "; " + who.ID + " has " + have(who.Roles)}
}

// scoped are the actions that are about one mission, or can be. Whoever is
// limited to missions may do nothing else, whatever their roles.
var scoped = []Action{ReadRuns, StartRun, CancelRun, ReadMissions}

// inScope reports whether a is about a mission that who is for, or says why not.
func inScope(who Principal, a Action, o Object) (Permission, bool) {
	switch {
	case who.Missions == nil, o.Some && slices.Contains(scoped, a):
		return Permission{}, true
	case !slices.Contains(scoped, a) || o.Mission == "":
		return Permission{Why: who.ID + " is limited to missions, and this is about more than one"}, false
	case !slices.Contains(who.Missions, o.Mission):
		return Permission{Why: who.ID + " is limited to other missions", Hidden: true}, false
	}
	return Permission{}, true
}

func have(roles []string) string {
	if len(roles) == 0 {
		return "none"
	}
	return strings.Join(roles, ", ")
}
