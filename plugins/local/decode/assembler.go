package decode

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"skerry/appliance/llm"
)

// Bounds of the stop strings of one request.
const (
	MaxStops     = 16
	MaxStopBytes = 256
)

// Assembler turns tokens into text. It holds back what may still change:
// bytes of a character that is not complete, and text that may be the
// beginning of a stop string.
type Assembler struct {
	stops    []string
	logprobs bool
	bytes    []byte      // not sent yet
	tokens   []llm.Token // behind bytes
	met      string      // what ended the output
	after    string      // what stood behind it
}

// NewAssembler returns an assembler that ends the output before the first of
// the stop strings. It returns an *llm.Error of kind invalid for stop strings
// that are empty, too long or too many.
func NewAssembler(stops []string, logprobs bool) (*Assembler, error) {
	if len(stops) > MaxStops {
		return nil, &llm.Error{Kind: llm.Invalid, Message: fmt.Sprintf("%d stop strings; %d are possible", len(stops), MaxStops)}
	}
	for _, s := range stops {
		if s == "" || len(s) > MaxStopBytes || !utf8.ValidString(s) {
			return nil, &llm.Error{Kind: llm.Invalid, Message: fmt.Sprintf("a stop string must be text of 1 to %d bytes", MaxStopBytes)}
		}
	}
	return &Assembler{stops: stops, logprobs: logprobs}, nil
}

// Mark adds a string at which the output ends, such as the tag of a dialect.
func (a *Assembler) Mark(s string) { a.stops = append(slices.Clone(a.stops), s) }

// Unmark removes a string that was added by [Assembler.Mark].
func (a *Assembler) Unmark(s string) {
	a.stops = slices.DeleteFunc(slices.Clone(a.stops), func(t string) bool { return t == s })
}

// Met returns the stop string or mark at which the output ended, and what the
// last token has behind it.
func (a *Assembler) Met() (mark, after string) { return a.met, a.after }

// Add takes one token and returns what can be sent now, which may be nothing.
// stopped reports that a stop string was met: the output has ended before it.
func (a *Assembler) Add(t llm.Token) (d llm.Delta, stopped bool) {
	a.bytes = append(a.bytes, t.Bytes...)
	a.tokens = append(a.tokens, t)
	if at := a.stop(); at >= 0 {
		a.cut(at)
		return a.take(len(a.bytes)), true
	}
	return a.take(a.boundary(len(a.bytes) - a.held())), false
}

// Finish returns what is left when the model has ended.
func (a *Assembler) Finish() llm.Delta { return a.take(len(a.bytes)) }

// stop returns where the first stop string begins, or -1.
func (a *Assembler) stop() int {
	first := -1
	for _, s := range a.stops {
		if i := strings.Index(string(a.bytes), s); i >= 0 && (first < 0 || i < first) {
			first = i
			a.met, a.after = s, string(a.bytes[i+len(s):])
		}
	}
	return first
}

// cut drops everything from byte at on; a token that lies across is shortened.
func (a *Assembler) cut(at int) {
	a.bytes = a.bytes[:at]
	for i, t := range a.tokens {
		if len(t.Bytes) >= at {
			a.tokens = a.tokens[:i+1]
			a.tokens[i].Bytes = t.Bytes[:at]
			if at == 0 {
				a.tokens = a.tokens[:i]
			}
			return
		}
		at -= len(t.Bytes)
	}
}

// held returns how many bytes at the end may still change.
func (a *Assembler) held() int {
	n := 0
	for i := 1; i < utf8.UTFMax && i <= len(a.bytes); i++ {
		if tail := a.bytes[len(a.bytes)-i:]; utf8.RuneStart(tail[0]) {
			if !utf8.FullRune(tail) {
				n = i
			}
			break
		}
	}
	for _, s := range a.stops {
		for k := min(len(s)-1, len(a.bytes)); k > n; k-- {
			if strings.HasSuffix(string(a.bytes), s[:k]) {
				n = k
				break
			}
		}
	}
	return n
}

// boundary returns the last place at or before n where both a token and a
// character end.
func (a *Assembler) boundary(n int) int {
	at, last := 0, 0
	for _, t := range a.tokens {
		at += len(t.Bytes)
		if at > n {
			break
		}
		if at == len(a.bytes) || utf8.RuneStart(a.bytes[at]) {
			last = at
		}
	}
	return last
}

// take removes n bytes, which end where a token ends.
func (a *Assembler) take(n int) llm.Delta {
	var d llm.Delta
	d.Text = strings.ToValidUTF8(string(a.bytes[:n]), "\uFFFD")
	a.bytes = a.bytes[n:]
	k := 0
	for at := 0; k < len(a.tokens) && at+len(a.tokens[k].Bytes) <= n; k++ {
		at += len(a.tokens[k].Bytes)
	}
	if a.logprobs {
		d.Tokens = append(d.Tokens, a.tokens[:k]...)
	}
	a.tokens = a.tokens[k:]
	return d
}
