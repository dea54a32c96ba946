package paper

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"skerry/appliance/document"
)

var splits = []Split{Train, Calibration, Clean, Noisy, Page}

// read returns the text of a document as the appliance would have it.
func read(t *testing.T, d Document) string {
	t.Helper()
	if d.PDF == nil {
		return d.Text
	}
	if d.Text != "" {
		t.Error("a page has text before it is read")
	}
	doc, err := document.Read("page.pdf", d.PDF, document.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	return doc.Text
}

// squeeze removes everything that spacing and quoting of mails may change.
func squeeze(s string) string {
	return strings.Map(func(c rune) rune {
		if c == ' ' || c == '\n' || c == '\t' || c == '>' || c == '*' {
			return -1
		}
		return c
	}, s)
}

// stands says whether a fact can be read in the text, in one of the formats
// that documents use.
func stands(f Fact, text string) bool {
	switch f.Type {
	case "string":
		var s string
		if json.Unmarshal([]byte(f.JSON), &s) != nil || s == "" {
			return false
		}
		return strings.Contains(squeeze(text), squeeze(s))
	case "date":
		t, err := time.Parse(`"2006-01-02"`, f.JSON)
		if err != nil {
			return false
		}
		for lang, list := range dateLayouts {
			for _, l := range append([]string{"01/02/2006", "02/01/2006", "02-01-2006", "02.01.06"}, list...) {
				if strings.Contains(text, writeDate(t, l, lang)) {
					return true
				}
			}
		}
		return false
	case "number":
		whole, decimals, _ := strings.Cut(f.JSON, ".")
		for _, sep := range separators {
			s := grouped(whole, sep[0])
			if decimals != "" {
				s += sep[1] + decimals
			}
			if found, _ := regexp.MatchString(`(^|[^0-9.,'][.,']*)`+regexp.QuoteMeta(s)+`($|[^0-9])`, text); found {
				return true
			}
		}
	}
	return false
}

// TestFactsStandInText: whatever a document claims to say can be read in it.
func TestFactsStandInText(t *testing.T) {
	for _, split := range splits {
		n := 400
		if split == Page {
			n = 100
		}
		for i := range n {
			for form, d := range map[string]Document{"whole": Make(7, split, i), "short": Short(7, split, i)} {
				if split == Page && form == "short" {
					continue
				}
				text := read(t, d)
				if strings.TrimSpace(text) == "" {
					t.Fatalf("%s %d %s is empty", split, i, form)
				}
				for _, problem := range problems(d, text) {
					t.Errorf("%s %d %s %s (%s): %s\n%s", split, i, form, d.Kind, d.Layout, problem, text)
				}
				if t.Failed() {
					return
				}
			}
		}
	}
}

// problems lists what is claimed but not there.
func problems(d Document, text string) (list []string) {
	miss := func(what string, f Fact) {
		if !stands(f, text) {
			list = append(list, fmt.Sprintf("%s = %s does not stand in the text", what, f.JSON))
		}
	}
	for name, f := range d.Facts {
		if Names[name] != f.Type && name != "" {
			list = append(list, fmt.Sprintf("%s has type %q, want %q", name, f.Type, Names[name]))
		}
		if name == "currency" {
			if !strings.Contains(text, strings.Trim(f.JSON, `"`)) && !strings.Contains(text, symbols[strings.Trim(f.JSON, `"`)]) {
				list = append(list, "the currency does not show")
			}
			continue
		}
		miss(name, f)
	}
	for _, e := range d.Extras {
		miss(e.Label, e.Fact)
		if Names[e.Name] != "" {
			list = append(list, "extra has the canonical name "+e.Name)
		}
	}
	if d.Items != nil {
		for _, row := range d.Items.Rows {
			for c, f := range row {
				if c == "description" { // may run over two lines
					for w := range strings.FieldsSeq(strings.Trim(f.JSON, `"`)) {
						miss(c, wordFact(w))
					}
					continue
				}
				miss(c, f)
			}
		}
	}
	for _, c := range append(slices.Clone(d.Clauses), termsOf(d)...) {
		if c.Stated && !strings.Contains(squeeze(text), squeeze(c.Text)) {
			list = append(list, "the clause does not stand in the text: "+c.Text)
		}
		if !c.Stated && c.Text != "" {
			list = append(list, "a clause that is not stated has a text: "+c.Text)
		}
	}
	if !slices.ContainsFunc(d.Clauses, func(c Clause) bool { return Topics[c.Topic] == "" }) {
		return list
	}
	return append(list, "a clause has an unknown topic")
}

func wordFact(s string) Fact { return text(s) }

func termsOf(d Document) []Clause {
	if d.Terms == nil {
		return nil
	}
	return []Clause{*d.Terms}
}

// unsaid lists what of the supplier stands in the text without being a fact: a
// question for it would be answered null, which is wrong.
func unsaid(d *draft, doc Document, text string) (list []string) {
	for name, v := range map[string]string{
		"supplier_name": d.supplier.name, "supplier_email": d.supplier.email, "supplier_phone": d.supplier.phone,
		"supplier_vat_id": d.supplier.vat, "iban": d.supplier.iban, "bic": d.supplier.bic, "customer_name": d.customer.name,
	} {
		if _, stated := doc.Facts[name]; !stated && strings.Contains(squeeze(text), squeeze(v)) {
			list = append(list, fmt.Sprintf("%s = %q stands in the text, but is no fact", name, v))
		}
	}
	// An extra with a price may show a currency where the document has no
	// amounts of its own; that makes it none of the document's.
	for _, e := range doc.Extras {
		if e.Fact.Type == "number" {
			return list
		}
	}
	if _, stated := doc.Facts["currency"]; !stated && regexp.MustCompile(`\b`+d.currency+`\b|[€$£]`).MatchString(text) {
		list = append(list, "the currency shows, but is no fact")
	}
	return list
}

// TestNothingStandsUnsaid: what is absent from the facts is absent from the text.
func TestNothingStandsUnsaid(t *testing.T) {
	for _, split := range splits {
		n := 600
		if split == Page {
			n = 100
		}
		for i := range n {
			doc := Make(9, split, i)
			d := newDraft(random(9, split, i, "whole"), split)
			text := read(t, doc)
			if list := unsaid(d, doc, text); len(list) > 0 {
				t.Errorf("%s %d %s: %v\n%s", split, i, doc.Kind, list, text)
			}
		}
	}
	// Negative control: a fact that is taken away is missed.
	doc := Make(9, Train, 0)
	delete(doc.Facts, "supplier_name")
	if len(unsaid(newDraft(random(9, Train, 0, "whole"), Train), doc, doc.Text)) == 0 {
		t.Error("a supplier without a fact goes unnoticed")
	}
}

// TestFactsStandInTextNegativeControl: a wrong value is noticed.
func TestFactsStandInTextNegativeControl(t *testing.T) {
	text := "Invoice 4711 of 3 May 2026: 1,234.50 EUR"
	for _, row := range []struct {
		f    Fact
		want bool
	}{
		{Fact{"string", `"4711"`}, true}, {Fact{"string", `"4712"`}, false}, {Fact{"string", `""`}, false},
		{Fact{"date", `"2026-05-03"`}, true}, {Fact{"date", `"2026-05-04"`}, false},
		{Fact{"number", "1234.50"}, true}, {Fact{"number", "234.50"}, false}, {Fact{"number", "1234.5"}, false},
	} {
		if got := stands(row.f, text); got != row.want {
			t.Errorf("stands(%s) = %v, want %v", row.f.JSON, got, row.want)
		}
	}
	d := Make(7, Train, 3)
	d.Facts["supplier_name"] = Fact{"string", `"Nobody at All"`}
	if len(problems(d, d.Text)) == 0 {
		t.Error("a name that is not there goes unnoticed")
	}
}
