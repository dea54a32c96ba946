package cells_test

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"skerry/plugins/local/cells"
)

// cache imitates what a key-value cache holds: in each cell, the name of the
// token that was put there.
type cache struct {
	t     *cells.Table
	cells []string
	seqs  map[int][]string // what each sequence should hold
}

func (c *cache) append(t *rapid.T, seq int, tokens []string) bool {
	n := c.t.Len(seq)
	free := c.t.Free()
	if err := c.t.Append(seq, len(tokens)); err != nil {
		if !errors.Is(err, cells.ErrFull) || c.t.Free() != free || c.t.Len(seq) != n || cells.Pages(n+len(tokens))-cells.Pages(n) <= free {
			t.Fatalf("%v with %d free pages", err, free)
		}
		return false
	}
	c.seqs[seq] = append(c.seqs[seq], tokens...)
	for i, k := range tokens {
		c.cells[c.t.Cell(seq, n+i)] = k
	}
	return true
}

// check looks at every token of every sequence through the table.
func (c *cache) check(t *rapid.T) {
	held := map[int]bool{}
	for seq, want := range c.seqs {
		if c.t.Len(seq) != len(want) {
			t.Fatalf("sequence %d has %d tokens, want %d", seq, c.t.Len(seq), len(want))
		}
		for pos, k := range want {
			at := c.t.Cell(seq, pos)
			if c.cells[at] != k || at%cells.Page != pos%cells.Page {
				t.Fatalf("token %d of sequence %d is %q in cell %d, want %q", pos, seq, c.cells[at], at, k)
			}
			held[at/cells.Page] = true
		}
	}
	if free := c.t.Total() - len(held); c.t.Free() != free {
		t.Fatalf("%d pages are free, want %d", c.t.Free(), free)
	}
}

// TestTableKeepsSequencesApart: whatever is appended, forked and dropped, every
// sequence holds exactly its own tokens, and no page is lost.
func TestTableKeepsSequencesApart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := &cache{t: cells.New(rapid.IntRange(1, 12*cells.Page).Draw(t, "size")), seqs: map[int][]string{}}
		c.cells = make([]string, c.t.Cells())
		last := 0
		t.Repeat(map[string]func(*rapid.T){
			"": c.check,
			"append": func(t *rapid.T) {
				seq := rapid.IntRange(1, last+1).Draw(t, "seq")
				if _, ok := c.seqs[seq]; !ok {
					last++
					seq = last
					c.t.Expect(seq, rapid.IntRange(0, 5*cells.Page).Draw(t, "expect"))
				}
				var tokens []string
				for i := range rapid.IntRange(1, 100).Draw(t, "n") {
					tokens = append(tokens, fmt.Sprint(seq, ":", len(c.seqs[seq])+i))
				}
				if !c.append(t, seq, tokens) && len(c.seqs[seq]) == 0 {
					c.t.Drop(seq)
				}
			},
			"fork": func(t *rapid.T) {
				if len(c.seqs) == 0 {
					return
				}
				src := rapid.SampledFrom(slices.Sorted(keys(c.seqs))).Draw(t, "src")
				n := rapid.IntRange(1, len(c.seqs[src])).Draw(t, "n")
				last++
				k, err := c.t.Fork(src, last, n)
				if errors.Is(err, cells.ErrFull) && c.t.Free() == 0 && n%cells.Page > 0 {
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				c.seqs[last] = slices.Clone(c.seqs[src][:n])
				copy(c.cells[k.To:k.To+k.N], c.cells[k.From:k.From+k.N])
			},
			"drop": func(t *rapid.T) {
				if len(c.seqs) == 0 {
					return
				}
				seq := rapid.SampledFrom(slices.Sorted(keys(c.seqs))).Draw(t, "seq")
				c.t.Drop(seq)
				delete(c.seqs, seq)
			},
		})
	})
}

func keys(m map[int][]string) func(func(int) bool) {
	return func(yield func(int) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// TestMaskShowsExactlyWhatATokenMaySee: however a batch is divided into groups,
// each token sees each token of its own sequence within its reach once, and
// nothing else.
func TestMaskShowsExactlyWhatATokenMaySee(t *testing.T) {
	divided := 0
	rapid.Check(t, func(t *rapid.T) {
		table := cells.New(40 * cells.Page)
		at := map[int]map[int]int{} // by sequence and cell: position
		n := rapid.IntRange(1, 5).Draw(t, "sequences")
		var batch []cells.Token
		for seq := 1; seq <= n; seq++ {
			if seq > 1 && rapid.Bool().Draw(t, "fork") {
				src := rapid.IntRange(1, seq-1).Draw(t, "src")
				if _, err := table.Fork(src, seq, rapid.IntRange(1, table.Len(src)).Draw(t, "n")); err != nil {
					t.Fatal(err)
				}
			}
			old := rapid.IntRange(0, 200).Draw(t, "old")
			if err := table.Append(seq, old); err != nil {
				t.Fatal(err)
			}
			now := rapid.IntRange(1, 3).Draw(t, "now")
			for range now {
				batch = append(batch, cells.Token{Seq: seq, Pos: table.Len(seq)})
				if err := table.Append(seq, 1); err != nil {
					t.Fatal(err)
				}
			}
			at[seq] = map[int]int{}
			for pos := range table.Len(seq) {
				at[seq][table.Cell(seq, pos)] = pos
			}
		}
		r := cells.Reach{Window: rapid.SampledFrom([]int{0, 0, 1, 70}).Draw(t, "window"), Chunk: rapid.SampledFrom([]int{0, 0, 50}).Draw(t, "chunk")}
		l := table.Layout(batch, rapid.SampledFrom([]int{-1, 0, 100, 1e6}).Draw(t, "overhead"))
		if len(l.Groups) > 1 || l.Shared > 0 {
			divided++
		}
		mask := l.Mask(make([]float32, rapid.IntRange(0, 1000).Draw(t, "buf")), r)
		if len(mask) != len(batch)*l.Row() {
			t.Fatalf("%d numbers for %d tokens and %d cells", len(mask), len(batch), l.Row())
		}
		for _, g := range l.Groups {
			for i := g.First; i < g.First+g.Tokens; i++ {
				k := batch[i]
				seen := map[int]bool{}
				for j, v := range mask[i*l.Row() : (i+1)*l.Row()] {
					if v != 0 {
						if !math.IsInf(float64(v), -1) {
							t.Fatalf("a mask of %v", v)
						}
						continue
					}
					cell := g.Cell + j - l.Shared
					if j < l.Shared {
						cell = l.SharedCell + j
					}
					pos, ok := at[k.Seq][cell]
					if !ok || seen[pos] {
						t.Fatalf("token %+v sees cell %d (known %v, seen %v)", k, cell, ok, seen[pos])
					}
					seen[pos] = true
				}
				for pos := range table.Len(k.Seq) {
					want := pos <= k.Pos && (r.Window == 0 || pos >= k.Pos-r.Window) && (r.Chunk == 0 || pos/r.Chunk == k.Pos/r.Chunk)
					if seen[pos] != want {
						t.Fatalf("token %+v sees %d: %v, want %v", k, pos, seen[pos], want)
					}
				}
			}
		}
	})
	if divided == 0 {
		t.Error("no batch was divided")
	}
}

// TestGrowingSequencesLieTogether: sequences that read their prompts in turns
// do not mix their pages if they said how long they would be.
func TestGrowingSequencesLieTogether(t *testing.T) {
	table := cells.New(64 * cells.Page)
	const n = 5 * cells.Page
	for seq := 1; seq <= 8; seq++ {
		table.Expect(seq, n)
	}
	for range n {
		for seq := 1; seq <= 8; seq++ {
			if err := table.Append(seq, 1); err != nil {
				t.Fatal(err)
			}
		}
	}
	for seq := 1; seq <= 8; seq++ {
		if from, to := table.Cell(seq, 0), table.Cell(seq, n-1); to-from != n-1 {
			t.Errorf("sequence %d lies in cells %d to %d", seq, from, to)
		}
	}
}

// BenchmarkMask lays out eight documents of 200 tokens under 600 shared ones.
func BenchmarkMask(b *testing.B) {
	table := cells.New(64 * cells.Page)
	if err := table.Append(1, 600); err != nil {
		b.Fatal(err)
	}
	var batch []cells.Token
	for seq := 2; seq < 10; seq++ {
		if _, err := table.Fork(1, seq, 600); err != nil {
			b.Fatal(err)
		}
		if err := table.Append(seq, 200); err != nil {
			b.Fatal(err)
		}
		batch = append(batch, cells.Token{Seq: seq, Pos: 799})
	}
	var buf []float32
	for b.Loop() {
		l := table.Layout(batch, 0)
		buf = l.Mask(buf, cells.Reach{})
	}
}
