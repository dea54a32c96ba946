// Package grammar holds the output of a model to a JSON Schema or to a regular
// expression: it says, after every token, which tokens may come next, and
// which bytes must.
//
// A schema is compiled to an automaton over bytes with a stack, so that it may
// refer to itself. The output is compact JSON without spaces outside strings,
// members in the order in which the schema lists its properties, and names and
// constants in their one shortest form: that makes most bytes between two
// values the only ones possible, and those need no model. What the automaton accepts
// is always valid against the schema; the reverse is not promised (documents
// with spaces are valid too).
//
// A keyword that is not supported is refused by its name and place, never
// ignored. Everything here is pure: no I/O, no clock, no randomness.
//
// Start with [NewVocabulary], [Vocabulary.Schema] and [Grammar.Matcher].
package grammar

import (
	"fmt"
	"strings"
	"sync"
)

// Bounds of one grammar. A schema beyond them is refused at once, because the
// work for it could be made to grow without end.
const (
	MaxSchemaBytes   = 1 << 20    // JSON text of a schema
	MaxSchemaDepth   = 64         // nesting of the schema itself
	MaxNodes         = 200_000    // nodes of the automaton: about one for each byte of keys and enumerated values
	MaxDepth         = 64         // nesting that references add to an output; deeper output is not written
	MaxRepeat        = 4096       // minLength, maxLength, minItems and maxItems
	MaxChoices       = 500        // schemas of one anyOf; optional properties of one object
	MaxPatternBytes  = 4096       // text of one regular expression
	MaxPatternNodes  = 20_000     // nodes of one regular expression before it is made deterministic
	MaxPatternStates = 10_000     // states of all regular expressions and number ranges after that
	maxPatternWork   = 10_000_000 // steps of making them deterministic: about a second
)

// Refusal is the error of a schema or pattern that cannot be compiled.
type Refusal struct {
	Pointer string // JSON pointer to the place in the schema (RFC 6901); "" is the whole
	Keyword string // the keyword that is refused; empty if the place itself is
	Reason  string // what is wrong, or not supported
}

func (r *Refusal) Error() string {
	where := "the schema"
	if r.Pointer != "" {
		where += " at " + r.Pointer
	}
	if r.Keyword != "" {
		return fmt.Sprintf("%s: %q: %s", where, r.Keyword, r.Reason)
	}
	return where + ": " + r.Reason
}

func refuse(pointer, keyword, format string, a ...any) error {
	return &Refusal{Pointer: pointer, Keyword: keyword, Reason: fmt.Sprintf(format, a...)}
}

// token escapes a name for a JSON pointer.
func token(name string) string {
	return "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
}

// Grammar is a compiled schema or pattern. It is safe for concurrent use. The
// states it has met are kept, so that later outputs under the same grammar find
// their masks computed.
type Grammar struct {
	nodes  []node
	rules  []rule
	bodies []body
	v      *Vocabulary
	start  *state

	mu     sync.Mutex // guards what follows, and the fields of states that are filled in later
	states map[string]*state
	frames map[frameKey]*frame
	lastID uint32
	bytes  int                // about what states take
	key    []byte             // scratch
	known  map[runKey][]int32 // forced runs as tokens
}

// maxStateBytes bounds what the states that a grammar remembers take. Beyond it
// they are forgotten and met anew.
const maxStateBytes = 8 << 20

// weight is about what the grammar takes, in bytes, its states included.
func (g *Grammar) weight() int {
	n := len(g.nodes)*128 + maxStateBytes/8
	for _, b := range g.bodies {
		n += len(b.dfa.states) * 600
	}
	return n
}

// rule is a part of the automaton that references enter and leave.
type rule struct {
	start  int32
	height int32 // least nesting of references that an output of the rule needs, itself not counted
}

// node is one place of the automaton. Exactly one of its parts is used: edges
// and empty, call, body or accept.
type node struct {
	edges  []edge  // by byte, in order, not overlapping
	empty  []int32 // nodes that are reached without a byte
	call   int32   // rule to go through before next; -1 = none
	body   int32   // text to write before next; -1 = none
	next   int32
	accept bool  // the rule ends here
	height int32 // least nesting of references to the end of the rule
}

type edge struct {
	lo, hi byte
	to     int32
}

// body is a text: characters that a DFA accepts.
type body struct {
	dfa  *dfa
	json bool // written as the inside of a JSON string, up to and with the closing quote; false = as it is
	min  int32
	max  int32 // characters; -1 = any number. min and max are only used with a DFA that accepts everything
}

// never is the height of what no finite output can reach.
const never = int32(1 << 20)
