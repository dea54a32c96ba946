package paper

import (
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// segment is a piece of a line. What questions ask for is kept as printed;
// the rest may be damaged. clause counts from 1: the segment is the text of
// that clause of the block, which records how it stands in the document.
type segment struct {
	text   string
	keep   bool
	clause int
}

type line []segment

// plain is a line that noise may damage.
func plain(s string) line { return line{{text: s}} }

// kept is a line that stays as it is.
func kept(s string) line { return line{{text: s, keep: true}} }

// block is a part of a document together with what it states, so that a
// document of some of its blocks is true as well.
type block struct {
	lines   []line
	entries []entry // the labelled values of the lines
	facts   map[string]Fact
	unclear []string
	extras  []Extra
	items   *Items
	terms   *Clause
	clauses []Clause
	// alone says that the block can be understood without the others.
	alone bool
}

func (b *block) state(name string, f Fact) {
	if _, ok := Names[name]; !ok {
		panic("unknown fact " + name)
	}
	if b.facts == nil {
		b.facts = map[string]Fact{}
	}
	b.facts[name] = f
}

func (b *block) add(l ...line) { b.lines = append(b.lines, l...) }

// entry is a labelled value and the fact that it states, if any.
type entry struct {
	label, value string
	name         string
	fact         Fact
	extra        *Extra
	unclear      []string
}

// draft is a document in the making: the choices that hold for all of it.
type draft struct {
	r                  *rand.Rand
	kind               Kind
	lang               string
	split              Split
	rules              rules
	layout             string // of labelled values
	between            string // label and value
	dateLayout         string
	format             string // of numbers
	currency           string
	decimals           int             // of amounts
	money              string          // how an amount is printed: "€1", "1 €", "EUR 1", "1 EUR" or "1"
	used               map[string]bool // wordings of labels, in lower case
	said               map[string]bool // what is stated already: clause topics, "vat", "mail"
	reverse            bool            // the customer owes the tax
	supplier, customer company
	day                time.Time
	items              []item
}

// newDraft decides what the whole document has in common.
func newDraft(r *rand.Rand, split Split) *draft {
	d := &draft{r: r, split: split, rules: rulesOf(split), used: map[string]bool{}, said: map[string]bool{}, decimals: 2}
	d.kind = chooseKind(r)
	d.lang = pick(r, []string{"en", "de"})
	if split == Train && chance(r, .05) && (d.kind == Invoice || d.kind == CreditNote || d.kind == DeliveryNote) {
		d.lang = "fr"
	}
	d.supplier = newCompany(r, d.lang, d.rules.newCompanies)
	d.customer = newCompany(r, d.lang, d.rules.newCompanies)
	d.day = time.Date(between(r, 2018, 2029), time.Month(between(r, 1, 12)), between(r, 1, 28), 0, 0, 0, 0, time.UTC)
	d.currency = pick(r, currencies[d.lang])
	d.format = pick(r, numberFormats[d.lang])
	if d.currency == "CHF" {
		d.format = pick(r, []string{"1'234.56", "1'234.56", "1234.56"})
	}
	if d.currency == "JPY" {
		d.decimals = 0
	}
	d.money = pick(r, []string{"€1", "1 €", "EUR 1", "1 EUR", "1"})
	if _, ok := symbols[d.currency]; !ok && (d.money == "€1" || d.money == "1 €") {
		d.money = pick(r, []string{"EUR 1", "1 EUR"})
	}
	if d.money == "€1" && d.lang != "en" {
		d.money = "1 €"
	}
	d.dateLayout = pick(r, dateLayouts[d.lang])
	if d.lang == "en" && d.money != "1" && d.priced() && chance(r, .3) {
		if l, ok := slashed(r, d.currency); ok {
			d.dateLayout = l
		}
	}
	if d.lang == "de" && chance(r, .02) {
		d.dateLayout = "02.01.06"
	}
	d.between = pick(r, []string{": ", ": ", ": ", " : ", " ", ":", " - "})
	d.layout = chooseLayout(r, d.rules.newLayouts)
	return d
}

// priced says that the kind always shows an amount and with it the currency.
func (d *draft) priced() bool {
	return d.kind == Invoice || d.kind == CreditNote || d.kind == Order || d.kind == Receipt
}

// label returns a wording that the document has not used yet.
func (d *draft) label(name string) string {
	table := labels[d.lang]
	w, ok := table[name+"."+string(d.kind)]
	if !ok {
		w, ok = table[name]
	}
	if !ok {
		panic("no label for " + name + " in " + d.lang)
	}
	for range 12 {
		s := w.choose(d.r, chance(d.r, d.rules.newLabels))
		if key := strings.ToLower(s); !d.used[key] {
			d.used[key] = true
			return vary(d.r, s)
		}
	}
	for _, s := range slices.Concat(w.known, labels[d.lang][name].known) {
		if key := strings.ToLower(s); !d.used[key] {
			d.used[key] = true
			return vary(d.r, s)
		}
	}
	return w.known[len(w.known)-1]
}

func (d *draft) chance(p float64) bool { return chance(d.r, p) }

// say returns one of the sentences of the language. They are parted by "|".
func (d *draft) say(en, de, fr string) string {
	list := map[string]string{"en": en, "de": de, "fr": fr}[d.lang]
	return pick(d.r, strings.Split(list, "|"))
}

func (d *draft) date(t time.Time) string { return writeDate(t, d.dateLayout, d.lang) }

// amount prints c without the currency.
func (d *draft) amount(c cents) string { return c.in(d.format, d.decimals) }

// price prints c the way the document shows its currency.
func (d *draft) price(c cents) string {
	a, symbol := d.amount(c), symbols[d.currency]
	switch d.money {
	case "€1":
		return symbol + a
	case "1 €":
		return a + " " + symbol
	case "EUR 1":
		return d.currency + " " + a
	case "1 EUR":
		return a + " " + d.currency
	}
	return a
}

func (d *draft) numberOf(c cents) Fact { return number(c.literal(d.decimals)) }

// The entries of the five kinds of value.

func (d *draft) textEntry(name, value string) entry {
	return entry{label: d.label(name), value: value, name: name, fact: text(value)}
}

func (d *draft) dateEntry(name string, t time.Time) entry {
	return entry{label: d.label(name), value: d.date(t), name: name, fact: date(t)}
}

func (d *draft) priceEntry(name string, c cents) entry {
	return entry{label: d.label(name), value: d.price(c), name: name, fact: d.numberOf(c)}
}

// spacedEntry prints a value in another spacing than it is asked for.
func (d *draft) spacedEntry(name, printed, value string) entry {
	return entry{label: d.label(name), value: printed, name: name, fact: text(value)}
}

func (d *draft) distractor(label, value string) entry {
	return entry{label: d.label(label), value: value}
}

// put sets entries in a layout and states their facts.
func (d *draft) put(b *block, layout string, entries ...entry) {
	b.add(setEntries(d.r, entries, layout, d.between)...)
	b.entries = append(b.entries, entries...)
	for _, e := range entries {
		if e.name != "" {
			b.state(e.name, e.fact)
		}
		if e.extra != nil {
			b.extras = append(b.extras, *e.extra)
		}
		b.unclear = append(b.unclear, e.unclear...)
	}
}

// addClause sets a clause as a line of prose.
func (b *block) addClause(topic string, c clauseText, before string) {
	b.clauses = append(b.clauses, Clause{Topic: topic, Text: c.wording, Holds: c.yes, Stated: true})
	b.add(line{{text: before}, {text: c.wording, clause: len(b.clauses)}})
}

// finish sets the blocks below each other and gathers what they state.
func (d *draft) finish(blocks []*block) Document {
	doc := Document{Kind: d.kind, Language: d.lang, Layout: d.layout, Facts: map[string]Fact{}}
	if d.chance(d.rules.noisy) {
		doc.Noise = d.rules.noise[0] + d.r.Float64()*(d.rules.noise[1]-d.rules.noise[0])
	}
	gap := d.chance(.5)
	rule := pick(d.r, []string{"", "", "", "----", "==========", "* * *"})
	var b strings.Builder
	joined := false
	for i, part := range blocks {
		if len(part.lines) == 0 {
			part.gather(&doc)
			continue
		}
		if b.Len() > 0 && i > 0 {
			if gap {
				b.WriteString("\n")
			}
			if rule != "" && d.chance(.3) {
				b.WriteString(rule + "\n")
			}
		}
		for j, l := range part.lines {
			for _, s := range l {
				t := s.text
				if !s.keep {
					t = damage(d.r, t, doc.Noise)
				}
				if s.clause > 0 {
					part.clauses[s.clause-1].Text = t
				}
				b.WriteString(t)
			}
			// Two lines run together where the second begins with a label.
			if doc.Noise > 0 && !joined && j+1 < len(part.lines) && len(part.lines[j+1]) > 1 && !part.lines[j+1][0].keep && len(l) > 1 && d.chance(.04) {
				b.WriteString("  ")
				joined = true
				continue
			}
			b.WriteString("\n")
		}
		part.gather(&doc)
	}
	doc.Text = strings.TrimRight(b.String(), "\n ")
	slices.Sort(doc.Unclear)
	doc.Unclear = slices.Compact(doc.Unclear)
	return doc
}

// gather adds what the block states to the document.
func (b *block) gather(doc *Document) {
	for name, f := range b.facts {
		doc.Facts[name] = f
	}
	doc.Unclear = append(doc.Unclear, b.unclear...)
	doc.Extras = append(doc.Extras, b.extras...)
	doc.Clauses = append(doc.Clauses, b.clauses...)
	if b.items != nil {
		doc.Items = b.items
	}
	if b.terms != nil {
		b.terms.Topic = "terms"
		doc.Terms = b.terms
	}
}
