// Package corpus puts questions about documents of package paper: fields to
// extract, lists to read, labels to choose from, each with the one right
// answer. It is what the starter models learn from and are examined on. Start
// with [Make]; [Encoder] writes an example as tokens.
package corpus

import (
	"encoding/json"
	"math/rand/v2"
	"strings"

	"skerry/appliance/llm"
	"skerry/embed/starter/paper"
)

// Unseen is the split of fields that training never asked for: extras of
// concepts that are held out, and known facts under names that are. Its
// documents are those of the splits Clean and Noisy.
const Unseen paper.Split = "unseen"

// Splits are all splits.
var Splits = []paper.Split{paper.Train, paper.Calibration, paper.Clean, paper.Noisy, paper.Page, Unseen}

// Group is the kind of work that an example is.
type Group uint8

// Groups, by the numbers that training records use.
const (
	Extract  Group = 0 // single fields
	Lists    Group = 1 // a list of objects, perhaps among single fields
	Classify Group = 2
	Chat     Group = 3 // what the models cannot do, and say so
)

// Example is a question and its answer.
type Example struct {
	Split    paper.Split
	Seed     uint64
	Index    int
	Group    Group
	Topic    string // of a classification: kind, language, terms, addressee, total, or the topic of a clause
	Document paper.Document
	Prompt   llm.Prompt    // empty in the group Chat
	Messages []llm.Message // only in the group Chat
	Answer   string        // compact JSON; a sentence in the group Chat
	Targets  []Target      // the values in the answer, in its order
}

// Values returns the right answer by field, "label" of a classification. What a
// value is answered under is a matter of the dialect; its place is not.
func (e Example) Values() (map[string]json.RawMessage, error) {
	d := json.NewDecoder(strings.NewReader(e.Answer))
	if _, err := d.Token(); err != nil {
		return nil, err
	}
	names := []string{"label"}
	if e.Group != Classify {
		names = names[:0]
		for _, f := range e.Prompt.Fields {
			names = append(names, f.Name)
		}
	}
	values := map[string]json.RawMessage{}
	for _, name := range names {
		if _, err := d.Token(); err != nil { // the key
			return nil, err
		}
		var v json.RawMessage
		if err := d.Decode(&v); err != nil {
			return nil, err
		}
		values[name] = v
	}
	return values, nil
}

// Target is a value of an answer.
type Target struct {
	Name      string // as asked; of a cell "list.key"
	Canonical string // paper's name, "extra", "items.quantity" …, the topic of a clause, "label"
	Concept   string // of an extra: the concept that it is
	Type      llm.FieldType
	JSON      string // as in the answer
	Row       int    // of a cell: its row, from 1; 0 = no cell
	Absent    bool   // the document does not say it, and the answer is null
	Seen      bool   // training asks for it by this name
	Opaque    bool   // the name says nothing; the description does
	Described bool   // there is a description
	Start     int    // Answer[Start:End] is JSON
	End       int
}

// Option changes what Make draws.
type Option struct {
	// Short draws a short document and asks few fields: for the beginning of
	// training, when copying is learnt.
	Short bool
}

// Make returns example i of a split. Equal arguments give equal examples. In
// the split Page the document has no text yet: read it and use [Ask].
func Make(seed uint64, split paper.Split, i int, opt Option) Example {
	return Ask(seed, split, i, opt, Draw(seed, split, i, opt))
}

// Draw returns the document that example i of a split is about.
func Draw(seed uint64, split paper.Split, i int, opt Option) paper.Document {
	from := split
	if split == Unseen {
		from = []paper.Split{paper.Clean, paper.Noisy}[i%2]
	}
	if opt.Short {
		return paper.Short(seed, from, i)
	}
	return paper.Make(seed, from, i)
}

// Ask returns example i of a split about a document that is there already.
func Ask(seed uint64, split paper.Split, i int, opt Option, d paper.Document) Example {
	r := rand.New(rand.NewPCG(seed*0x9e3779b97f4a7c15, uint64(i)*0xbf58476d1ce4e5b9+hashOf(split)))
	a := &asker{r: r, split: split, e: Example{Split: split, Seed: seed, Index: i, Document: d}, short: opt.Short, unclear: map[string]bool{}}
	a.d = &a.e.Document
	a.disturb()
	for _, name := range a.d.Unclear {
		a.unclear[name] = true
	}
	_, a.partPaid = a.d.Facts["amount_paid"]
	a.lower = strings.ToLower(a.d.Text)
	kind := r.Float64()
	switch {
	case split == Unseen:
		kind = 0
	case split == paper.Page:
		kind *= .98 // nobody chats about pages
	}
	switch {
	case kind < .67:
		a.fields()
	case kind < .85: // some documents have no list to ask for, and give fields
		a.list()
	case kind < .98:
		a.classify()
	default:
		a.chat()
	}
	return a.e
}

// hashOf is FNV-1a.
func hashOf(s paper.Split) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return h
}

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

func chance(r *rand.Rand, p float64) bool { return r.Float64() < p }

// weighted returns an index, drawn with the given weights.
func weighted(r *rand.Rand, weights ...float64) int {
	sum := 0.0
	for _, w := range weights {
		sum += w
	}
	x := r.Float64() * sum
	for i, w := range weights {
		if x -= w; x < 0 {
			return i
		}
	}
	return len(weights) - 1
}

func shuffle[T any](r *rand.Rand, s []T) {
	r.Shuffle(len(s), func(i, j int) { s[i], s[j] = s[j], s[i] })
}
