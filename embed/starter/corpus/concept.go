package corpus

import (
	"slices"
	"strings"

	"skerry/appliance/llm"
	"skerry/embed/starter/paper"
)

// concept is something that a field can ask for, and the ways to ask.
type concept struct {
	canonical string
	base      string // type of the fact: string, number, date, boolean
	absent    string // kinds of documents that are plausibly asked for what they lack
	never     bool   // no document ever states it
	names     phrases
	abouts    phrases
}

// phrase is a name or description and where it may be used.
type phrase struct {
	text    string
	kinds   string // letters of the kinds of documents; "" = all
	present bool   // only where the document has the value
	unpaid  bool   // only where no part of the amount has been paid
	paid    bool   // only where a part has been paid
}

// phrases are the ways to say one thing: those of training, and those held out.
type phrases struct{ seen, held []phrase }

// letter of a kind of document in the tables.
var letter = map[paper.Kind]string{
	paper.Invoice: "i", paper.CreditNote: "c", paper.Order: "o", paper.DeliveryNote: "d",
	paper.Receipt: "r", paper.Contract: "k", paper.Mail: "m",
}

// concepts in the order of the table, which is the natural order of a form.
var concepts = parseConcepts(nameTable)

var conceptOf = func() map[string]*concept {
	m := map[string]*concept{}
	for _, c := range concepts {
		m[c.canonical] = c
	}
	return m
}()

func parseConcepts(table string) []*concept {
	var all []*concept
	var c *concept
	for row := range strings.Lines(table) {
		row = strings.TrimSpace(row)
		if name, ok := strings.CutPrefix(row, "== "); ok {
			base, known := paper.Names[name]
			c = &concept{canonical: name, base: base, never: !known}
			all = append(all, c)
			continue
		}
		key, list, ok := strings.Cut(row, " = ")
		if !ok {
			continue
		}
		switch key {
		case "names":
			c.names.parse(list)
		case "about":
			c.abouts.parse(list)
		case "absent":
			c.absent = list
		case "type":
			c.base = list
		default:
			panic("names: there is no row " + key)
		}
	}
	return all
}

func (p *phrases) parse(list string) {
	for s := range strings.SplitSeq(list, "; ") {
		var f phrase
		s, held := strings.CutPrefix(s, "!")
		for {
			if rest, ok := strings.CutSuffix(s, "+"); ok {
				f.present, s = true, rest
			} else if rest, ok := strings.CutSuffix(s, "-"); ok {
				f.unpaid, s = true, rest
			} else if rest, ok := strings.CutSuffix(s, "^"); ok {
				f.paid, s = true, rest
			} else {
				break
			}
		}
		if i := strings.LastIndexByte(s, '@'); i >= 0 {
			s, f.kinds = s[:i], s[i+1:]
		}
		f.text = s
		if held {
			p.held = append(p.held, f)
		} else {
			p.seen = append(p.seen, f)
		}
	}
}

// fit returns those of list that can be used for a document.
func fit(list []phrase, kind paper.Kind, present, partPaid bool) []string {
	var out []string
	for _, p := range list {
		if (p.kinds == "" || strings.Contains(p.kinds, letter[kind])) && (present || !p.present) && !(partPaid && p.unpaid) && (partPaid || !p.paid) {
			out = append(out, p.text)
		}
	}
	return out
}

// canonicalNames are the names, without what spelling adds, that ask for
// canonical facts. An extra that bears one of them is asked for by another.
var canonicalNames = func() map[string]bool {
	m := map[string]bool{}
	for _, c := range concepts {
		if c.never {
			continue
		}
		for _, p := range slices.Concat(c.names.seen, c.names.held) {
			m[plainName(p.text)] = true
		}
	}
	return m
}()

// fieldType of a fact's type.
func fieldType(base string) llm.FieldType {
	switch base {
	case "number":
		return llm.TypeDecimal
	case "date":
		return llm.TypeDate
	case "boolean":
		return llm.TypeBoolean
	}
	return llm.TypeString
}
