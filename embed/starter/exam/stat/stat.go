// Package stat holds the statistics of the starter models' exam: how well a
// confidence ranks and how well it is calibrated, monotone maps that calibrate
// it, and intervals by the bootstrap. It knows nothing about models or
// documents. Start with [Point].
package stat

import (
	"cmp"
	"math"
	"slices"
)

// Point is one prediction: the score in [0, 1] that was given to it, and
// whether it came true. Cluster names the document that it comes from: the
// points of one document are no independent draws, and are resampled together.
type Point struct {
	Score   float64
	Right   bool
	Cluster int
}

// AUROC returns the probability that a right point scores above a wrong one,
// ties counting half: the Mann–Whitney U statistic over the number of pairs
// (Hanley and McNeil 1982, Radiology 143:29; ties by mid-ranks). It is NaN
// where all points are right or all are wrong.
func AUROC(points []Point) float64 {
	sorted := slices.Clone(points)
	slices.SortFunc(sorted, func(a, b Point) int { return cmp.Compare(a.Score, b.Score) })
	var right, wrong, pairs float64
	for from := 0; from < len(sorted); {
		to, r, w := from, 0.0, 0.0
		for ; to < len(sorted) && sorted[to].Score == sorted[from].Score; to++ {
			if sorted[to].Right {
				r++
			} else {
				w++
			}
		}
		pairs += r*wrong + r*w/2
		right, wrong, from = right+r, wrong+w, to
	}
	return pairs / (right * wrong)
}

// Bin is a row of a reliability table: the points with scores from Low to High.
type Bin struct {
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
	N     int     `json:"n"`
	Score float64 `json:"score"` // mean
	Right float64 `json:"right"` // share
}

// Bins cuts [0, 1] into n bins of equal width, without those that no point is
// in.
func Bins(points []Point, n int) []Bin {
	bins := make([]Bin, n)
	for i := range bins {
		bins[i].Low, bins[i].High = float64(i)/float64(n), float64(i+1)/float64(n)
	}
	for _, p := range points {
		bins[min(int(p.Score*float64(n)), n-1)].add(p)
	}
	bins = slices.DeleteFunc(bins, func(b Bin) bool { return b.N == 0 })
	for i := range bins {
		bins[i].average()
	}
	return bins
}

// MassBins cuts the points into at most n bins of about as many points each.
// Points with one score stay in one bin.
func MassBins(points []Point, n int) []Bin {
	sorted := slices.Clone(points)
	slices.SortFunc(sorted, func(a, b Point) int { return cmp.Compare(a.Score, b.Score) })
	var bins []Bin
	for from, k := 0, 1; from < len(sorted); k++ {
		to := max(k*len(sorted)/n, from+1)
		for to < len(sorted) && sorted[to].Score == sorted[to-1].Score {
			to++
		}
		b := Bin{Low: sorted[from].Score, High: sorted[to-1].Score}
		for _, p := range sorted[from:to] {
			b.add(p)
		}
		b.average()
		bins = append(bins, b)
		from = to
	}
	return bins
}

func (b *Bin) add(p Point) {
	b.N++
	b.Score += p.Score
	if p.Right {
		b.Right++
	}
}

// average turns sums into means.
func (b *Bin) average() {
	b.Score /= float64(b.N)
	b.Right /= float64(b.N)
}

// ECE returns the expected calibration error: the mean distance between score
// and share right over the bins, each weighted by its points (Guo et al. 2017,
// “On Calibration of Modern Neural Networks”, equation 3; 15 bins of equal width
// there).
func ECE(bins []Bin) float64 {
	sum, n := 0.0, 0
	for _, b := range bins {
		sum += float64(b.N) * math.Abs(b.Score-b.Right)
		n += b.N
	}
	return sum / float64(n)
}

// LogLoss returns the mean negative log likelihood of the points. Scores are
// held [floor] away from 0 and 1, where one surprise would cost everything.
func LogLoss(points []Point) float64 {
	sum := 0.0
	for _, p := range points {
		q := min(max(p.Score, floor), 1-floor)
		if !p.Right {
			q = 1 - q
		}
		sum -= math.Log(q)
	}
	return sum / float64(len(points))
}

// floor is the smallest probability that some thousand points can speak of.
const floor = 1e-4
