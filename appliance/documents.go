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

func (child) RunIsolated(ctx context.Context, verb string, stdin []byte) ([]byte, error) {
	return plugins.RunIsolated(ctx, plugins.Isolated{Args: []string{verb}, Stdin: stdin, MemoryBytes: readerMemoryBytes, CPU: readerCPU})
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
