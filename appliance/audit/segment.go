package audit

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// segment is the file that is being written. It belongs to the writer.
type segment struct {
	f       *os.File
	number  uint64
	bytes   int64
	ratchet *ratchet
	leaf    tlog.Hash // of the frame before

	records       uint64 // sealed in this segment
	firstRecords  uint64 // of those, what the writer says at the beginning
	signedRecords uint64 // that a checkpoint covers
	openedAt      time.Duration
	wall          time.Time     // clocks at the last look
	up            time.Duration //
}

func (s *segment) full(o *Options) bool {
	return s.bytes >= o.SegmentBytes || s.records >= o.SegmentRecords
}

// abandon closes the file after a failure: whoever reads it next finds out how
// far it got.
func (s *segment) abandon() {
	if s.f != nil {
		_ = s.f.Close()
		s.f = nil
	}
}

// datasync makes the bytes of f durable, and what is needed to find them.
func datasync(f *os.File) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var sync error
	err = raw.Control(func(fd uintptr) {
		for {
			if sync = syscall.Fdatasync(int(fd)); !errors.Is(sync, syscall.EINTR) {
				return
			}
		}
	})
	if err = errors.Join(err, sync); err != nil {
		return &os.PathError{Op: "fdatasync", Path: f.Name(), Err: err}
	}
	return nil
}

// openSegment opens the segment after found.last. The key after this segment's
// is durable, and this one's gone, before there is a file.
func (l *Log) openSegment(found logEnd) error {
	current := key(l.chain.Key)
	fresh := newKey()
	r := newRatchet(fresh, current)
	wrapped, err := wrap(fresh, l.enrolment.Recipients)
	if err != nil {
		return err
	}
	next := nextChain(current)
	h := header{
		Format: Format, Suite: Suite, Appliance: l.enrolment.Appliance, Enrolment: l.enrolment.Fingerprint(),
		Segment: found.last + 1, Size: l.tree.size, Root: l.tree.root(), Peaks: l.tree.peaks, Prev: found.prev,
		Chain: l.chain.Index, Epoch: l.opts.Epoch, Boot: l.boot, Wall: l.opts.Now().UTC(), Uptime: int64(l.opts.readUptime()),
		Recipients: wrapped, Commit: r.commitment(), Pad: padBytes,
	}
	if h.Peaks == nil {
		h.Peaks = []tlog.Hash{}
	}
	if h.Prev == nil {
		h.Prev = []previous{}
	}
	l.chain = chainState{Index: l.chain.Index + 1, Key: next[:], Segment: h.Segment, Size: l.tree.size}
	if err := l.saveChain(); err != nil {
		return err
	}
	f, err := os.OpenFile(segmentPath(l.opts.Dir, h.Segment), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if err := syncDir(l.opts.Dir); err != nil {
		return errors.Join(err, f.Close())
	}
	l.seg = &segment{
		f: f, number: h.Segment, ratchet: r, openedAt: time.Duration(h.Uptime), wall: h.Wall, up: time.Duration(h.Uptime),
	}
	l.buf = l.buf[:0]
	l.addFrame(kindHeader, marshal(h))
	opened := Record{Action: "log.opened", Log: &LogEvent{Segment: h.Segment}}
	if n := len(found.prev); n > 0 && !found.prev[n-1].Closed {
		p := found.prev[n-1]
		opened = Record{Action: "log.recovered", Log: &LogEvent{
			Segment: h.Segment, LastSeq: max(h.Size, 1) - 1, TornBytes: p.Bytes - p.Whole, TornTail: p.Tail,
		}}
	}
	text, err := opened.encode(l.opts.Now)
	if err == nil {
		l.addRecord(text)
		err = l.addCheckpoint()
	}
	if err == nil {
		err = l.flush()
	}
	if err == nil {
		l.chain.Opened = true
		err = l.saveChain()
	}
	if err != nil {
		l.seg.abandon()
		return err
	}
	l.seg.firstRecords = l.seg.records
	return nil
}

func (l *Log) saveChain() error {
	if err := writeJSON(filepath.Join(l.opts.KeyDir, chainFile), l.chain); err != nil {
		return fmt.Errorf("save the chain key: %w", err)
	}
	return nil
}

// closeSegment ends the segment: an end frame, a checkpoint that covers it,
// and nothing more. How far the log was stands beside the chain key then, so
// that a log that was cut meanwhile is not gone on with.
func (l *Log) closeSegment(why string) error {
	l.addFrame(kindEnd, marshal(end{l.seg.records, why}))
	if err := l.addCheckpoint(); err != nil {
		return err
	}
	if err := l.flush(); err != nil {
		return err
	}
	f := l.seg.f
	l.seg.f = nil
	if err := f.Close(); err != nil {
		return err
	}
	l.chain.Size = l.tree.size
	return l.saveChain()
}

// addFrame puts a frame into the buffer and into the tree.
func (l *Log) addFrame(kind byte, payload []byte) {
	l.add(kind, len(payload), func(dst, _ []byte) []byte { return append(dst, payload...) })
}

func (l *Log) addRecord(text []byte) {
	mk := l.seg.ratchet.next()
	l.add(kindRecord, len(text)+sealOverhead, func(dst, head []byte) []byte {
		return sealRecord(dst, mk, text, head, l.seg.leaf)
	})
	l.seg.records++
	l.count++
}

func (l *Log) add(kind byte, size int, seal func(dst, head []byte) []byte) {
	start := len(l.buf)
	l.buf = appendFrame(l.buf, kind, l.tree.size, size, seal)
	l.seg.leaf = tlog.RecordHash(l.buf[start:])
	l.tree.add(l.seg.leaf)
}

// addCheckpoint signs the tree as it stands.
func (l *Log) addCheckpoint() error {
	c := Checkpoint{l.enrolment.Origin(), l.tree.size, l.tree.root()}
	signed, err := note.Sign(&note.Note{Text: c.Text()}, l.signers...)
	if err != nil {
		return fmt.Errorf("sign checkpoint: %w", err)
	}
	l.addFrame(kindCheckpoint, signed)
	l.seg.signedRecords = l.seg.records
	return nil
}

// flush writes the buffer and makes it durable.
func (l *Log) flush() error {
	n, err := l.seg.f.Write(l.buf)
	l.seg.bytes += int64(n)
	if err != nil {
		return err
	}
	if err := l.opts.sync(l.seg.f); err != nil {
		return err
	}
	if cap(l.buf) > 4<<20 {
		l.buf = nil
	}
	l.buf = l.buf[:0]
	s := Status{Segment: l.seg.number, Size: l.tree.size, Records: l.count, At: l.opts.Now()}
	if old := l.status.Load(); old != nil {
		s.Signed, s.SignedAt = old.Signed, old.SignedAt
	}
	if l.seg.signedRecords == l.seg.records {
		s.Signed, s.SignedAt = l.tree.size, s.At
	}
	l.status.Store(&s)
	return nil
}
