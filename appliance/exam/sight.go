package exam

import (
	"bytes"
	"context"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"strings"

	"skerry/appliance/llm"
)

// Sight is the part for models that see: what is drawn in a picture.
const Sight = "sight"

// sights are pictures of one colour with a square of another in one half, and
// what is asked about them.
var sights = []struct {
	ground, square color.RGBA
	left           bool
	ask, want      string
}{
	{color.RGBA{255, 255, 255, 255}, color.RGBA{220, 0, 0, 255}, true, "Which colour has the square in this picture? Answer with one word: red, green or blue.", "red"},
	{color.RGBA{255, 255, 255, 255}, color.RGBA{0, 0, 220, 255}, false, "Which colour has the square in this picture? Answer with one word: red, green or blue.", "blue"},
	{color.RGBA{255, 255, 255, 255}, color.RGBA{0, 0, 0, 255}, true, "On which side of this picture is the black square? Answer with one word: left or right.", "left"},
	{color.RGBA{255, 255, 255, 255}, color.RGBA{0, 0, 0, 255}, false, "On which side of this picture is the black square? Answer with one word: left or right.", "right"},
}

// picture draws a square of 112 pixels into the middle of one half of 448 × 224.
func picture(ground, square color.RGBA, left bool) ([]byte, error) {
	const edge = 224
	img := image.NewRGBA(image.Rect(0, 0, 2*edge, edge))
	draw.Draw(img, img.Bounds(), image.NewUniform(ground), image.Point{}, draw.Src)
	at := image.Rect(edge/4, edge/4, 3*edge/4, 3*edge/4)
	if !left {
		at = at.Add(image.Pt(edge, 0))
	}
	draw.Draw(img, at, image.NewUniform(square), image.Point{}, draw.Src)
	var b bytes.Buffer
	err := png.Encode(&b, img)
	return b.Bytes(), err
}

// sight shows pictures. One that the model says it cannot be shown is a fault of
// the part and not the end of the exam.
func (e *examiner) sight(ctx context.Context) error {
	for _, q := range sights {
		img, err := picture(q.ground, q.square, q.left)
		if err != nil {
			return err
		}
		r := e.conversation(q.ask)
		r.Messages[0].Parts = append([]llm.Part{{Image: img}}, r.Messages[0].Parts...)
		res, err := e.timed(ctx, r)
		switch {
		case err == nil:
		case llm.KindOf(err) == llm.ContextOverflow:
			e.unasked(Sight, 1)
			continue
		case llm.KindOf(err) == llm.Invalid:
			e.grade(Sight, false, "%v", err)
			continue
		default:
			return err
		}
		word := strings.ToLower(strings.Trim(res.Text, " \t\r\n.!\"'*"))
		e.grade(Sight, word == q.want, "%q: wrote %s", q.ask, short(res.Text))
	}
	return nil
}
