package paper

import (
	"hash/fnv"
	"math/rand/v2"
)

// rules say what a split may show.
type rules struct {
	newCompanies bool
	newLayouts   float64 // share of documents in layouts that Train never shows
	newLabels    float64 // share of labels in wordings that Train never shows
	newConcepts  bool    // extras that Train never shows, besides the others
	noisy        float64 // share of documents with noise
	noise        [2]float64
}

func rulesOf(s Split) rules {
	switch s {
	case Train:
		return rules{noisy: .25, noise: [2]float64{.02, .08}}
	case Calibration:
		return rules{newCompanies: true, noisy: .25, noise: [2]float64{.02, .08}}
	case Clean:
		return rules{newCompanies: true, newLayouts: .5, newConcepts: true}
	case Noisy:
		return rules{newCompanies: true, newLayouts: .5, newLabels: .5, newConcepts: true, noisy: 1, noise: [2]float64{.03, .08}}
	case Page:
		return rules{newCompanies: true, newConcepts: true}
	}
	panic("unknown split " + string(s))
}

func chooseKind(r *rand.Rand) Kind {
	switch k := r.IntN(100); {
	case k < 45:
		return Invoice
	case k < 53:
		return CreditNote
	case k < 63:
		return Order
	case k < 70:
		return DeliveryNote
	case k < 78:
		return Receipt
	case k < 90:
		return Contract
	}
	return Mail
}

// Source makes the documents of a split one after the other. It is not safe
// for concurrent use; Make is.
type Source struct {
	seed  uint64
	split Split
	next  int
}

// New returns a source that begins with document 0.
func New(seed uint64, split Split) *Source { return &Source{seed: seed, split: split} }

// Next returns the next document.
func (s *Source) Next() Document {
	s.next++
	return Make(s.seed, s.split, s.next-1)
}

// random returns the numbers that the i-th document is made of.
func random(seed uint64, split Split, i int, stream string) *rand.Rand {
	h := fnv.New64a()
	h.Write([]byte(string(split) + "/" + stream))
	return rand.New(rand.NewPCG(seed^h.Sum64(), uint64(i)*0x9e3779b97f4a7c15+h.Sum64()))
}

// Make returns the i-th document of a split. The same arguments always return
// the same document.
func Make(seed uint64, split Split, i int) Document {
	r := random(seed, split, i, "whole")
	d := newDraft(r, split)
	if split == Page {
		return d.page()
	}
	return d.write(false)
}

// Short returns the i-th document of the curriculum: one or two parts of a
// document, too little to tell its kind, from which copying is learnt first.
// Its Unclear holds "kind".
func Short(seed uint64, split Split, i int) Document {
	return newDraft(random(seed, split, i, "short"), split).write(true)
}

// write makes the document's text.
func (d *draft) write(short bool) Document {
	if short && d.lang == "en" && (d.dateLayout == "01/02/2006" || d.dateLayout == "02/01/2006" || d.dateLayout == "02-01-2006") {
		d.dateLayout = "2 January 2006" // no currency may show which country writes
	}
	var blocks []*block
	if short && d.chance(.3) {
		return d.finish([]*block{d.extraBlock()}).unclear("kind")
	}
	switch d.kind {
	case Receipt:
		blocks = d.receipt()
	case Contract:
		blocks = d.contract()
	case Mail:
		blocks = d.mail()
	default:
		blocks = d.trade()
	}
	if short {
		blocks = d.some(blocks)
	}
	doc := d.finish(blocks)
	if short {
		switch d.kind { // whose number and date it is depends on the kind
		case Order:
			doc = doc.unclear("document_number").unclear("document_date").unclear("order_date")
		case DeliveryNote, Contract:
			doc = doc.unclear("document_number")
		}
		return doc.unclear("kind")
	}
	d.unmentioned(&doc)
	return doc
}

// unclear returns the document with one more unclear name.
func (doc Document) unclear(name string) Document {
	doc.Unclear = append(doc.Unclear, name)
	return doc
}

// some returns one or two of the blocks that can be understood alone.
func (d *draft) some(blocks []*block) (few []*block) {
	for _, b := range blocks {
		if b.alone && len(b.lines) > 0 {
			few = append(few, b)
		}
	}
	for want := between(d.r, 1, 2); len(few) > want; {
		i := d.r.IntN(len(few))
		few = append(few[:i], few[i+1:]...)
	}
	return few
}

// unmentioned adds topics that the document says nothing about.
func (d *draft) unmentioned(doc *Document) {
	said := map[string]bool{}
	for _, c := range doc.Clauses {
		said[c.Topic] = true
	}
	if doc.Terms != nil {
		said["penalty"], said["advance_payment"], said["assignment"] = true, true, true // terms may touch them
	}
	topics := append([]string(nil), clauseTopics[d.kind]...)
	shuffle(d.r, topics)
	n := between(d.r, 0, 2)
	for _, t := range topics {
		if n > 0 && !said[t] && !d.said[t] && !(t == "advance_payment" && has(doc, "amount_paid")) {
			doc.Clauses = append(doc.Clauses, Clause{Topic: t})
			n--
		}
	}
}

func has(doc *Document, fact string) bool { _, ok := doc.Facts[fact]; return ok }
