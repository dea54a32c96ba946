package corpus

import (
	"fmt"
	"strings"
	"sync"

	"skerry/appliance/llm"
	"skerry/embed/starter/paper"
)

// labelled describes a value by the label that stands beside it.
var labelled = phrases{
	seen: []phrase{
		{text: "%s"}, {text: "the value labelled %q"}, {text: "what stands next to %q"}, {text: "content of the field %q"}, {text: "value of %q"},
		{text: "Wert neben „%s“"}, {text: "was bei „%s“ steht"}, {text: "Angabe zu „%s“"}, {text: "printed after %q"},
	},
	held: []phrase{{text: "whatever the document gives as %q"}, {text: "Eintrag unter „%s“"}},
}

// askExtra asks for a labelled value; absent if the document does not have it.
func (a *asker) askExtra(x paper.Extra, order int, absent bool) {
	q := question{order: order, target: Target{Canonical: "extra", Concept: x.Concept, JSON: x.Fact.JSON, Absent: absent, Seen: a.split != Unseen}}
	if absent {
		q.target.JSON = "null"
	}
	q.field = llm.Field{Name: a.spell(a.vary(x.Name)), Type: fieldType(x.Fact.Type)}
	about := x.About
	if x.Label != "" && (about == "" || chance(a.r, .3)) {
		forms := labelled.seen
		if a.split == Unseen {
			forms = labelled.held
		}
		form := pick(a.r, forms).text
		about = fmt.Sprintf(form, x.Label)
	}
	opaque := max(a.opaque, .2)
	if plain := plainName(x.Name); canonicalNames[plain] || heldNames[plain] { // alone it would ask for something else
		opaque = 1
		if about == "" {
			return
		}
	}
	switch {
	case about != "" && chance(a.r, opaque):
		q.field.Name, q.field.About, q.target.Opaque = a.opaqueName(), about, true
	case about != "" && chance(a.r, .35):
		q.field.About = about
	}
	q.field.About = a.varyAbout(q.field.About)
	a.add(q)
}

// poolSize is how many documents are looked through for extras that another
// document does not have.
const poolSize = 400

// poolSeed makes the documents of the pools, whatever the seed of an example.
const poolSeed = 1 << 40

// pools are the extras of each split, by concept.
var pools = struct {
	sync.Mutex // guards m
	m          map[paper.Split][]paper.Extra
}{m: map[paper.Split][]paper.Extra{}}

func poolOf(split paper.Split) []paper.Extra {
	if split == Unseen || split == paper.Page {
		split = paper.Clean // pages are slow to make
	}
	pools.Lock()
	defer pools.Unlock()
	if p, ok := pools.m[split]; ok {
		return p
	}
	known := map[string]bool{}
	var all []paper.Extra
	for i := range poolSize {
		for _, x := range paper.Make(poolSeed, split, i).Extras {
			if !known[x.Name] {
				known[x.Name] = true
				all = append(all, x)
			}
		}
	}
	pools.m[split] = all
	return all
}

// absentExtra returns an extra that the document has nothing like.
func (a *asker) absentExtra() (paper.Extra, bool) {
	pool := poolOf(a.split)
	if len(pool) == 0 {
		return paper.Extra{}, false
	}
	for range 8 {
		x := pick(a.r, pool)
		if a.may(x.Concept) && !a.like(x) {
			return x, true
		}
	}
	return paper.Extra{}, false
}

// general are words that say nothing about what a value is.
var general = map[string]bool{"number": true, "nummer": true, "date": true, "datum": true, "name": true, "code": true, "total": true, "value": true, "time": true, "from": true, "with": true, "this": true, "that": true, "document": true}

// like reports whether the document has something that could be taken for x.
func (a *asker) like(x paper.Extra) bool {
	if x.Label != "" && strings.Contains(a.lower, strings.ToLower(x.Label)) {
		return true
	}
	words := func(s string) []string {
		return strings.FieldsFunc(strings.ToLower(s), func(r rune) bool { return r < 'a' && (r < '0' || r > '9') || r == '_' })
	}
	mine := map[string]bool{}
	for _, w := range words(x.Name + " " + x.Concept) {
		if len(w) >= 4 && !general[w] {
			mine[w] = true
			if len(w) >= 5 && strings.Contains(a.lower, w) {
				return true
			}
		}
	}
	for name := range a.d.Facts {
		for _, w := range words(name + " " + string(a.d.Kind)) {
			if mine[w] {
				return true
			}
		}
	}
	for _, y := range a.d.Extras {
		if y.Concept == x.Concept {
			return true
		}
		for _, w := range words(y.Name + " " + y.Concept + " " + y.Label) {
			if mine[w] {
				return true
			}
		}
	}
	return false
}
