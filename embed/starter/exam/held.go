package main

import (
	"fmt"
	"strings"

	"skerry/appliance/document"
	"skerry/embed/starter/corpus"
	"skerry/embed/starter/paper"
)

// held returns n held-out questions. Single fields come from the split of that
// name; lists and classifications are those about clean and noisy documents.
func held(seed uint64, split string, n int) ([]question, error) {
	var list []question
	take := func(from paper.Split, want func(corpus.Group) bool, n int) error {
		for i := 0; n > 0; i++ {
			e := corpus.Make(seed, from, i, corpus.Option{})
			if !want(e.Group) {
				continue
			}
			q, err := questionOf(split, e)
			if err != nil {
				return fmt.Errorf("example %d of %s: %w", i, from, err)
			}
			list = append(list, q)
			n--
		}
		return nil
	}
	group := func(g corpus.Group) func(corpus.Group) bool {
		return func(other corpus.Group) bool { return g == other }
	}
	var err error
	switch split {
	case listsSplit, classifySplit:
		g := group(corpus.Lists)
		if split == classifySplit {
			g = group(corpus.Classify)
		}
		if err = take(paper.Clean, g, (n+1)/2); err == nil {
			err = take(paper.Noisy, g, n/2)
		}
	case calibrationSplit:
		// The mix of the reported splits: four of single fields, one of lists, one
		// of labels. The threshold depends on it, and so do curves on its numbers.
		for _, g := range []corpus.Group{corpus.Lists, corpus.Classify} {
			if err == nil {
				err = take(paper.Calibration, group(g), n/6)
			}
		}
		if err == nil {
			err = take(paper.Calibration, group(corpus.Extract), n-2*(n/6))
		}
	case string(paper.Clean), string(paper.Noisy), string(paper.Page), string(corpus.Unseen):
		err = take(paper.Split(split), group(corpus.Extract), n)
	default:
		err = fmt.Errorf("there is no such split; splits are clean, noisy, page, unseen, lists, classify, chat")
	}
	return list, err
}

// questionOf turns an example into a question.
func questionOf(split string, e corpus.Example) (question, error) {
	d := e.Document
	q := question{
		Split: split, Document: e.Index, Kind: string(d.Kind), Language: d.Language, Layout: d.Layout, Noise: d.Noise,
		Prompt: e.Prompt, About: map[string]fieldNote{},
	}
	if e.Group == corpus.Classify {
		q.Task = e.Topic
	}
	if len(d.PDF) > 0 {
		// A page reaches a model as the appliance's reader sees it, not as it
		// was set.
		read, err := document.Read("page.pdf", d.PDF, document.Limits{})
		if err != nil {
			return q, err
		}
		q.Prompt.Text = read.Text
	}
	var err error
	if q.Want, err = e.Values(); err != nil {
		return q, fmt.Errorf("the answer %q is no JSON object: %w", e.Answer, err)
	}
	for _, t := range e.Targets {
		if _, known := q.About[t.Name]; t.Row > 0 || known {
			continue
		}
		q.About[t.Name] = fieldNote{Canonical: t.Canonical, Unseen: !t.Seen}
	}
	for _, f := range q.fields() {
		if _, ok := q.Want[f.Name]; !ok {
			return q, fmt.Errorf("the answer %s lacks %s", e.Answer, f.Name)
		}
		if _, ok := q.About[f.Name]; !ok { // a list is known by its cells
			for _, t := range e.Targets {
				if strings.HasPrefix(t.Name, f.Name+".") {
					base, _, _ := strings.Cut(t.Canonical, ".")
					q.About[f.Name] = fieldNote{Canonical: base, Unseen: q.About[f.Name].Unseen || !t.Seen}
				}
			}
		}
	}
	return q, nil
}
