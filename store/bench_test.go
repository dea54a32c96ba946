package store

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"filippo.io/age"
	bolt "go.etcd.io/bbolt"

	"skerry/appliance/audit"
	"skerry/appliance/llm"
	"skerry/appliance/mission"
	"skerry/store/storetest"
)

// BenchmarkAppend measures durable appends of one observation each, fsync on:
// one append is one step of a run, that of the intent or that of the result.
func BenchmarkAppend(b *testing.B) {
	for _, writers := range []int{1, 16, 256} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) { benchAppend(b, b.TempDir(), Options{}, writers) })
	}
}

// BenchmarkAudit is the same without an audit log and with one: what it costs
// that a step is answered when both journal and log have it.
func BenchmarkAudit(b *testing.B) {
	for _, writers := range []int{1, 16, 64, 256} {
		b.Run(fmt.Sprintf("off/writers=%d", writers), func(b *testing.B) { benchAppend(b, b.TempDir(), Options{}, writers) })
		b.Run(fmt.Sprintf("on/writers=%d", writers), func(b *testing.B) {
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
			benchAppend(b, b.TempDir(), Options{Audit: &Audit{Log: "bench", Open: func(epoch uint64) (_ Auditor, err error) {
				o.Epoch = epoch
				l, err = audit.Open(o)
				return l, err
			}}}, writers)
			if err := l.Close(); err != nil {
				b.Error(err)
			}
		})
	}
}

// BenchmarkAppendSealed is BenchmarkAppend with a vault, beside the same without,
// so that one run tells what sealing costs.
func BenchmarkAppendSealed(b *testing.B) {
	for _, writers := range []int{1, 16, 256} {
		b.Run(fmt.Sprintf("plain/writers=%d", writers), func(b *testing.B) { benchAppend(b, b.TempDir(), Options{}, writers) })
		b.Run(fmt.Sprintf("sealed/writers=%d", writers), func(b *testing.B) {
			dir := b.TempDir()
			v, _ := newVault(b, dir)
			benchAppend(b, dir, Options{Sealer: v}, writers)
		})
	}
}

func benchAppend(b *testing.B, dir string, o Options, writers int) {
	db, err := Open(dir, o)
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	var left atomic.Int64
	left.Store(int64(b.N))
	groups := db.groups.Load()
	b.ResetTimer()
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for n := uint64(w) << 32; ; n++ {
				r := storetest.New(n, storetest.Epoch.Add(time.Duration(n&0xffffffff)*time.Second), "invoice", "").Whole("internal", "starter", "approved")
				for i := range r.All {
					if left.Add(-1) < 0 {
						return
					}
					s := r.Fold.Summary()
					s.Seq = uint64(i + 1)
					if i+1 < len(r.All) {
						s.State, s.Verdict = mission.Running, ""
					}
					if err := db.Append(ctx, r.ID(), uint64(i), s, r.All[i]); err != nil {
						b.Error(err)
						return
					}
				}
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "appends/s")
	b.ReportMetric(float64(b.N)/float64(db.groups.Load()-groups), "appends/commit")
}

// BenchmarkAppendPeer does the least that can be called the same with bbolt
// alone: the observation and the summary of the run under their keys, one
// transaction each (Update), or bbolt's own grouping (Batch). No sequence is
// checked, no index, counter or decision is kept, nobody is told.
func BenchmarkAppendPeer(b *testing.B) {
	for _, peer := range []struct {
		name  string
		write func(*bolt.DB, func(*bolt.Tx) error) error
	}{{"bbolt.Update", (*bolt.DB).Update}, {"bbolt.Batch", (*bolt.DB).Batch}} {
		for _, writers := range []int{1, 16, 256} {
			b.Run(fmt.Sprintf("%s/writers=%d", peer.name, writers), func(b *testing.B) {
				db, err := bolt.Open(filepath.Join(b.TempDir(), "peer.db"), 0o600, nil)
				if err != nil {
					b.Fatal(err)
				}
				defer db.Close()
				r := storetest.New(1, storetest.Epoch, "invoice", "").Whole("internal", "starter", "approved")
				var left atomic.Int64
				left.Store(int64(b.N))
				b.ResetTimer()
				var wg sync.WaitGroup
				for w := range writers {
					wg.Go(func() {
						for n := uint64(w) << 32; left.Add(-1) >= 0; n++ {
							observation, err := json.Marshal(r.All[n%uint64(len(r.All))])
							if err != nil {
								b.Error(err)
								return
							}
							summary, err := json.Marshal(r.Fold.Summary())
							if err != nil {
								b.Error(err)
								return
							}
							run, seq := binary.BigEndian.AppendUint64(nil, n/10), binary.BigEndian.AppendUint64(nil, n)
							err = peer.write(db, func(tx *bolt.Tx) error {
								journal, err := tx.CreateBucketIfNotExists([]byte("journal"))
								if err != nil {
									return err
								}
								runs, err := tx.CreateBucketIfNotExists([]byte("runs"))
								if err != nil {
									return err
								}
								return errors.Join(journal.Put(seq, observation), runs.Put(run, summary))
							})
							if err != nil {
								b.Error(err)
								return
							}
						}
					})
				}
				wg.Wait()
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "appends/s")
			})
		}
	}
}

// fill appends whole runs of ten observations, many to a transaction.
func fill(t testing.TB, db *DB, runs int, make func(n int) *storetest.Run) {
	t.Helper()
	const batch = 1000
	for at := 0; at < runs; at += batch {
		var all []*journalAppend
		for n := at; n < min(at+batch, runs); n++ {
			run, expected, s, obs := make(n).Take()
			a, err := db.newAppend(run, expected, s, obs)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, a)
		}
		err := db.update(ctx, func(t *tx) error {
			for _, a := range all {
				if err := a.apply(t); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// typical is a run of a busy year: three missions, few rejections, one class in
// a hundred restricted, and every run ended but the last thousand.
func typical(runs int) func(n int) *storetest.Run {
	return func(n int) *storetest.Run {
		class, is, model := llm.DataClass("internal"), mission.Approved, llm.ModelID("starter")
		if n%100 == 7 {
			class = "restricted"
		}
		if n%25 == 3 {
			is = mission.Rejected
		}
		if n%10 == 1 {
			model = "strong"
		}
		r := storetest.New(uint64(n), storetest.Epoch.Add(time.Duration(n)*5*time.Minute), []string{"invoice", "claim", "letter"}[n%3], fmt.Sprintf("k%d", n))
		if n >= runs-1000 {
			return r.Classified(class).Queued("pay", fmt.Sprintf("d%d", n), "payments")
		}
		return r.Whole(class, model, is)
	}
}

// BenchmarkMillion fills a store with a million observations once and measures
// what people wait for.
func BenchmarkMillion(b *testing.B) {
	const runs = 100_000
	dir := b.TempDir()
	db, err := Open(dir, Options{NoSync: true})
	if err != nil {
		b.Fatal(err)
	}
	began := time.Now()
	fill(b, db, runs, typical(runs))
	b.Logf("filled in %v", time.Since(began))
	c, err := db.Counts(ctx)
	if err != nil {
		b.Fatal(err)
	}
	db.Close()
	info, err := os.Stat(dir + "/" + databaseName)
	if err != nil {
		b.Fatal(err)
	}
	b.Logf("%d runs, %d observations, %d bytes each on disk, indexes included", c.Runs, c.Observations, info.Size()/int64(c.Observations))
	if db, err = Open(dir, Options{}); err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	for _, l := range []struct {
		name string
		Filter
	}{
		{"first page", Filter{}},
		{"mission", Filter{Mission: "claim"}},
		{"waiting", Filter{State: mission.Waiting}},
		{"mission, verdict and model", Filter{Mission: "letter", Verdict: mission.Rejected, Model: "strong"}},
		{"two frequent properties that never meet", Filter{Mission: "claim", Class: "restricted", Verdict: mission.Rejected, Model: "strong"}},
		{"text that nothing holds", Filter{Text: "no such supplier"}},
		{"text and mission", Filter{Text: "invoice-00042", Mission: "invoice"}},
		{"a month a year ago", Filter{From: storetest.Epoch.AddDate(0, 1, 0), To: storetest.Epoch.AddDate(0, 2, 0), Verdict: mission.Rejected}},
	} {
		b.Run("list/"+l.name, func(b *testing.B) {
			n := 0
			for b.Loop() {
				page, _, err := db.Runs(ctx, l.Filter)
				if err != nil {
					b.Fatal(err)
				}
				n = len(page)
			}
			b.ReportMetric(float64(n), "rows")
		})
	}
	b.Run("counts", func(b *testing.B) {
		for b.Loop() {
			if _, err := db.Counts(ctx); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("decisions", func(b *testing.B) {
		for b.Loop() {
			if _, _, err := db.Decisions(ctx, DecisionFilter{}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("load a run", func(b *testing.B) {
		id := typical(runs)(5000).ID()
		for b.Loop() {
			if _, err := db.Load(ctx, id); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("check", func(b *testing.B) {
		for b.Loop() { // the documents of the runs are not there, which it finds
			if _, err := db.Check(ctx, CheckOptions{Quick: true}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("rebuild", func(b *testing.B) {
		for b.Loop() {
			if err := db.Rebuild(ctx); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("reopen", func(b *testing.B) {
		for b.Loop() {
			db.Close()
			if db, err = Open(dir, Options{}); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkRecover measures what a start after a crash needs for 10,000 open
// runs: open, claim, load and fold them all, two at a time.
func BenchmarkRecover(b *testing.B) {
	const runs = 10_000
	dir := b.TempDir()
	db, err := Open(dir, Options{NoSync: true})
	if err != nil {
		b.Fatal(err)
	}
	fill(b, db, runs, func(n int) *storetest.Run {
		r := storetest.New(uint64(n), storetest.Epoch.Add(time.Duration(n)*time.Second), "invoice", "")
		return r.Read("").Classified("internal").Routed("extract", "starter").Generated("extract", "starter", 0.9).Settled("extract").Queued("pay", fmt.Sprintf("d%d", n), "payments")
	})
	db.Close()
	for b.Loop() {
		db, err := Open(dir, Options{})
		if err != nil {
			b.Fatal(err)
		}
		ids, err := db.Claim(ctx)
		if err != nil || len(ids) != runs {
			b.Fatal(len(ids), err)
		}
		var wg sync.WaitGroup
		for w := range 2 {
			wg.Go(func() {
				for i := w; i < len(ids); i += 2 {
					obs, err := db.Load(ctx, ids[i])
					if err == nil {
						_, err = mission.Fold(obs)
					}
					if err != nil {
						b.Error(err)
						return
					}
				}
			})
		}
		wg.Wait()
		db.Close()
	}
}
