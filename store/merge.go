package store

import (
	"bytes"

	bolt "go.etcd.io/bbolt"
)

// decisionMerge walks several queues at once in order of time.
type decisionMerge struct {
	down  bool // latest first
	heads []mergeHead
}

// mergeHead is where the walk stands in one queue.
type mergeHead struct {
	cursor *bolt.Cursor
	prefix []byte
	key    []byte // time:8 id; nil = at the end
}

// mergeDecisions begins behind after, a key that next returned, or at the start
// if it is empty.
func (t *tx) mergeDecisions(list byte, queues []string, after []byte, down bool) *decisionMerge {
	m := &decisionMerge{down: down}
	for _, q := range queues {
		h := mergeHead{cursor: t.bucket(bucketDecisionIndex).Cursor(), prefix: decisionPrefix(list, q)}
		start := append(bytes.Clone(h.prefix), after...)
		if down && len(after) == 0 {
			start[len(start)-1] = 1 // just past the queue
		}
		k, _ := h.cursor.Seek(start)
		switch {
		case down && k == nil:
			k, _ = h.cursor.Last()
		case down:
			k, _ = h.cursor.Prev()
		case len(after) > 0 && bytes.Equal(k, start):
			k, _ = h.cursor.Next()
		}
		h.set(k)
		m.heads = append(m.heads, h)
	}
	return m
}

func (h *mergeHead) set(k []byte) {
	h.key = nil
	if bytes.HasPrefix(k, h.prefix) && len(k) > len(h.prefix)+8 {
		h.key = k[len(h.prefix):]
	}
}

// next returns the next key over all queues, nil at the end.
func (m *decisionMerge) next() []byte {
	best := -1
	for i, h := range m.heads {
		if h.key == nil {
			continue
		}
		if best < 0 || (bytes.Compare(h.key, m.heads[best].key) < 0) != m.down {
			best = i
		}
	}
	if best < 0 {
		return nil
	}
	h := &m.heads[best]
	key := h.key
	var k []byte
	if m.down {
		k, _ = h.cursor.Prev()
	} else {
		k, _ = h.cursor.Next()
	}
	h.set(k)
	return key
}
