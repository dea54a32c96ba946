package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"skerry/appliance/policy"
)

// Person is somebody with an account.
type Person struct {
	Login       string     `json:"login"`
	Name        string     `json:"name"`
	Roles       []string   `json:"roles"`
	Enrolled    bool       `json:"enrolled" doc:"They have something to sign in with."`
	Directory   bool       `json:"directory" doc:"They sign in through the directory, which says what roles they have."`
	Passkeys    int        `json:"passkeys" doc:"How many they have."`
	Disabled    bool       `json:"disabled"`
	CreatedAt   time.Time  `json:"createdAt"`
	SignedInAt  *time.Time `json:"signedInAt,omitempty" doc:"The last time; absent = never."`
	LockedUntil *time.Time `json:"lockedUntil,omitempty" doc:"Until then their password is not looked at, because wrong ones were given."`

	Certificates []string     `json:"certificates" doc:"Client certificates that they may sign in with: upn:NAME, or serial:HEX#ISSUER."`
	Proposal     *ProposalRef `json:"proposal,omitempty" doc:"In an answer to a change: nothing has changed yet, another administrator has to approve this."`
}

// NewPerson is an account to be made.
type NewPerson struct {
	Login string   `json:"login" minLength:"2" maxLength:"64" doc:"What they sign in with; lower case."`
	Name  string   `json:"name" minLength:"1" maxLength:"120" doc:"For others to read."`
	Roles []string `json:"roles" maxItems:"7" nullable:"false"`
	Note  string   `json:"note,omitempty" maxLength:"500" doc:"For whoever has to approve it."`
}

// PersonChange is what is to be different; what is absent stays.
type PersonChange struct {
	Name     *string  `json:"name,omitempty" minLength:"1" maxLength:"120"`
	Roles    []string `json:"roles,omitzero" required:"false" nullable:"false" maxItems:"7" doc:"All that they have afterwards."`
	Disabled *bool    `json:"disabled,omitempty"`
	Note     string   `json:"note,omitempty" maxLength:"500" doc:"For whoever has to approve it."`
}

// Invitation is a link with which a person sets their password, once.
type Invitation struct {
	Person Person    `json:"person"`
	Link   Link      `json:"link" doc:"Empty while the account waits to be approved."`
	Ends   time.Time `json:"ends" doc:"The link can be used until then."`

	Proposal *ProposalRef `json:"proposal,omitempty" doc:"There is no account yet: another administrator has to approve it."`
}

// Removal says what has become of an account that was to be taken away.
type Removal struct {
	Proposal *ProposalRef `json:"proposal,omitempty" doc:"It is still there: another administrator has to approve this. Absent = it is gone."`
}

// People keeps accounts. Errors that a person can meet are an [*Error] or wrap
// the sentinels of package mission. A change that takes two people is proposed,
// and the error is a [*Waiting] then.
type People interface {
	People(ctx context.Context) ([]Person, error)
	Add(ctx context.Context, p NewPerson, by policy.Principal) (Invitation, error)
	Change(ctx context.Context, login string, c PersonChange, by policy.Principal) (Person, error)
	Remove(ctx context.Context, login string, by policy.Principal) error

	// SetCertificates says which client certificates a person may sign in with;
	// those are all that they have afterwards.
	SetCertificates(ctx context.Context, login string, certificates []string, by policy.Principal) (Person, error)

	// Invite makes a new link, with which a password that was forgotten is
	// replaced.
	Invite(ctx context.Context, login string, by policy.Principal) (Invitation, error)

	// Enter signs in with a password. It takes as long, and says the same,
	// whatever is wrong.
	Enter(ctx context.Context, login, password string, lifetime time.Duration, note string) (token string, s SessionInfo, err error)

	// Confirm reports with an error whether a password is not that of who has
	// signed in with it.
	Confirm(ctx context.Context, login, password, note string) error

	// Invited returns whom a link is for, or an error wrapping
	// [mission.ErrNotFound].
	Invited(ctx context.Context, link string) (Person, error)

	// Enrol sets the password of the person that a link is for, and signs them
	// in.
	Enrol(ctx context.Context, link, password string, lifetime time.Duration, note string) (token string, s SessionInfo, err error)
}

type personIn struct {
	Login string `path:"login" maxLength:"64"`
}

type changePersonIn struct {
	Login string `path:"login" maxLength:"64"`
	Body  PersonChange
}

type newPersonIn struct{ Body NewPerson }

type invitationOut struct {
	Status int
	Body   Invitation
}

type personOut struct {
	Status int
	Body   Person
}

type removalOut struct {
	Status int
	Body   Removal
}

// PersonList is everybody with an account, by login.
type PersonList struct {
	People []Person `json:"people"`
	Roles  []string `json:"roles" doc:"Roles that there are."`
}

func (a *API) bindPeople() {
	const path = "/people"
	bind(a, route[struct{}]{Operation: get("people", path, "people", "Who has an account"), access: asked, action: policy.ReadPeople}, a.people)
	add := post("add-person", path, "people", "Make an account")
	add.Description = governedSays + " The answer has a link with which the person sets a password; it is shown once. An auditor has no role that changes anything."
	add.DefaultStatus = http.StatusCreated
	bind(a, route[newPersonIn]{Operation: add, access: asked, action: policy.WritePeople, fresh: true}, a.addPerson)
	change := operation("change-person", http.MethodPatch, path+"/{login}", "people", "Change an account")
	change.Description = governedSays + " Whoever gets other roles, or is disabled, is signed out. Nobody changes their own roles."
	bind(a, route[changePersonIn]{Operation: change, access: asked, action: policy.WritePeople, always: true, fresh: true}, a.changePerson)
	bind(a, route[personIn]{Operation: post("invite-person", path+"/{login}/link", "people", "Make a link with which a person sets their password"),
		access: asked, action: policy.WritePeople, always: true, fresh: true}, a.invitePerson)
	remove := operation("remove-person", http.MethodDelete, path+"/{login}", "people", "Take an account away")
	remove.Description = governedSays
	bind(a, route[personIn]{Operation: remove, access: asked, action: policy.WritePeople, always: true, fresh: true}, a.removePerson)
	mayWait[Invitation](a, path, http.MethodPost)
	mayWait[Person](a, path+"/{login}", http.MethodPatch)
	mayWait[Removal](a, path+"/{login}", http.MethodDelete)
}

// governedSays is what the document says of operations that may take two people.
const governedSays = "Roles of administrators, approvers and auditors take two people: the answer is 202 then, and has a proposal that another administrator has to approve. Disabling takes one."

// mayWait describes that an operation may be answered with a proposal.
func mayWait[T any](a *API, path, method string) {
	doc := a.huma.OpenAPI()
	item := doc.Paths[prefix+path]
	op := map[string]*huma.Operation{http.MethodPost: item.Post, http.MethodPatch: item.Patch, http.MethodDelete: item.Delete}[method]
	op.Responses["202"] = &huma.Response{Description: "It was proposed; another administrator has to approve it.",
		Content: map[string]*huma.MediaType{"application/json": {Schema: schemaOf[T](doc)}}}
}

func (a *API) people(ctx context.Context, _ *struct{}) (*body[PersonList], error) {
	list, err := a.People.People(ctx)
	return &body[PersonList]{PersonList{list, policy.Roles()}}, err
}

func (a *API) addPerson(ctx context.Context, in *newPersonIn) (*invitationOut, error) {
	i, err := a.People.Add(ctx, in.Body, callerOf(ctx).who)
	i.Proposal, err = waiting(err)
	return &invitationOut{outcome(i.Proposal, http.StatusCreated), i}, err
}

func (a *API) changePerson(ctx context.Context, in *changePersonIn) (*personOut, error) {
	p, err := a.People.Change(ctx, in.Login, in.Body, callerOf(ctx).who)
	p.Proposal, err = waiting(err)
	return &personOut{outcome(p.Proposal, http.StatusOK), p}, err
}

func (a *API) invitePerson(ctx context.Context, in *personIn) (*invitationOut, error) {
	i, err := a.People.Invite(ctx, in.Login, callerOf(ctx).who)
	return &invitationOut{http.StatusOK, i}, err
}

func (a *API) removePerson(ctx context.Context, in *personIn) (*removalOut, error) {
	ref, err := waiting(a.People.Remove(ctx, in.Login, callerOf(ctx).who))
	return &removalOut{outcome(ref, http.StatusOK), Removal{ref}}, err
}
