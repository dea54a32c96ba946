package main

import (
	"fmt"
	"slices"
	"time"

	"skerry/embed/starter/corpus"
	"skerry/embed/starter/paper"
)

// stats says what a file of records holds.
type stats struct {
	long       int // left out because they do not fit
	unreadable int // left out because the right answer would be refused
	prompt     int // tokens of questions
	answer     int // tokens of answers
	lengths    []int
	groups     [4]int
	kinds      map[paper.Kind]int
	fields     int // single fields asked for
	absent     int // of them: answered null
	opaque     int // of them: with a name that says nothing
	described  int
	cells      int
}

func (s *stats) count(x corpus.Example, r corpus.Record) {
	s.prompt += r.Prompt
	s.answer += len(r.Tokens) - r.Prompt
	s.lengths = append(s.lengths, len(r.Tokens))
	s.groups[x.Group]++
	if s.kinds == nil {
		s.kinds = map[paper.Kind]int{}
	}
	s.kinds[x.Document.Kind]++
	for _, t := range x.Targets {
		switch {
		case x.Group > corpus.Lists:
		case t.Row > 0:
			s.cells++
		default:
			s.fields++
			s.absent += one(t.Absent)
			s.opaque += one(t.Opaque)
			s.described += one(t.Described)
		}
	}
}

func one(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (s *stats) add(t stats) {
	s.long += t.long
	s.unreadable += t.unreadable
	s.prompt += t.prompt
	s.answer += t.answer
	s.lengths = append(s.lengths, t.lengths...)
	for i := range s.groups {
		s.groups[i] += t.groups[i]
	}
	if s.kinds == nil {
		s.kinds = map[paper.Kind]int{}
	}
	for k, n := range t.kinds {
		s.kinds[k] += n
	}
	s.fields += t.fields
	s.absent += t.absent
	s.opaque += t.opaque
	s.described += t.described
	s.cells += t.cells
}

func (s *stats) print(took time.Duration) {
	n := len(s.lengths)
	if n == 0 {
		fmt.Printf("no records; %d examples were too long\n", s.long)
		return
	}
	slices.Sort(s.lengths)
	at := func(share float64) int { return s.lengths[min(int(share*float64(n)), n-1)] }
	tokens := s.prompt + s.answer
	fmt.Printf("%d records, %d left out as longer than %d tokens, %d because a value in the document was damaged\n", n, s.long, corpus.ContextTokens, s.unreadable)
	fmt.Printf("%d tokens, %d of them answers; %.0f a record (questions %.0f, answers %.0f); 5 %% %d, half %d, 95 %% %d, longest %d\n",
		tokens, s.answer, float64(tokens)/float64(n), float64(s.prompt)/float64(n), float64(s.answer)/float64(n), at(.05), at(.5), at(.95), s.lengths[n-1])
	fmt.Printf("extract %d, lists %d, classify %d, chat %d; documents %v\n", s.groups[0], s.groups[1], s.groups[2], s.groups[3], s.kinds)
	share := func(k int) float64 { return 100 * float64(k) / float64(max(s.fields, 1)) }
	fmt.Printf("%d fields: %.1f %% absent, %.1f %% described, %.1f %% with a name that says nothing; %d cells of lists\n", s.fields, share(s.absent), share(s.described), share(s.opaque), s.cells)
	fmt.Printf("%.0f tokens/s\n", float64(tokens)/took.Seconds())
}
