// Gen writes the sample documents of Skerry and samples.json, which describes
// them. The layouts and labels are those that the starter model was trained on,
// so that it can honestly read the routine ones; the companies are invented.
// The same source always writes the same bytes: run it with
//
//	go run ./embed/sample/gen -out embed/sample
package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"hash/fnv"
	"log"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
)

// sample is an entry of samples.json.
type sample struct {
	File     string            `json:"file"`
	Title    map[string]string `json:"title"`
	Story    string            `json:"story"`
	Language string            `json:"language"`
	Layout   string            `json:"layout"`
	Currency string            `json:"currency,omitempty"`
	Truth    map[string]any    `json:"truth,omitempty"` // what a perfect reader finds; null = absent
	Expect   expectation       `json:"expect"`
}

func main() {
	log.SetFlags(0)
	out := flag.String("out", "embed/sample", "folder that gets samples.json and documents/")
	flag.Parse()
	files, err := build()
	if err != nil {
		log.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(*out, "documents"), 0o755); err != nil {
		log.Fatal(err)
	}
	if err := prune(filepath.Join(*out, "documents"), files); err != nil {
		log.Fatal(err)
	}
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(*out, name), data, 0o644); err != nil {
			log.Fatal(err)
		}
	}
}

// prune removes documents that are no longer made.
func prune(dir string, files map[string][]byte) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if _, ok := files["documents/"+e.Name()]; !ok {
			if err := os.Remove(filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// build returns every file below the sample folder by its name.
func build() (files map[string][]byte, err error) {
	files = map[string][]byte{}
	var list []sample
	add := func(s sample, data []byte) error {
		name := "documents/" + s.File
		if _, twice := files[name]; twice {
			return fmt.Errorf("two samples are called %s", s.File)
		}
		files[name] = data
		list = append(list, s)
		return nil
	}
	for _, s := range invoices() {
		entry, data := render(s)
		if err := add(entry, data); err != nil {
			return nil, err
		}
	}
	intact := files["documents/routine-tarnwick-steel.pdf"]
	plain := spec{file: "encodings", story: "routine", lang: "de", supplier: "Müllershöh Büromöbel GmbH", layout: "plain", currency: "EUR", number: "1.234,56", date: "02.01.2006", money: "1 €", terms: "30 Tage netto", expect: approved}
	entry, sound := render(plain)
	for _, e := range encodings(string(sound)) {
		entry.File, entry.Title = "routine-"+e.name, map[string]string{"en": e.title[0], "de": e.title[1]}
		if err := add(entry, e.data); err != nil {
			return nil, err
		}
	}
	for _, b := range rawSamples(string(sound), intact) {
		s := sample{File: "bad-" + b.name, Title: map[string]string{"en": b.title[0], "de": b.title[1]}, Story: b.story, Language: b.lang, Layout: strings.TrimPrefix(filepath.Ext(b.name), "."), Expect: b.expect}
		if err := add(s, b.data); err != nil {
			return nil, err
		}
	}
	files["samples.json"], err = marshal(list)
	return files, err
}

// marshal writes JSON for people: indented, with < and & as they are.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(v)
	return b.Bytes(), err
}

// render makes the document of a spec.
func render(s spec) (sample, []byte) {
	h := fnv.New64a()
	h.Write([]byte(cmp.Or(s.draw, s.file)))
	r := rand.New(rand.NewPCG(h.Sum64(), 1))
	v := newInvoice(r, s)
	v.title = titles[s.lang][s.wording]
	if s.change != nil {
		s.change(v)
	}
	d := &sheet{v: v, number: s.number, date: s.date, money: s.money, wording: s.wording, hard: s.hard}
	entry := sample{File: fileName(s), Title: title(s), Story: s.story, Language: s.lang, Layout: s.layout, Currency: s.currency, Truth: v.truth(), Expect: s.expect}
	if strings.HasPrefix(s.layout, "pdf-") {
		return entry, d.pdf(r, s.layout)
	}
	return entry, []byte(d.text(r, s.layout))
}

func fileName(s spec) string {
	ext := ".txt"
	if strings.HasPrefix(s.layout, "pdf-") {
		ext = ".pdf"
	}
	return s.story + "-" + s.file + ext
}

// title says who wrote the document and what is special about it.
func title(s spec) map[string]string {
	en, de := s.what[0], s.what[1]
	if en == "" {
		kind := [2]string{"text", "Text"}
		if strings.HasPrefix(s.layout, "pdf-") {
			kind = [2]string{"PDF", "PDF"}
		}
		lang := map[string][2]string{"en": {"English", "englisch"}, "de": {"German", "deutsch"}}[s.lang]
		en, de = lang[0]+", "+s.currency+", "+kind[0], lang[1]+", "+s.currency+", "+kind[1]
	}
	return map[string]string{"en": s.supplier + ": " + en, "de": s.supplier + ": " + de}
}
