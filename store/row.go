package store

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"skerry/appliance/mission"
)

// row is the index row of a run: its summary, and what the store needs to keep
// the other indexes without reading the journal again.
type row struct {
	mission.Summary
	Initiator string   `json:"initiator,omitempty"` // id of who started the run
	Key       string   `json:"key,omitempty"`       // idempotency key
	Open      []string `json:"open,omitempty"`      // ids of open decisions, in order of appearance
	Rest      *rest    `json:"rest,omitempty"`      // a hint of the engine, which the journal does not hold; nil = none
}

// rest says that a run does nothing by itself until a time; zero = ever.
type rest struct {
	Until time.Time `json:"until,omitzero"`
}

func restOf(s *mission.Summary) *rest {
	if !s.Rests {
		return nil
	}
	return &rest{s.Wake}
}

// rowOf returns the index row of a folded run.
func rowOf(r *mission.Run) *row {
	n := &row{Summary: r.Summary(), Initiator: r.By.ID, Key: r.Key}
	var open []*mission.Decision
	for _, d := range r.Decisions {
		if d.Open() {
			open = append(open, d)
		}
	}
	slices.SortFunc(open, func(a, b *mission.Decision) int { return int(a.OpenSeq) - int(b.OpenSeq) })
	for _, d := range open {
		n.Open = append(n.Open, d.Decision)
	}
	return n
}

// term is one entry of a run in the index.
type term struct {
	dimension dimension
	name      string
}

// terms returns what the run is found by. An empty name is not indexed.
func terms(s *mission.Summary) []term {
	all := []term{
		{byState, string(s.State)}, {byMission, s.Mission}, {byClass, string(s.Class)}, {byVerdict, s.Verdict},
	}
	for _, m := range s.Models {
		all = append(all, term{byModel, string(m)})
	}
	return slices.DeleteFunc(all, func(t term) bool { return t.name == "" })
}

// checkSummary refuses a summary that the index could not hold, or with which a
// run would never be claimed or never end. last is the last observation.
func checkSummary(s mission.Summary, last mission.Kind) error {
	switch {
	case s.Mission == "":
		return errors.New("the summary names no mission")
	case !slices.Contains(mission.States(), s.State):
		return fmt.Errorf("the summary has the state %q, which there is not", s.State)
	case (s.State == mission.Ended) != (last == mission.KindVerdict) || (s.State == mission.Ended) != (s.Verdict != ""):
		return fmt.Errorf("the summary says %s with verdict %q after %s", s.State, s.Verdict, last)
	}
	for _, t := range terms(&s) {
		if err := checkName("name", t.name); err != nil {
			return err
		}
	}
	return nil
}

// searchText is what free text search looks at.
func searchText(s *mission.Summary) string {
	return strings.ToLower(string(s.ID) + "\n" + s.Subject + "\n" + s.By)
}

// row returns the index row of run, nil if there is none.
func (t *tx) row(run runKey) (*row, error) {
	r := &row{}
	if ok, err := t.getJSON(bucketRuns, run[:], r); !ok {
		return nil, err
	}
	return r, nil
}

// putRow writes the row of run and brings index, counters, text and key up to
// it. old is the row before, nil for a new run.
func (t *tx) putRow(run runKey, old, next *row) error {
	var before []term
	if old == nil {
		if err := t.count(countTotal, totalRuns, 1); err != nil {
			return err
		}
		if next.Key != "" {
			if err := t.put(bucketKeys, hashKey(next.Key), run[:]); err != nil {
				return err
			}
		}
	} else {
		before = terms(&old.Summary)
	}
	after := terms(&next.Summary)
	for _, b := range before {
		if slices.Contains(after, b) {
			continue
		}
		if err := t.delete(bucketIndex, indexKey(b.dimension, b.name, run)); err != nil {
			return err
		}
		if err := t.count(b.dimension, b.name, -1); err != nil {
			return err
		}
	}
	for i, a := range after {
		if slices.Contains(before, a) || slices.Contains(after[:i], a) {
			continue
		}
		t.dirty = true
		if err := t.bucket(bucketIndex).Put(indexKey(a.dimension, a.name, run), nil); err != nil {
			return err
		}
		if err := t.count(a.dimension, a.name, 1); err != nil {
			return err
		}
	}
	if text := searchText(&next.Summary); old == nil || text != searchText(&old.Summary) {
		if err := t.put(bucketText, run[:], []byte(text)); err != nil {
			return err
		}
	}
	return t.putJSON(bucketRuns, run[:], next)
}
