package exam

import (
	"bytes"
	"context"
	"image"
	"image/color"
	"image/png"
	"strings"
	"testing"

	"skerry/appliance/llm"
)

// viewer is a provider whose model looks at the pixels, if it is not blind.
type viewer struct {
	llm.Provider
	blind bool
	fault error
}

func (v viewer) Generate(ctx context.Context, r llm.Request, emit func(llm.Delta) error) (llm.Response, error) {
	parts := r.Messages[len(r.Messages)-1].Parts
	if len(parts[0].Image) == 0 {
		return v.Provider.Generate(ctx, r, emit)
	}
	if v.fault != nil {
		return llm.Response{}, v.fault
	}
	img, err := png.Decode(bytes.NewReader(parts[0].Image))
	if err != nil {
		return llm.Response{}, err
	}
	if v.blind {
		img = image.NewUniform(color.White)
	}
	left, right := img.At(112, 112), img.At(336, 112)
	white := color.RGBAModel.Convert(color.White)
	side, square := "left", color.RGBAModel.Convert(left)
	if square == white {
		side, square = "right", color.RGBAModel.Convert(right)
	}
	answer := side
	if strings.Contains(parts[1].Text, "Which colour") {
		answer = map[color.Color]string{color.RGBA{220, 0, 0, 255}: "Red.", color.RGBA{0, 0, 220, 255}: "Blue."}[square]
	}
	return llm.Response{Text: answer, Finish: llm.FinishStop}, nil
}

// TestSight: a model that sees is asked about pictures, one that says so and is
// blind does not pass, one that cannot be shown them is examined all the same,
// and others are not asked.
func TestSight(t *testing.T) {
	for _, row := range []struct {
		name    string
		sees    bool
		viewer  viewer
		least   int
		most    int
		unasked int
	}{
		{"it sees", true, viewer{}, 4, 4, 0},
		{"it is blind", true, viewer{blind: true}, 0, 1, 0},
		{"its context is too small", true, viewer{fault: &llm.Error{Kind: llm.ContextOverflow, Message: "too long"}}, 0, 0, 4},
		{"it takes no such pictures", true, viewer{fault: &llm.Error{Kind: llm.Invalid, Message: "too narrow"}}, 0, 0, 0},
		{"it does not say that it sees", false, viewer{}, -1, -1, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := pupil(func(text string) string { return text })
			row.viewer.Provider = s.Provider
			s.Provider, s.Model.Capabilities.Vision = row.viewer, row.sees
			card, err := Run(t.Context(), s)
			if err != nil {
				t.Fatal(err)
			}
			passed, unasked := -1, 0
			for _, p := range card.Parts {
				if p.Name == Sight {
					passed, unasked = p.Passed, p.Unasked
				}
			}
			if passed < row.least || passed > row.most || unasked != row.unasked {
				t.Errorf("%d passed, %d not asked; want %d to %d, and %d", passed, unasked, row.least, row.most, row.unasked)
			}
		})
	}
	s := pupil(func(text string) string { return text })
	s.Model.Capabilities.Vision = true
	s.Provider = viewer{Provider: s.Provider, fault: &llm.Error{Kind: llm.Unavailable, Message: "gone"}}
	if _, err := Run(t.Context(), s); llm.KindOf(err) != llm.Unavailable {
		t.Errorf("a model that is gone: %v", err)
	}
}
