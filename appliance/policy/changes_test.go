package policy

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// TestChanges edits the default policy and reads what is said about it.
func TestChanges(t *testing.T) {
	source, err := os.ReadFile("../../embed/policy/policy.yaml")
	if err != nil {
		t.Fatal(err)
	}
	before, err := Parse(source)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name, old, new string
		want           []string
	}{
		{"nothing but a comment", "models: #", "models: # ours:", nil},
		{"a model is enabled", "  starter: {clearance: restricted}\n", "  starter: {clearance: restricted}\n  qwen: {clearance: internal}\n",
			[]string{"model qwen is enabled, cleared up to internal"}},
		{"a clearance is lowered", "  starter: {clearance: restricted}", "  starter: {clearance: public}", []string{"model starter is cleared up to public (was restricted)"}},
		{"a model is disabled", "  starter: {clearance: restricted}", "  starter: {clearance: restricted, disabled: true}",
			[]string{"model starter is no longer enabled (it was cleared up to restricted)"}},
		{"a pool gets a model", "models: [starter-large]", "models: [starter-large, starter]", []string{"pool strong is starter-large, starter (was starter-large)"}},
		{"a pool takes more", "limit: 2", "limit: 5", []string{"pool routine takes 5 calls at once (was 2 calls)"}},
		{"a boundary is closed", "  external: public\n", "", []string{"up to nothing may cross into external (was public)"}},
		{"a price", "  starter: {microsPerSecond: 100}", "  starter: {microsPerSecond: 101}", []string{"the price of starter changed"}},
		{"a queue", "roles: [approver, admin]", "roles: [approver]", []string{"the queue finance changed"}},
		{"a row of a table", "Marlow Avionics", "Marlow Avionics Ltd", []string{"the table restricted_suppliers changed"}},
		{"the rules", "objective: order", "objective: cost", []string{"the rules changed"}},
		{"the budget", "runTokens: 2000000", "runTokens: 1", []string{"the budget changed"}},
		{"a title of a class", "en: Public", "en: Open", []string{"the data classes changed"}},
	} {
		text := strings.Replace(string(source), row.old, row.new, 1)
		if text == string(source) {
			t.Fatalf("%s: %q is not in the policy", row.name, row.old)
		}
		after, err := Parse([]byte(text))
		if err != nil {
			t.Fatalf("%s: %v", row.name, err)
		}
		if got := before.Changes(after); !slices.Equal(got, row.want) {
			t.Errorf("%s: got %q, want %q", row.name, got, row.want)
		}
	}
}
