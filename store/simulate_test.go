package store

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"skerry/appliance/llm"
	"skerry/appliance/mission"
	"skerry/store/storetest"
)

// TestStoreDoesWhatAnInMemoryModelDoes runs random operations on a store and on
// plain maps, with reopening, rebuilding and backups in between. Everything
// that can be asked must be answered alike, and the check must find nothing.
func TestStoreDoesWhatAnInMemoryModelDoes(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m := &model{t: t, dir: t.TempDir(), now: storetest.Epoch}
		m.open(rt)
		defer func() { m.db.Close() }()
		rt.Repeat(map[string]func(*rapid.T){
			"create":   m.create,
			"advance":  m.advance,
			"conflict": m.conflict,
			"reopen":   func(rt *rapid.T) { m.db.Close(); m.open(rt) },
			"rebuild": func(rt *rapid.T) {
				if err := m.db.Rebuild(ctx); err != nil {
					rt.Fatal(err)
				}
			},
			"restore": m.restore,
			"":        m.compare,
		})
		r, err := m.db.Check(ctx, CheckOptions{})
		if err != nil || !r.OK() {
			rt.Fatalf("check: %v, %+v", err, r.Findings)
		}
	})
}

// model is the store as it should be.
type model struct {
	t    *testing.T
	dir  string
	db   *DB
	now  time.Time
	n    uint64
	runs []*storetest.Run // oldest first
}

func (m *model) open(rt *rapid.T) {
	db, err := Open(m.dir, Options{NoSync: true, Now: func() time.Time { return m.now }})
	if err != nil {
		rt.Fatal(err)
	}
	m.db = db
}

func (m *model) append(rt *rapid.T, r *storetest.Run) {
	if err := tryAppend(m.db, r); err != nil {
		rt.Fatal(err)
	}
}

func (m *model) create(rt *rapid.T) {
	m.n++
	m.now = m.now.Add(time.Duration(rapid.IntRange(0, 2).Draw(rt, "hours")) * time.Hour)
	key := ""
	if rapid.Bool().Draw(rt, "keyed") {
		key = fmt.Sprint("key ", m.n)
	}
	r := storetest.New(m.n, m.now, rapid.SampledFrom([]string{"invoice", "claim"}).Draw(rt, "mission"), key)
	m.runs = append(m.runs, r)
	m.append(rt, r)
}

// pick returns a run, nil if there is none.
func (m *model) pick(rt *rapid.T) *storetest.Run {
	if len(m.runs) == 0 {
		return nil
	}
	return m.runs[rapid.IntRange(0, len(m.runs)-1).Draw(rt, "run")]
}

// advance takes a run one or two observations further.
func (m *model) advance(rt *rapid.T) {
	r := m.pick(rt)
	if r == nil || r.Fold.Verdict != nil {
		return
	}
	for range rapid.IntRange(1, 2).Draw(rt, "observations") {
		if r.Fold.Verdict != nil {
			break
		}
		m.step(rt, r)
	}
	m.append(rt, r)
}

func (m *model) step(rt *rapid.T, r *storetest.Run) {
	model := rapid.SampledFrom([]llm.ModelID{"starter", "strong"}).Draw(rt, "model")
	s := r.Fold.Steps["extract"]
	var open []string
	for id, d := range r.Fold.Decisions {
		if d.Open() {
			open = append(open, id)
		}
	}
	slices.Sort(open)
	switch rapid.IntRange(0, 6).Draw(rt, "kind") {
	case 0:
		r.Classified(rapid.SampledFrom([]llm.DataClass{"internal", "restricted"}).Draw(rt, "class"))
	case 1, 2:
		if s == nil || s.Routed == nil {
			r.Routed("extract", model)
		} else {
			r.Generated("extract", model, 0.5)
		}
	case 3:
		r.Parked("extract")
	case 4:
		step := fmt.Sprint("pay", r.Fold.Seq)
		r.Queued(step, string(r.ID())+"/"+step, rapid.SampledFrom([]string{"payments", "claims", "pay"}).Draw(rt, "queue"))
	case 5:
		if len(open) > 0 {
			r.Decided(rapid.SampledFrom(open).Draw(rt, "decision"), mission.Approve)
		} else {
			r.Read("")
		}
	case 6:
		r.Verdict(rapid.SampledFrom([]string{"approved", "rejected"}).Draw(rt, "verdict"))
	}
}

// conflict appends what was decided about an older state.
func (m *model) conflict(rt *rapid.T) {
	r := m.pick(rt)
	if r == nil {
		return
	}
	at := rapid.IntRange(0, len(r.All)-1).Draw(rt, "at")
	fold, err := mission.Fold(r.All[:at+1])
	if err != nil {
		rt.Fatal(err)
	}
	if err := m.db.Append(ctx, r.ID(), uint64(at), fold.Summary(), r.All[at]); !errors.Is(err, mission.ErrConflict) {
		rt.Fatalf("append at %d of %d: got %v, want a conflict", at, r.Fold.Seq, err)
	}
}

// restore replaces the store by what a backup of it restores to.
func (m *model) restore(rt *rapid.T) {
	if rapid.IntRange(0, 7).Draw(rt, "dice") > 0 {
		return // it costs as much as everything else together
	}
	var b bytes.Buffer
	if _, err := m.db.Backup(ctx, &b, nil); err != nil {
		rt.Fatal(err)
	}
	dir := m.t.TempDir()
	if _, err := Restore(ctx, &b, dir, Options{}, nil); err != nil {
		rt.Fatal(err)
	}
	m.db.Close()
	m.dir = dir
	m.open(rt)
}

// compare asks both sides the same questions.
func (m *model) compare(rt *rapid.T) {
	f := Filter{
		State:   rapid.SampledFrom(append(mission.States(), "", "")).Draw(rt, "state"),
		Mission: rapid.SampledFrom([]string{"", "", "invoice", "none"}).Draw(rt, "of mission"),
		Class:   rapid.SampledFrom([]llm.DataClass{"", "", "restricted"}).Draw(rt, "of class"),
		Verdict: rapid.SampledFrom([]string{"", "", "approved"}).Draw(rt, "of verdict"),
		Model:   rapid.SampledFrom([]llm.ModelID{"", "", "strong"}).Draw(rt, "of model"),
		Text:    rapid.SampledFrom([]string{"", "", "INVOICE-00001", "ada", "nothing"}).Draw(rt, "text"),
		Limit:   rapid.IntRange(1, 3).Draw(rt, "limit"),
	}
	if rapid.Bool().Draw(rt, "since") {
		f.From = storetest.Epoch.Add(2 * time.Hour)
	}
	if rapid.Bool().Draw(rt, "until") {
		f.To = storetest.Epoch.Add(4 * time.Hour)
	}
	var want []string
	counts := Counts{State: map[mission.State]int{}}
	for _, r := range slices.Backward(m.runs) {
		s := r.Fold.Summary()
		counts.State[s.State]++
		created := r.All[0].At.Add(-time.Millisecond)
		if (f.State == "" || f.State == s.State) && (f.Mission == "" || f.Mission == s.Mission) &&
			(f.Class == "" || f.Class == s.Class) && (f.Verdict == "" || f.Verdict == s.Verdict) &&
			(f.Model == "" || slices.Contains(s.Models, f.Model)) &&
			(f.Text == "" || strings.Contains(searchText(&s), strings.ToLower(f.Text))) &&
			!created.Before(f.From) && (f.To.IsZero() || created.Before(f.To)) {
			want = append(want, asJSON(m.t, s))
		}
	}
	var got []string
	filter := f
	for {
		page, next, err := m.db.Runs(ctx, filter)
		if err != nil {
			rt.Fatal(err)
		}
		if len(page) > f.Limit || next != "" && len(page) < f.Limit {
			rt.Fatalf("a page of %d runs, limit %d, next %q", len(page), f.Limit, next)
		}
		for _, s := range page {
			got = append(got, asJSON(m.t, s))
		}
		if filter.Cursor = next; next == "" {
			break
		}
	}
	if !slices.Equal(got, want) {
		rt.Fatalf("runs of %+v:\n%v\nwant\n%v", f, got, want)
	}
	m.compareDecisions(rt)
	c, err := m.db.Counts(ctx)
	if err != nil || c.Runs != len(m.runs) {
		rt.Fatalf("counts %+v, %v; want %d runs", c, err, len(m.runs))
	}
	for _, s := range mission.States() {
		if c.State[s] != counts.State[s] {
			rt.Fatalf("%d runs are %s, want %d", c.State[s], s, counts.State[s])
		}
	}
	open, err := m.db.Claim(ctx)
	if want := len(m.runs) - counts.State[mission.Ended]; err != nil || len(open) != want {
		rt.Fatalf("claimed %v, %v; want %d", open, err, want)
	}
	if r := m.pick(rt); r != nil {
		obs, err := m.db.Load(ctx, r.ID())
		if err != nil || asJSON(m.t, obs) != asJSON(m.t, r.All) {
			rt.Fatalf("loaded %v, %v; want %v", asJSON(m.t, obs), err, asJSON(m.t, r.All))
		}
	}
}

func (m *model) compareDecisions(rt *rapid.T) {
	f := DecisionFilter{
		Queues:  rapid.SampledFrom([][]string{nil, {}, {"pay"}, {"payments", "claims", "payments"}}).Draw(rt, "queues"),
		Settled: rapid.Bool().Draw(rt, "settled"),
		Limit:   rapid.IntRange(1, 3).Draw(rt, "decision limit"),
	}
	var all []*mission.Decision
	for _, r := range m.runs {
		for _, d := range r.Fold.Decisions {
			if d.Open() != f.Settled && (f.Queues == nil || slices.Contains(f.Queues, d.Queue)) {
				all = append(all, d)
			}
		}
	}
	slices.SortFunc(all, func(a, b *mission.Decision) int {
		if f.Settled {
			if c := b.SettledAt.Compare(a.SettledAt); c != 0 {
				return c
			}
			return strings.Compare(b.Decision, a.Decision)
		}
		if c := a.OpenedAt.Compare(b.OpenedAt); c != 0 {
			return c
		}
		return strings.Compare(a.Decision, b.Decision)
	})
	var got []mission.Decision
	filter := f
	for {
		page, next, err := m.db.Decisions(ctx, filter)
		if err != nil {
			rt.Fatal(err)
		}
		got = append(got, page...)
		if filter.Cursor = next; next == "" {
			break
		}
	}
	if len(got) != len(all) {
		rt.Fatalf("%+v: %d decisions, want %d", f, len(got), len(all))
	}
	for i := range got {
		if g, w := asJSON(m.t, got[i]), asJSON(m.t, all[i]); g != w {
			rt.Fatalf("%+v: decision %d\n%s\nwant\n%s", f, i, g, w)
		}
	}
}
