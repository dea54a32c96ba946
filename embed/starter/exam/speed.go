package main

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"skerry/appliance/llm"
)

// pace is how fast a model works through short documents.
type pace struct {
	Documents          int     `json:"documents"`
	InFlight           int     `json:"inFlight"`
	Children           int     `json:"children"`
	DocumentTokens     int     `json:"documentTokens"` // mean
	Fields             int     `json:"fields"`         // of each document
	DocumentsPerSecond float64 `json:"documentsPerSecond"`
	LoadMillis         float64 `json:"loadMillis"` // start to ready, the file in the page cache
}

const (
	paceTokens = 200 // of a document
	paceFields = 6
	paceCalls  = 2 // in flight
)

// short chooses documents of about paceTokens tokens and cuts the question to
// paceFields fields.
func (e *examinee) short(ctx context.Context, questions []question, n int) ([]question, int, error) {
	type sized struct {
		q      question
		tokens int
	}
	var all []sized
	for _, q := range questions {
		var plain []llm.Field
		for _, f := range q.Prompt.Fields {
			if f.Type != llm.TypeList {
				plain = append(plain, f)
			}
		}
		if len(plain) < paceFields {
			continue
		}
		q.Prompt.Fields = plain[:paceFields]
		ids, err := e.children[0].Tokenize(ctx, e.model.ID, q.Prompt.Text)
		if err != nil {
			return nil, 0, err
		}
		all = append(all, sized{q, len(ids)})
	}
	far := func(s sized) int { return max(s.tokens-paceTokens, paceTokens-s.tokens) }
	slices.SortFunc(all, func(a, b sized) int { return far(a) - far(b) })
	all = all[:min(n, len(all))]
	if len(all) == 0 {
		return nil, 0, errors.New("no document has enough fields to measure speed with")
	}
	var list []question
	sum := 0
	for _, s := range all {
		list = append(list, s.q)
		sum += s.tokens
	}
	return list, sum / len(all), nil
}

// paceFrom is how many clean questions the short ones are chosen from.
const paceFrom = 400

// pace measures with paceCalls calls in flight over all children, for at least
// the given time, after a round that warms up.
func (e *examinee) pace(ctx context.Context, seed uint64, least time.Duration) (pace, error) {
	questions, err := held(seed, "clean", paceFrom)
	if err != nil {
		return pace{}, err
	}
	list, tokens, err := e.short(ctx, questions, 20)
	if err != nil {
		return pace{}, err
	}
	p := pace{InFlight: paceCalls, Children: len(e.children), DocumentTokens: tokens, Fields: paceFields, LoadMillis: float64(e.load.Microseconds()) / 1e3}
	var mu sync.Mutex // guards done and failed
	var failed error
	done := 0
	round := func(until func() bool) {
		var wg sync.WaitGroup
		for w := range paceCalls {
			wg.Go(func() {
				for i := w; until(); i++ {
					r := e.ask(ctx, w%len(e.children), list[i%len(list)])
					mu.Lock()
					done, failed = done+1, errors.Join(failed, r.err)
					mu.Unlock()
					if r.err != nil {
						return
					}
				}
			})
		}
		wg.Wait()
	}
	warm := time.Now()
	round(func() bool { return time.Since(warm) < least/10 })
	done = 0
	began := time.Now()
	round(func() bool { return time.Since(began) < least })
	p.Documents = done
	p.DocumentsPerSecond = float64(done) / time.Since(began).Seconds()
	return p, failed
}
