package grammar

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// bigVocabulary is made up in the proportions of the vocabularies of 150,000
// tokens that models have: words with and without a space before, capitals,
// three digits, runs of punctuation and white space, code, other scripts, and
// parts of characters.
func bigVocabulary(b testing.TB) *Vocabulary {
	b.Helper()
	r := rand.New(rand.NewPCG(150_000, 1))
	seen := map[string]bool{}
	var tokens [][]byte
	add := func(s string) {
		if !seen[s] {
			seen[s] = true
			tokens = append(tokens, []byte(s))
		}
	}
	for c := range 256 {
		add(string([]byte{byte(c)}))
	}
	for n := range 1000 {
		add(fmt.Sprint(n))
	}
	pieces := func(from []string, least, most int) string {
		s := ""
		for range least + r.IntN(most-least+1) {
			s += from[r.IntN(len(from))]
		}
		return s
	}
	var latin, other []string
	for range 600 {
		latin = append(latin, string([]byte{"bcdfghklmnprstvwz"[r.IntN(17)], "aeiou"[r.IntN(5)]}))
	}
	for c := 'а'; c < 'а'+32; c++ {
		other = append(other, string(c))
	}
	for c := '一'; c < '一'+3000; c += 2 {
		other = append(other, string(c))
	}
	punctuation := []string{`"`, `'`, `,`, `:`, `;`, `.`, `(`, `)`, `[`, `]`, `{`, `}`, `\`, `/`, `=`, `-`, `_`, `<`, `>`, `!`, `*`, `#`, "\n", "\t", " ", `",`, `":`, `\n`}
	for len(tokens) < 150_000 {
		switch k := r.IntN(100); {
		case k < 45:
			add(" " + pieces(latin, 1, 4))
		case k < 75:
			add(pieces(latin, 1, 4))
		case k < 90:
			add(pieces(other, 1, 4))
		case k < 96:
			add(pieces(punctuation, 2, 5))
		case k < 98: // code, with what must be escaped
			add(pieces(latin, 1, 2) + pieces(punctuation, 1, 2) + pieces(latin, 0, 1))
		default: // a part of a character after a whole one
			c := other[r.IntN(len(other))]
			add(pieces(other, 0, 1) + c[:len(c)-1])
		}
	}
	v, err := NewVocabulary(append(tokens, nil), []int32{150_000}, nil, 0)
	if err != nil {
		b.Fatal(err)
	}
	return v
}

// BenchmarkMask asks for masks along random outputs under a schema as the
// product sends it, with a vocabulary of 150,000 tokens. “first” has every
// mask computed, once each: no call has been under the schema before; “again”
// are the documents after it. “all” is what a step costs over all of them.
func BenchmarkMask(b *testing.B) {
	for _, row := range []struct{ name, schema string }{
		{"invoice", invoiceSchema},
		{"strings of some length", `{"type":"array","items":{"type":"string","minLength":3,"maxLength":40}}`},
		{"patterns", `{"type":"array","items":{"anyOf":[{"type":"string","pattern":"^[A-Z][a-z ]{2,30}$"},{"type":"string","format":"date-time"}]}}`},
		{"anything", `true`},
	} {
		b.Run(row.name, func(b *testing.B) {
			v := bigVocabulary(b)
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			var first, again []time.Duration
			n := uint64(0)
			for b.Loop() {
				g, err := compileSchema([]byte(row.schema))
				if err != nil {
					b.Fatal(err)
				}
				g.v = v
				n++
				for document := range uint64(4) {
					m := g.Matcher()
					r := rand.New(rand.NewPCG(n, document))
					for range 150 {
						began := threadTime(b)
						mask, err := m.Mask()
						took := threadTime(b) - began
						if err != nil {
							b.Fatal(err)
						}
						if document == 0 {
							first = append(first, took)
						} else {
							again = append(again, took)
						}
						id := choose(m, mask, r)
						if id < 0 {
							break
						}
						if err := m.Accept(id); err != nil {
							b.Fatal(err)
						}
					}
				}
			}
			for _, x := range []struct {
				name string
				of   []time.Duration
			}{{"first", first}, {"again", again}, {"all", slices.Concat(first, again)}} {
				slices.Sort(x.of)
				var sum time.Duration
				for _, d := range x.of {
					sum += d
				}
				b.ReportMetric(float64(sum.Microseconds())/float64(len(x.of)), x.name+"-mean-µs")
				b.ReportMetric(float64(x.of[len(x.of)*99/100].Nanoseconds())/1000, x.name+"-p99-µs")
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

// threadTime is the processor time of this thread: what else the machine does
// is not counted.
func threadTime(b *testing.B) time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
		b.Fatal(err)
	}
	return time.Duration(t.Nano())
}

// choose takes a token of the mask; where a string could end it often does. It
// returns -1 at the end.
func choose(m *Matcher, mask *Mask, r *rand.Rand) int32 {
	if m.Ended() {
		return -1
	}
	if m.at.can('"') && r.IntN(6) == 0 && mask.Has('"') {
		return '"'
	}
	k := r.IntN(mask.Len())
	for id := range mask.All() {
		if k--; k < 0 && id != 150_000 {
			return id
		}
	}
	return -1
}
