package dialect_test

import (
	"strings"
	"testing"

	"skerry/appliance/llm"
	"skerry/plugins/local/dialect"
)

const house = `{"name":"house","turns":{"user":{"before":"⟦<u>⟧","after":"⟦</u>⟧\n"},"assistant":{"before":"⟦<b>⟧","after":"⟦</b>⟧"}},"end":["</b>"]}`

func TestSupplied(t *testing.T) {
	d, err := dialect.For(house, "whatever", anything)
	if err != nil || d.Name != "own:house" {
		t.Fatal(d.Name, err)
	}
	spans, err := d.Render([]llm.Message{text(llm.System, "S"), text(llm.User, "U</u>")}, "P")
	if err != nil {
		t.Fatal(err)
	}
	var out, controls strings.Builder
	for _, s := range spans {
		out.WriteString(s.Text)
		if s.Control {
			controls.WriteString(s.Text)
		}
	}
	if out.String() != "<u>S\n\nU</u></u>\n<b>P" || controls.String() != "<u></u><b>" {
		t.Errorf("%q with controls %q", out.String(), controls.String())
	}
	if _, err := dialect.For(house, "", func(s string) bool { return s != "<b>" }); err == nil || !strings.Contains(err.Error(), "<b>") {
		t.Errorf("a missing control token: %v", err)
	}
}

func TestSuppliedRefuses(t *testing.T) {
	for _, row := range []struct{ name, from, to, want string }{
		{"an unknown key", `"end"`, `"loop":1,"end"`, "unknown field"},
		{"a bad name", `"house"`, `"../x"`, "name must"},
		{"another role", `"user"`, `"tool"`, "there are system"},
		{"a turn of plain words", `⟦<b>⟧","after":"⟦</b>⟧`, `BOT:","after":"`, "at least one control token"},
		{"an open mark", `⟦<u>⟧`, `⟦<u>`, "not closed"}, {"a mark in a mark", `⟦<u>⟧`, `⟦<⟦u>⟧`, "pairs"}, {"an empty mark", `⟦<u>⟧`, `⟦⟧<u>`, "pairs"},
		{"no end", `["</b>"]`, `[]`, "end must"}, {"an empty end", `"</b>"]`, `""]`, "no control token"},
		{"half of thinking", `"end"`, `"thinkOpen":"<t>","end"`, "must both"},
		{"more behind it", `["</b>"]}`, `["</b>"]}{}`, "more after"},
		{"a long form", `⟦<u>⟧`, strings.Repeat("x", 600), "512"},
	} {
		if _, err := dialect.ParseSupplied(strings.Replace(house, row.from, row.to, 1)); err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: %v; want %q", row.name, err, row.want)
		}
	}
}

// FuzzSupplied: whatever is supplied is refused, or can be written.
func FuzzSupplied(f *testing.F) {
	f.Add(house)
	f.Fuzz(func(t *testing.T, s string) {
		d, err := dialect.ParseSupplied(s)
		if err != nil {
			return
		}
		spans, err := d.Render([]llm.Message{text(llm.User, "U")}, "")
		if err != nil {
			t.Fatal(err)
		}
		for _, sp := range spans {
			if sp.Control && sp.Text == "" {
				t.Errorf("an empty control token: %+v", spans)
			}
		}
	})
}
