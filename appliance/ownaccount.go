package appliance

import (
	"context"
	"errors"
	"fmt"
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

// Ways implements api.Accounts.
func (a accounts) Ways() api.Ways {
	w := api.Ways{Directory: a.directory != nil, Passkeys: a.passkeys != nil}
	if w.Passkeys {
		w.Site = a.passkeys.Site()
	}
	return w
}

// Account implements api.Accounts.
func (a accounts) Account(ctx context.Context, who policy.Principal, session string) (api.Account, error) {
	out := api.Account{Who: who, Kind: "host", Passkeys: []api.Passkey{}, Sessions: []api.OwnSession{}}
	u, err := a.db.User(ctx, who.ID)
	switch {
	case err == nil:
		out.Kind, out.HasPassword, out.Possible = "local", u.Hash != "", a.passkeys != nil
		if u.Outside != "" {
			out.Kind = "directory"
		}
	case !errors.Is(err, mission.ErrNotFound):
		return api.Account{}, err
	}
	keys, err := a.db.Passkeys(ctx, who.ID)
	if err != nil {
		return api.Account{}, err
	}
	for _, k := range keys {
		out.Passkeys = append(out.Passkeys, passkeyOf(k))
	}
	all, err := a.db.Sessions(ctx)
	if err != nil {
		return api.Account{}, err
	}
	for _, s := range all {
		if s.Principal.ID == who.ID {
			out.Sessions = append(out.Sessions, api.OwnSession{ID: s.ID, CreatedAt: s.CreatedAt, ExpiresAt: s.ExpiresAt, From: s.Note, This: s.ID == session})
		}
	}
	return out, nil
}

func passkeyOf(k store.Passkey) api.Passkey {
	p := api.Passkey{ID: k.ID, Name: k.Name, CreatedAt: k.CreatedAt, Suspect: k.Suspect}
	if !k.UsedAt.IsZero() {
		p.UsedAt = &k.UsedAt
	}
	return p
}

// EndSession implements api.Accounts.
func (a accounts) EndSession(ctx context.Context, who policy.Principal, id string) error {
	all, err := a.db.Sessions(ctx)
	if err != nil {
		return err
	}
	for _, s := range all {
		if s.ID == id && s.Principal.ID == who.ID {
			return a.db.RevokeSession(ctx, id)
		}
	}
	return mission.ErrNotFound
}

// EndSessions implements api.Accounts.
func (a accounts) EndSessions(ctx context.Context, login, keep string, by policy.Principal) (int, error) {
	return a.db.EndSessions(ctx, login, keep, by)
}

// SetPassword implements api.Accounts.
func (a accounts) SetPassword(ctx context.Context, who policy.Principal, old, password, keep, note string) error {
	u, err := a.db.User(ctx, who.ID)
	switch {
	case errors.Is(err, mission.ErrNotFound):
		return noAccount()
	case err != nil:
		return err
	case u.Outside != "":
		return ofDirectory("changes their password there")
	case u.Hash == "":
		return &api.Error{Status: http.StatusConflict, Code: "no-password", Detail: "Your account has no password: you sign in with passkeys. An administrator can give you a link with which you set one; your passkeys are void then."}
	}
	p, err := a.confirm(ctx, who, old, note)
	if err != nil {
		return err
	}
	if err := weak(password, u.Login, u.Name); err != nil {
		return err
	}
	hash, err := a.hasher.Hash(ctx, password)
	if err != nil {
		return err
	}
	err = a.db.ChangePassword(ctx, who.ID, p.hash, hash, keep, note)
	if errors.Is(err, store.ErrNoAccount) {
		return mission.ErrConflict
	}
	return err
}

func noAccount() error {
	return &api.Error{Status: http.StatusConflict, Code: "no-account", Detail: "You have no account of your own here: you act as the administrator of the host. Make one on the page People, and sign in with that."}
}

// TryDirectory implements api.Accounts.
func (a accounts) TryDirectory(ctx context.Context, login string) (api.DirectoryReport, error) {
	if a.directory == nil {
		return api.DirectoryReport{}, &api.Error{Status: http.StatusConflict, Code: "no-directory", Detail: "This site has no directory. Name one under directory in config.yaml, and start Skerry again."}
	}
	steps, err := a.directory.Try(ctx, strings.ToLower(strings.TrimSpace(login)))
	report := api.DirectoryReport{Steps: []api.DirectoryStep{}}
	for _, s := range steps {
		one := api.DirectoryStep{Server: s.Server, What: s.What, Found: s.Found}
		if s.Err != nil {
			one.Error = s.Err.Error()
		}
		report.Steps = append(report.Steps, one)
	}
	return report, err
}

// newDirectory returns the directory of a site, nil if it has none. The password
// of its bind account is taken from the vault for each use.
func newDirectory(c Config, db *store.DB) (*directory.Directory, error) {
	if c.Directory == nil {
		return nil, nil
	}
	name := c.Directory.SecretName()
	return directory.New(*c.Directory, func(ctx context.Context, use func([]byte) error) error {
		err := db.UseSecret(ctx, name, "bind to the directory", use)
		if errors.Is(err, mission.ErrNotFound) {
			return errNoBind(name)
		}
		return err
	})
}

func errNoBind(name string) error {
	return fmt.Errorf("%w: the vault has no password of the bind account; set it with: skerry secret set %s", directory.ErrSetup, name)
}

// newPasskeys returns what signs people in with passkeys, nil if the site has no
// name.
func newPasskeys(c Config, now func() time.Time) (*passkey.Party, error) {
	if c.Site == "" {
		return nil, nil
	}
	return passkey.New(c.Site, c.origins(), now)
}

// noPasskeys refuses what needs them.
func noPasskeys() error {
	return &api.Error{Status: http.StatusConflict, Code: "no-passkeys", Detail: "This site has no passkeys: they are bound to its name. Whoever runs it names it under site in config.yaml."}
}

func offerOf(o passkey.Offer) api.PasskeyOffer {
	return api.PasskeyOffer{Ticket: o.Ticket, Options: o.Options}
}
