package cells

import "math"

// Token is one token of a batch: of which sequence, and at which place in it.
// Its cell exists: [Table.Append] made it.
type Token struct{ Seq, Pos int }

// Reach says how far back a token looks.
type Reach struct {
	Window int // tokens before it; 0 = all
	Chunk  int // only within its own chunk of so many tokens; 0 = no chunks
}

// first returns the first position that a token at pos looks at.
func (r Reach) first(pos int) int {
	first := 0
	if r.Window > 0 {
		first = max(first, pos-r.Window)
	}
	if r.Chunk > 0 {
		first = max(first, pos-pos%r.Chunk)
	}
	return first
}

// Group is a run of tokens of a batch that look at the same cells.
type Group struct {
	First, Tokens int // in the batch
	Cell          int // its first cell; it looks at Layout.Width of them
}

// Layout is what one batch looks at: first the cells that all its tokens have
// in common, Shared of them from SharedCell on, then the Width cells of each
// group. A row of a mask has Shared+Width numbers.
type Layout struct {
	SharedCell, Shared int
	Width              int
	Groups             []Group

	t      *Table
	tokens []Token
}

// Layout arranges one batch. Tokens of one sequence stand together. overhead is
// what one more group costs, counted in pairs of a token and a cell.
func (t *Table) Layout(tokens []Token, overhead int) Layout {
	whole := Layout{t: t, tokens: tokens, Groups: []Group{{0, len(tokens), 0}}}
	var groups []Group
	for i, k := range tokens {
		if i == 0 || k.Seq != tokens[i-1].Seq {
			groups = append(groups, Group{First: i})
		}
		groups[len(groups)-1].Tokens++
	}
	lo, hi := len(t.refs), 0
	for _, g := range groups {
		a, b := span(t.seqs[tokens[g.First].Seq].pages)
		lo, hi = min(lo, a), max(hi, b)
	}
	whole.Groups[0].Cell, whole.Width = lo*Page, (hi-lo)*Page
	if overhead < 0 {
		return whole
	}

	first := t.seqs[tokens[0].Seq].pages
	common := len(first)
	if len(groups) == 1 {
		common = t.seqs[tokens[0].Seq].lent
	}
	for _, g := range groups {
		pages := t.seqs[tokens[g.First].Seq].pages
		k := 0
		for k < common && k < len(pages)-1 && pages[k] == first[k] {
			k++
		}
		common = k
	}
	split := Layout{t: t, tokens: tokens, Groups: groups}
	if common > 0 {
		a, b := span(first[:common])
		split.SharedCell, split.Shared = a*Page, (b-a)*Page
	}
	for i, g := range groups {
		a, b := span(t.seqs[tokens[g.First].Seq].pages[common:])
		groups[i].Cell = a * Page
		split.Width = max(split.Width, (b-a)*Page)
	}
	for i := range groups {
		groups[i].Cell = min(groups[i].Cell, t.Cells()-split.Width)
	}
	products := len(groups)
	if split.Shared > 0 {
		products++
	}
	if n := len(tokens); n*(split.Shared+split.Width)+overhead*(products-1) < n*whole.Width {
		return split
	}
	return whole
}

// span returns the smallest range of pages that holds all of them.
func span(pages []int32) (lo, hi int) {
	lo = math.MaxInt
	for _, p := range pages {
		lo, hi = min(lo, int(p)), max(hi, int(p)+1)
	}
	return lo, hi
}

// Row returns the length of one row of a mask.
func (l *Layout) Row() int { return l.Shared + l.Width }

// Mask writes for each token of the batch one row: 0 for each cell that it
// looks at and -Inf for every other. It uses the memory of buf if that is
// enough.
func (l *Layout) Mask(buf []float32, r Reach) []float32 {
	row := l.Row()
	n := row * len(l.tokens)
	if cap(buf) < n {
		buf = make([]float32, n)
	}
	buf = buf[:n]
	hide(buf)
	for _, g := range l.Groups {
		for i := g.First; i < g.First+g.Tokens; i++ {
			l.show(buf[i*row:(i+1)*row], g, l.tokens[i], r)
		}
	}
	return buf
}

// show opens what a token looks at.
func (l *Layout) show(row []float32, g Group, k Token, r Reach) {
	pages := l.t.seqs[k.Seq].pages
	for pos := r.first(k.Pos); pos <= k.Pos; {
		end := min(k.Pos+1, (pos/Page+1)*Page)
		cell := int(pages[pos/Page])*Page + pos%Page
		at := cell - g.Cell + l.Shared
		if cell >= l.SharedCell && cell < l.SharedCell+l.Shared {
			at = cell - l.SharedCell
		}
		clear(row[at : at+end-pos])
		pos = end
	}
}

// hide fills a mask with -Inf, doubling what is filled.
func hide(buf []float32) {
	if len(buf) == 0 {
		return
	}
	buf[0] = float32(math.Inf(-1))
	for n := 1; n < len(buf); n *= 2 {
		copy(buf[n:], buf[:n])
	}
}

// Cells returns the cells of the tokens, in the order of the batch.
func (l *Layout) Cells() []int32 {
	out := make([]int32, len(l.tokens))
	for i, k := range l.tokens {
		out[i] = int32(l.t.Cell(k.Seq, k.Pos))
	}
	return out
}
