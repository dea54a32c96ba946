package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"skerry/appliance/govern"
	"skerry/appliance/mission"
)

// Problem is the body of every error (RFC 9457). Detail says what to do.
type Problem struct {
	Type      string    `json:"type" doc:"What kind of problem: about:blank, or a name that programs may branch on, like urn:skerry:decision-settled."`
	Title     string    `json:"title" doc:"The kind of problem in a few words."`
	Status    int       `json:"status" doc:"HTTP status."`
	Detail    string    `json:"detail" doc:"What went wrong here and what to do about it."`
	Reference string    `json:"reference,omitempty" doc:"Names the line in the log of the appliance that says more."`
	Errors    []Finding `json:"errors,omitempty" doc:"The single faults, where there are several."`
}

// Finding is one fault in what was sent: in a mission file by line and column,
// elsewhere by location.
type Finding struct {
	Message  string `json:"message"`
	Location string `json:"location,omitempty" doc:"Place in the request, like body.reason or query.limit."`
	Line     int    `json:"line,omitempty" doc:"Line of the file, from 1."`
	Column   int    `json:"column,omitempty" doc:"Column of the file in characters, from 1."`
	Path     string `json:"path,omitempty" doc:"Place in the mission, like steps[2].check."`
}

// Error returns the detail.
func (p *Problem) Error() string { return p.Detail }

// GetStatus returns the HTTP status; huma asks for it by this name.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType returns the media type of problems.
func (p *Problem) ContentType(string) string { return problemType }

const problemType = "application/problem+json"

// Error is an error that the caller may see as it is. Package appliance returns
// it from what it wires, for what the domain has no sentinel for.
type Error struct {
	Status     int
	Code       string // becomes the type urn:skerry:CODE; empty = about:blank
	Detail     string // what went wrong and what to do about it
	Findings   []Finding
	RetryAfter time.Duration // 0 = not stated
	Err        error         // cause; goes to nobody outside
}

// Error returns the detail.
func (e *Error) Error() string { return e.Detail }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

func invalid(location, format string, args ...any) *Error {
	message := fmt.Sprintf(format, args...)
	return &Error{Status: http.StatusUnprocessableEntity, Detail: message, Findings: []Finding{{Message: message, Location: location}}}
}

func notFound(what, name string) *Error {
	return &Error{Status: http.StatusNotFound, Detail: fmt.Sprintf("There is no %s %q. It may have been removed, or the address has a slip in it.", what, name)}
}

// statusGone says that the client went away before there was an answer; nobody
// reads it, but the log would lie with a 500 (the number is nginx's custom).
const statusGone = 499

// classify turns any error into one that may be shown, or returns nil if the
// caller must not see its text. This is the one place where errors of the
// domain become statuses.
func classify(err error) *Error {
	var shown *Error
	var tooLarge *http.MaxBytesError
	var problems mission.Problems
	var refused *govern.Refusal
	switch {
	case errors.As(err, &shown):
		return shown
	case errors.As(err, &refused):
		return refusal(refused)
	case errors.As(err, &problems):
		return &Error{Status: http.StatusUnprocessableEntity, Code: "mission-invalid", Findings: Findings(problems),
			Detail: "The mission has faults. Correct the lines that are named and send it again."}
	case errors.As(err, &tooLarge):
		return tooBig(tooLarge.Limit)
	case errors.Is(err, mission.ErrNotFound):
		return &Error{Status: http.StatusNotFound, Detail: "There is nothing with this name. It may have been removed, or the address has a slip in it."}
	case errors.Is(err, mission.ErrForbidden):
		return &Error{Status: http.StatusForbidden, Code: "not-allowed", Detail: "The active policy does not let you do this. Ask whoever administers this site for the role that it needs."}
	case errors.Is(err, mission.ErrConflict):
		return &Error{Status: http.StatusConflict, Code: "changed", Detail: "Somebody else was faster: this has changed meanwhile. Load it again, look at it, and repeat if it is still right."}
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return &Error{Status: http.StatusInsufficientStorage, Code: "disk-full", RetryAfter: time.Minute, Err: err,
			Detail: "The disk of the appliance is full, so nothing was kept. Make room on it, or ask whoever runs this site to, and try again."}
	case errors.Is(err, context.Canceled):
		return &Error{Status: statusGone, Detail: "The caller went away."}
	case errors.Is(err, context.DeadlineExceeded):
		return &Error{Status: http.StatusServiceUnavailable, Code: "slow", RetryAfter: 5 * time.Second, Detail: "The appliance did not get to it in time. Try again in a moment."}
	}
	return nil
}

func tooBig(limit int64) *Error {
	return &Error{Status: http.StatusRequestEntityTooLarge, Code: "too-big",
		Detail: fmt.Sprintf("This is larger than the %s that Skerry takes here. Send a smaller file, for example one invoice at a time or a scan with less resolution.", bytesInWords(limit))}
}

func bytesInWords(n int64) string {
	switch {
	case n >= 1<<20:
		return strconv.FormatInt(n>>20, 10) + " MiB"
	case n >= 1<<10:
		return strconv.FormatInt(n>>10, 10) + " KiB"
	}
	return strconv.FormatInt(n, 10) + " bytes"
}

// misfit turns [mission.Problems] about a request into an error about the places
// in it that are at fault; other errors stay as they are.
func misfit(err error, prefix, what string) error {
	var problems mission.Problems
	if !errors.As(err, &problems) || len(problems) == 0 {
		return err
	}
	e := &Error{Status: http.StatusUnprocessableEntity, Detail: what}
	for _, p := range problems {
		e.Detail += " " + strings.TrimPrefix(p.Path+": ", ": ") + p.Message + "."
		e.Findings = append(e.Findings, Finding{Message: p.Message, Location: prefix + p.Path})
	}
	return e
}

// Findings returns the problems of a mission file as the API tells them.
func Findings(problems []mission.Problem) []Finding {
	list := make([]Finding, 0, len(problems))
	for _, p := range problems {
		list = append(list, Finding{Message: p.Message, Line: p.Line, Column: p.Column, Path: p.Path})
	}
	return list
}

// problem returns what the caller gets to see of err, with the headers that
// belong to it. The text of an unknown error goes to the log and never out; the
// reference joins both.
func (a *API) problem(ctx context.Context, err error) error {
	p, header := a.render(ctx, err)
	if len(header) == 0 {
		return p
	}
	return huma.ErrorWithHeaders(p, header)
}

func (a *API) render(ctx context.Context, err error) (*Problem, http.Header) {
	e := classify(err)
	if e == nil {
		ref := reference()
		c := callerOf(ctx)
		a.Log.ErrorContext(ctx, "request not answered", "reference", ref, "method", c.method, "path", c.path, "who", c.who.ID, "err", err)
		return &Problem{Type: "about:blank", Title: http.StatusText(http.StatusInternalServerError), Status: http.StatusInternalServerError, Reference: ref,
			Detail: "Skerry could not do this because of a fault of its own. Try again; if it stays, give the reference " + ref + " to whoever runs this site, whose log says more."}, nil
	}
	p := &Problem{Type: "about:blank", Title: http.StatusText(e.Status), Status: e.Status, Detail: e.Detail, Errors: e.Findings}
	if e.Code != "" {
		p.Type = "urn:skerry:" + e.Code
		p.Title = strings.ToUpper(e.Code[:1]) + strings.ReplaceAll(e.Code[1:], "-", " ")
	}
	header := http.Header{}
	if e.RetryAfter > 0 {
		header.Set("Retry-After", strconv.Itoa(int((e.RetryAfter+time.Second-1)/time.Second)))
	}
	if e.Status == http.StatusUnauthorized {
		header.Set("WWW-Authenticate", "Skerry-Session")
		if e.Code == errBadKey.Code {
			header.Set("WWW-Authenticate", `Bearer error="invalid_token"`) // RFC 6750, section 3
		}
	}
	return p, header
}

// refuse writes err where no operation has been reached.
func (a *API) refuse(w http.ResponseWriter, r *http.Request, err error) {
	p, header := a.render(r.Context(), err)
	for k, v := range header {
		w.Header()[k] = v
	}
	w.Header().Set("Content-Type", problemType)
	w.Header().Set("Cache-Control", "no-store") // also outside of the API
	w.WriteHeader(p.Status)
	if r.Method != http.MethodHead {
		json.NewEncoder(w).Encode(p) //nolint:errcheck // the caller is gone; nobody is left to tell
	}
}

// explain turns the errors that huma itself makes, from requests that do not
// fit the schema, into problems. The offending values are left out: they may
// be whole documents.
func (a *API) explain(ctx huma.Context, _ string, v any) (any, error) {
	e, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	p := &Problem{Type: "about:blank", Title: http.StatusText(e.Status), Status: e.Status}
	var parts []string
	for _, d := range e.Errors {
		p.Errors = append(p.Errors, Finding{Message: d.Message, Location: d.Location})
		parts = append(parts, strings.TrimPrefix(d.Location+": ", ": ")+d.Message)
	}
	switch {
	case e.Status >= http.StatusInternalServerError:
		p, _ = a.render(ctx.Context(), errors.New(e.Detail+"; "+strings.Join(parts, "; ")))
	case e.Status == http.StatusRequestEntityTooLarge:
		p.Type, p.Detail = "urn:skerry:too-big", tooBig(ctx.Operation().MaxBodyBytes).Detail
	case len(parts) > 0:
		p.Detail = "The request does not fit: " + strings.Join(parts, "; ") + ". Correct this and send it again."
	default:
		p.Detail = "The request does not fit: " + e.Detail + ". Correct this and send it again."
	}
	return p, nil
}
