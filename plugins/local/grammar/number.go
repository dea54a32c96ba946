package grammar

import (
	"fmt"
	"math/big"
	"regexp"
	"strings"
)

// Digits of a number that is written. A float64 holds 17 significant ones; more
// are possible because decimals are not read as floats everywhere. Exponents
// are not written.
const (
	maxInteger  = 20 // digits before the point
	maxFraction = 12 // digits after it
)

// numeric says which numbers are possible.
type numeric struct {
	integer  bool
	fraction int // most digits after the point
	min, max *decimal
	minOpen  bool // min itself is not possible
	maxOpen  bool
}

// decimal is a number as it is written: sign, digits before and after the
// point, without needless zeros.
type decimal struct {
	negative    bool
	whole, frac string
}

var decimalText = regexp.MustCompile(`^(-?)([0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]{1,3}))?$`)

// parseDecimal reads a number of JSON.
func parseDecimal(s string) (*decimal, error) {
	m := decimalText.FindStringSubmatch(s)
	if m == nil {
		return nil, fmt.Errorf("%q is no number that can be a bound", s)
	}
	var exp int
	if m[4] != "" {
		if _, err := fmt.Sscan(m[4], &exp); err != nil {
			return nil, err
		}
	}
	whole, frac := m[2], m[3]
	for ; exp > 0; exp-- {
		if frac == "" {
			frac = "0"
		}
		whole, frac = whole+frac[:1], frac[1:]
	}
	for ; exp < 0; exp++ {
		if whole == "" {
			whole = "0"
		}
		whole, frac = whole[:len(whole)-1], whole[len(whole)-1:]+frac
	}
	d := &decimal{m[1] == "-", strings.TrimLeft(whole, "0"), strings.TrimRight(frac, "0")}
	if d.whole == "" {
		d.whole = "0"
	}
	if len(d.whole) > maxInteger || len(d.frac) > maxFraction {
		return nil, fmt.Errorf("%s has more than %d digits before or %d after the point", s, maxInteger, maxFraction)
	}
	if d.whole == "0" && d.frac == "" {
		d.negative = false
	}
	return d, nil
}

// compile returns the texts of the possible numbers; nil if there is none.
func (n numeric) compile(p *patterns) (*dfa, error) {
	base := fmt.Sprintf(`-?(0|[1-9][0-9]{0,%d})`, maxInteger-1)
	switch {
	case n.integer:
		base = fmt.Sprintf(`0|-?[1-9][0-9]{0,%d}`, maxInteger-1)
	case n.fraction > 0:
		base += fmt.Sprintf(`(\.[0-9]{1,%d})?`, n.fraction)
	}
	d, err := p.pattern(base, true)
	for _, bound := range []struct {
		at          *decimal
		open, lower bool
	}{{n.min, n.minOpen, true}, {n.max, n.maxOpen, false}} {
		if bound.at == nil || err != nil {
			continue
		}
		var side *dfa
		if side, err = p.pattern(beyond(*bound.at, bound.open, bound.lower), true); err != nil {
			break
		}
		var ok bool
		if d, ok = p.intersect(d, side); !ok {
			return nil, fmt.Errorf("the range needs too many states")
		}
	}
	return d, err
}

// beyond returns a pattern of the numbers on one side of b: above, or below.
// It is only right together with the pattern of numbers.
func beyond(b decimal, open, above bool) string {
	far := magnitude(b, open, above != b.negative)
	switch {
	case above && b.negative: // -5 and more: every positive one, and negative ones not as large
		return `[0-9].*|-(` + far + `)`
	case above:
		return far
	case b.negative: // -5 and less
		return `-(` + far + `)`
	case b.whole == "0" && b.frac == "" && open:
		return `-(` + magnitude(b, true, true) + `)` // -0 is not below 0
	}
	return `-[0-9].*|` + far
}

// magnitude returns a pattern of the unsigned numbers that are at least, or at
// most, b without its sign.
func magnitude(b decimal, open, atLeast bool) string {
	n, _ := new(big.Int).SetString(b.whole, 10)
	one := big.NewInt(1)
	parts := []string{}
	if f := fraction(b.frac, open, atLeast); f != "" {
		parts = append(parts, b.whole+f)
	}
	const rest = `(\.[0-9]+)?`
	if atLeast {
		parts = append(parts, `(`+integersFrom(new(big.Int).Add(n, one).String())+`)`+rest)
	} else if n.Sign() > 0 {
		parts = append(parts, `(`+integersTo(new(big.Int).Sub(n, one).String())+`)`+rest)
	}
	if len(parts) == 0 {
		return `[^\s\S]` // nothing
	}
	return strings.Join(parts, "|")
}

// fraction returns a pattern of what may stand after the whole part of a bound
// whose digits after the point are d; empty if nothing fits.
func fraction(d string, open, atLeast bool) string {
	var alts []string
	add := func(s string) { alts = append(alts, s) }
	if atLeast {
		for i := range d {
			if d[i] < '9' {
				add(fmt.Sprintf(`\.%s[%c-9][0-9]*`, d[:i], d[i]+1))
			}
		}
		switch {
		case open:
			add(fmt.Sprintf(`\.%s0*[1-9][0-9]*`, d))
		case d == "":
			add(`(\.[0-9]+)?`)
		default:
			add(fmt.Sprintf(`\.%s[0-9]*`, d))
		}
		return `(` + strings.Join(alts, "|") + `)`
	}
	if d == "" {
		if open {
			return ""
		}
		return `(\.0+)?`
	}
	add(`(\.0+)?`)
	for i := range d {
		if i > 0 {
			add(`\.` + d[:i])
		}
		if d[i] > '0' {
			add(fmt.Sprintf(`\.%s[0-%c][0-9]*`, d[:i], d[i]-1))
		}
	}
	if !open {
		add(fmt.Sprintf(`\.%s0*`, d))
	}
	return `(` + strings.Join(alts, "|") + `)`
}

// integersFrom returns a pattern of the integers that are at least n ≥ 0.
func integersFrom(n string) string {
	alts := []string{n, fmt.Sprintf(`[1-9][0-9]{%d,}`, len(n))}
	for i := range n {
		if n[i] < '9' {
			alts = append(alts, fmt.Sprintf(`%s[%c-9][0-9]{%d}`, n[:i], n[i]+1, len(n)-i-1))
		}
	}
	return strings.Join(alts, "|")
}

// integersTo returns a pattern of the integers that are at most n ≥ 0.
func integersTo(n string) string {
	alts := []string{n}
	if len(n) > 1 {
		alts = append(alts, `0`, fmt.Sprintf(`[1-9][0-9]{0,%d}`, len(n)-2))
	}
	for i := range n {
		low := byte('0')
		if i == 0 && len(n) > 1 {
			low = '1'
		}
		if n[i] > low {
			alts = append(alts, fmt.Sprintf(`%s[%c-%c][0-9]{%d}`, n[:i], low, n[i]-1, len(n)-i-1))
		}
	}
	return strings.Join(alts, "|")
}
