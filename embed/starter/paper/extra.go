package paper

import (
	"fmt"
	"strings"
	"sync"
)

// concept is something that a document may hold beside the canonical facts.
type concept struct {
	name, about string
	value       string              // how its values look, see extraValue
	labels      map[string][]string // by language
	blurs       string              // the canonical fact that it might be taken for
}

// HeldOut says whether a name (of a concept, or a field name made of one of
// its labels) stands for what Train never shows: one concept in six.
func HeldOut(name string) bool {
	if c, ok := conceptOf()[name]; ok {
		name = c
	}
	return hash("concept "+name)%6 == 0
}

// conceptOf leads from field names to the names of concepts.
var conceptOf = sync.OnceValue(func() map[string]string {
	m := map[string]string{}
	for _, c := range concepts {
		m[c.name] = c.name
	}
	for _, c := range concepts {
		for _, list := range c.labels {
			for _, l := range list {
				if s := slug(l); m[s] == "" {
					m[s] = c.name
				}
			}
		}
	}
	return m
})

// concepts are those of the table and every pair of a thing and a property.
var concepts = func() (all []concept) {
	for row := range strings.Lines(conceptTable) {
		part := strings.Split(strings.TrimSpace(row), " | ")
		if len(part) < 5 {
			continue
		}
		c := concept{name: part[0], value: part[1], about: part[2], labels: map[string][]string{"en": strings.Split(part[3], "; "), "de": strings.Split(part[4], "; ")}}
		if len(part) > 5 {
			c.blurs = part[5]
		}
		all = append(all, c)
	}
	listed := map[string]bool{}
	for _, c := range all {
		listed[c.name] = true
	}
	for _, thing := range pairs(things) {
		for _, property := range pairs(properties) {
			c := concept{name: slug(thing[0] + " " + property[0]), value: property[2], about: fmt.Sprintf(property[3], strings.ToLower(thing[0]))}
			c.labels = map[string][]string{
				"en": {thing[0] + " " + property[0], capitalise(property[0]) + " of " + strings.ToLower(thing[0])},
				"de": {thing[1] + "-" + property[1]},
			}
			if !listed[c.name] {
				all = append(all, c)
			}
		}
	}
	return all
}()

// pairs splits a table into its cells.
func pairs(table string) (rows [][]string) {
	for row := range strings.Lines(table) {
		if part := strings.Split(strings.TrimSpace(row), " | "); len(part) > 1 {
			rows = append(rows, part)
		}
	}
	return rows
}

// chooseExtra returns a labelled value as an entry.
func (d *draft) chooseExtra() entry {
	r := d.r
	if d.lang == "fr" || d.chance(.15) {
		return d.inventedExtra()
	}
	for {
		c := concepts[r.IntN(len(concepts))]
		if d.chance(.6) {
			c = concepts[r.IntN(tableConcepts)]
		}
		if held := HeldOut(c.name); held && !d.rules.newConcepts || !held && d.rules.newConcepts && d.chance(.6) {
			continue
		}
		label := pick(r, c.labels[d.lang])
		if d.used[strings.ToLower(label)] || d.used["concept "+c.name] {
			continue
		}
		d.used[strings.ToLower(label)], d.used["concept "+c.name] = true, true
		switch c.name { // values that say something about a topic
		case "warranty_until":
			d.said["warranty"] = true
		case "deposit":
			d.said["advance_payment"] = true
		}
		printed, fact := d.extraValue(c.value)
		e := Extra{Label: label, Name: c.name, About: c.about, Fact: fact, Concept: c.name}
		if s := slug(label); d.chance(.6) && conceptOf()[s] == c.name && Names[s] == "" {
			e.Name = s
		}
		out := entry{label: label, value: printed, extra: &e}
		if c.blurs != "" {
			out.unclear = []string{c.blurs}
		}
		return out
	}
}

// extraBlock is a form that holds nothing but extras.
func (d *draft) extraBlock() *block {
	b := &block{alone: true}
	var es []entry
	for range between(d.r, 2, 6) {
		es = append(es, d.chooseExtra())
	}
	capitals(d.r, es)
	d.put(b, d.layout, es...)
	return b
}

// tableConcepts is how many concepts come from the table.
var tableConcepts = len(pairs(conceptTable))

// labelWords make up labels that mean nothing beyond their words.
var labelWords = strings.Fields("Code Type Number Zone Unit Center Plate Class Group Site Batch Level Key Meter Route Status Room Lot Agent Region Serial Period Branch")

// inventedExtra has a label of words that are put together at random.
func (d *draft) inventedExtra() entry {
	r := d.r
	for {
		var words []string
		for range between(r, 1, 2) {
			words = append(words, capitalise(pick(r, []string{invent(r), invent(r), pick(r, stems), pick(r, labelWords), pick(r, products[d.lang])})))
		}
		label := strings.Join(words, " ")
		name := slug(label)
		if d.used[strings.ToLower(label)] || Names[name] != "" || conceptOf()[name] != "" || len(words) == 1 && len(words[0]) < 4 {
			continue
		}
		if HeldOut(name) && !d.rules.newConcepts {
			continue
		}
		d.used[strings.ToLower(label)] = true
		printed, fact := d.extraValue(pick(r, []string{"code", "word", "digits", "reference", "words"}))
		return entry{label: label, value: printed, extra: &Extra{Label: label, Name: name, About: pick(r, []string{"", "value labelled " + label}), Fact: fact, Concept: name}}
	}
}

// extraValue returns a value as printed and the fact that it states.
func (d *draft) extraValue(how string) (string, Fact) {
	r := d.r
	kind, unit, _ := strings.Cut(how, ":")
	var s string
	switch kind {
	case "number", "decimal":
		n := between(r, 1, 400)
		if unit == "%" {
			n = between(r, 1, 99)
		}
		literal := fmt.Sprint(n)
		if kind == "decimal" {
			literal = fmt.Sprintf("%d.%d", n, between(r, 1, 9))
		}
		printed := decimalComma(literal, d.lang)
		if unit != "" {
			printed += pick(r, []string{" ", " ", ""}) + unit
		}
		return printed, number(literal)
	case "count":
		n := between(r, 1, 48)
		return fmt.Sprint(n), number(fmt.Sprint(n))
	case "reading":
		n := between(r, 1000, 999999)
		return strings.TrimSpace(fmt.Sprint(n) + " " + unit), number(fmt.Sprint(n))
	case "temperature":
		n := between(r, -25, 40)
		return fmt.Sprint(n) + pick(r, []string{" °C", "°C"}), number(fmt.Sprint(n))
	case "price":
		c := cents(between(r, 500, 90000))
		if d.decimals == 0 {
			c = c / 100 * 100
		}
		return d.price(c), d.numberOf(c)
	case "date":
		t := d.day.AddDate(0, 0, between(r, -400, 400))
		return d.date(t), date(t)
	case "time":
		s = fmt.Sprintf("%02d:%02d", between(r, 5, 21), 5*between(r, 0, 11))
	case "window":
		from := between(r, 6, 14)
		s = fmt.Sprintf("%02d:00%s%02d:00", from, pick(r, []string{"-", " - ", "–"}), from+between(r, 1, 6))
	case "person":
		s = person(r, d.lang)
	case "phone":
		s = pick(r, []string{"+49 ", "+44 ", "0"}) + digits(r, 3) + " " + digits(r, between(r, 5, 7))
	case "email":
		s = strings.ToLower(letters(r, 1)) + "." + slug(pick(r, stems)) + "@" + slug(pick(r, stems)) + pick(r, []string{".com", ".de", ".net"})
	case "plate":
		s = letters(r, between(r, 1, 3)) + "-" + letters(r, 2) + " " + digits(r, between(r, 2, 4))
	case "digits":
		s = digits(r, between(r, 2, 8))
	case "pin":
		s = digits(r, pick(r, []int{4, 4, 5, 6})) + pick(r, []string{"", "", "#", letters(r, 1)})
	case "code":
		s = letters(r, between(r, 1, 3)) + pick(r, []string{"-", "", "/"}) + digits(r, between(r, 2, 5))
	case "reference":
		s = reference(r, d.day.Year(), []string{"A", "X", "KS", "CC", "T", "R"})
	case "word":
		s = pick(r, []string{invent(r), pick(r, stems)})
	case "words":
		s = invent(r) + " " + invent(r)
	case "place":
		city, _, _ := strings.Cut(pick(r, cities[d.lang]), ",")
		s = city
	case "company":
		s = newCompany(r, d.lang, d.rules.newCompanies).name
	case "choice":
		s = pick(r, strings.Split(unit, ","))
	case "choices": // one list for each language
		en, de, _ := strings.Cut(unit, "/")
		if d.lang == "de" {
			en = de
		}
		s = pick(r, strings.Split(en, ","))
	case "days":
		s = fmt.Sprint(between(r, 2, 40)) + map[string]string{"en": " days", "de": " Tage"}[d.lang]
	case "hours":
		s = pick(r, map[string][]string{"en": {"Mon-Fri ", "Mon-Sat ", "daily "}, "de": {"Mo-Fr ", "Mo-Sa ", "täglich "}}[d.lang]) + fmt.Sprintf("%d-%d", between(r, 6, 10), between(r, 15, 20))
	case "size":
		s = fmt.Sprintf("%d x %d x %d cm", between(r, 10, 200), between(r, 10, 120), between(r, 5, 180))
	case "serial":
		s = letters(r, 2) + digits(r, 4) + letters(r, 1) + digits(r, 2)
	case "coordinates":
		s = fmt.Sprintf("%d.%s, %d.%s", between(r, 45, 58), digits(r, 4), between(r, 1, 16), digits(r, 4))
	default:
		panic("no values for " + how)
	}
	return s, text(s)
}
