package mission

import (
	"fmt"
	"slices"
	"strings"
)

// Problem is one thing that is wrong with a mission file, where it is and what
// to do about it.
type Problem struct {
	Line    int    `json:"line"`   // from 1; 0 = not known
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

// Problems is everything that is wrong with a mission file, in its order. It
// is the error of [Parse] and [Compile].
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

// err returns the problems in the order of the file, or nil if there are none.
func (p Problems) err() error {
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

// position is a place in a source file, from 1.
type position struct{ line, column int }

// suggest returns `; did you mean "x"?` for the nearest of the known names, or
// names them all where none is near and they are few.
func suggest(name string, known []string) string {
	best, at := "", 3
	for _, k := range known {
		if d := distance(strings.ToLower(name), strings.ToLower(k)); d < at && d < max(2, len(k)/2+1) {
			best, at = k, d
		}
	}
	switch {
	case best != "":
		return fmt.Sprintf("; did you mean %q?", best)
	case len(known) == 0 || len(known) > 12:
		return ""
	}
	known = slices.Sorted(slices.Values(known))
	return "; known are " + strings.Join(known, ", ")
}

// distance is the number of single-character edits between a and b, where
// swapping two neighbours is one (optimal string alignment).
func distance(a, b string) int {
	x, y := []rune(a), []rune(b)
	if len(x) > 64 || len(y) > 64 {
		return 64
	}
	rows := make([][]int, len(x)+1)
	for i := range rows {
		rows[i] = make([]int, len(y)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(x); i++ {
		for j := 1; j <= len(y); j++ {
			cost := 1
			if x[i-1] == y[j-1] {
				cost = 0
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(x)][len(y)]
}
