// Command records writes what the starter models learn from: examples of
// package corpus as token records.
//
//	records -seed 1 -split train -n 60000 -out train.rec
//	records -show 20
//	records -fields fields.txt
package main

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"skerry/embed/starter/corpus"
	"skerry/embed/starter/paper"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "records:", err)
		os.Exit(1)
	}
}

type settings struct {
	seed  uint64
	split paper.Split
	from  int
	n     int
	short float64
	asks  int
	jobs  int
}

func run() error {
	var s settings
	flag.Uint64Var(&s.seed, "seed", 1, "seed of the examples")
	split := flag.String("split", "train", "train, calibration, clean, noisy, page or unseen")
	flag.IntVar(&s.from, "from", 0, "index of the first example")
	flag.IntVar(&s.n, "n", 1000, "number of examples")
	out := flag.String("out", "", "file to write records to")
	flag.Float64Var(&s.short, "short", 0, "share of short examples, 0 to 1")
	flag.IntVar(&s.asks, "asks", 1, "examples about each document, one after the other: the trainer reads what they share once")
	flag.IntVar(&s.jobs, "jobs", 1, "how many work at the same time")
	show := flag.Int("show", 0, "print this many examples instead")
	fields := flag.String("fields", "", "file to write the names of the fields in spans to, one a line")
	flag.Parse()
	s.split = paper.Split(*split)
	switch {
	case flag.NArg() > 0:
		return fmt.Errorf("there is something after the flags: %v", flag.Args())
	case !slices.Contains(corpus.Splits, s.split):
		return fmt.Errorf("there is no split %q; splits are %v", *split, corpus.Splits)
	case s.n < 0 || s.from < 0 || s.jobs < 1 || s.asks < 1 || s.short < 0 || s.short > 1:
		return errors.New("-n and -from cannot be negative, -jobs and -asks are at least 1 and -short a share from 0 to 1")
	}
	if *fields != "" {
		if err := os.WriteFile(*fields, []byte(strings.Join(corpus.FieldNames, "\n")+"\n"), 0o644); err != nil {
			return err
		}
	}
	if *show > 0 {
		s.n = *show
		return s.show()
	}
	if *out == "" {
		if *fields != "" {
			return nil
		}
		return errors.New("say with -out where the records go, or use -show")
	}
	return s.write(*out)
}

// example makes the i-th example; the same whatever the number of jobs.
func (s settings) example(i int) corpus.Example {
	const golden = 0.6180339887498949 // spreads the short ones evenly
	asks := max(s.asks, 1)
	document, ask := i/asks, i%asks
	at := float64(document+1) * golden
	opt := corpus.Option{Short: at-float64(int(at)) < s.short}
	return corpus.Ask(s.seed+uint64(ask)*1_000_003, s.split, document, opt, corpus.Draw(s.seed, s.split, document, opt))
}

func (s settings) show() error {
	e, err := corpus.NewEncoder()
	if err != nil {
		return err
	}
	for i := s.from; i < s.from+s.n; i++ {
		x := s.example(i)
		messages, err := e.Messages(x)
		if err != nil {
			return fmt.Errorf("example %d: %w", i, err)
		}
		prompt, err := e.Prompt(messages)
		if err != nil {
			return fmt.Errorf("example %d: %w", i, err)
		}
		fmt.Printf("===== %s %d: %s %s, layout %s, noise %.2f, unclear %v\n%s%s\n", s.split, i, x.Document.Kind, x.Document.Language, x.Document.Layout, x.Document.Noise, x.Document.Unclear,
			e.Tokenizer().Decode(prompt), x.Answer)
	}
	return nil
}

// batch is how many examples one job makes at a time.
const batch = 256

// write writes the records in the order of their examples.
func (s settings) write(name string) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 1<<20)
	var total stats
	start := time.Now()
	for first := 0; first < s.n; first += batch * s.jobs {
		parts := make([]part, s.jobs)
		var wait sync.WaitGroup
		for j := range parts {
			low := min(first+j*batch, s.n)
			high := min(low+batch, s.n)
			wait.Go(func() { parts[j] = s.part(s.from+low, s.from+high) })
		}
		wait.Wait()
		for _, p := range parts {
			if p.err != nil {
				return errors.Join(p.err, f.Close())
			}
			if _, err := w.Write(p.data); err != nil {
				return errors.Join(err, f.Close())
			}
			total.add(p.stats)
		}
	}
	if err := errors.Join(w.Flush(), f.Close()); err != nil {
		return err
	}
	total.print(time.Since(start))
	return nil
}

// part is what one job has made.
type part struct {
	data  []byte
	stats stats
	err   error
}

var encoders = sync.Pool{New: func() any {
	e, err := corpus.NewEncoder()
	if err != nil {
		return err
	}
	return e
}}

func (s settings) part(low, high int) (p part) {
	got := encoders.Get()
	defer encoders.Put(got)
	e, ok := got.(*corpus.Encoder)
	if !ok {
		p.err = got.(error)
		return p
	}
	for i := low; i < high; i++ {
		x := s.example(i)
		if err := e.Check(x); errors.Is(err, corpus.ErrUnreadable) {
			p.stats.unreadable++
			continue
		}
		r, err := e.Encode(x)
		if errors.Is(err, corpus.ErrTooLong) {
			p.stats.long++
			continue
		}
		if err == nil {
			p.data, err = r.AppendBinary(p.data)
		}
		if err != nil {
			p.err = fmt.Errorf("example %d of seed %d, split %s: %w", i, s.seed, s.split, err)
			return p
		}
		p.stats.count(x, r)
	}
	return p
}
