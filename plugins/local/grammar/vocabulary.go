package grammar

import (
	"bytes"
	"cmp"
	"container/list"
	"crypto/sha256"
	"errors"
	"slices"
	"sync"
	"unicode/utf8"
)

// Vocabulary is the set of tokens of a model, arranged so that the possible
// ones are found fast. It keeps the masks that were asked for last. It is safe
// for concurrent use.
type Vocabulary struct {
	size    int
	ends    []int32 // tokens that end the output
	all     trie
	unsafe  trie // the tokens that may do more than go on with a string
	safe    []*bitset
	longest int32 // bytes of the longest token
	tokens  [][]byte
	encode  func(text string) ([]int32, error)

	mu       sync.Mutex // guards what follows
	masks    map[*state]*list.Element
	recent   *list.List // of *cached, latest first
	bytes    int
	maxBytes int
	grammars map[[sha256.Size]byte]*list.Element
	used     *list.List // of *compiled, latest first
}

type compiled struct {
	digest [sha256.Size]byte
	g      *Grammar
}

// maxGrammars bounds the compiled schemas that are kept.
const maxGrammars = 64

type cached struct {
	at   *state
	mask *Mask
}

// DefaultMaskBytes is the memory that masks may take beside a vocabulary.
const DefaultMaskBytes = 32 << 20

// maxSafe is the number of characters up to which tokens are told apart by
// their length, for strings that may only get so much longer.
const maxSafe = 64

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
	var order, special []int32
	safe := make([][]int32, maxSafe+1) // by characters; the last: any longer
	for id, t := range tokens {
		if len(t) == 0 || slices.Contains(v.ends, int32(id)) {
			continue
		}
		if len(t) > 1<<15 {
			return nil, errors.New("a token is longer than 32 KiB")
		}
		v.longest = max(v.longest, int32(len(t)))
		order = append(order, int32(id))
		if inString(t) {
			n := min(utf8.RuneCount(t), maxSafe)
			safe[n] = append(safe[n], int32(id))
		} else {
			special = append(special, int32(id))
		}
	}
	byBytes := func(a, b int32) int { return cmp.Or(bytes.Compare(tokens[a], tokens[b]), cmp.Compare(a, b)) }
	slices.SortFunc(order, byBytes)
	slices.SortFunc(special, byBytes)
	v.all, v.unsafe = newTrie(tokens, order), newTrie(tokens, special)
	for n := range safe {
		b := newBitset(v.size)
		if n > 0 {
			copy(b.words, v.safe[n-1].words)
		}
		for _, id := range safe[n] {
			b.set(id)
		}
		v.safe = append(v.safe, b)
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
	if v.used.Len() > maxGrammars {
		delete(v.grammars, v.used.Remove(v.used.Back()).(*compiled).digest)
	}
	return g, nil
}

// inString reports whether the token may stand anywhere inside a JSON string
// and leaves it where it is: whole characters, none of which is escaped.
func inString(t []byte) bool {
	for _, b := range t {
		if b < 0x20 || b == '"' || b == '\\' {
			return false
		}
	}
	return utf8.Valid(t)
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

// newTrie arranges the tokens of order, which is sorted by their bytes.
func newTrie(tokens [][]byte, order []int32) trie {
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
