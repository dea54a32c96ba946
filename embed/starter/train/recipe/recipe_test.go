package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const small = `{"seed": 1, "tokenizer": "t.json",
 "records": {"train": {"split": "train", "examples": 9}, "held": {"split": "calibration", "examples": 9}},
 "models": [
  {"id": "a", "gguf": "a.gguf", "stages": [{"mix": {"train": 1}, "tokens": 10, "decayTokens": 5, "matrixRate": 1, "embeddingRate": 1, "gainRate": 1}]},
  {"id": "b", "grow": {"from": "a", "layers": 2, "ffn": 64}, "stages": [{"mix": {"train": 1}, "tokens": 10, "matrixRate": 1, "embeddingRate": 1, "gainRate": 1}]}]}`

func parse(t *testing.T, text string) (*recipe, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "recipe.json")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return read(path)
}

func TestRecipe(t *testing.T) {
	if _, err := read("../recipe.json"); err != nil {
		t.Errorf("the recipe of the starter models: %v", err)
	}
	if _, err := parse(t, small); err != nil {
		t.Fatalf("a good recipe: %v", err)
	}
	for _, row := range []struct{ name, old, new, want string }{
		{"a misspelt key", `"decayTokens"`, `"decayToken"`, "unknown field"},
		{"nothing to watch on", `"held"`, `"other"`, `"held"`},
		{"training on the held-out records", `{"train": 1}`, `{"held": 1}`, "nothing to train on"},
		{"a weight of zero", `{"train": 1}`, `{"train": 0}`, "nothing to train on"},
		{"no start", `"gguf": "a.gguf", `, ``, "either gguf or grow"},
		{"growing from a later model", `"from": "a"`, `"from": "b"`, "not trained before"},
		{"two models of one id", `"id": "b"`, `"id": "a"`, "occurs twice"},
		{"a decay longer than the stage", `"decayTokens": 5`, `"decayTokens": 11`, "longer than the stage"},
		{"no tokens", `"tokens": 10, "decayTokens"`, `"tokens": 0, "decayTokens"`, "must rise"},
		{"no rate", `"gainRate": 1`, `"gainRate": 0`, "learning rate"},
	} {
		text := strings.Replace(small, row.old, row.new, 1)
		if text == small {
			t.Fatalf("%s: nothing was changed", row.name)
		}
		if _, err := parse(t, text); err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: got %v, want an error with %q", row.name, err, row.want)
		}
	}
}

func TestNeeded(t *testing.T) {
	r, err := parse(t, small)
	if err != nil {
		t.Fatal(err)
	}
	k := kitchen{recipe: r}
	for _, row := range []struct {
		id, wanted string
		want       bool
	}{{"a", "a", true}, {"a", "b", true}, {"b", "b", true}, {"b", "a", false}} {
		if got := k.needed(row.id, []string{row.wanted}); got != row.want {
			t.Errorf("is %s needed for %s: %v, want %v", row.id, row.wanted, got, row.want)
		}
	}
}

// TestStepIsDoneOnce: what is finished is not done again, unless what it was
// made from changed; what failed is.
func TestStepIsDoneOnce(t *testing.T) {
	r, err := parse(t, small)
	if err != nil {
		t.Fatal(err)
	}
	k := kitchen{recipe: r, dir: t.TempDir()}
	var did []string
	do := func(name string, m model, err error) {
		_ = k.step("s", k.lineage(m, 1), func() error { did = append(did, name); return err })
	}
	do("failed", r.Models[1], os.ErrInvalid)
	do("first", r.Models[1], nil)
	do("again", r.Models[1], nil)
	r.Models[0].Stages[0].Tokens++ // of the model it grew from
	do("other parent", r.Models[1], nil)
	if want := []string{"failed", "first", "other parent"}; !slices.Equal(did, want) {
		t.Errorf("did %q, want %q", did, want)
	}
}
