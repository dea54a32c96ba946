package audit

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
)

// scanned is what a look at a segment's structure has found. No key is needed
// for it, and no signature is checked.
type scanned struct {
	header *header // nil if not even that is whole
	closed bool    // by an end frame and its checkpoint, and nothing follows
	whole  int64   // bytes of whole frames
	bytes  int64   // of the file
	tail   string  // SHA-256 of what follows the whole frames, hex; empty if nothing does
	why    string  // no frame follows the whole ones
}

func (s *scanned) previous() previous {
	return previous{Closed: s.closed, Whole: s.whole, Bytes: s.bytes, Tail: s.tail}
}

// scanSegment reads a segment from its beginning. It calls onHeader with what
// opens it, and onFrame with every whole frame, the header's too. An error of
// theirs ends the scan.
func scanSegment(path string, onHeader func(*header) error, onFrame func(*frame) error) (s scanned, err error) {
	file, err := os.Open(path)
	if err != nil {
		return s, err
	}
	defer file.Close()
	r := newFrames(file)
	var last, before byte
	for {
		f, err := r.next()
		var torn *tornError
		switch {
		case errors.Is(err, io.EOF):
			s.closed = last == kindCheckpoint && before == kindEnd
		case errors.As(err, &torn):
			s.why = torn.why
		case err != nil:
			return s, fmt.Errorf("read %s: %w", path, err)
		default:
			if s.why = misplaced(last, before, f.kind); s.why != "" {
				break
			}
			if f.kind == kindHeader {
				h, err := parseHeader(f.payload())
				if err == nil && h.Size != f.seq {
					err = fmt.Errorf("header: it is leaf %d and says that it is %d", f.seq, h.Size)
				}
				if err != nil {
					s.why = err.Error()
					break
				}
				s.header = &h
				if err := onHeader(&h); err != nil {
					return s, err
				}
			}
			if err := onFrame(&f); err != nil {
				return s, err
			}
			s.whole, last, before = r.offset, f.kind, last
			continue
		}
		return s, s.measureTail(file)
	}
}

// misplaced says why a frame of this kind cannot follow the last two.
func misplaced(last, before, kind byte) string {
	switch {
	case last == 0 && kind != kindHeader:
		return "a segment begins with its header"
	case last != 0 && kind == kindHeader:
		return "a header stands in the middle"
	case last == kindEnd && kind != kindCheckpoint:
		return "only a checkpoint follows the end"
	case last == kindCheckpoint && before == kindEnd:
		return "something follows the checkpoint at the end"
	}
	return ""
}

// measureTail takes the size of the file and the digest of what is no frame.
func (s *scanned) measureTail(file *os.File) error {
	if _, err := file.Seek(s.whole, io.SeekStart); err != nil {
		return err
	}
	sum := sha256.New()
	n, err := io.Copy(sum, file)
	if err != nil {
		return err
	}
	s.bytes = s.whole + n
	if n > 0 {
		s.tail, s.closed = hex.EncodeToString(sum.Sum(nil)), false
	}
	return nil
}

// logEnd is where a log stands that nobody writes.
type logEnd struct {
	tree frontier
	last uint64     // number of the last segment; 0 = there is none
	prev []previous // how the last segment with a header was found, and those without that follow it

	epoch uint64 // of the store, as the last header has it
}

// findEnd finds out where the log goes on. It reads the last segment, and those
// before it only as long as they were interrupted before their header.
func findEnd(dir string, e *Enrolment, chain chainState) (logEnd, error) {
	list, err := segments(dir)
	if err != nil {
		return logEnd{}, err
	}
	for i, n := range list {
		if n != uint64(i)+list[0] {
			return logEnd{}, fmt.Errorf("segment %s is missing; put it back", segmentPath(dir, uint64(i)+list[0]))
		}
	}
	var end logEnd
	if len(list) > 0 {
		end.last = list[len(list)-1]
	}
	// The segment that the chain key was last advanced for may not have come
	// into being, but the one before it has.
	if end.last > chain.Segment || end.last+1 < chain.Segment || chain.Opened && end.last < chain.Segment {
		return logEnd{}, fmt.Errorf("the last segment is number %d, and the keys say %d: segments were removed, or keys and segments are of different times; put back what belongs together",
			end.last, chain.Segment)
	}
	for i := len(list) - 1; i >= 0; i-- {
		s, err := scanSegment(segmentPath(dir, list[i]),
			func(h *header) error {
				if h.Appliance != e.Appliance || h.Segment != list[i] {
					return fmt.Errorf("%s is segment %d of the log of %s, not of this one", segmentPath(dir, list[i]), h.Segment, h.Appliance)
				}
				end.tree, end.epoch = frontier{h.Size, h.Peaks}, h.Epoch
				return nil
			},
			func(f *frame) error { end.tree.add(f.leaf()); return nil })
		if err != nil {
			return logEnd{}, err
		}
		end.prev = slices.Insert(end.prev, 0, s.previous())
		if s.header != nil {
			if end.last == chain.Segment && end.tree.size < chain.Size {
				return logEnd{}, fmt.Errorf("the log has %d entries, and the keys know of %d: its end was cut off; put it back", end.tree.size, chain.Size)
			}
			return end, nil
		}
	}
	if chain.Size > 0 {
		return logEnd{}, fmt.Errorf("the log is empty, and the keys know of %d entries; put it back", chain.Size)
	}
	return end, nil
}
