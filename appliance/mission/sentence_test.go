package mission

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"skerry/appliance/llm"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// TestSentences: each golden file holds one run's journal, an observation a
// line, with its sentences below it. -update rewrites the sentences.
func TestSentences(t *testing.T) {
	files, _ := filepath.Glob("testdata/*.rail")
	if len(files) == 0 {
		t.Fatal("no golden files")
	}
	kinds := map[Kind]bool{}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		var out strings.Builder
		for line := range strings.Lines(string(b)) {
			if !strings.HasPrefix(line, "{") {
				if strings.HasPrefix(line, "#") || strings.TrimSpace(line) == "" {
					out.WriteString(line)
				}
				continue
			}
			var o Observation
			if err := json.Unmarshal([]byte(line), &o); err != nil {
				t.Fatalf("%s: %v in %s", f, err, line)
			}
			kinds[o.Kind] = true
			out.WriteString(line + "en " + o.Sentence("en") + "\nde " + o.Sentence("de") + "\n")
		}
		switch {
		case *update:
			if err := os.WriteFile(f, []byte(out.String()), 0o644); err != nil {
				t.Fatal(err)
			}
		case out.String() != string(b):
			t.Errorf("%s: got\n%s", f, out.String())
		}
	}
	for _, k := range []Kind{
		KindCreated, KindRead, KindClassified, KindRouted, KindParked, KindResumed, KindGenerated, KindFailed, KindChecked, KindEscalated,
		KindQueued, KindDecided, KindBranched, KindOpened, KindStarted, KindReturned, KindSettled, KindVerdict,
	} {
		if !kinds[k] {
			t.Errorf("no golden sentence for %s", k)
		}
	}
}

// TestRailOfAStory writes the journal of a real run as a golden file, so that
// the sentences stay those of what really happens.
func TestRailOfAStory(t *testing.T) {
	w := &world{plan: invoicePlan(t), policy: testPolicy, last: 1, texts: map[string]string{"document": "Invoice of Boreal Defence"}}
	w.people = decide(Approve, "agreed with them")
	w.answer = func(c Call) (map[string]llm.Value, *FailedData) {
		if c.Step == "invoice" && c.Attempt == 1 {
			return nil, &FailedData{Model: "m", Error: llm.Unavailable, Message: "the runner was restarted", Next: "retry", RetryAt: epoch}
		}
		out := good(c)
		if _, ok := out["payment_terms"]; ok {
			out["payment_terms"] = val(`"10 % retention"`, 0.97)
		}
		return out, nil
	}
	_, journal := drive(t, w, start(w))
	var in strings.Builder
	in.WriteString("# A run with a restricted supplier and unusual terms.\n")
	for _, o := range journal {
		in.Write(jsonOf(o))
		in.WriteString("\nen " + o.Sentence("en") + "\nde " + o.Sentence("de") + "\n")
	}
	const file = "testdata/story.rail"
	if *update {
		if err := os.WriteFile(file, []byte(in.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	got, old := strings.Split(in.String(), "\n"), strings.Split(string(want), "\n")
	for i := range got {
		if err != nil || i >= len(old) || got[i] != old[i] {
			t.Fatalf("the story is told otherwise (%v) in line %d:\n%s", err, i+1, got[i])
		}
	}
}
