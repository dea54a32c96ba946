package decode

import "math"

// The exponential of every logit is what choosing a token costs, and
// vocabularies have 150,000 of them. What is needed is exp of numbers that are
// not positive, to about 1e-12, which a table and two terms give: with
// k = round(x·2048/ln 2) and r = x − k·ln 2/2048, exp(x) = 2^(k/2048)·exp(r), and
// |r| < 0.00017 (Tang 1989, Table-driven implementation of the exponential
// function in IEEE floating-point arithmetic). It is short enough for the
// compiler to put it into the loops.
const (
	expBits  = 11
	expSteps = 1 << expBits
	expScale = expSteps / math.Ln2
	expUnit  = math.Ln2 / expSteps
	// expFloor is where results become too small for a normal number; 0 then.
	expFloor = -708
	// rounder makes the nearest whole number the low bits of a sum.
	rounder = 1.5 * (1 << 52)
)

var expTable = func() (t [expSteps]uint64) {
	for i := range t {
		t[i] = math.Float64bits(math.Exp2(float64(i) / expSteps))
	}
	return t
}()

// exp returns e to the power of x, which must not be positive: with a relative
// error below 2e-12, and 0 below -708.
func exp(x float64) float64 {
	if x < expFloor {
		return 0
	}
	y := x*expScale + rounder
	k := math.Float64bits(y)
	r := x - (y-rounder)*expUnit
	// The power of two goes straight into the exponent; what is above its 12
	// bits falls away.
	return math.Float64frombits(expTable[k%expSteps]+k>>expBits<<52) * (1 + r*(1+r/2))
}

// expSum returns the sum of exp(x - top). The four parts let the processor work
// on four at a time; they are always the same, so the sum is.
func expSum(logits []float32, top float64) float64 {
	var a, b, c, d float64
	n := len(logits) &^ 3
	for i := 0; i < n; i += 4 {
		v := logits[i : i+4 : i+4]
		a += exp(float64(v[0]) - top)
		b += exp(float64(v[1]) - top)
		c += exp(float64(v[2]) - top)
		d += exp(float64(v[3]) - top)
	}
	for _, x := range logits[n:] {
		a += exp(float64(x) - top)
	}
	return a + b + (c + d)
}
