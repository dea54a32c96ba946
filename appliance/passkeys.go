package appliance

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"skerry/appliance/api"
	"skerry/appliance/mission"
	"skerry/appliance/people/directory"
	"skerry/appliance/people/passkey"
	"skerry/appliance/policy"
	"skerry/store"
)

// owner returns a person as their devices know them.
func (a accounts) owner(ctx context.Context, u store.User) (passkey.Owner, error) {
	handle, err := a.db.UserHandle(ctx, u.Login)
	if err != nil {
		return passkey.Owner{}, err
	}
	o := passkey.Owner{Handle: handle, Login: u.Login, Name: u.Name}
	keys, err := a.db.Passkeys(ctx, u.Login)
	for _, k := range keys {
		o.Keys = append(o.Keys, passkey.Key{Data: k.Data})
	}
	return o, err
}

// account returns the account of somebody who wants a passkey.
func (a accounts) ownUser(ctx context.Context, who policy.Principal) (store.User, error) {
	if a.passkeys == nil {
		return store.User{}, noPasskeys()
	}
	u, err := a.db.User(ctx, who.ID)
	if errors.Is(err, mission.ErrNotFound) {
		return store.User{}, noAccount()
	}
	return u, err
}

// OfferPasskey implements api.Accounts. Who has a password gives it: a session
// that was left open is not made to last.
func (a accounts) OfferPasskey(ctx context.Context, who policy.Principal, session, password, note string) (api.PasskeyOffer, error) {
	u, err := a.ownUser(ctx, who)
	if err != nil {
		return api.PasskeyOffer{}, err
	}
	if u.Hash != "" || u.Outside != "" {
		if _, err := a.confirm(ctx, who, password, note); err != nil {
			return api.PasskeyOffer{}, err
		}
	}
	o, err := a.owner(ctx, u)
	if err != nil {
		return api.PasskeyOffer{}, err
	}
	offer, err := a.passkeys.Register(o, "by "+u.Login+" in "+session)
	return offerOf(offer), passkeyFault(err)
}

// AddPasskey implements api.Accounts.
func (a accounts) AddPasskey(ctx context.Context, who policy.Principal, session string, p api.NewPasskey, note string) (api.Passkey, error) {
	u, err := a.ownUser(ctx, who)
	if err != nil {
		return api.Passkey{}, err
	}
	o, err := a.owner(ctx, u)
	if err != nil {
		return api.Passkey{}, err
	}
	key, err := a.passkeys.Registered(o, "by "+u.Login+" in "+session, p.Ticket, p.Answer)
	if err != nil {
		a.log.Warn("passkey not taken", "who", u.Login, "remote", note, "err", err)
		return api.Passkey{}, passkeyFault(err)
	}
	kept, err := a.db.AddPasskey(ctx, u.Login, passkeyName(p.Name), key.ID, key.Data, note)
	return passkeyOf(kept), passkeyFault(err)
}

// RemovePasskey implements api.Accounts. The last one of who has no password
// stays: they could not sign in again.
func (a accounts) RemovePasskey(ctx context.Context, who policy.Principal, id, note string) error {
	u, err := a.db.User(ctx, who.ID)
	if err != nil {
		return err
	}
	if u.Hash == "" && u.Outside == "" && u.Passkeys <= 1 {
		return &api.Error{Status: http.StatusConflict, Code: "last-passkey", Detail: "This is all that you can sign in with. Add another passkey first."}
	}
	return a.db.RemovePasskey(ctx, who.ID, id, note)
}

// invited returns the account that a link is for.
func (a accounts) invited(ctx context.Context, link string) (store.User, error) {
	if a.passkeys == nil {
		return store.User{}, noPasskeys()
	}
	u, ok, err := a.db.Invited(ctx, link)
	if err == nil && !ok {
		err = mission.ErrNotFound
	}
	return u, err
}

// OfferEnrolment implements api.Accounts.
func (a accounts) OfferEnrolment(ctx context.Context, link string) (api.PasskeyOffer, error) {
	u, err := a.invited(ctx, link)
	if err != nil {
		return api.PasskeyOffer{}, err
	}
	o, err := a.owner(ctx, u)
	if err != nil {
		return api.PasskeyOffer{}, err
	}
	o.Keys = nil // they are void when the link is used
	offer, err := a.passkeys.Register(o, "by a link for "+u.Login)
	return offerOf(offer), passkeyFault(err)
}

// EnrolPasskey implements api.Accounts.
func (a accounts) EnrolPasskey(ctx context.Context, link string, p api.NewPasskey, lifetime time.Duration, note string) (string, api.SessionInfo, error) {
	u, err := a.invited(ctx, link)
	if err != nil {
		return "", api.SessionInfo{}, err
	}
	o, err := a.owner(ctx, u)
	if err != nil {
		return "", api.SessionInfo{}, err
	}
	o.Keys = nil
	key, err := a.passkeys.Registered(o, "by a link for "+u.Login, p.Ticket, p.Answer)
	if err != nil {
		a.log.Warn("passkey not taken", "who", u.Login, "remote", note, "err", err)
		return "", api.SessionInfo{}, passkeyFault(err)
	}
	token, s, err := a.db.EnrolPasskey(ctx, link, passkeyName(p.Name), key.ID, key.Data, lifetime, note)
	return token, api.SessionInfo(s), passkeyFault(err)
}

// AskPasskey implements api.Accounts.
func (a accounts) AskPasskey(context.Context) (api.PasskeyOffer, error) {
	if a.passkeys == nil {
		return api.PasskeyOffer{}, noPasskeys()
	}
	o, err := a.passkeys.Ask()
	return offerOf(o), passkeyFault(err)
}

// EnterPasskey implements api.Accounts.
func (a accounts) EnterPasskey(ctx context.Context, answer api.PasskeyAnswer, lifetime time.Duration, note string) (string, api.SessionInfo, error) {
	p, err := a.provePasskey(ctx, answer, note)
	if err != nil {
		return "", api.SessionInfo{}, err
	}
	return a.open(ctx, p, lifetime, note)
}

// errNoPasskey is the answer to whoever shows a passkey that opens nothing,
// whatever is the matter with it.
func errNoPasskey() error {
	return &api.Error{Status: http.StatusUnauthorized, Code: "passkey-refused",
		Detail: "This passkey does not sign anybody in here. Try again, use another one or your password; if none is left, ask an administrator for a new link."}
}

// provePasskey is prove for an answer to [accounts.AskPasskey]. The caller opens
// a session with it, or keeps its counter with [store.DB.UsePasskey].
func (a accounts) provePasskey(ctx context.Context, answer api.PasskeyAnswer, note string) (proof, error) {
	if a.passkeys == nil {
		return proof{}, noPasskeys()
	}
	var kept store.Passkey
	var user store.User
	_, key, err := a.passkeys.Answered(answer.Ticket, answer.Answer, func(credential []byte) (_ passkey.Owner, err error) {
		if kept, user, err = a.db.Passkey(ctx, credential); err != nil {
			return passkey.Owner{}, err
		}
		return passkey.Owner{Handle: user.Handle, Login: user.Login, Name: user.Name, Keys: []passkey.Key{{Data: kept.Data}}}, nil
	})
	why := ""
	switch {
	case errors.Is(err, passkey.ErrCloned):
		if err := a.db.SuspectPasskey(ctx, key.ID, note); err != nil {
			return proof{}, err
		}
		why = err.Error()
	case errors.Is(err, passkey.ErrTicket), errors.Is(err, passkey.ErrAnswer), errors.Is(err, mission.ErrNotFound):
		why = err.Error()
	case err != nil:
		return proof{}, err
	case user.Disabled:
		why = store.ErrNoAccount.Error()
	case kept.Suspect:
		why = "a passkey of which a copy seems to be about"
	}
	if why != "" {
		a.log.Warn("passkey refused", "who", user.Login, "remote", note, "why", why)
		if user.Login != "" { // of others the API's own record says enough
			if err := a.refuse(user.Login, "passkey: "+why, note); err != nil {
				return proof{}, err
			}
		}
		return proof{}, errNoPasskey()
	}
	p := proof{login: user.Login, passkey: &store.UsedPasskey{Credential: key.ID, Before: kept.Data, After: key.Data}}
	if user.Outside == "" {
		return p, nil
	}
	return a.vouched(ctx, p, note)
}

// vouched asks the directory about somebody of it who has shown a passkey: that
// says who they are, and the directory alone what they may do.
func (a accounts) vouched(ctx context.Context, p proof, note string) (proof, error) {
	if a.directory == nil {
		return proof{}, errNoPasskey()
	}
	found, err := a.directory.Find(ctx, p.login)
	switch {
	case err == nil:
		p.outside = &found
		return p, nil
	case !directory.Refused(err):
		return proof{}, a.unreachable(ctx, err)
	}
	if err := a.refuse(p.login, "passkey: "+err.Error(), note); err != nil {
		return proof{}, err
	}
	return proof{}, errNoPasskey()
}

// passkeyFault turns errors of making passkeys into what a person can be told.
func passkeyFault(err error) error {
	fault := func(status int, code, detail string) error {
		return &api.Error{Status: status, Code: code, Detail: detail, Err: err}
	}
	switch {
	case errors.Is(err, passkey.ErrTicket):
		return fault(http.StatusConflict, "passkey-expired", "This took too long, or was done already. Begin again.")
	case errors.Is(err, passkey.ErrAnswer):
		return fault(http.StatusUnprocessableEntity, "passkey-refused", "What the device has answered does not fit: it has to be asked for this site, at its own address, and has to check who you are by PIN, finger or face. Begin again.")
	case errors.Is(err, passkey.ErrBusy):
		return fault(http.StatusServiceUnavailable, "passkey-busy", "Too many people do this just now. Wait a minute and begin again.")
	case errors.Is(err, store.ErrManyPasskeys):
		return fault(http.StatusConflict, "many-passkeys", "You have as many passkeys as one person may have. Remove one that you do not use first.")
	case errors.Is(err, mission.ErrConflict):
		return fault(http.StatusConflict, "passkey-known", "This passkey is known already.")
	}
	return err
}

// passkeyName is what a person calls a passkey, on one line.
func passkeyName(name string) string {
	if name = strings.Join(strings.Fields(name), " "); name == "" {
		return "passkey"
	}
	return name
}
