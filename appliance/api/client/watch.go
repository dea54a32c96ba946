package client

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"strconv"
	"strings"
	"time"

	"skerry/appliance/api"
	"skerry/appliance/mission"
)

// Watch yields the Explain rail of a run behind the sequence number after, as
// it is written, until the verdict. It connects again where it was when the
// stream breaks; an appliance that stays away ends it with the error, after
// some seconds.
func (c *Client) Watch(ctx context.Context, id mission.RunID, after uint64) iter.Seq2[api.RailEvent, error] {
	return func(yield func(api.RailEvent, error) bool) {
		pause := firstPause
		for {
			before := after
			done, err := c.watchOnce(ctx, id, &after, func(e api.RailEvent) bool { return yield(e, nil) })
			if done {
				return
			}
			var refused *api.Problem
			if ctx.Err() != nil || errors.As(err, &refused) && refused.Status != http.StatusTooManyRequests && refused.Status < 500 {
				yield(api.RailEvent{}, err)
				return
			}
			if after > before {
				pause = firstPause
			} else if pause > lastPause {
				yield(api.RailEvent{}, err)
				return
			}
			select {
			case <-ctx.Done():
				yield(api.RailEvent{}, ctx.Err())
				return
			case <-time.After(pause):
			}
			pause *= 2
		}
	}
}

// Pauses between attempts to connect again: 100 ms, doubled to 3.2 s.
const (
	firstPause = 100 * time.Millisecond
	lastPause  = 4 * time.Second
)

// watchOnce reads one stream. done: there is nothing more to come, or nobody
// wants it.
func (c *Client) watchOnce(ctx context.Context, id mission.RunID, after *uint64, yield func(api.RailEvent) bool) (done bool, err error) {
	header := http.Header{"Accept": {"text/event-stream"}, "Last-Event-ID": {strconv.FormatUint(*after, 10)}}
	resp, err := c.call(ctx, http.MethodGet, path("runs", string(id), "events"), header, nil)
	if err != nil {
		return false, err
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusNoContent {
		return true, nil
	}
	events := reader{bufio.NewReader(resp.Body)}
	for {
		name, data, err := events.next()
		if err != nil {
			return false, fmt.Errorf("stream of run %s: %w", id, err)
		}
		switch name {
		case "end":
			return true, nil
		case "observation":
			var e api.RailEvent
			if err := json.Unmarshal(data, &e); err != nil {
				return false, fmt.Errorf("stream of run %s: %w", id, err)
			}
			if e.Seq != *after+1 {
				return false, fmt.Errorf("stream of run %s: observation %d follows %d", id, e.Seq, *after)
			}
			*after = e.Seq
			if !yield(e) {
				return true, nil
			}
		}
	}
}

// reader reads server-sent events as the appliance writes them: one data line
// each.
type reader struct{ r *bufio.Reader }

// next returns the next event; comments are passed over.
func (r reader) next() (name string, data []byte, err error) {
	for {
		line, err := r.r.ReadString('\n')
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return "", nil, err
		}
		line = strings.TrimRight(line, "\r\n")
		field, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case line == "" && data != nil:
			return name, data, nil
		case line == "":
			name = ""
		case field == "event":
			name = value
		case field == "data":
			data = []byte(value)
		}
	}
}
