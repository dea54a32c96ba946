package api

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"reflect"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"

	"skerry/appliance/mission"
	"skerry/appliance/policy"
)

type runEventsIn struct {
	Locale
	ID    mission.RunID `path:"id" maxLength:"64"`
	Last  string        `header:"Last-Event-ID" maxLength:"20" doc:"Go on behind this sequence number."`
	After uint64        `query:"after" doc:"The same, for clients that cannot set the header."`
}

// StreamEnd says why an event stream ends, or must be read anew.
type StreamEnd struct {
	Why string `json:"why"`
}

func (a *API) bindEvents() {
	bind(a, route[runEventsIn]{Operation: a.streamed(get("run-events", "/runs/{id}/events", "runs", "The Explain rail of a run, live"),
		"Server-sent events. observation: id is the sequence number, data a RailEvent. end: the run has ended and nothing follows; close the source. "+
			"A stream that breaks goes on where it was with Last-Event-ID, without loss or repeat; 204 says that there is nothing more.",
		map[string]any{"observation": RailEvent{}, "end": StreamEnd{}}),
		access: asked, action: policy.ReadRuns, object: aboutRun(a, func(in *runEventsIn) mission.RunID { return in.ID }), reads: policy.ReadRuns, reveals: looks}, a.runEvents)
	bind(a, route[struct{}]{Operation: a.streamed(get("events", "/events", "runs", "Changes of runs and decisions, live"),
		"Server-sent events for lists. run: data is the Summary of a run that changed. counts: data is LiveCounts, at the start and when a number changed. "+
			"reload: too much changed at once; fetch the lists again, as after every reconnect.",
		map[string]any{"run": mission.Summary{}, "counts": LiveCounts{}, "reload": StreamEnd{}}),
		access: asked, action: policy.ReadRuns}, a.liveEvents)
}

// streamed describes a response of server-sent events with the given data.
func (a *API) streamed(op huma.Operation, about string, events map[string]any) huma.Operation {
	op.Description = about
	var kinds []*huma.Schema
	for _, name := range sortedKeys(events) {
		kinds = append(kinds, &huma.Schema{Title: name, Type: huma.TypeObject, Required: []string{"event", "data"}, Properties: map[string]*huma.Schema{
			"id":    {Type: huma.TypeString},
			"event": {Type: huma.TypeString, Enum: []any{name}},
			"data":  a.huma.OpenAPI().Components.Schemas.Schema(reflect.TypeOf(events[name]), true, name),
		}})
	}
	op.Responses = map[string]*huma.Response{"200": {
		Description: "the stream",
		Content:     map[string]*huma.MediaType{"text/event-stream": {Schema: &huma.Schema{Type: huma.TypeArray, Items: &huma.Schema{OneOf: kinds}}}},
	}}
	return op
}

// Bounds of an event stream.
const (
	streamBuffer = 64               // events read ahead for a slow reader; the source waits behind that
	streamWrite  = 15 * time.Second // a reader that takes nothing for this long is cut off; it can resume
	liveCoalesce = 250 * time.Millisecond
	livePending  = 500 // changed runs gathered between two looks before lists must be read anew
)

// emitter writes server-sent events (HTML Standard, section 9.2).
type emitter struct {
	w  http.ResponseWriter
	rc *http.ResponseController
}

func (e *emitter) event(id, name string, data any) error {
	var b bytes.Buffer
	if id != "" {
		fmt.Fprintf(&b, "id: %s\n", id)
	}
	fmt.Fprintf(&b, "event: %s\ndata: ", name)
	if err := writeJSON(&b, data); err != nil { // one line: JSON escapes line breaks
		return err
	}
	b.WriteByte('\n')
	return e.write(b.Bytes())
}

func (e *emitter) comment(text string) error { return e.write([]byte(": " + text + "\n\n")) }

func (e *emitter) write(b []byte) error {
	if err := e.rc.SetWriteDeadline(time.Now().Add(streamWrite)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	if _, err := e.w.Write(b); err != nil {
		return err
	}
	return e.rc.Flush()
}

// stream answers with events until serve returns, the caller goes away, the
// caller's session ends, or the API closes. Callers over the network have
// a bounded number of streams.
func (a *API) stream(ctx context.Context, serve func(ctx context.Context, e *emitter, beat <-chan time.Time) error) (*huma.StreamResponse, error) {
	c := callerOf(ctx)
	release, ok := func() {}, true
	if !c.local { // the command line follows as many runs as it started
		release, ok = a.streams.take(c.who.ID)
	}
	if !ok {
		return nil, &Error{Status: http.StatusTooManyRequests, Code: "too-many-streams", RetryAfter: 10 * time.Second,
			Detail: fmt.Sprintf("You watch %d things at once already. Close some pages and try again.", a.MaxStreams)}
	}
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		defer release()
		ctx, cancel := context.WithCancel(hc.Context())
		defer cancel()
		defer context.AfterFunc(a.closing, cancel)()
		hc.SetHeader("Content-Type", "text/event-stream")
		hc.SetHeader("X-Accel-Buffering", "no") // a proxy in between must not hold events back
		hc.SetStatus(http.StatusOK)
		beat := time.NewTicker(a.Heartbeat)
		defer beat.Stop()
		w := humagin.Unwrap(hc).Writer
		e := &emitter{w, http.NewResponseController(w)}
		e.rc.SetReadDeadline(time.Time{}) //nolint:errcheck // recorders in tests have none; a body must not end the stream
		if err := e.comment("skerry"); err != nil {
			return
		}
		if err := serve(ctx, e, beat.C); err != nil && ctx.Err() == nil {
			a.Log.DebugContext(ctx, "event stream ended", "path", c.path, "err", err)
		}
	}}, nil
}

// stillThere writes a heartbeat, unless the session has ended meanwhile: a
// stream must not outlive it.
func (a *API) stillThere(ctx context.Context, e *emitter) error {
	c := callerOf(ctx)
	if !c.local {
		s, err := a.Sessions.Session(ctx, c.token)
		if err != nil {
			return err
		}
		if a.seen.idle(s, a.Now()) >= a.idleEnd(s.Principal) {
			return errors.New("the session is idle")
		}
	}
	return e.comment("beat")
}

// pump reads a source in a goroutine of its own, so that the reader can also
// wait for other things. The channel is closed when the source ends; the
// goroutine ends with ctx, and wait returns when it has.
func pump[T any](ctx context.Context, source iter.Seq2[T, error]) (items <-chan item[T], wait func()) {
	ch := make(chan item[T], streamBuffer)
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer close(ch)
		for v, err := range source {
			select {
			case ch <- item[T]{v, err}:
			case <-ctx.Done():
				return
			}
			if err != nil {
				return
			}
		}
	}()
	return ch, func() { <-done }
}

type item[T any] struct {
	value T
	err   error
}

func (a *API) runEvents(ctx context.Context, in *runEventsIn) (*huma.StreamResponse, error) {
	after := in.After
	if in.Last != "" {
		n, err := strconv.ParseUint(in.Last, 10, 64)
		if err != nil {
			return nil, invalid("header.Last-Event-ID", "Last-Event-ID is the sequence number of an observation")
		}
		after = n
	}
	s, err := a.summary(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if s.State == mission.Ended && after >= s.Seq {
		// To an EventSource this says not to connect again.
		return &huma.StreamResponse{Body: func(hc huma.Context) { hc.SetStatus(http.StatusNoContent) }}, nil
	}
	lang := in.language()
	return a.stream(ctx, func(ctx context.Context, e *emitter, beat <-chan time.Time) error {
		ctx, cancel := context.WithCancel(ctx)
		items, wait := pump(ctx, a.Runs.Watch(ctx, in.ID, after))
		defer wait()
		defer cancel()
		for {
			select {
			case <-ctx.Done():
				return nil
			case <-beat:
				if err := a.stillThere(ctx, e); err != nil {
					return err
				}
			case it, more := <-items:
				switch {
				case !more:
					return nil
				case it.err != nil:
					return it.err
				case it.value.Seq != after+1:
					// What is not next would be loss or repeat; the reader comes again for the right one.
					return fmt.Errorf("observation %d follows %d of run %s", it.value.Seq, after, in.ID)
				}
				after = it.value.Seq
				if err := e.event(strconv.FormatUint(after, 10), "observation", railEvent(it.value, lang)); err != nil {
					return err
				}
				if it.value.Kind == mission.KindVerdict {
					return e.event("", "end", StreamEnd{"the run has ended"})
				}
			}
		}
	})
}

func (a *API) liveEvents(ctx context.Context, _ *struct{}) (*huma.StreamResponse, error) {
	return a.stream(ctx, func(ctx context.Context, e *emitter, beat <-chan time.Time) error {
		ctx, cancel := context.WithCancel(ctx)
		items, wait := pump(ctx, a.Runs.WatchAll(ctx))
		defer wait()
		defer cancel()
		l := live{changed: map[mission.RunID]mission.Summary{}}
		if err := a.sendCounts(ctx, e, &l); err != nil {
			return err
		}
		look := time.NewTimer(liveCoalesce) // runs only while something is to be told
		look.Stop()
		defer look.Stop()
		for {
			select {
			case <-ctx.Done():
				return nil
			case <-beat:
				if err := a.stillThere(ctx, e); err != nil {
					return err
				}
				if err := a.sendCounts(ctx, e, &l); err != nil { // notices come and go by themselves
					return err
				}
			case it, more := <-items:
				if !more {
					return nil
				}
				if ctx.Err() != nil { // the end of ctx ends the watch with an error, which nobody has missed anything by
					return nil
				}
				if it.err != nil {
					// What was missed cannot be told; the lists can.
					return e.event("", "reload", StreamEnd{"changes were missed"})
				}
				if len(l.order) == 0 {
					look.Reset(liveCoalesce)
				}
				l.note(it.value)
			case <-look.C:
				if err := a.sendLive(ctx, e, &l); err != nil {
					return err
				}
			}
		}
	})
}

// live gathers changes between two looks, the latest of every run.
type live struct {
	changed map[mission.RunID]mission.Summary
	order   []mission.RunID
	missed  bool
	counts  LiveCounts
}

func (l *live) note(s mission.Summary) {
	if _, known := l.changed[s.ID]; !known {
		if len(l.order) >= livePending {
			l.missed = true
			return
		}
		l.order = append(l.order, s.ID)
	}
	l.changed[s.ID] = s
}

func (a *API) sendLive(ctx context.Context, e *emitter, l *live) error {
	if l.missed {
		if err := e.event("", "reload", StreamEnd{"too much changed at once"}); err != nil {
			return err
		}
	} else {
		for _, id := range l.order {
			if err := e.event("", "run", l.changed[id]); err != nil {
				return err
			}
		}
	}
	clear(l.changed)
	l.order, l.missed = l.order[:0], false
	return a.sendCounts(ctx, e, l)
}

// sendCounts sends the counts if they differ from those that were sent.
func (a *API) sendCounts(ctx context.Context, e *emitter, l *live) error {
	c, err := a.countAll(ctx)
	if err != nil {
		return err
	}
	now := LiveCounts{OpenDecisions: c.OpenDecisions, ByState: c.ByState}
	for _, n := range a.Notices(ctx) {
		now.Notices = append(now.Notices, n.Code)
	}
	if reflect.DeepEqual(now, l.counts) {
		return nil
	}
	l.counts = now
	return e.event("", "counts", now)
}
