package audit

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// BenchmarkAppend is 64 writers that each wait for their record to be durable.
func BenchmarkAppend(b *testing.B) {
	s := newSite(b)
	l := s.open(b, Options{})
	const writers = 64
	var next atomic.Int64
	times := make([][]time.Duration, writers)
	b.ResetTimer()
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for next.Add(1) <= int64(b.N) {
				start := time.Now()
				if err := l.Append(context.Background(), Record{Action: "run.routed", Run: "01M8H5XF12Q3202V69CZM4NJ4Q", Class: "internal", Model: "starter"}); err != nil {
					b.Error(err)
					return
				}
				times[w] = append(times[w], time.Since(start))
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	s.close(b, l)
	all := slices.Concat(times...)
	slices.Sort(all)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
	b.ReportMetric(float64(all[len(all)*99/100].Microseconds())/1000, "p99-ms")
}

// BenchmarkVerifyDecrypt verifies a log and opens every record of it.
func BenchmarkVerifyDecrypt(b *testing.B) {
	const records = 100_000
	s := newSite(b)
	l := s.open(b, Options{})
	list := make([]Record, 1000)
	for i := range list {
		list[i] = Record{Action: "run.routed", Run: "01M8H5XF12Q3202V69CZM4NJ4Q", Class: "internal", Model: "starter"}
	}
	for range records / len(list) {
		if err := l.Append(context.Background(), list...); err != nil {
			b.Fatal(err)
		}
	}
	s.close(b, l)
	for b.Loop() {
		n := 0
		if r := s.verify(b, Check{Identities: s.identities[:1], Each: func(Entry) error { n++; return nil }}); !r.OK() || n < records {
			b.Fatal(r.Faults, n)
		}
	}
	b.ReportMetric(records*float64(b.N)/b.Elapsed().Seconds(), "records/s")
}
