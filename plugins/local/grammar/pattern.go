package grammar

import (
	"encoding/binary"
	"errors"
	"fmt"
	"regexp/syntax"
	"slices"
	"sort"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// White space, as the inside of a character class. JSON Schema names the
// dialect of ECMA-262, many validators use RE2: a text that is written must
// match by both, so \s stands for what is space to both and \S for what is
// space to neither.
const (
	spaceOfBoth   = `\t\n\f\r `
	spaceOfEither = `\t-\r \x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}\x{feff}`
	notSpaceAny   = `\x{0}-\x{8}\x{e}-\x{1f}!-\x{9f}\x{a1}-\x{167f}\x{1681}-\x{1fff}\x{200b}-\x{2027}\x{202a}-\x{202e}\x{2030}-\x{205e}\x{2060}-\x{2fff}\x{3001}-\x{fefe}\x{ff00}-\x{10ffff}`
	notSpaceRE2   = `\x{0}-\x{8}\x{b}\x{e}-\x{1f}!-\x{10ffff}`
)

// pattern compiles a regular expression. whole says that it must match the
// whole text; otherwise it may match anywhere in it, as in JSON Schema. It
// returns nil if nothing matches.
func (p *patterns) pattern(expr string, whole bool) (*dfa, error) {
	key := fmt.Sprint(whole) + expr
	if d, ok := p.made[key]; ok {
		return d, nil
	}
	d, err := p.compile(expr, whole)
	if err == nil {
		if p.made == nil {
			p.made = map[string]*dfa{}
		}
		p.made[key] = d
	}
	return d, err
}

func (p *patterns) compile(expr string, whole bool) (*dfa, error) {
	if len(expr) > MaxPatternBytes {
		return nil, fmt.Errorf("the regular expression has %d bytes; %d are possible", len(expr), MaxPatternBytes)
	}
	plain, err := translate(expr)
	if err != nil {
		return nil, err
	}
	tree, err := syntax.Parse(plain, syntax.Perl)
	if err != nil {
		var e *syntax.Error
		if errors.As(err, &e) {
			return nil, fmt.Errorf("the regular expression is not supported: %s: %q", e.Code, e.Expr)
		}
		return nil, fmt.Errorf("the regular expression is not supported: %w", err)
	}
	n := &nfa{work: &p.work}
	end := n.add(place{kind: isMatch})
	if whole {
		n.first = n.compile(tree, end)
	} else {
		n.first = n.star(anyChar, n.compile(tree, n.star(anyChar, end)))
	}
	if n.full {
		return nil, fmt.Errorf("the regular expression is too large: it unfolds to more than %d parts", MaxPatternNodes)
	}
	var bounds []rune
	for i := range n.places {
		for k := 0; k+1 < len(n.places[i].ranges); k += 2 {
			bounds = append(bounds, n.places[i].ranges[k], n.places[i].ranges[k+1]+1)
		}
		if len(bounds) > 1<<16 {
			slices.Sort(bounds)
			bounds = slices.Compact(bounds)
		}
	}
	n.bounds = classes(bounds)
	d, ok := p.build(n, n.bounds, n.alike())
	if !ok {
		return nil, errors.New("the regular expression is too large: alone or with the others of the schema it has too many different states; write it with fewer alternatives and smaller repetitions")
	}
	return d, nil
}

// translate rewrites expr so that RE2's parser reads it in the meaning that it
// has in ECMA-262, and refuses what has none or cannot be kept.
func translate(expr string) (string, error) {
	if !utf8.ValidString(expr) {
		return "", errors.New("the regular expression is not valid UTF-8")
	}
	var b strings.Builder
	for i := 0; i < len(expr); {
		switch c := expr[i]; {
		case c == '\\':
			s, n, err := escape(expr[i:], false, false)
			if err != nil {
				return "", err
			}
			b.WriteString(s)
			i += n
		case c == '.':
			b.WriteString(`[^\n\r\x{2028}\x{2029}]`)
			i++
		case c == '[':
			n, err := class(expr[i:], &b)
			if err != nil {
				return "", err
			}
			i += n
		case strings.HasPrefix(expr[i:], "(?"):
			rest := expr[i+2:]
			switch {
			case strings.HasPrefix(rest, "="), strings.HasPrefix(rest, "!"), strings.HasPrefix(rest, "<="), strings.HasPrefix(rest, "<!"):
				return "", errors.New("the regular expression looks around with (?=, (?!, (?<= or (?<!, which is not supported")
			case !strings.HasPrefix(rest, ":") && !strings.HasPrefix(rest, "<"):
				return "", errors.New("the regular expression uses (? for flags, which ECMA-262 does not have")
			}
			b.WriteString("(?")
			i += 2
		default:
			b.WriteByte(c)
			i++
		}
	}
	return b.String(), nil
}

// class rewrites the character class at the beginning of s and returns its
// length.
func class(s string, b *strings.Builder) (int, error) {
	i, negated := 1, false
	b.WriteByte('[')
	if strings.HasPrefix(s[i:], "^") {
		negated = true
		b.WriteByte('^')
		i++
	}
	if strings.HasPrefix(s[i:], "]") {
		return 0, errors.New("the regular expression has an empty character class [] or [^]")
	}
	for i < len(s) {
		switch c := s[i]; {
		case c == ']':
			b.WriteByte(c)
			return i + 1, nil
		case c == '\\':
			text, n, err := escape(s[i:], true, negated)
			if err != nil {
				return 0, err
			}
			b.WriteString(text)
			i += n
		case c == '[':
			if strings.HasPrefix(s[i:], "[:") {
				return 0, errors.New("the regular expression has a POSIX class such as [:alpha:], which ECMA-262 does not have")
			}
			b.WriteString(`\[`)
			i++
		default:
			b.WriteByte(c)
			i++
		}
	}
	return 0, errors.New("the regular expression has a character class that does not end")
}

// escape rewrites the escape at the beginning of s and returns its length.
func escape(s string, inClass, negated bool) (string, int, error) {
	if len(s) < 2 {
		return "", 0, errors.New("the regular expression ends with a backslash")
	}
	wrap := func(open, set string) (string, int, error) {
		if inClass {
			return set, 2, nil
		}
		return open + set + "]", 2, nil
	}
	switch c := s[1]; {
	case strings.IndexByte("dDwWnrtfv", c) >= 0:
		return s[:2], 2, nil
	case c == 's' && negated:
		return spaceOfEither, 2, nil
	case c == 's':
		return wrap("[", spaceOfBoth)
	case c == 'S' && negated:
		return notSpaceRE2, 2, nil
	case c == 'S' && inClass:
		return notSpaceAny, 2, nil
	case c == 'S':
		return wrap("[^", spaceOfEither)
	case c == 'b' && inClass:
		return `\x08`, 2, nil
	case c == 'b' || c == 'B':
		return "", 0, errors.New(`the regular expression asks for a word boundary (\b or \B), which is not supported`)
	case c == 'x' && len(s) >= 4 && isHex(s[2:4]):
		return `\x{` + s[2:4] + `}`, 4, nil
	case c == 'u':
		return unicodeEscape(s)
	case c == 'p' || c == 'P':
		end := strings.IndexByte(s, '}')
		if len(s) < 3 || s[2] != '{' || end < 0 || unicode.Categories[s[3:end]] == nil {
			return "", 0, fmt.Errorf(`the regular expression has \%c without the name of a general category such as {L} or {Lu}`, c)
		}
		return s[:end+1], end + 1, nil
	case c >= '0' && c <= '9', c == 'k':
		return "", 0, errors.New("the regular expression refers back to a group, which is not supported")
	case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= utf8.RuneSelf, c < ' ':
		return "", 0, fmt.Errorf(`the regular expression has the escape %q, which ECMA-262 does not have or which is not supported`, s[:2])
	}
	return s[:2], 2, nil
}

// unicodeEscape rewrites \uXXXX and \u{X…}.
func unicodeEscape(s string) (string, int, error) {
	hex, n := "", 0
	if strings.HasPrefix(s, `\u{`) {
		if end := strings.IndexByte(s, '}'); end > 3 && end <= 9 {
			hex, n = s[3:end], end+1
		}
	} else if len(s) >= 6 {
		hex, n = s[2:6], 6
	}
	v, err := strconv.ParseUint(hex, 16, 32)
	if n == 0 || err != nil || !utf8.ValidRune(rune(v)) {
		return "", 0, errors.New(`the regular expression has a \u that is no character of its own (surrogates are written as \u{…})`)
	}
	return `\x{` + hex + `}`, n, nil
}

func isHex(s string) bool {
	_, err := strconv.ParseUint(s, 16, 32)
	return err == nil
}

// nfa is a regular expression as Thompson built them.
type nfa struct {
	places []place
	first  int32
	full   bool // it became larger than it may
	bounds []rune
	work   *int

	seen  []int32 // by place: the last round that met it
	round int32
}

type kind uint8

const (
	isChar kind = iota
	isSplit
	isBegin
	isEnd
	isMatch
	isNothing
)

type place struct {
	kind   kind
	ranges []rune // pairs, in order
	out    int32
	other  int32 // of a split
}

var anyChar = &syntax.Regexp{Op: syntax.OpAnyChar}

func (n *nfa) add(p place) int32 {
	if len(n.places) >= MaxPatternNodes {
		n.full = true
		return 0
	}
	n.places = append(n.places, p)
	return int32(len(n.places) - 1)
}

func (n *nfa) star(sub *syntax.Regexp, next int32) int32 {
	s := n.add(place{kind: isSplit, other: next})
	to := n.compile(sub, s)
	n.places[s].out = to
	return s
}

// compile adds re before next and returns where it begins.
func (n *nfa) compile(re *syntax.Regexp, next int32) int32 {
	if n.full {
		return 0
	}
	switch re.Op {
	case syntax.OpEmptyMatch:
		return next
	case syntax.OpLiteral:
		for _, r := range slices.Backward(re.Rune) {
			ranges := []rune{r, r}
			if re.Flags&syntax.FoldCase != 0 { // the parser's form of [Aa]
				for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
					ranges = append(ranges, f, f)
				}
				slices.Sort(ranges)
			}
			next = n.add(place{ranges: ranges, out: next})
		}
		return next
	case syntax.OpCharClass:
		return n.add(place{ranges: re.Rune, out: next})
	case syntax.OpAnyChar:
		return n.add(place{ranges: []rune{0, utf8.MaxRune}, out: next})
	case syntax.OpBeginText:
		return n.add(place{kind: isBegin, out: next})
	case syntax.OpEndText:
		return n.add(place{kind: isEnd, out: next})
	case syntax.OpCapture:
		return n.compile(re.Sub[0], next)
	case syntax.OpStar:
		return n.star(re.Sub[0], next)
	case syntax.OpPlus:
		return n.compile(re.Sub[0], n.star(re.Sub[0], next))
	case syntax.OpQuest:
		return n.add(place{kind: isSplit, out: n.compile(re.Sub[0], next), other: next})
	case syntax.OpRepeat:
		to := next
		if re.Max < 0 {
			to = n.star(re.Sub[0], next)
		}
		for i := re.Min; i < re.Max && !n.full; i++ {
			to = n.add(place{kind: isSplit, out: n.compile(re.Sub[0], to), other: next})
		}
		for i := 0; i < re.Min && !n.full; i++ {
			to = n.compile(re.Sub[0], to)
		}
		return to
	case syntax.OpConcat:
		for _, sub := range slices.Backward(re.Sub) {
			next = n.compile(sub, next)
		}
		return next
	case syntax.OpAlternate:
		to := n.compile(re.Sub[len(re.Sub)-1], next)
		for _, sub := range slices.Backward(re.Sub[:len(re.Sub)-1]) {
			to = n.add(place{kind: isSplit, out: n.compile(sub, next), other: to})
		}
		return to
	}
	return n.add(place{kind: isNothing}) // OpNoMatch; translate lets nothing else through
}

// alike numbers the classes of characters: those that lie in the same ranges of
// all places have one number.
func (n *nfa) alike() []int {
	var sets [][]rune
	met := map[*rune]bool{}
	for i := range n.places {
		if r := n.places[i].ranges; len(r) > 0 && !met[&r[0]] {
			met[&r[0]] = true
			sets = append(sets, r)
		}
	}
	if *n.work += len(sets) * len(n.bounds) / 8; *n.work > maxPatternWork {
		return nil
	}
	numbers := map[string]int{}
	out := make([]int, len(n.bounds))
	sign := make([]byte, (len(sets)+7)/8)
	for c, r := range n.bounds {
		clear(sign)
		for i, s := range sets {
			if within(s, r) {
				sign[i/8] |= 1 << (i % 8)
			}
		}
		number, ok := numbers[string(sign)]
		if !ok {
			number = len(numbers)
			numbers[string(sign)] = number
		}
		out[c] = number
	}
	return out
}

// closure returns the places that are reached from some without a character.
func (n *nfa) closure(from []int32, atBegin, atEnd bool) []int32 {
	if n.seen == nil {
		n.seen = make([]int32, len(n.places))
	}
	n.round++
	var out []int32
	todo := slices.Clone(from)
	for len(todo) > 0 {
		i := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if n.seen[i] == n.round {
			continue
		}
		n.seen[i] = n.round
		*n.work++
		switch p := &n.places[i]; {
		case p.kind == isSplit:
			todo = append(todo, p.other, p.out)
		case p.kind == isBegin && atBegin, p.kind == isEnd && atEnd:
			todo = append(todo, p.out)
		case p.kind == isChar, p.kind == isMatch, p.kind == isEnd:
			out = append(out, i)
		}
	}
	slices.Sort(out)
	return out
}

func pack(set []int32) string {
	b := make([]byte, 0, 4*len(set))
	for _, i := range set {
		b = binary.LittleEndian.AppendUint32(b, uint32(i))
	}
	return string(b)
}

func unpack(s string) []int32 {
	set := make([]int32, len(s)/4)
	for i := range set {
		set[i] = int32(binary.LittleEndian.Uint32([]byte(s[4*i : 4*i+4])))
	}
	return set
}

// The first state is marked, since it differs from an equal set later on: only
// there a text has not begun. An empty set leads nowhere.
func (n *nfa) start() string { return "^" + pack(n.closure([]int32{n.first}, true, false)) }

func (n *nfa) set(state string) []int32 { return unpack(state[len(state)%4:]) }

func (n *nfa) step(state string, c int) string {
	var to []int32
	r := n.bounds[c]
	for _, i := range n.set(state) {
		*n.work++
		if p := &n.places[i]; p.kind == isChar && within(p.ranges, r) {
			to = append(to, p.out)
		}
	}
	if len(to) == 0 {
		return ""
	}
	return pack(n.closure(to, false, false))
}

func (n *nfa) accepts(state string) bool {
	first := len(state)%4 != 0 // of an empty text the end is the beginning too
	for _, i := range n.closure(n.set(state), first, true) {
		if n.places[i].kind == isMatch {
			return true
		}
	}
	return false
}

// within reports whether r lies in one of the ranges.
func within(ranges []rune, r rune) bool {
	i := sort.Search(len(ranges)/2, func(i int) bool { return ranges[2*i+1] >= r })
	return 2*i < len(ranges) && ranges[2*i] <= r
}
