package schedule_test

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"skerry/appliance/llm"
	"skerry/plugins/local/schedule"
)

const page = 4

// engine computes a number from all that stands before a token, so that
// nothing can be left out, mixed up or done twice without a wrong answer. Of
// its room it is strict.
type engine struct {
	grain, total int
	batch        int
	slots        int
	takes        time.Duration // of one pass, and …
	each         time.Duration // … of each token in it

	mu       sync.Mutex
	seqs     map[int][]int32
	shared   map[int]int // pages that a sequence took over
	computed int
	passes   int
	broken   error // of the next pass
	gate     func(n int)
	violated []string
}

func newEngine(slots, batch, total int) *engine {
	return &engine{grain: 2, total: total, batch: batch, slots: slots, seqs: map[int][]int32{}, shared: map[int]int{}}
}

func (e *engine) Pages(tokens int) int { return (tokens + page - 1) / page }
func (e *engine) Total() int           { return e.total }
func (e *engine) Grain() int           { return e.grain }
func (e *engine) Expect(int, int)      {}
func (e *engine) Together(int) bool    { return e.Free() > 0 }

// Free counts pages that are shared as often as they are held, which is less
// than there would be: the scheduler must do with it.
func (e *engine) Free() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	n := e.total
	for _, s := range e.seqs {
		n -= e.Pages(len(s))
	}
	return n
}

func (e *engine) Fork(src, dst, n int) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if n > len(e.seqs[src]) || len(e.seqs[dst]) > 0 || n%e.grain > 0 {
		e.violated = append(e.violated, fmt.Sprintf("fork %d tokens of %d", n, len(e.seqs[src])))
		return errors.New("no")
	}
	e.seqs[dst] = slices.Clone(e.seqs[src][:n])
	return nil
}

func (e *engine) Drop(seq int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.seqs, seq)
}

func (e *engine) Forward(batch []schedule.Token) ([][]float32, error) {
	if e.gate != nil {
		e.gate(len(batch))
	}
	time.Sleep(e.takes + time.Duration(len(batch))*e.each)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.passes++
	if err := e.broken; err != nil {
		e.broken = nil
		return nil, err
	}
	e.computed += len(batch)
	if len(batch) == 0 || len(batch) > e.batch {
		e.violated = append(e.violated, fmt.Sprintf("a pass of %d tokens", len(batch)))
	}
	var out [][]float32
	for i, t := range batch {
		if end := i + t.Input.Run; end >= len(batch) || batch[end].Seq != t.Seq {
			e.violated = append(e.violated, fmt.Sprintf("a run of %d tokens is divided", t.Input.Run+1))
		}
		if len(e.seqs[t.Seq]) != t.Pos || i > 0 && batch[i-1].Seq != t.Seq && slices.ContainsFunc(batch[:i], func(o schedule.Token) bool { return o.Seq == t.Seq }) {
			e.violated = append(e.violated, fmt.Sprintf("token %d of sequence %d, which has %d", t.Pos, t.Seq, len(e.seqs[t.Seq])))
		}
		e.seqs[t.Seq] = append(e.seqs[t.Seq], t.Input.ID)
		if t.Logits {
			out = append(out, []float32{float32(next(e.seqs[t.Seq]))})
		}
	}
	used := 0
	for _, s := range e.seqs {
		used += e.Pages(len(s))
	}
	if used > e.total {
		e.violated = append(e.violated, fmt.Sprintf("%d pages in use, there are %d", used, e.total))
	}
	if len(e.seqs) > 0 && e.grain == 0 && len(e.seqs) > e.slots {
		e.violated = append(e.violated, fmt.Sprintf("%d sequences in %d slots", len(e.seqs), e.slots))
	}
	return out, nil
}

func next(s []int32) int32 {
	h := fnv.New32a()
	for _, id := range s {
		_, _ = fmt.Fprint(h, id, ",")
	}
	return int32(h.Sum32() % 1000)
}

// job writes n tokens, each as the model says, some with others behind them
// that are forced.
type job struct {
	n      int
	forced bool
	out    []int32
	asked  atomic.Int32 // Ahead without Next
	step   func()
}

func (j *job) Begin() ([]schedule.Input, bool, error) { return nil, j.n == 0, nil }
func (j *job) Ahead()                                 { j.asked.Add(1) }

func (j *job) Next(logits []float32) ([]schedule.Input, error) {
	if j.asked.Add(-1) != 0 {
		return nil, errors.New("not asked ahead")
	}
	if j.step != nil {
		j.step()
	}
	more := []schedule.Input{{ID: int32(logits[0])}}
	if j.forced && len(j.out)%3 == 0 {
		more = append(more, schedule.Input{ID: 7}, schedule.Input{ID: 8})
	}
	for _, in := range more {
		if j.out = append(j.out, in.ID); len(j.out) == j.n {
			return nil, nil
		}
	}
	return more, nil
}

// want is what the job should write, computed by itself.
func (j *job) want(prompt []schedule.Input) []int32 {
	var s, out []int32
	for _, in := range prompt {
		s = append(s, in.ID)
	}
	for {
		more := []int32{next(s)}
		if j.forced && len(out)%3 == 0 {
			more = append(more, 7, 8)
		}
		for _, id := range more {
			s = append(s, id)
			if out = append(out, id); len(out) == j.n {
				return out
			}
		}
	}
}

func prompt(ids ...int32) []schedule.Input {
	in := make([]schedule.Input, len(ids))
	for i, id := range ids {
		in[i].ID = id
	}
	return in
}

// numbers is a prompt of n tokens that differs from those of other seeds from
// its first token on.
func numbers(n int, seed int32) []schedule.Input {
	ids := make([]int32, n)
	for i := range ids {
		ids[i] = seed*10_000 + int32(i)
	}
	return prompt(ids...)
}

// withRuns ties some of the inputs to those behind them.
func withRuns(in []schedule.Input, run int) []schedule.Input {
	for i := 2; i+run < len(in); i += 9 {
		in[i].Run = run
	}
	return in
}

// TestRunThatFitsNoPassIsRefused: one that fits is not.
func TestRunThatFitsNoPassIsRefused(t *testing.T) {
	s := schedule.New(newEngine(3, 10, 100), schedule.Config{Slots: 3, Batch: 10, Queue: 10})
	defer s.Close()
	for run, refused := range map[int]bool{7: false, 8: true} {
		in := numbers(12, 1)
		in[2].Run = run
		if _, err := s.Do(t.Context(), in, 1, &job{n: 1}); (llm.KindOf(err) == llm.Invalid && err != nil) != refused {
			t.Errorf("a run of %d: %v", run+1, err)
		}
	}
}

// TestEverySequenceIsComputedOnceAndInOrder: whatever calls come together and
// whichever are given up, every other one gets the answer that it would get
// alone, from an engine of which no more is asked than it has.
func TestEverySequenceIsComputedOnceAndInOrder(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		slots := rapid.IntRange(1, 5).Draw(rt, "slots")
		batch := rapid.IntRange(slots, 30).Draw(rt, "batch")
		e := newEngine(slots, batch, rapid.IntRange(30, 120).Draw(rt, "pages"))
		e.grain = rapid.SampledFrom([]int{0, 1, 2, 8}).Draw(rt, "grain")
		e.takes = time.Millisecond
		type plan struct {
			prompt []schedule.Input
			job    *job
			wait   time.Duration
			cancel time.Duration
		}
		var plans []plan
		for range rapid.IntRange(1, 15).Draw(rt, "calls") {
			p := plan{
				job:    &job{n: rapid.IntRange(0, 12).Draw(rt, "n"), forced: rapid.Bool().Draw(rt, "forced")},
				wait:   time.Duration(rapid.IntRange(0, 30).Draw(rt, "wait")) * time.Millisecond,
				cancel: time.Duration(rapid.SampledFrom([]int{0, 0, 0, 1, 7, 15}).Draw(rt, "cancel")) * time.Millisecond,
			}
			same := numbers(rapid.IntRange(0, 60).Draw(rt, "same"), 0)
			p.prompt = slices.Concat(withRuns(same, min(4, batch-slots)), numbers(rapid.IntRange(1, 30).Draw(rt, "own"), rapid.Int32Range(1, 3).Draw(rt, "seed")))
			plans = append(plans, p)
		}
		synctest.Test(t, func(t *testing.T) {
			s := schedule.New(e, schedule.Config{Slots: slots, Batch: batch, Queue: 100})
			var wg sync.WaitGroup
			for _, p := range plans {
				wg.Go(func() {
					time.Sleep(p.wait)
					ctx := t.Context()
					if p.cancel > 0 {
						var cancel context.CancelFunc
						ctx, cancel = context.WithTimeout(ctx, p.cancel)
						defer cancel()
					}
					cached, err := s.Do(ctx, p.prompt, p.job.n, p.job)
					if p.cancel > 0 && errors.Is(err, context.DeadlineExceeded) {
						return
					}
					if want := p.job.want; err != nil || p.job.n > 0 && !slices.Equal(p.job.out, want(p.prompt)) {
						t.Errorf("%d + %d tokens, %d cached: got %v, %v", len(p.prompt), p.job.n, cached, p.job.out, err)
					}
				})
			}
			wg.Wait()
			s.Close()
		})
		for _, v := range e.violated {
			rt.Error(v)
		}
		if len(e.seqs) > 0 {
			rt.Errorf("%d sequences are left in the engine", len(e.seqs))
		}
		if t.Failed() {
			rt.FailNow()
		}
	})
}

// TestSharedBeginningIsComputedOnce: of calls that come at the same time, the
// first computes what they have in common and the others wait for it; later
// ones find it. The control has nothing in common.
func TestSharedBeginningIsComputedOnce(t *testing.T) {
	for _, grain := range []int{8, 0} {
		synctest.Test(t, func(t *testing.T) {
			e := newEngine(8, 50, 2000)
			e.grain, e.takes = grain, time.Millisecond
			s := schedule.New(e, schedule.Config{Slots: 8, Batch: 50, Queue: 100})
			defer s.Close()
			var total atomic.Int64
			var wg sync.WaitGroup
			const n = 20
			for i := range n {
				wg.Go(func() {
					j := &job{n: 5}
					p := slices.Concat(numbers(600, 0), numbers(200, int32(i+1)))
					cached, err := s.Do(t.Context(), p, 5, j)
					if err != nil || !slices.Equal(j.out, j.want(p)) {
						t.Errorf("%v, %v", j.out, err)
					}
					total.Add(int64(cached))
				})
			}
			wg.Wait()
			want := int64(600 * (n - 1))
			if grain == 0 {
				want = 0
			}
			if got := total.Load(); got != want || e.computed != n*804-int(want) {
				t.Errorf("grain %d: %d tokens were cached and %d computed, want %d and %d", grain, got, e.computed, want, n*804-int(want))
			}
			if st := s.Stats(); st.Cached != int(want) || st.Asked != n*800 || st.Tokens != e.computed || st.Passes != e.passes {
				t.Errorf("counted %+v", st)
			}
		})
	}
}

// TestCancellationFreesTheSlot: a call that is given up in the middle of a long
// prompt returns at once, and the one that waited starts after the pass.
func TestCancellationFreesTheSlot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEngine(1, 10, 1000)
		e.takes = 30 * time.Millisecond
		s := schedule.New(e, schedule.Config{Slots: 1, Batch: 10, Queue: 10})
		defer s.Close()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 2)
		go func() {
			_, err := s.Do(ctx, numbers(2000, 1), 5, &job{n: 5})
			done <- err
		}()
		time.Sleep(100 * time.Millisecond) // in the middle of the fourth pass
		go func() {
			_, err := s.Do(t.Context(), numbers(5, 2), 1, &job{n: 1})
			done <- err
		}()
		synctest.Wait()
		start := time.Now()
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) || time.Since(start) != 0 {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		if err := <-done; err != nil || time.Since(start) != 50*time.Millisecond {
			t.Errorf("the next call was served after %v, %v; want the rest of the pass and its own", time.Since(start), err)
		}
		if e.computed > 50 {
			t.Errorf("%d tokens were computed", e.computed)
		}
	})
}

// TestDeadlineInTheQueue: a call whose deadline passes while it waits leaves
// the queue.
func TestDeadlineInTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEngine(1, 10, 1000)
		e.takes = time.Second
		s := schedule.New(e, schedule.Config{Slots: 1, Batch: 10, Queue: 1})
		defer s.Close()
		var wg sync.WaitGroup
		wg.Go(func() { _, _ = s.Do(t.Context(), numbers(10, 1), 5, &job{n: 5}) })
		synctest.Wait()
		for range 3 { // each would fill the queue if it stayed
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			if _, err := s.Do(ctx, numbers(10, 2), 5, &job{n: 5}); !errors.Is(err, context.DeadlineExceeded) {
				t.Error(err)
			}
			cancel()
		}
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := s.Do(gone, numbers(10, 2), 5, &job{n: 5}); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		wg.Wait()
	})
}

// TestFullQueueTurnsAway says when to try again, and takes calls once there is
// room.
func TestFullQueueTurnsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEngine(2, 10, 1000)
		e.takes = time.Second
		s := schedule.New(e, schedule.Config{Slots: 2, Batch: 10, Queue: 3})
		defer s.Close()
		if _, err := s.Do(t.Context(), numbers(5, 1), 4, &job{n: 4}); err != nil { // one call takes 4 s
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for i := range 5 {
			wg.Go(func() {
				if _, err := s.Do(t.Context(), numbers(5, int32(i+2)), 4, &job{n: 4}); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		_, err := s.Do(t.Context(), numbers(5, 9), 4, &job{n: 4})
		// Four wait if the first had begun before the others came, else three.
		var le *llm.Error
		if !errors.As(err, &le) || le.Kind != llm.RateLimited || le.RetryAfter != 10*time.Second && le.RetryAfter != 8*time.Second {
			t.Errorf("got %#v; want rate-limited, to try again when those that wait and this one have had their 4 s in two slots", err)
		}
		wg.Wait()
		if _, err := s.Do(t.Context(), numbers(5, 9), 4, &job{n: 4}); err != nil {
			t.Errorf("when all have left: %v", err)
		}
	})
}

// TestBrokenPassEndsItsCalls, and those alone: the next ones start afresh.
func TestBrokenPassEndsItsCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEngine(2, 20, 100)
		e.takes = 10 * time.Millisecond
		s := schedule.New(e, schedule.Config{Slots: 2, Batch: 20, Queue: 10})
		if _, err := s.Do(t.Context(), numbers(50, 1), 2, &job{n: 2}); err != nil {
			t.Fatal(err)
		}
		e.broken = errors.New("broken")
		if _, err := s.Do(t.Context(), numbers(50, 1), 2, &job{n: 2}); err == nil || err.Error() != "broken" {
			t.Error(err)
		}
		j := &job{n: 2}
		cached, err := s.Do(t.Context(), numbers(50, 1), 2, j)
		if err != nil || cached != 0 || !slices.Equal(j.out, j.want(numbers(50, 1))) {
			t.Errorf("afterwards: %v, %d cached, %v", j.out, cached, err)
		}
		s.Close()
	})
}

// TestCloseEndsEverything that runs and waits.
func TestCloseEndsEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEngine(1, 20, 100)
		e.takes = 10 * time.Millisecond
		s := schedule.New(e, schedule.Config{Slots: 1, Batch: 20, Queue: 10})
		var wg sync.WaitGroup
		for i := range 3 {
			wg.Go(func() {
				if _, err := s.Do(t.Context(), numbers(50, int32(i)), 20, &job{n: 20}); !errors.Is(err, schedule.ErrClosed) {
					t.Errorf("got %v", err)
				}
			})
		}
		time.Sleep(15 * time.Millisecond)
		s.Close()
		s.Close()
		wg.Wait()
		if _, err := s.Do(t.Context(), numbers(5, 1), 1, &job{n: 1}); !errors.Is(err, schedule.ErrClosed) {
			t.Errorf("afterwards: %v", err)
		}
	})
}
