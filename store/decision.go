package store

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"

	"skerry/appliance/mission"
)

func checkDecision(q *mission.QueuedData) error {
	if q.Decision == "" {
		return errors.New("a decision needs an id")
	}
	if err := checkName("decision id", q.Decision); err != nil {
		return err
	}
	return checkName("queue", q.Queue)
}

// decisionChange is a decision before and after an append. It says the same as
// the fold; the check compares the two.
type decisionChange struct {
	old  *mission.Decision // nil = new
	next mission.Decision
}

// decisionChanges works out what the observations do to decisions, and keeps
// next.Open.
func (t *tx) decisionChanges(old, next *row, obs []mission.Observation) ([]*decisionChange, error) {
	var changes []*decisionChange
	class := next.Class
	if old != nil {
		class = old.Class
	}
	// find returns the change of a decision that is open.
	find := func(id string) (*decisionChange, error) {
		for _, c := range changes {
			if c.next.Decision == id {
				return c, nil
			}
		}
		d := &mission.Decision{}
		ok, err := t.getJSON(bucketDecisions, []byte(id), d)
		switch {
		case err != nil:
			return nil, err
		case !ok:
			return nil, fmt.Errorf("%w: open decision %s is missing; rebuild the indexes", ErrDamaged, id)
		}
		c := &decisionChange{old: d, next: *d}
		changes = append(changes, c)
		return c, nil
	}
	for i := range obs {
		o := &obs[i]
		switch o.Kind {
		case mission.KindCreated:
			class = o.Created.Class
		case mission.KindClassified:
			class = o.Classified.Class
		case mission.KindQueued:
			taken, err := t.get(bucketDecisions, []byte(o.Queued.Decision))
			if err != nil {
				return nil, err
			}
			if taken != nil || slices.Contains(next.Open, o.Queued.Decision) {
				return nil, fmt.Errorf("decision %s exists", o.Queued.Decision)
			}
			changes = append(changes, &decisionChange{next: mission.Decision{
				QueuedData: *o.Queued, Run: next.ID, Mission: next.Mission, Step: o.Step, Class: class,
				Initiator: next.Initiator, OpenedAt: o.At, OpenSeq: o.Seq,
			}})
			next.Open = append(next.Open, o.Queued.Decision)
		case mission.KindDecided:
			at := slices.Index(next.Open, o.Decided.Decision)
			if at < 0 {
				return nil, fmt.Errorf("decision %s of run %s is not open: %w", o.Decided.Decision, next.ID, mission.ErrNotFound)
			}
			c, err := find(o.Decided.Decision)
			if err != nil {
				return nil, err
			}
			c.next.Settled, c.next.SettledAt, c.next.SettleSeq = o.Decided, o.At, o.Seq
			next.Open = slices.Delete(next.Open, at, at+1)
		case mission.KindVerdict:
			for _, id := range next.Open {
				c, err := find(id)
				if err != nil {
					return nil, err
				}
				// As [mission.Run.Apply]: a run that has ended asks nobody any more.
				c.next.Settled = &mission.DecidedData{Decision: id, Outcome: mission.Expire, Reason: "the run ended: " + o.Verdict.Reason, Digest: c.next.Digest}
				c.next.SettledAt, c.next.SettleSeq = o.At, o.Seq
			}
			next.Open = nil
		}
	}
	return changes, nil
}

func (t *tx) putDecision(c *decisionChange) error {
	d := &c.next
	index := t.bucket(bucketDecisionIndex)
	t.dirty = true
	wasOpen := c.old != nil && c.old.Open()
	if wasOpen && !d.Open() {
		if err := index.Delete(decisionKey(openDecisions, d.Queue, d.OpenedAt, d.Decision)); err != nil {
			return err
		}
		if err := t.count(countQueue, d.Queue, -1); err != nil {
			return err
		}
	}
	if !wasOpen && d.Open() {
		if err := index.Put(decisionKey(openDecisions, d.Queue, d.OpenedAt, d.Decision), nil); err != nil {
			return err
		}
		if err := t.count(countQueue, d.Queue, 1); err != nil {
			return err
		}
	}
	if !d.Open() {
		if err := index.Put(decisionKey(settledDecisions, d.Queue, d.SettledAt, d.Decision), nil); err != nil {
			return err
		}
	}
	return t.putJSON(bucketDecisions, []byte(d.Decision), d)
}

// Decision returns a decision by its id, or an error wrapping
// [mission.ErrNotFound].
func (db *DB) Decision(ctx context.Context, id string) (mission.Decision, error) {
	var d mission.Decision
	err := db.view(ctx, func(t *tx) error {
		ok, err := t.getJSON(bucketDecisions, []byte(id), &d)
		if err == nil && !ok {
			err = mission.ErrNotFound
		}
		return err
	})
	if err != nil {
		return mission.Decision{}, fmt.Errorf("decision %s: %w", id, err)
	}
	return d, nil
}

// DecisionFilter chooses decisions. The zero value is all that are open.
type DecisionFilter struct {
	Queues  []string // nil = all
	Settled bool     // settled ones, latest first, instead of open ones, longest waiting first
	Cursor  string   // where the page before ended; empty = first page
	Limit   int      // 0 = 50; at most 500
}

// Decisions returns a page of decisions and the cursor of the next one, which
// is empty on the last page.
func (db *DB) Decisions(ctx context.Context, f DecisionFilter) ([]mission.Decision, string, error) {
	after, err := base64.RawURLEncoding.DecodeString(f.Cursor)
	if err != nil || (len(after) > 0 && len(after) < 9) {
		return nil, "", fmt.Errorf("decisions: %w", ErrCursor)
	}
	limit := pageSize(f.Limit)
	var page []mission.Decision
	next := ""
	err = db.view(ctx, func(t *tx) error {
		list := openDecisions
		if f.Settled {
			list = settledDecisions
		}
		queues := slices.Compact(slices.Sorted(slices.Values(f.Queues)))
		if f.Queues == nil {
			queues = t.queues(list)
		}
		m := t.mergeDecisions(list, queues, after, f.Settled)
		var last []byte
		for {
			key := m.next()
			if key == nil {
				return nil
			}
			if len(page) == limit {
				next = base64.RawURLEncoding.EncodeToString(last)
				return nil
			}
			last = bytes.Clone(key)
			var d mission.Decision
			ok, err := t.getJSON(bucketDecisions, key[8:], &d)
			if err != nil {
				return err
			}
			if !ok {
				return fmt.Errorf("%w: decision %s is indexed but missing; rebuild the indexes", ErrDamaged, key[8:])
			}
			page = append(page, d)
		}
	})
	if err != nil {
		return nil, "", fmt.Errorf("decisions: %w", err)
	}
	return page, next, nil
}

// queues returns the queues that occur in a list, by skipping from one to the
// next.
func (t *tx) queues(list byte) []string {
	var all []string
	c := t.bucket(bucketDecisionIndex).Cursor()
	for k, _ := c.Seek([]byte{list}); len(k) > 0 && k[0] == list; {
		end := bytes.IndexByte(k, 0)
		if end < 1 {
			break
		}
		queue := string(k[1:end])
		all = append(all, queue)
		past := decisionPrefix(list, queue)
		past[len(past)-1] = 1
		k, _ = c.Seek(past)
	}
	return all
}
