package api

import (
	"context"
	"net/http"
	"time"

	"skerry/appliance/policy"
)

// Vault holds the keys of what is stored, while they are there.
type Vault interface {
	// Status says who can open the vault and which data keys it has.
	Status() VaultStatus

	// Seal begins to stop all work and to drop the keys. It returns at once.
	Seal()

	// Rotate begins a new data key; what is stored is sealed anew with it by and
	// by.
	Rotate(ctx context.Context, by policy.Principal) error

	// AddAdmin lets one more open the vault, with an age recipient or with a
	// passphrase. Like RemoveAdmin it takes two people: where it was only proposed,
	// the error is a [*Waiting].
	AddAdmin(ctx context.Context, by policy.Principal, name, recipient, passphrase string) error

	// RemoveAdmin takes one away, or returns an error wrapping
	// [mission.ErrNotFound].
	RemoveAdmin(ctx context.Context, by policy.Principal, name string) error
}

// VaultStatus says whether the appliance is sealed and who can open it.
type VaultStatus struct {
	Sealed bool         `json:"sealed"`
	ID     string       `json:"id" doc:"Names the vault, in hex."`
	Admins []VaultAdmin `json:"admins" doc:"Who can open it; each alone."`
	Key    int          `json:"key,omitempty" doc:"Number of the data key that seals; only while open."`
	Since  *time.Time   `json:"since,omitempty" doc:"When that data key was made; only while open."`
	Keys   int          `json:"keys,omitempty" doc:"Data keys that something may still be sealed with; only while open."`

	Proposal *ProposalRef `json:"proposal,omitempty" doc:"In an answer to a change: nothing has changed yet, another administrator has to approve this."`
}

// VaultAdmin is somebody who can open the vault.
type VaultAdmin struct {
	Name      string     `json:"name"`
	With      string     `json:"with" doc:"What it is opened with."`
	Recipient string     `json:"recipient,omitempty" doc:"Age recipient; only while open."`
	Added     *time.Time `json:"added,omitempty" doc:"Only while open."`
	Wrapped   []byte     `json:"wrapped,omitempty" doc:"Age file of the root key, which their identity opens; only while sealed."`
}

// NewVaultAdmin is somebody who is to be able to open the vault.
type NewVaultAdmin struct {
	Name       string `json:"name" minLength:"1" maxLength:"32" doc:"Lower-case letters, digits and dashes."`
	Recipient  string `json:"recipient,omitempty" maxLength:"4096" doc:"Age recipient: age1pq1…, age1…, age1tag1…"`
	Passphrase string `json:"passphrase,omitempty" maxLength:"1000" doc:"Instead of a recipient; 16 characters at least."`
}

type newAdminIn struct{ Body NewVaultAdmin }

type adminIn struct {
	Name string `path:"name" maxLength:"32"`
}

func (a *API) bindVault() {
	bind(a, route[struct{}]{Operation: get("vault", "/vault", "vault", "Who can open the vault, and its data keys"),
		access: asked, action: policy.Administer}, a.vaultStatus)
	bind(a, route[struct{}]{Operation: post("seal", "/vault/seal", "vault", "Drop the keys and stop all work until somebody unseals"),
		access: asked, action: policy.Administer, leaves: true, always: true}, a.sealVault)
	bind(a, route[struct{}]{Operation: post("rotate-keys", "/vault/rotate", "vault", "Begin a new data key"),
		access: asked, action: policy.Administer, leaves: true}, a.rotateKeys)
	bind(a, route[newAdminIn]{Operation: post("add-vault-admin", "/vault/admins", "vault", "Let one more open the vault"),
		access: asked, action: policy.Administer, leaves: true, fresh: true}, a.addVaultAdmin)
	// Who may open it no longer does not wait for room; sealing anew does.
	bind(a, route[adminIn]{Operation: operation("remove-vault-admin", http.MethodDelete, "/vault/admins/{name}", "vault", "Let somebody open the vault no longer; root key and data key become new"),
		access: asked, action: policy.Administer, leaves: true, always: true, fresh: true}, a.removeVaultAdmin)
	mayWait[VaultStatus](a, "/vault/admins", http.MethodPost)
	mayWait[VaultStatus](a, "/vault/admins/{name}", http.MethodDelete)
}

func (a *API) vaultStatus(context.Context, *struct{}) (*body[VaultStatus], error) {
	return &body[VaultStatus]{a.Vault.Status()}, nil
}

// sealVault answers with what the status is going to be.
func (a *API) sealVault(ctx context.Context, _ *struct{}) (*body[VaultStatus], error) {
	a.Log.WarnContext(ctx, "seal", "by", callerOf(ctx).who.ID)
	s := VaultStatus{Sealed: true, ID: a.Vault.Status().ID, Admins: []VaultAdmin{}}
	a.Vault.Seal()
	return &body[VaultStatus]{s}, nil
}

func (a *API) rotateKeys(ctx context.Context, _ *struct{}) (*body[VaultStatus], error) {
	a.Log.InfoContext(ctx, "data keys rotated", "by", callerOf(ctx).who.ID)
	if err := a.Vault.Rotate(ctx, callerOf(ctx).who); err != nil {
		return nil, err
	}
	return &body[VaultStatus]{a.Vault.Status()}, nil
}

func (a *API) addVaultAdmin(ctx context.Context, in *newAdminIn) (*vaultOut, error) {
	return a.vaultAnswer(a.Vault.AddAdmin(ctx, callerOf(ctx).who, in.Body.Name, in.Body.Recipient, in.Body.Passphrase))
}

type vaultOut struct {
	Status int
	Body   VaultStatus
}

func (a *API) vaultAnswer(err error) (*vaultOut, error) {
	ref, err := waiting(err)
	if err != nil {
		return nil, err
	}
	s := a.Vault.Status()
	s.Proposal = ref
	return &vaultOut{outcome(ref, http.StatusOK), s}, nil
}

func (a *API) removeVaultAdmin(ctx context.Context, in *adminIn) (*vaultOut, error) {
	return a.vaultAnswer(a.Vault.RemoveAdmin(ctx, callerOf(ctx).who, in.Name))
}
