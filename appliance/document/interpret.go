package document

import (
	"math"

	"github.com/ledongthuc/pdf"
)

// matrix is an affine map [a b c d e f] (ISO 32000-1, 8.3.3).
type matrix [6]float64

var identity = matrix{1, 0, 0, 1, 0, 0}

// times returns the map that first applies m, then n.
func (m matrix) times(n matrix) matrix {
	return matrix{
		m[0]*n[0] + m[1]*n[2], m[0]*n[1] + m[1]*n[3],
		m[2]*n[0] + m[3]*n[2], m[2]*n[1] + m[3]*n[3],
		m[4]*n[0] + m[5]*n[2] + n[4], m[4]*n[1] + m[5]*n[3] + n[5],
	}
}

// rotation returns the map for the clockwise rotation of a page in degrees.
func rotation(degrees int64) matrix {
	switch (degrees%360 + 360) % 360 {
	case 90:
		return matrix{0, -1, 1, 0, 0, 0}
	case 180:
		return matrix{-1, 0, 0, -1, 0, 0}
	case 270:
		return matrix{0, 1, -1, 0, 0, 0}
	}
	return identity
}

// glyph is a shown character at its place on the page, in points.
type glyph struct {
	text       string
	x, y, w, h float64 // left end of the baseline, advance width, font size
}

// state is the part of the graphics state that places text (ISO 32000-1, 9.3).
type state struct {
	ctm                       matrix
	font                      *font
	size, charSpace, wordSpan float64
	scale, leading, rise      float64
}

// interpreter runs the text operators of content streams.
type interpreter struct {
	p      *pdfReader
	glyphs []glyph
	state
	stack    []state
	tm, line matrix // text matrix and text line matrix
}

// run interprets one content stream, with the resources it may name.
func (in *interpreter) run(content []byte, resources pdf.Value, ctm matrix, depth int) {
	in.state = state{ctm: ctm, scale: 1}
	in.stack = nil
	in.tm, in.line = identity, identity
	fonts := map[pdfName]*font{} // programs name a font before every string; each look-up parses it anew
	s := &scanner{b: content}
	for {
		op, args, ok := s.next()
		if !ok {
			return
		}
		if op == "Do" {
			in.form(args, resources, depth)
			continue
		}
		if op == "Tf" && len(args) == 2 {
			name, _ := args[0].(pdfName)
			f, known := fonts[name]
			if !known {
				f = in.p.font(resources.Key("Font").Key(string(name)))
				fonts[name] = f
			}
			in.font = f
			in.size = number(args, 1)
			continue
		}
		in.do(op, args)
	}
}

// do runs one operator that needs no resources.
func (in *interpreter) do(op operator, args []any) {
	switch op {
	case "q":
		if len(in.stack) < 1000 {
			in.stack = append(in.stack, in.state)
		}
	case "Q":
		if n := len(in.stack); n > 0 {
			in.state, in.stack = in.stack[n-1], in.stack[:n-1]
		}
	case "cm":
		in.ctm = matrixOf(args).times(in.ctm)
	case "BT":
		in.tm, in.line = identity, identity
	case "Tc":
		in.charSpace = number(args, 0)
	case "Tw":
		in.wordSpan = number(args, 0)
	case "Tz":
		in.scale = number(args, 0) / 100
	case "TL":
		in.leading = number(args, 0)
	case "Ts":
		in.rise = number(args, 0)
	case "Tm":
		in.line = matrixOf(args)
		in.tm = in.line
	case "Td":
		in.move(number(args, 0), number(args, 1))
	case "TD":
		in.leading = -number(args, 1)
		in.move(number(args, 0), number(args, 1))
	case "T*":
		in.move(0, -in.leading)
	case "Tj":
		in.show(args)
	case "'":
		in.move(0, -in.leading)
		in.show(args)
	case "\"":
		in.wordSpan, in.charSpace = number(args, 0), number(args, 1)
		in.move(0, -in.leading)
		in.show(args)
	case "TJ":
		if len(args) > 0 {
			if list, ok := args[len(args)-1].([]any); ok {
				in.show(list)
			}
		}
	}
}

func (in *interpreter) move(x, y float64) {
	in.line = matrix{1, 0, 0, 1, x, y}.times(in.line)
	in.tm = in.line
}

// form runs a form XObject in its own graphics state.
func (in *interpreter) form(args []any, resources pdf.Value, depth int) {
	if len(args) == 0 || depth >= maxFormDepth {
		return
	}
	name, _ := args[0].(pdfName)
	x := resources.Key("XObject").Key(string(name))
	if x.Key("Subtype").Name() != "Form" {
		return
	}
	m := identity
	if a := x.Key("Matrix"); a.Len() == 6 {
		for i := range m {
			m[i] = a.Index(i).Float64()
		}
	}
	own := x.Key("Resources")
	if own.Kind() != pdf.Dict {
		own = resources
	}
	saved := *in
	in.run(in.p.read(x), own, m.times(in.ctm), depth+1)
	glyphs := in.glyphs
	*in = saved
	in.glyphs = glyphs
}

// show places strings; numbers between them move back by thousandths of an em.
func (in *interpreter) show(items []any) {
	if in.font == nil {
		return
	}
	for _, item := range items {
		switch item := item.(type) {
		case float64:
			in.advance(-item / 1000 * in.size * in.scale)
		case pdfString:
			for _, c := range in.font.codes(item) {
				in.glyph(c)
			}
		}
	}
}

func (in *interpreter) advance(tx float64) {
	in.tm = matrix{1, 0, 0, 1, tx, 0}.times(in.tm)
}

// glyph places one character and moves on by its width. Text that does not
// run from left to right on the page as it is viewed (stamps, margins) is left
// out: it has no place in a line.
func (in *interpreter) glyph(c code) {
	if in.p.shown++; in.p.shown > maxGlyphs {
		panic("the pages show more text than a document can hold")
	}
	text := in.font.text(c)
	if text == "" {
		in.p.unmapped++
	}
	em := in.font.width(c.v)
	m := in.tm.times(in.ctm)
	width := em * in.size * in.scale
	g := glyph{text: text, x: m[4] + in.rise*m[2], y: m[5] + in.rise*m[3], w: width * m[0], h: math.Abs(in.size * m[3])}
	if finite(g) && m[0] > 0 && m[3] > 0 && math.Abs(m[1]) < m[0]/4 && text != "" {
		in.glyphs = append(in.glyphs, g)
	}
	step := width + in.charSpace*in.scale
	if c.n == 1 && c.v == in.font.spaceCode {
		step += in.wordSpan * in.scale
	}
	in.advance(step)
}

// finite reports whether g lies within what a page can be (ISO 32000-1, annex
// C: 14,400 units), with room for crop boxes.
func finite(g glyph) bool {
	const limit = 1e5
	for _, v := range [...]float64{g.x, g.y, g.w, g.h} {
		if !(math.Abs(v) < limit) {
			return false
		}
	}
	return g.h > 0
}

// number returns args[i], or 0.
func number(args []any, i int) float64 {
	if i < len(args) {
		if f, ok := args[i].(float64); ok {
			return f
		}
	}
	return 0
}

func matrixOf(args []any) matrix {
	if len(args) != 6 {
		return identity
	}
	var m matrix
	for i := range m {
		m[i] = number(args, i)
	}
	return m
}
