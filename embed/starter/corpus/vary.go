package corpus

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// short forms of words in field names.
var shortWords = map[string][]string{
	"number": {"no", "nr", "num"}, "date": {"dt"}, "amount": {"amt"}, "total": {"ttl", "tot"}, "customer": {"cust"}, "supplier": {"supp", "sup"},
	"invoice": {"inv"}, "delivery": {"dlv", "deliv"}, "payment": {"pmt", "pay"}, "quantity": {"qty"}, "description": {"desc", "descr"}, "document": {"doc"},
	"order": {"ord"}, "reference": {"ref"}, "value": {"val"}, "price": {"prc"}, "contract": {"contr"}, "currency": {"curr"}, "discount": {"disc"},
	"nummer": {"nr"}, "datum": {"dat"}, "betrag": {"betr"}, "rechnung": {"rg"}, "bestellung": {"best"}, "percent": {"pct"}, "account": {"acct"},
}

// nameFrames go around a name without changing what it means; * is the name.
var nameFrames = strings.Fields("doc_* f_* my_* the_* out_* res_* *_value *_field *_text *_raw *_1 *_as_printed *_on_document extracted_* document_* *_found")

// heldNames are all names that are held out, without what spelling adds.
var heldNames = func() map[string]bool {
	m := map[string]bool{}
	add := func(p phrases) {
		for _, h := range p.held {
			m[plainName(h.text)] = true
		}
	}
	for _, c := range concepts {
		add(c.names)
	}
	for _, t := range topics {
		add(t.names)
	}
	for _, p := range columnNames {
		add(*p)
	}
	add(listNames)
	return m
}()

// vary returns another form of a name that means the same: with words cut
// short, or with a frame around it. It never makes a held-out name.
func (a *asker) vary(name string) string {
	varied := name
	switch x := a.r.Float64(); {
	case x < .06:
		words := strings.Split(name, "_")
		for i, w := range words {
			if forms := shortWords[w]; len(forms) > 0 && chance(a.r, .7) {
				words[i] = pick(a.r, forms)
			}
		}
		varied = strings.Join(words, "_")
	case x < .10:
		varied = strings.Replace(pick(a.r, nameFrames), "*", name, 1)
	}
	if plain := plainName(varied); heldNames[plain] || varied != name && canonicalNames[plain] {
		return name // another name has this form
	}
	return varied
}

// aboutFrames go around a description, by language; * is the description.
var aboutFrames = map[bool][]string{
	false: {"*, as printed", "* (null if not stated)", "*, if there is one", "*; leave empty if it is missing", "Here: *", "Please give *", "Look for *", "*, exactly as in the document", "We need *", "*. Do not guess."},
	true:  {"*, wie gedruckt", "* (null, wenn nicht angegeben)", "*, falls vorhanden", "*; leer lassen, wenn es fehlt", "Gemeint: *", "Gesucht: *", "*, genau wie im Dokument", "*. Nicht raten."},
}

var germanWords = strings.Fields("der die das des dem den wer wie wann wo wohin womit was bis ist wird wurde für im bei neben zu nach Name Nummer Betrag Datum Tag Ort Firma Beginn Ende Wert Zahlung Währung Kosten Nummer Frist Inhaber Kundennummer Steuersatz Bankverbindung Versandkosten Bruttosumme Gesamtbetrag Nettobetrag Fälligkeit Ansprechpartner")

func german(s string) bool {
	return slices.ContainsFunc(strings.Fields(s), func(w string) bool { return slices.Contains(germanWords, w) })
}

// varyAbout returns a description in another form: as a sentence, or with what
// people add.
func (a *asker) varyAbout(s string) string {
	if s == "" {
		return s
	}
	if chance(a.r, .15) {
		s = strings.Replace(pick(a.r, aboutFrames[german(s)]), "*", s, 1)
	}
	if chance(a.r, .2) {
		first, size := utf8.DecodeRuneInString(s)
		s = string(unicode.ToUpper(first)) + s[size:]
		if chance(a.r, .6) && !strings.HasSuffix(s, ".") && !strings.HasSuffix(s, "?") {
			s += "."
		}
	}
	return s
}
