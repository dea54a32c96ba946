package tokenizer

// part is a token within a word that is being put together.
type part struct {
	id          ID
	before, end int // index of the part before, and of the one after
	gone        bool
}

// candidate is a merge that may be made.
type candidate struct {
	rank        int32
	left, right int // indexes of the parts
	pair        pair
	id          ID
}

// encodeWord returns the tokens of one word: the word itself if there is a
// token for it, else its bytes, merged in order of rank.
func (t *Tokenizer) encodeWord(w string) []ID {
	if id, ok := t.word[w]; ok {
		return []ID{id}
	}
	parts := t.parts[:0]
	for i := range len(w) {
		parts = append(parts, part{id: t.single[w[i]], before: i - 1, end: i + 1})
	}
	t.heap = t.heap[:0]
	for i := range len(parts) - 1 {
		t.offer(parts, i, i+1)
	}
	for len(t.heap) > 0 {
		c := t.heap.pop()
		left, right := &parts[c.left], &parts[c.right]
		if left.gone || right.gone || left.id != c.pair.left || right.id != c.pair.right {
			continue // one of them has become part of something else meanwhile
		}
		left.id, left.end, right.gone = c.id, right.end, true
		if right.end < len(parts) {
			parts[right.end].before = c.left
		}
		t.offer(parts, left.before, c.left)
		t.offer(parts, c.left, left.end)
	}
	var ids []ID
	for i := range parts {
		if !parts[i].gone {
			ids = append(ids, parts[i].id)
		}
	}
	t.parts = parts
	return ids
}

// offer adds the merge of two neighbouring parts to the heap if there is one.
func (t *Tokenizer) offer(parts []part, left, right int) {
	if left < 0 || right >= len(parts) {
		return
	}
	p := pair{parts[left].id, parts[right].id}
	if m, ok := t.merge[p]; ok {
		t.heap.push(candidate{m.rank, left, right, p, m.id})
	}
}

// heap is a binary heap of candidates, the least rank first. Which of several
// candidates of equal rank comes first is decided by how it moves them, and
// that is part of the format: it is how the inference engine's heap moves them
// (github.com/emirpasic/gods, trees/binaryheap). container/heap breaks ties
// otherwise, and "aaa" would get other tokens.
type heap []candidate

func (h *heap) push(c candidate) {
	*h = append(*h, c)
	s := *h
	for i := len(s) - 1; i > 0; {
		up := (i - 1) / 2
		if s[up].rank <= s[i].rank {
			break
		}
		s[up], s[i] = s[i], s[up]
		i = up
	}
}

func (h *heap) pop() candidate {
	s := *h
	top := s[0]
	last := len(s) - 1
	s[0] = s[last]
	s = s[:last]
	*h = s
	for i := 0; 2*i+1 < len(s); {
		least := 2*i + 1
		if r := least + 1; r < len(s) && s[least].rank > s[r].rank {
			least = r
		}
		if s[i].rank <= s[least].rank {
			break
		}
		s[i], s[least] = s[least], s[i]
		i = least
	}
	return top
}
