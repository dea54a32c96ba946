package mission

import (
	"fmt"
	"slices"
	"strings"

	"skerry/appliance/source"
)

// Problem is one thing that is wrong with a mission file, or with a request
// about one.
type Problem = source.Problem

// Problems is everything that is wrong with a mission file, in its order. It
// is the error of [Parse] and [Compile].
type Problems = source.Problems

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
