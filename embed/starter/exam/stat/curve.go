package stat

import (
	"cmp"
	"math"
	"slices"
)

// Knot is a point of a calibration curve.
type Knot struct{ Raw, Calibrated float64 }

// Curve maps raw scores to calibrated ones: linear between its knots, whose
// values rise strictly, so that what a raw score ranks stays ranked.
type Curve []Knot

// At returns the calibrated score of raw; an empty curve changes nothing.
func (c Curve) At(raw float64) float64 {
	if len(c) == 0 {
		return raw
	}
	i, found := slices.BinarySearchFunc(c, raw, func(k Knot, raw float64) int { return cmp.Compare(k.Raw, raw) })
	switch {
	case found:
		return c[i].Calibrated
	case i == 0:
		return c[0].Calibrated
	case i == len(c):
		return c[i-1].Calibrated
	}
	a, b := c[i-1], c[i]
	return a.Calibrated + (b.Calibrated-a.Calibrated)*(raw-a.Raw)/(b.Raw-a.Raw)
}

// Map returns the points with calibrated scores.
func (c Curve) Map(points []Point) []Point {
	mapped := slices.Clone(points)
	for i := range mapped {
		mapped[i].Score = c.At(mapped[i].Score)
	}
	return mapped
}

// block is a run of points, in order of their scores.
type block struct {
	n, score, right float64
	low, high       float64 // scores
}

// rate is the share right, with half a success and half a failure added
// (Krichevsky and Trofimov 1981), so that no run of luck means certainty.
func (b block) rate() float64 { return (b.right + 0.5) / (b.n + 1) }

func (b block) mean() float64 { return b.score / b.n }

// with joins b and the block after it.
func (b block) with(o block) block {
	if b.n == 0 {
		return o
	}
	return block{b.n + o.n, b.score + o.score, b.right + o.right, b.low, o.high}
}

// Isotonic fits a curve by isotonic regression with pool-adjacent-violators
// (Zadrozny and Elkan 2002, “Transforming Classifier Scores into Accurate
// Multiclass Probability Estimates”), then merges neighbours where that costs
// least squared error, until the curve has few enough knots. It runs through
// the middle of each block, or, with steps, along it from its first score to
// its last. It returns nil for fewer than two different scores.
func Isotonic(points []Point, knots int, steps bool) Curve {
	blocks := pool(points)
	most := knots - 2 // the two ends are knots of their own
	if steps {
		most /= 2
	}
	for len(blocks) > max(most, 1) {
		best, cost := 0, math.Inf(1)
		for i := range len(blocks) - 1 {
			// Ward's criterion: the squared error that one mean for both adds.
			a, b := blocks[i], blocks[i+1]
			if c := a.n * b.n / (a.n + b.n) * (a.rate() - b.rate()) * (a.rate() - b.rate()); c < cost {
				best, cost = i, c
			}
		}
		blocks[best] = blocks[best].with(blocks[best+1])
		blocks = slices.Delete(blocks, best+1, best+2)
	}
	const rise = 1e-3 // within a block and beyond the last, so that no two scores become one
	var c Curve
	for _, b := range blocks {
		if steps && b.low < b.high {
			c = c.extended(b.low, b.rate()-rise/2)
			c = c.extended(b.high, b.rate()+rise/2)
		} else {
			c = c.extended(b.mean(), b.rate())
		}
	}
	if len(c) == 0 {
		return nil
	}
	if k := c[0]; k.Raw > 0 {
		c = slices.Insert(c, 0, Knot{0, round(max(0, k.Calibrated-rise))})
	}
	return c.extended(1, min(1, c[len(c)-1].Calibrated+rise))
}

// extended appends a knot, unless rounding has made it one with the last.
func (c Curve) extended(raw, calibrated float64) Curve {
	k := Knot{round(raw), round(min(max(calibrated, 0), 1))}
	if n := len(c); n > 0 && (k.Raw <= c[n-1].Raw || k.Calibrated <= c[n-1].Calibrated) {
		return c
	}
	return append(c, k)
}

// pool returns blocks whose means and rates rise strictly.
func pool(points []Point) []block {
	sorted := slices.Clone(points)
	slices.SortFunc(sorted, func(a, b Point) int { return cmp.Compare(a.Score, b.Score) })
	var blocks []block
	for from := 0; from < len(sorted); {
		var next block
		to := from
		for ; to < len(sorted) && sorted[to].Score == sorted[from].Score; to++ {
			one := block{n: 1, score: sorted[to].Score, low: sorted[to].Score, high: sorted[to].Score}
			if sorted[to].Right {
				one.right = 1
			}
			next = next.with(one)
		}
		from = to
		for len(blocks) > 0 && blocks[len(blocks)-1].rate() >= next.rate() {
			next = blocks[len(blocks)-1].with(next)
			blocks = blocks[:len(blocks)-1]
		}
		blocks = append(blocks, next)
	}
	return blocks
}

// round keeps six decimals, which is what the catalogue says.
func round(x float64) float64 { return math.Round(x*1e6) / 1e6 }

// Beta fits beta calibration, logit p = a·ln s − b·ln(1−s) + c with a, b ≥ 0
// (Kull, Silva Filho and Flach 2017, “Beyond Sigmoids”), by Newton steps with a
// slight ridge, and returns the curve at the given number of knots, spread over
// the scores that occur. It returns nil where all points are right or wrong.
func Beta(points []Point, knots int) Curve {
	var right Share
	for _, p := range points {
		right.Add(p.Right)
	}
	if right.Right == 0 || right.Right == right.N {
		return nil
	}
	w := fitBeta(points, [3]bool{})
	// A negative slope would turn the order round: fit without it.
	if w[0] < 0 {
		w = fitBeta(points, [3]bool{true, false, false})
	} else if w[1] < 0 {
		w = fitBeta(points, [3]bool{false, true, false})
	}
	at := func(s float64) float64 { return 1 / (1 + math.Exp(-dot(w, features(s)))) }
	scores := make([]float64, len(points))
	for i, p := range points {
		scores[i] = p.Score
	}
	slices.Sort(scores)
	c := Curve{}.extended(0, at(0))
	for i := 1; i < knots-1; i++ {
		s := scores[i*(len(scores)-1)/(knots-1)]
		c = c.extended(s, at(s))
	}
	return c.extended(1, at(1))
}

func features(s float64) [3]float64 {
	s = min(max(s, floor), 1-floor)
	return [3]float64{math.Log(s), -math.Log(1 - s), 1}
}

func dot(a, b [3]float64) float64 { return a[0]*b[0] + a[1]*b[1] + a[2]*b[2] }

// fitBeta maximises the likelihood with the fixed weights held at zero.
func fitBeta(points []Point, fixed [3]bool) (w [3]float64) {
	const ridge = 1e-3
	for range 50 {
		var g [3]float64
		var h [3][3]float64
		for i := range 3 {
			g[i], h[i][i] = -ridge*w[i], ridge
		}
		for _, p := range points {
			x := features(p.Score)
			q := 1 / (1 + math.Exp(-dot(w, x)))
			y := 0.0
			if p.Right {
				y = 1
			}
			for i := range 3 {
				g[i] += (y - q) * x[i]
				for j := range 3 {
					h[i][j] += q * (1 - q) * x[i] * x[j]
				}
			}
		}
		for i := range 3 {
			if fixed[i] {
				g[i], h[i] = 0, [3]float64{}
				for j := range 3 {
					h[j][i] = 0
				}
				h[i][i] = 1
			}
		}
		d := solve(h, g)
		size := math.Sqrt(dot(d, d))
		for i := range 3 {
			w[i] += d[i] * min(1, 4/size) // a step that is too long overshoots
		}
		if size < 1e-8 {
			break
		}
	}
	return w
}

// solve returns x with h·x = g, h symmetric and positive definite.
func solve(h [3][3]float64, g [3]float64) (x [3]float64) {
	for i := range 3 {
		for j := i + 1; j < 3; j++ {
			f := h[j][i] / h[i][i]
			for k := i; k < 3; k++ {
				h[j][k] -= f * h[i][k]
			}
			g[j] -= f * g[i]
		}
	}
	for i := 2; i >= 0; i-- {
		x[i] = g[i]
		for j := i + 1; j < 3; j++ {
			x[i] -= h[i][j] * x[j]
		}
		x[i] /= h[i][i]
	}
	return x
}

// Calibrate fits isotonic curves of several sizes and beta calibration, and
// returns the one with the least cross-validated [LogLoss], with that loss.
// What is left out of a fit is every fifth cluster, never a part of one.
// It returns nil where no curve is better than the scores as they are.
func Calibrate(points []Point, knots int) (best Curve, name string, loss float64) {
	loss, name = LogLoss(points), "none"
	for _, m := range methods(knots) {
		sum, n := 0.0, 0
		for fold := range folds {
			var fit, held []Point
			for _, p := range points {
				if p.Cluster%folds == fold {
					held = append(held, p)
				} else {
					fit = append(fit, p)
				}
			}
			if c := m.fit(fit); c != nil {
				held = c.Map(held)
			}
			if len(held) > 0 {
				sum += LogLoss(held) * float64(len(held))
				n += len(held)
			}
		}
		if c := m.fit(points); c != nil && sum/float64(n) < loss {
			best, name, loss = c, m.name, sum/float64(n)
		}
	}
	return best, name, loss
}

// folds of the cross-validation.
const folds = 5

type method struct {
	name string
	fit  func([]Point) Curve
}

func methods(knots int) []method {
	list := []method{{"beta", func(p []Point) Curve { return Beta(p, knots) }}}
	for n := 4; n <= knots; n += 2 {
		list = append(list,
			method{"isotonic", func(p []Point) Curve { return Isotonic(p, n, false) }},
			method{"isotonic, in steps", func(p []Point) Curve { return Isotonic(p, n, true) }})
	}
	return list
}
