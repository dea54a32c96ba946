package audit

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"golang.org/x/mod/sumdb/tlog"
)

// Kinds of frames.
const (
	kindHeader     = 'H' // opens a segment; JSON
	kindRecord     = 'R' // a sealed record
	kindCheckpoint = 'C' // a signed note about every leaf before it
	kindEnd        = 'E' // closes a segment; JSON. One checkpoint follows, then nothing
)

const (
	frameHead    = 12 // kind, size, sequence number
	frameTail    = 4  // CRC-32C
	maxPayload   = 1 << 20
	maxPlaintext = 48 << 10 // of a record, padding included: a frame stays below the 64 KiB of a tile's entry
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// appendFrame appends a frame whose payload is what seal appends to its
// argument; size is the number of bytes that seal will append.
func appendFrame(b []byte, kind byte, seq uint64, size int, seal func(dst, head []byte) []byte) []byte {
	start := len(b)
	b = append(b, kind, byte(size>>16), byte(size>>8), byte(size))
	b = binary.BigEndian.AppendUint64(b, seq)
	b = seal(b, b[start:start+frameHead])
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b[start:], castagnoli))
}

// frame is a frame as it stands in a file. Its bytes are valid until the next
// one is read.
type frame struct {
	kind   byte
	seq    uint64
	offset int64 // in the file
	raw    []byte
}

func (f *frame) payload() []byte { return f.raw[frameHead : len(f.raw)-frameTail] }

// leaf is the hash of the frame in the tree (RFC 6962, section 2.1).
func (f *frame) leaf() tlog.Hash { return tlog.RecordHash(f.raw) }

// tornError says that the bytes from offset on are no whole frame.
type tornError struct {
	offset int64
	why    string
}

func (e *tornError) Error() string {
	return fmt.Sprintf("no whole frame at byte %d: %s", e.offset, e.why)
}

// frames reads frames one after the other.
type frames struct {
	r      *bufio.Reader
	offset int64
	seq    uint64 // of the next frame, once the first has said where it begins
	buf    []byte
}

func newFrames(r io.Reader) *frames { return &frames{r: bufio.NewReaderSize(r, 1<<17)} }

// next returns the next frame; io.EOF at a clean end, a [*tornError] where the
// bytes are not a whole frame.
func (r *frames) next() (frame, error) {
	torn := func(format string, args ...any) (frame, error) {
		return frame{}, &tornError{r.offset, fmt.Sprintf(format, args...)}
	}
	var head [frameHead]byte
	n, err := io.ReadFull(r.r, head[:])
	switch {
	case errors.Is(err, io.EOF):
		return frame{}, io.EOF
	case errors.Is(err, io.ErrUnexpectedEOF):
		return torn("the file ends after %d bytes of a frame's head", n)
	case err != nil:
		return frame{}, err
	}
	kind := head[0]
	switch kind {
	case kindHeader, kindRecord, kindCheckpoint, kindEnd:
	default:
		return torn("there is no kind %#02x of frames", kind)
	}
	size := int(head[1])<<16 | int(head[2])<<8 | int(head[3])
	if size > maxPayload {
		return torn("a payload of %d bytes is more than is ever written", size)
	}
	whole := frameHead + size + frameTail
	if cap(r.buf) < whole {
		r.buf = make([]byte, whole, whole*2)
	}
	raw := r.buf[:whole]
	copy(raw, head[:])
	n, err = io.ReadFull(r.r, raw[frameHead:])
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return torn("the file ends after %d of the frame's %d bytes", frameHead+n, whole)
	}
	if err != nil {
		return frame{}, err
	}
	body := raw[:whole-frameTail]
	if crc32.Checksum(body, castagnoli) != binary.BigEndian.Uint32(raw[whole-frameTail:]) {
		return torn("its checksum is wrong")
	}
	f := frame{kind: kind, seq: binary.BigEndian.Uint64(head[4:]), offset: r.offset, raw: raw}
	if r.offset > 0 && f.seq != r.seq {
		return torn("frame %d stands where %d belongs", f.seq, r.seq)
	}
	r.seq = f.seq + 1
	r.offset += int64(whole)
	return f, nil
}
