package audit

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// TestProve: a third party checks a proof with the enrolment alone, and reads
// of the log what is revealed and nothing else. x/mod's tlog, which had no part
// in making it, checks the hashes.
func TestProve(t *testing.T) {
	s, _ := seenLog(t)
	want := func(_ uint64, record []byte) bool { return strings.Contains(string(record), `"object":"3"`) }
	p, err := Prove(s.dir, Check{Enrolment: s.enrolment, Identities: s.identities[:1]}, want, true)
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Records) != 3 { // one in each segment
		t.Fatalf("%d records are proven, want 3", len(p.Records))
	}
	text, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	check := func(text []byte) error {
		_, err := CheckProof(text, s.enrolment, func(e Entry) error {
			n++
			if !want(0, e.Record) {
				t.Errorf("proves %s", e.Record)
			}
			return nil
		})
		return err
	}
	if err := check(text); err != nil || n != 3 {
		t.Fatalf("%d records, %v", n, err)
	}
	for name, spoil := range map[string]func(p *Proof){
		"another frame":      func(p *Proof) { p.Records[0].Frame = p.Records[1].Frame },
		"another key":        func(p *Proof) { p.Records[0].Key = p.Records[1].Key },
		"another leaf":       func(p *Proof) { p.Records[0].Before[3]++ },
		"another place":      func(p *Proof) { p.Records[0].Proof = p.Records[1].Proof },
		"a byte of a frame":  func(p *Proof) { p.Records[0].Frame[40] ^= 1 },
		"a byte of the note": func(p *Proof) { p.Records[0].Proof = strings.Replace(p.Records[0].Proof, "\n— ", "\n— x", 1) },
		"no record":          func(p *Proof) { p.Records = nil },
	} {
		var forged Proof
		if err := json.Unmarshal(text, &forged); err != nil {
			t.Fatal(err)
		}
		spoil(&forged)
		b, err := json.Marshal(forged)
		if err != nil {
			t.Fatal(err)
		}
		if err := check(b); err == nil {
			t.Errorf("%s: the proof is still valid", name)
		}
	}
	other, _ := seenLog(t)
	if _, err := CheckProof(text, other.enrolment, func(Entry) error { return nil }); err == nil {
		t.Error("it proves something about another log")
	}
	if _, err := Prove(s.dir, Check{}, func(uint64, []byte) bool { return false }, false); err == nil {
		t.Error("nothing was proven without an error")
	}
}

// TestCosign: a witness signs what it has checked, and the log must lead there
// from then on.
func TestCosign(t *testing.T) {
	s, _ := seenLog(t)
	w, err := NewWitness("laptop")
	if err != nil {
		t.Fatal(err)
	}
	signed, err := w.Cosign(s.verify(t, Check{}), time.Unix(1_800_000_000, 0))
	if err != nil {
		t.Fatal(err)
	}
	seen, err := ParseSeen(signed, s.enrolment, w.Key())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ParseSeen(bytes.Replace(signed, []byte("laptop"), []byte("loptop"), 1), s.enrolment, w.Key()); err == nil {
		t.Error("a checkpoint passes without the witness's signature")
	}
	older := read(t, segmentPath(s.dir, 3))
	l := s.open(t, Options{})
	s.write(t, l, 3)
	s.close(t, l)
	if r := s.verify(t, Check{Seen: []Checkpoint{seen}}); !r.OK() {
		t.Errorf("the log grew: %v", r.Faults)
	}
	if _, err := PutWitnessed(s.dir, signed); err != nil {
		t.Fatal(err)
	}
	if c, _, err := Witnessed(s.dir); err != nil || c != seen {
		t.Errorf("%v %v", c, err)
	}
	write(t, segmentPath(s.dir, 3), older[:len(older)/2])
	if r := s.verify(t, Check{}); r.OK() {
		t.Error("the checkpoint that lies with the log was not looked at")
	}
	if _, err := w.Cosign(s.verify(t, Check{}), time.Now()); err == nil {
		t.Error("a log with faults was cosigned")
	}
}

func TestExport(t *testing.T) {
	e := Entry{Seq: 7, Segment: 2, Record: json.RawMessage(`{"at":"2026-11-28T12:00:00Z","action":"run.decided","outcome":"approve","why":"a=b|c\nd","actor":"ann","class":"confidential","run":"01","sent":"aa"}`)}
	for format, want := range map[string][]string{
		"jsonl": {`{"seq":7,"segment":2,"record":{"at":"2026-11-28T12:00:00Z","action":"run.decided"`},
		"cef":   {"CEF:0|Skerry|Skerry|v1|run.decided|run.decided|3|rt=1795867200000 externalId=7 suid=ann ", `reason=a\=b|c\nd`, "cs3Label=class cs3=confidential", "skerrySent=aa"},
		"ocsf":  {`"class_uid":6003`, `"type_uid":600399`, `"activity_name":"run.decided"`, `"uid":"ann"`},
	} {
		var b bytes.Buffer
		x, err := NewExporter(&b, format, "v1")
		if err != nil {
			t.Fatal(err)
		}
		if err := x.Write(e); err != nil {
			t.Fatal(err)
		}
		if err := x.Close(); err != nil {
			t.Fatal(err)
		}
		for _, w := range want {
			if !strings.Contains(b.String(), w) {
				t.Errorf("%s: got %s, want %s in it", format, b.String(), w)
			}
		}
		if strings.Count(b.String(), "\n") != 1 {
			t.Errorf("%s: an entry takes %d lines", format, strings.Count(b.String(), "\n"))
		}
	}
	if _, err := NewExporter(nil, "xml", ""); err == nil {
		t.Error("there is a format xml")
	}
}
