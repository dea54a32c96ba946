// Package passkey lets people sign in with keys that their devices keep
// (WebAuthn, level 3). It makes the challenges, keeps them until they are
// answered, once, and checks the answers; where the keys are kept is somebody
// else's business. The user is always verified, by PIN or body. Start with
// [New].
package passkey

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"
)

// Errors of ceremonies.
var (
	// ErrTicket: there is no such challenge, it was answered already, or it was
	// for somebody or something else, or too long ago.
	ErrTicket = errors.New("the challenge is not open")
	// ErrAnswer: the answer does not prove what it has to.
	ErrAnswer = errors.New("the answer of the device does not fit")
	// ErrCloned: the counter of the key did not go on.
	ErrCloned = errors.New("a copy of the passkey seems to be about")
	// ErrBusy: too many challenges are open.
	ErrBusy = errors.New("too many people are signing in with passkeys")
)

// Key is a passkey as it is kept.
type Key struct {
	ID   []byte          // of the credential
	Data json.RawMessage // the credential with its counter
}

// Owner is who a passkey is for. Handle is what the device knows them by.
type Owner struct {
	Handle      []byte
	Login, Name string
	Keys        []Key
}

// Offer is a challenge. Options go to the browser; Ticket comes back with the
// answer.
type Offer struct {
	Ticket  string
	Options json.RawMessage
}

// Bounds of challenges.
const (
	Lifetime = 3 * time.Minute
	maxOpen  = 1000
)

// Party is the site, as passkeys know it (relying party). It is safe for
// concurrent use.
type Party struct {
	web *webauthn.WebAuthn
	now func() time.Time

	mu   sync.Mutex
	open map[string]ceremony // by ticket; guarded by mu
}

type ceremony struct {
	purpose string
	session webauthn.SessionData
	ends    time.Time
}

// CheckSite says why a site of that name cannot have passkeys, or nil: they are
// bound to a domain name for good, and a browser takes no address, and no name
// that anybody's network may have.
func CheckSite(name string) error {
	if _, err := netip.ParseAddr(strings.Trim(name, "[]")); err == nil {
		return fmt.Errorf("%s is an address; passkeys are bound to a domain name", name)
	}
	labels := strings.Split(name, ".")
	if len(labels) < 2 {
		return fmt.Errorf("%q is no domain name of two parts or more, like skerry.example.org", name)
	}
	for _, l := range labels {
		if l == "" || len(l) > 63 || strings.Trim(l, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" || l[0] == '-' || l[len(l)-1] == '-' {
			return fmt.Errorf("%q is no domain name in small letters, like skerry.example.org", name)
		}
	}
	if strings.Trim(labels[len(labels)-1], "0123456789") == "" || len(name) > 253 {
		return fmt.Errorf("%q is no domain name, like skerry.example.org", name)
	}
	return nil
}

// New returns the party of a site, whose pages have one of the origins.
func New(site string, origins []string, now func() time.Time) (*Party, error) {
	if err := CheckSite(site); err != nil {
		return nil, err
	}
	web, err := webauthn.New(&webauthn.Config{
		RPID: site, RPDisplayName: "Skerry", RPOrigins: origins,
		AttestationPreference: protocol.PreferNoAttestation,
		// Some devices say more than they were asked; nothing here reads it.
		ExtensionsUnsolicitedOutputPolicy: protocol.UnsolicitedOutputPolicyIgnore,
		AuthenticatorSelection: protocol.AuthenticatorSelection{
			ResidentKey: protocol.ResidentKeyRequirementRequired, RequireResidentKey: protocol.ResidentKeyRequired(), UserVerification: protocol.VerificationRequired,
		},
	})
	if err != nil {
		return nil, fmt.Errorf("passkeys: %w", err)
	}
	return &Party{web: web, now: now, open: map[string]ceremony{}}, nil
}

// Site returns the name that passkeys are bound to.
func (p *Party) Site() string { return p.web.Config.RPID }

// put keeps a ceremony until its ticket is taken.
func (p *Party) put(purpose string, s *webauthn.SessionData) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	for ticket, c := range p.open {
		if !now.Before(c.ends) {
			delete(p.open, ticket)
		}
	}
	if len(p.open) >= maxOpen {
		return "", ErrBusy
	}
	ticket := rand.Text()
	p.open[ticket] = ceremony{purpose, *s, now.Add(Lifetime)}
	return ticket, nil
}

// take returns a ceremony, once, whatever becomes of it.
func (p *Party) take(ticket, purpose string) (webauthn.SessionData, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c, ok := p.open[ticket]
	delete(p.open, ticket)
	if !ok || c.purpose != purpose || !p.now().Before(c.ends) {
		return webauthn.SessionData{}, ErrTicket
	}
	return c.session, nil
}

// user is an owner as the library wants them.
type user struct {
	Owner
	credentials []webauthn.Credential
}

func (u user) WebAuthnID() []byte                         { return u.Handle }
func (u user) WebAuthnName() string                       { return u.Login }
func (u user) WebAuthnDisplayName() string                { return u.Name }
func (u user) WebAuthnCredentials() []webauthn.Credential { return u.credentials }

func userOf(o Owner) (user, error) {
	u := user{Owner: o}
	for _, k := range o.Keys {
		var c webauthn.Credential
		if err := json.Unmarshal(k.Data, &c); err != nil {
			return user{}, fmt.Errorf("passkey as it is kept: %w", err)
		}
		u.credentials = append(u.credentials, c)
	}
	return u, nil
}

// Register offers to make a passkey. The ticket is good for the same purpose
// only.
func (p *Party) Register(o Owner, purpose string) (Offer, error) {
	u, err := userOf(o)
	if err != nil {
		return Offer{}, err
	}
	options, session, err := p.web.BeginRegistration(u, webauthn.WithExclusions(webauthn.Credentials(u.credentials).CredentialDescriptors()))
	if err != nil {
		return Offer{}, fmt.Errorf("offer a passkey: %w", err)
	}
	return p.offer("register "+purpose, options.Response, session)
}

// Registered checks the answer to [Party.Register] and returns the new passkey.
func (p *Party) Registered(o Owner, purpose, ticket string, answer []byte) (Key, error) {
	session, err := p.take(ticket, "register "+purpose)
	if err != nil {
		return Key{}, err
	}
	u, err := userOf(o)
	if err != nil {
		return Key{}, err
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes(answer)
	if err != nil {
		return Key{}, refused(err)
	}
	c, err := p.web.CreateCredential(u, session, parsed)
	if err != nil {
		return Key{}, refused(err)
	}
	return keyOf(c)
}

// Ask asks for any passkey of this site.
func (p *Party) Ask() (Offer, error) {
	options, session, err := p.web.BeginDiscoverableLogin(webauthn.WithUserVerification(protocol.VerificationRequired))
	if err != nil {
		return Offer{}, fmt.Errorf("ask for a passkey: %w", err)
	}
	return p.offer("ask", options.Response, session)
}

// Answered checks the answer to [Party.Ask]. find returns whose key the
// credential is; its error is returned as it is. The key that is returned is to be kept in place of the one
// before. With [ErrCloned] it is returned, too, and is not to be trusted again.
func (p *Party) Answered(ticket string, answer []byte, find func(credential []byte) (Owner, error)) (Owner, Key, error) {
	session, err := p.take(ticket, "ask")
	if err != nil {
		return Owner{}, Key{}, err
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes(answer)
	if err != nil {
		return Owner{}, Key{}, refused(err)
	}
	var owner Owner
	var unknown error
	_, c, err := p.web.ValidatePasskeyLogin(func(credential, _ []byte) (webauthn.User, error) {
		o, err := find(credential)
		if unknown = err; err != nil {
			return nil, err
		}
		owner = o
		return userOf(o) // the library compares the handle
	}, session, parsed)
	if unknown != nil {
		return Owner{}, Key{}, unknown
	}
	if err != nil {
		return Owner{}, Key{}, refused(err)
	}
	k, err := keyOf(c)
	if err == nil && c.Authenticator.CloneWarning {
		err = ErrCloned
	}
	return owner, k, err
}

func (p *Party) offer(purpose string, options any, session *webauthn.SessionData) (Offer, error) {
	text, err := json.Marshal(options)
	if err != nil {
		return Offer{}, fmt.Errorf("passkey options: %w", err)
	}
	ticket, err := p.put(purpose, session)
	return Offer{ticket, text}, err
}

func keyOf(c *webauthn.Credential) (Key, error) {
	data, err := json.Marshal(c)
	return Key{c.ID, data}, err
}

// refused keeps what the library says of an answer, for the log.
func refused(err error) error {
	var said *protocol.Error
	if errors.As(err, &said) {
		return fmt.Errorf("%w: %s %s: %w", ErrAnswer, said.Details, said.DevInfo, err)
	}
	return fmt.Errorf("%w: %w", ErrAnswer, err)
}
