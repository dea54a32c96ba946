package grammar

import (
	"bytes"
	"cmp"
	"container/list"
	"crypto/sha256"
	"errors"
	"slices"
	"sync"
)

// Vocabulary is the set of tokens of a model, arranged so that the possible
// ones are found fast. It keeps the masks that were asked for last. It is safe
// for concurrent use.
type Vocabulary struct {
	size    int
	ends    []int32 // tokens that end the output
	all     trie
	inside  []*bitset // tokens that go on with any string, by the characters they need at most; the last: any number
	closing trie      // tokens that end any string, by their bytes from its quotation mark on
	lead    []uint16  // characters before that mark
	longest int32     // bytes of the longest token
	tokens  [][]byte
	encode  func(text string) ([]int32, error)

	mu       sync.Mutex // guards what follows
	masks    map[*state]*list.Element
	recent   *list.List // of *cached, latest first
	bytes    int
	maxBytes int
	grammars map[[sha256.Size]byte]*list.Element
	used     *list.List // of *compiled, latest first
	weight   int        // of the grammars, in bytes
}

type compiled struct {
	digest [sha256.Size]byte
	g      *Grammar
}

// maxGrammarBytes bounds about what the compiled schemas that are kept take.
const maxGrammarBytes = 128 << 20

type cached struct {
	at   *state
	g    *Grammar
	mask *Mask
}

// DefaultMaskBytes is the memory that masks may take beside a vocabulary.
const DefaultMaskBytes = 32 << 20

// maxInside is the number of characters up to which tokens are told apart by
// their length, for strings that may only get so much longer.
const maxInside = 64

// NewVocabulary arranges the tokens of a model. tokens[id] are the bytes of
// token id; those without bytes are never possible, which is what control
// tokens must have. ends are the tokens that end the output: one of them is
// possible exactly where the output is whole. maxMaskBytes bounds the masks
// that are kept; 0 is [DefaultMaskBytes].
//
// encode returns the tokens into which the model's tokenizer cuts a text; it
// may be nil, and then nothing is ever forced.
//
// It returns an error if no token ends the output or a token is longer than
// 32 KiB.
func NewVocabulary(tokens [][]byte, ends []int32, encode func(text string) ([]int32, error), maxMaskBytes int) (*Vocabulary, error) {
	v := &Vocabulary{
		size: len(tokens), tokens: tokens, encode: encode,
		masks: map[*state]*list.Element{}, recent: list.New(), maxBytes: cmp.Or(maxMaskBytes, DefaultMaskBytes),
		grammars: map[[sha256.Size]byte]*list.Element{}, used: list.New(),
	}
	for _, id := range ends {
		if id < 0 || int(id) >= len(tokens) {
			return nil, errors.New("a token that ends the output is not in the vocabulary")
		}
		if !slices.Contains(v.ends, id) {
			v.ends = append(v.ends, id)
		}
	}
	if len(v.ends) == 0 {
		return nil, errors.New("no token ends the output")
	}
	var order, closers []int32
	inside := make([][]int32, maxInside+1)
	tails := make([][]byte, v.size)
	v.lead = make([]uint16, v.size)
	for id, t := range tokens {
		if len(t) == 0 || slices.Contains(v.ends, int32(id)) {
			continue
		}
		if len(t) > 1<<15 {
			return nil, errors.New("a token is longer than 32 KiB")
		}
		v.longest = max(v.longest, int32(len(t)))
		order = append(order, int32(id))
		n, tail, ok := inString(t)
		switch {
		case ok && tail != nil:
			v.lead[id], tails[id] = uint16(n), tail
			closers = append(closers, int32(id))
		case ok:
			inside[min(n, maxInside)] = append(inside[min(n, maxInside)], int32(id))
		}
	}
	v.all, v.closing = newTrie(tokens, order), newTrie(tails, closers)
	for n := range inside {
		b := newBitset(v.size)
		if n > 0 {
			copy(b.words, v.inside[n-1].words)
		}
		for _, id := range inside[n] {
			b.set(id)
		}
		v.inside = append(v.inside, b)
	}
	return v, nil
}

// Schema returns the grammar of a JSON Schema, compiled or from memory. The
// error is a [*Refusal].
func (v *Vocabulary) Schema(schema []byte) (*Grammar, error) {
	return v.compiled("schema\x00"+string(schema), func() (*Grammar, error) { return compileSchema(schema) })
}

// Pattern returns the grammar of the texts that a regular expression matches
// as a whole, compiled or from memory. The error is a [*Refusal].
func (v *Vocabulary) Pattern(expr string) (*Grammar, error) {
	return v.compiled("pattern\x00"+expr, func() (*Grammar, error) { return compilePattern(expr) })
}

func (v *Vocabulary) compiled(source string, compile func() (*Grammar, error)) (*Grammar, error) {
	digest := sha256.Sum256([]byte(source))
	v.mu.Lock()
	e, ok := v.grammars[digest]
	if ok {
		v.used.MoveToFront(e)
	}
	v.mu.Unlock()
	if ok {
		return e.Value.(*compiled).g, nil
	}
	g, err := compile()
	if err != nil {
		return nil, err
	}
	g.v = v
	v.mu.Lock()
	defer v.mu.Unlock()
	if e, ok := v.grammars[digest]; ok {
		return e.Value.(*compiled).g, nil // another call was faster
	}
	v.grammars[digest] = v.used.PushFront(&compiled{digest, g})
	for v.weight += g.weight(); v.weight > maxGrammarBytes && v.used.Len() > 1; {
		old := v.used.Remove(v.used.Back()).(*compiled)
		delete(v.grammars, old.digest)
		v.weight -= old.g.weight()
		v.drop(old.g)
	}
	return g, nil
}

// inString reports whether a token may come between two characters of a JSON
// string that may hold any text. What it then needs does not depend on the
// schema: tail are its bytes from the quotation mark on that ends the string,
// nil if it does not end it, and n the characters before: one that is only
// begun counts.
func inString(t []byte) (n int, tail []byte, ok bool) {
	b := &body{dfa: anything, json: true, max: -1}
	c := config{hi: -1}
	for i, x := range t {
		between := c.part == partNone
		after, closed, ok := b.step(c, x)
		switch {
		case !ok:
			return 0, nil, false
		case closed:
			return n, t[i:], true
		case between:
			n++
		}
		c = after
	}
	return n, nil, true
}

// trie holds tokens by their bytes, in the order of a walk that goes down
// first: what lies below a node follows it, and skip leads past it.
type trie struct {
	nodes []trieNode
	ids   []int32
}

type trieNode struct {
	b     byte
	depth uint16 // 1 at the top
	skip  int32  // node after everything below
	first int32  // tokens that end here: ids[first:last]
	last  int32
}

// newTrie arranges the tokens of order by their bytes.
func newTrie(tokens [][]byte, order []int32) trie {
	slices.SortFunc(order, func(a, b int32) int { return cmp.Or(bytes.Compare(tokens[a], tokens[b]), cmp.Compare(a, b)) })
	var t trie
	var path []int32 // nodes on the way to the token before
	var before []byte
	for _, id := range order {
		text := tokens[id]
		common := 0
		for common < len(text) && common < len(before) && text[common] == before[common] {
			common++
		}
		for i := common; i < len(path); i++ {
			t.nodes[path[i]].skip = int32(len(t.nodes))
		}
		path = path[:common]
		for i := common; i < len(text); i++ {
			path = append(path, int32(len(t.nodes)))
			t.nodes = append(t.nodes, trieNode{b: text[i], depth: uint16(i + 1), first: int32(len(t.ids)), last: int32(len(t.ids))})
		}
		t.ids = append(t.ids, id)
		t.nodes[path[len(path)-1]].last = int32(len(t.ids))
		before = text
	}
	for _, i := range path {
		t.nodes[i].skip = int32(len(t.nodes))
	}
	return t
}

// below returns the nodes under the one that text leads to, as a range, and
// whether there is such a node.
func (t *trie) below(text []byte) (from, to int32, ok bool) {
	from, to = 0, int32(len(t.nodes))
	for _, b := range text {
		found := false
		for i := from; i < to; i = t.nodes[i].skip {
			if t.nodes[i].b == b {
				from, to, found = i+1, t.nodes[i].skip, true
				break
			}
		}
		if !found {
			return 0, 0, false
		}
	}
	return from, to, true
}
