package audit

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// Proof shows a third party that records stand in a log, and, where it carries
// their keys, what they say. It says nothing about other records.
type Proof struct {
	Format    string         `json:"format"`
	Enrolment string         `json:"enrolment"` // file of the log's enrolment; check its fingerprint
	Records   []ProvenRecord `json:"records"`
}

// ProvenRecord is one record of a [Proof].
type ProvenRecord struct {
	Frame  []byte    `json:"frame"`         // as it stands in the segment
	Before tlog.Hash `json:"before"`        // leaf before it, which its seal is bound to
	Key    []byte    `json:"key,omitempty"` // opens this record and no other
	Proof  string    `json:"proof"`         // C2SP tlog-proof
}

// proofFormat is the first line of a C2SP tlog-proof.
const (
	proofFormat = "c2sp.org/tlog-proof@v1"
	bundle      = "skerry-audit-proof/1"
)

// maxProof bounds a proof that is read, and maxProven what goes into one.
const (
	maxProof  = 64 << 20
	maxProven = 4096
)

// Prove verifies the log in dir and proves the records for which want is true;
// with identities in c, want sees what they say, and reveal puts their keys
// into the proof. It refuses a log with faults.
func Prove(dir string, c Check, want func(seq uint64, record []byte) bool, reveal bool) (*Proof, error) {
	var chosen map[uint64]bool
	c.Each = nil
	if len(c.Identities) > 0 {
		chosen = map[uint64]bool{}
		c.Each = func(e Entry) error {
			if want(e.Seq, e.Record) {
				chosen[e.Seq] = true
			}
			return nil
		}
	}
	found := map[uint64]*ProvenRecord{}
	c.onFrame = func(f *frame, _, before tlog.Hash, mk *key) error {
		if f.kind != kindRecord || chosen == nil && !want(f.seq, nil) || chosen != nil && !chosen[f.seq] {
			return nil
		}
		if len(found) == maxProven {
			return fmt.Errorf("more than %d records are to be proven; ask for fewer", maxProven)
		}
		p := &ProvenRecord{Frame: bytes.Clone(f.raw), Before: before}
		if reveal && mk != nil {
			p.Key = bytes.Clone(mk[:])
		}
		found[f.seq] = p
		return nil
	}
	r, err := Verify(dir, c)
	if err != nil {
		return nil, err
	}
	if !r.OK() {
		return nil, fmt.Errorf("the log has faults, so nothing of it is proven: %s", r.Faults[0])
	}
	if len(found) == 0 {
		return nil, errors.New("no record of the log is the one that was asked for")
	}
	return proveAll(dir, c, r, found)
}

// proveAll hashes the log once more, and keeps what the proofs need.
func proveAll(dir string, c Check, r *Report, found map[uint64]*ProvenRecord) (*Proof, error) {
	size := r.Signed.Size
	nodes := map[span]*frontier{}
	for seq := range found {
		if seq >= size {
			return nil, fmt.Errorf("record %d is not covered by a checkpoint yet; try again in a moment", seq)
		}
		for _, s := range proofSpans(seq, size) {
			nodes[s] = &frontier{}
		}
	}
	again := Check{Enrolment: c.Enrolment, From: c.From, onFrame: func(f *frame, leaf, _ tlog.Hash, _ *key) error {
		for s, node := range nodes {
			if s.lo <= f.seq && f.seq < s.hi {
				node.add(leaf)
			}
		}
		return nil
	}}
	if _, err := Verify(dir, again); err != nil {
		return nil, err
	}
	p := &Proof{Format: bundle, Enrolment: string(r.Enrolment.raw)}
	for seq := range size {
		record := found[seq]
		if record == nil {
			continue
		}
		var b strings.Builder
		fmt.Fprintf(&b, "%s\nindex %d\n", proofFormat, seq)
		for _, s := range proofSpans(seq, size) {
			if nodes[s].size != s.hi-s.lo {
				return nil, fmt.Errorf("the proof of record %d needs entries that are not here; have all segments at hand", seq)
			}
			root := nodes[s].root()
			fmt.Fprintln(&b, base64.StdEncoding.EncodeToString(root[:]))
		}
		fmt.Fprintf(&b, "\n%s", r.Note)
		record.Proof = b.String()
		p.Records = append(p.Records, *record)
	}
	return p, nil
}

// CheckProof verifies a proof against the enrolment that the third party has
// from elsewhere, nil = the one in the proof, and calls each with what is
// proven; Record is nil where the proof does not reveal it.
func CheckProof(text []byte, known *Enrolment, each func(Entry) error) (*Enrolment, error) {
	if len(text) > maxProof {
		return nil, fmt.Errorf("a proof of %d bytes is too long", len(text))
	}
	var p Proof
	if err := strictJSON(text, &p); err != nil {
		return nil, fmt.Errorf("proof: %w", err)
	}
	if p.Format != bundle {
		return nil, fmt.Errorf("proof: its format is %q; this program knows %q", p.Format, bundle)
	}
	e, err := ParseEnrolment([]byte(p.Enrolment))
	if err != nil {
		return nil, fmt.Errorf("proof: %w", err)
	}
	if known != nil {
		if known.Origin() != e.Origin() {
			return nil, fmt.Errorf("the proof is of the log of %s, not of %s", e.Origin(), known.Origin())
		}
		e = known
	}
	if len(p.Records) == 0 {
		return nil, errors.New("the proof proves nothing")
	}
	for i := range p.Records {
		entry, err := p.Records[i].check(e)
		if err != nil {
			return nil, fmt.Errorf("record %d of the proof: %w", i+1, err)
		}
		if err := each(entry); err != nil {
			return nil, err
		}
	}
	return e, nil
}

func (p *ProvenRecord) check(e *Enrolment) (Entry, error) {
	f, err := newFrames(bytes.NewReader(p.Frame)).next()
	if err != nil || len(f.raw) != len(p.Frame) || f.kind != kindRecord {
		return Entry{}, errors.New("it is no whole frame of a record")
	}
	index, hashes, signed, err := parseProof(p.Proof)
	if err != nil {
		return Entry{}, err
	}
	keys, err := e.verifiers()
	if err != nil {
		return Entry{}, err
	}
	c, err := openCheckpoint([]byte(signed), keys)
	if err != nil {
		return Entry{}, err
	}
	if c.Origin != e.Origin() || index != f.seq || index >= c.Size {
		return Entry{}, errors.New("the proof is about another entry, or another log")
	}
	if err := tlog.CheckRecord(hashes, int64(c.Size), c.Root, int64(index), f.leaf()); err != nil {
		return Entry{}, errors.New("the hashes do not lead from the record to the signed root")
	}
	entry := Entry{Seq: f.seq}
	if p.Key == nil {
		return entry, nil
	}
	if len(p.Key) != keyBytes {
		return Entry{}, errors.New("its key has a wrong length")
	}
	entry.Record, err = openRecord(nil, key(p.Key), &f, p.Before)
	return entry, err
}

// parseProof reads a C2SP tlog-proof. An extra line is refused: none is ever
// written here.
func parseProof(text string) (index uint64, hashes []tlog.Hash, signed string, err error) {
	head, signed, ok := strings.Cut(text, "\n\n")
	lines := strings.Split(head, "\n")
	if !ok || len(lines) < 2 || lines[0] != proofFormat || !strings.HasPrefix(lines[1], "index ") {
		return 0, nil, "", fmt.Errorf("it does not begin like a %s", proofFormat)
	}
	number := strings.TrimPrefix(lines[1], "index ")
	if index, err = strconv.ParseUint(number, 10, 62); err != nil || strconv.FormatUint(index, 10) != number {
		return 0, nil, "", fmt.Errorf("%q is no index", number)
	}
	if len(lines) > 2+63 {
		return 0, nil, "", errors.New("it has more hashes than a tree has levels")
	}
	for _, line := range lines[2:] {
		b, err := base64.StdEncoding.Strict().DecodeString(line)
		if err != nil || len(b) != tlog.HashSize || base64.StdEncoding.EncodeToString(b) != line {
			return 0, nil, "", fmt.Errorf("%q is no hash", line)
		}
		hashes = append(hashes, tlog.Hash(b))
	}
	return index, hashes, signed, nil
}
