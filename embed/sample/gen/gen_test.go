package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"skerry/appliance/document"
	"skerry/appliance/policy"
)

// TestNoDrift: what is stored is what this source writes.
func TestNoDrift(t *testing.T) {
	files, err := build()
	if err != nil {
		t.Fatal(err)
	}
	again, err := build()
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		if !bytes.Equal(want, again[name]) {
			t.Errorf("%s comes out different each time", name)
		}
		got, err := os.ReadFile(filepath.Join("..", name))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s has drifted (%v); run: go run ./embed/sample/gen", name, err)
		}
	}
	stored, err := filepath.Glob("../documents/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range stored {
		if _, ok := files["documents/"+filepath.Base(path)]; !ok {
			t.Errorf("%s is not made by this source", path)
		}
	}
}

// manifest returns the entries of samples.json.
func manifest(t *testing.T, files map[string][]byte) (list []sample) {
	t.Helper()
	if err := json.Unmarshal(files["samples.json"], &list); err != nil {
		t.Fatal(err)
	}
	return list
}

// samples builds the samples and reads each of them.
func samples(t *testing.T) (list []sample, text map[string]string) {
	t.Helper()
	files, err := build()
	if err != nil {
		t.Fatal(err)
	}
	list, text = manifest(t, files), map[string]string{}
	for _, s := range list {
		doc, err := document.Read(s.File, files["documents/"+s.File], document.Limits{})
		unreadable := s.Story == "bad-file"
		switch {
		case unreadable && string(document.ReasonOf(err)) != s.Expect.Note:
			t.Errorf("%s: %v, want reason %q", s.File, err, s.Expect.Note)
		case !unreadable && err != nil:
			t.Errorf("%s cannot be read: %v", s.File, err)
		}
		text[s.File] = doc.Text
	}
	return list, text
}

func TestVariety(t *testing.T) {
	list, _ := samples(t)
	if len(list) < 60 {
		t.Errorf("%d samples, want at least 60", len(list))
	}
	count := map[string]int{}
	for _, s := range list {
		for _, k := range []string{s.Story, s.Language, s.Currency, s.Layout, strings.TrimPrefix(filepath.Ext(s.File), ".")} {
			count[k]++
		}
		if s.Title["en"] == "" || s.Title["de"] == "" {
			t.Errorf("%s has no title in a language", s.File)
		}
	}
	for k, least := range map[string]int{"routine": 25, "terms": 6, "confidence": 3, "restricted": 5, "threshold": 5, "bad-sums": 3, "bad-missing": 3, "bad-injection": 3, "bad-no-invoice": 3, "bad-file": 8,
		"en": 25, "de": 25, "EUR": 10, "USD": 5, "GBP": 5, "CHF": 3, "pdf": 15, "txt": 30, "pdf-letter": 4, "pdf-table": 4, "pdf-split": 2, "mail": 2, "leader": 2} {
		if count[k] < least {
			t.Errorf("%d samples of %s, want at least %d", count[k], k, least)
		}
	}
}

// TestTruth: what samples.json says is in the document, and adds up exactly
// where it is meant to.
func TestTruth(t *testing.T) {
	list, text := samples(t)
	for _, s := range list {
		if s.Truth == nil {
			continue
		}
		flat := strings.Join(strings.Fields(strings.ReplaceAll(text[s.File], " ", "")), "")
		for _, field := range []string{"supplier_name", "invoice_number", "iban", "payment_terms"} {
			if v, ok := s.Truth[field].(string); ok && !strings.Contains(flat, strings.ReplaceAll(v, " ", "")) {
				t.Errorf("%s: %s %q is not in the text", s.File, field, v)
			}
		}
		if v, ok := s.Truth["iban"].(string); ok {
			n, _ := new(big.Int).SetString(expand(v[4:]+v[:4]), 10)
			if new(big.Int).Mod(n, big.NewInt(97)).Int64() != 1 {
				t.Errorf("%s: %s has wrong check digits", s.File, v)
			}
		}
		if s.Truth["total_amount"] == nil {
			continue
		}
		sum := hundredths(s, "net_amount") + hundredths(s, "shipping_amount") + hundredths(s, "tax_amount")
		adds := sum == hundredths(s, "total_amount")
		wrong := s.Story == "bad-sums" || strings.Contains(s.File, "approve-me-wrong")
		if adds == wrong {
			t.Errorf("%s: parts are %d, total %d", s.File, sum, hundredths(s, "total_amount"))
		}
		if large := hundredths(s, "total_amount") > 10_000_00; large != (s.Story == "threshold") {
			t.Errorf("%s: story %s with a total of %d", s.File, s.Story, hundredths(s, "total_amount"))
		}
	}
}

func hundredths(s sample, field string) (c cents) {
	if v, ok := s.Truth[field].(string); ok {
		fmt.Sscan(strings.Replace(v, ".", "", 1), &c)
	}
	return c
}

// TestTables: every table of the policy that a new site starts with finds the
// samples it is there for and no others.
func TestTables(t *testing.T) {
	source, err := os.ReadFile("../../policy/policy.yaml")
	if err != nil {
		t.Fatal(err)
	}
	p, err := policy.Parse(source)
	if err != nil {
		t.Fatal(err)
	}
	list, text := samples(t)
	for name, want := range map[string]func(sample) bool{
		"restricted_suppliers": func(s sample) bool { return s.Expect.Class == "restricted" },
		"unusual_terms":        func(s sample) bool { return s.Story == "terms" },
		"injection_phrases":    func(s sample) bool { return s.Story == "bad-injection" },
		"invoice_words":        func(s sample) bool { return s.Story != "bad-no-invoice" && s.Story != "bad-file" },
	} {
		for _, s := range list {
			found := p.Tables[name].MentionedIn(text[s.File])
			if len(found) > 0 != want(s) {
				t.Errorf("%s mentioned in %s: %v, want %v", name, s.File, found, want(s))
			}
		}
	}
}
