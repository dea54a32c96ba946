package stat

import (
	"math/rand/v2"
	"slices"
)

// Interval returns the percentile bootstrap's 95 % interval of a statistic of n
// clusters (Efron and Tibshirani 1993, “An Introduction to the Bootstrap”,
// section 13.3): statistic is given how often each cluster was drawn. Draws for
// which it is NaN are left out. The same seed gives the same interval.
func Interval(n, draws int, seed uint64, statistic func(times []int) float64) (low, high float64) {
	r := rand.New(rand.NewPCG(seed, uint64(n)))
	times := make([]int, n)
	values := make([]float64, 0, draws)
	for range draws {
		clear(times)
		for range n {
			times[r.IntN(n)]++
		}
		if v := statistic(times); v == v {
			values = append(values, v)
		}
	}
	if len(values) == 0 {
		return statistic(nil), statistic(nil)
	}
	slices.Sort(values)
	at := func(q float64) float64 { return values[int(q*float64(len(values)-1)+0.5)] }
	return at(0.025), at(0.975)
}

// Share counts how many of N things are right.
type Share struct{ Right, N int }

// Add counts one more.
func (s *Share) Add(right bool) {
	s.N++
	if right {
		s.Right++
	}
}

// Value returns the share, NaN of nothing.
func (s Share) Value() float64 { return float64(s.Right) / float64(s.N) }

// ShareInterval returns the 95 % interval of the share over all clusters, which
// are resampled whole. Where all are right, or none, resampling cannot show what
// was not seen; the far bound is then 3 over the number of clusters away (the
// rule of three, Hanley and Lippman-Hand 1983, JAMA 249:1743).
func ShareInterval(clusters []Share, draws int, seed uint64) (low, high float64) {
	var all Share
	seen := 0
	for _, c := range clusters {
		all.Right += c.Right
		all.N += c.N
		if c.N > 0 {
			seen++
		}
	}
	far := min(1, 3/float64(seen))
	switch {
	case all.N == 0:
		return all.Value(), all.Value()
	case all.Right == all.N:
		return 1 - far, 1
	case all.Right == 0:
		return 0, far
	}
	return Interval(len(clusters), draws, seed, func(times []int) float64 {
		var sum Share
		for i, n := range times {
			sum.Right += n * clusters[i].Right
			sum.N += n * clusters[i].N
		}
		return sum.Value()
	})
}

// PointInterval returns the 95 % interval of a statistic of points, whose
// clusters are resampled whole.
func PointInterval(points []Point, draws int, seed uint64, statistic func([]Point) float64) (low, high float64) {
	byCluster := map[int][]Point{}
	var order []int
	for _, p := range points {
		if byCluster[p.Cluster] == nil {
			order = append(order, p.Cluster)
		}
		byCluster[p.Cluster] = append(byCluster[p.Cluster], p)
	}
	sample := make([]Point, 0, len(points))
	return Interval(len(order), draws, seed, func(times []int) float64 {
		sample = sample[:0]
		for i, n := range times {
			for range n {
				sample = append(sample, byCluster[order[i]]...)
			}
		}
		return statistic(sample)
	})
}
