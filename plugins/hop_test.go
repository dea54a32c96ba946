package plugins

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"skerry/appliance/llm"
)

// BenchmarkHop is what a streamed token with its probability costs on its way
// through the protocol, from a real child to the caller of Generate. “fast” is a
// child that emits without a pause, whose tokens join on the way: time per token.
// “slow” is one that computes half a millisecond for each, so that nearly every
// token travels alone: processor time of both processes per token.
func BenchmarkHop(b *testing.B) {
	const tokens = 2000
	for _, row := range []struct{ name, text string }{{"fast", "tokens"}, {"slow", "tokens-slowly"}} {
		b.Run(row.name, func(b *testing.B) {
			spec, _ := childSpec(b, "serve")
			c := started(b, spec)
			pid := c.State().PID
			spent := func() float64 { return ownMicros(b) + childMicros(b, pid) }
			before := spent()
			for b.Loop() {
				got := 0
				res, err := c.Generate(b.Context(), llm.Request{
					MaxTokens: tokens, Logprobs: true, Messages: []llm.Message{{Role: llm.User, Parts: []llm.Part{{Text: row.text}}}},
				}, func(d llm.Delta) error {
					got += len(d.Tokens)
					return nil
				})
				if err != nil || got != tokens || len(res.Tokens) != tokens {
					b.Fatalf("%d and %d tokens, %v", got, len(res.Tokens), err)
				}
			}
			all := float64(b.N) * tokens
			b.ReportMetric((spent()-before)/all, "processor-µs/token")
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/1000/all, "µs/token")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// ownMicros is the processor time of this process in microseconds.
func ownMicros(b *testing.B) float64 {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &t); err != nil {
		b.Fatal(err)
	}
	return float64(t.Nano()) / 1e3
}

// childMicros is the processor time of a process in microseconds, summed over
// its threads (first field of /proc/PID/task/TID/schedstat, in nanoseconds).
func childMicros(b *testing.B, pid int) float64 {
	tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		b.Fatal(err)
	}
	var sum float64
	for _, t := range tasks {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/schedstat", pid, t.Name()))
		if err != nil {
			b.Fatal(err)
		}
		ns, err := strconv.ParseFloat(strings.Fields(string(text))[0], 64)
		if err != nil {
			b.Fatal(err)
		}
		sum += ns
	}
	return sum / 1e3
}
