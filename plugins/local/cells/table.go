// Package cells arranges the key-value cache of a model: which cell holds which
// token of which sequence, and what each token of a batch may look at. It
// computes nothing and holds no tensor. Start with [Table]; [Table.Layout] is
// what one forward pass needs to know.
//
// Cells are handed out in pages, as operating systems do with memory (Kwon et
// al. 2023, PagedAttention), so that sequences with a common beginning share
// its pages. A token always lies in a cell that has the same place within its
// page as the token has in its sequence, modulo [Page]. Vector code then adds
// up the same numbers in the same lanes wherever a sequence was put, and where
// it was put does not show in the result.
package cells

import (
	"errors"
	"fmt"
	"slices"
)

// Page is the number of cells that are handed out at once. It is a multiple of
// what any processor adds up in one step.
const Page = 64

// ErrFull says that no page is free.
var ErrFull = errors.New("the key-value cache is full")

// Table says what is in the cells. It is not safe for concurrent use.
type Table struct {
	refs  []int32 // by page: sequences that hold it
	meant []int   // by page: the sequence that will grow into it, -1 = none
	free  int     // pages that no sequence holds
	seqs  map[int]*sequence
}

// sequence is what one sequence holds: page i has the tokens from i*Page on.
type sequence struct {
	pages []int32
	n     int // tokens
	lent  int // pages at the beginning that another sequence wrote
	grow  int // pages that it is expected to hold in the end
}

// New returns an empty table with room for tokens, rounded up to whole pages.
func New(tokens int) *Table {
	n := Pages(tokens)
	t := &Table{refs: make([]int32, n), meant: make([]int, n), free: n, seqs: map[int]*sequence{}}
	for i := range t.meant {
		t.meant[i] = -1
	}
	return t
}

// Pages returns how many pages a sequence of so many tokens takes.
func Pages(tokens int) int { return (tokens + Page - 1) / Page }

// Cells returns the number of cells.
func (t *Table) Cells() int { return len(t.refs) * Page }

// Free returns the number of free pages.
func (t *Table) Free() int { return t.free }

// Total returns the number of pages.
func (t *Table) Total() int { return len(t.refs) }

// Len returns the number of tokens of a sequence, 0 if there is none.
func (t *Table) Len(seq int) int {
	if s := t.seqs[seq]; s != nil {
		return s.n
	}
	return 0
}

// Cell returns where a token of a sequence lies.
func (t *Table) Cell(seq, pos int) int {
	return int(t.seqs[seq].pages[pos/Page])*Page + pos%Page
}

// Expect says that a sequence will probably have so many tokens in the end.
// The table then tries to put it into neighbouring pages. It is a hint.
func (t *Table) Expect(seq, tokens int) {
	s := t.of(seq)
	s.grow = Pages(tokens)
	if s.grow <= len(s.pages) {
		t.forget(seq) // it will not grow into what was kept for it
	}
}

func (t *Table) of(seq int) *sequence {
	s := t.seqs[seq]
	if s == nil {
		s = &sequence{}
		t.seqs[seq] = s
	}
	return s
}

// Append makes room for n more tokens. It changes nothing and returns
// [ErrFull] if there is not enough.
func (t *Table) Append(seq, n int) error {
	s := t.of(seq)
	need := Pages(s.n+n) - len(s.pages)
	if need > t.free {
		return fmt.Errorf("%w: %d pages are needed, %d are free", ErrFull, need, t.free)
	}
	for range need {
		t.take(seq, s)
	}
	s.n += n
	return nil
}

// take gives a sequence a free page: the one behind the last that it wrote, or
// else the first of a gap in which it can grow.
func (t *Table) take(seq int, s *sequence) int32 {
	at := -1
	if k := len(s.pages); k > s.lent {
		next := int(s.pages[k-1]) + 1
		if next < len(t.refs) && t.refs[next] == 0 && (t.meant[next] == seq || t.meant[next] < 0) {
			at = next
		}
	}
	if at < 0 {
		at = t.gap(max(1, s.grow-len(s.pages)))
		t.forget(seq)
		for i := at; i < len(t.refs) && i < at+s.grow-len(s.pages) && t.refs[i] == 0 && t.meant[i] < 0; i++ {
			t.meant[i] = seq
		}
	}
	t.refs[at]++
	t.free--
	s.pages = append(s.pages, int32(at))
	return int32(at)
}

// gap returns the first page of the first gap of want pages that are free and
// meant for nobody, of the widest such gap, or any free page.
func (t *Table) gap(want int) int {
	best, width, start := -1, 0, 0
	for i := range len(t.refs) + 1 {
		if i < len(t.refs) && t.refs[i] == 0 && t.meant[i] < 0 {
			if i-start+1 >= want {
				return start
			}
			continue
		}
		if i-start > width {
			best, width = start, i-start
		}
		start = i + 1
	}
	if best >= 0 {
		return best
	}
	return slices.Index(t.refs, 0)
}

// Together reports whether a new sequence of so many tokens would find pages
// that lie side by side. Scattered, every pass over it would look at the cells
// between them as well.
func (t *Table) Together(tokens int) bool {
	want, run := Pages(tokens), 0
	for i := range t.refs {
		if run++; t.refs[i] != 0 || t.meant[i] >= 0 {
			run = 0
		}
		if run >= want {
			return true
		}
	}
	return want <= 0
}

func (t *Table) forget(seq int) {
	for i, who := range t.meant {
		if who == seq {
			t.meant[i] = -1
		}
	}
}

// Copy is a piece of the cache that has to be copied from cell to cell.
type Copy struct{ From, To, N int }

// Fork makes the new sequence dst begin with the first n tokens of src. Whole
// pages are shared; what n leaves of the last one has to be copied. It
// returns [ErrFull] if there is no page for that, and dst then does not exist.
func (t *Table) Fork(src, dst, n int) (Copy, error) {
	from := t.seqs[src]
	if from == nil || n > from.n || t.Len(dst) > 0 {
		return Copy{}, fmt.Errorf("sequence %d cannot begin with %d tokens of sequence %d", dst, n, src)
	}
	rest := n % Page
	if rest > 0 && t.free == 0 {
		return Copy{}, ErrFull
	}
	to := t.of(dst)
	to.pages = slices.Clone(from.pages[:n/Page])
	for _, p := range to.pages {
		t.refs[p]++
	}
	to.n, to.lent = n, len(to.pages)
	if rest == 0 {
		return Copy{}, nil
	}
	p := t.take(dst, to)
	return Copy{From: int(from.pages[n/Page]) * Page, To: int(p) * Page, N: rest}, nil
}

// Drop forgets a sequence.
func (t *Table) Drop(seq int) {
	s := t.seqs[seq]
	if s == nil {
		return
	}
	for _, p := range s.pages {
		if t.refs[p]--; t.refs[p] == 0 {
			t.free++
		}
	}
	t.forget(seq)
	delete(t.seqs, seq)
}
