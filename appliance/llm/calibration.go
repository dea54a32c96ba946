package llm

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"sort"
)

// Calibration turns what a model thinks of its answers into how often such
// answers are right, as measured on documents that the model never learnt from
// and that no figure is reported for. A curve that is empty changes nothing.
type Calibration struct {
	Extract  Curve `json:"extract,omitempty"`  // of single fields
	List     Curve `json:"list,omitempty"`     // of lists as a whole
	Classify Curve `json:"classify,omitempty"` // of labels
}

// Curve maps a raw confidence to a calibrated one. Its knots are pairs of both,
// in order; between two it runs straight, beyond the outermost it is level.
// It never falls, so that it changes how sure an answer is and never which of
// two is the surer.
type Curve [][2]float64

// curveKnots bounds what a catalogue may say about a curve; a hundred would
// already be an image of noise.
const curveKnots = 100

// Check returns an error that names the first knot that does not belong: not
// within 0 and 1, or not above the one before it.
func (c *Calibration) Check() error {
	if c == nil {
		return nil
	}
	for _, curve := range []struct {
		name  string
		curve Curve
	}{{"extract", c.Extract}, {"list", c.List}, {"classify", c.Classify}} {
		if err := curve.curve.check(); err != nil {
			return fmt.Errorf("calibration.%s: %w", curve.name, err)
		}
	}
	return nil
}

func (c Curve) check() error {
	if len(c) == 1 || len(c) > curveKnots {
		return fmt.Errorf("it has %d knots; a curve has 2 to %d, or none", len(c), curveKnots)
	}
	for i, k := range c {
		for _, x := range k {
			if !(x >= 0 && x <= 1) {
				return fmt.Errorf("knot %d is %v; both numbers must lie between 0 and 1", i+1, k)
			}
		}
		if i > 0 && (k[0] <= c[i-1][0] || k[1] < c[i-1][1]) {
			return fmt.Errorf("knot %d is %v after %v; raw values must rise and calibrated ones must not fall", i+1, k, c[i-1])
		}
	}
	return nil
}

// Digest returns the SHA-256 of the calibration's JSON in hex, and "" of none.
func (c *Calibration) Digest() string {
	if c == nil {
		return ""
	}
	b, err := json.Marshal(c)
	if err != nil { // Check refuses what JSON cannot say
		return ""
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// of returns the curve for answers of kind k, lists excepted.
func (c *Calibration) of(k TaskKind) Curve {
	switch {
	case c == nil:
		return nil
	case k == TaskExtract:
		return c.Extract
	case k == TaskClassify:
		return c.Classify
	}
	return nil
}

// list returns the curve for lists.
func (c *Calibration) list() Curve {
	if c == nil {
		return nil
	}
	return c.List
}

// at returns the calibrated confidence for a raw one. An unknown one stays
// unknown.
func (c Curve) at(raw Confidence) Confidence {
	if len(c) == 0 || !raw.Known() {
		return raw
	}
	x := float64(raw)
	i := sort.Search(len(c), func(i int) bool { return c[i][0] >= x })
	switch {
	case i == 0:
		return Confidence(c[0][1])
	case i == len(c):
		return Confidence(c[i-1][1])
	}
	a, b := c[i-1], c[i]
	y := a[1] + (b[1]-a[1])*(x-a[0])/(b[0]-a[0])
	return Confidence(math.Min(math.Max(y, a[1]), b[1])) // rounding must not leave the segment
}
