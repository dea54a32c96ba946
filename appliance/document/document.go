// Package document turns the bytes of an uploaded file into text that a model
// and a person can read. It knows plain text in the usual encodings and PDF,
// and says precisely why it cannot read anything else. It performs no I/O:
// [Read] is a function of its arguments, and [Main] speaks to the two streams
// that it is given, so that the parsing of hostile files can be put into a
// child process that has nothing to lose. Start with [Read]; [Isolated] is the
// same thing behind a process boundary.
package document

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"unicode/utf8"
)

// Media types that [Read] reports.
const (
	TextPlain = "text/plain"
	PDF       = "application/pdf"
)

// Limits bounds what a document may cost. The zero value of a field means the
// value of [DefaultLimits].
type Limits struct {
	Bytes      int64 `json:"bytes"`      // size of the file
	Pages      int   `json:"pages"`      // pages of a PDF
	Characters int   `json:"characters"` // Unicode characters of the text
}

// DefaultLimits returns 10 MiB, 50 pages and 200,000 characters: several times
// what the longest business document needs.
func DefaultLimits() Limits { return Limits{Bytes: 10 << 20, Pages: 50, Characters: 200_000} }

// orDefault replaces what is not set.
func (l Limits) orDefault() Limits {
	d := DefaultLimits()
	if l.Bytes <= 0 {
		l.Bytes = d.Bytes
	}
	if l.Pages <= 0 {
		l.Pages = d.Pages
	}
	if l.Characters <= 0 {
		l.Characters = d.Characters
	}
	return l
}

// Document is a file that could be read.
type Document struct {
	Name      string `json:"name"`               // as given, for messages; never a path to open
	MediaType string `json:"mediaType"`          // [TextPlain] or [PDF]
	Encoding  string `json:"encoding,omitempty"` // IANA name of a plain text's encoding, for example "windows-1252"
	SizeBytes int64  `json:"sizeBytes"`
	SHA256    string `json:"sha256"` // of the bytes as uploaded, in hex
	Text      string `json:"text"`   // valid UTF-8 in NFC, lines end in \n, never blank
	Pages     []int  `json:"pages"`  // byte offset in Text at which each page starts; the first is 0
}

// Page returns the text of page i, counted from 0.
// It panics if there is no such page.
func (d Document) Page(i int) string {
	if i+1 < len(d.Pages) {
		return d.Text[d.Pages[i]:d.Pages[i+1]]
	}
	return d.Text[d.Pages[i]:]
}

// Read returns the text of the file with the given name and content. The
// content alone decides what kind of file it is; the name only appears in
// messages. Every error is an [*Error]. A file that makes a parser panic is
// reported as damaged; one that exhausts memory or time can only be stopped
// from outside, which is what [Isolated] is for.
func Read(name string, data []byte, limits Limits) (doc Document, err error) {
	defer func() {
		if p := recover(); p != nil {
			doc, err = Document{}, &Error{Reason: Damaged, Name: name, Err: fmt.Errorf("parser stopped: %v", p)}
		}
	}()
	limits = limits.orDefault()
	if err := CheckSize(name, int64(len(data)), limits); err != nil {
		return Document{}, err
	}
	doc = Document{Name: name, SizeBytes: int64(len(data)), SHA256: digest(data)}

	var pages []string
	if start := pdfStart(data); start >= 0 {
		doc.MediaType = PDF
		pages, err = readPDF(data[start:], limits)
	} else {
		doc.MediaType = TextPlain
		pages, doc.Encoding, err = readText(data)
	}
	if err != nil {
		return Document{}, named(err, name)
	}
	doc.Text, doc.Pages = join(pages)
	if n := utf8.RuneCountInString(doc.Text); n > limits.Characters {
		return Document{}, &Error{Reason: TooLong, Name: name, Got: int64(n), Limit: int64(limits.Characters)}
	}
	if blank(doc.Text) {
		reason := Empty
		if doc.MediaType == PDF {
			reason = NoText
		}
		return Document{}, &Error{Reason: reason, Name: name}
	}
	return doc, nil
}

// CheckSize returns an [*Error] if a file of so many bytes is empty or too
// big, so that a caller can refuse it before it holds or copies the content.
func CheckSize(name string, sizeBytes int64, limits Limits) error {
	limits = limits.orDefault()
	switch {
	case sizeBytes == 0:
		return &Error{Reason: Empty, Name: name}
	case sizeBytes > limits.Bytes:
		return &Error{Reason: TooBig, Name: name, Got: sizeBytes, Limit: limits.Bytes}
	}
	return nil
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// join puts pages one after the other, a blank line between them, and returns
// where each starts.
func join(pages []string) (text string, starts []int) {
	size := 0
	for _, p := range pages {
		size += len(p) + 2
	}
	b := make([]byte, 0, size)
	for i, p := range pages {
		if i > 0 {
			b = append(b, "\n\n"...)
		}
		starts = append(starts, len(b))
		b = append(b, p...)
	}
	return string(b), starts
}

// blank reports whether s has no character that a person would see.
func blank(s string) bool {
	for _, r := range s {
		if visible(r) {
			return false
		}
	}
	return true
}
