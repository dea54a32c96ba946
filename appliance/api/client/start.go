package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"

	"skerry/appliance/api"
	"skerry/appliance/mission"
)

// Start is a request for a run.
type Start struct {
	Mission string
	Version int               // 0 = the latest published
	Key     string            // idempotency key; empty = none
	Wait    time.Duration     // for the end or the first decision, in whole seconds; 0 = not at all
	Values  map[string]string // scalars by input, as people write them
	Files   map[string]File   // documents by input
}

// File is a document to upload. Its content is read once.
type File struct {
	Name    string
	Content io.Reader
}

// StartRun starts a run and returns it as it stands when the appliance
// answers. Documents are sent as they are read.
func (c *Client) StartRun(ctx context.Context, s Start) (mission.Summary, error) {
	r, w := io.Pipe()
	form := multipart.NewWriter(w)
	written := make(chan error, 1)
	go func() {
		err := s.write(form)
		w.CloseWithError(err)
		written <- err
	}()
	header := http.Header{"Content-Type": {form.FormDataContentType()}}
	out, err := answer[mission.Summary](c.call(ctx, http.MethodPost, s.path(), s.header(header), r))
	r.CloseWithError(errAnswered) // an answer may come before the end of the body
	if fault := <-written; err != nil && fault != nil && !errors.Is(fault, errAnswered) && !errors.Is(fault, io.ErrClosedPipe) {
		return out, fault
	}
	return out, err
}

var errAnswered = errors.New("the appliance has answered")

// StartSample starts a run on a sample document of the mission.
func (c *Client) StartSample(ctx context.Context, s Start, input, file string) (mission.Summary, error) {
	b := api.StartBody{Version: s.Version, Input: map[string]api.StartArgument{input: {Sample: file}}}
	for name, v := range s.Values {
		text, err := json.Marshal(v)
		if err != nil {
			return mission.Summary{}, err
		}
		b.Input[name] = api.StartArgument{Value: text}
	}
	body, err := json.Marshal(b)
	if err != nil {
		return mission.Summary{}, err
	}
	header := http.Header{"Content-Type": {"application/json"}}
	return answer[mission.Summary](c.call(ctx, http.MethodPost, s.path(), s.header(header), bytes.NewReader(body)))
}

func (s *Start) path() string {
	wait := ""
	if s.Wait > 0 {
		wait = strconv.Itoa(int((s.Wait+time.Second-1)/time.Second)) + "s"
	}
	return query(path("missions", s.Mission, "runs"), "wait", wait)
}

func (s *Start) header(h http.Header) http.Header {
	if s.Key != "" {
		h.Set("Idempotency-Key", s.Key)
	}
	return h
}

func (s *Start) write(form *multipart.Writer) error {
	if s.Version != 0 {
		if err := form.WriteField("version", strconv.Itoa(s.Version)); err != nil {
			return err
		}
	}
	for name, v := range s.Values {
		if err := form.WriteField("input."+name, v); err != nil {
			return err
		}
	}
	for name, f := range s.Files {
		// A header cannot carry control characters, and the appliance would drop
		// them from the name anyway.
		part, err := form.CreateFormFile("input."+name, strings.Map(visible, f.Name))
		if err != nil {
			return err
		}
		if _, err := io.Copy(part, f.Content); err != nil {
			return err
		}
	}
	return form.Close()
}

func visible(r rune) rune {
	if unicode.IsControl(r) {
		return -1
	}
	return r
}
