package policy

import (
	"fmt"
	"strings"
)

// Problem is something wrong with a policy document.
type Problem struct {
	Line    int    `json:"line"`   // from 1; 0 = the document as a whole
	Column  int    `json:"column"` // from 1, in characters
	Path    string `json:"path"`   // for example "rules[1].ladder[0]"
	Message string `json:"message"`
}

// String returns the problem as an editor's problem list shows it.
func (p Problem) String() string {
	var b strings.Builder
	if p.Line > 0 {
		fmt.Fprintf(&b, "line %d, column %d: ", p.Line, p.Column)
	}
	if p.Path != "" {
		b.WriteString(p.Path + ": ")
	}
	b.WriteString(p.Message)
	return b.String()
}

// Problems is the error of [Parse]: everything that is wrong, in the order of
// the document. It is never empty.
type Problems []Problem

func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i := range p {
		lines[i] = p[i].String()
	}
	return strings.Join(lines, "\n")
}
