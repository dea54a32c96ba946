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

// expNear is how far below the greatest logit the greatest allowed one may lie
// for [expSums] to hold all its digits: exp loses them from expFloor on.
const expNear = expFloor / 2

// expSums is [expSum] and, in the same pass, the sum over the tokens whose bits
// are set alone, relative to top too, and the one of them with the greatest
// logit, the first of equals; best is -1 if all of them are minus infinity.
func expSums(logits []float32, set []uint64, top float64) (best int32, sum, inside float64) {
	best = -1
	greatest := float32(math.Inf(-1))
	for w, word := range set {
		from := w * 64
		v := logits[from:min(from+64, len(logits))]
		if len(v) < 64 {
			word &= 1<<len(v) - 1
		}
		if word == 0 {
			sum += expSum(v, top)
			continue
		}
		all, in := expSums64(v, word, top)
		sum, inside = sum+all, inside+in
		for i, x := range v {
			if x > greatest && word>>i&1 != 0 {
				best, greatest = int32(from+i), x
			}
		}
	}
	return best, sum, inside
}

// expSums64 is [expSums] of up to 64 tokens. It multiplies with the bits instead
// of branching on them.
func expSums64(v []float32, word uint64, top float64) (sum, inside float64) {
	var a, b, c, d float64
	n := len(v) &^ 1
	for i := 0; i < n; i += 2 {
		x, y := exp(float64(v[i])-top), exp(float64(v[i+1])-top)
		a += x
		b += y
		c += math.Float64frombits(math.Float64bits(x) & -(word & 1))
		d += math.Float64frombits(math.Float64bits(y) & -(word >> 1 & 1))
		word >>= 2
	}
	if n < len(v) {
		x := exp(float64(v[n]) - top)
		a += x
		c += math.Float64frombits(math.Float64bits(x) & -(word & 1))
	}
	return a + b, c + d
}

// bitsOf returns a set as bits of a vocabulary of n tokens, or nil if it is not
// kept so.
func bitsOf(set Allowed, n int) []uint64 {
	b, ok := set.(Bits)
	if !ok {
		return nil
	}
	if words := b.Bits(); len(words) == (n+63)/64 {
		return words
	}
	return nil
}
