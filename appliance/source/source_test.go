package source

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml/ast"
)

var form = Form{Kind: "recipe", Begins: "recipe: name", MaxBytes: 4 << 20, MaxNesting: 20}

func TestOpenRefuses(t *testing.T) {
	for _, row := range []struct{ says, text, want string }{
		{"nothing", "", "1:1: the file is empty; a recipe begins with `recipe: name`"},
		{"a comment and nothing else", "# later\n", "1:1: the file is empty"},
		{"a mark and nothing else", "---\n", "1:1: the file is empty"},
		{"two documents", "a: 1\n---\nb: 2\n", "3:1: a file holds one recipe; split it at the ---"},
		{"a text that is too long", strings.Repeat("#", form.MaxBytes+1), "the file has 4194305 bytes; at most 4194304 are read"},
		{"a text that is no text", "a: \xff", "the file is not UTF-8 text"},
		{"a bracket that is left open", "a: [1, 2", "1:4: not YAML: "},
		{"brackets without end", "a: " + strings.Repeat("[", 1<<20), "nested deeper than 20 levels"},
		{"lists in lists on one line", strings.Repeat("- ", 1<<20) + "x", "nested deeper than 20 levels"},
		{"keys in keys on one line", strings.Repeat("? ", 1<<20) + "x", "nested deeper than 20 levels"},
		{"lists in lists, with tabs", strings.Repeat("-\t", 1<<20) + "x", "nested deeper than 20 levels"},
		{"tags of tags", strings.Repeat("!!a ", 1<<19) + "x", "nested deeper than 20 levels"}, // the parser would exhaust the stack, which nothing recovers
		{"anchors of tags over many lines", strings.Repeat("!a\n&b\n", 1<<19) + "x", "nested deeper than 20 levels"},
		{"mixed marks", strings.Repeat("- ? ", 1<<19) + "x", "nested deeper than 20 levels"},
	} {
		n, err := Open([]byte(row.text), form)
		var problems Problems
		if n != nil || !errors.As(err, &problems) || len(problems) != 1 || !strings.HasPrefix(err.Error(), row.want) && !strings.Contains(err.Error(), "the file is "+row.want) {
			t.Errorf("%s: got %v, %.200v; want %s", row.says, n, err, row.want)
		}
	}
}

func TestOpenTakesWhatLooksDeep(t *testing.T) {
	for _, text := range []string{
		strings.Repeat("- {a: [1]}\n", 100),
		strings.Repeat("- a && !b\n", 100),
		"a: |\n  " + strings.Repeat("-", 100) + "\n",
		strings.Repeat("-\n  - x\n", 100),
	} {
		if n, err := Open([]byte(text), form); n == nil || err != nil {
			t.Errorf("%.40q: got %v, %v", text, n, err)
		}
	}
}

func TestOpenFindsThePlaces(t *testing.T) {
	n, err := Open([]byte("# what it is\n---\nlist:\n  - name: x\n  - {name: y}\n"), form)
	if err != nil {
		t.Fatal(err)
	}
	values := n.(*ast.MappingNode).Values[0].Value.(*ast.SequenceNode).Values
	got := []Position{Place(n), Place(values[0]), Place(values[1]), Place(nil)}
	if want := []Position{{3, 1}, {4, 5}, {5, 5}, {}}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestProblems(t *testing.T) {
	if err := (Problems)(nil).Err(); err != nil {
		t.Errorf("no problems: got %v", err)
	}
	all := Problems{{2, 5, "b", "late"}, {0, 0, "", "as a whole"}, {2, 1, "a", "early"}, {2, 5, "c", "later"}}
	if got, want := all.Err().Error(), "as a whole\n2:1: a: early\n2:5: b: late\n2:5: c: later"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if lines := strings.Count(slices.Repeat(all, 100).Err().Error(), "\n") + 1; lines != maxProblems {
		t.Errorf("got %d problems, want %d", lines, maxProblems)
	}
}

// FuzzOpen: any text is a document or a problem, never a panic, and every
// document has a place.
func FuzzOpen(f *testing.F) {
	for _, s := range []string{"", "a: 1", "a: [1, {b: 2}]\n", "- - x", "? [a]\n: b", "a: &x 1\nb: *x\n<<: *x", "a: |\n  b\n---\n!!str c", "\"\\u0000\": '"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		n, err := Open(text, form)
		var problems Problems
		switch {
		case err != nil && (n != nil || !errors.As(err, &problems) || len(problems) != 1):
			t.Fatalf("got %v and %v", n, err)
		case err == nil && n == nil:
			t.Fatal("neither a document nor a problem")
		case err == nil && Place(n).Line < 1:
			t.Fatalf("a document at %v", Place(n))
		}
	})
}
