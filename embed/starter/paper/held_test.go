package paper

import (
	"reflect"
	"slices"
	"strings"
	"testing"
)

// TestMakeIsDeterministic: the i-th document can be made alone, and twice.
func TestMakeIsDeterministic(t *testing.T) {
	for _, split := range splits {
		s := New(3, split)
		var all []Document
		for range 25 {
			all = append(all, s.Next())
		}
		for i, want := range slices.Backward(all) {
			if got := Make(3, split, i); !reflect.DeepEqual(got, want) {
				t.Errorf("%s %d differs when it is made alone:\n%+v\nand\n%+v", split, i, got, want)
			}
		}
		if other := Make(4, split, 0); reflect.DeepEqual(other, all[0]) {
			t.Errorf("%s: two seeds make the same document", split)
		}
	}
	if reflect.DeepEqual(Make(3, Train, 0).Text, Make(3, Calibration, 0).Text) {
		t.Error("two splits hold the same document")
	}
}

// heldIn lists what a document shows that Train must not.
func heldIn(d Document) (list []string) {
	for _, name := range []string{"supplier_name", "customer_name"} {
		f, ok := d.Facts[name]
		if !ok {
			continue
		}
		for w := range strings.FieldsFuncSeq(strings.Trim(f.JSON, `"`), func(c rune) bool { return c == ' ' || c == '-' || c == '&' }) {
			if len(w) > 4 && heldStem(w) && slices.Contains(stems, w) {
				list = append(list, name+" "+w)
			}
		}
	}
	for _, e := range d.Extras {
		if HeldOut(e.Concept) || HeldOut(e.Name) {
			list = append(list, "concept "+e.Concept)
		}
	}
	if slices.Contains(newLayouts, d.Layout) || strings.HasPrefix(d.Layout, "page") || slices.Contains([]string{"till-marked", "deed-cover", "mail-starred"}, d.Layout) {
		list = append(list, "layout "+d.Layout)
	}
	for l := range strings.Lines(d.Text) {
		for _, between := range []string{":", " |", "\t", "   ", " =", " .", "\n"} {
			if s, _, ok := strings.Cut(l, between); ok && heldLabels[fold(strings.Trim(s, "-*>•|#·~+ "))] {
				list = append(list, "label "+s)
			}
		}
	}
	for _, c := range append(slices.Clone(d.Clauses), termsOf(d)...) {
		if c.Stated && slices.ContainsFunc(heldWordings(d.Language), func(pattern string) bool { return like(c.Text, pattern) }) {
			list = append(list, "wording "+c.Text)
		}
	}
	return list
}

// heldWordings are the sentences of the test splits, with their holes.
func heldWordings(lang string) (list []string) {
	for _, t := range terms[lang] {
		if t.held {
			list = append(list, t.wording)
		}
	}
	for _, c := range clauseTexts[lang] {
		if c.held {
			list = append(list, c.wording)
		}
	}
	return list
}

// like says whether s is the wording with its holes filled.
func like(s, wording string) bool {
	for {
		before, rest, hole := strings.Cut(wording, "{")
		if !strings.HasPrefix(s, before) {
			return false
		}
		s = strings.TrimLeft(s[len(before):], "0123456789.")
		if !hole {
			return s == ""
		}
		_, wording, _ = strings.Cut(rest, "}")
	}
}

// TestTrainShowsNothingHeldOut, and Calibration nothing but companies.
func TestTrainShowsNothingHeldOut(t *testing.T) {
	for i := range 2500 {
		for form, d := range map[string]Document{"whole": Make(11, Train, i), "short": Short(11, Train, i)} {
			if list := heldIn(d); len(list) > 0 {
				t.Fatalf("train %d %s shows %v\n%s", i, form, list, d.Text)
			}
		}
	}
	for i := range 1000 {
		for _, found := range heldIn(Make(11, Calibration, i)) {
			if !strings.Contains(found, "_name ") {
				t.Fatalf("calibration %d shows %s", i, found)
			}
		}
	}
}

// TestHeldOutNegativeControl: the test splits show all of it, so that the
// test above can find something.
func TestHeldOutNegativeControl(t *testing.T) {
	seen := map[string]int{}
	for i := range 300 {
		for _, found := range heldIn(Make(11, Noisy, i)) {
			kind, _, _ := strings.Cut(found, " ")
			seen[kind]++
		}
	}
	for _, kind := range []string{"supplier_name", "customer_name", "concept", "layout", "label", "wording"} {
		if seen[kind] < 10 {
			t.Errorf("300 noisy documents show %d of %s, want at least 10", seen[kind], kind)
		}
	}
	for i := range 300 {
		if d := Make(11, Clean, i); d.Noise != 0 {
			t.Fatalf("clean %d has noise %v", i, d.Noise)
		}
	}
}

// TestConceptsAreHeldOutByName: about one in six, under any of its names.
func TestConceptsAreHeldOutByName(t *testing.T) {
	if tableConcepts < 150 {
		t.Errorf("the table holds %d concepts, want at least 150", tableConcepts)
	}
	held := 0
	for _, c := range concepts {
		if HeldOut(c.name) {
			held++
		}
		for _, lang := range []string{"en", "de"} {
			if len(c.labels[lang]) == 0 || c.about == "" {
				t.Errorf("%s has no %s label or no description", c.name, lang)
			}
		}
	}
	if share := float64(held) / float64(len(concepts)); share < .12 || share > .21 {
		t.Errorf("%.2f of the concepts are held out, want about 1/6", share)
	}
	for s, name := range conceptOf() {
		if HeldOut(s) != HeldOut(name) {
			t.Errorf("%s is a name of %s, but not held out like it", s, name)
		}
	}
}

// TestMixture: kinds, languages, lengths and the share of noise are as the
// recipe of the models says.
func TestMixture(t *testing.T) {
	const n = 3000
	kinds, langs := map[Kind]int{}, map[string]int{}
	noisy, long, most := 0, 0, 0
	for i := range n {
		d := Make(5, Train, i)
		kinds[d.Kind]++
		langs[d.Language]++
		if d.Noise > 0 {
			noisy++
		}
		tokens := int(float64(len(d.Text)) / 2.6)
		most = max(most, tokens)
		if tokens > 500 {
			long++
		}
	}
	t.Logf("kinds %v, languages %v, noisy %d, over 500 tokens %d, longest %d", kinds, langs, noisy, long, most)
	within := func(what string, got int, low, high float64) {
		if share := float64(got) / n; share < low || share > high {
			t.Errorf("%s: %.3f, want %.2f to %.2f", what, share, low, high)
		}
	}
	within("invoices", kinds[Invoice], .41, .49)
	within("e-mails", kinds[Mail], .07, .13)
	within("contracts", kinds[Contract], .09, .15)
	within("English", langs["en"], .44, .54)
	within("German", langs["de"], .44, .54)
	within("noisy", noisy, .21, .29)
	within("over 500 tokens", long, .03, .35)
	if most > 1700 {
		t.Errorf("the longest document has about %d tokens, want at most 1,700", most)
	}
}
