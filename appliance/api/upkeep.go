package api

import (
	"context"
	"io"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"skerry/appliance/policy"
)

// Upkeep is what administrators do to the appliance as a whole.
type Upkeep interface {
	// NewLink makes a one-time sign-in link for the administrator.
	NewLink(ctx context.Context) (Link, error)

	// Check verifies everything that is stored, while work goes on.
	Check(ctx context.Context) (StoreReport, error)

	// Backup writes a consistent backup, while work goes on.
	Backup(ctx context.Context, w io.Writer) error
}

// Link is a one-time sign-in link in its parts.
type Link struct {
	URL   string `json:"url" doc:"Address of the web UI; empty if none is served."`
	Token string `json:"token" doc:"Signs in once."`
}

// StoreReport says what a check of the store has found.
type StoreReport struct {
	Findings     []StoreFinding `json:"findings" doc:"Empty = all is well."`
	More         int            `json:"more,omitempty" doc:"Findings that are left out because there are too many."`
	Runs         int            `json:"runs"`
	Observations int            `json:"observations"`
	Decisions    int            `json:"decisions"`
	Documents    int            `json:"documents"`
}

// StoreFinding is something in the store that is not as it should be.
type StoreFinding struct {
	Where   string `json:"where"`
	Problem string `json:"problem"`
	Hint    string `json:"hint" doc:"What to do."`
}

func (a *API) bindUpkeep() {
	bind(a, route[struct{}]{Operation: post("new-link", "/links", "upkeep", "Make a one-time sign-in link"),
		access: asked, action: policy.Administer, always: true}, a.newLink)
	bind(a, route[struct{}]{Operation: post("check-store", "/check", "upkeep", "Verify everything that is stored"),
		access: asked, action: policy.Administer, always: true}, a.checkStore)
	bind(a, route[struct{}]{Operation: binary(get("backup", "/backup", "upkeep", "A backup of the data directory"), "application/octet-stream", "what skerry restore reads"),
		access: asked, action: policy.Backup, reveals: copies}, a.backup)
}

// newLink is for whoever may open the local socket. From the network it would
// turn the role of an administrator into all that the Administrator has, settling
// decisions among it.
func (a *API) newLink(ctx context.Context, _ *struct{}) (*body[Link], error) {
	if !callerOf(ctx).local {
		return nil, &Error{Status: http.StatusForbidden, Code: "local-only",
			Detail: "A link for the administrator is made on the host alone, with: skerry user link. For a person with an account, make one on the page People."}
	}
	l, err := a.Upkeep.NewLink(ctx)
	if err != nil {
		return nil, err
	}
	a.Log.InfoContext(ctx, "sign-in link made", "by", callerOf(ctx).who.ID)
	return &body[Link]{l}, nil
}

func (a *API) checkStore(ctx context.Context, _ *struct{}) (*body[StoreReport], error) {
	r, err := a.Upkeep.Check(ctx)
	if err != nil {
		return nil, err
	}
	return &body[StoreReport]{r}, nil
}

func (a *API) backup(ctx context.Context, _ *struct{}) (*huma.StreamResponse, error) {
	a.Log.InfoContext(ctx, "backup begun", "by", callerOf(ctx).who.ID)
	return &huma.StreamResponse{Body: func(out huma.Context) {
		out.SetHeader("Content-Type", "application/octet-stream")
		out.SetHeader("Content-Disposition", `attachment; filename="skerry-backup"`)
		out.SetStatus(http.StatusOK)
		if err := a.Upkeep.Backup(out.Context(), patient(out)); err != nil {
			a.Log.ErrorContext(ctx, "backup", "err", err)
			// The status is sent; breaking the connection is how the reader
			// learns that the file is not whole.
			panic(http.ErrAbortHandler)
		}
	}}, nil
}
