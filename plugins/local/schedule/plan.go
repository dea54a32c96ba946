package schedule

import (
	"cmp"
	"slices"
)

// plan says how many of its pending inputs each sequence puts into the next
// pass. pending is in the order of admission; none is negative. No more than
// budget inputs are taken, and as many as there are.
//
// Steps that continue an answer come first, so that a long prompt never holds
// up the others. Of the rest the shortest is served first, since it frees its
// place soonest, but the oldest always gets a quarter of the pass, so
// that none waits for ever.
//
// border returns the places nearest to n at which the inputs of sequence i may
// be divided: at most n, and at least n. The oldest gets so much more that it
// goes on.
func plan(pending []int, budget int, border func(i, n int) (down, up int)) []int {
	take := make([]int, len(pending))
	give := func(i, most int) {
		n := min(most, budget, pending[i]-take[i])
		down, up := border(i, take[i]+n)
		if n = down - take[i]; n == 0 && up-take[i] <= min(budget, pending[i]-take[i]) {
			n = up - take[i]
		}
		take[i] += n
		budget -= n
	}
	var long []int
	for i, n := range pending {
		switch {
		case n == 1:
			give(i, 1)
		case n > 1:
			long = append(long, i)
		}
	}
	if len(long) == 0 {
		return take
	}
	give(long[0], max(1, budget/4))
	slices.SortStableFunc(long, func(a, b int) int { return cmp.Compare(pending[a], pending[b]) })
	for _, i := range long {
		give(i, budget)
	}
	return take
}
