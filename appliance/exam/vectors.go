package exam

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"skerry/appliance/llm"
)

// Names of the parts for a model that makes vectors of texts.
const (
	Vectors  = "vectors"  // of the stated length and of unit length, and for the same text the same, alone or among others
	Nearness = "nearness" // texts about the same are nearer to each other than to others
	Limits   = "limits"   // a text that is too long is refused, not cut
)

// triple is a text with one about the same and one about something else, which
// has words in common with it.
type triple struct{ text, near, far string }

// triples are in the languages of the other questions, and across them.
var triples = []triple{
	{"The invoice must be paid within fourteen days.", "Payment is due two weeks after the bill.", "The invoice template must be printed in blue."},
	{"Please deliver 40 boxes of screws by 3 June.", "We order forty cartons of screws, to arrive before June the third.", "Please do not leave boxes in front of the fire door."},
	{"The pump was repaired and runs again.", "After the repair the pump is working.", "A new coffee machine was bought for the office."},
	{"The contract ends on 31 December unless it is renewed.", "Without renewal the agreement expires at the end of the year.", "The office is closed between Christmas and the end of the year."},
	{"Die Rechnung ist innerhalb von 14 Tagen zu bezahlen.", "Zahlbar zwei Wochen nach Erhalt der Rechnung.", "Die Kantine ist seit 14 Tagen geschlossen."},
	{"Der Liefertermin hat sich auf den 9. Mai verschoben.", "Wir liefern später, nämlich erst am 9. Mai.", "Am 9. Mai feiern wir unser Sommerfest."},
	{"The delivery is late.", "Die Lieferung verspätet sich.", "Die Lieferantin heißt Frau Spät."},
}

// vectors examines a model that makes vectors. It has no needles.
func (e *examiner) vectors(ctx context.Context) (int, error) {
	p, ok := e.Provider.(llm.Embedder)
	if !ok {
		return 0, &llm.Error{Kind: llm.Invalid, Message: "the provider of this model makes no embeddings"}
	}
	embed := func(texts ...string) ([][]float32, error) {
		start := e.Now()
		res, err := p.Embed(ctx, llm.EmbedRequest{Model: e.Model.ID, Texts: texts})
		if err == nil && len(res.Vectors) != len(texts) {
			err = &llm.Error{Kind: llm.Unavailable, Message: fmt.Sprintf("it gave %d vectors for %d texts", len(res.Vectors), len(texts))}
		}
		e.read += res.Usage.InputTokens
		e.reading += e.Now().Sub(start)
		return res.Vectors, err
	}
	for i, t := range triples {
		all, err := embed(t.text, t.near, t.far)
		if err != nil {
			return 0, err
		}
		alone, err := embed(t.text)
		if err != nil {
			return 0, err
		}
		e.grade(Vectors, !slices.ContainsFunc(all, func(v []float32) bool { return !e.sound(v) }), "%s: not of %d numbers and unit length", short(t.text), e.Model.Capabilities.Embeddings)
		e.grade(Vectors, cosine(all[0], alone[0]) > 0.9999, "%s: another vector alone than among others", short(t.text))
		near, far := cosine(all[0], all[1]), cosine(all[0], all[2])
		e.grade(Nearness, near > far, "%d: %.2f to %s, %.2f to %s", i+1, near, short(t.near), far, short(t.far))
	}
	return 0, e.limits(embed)
}

// limits asks with a text that nearly fills the context, which is what the
// speed is measured on, and with one that does not fit.
func (e *examiner) limits(embed func(...string) ([][]float32, error)) error {
	// Every word is at least a token.
	words := func(n int) string { return strings.Repeat("a ", max(n, 1)) }
	e.read, e.reading = 0, 0
	v, err := embed(words(e.Model.ContextTokens - 8))
	if overflow(err) {
		v, err = embed(words(e.Model.ContextTokens / 4)) // more than one token for a word
	}
	if err != nil {
		return err
	}
	e.grade(Limits, e.sound(v[0]), "no vector for a text that fills the context")
	_, err = embed(words(e.Model.ContextTokens + 8))
	e.grade(Limits, overflow(err), "a text beyond the context of %d tokens was taken", e.Model.ContextTokens)
	if err != nil && !overflow(err) {
		return err
	}
	return nil
}

// sound reports whether v is a vector as the model promises it.
func (e *examiner) sound(v []float32) bool {
	return len(v) == e.Model.Capabilities.Embeddings && math.Abs(cosine(v, v)-1) < 1e-3
}

// cosine is the inner product, which of unit vectors is the cosine of their
// angle.
func cosine(a, b []float32) float64 {
	sum := 0.0
	for i := range min(len(a), len(b)) {
		sum += float64(a[i]) * float64(b[i])
	}
	return sum
}
