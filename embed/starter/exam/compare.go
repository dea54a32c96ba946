package main

import (
	"bytes"
	"encoding/json"
	"math/big"
	"strings"

	"skerry/appliance/llm"
)

// absent reports whether a value is null. An empty list holds nothing either.
func absent(v json.RawMessage) bool {
	s := strings.TrimSpace(string(v))
	return s == "" || s == "null" || s == "[]"
}

// same reports whether got, as a model's answer was read, is the value want.
// Strings are compared after white space is collapsed, IBANs without it,
// numbers by value, and lists cell by cell in their order.
func same(f llm.Field, got, want json.RawMessage) bool {
	if absent(got) || absent(want) {
		return absent(got) && absent(want)
	}
	switch f.Type {
	case llm.TypeDecimal, llm.TypeInteger:
		a, okA := number(got)
		b, okB := number(want)
		return okA && okB && a.Cmp(b) == 0
	case llm.TypeIBAN:
		return strings.Join(strings.Fields(text(got)), "") == strings.Join(strings.Fields(text(want)), "")
	case llm.TypeList:
		c := compareLists(f, got, want)
		return c.gotRows == c.wantRows && c.right == c.cells
	case llm.TypeBoolean:
		return bytes.Equal(bytes.TrimSpace(got), bytes.TrimSpace(want))
	}
	return strings.Join(strings.Fields(text(got)), " ") == strings.Join(strings.Fields(text(want)), " ")
}

// text returns the string that v holds, or v itself where it holds none.
func text(v json.RawMessage) string {
	var s string
	if json.Unmarshal(v, &s) != nil {
		return string(v)
	}
	return s
}

// number reads a JSON number, or a string that holds one.
func number(v json.RawMessage) (*big.Rat, bool) {
	return new(big.Rat).SetString(strings.TrimSpace(text(v)))
}

// listResult compares two lists.
type listResult struct {
	gotRows, wantRows int
	cells, right      int // of the rows that should be there, or are there too many
}

// compareLists compares row by row: a row that is missing, or one too many,
// counts all its cells as wrong.
func compareLists(f llm.Field, got, want json.RawMessage) listResult {
	a, b := rows(got), rows(want)
	r := listResult{gotRows: len(a), wantRows: len(b)}
	for i := range max(len(a), len(b)) {
		for _, cell := range f.Of {
			r.cells++
			if i < len(a) && i < len(b) && same(cell, a[i][cell.Name], b[i][cell.Name]) {
				r.right++
			}
		}
	}
	return r
}

func rows(v json.RawMessage) []map[string]json.RawMessage {
	var list []map[string]json.RawMessage
	if json.Unmarshal(v, &list) != nil {
		return nil
	}
	return list
}
