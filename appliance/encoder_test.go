package appliance

import (
	"math"
	"slices"
	"strings"
	"testing"

	"skerry/appliance/api/client"
	"skerry/appliance/exam"
	"skerry/appliance/llm"
	"skerry/appliance/policy"
	"skerry/plugins/local/gguf/gguftest"
)

// TestEmbeddingModels: a model that makes vectors is imported, started, asked
// and examined like any other, and no step of a mission is ever routed to it.
func TestEmbeddingModels(t *testing.T) {
	s := newSite(t)
	m := s.take(t, "encoder", gguftest.TinyOf("nomic-bert").Bytes(), func(u *client.ModelUpload) { u.Start = true })
	if m.State != "running" || m.Capabilities.Embeddings != 64 || m.Capabilities.Tasks == nil || len(m.Capabilities.Tasks) != 0 || m.Profile != "" || m.Lock.Profile != "" || m.File.Template != "" || m.File.MemoryCache != 0 {
		t.Fatalf("got %+v, file %+v", m, m.File)
	}

	p, served, ok := s.app.models.Provider("encoder")
	embedder, can := p.(llm.Embedder)
	if !ok || !can || served.Lock.Weights != m.File.SHA256 {
		t.Fatalf("provider %T of %+v", p, served)
	}
	res, err := embedder.Embed(t.Context(), llm.EmbedRequest{Model: "encoder", Texts: []string{"the invoice", "the order", "the invoice"}})
	if err != nil || len(res.Vectors) != 3 || len(res.Vectors[0]) != 64 || !slices.Equal(res.Vectors[0], res.Vectors[2]) || slices.Equal(res.Vectors[0], res.Vectors[1]) {
		t.Errorf("vectors %v, %v", res.Vectors, err)
	}
	length := 0.0
	for _, x := range res.Vectors[0] {
		length += float64(x) * float64(x)
	}
	if math.Abs(length-1) > 1e-5 || res.Usage.InputTokens == 0 {
		t.Errorf("a vector of the length %v, usage %+v", math.Sqrt(length), res.Usage)
	}
	if _, err := embedder.Embed(t.Context(), llm.EmbedRequest{Model: "encoder", Texts: []string{strings.Repeat("a ", 600)}}); llm.KindOf(err) != llm.ContextOverflow {
		t.Errorf("a text that is too long: %v", err)
	}
	if _, err := p.Generate(t.Context(), llm.Request{Model: "encoder", Messages: []llm.Message{{Role: llm.User, Parts: []llm.Part{{Text: "a"}}}}}, nil); llm.KindOf(err) != llm.Invalid {
		t.Errorf("asked to write: %v", err)
	}
	starter, _, ok := s.app.models.Provider("starter")
	if e, can := starter.(llm.Embedder); !ok || !can {
		t.Error("there is no starter model")
	} else if _, err := e.Embed(t.Context(), llm.EmbedRequest{Model: "starter", Texts: []string{"a"}}); llm.KindOf(err) != llm.Invalid {
		t.Errorf("a model that writes was asked for vectors: %v", err)
	}

	card, err := s.ExamineModel(t.Context(), "encoder")
	if err != nil {
		t.Fatal(err)
	}
	var parts []string
	for _, part := range card.Exam.Parts {
		parts = append(parts, part.Name)
		if part.Name != exam.Nearness && part.Passed != part.Total { // random weights know nothing about the meaning of texts
			t.Errorf("%s: %d of %d: %q", part.Name, part.Passed, part.Total, part.Faults)
		}
	}
	if !slices.Equal(parts, []string{exam.Vectors, exam.Nearness, exam.Limits}) || card.Exam.PrefillPerSecond <= 0 || card.Exam.DecodePerSecond != 0 {
		t.Errorf("scorecard %+v", card.Exam)
	}

	offers := s.app.models.Offers()
	i := slices.IndexFunc(offers, func(o policy.Offer) bool { return o.ID == "encoder" })
	if i < 0 || offers[i].Down != "" || offers[i].Capabilities.Embeddings != 64 || len(offers[i].Capabilities.Tasks) != 0 {
		t.Errorf("offers %+v", offers)
	}
}
