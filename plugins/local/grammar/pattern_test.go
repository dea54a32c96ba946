package grammar

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// randomPattern writes a pattern over few characters, with all that is
// supported.
func randomPattern(t *rapid.T, depth int) string {
	atom := rapid.SampledFrom([]string{"a", "b", "é", "😀", ".", `\d`, `\w`, `\W`, `\D`, "[ab]", "[^a]", "[^aé😀]", `[\w-]`, `\.`, `\x41`, `\u00e9`, `\p{Lu}`, "^", "$", "", " ", `\n`, "[a-c1]"})
	if depth == 0 {
		return atom.Draw(t, "atom")
	}
	sub := func() string { return randomPattern(t, depth-1) }
	switch rapid.IntRange(0, 5).Draw(t, "form") {
	case 0, 1:
		return sub() + sub()
	case 2:
		return "(?:" + sub() + "|" + sub() + ")"
	case 3:
		return "(" + sub() + ")" + rapid.SampledFrom([]string{"*", "+", "?", "{2}", "{1,3}", "{2,}", "*?", "{0}"}).Draw(t, "repeat")
	}
	return sub()
}

var probe = rapid.StringOfN(rapid.SampledFrom([]rune("abcA1é😀. \n_-")), 0, 8, -1)

// TestPatternsMatchAsInRE2: what a pattern accepts is what Go's regexp matches,
// both as a search and as a whole.
func TestPatternsMatchAsInRE2(t *testing.T) {
	matched := 0
	rapid.Check(t, func(t *rapid.T) {
		expr := randomPattern(t, 4)
		// Go has no \u; and its . is every character but the line feed.
		plain := strings.NewReplacer(`\u00e9`, "é", ".", `[^\n\r\x{2028}\x{2029}]`, `\.`, `\.`).Replace(expr)
		search, err := regexp.Compile(plain)
		if err != nil {
			t.Fatalf("%q: %v", plain, err)
		}
		whole := regexp.MustCompile(`^(?:` + plain + `)$`)
		for _, row := range []struct {
			re    *regexp.Regexp
			whole bool
		}{{search, false}, {whole, true}} {
			d, err := (&patterns{}).pattern(expr, row.whole)
			if err != nil {
				t.Fatalf("%q: %v", expr, err)
			}
			for range 10 {
				s := probe.Draw(t, "text")
				got, want := d != nil && d.accepts(s), row.re.MatchString(s)
				if got != want {
					t.Errorf("%q, whole %v, on %q: got %v, want %v", expr, row.whole, s, got, want)
				}
				if want {
					matched++
				}
			}
		}
	})
	if matched == 0 {
		t.Error("nothing matched: the test shows nothing")
	}
}

// TestAnchorsInAnEmptyText: the end of an empty text is its beginning too.
func TestAnchorsInAnEmptyText(t *testing.T) {
	for _, expr := range []string{"^$", "$^", "^^$$", "(?:a|$)(?:a|^)"} {
		d, err := (&patterns{}).pattern(expr, false)
		if err != nil || d == nil || !d.accepts("") || d.accepts("b") {
			t.Errorf("%s: %v", expr, err)
		}
	}
}

// TestPatternsOnBytes: under a pattern as the whole grammar, what comes out
// matches, whatever characters it is made of.
func TestPatternsOnBytes(t *testing.T) {
	v := letters(t)
	for _, expr := range []string{`[^a]{3}`, `\p{L}+\s\p{N}?`, `(?:ab|é|😀)*x`, `[\x{0}-\u00ff]{2,4}`, `\S\s\S`, `[^\S]{2}`, `[^\s]{2}`} {
		g, err := v.Pattern(expr)
		if strings.Contains(expr, `\x{`) {
			if err == nil {
				t.Errorf("%q, which is no ECMA-262, is taken", expr)
			}
			continue
		}
		if err != nil {
			t.Errorf("%q: %v", expr, err)
			continue
		}
		re := regexp.MustCompile(`^(?:` + expr + `)$`)
		for seed := range uint64(200) {
			if s, ok := write(g, rand.New(rand.NewPCG(seed, 3)), 200); ok && !re.MatchString(s) {
				t.Errorf("%q writes %q", expr, s)
			}
		}
	}
}

// TestSpaceIsSpaceToBoth: \s and \S stand for what ECMA-262 and RE2 agree on.
func TestSpaceIsSpaceToBoth(t *testing.T) {
	for _, row := range []struct {
		expr, yes, noes string
	}{
		{`\s`, "\t\n\f\r ", "\v\u00a0\ufeffa"}, {`\S`, "a\u00a1", "\v\u00a0\ufeff "}, {`[\s]`, " ", "\u00a0"}, {`[\S]`, "a", "\u00a0 \v"},
		{`[^\s]`, "a", "\u00a0 \v"}, {`[^\S]`, " \n", "\u00a0a\v"}, {`.`, "a\v", "\n\r\u2028\u2029"}, {`[\b]`, "\b", "b"}, {`[[]`, "[", "]"}, {`\/`, "/", "x"},
	} {
		d, err := (&patterns{}).pattern(row.expr, true)
		if err != nil {
			t.Errorf("%s: %v", row.expr, err)
			continue
		}
		for _, r := range row.yes {
			if !d.accepts(string(r)) {
				t.Errorf("%s refuses %q", row.expr, r)
			}
		}
		for _, r := range row.noes {
			if d.accepts(string(r)) {
				t.Errorf("%s accepts %q", row.expr, r)
			}
		}
	}
}

// TestNumbersKeepToTheirBounds compares ranges with arithmetic on decimals of
// few digits.
func TestNumbersKeepToTheirBounds(t *testing.T) {
	number := rapid.StringMatching(`-?(0|[1-9][0-9]{0,2})(\.[0-9]{1,3})?`)
	inside := 0
	rapid.Check(t, func(t *rapid.T) {
		bound, probe := number.Draw(t, "bound"), number.Draw(t, "probe")
		if rapid.Bool().Draw(t, "near") {
			probe = bound + rapid.SampledFrom([]string{"", "0", "1"}).Draw(t, "tail")
			if !strings.Contains(bound, ".") {
				probe = bound + rapid.SampledFrom([]string{"", ".0", ".1", ".001"}).Draw(t, "tail")
			}
		}
		b, err := parseDecimal(bound)
		if err != nil {
			t.Fatal(err)
		}
		p, err := parseDecimal(probe)
		if err != nil {
			t.Fatal(err)
		}
		open, lower := rapid.Bool().Draw(t, "open"), rapid.Bool().Draw(t, "lower")
		n := numeric{fraction: maxFraction}
		want := p.less(*b) || !open && !b.less(*p)
		if lower {
			n.lower(b, open)
			want = b.less(*p) || !open && !p.less(*b)
		} else {
			n.upper(b, open)
		}
		d, err := n.compile(&patterns{})
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(probe, "-0") && strings.Trim(probe, "-0.") == "" {
			return // minus zero need not be possible
		}
		if got := d.accepts(probe); got != want {
			t.Errorf("bound %s, open %v, lower %v: accepts %s = %v, want %v", bound, open, lower, probe, got, want)
		}
		if want {
			inside++
		}
	})
	if inside == 0 {
		t.Error("nothing lay inside: the test shows nothing")
	}
}

// hostile are schemas that are made to take time or memory.
func hostile() map[string]string {
	deep := func(open, end string, n int) string { return strings.Repeat(open, n) + "true" + strings.Repeat(end, n) }
	many := func(n int, item func(i int) string) string {
		var s []string
		for i := range n {
			s = append(s, item(i))
		}
		return strings.Join(s, ",")
	}
	num := func(i int) string {
		return strings.Repeat("x", i%7) + string(rune('a'+i%26)) + time.Duration(i).String()
	}
	return map[string]string{
		"nested arrays":  deep(`{"type":"array","items":`, `}`, 5000),
		"nested choices": deep(`{"anyOf":[`, `]}`, 60),
		"doubling": `{"$defs":{` + many(60, func(i int) string {
			return fmt.Sprintf(`"d%d":{"anyOf":[{"$ref":"#/$defs/d%d"},{"type":"array","items":{"$ref":"#/$defs/d%d"}}]}`, i, i+1, i+1)
		}) + `,"d60":{"type":"null"}},"$ref":"#/$defs/d0"}`,
		"a huge enum":                `{"enum":[` + many(60_000, func(i int) string { return quote(num(i)) }) + `]}`,
		"many optional properties":   `{"properties":{` + many(20_000, func(i int) string { return quote(num(i)) + `:{}` }) + `}}`,
		"many choices":               `{"anyOf":[` + many(100_000, func(int) string { return `{}` }) + `]}`,
		"exclusive choices":          `{"oneOf":[` + many(30_000, func(i int) string { return `{"const":` + quote(num(i)) + `}` }) + `]}`,
		"repeated repetition":        `{"type":"string","pattern":"(a{1,1000}){1,1000}"}`,
		"repetition of choices":      `{"type":"string","pattern":"(a|b|ab){1,900}c{900}"}`,
		"exponentially many states":  `{"type":"string","pattern":"(a|b)*a(a|b){40}"}`,
		"classes of many characters": `{"type":"string","pattern":"(\\p{L}|\\p{N}|\\P{Lu})*\\p{Ll}(\\p{L}|\\p{N}){30}"}`,
		"many groups":                `{"type":"string","pattern":"` + strings.Repeat("(", 2000) + strings.Repeat(")", 2000) + `"}`,
		"many patterns": `{"type":"object","properties":{` + many(5000, func(i int) string {
			return quote(num(i)) + `:{"type":"string","pattern":"^[a-z]{0,99}` + num(i) + `$"}`
		}) + `}}`,
		"many bounds": `{"type":"array","prefixItems":[` + many(4000, func(i int) string {
			return `{"type":"number","minimum":-` + time.Duration(i).String()[:1] + `,"maximum":` + strings.TrimRight(time.Duration(i*7919+1).String(), "nsµm") + `}`
		}) + `]}`,
		"long strings with a pattern":   `{"type":"string","pattern":"^(a|b)*abbbaababb[ab]{20}$","maxLength":4096}`,
		"many items of many properties": `{"type":"array","minItems":4096,"items":{"type":"array","minItems":4096,"items":{"type":"array","minItems":4096,"items":{"const":1}}}}`,
		"numbers of many digits":        `{"const":` + strings.Repeat("9", 500_000) + `}`,
		"a far exponent":                `{"type":"number","minimum":1e999999999}`,
	}
}

// TestHostileSchemas: they are compiled or refused within a moment, and what
// is compiled can be begun. The bound is generous: it finds what grows without
// end, not what is slow.
func TestHostileSchemas(t *testing.T) {
	v, _ := starterWords(t)
	for name, schema := range hostile() {
		t.Run(name, func(t *testing.T) {
			began := time.Now()
			g, err := v.Schema([]byte(schema))
			if err == nil {
				m := g.Matcher()
				if _, err := m.Forced(); err != nil {
					t.Error(err)
				}
				if _, err := m.Mask(); err != nil && !m.Ended() {
					t.Error(err)
				}
			}
			took := time.Since(began)
			t.Logf("%v: %.200v", took.Round(time.Millisecond), err)
			if took > 20*time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
}

// FuzzSchema: no schema makes the compiler or the first steps panic, and what
// is written under one is JSON.
func FuzzSchema(f *testing.F) {
	for _, s := range hostile() {
		if len(s) < 2000 {
			f.Add([]byte(s))
		}
	}
	r := rand.New(rand.NewPCG(1, 1))
	for range 40 {
		f.Add([]byte(whole(randomSchema(r, 2))))
	}
	v := letters(f)
	f.Fuzz(func(t *testing.T, schema []byte) {
		if len(schema) > 4096 {
			return
		}
		g, err := v.Schema(schema)
		if err != nil {
			return
		}
		if out, ok := write(g, rand.New(rand.NewPCG(1, 2)), 400); ok {
			if _, err := parse([]byte(out)); err != nil && !strings.Contains(err.Error(), "twice") {
				t.Errorf("%s writes %s: %v", schema, out, err)
			}
		}
	})
}

// FuzzPattern: no expression makes the compiler panic, and what it accepts Go
// matches.
func FuzzPattern(f *testing.F) {
	for _, s := range []string{`^[0-9]{4}$`, `(a|b)*`, `\s\S[^\s]`, `[\w-]+@\p{L}`, `(?<n>x)`, `a{1,1000}`, `[^]`, `\u{1F600}`} {
		f.Add(s, "abc 1")
	}
	f.Fuzz(func(t *testing.T, expr, text string) {
		d, err := (&patterns{}).pattern(expr, false)
		if err != nil || d == nil || !d.accepts(text) || strings.Contains(expr, `\u`) || strings.Contains(text, "\uFFFD") {
			return
		}
		if re, err := regexp.Compile(expr); err == nil && !re.MatchString(text) {
			t.Errorf("%q accepts %q, which Go does not match", expr, text)
		}
	})
}
