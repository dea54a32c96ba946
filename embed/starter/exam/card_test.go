package main

import (
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"skerry/appliance/llm"
	"skerry/embed"
)

// TestCardsSpeakOfTheEmbeddedModels: a card is about the weights, the profile
// and the tokenizer that are in the binary, and no others.
func TestCardsSpeakOfTheEmbeddedModels(t *testing.T) {
	for _, m := range embeddedModels(t, embed.Starter()) {
		for _, problem := range drift(t, m) {
			t.Errorf("card of %s: %s; write it anew with: go run ./embed/starter/exam -calibrate -card", m.ID, problem)
		}
	}
}

// TestCardDriftNegativeControl: the detector sees other weights, another
// calibration and a card without what it must say.
func TestCardDriftNegativeControl(t *testing.T) {
	for _, row := range []struct {
		name   string
		change func(*embedded)
		want   string
	}{
		{"other weights", func(m *embedded) { m.weights = append([]byte{0}, m.weights...) }, "weights"},
		{"another profile", func(m *embedded) { m.Profile = "generic-json" }, "profile"},
		{"another calibration", func(m *embedded) { m.Calibration = &llm.Calibration{Extract: llm.Curve{{0, 0}, {1, 0.5}}} }, "calibration"},
		{"chatting is no limit", func(m *embedded) { m.card.Limits = []string{"None."} }, "chat"},
		{"a split is missing", func(m *embedded) { m.card.Figures = nil }, "no figure"},
		{"another licence", func(m *embedded) { m.card.Licence = "MIT" }, "licence"},
		{"nothing was trained on", func(m *embedded) { m.card.Training.Tokens = 0 }, "training"},
	} {
		m := embeddedModels(t, embed.Starter())[0]
		row.change(&m)
		if got := strings.Join(drift(t, m), "; "); !strings.Contains(got, row.want) {
			t.Errorf("%s: found %q, want something about %q", row.name, got, row.want)
		}
	}
}

// drift returns what a card says that is not so, or does not say.
func drift(t *testing.T, m embedded) (problems []string) {
	t.Helper()
	c := m.card
	wrong := func(is bool, what string) {
		if is {
			problems = append(problems, what)
		}
	}
	sum := sha256.Sum256(m.weights)
	wrong(c.Digests.Weights != hex.EncodeToString(sum[:]), "its weights are not those of "+m.File)
	p, err := loadProfile(m.Profile)
	if err != nil {
		t.Fatal(err)
	}
	wrong(c.Digests.Profile != p.Digest, "its profile is not "+m.Profile+" as it is")
	tokens, err := digestOf(os.DirFS(".."), "tokenizer/tokens.json")
	if err != nil {
		t.Fatal(err)
	}
	wrong(c.Digests.Tokenizer != tokens, "its tokenizer is another")
	wrong(c.Exam.Calibration != m.Calibration.Digest(), "its figures were measured with another calibration")
	wrong(c.Architecture.SizeBytes != int64(len(m.weights)), "its size is another")
	wrong(c.Model != m.ID || c.Title != m.Title, "it names another model")
	wrong(!strings.Contains(strings.Join(c.Limits, " "), "cannot chat"), "its limits do not say that it cannot chat")
	wrong(c.Licence != "Apache-2.0", "its licence is "+c.Licence)
	wrong(c.Training.Tokens <= 0 || len(c.Training.Recipe) == 0 || len(c.Training.Seeds) == 0, "it does not say what its training was")
	wrong(len(c.Languages) == 0 || len(c.IntendedUse) == 0, "it does not say what it is for")
	for _, split := range []string{"clean", "noisy", "page", unseenSplit, pooled} {
		f, ok := find(c.Figures, fieldExact, split, "", "")
		wrong(!ok || f.N < 100, "it has no figure for "+split+" that rests on 100 fields or more")
	}
	for _, slice := range []string{"field", "language", "layout", "noise", "kind", "type", "name"} {
		found := false
		for _, f := range c.Figures {
			found = found || f.Slice == slice && f.N > 0
		}
		wrong(!found, "it has no figure by "+slice)
	}
	return problems
}

func TestFactsAreComplete(t *testing.T) {
	for _, role := range []string{small, larger} {
		f, err := factsOf(role)
		if err != nil {
			t.Fatal(err)
		}
		if f.About == "" || len(f.IntendedUse) == 0 || len(f.Limits) < 3 || f.Licence == "" || f.Training.Data == "" || len(f.Training.Recipe) == 0 || f.Training.Tokens <= 0 {
			t.Errorf("%s: something is missing: %+v", role, f)
		}
	}
	if _, err := factsOf("huge"); err == nil {
		t.Error("facts about a model that is not there")
	}
}

func TestMarshalCard(t *testing.T) {
	card := llm.Card{
		Model: "m", Limits: []string{"it cannot <chat>"}, Licence: "Apache-2.0", Digests: llm.CardDigests{Weights: "w"},
		Figures: []llm.Figure{{Measure: fieldExact, Value: 0.5, Low: 0.4, High: 0.6, N: 7}, {Measure: rocArea, Value: 0.9, Low: 0.8, High: 1, N: 7}},
	}
	b, err := marshalCard(card)
	if err != nil {
		t.Fatal(err)
	}
	got, err := llm.ParseCard(b)
	if err != nil {
		t.Fatalf("%v\n%s", err, b)
	}
	if len(got.Figures) != 2 || got.Figures[1] != card.Figures[1] || strings.Count(string(b), "\"measure\"") != strings.Count(string(b), "\n    {\"measure\"") {
		t.Errorf("got %+v from\n%s", got, b)
	}
}

func TestDigestOf(t *testing.T) {
	files := fstest.MapFS{"a/x.go": {Data: []byte("one")}, "a/y.go": {Data: []byte("two")}, "a/y_test.go": {Data: []byte("test")}}
	digest := func(f fs.FS, patterns ...string) string {
		t.Helper()
		d, err := digestOf(f, patterns...)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	before := digest(files, "a/*.go")
	files["a/y_test.go"] = &fstest.MapFile{Data: []byte("another test")}
	if digest(files, "a/*.go") != before {
		t.Error("a test changes the digest of what it tests")
	}
	files["a/x.go"], files["a/y.go"] = &fstest.MapFile{Data: []byte("onet")}, &fstest.MapFile{Data: []byte("wo")}
	if digest(files, "a/*.go") == before {
		t.Error("text that moves from one file to the next leaves the digest as it is")
	}
	sum := sha256.Sum256([]byte("wo"))
	if got := digest(files, "a/y.go"); got != hex.EncodeToString(sum[:]) {
		t.Errorf("the digest of one file is %s, not its SHA-256", got)
	}
	if _, err := digestOf(files, "b/*.go"); err == nil {
		t.Error("a digest of nothing")
	}
}
