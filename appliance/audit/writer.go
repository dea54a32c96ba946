package audit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/mod/sumdb/note"
)

// When a segment is full, and when a checkpoint is due. They are fields of
// Options so that tests need not write 64 MiB.
const (
	maxSegmentBytes   = 64 << 20
	maxSegmentRecords = 1 << 20
	maxSegmentAge     = time.Hour
	checkpointEvery   = 256
	checkpointAfter   = time.Second
	maxGroup          = 4096 // batches that share a write
	clockJump         = 2 * time.Second
)

// ErrStopped: the log was closed.
var ErrStopped = errors.New("the audit log is closed")

// ErrFailed: a record could not be made durable, so nothing more is recorded,
// and nothing may be done, until the appliance starts anew.
var ErrFailed = errors.New("the audit log cannot be written")

// ErrRolledBack: the log knows of a later day than the store.
var ErrRolledBack = errors.New("the store was set back to an earlier day")

// ErrInUse: another process writes the log.
var ErrInUse = errors.New("the audit log is in use by another process")

// Options of a log. Zero values have the defaults of the format.
type Options struct {
	Dir    string // segments and enrolment: what auditors copy
	KeyDir string // keys of the appliance; never leaves it
	Epoch  uint64 // of the store, mirrored in every header: higher than any before; 0 = it has none

	Now             func() time.Time // default time.Now
	SegmentBytes    int64            // default 64 MiB
	SegmentRecords  uint64           // default 2^20
	SegmentAge      time.Duration    // default 1 h
	CheckpointEvery uint64           // records; default 256
	CheckpointAfter time.Duration    // default 1 s

	// sync makes written bytes durable; tests plant a missing one.
	sync func(*os.File) error
	// readUptime and boot are the clocks of a header; tests fix them.
	readUptime func() time.Duration
	boot       string
}

func (o *Options) defaults() {
	set(&o.SegmentBytes, maxSegmentBytes)
	set(&o.SegmentRecords, maxSegmentRecords)
	set(&o.SegmentAge, maxSegmentAge)
	set(&o.CheckpointEvery, checkpointEvery)
	set(&o.CheckpointAfter, checkpointAfter)
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.sync == nil {
		o.sync = datasync
	}
	if o.readUptime == nil {
		o.readUptime, o.boot = uptime, bootID()
	}
}

func set[T comparable](v *T, to T) {
	var zero T
	if *v == zero {
		*v = to
	}
}

// Log is a log that is being written. Append and Submit may be called
// concurrently.
type Log struct {
	opts      Options
	enrolment *Enrolment
	signers   []note.Signer
	boot      string

	queue   chan *batch
	lock    *os.File
	quit    chan struct{} // closed by Close
	stopped chan struct{} // closed by the writer when it has answered everything
	closing sync.Once
	sending sync.RWMutex // held for reading while a batch is put into the queue; Close takes it

	failed  chan struct{} // closed when writing has failed
	failure atomic.Pointer[error]
	status  atomic.Pointer[Status]

	// Everything below belongs to the writer goroutine.
	seg   *segment
	chain chainState
	tree  frontier
	buf   []byte
	count uint64 // records since the log was opened
}

// Status says how far the log is.
type Status struct {
	Segment uint64    // that is being written
	Size    uint64    // leaves
	Records uint64    // since the log was opened
	At      time.Time // of the last write

	Signed   uint64 // leaves that the last checkpoint covers, and itself
	SignedAt time.Time
}

// batch is a list of records that become durable together.
type batch struct {
	texts [][]byte
	done  func(error)
}

// Open goes on with the log of o.Dir: in a new segment, whatever became of the
// last one. It returns an error if segments are missing, or if a key is not
// there: neither is ever made up for. It returns one wrapping [ErrRolledBack] if
// the log has seen the epoch of the store, or a later one.
func Open(o Options) (*Log, error) {
	o.defaults()
	e, err := LoadEnrolment(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("open audit log: %w", err)
	}
	lock, err := lockKeys(o.KeyDir)
	if err != nil {
		return nil, fmt.Errorf("open audit log: %w", err)
	}
	l, err := open(o, e)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open audit log: %w", err), lock.Close())
	}
	l.lock = lock
	go l.loop()
	return l, nil
}

func open(o Options, e *Enrolment) (*Log, error) {
	signers, chain, err := loadKeys(o.KeyDir, e)
	if err != nil {
		return nil, err
	}
	l := &Log{
		opts: o, enrolment: e, signers: signers, chain: chain, boot: o.boot,
		queue: make(chan *batch, maxGroup), quit: make(chan struct{}), stopped: make(chan struct{}), failed: make(chan struct{}),
	}
	found, err := findEnd(o.Dir, e, chain)
	if err != nil {
		return nil, err
	}
	if o.Epoch != 0 && o.Epoch <= found.epoch {
		return nil, fmt.Errorf("%w: it begins epoch %d, and the log knows of %d; put the newer store back", ErrRolledBack, o.Epoch, found.epoch)
	}
	l.tree = found.tree
	return l, l.openSegment(found)
}

// Enrolment says whose log it is.
func (l *Log) Enrolment() *Enrolment { return l.enrolment }

// Status returns how far the log is.
func (l *Log) Status() Status { return *l.status.Load() }

// Failed is closed when a record could not be made durable.
func (l *Log) Failed() <-chan struct{} { return l.failed }

// Err returns why the log has failed, or nil.
func (l *Log) Err() error {
	if p := l.failure.Load(); p != nil {
		return *p
	}
	return nil
}

// Append records what happened and returns when it is durable. When ctx ends
// before, it returns its error, and nobody knows whether the records stay:
// whoever asked must not be told of anything.
func (l *Log) Append(ctx context.Context, records ...Record) error {
	done := make(chan error, 1)
	l.Submit(func(err error) { done <- err }, records...)
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Submit records what happened and calls done, once, when it is durable or has
// failed. Of calls that come one after the other the records stand in that
// order. done must not block, and must not call Submit.
func (l *Log) Submit(done func(error), records ...Record) {
	b := &batch{done: done}
	for i := range records {
		text, err := records[i].encode(l.opts.Now)
		if err != nil {
			done(err)
			return
		}
		b.texts = append(b.texts, text)
	}
	l.sending.RLock()
	defer l.sending.RUnlock()
	select {
	case <-l.quit:
		done(ErrStopped)
		return
	case <-l.failed: // the writer may have gone, and the queue still has room
		done(l.Err())
		return
	default:
	}
	select {
	case l.queue <- b:
	case <-l.failed: // the writer has gone
		done(l.Err())
	}
}

// Close records nothing more, closes the segment with a checkpoint and returns
// what went wrong.
func (l *Log) Close() error {
	l.closing.Do(func() {
		l.sending.Lock()
		close(l.quit)
		l.sending.Unlock()
		<-l.stopped
		_ = l.lock.Close() // which unlocks it; nothing was written
	})
	<-l.stopped
	return l.Err()
}

// fail refuses everything from now on. A failed fdatasync is never tried again:
// the kernel may have dropped the pages and say yes the next time.
func (l *Log) fail(cause error) {
	err := fmt.Errorf("%w: %w; look at the disk, then restart", ErrFailed, cause)
	if l.failure.CompareAndSwap(nil, &err) {
		close(l.failed)
	}
}

// loop is the writer, the only goroutine that touches files. All batches that
// wait when it is free share one write and its fdatasync.
func (l *Log) loop() {
	defer close(l.stopped)
	tick := time.NewTicker(l.opts.CheckpointAfter)
	defer tick.Stop()
	var group []*batch
	for l.Err() == nil {
		group = group[:0]
		quit := false
		select {
		case b := <-l.queue:
			group = l.gather(append(group, b))
		case <-tick.C:
		case <-l.quit:
			quit = true
			for len(l.queue) > 0 { // Close has made sure that no more come
				group = append(group, <-l.queue)
			}
		}
		err := l.writeGroup(group)
		switch {
		case err != nil:
		case quit:
			err = l.closeSegment("stop")
		case len(group) == 0:
			err = l.tick()
		case l.seg.full(&l.opts):
			err = l.rotate("full")
		}
		if err != nil {
			l.fail(err)
		}
		if quit {
			break
		}
	}
	l.drain()
}

// drain answers what came after the end, once Submit sees that it is the end.
func (l *Log) drain() {
	if l.Err() == nil {
		return
	}
	l.seg.abandon()
	for {
		select {
		case b := <-l.queue:
			b.done(l.Err())
			continue
		default:
		}
		// Whoever holds sending may have put a batch in meanwhile.
		l.sending.Lock()
		empty := len(l.queue) == 0
		l.sending.Unlock()
		if empty {
			return
		}
	}
}

// gather adds what waits in the queue. It lets the callers that the last group
// has woken run first: their next records belong into this group.
func (l *Log) gather(group []*batch) []*batch {
	for range 2 {
		runtime.Gosched()
		for len(group) < maxGroup {
			select {
			case b := <-l.queue:
				group = append(group, b)
				continue
			default:
			}
			break
		}
	}
	return group
}

// writeGroup makes a group durable and answers it.
func (l *Log) writeGroup(group []*batch) error {
	if len(group) == 0 {
		return nil
	}
	for _, b := range group {
		for _, text := range b.texts {
			l.addRecord(text)
		}
	}
	if l.seg.records-l.seg.signedRecords >= l.opts.CheckpointEvery {
		if err := l.addCheckpoint(); err != nil {
			return l.answer(group, err)
		}
	}
	return l.answer(group, l.flush())
}

func (l *Log) answer(group []*batch, err error) error {
	if err != nil {
		l.fail(err)
		err = l.Err()
	}
	for _, b := range group {
		b.done(err)
	}
	return err
}

// tick does what is due when nothing else happens.
func (l *Log) tick() error {
	if err := l.watchClock(); err != nil {
		return err
	}
	if l.seg.records > l.seg.signedRecords {
		if err := l.addCheckpoint(); err != nil {
			return err
		}
		if err := l.flush(); err != nil {
			return err
		}
	}
	if l.seg.records > l.seg.firstRecords && l.opts.readUptime()-l.seg.openedAt >= l.opts.SegmentAge {
		return l.rotate("age")
	}
	return nil
}

// watchClock records a wall clock that was set: from then on times of records
// do not compare with those before.
func (l *Log) watchClock() error {
	wall, up := l.opts.Now(), l.opts.readUptime()
	jump := wall.Round(0).Sub(l.seg.wall) - (up - l.seg.up)
	l.seg.wall, l.seg.up = wall.Round(0), up
	if jump.Abs() <= clockJump || up == 0 {
		return nil
	}
	return l.addOwn(Record{Action: "clock.jumped", Log: &LogEvent{Segment: l.seg.number, Jump: jump}})
}

func (l *Log) addOwn(r Record) error {
	text, err := r.encode(l.opts.Now)
	if err != nil {
		return err
	}
	l.addRecord(text)
	return l.flush()
}

// rotate closes the segment and opens the next.
func (l *Log) rotate(why string) error {
	closed := l.seg
	if err := l.closeSegment(why); err != nil {
		return err
	}
	return l.openSegment(logEnd{
		tree: l.tree, last: closed.number,
		prev: []previous{{Closed: true, Whole: closed.bytes, Bytes: closed.bytes}},
	})
}
