package appliance

import (
	"slices"
	"strings"
	"testing"

	"skerry/appliance/api/client"
	"skerry/appliance/exam"
	"skerry/plugins/local/gguf/gguftest"
)

// TestExamIsTheGate: a policy that puts an imported model into a pool is not
// activated before the model was examined as it is; what it cannot do, routing
// does not give it.
func TestExamIsTheGate(t *testing.T) {
	s := newSite(t)
	// Its context is shorter than most questions of the exam: what does not fit is
	// not asked, and not borne out.
	s.take(t, "one", tiny(func(m *gguftest.Model) { m.Context = 512 }), func(u *client.ModelUpload) { u.Start = true })
	source, err := s.PolicySource(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	pooled := strings.Replace(string(source), "models: [starter]", "models: [starter, one]", 1)
	pooled = strings.Replace(pooled, "  starter: {clearance: restricted}\n", "  starter: {clearance: restricted}\n  one: {clearance: internal}\n", 1)
	if pooled == string(source) {
		t.Fatalf("the policy has no pool to put it into:\n%s", source)
	}
	if change, err := s.PutPolicy(t.Context(), []byte(pooled), false, true); err != nil || len(change.Unexamined) != 1 || !strings.Contains(change.Unexamined[0], "skerry model exam one") {
		t.Fatalf("a dry run says %+v, %v; want the command", change.Unexamined, err)
	}
	_, err = s.PutPolicy(t.Context(), []byte(pooled), true, false)
	refusedAs(t, "an unexamined model", err, "models-unexamined", "one was never examined", "skerry model exam one")
	if _, err := s.PutPolicy(t.Context(), source, true, false); err != nil {
		t.Errorf("a policy without it: %v", err)
	}
	m, err := s.ExamineModel(t.Context(), "one")
	if err != nil {
		t.Fatal(err)
	}
	if change, err := s.PutPolicy(t.Context(), []byte(pooled), true, false); err != nil || !change.Active {
		t.Fatalf("after the exam: %+v, %v", change, err)
	}
	if !slices.ContainsFunc(m.Exam.Parts, func(p exam.Part) bool { return p.Unasked > 0 }) {
		t.Errorf("all of the exam fits into 512 tokens: %+v", m.Exam.Parts)
	}
	if len(m.Exam.Limits) == 0 || !strings.Contains(strings.Join(m.Exam.Limits, ";"), "no extraction") {
		t.Errorf("the exam takes nothing away: %q", m.Exam.Limits)
	}
	if o := s.offered(t, "one"); o.Capabilities.Can("extract") {
		t.Errorf("routing gives it what it cannot do: %+v", o.Capabilities)
	}
}
