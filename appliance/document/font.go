package document

import (
	"strings"

	"github.com/ledongthuc/pdf"
	"golang.org/x/text/encoding/charmap"
)

// font turns the bytes of a shown string into characters with widths.
type font struct {
	codeBytes int               // length of a character code
	text      func(code) string // "" where the font does not say
	width     func(uint32) float64
	spaceCode uint32 // the code that word spacing applies to
}

// loadFont reads a font dictionary (ISO 32000-1, 9.5 to 9.10).
func loadFont(v pdf.Value, read func(pdf.Value) []byte) *font {
	f := &font{codeBytes: 1, spaceCode: ' '}
	if v.Key("Subtype").Name() == "Type0" {
		f.codeBytes = 2
		f.width = cidWidths(v.Key("DescendantFonts").Index(0))
		f.text = func(code) string { return "" }
	} else {
		f.width = simpleWidths(v)
		f.text = simpleEncoding(v)
	}
	u := v.Key("ToUnicode")
	if u.Kind() != pdf.Stream {
		return f
	}
	m := parseCMap(read(u))
	if f.codeBytes == 2 && m.widths[1] && !m.widths[2] {
		f.codeBytes = 1
	}
	named := f.text
	f.text = func(c code) string {
		if s, ok := m.text[c]; ok {
			return s
		}
		return named(c)
	}
	return f
}

// codes splits a shown string into character codes.
func (f *font) codes(s pdfString) []code {
	out := make([]code, 0, len(s)/f.codeBytes)
	for i := 0; i+f.codeBytes <= len(s); i += f.codeBytes {
		out = append(out, codeOf(s[i:i+f.codeBytes]))
	}
	return out
}

// simpleWidths returns glyph widths in ems of a font with one-byte codes.
func simpleWidths(v pdf.Value) func(uint32) float64 {
	unit := 0.001
	if v.Key("Subtype").Name() == "Type3" { // widths are in glyph space
		if a := v.Key("FontMatrix").Index(0).Float64(); a != 0 {
			unit = a
		}
	}
	list := v.Key("Widths")
	if list.Kind() != pdf.Array {
		return standardWidths(v.Key("BaseFont").Name())
	}
	var table [256]float64
	missing := v.Key("FontDescriptor").Key("MissingWidth").Float64()
	for i := range table {
		table[i] = missing * unit
	}
	first := int(v.Key("FirstChar").Int64())
	for i := 0; i < list.Len() && i < 256; i++ {
		if c := first + i; c >= 0 && c < 256 {
			table[c] = list.Index(i).Float64() * unit
		}
	}
	return func(c uint32) float64 { return table[c&0xff] }
}

// standardWidths returns the widths of the standard font with the given name,
// or of the one nearest to it.
func standardWidths(name string) func(uint32) float64 {
	name = strings.ToLower(name)
	bold, italic := strings.Contains(name, "bold"), strings.Contains(name, "italic") || strings.Contains(name, "oblique")
	table := &helvetica
	switch {
	case strings.Contains(name, "courier") || strings.Contains(name, "mono"):
		return func(uint32) float64 { return 0.6 }
	case strings.Contains(name, "times") && bold && italic:
		table = &timesBoldItalic
	case strings.Contains(name, "times") && bold:
		table = &timesBold
	case strings.Contains(name, "times") && italic:
		table = &timesItalic
	case strings.Contains(name, "times"):
		table = &times
	case bold:
		table = &helveticaBold
	}
	return func(c uint32) float64 {
		if c < 32 || c > 255 {
			return 0
		}
		return float64(table[c-32]) / 1000
	}
}

// maxCIDs bounds the widths read from a composite font.
const maxCIDs = 1 << 16

// cidWidths reads the W array of a composite font's descendant (ISO 32000-1,
// 9.7.4.3): "first [w w …]" or "first last w".
func cidWidths(v pdf.Value) func(uint32) float64 {
	fallback := 1.0
	if dw := v.Key("DW"); dw.Kind() != pdf.Null {
		fallback = dw.Float64() / 1000
	}
	table := map[uint32]float64{}
	w := v.Key("W")
	for i, n := 0, w.Len(); i+1 < n && len(table) < maxCIDs; {
		first := uint32(w.Index(i).Int64())
		if list := w.Index(i + 1); list.Kind() == pdf.Array {
			for j := 0; j < list.Len() && len(table) < maxCIDs; j++ {
				table[first+uint32(j)] = list.Index(j).Float64() / 1000
			}
			i += 2
			continue
		}
		last := uint32(w.Index(i + 1).Int64())
		for c := first; c <= last && len(table) < maxCIDs; c++ {
			table[c] = w.Index(i+2).Float64() / 1000
		}
		i += 3
	}
	return func(c uint32) float64 {
		if x, ok := table[c]; ok {
			return x
		}
		return fallback
	}
}

// simpleEncoding returns the characters of a font with one-byte codes when it
// has no ToUnicode map.
func simpleEncoding(v pdf.Value) func(code) string {
	enc := v.Key("Encoding")
	base := charmap.Windows1252
	if enc.Name() == "MacRomanEncoding" || enc.Key("BaseEncoding").Name() == "MacRomanEncoding" {
		base = charmap.Macintosh
	}
	var table [256]string
	for c := range table {
		table[c] = string(base.DecodeByte(byte(c)))
	}
	if enc.Kind() == pdf.Dict { // the differences, by glyph name
		f := pdf.Font{V: v}
		named := f.Encoder()
		for c := range table {
			if s := named.Decode(string([]byte{byte(c)})); s != string(rune(c)) {
				table[c] = s
			}
		}
	}
	return func(c code) string { return table[c.v&0xff] }
}
