package engine_test

import (
	"context"
	"flag"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"filippo.io/age"

	"skerry/appliance/audit"
	"skerry/appliance/mission"
	"skerry/store"
)

// BenchmarkRuns drives routine invoices from start to verdict on an instant
// model, durable at every step.
func BenchmarkRuns(b *testing.B) {
	benchmarkRuns(b, newWorld(b, nil))
}

// BenchmarkAudit is the same without an audit log, and with one that every step
// is recorded in before anything comes of it.
func BenchmarkAudit(b *testing.B) {
	b.Run("off", func(b *testing.B) { benchmarkRuns(b, newWorld(b, nil)) })
	b.Run("on", func(b *testing.B) {
		log := auditLog(b) // is closed after the store
		w := newWorld(b, nil)
		if err := w.db.Close(); err != nil {
			b.Fatal(err)
		}
		w.audit = log
		w.open()
		benchmarkRuns(b, w)
	})
}

// auditLog makes a log that two auditors can read.
func auditLog(b *testing.B) *store.Audit {
	b.Helper()
	var recipients []string
	for range audit.MinRecipients {
		id, err := age.GenerateHybridIdentity()
		if err != nil {
			b.Fatal(err)
		}
		recipients = append(recipients, id.Recipient().String())
	}
	o := audit.Options{Dir: b.TempDir(), KeyDir: b.TempDir()}
	if _, err := audit.Enrol(o.Dir, o.KeyDir, recipients, time.Now()); err != nil {
		b.Fatal(err)
	}
	var l *audit.Log
	b.Cleanup(func() {
		if l != nil {
			if err := l.Close(); err != nil {
				b.Error(err)
			}
		}
	})
	return &store.Audit{Log: "bench", Open: func(epoch uint64) (_ store.Auditor, err error) {
		o.Epoch = epoch
		l, err = audit.Open(o)
		return l, err
	}}
}

func benchmarkRuns(b *testing.B, w *world) {
	w.config.Log = nil
	w.start()
	r := w.request(invoice{}.String())
	b.ResetTimer()
	var wg sync.WaitGroup
	work := make(chan struct{})
	for range 128 {
		wg.Go(func() {
			for range work {
				id, err := w.engine.Start(context.Background(), r)
				if err != nil {
					b.Error(err)
					continue
				}
				w.until(id, kind(mission.KindVerdict))
			}
		})
	}
	n := 0
	for b.Loop() {
		work <- struct{}{}
		n++
	}
	close(work)
	wg.Wait()
	b.StopTimer()
	counts, err := w.db.Counts(context.Background())
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "runs/s")
	b.ReportMetric(float64(counts.Observations)/b.Elapsed().Seconds(), "obs/s")
}

// open is the number of runs of BenchmarkRecovery.
var openRuns = flag.Int("open", 10_000, "open runs in BenchmarkRecovery")

// BenchmarkRecovery measures how long an engine takes until it has looked at
// every one of many open runs that wait for people, and what they cost in
// memory while they rest.
func BenchmarkRecovery(b *testing.B) {
	w := newWorld(b, nil)
	w.config.Log = nil
	w.config.MaxActive = 256
	w.start()
	r := w.request(invoice{net: "10000.00", tax: "1900.00", total: "11900.00"}.String())
	began := time.Now()
	var wg sync.WaitGroup
	work := make(chan int)
	for range 64 {
		wg.Go(func() {
			for range work {
				if _, err := w.engine.Start(context.Background(), r); err != nil {
					b.Error(err)
				}
			}
		})
	}
	for i := range *openRuns {
		work <- i
	}
	close(work)
	wg.Wait()
	w.settled(b, *openRuns)
	b.Logf("%d runs to their decision in %s", *openRuns, time.Since(began).Round(time.Millisecond))
	for b.Loop() {
		b.StopTimer()
		w.stop()
		runtime.GC()
		b.StartTimer()
		w.start()
		w.settled(b, *openRuns)
	}
	b.StopTimer()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	b.ReportMetric(float64(m.HeapAlloc)/(1<<20), "heap-MB")
	b.ReportMetric(rssMB(b), "rss-MB")
	b.ReportMetric(float64(runtime.NumGoroutine()), "goroutines")
}

// settled waits until n runs rest and nothing else goes on.
func (w *world) settled(b *testing.B, n int) {
	for until := time.Now().Add(5 * time.Minute); ; time.Sleep(time.Millisecond) {
		if s := w.engine.Stats(); s.Active == 0 && s.Queued == 0 && s.Resting == n {
			return
		} else if time.Now().After(until) {
			b.Fatalf("%+v", s)
		}
	}
}

// BenchmarkMemory reports what 10,000 runs leave behind in memory.
func BenchmarkMemory(b *testing.B) {
	w := newWorld(b, nil)
	w.config.Log = nil
	w.start()
	r := w.request(invoice{}.String())
	var wg sync.WaitGroup
	for b.Loop() {
		work := make(chan int)
		for range 64 {
			wg.Go(func() {
				for range work {
					id, err := w.engine.Start(context.Background(), r)
					if err != nil {
						b.Error(err)
						continue
					}
					w.until(id, kind(mission.KindVerdict))
				}
			})
		}
		for i := range 10_000 {
			work <- i
		}
		close(work)
		wg.Wait()
	}
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	b.ReportMetric(float64(m.HeapAlloc)/(1<<20), "heap-MB")
	b.ReportMetric(rssMB(b), "rss-MB")
	b.ReportMetric(10_000*float64(b.N)/b.Elapsed().Seconds(), "runs/s")
}

// rssMB returns the anonymous resident memory of the process: pages of the
// memory-mapped database are the kernel's to take back.
func rssMB(b *testing.B) float64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		b.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "RssAnon:"); ok {
			kb, err := strconv.Atoi(strings.Fields(rest)[0])
			if err != nil {
				b.Fatal(err)
			}
			return float64(kb) / 1024
		}
	}
	b.Fatal("no RssAnon")
	return 0
}
