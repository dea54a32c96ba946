package llm

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// ErrorKind classifies what went wrong, so that callers can decide what to do
// without reading text.
type ErrorKind string

// Kinds of provider errors.
const (
	RateLimited     ErrorKind = "rate-limited"     // try again after RetryAfter
	Unavailable     ErrorKind = "unavailable"      // the provider, its child process or its network is down
	Invalid         ErrorKind = "invalid"          // the request is at fault; do not try again
	Unauthorised    ErrorKind = "unauthorised"     // the credential is at fault
	Filtered        ErrorKind = "filtered"         // the provider refused the content
	ContextOverflow ErrorKind = "context-overflow" // the prompt does not fit into the model's context
	Timeout         ErrorKind = "timeout"          // the deadline passed
	Cancelled       ErrorKind = "cancelled"        // the caller gave up
)

// Error is the only error type that a Provider returns.
type Error struct {
	Kind       ErrorKind
	Message    string        // what happened, in words a person can act on
	RetryAfter time.Duration // 0 = not stated
	Err        error         // cause, may be nil
}

func (e *Error) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("%s: %s: %v", e.Kind, e.Message, e.Err)
	}
	return fmt.Sprintf("%s: %s", e.Kind, e.Message)
}

func (e *Error) Unwrap() error { return e.Err }

// Temporary reports whether the same request may succeed later or elsewhere.
func (e *Error) Temporary() bool {
	switch e.Kind {
	case RateLimited, Unavailable, Timeout:
		return true
	}
	return false
}

// KindOf returns the kind of err; an error of unknown type is [Unavailable],
// and the end of a context is [Timeout] or [Cancelled].
func KindOf(err error) ErrorKind {
	var e *Error
	switch {
	case errors.As(err, &e):
		return e.Kind
	case errors.Is(err, context.DeadlineExceeded):
		return Timeout
	case errors.Is(err, context.Canceled):
		return Cancelled
	}
	return Unavailable
}
