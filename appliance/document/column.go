package document

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"unicode/utf8"
)

// column is a vertical strip of a block that the cells of several lines share.
type column struct {
	x, end float64
	right  bool // the cells end at one edge rather than start at one, as amounts do
	at     int  // first character of the strip in the rendered line
	width  int  // in characters
}

// block renders lines that no blank line separates. Cells of different lines
// that overlap from left to right form a column and are written below each
// other.
func block(rows []row, unit float64) []string {
	cols := columns(rows, unit)
	out := make([]string, len(rows))
	for i, r := range rows {
		var b strings.Builder
		used := 0
		for k, c := range r.cells {
			size := utf8.RuneCountInString(c.text)
			pad := 0
			if col := columnOf(cols, c); col != nil {
				pad = col.at - used
				if col.right {
					pad += max(0, col.width-size)
				}
			}
			if k > 0 {
				pad = max(2, pad)
			}
			pad = max(0, pad)
			b.WriteString(strings.Repeat(" ", pad))
			b.WriteString(c.text)
			used += pad + size
		}
		out[i] = b.String()
	}
	return out
}

// columns finds the strips from the lines that have more than one cell; a
// heading or a sentence runs across them and says nothing about them.
func columns(rows []row, unit float64) []column {
	var cells []cell
	for _, r := range rows {
		if len(r.cells) > 1 {
			cells = append(cells, r.cells...)
		}
	}
	slices.SortStableFunc(cells, func(a, b cell) int { return cmp.Compare(a.x, b.x) })
	var cols []column
	var members [][]cell
	for _, c := range cells {
		n := len(cols) - 1
		if n < 0 || c.x > cols[n].end {
			cols = append(cols, column{x: c.x, end: c.end})
			members = append(members, nil)
			n++
		}
		cols[n].end = max(cols[n].end, c.end)
		cols[n].width = max(cols[n].width, utf8.RuneCountInString(c.text))
		members[n] = append(members[n], c)
	}
	for i := range cols {
		cols[i].right = rightAligned(members[i])
		if i > 0 {
			gutter := int(math.Round((cols[i].x - cols[i-1].end) / unit))
			cols[i].at = cols[i-1].at + cols[i-1].width + max(2, min(maxGutter, gutter))
		}
	}
	return cols
}

// rightAligned reports whether cells share their right edge and not their left
// one, within a point.
func rightAligned(cells []cell) bool {
	left, right := 0.0, 0.0
	for _, c := range cells {
		left = max(left, math.Abs(c.x-cells[0].x))
		right = max(right, math.Abs(c.end-cells[0].end))
	}
	return left > 1 && right <= 1
}

// columnOf returns the column that c starts in, or nil.
func columnOf(cols []column, c cell) *column {
	for i := range cols {
		if c.x <= cols[i].end && c.x >= cols[i].x-1 {
			return &cols[i]
		}
	}
	return nil
}
