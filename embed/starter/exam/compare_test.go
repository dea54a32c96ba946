package main

import (
	"encoding/json"
	"testing"

	"skerry/appliance/llm"
)

func TestSame(t *testing.T) {
	items := llm.Field{Type: llm.TypeList, Of: []llm.Field{{Name: "what", Type: llm.TypeString}, {Name: "count", Type: llm.TypeInteger}}}
	for _, row := range []struct {
		name      string
		field     llm.Field
		got, want string
		same      bool
	}{
		{"white space does not count", llm.Field{Type: llm.TypeString}, `"Nord  Hafen\nGmbH"`, `"Nord Hafen GmbH"`, true},
		{"case does", llm.Field{Type: llm.TypeString}, `"nord hafen"`, `"Nord Hafen"`, false},
		{"one digit does", llm.Field{Type: llm.TypeString}, `"RE-1044"`, `"RE-1045"`, false},
		{"decimals by value", llm.Field{Type: llm.TypeDecimal}, `"1250.50"`, `1250.5`, true},
		{"another amount", llm.Field{Type: llm.TypeDecimal}, `"1250.51"`, `1250.5`, false},
		{"what is no number", llm.Field{Type: llm.TypeDecimal}, `"about 12"`, `12`, false},
		{"dates", llm.Field{Type: llm.TypeDate}, `"2026-04-06"`, `"2026-04-06"`, true},
		{"another day", llm.Field{Type: llm.TypeDate}, `"2026-06-04"`, `"2026-04-06"`, false},
		{"an IBAN with spaces", llm.Field{Type: llm.TypeIBAN}, `"DE02 1203"`, `"DE021203"`, true},
		{"both absent", llm.Field{Type: llm.TypeString}, `null`, `null`, true},
		{"made up", llm.Field{Type: llm.TypeString}, `"x"`, `null`, false},
		{"lost", llm.Field{Type: llm.TypeString}, `null`, `"x"`, false},
		{"truth", llm.Field{Type: llm.TypeBoolean}, `true`, `true`, true},
		{"untruth", llm.Field{Type: llm.TypeBoolean}, `false`, `true`, false},
		{"an empty list is an absent one", items, `[]`, `null`, true},
		{"a whole list", items, `[{"what":"a","count":1},{"what":"b","count":2}]`, `[{"count":1,"what":"a"},{"what":"b","count":2}]`, true},
		{"a wrong cell", items, `[{"what":"a","count":1},{"what":"b","count":3}]`, `[{"what":"a","count":1},{"what":"b","count":2}]`, false},
		{"a row too few", items, `[{"what":"a","count":1}]`, `[{"what":"a","count":1},{"what":"b","count":2}]`, false},
		{"a row too many", items, `[{"what":"a","count":1},{"what":"b","count":2}]`, `[{"what":"a","count":1}]`, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := same(row.field, json.RawMessage(row.got), json.RawMessage(row.want)); got != row.same {
				t.Errorf("%s and %s: same = %v, want %v", row.got, row.want, got, row.same)
			}
		})
	}
	if c := compareLists(items, json.RawMessage(`[{"what":"a","count":1},{"what":"c","count":2},{"what":"d","count":3}]`),
		json.RawMessage(`[{"what":"a","count":1},{"what":"b","count":2}]`)); c != (listResult{gotRows: 3, wantRows: 2, cells: 6, right: 3}) {
		t.Errorf("cells: %+v", c)
	}
}
