package schedule

import (
	"testing"

	"pgregory.net/rapid"
)

// anywhere is the border of sequences without runs.
func anywhere(_, n int) (down, up int) { return n, n }

// TestPlanFillsThePassAndStarvesNobody: a pass is as full as it can be and no
// fuller; who writes is not held up by who reads; the oldest reader goes on.
func TestPlanFillsThePassAndStarvesNobody(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pending := rapid.SliceOfN(rapid.SampledFrom([]int{0, 1, 1, 2, 3, 7, 40, 500}), 0, 12).Draw(t, "pending")
		budget := rapid.IntRange(12, 200).Draw(t, "budget")
		take := plan(pending, budget, anywhere)
		sum, all, oldest := 0, 0, -1
		for i, n := range take {
			if n < 0 || n > pending[i] {
				t.Fatalf("%d of %d taken", n, pending[i])
			}
			if pending[i] == 1 && n == 0 {
				t.Errorf("number %d has to wait with its step", i)
			}
			if pending[i] > 1 && oldest < 0 {
				oldest = i
			}
			sum += n
			all += pending[i]
		}
		if sum != min(all, budget) {
			t.Errorf("%d of %d taken, the pass takes %d", sum, all, budget)
		}
		writers := 0
		for _, n := range pending {
			if n == 1 {
				writers++
			}
		}
		if oldest >= 0 && budget > writers && take[oldest] < min(pending[oldest], (budget-writers)/4) {
			t.Errorf("the oldest reader gets %d of %d", take[oldest], budget)
		}
	})
}

// TestPlanKeepsRunsWhole: a run is never divided, however full the pass is, and
// whoever has waited longest goes on in every pass that could take its next run.
func TestPlanKeepsRunsWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const most = 20
		budget := rapid.IntRange(most+12, 100).Draw(t, "budget")
		var pending []int
		var all [][]Input
		for range rapid.IntRange(1, 12).Draw(t, "sequences") {
			var inputs []Input
			for range rapid.IntRange(1, 6).Draw(t, "pieces") {
				run := rapid.SampledFrom([]int{0, 0, 1, 7, most - 1}).Draw(t, "run")
				inputs = append(inputs, Input{Run: run})
				inputs = append(inputs, make([]Input, run)...)
			}
			all, pending = append(all, inputs), append(pending, len(inputs))
		}
		take := plan(pending, budget, func(i, n int) (int, int) { return border(all[i], n) })
		sum, oldest := 0, true
		for i, n := range take {
			sum += n
			left := 0 // of a run
			for _, in := range all[i][:n] {
				if left > 0 {
					left--
				} else {
					left = in.Run
				}
			}
			if left > 0 {
				t.Errorf("sequence %d is divided %d inputs before the end of a run", i, left)
			}
			if pending[i] > 1 && oldest {
				oldest = false
				if n == 0 {
					t.Errorf("the oldest, %d, gets nothing of %d", i, budget)
				}
			}
		}
		if sum > budget {
			t.Errorf("%d taken, the pass takes %d", sum, budget)
		}
	})
}
