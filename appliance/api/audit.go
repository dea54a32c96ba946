package api

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"skerry/appliance/govern"
	"skerry/appliance/mission"
)

// Event is something that the audit log has to know of and that leaves no trace
// in the store, or none that says who asked from where.
type Event struct {
	Operation string // id, as in the OpenAPI document
	Path      string
	Outcome   string // "asked": it is about to be done; "ok", "refused", "failed"
	Why       string // of a refusal or a failure
	Actor     string // id of the principal; empty = nobody who is known
	ActorName string
	Session   string // handle
	Source    string // address, or "local socket"
}

// before records what has to be on record before anything is done or shown.
func (a *API) before(ctx context.Context, operation string, shows reveals, leaves bool) error {
	switch {
	case leaves:
		return a.record(ctx, operation, "asked", "")
	case shows == copies:
		return a.record(ctx, operation, "ok", "")
	case shows == looks:
		c := callerOf(ctx)
		look := fmt.Sprintf("%s\n%s\n%s", c.who.ID, c.session.ID, c.path)
		if a.looked.again(look, a.Now()) {
			return nil
		}
		if err := a.record(ctx, operation, "ok", ""); err != nil {
			return err
		}
		a.looked.note(look, a.Now())
	}
	return nil
}

// note records how an operation has ended.
func (a *API) note(ctx context.Context, operation string, err error) error {
	var problem *Error
	switch {
	case err == nil:
		return a.record(ctx, operation, "ok", "")
	case errors.Is(err, mission.ErrForbidden):
	case ruled(err):
	case errors.As(err, &problem) && (problem.Status == http.StatusForbidden || problem.Status == http.StatusUnauthorized):
	case errors.As(err, &problem) && problem.Status == http.StatusTooManyRequests && !callerOf(ctx).signedIn():
	default:
		return a.record(ctx, operation, "failed", err.Error())
	}
	return a.noteRefusal(ctx, operation, err)
}

// ruled reports whether a rule of four eyes was why.
func ruled(err error) bool {
	var r *govern.Refusal
	return errors.As(err, &r)
}

// refused records that a caller was refused, and returns what to answer.
func (a *API) refused(ctx context.Context, operation string, err error) error {
	if unrecorded := a.noteRefusal(ctx, operation, err); unrecorded != nil {
		return unrecorded
	}
	return err
}

// noteRefusal records a refusal. Of callers that nobody knows only some are
// recorded: anyone who reaches the listener could fill the log. How many more
// there were is said with the next.
func (a *API) noteRefusal(ctx context.Context, operation string, err error) error {
	if callerOf(ctx).flood {
		return nil
	}
	why := err.Error()
	if !callerOf(ctx).signedIn() {
		missed, ok := a.strangers.take(a.Now())
		if !ok {
			return nil
		}
		if missed > 0 {
			why = fmt.Sprintf("%s (before it, %d refusals of unknown callers were not recorded one by one)", why, missed)
		}
	}
	return a.record(ctx, operation, "refused", why)
}

// record returns when the log has it, whatever becomes of the caller meanwhile.
func (a *API) record(ctx context.Context, operation, outcome, why string) error {
	c := callerOf(ctx)
	e := Event{
		Operation: operation, Path: c.path, Outcome: outcome, Why: why,
		Actor: c.who.ID, ActorName: c.who.Name, Session: cmp.Or(c.session.ID, c.key), Source: c.remote,
	}
	if c.local {
		e.Source = "local socket"
	}
	return a.Audit(context.WithoutCancel(ctx), e)
}

// lookAgain is how long a look into the same thing by the same session is the
// same look: a page that is open asks for it again whenever something changes.
const lookAgain = time.Minute

// sight remembers looks that are on record.
type sight struct {
	mu sync.Mutex
	at map[string]time.Time // guarded by mu
}

func (s *sight) again(look string, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	at, ok := s.at[look]
	return ok && now.Sub(at) < lookAgain && !now.Before(at)
}

func (s *sight) note(look string, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for l, at := range s.at {
		if now.Sub(at) >= lookAgain || now.Before(at) {
			delete(s.at, l)
		}
	}
	if s.at == nil {
		s.at = map[string]time.Time{}
	}
	s.at[look] = now
}

// strangersPerMinute is how many refusals of unknown callers are recorded.
const strangersPerMinute = 60

// crowd counts refusals of callers that nobody knows.
type crowd struct {
	mu     sync.Mutex
	since  time.Time // start of the current minute; guarded by mu
	count  int       // recorded since then; guarded by mu
	missed int       // not recorded since the last that was; guarded by mu
}

// take reports whether one more is recorded, and how many were not before it.
func (c *crowd) take(now time.Time) (missed int, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if age := now.Sub(c.since); age >= time.Minute || age < 0 {
		c.since, c.count = now, 0
	}
	if c.count >= strangersPerMinute {
		c.missed++
		return 0, false
	}
	c.count++
	missed, c.missed = c.missed, 0
	return missed, true
}
