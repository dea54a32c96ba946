// Package prefix remembers which sequences are in a key-value cache, so that a
// new one can take over the longest beginning that it has in common with any
// of them. It is a radix tree over tokens. Start with [Tree].
package prefix

import "slices"

// Key is one element of a sequence: a token, or a piece of an image of which
// Hash is the digest of the whole content. Only equal keys are ever shared.
type Key struct {
	ID   int32
	Hash uint64
}

// Tree maps sequences, which are numbers of the caller's, to their elements.
// The zero value is empty. It is not safe for concurrent use.
type Tree struct {
	root node
	ends map[int]*node // by sequence: where it ends
}

// node stands for the elements on its edge. Every leaf has a sequence that ends
// there.
type node struct {
	parent   *node
	edge     []Key
	children map[Key]*node // by the first element of their edge
	ends     []int         // sequences that end at the end of the edge
}

// Extend appends elements to a sequence, which may be a new one.
func (t *Tree) Extend(seq int, more []Key) {
	if t.ends == nil {
		t.ends = map[int]*node{}
	}
	at := t.ends[seq]
	if at == nil {
		at = &t.root
	} else if len(more) == 0 {
		return
	} else {
		at.ends = slices.DeleteFunc(at.ends, func(s int) bool { return s == seq })
	}
	from := at
	for len(more) > 0 {
		if at != &t.root && len(at.ends) == 0 && len(at.children) == 0 {
			at.edge = append(at.edge, more...) // nobody else knows this node
			break
		}
		next := at.children[more[0]]
		if next == nil {
			next = &node{parent: at, edge: slices.Clone(more)}
			at.adopt(next)
			at = next
			break
		}
		n := common(next.edge, more)
		if n < len(next.edge) {
			next = next.split(n)
		}
		at, more = next, more[n:]
	}
	at.ends = append(at.ends, seq)
	t.ends[seq] = at
	if from != at {
		t.tidy(from)
	}
}

// Drop forgets a sequence.
func (t *Tree) Drop(seq int) {
	at := t.ends[seq]
	if at == nil {
		return
	}
	delete(t.ends, seq)
	at.ends = slices.DeleteFunc(at.ends, func(s int) bool { return s == seq })
	t.tidy(at)
}

// Longest returns a sequence with the longest beginning in common with keys,
// and the length of that; 0 if there is none.
func (t *Tree) Longest(keys []Key) (seq, n int) {
	at := &t.root
	for {
		next := at.children[first(keys[n:])]
		if n == len(keys) || next == nil {
			break
		}
		k := common(next.edge, keys[n:])
		n += k
		at = next
		if k < len(next.edge) {
			break
		}
	}
	if n == 0 {
		return 0, 0
	}
	for len(at.ends) == 0 {
		for _, at = range at.children {
			break
		}
	}
	return at.ends[0], n
}

func first(keys []Key) Key {
	if len(keys) == 0 {
		return Key{}
	}
	return keys[0]
}

// Common returns how many elements a and b have in common at the beginning.
func Common(a, b []Key) int { return common(a, b) }

func common(a, b []Key) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}

func (n *node) adopt(child *node) {
	if n.children == nil {
		n.children = map[Key]*node{}
	}
	n.children[child.edge[0]] = child
	child.parent = n
}

// split cuts the edge of n after k elements and returns the new upper node.
func (n *node) split(k int) *node {
	upper := &node{parent: n.parent, edge: slices.Clip(n.edge[:k])}
	n.parent.children[upper.edge[0]] = upper
	n.edge = slices.Clone(n.edge[k:])
	upper.adopt(n)
	return upper
}

// tidy removes nodes that no sequence needs any longer, from n upwards.
func (t *Tree) tidy(n *node) {
	for n != &t.root && len(n.ends) == 0 {
		switch len(n.children) {
		case 0:
			delete(n.parent.children, n.edge[0])
			n = n.parent
		case 1: // the one below takes over
			for _, child := range n.children {
				child.edge = slices.Concat(n.edge, child.edge)
				n.parent.adopt(child)
			}
			return
		default:
			return
		}
	}
}
