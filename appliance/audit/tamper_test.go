package audit

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// long reports whether the long form of a test was asked for (make test-trust).
func long() bool { return os.Getenv("SKERRY_TRUST") != "" }

// seenLog is a log of three segments, the second interrupted, and the
// checkpoint that an auditor has seen at its end.
func seenLog(t testing.TB) (*site, Checkpoint) {
	t.Helper()
	s := newSite(t)
	l := s.open(t, Options{CheckpointEvery: 4})
	s.write(t, l, 9)
	s.close(t, l)
	l = s.open(t, Options{CheckpointEvery: 4})
	s.write(t, l, 6)
	interrupt(t, s, l)
	l = s.open(t, Options{CheckpointEvery: 4})
	s.write(t, l, 5)
	s.close(t, l)
	r := s.verify(t, Check{})
	if !r.OK() || r.Segments != 3 {
		t.Fatalf("an untouched log has faults: %v", r.Faults)
	}
	return s, r.Signed
}

// interrupt leaves the log as a kill would: the last segment has no end, and
// half a frame at its end.
func interrupt(t testing.TB, s *site, l *Log) {
	t.Helper()
	n := l.Status().Segment
	path := segmentPath(s.dir, n)
	b, chain := read(t, path), read(t, filepath.Join(s.keys, chainFile))
	s.close(t, l)
	write(t, filepath.Join(s.keys, chainFile), chain)
	write(t, path, append(b, b[len(b)-100:len(b)-20]...))
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func write(t testing.TB, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// split returns the frames of a segment, as copies.
func split(t testing.TB, b []byte) (list [][]byte) {
	t.Helper()
	r := newFrames(bytes.NewReader(b))
	for {
		f, err := r.next()
		var torn *tornError
		if errors.Is(err, io.EOF) || errors.As(err, &torn) {
			return list
		}
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, bytes.Clone(f.raw))
	}
}

// repair gives a forged frame its sequence number and checksum, which need no
// key.
func repair(raw []byte, seq uint64) []byte {
	raw = bytes.Clone(raw)
	binary.BigEndian.PutUint64(raw[4:], seq)
	body := raw[:len(raw)-frameTail]
	binary.BigEndian.PutUint32(raw[len(body):], crc32.Checksum(body, castagnoli))
	return raw
}

// join numbers frames as a forger would.
func join(frames [][]byte) (b []byte) {
	first := binary.BigEndian.Uint64(frames[0][4:])
	for i, f := range frames {
		b = append(b, repair(f, first+uint64(i))...)
	}
	return b
}

// TestEveryByte: whatever byte is flipped, with and without a repaired
// checksum, the report says in which segment. Without a key of an auditor.
func TestEveryByte(t *testing.T) {
	s, seen := seenLog(t)
	step, tried := 397, 0
	if long() {
		step = 1
	}
	for n := uint64(1); n <= 3; n++ {
		path := segmentPath(s.dir, n)
		whole := read(t, path)
		for i := 0; i < len(whole); i += step {
			b := bytes.Clone(whole)
			b[i] ^= 1 << (i % 8)
			write(t, path, b)
			expectFault(t, s, seen, fmt.Sprintf("byte %d of segment %d flipped", i, n), n)
			tried++
		}
		frames := split(t, whole)
		for i := range frames {
			for at := 0; at < len(frames[i]); at += step {
				forged := slices.Clone(frames)
				forged[i] = bytes.Clone(forged[i])
				forged[i][at] ^= 0x10
				if at >= 4 && at < frameHead || at >= len(frames[i])-frameTail {
					continue // repair writes these anew
				}
				if at > 0 && at < 4 {
					continue // a length that does not fit the bytes cannot be repaired; the loop above has it
				}
				write(t, path, append(join(forged), whole[len(join(frames)):]...))
				expectFault(t, s, seen, fmt.Sprintf("byte %d of frame %d of segment %d flipped and the checksum repaired", at, i, n), n)
				tried++
			}
		}
		write(t, path, whole)
	}
	t.Logf("%d alterations", tried) // the long form tries every byte
	if r := s.verify(t, Check{Seen: []Checkpoint{seen}}); !r.OK() {
		t.Fatalf("the control, an untouched log, has faults: %v", r.Faults)
	}
}

// expectFault verifies without keys of auditors and wants a fault in the given
// segment or in one after it, which accounts for it.
func expectFault(t *testing.T, s *site, seen Checkpoint, what string, segment uint64) {
	t.Helper()
	r := s.verify(t, Check{Seen: []Checkpoint{seen}})
	if r.OK() {
		t.Fatalf("%s: not found", what)
	}
	if first := r.Faults[0].Segment; segment != 0 && first != segment && first != segment+1 && first != 0 {
		t.Fatalf("%s: the report names segment %d first: %v", what, first, r.Faults)
	}
}

// TestEveryFrame: every frame dropped, doubled, exchanged with its neighbour,
// and replaced by one of another segment, by someone who repairs numbers and
// checksums.
func TestEveryFrame(t *testing.T) {
	s, seen := seenLog(t)
	foreign := split(t, read(t, segmentPath(s.dir, 1)))
	for n := uint64(1); n <= 3; n++ {
		path := segmentPath(s.dir, n)
		whole := read(t, path)
		frames := split(t, whole)
		rest := whole[len(join(frames)):]
		for i := range frames {
			forgeries := map[string][][]byte{
				"dropped": slices.Delete(slices.Clone(frames), i, i+1),
				"doubled": slices.Insert(slices.Clone(frames), i, frames[i]),
				"cut off": slices.Clone(frames[:i]),
			}
			if i+1 < len(frames) {
				swapped := slices.Clone(frames)
				swapped[i], swapped[i+1] = swapped[i+1], swapped[i]
				forgeries["exchanged"] = swapped
			}
			replaced := slices.Clone(frames)
			replaced[i] = foreign[(i+2)%len(foreign)]
			if !bytes.Equal(replaced[i], frames[i]) {
				forgeries["replaced"] = replaced
			}
			for how, forged := range forgeries {
				if len(forged) == 0 {
					continue
				}
				if n == 3 && i == len(frames)-1 && (how == "dropped" || how == "cut off") {
					continue // the checkpoint that was seen; TestTail has what is left then
				}
				write(t, path, append(join(forged), rest...))
				expectFault(t, s, seen, fmt.Sprintf("frame %d of segment %d %s", i, n, how), 0)
			}
		}
		write(t, path, whole)
	}
}

// TestSegments: segments removed, truncated, exchanged, added and taken from
// another appliance, and the whole log rolled back.
func TestSegments(t *testing.T) {
	s, seen := seenLog(t)
	other, _ := seenLog(t)
	files := map[string][]byte{}
	for n := uint64(1); n <= 3; n++ {
		files[segmentName(n)] = read(t, segmentPath(s.dir, n))
	}
	alien := read(t, segmentPath(other.dir, 2))
	put := func(set map[string][]byte) {
		for n := uint64(1); n <= 4; n++ {
			if err := os.RemoveAll(segmentPath(s.dir, n)); err != nil {
				t.Fatal(err)
			}
		}
		for name, b := range set {
			write(t, filepath.Join(s.dir, name), b)
		}
	}
	for name, change := range map[string]func(map[string][]byte){
		"the first segment removed":  func(m map[string][]byte) { delete(m, segmentName(1)) },
		"the second segment removed": func(m map[string][]byte) { delete(m, segmentName(2)) },
		"the last segment removed":   func(m map[string][]byte) { delete(m, segmentName(3)) },
		"all segments removed":       func(m map[string][]byte) { clear(m) },
		"two segments exchanged": func(m map[string][]byte) {
			m[segmentName(1)], m[segmentName(2)] = m[segmentName(2)], m[segmentName(1)]
		},
		"a segment twice":                     func(m map[string][]byte) { m[segmentName(4)] = m[segmentName(3)] },
		"a segment of another appliance":      func(m map[string][]byte) { m[segmentName(2)] = alien },
		"one of another appliance at the end": func(m map[string][]byte) { m[segmentName(4)] = alien },
		"the first segment empty":             func(m map[string][]byte) { m[segmentName(1)] = nil },
		"the torn tail taken away": func(m map[string][]byte) {
			m[segmentName(2)] = m[segmentName(2)][:len(m[segmentName(2)])-80]
		},
		"the last segment renumbered": func(m map[string][]byte) {
			m[segmentName(2)] = m[segmentName(3)]
			delete(m, segmentName(3))
		},
	} {
		set := maps.Clone(files)
		change(set)
		put(set)
		r := s.verify(t, Check{Seen: []Checkpoint{seen}})
		if r.OK() {
			t.Errorf("%s: not found", name)
		}
	}
	for cut := 1; cut < len(files[segmentName(3)]); cut += 701 {
		set := maps.Clone(files)
		set[segmentName(3)] = set[segmentName(3)][:cut]
		put(set)
		if r := s.verify(t, Check{Seen: []Checkpoint{seen}}); r.OK() {
			t.Errorf("the last segment cut to %d bytes: not found", cut)
		}
	}
	put(files)
	if r := s.verify(t, Check{Seen: []Checkpoint{seen}}); !r.OK() {
		t.Errorf("the control has faults: %v", r.Faults)
	}
	// Another log that is whole in itself is not the one that was seen.
	if r, err := Verify(other.dir, Check{Seen: []Checkpoint{seen}}); err != nil || r.OK() {
		t.Errorf("the log of another appliance passes for this one: %v", err)
	}
}

// TestWriterNoticesMissingSegments: the appliance does not go on with a log
// whose segments were taken away.
func TestWriterNoticesMissingSegments(t *testing.T) {
	for _, remove := range [][]uint64{{3}, {2}, {1, 2, 3}, {2, 3}} {
		s, _ := seenLog(t)
		for _, n := range remove {
			if err := os.Remove(segmentPath(s.dir, n)); err != nil {
				t.Fatal(err)
			}
		}
		if l, err := Open(Options{Dir: s.dir, KeyDir: s.keys}); err == nil {
			l.Close()
			t.Errorf("segments %v are gone, and the log goes on", remove)
		}
	}
}

// TestTail: what was written after the last checkpoint that somebody has seen
// can be cut off at a frame, by whoever owns the host. That is what witnesses
// are for; but the report says that the log has no end.
func TestTail(t *testing.T) {
	s, seen := seenLog(t)
	path := segmentPath(s.dir, 3)
	frames := split(t, read(t, path))
	write(t, path, join(frames[:len(frames)-1]))
	if r := s.verify(t, Check{Seen: []Checkpoint{seen}}); !r.OK() || !r.Open {
		t.Errorf("faults %v, open %v; want none, and an open end", r.Faults, r.Open)
	}
	if _, err := Open(Options{Dir: s.dir, KeyDir: s.keys}); err == nil {
		t.Error("the appliance goes on with a log whose end was cut off while it stood still")
	}
}
