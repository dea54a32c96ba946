package corpus

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"skerry/appliance/llm"
	"skerry/embed/starter/paper"
)

// asker makes one example.
type asker struct {
	r        *rand.Rand
	split    paper.Split
	short    bool
	e        Example
	d        *paper.Document
	lower    string // the document's text in lower case
	unclear  map[string]bool
	partPaid bool
	spell    func(string) string
	opaque   float64 // share of fields that only their description explains
	taken    map[string]bool
	picked   []question
}

// question is one field and its answer.
type question struct {
	field   llm.Field
	target  Target
	order   int      // in a form
	cells   []row    // of a list
	columns []string // of a list: what each of its keys is
	null    bool     // of a list
}

// shareAbsent is the share of single fields asked for that the document does
// not have.
const shareAbsent = .22

// fields asks for single fields.
func (a *asker) fields() {
	a.e.Group = Extract
	a.begin()
	a.single(a.howMany())
	a.finish()
}

// begin draws the manner in which a question is put.
func (a *asker) begin() {
	a.taken = map[string]bool{}
	a.spell = spelling(a.r)
	a.opaque = []float64{.04, .4, 1}[weighted(a.r, .76, .13, .11)]
}

func (a *asker) howMany() int {
	if a.short {
		return 1 + a.r.IntN(4)
	}
	// Only answers are learnt from, and reading the document costs as much
	// whatever is asked of it: training asks for more at once.
	shares := []float64{.08, .27, .40, .25}
	if a.split == paper.Train {
		shares = []float64{.04, .10, .22, .64}
	}
	switch weighted(a.r, shares...) {
	case 0:
		return 1
	case 1:
		return 2 + a.r.IntN(3)
	case 2:
		return 5 + a.r.IntN(4)
	}
	return 9 + a.r.IntN(7)
}

// single picks n single fields.
func (a *asker) single(n int) {
	present, absent := a.present(), a.absent()
	for range n {
		from := &present
		if chance(a.r, shareAbsent) || len(present) == 0 {
			from = &absent
		}
		if len(*from) == 0 {
			continue
		}
		i := weightedOf(a.r, *from)
		c := (*from)[i]
		*from = slices.Delete(*from, i, i+1)
		c.ask()
	}
	if len(a.picked) == 0 && len(present) > 0 {
		present[0].ask()
	}
}

// candidate is a field that could be asked for.
type candidate struct {
	weight float64
	ask    func()
}

func weightedOf(r *rand.Rand, all []candidate) int {
	w := make([]float64, len(all))
	for i, c := range all {
		w[i] = c.weight
	}
	return weighted(r, w...)
}

// hard are the facts that a model gets wrong most often, so they are asked for
// more often.
var hard = map[string]float64{"payment_terms": 2, "customer_number": 1.6, "document_number": 1.6, "supplier_name": 1.5, "customer_name": 1.5, "item_count": .5, "supplier_city": .6}

// present returns what the document has and can be asked for.
func (a *asker) present() []candidate {
	var all []candidate
	for order, c := range concepts {
		fact, ok := a.d.Facts[c.canonical]
		if !ok || a.unclear[c.canonical] {
			continue
		}
		if names, _ := a.wordings(c, true); len(names) == 0 {
			continue
		}
		weight := hard[c.canonical]
		if weight == 0 {
			weight = 1
		}
		all = append(all, candidate{weight, func() { a.askFact(c, order, &fact) }})
	}
	if a.split != Unseen {
		all = append(all, a.presentOther()...)
	}
	for i, x := range a.d.Extras {
		if a.may(x.Concept) {
			weight := 2.0
			if a.split == Unseen {
				weight = 8 // it is they that the split is for
			}
			all = append(all, candidate{weight, func() { a.askExtra(x, 100+i, false) }})
		}
	}
	return all
}

// may reports whether the split asks for extras of a concept.
func (a *asker) may(concept string) bool {
	switch held := paper.HeldOut(concept); a.split {
	case Unseen:
		return held
	default:
		return !held
	}
}

// absent returns what the document does not have and can be asked for.
func (a *asker) absent() []candidate {
	var all []candidate
	for order, c := range concepts {
		if _, ok := a.d.Facts[c.canonical]; ok || a.unclear[c.canonical] || !strings.Contains(c.absent, letter[a.d.Kind]) || a.disputed(c.canonical) {
			continue
		}
		if names, _ := a.wordings(c, false); len(names) == 0 {
			continue
		}
		weight := 1.0
		if c.never {
			weight = .7
		}
		all = append(all, candidate{weight, func() { a.askFact(c, order, nil) }})
	}
	for range 3 {
		if x, ok := a.absentExtra(); ok {
			all = append(all, candidate{2.5, func() { a.askExtra(x, 100+a.r.IntN(9), true) }})
		}
	}
	return all
}

// disputed reports whether a reader might find an answer to name although the
// document does not have it, because something else in it comes close.
func (a *asker) disputed(name string) bool {
	has := func(name string) bool { _, ok := a.d.Facts[name]; return ok }
	switch name {
	case "item_count":
		return a.d.Items != nil
	case "currency": // a customs value, say, on a note without prices
		return len(a.d.Extras) > 0
	case "payment_terms":
		return a.d.Terms != nil
	case "due_date":
		return strings.Contains(a.lower, "due") && !has("payment_terms") && a.d.Kind == paper.Receipt
	case "contract_number", "order_number":
		return a.d.Kind == paper.Contract || a.d.Kind == paper.Order
	case "invoice_number":
		return has("invoice_reference")
	case "account_holder":
		return !has("iban")
	case "net_amount", "tax_amount":
		return has("contract_value") || a.d.Kind == paper.Receipt && strings.Contains(a.lower, "incl")
	case "total_amount":
		return has("net_amount") || has("contract_value")
	}
	return false
}

// wordings returns the names and descriptions by which the split asks for c.
func (a *asker) wordings(c *concept, present bool) (names, abouts []string) {
	n, d := c.names.seen, c.abouts.seen
	switch {
	case a.split == Unseen:
		n, d = c.names.held, slices.Concat(c.abouts.seen, c.abouts.held)
	case a.split == paper.Calibration && chance(a.r, .15):
		n, d = c.names.held, slices.Concat(c.abouts.seen, c.abouts.held)
	}
	names, abouts = fit(n, a.d.Kind, present, a.partPaid), fit(d, a.d.Kind, present, a.partPaid)
	if a.split == Unseen && len(abouts) == 0 {
		return nil, nil // an unseen name needs its description
	}
	return names, abouts
}

// askFact asks for a canonical fact; nil if the document does not have it.
func (a *asker) askFact(c *concept, order int, fact *paper.Fact) {
	names, abouts := a.wordings(c, fact != nil)
	if len(names) == 0 {
		return
	}
	q := question{order: order, target: Target{Canonical: c.canonical, JSON: "null", Absent: fact == nil, Seen: true}}
	name := pick(a.r, names)
	q.target.Seen = a.seenName(c, name)
	q.field = llm.Field{Name: a.spell(a.vary(name)), Type: fieldType(c.base)}
	// A name may be known while the description carries what is meant.
	switch {
	case len(abouts) > 0 && chance(a.r, a.opaque):
		q.field.Name, q.field.About, q.target.Opaque = a.opaqueName(), pick(a.r, abouts), true
	case len(abouts) > 0 && (a.split == Unseen || chance(a.r, .33)):
		q.field.About = pick(a.r, abouts)
	}
	q.field.About = a.varyAbout(q.field.About)
	if fact != nil {
		q.target.JSON = fact.JSON
	}
	switch c.canonical {
	case "iban":
		if chance(a.r, .7) {
			q.field.Type = llm.TypeIBAN
		}
	case "item_count":
		q.field.Type = llm.TypeInteger
	case "currency":
		a.currency(&q, fact)
	}
	a.add(q)
}

// seenName reports whether training has names like this one.
func (a *asker) seenName(c *concept, name string) bool {
	return !slices.ContainsFunc(c.names.held, func(p phrase) bool { return plainName(p.text) == plainName(name) })
}

// plainName is a name without what spelling adds.
func plainName(name string) string {
	return strings.Map(func(r rune) rune {
		if r == '_' || r == '-' || r == ' ' {
			return -1
		}
		return r
	}, strings.ToLower(name))
}

var currencyCodes = strings.Fields("EUR USD GBP CHF SEK NOK DKK PLN CZK HUF JPY CNY CAD AUD NZD SGD INR ZAR AED TRY BRL")

// currency makes the question for a currency one of a choice: always where the
// document only has the sign.
func (a *asker) currency(q *question, fact *paper.Fact) {
	code := ""
	if fact != nil {
		code = strings.Trim(fact.JSON, `"`)
		if standsAlone(a.d.Text, code) && chance(a.r, .45) {
			return
		}
	} else if chance(a.r, .5) {
		return
	}
	q.field.Type = llm.TypeEnum
	values := slices.Clone(currencyCodes[:4])
	if chance(a.r, .6) {
		values = slices.Clone(currencyCodes)
		shuffle(a.r, values)
		values = values[:2+a.r.IntN(6)]
	}
	if i := slices.Index(values, code); i < 0 && code != "" {
		values[a.r.IntN(len(values))] = code
	}
	q.field.Values = values
}

// standsAlone reports whether a code stands somewhere without a letter or digit
// beside it.
func standsAlone(text, code string) bool {
	for rest := text; ; {
		i := strings.Index(rest, code)
		if i < 0 {
			return false
		}
		before, _ := utf8.DecodeLastRuneInString(rest[:i])
		rest = rest[i+len(code):]
		after, _ := utf8.DecodeRuneInString(rest)
		if !isWord(before) && !isWord(after) {
			return true
		}
	}
}

func isWord(r rune) bool { return unicode.IsLetter(r) || unicode.IsNumber(r) }

// add takes a question, unless its name is already there.
func (a *asker) add(q question) {
	q.field.Nullable = true
	key := strings.ToLower(q.field.Name)
	if a.taken[key] || q.field.Name == "" {
		return
	}
	a.taken[key] = true
	q.target.Name, q.target.Type, q.target.Described = q.field.Name, q.field.Type, q.field.About != ""
	a.picked = append(a.picked, q)
}

// finish writes the question and the answer.
func (a *asker) finish() {
	if chance(a.r, .3) {
		slices.SortStableFunc(a.picked, func(p, q question) int { return p.order - q.order })
	} else {
		shuffle(a.r, a.picked)
	}
	p := llm.Prompt{Kind: llm.TaskExtract, Text: a.d.Text}
	var w writer
	w.text("{")
	for i, q := range a.picked {
		if i > 0 {
			w.text(",")
		}
		p.Fields = append(p.Fields, q.field)
		w.text(quote(extractDialect().AnswerKey(q.field.Name, q.field.About)) + ":")
		if q.field.Type == llm.TypeList && !q.null {
			w.rows(q)
		} else {
			w.value(q.target)
		}
	}
	w.text("}")
	a.e.Prompt, a.e.Answer, a.e.Targets = p, w.b.String(), w.targets
}

// opaqueForms are names that say nothing. Those with "!" are held out.
var opaqueForms = strings.Fields("field_%d field%d f%d x%d value_%d v%d val_%c feld_%d wert_%d col_%c item_%d key_%d param_%c entry_%d data_%d info_%d attr_%d q%d f_%c !slot_%d !answer_%d !var_%c !eintrag_%d !k%d")

func (a *asker) opaqueName() string {
	for {
		form, held := strings.CutPrefix(pick(a.r, opaqueForms), "!")
		if held != (a.split == Unseen) && (held || a.split == Unseen) {
			continue
		}
		n := 1 + a.r.IntN(20)
		var name string
		if strings.Contains(form, "%c") {
			name = fmt.Sprintf(form, 'a'+n)
		} else {
			name = fmt.Sprintf(form, n)
		}
		if !a.taken[name] {
			return name
		}
	}
}

// spelling draws how the names of one question are spelt: mostly as missions
// want them.
func spelling(r *rand.Rand) func(string) string {
	words := func(s string) []string { return strings.Split(s, "_") }
	title := func(s string) string {
		if s == "" {
			return s
		}
		return strings.ToUpper(s[:1]) + s[1:]
	}
	switch weighted(r, .86, .08, .03, .015, .015) {
	case 1: // invoiceNumber
		return func(s string) string {
			w := words(s)
			for i := range w[1:] {
				w[i+1] = title(w[i+1])
			}
			return strings.Join(w, "")
		}
	case 2: // Invoice number
		return func(s string) string { return title(strings.Join(words(s), " ")) }
	case 3: // invoice-number
		return func(s string) string { return strings.Join(words(s), "-") }
	case 4: // INVOICE_NUMBER
		return strings.ToUpper
	}
	return func(s string) string { return s }
}
