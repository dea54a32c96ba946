package main

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"skerry/embed/starter/corpus"
	"skerry/embed/starter/paper"
	"skerry/embed/starter/tokenizer"
)

// TestRecordsCanBeReadBack: the file is a sequence of records whose numbers
// agree with each other, and does not depend on how many jobs wrote it.
func TestRecordsCanBeReadBack(t *testing.T) {
	var files [2][]byte
	for i, jobs := range []int{1, 3} {
		name := filepath.Join(t.TempDir(), "train.rec")
		s := settings{seed: 2, split: paper.Train, n: 600, short: .3, jobs: jobs}
		if err := s.write(name); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		files[i] = data
	}
	if !slices.Equal(files[0], files[1]) {
		t.Error("three jobs write another file than one")
	}
	var u []uint16
	for b := range slices.Chunk(files[0], 2) {
		u = append(u, binary.LittleEndian.Uint16(b))
	}
	records := 0
	for len(u) > 0 {
		n, prompt, group, spans := int(u[0]), int(u[1]), u[2], int(u[3])
		if n > corpus.ContextTokens || prompt >= n || group > 3 || spans == 0 || len(u) < 4+3*spans+n {
			t.Fatalf("record %d begins %v", records, u[:4])
		}
		for s := range slices.Chunk(u[4:4+3*spans], 3) {
			if int(s[0]) >= len(corpus.FieldNames) || int(s[1]) < prompt || s[2] <= s[1] || int(s[2]) > n {
				t.Fatalf("record %d has the span %v in %d to %d", records, s, prompt, n)
			}
		}
		tokens := u[4+3*spans : 4+3*spans+n]
		if tokens[0] != tokenizer.TurnStart || tokens[n-1] != tokenizer.TurnEnd {
			t.Fatalf("record %d is no conversation", records)
		}
		u = u[4+3*spans+n:]
		records++
	}
	if records < 550 {
		t.Errorf("%d records of 600 examples", records)
	}
}
