package paper

import (
	"math/rand/v2"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

func chance(r *rand.Rand, p float64) bool { return r.Float64() < p }

// between returns a number of [low, high].
func between(r *rand.Rand, low, high int) int { return low + r.IntN(high-low+1) }

func digits(r *rand.Rand, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte('0' + r.IntN(10))
	}
	return string(b)
}

func letters(r *rand.Rand, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte('A' + r.IntN(26))
	}
	return string(b)
}

func shuffle[T any](r *rand.Rand, s []T) {
	r.Shuffle(len(s), func(i, j int) { s[i], s[j] = s[j], s[i] })
}

var (
	onsets = strings.Fields("b br c ch cl d dr f fl fr g gr h j k kr l m n p pl pr qu r s sch sh sl st str t tr v w z th")
	nuclei = strings.Fields("a e i o u a e i o u ai au ea ee ie io ou oo y ü ö ä é")
	codas  = strings.Fields("n r l s t m x nd rt ck ng lt rn ss th v d p k")
)

// invent returns a capitalised word of one to three syllables that no
// vocabulary holds, so that names have to be copied and cannot be recalled.
func invent(r *rand.Rand) string {
	var b strings.Builder
	for i, n := 0, between(r, 1, 3); i < n; i++ {
		b.WriteString(pick(r, onsets))
		nucleus := pick(r, nuclei)
		if nucleus > "z" && chance(r, .7) {
			nucleus = pick(r, nuclei[:10])
		}
		b.WriteString(nucleus)
		if i == n-1 || chance(r, .35) {
			b.WriteString(pick(r, codas))
		}
	}
	return capitalise(b.String())
}

func capitalise(s string) string {
	first, size := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(first)) + s[size:]
}

// hash is FNV-1a (32 bits) with its upper half folded in. What a split holds
// out depends on it, and the weights that training continues from were made
// with the same function: do not change it.
func hash(s string) uint32 {
	h := uint32(2166136261)
	for i := range len(s) {
		h = (h ^ uint32(s[i])) * 16777619
	}
	return h ^ h>>15
}

// group4 writes an account number in groups of four.
func group4(s string) string {
	var parts []string
	for part := range slices.Chunk([]byte(s), 4) {
		parts = append(parts, string(part))
	}
	return strings.Join(parts, " ")
}

// slug turns a label into a field name: "Gate code no." becomes gate_code_no.
func slug(label string) string {
	var b strings.Builder
	gap := false
	for _, c := range strings.ToLower(label) {
		switch {
		case c == 'ä':
			b.WriteString("ae")
		case c == 'ö':
			b.WriteString("oe")
		case c == 'ü':
			b.WriteString("ue")
		case c == 'ß':
			b.WriteString("ss")
		case c == 'é' || c == 'è':
			b.WriteString("e")
		case c >= 'a' && c <= 'z' || c >= '0' && c <= '9':
			if gap && b.Len() > 0 {
				b.WriteByte('_')
			}
			b.WriteRune(c)
			gap = false
			continue
		default:
			gap = true
			continue
		}
		gap = false
	}
	return b.String()
}
