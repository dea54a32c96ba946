package grammar

import (
	"errors"
	"fmt"
)

// Matcher follows one output under a grammar. It is not safe for concurrent
// use.
type Matcher struct {
	g      *Grammar
	v      *Vocabulary
	at     *state
	recent []piece // the last tokens: the context in which forced text is cut
}

// piece is a token or a beginning of the output, as bytes.
type piece struct {
	id   int32
	text []byte
}

// ErrStuck says that no token is possible although the output is not whole:
// the vocabulary lacks bytes that the grammar needs.
var ErrStuck = errors.New("no token of this model can go on with the output under the schema; the vocabulary lacks single bytes")

// Matcher returns a matcher at the beginning of an output.
func (g *Grammar) Matcher() *Matcher { return &Matcher{g: g, v: g.v, at: g.start} }

// Mask returns the tokens that may come next, the ones that end the output
// where it is whole. It returns [ErrStuck] if there is none.
func (m *Matcher) Mask() (*Mask, error) {
	mask := m.v.mask(m.g, m.at)
	if mask.Len() == 0 {
		return nil, ErrStuck
	}
	return mask, nil
}

// Whole reports whether the output may end here.
func (m *Matcher) Whole() bool { return m.at.accept }

// Ended reports whether the output is whole and nothing may follow.
func (m *Matcher) Ended() bool { return m.at.ended() }

// Accept goes on by one token, which must not be one that ends the output. It
// returns an error, and stays where it is, if the grammar does not allow it.
func (m *Matcher) Accept(id int32) error {
	text := m.v.text(id)
	if len(text) == 0 || !m.write(text) {
		return fmt.Errorf("token %d (%q) does not fit the schema here", id, text)
	}
	m.remember(piece{id, text})
	return nil
}

// Begin goes on by text that already stands before the output, such as the
// beginning of an answer that was put into the model's mouth. It returns an
// error if the grammar does not allow it.
func (m *Matcher) Begin(text string) error {
	if text == "" {
		return nil
	}
	if !m.write([]byte(text)) {
		return fmt.Errorf("an answer under the schema does not begin with %q", text)
	}
	m.remember(piece{-1, []byte(text)})
	return nil
}

// text returns the bytes of a token; none if there is no such token.
func (v *Vocabulary) text(id int32) []byte {
	if id < 0 || int(id) >= len(v.tokens) {
		return nil
	}
	return v.tokens[id]
}

func (m *Matcher) write(text []byte) bool {
	m.g.mu.Lock()
	defer m.g.mu.Unlock()
	s := m.at
	for _, b := range text {
		if !s.can(b) {
			return false
		}
		s = m.g.step(s, b)
	}
	m.at = s
	return true
}
