package document

import (
	"errors"
	"fmt"
)

// Reason says why a file could not be read.
type Reason string

// Reasons.
const (
	Empty        Reason = "empty"          // no bytes, or nothing but white space
	TooBig       Reason = "too-big"        // more bytes than allowed
	TooLong      Reason = "too-long"       // more characters than allowed
	TooManyPages Reason = "too-many-pages" // more pages than allowed
	Binary       Reason = "binary"         // neither text nor PDF, of no known kind
	Unsupported  Reason = "unsupported"    // a known kind of file that cannot be read
	Encoding     Reason = "encoding"       // text, but in no encoding that fits
	Encrypted    Reason = "encrypted"      // a PDF that asks for a password
	Damaged      Reason = "damaged"        // a PDF whose structure is broken
	NoText       Reason = "no-text"        // a PDF without text, usually a scan
	Unreadable   Reason = "unreadable"     // the isolated reader was stopped or died
)

// Error is the only error type of this package's readers. Its text tells the
// person who uploaded the file what to do.
type Error struct {
	Reason Reason
	Name   string // of the file
	Kind   string // Unsupported: what the file is, for example "a ZIP archive"
	Got    int64  // TooBig, TooLong, TooManyPages: the measure found
	Limit  int64  // and the one allowed
	Err    error  // cause, for the log; may be nil
}

func (e *Error) Error() string {
	name := e.Name
	if name == "" {
		name = "the file"
	}
	return fmt.Sprintf("%s %s", name, e.message())
}

func (e *Error) message() string {
	switch e.Reason {
	case Empty:
		return "is empty; check that the right file was chosen"
	case TooBig:
		return fmt.Sprintf("has %s, the limit is %s; split it, or send only the pages that matter", size(e.Got), size(e.Limit))
	case TooLong:
		return fmt.Sprintf("has %d characters of text, the limit is %d; send only the pages that matter", e.Got, e.Limit)
	case TooManyPages:
		return fmt.Sprintf("has %d pages, the limit is %d; send only the pages that matter", e.Got, e.Limit)
	case Unsupported:
		return fmt.Sprintf("is %s, which cannot be read; export it as PDF or plain text", e.Kind)
	case Encoding:
		return "is text in an encoding that cannot be told with certainty; save it as UTF-8 and send it again"
	case Encrypted:
		return "is a PDF that is locked with a password; remove the password and send it again"
	case Damaged:
		return "is a damaged PDF; open it in a viewer, print it to a new PDF and send that, or ask the sender for it again"
	case NoText:
		return "is a PDF without text, most likely a scan; run text recognition (OCR) over it first"
	case Unreadable:
		return "could not be read within the time and memory allowed; print it to a new PDF and send that"
	}
	return "is neither text nor PDF; export it as PDF or plain text"
}

func (e *Error) Unwrap() error { return e.Err }

// ReasonOf returns the reason of an error of this package, and "" for others.
func ReasonOf(err error) Reason {
	var e *Error
	if errors.As(err, &e) {
		return e.Reason
	}
	return ""
}

// named puts the name of the file into an error of this package.
func named(err error, name string) error {
	var e *Error
	if errors.As(err, &e) {
		e.Name = name
	}
	return err
}

// size writes a number of bytes the way people say it.
func size(n int64) string {
	switch {
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MB", float64(n)/(1<<20))
	case n >= 1<<10:
		return fmt.Sprintf("%.1f kB", float64(n)/(1<<10))
	}
	return fmt.Sprintf("%d bytes", n)
}
