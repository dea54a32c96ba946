package schedule

import (
	"testing"

	"pgregory.net/rapid"
)

// TestPlanFillsThePassAndStarvesNobody: a pass is as full as it can be and no
// fuller; who writes is not held up by who reads; the oldest reader goes on.
func TestPlanFillsThePassAndStarvesNobody(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pending := rapid.SliceOfN(rapid.SampledFrom([]int{0, 1, 1, 2, 3, 7, 40, 500}), 0, 12).Draw(t, "pending")
		budget := rapid.IntRange(12, 200).Draw(t, "budget")
		take := plan(pending, budget)
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
