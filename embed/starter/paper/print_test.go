package paper

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"testing"

	"skerry/appliance/document"
)

// TestPrint writes documents for a person to read: PAPER=train PAPERS=40 go test -v -run Print, SHORT=1 for the curriculum.
func TestPrint(t *testing.T) {
	split := os.Getenv("PAPER")
	if split == "" {
		t.Skip("set PAPER to a split")
	}
	n, _ := strconv.Atoi(os.Getenv("PAPERS"))
	for i := range n {
		var d Document
		if os.Getenv("SHORT") != "" {
			d = Short(1, Split(split), i)
		} else {
			d = Make(1, Split(split), i)
		}
		if d.PDF != nil {
			read, err := document.Read("page.pdf", d.PDF, document.DefaultLimits())
			if err != nil {
				t.Fatal(err)
			}
			d.Text = read.Text
		}
		fmt.Printf("######## %d %s %s %s noise %.2f  %d bytes\n%s\n---- facts\n", i, d.Kind, d.Language, d.Layout, d.Noise, len(d.Text), d.Text)
		for _, k := range slices.Sorted(maps.Keys(d.Facts)) {
			fmt.Printf("%s=%s ", k, d.Facts[k].JSON)
		}
		fmt.Println()
		for _, e := range d.Extras {
			fmt.Printf("extra %s (%s) %q = %s\n", e.Name, e.About, e.Label, e.Fact.JSON)
		}
		if d.Items != nil {
			fmt.Println("items", d.Items.Columns)
			for _, r := range d.Items.Rows {
				for _, c := range d.Items.Columns {
					fmt.Printf(" %s", r[c].JSON)
				}
				fmt.Println()
			}
		}
		if d.Terms != nil {
			fmt.Printf("terms %+v\n", *d.Terms)
		}
		for _, c := range d.Clauses {
			fmt.Printf("clause %+v\n", c)
		}
		fmt.Println("unclear", d.Unclear)
	}
}
