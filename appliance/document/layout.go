package document

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"unicode/utf8"
)

// Thresholds of the layout, as fractions of the font size. They are the usual
// ones of text extraction: a word space is about a quarter of an em, and no
// justified line stretches one beyond a whole em.
const (
	wordGap   = 0.15 // wider than this between two characters is a space
	columnGap = 1.1  // wider than this starts a new column
	lineDrift = 0.45 // baselines nearer than this are one line
	blankGap  = 1.75 // baselines farther apart than this have a blank line between
)

// maxGutter bounds the spaces between two columns. Wide empty gutters cost
// tokens and tell a reader nothing.
const maxGutter = 4

// cell is a stretch of text on one line that no column gap interrupts.
type cell struct {
	x, end float64
	text   string
}

// row is a line of cells from left to right.
type row struct {
	y, h  float64
	cells []cell
}

// layout returns the text of a page the way it looks: lines from top to
// bottom, columns lined up with spaces.
func layout(glyphs []glyph) string {
	rows := rowsOf(glyphs)
	if len(rows) == 0 {
		return ""
	}
	var b strings.Builder
	unit := meanWidth(glyphs)
	start := 0
	for i := 1; i <= len(rows); i++ {
		if i < len(rows) && rows[i-1].y-rows[i].y <= blankGap*max(rows[i-1].h, rows[i].h) {
			continue
		}
		if start > 0 {
			b.WriteByte('\n')
		}
		for _, l := range block(rows[start:i], unit) {
			b.WriteString(l)
			b.WriteByte('\n')
		}
		start = i
	}
	return b.String()
}

// rowsOf groups glyphs by baseline, top first.
func rowsOf(glyphs []glyph) []row {
	g := slices.Clone(glyphs)
	slices.SortStableFunc(g, func(a, b glyph) int { return cmp.Compare(b.y, a.y) })
	var rows []row
	for len(g) > 0 {
		n, y, h := 1, g[0].y, g[0].h
		for n < len(g) && y-g[n].y <= lineDrift*min(h, g[n].h) {
			h = max(h, g[n].h)
			n++
		}
		if cells := cellsOf(g[:n]); len(cells) > 0 {
			rows = append(rows, row{y, h, cells})
		}
		g = g[n:]
	}
	return rows
}

// cellsOf splits the glyphs of one line into columns, and puts the spaces into
// them that the gaps show.
func cellsOf(g []glyph) []cell {
	slices.SortStableFunc(g, func(a, b glyph) int { return cmp.Compare(a.x, b.x) })
	var cells []cell
	var last glyph
	space := false
	for _, c := range g {
		if strings.TrimSpace(c.text) == "" {
			space = true
			continue
		}
		n := len(cells) - 1
		gap := c.x - (last.x + last.w)
		switch {
		case n < 0 || gap > columnGap*c.h:
			cells = append(cells, cell{x: c.x, end: c.x + c.w, text: c.text})
		case c.text == last.text && math.Abs(c.x-last.x) < 0.1*c.h: // bold by overprinting
			continue
		default:
			if space || gap > wordGap*c.h {
				cells[n].text += " "
			}
			cells[n].text += c.text
			cells[n].end = c.x + c.w
		}
		last, space = c, false
	}
	return cells
}

// meanWidth returns the mean width of a character, in points.
func meanWidth(glyphs []glyph) float64 {
	sum, n := 0.0, 0
	for _, g := range glyphs {
		if g.w > 0 && strings.TrimSpace(g.text) != "" {
			sum += g.w
			n += utf8.RuneCountInString(g.text)
		}
	}
	if n == 0 || sum <= 0 {
		return 5
	}
	return sum / float64(n)
}
