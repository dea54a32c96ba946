package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io/fs"
	"slices"
	"testing"

	"skerry/appliance/llm"
	"skerry/embed"
	"skerry/plugins/local/gguf"
)

const (
	runnerPath = "../../../bin/skerry-runner"

	// shortExam is how many clean questions the models in the binary answer at
	// every build, and shortControl how many a damaged one does: it babbles.
	shortExam    = 25
	shortControl = 6

	// slack is how far below its card a model may be on so few questions.
	slack = 0.10
)

// embedded is a starter model as it is in the binary.
type embedded struct {
	entry
	card    llm.Card
	weights []byte
}

func embeddedModels(t *testing.T, files fs.FS) []embedded {
	t.Helper()
	b, err := fs.ReadFile(files, "models.json")
	if err != nil {
		t.Fatal(err)
	}
	var entries []entry
	if err := json.Unmarshal(b, &entries); err != nil {
		t.Fatal(err)
	}
	var list []embedded
	for _, e := range entries {
		m := embedded{entry: e}
		if m.weights, err = fs.ReadFile(files, e.File); err != nil {
			t.Fatal(err)
		}
		data, err := fs.ReadFile(files, "cards/"+string(e.ID)+".json")
		if err != nil {
			t.Fatalf("%v: every starter model has a card; write it with: go run ./embed/starter/exam -calibrate -card", err)
		}
		if m.card, err = llm.ParseCard(data); err != nil {
			t.Fatal(err)
		}
		list = append(list, m)
	}
	if len(list) == 0 {
		t.Fatal("there is no starter model")
	}
	return list
}

// exact answers the first n clean questions and returns the share of fields
// that are exactly right.
func (m embedded) exact(ctx context.Context, t *testing.T, weights []byte, n int) float64 {
	t.Helper()
	e, err := start(ctx, setup{runner: runnerPath, profile: m.Profile, context: m.ContextTokens, threads: 1, children: 2, schema: true}, m.ID, weights)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := e.close(); err != nil {
			t.Error(err)
		}
	}()
	questions, err := held(m.card.Exam.Seed, "clean", n)
	if err != nil {
		t.Fatal(err)
	}
	replies, err := e.askAll(ctx, 1, questions)
	if err != nil {
		t.Fatal(err)
	}
	f, ok := find(figures("clean", e.gradeAll(questions, replies, m.Calibration)), fieldExact, "clean", "", "")
	if !ok {
		t.Fatal("nothing was measured")
	}
	t.Logf("%s: %v of %d fields of %d clean questions", m.ID, f, f.N, n)
	return f.Value
}

// floor is what a model must reach at every build.
func (m embedded) floor(t *testing.T) float64 {
	t.Helper()
	f, ok := find(m.card.Figures, fieldExact, "clean", "", "")
	if !ok {
		t.Fatalf("the card of %s has no figure for clean text", m.ID)
	}
	return f.Value - slack
}

// TestEmbeddedModelsPassTheirExam: the weights in the binary, in the runner that
// is in it, still do what their card says.
func TestEmbeddedModelsPassTheirExam(t *testing.T) {
	for _, m := range embeddedModels(t, embed.Starter()) {
		if got, want := m.exact(t.Context(), t, m.weights, shortExam), m.floor(t); got < want {
			t.Errorf("%s reads %.3f of the fields of clean text, want at least %.3f: the weights, the profile, the runner or the generator changed", m.ID, got, want)
		}
	}
}

// TestExamFailsDamagedWeights is the negative control: with the attention of
// one layer gone, the first model fails the exam that it passes whole.
func TestExamFailsDamagedWeights(t *testing.T) {
	m := embeddedModels(t, embed.Starter())[0]
	damaged := withoutTensor(t, m.weights, "blk.2.attn_output.weight")
	if got, want := m.exact(t.Context(), t, damaged, shortControl), m.floor(t); got >= want {
		t.Errorf("%s without the output of an attention layer reads %.3f of the fields, and would pass with %.3f: the exam sees nothing", m.ID, got, want)
	}
}

// withoutTensor returns a copy of a model file with one tensor all zero.
func withoutTensor(t *testing.T, weights []byte, name string) []byte {
	t.Helper()
	f, err := gguf.Check(bytes.NewReader(weights), int64(len(weights)))
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(f.Tensors, func(x gguf.Tensor) bool { return x.Name == name })
	if i < 0 {
		t.Fatalf("the model has no tensor %s", name)
	}
	b := bytes.Clone(weights)
	from := f.DataStart + int64(f.Tensors[i].Offset)
	clear(b[from : from+int64(f.Tensors[i].Size)])
	return b
}
