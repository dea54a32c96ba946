package document

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// Verb is the hidden command of the appliance's binary under which [Main] runs
// as a child process.
const Verb = "document-read"

// Runner runs this binary as a child with the given verb, hands it stdin and
// returns what it wrote to stdout. The child must have no network, no files, a
// bound of memory and the deadline of ctx; an error says how it died.
type Runner interface {
	RunIsolated(ctx context.Context, verb string, stdin []byte) (stdout []byte, err error)
}

// maxHeader bounds the JSON header of a job in bytes.
const maxHeader = 64 << 10

// job is the header of what the child reads: a 4-byte big-endian length, the
// header as JSON, then the file up to the end of the stream.
type job struct {
	Name   string `json:"name"`
	Limits Limits `json:"limits"`
}

// result is what the child writes: one JSON object, with either a document or
// a problem.
type result struct {
	Document *Document `json:"document,omitempty"`
	Problem  *problem  `json:"problem,omitempty"`
}

// problem is an [Error] on its way between processes.
type problem struct {
	Reason Reason `json:"reason"`
	Kind   string `json:"kind,omitempty"`
	Got    int64  `json:"got,omitempty"`
	Limit  int64  `json:"limit,omitempty"`
	Cause  string `json:"cause,omitempty"`
}

// Main reads one job from stdin and writes its result to stdout. A file that
// cannot be read is a result like any other; the error is for a broken stream.
func Main(stdin io.Reader, stdout io.Writer) error {
	j, data, err := readJob(stdin)
	if err != nil {
		return err
	}
	doc, err := Read(j.Name, data, j.Limits)
	res := result{Document: &doc}
	if err != nil {
		var e *Error
		if !errors.As(err, &e) {
			return err
		}
		res = result{Problem: &problem{Reason: e.Reason, Kind: e.Kind, Got: e.Got, Limit: e.Limit}}
		if e.Err != nil {
			res.Problem.Cause = e.Err.Error()
		}
	}
	return json.NewEncoder(stdout).Encode(res)
}

func readJob(r io.Reader) (j job, data []byte, err error) {
	var size uint32
	if err := binary.Read(r, binary.BigEndian, &size); err != nil {
		return j, nil, fmt.Errorf("document job: length: %w", err)
	}
	if size > maxHeader {
		return j, nil, fmt.Errorf("document job: header of %d bytes, at most %d", size, maxHeader)
	}
	header := make([]byte, size)
	if _, err := io.ReadFull(r, header); err != nil {
		return j, nil, fmt.Errorf("document job: header: %w", err)
	}
	if err := json.Unmarshal(header, &j); err != nil {
		return j, nil, fmt.Errorf("document job: header: %w", err)
	}
	j.Limits = j.Limits.orDefault()
	data, err = io.ReadAll(io.LimitReader(r, j.Limits.Bytes+1))
	return j, data, err
}

func writeJob(j job, data []byte) ([]byte, error) {
	header, err := json.Marshal(j)
	if err != nil {
		return nil, err
	}
	if len(header) > maxHeader {
		return nil, fmt.Errorf("the file name has %d bytes, at most %d are possible", len(j.Name), maxHeader)
	}
	b := make([]byte, 0, 4+len(header)+len(data))
	b = binary.BigEndian.AppendUint32(b, uint32(len(header)))
	return append(append(b, header...), data...), nil
}

// Isolated reads documents in a child process, so that a file that brings the
// parser down costs one attempt and not the appliance. It is safe for
// concurrent use if its Runner is.
type Isolated struct {
	Runner Runner
	Limits Limits // zero value: [DefaultLimits]
}

// Read is [Read] in a child process. A child that dies or takes too long is an
// [*Error] of reason [Unreadable]; the end of ctx itself is returned as it is.
func (i Isolated) Read(ctx context.Context, name string, data []byte) (Document, error) {
	limits := i.Limits.orDefault()
	if err := CheckSize(name, int64(len(data)), limits); err != nil {
		return Document{}, err
	}
	stdin, err := writeJob(job{name, limits}, data)
	if err != nil {
		return Document{}, err
	}
	stdout, err := i.Runner.RunIsolated(ctx, Verb, stdin)
	if err != nil {
		if errors.Is(ctx.Err(), context.Canceled) {
			return Document{}, ctx.Err()
		}
		return Document{}, &Error{Reason: Unreadable, Name: name, Err: err}
	}
	var res result
	if err := json.NewDecoder(bytes.NewReader(stdout)).Decode(&res); err != nil {
		return Document{}, &Error{Reason: Unreadable, Name: name, Err: err}
	}
	switch p := res.Problem; {
	case p != nil:
		return Document{}, &Error{Reason: p.Reason, Name: name, Kind: p.Kind, Got: p.Got, Limit: p.Limit, Err: errors.New(p.Cause)}
	case res.Document == nil || !res.Document.sound(limits):
		return Document{}, &Error{Reason: Unreadable, Name: name, Err: errors.New("the reader's answer makes no sense")}
	}
	doc := *res.Document
	doc.Name, doc.SizeBytes, doc.SHA256 = name, int64(len(data)), digest(data)
	return doc, nil
}

// sound reports whether the text is one that Read returns and the page offsets
// fit it: what a child says is checked like any other input.
func (d Document) sound(limits Limits) bool {
	if blank(d.Text) || !utf8.ValidString(d.Text) || utf8.RuneCountInString(d.Text) > limits.Characters {
		return false
	}
	last := 0
	for i, p := range d.Pages {
		if p < last || p > len(d.Text) || i == 0 && p != 0 {
			return false
		}
		last = p
	}
	return len(d.Pages) > 0
}
