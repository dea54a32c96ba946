package paper

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"testing"
)

// frozen are the digests of the first 100 documents of seed 1. The model cards
// name splits by seed: a change of what is generated is a change of the exam,
// and needs new figures on the cards.
var frozen = map[Split]string{
	Train: "f9c7bfcab2c7133d", Calibration: "8d20e630cd9413c8", Clean: "784a6ddfbdbec948", Noisy: "f84ebfdab93696c7", Page: "cd6ac0054d19813c",
}

func digest(t *testing.T, split Split) string {
	t.Helper()
	h := sha256.New()
	for i := range 100 {
		for _, d := range []Document{Make(1, split, i), Short(1, split, i)} {
			data, err := json.Marshal(d)
			if err != nil {
				t.Fatal(err)
			}
			h.Write(data)
		}
	}
	return fmt.Sprintf("%x", h.Sum(nil)[:8])
}

// TestGeneratorIsFrozen: the same seed makes the same documents as when the
// models were trained and examined.
func TestGeneratorIsFrozen(t *testing.T) {
	for _, split := range splits {
		if got := digest(t, split); got != frozen[split] {
			t.Errorf("%s: digest %s, want %s: what the generator makes has changed; restore it, or train and examine the models anew and update the digests", split, got, frozen[split])
		}
	}
}
