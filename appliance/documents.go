package appliance

import (
	"context"
	"errors"
	"time"
	"unicode/utf8"

	"skerry/appliance/document"
	"skerry/appliance/mission"
	"skerry/plugins"
)

// Bounds of one document reader process. They are generous for a business
// document and small for the host.
const (
	readerMemoryBytes = 1 << 30
	readerCPU         = 20 * time.Second
)

// child runs a hidden verb of this binary in a process that has nothing to lose.
type child struct{}

// RunIsolated tries a second time after a crash: a kernel that is short of memory
// kills whom it likes, and a good document must not be refused for that. One that
// is at fault brings the second process down too.
func (child) RunIsolated(ctx context.Context, verb string, stdin []byte) ([]byte, error) {
	work := plugins.Isolated{Args: []string{verb}, Stdin: stdin, MemoryBytes: readerMemoryBytes, CPU: readerCPU}
	out, err := plugins.RunIsolated(ctx, work)
	var failed *plugins.IsolatedError
	if errors.As(err, &failed) && failed.Reason == plugins.IsolatedCrashed && ctx.Err() == nil {
		return plugins.RunIsolated(ctx, work)
	}
	return out, err
}

// reader turns uploaded files into text for the engine. It never fails because
// of what is in a file: that is a result, with a reason for people.
type reader struct {
	isolated document.Isolated
}

func newReader(maxBytes int64) reader {
	limits := document.DefaultLimits()
	limits.Bytes = maxBytes
	return reader{document.Isolated{Runner: child{}, Limits: limits}}
}

// Read returns the text of the file and what is known about it. The error is
// not nil only when ctx ended.
func (r reader) Read(ctx context.Context, name string, data []byte) (string, mission.ReadData, error) {
	doc, err := r.isolated.Read(ctx, name, data)
	var unreadable *document.Error
	switch {
	case errors.As(err, &unreadable):
		return "", mission.ReadData{Problem: unreadable.Error(), Code: string(unreadable.Reason)}, nil
	case err != nil:
		return "", mission.ReadData{}, err
	}
	return doc.Text, mission.ReadData{
		MediaType: doc.MediaType, Encoding: doc.Encoding, Pages: len(doc.Pages), Characters: utf8.RuneCountInString(doc.Text),
	}, nil
}
