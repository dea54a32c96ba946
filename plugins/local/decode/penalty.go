package decode

// window holds the last tokens of the sequence.
type window struct {
	ids   []int32 // a ring; nil = nothing is remembered
	at    int
	full  bool
	count map[int32]int
}

func newWindow(n int) window { return window{ids: make([]int32, n), count: map[int32]int{}} }

func (w *window) add(ids []int32) {
	if w.ids == nil {
		return
	}
	ids = ids[max(0, len(ids)-len(w.ids)):] // those before would be forgotten at once
	for _, id := range ids {
		if w.full {
			if old := w.ids[w.at]; w.count[old] > 1 {
				w.count[old]--
			} else {
				delete(w.count, old)
			}
		}
		w.ids[w.at] = id
		w.count[id]++
		if w.at++; w.at == len(w.ids) {
			w.at, w.full = 0, true
		}
	}
}

// saved is a logit as the model gave it.
type saved struct {
	id    int32
	logit float32
}

// penalise lowers the logits of the tokens in the window: positive ones are
// divided by the penalty, negative ones multiplied (Keskar et al. 2019, CTRL,
// section 4.1). It reports whether it changed any.
func (s *Sampler) penalise(logits []float32) bool {
	penalty := float32(s.s.RepeatPenalty)
	for id := range s.seen.count {
		if id < 0 || int(id) >= len(logits) {
			continue
		}
		x := logits[id]
		s.saved = append(s.saved, saved{id, x})
		if x > 0 {
			logits[id] = x / penalty
		} else {
			logits[id] = x * penalty
		}
	}
	return len(s.saved) > 0
}

func (s *Sampler) restore(logits []float32) {
	for _, old := range s.saved {
		logits[old.id] = old.logit
	}
	s.saved = s.saved[:0]
}
