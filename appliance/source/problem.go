package source

import (
	"fmt"
	"slices"
	"strings"
)

// Problem is one thing that is wrong with a document, where it is and what to
// do about it.
type Problem struct {
	Line    int    `json:"line"`   // from 1; 0 = the document as a whole
	Column  int    `json:"column"` // from 1, in characters; 0 = not known
	Path    string `json:"path"`   // for example "steps[2].decide.when"
	Message string `json:"message"`
}

// String returns the problem on one line, place first.
func (p Problem) String() string {
	var b strings.Builder
	if p.Line > 0 {
		fmt.Fprintf(&b, "%d:%d: ", p.Line, p.Column)
	}
	if p.Path != "" {
		b.WriteString(p.Path + ": ")
	}
	return b.String() + p.Message
}

// Problems is everything that is wrong with a document. As an error it is never
// empty.
type Problems []Problem

// Error returns the problems, one a line.
func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i := range p {
		lines[i] = p[i].String()
	}
	return strings.Join(lines, "\n")
}

// maxProblems bounds a report: who has fixed this many asks again.
const maxProblems = 50

// Err returns the first problems, at most 50, in the order of the document, or
// nil if there are none.
func (p Problems) Err() error {
	if len(p) == 0 {
		return nil
	}
	slices.SortStableFunc(p, func(a, b Problem) int {
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return a.Column - b.Column
	})
	if len(p) > maxProblems {
		p = p[:maxProblems]
	}
	return p
}

// Position is a place in a document, from 1; zero = not known.
type Position struct{ Line, Column int }

// Problem returns a problem at this place.
func (at Position) Problem(path, format string, args ...any) Problem {
	return Problem{Line: at.Line, Column: at.Column, Path: path, Message: fmt.Sprintf(format, args...)}
}
