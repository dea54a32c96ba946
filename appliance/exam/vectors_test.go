package exam

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"

	"skerry/appliance/llm"
	"skerry/appliance/llm/llmtest"
)

// encoder is a provider whose vectors are made by a function.
type encoder struct {
	*llmtest.Fake
	vector func(text string, n int) []float32 // n = texts in the request
	most   int                                // words
}

func (e encoder) Embed(_ context.Context, r llm.EmbedRequest) (llm.EmbedResponse, error) {
	var res llm.EmbedResponse
	for _, t := range r.Texts {
		n := len(strings.Fields(t))
		if e.most > 0 && n > e.most {
			return res, &llm.Error{Kind: llm.ContextOverflow, Message: "too long"}
		}
		res.Usage.InputTokens += n
		res.Vectors = append(res.Vectors, e.vector(t, len(r.Texts)))
	}
	return res, nil
}

// knowing returns a vector for what a text is about, which it knows from the
// questions.
func knowing(text string, _ int) []float32 {
	v := make([]float32, 16)
	at := slices.IndexFunc(triples, func(t triple) bool { return text == t.text || text == t.near })
	v[(at+16)%16] = 1
	return v
}

func examined(t *testing.T, vector func(string, int) []float32, most int) Scorecard {
	t.Helper()
	m := llmtest.Model("m")
	m.ContextTokens, m.Capabilities = 100, llm.Capabilities{Embeddings: 16}
	c, err := Run(t.Context(), Subject{Provider: encoder{&llmtest.Fake{Catalogue: []llm.Model{m}}, vector, most}, Model: m})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestAGoodEncoderPasses(t *testing.T) {
	c := examined(t, knowing, 100)
	var names []string
	for _, p := range c.Parts {
		names = append(names, p.Name)
		if p.Passed != p.Total || p.Total == 0 {
			t.Errorf("%s: %d of %d: %q", p.Name, p.Passed, p.Total, p.Faults)
		}
	}
	if !slices.Equal(names, []string{Vectors, Nearness, Limits}) || c.PrefillPerSecond == 0 || c.NeedleTokens != 0 || c.DecodePerSecond != 0 {
		t.Errorf("parts %q, %+v", names, c)
	}
}

// TestFaultyEncodersAreSeen: each fault in its part, and in no other.
func TestFaultyEncodersAreSeen(t *testing.T) {
	for _, row := range []struct {
		name   string
		vector func(string, int) []float32
		most   int
		part   string
		passed int
		total  int
	}{
		{"vectors of another length", func(s string, n int) []float32 { return append(knowing(s, n), 0) }, 100, Vectors, 7, 14},
		{"vectors that are too long", func(s string, n int) []float32 {
			v := knowing(s, n)
			for i := range v {
				v[i] *= 1.1
			}
			return v
		}, 100, Vectors, 7, 14},
		{"vectors that are none", func(s string, n int) []float32 {
			v := knowing(s, n)
			v[3] = float32(math.NaN())
			return v
		}, 100, Vectors, 0, 14},
		{"vectors that depend on the request", func(s string, n int) []float32 {
			v := knowing(s, n)
			if n == 1 {
				slices.Reverse(v)
			}
			return v
		}, 100, Vectors, 7, 14},
		{"one vector for everything", func(string, int) []float32 { return knowing("", 1) }, 100, Nearness, 0, 7},
		{"a text that is cut", knowing, 0, Limits, 1, 2},
	} {
		c := examined(t, row.vector, row.most)
		if passed, total := score(c, row.part); passed != row.passed || total != row.total {
			t.Errorf("%s: %s %d of %d, want %d of %d", row.name, row.part, passed, total, row.passed, row.total)
		}
	}
}

func TestAnEncoderWithoutEmbed(t *testing.T) {
	m := llmtest.Model("m")
	m.Capabilities = llm.Capabilities{Embeddings: 16}
	if _, err := Run(t.Context(), Subject{Provider: &llmtest.Fake{Catalogue: []llm.Model{m}}, Model: m}); llm.KindOf(err) != llm.Invalid {
		t.Errorf("got %v", err)
	}
}
