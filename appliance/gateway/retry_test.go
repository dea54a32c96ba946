package gateway

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"skerry/appliance/llm"
	"skerry/appliance/policy"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func TestAfter(t *testing.T) {
	for _, row := range []struct {
		name string
		f    Failure
		next string
		wait time.Duration
	}{
		{"a crashed provider is asked again", Failure{Kind: llm.Unavailable, Failures: 1, Others: 1}, Retry, 250 * time.Millisecond},
		{"and once more, later", Failure{Kind: llm.Unavailable, Failures: 2, Others: 1}, Retry, 500 * time.Millisecond},
		{"the third time another model is asked", Failure{Kind: llm.Unavailable, Failures: 3, Others: 1}, Failover, 0},
		{"without another model it is asked for longer", Failure{Kind: llm.Unavailable, Failures: 7, Last: true}, Retry, 16 * time.Second},
		{"but not for ever: the step goes one grade up", Failure{Kind: llm.Unavailable, Failures: 8}, Escalate, 0},
		{"or is given up where there is no higher grade", Failure{Kind: llm.Unavailable, Failures: 8, Last: true}, GiveUp, 0},
		{"a rate limit is waited out", Failure{Kind: llm.RateLimited, RetryAfter: 7 * time.Second, Failures: 1, Others: 2}, Retry, 7 * time.Second},
		{"a long one only without an alternative", Failure{Kind: llm.RateLimited, RetryAfter: time.Minute, Failures: 1, Others: 1}, Failover, 0},
		{"which may take a minute", Failure{Kind: llm.RateLimited, RetryAfter: time.Minute, Failures: 1}, Retry, time.Minute},
		{"a provider cannot make a run wait for a day", Failure{Kind: llm.RateLimited, RetryAfter: 24 * time.Hour, Failures: 1}, Retry, 10 * time.Minute},
		{"a timeout goes elsewhere", Failure{Kind: llm.Timeout, Failures: 1, Others: 1}, Failover, 0},
		{"a timeout without elsewhere is tried once more", Failure{Kind: llm.Timeout, Failures: 1}, Retry, 250 * time.Millisecond},
		{"and then goes one grade up", Failure{Kind: llm.Timeout, Failures: 2}, Escalate, 0},
		{"a bad credential does not heal by asking again", Failure{Kind: llm.Unauthorised, Failures: 1, Others: 1}, Failover, 0},
		{"a refused content goes one grade up", Failure{Kind: llm.Filtered, Failures: 1}, Escalate, 0},
		{"a prompt that is too long for all is given up", Failure{Kind: llm.ContextOverflow, Failures: 1, Last: true}, GiveUp, 0},
		{"an invalid request is not repeated", Failure{Kind: llm.Invalid, Failures: 1, Last: true}, GiveUp, 0},
	} {
		row.f.Now = noon
		next, at := After(row.f)
		want := time.Time{}
		if row.next == Retry {
			want = noon.Add(row.wait)
		}
		if next != row.next || !at.Equal(want) {
			t.Errorf("%s: After(%+v) = %s at %v, want %s at %v", row.name, row.f, next, at, row.next, want)
		}
	}
}

// TestAfterEnds: whatever fails in whatever way, a step at one grade comes to
// an end, only a retry waits, and no wait is in the past or longer than ten
// minutes.
func TestAfterEnds(t *testing.T) {
	kinds := []llm.ErrorKind{llm.RateLimited, llm.Unavailable, llm.Invalid, llm.Unauthorised, llm.Filtered, llm.ContextOverflow, llm.Timeout, llm.Cancelled, "new"}
	rapid.Check(t, func(t *rapid.T) {
		others := rapid.IntRange(0, 5).Draw(t, "others")
		last := rapid.Bool().Draw(t, "last")
		for n := 1; ; n++ {
			f := Failure{
				Kind: rapid.SampledFrom(kinds).Draw(t, "kind"), Failures: n, Others: others, Last: last, Now: noon,
				RetryAfter: time.Duration(rapid.Int64().Draw(t, "after")), Jitter: rapid.Float64Range(-1, 2).Draw(t, "jitter"),
			}
			next, at := After(f)
			switch next {
			case Retry:
				if at.Before(noon) || at.After(noon.Add(10*time.Minute)) {
					t.Fatalf("After(%+v) waits until %v", f, at)
				}
			case Failover:
				if others == 0 {
					t.Fatalf("After(%+v) fails over to nothing", f)
				}
				others--
			case Escalate, GiveUp:
				if (next == GiveUp) != last {
					t.Fatalf("After(%+v) = %s", f, next)
				}
				return
			default:
				t.Fatalf("After(%+v) = %q", f, next)
			}
			if next != Retry && !at.IsZero() {
				t.Fatalf("After(%+v) = %s at %v", f, next, at)
			}
			if n > maxFailures {
				t.Fatalf("still %s after %d failures", next, n)
			}
		}
	})
}

func TestOthersCountsWhatCouldHaveBeenChosen(t *testing.T) {
	r := policy.Route{Model: "a", Rejected: []policy.Rejection{
		{Model: "b", Reason: policy.NotPreferred}, {Model: "c", Reason: policy.Down}, {Model: "d", Reason: policy.AlreadyTried}, {Model: "e", Reason: policy.NotPreferred},
	}}
	if got := Others(r); got != 2 {
		t.Errorf("Others = %d, want 2", got)
	}
}

func TestLatencyIsTheMedianOfRecentCalls(t *testing.T) {
	l := newLatencies()
	if got := l.median("m"); got != 0 {
		t.Errorf("never measured: %d, want 0", got)
	}
	for _, ms := range []time.Duration{10, 900, 20} {
		l.note("m", ms*time.Millisecond)
	}
	if got := l.median("m"); got != 20_000 {
		t.Errorf("median of 10, 900 and 20 ms is %d µs, want 20000", got)
	}
	for range window {
		l.note("m", time.Millisecond)
	}
	if got := l.median("m"); got != 1000 {
		t.Errorf("after %d calls of 1 ms: %d µs, want 1000", window, got)
	}
	l.note("fast", 0)
	if got := l.median("fast"); got != 1 {
		t.Errorf("a call too fast to measure: %d µs, want 1, since 0 means not measured", got)
	}
}
