package store

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	bolt "go.etcd.io/bbolt"

	"skerry/appliance/audit"
	"skerry/appliance/mission"
)

// Auditor makes a record of what was committed. [audit.Log] is one.
type Auditor interface {
	// Submit calls done, once, when the records are durable or when they will
	// never be. Records of calls that come one after the other keep that order.
	Submit(done func(error), records ...audit.Record)
}

// The transaction comes first, then its records, and nobody learns of it before
// both are durable: callers of a write are answered then, watchers are woken
// then, and a read that has seen the transaction waits for them too. What is to
// be recorded lies in the transaction itself, in the outbox, until a later one
// removes it: whatever a crash leaves there is recorded anew at the next start,
// marked as recovered.

// bucketOutbox holds what a transaction has to record, by its number; JSON. It
// is there only where there is an audit log, and it is neither primary nor
// derived: it belongs to the log beside this database.
const bucketOutbox bucket = "outbox"

// outgoing is a value of the outbox. Of observations only the place is kept:
// the journal has the rest.
type outgoing struct {
	Appends []outgoingAppend `json:"appends,omitempty"`
	Records []audit.Record   `json:"records,omitempty"`
}

type outgoingAppend struct {
	Run  mission.RunID `json:"run"`
	From uint64        `json:"from"`
	To   uint64        `json:"to"`
}

// record notes what the write has to say in the audit log.
func (t *tx) record(r ...audit.Record) {
	if t.db.auditor != nil {
		t.records = append(t.records, r...)
	}
}

// outbox gathers what a group of writes has to record.
type outbox struct {
	kept    outgoing
	records []audit.Record
}

func (o *outbox) add(t *tx) {
	o.records = append(o.records, t.records...)
	if t.appended.Run != "" {
		o.kept.Appends = append(o.kept.Appends, t.appended)
	} else {
		o.kept.Records = append(o.kept.Records, t.records...)
	}
}

// put writes the outbox into the transaction, and takes out what is recorded.
func (o *outbox) put(t *tx) error {
	if len(o.records) == 0 {
		return nil
	}
	c := t.bucket(bucketOutbox).Cursor()
	done := t.db.barrier.done()
	for k, _ := c.First(); k != nil && binary.BigEndian.Uint64(k) <= done; k, _ = c.Next() {
		if err := c.Delete(); err != nil {
			return err
		}
	}
	return t.putJSON(bucketOutbox, outboxKey(t.ID()), o.kept)
}

func outboxKey(id int) []byte { return binary.BigEndian.AppendUint64(nil, uint64(id)) }

// barrier knows which transactions wait for their records.
type barrier struct {
	mu      sync.Mutex
	waiting []uint64      // in order; guarded by mu
	last    uint64        // the latest that is recorded; guarded by mu
	changed chan struct{} // closed when one is recorded; guarded by mu
}

// begin comes before the commit, so that no reader can be faster.
func (b *barrier) begin(id int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.waiting = append(b.waiting, uint64(id))
}

// end takes a transaction away: it is recorded, or it was not committed.
func (b *barrier) end(id int, recorded bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.waiting = slices.DeleteFunc(b.waiting, func(w uint64) bool { return w == uint64(id) })
	if recorded {
		b.last = max(b.last, uint64(id))
	}
	if b.changed != nil {
		close(b.changed)
		b.changed = nil
	}
}

func (b *barrier) done() uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.last
}

// wait returns nil at once if everything up to the transaction is recorded,
// else a channel to wait for before asking again.
func (b *barrier) wait(id int) <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.waiting) == 0 || b.waiting[0] > uint64(id) {
		return nil
	}
	if b.changed == nil {
		b.changed = make(chan struct{})
	}
	return b.changed
}

// openOutbox prepares the outbox and records what a crash has left there.
func (db *DB) openOutbox() error {
	if db.auditor == nil {
		return nil
	}
	var left []audit.Record
	err := db.bolt.Update(func(b *bolt.Tx) error {
		if _, err := b.CreateBucketIfNotExists([]byte(bucketOutbox)); err != nil {
			return err
		}
		t := &tx{Tx: b, db: db}
		return t.bucket(bucketOutbox).ForEach(func(k, _ []byte) error {
			var o outgoing
			if _, err := t.getJSON(bucketOutbox, bytes.Clone(k), &o); err != nil {
				return err
			}
			left = append(left, o.Records...)
			for _, a := range o.Appends {
				records, err := t.recordsOf(a)
				if err != nil {
					return err
				}
				left = append(left, records...)
			}
			return nil
		})
	})
	if err != nil {
		return fmt.Errorf("what a crash has left to record: %w", err)
	}
	if len(left) > 0 {
		for i := range left {
			left[i].Recovered = true
		}
		done := make(chan error, 1)
		db.auditor.Submit(func(err error) { done <- err }, left...)
		if err := <-done; err != nil {
			return fmt.Errorf("record what a crash has left: %w", err)
		}
	}
	return db.emptyOutbox()
}

// emptyOutbox is called when everything in it is recorded and nobody writes.
func (db *DB) emptyOutbox() error {
	return db.bolt.Update(func(b *bolt.Tx) error {
		if b.Bucket([]byte(bucketOutbox)) == nil {
			return nil
		}
		if err := b.DeleteBucket([]byte(bucketOutbox)); err != nil {
			return err
		}
		_, err := b.CreateBucket([]byte(bucketOutbox))
		return err
	})
}

// settle waits at the end for what is still being recorded.
func (db *DB) settle() error {
	if db.auditor == nil {
		return nil
	}
	for {
		changed := db.barrier.wait(int(^uint(0) >> 1))
		if changed == nil {
			break
		}
		<-changed
	}
	if db.poisoned() != nil {
		return nil // the outbox is what the next start goes by
	}
	return db.emptyOutbox()
}

// recordsOf makes the records of observations that are in the journal.
func (t *tx) recordsOf(a outgoingAppend) ([]audit.Record, error) {
	key, err := parseRun(a.Run)
	if err != nil {
		return nil, err
	}
	row, err := t.row(key)
	if err != nil {
		return nil, err
	}
	if row == nil {
		return nil, fmt.Errorf("%w: run %s, which is to be recorded, is missing", ErrDamaged, a.Run)
	}
	obs, err := t.observations(key, a.From-1, int(a.To-a.From+1))
	if err != nil {
		return nil, err
	}
	var list []audit.Record
	for i := range obs {
		text, err := encodeJSON(&obs[i])
		if err != nil {
			return nil, err
		}
		list = append(list, recordOf(&row.Summary, &obs[i], text))
	}
	return list, nil
}

// RecordOf returns what the audit log says of an observation, so that a journal
// can be compared with a log.
func RecordOf(s *mission.Summary, o *mission.Observation) (audit.Record, error) {
	text, err := encodeJSON(o)
	if err != nil {
		return audit.Record{}, err
	}
	return recordOf(s, o, text), nil
}

// recordOf says what the log holds of an observation: everything that tells
// what was sent where and who decided, and the digest of the whole, by which the
// journal can be proven against the log. text is the observation as stored.
func recordOf(s *mission.Summary, o *mission.Observation, text []byte) audit.Record {
	r := audit.Record{
		At: o.At, Action: "run." + string(o.Kind), Run: string(s.ID), Seq: o.Seq, Step: o.Step,
		Mission: s.Mission, Version: s.Version, Class: string(s.Class), Digest: digest(text),
	}
	switch {
	case o.Created != nil:
		r.Actor, r.ActorName, r.Policy = o.Created.By.ID, o.Created.By.Name, o.Created.PolicyVersion
		for _, name := range slices.Sorted(maps.Keys(o.Created.Input)) {
			if d := o.Created.Input[name].Document; d != nil {
				r.Documents = append(r.Documents, d.SHA256)
			}
		}
	case o.Classified != nil:
		r.Class = string(o.Classified.Class)
	case o.Routed != nil:
		d := o.Routed
		r.Class, r.Lock, r.Boundary, r.Sent = string(d.Class), d.Lock, string(d.Boundary), d.Prompt
		r.Model, r.Rule = string(d.Route.Model), d.Route.Rule
	case o.Generated != nil:
		d := o.Generated
		values, err := json.Marshal(d.Values)
		if err != nil { // it stands in the journal as JSON
			values = text
		}
		r.Model, r.Lock, r.Received, r.TokensIn, r.TokensOut, r.CostMicros = string(d.Model), d.Lock, digest(values), d.Usage.InputTokens, d.Usage.OutputTokens, d.CostMicros
	case o.Failed != nil:
		d := o.Failed
		r.Outcome, r.Why = "failed", string(d.Error)
		r.Model, r.Lock, r.TokensIn, r.TokensOut, r.CostMicros = string(d.Model), d.Lock, d.Usage.InputTokens, d.Usage.OutputTokens, d.CostMicros
	case o.Queued != nil:
		r.Decision, r.Queue, r.Object = o.Queued.Decision, o.Queued.Queue, o.Queued.Digest
	case o.Decided != nil:
		d := o.Decided
		r.Decision, r.Outcome, r.Actor, r.ActorName, r.Role, r.Object = d.Decision, string(d.Outcome), d.By.ID, d.By.Name, d.Role, d.Digest
	case o.Started != nil:
		r.Object = string(o.Started.Child)
	case o.Verdict != nil:
		r.Outcome = o.Verdict.Is
		if by := o.Verdict.By; by != nil {
			r.Actor, r.ActorName = by.ID, by.Name
		}
	}
	return r
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// errUnrecorded poisons the store: what was committed could not be recorded.
var errUnrecorded = errors.New("what was written could not be recorded in the audit log")
