package audit

import (
	"bytes"
	"errors"
	"io"
	"testing"
)

func FuzzFrames(f *testing.F) {
	whole := appendFrame(nil, kindRecord, 0, 5, func(dst, _ []byte) []byte { return append(dst, "hello"...) })
	f.Add(appendFrame(bytes.Clone(whole), kindEnd, 1, 0, func(dst, _ []byte) []byte { return dst }))
	f.Add(whole[:9])
	f.Fuzz(func(t *testing.T, b []byte) {
		r := newFrames(bytes.NewReader(b))
		var read []byte
		for {
			x, err := r.next()
			var torn *tornError
			if errors.Is(err, io.EOF) || errors.As(err, &torn) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			// What is read is what a writer would have written.
			read = append(read, appendFrame(nil, x.kind, x.seq, len(x.payload()), func(dst, _ []byte) []byte { return append(dst, x.payload()...) })...)
		}
		if !bytes.HasPrefix(b, read) || int64(len(read)) != r.offset {
			t.Errorf("read %x from %x", read, b)
		}
	})
}

func FuzzHeader(f *testing.F) {
	f.Add([]byte(`{"format":"skerry-audit/1"}`))
	f.Add(marshal(header{Format: Format, Suite: Suite, Segment: 1, Pad: padBytes, Recipients: make([]Wrapped, 2), Root: (&frontier{}).root()}))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := parseHeader(b)
		if err != nil {
			return
		}
		if again, err := parseHeader(marshal(h)); err != nil || again.Root != h.Root {
			t.Errorf("%s does not parse again: %v", b, err)
		}
	})
}

func FuzzCheckpoint(f *testing.F) {
	f.Add(Checkpoint{Origin: "skerry-audit/x", Size: 12}.Text())
	f.Fuzz(func(t *testing.T, text string) {
		if c, err := parseCheckpoint(text); err == nil && c.Text() != text {
			t.Errorf("%q is read as %q", text, c.Text())
		}
	})
}

func FuzzProof(f *testing.F) {
	f.Add(proofFormat + "\nindex 3\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\nnote")
	f.Fuzz(func(t *testing.T, text string) {
		if _, hashes, _, err := parseProof(text); err == nil && len(hashes) > 63 {
			t.Errorf("%d hashes", len(hashes))
		}
		_, _ = CheckProof([]byte(text), nil, func(Entry) error { return nil })
	})
}

func FuzzEnrolment(f *testing.F) {
	f.Add([]byte(`{"format":"skerry-audit/1","appliance":"00","keys":[]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if e, err := ParseEnrolment(b); err == nil && len(e.Recipients) < MinRecipients {
			t.Error("too few auditors")
		}
	})
}
