package sdk

import (
	"context"
	"errors"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"skerry/appliance/llm"
	"skerry/plugins/sdk/wire"
)

// maxErrorText bounds the texts of an error in bytes: they travel in a header.
const maxErrorText = 2 << 10

// kinds gives every kind of error the gRPC code that authors in other
// languages would expect; the kind itself travels in the details.
var kinds = map[llm.ErrorKind]codes.Code{
	llm.RateLimited:     codes.ResourceExhausted,
	llm.Unavailable:     codes.Unavailable,
	llm.Invalid:         codes.InvalidArgument,
	llm.Unauthorised:    codes.Unauthenticated,
	llm.Filtered:        codes.FailedPrecondition,
	llm.ContextOverflow: codes.OutOfRange,
	llm.Timeout:         codes.DeadlineExceeded,
	llm.Cancelled:       codes.Canceled,
}

// errorToWire turns any error of a provider into a gRPC status that carries a
// whole llm.Error.
func errorToWire(err error) error {
	if err == nil {
		return nil
	}
	var e *llm.Error
	if !errors.As(err, &e) {
		e = &llm.Error{Kind: llm.KindOf(err), Message: err.Error()}
	}
	code, ok := kinds[e.Kind]
	if !ok {
		code = codes.Unknown
	}
	w := &wire.Error{Kind: string(e.Kind), Message: clip(e.Message), RetryAfterMicros: e.RetryAfter.Microseconds()}
	if e.Err != nil {
		w.Cause = clip(e.Err.Error())
	}
	st, detailErr := status.New(code, w.Message).WithDetails(w)
	if detailErr != nil { // only for code OK, which is not in kinds
		return status.Error(codes.Unknown, w.Message)
	}
	return st.Err()
}

// errorFromWire turns an error of a gRPC call into an *llm.Error. ctx is the
// context of the call, whose end outranks whatever gRPC made of it.
func errorFromWire(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return ended(ctx)
	}
	st, _ := status.FromError(err)
	for _, d := range st.Details() {
		w, ok := d.(*wire.Error)
		if !ok {
			continue
		}
		e := &llm.Error{Kind: llm.ErrorKind(w.GetKind()), Message: clip(w.GetMessage())}
		if _, known := kinds[e.Kind]; !known {
			e.Message = "the provider used the unknown error kind " + string(e.Kind) + ": " + e.Message
			e.Kind = llm.Unavailable
		}
		if us := w.GetRetryAfterMicros(); us > 0 && us < int64(24*time.Hour/time.Microsecond) {
			e.RetryAfter = time.Duration(us) * time.Microsecond
		}
		if c := clip(w.GetCause()); c != "" {
			e.Err = errors.New(c)
		}
		return e
	}
	switch st.Code() {
	case codes.ResourceExhausted: // gRPC's own, from the bound of a message
		return &llm.Error{Kind: llm.Invalid, Message: "the message is larger than the 8 MiB that a provider takes", Err: err}
	case codes.Unimplemented:
		return &llm.Error{Kind: llm.Invalid, Message: "the provider cannot do this", Err: err}
	case codes.InvalidArgument, codes.Internal:
		return &llm.Error{Kind: llm.Invalid, Message: "the provider did not understand the call", Err: err}
	case codes.DeadlineExceeded:
		return &llm.Error{Kind: llm.Timeout, Message: "the provider did not answer in time", Err: err}
	}
	return &llm.Error{Kind: llm.Unavailable, Message: "the connection to the provider broke", Err: err}
}

// ended is the error of a call whose context has ended.
func ended(ctx context.Context) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return &llm.Error{Kind: llm.Timeout, Message: "the deadline of the call passed", Err: ctx.Err()}
	}
	return &llm.Error{Kind: llm.Cancelled, Message: "the caller gave up", Err: ctx.Err()}
}

// clip bounds a text and makes it valid UTF-8, which protobuf demands.
func clip(s string) string {
	if len(s) > maxErrorText {
		s = s[:maxErrorText] + "…"
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}
