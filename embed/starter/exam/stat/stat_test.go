package stat

import (
	"math"
	"math/rand/v2"
	"testing"
)

// drawn makes n points in clusters of ten whose probability of being right is
// truth(score).
func drawn(seed uint64, n int, truth func(float64) float64) []Point {
	r := rand.New(rand.NewPCG(seed, 1))
	points := make([]Point, n)
	for i := range points {
		s := 1 - math.Pow(r.Float64(), 2)*0.9 // most are sure of themselves, as models are
		points[i] = Point{s, r.Float64() < truth(s), i / 10}
	}
	return points
}

func near(t *testing.T, what string, got, want, by float64) {
	t.Helper()
	if math.Abs(got-want) > by || got != got {
		t.Errorf("%s = %.4f, want %.4f ± %g", what, got, want, by)
	}
}

func TestAUROC(t *testing.T) {
	for _, row := range []struct {
		name   string
		points []Point
		want   float64
	}{
		{"every right one above every wrong one", []Point{{0.9, true, 0}, {0.8, true, 0}, {0.1, false, 0}}, 1},
		{"the other way round", []Point{{0.1, true, 0}, {0.8, false, 0}}, 0},
		{"all tied", []Point{{0.5, true, 0}, {0.5, false, 0}, {0.5, true, 0}}, 0.5},
		{"one pair of four wrong", []Point{{0.9, true, 0}, {0.4, true, 0}, {0.6, false, 0}, {0.2, false, 0}}, 0.75},
		{"one pair of two tied", []Point{{0.9, true, 0}, {0.6, false, 0}, {0.6, true, 0}}, 0.75},
	} {
		t.Run(row.name, func(t *testing.T) { near(t, "AUROC", AUROC(row.points), row.want, 1e-12) })
	}
	if got := AUROC([]Point{{1, true, 0}}); got == got {
		t.Errorf("AUROC of right points alone is %v, want NaN", got)
	}
}

// TestAUROCCountsPairs: the sum over ranks is the count of pairs.
func TestAUROCCountsPairs(t *testing.T) {
	points := drawn(3, 300, func(s float64) float64 { return s })
	for i := range points {
		points[i].Score = math.Round(points[i].Score*20) / 20 // many ties
	}
	won, pairs := 0.0, 0.0
	for _, a := range points {
		for _, b := range points {
			if a.Right && !b.Right {
				pairs++
				switch {
				case a.Score > b.Score:
					won++
				case a.Score == b.Score:
					won += 0.5
				}
			}
		}
	}
	near(t, "AUROC", AUROC(points), won/pairs, 1e-9)
}

func TestECE(t *testing.T) {
	calibrated := drawn(1, 40000, func(s float64) float64 { return s })
	near(t, "ECE of true probabilities", ECE(Bins(calibrated, 15)), 0, 0.01)
	near(t, "the same, bins of equal mass", ECE(MassBins(calibrated, 15)), 0, 0.01)
	// The negative control: scores that promise 0.1 too much.
	boastful := drawn(1, 40000, func(s float64) float64 { return s - 0.1 })
	near(t, "ECE of boasts", ECE(Bins(boastful, 15)), 0.1, 0.01)
	near(t, "the same, bins of equal mass", ECE(MassBins(boastful, 15)), 0.1, 0.01)

	n := 0
	for _, b := range MassBins(calibrated, 15) {
		n += b.N
	}
	if n != len(calibrated) {
		t.Errorf("the bins hold %d of %d points", n, len(calibrated))
	}
	if got := ECE(Bins([]Point{{1, true, 0}, {0, false, 0}}, 15)); got != 0 {
		t.Errorf("ECE of certainty that is right is %v, want 0", got)
	}
}

func TestShareInterval(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	covered := 0
	for range 200 {
		clusters := make([]Share, 100)
		for i := range clusters {
			for range 5 {
				clusters[i].Add(r.Float64() < 0.9)
			}
		}
		if low, high := ShareInterval(clusters, 300, 7); low <= 0.9 && 0.9 <= high {
			covered++
		}
	}
	if covered < 180 || covered == 200 {
		t.Errorf("%d of 200 intervals hold the truth, want about 190", covered)
	}
	if low, high := ShareInterval([]Share{{3, 3}, {2, 2}, {1, 1}, {4, 4}, {1, 1}, {1, 1}}, 100, 1); low != 0.5 || high != 1 {
		t.Errorf("6 documents without an error give [%v, %v], want [0.5, 1]", low, high)
	}
}

// TestCalibrate: a curve that is fitted on one sample makes another one, drawn
// in the same way, honest, and keeps its order.
func TestCalibrate(t *testing.T) {
	for _, row := range []struct {
		name  string
		truth func(float64) float64
	}{
		{"too sure", func(s float64) float64 { return s * s * s }},
		{"too shy", math.Sqrt},
		{"a step", func(s float64) float64 {
			if s < 0.8 {
				return 0.4
			}
			return 0.95
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			fit, held := drawn(11, 6000, row.truth), drawn(12, 20000, row.truth)
			curve, name, loss := Calibrate(fit, 12)
			if curve == nil || len(curve) > 12 {
				t.Fatalf("%s with %d knots, want 2 to 12", name, len(curve))
			}
			for i, k := range curve {
				if i > 0 && (k.Raw <= curve[i-1].Raw || k.Calibrated <= curve[i-1].Calibrated) || k.Calibrated < 0 || k.Calibrated > 1 {
					t.Fatalf("%s: knot %d of %v does not rise within 0 and 1", name, i, curve)
				}
			}
			before, after := ECE(Bins(held, 15)), ECE(Bins(curve.Map(held), 15))
			if after > 0.02 || after > before/2 {
				t.Errorf("%s: ECE %.4f before, %.4f after, want at most 0.02", name, before, after)
			}
			near(t, "cross-validated loss", loss, LogLoss(curve.Map(held)), 0.02)
			near(t, "AUROC", AUROC(curve.Map(held)), AUROC(held), 1e-9)
		})
	}
	if got := Curve(nil).At(0.3); got != 0.3 {
		t.Errorf("no curve turns 0.3 into %v", got)
	}
	if curve, name, _ := Calibrate(drawn(13, 200, func(s float64) float64 { return 1 }), 12); curve != nil && name == "beta" {
		t.Errorf("beta calibration of points that are all right: %v", curve)
	}
}
