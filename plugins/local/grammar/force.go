package grammar

import (
	"bytes"
	"slices"
	"unicode/utf8"
)

// context is the most tokens before a forced text that decide with it how it is
// cut: what a tokenizer does at a place depends on little before it. One token
// is enough, except one of a single byte: a quotation mark before a letter, for
// one, is cut otherwise where another mark stands before it.
const context = 2

// maxRun bounds the bytes that are forced at once.
const maxRun = 1 << 16

// maxKnown bounds the forced runs that a grammar remembers.
const maxKnown = 10_000

// run is what must come at a state.
type run struct {
	text []byte
	cuts []int // where in text a token may begin that goes beyond it

	// probes are characters of several kinds that may follow: tokenizers cut a
	// text into words by what comes after, spaces above all.
	probes []string
}

// runKey is the place of a forced run: its state and the tokens before.
type runKey struct {
	at     *state
	before [context]int32
}

func (m *Matcher) remember(p piece) {
	m.recent = append(m.recent, p)
	if len(m.recent) > context {
		m.recent = m.recent[1:]
	}
}

// Forced returns the tokens that must come next, if their bytes are the only
// ones possible, and goes on by them. They are the tokens into which the
// model's tokenizer cuts the text.
//
// The end of a forced text is not always forced: where a token exists that
// begins in it and goes on beyond it, as `":"` does after the key of a member,
// the model has learnt that token, and to force its first half would lead the
// model where it has never been. Such an end is left to the model and the mask.
func (m *Matcher) Forced() ([]int32, error) {
	if m.v.encode == nil {
		return nil, nil
	}
	r := m.v.forced(m.g, m.at)
	if len(r.text) == 0 {
		return nil, nil
	}
	key := runKey{at: m.at, before: [context]int32{-2, -2}}
	before := m.recent
	if n := len(before); n > 1 && len(before[n-1].text) > 1 {
		before = before[n-1:]
	}
	for i, p := range before {
		if key.before[i] = p.id; p.id < 0 {
			key.at = nil // a text of its own: not to be remembered
		}
	}
	m.g.mu.Lock()
	ids, ok := m.g.known[key]
	m.g.mu.Unlock()
	if !ok {
		var err error
		if ids, err = m.cut(before, r); err != nil {
			return nil, err
		}
		if key.at != nil {
			m.g.mu.Lock()
			if len(m.g.known) >= maxKnown {
				clear(m.g.known)
			}
			m.g.known[key] = ids
			m.g.mu.Unlock()
		}
	}
	for _, id := range ids {
		if err := m.Accept(id); err != nil {
			return nil, err
		}
	}
	return ids, nil
}

// cut returns the tokens of r that do not depend on what follows it: those
// that are the same for every place where a token may begin that goes beyond,
// and before every kind of character.
func (m *Matcher) cut(recent []piece, r *run) ([]int32, error) {
	var before []byte
	for _, p := range recent {
		before = append(before, p.text...)
	}
	var common []int32
	for i, end := range r.cuts {
		ids, err := m.split(before, r.text[:end])
		if err != nil || len(ids) == 0 {
			return nil, err
		}
		if i == 0 {
			common = ids
		}
		common = beginning(common, ids)
	}
	for _, p := range r.probes {
		if len(common) == 0 {
			break
		}
		ids, err := m.split(before, slices.Concat(r.text, []byte(p)))
		if err != nil {
			return nil, err
		}
		common = beginning(common, ids)
	}
	return common, nil
}

// beginning returns what a and b have in common at the beginning.
func beginning(a, b []int32) []int32 {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return a[:n]
}

// split returns the tokens of text after before; none if no token begins
// exactly where text does.
func (m *Matcher) split(before, text []byte) ([]int32, error) {
	ids, err := m.v.encode(string(before) + string(text))
	if err != nil {
		return nil, err
	}
	at := 0
	for i, id := range ids {
		if at == len(before) {
			return m.spells(ids[i:], text), nil
		}
		if at += len(m.v.text(id)); at > len(before) {
			return nil, nil
		}
	}
	return nil, nil
}

// spells returns ids if their bytes are exactly text: a tokenizer that changes
// text, or has no token for a part of it, forces nothing.
func (m *Matcher) spells(ids []int32, text []byte) []int32 {
	at := 0
	for _, id := range ids {
		b := m.v.text(id)
		if len(b) == 0 || !bytes.HasPrefix(text[at:], b) {
			return nil
		}
		at += len(b)
	}
	if at != len(text) {
		return nil
	}
	return ids
}

// forced returns what must come at s.
func (v *Vocabulary) forced(g *Grammar, s *state) *run {
	g.mu.Lock()
	defer g.mu.Unlock()
	if s.run != nil {
		return s.run
	}
	r := &run{}
	at := s
	for len(r.text) < maxRun && !at.accept {
		b, ok := at.only()
		if !ok {
			break
		}
		r.text = append(r.text, b)
		at = g.step(at, b)
	}
	for from := max(0, len(r.text)-int(v.longest)); from <= len(r.text); from++ {
		if from == len(r.text) || v.beyond(g, at, r.text[from:]) {
			r.cuts = append(r.cuts, from)
		}
	}
	if len(r.text) > 0 {
		for _, kind := range kinds {
			if p := g.sample(at, kind[0], kind[1]); p != "" {
				r.probes = append(r.probes, p)
			}
		}
	}
	s.run = r
	return r
}

// maxControlBytes bounds what stands for a control token: a byte 0xFF, digits, and
// a byte 0xFE.
const maxControlBytes = 16

// kinds are the bytes with which characters of the kinds begin that tokenizers
// tell apart: space, punctuation, digits, letters, what is not ASCII,
// and control tokens.
var kinds = [][2]byte{{' ', ' '}, {'!', '!'}, {'"', '"'}, {'#', '&'}, {'\'', '\''}, {'(', '+'}, {',', ','}, {'-', '/'}, {'0', '9'}, {':', '@'}, {'A', 'Z'}, {'[', '`'}, {'a', 'z'}, {'{', '~'}, {0xC2, 0xF4}, {0xFF, 0xFF}}

// sample returns a character that may come at s and begins with a byte from lo
// to hi, or nothing. The caller holds g.mu.
func (g *Grammar) sample(s *state, lo, hi byte) string {
	var out []byte
	if lo == 0xFF { // a control token: up to the byte that ends what stands for it
		for range maxControlBytes {
			b := 0
			for b < 256 && !s.can(byte(b)) {
				b++
			}
			if len(out) == 0 {
				b = 0xFF
			}
			if b > 0xFF || !s.can(byte(b)) {
				return ""
			}
			out = append(out, byte(b))
			if b == 0xFE {
				return string(out)
			}
			s = g.step(s, byte(b))
		}
		return ""
	}
	for b := int(lo); b <= int(hi) && len(out) < utf8.UTFMax; b++ {
		if !s.can(byte(b)) {
			continue
		}
		out = append(out, byte(b))
		if utf8.FullRune(out) {
			return string(out)
		}
		s = g.step(s, byte(b))
		b, hi = 0x80-1, 0xBF
	}
	return ""
}

// beyond reports whether a token begins with text and goes on as the grammar
// allows at s, which is the state after text.
func (v *Vocabulary) beyond(g *Grammar, s *state, text []byte) bool {
	from, to, ok := v.all.below(text)
	for i := from; ok && i < to; i = v.all.nodes[i].skip {
		if s.can(v.all.nodes[i].b) && v.reaches(g, g.step(s, v.all.nodes[i].b), i) {
			return true
		}
	}
	return false
}

// reaches reports whether some token at or below node i of the trie of all
// tokens is possible, where s is the state at the node.
func (v *Vocabulary) reaches(g *Grammar, s *state, i int32) bool {
	n := &v.all.nodes[i]
	if n.first < n.last {
		return true
	}
	for k := i + 1; k < n.skip; k = v.all.nodes[k].skip {
		if b := v.all.nodes[k].b; s.can(b) && v.reaches(g, g.step(s, b), k) {
			return true
		}
	}
	return false
}
