package audit

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"filippo.io/age"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Check says what to verify a log against.
type Check struct {
	// Enrolment is what the auditor has kept. Nil = the one that lies with the
	// log, which whoever could forge the log could forge too.
	Enrolment *Enrolment
	// Seen are checkpoints that the log had at an earlier time: it must still
	// lead there.
	Seen []Checkpoint
	// From is the first segment that has to be there; 0 = 1. What was before
	// it is then taken from its header.
	From uint64

	// Identities open the records, which checks them too; empty = nothing is
	// opened.
	Identities []age.Identity
	// Each is called with every record that could be opened, in order. An error
	// of it ends the verification.
	Each func(Entry) error
	// onFrame is called with every whole frame, its place in the tree, the
	// leaf before it, and the key of a record that was opened.
	onFrame func(f *frame, leaf, before tlog.Hash, mk *key) error
}

// Fault is something that is not as the appliance wrote it.
type Fault struct {
	Segment uint64 // 0 = the log as a whole
	Offset  int64  // in its file
	Seq     uint64 // leaf, where there is one
	Problem string
}

func (f Fault) String() string {
	if f.Segment == 0 {
		return f.Problem
	}
	return fmt.Sprintf("%s, byte %d, entry %d: %s", segmentName(f.Segment), f.Offset, f.Seq, f.Problem)
}

// Report is what a verification has found.
type Report struct {
	Enrolment *Enrolment
	Segments  int
	Records   uint64
	Opened    uint64 // records that were decrypted
	Size      uint64 // leaves
	Root      tlog.Hash
	Signed    Checkpoint // the last one whose signatures are valid
	Note      []byte     // its signed note
	Open      bool       // the last segment has no end: the appliance is at work, or was killed, or the end is cut off
	First     time.Time  // when the first and the last segment were opened
	Last      time.Time
	Faults    []Fault // at most [MaxFaults]
	More      int     // faults that are not listed

	lastSegment uint64
}

// MaxFaults bounds the faults of a report: a verifier's memory does not grow
// with what it finds.
const MaxFaults = 100

// OK reports whether nothing is wrong.
func (r *Report) OK() bool { return len(r.Faults) == 0 }

// Unsigned is the number of entries at the end that no signature covers, the
// last checkpoint itself left out.
func (r *Report) Unsigned() uint64 {
	if r.Signed.Size == 0 || r.Size <= r.Signed.Size+1 {
		return 0
	}
	return r.Size - r.Signed.Size - 1
}

// witnessFile is where a checkpoint that a witness has cosigned is put back.
const witnessFile = "witness.note"

// Verify reads the log in dir from its beginning and checks everything that it
// can: structure, order, tree, signatures, what was seen before and, with
// identities, every record. Its memory does not grow with the log. What is
// wrong with the log is in the report; the error is about reading it.
func Verify(dir string, c Check) (*Report, error) {
	if c.Enrolment == nil {
		e, err := LoadEnrolment(dir)
		if err != nil {
			return nil, fmt.Errorf("there is no log to verify in %s: %w", dir, err)
		}
		c.Enrolment = e
	}
	keys, err := c.Enrolment.verifiers()
	if err != nil {
		return nil, err
	}
	v := &verification{Check: c, dir: dir, keys: keys, report: &Report{Enrolment: c.Enrolment}, met: make([]bool, len(c.Seen))}
	if err := v.witnessed(); err != nil {
		return nil, err
	}
	if len(c.Identities) > 0 {
		if v.chain, err = unwrap(c.Enrolment.Chain, c.Identities); err != nil {
			return nil, fmt.Errorf("chain key: %w", err)
		}
	}
	if err := v.run(); err != nil {
		return nil, err
	}
	return v.report, nil
}

// verification walks a log. It shares the format with the writer, and nothing
// else.
type verification struct {
	Check
	dir    string
	keys   []note.Verifier
	report *Report
	met    []bool // of Seen

	tree    frontier
	before  []previous // the last segment with a header, and those without that follow it
	gap     bool       // the segment before is missing, or is not asked for
	last    scanned    // the segment before
	chain   key        // K(index), with identities
	index   uint64
	chained bool // a segment has used the chain before

	epoch   uint64 // of the segment before
	seg     uint64
	leaf    tlog.Hash // of the frame before
	ratchet *ratchet  // nil = records stay closed
	records uint64    // in this segment
	plain   []byte
}

func (v *verification) fault(offset int64, seq uint64, format string, args ...any) {
	if len(v.report.Faults) == MaxFaults {
		v.report.More++
		return
	}
	v.report.Faults = append(v.report.Faults, Fault{v.seg, offset, seq, fmt.Sprintf(format, args...)})
}

// witnessed adds the checkpoint that lies with the log, if one does.
func (v *verification) witnessed() error {
	b, err := readSmall(filepath.Join(v.dir, witnessFile))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	c, err := openCheckpoint(b, v.keys)
	if err != nil {
		v.fault(0, 0, "%s: %v", witnessFile, err)
		return nil
	}
	v.Seen, v.met = append(v.Seen, c), append(v.met, false)
	return nil
}

func (v *verification) run() error {
	list, err := segments(v.dir)
	if err != nil {
		return err
	}
	next := max(v.From, 1)
	list = slices.DeleteFunc(list, func(n uint64) bool { return n < next })
	v.gap = v.From > 1
	v.reached()
	for _, n := range list {
		if n > next {
			v.seg = 0
			v.fault(0, 0, "segment %s is missing (%d in all)", segmentName(next), n-next)
			v.before, v.gap = nil, true
		}
		if err := v.segment(n); err != nil {
			return err
		}
		next = n + 1
	}
	v.seg = 0
	if len(list) == 0 {
		v.fault(0, 0, "segment %s is missing: there is none at all", segmentName(next))
	}
	v.report.Size, v.report.Root = v.tree.size, v.tree.root()
	v.end()
	return nil
}

// end checks what only the end of the log can tell.
func (v *verification) end() {
	if b := v.last; v.report.Segments > 0 {
		v.report.Open = !b.closed
		if b.tail != "" || b.header == nil {
			v.seg = v.report.lastSegment
			v.fault(b.whole, v.tree.size, "%d bytes are no frame: %s. The segment was damaged, or copied while it was written (copy it again), or the appliance was killed (its next start accounts for them)", b.bytes-b.whole, b.why)
			v.seg = 0
		}
	}
	if v.report.Signed.Size == 0 && v.report.Segments > 0 {
		v.fault(0, 0, "no checkpoint of the log is signed by the keys of the enrolment")
	}
	for i, c := range v.Seen {
		switch {
		case c.Origin != v.Enrolment.Origin():
			v.fault(0, 0, "the checkpoint that was seen is of %s, and this log of %s", c.Origin, v.Enrolment.Origin())
		case !v.met[i] && c.Size > v.tree.size:
			v.fault(0, 0, "the log was rolled back or its end was cut off: it has %d entries, and %d were seen", v.tree.size, c.Size)
		case !v.met[i]:
			v.fault(0, 0, "the log does not pass through the checkpoint of %d entries that was seen", c.Size)
		}
	}
}

// reached compares the tree with what was seen at its size.
func (v *verification) reached() {
	for i, c := range v.Seen {
		if c.Size == v.tree.size && !v.met[i] && c.Origin == v.Enrolment.Origin() {
			v.met[i] = true
			if c.Root != v.tree.root() {
				v.fault(0, v.tree.size, "the log is another one than was seen: the first %d entries differ", c.Size)
			}
		}
	}
}

func (v *verification) segment(n uint64) error {
	v.seg, v.records, v.ratchet = n, 0, nil
	v.report.lastSegment = n
	v.report.Segments++
	s, err := scanSegment(segmentPath(v.dir, n), v.header, v.frame)
	if err != nil {
		return err
	}
	if s.header != nil {
		v.before, v.gap = nil, false
	}
	v.before, v.last = append(v.before, s.previous()), s
	return nil
}

// header checks that a segment goes on where the one before has ended.
func (v *verification) header(h *header) error {
	r := v.report
	if r.First.IsZero() {
		r.First = h.Wall
	}
	r.Last = h.Wall
	if h.Appliance != v.Enrolment.Appliance {
		v.fault(0, h.Size, "it is of another appliance: %s", h.Appliance)
	} else if h.Enrolment != v.Enrolment.Fingerprint() {
		v.fault(0, h.Size, "it was written under another enrolment of auditors: %s", h.Enrolment)
	}
	if h.Epoch < v.epoch {
		v.fault(0, h.Size, "it was written in epoch %d of the store, after epoch %d: the store was set back", h.Epoch, v.epoch)
	}
	v.epoch = h.Epoch
	if h.Segment != v.seg {
		v.fault(0, h.Size, "it is segment %d under a wrong name", h.Segment)
	}
	// The header accounts for every segment since the last that has one.
	if !v.gap && len(h.Prev) != len(v.before) {
		v.fault(0, h.Size, "it accounts for %d segments before it, and there are %d", len(h.Prev), len(v.before))
	}
	for i := 1; i <= min(len(h.Prev), len(v.before)); i++ {
		said, is := h.Prev[len(h.Prev)-i], v.before[len(v.before)-i]
		if said != is {
			where := ""
			if i == 1 && v.last.why != "" {
				where = fmt.Sprintf(" (its whole frames end at byte %d: %s)", v.last.whole, v.last.why)
			}
			v.fault(0, h.Size, "segment %s is not as it was left: %s%s", segmentName(h.Segment-uint64(i)), difference(said, is), where)
		}
	}
	switch {
	case v.gap:
		v.tree = frontier{h.Size, slices.Clone(h.Peaks)}
		v.reached()
	case h.Size != v.tree.size || h.Root != v.tree.root():
		v.fault(0, h.Size, "it does not follow on what was before: it continues a log of %d entries, and there are %d, or others", h.Size, v.tree.size)
		v.tree = frontier{h.Size, slices.Clone(h.Peaks)}
	}
	v.leaf = tlog.Hash{}
	return v.open(h)
}

func difference(said, is previous) string {
	switch {
	case said.Bytes != is.Bytes:
		return fmt.Sprintf("it had %d bytes and has %d", said.Bytes, is.Bytes)
	case said.Closed && !is.Closed:
		return "it was closed and is not"
	case said.Whole != is.Whole:
		return fmt.Sprintf("it had %d bytes of whole frames and has %d", said.Whole, is.Whole)
	}
	return "its last bytes are others"
}

// maxSkip bounds how many keys of the chain can lie between two segments: each
// is a start that was killed between two fsyncs.
const maxSkip = 1 << 16

// maxChain bounds the place of the first segment that is looked at.
const maxChain = 1 << 24

// open unwraps the key of a segment.
func (v *verification) open(h *header) error {
	var want []string
	for _, r := range v.Enrolment.Recipients {
		want = append(want, RecipientFingerprint(r))
	}
	var have []string
	for _, w := range h.Recipients {
		have = append(have, w.Recipient)
	}
	if !slices.Equal(want, have) {
		v.fault(0, h.Size, "its key is wrapped for other auditors than were enrolled")
	}
	limit := uint64(maxChain)
	if v.chained {
		limit = v.index + maxSkip
	}
	if v.chained && h.Chain <= v.index || h.Chain > limit {
		v.fault(0, h.Size, "its place in the chain of keys is %d, after %d", h.Chain, v.index)
		return nil
	}
	v.chained = true
	if len(v.Identities) == 0 {
		v.index = h.Chain
		return nil
	}
	for ; v.index < h.Chain; v.index++ {
		v.chain = nextChain(v.chain)
	}
	fresh, err := unwrap(h.Recipients, v.Identities)
	if err != nil {
		v.fault(0, h.Size, "the key of the segment: %v", err)
		return nil
	}
	r := newRatchet(fresh, v.chain)
	if !bytes.Equal(r.commitment(), h.Commit) {
		v.fault(0, h.Size, "the header commits to another key than is wrapped in it")
		return nil
	}
	v.ratchet = r
	return nil
}

func (v *verification) frame(f *frame) error {
	before := v.leaf
	var opened *key
	switch f.kind {
	case kindRecord:
		v.report.Records++
		v.records++
		if v.ratchet != nil {
			mk := v.ratchet.next()
			opened = &mk
			if err := v.record(f, mk); err != nil {
				return err
			}
		}
	case kindCheckpoint:
		v.checkpoint(f)
	case kindEnd:
		var e end
		if err := strictJSON(f.payload(), &e); err != nil {
			v.fault(f.offset, f.seq, "end of the segment: %v", err)
		} else if e.Records != v.records {
			v.fault(f.offset, f.seq, "the segment ended with %d records and has %d", e.Records, v.records)
		}
	}
	v.leaf = f.leaf()
	v.tree.add(v.leaf)
	if len(v.Seen) > 0 {
		v.reached()
	}
	if v.onFrame != nil {
		return v.onFrame(f, v.leaf, before, opened)
	}
	return nil
}

func (v *verification) record(f *frame, mk key) error {
	plain, err := openRecord(v.plain[:0], mk, f, v.leaf)
	if err != nil {
		v.fault(f.offset, f.seq, "the record cannot be opened: %v", err)
		return nil
	}
	v.plain = plain
	v.report.Opened++
	if v.Each == nil {
		return nil
	}
	return v.Each(Entry{Seq: f.seq, Segment: v.seg, Record: plain})
}

func (v *verification) checkpoint(f *frame) {
	c, err := openCheckpoint(f.payload(), v.keys)
	switch {
	case err != nil:
		v.fault(f.offset, f.seq, "%v", err)
	case c.Origin != v.Enrolment.Origin():
		v.fault(f.offset, f.seq, "the checkpoint is of %s", c.Origin)
	case c.Size != v.tree.size || c.Root != v.tree.root():
		v.fault(f.offset, f.seq, "the checkpoint was signed over other entries: a frame since the one before it was changed, taken out or put in")
	default:
		v.report.Signed = c
		v.report.Note = append(v.report.Note[:0], f.payload()...)
	}
}
