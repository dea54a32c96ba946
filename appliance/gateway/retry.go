package gateway

import (
	"time"

	"skerry/appliance/llm"
	"skerry/appliance/policy"
)

// What comes after a failed call: the values of mission.FailedData.Next.
const (
	Retry    = "retry"    // the same step again, at RetryAt
	Failover = "failover" // at once, on another model of the pool
	Escalate = "escalate" // the step goes one grade up
	GiveUp   = "give-up"  // nothing is left to try; people take over
)

const (
	// maxFailures bounds the failures of a step at one grade, whatever their
	// kind, so that no combination of retries and failovers goes on for ever.
	maxFailures = 8

	// A child process that crashed is back within a second or two, so the
	// second attempt on the same model is worth while; a third is not while
	// others stand ready.
	quickRetries = 2

	firstBackoff = 500 * time.Millisecond
	maxBackoff   = time.Minute

	// longWait is the longest RetryAfter that a run sits out while another
	// model could answer.
	longWait = 30 * time.Second
)

// Failure is what is known about a call that failed, for [After].
type Failure struct {
	Kind       llm.ErrorKind
	RetryAfter time.Duration // stated by the provider; 0 = not
	Failures   int           // of this step at this grade, this one included
	Others     int           // other models that could have been chosen and have not failed yet
	Last       bool          // there is no higher grade
	Now        time.Time
	Jitter     float64 // in [0, 1); spreads retries so that they do not come in waves
}

// Others counts the models that the route left as alternatives to its choice.
func Others(r policy.Route) int {
	n := 0
	for _, j := range r.Rejected {
		if j.Reason == policy.NotPreferred {
			n++
		}
	}
	return n
}

// After returns what comes next, and for [Retry] when. It is a pure function.
//
//   - rate-limited: wait as told and ask again; a long wait goes elsewhere
//   - unavailable: ask again twice, then elsewhere; with nowhere to go, keep trying
//   - timeout: elsewhere; with nowhere to go, once more
//   - invalid, unauthorised, filtered, context-overflow: the same model would say the
//     same, so elsewhere at once
//
// When the pool is exhausted the step escalates, and at the last grade it is
// given up, which refers the run to people.
func After(f Failure) (next string, retryAt time.Time) {
	up := Escalate
	if f.Last {
		up = GiveUp
	}
	elsewhere := up
	if f.Others > 0 {
		elsewhere = Failover
	}
	again := func() (string, time.Time) {
		return Retry, f.Now.Add(max(backoff(f.Failures, f.Jitter), min(f.RetryAfter, 10*time.Minute)))
	}
	if f.Failures >= maxFailures {
		return up, time.Time{}
	}
	switch f.Kind {
	case llm.RateLimited:
		if f.Others > 0 && (f.RetryAfter > longWait || f.Failures > quickRetries) {
			return Failover, time.Time{}
		}
		return again()
	case llm.Unavailable, llm.Cancelled:
		if f.Others > 0 && f.Failures > quickRetries {
			return Failover, time.Time{}
		}
		return again()
	case llm.Timeout:
		if f.Others == 0 && f.Failures < quickRetries {
			return again()
		}
		return elsewhere, time.Time{}
	}
	return elsewhere, time.Time{}
}

// backoff doubles from failure to failure; half of it is left to chance.
func backoff(failures int, jitter float64) time.Duration {
	d := maxBackoff
	if n := max(failures, 1) - 1; n < 10 {
		d = min(firstBackoff<<n, maxBackoff)
	}
	return d/2 + time.Duration(min(max(jitter, 0), 1)*float64(d/2))
}
