package gateway

import (
	"slices"
	"sync"
	"time"

	"skerry/appliance/llm"
)

// window is how many recent calls of a model its median latency rests on: few
// enough to follow a change within minutes, many enough to shrug off one
// outlier.
const window = 31

// latencies keeps the recent durations of calls by model.
type latencies struct {
	mu    sync.Mutex // guards calls
	calls map[llm.ModelID]*ring
}

type ring struct {
	micros [window]int64
	n      int // calls ever noted
}

func newLatencies() *latencies { return &latencies{calls: map[llm.ModelID]*ring{}} }

func (l *latencies) note(m llm.ModelID, d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.calls[m]
	if r == nil {
		r = &ring{}
		l.calls[m] = r
	}
	r.micros[r.n%window] = max(d.Microseconds(), 1)
	r.n++
}

// median returns the median of the recent calls in microseconds, the higher
// one of two; 0 = not measured.
func (l *latencies) median(m llm.ModelID) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.calls[m]
	if r == nil {
		return 0
	}
	s := slices.Clone(r.micros[:min(r.n, window)])
	slices.Sort(s)
	return s[len(s)/2]
}
