package store

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	bolt "go.etcd.io/bbolt"

	"skerry/appliance/llm"
	"skerry/appliance/mission"
)

// ErrCursor: a page cursor is not one that the list gave out.
var ErrCursor = errors.New("the page cursor is not one that this list gave out; start from the first page")

// Page sizes of lists.
const (
	defaultPage = 50
	maxPage     = 500
)

func pageSize(limit int) int {
	if limit <= 0 {
		return defaultPage
	}
	return min(limit, maxPage)
}

// Filter chooses runs; empty fields do not restrict.
type Filter struct {
	State   mission.State
	Mission string
	// Missions keeps all but the runs of these away; nil = all may be seen.
	Missions []string
	Class    llm.DataClass
	Verdict  string
	Model    llm.ModelID // that answered or failed in the run
	Text     string      // part of the run's id, subject or starter, in any case
	From     time.Time   // created at or after, to the millisecond
	To       time.Time   // created before
	Cursor   string      // where the page before ended; empty = first page
	Limit    int         // 0 = 50; at most 500
}

func (f *Filter) terms() []term {
	if f.Mission == "" && len(f.Missions) == 1 {
		f.Mission = f.Missions[0] // the index knows these
	}
	all := []term{
		{byState, string(f.State)}, {byMission, f.Mission}, {byClass, string(f.Class)},
		{byVerdict, f.Verdict}, {byModel, string(f.Model)},
	}
	return slices.DeleteFunc(all, func(t term) bool { return t.name == "" })
}

// Runs returns a page of runs, newest first, and the cursor of the next page,
// which is empty on the last. A run keeps its place for ever, so pages neither
// repeat nor skip runs that exist when the first page is read. The time of
// creation is taken from the run's id.
func (db *DB) Runs(ctx context.Context, f Filter) ([]mission.Summary, string, error) {
	from, to, err := f.bounds()
	if err != nil {
		return nil, "", fmt.Errorf("list runs: %w", err)
	}
	limit := pageSize(f.Limit)
	text := strings.ToLower(f.Text)
	var page []mission.Summary
	next := ""
	err = db.view(ctx, func(t *tx) error {
		walkers, err := t.walkers(&f)
		if err != nil || walkers == nil {
			return err
		}
		for n, at := 0, to; ; n++ {
			if n%4096 == 4095 && ctx.Err() != nil {
				return ctx.Err()
			}
			run, ok := meet(walkers, at)
			if !ok || bytes.Compare(run[:], from[:]) < 0 {
				return nil
			}
			held := true
			if text != "" {
				v, err := t.db.open(bucketText, run[:], walkers[len(walkers)-1].value)
				if err != nil {
					return err
				}
				held = bytes.Contains(v, []byte(text))
			}
			var r *row
			if held {
				if r, err = t.row(run); err != nil {
					return err
				}
				if r == nil {
					return fmt.Errorf("%w: run %s is indexed but has no row; rebuild the indexes", ErrDamaged, run.id())
				}
				held = f.Missions == nil || slices.Contains(f.Missions, r.Mission)
			}
			if held {
				if len(page) == limit {
					last, err := parseRun(page[limit-1].ID)
					if err != nil {
						return err
					}
					next = base64.RawURLEncoding.EncodeToString(last[:])
					return nil
				}
				page = append(page, r.Summary)
			}
			if at, ok = run.before(); !ok {
				return nil
			}
		}
	})
	if err != nil {
		return nil, "", fmt.Errorf("list runs: %w", err)
	}
	return page, next, nil
}

// bounds returns the least and the greatest run id that the filter lets in.
func (f *Filter) bounds() (from, to runKey, err error) {
	for i := range to {
		to[i] = 0xff
	}
	if !f.From.IsZero() {
		from = runFromTime(f.From)
	}
	if !f.To.IsZero() {
		before, ok := runFromTime(f.To).before()
		if !ok {
			return runKey{0xff}, runKey{}, nil
		}
		to = before
	}
	if f.Cursor != "" {
		b, err := base64.RawURLEncoding.DecodeString(f.Cursor)
		if err != nil || len(b) != runBytes {
			return from, to, ErrCursor
		}
		before, ok := runKey(b).before()
		if !ok {
			return runKey{0xff}, runKey{}, nil
		}
		if bytes.Compare(before[:], to[:]) < 0 {
			to = before
		}
	}
	return from, to, nil
}

// walker goes down the ids of runs that share a term.
type walker struct {
	cursor *bolt.Cursor
	prefix []byte
	key    []byte // where the cursor stands; nil = before its first step, or past the last
	value  []byte
	begun  bool
}

// walkers returns one walker per term, the rarest first, and last one over the
// search texts or, if there is neither term nor text, over all runs. It returns
// nil if some term has no run at all.
func (t *tx) walkers(f *Filter) ([]*walker, error) {
	type counted struct {
		term
		n uint64
	}
	var all []counted
	for _, m := range f.terms() {
		if checkName("", m.name) != nil {
			return nil, nil
		}
		n, err := t.counter(m.dimension, m.name)
		if err != nil || n == 0 {
			return nil, err
		}
		all = append(all, counted{m, n})
	}
	slices.SortStableFunc(all, func(a, b counted) int {
		switch {
		case a.n < b.n:
			return -1
		case a.n > b.n:
			return 1
		}
		return 0
	})
	walkers := make([]*walker, len(all))
	for i, m := range all {
		walkers[i] = &walker{cursor: t.bucket(bucketIndex).Cursor(), prefix: indexPrefix(m.dimension, m.name)}
	}
	switch {
	case f.Text != "":
		walkers = append(walkers, &walker{cursor: t.bucket(bucketText).Cursor()})
	case len(all) == 0:
		walkers = append(walkers, &walker{cursor: t.bucket(bucketRuns).Cursor()})
	}
	return walkers, nil
}

// nearby is how many single steps a walker tries before it seeks, which costs
// about as much.
const nearby = 8

// to moves down to the greatest run that is not above at.
func (w *walker) to(at runKey) (runKey, bool) {
	if !w.begun {
		w.begun = true
		w.seek(at)
	} else {
		for range nearby {
			if !w.above(at) {
				return w.run()
			}
			w.key, w.value = w.cursor.Prev()
		}
		if w.above(at) {
			w.seek(at)
		}
	}
	return w.run()
}

// above reports whether the walker stands on a run above at.
func (w *walker) above(at runKey) bool {
	return bytes.HasPrefix(w.key, w.prefix) && bytes.Compare(w.key[len(w.prefix):], at[:]) > 0
}

func (w *walker) seek(at runKey) {
	target := append(bytes.Clone(w.prefix), at[:]...)
	w.key, w.value = w.cursor.Seek(target)
	switch {
	case w.key == nil:
		w.key, w.value = w.cursor.Last()
	case !bytes.Equal(w.key, target):
		w.key, w.value = w.cursor.Prev()
	}
}

func (w *walker) run() (runKey, bool) {
	if len(w.key) != len(w.prefix)+runBytes || !bytes.HasPrefix(w.key, w.prefix) {
		return runKey{}, false
	}
	return runKey(w.key[len(w.prefix):]), true
}

// meet returns the greatest run not above at that all walkers have.
func meet(walkers []*walker, at runKey) (runKey, bool) {
	for agreed := 0; ; {
		for _, w := range walkers {
			run, ok := w.to(at)
			if !ok {
				return runKey{}, false
			}
			if run != at {
				at, agreed = run, 0
			}
			if agreed++; agreed >= len(walkers) {
				return at, true
			}
		}
	}
}

// Run returns the summary of one run, or an error wrapping
// [mission.ErrNotFound].
func (db *DB) Run(ctx context.Context, id mission.RunID) (mission.Summary, error) {
	key, err := parseRun(id)
	if err != nil {
		return mission.Summary{}, fmt.Errorf("%w: %w", mission.ErrNotFound, err)
	}
	var s mission.Summary
	err = db.view(ctx, func(t *tx) error {
		r, err := t.row(key)
		if err == nil && r == nil {
			err = mission.ErrNotFound
		}
		if err != nil {
			return err
		}
		s = r.Summary
		return nil
	})
	if err != nil {
		return mission.Summary{}, fmt.Errorf("run %s: %w", id, err)
	}
	return s, nil
}

// Counts says how many runs there are by each property, and how many decisions
// wait in each queue. Names without any are absent.
type Counts struct {
	Runs         int                   `json:"runs"`
	Observations int                   `json:"observations"`
	State        map[mission.State]int `json:"state"`
	Mission      map[string]int        `json:"mission"`
	Verdict      map[string]int        `json:"verdict"`
	Class        map[llm.DataClass]int `json:"class"`
	Model        map[llm.ModelID]int   `json:"model"`
	Queue        map[string]int        `json:"queue"` // open decisions
}

// Counts returns the counters. They are kept with every append, so this takes
// as long for a million runs as for ten.
func (db *DB) Counts(ctx context.Context) (Counts, error) {
	var c Counts
	err := db.view(ctx, func(t *tx) error {
		c = Counts{
			State: map[mission.State]int{}, Mission: map[string]int{}, Verdict: map[string]int{},
			Class: map[llm.DataClass]int{}, Model: map[llm.ModelID]int{}, Queue: map[string]int{},
		}
		cursor := t.bucket(bucketCounts).Cursor()
		for k, _ := cursor.First(); k != nil; k, _ = cursor.Next() {
			d, name := dimension(k[0]), string(k[1:])
			v, err := t.counter(d, name)
			if err != nil {
				return err
			}
			n := int(v)
			switch d {
			case byState:
				c.State[mission.State(name)] = n
			case byMission:
				c.Mission[name] = n
			case byVerdict:
				c.Verdict[name] = n
			case byClass:
				c.Class[llm.DataClass(name)] = n
			case byModel:
				c.Model[llm.ModelID(name)] = n
			case countQueue:
				c.Queue[name] = n
			case countTotal:
				if name == totalRuns {
					c.Runs = n
				} else {
					c.Observations = n
				}
			}
		}
		return nil
	})
	if err != nil {
		return Counts{}, fmt.Errorf("counts: %w", err)
	}
	return c, nil
}
