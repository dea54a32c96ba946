package schedule

import (
	"slices"
	"sync"
	"time"

	"skerry/plugins/local/prefix"
)

// loop is the only goroutine that touches the engine.
func (s *Scheduler) loop() {
	defer close(s.done)
	for range s.wake {
		for {
			began := time.Now()
			if s.admit() {
				s.stop()
				return
			}
			if len(s.running) == 0 {
				break
			}
			s.pass()
			s.count(func(st *Stats) { st.Busy += time.Since(began) })
		}
	}
}

func (s *Scheduler) count(f func(*Stats)) {
	s.mu.Lock()
	f(&s.stats)
	s.mu.Unlock()
}

// admit removes calls whose time is over and gives free slots to those that
// have waited longest. It reports whether the scheduler was closed.
func (s *Scheduler) admit() bool {
	for _, c := range slices.Clone(s.running) {
		if err := c.ctx.Err(); err != nil {
			s.finish(c, err)
		}
	}
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return true
	}
	s.waiting = slices.DeleteFunc(s.waiting, func(c *call) bool { return c.ctx.Err() != nil })
	var in []*call
	for len(s.waiting) > 0 && s.inUse < s.c.Slots {
		c := s.waiting[0]
		// The order is kept even where a smaller call would still fit: else a
		// large one would wait for ever.
		c.pages = s.engine.Pages(c.most)
		if s.reserved+c.pages > s.engine.Total() {
			break
		}
		s.reserved += c.pages
		s.inUse++
		s.waiting = s.waiting[1:]
		in = append(in, c)
	}
	s.mu.Unlock()
	for _, c := range in {
		c.start = time.Now()
		s.last++
		c.seq = s.last
		c.follow, c.until = s.leader(c)
		s.running = append(s.running, c)
	}
	for _, c := range s.running {
		if !c.started && (c.follow == nil || c.follow.at >= c.until || !slices.Contains(s.running, c.follow)) {
			s.begin(c)
		}
	}
	return false
}

// share rounds a common beginning down to what is worth sharing: whole grains,
// and at least two inputs are left to compute.
func (s *Scheduler) share(c *call, n int) int {
	grain := s.engine.Grain()
	if grain <= 0 {
		return 0
	}
	n = max(0, min(n, len(c.inputs)-2))
	for n > 0 {
		if n -= n % grain; n == 0 {
			break
		}
		down, _ := border(c.inputs, n)
		if down == n {
			break
		}
		n = down
	}
	return n
}

// leader returns a running call that will soon have computed more of the
// beginning of c than is there now, and how much. To wait for it is cheaper
// than to compute the same beside it.
func (s *Scheduler) leader(c *call) (best *call, until int) {
	_, have := s.tree.Longest(c.keys)
	until = s.share(c, have)
	for _, r := range s.running {
		if n := s.share(c, prefix.Common(c.keys, r.keys)); n > until && n > r.at {
			best, until = r, n
		}
	}
	return best, until
}

// begin gives a call the longest beginning that is in the cache.
func (s *Scheduler) begin(c *call) {
	c.started, c.follow = true, nil
	src, n := s.tree.Longest(c.keys)
	n = s.share(c, n)
	if n > 0 {
		s.touch(src)
		if s.evict(1, src); s.engine.Free() == 0 {
			n = 0
		}
	}
	expected := min(c.most, len(c.inputs)+usualOutput)
	s.makeRoom(expected-n, src)
	s.engine.Expect(c.seq, expected)
	if n > 0 && s.engine.Fork(src, c.seq, n) == nil {
		c.at, c.cached = n, n
		s.tree.Extend(c.seq, c.keys[:n])
	}
	s.count(func(st *Stats) { st.Cached += c.at; st.Asked += len(c.inputs) })
}

// touch makes an idle sequence the most recently used one.
func (s *Scheduler) touch(seq int) {
	if i := slices.Index(s.idle, seq); i >= 0 {
		s.idle = append(slices.Delete(s.idle, i, i+1), seq)
	}
}

// evict forgets idle sequences, except keep, until so many pages are free.
func (s *Scheduler) evict(pages, keep int) {
	for i := 0; i < len(s.idle) && s.engine.Free() < pages; {
		if s.idle[i] == keep {
			i++
			continue
		}
		s.forget(s.idle[i])
		s.idle = slices.Delete(s.idle, i, i+1)
	}
}

// usualOutput is how many tokens of output are provided for. Few calls need
// their bound, and to keep room for it would cost beginnings that are asked for
// again.
const usualOutput = 256

// makeRoom forgets idle sequences, except keep, until a sequence of so many
// tokens can lie together: that helps every pass over it, while most of what is
// idle is never asked for again.
func (s *Scheduler) makeRoom(tokens, keep int) {
	for i := 0; i < len(s.idle) && !s.engine.Together(tokens); {
		if s.idle[i] == keep {
			i++
			continue
		}
		s.forget(s.idle[i])
		s.idle = slices.Delete(s.idle, i, i+1)
	}
}

func (s *Scheduler) forget(seq int) {
	s.tree.Drop(seq)
	s.engine.Drop(seq)
}

// pass computes one batch and hands each sequence its logits.
func (s *Scheduler) pass() {
	pending := make([]int, len(s.running))
	for i, c := range s.running {
		if c.started {
			pending[i] = len(c.inputs) - c.at
		}
	}
	var batch []Token
	var ask []*call
	need := 0
	borders := func(i, n int) (down, up int) { return border(s.running[i].inputs[s.running[i].at:], n) }
	for i, n := range plan(pending, s.c.Batch, borders) {
		c := s.running[i]
		need += s.engine.Pages(c.at+n) - s.engine.Pages(c.at)
		for k := range n {
			batch = append(batch, Token{Seq: c.seq, Pos: c.at + k, Input: c.inputs[c.at+k]})
		}
		if n > 0 && n == pending[i] {
			batch[len(batch)-1].Logits = true
			ask = append(ask, c)
		}
		pending[i] = n
	}
	s.evict(need, 0)

	var ahead sync.WaitGroup
	for _, c := range ask {
		ahead.Go(c.job.Ahead)
	}
	start := time.Now()
	logits, err := s.engine.Forward(batch)
	took := time.Since(start)
	ahead.Wait()
	s.count(func(st *Stats) { st.Passes++; st.Tokens += len(batch); st.Forward += took })
	if err != nil {
		s.fail(err)
		return
	}
	for i, c := range s.running {
		if n := pending[i]; n > 0 {
			if s.engine.Grain() > 0 {
				s.tree.Extend(c.seq, c.keys[c.at:c.at+n])
			}
			c.at += n
		}
	}
	s.next(ask, logits)
}

// next asks each sequence what follows, all at the same time.
func (s *Scheduler) next(ask []*call, logits [][]float32) {
	var wg sync.WaitGroup
	ended := make([]bool, len(ask))
	for i, c := range ask {
		step := func() {
			var more []Input
			if more, c.err = c.job.Next(logits[i]); c.err == nil {
				c.append(more)
			}
			ended[i] = c.err != nil || len(more) == 0
		}
		if len(ask) == 1 {
			step()
		} else {
			wg.Go(step)
		}
	}
	wg.Wait()
	for i, c := range ask {
		if ended[i] {
			s.finish(c, c.err)
		}
	}
}

// finish ends a call that runs. What it has computed stays until the room is
// needed.
func (s *Scheduler) finish(c *call, err error) {
	s.running = slices.DeleteFunc(s.running, func(r *call) bool { return r == c })
	s.reserved -= c.pages
	if s.engine.Grain() > 0 && c.at > 0 {
		s.engine.Expect(c.seq, c.at)
		s.idle = append(s.idle, c.seq)
	} else {
		s.forget(c.seq)
	}
	c.err = err
	took := time.Since(c.start)
	s.mu.Lock()
	s.inUse--
	if s.typical == 0 {
		s.typical = took
	}
	s.typical += (took - s.typical) / 8
	s.mu.Unlock()
	close(c.done)
}

// fail ends all calls that run: what the engine holds is not known any longer.
func (s *Scheduler) fail(err error) {
	for _, c := range slices.Clone(s.running) {
		s.finish(c, err)
	}
	for _, seq := range s.idle {
		s.forget(seq)
	}
	s.idle = nil
}

// stop ends all calls.
func (s *Scheduler) stop() {
	s.fail(ErrClosed)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.waiting {
		c.err = ErrClosed
		close(c.done)
	}
	s.waiting = nil
}
